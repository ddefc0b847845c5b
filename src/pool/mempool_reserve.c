/* SPDX-License-Identifier: MIT
 * mempool_reserve.c - elements kept back, and threads that wait for one, behind one lock.
 *
 * Owns:       the reserve of every pool; who waits for which pool.
 * Locks:      one of a few pool locks (rank 98), chosen by the pool's address so that the public struct holds no lock and no
 *             waiter that a fork could leave behind. It guards the reserve of its pools and the list of those who wait for
 *             them. A leaf: the pools' functions run without it.
 * Lock-free:  mempool_free() looks whether the reserve is full; see there. All that take an element end with the barrier that
 *             it needs: what curr_nr was then is visible before the element is.
 * Invariants: M1  while a thread waits for a pool, its reserve is empty: what is freed goes to the first waiter, and who
 *                 finds an element in the reserve does not wait
 *             M2  curr_nr <= nr_slots, which never gets smaller; 1 <= nr_slots, min_nr <= nr_slots
 *             M3  those who wait are listed in the order of their tickets, so whoever looks for memory of its own in
 *                 between comes back to its place
 * Source:     mm/mempool.c, Linux 6.1. Differs: elements are handed over, see M1; there all waiters wake and try.
 */
#include <string.h>
#include <time.h>

#include "base/fork.h"
#include "base/lock.h"
#include "base/rcu.h"
#include "base/report.h"
#include "pool/mempool_reserve.h"
#include "pool/pool.h"

#define NR_LOCKS POOL_HASH_VALUES /* reserves are in use while memory is short, so pools seldom meet */

#define RETRY_SECONDS 5 /* somebody else may have freed memory that is not the pool's */

static struct pool_lock {
	struct kmm_lock lock;
	struct cds_list_head waiters; /* for any of its pools, by ticket */
	uint64_t last_ticket;
} cacheline_aligned locks[NR_LOCKS] = {
	[0 ... NR_LOCKS - 1] = { .lock = KMM_LOCK_INIT(KMM_RANK_MEMPOOL, "mempool lock") },
};

static struct pool_lock *lock_of(const mempool_t *pool)
{
	return &locks[pool_hash(pool)];
}

/* The reserve */

static void add_locked(mempool_t *pool, void *element)
{
	kmm_assert_held(&lock_of(pool)->lock);
	kmm_assert(pool->curr_nr < pool->nr_slots);
	pool->elements[pool->curr_nr] = element;
	WRITE_ONCE(pool->curr_nr, pool->curr_nr + 1);
}

/* NULL: there is none. */
static void *remove_locked(mempool_t *pool)
{
	kmm_assert_held(&lock_of(pool)->lock);
	if (!pool->curr_nr)
		return NULL;
	WRITE_ONCE(pool->curr_nr, pool->curr_nr - 1);
	return pool->elements[pool->curr_nr];
}

/* Who waits */

static struct mempool_waiter *first_waiter_locked(const mempool_t *pool)
{
	struct mempool_waiter *w;

	cds_list_for_each_entry(w, &lock_of(pool)->waiters, node) {
		if (w->pool == pool)
			return w;
	}
	return NULL;
}

/* At its place by the ticket: nearly always the last one. */
static void enlist_locked(struct pool_lock *l, struct mempool_waiter *w)
{
	struct cds_list_head *before = l->waiters.prev;

	if (!w->ticket)
		w->ticket = ++l->last_ticket;
	while (before != &l->waiters && cds_list_entry(before, struct mempool_waiter, node)->ticket > w->ticket)
		before = before->prev;
	cds_list_add(&w->node, before);
}

/* Signalled under the lock: without it the waiter, and what it waits at, may be gone. */
static void hand_over_locked(struct mempool_waiter *w, void *element)
{
	cds_list_del(&w->node);
	w->element = element;
	pthread_cond_signal(&w->given);
}

/* To who waits, or into the reserve. False: neither. */
static bool put_locked(mempool_t *pool, void *element)
{
	struct mempool_waiter *w = first_waiter_locked(pool);

	if (w)
		hand_over_locked(w, element);
	else if (!mempool_is_full(pool))
		add_locked(pool, element);
	else
		return false;
	return true;
}

