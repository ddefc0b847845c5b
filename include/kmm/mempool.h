/* SPDX-License-Identifier: MIT
 * kmm/mempool.h - pools that keep a few elements back, for those who must go on when memory has run out.
 *
 * Owns:   mempool_t and its calls.
 *
 * A pool has a function that allocates an element, one that frees it, and a reserve of at least min_nr elements. Elements
 * come from that function; only when it has nothing is the reserve touched, and what is freed fills it up first. So who may
 * wait always gets an element in the end, as long as those that are out come back:
 *
 *	pool = mempool_create_kmalloc_pool(4, sizeof(struct request));
 *	request = mempool_alloc(pool, GFP_NOIO);
 *	...
 *	mempool_free(request, pool);
 *
 * Who holds an element and waits for another one of the same pool may wait for ever. The functions are called with no
 * lock held, by any of the threads that use the pool, several at a time.
 *
 * After a fork the child's pools are as the parent's; nobody waits there, and elements that other threads had in their hands
 * do not come back.
 *
 * Source: include/linux/mempool.h, mm/mempool.c, Linux 6.1. Differs: the reserve is never poisoned, as in a kernel without
 *         slub_debug.
 */
#ifndef KMM_MEMPOOL_H
#define KMM_MEMPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

struct kmem_cache;

/** Allocates an element: not NULL, or NULL when there is none. @pool_data: what the pool was made with. */
typedef void *(mempool_alloc_t)(gfp_t gfp_mask, void *pool_data);

/** Frees an element that the other function allocated. */
typedef void(mempool_free_t)(void *element, void *pool_data);

/** A pool. All private; zero is one that is not initialised. The lock and those who wait are kept by the library. */
typedef struct mempool_s {
	int min_nr;      /* elements that the reserve shall have; pool lock, read without it */
	int curr_nr;     /* elements that it has; pool lock, read without it */
	int nr_slots;    /* room at elements, never less than before; pool lock, read without it */
	void **elements; /* NULL: not initialised; pool lock, read without it */
	void *pool_data;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
} mempool_t;

/**
 * mempool_initialized - between init and exit?
 * @pool: initialised, after its exit, or zeroed.
 * Context: any. Source: mempool_initialized(), include/linux/mempool.h, Linux 6.1.
 */
static inline bool mempool_initialized(mempool_t *pool)
{
	return __atomic_load_n(&pool->elements, __ATOMIC_RELAXED) != NULL;
}

/**
 * mempool_init_node - make a pool in memory of the caller's, and fill its reserve.
 * mempool_init      - the same with GFP_KERNEL and NUMA_NO_NODE.
 * @pool:      the caller's; not initialised, or after its exit. It stays where it is until then.
 * @min_nr:    elements in reserve, 0 or more. With 0, one is kept once it was freed.
 * @alloc_fn:  allocates an element.      @free_fn: frees one.      @pool_data: handed to both.
 * @gfp_mask:  how memory for the reserve may be found; handed to @alloc_fn.
 * @node_id:   the node that the list of the elements comes from, as for kmalloc_node(); NUMA_NO_NODE: the caller's.
 *
 * Context: as kmalloc() with @gfp_mask, and as @alloc_fn.
 * Return:  0; -ENOMEM when memory ran out; -EINVAL for a negative @min_nr or a missing function (reported). Then nothing is
 *          kept, and @pool counts as not initialised.
 * Source:  mempool_init_node(), mempool_init(), mm/mempool.c, Linux 6.1. Differs: the arguments are checked; a waiter of a pool
 *          without reserve is woken, as from 6.17 on.
 */
KMM_API KMM_MUST_CHECK int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn,
					     mempool_free_t *free_fn, void *pool_data, gfp_t gfp_mask, int node_id);
KMM_API KMM_MUST_CHECK int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					void *pool_data);

/**
 * mempool_exit - free the reserve of a pool that mempool_init() made. Again, or on a zeroed one: nothing happens.
 * @pool: nobody uses it at the same time, or will before another init. Elements that are out are the caller's.
 *
 * A pool that threads wait for is reported, and stays.
 *
 * Context: as the pool's free function. Source: mempool_exit(), mm/mempool.c, Linux 6.1.
 */
KMM_API void mempool_exit(mempool_t *pool);

/**
 * mempool_create_node - make a pool, and fill its reserve.
 * mempool_create      - the same with GFP_KERNEL and NUMA_NO_NODE.
 * Arguments and context: as mempool_init_node().
 *
 * Return:  the pool, the caller's until mempool_destroy(); NULL when memory ran out, or for what mempool_init_node() refuses.
 * Source:  mempool_create_node(), mempool_create(), mm/mempool.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
						      void *pool_data, gfp_t gfp_mask, int node_id);
KMM_API KMM_MUST_CHECK mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
						 void *pool_data);

/**
 * mempool_destroy - mempool_exit() of a pool that mempool_create() made, and free it. NULL is ignored.
 * @pool: as for mempool_exit().
 * Context: as there. Source: mempool_destroy(), mm/mempool.c, Linux 6.1.
 */
KMM_API void mempool_destroy(mempool_t *pool);

