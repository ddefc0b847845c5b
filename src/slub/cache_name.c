/* SPDX-License-Identifier: MIT
 * cache_name.c - the names of a cache. See cache_name.h.
 */
#include "slub/cache_name.h"

#include <string.h>

struct cache_alias *cache_alias_alloc(const char *name)
{
	const size_t size = strlen(name) + 1;
	struct cache_alias *alias = kmalloc(sizeof(*alias) + size, GFP_KERNEL);

	if (alias) {
		alias->next = NULL;
		alias->certain = true;
		memcpy(alias->name, name, size);
	}
	return alias;
}

static struct cache_alias *find_alias(const struct kmem_cache *s, const char *name)
{
	struct cache_alias *alias = s->aliases;

	while (alias && strcmp(alias->name, name) != 0)
		alias = alias->next;
	return alias;
}

/* With more names than users, takes the newest one that is not certain off the list; the first name stays. */
static struct cache_alias *take_ended_alias(struct kmem_cache *s)
{
	struct cache_alias **newest = NULL, *ended = NULL;
	int nr = 0;

	for (struct cache_alias **p = &s->aliases; *p; p = &(*p)->next) {
		if (!newest && !(*p)->certain && (*p)->next)
			newest = p;
		nr++;
	}
	if (newest && nr > s->refcount) {
		ended = *newest;
		*newest = ended->next;
	}
	return ended;
}

struct cache_alias *cache_alias_add_locked(struct kmem_cache *s, struct cache_alias *alias)
{
	struct cache_alias *known = find_alias(s, alias->name);

	kmm_assert_held(&slab_mutex);
	if (known) {
		known->certain = true;
		return alias;
	}
	alias->next = s->aliases;
	s->aliases = alias;
	return take_ended_alias(s);
}

void cache_aliases_doubt_locked(struct kmem_cache *s)
{
	kmm_assert_held(&slab_mutex);
	for (struct cache_alias *alias = s->aliases; alias; alias = alias->next)
		alias->certain = false;
}

bool cache_name_in_use_locked(const char *name)
{
	const struct kmem_cache *s;

	kmm_assert_held(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list) {
		const struct cache_alias *alias = find_alias(s, name);

		if (alias ? alias->certain : !s->aliases && strcmp(s->name, name) == 0)
			return true;
	}
	return false;
}

void cache_aliases_free(struct kmem_cache *s)
{
	while (s->aliases) {
		struct cache_alias *alias = s->aliases;

		s->aliases = alias->next;
		kfree(alias);
	}
}
