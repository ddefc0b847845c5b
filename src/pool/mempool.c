/* SPDX-License-Identifier: MIT
 * mempool.c - elements from a function, and when that has none, from a reserve.
 *
 * Owns:       the life of a pool, and the order in which an element is looked for.
 * Locks:      none of its own; the reserve's are inside mempool_reserve.c. The pool's functions are called without a lock.
 * Lock-free:  mempool_free() takes no lock while the reserve is full; see there.
 * Source:     mm/mempool.c, Linux 6.1.
 */
#include <errno.h>

#include <kmm/kmalloc.h>
#include <kmm/mempool.h>
#include <kmm/numa.h>

#include "base/boot.h"
#include "base/compiler.h"
#include "base/race.h"
#include "base/report.h"
#include "pool/mempool_reserve.h"

/* After kmm_exit() all memory of the library is zero, so every pool is empty, and nobody did wrong. */
static bool is_dead(void)
{
	return kmm_boot_state() == KMM_DEAD;
}

static bool is_there(const char *caller, const mempool_t *pool)
{
	if (likely(READ_ONCE(pool->elements)))
		return true;
	KMM_WARN_AS(caller, !is_dead(), "pool %p is not initialised", (const void *)pool);
	return false;
}

/* In and out */

static void *wait_for_element(mempool_t *pool, gfp_t gfp)
{
	struct mempool_waiter w;
	void *element;

	mempool_waiter_init(&w, pool);
	for (;;) {
		element = mempool_take_or_wait(pool, &w);
		if (element)
			break;
		KMM_RACE_POINT("mempool: waited in vain");
		element = pool->alloc(gfp, pool->pool_data);
		if (element)
			break;
	}
	mempool_waiter_end(&w);
	return element;
}

/* The first try, with @tried, was in vain. */
static noinline void *alloc_slow(mempool_t *pool, gfp_t gfp, gfp_t tried)
{
	void *element;

	if (is_dead())
		return NULL;
	KMM_RACE_POINT("mempool: no memory");
	element = mempool_take(pool);
	if (!element && gfp != tried) {
		element = pool->alloc(gfp, pool->pool_data);
		if (!element && !gfpflags_allow_blocking(gfp))
			element = mempool_take(pool);
	}
	if (!element && gfpflags_allow_blocking(gfp))
		element = wait_for_element(pool, gfp);
	return element;
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp_mask)
{
	const gfp_t gfp = gfp_mask | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
	const gfp_t gfp_first = gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
	void *element;

	if (KMM_WARN(gfp_mask & __GFP_ZERO, "__GFP_ZERO: elements of pool %p are not zeroed", (void *)pool) ||
	    !is_there(__func__, pool))
		return NULL;
	element = pool->alloc(gfp_first, pool->pool_data);
	return likely(element) ? element : alloc_slow(pool, gfp, gfp_first);
}

/*
 * A look without the lock is enough: while a thread waits for the pool, somebody who frees an element takes the lock.
 * Let E be the element that was the last to leave the pool, out of the reserve or from hand to hand, and left curr_nr at 0.
 * Whoever waits now came when it was 0, so it has been 0 ever since, by M1. Whoever frees E has got it after it left:
 * through our lock, or by means of the program's that may have no order, and then the barriers make one. So it reads a curr_nr
 * that is no older, which is 0. If no element ever left, curr_nr was never more than 0.
 * An older min_nr is harmless: no reserve is full with 0 elements.
 */
void mempool_free(void *element, mempool_t *pool)
{
	if (unlikely(!element) || !is_there(__func__, pool))
		return;
	smp_rmb(); /* pairs with the smp_wmb() of mempool_take() and mempool_take_or_wait() */
	if (unlikely(!mempool_is_full(pool))) {
		KMM_RACE_POINT("mempool: reserve not full");
		if (mempool_put(pool, element))
			return;
	}
	pool->free(element, pool->pool_data);
}

/* Life */

/* Of a pool that nobody else knows. */
static int fill_new(mempool_t *pool, gfp_t gfp)
{
	void *element;

	while (pool->curr_nr < pool->min_nr) {
		element = pool->alloc(gfp, pool->pool_data);
		if (!element)
			return -ENOMEM;
		pool->elements[pool->curr_nr++] = element;
	}
	return 0;
}

int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
		      gfp_t gfp_mask, int node_id)
{
	const int nr_slots = max_of(min_nr, 1);

	*pool = (mempool_t){
		.min_nr = min_nr,
		.nr_slots = nr_slots,
		.pool_data = pool_data,
		.alloc = alloc_fn,
		.free = free_fn,
	};
	if (KMM_WARN(min_nr < 0, "min_nr %d is negative", min_nr) ||
	    KMM_WARN(!alloc_fn || !free_fn, "a function is missing"))
		return -EINVAL;
	pool->elements = kmalloc_array_node((size_t)nr_slots, sizeof(void *), gfp_mask, node_id);
	if (!pool->elements)
		return -ENOMEM;
	if (fill_new(pool, gfp_mask)) {
		mempool_exit(pool);
		return -ENOMEM;
	}
	return 0;
}

int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data)
{
	return mempool_init_node(pool, min_nr, alloc_fn, free_fn, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

/* False, and reported: it is waited for. */
static bool exit_pool(const char *caller, mempool_t *pool)
{
	void *element;

	if (!mempool_initialized(pool))
		return true;
	if (KMM_WARN_AS(caller, mempool_is_waited_for(pool), "threads wait for pool %p", (void *)pool))
		return false;
	while ((element = mempool_take(pool)))
		pool->free(element, pool->pool_data);
	kfree(mempool_close(pool));
	return true;
}

void mempool_exit(mempool_t *pool)
{
	exit_pool(__func__, pool);
}

mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
			       gfp_t gfp_mask, int node_id)
{
	mempool_t *pool = kmalloc_node(sizeof(*pool), gfp_mask, node_id);

	if (pool && mempool_init_node(pool, min_nr, alloc_fn, free_fn, pool_data, gfp_mask, node_id)) {
		kfree(pool);
		pool = NULL;
	}
	return pool;
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data)
{
	return mempool_create_node(min_nr, alloc_fn, free_fn, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

void mempool_destroy(mempool_t *pool)
{
	if (pool && exit_pool(__func__, pool))
		kfree(pool);
}

/* Until the reserve has as many elements as it shall, whoever says that meanwhile, or until there is no memory. */
static void settle(mempool_t *pool)
{
	void *element;
	int nr;

	while ((nr = mempool_take_surplus(pool, &element))) {
		KMM_RACE_POINT("mempool: reserve of another size");
		if (nr > 0) {
			pool->free(element, pool->pool_data);
			continue;
		}
		element = pool->alloc(GFP_KERNEL, pool->pool_data);
		if (!element)
			break;
		mempool_free(element, pool);
	}
}

int mempool_resize(mempool_t *pool, int new_min_nr)
{
	void **elements = NULL;

	if (KMM_WARN(new_min_nr <= 0, "min_nr %d is below 1", new_min_nr) || !is_there(__func__, pool))
		return -EINVAL;
	if (is_dead())
		return -ENOMEM;
	/* RELAXED hint, never too large: the list only gets longer. */
	if (new_min_nr > READ_ONCE(pool->nr_slots)) {
		elements = kmalloc_array((size_t)new_min_nr, sizeof(*elements), GFP_KERNEL);
		if (!elements)
			return -ENOMEM;
	}
	KMM_RACE_POINT("mempool: list allocated");
	kfree(mempool_set_size(pool, elements, new_min_nr));
	settle(pool);
	return 0;
}
