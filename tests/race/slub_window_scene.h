/* SPDX-License-Identifier: MIT
 * slub_window_scene.h - slabs in all states, the objects of them that are in use, and the proof that each is so once.
 *
 * Owns:   the cache, and the pools of objects in use, by the slab they were of at first.
 */
#ifndef KMM_TESTS_SLUB_WINDOW_SCENE_H
#define KMM_TESTS_SLUB_WINDOW_SCENE_H

#include <stdlib.h>

#include "support/slub_objects.h"
#include "support/world.h"

#include "slub/cpu_slab.h"

#define NR 16 /* objects of 256 bytes in a slab */
#define MANY 128

static struct kmem_cache *cache;

/* Objects in use. */
struct pool {
	void *objects[MANY];
	unsigned int nr;
};

/* Of a slab that CPU 0 has at hand, of one on its partial list, of one on the node's, and of a FULL one; taken meanwhile. */
static struct pool at_hand, partial, listed, full, taken;
static struct pool *const pools[] = { &at_hand, &partial, &listed, &full, &taken };

static void put(struct pool *pool, void *object)
{
	assert_non_null(object);
	pool->objects[pool->nr++] = object;
}

static void *pop(struct pool *pool)
{
	return pool->nr ? pool->objects[--pool->nr] : NULL;
}

static void fill(struct pool *pool, unsigned int nr)
{
	while (nr--)
		put(pool, kmem_cache_alloc(cache, GFP_KERNEL));
}

static void free_some(struct pool *pool, unsigned int nr)
{
	while (nr--)
		kmem_cache_free(cache, pop(pool));
}

static void set_scene(unsigned int in_listed, unsigned int left_at_hand)
{
	const unsigned int cpu_partial = cache->cpu_partial;

	cpu_id_pin(0);
	fill(&full, NR);
	fill(&partial, NR);
	fill(&listed, NR);
	fill(&at_hand, NR - left_at_hand);
	cache->cpu_partial = 13;
	free_some(&partial, 2);
	cache->cpu_partial = 0;
	free_some(&listed, NR - in_listed);
	cache->cpu_partial = cpu_partial;
}

static int compare(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return (x > y) - (x < y);
}

/* Everything in use is in use once, and nothing else. Then it is free. */
static void check_and_clear(void)
{
	static void *all[ARRAY_SIZE(pools) * MANY];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(pools); i++)
		while (pools[i]->nr)
			all[nr++] = pop(pools[i]);
	qsort(all, nr, sizeof(all[0]), compare);
	for (unsigned int i = 1; i < nr; i++)
		assert_ptr_not_equal(all[i - 1], all[i]);
	kmm_validate_cache(cache);
	assert_int_equal(objects_in_use(cache), nr);
	while (nr)
		kmem_cache_free(cache, all[--nr]);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	kmm_validate_cache(cache);
}

#endif /* KMM_TESTS_SLUB_WINDOW_SCENE_H */
