/* SPDX-License-Identifier: MIT
 * merge.c - caches that are alike are one. See merge.h.
 *
 * Locks:  slab_mutex: a cache is found, and its new user counted, in one step. Two threads that make the first two caches of
 *         a kind at the same time may both make one.
 */
#include "slub/merge.h"

#include <stdio.h>

#include "slub/layout.h"

/* Each of them makes objects special, or somebody wants to know of these objects alone. */
#define SLAB_NEVER_MERGE                                                                                        \
	(SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE | SLAB_TYPESAFE_BY_RCU | SLAB_NOLEAKTRACE | \
	 SLAB_FAILSLAB | SLAB_NO_MERGE)
/* Where the memory comes from, and what it counts for. */
#define SLAB_MERGE_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_ACCOUNT)

bool slab_nomerge;

int slab_merge_set(const char *value, const struct kmm_param *param)
{
	int err = kmm_param_set_bool(value, param);

	if (!err)
		slab_nomerge = !slab_nomerge;
	return err;
}

bool slab_unmergeable(const struct kmem_cache *s)
{
	return slab_nomerge || (s->flags & SLAB_NEVER_MERGE) || s->ctor || s->usersize || s->refcount < 0;
}

/* @size and @align as a cache of its own would have them. */
static bool is_alike(const struct kmem_cache *s, unsigned int size, unsigned int align, slab_flags_t flags)
{
	if (slab_unmergeable(s) || (flags & SLAB_MERGE_SAME) != (s->flags & SLAB_MERGE_SAME))
		return false;
	/* Less than a word is wasted, and every object of @s is aligned as these have to be. */
	return s->size >= size && s->size - size < sizeof(void *) && !(s->size & (align - 1));
}

struct kmem_cache *find_mergeable_locked(unsigned int size, unsigned int align, slab_flags_t flags,
					 void (*ctor)(void *))
{
	struct kmem_cache *s;

	kmm_assert_held(&slab_mutex);
	if (slab_nomerge || ctor || (flags & SLAB_NEVER_MERGE))
		return NULL;
	size = ALIGN_UP(size, (unsigned int)sizeof(void *));
	align = calculate_alignment(flags, align, size);
	size = ALIGN_UP(size, align);
	/* The oldest one: it is the least likely to go soon. */
	cds_list_for_each_entry_reverse(s, &slab_caches, list)
		if (is_alike(s, size, align, flags))
			return s;
	return NULL;
}

/* Zeroing must reach the end of the largest object. RELAXED: who takes an object of @size has come through here before. */
static void grow_objects_locked(struct kmem_cache *s, unsigned int size)
{
	WRITE_ONCE(s->object_size, max_of(s->object_size, size));
	WRITE_ONCE(s->inuse, max_of(s->inuse, ALIGN_UP(size, (unsigned int)sizeof(void *))));
}

struct kmem_cache *kmem_cache_alias(struct cache_alias *alias, unsigned int size, unsigned int align,
				    slab_flags_t flags, void (*ctor)(void *), bool *duplicate)
{
	struct cache_alias *unneeded = NULL;
	struct kmem_cache *s;

	kmm_lock(&slab_mutex);
	s = find_mergeable_locked(size, align, flags, ctor);
	if (s) {
		*duplicate = cache_name_in_use_locked(alias->name);
		s->refcount++;
		grow_objects_locked(s, size);
		unneeded = cache_alias_add_locked(s, alias);
	}
	kmm_unlock(&slab_mutex);
	kfree(unneeded);
	return s;
}

void create_unique_id(const struct kmem_cache *s, char id[ID_STR_LENGTH])
{
	static const struct {
		slab_flags_t flag;
		char letter;
	} letters[] = { { SLAB_CACHE_DMA, 'd' },
			{ SLAB_CACHE_DMA32, 'D' },
			{ SLAB_RECLAIM_ACCOUNT, 'a' },
			{ SLAB_CONSISTENCY_CHECKS, 'F' },
			{ SLAB_ACCOUNT, 'A' } };
	char *p = id;

	*p++ = ':';
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (s->flags & letters[i].flag)
			*p++ = letters[i].letter;
	if (p > id + 1)
		*p++ = '-';
	snprintf(p, (size_t)(id + ID_STR_LENGTH - p), "%07u", s->size);
}
