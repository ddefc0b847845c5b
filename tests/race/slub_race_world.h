/* SPDX-License-Identifier: MIT
 * slub_race_world.h - one cache, and what a victim or the test does with it.
 */
#ifndef KMM_TESTS_SLUB_RACE_WORLD_H
#define KMM_TESTS_SLUB_RACE_WORLD_H

#include "gate.h"

#include "slub/cpu_slab.h"

#define NR 16 /* objects of 256 bytes in a slab */

static struct kmem_cache *cache;

static int race_start(const char *options)
{
	if (world_start(options, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("race", 256, 0, SLAB_NO_MERGE, NULL);
	return cache && oo_objects(cache->oo) == NR ? 0 : -1;
}

static __attribute__((unused)) int race_setup(void **state)
{
	(void)state;
	return race_start(NULL);
}

static int race_teardown(void **state)
{
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

static void *take_one(void *arg)
{
	(void)arg;
	return kmem_cache_alloc(cache, GFP_KERNEL);
}

static void *give_one(void *object)
{
	kmem_cache_free(cache, object);
	return NULL;
}

static void *flush_cpu_0(void *arg)
{
	(void)arg;
	flush_cpu_slab(cache, 0);
	return NULL;
}

static void take(void **objects, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		objects[i] = take_one(NULL);
}

static void give(void **objects, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		give_one(objects[i]);
}

#endif /* KMM_TESTS_SLUB_RACE_WORLD_H */
