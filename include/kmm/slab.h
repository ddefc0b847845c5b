/* SPDX-License-Identifier: MIT
 * kmm/slab.h - caches of objects of one size. As in the kernel, it brings kmalloc() and its family along.
 *
 * Owns:   struct kmem_cache (opaque) and the calls on it; how one is made is said in kmm/slab_create.h.
 * Source: include/linux/slab.h, Linux 6.1.
 */
#ifndef KMM_SLAB_H
#define KMM_SLAB_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/api.h>
#include <kmm/gfp.h>
#include <kmm/kmalloc.h>
#include <kmm/slab_create.h>
#include <kmm/string.h>

KMM_BEGIN_DECLS

/** A list of objects that can be given up. Only its name is known. */
struct list_lru;

/**
 * kmem_cache_destroy - end a cache. NULL is ignored.
 * @cache: nobody is using it or will use it again.
 *
 * A cache that was merged (kmem_cache_create()) goes with the last of its users; until then this only counts.
 * While objects live the cache stays, whole and usable, and the misuse is reported; after the objects are freed it
 * can be destroyed. Objects that other threads had in their hands at a fork() live for ever in the child.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback.
 * Source:  kmem_cache_destroy(), mm/slab_common.c, Linux 6.1. Differs: the second attempt works.
 */
KMM_API void kmem_cache_destroy(struct kmem_cache *cache);

/**
 * kmem_cache_alloc - take one object.
 * @cache: live cache.      @gfp: GFP_*; without __GFP_DIRECT_RECLAIM it never waits.
 *
 * The object holds what the constructor left, or zeros with __GFP_ZERO. The caller owns it until kmem_cache_free().
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. The fast path takes no lock.
 * Return:  the object, or NULL when memory ran out (reported unless __GFP_NOWARN, ten times in five seconds at most);
 *          errno is left alone.
 * Source:  kmem_cache_alloc(), mm/slub.c, Linux 6.1.
 */
KMM_API KMM_MALLOC void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);

/**
 * kmem_cache_zalloc - kmem_cache_alloc() with __GFP_ZERO: all bytes of the object are zero.
 * Not for a cache with a constructor, whose work would be lost: that is reported once.
 * Ownership, context and return: as kmem_cache_alloc().
 * Source:  kmem_cache_zalloc(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_MALLOC void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp);

/**
 * kmem_cache_alloc_node - kmem_cache_alloc() from a slab on one node.
 * @node: the node, NUMA_NO_NODE: any, or one without memory: likewise. Another node serves when this one has no more memory, if
 *        @gfp is without __GFP_THISNODE.
 * Other arguments, ownership, context and return: as kmem_cache_alloc().
 * Source:  kmem_cache_alloc_node(), mm/slub.c, Linux 6.1.
 */
KMM_API KMM_MALLOC void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node);

/**
 * kmem_cache_alloc_lru - kmem_cache_alloc() of an object that will go on @lru.
 * @lru: ignored, and may be NULL: there are no groups whose lists would have to be there first.
 * Other arguments, ownership, context and return: as kmem_cache_alloc().
 * Source:  kmem_cache_alloc_lru(), mm/slub.c, Linux 6.1.
 */
KMM_API KMM_MALLOC void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp);

/**
 * kmem_cache_free - give an object back.
 * @cache: the cache it came from.      @object: the object, or NULL, which is ignored.
 *
 * A pointer that is not the start of an object of @cache is reported and left alone. So is the last object freed to its
 * slab, freed again; any other double free corrupts the slab's list, as in the kernel without slub_debug.
 *
 * Context: any thread, not a signal handler. The fast path takes no lock.
 * Source:  kmem_cache_free(), mm/slub.c, Linux 6.1. Differs: the pointer is always checked.
 */
KMM_API void kmem_cache_free(struct kmem_cache *cache, void *object);

/**
 * kmem_cache_alloc_bulk - take @nr objects of one cache, all or none.
 * @cache: live cache.      @gfp: as for kmem_cache_alloc().
 * @nr:    count of objects, up to INT_MAX.      @objects: room for @nr pointers; undefined after a failure.
 *
 * As @nr calls of kmem_cache_alloc(), and much cheaper. Objects that were taken already are given back before a failure
 * returns.
 *
 * Context: as kmem_cache_alloc().
 * Return:  @nr, or 0 when memory ran out; errno is left alone.
 * Source:  kmem_cache_alloc_bulk(), mm/slub.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects);

/**
 * kmem_cache_free_bulk - give @nr objects back.
 * @cache: the cache they came from; NULL: any cache or kmalloc(), each its own, as kfree_bulk().
 * @nr:    count of objects, any.      @objects: the objects; the array is used for sorting, and holds nothing afterwards.
 *
 * As @nr calls of kmem_cache_free(). Much cheaper where neighbours in the array, or those that are a few places apart, are of
 * one slab.
 *
 * Context: as kmem_cache_free().
 * Source:  kmem_cache_free_bulk(), mm/slub.c, Linux 6.1. Differs: each pointer is checked, and NULL is ignored.
 */
KMM_API void kmem_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **objects);

/**
 * kmem_cache_shrink - free the empty slabs of a cache, those the CPUs hold included.
 * @cache: live cache.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback. Safe beside allocation and free.
 * Return:  0 when no slab is left, 1 when some are; 0 after kmm_exit().
 * Source:  kmem_cache_shrink(), mm/slab_common.c, Linux 6.1.
 */
KMM_API int kmem_cache_shrink(struct kmem_cache *cache);

/**
 * kmem_cache_size - the size of an object.
 * @cache: live cache.
 * Context: any, a signal handler too; takes no lock.
 * Return:  bytes, as given to kmem_cache_create(); of a merged cache, the most that was given.
 * Source:  kmem_cache_size(), mm/slab_common.c, Linux 6.1.
 */
KMM_API unsigned int kmem_cache_size(struct kmem_cache *cache);

KMM_END_DECLS

#endif /* KMM_SLAB_H */
