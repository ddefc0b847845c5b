/* SPDX-License-Identifier: MIT
 * mempool_reserve.h - the elements that a pool keeps back, and the threads that wait for one.
 *
 * Owns:   what it declares; the calls of mempool.c are made of it. None of it calls the pool's functions.
 */
#ifndef KMM_POOL_MEMPOOL_RESERVE_H
#define KMM_POOL_MEMPOOL_RESERVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/list.h>

#include <kmm/mempool.h>

#include "arch/arch.h"

/* A thread that waits. It lies on that thread's stack, which is gone in the child of a fork. */
struct mempool_waiter {
	struct cds_list_head node; /* among those who wait, while it does; pool lock */
	const mempool_t *pool;
	void *element;        /* handed over: it waits no more; pool lock */
	uint64_t ticket;      /* 0: has none yet; pool lock */
	pthread_cond_t given; /* its own, so that a wake reaches the right one */
};

/* Before the first wait, and after the last one. */
void mempool_waiter_init(struct mempool_waiter *w, const mempool_t *pool);
void mempool_waiter_end(struct mempool_waiter *w);

/* An element, or NULL when there is none. */
void *mempool_take(mempool_t *pool);

/* The same; where there is none, waits until one is handed over. NULL: it is time to look for memory again. */
void *mempool_take_or_wait(mempool_t *pool, struct mempool_waiter *w);

/* To who waits longest, else into the reserve. False: it is full. */
bool mempool_put(mempool_t *pool, void *element);

/* A hint, but see mempool_free(). Of a pool of size 0 the first element is kept, so that who waits finds it. */
static inline bool mempool_is_full(const mempool_t *pool)
{
	const int nr = READ_ONCE(pool->curr_nr);

	return nr && nr >= READ_ONCE(pool->min_nr);
}

bool mempool_is_waited_for(const mempool_t *pool);

/* @elements: NULL, or a list with room for @min_nr. Returns the list that is not used any more, to be freed, or NULL. Without a
 * new list the old one has room enough. */
void *mempool_set_size(mempool_t *pool, void **elements, int min_nr);

/* How many elements there are too many; negative: too few. One that is too many is in *@surplus, and is out. */
int mempool_take_surplus(mempool_t *pool, void **surplus);

/* The pool is not initialised any more. Returns its list, to be freed. */
void *mempool_close(mempool_t *pool);

#endif /* KMM_POOL_MEMPOOL_RESERVE_H */
