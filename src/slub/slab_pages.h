/* SPDX-License-Identifier: MIT
 * slab_pages.h - pages become a slab, and a slab becomes pages again.
 *
 * Owns:   the making of a slab, the local list of slabs to discard, n->nr_slabs and n->total_objects.
 * Rules:  called with no lock of rank 30 or 40 held, because pages are asked for and freed here; alloc_pages() and
 *         __free_pages() check that.
 * Source: allocate_slab(), new_slab(), free_slab(), discard_slab(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_SLAB_PAGES_H
#define KMM_SLUB_SLAB_PAGES_H

#include "slub/slab_word.h"

/* Which of the caller's flags reach the page allocator. */
#define GFP_RECLAIM_MASK                                                                                        \
	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | \
	 __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC | __GFP_ATOMIC)
#define GFP_CONSTRAINT_MASK (__GFP_HARDWALL | __GFP_THISNODE)
#define GFP_SLAB_BUG_MASK (__GFP_DMA32 | __GFP_HIGHMEM | ~__GFP_BITS_MASK)

/* Flags of the first try, for a slab of the order the cache would like: it may fail quietly, the second will not. */
static inline gfp_t slab_first_try_gfp(gfp_t flags)
{
	return (flags | __GFP_NOWARN | __GFP_NORETRY) & ~(gfp_t)__GFP_NOFAIL;
}

/* A slab with all objects on slab->freelist, inuse 0, not frozen, on no list. NULL when memory ran out. May wait as
 * @flags allow; @flags are already masked. */
struct slab *allocate_slab(struct kmem_cache *s, gfp_t flags, int node);

/* allocate_slab() for a CPU: frozen, with all objects taken; they are in *@freelist. @flags are the caller's. */
struct slab *new_slab(struct kmem_cache *s, gfp_t flags, int node, void **freelist);

/* Adds @slab, empty and on no other list, to the local list. It counts as gone from now on: where its thread ends, in the child
 * of a fork, its pages stay away, and nothing else. Under the lock under which it became empty. */
void slabs_collect(const struct kmem_cache *s, struct slab **list, struct slab *slab);

/* Frees the pages of collected slabs; those of SLAB_TYPESAFE_BY_RCU caches after a grace period. */
void slabs_discard(struct kmem_cache *s, struct slab *list);

/* The same for a shrink, which no statistics count, as in the kernel. */
void slabs_discard_shrunk(struct kmem_cache *s, struct slab *list);

#endif /* KMM_SLUB_SLAB_PAGES_H */
