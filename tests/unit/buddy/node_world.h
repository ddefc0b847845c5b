/* SPDX-License-Identifier: MIT
 * node_world.h - worlds of several nodes and zones, with or without per-CPU lists.
 *
 * Owns:  what a test sets up, through pages_world.h; the simulated CPUs.
 * Rules: world_reset() in the cmocka setup, then the test sets buddy_options and opens the world. One node, whatever the
 *        machine has, unless the test asks for more. A world may be closed and another one opened.
 */
#ifndef KMM_TESTS_BUDDY_NODE_WORLD_H
#define KMM_TESTS_BUDDY_NODE_WORLD_H

#include "support/pages_world.h"

#define MOVABLE_ANYWHERE (GFP_HIGHUSER_MOVABLE | __GFP_NOWARN)
#define KERNEL_QUIET (GFP_KERNEL | __GFP_NOWARN)

#define DMA_OF(nid) (&kmm_nodes[nid].node_zones[ZONE_DMA])
#define NORMAL_OF(nid) (&kmm_nodes[nid].node_zones[ZONE_NORMAL])
#define MOVABLE_OF(nid) (&kmm_nodes[nid].node_zones[ZONE_MOVABLE])

static inline void world_options(void)
{
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	buddy_options.numa_off = true;
}

/* cmocka setup and teardown */
static inline int world_reset(void **state)
{
	(void)state;
	capture_start();
	world_options();
	memset(&reclaim_ops, 0, sizeof(reclaim_ops));
	return 0;
}

static inline void world_close(void)
{
	kmm_validate_pages();
	buddy_stop();
	arena_stop(false);
}

static inline int world_end(void **state)
{
	(void)state;
	memset(&reclaim_ops, 0, sizeof(reclaim_ops));
	kmm_task_flags = 0;
	pages_world_stop();
	cpu_id_pin(-1);
	cpu_id_set_count(1);
	return 0;
}

/* Every page goes to its zone and comes from it. */
static inline void world_open(unsigned long nr_blocks)
{
	arena_set_boot_pfn(buddy_boot_pfn());
	assert_int_equal(arena_start(nr_blocks * PAGEBLOCK_SIZE), 0);
	assert_int_equal(buddy_start(), 0);
}

/* With lists and counters of @nr_cpus CPUs; the caller is on the first. */
static inline void world_open_per_cpu(unsigned long nr_blocks, unsigned int nr_cpus)
{
	cpu_id_set_count(nr_cpus);
	cpu_id_pin(0);
	arena_set_boot_pfn(buddy_boot_pfn());
	assert_int_equal(arena_start(nr_blocks * PAGEBLOCK_SIZE), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	buddy_start_late();
}

static inline void fake_nodes(unsigned int nr)
{
	buddy_options.fake_nodes = nr;
	buddy_options.numa_off = false;
}

static inline unsigned long blocks_of(const struct zone *zone)
{
	assert_int_equal(zone->present_pages % pageblock_nr_pages, 0);
	return zone->present_pages / pageblock_nr_pages;
}

static inline unsigned long blocks_of_node(unsigned int nid)
{
	unsigned long nr = 0;

	for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++)
		nr += blocks_of(&kmm_nodes[nid].node_zones[idx]);
	return nr;
}

/* Pages of one test, all of one order, in the order in which they came. */
struct taken {
	unsigned int nr, order;
	struct page *pages[32 * 1024];
};

static inline struct taken *taken_by_test(unsigned int order)
{
	static struct taken taken;

	taken.nr = 0;
	taken.order = order;
	return &taken;
}

/* Adds one from node @nid, or from where the request may go instead; NULL when there is none. */
static inline struct page *take(struct taken *taken, gfp_t gfp, unsigned int nid)
{
	struct page *page = __alloc_pages(gfp, taken->order, nid, NULL);

	if (page) {
		assert_true(taken->nr < ARRAY_SIZE(taken->pages));
		taken->pages[taken->nr++] = page;
	}
	return page;
}

static inline void take_all(struct taken *taken, gfp_t gfp, unsigned int nid)
{
	while (take(taken, gfp, nid))
		;
}

static inline void give_back_all(struct taken *taken)
{
	while (taken->nr)
		__free_pages(taken->pages[--taken->nr], taken->order);
}

#endif /* KMM_TESTS_BUDDY_NODE_WORLD_H */
