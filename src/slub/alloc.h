/* SPDX-License-Identifier: MIT
 * alloc.h - taking one object: the fast path, inlined into its callers, and the door to the slow one.
 *
 * Source: slab_alloc_node(), ___slab_alloc(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_ALLOC_H
#define KMM_SLUB_ALLOC_H

#include <string.h>

#include "slub/cpu_slab.h"

/* No objects at hand: refill and return one. Also where a library that has not started, or has ended, ends up. */
void *cache_alloc_slow(struct kmem_cache *s, gfp_t gfp);

/* Forgets how many reports of memory that ran out were shown; at the start. */
void slub_oom_rate_reset(void);

/*
 * The pop commits only if tid and freelist are unchanged. The peek may read an object that another thread just took; its
 * value is then discarded, so slab pages stay readable while the library lives. A wrong guess of the CPU is harmless.
 */
static force_inline void *cache_alloc_fast(struct kmem_cache *s, gfp_t gfp)
{
	struct kmem_cache_cpu *c = cpu_slab_of(s, raw_cpu_id());
	struct cpu_view v;

	do {
		v = cpu_slab_snapshot(c);
		if (unlikely(!v.freelist || !v.slab))
			return cache_alloc_slow(s, gfp);
		KMM_RACE_POINT("alloc:fast:seen");
	} while (unlikely(!cpu_slab_cas(c, v, freeptr_peek(s, v.freelist))));
	return v.freelist;
}

/* What every allocating call of the public API is made of. */
static force_inline void *cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	void *object = cache_alloc_fast(s, gfp);

	if (unlikely(gfp & __GFP_ZERO) && likely(object != NULL)) {
		KMM_WARN_ONCE(s->ctor, "%s: a constructor and __GFP_ZERO: the object will be zero", s->name);
		memset(object, 0, s->object_size);
	}
	return object;
}

#endif /* KMM_SLUB_ALLOC_H */
