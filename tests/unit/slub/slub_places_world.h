/* SPDX-License-Identifier: MIT
 * slub_places_world.h - a cache whose slabs a test brings to where it wants them.
 */
#ifndef KMM_TESTS_SLUB_PLACES_WORLD_H
#define KMM_TESTS_SLUB_PLACES_WORLD_H

#include "slub_world.h"

/* 256 bytes: 16 objects a slab, cpu_partial 13 objects, min_partial 5 slabs. */
#define NR 16

static struct kmem_cache *cache;

static inline int cache_setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("places", 256, 0, SLAB_NO_MERGE, NULL);
	return cache && oo_objects(cache->oo) == NR ? 0 : -1;
}

static inline int cache_teardown(void **state)
{
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

static inline struct kmem_cache_node *node(void)
{
	return get_node(cache, 0);
}

/* From a slab of new pages, whatever the node has. */
static inline void take_from_new_slab(void **objects, unsigned int nr)
{
	const unsigned long nr_partial = node()->nr_partial;

	/* The hint says that there is nothing to look for. */
	node()->nr_partial = 0;
	take(cache, objects, nr);
	node()->nr_partial = nr_partial;
}

static inline struct slab *listed_at(bool head)
{
	struct cds_list_head *at = head ? node()->partial.next : node()->partial.prev;

	return cds_list_entry(at, struct slab, slab_list);
}

/* One slab on the node's list, with all but one object free; returns that object. */
static inline void *listed_slab(void)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);

	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab_of(object)), PLACE_NODE_PARTIAL);
	return object;
}

/* @nr slabs on the node's list, each with one object in use, which go to @objects. */
static inline void fill_node_list(void **objects, unsigned int nr)
{
	void *whole[16][NR];

	for (unsigned int i = 0; i < nr; i++)
		take(cache, whole[i], NR);
	flush_cpu_slab(cache, 0);
	cache->cpu_partial = 0;
	for (unsigned int i = 0; i < nr; i++) {
		give_all(cache, whole[i] + 1, NR - 1);
		objects[i] = whole[i][0];
	}
	cache->cpu_partial = 13;
	assert_int_equal(node()->nr_partial, nr);
}

#endif /* KMM_TESTS_SLUB_PLACES_WORLD_H */