/**
 * mempool_resize - let the reserve have another size.
 * @pool: initialised; others may use it meanwhile, and resize it, too: the last one to come wins.
 * @new_min_nr: elements, at least 1.
 *
 * What is too much is freed. What is missing is allocated with GFP_KERNEL; where that fails, what is freed from now on fills
 * the reserve up.
 *
 * Context: as kmalloc() with GFP_KERNEL, and as the pool's functions.
 * Return:  0; -ENOMEM when there is no memory for the list of the elements, and nothing has changed; -EINVAL for a size
 *          below 1, or a pool that is not initialised (reported).
 * Source:  mempool_resize(), mm/mempool.c, Linux 6.1. Differs: the kernel takes a bad size for a bug.
 */
KMM_API int mempool_resize(mempool_t *pool, int new_min_nr);

/**
 * mempool_alloc - take an element.
 * @pool:     initialised.
 * @gfp_mask: GFP_*, without __GFP_ZERO: the reserve cannot know what to zero. Elements are never zeroed for that reason.
 *
 * The pool's function is called first without __GFP_DIRECT_RECLAIM and __GFP_IO; when it has nothing and the reserve is empty,
 * with @gfp_mask. Both times __GFP_NOMEMALLOC, __GFP_NORETRY and __GFP_NOWARN are added. With __GFP_DIRECT_RECLAIM the caller
 * then waits until an element is freed, and those who wait longest get them first; every five seconds it calls the function
 * again and keeps its place.
 *
 * Context: as the pool's function; may sleep only with __GFP_DIRECT_RECLAIM.
 * Return:  the element, the caller's until mempool_free(). NULL without __GFP_DIRECT_RECLAIM when the reserve is empty; and
 *          with __GFP_ZERO, or for a pool that is not initialised (reported). Never NULL otherwise, before kmm_exit().
 * Source:  mempool_alloc(), mm/mempool.c, Linux 6.1. Differs: a freed element is handed to one waiter; in the kernel all wake,
 *          and anybody may take it. __GFP_ZERO is refused, there only warned about.
 */
KMM_API KMM_MALLOC void *mempool_alloc(mempool_t *pool, gfp_t gfp_mask);

/**
 * mempool_free - give an element back: to who waits for it, to the reserve if that is not full, else it is freed.
 * @element: from mempool_alloc() of @pool; or NULL, which is ignored.      @pool: initialised, or reported.
 * Context: as the pool's free function. Takes no lock while the reserve is full.
 * Source:  mempool_free(), mm/mempool.c, Linux 6.1.
 */
KMM_API void mempool_free(void *element, mempool_t *pool);

/**
 * mempool_alloc_slab, mempool_free_slab - functions of a pool whose elements are the objects of one cache.
 * @gfp_mask: as for kmem_cache_alloc().      @pool_data: the cache, which outlives the pool.      @element: an object.
 * Context and return: as kmem_cache_alloc(), kmem_cache_free().
 * Source:  mm/mempool.c, Linux 6.1. Differs: the cache may have a constructor; elements are freed as it left them.
 */
KMM_API void *mempool_alloc_slab(gfp_t gfp_mask, void *pool_data);
KMM_API void mempool_free_slab(void *element, void *pool_data);

/**
 * mempool_kmalloc, mempool_kfree - functions of a pool whose elements are of one size.
 * @gfp_mask: as for kmalloc().      @pool_data: the size in bytes, as a pointer.      @element: the memory.
 * Context and return: as kmalloc(), kfree().
 * Source:  mm/mempool.c, Linux 6.1.
 */
KMM_API void *mempool_kmalloc(gfp_t gfp_mask, void *pool_data);
KMM_API void mempool_kfree(void *element, void *pool_data);

/**
 * mempool_alloc_pages, mempool_free_pages - functions of a pool whose elements are blocks of pages: struct page *.
 * @gfp_mask: as for alloc_pages().      @pool_data: the order, as a pointer.      @element: the first page.
 * Context and return: as alloc_pages(), __free_pages().
 * Source:  mm/mempool.c, Linux 6.1.
 */
KMM_API void *mempool_alloc_pages(gfp_t gfp_mask, void *pool_data);
KMM_API void mempool_free_pages(void *element, void *pool_data);

/**
 * mempool_init_slab_pool, mempool_create_slab_pool       - a pool of objects of a cache.
 * mempool_init_kmalloc_pool, mempool_create_kmalloc_pool - a pool of elements of @size bytes.
 * mempool_init_page_pool, mempool_create_page_pool       - a pool of blocks of 2^@order pages.
 * @pool, @min_nr, context and return: as mempool_init(), mempool_create().
 * Source:  include/linux/mempool.h, Linux 6.1.
 */
static inline KMM_MUST_CHECK int mempool_init_slab_pool(mempool_t *pool, int min_nr, struct kmem_cache *kc)
{
	return mempool_init(pool, min_nr, mempool_alloc_slab, mempool_free_slab, (void *)kc);
}

static inline KMM_MUST_CHECK mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *kc)
{
	return mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab, (void *)kc);
}

static inline KMM_MUST_CHECK int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

static inline KMM_MUST_CHECK mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

static inline KMM_MUST_CHECK int mempool_init_page_pool(mempool_t *pool, int min_nr, int order)
{
	return mempool_init(pool, min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(long)order);
}

static inline KMM_MUST_CHECK mempool_t *mempool_create_page_pool(int min_nr, int order)
{
	return mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(long)order);
}

KMM_END_DECLS

#endif /* KMM_MEMPOOL_H */
