/* SPDX-License-Identifier: MIT
 * cache.h - the registry of caches: open, close, and what boot.c needs of it.
 */
#ifndef KMM_SLUB_CACHE_H
#define KMM_SLUB_CACHE_H

#include "slub/slub_internal.h"

/* Completes a cache whose name, object_size, align, flags and ctor are set: geometry, node, CPU slabs. 0, -EINVAL, or
 * -ENOMEM with parts of it. @args: the wish for a place of the free pointer. */
int kmem_cache_open(struct kmem_cache *s, const struct kmem_cache_args *args);
/* Frees what there is of a cache: nodes, CPU slabs, names, itself. It has no slab and is in no registry. */
void slab_kmem_cache_release(struct kmem_cache *s);

/* objects_remain.c: destroyed from @caller, and @nr_slabs slabs of it hold objects still. */
void report_objects_remain(struct kmem_cache *s, unsigned long nr_slabs, const void *caller);

/* cache_node.c: the nodes of a new cache, 0 or -ENOMEM with some of them; and of one that may have missed one that came while
 * it was made: before it is entered into the registry, under slab_mutex. */
int init_kmem_cache_nodes(struct kmem_cache *s);
int complete_kmem_cache_nodes_locked(struct kmem_cache *s);
void free_kmem_cache_nodes(struct kmem_cache *s);

/* boot.c: the node of the first cache comes out of that cache's own first slab. 0 or -ENOMEM. */
int early_kmem_cache_node_alloc(struct kmem_cache *s, unsigned int nid);

/* Which nodes there are, and which have memory; at the start. */
void slab_nodes_init(void);

/* Node @nid is about to get its first memory: every cache gets a kmem_cache_node for it, or none does. 0 or -ENOMEM. */
int kmem_cache_node_online(unsigned int nid);
/* It got it; or it lost its last. Its kmem_cache_nodes stay until their caches go. */
void slab_node_set(unsigned int nid, bool online);

/* Frees the empty slabs of a cache; see kmem_cache_shrink(). Returns how many slabs are left. */
unsigned long shrink_cache(struct kmem_cache *s);

/* Slabs that count for a cache: not those that wait for a grace period. */
unsigned long cache_nr_slabs(const struct kmem_cache *s);

/* Registers SLUB's locks for fork; boot.c. */
void slub_fork_register(void);

#endif /* KMM_SLUB_CACHE_H */
