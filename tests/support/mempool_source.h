/* SPDX-License-Identifier: MIT
 * mempool_source.h - elements of a pool that know whether they are out, from a function that a test can dry up.
 *
 * Owns:   the elements of each source.
 * Rules:  source_alloc() and source_free() are a pool's functions, with the source as its data. Whoever holds an element
 *         calls element_taken() and element_given(), so that a second holder is seen. Any thread may do all that.
 */
#ifndef KMM_TESTS_SUPPORT_MEMPOOL_SOURCE_H
#define KMM_TESTS_SUPPORT_MEMPOOL_SOURCE_H

#include <pthread.h>
#include <string.h>

#include <kmm/mempool.h>

#include "base/atomic.h"
#include "base/compiler.h"

#define SOURCE_ELEMENTS 256

struct source {
	pthread_mutex_t lock;
	unsigned int nr_left;  /* what it still has */
	unsigned int nr_dry;   /* so many calls get nothing all the same */
	bool recycles;         /* it has what is freed again */
	unsigned int nr_given; /* elements that were not freed */
	unsigned int nr_calls; /* of source_alloc() */
	gfp_t gfp[4];          /* of the last calls, the latest first */
	unsigned int nr_mistakes;
	struct element {
		bool given;        /* by the source; its lock */
		unsigned int held; /* atomic: 1 while a test has it */
		unsigned long payload;
	} elements[SOURCE_ELEMENTS];
};

static inline void source_init(struct source *s, unsigned int nr_left)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->nr_left = nr_left;
}

/* What it has from now on. */
static inline void source_refill(struct source *s, unsigned int nr_left)
{
	pthread_mutex_lock(&s->lock);
	s->nr_left = nr_left;
	pthread_mutex_unlock(&s->lock);
}

static inline struct element *source_find_locked(struct source *s)
{
	for (unsigned int i = 0; s->nr_left && i < SOURCE_ELEMENTS; i++) {
		if (!s->elements[i].given)
			return &s->elements[i];
	}
	return NULL;
}

static inline void *source_alloc(gfp_t gfp, void *pool_data)
{
	struct source *s = pool_data;
	struct element *e = NULL;

	pthread_mutex_lock(&s->lock);
	s->nr_calls++;
	memmove(&s->gfp[1], &s->gfp[0], sizeof(s->gfp) - sizeof(s->gfp[0]));
	s->gfp[0] = gfp;
	if (s->nr_dry)
		s->nr_dry--;
	else
		e = source_find_locked(s);
	if (e) {
		s->nr_left--;
		s->nr_given++;
		e->given = true;
	}
	pthread_mutex_unlock(&s->lock);
	return e;
}

static inline void source_free(void *element, void *pool_data)
{
	struct source *s = pool_data;
	struct element *e = element;

	pthread_mutex_lock(&s->lock);
	if (!e->given || READ_ONCE(e->held))
		s->nr_mistakes++;
	e->given = false;
	s->nr_given--;
	s->nr_left += s->recycles;
	pthread_mutex_unlock(&s->lock);
}

/* Right behind mempool_alloc(), and right before mempool_free(). False: somebody else has it. */
static inline bool element_taken(struct element *e)
{
	unsigned int nobody = 0;

	return atomic_cmpxchg_acquire(&e->held, &nobody, 1U);
}

static inline bool element_given(struct element *e)
{
	return atomic_xchg_release(&e->held, 0U) == 1;
}

#endif /* KMM_TESTS_SUPPORT_MEMPOOL_SOURCE_H */
