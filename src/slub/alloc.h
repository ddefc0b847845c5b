/* SPDX-License-Identifier: MIT
 * alloc.h - taking one object: the fast path, inlined into its callers, and the door to the slow one.
 *
 * Source: slab_alloc_node(), ___slab_alloc(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_ALLOC_H
#define KMM_SLUB_ALLOC_H

#include "slub/cpu_slab.h"

/* No objects at hand: refill and return one. Also where a library that has not started, or has ended, ends up. */
void *cache_alloc_slow(struct kmem_cache *s, gfp_t gfp, int node);

/*
 * The pop commits only if tid and freelist are unchanged. The peek may read an object that another thread just took; its
 * value is then discarded, so slab pages stay readable while the library lives. A wrong guess of the CPU is harmless, and
 * so is one of the node of a slab that is gone.
 */
static force_inline void *cache_alloc_fast(struct kmem_cache *s, gfp_t gfp, int node)
{
	struct kmem_cache_cpu *c = cpu_slab_of(s, raw_cpu_id());
	struct cpu_view v;

	do {
		v = cpu_slab_snapshot(c);
		if (unlikely(!v.freelist || !v.slab || !node_match(v.slab, node)))
			return cache_alloc_slow(s, gfp, node);
		KMM_RACE_POINT("alloc:fast:seen");
	} while (unlikely(!cpu_slab_cas(s, c, v, freeptr_peek(s, v.freelist))));
	stat(s, ALLOC_FASTPATH);
	return v.freelist;
}

/* An object that is to be zero. Out of line, so that the call for any other ends in the fast path, or in a jump. */
void zero_object(const struct kmem_cache *s, void *object);
void *cache_alloc_zeroed(struct kmem_cache *s, gfp_t gfp, int node);

/* What every allocating call of the public API is made of. @node: or NUMA_NO_NODE. */
static force_inline void *cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int node)
{
	if (unlikely(gfp & __GFP_ZERO))
		return cache_alloc_zeroed(s, gfp, node);
	return cache_alloc_fast(s, gfp, node);
}

static force_inline void *cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return cache_alloc_node(s, gfp, NUMA_NO_NODE);
}

#endif /* KMM_SLUB_ALLOC_H */
