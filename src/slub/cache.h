/* SPDX-License-Identifier: MIT
 * cache.h - the registry of caches: open, close, and what boot.c needs of it.
 */
#ifndef KMM_SLUB_CACHE_H
#define KMM_SLUB_CACHE_H

#include "slub/slub_internal.h"

/* Completes a cache whose name, object_size, align, flags and ctor are set: geometry, node, CPU slabs. 0, -EINVAL, or
 * -ENOMEM with nothing left behind. */
int kmem_cache_open(struct kmem_cache *s);
/* Takes the node and CPU structures away again; the cache has no slab. */
void kmem_cache_release(struct kmem_cache *s);

/* boot.c: the node of the first cache comes out of that cache's own first slab. 0 or -ENOMEM. */
int early_kmem_cache_node_alloc(struct kmem_cache *s);

/* Frees the empty slabs of a cache; see kmem_cache_shrink(). Returns how many slabs are left. */
unsigned long shrink_cache(struct kmem_cache *s);

/* Registers SLUB's locks for fork; boot.c. */
void slub_fork_register(void);

#endif /* KMM_SLUB_CACHE_H */
