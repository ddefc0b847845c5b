/* SPDX-License-Identifier: MIT
 * merge.h - caches that are alike are one: fewer slabs that are partly used.
 *
 * Owns:   which caches are alike; refcount of a merged cache, and the growth of object_size and inuse with each new user.
 * Source: slab_unmergeable(), find_mergeable(), mm/slab_common.c; __kmem_cache_alias(), create_unique_id(), mm/slub.c,
 *         Linux 6.1; SLAB_NO_MERGE, Linux 6.5.
 */
#ifndef KMM_SLUB_MERGE_H
#define KMM_SLUB_MERGE_H

#include "base/options.h"
#include "slub/cache_name.h"

/* Boot parameters slab_nomerge, slab_merge, and their older names with slub_. */
extern bool slab_nomerge;
int slab_merge_set(const char *value, const struct kmm_param *param);

/* May @s be merged with others? What is asked never changes while the library runs. */
bool slab_unmergeable(const struct kmem_cache *s);

/* A cache that objects like these can share, or NULL. */
struct kmem_cache *find_mergeable_locked(unsigned int size, unsigned int align, slab_flags_t flags,
					 void (*ctor)(void *));

/* Joins such a cache, and then owns @alias; or NULL, and @alias is the caller's still. *@duplicate: the name was in use. */
struct kmem_cache *kmem_cache_alias(struct cache_alias *alias, unsigned int size, unsigned int align,
				    slab_flags_t flags, void (*ctor)(void *), bool *duplicate);

/* Longest unique id of a cache, bytes with the final NUL. */
#define ID_STR_LENGTH 32

/* What a cache that may be merged is, whatever it is called: ":0000064". Two that could be one have the same. */
void create_unique_id(const struct kmem_cache *s, char id[ID_STR_LENGTH]);

#endif /* KMM_SLUB_MERGE_H */
