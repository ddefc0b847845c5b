/* SPDX-License-Identifier: MIT
 * cache_name.h - the names of a cache: its own, and those under which others were merged into it.
 *
 * Owns:   struct cache_alias, the list s->aliases.
 * Locks:  slab_mutex for the list of a cache in the registry.
 * Rules:  the last of the list is the first name, s->name, and stays. The boot caches have a static name and no list.
 *         Who destroys a merged cache does not say under which name. Then none of its names is certain any more: they stay,
 *         but are no duplicates, and when there are more names than users, the newest of them makes room for the next one.
 * Source: sysfs_slab_alias(), mm/slub.c, Linux 6.1; kmem_cache_is_duplicate_name(), mm/slab_common.c, Linux 6.12.
 */
#ifndef KMM_SLUB_CACHE_NAME_H
#define KMM_SLUB_CACHE_NAME_H

#include "slub/slub_internal.h"

struct cache_alias {
	struct cache_alias *next;
	bool certain; /* it is the name of a user who is there */
	char name[];
};

/* A copy of @name, on no list; NULL: out of memory. Ended by kfree(). */
struct cache_alias *cache_alias_alloc(const char *name);

/* Another user of @s, already counted in refcount, calls it @alias. Returns what has to be freed: a name that is not needed any
 * more, @alias itself if it is on the list already, or NULL. */
struct cache_alias *cache_alias_add_locked(struct kmem_cache *s, struct cache_alias *alias);

/* One of the users of @s is gone, and others are left. */
void cache_aliases_doubt_locked(struct kmem_cache *s);

/* Is a cache certainly called @name? */
bool cache_name_in_use_locked(const char *name);

/* Frees all names; the cache is in no registry. */
void cache_aliases_free(struct kmem_cache *s);

#endif /* KMM_SLUB_CACHE_NAME_H */