void mempool_waiter_init(struct mempool_waiter *w, const mempool_t *pool)
{
	pthread_condattr_t attr;

	*w = (struct mempool_waiter){ .pool = pool };
	/* None of these can fail: no memory is taken and the clock is known. */
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->given, &attr);
	pthread_condattr_destroy(&attr);
}

void mempool_waiter_end(struct mempool_waiter *w)
{
	pthread_cond_destroy(&w->given);
}

bool mempool_is_waited_for(const mempool_t *pool)
{
	struct pool_lock *l = lock_of(pool);
	bool waited_for;

	kmm_lock(&l->lock);
	waited_for = first_waiter_locked(pool);
	kmm_unlock(&l->lock);
	return waited_for;
}

/* In and out */

void *mempool_take(mempool_t *pool)
{
	struct pool_lock *l = lock_of(pool);
	void *element;

	kmm_lock(&l->lock);
	element = remove_locked(pool);
	kmm_unlock(&l->lock);
	smp_wmb(); /* pairs with the smp_rmb() in mempool_free() */
	return element;
}

void *mempool_take_or_wait(mempool_t *pool, struct mempool_waiter *w)
{
	struct pool_lock *l = lock_of(pool);
	struct timespec until;
	bool was_online;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_SECONDS;
	kmm_lock(&l->lock);
	w->element = remove_locked(pool);
	if (!w->element) {
		enlist_locked(l, w);
		/* It may return for no reason: then the next try comes early. */
		was_online = kmm_rcu_wait_begin();
		kmm_lock_wait(&l->lock, &w->given, &until);
		kmm_rcu_wait_end(was_online);
		if (!w->element)
			cds_list_del(&w->node);
	}
	kmm_unlock(&l->lock);
	smp_wmb(); /* pairs with the smp_rmb() in mempool_free() */
	return w->element;
}

bool mempool_put(mempool_t *pool, void *element)
{
	struct pool_lock *l = lock_of(pool);
	bool taken;

	kmm_lock(&l->lock);
	taken = put_locked(pool, element);
	kmm_unlock(&l->lock);
	return taken;
}

/* Size */

void *mempool_set_size(mempool_t *pool, void **elements, int min_nr)
{
	struct pool_lock *l = lock_of(pool);
	void *unused = elements;

	kmm_lock(&l->lock);
	/* Another resize may have brought a longer one. */
	if (elements && min_nr > pool->nr_slots) {
		memcpy(elements, pool->elements, (size_t)pool->curr_nr * sizeof(*elements));
		unused = pool->elements;
		WRITE_ONCE(pool->elements, elements);
		WRITE_ONCE(pool->nr_slots, min_nr);
	}
	kmm_assert(min_nr <= pool->nr_slots);
	WRITE_ONCE(pool->min_nr, min_nr);
	kmm_unlock(&l->lock);
	return unused;
}

int mempool_take_surplus(mempool_t *pool, void **surplus)
{
	struct pool_lock *l = lock_of(pool);
	int nr;

	kmm_lock(&l->lock);
	nr = pool->curr_nr - pool->min_nr;
	if (nr > 0)
		*surplus = remove_locked(pool);
	kmm_unlock(&l->lock);
	return nr;
}

void *mempool_close(mempool_t *pool)
{
	struct pool_lock *l = lock_of(pool);
	void *elements;

	kmm_lock(&l->lock);
	elements = pool->elements;
	WRITE_ONCE(pool->elements, NULL);
	WRITE_ONCE(pool->curr_nr, 0);
	kmm_unlock(&l->lock);
	return elements;
}

/* The library */

static void forget_waiters(void)
{
	unsigned int i;

	for (i = 0; i < NR_LOCKS; i++)
		CDS_INIT_LIST_HEAD(&locks[i].waiters);
}

static struct kmm_lock *lock_at(unsigned int i)
{
	return i < NR_LOCKS ? &locks[i].lock : NULL;
}

/* In a child this thread is the only one, and it does not wait. */
static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_MEMPOOL,
	.lock_at = lock_at,
	.reset_all = forget_waiters,
};

void mempool_start(void)
{
	kmm_fork_register(&fork_handler);
	forget_waiters();
}
