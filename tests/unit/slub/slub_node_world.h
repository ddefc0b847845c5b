/* SPDX-License-Identifier: MIT
 * slub_node_world.h - a cache with slabs on two nodes. CPUs 0 and 1 are of node 0, 2 and 3 of node 1.
 */
#ifndef KMM_TESTS_SLUB_NODE_WORLD_H
#define KMM_TESTS_SLUB_NODE_WORLD_H

#include "slub_world.h"

#include <kmm/numa.h>

#include "slub/alloc.h"

#define NR 16 /* objects of 256 bytes in a slab */
#define QUIET (GFP_KERNEL | __GFP_NOWARN)

static struct kmem_cache *cache;

static inline int start(const char *options)
{
	if (world_start(options, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("nodes", 256, 0, SLAB_NO_MERGE, NULL);
	if (!cache || cpu_to_node(1) != 0 || cpu_to_node(2) != 1)
		return -1;
	/* Chance plays no part. */
	cache->remote_node_defrag_ratio = 1024;
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	return start("numa=fake=2 background=off");
}

static inline int teardown(void **state)
{
	kmm_set_mems_allowed(NODE_MASK_ALL);
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

static inline int nid_of(const void *object)
{
	return (int)slab_nid(slab_of(object));
}

static inline void *on_node(gfp_t gfp, int nid)
{
	return cache_alloc_node(cache, gfp, nid);
}

static inline unsigned long partial(unsigned int nid)
{
	return get_node(cache, nid)->nr_partial;
}

/* @nr slabs on the list of node @nid, each with one object in use, which go to @objects. */
static inline void fill_list(void **objects, unsigned int nr, int nid)
{
	void *whole[16][NR];

	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < NR; j++)
			assert_non_null(whole[i][j] = on_node(GFP_KERNEL, nid));
	flush_all(cache);
	cache->cpu_partial = 0;
	for (unsigned int i = 0; i < nr; i++) {
		give_all(cache, whole[i] + 1, NR - 1);
		objects[i] = whole[i][0];
	}
	cache->cpu_partial = 13;
	assert_int_equal(partial((unsigned int)nid), nr);
}

#endif /* KMM_TESTS_SLUB_NODE_WORLD_H */
