/* SPDX-License-Identifier: MIT
 * zonelist_test.c - where a request looks for memory: the order of nodes and zones, node masks, hints about full zones,
 * and reclaim of a node before the search goes further away.
 */
#include <errno.h>
#include <time.h>

#include <kmm/kmm.h>
#include <kmm/memalloc.h>

#include "base/boot.h"
#include "node_world.h"

/* The clock of the hints: the system's, or what a test says. */
static time_t fake_seconds; /* 0: the system's */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!fake_seconds)
		return __real_clock_gettime(clock, now);
	*now = (struct timespec){ .tv_sec = fake_seconds };
	return 0;
}

static int setup(void **state)
{
	fake_seconds = 1000;
	return world_reset(state);
}

static int teardown(void **state)
{
	fake_seconds = 0;
	return world_end(state);
}

/* Nodes of one pageblock. */
static void open_nodes(unsigned int nr)
{
	fake_nodes(nr);
	world_open(nr);
}

static void set_distances(unsigned int nr, const unsigned char distance[nr][nr])
{
	for (unsigned int from = 0; from < nr; from++)
		for (unsigned int to = 0; to < nr; to++)
			node_set_distance(from, to, distance[from][to]);
	build_all_zonelists();
}

/* The nodes of a zonelist as a number: 0x321 is node 3, 2, 1. */
static unsigned long nodes_of(const struct zonelist *list)
{
	unsigned long nodes = 0;

	for (const struct zoneref *ref = list->refs; ref->zone; ref++)
		nodes = nodes << 4 | (unsigned long)ref->zone->zone_pgdat->node_id;
	return nodes;
}

static unsigned long fallbacks_of(unsigned int nid)
{
	return nodes_of(node_zonelist(nid, GFP_KERNEL));
}

/* Order */

static void the_nearest_node_comes_first_and_its_highest_zone(void **state)
{
	static const unsigned char distance[3][3] = { { 10, 40, 20 }, { 40, 10, 30 }, { 20, 30, 10 } };
	static const struct {
		unsigned int nid;
		enum zone_type idx;
	} expected[3][8] = {
		{ { 0, ZONE_MOVABLE },
		  { 0, ZONE_NORMAL },
		  { 0, ZONE_DMA },
		  { 2, ZONE_MOVABLE },
		  { 2, ZONE_NORMAL },
		  { 1, ZONE_MOVABLE },
		  { 1, ZONE_NORMAL } },
		{ { 1, ZONE_MOVABLE },
		  { 1, ZONE_NORMAL },
		  { 2, ZONE_MOVABLE },
		  { 2, ZONE_NORMAL },
		  { 0, ZONE_MOVABLE },
		  { 0, ZONE_NORMAL },
		  { 0, ZONE_DMA } },
		{ { 2, ZONE_MOVABLE },
		  { 2, ZONE_NORMAL },
		  { 0, ZONE_MOVABLE },
		  { 0, ZONE_NORMAL },
		  { 0, ZONE_DMA },
		  { 1, ZONE_MOVABLE },
		  { 1, ZONE_NORMAL } },
	};

	(void)state;
	fake_nodes(3);
	buddy_options.dma = PAGEBLOCK_SIZE;
	buddy_options.movable = 3 * PAGEBLOCK_SIZE;
	world_open(9);
	set_distances(3, distance);
	for (unsigned int nid = 0; nid < 3; nid++) {
		const struct zoneref *refs = NODE_DATA(nid)->node_zonelists[ZONELIST_FALLBACK].refs;

		for (unsigned int i = 0; i < 7; i++) {
			assert_ptr_equal(refs[i].zone,
					 &kmm_nodes[expected[nid][i].nid].node_zones[expected[nid][i].idx]);
			assert_int_equal(refs[i].idx, expected[nid][i].idx);
		}
		assert_null(refs[7].zone);
	}
}

static void nodes_at_one_distance_take_turns(void **state)
{
	(void)state;
	open_nodes(4);
	assert_int_equal(fallbacks_of(0), 0x0123);
	assert_int_equal(fallbacks_of(1), 0x1230);
	assert_int_equal(fallbacks_of(2), 0x2301);
	assert_int_equal(fallbacks_of(3), 0x3012);
}

static void distances_need_not_be_the_same_both_ways(void **state)
{
	static const unsigned char distance[4][4] = {
		{ 10, 50, 40, 30 },
		{ 20, 10, 20, 255 },
		{ 11, 11, 10, 12 },
		{ 20, 21, 22, 10 },
	};

	(void)state;
	open_nodes(4);
	set_distances(4, distance);
	assert_int_equal(fallbacks_of(0), 0x0321);
	assert_int_equal(fallbacks_of(1), 0x1203);
	assert_int_equal(fallbacks_of(2), 0x2013);
	assert_int_equal(fallbacks_of(3), 0x3012);
}

static void a_list_can_be_built_again(void **state)
{
	static const unsigned char near[2][2] = { { 10, 20 }, { 20, 10 } }, far[2][2] = { { 20, 10 }, { 10, 20 } };

	(void)state;
	open_nodes(2);
	set_distances(2, far);
	assert_int_equal(fallbacks_of(0), 0x10);
	set_distances(2, near);
	assert_int_equal(fallbacks_of(0), 0x01);
}

static void the_largest_list_holds_every_zone_once(void **state)
{
	unsigned long seen = 0;
	unsigned int nr = 0;

	(void)state;
	fake_nodes(MAX_NUMNODES);
	buddy_options.dma = PAGEBLOCK_SIZE;
	buddy_options.movable = MAX_NUMNODES * PAGEBLOCK_SIZE;
	world_open(3 * MAX_NUMNODES);
	for (const struct zoneref *ref = node_zonelist(7, GFP_KERNEL)->refs; ref->zone; ref++) {
		seen |= 1UL << ref->zone->zone_pgdat->node_id;
		nr++;
	}
	assert_int_equal(seen, (1UL << MAX_NUMNODES) - 1);
	assert_int_equal(nr, 2 * MAX_NUMNODES + 1);
}

static void zones_without_pages_are_on_no_list(void **state)
{
	const struct zoneref *refs;

	(void)state;
	world_open(2);
	refs = node_zonelist(0, GFP_KERNEL)->refs;
	assert_ptr_equal(refs[0].zone, NORMAL_OF(0));
	assert_null(refs[1].zone);
}

static void thisnode_has_a_list_without_other_nodes(void **state)
{
	(void)state;
	open_nodes(3);
	for (unsigned int nid = 0; nid < 3; nid++)
		assert_int_equal(nodes_of(node_zonelist(nid, GFP_KERNEL | __GFP_THISNODE)), nid);
}

/* Which zones */

static void a_request_says_which_zone_is_the_highest(void **state)
{
	static const struct {
		gfp_t gfp;
		enum zone_type with_dma, without;
	} cases[] = {
		{ GFP_KERNEL, ZONE_NORMAL, ZONE_NORMAL },
		{ GFP_ATOMIC, ZONE_NORMAL, ZONE_NORMAL },
		{ GFP_USER, ZONE_NORMAL, ZONE_NORMAL },
		{ GFP_HIGHUSER, ZONE_NORMAL, ZONE_NORMAL },
		{ GFP_KERNEL | __GFP_MOVABLE, ZONE_NORMAL, ZONE_NORMAL },
		{ GFP_HIGHUSER_MOVABLE, ZONE_MOVABLE, ZONE_MOVABLE },
		{ __GFP_HIGHMEM | __GFP_MOVABLE, ZONE_MOVABLE, ZONE_MOVABLE },
		{ GFP_KERNEL | GFP_DMA, ZONE_DMA, ZONE_NORMAL },
		{ GFP_DMA | __GFP_MOVABLE, ZONE_DMA, ZONE_NORMAL },
		{ GFP_KERNEL | GFP_DMA32, ZONE_NORMAL, ZONE_NORMAL },
		{ 0, ZONE_NORMAL, ZONE_NORMAL },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(gfp_zone(cases[i].gfp), cases[i].without);
	world_open(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(gfp_zone(cases[i].gfp), cases[i].without);
	world_close();
	buddy_options.dma = PAGEBLOCK_SIZE;
	world_open(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(gfp_zone(cases[i].gfp), cases[i].with_dma);
}

/* One pageblock of each zone: all blocks that a kind of request gets. */
static unsigned long zones_used_by(gfp_t gfp)
{
	struct taken *taken = taken_by_test(MAX_ORDER - 1);
	unsigned long zones = 0;

	take_all(taken, gfp | __GFP_NOWARN, 0);
	for (unsigned int i = 0; i < taken->nr; i++)
		zones |= 1UL << page_zone(taken->pages[i])->idx;
	give_back_all(taken);
	return zones;
}

static void a_request_uses_its_zone_and_the_ones_below(void **state)
{
	const unsigned long dma = 1UL << ZONE_DMA, normal = 1UL << ZONE_NORMAL, movable = 1UL << ZONE_MOVABLE;

	(void)state;
	buddy_options.dma = PAGEBLOCK_SIZE;
	buddy_options.movable = PAGEBLOCK_SIZE;
	world_open(3);
	assert_int_equal(zones_used_by(GFP_KERNEL | GFP_DMA), dma);
	assert_int_equal(zones_used_by(GFP_KERNEL), dma | normal);
	assert_int_equal(zones_used_by(GFP_USER | __GFP_MOVABLE), dma | normal);
	assert_int_equal(zones_used_by(GFP_HIGHUSER_MOVABLE), dma | normal | movable);
}

static void dma_memory_is_any_memory_without_a_zone_for_it(void **state)
{
	(void)state;
	buddy_options.movable = PAGEBLOCK_SIZE;
	world_open(3);
	assert_int_equal(zones_used_by(GFP_KERNEL | GFP_DMA), 1UL << ZONE_NORMAL);
}

static void dma_memory_comes_from_node_0_whoever_asks(void **state)
{
	struct page *page;

	(void)state;
	fake_nodes(2);
	buddy_options.dma = PAGEBLOCK_SIZE;
	world_open(4);
	page = __alloc_pages(GFP_KERNEL | GFP_DMA, 0, 1, NULL);
	assert_ptr_equal(page_zone(page), DMA_OF(0));
	__free_page(page);
	assert_null(__alloc_pages(KERNEL_QUIET | GFP_DMA | __GFP_THISNODE, 0, 1, NULL));
	assert_silent();
}

/* Which nodes */

static void a_full_node_is_left_for_the_nearest_one(void **state)
{
	static const unsigned char distance[3][3] = { { 10, 40, 20 }, { 40, 10, 30 }, { 20, 30, 10 } };
	struct taken *taken = taken_by_test(MAX_ORDER - 1);

	(void)state;
	open_nodes(3);
	set_distances(3, distance);
	take_all(taken, MOVABLE_ANYWHERE, 0);
	assert_int_equal(taken->nr, 3);
	assert_int_equal(page_to_nid(taken->pages[0]), 0);
	assert_int_equal(page_to_nid(taken->pages[1]), 2);
	assert_int_equal(page_to_nid(taken->pages[2]), 1);
	give_back_all(taken);
}

static void thisnode_fails_when_its_node_is_full(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	open_nodes(3);
	take_all(taken, KERNEL_QUIET | __GFP_THISNODE, 1);
	assert_int_equal(taken->nr, pageblock_nr_pages);
	for (unsigned int i = 0; i < taken->nr; i++)
		assert_int_equal(page_to_nid(taken->pages[i]), 1);
	assert_silent();
	assert_null(__alloc_pages(GFP_KERNEL | __GFP_THISNODE, 0, 1, NULL));
	assert_reported("page allocation failure");
	give_back_all(taken);
}

static void a_mask_leads_past_the_nodes_outside(void **state)
{
	static const nodemask_t masks[] = { { 0x1 }, { 0x2 }, { 0x4 }, { 0x6 }, { 0x5 }, { ~0UL } };
	static const unsigned int from_0[] = { 0, 1, 2, 1, 0, 0 }, from_2[] = { 0, 1, 2, 2, 2, 2 };

	(void)state;
	open_nodes(3);
	for (unsigned int i = 0; i < ARRAY_SIZE(masks); i++) {
		struct page *page = __alloc_pages(GFP_KERNEL, 0, 0, &masks[i]);

		assert_int_equal(page_to_nid(page), from_0[i]);
		__free_page(page);
		page = __alloc_pages(GFP_KERNEL, 0, 2, &masks[i]);
		assert_int_equal(page_to_nid(page), from_2[i]);
		__free_page(page);
	}
}

static void a_mask_is_kept_when_its_nodes_are_full(void **state)
{
	const nodemask_t mask = { 0x6 };
	struct taken *taken = taken_by_test(MAX_ORDER - 1);

	(void)state;
	open_nodes(3);
	for (unsigned int i = 0; i < 2; i++) {
		taken->pages[taken->nr] = __alloc_pages(GFP_KERNEL, MAX_ORDER - 1, 0, &mask);
		assert_int_equal(page_to_nid(taken->pages[taken->nr++]), i + 1);
	}
	assert_null(__alloc_pages(KERNEL_QUIET, 0, 0, &mask));
	assert_int_equal(nr_free_pages(), pageblock_nr_pages);
	give_back_all(taken);
}

static void a_mask_without_nodes_is_no_memory(void **state)
{
	static const nodemask_t masks[] = { { 0 }, { 0x8 } };

	(void)state;
	open_nodes(3);
	for (unsigned int i = 0; i < ARRAY_SIZE(masks); i++) {
		assert_null(__alloc_pages(KERNEL_QUIET, 0, 0, &masks[i]));
		assert_silent();
		assert_null(__alloc_pages(GFP_KERNEL, 0, 0, &masks[i]));
		assert_reported("page allocation failure");
		capture_clear();
		fake_seconds += 10; /* one such report in so many */
	}
}

static void whoever_frees_memory_goes_beyond_the_mask(void **state)
{
	const nodemask_t mask = { 0x2 };
	struct page *all, *page;
	unsigned int saved;

	(void)state;
	open_nodes(2);
	all = __alloc_pages(GFP_KERNEL, MAX_ORDER - 1, 0, &mask);
	saved = memalloc_noreclaim_save();
	page = __alloc_pages(GFP_KERNEL, 0, 0, &mask);
	memalloc_noreclaim_restore(saved);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	__free_pages(all, MAX_ORDER - 1);
}

/* Node 1 is below its low mark, so the first look does not serve the request; but there is enough of it. */
static void whoever_may_go_beyond_the_mask_keeps_to_it_while_there_is_memory(void **state)
{
	static const gfp_t gfps[] = { GFP_ATOMIC, GFP_KERNEL | __GFP_MEMALLOC, GFP_KERNEL };
	const nodemask_t mask = { 0x2 };
	struct taken *taken = taken_by_test(0);

	(void)state;
	buddy_options.min_free_kbytes = 4 * 200; /* each node: min 100, low 125 */
	fake_nodes(2);
	world_open(4);
	while (zone_nr_free(NORMAL_OF(1)) > 120)
		assert_non_null(take(taken, GFP_KERNEL | __GFP_THISNODE, 1));
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++) {
		struct page *page = __alloc_pages(gfps[i], 0, 0, &mask);

		assert_int_equal(page_to_nid(page), 1);
		__free_page(page);
	}
	give_back_all(taken);
}

/* The public calls */

static int library_setup(void **state)
{
	struct kmm_config config = {
		.size = sizeof(config), .limit = 64UL << 20, .nr_cpus = 4, .options = "numa=fake=4"
	};

	(void)state;
	config.report = capture_report;
	capture_clear();
	if (kmm_init(&config))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static int library_teardown(void **state)
{
	(void)state;
	kmm_validate_pages();
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
	return 0;
}

static void a_node_can_be_named(void **state)
{
	const nodemask_t mask = { 0x4 };
	struct page *page;

	(void)state;
	for (int nid = 0; nid < 4; nid++) {
		page = alloc_pages_node(nid, GFP_KERNEL, 0);
		assert_int_equal(page_to_nid(page), nid);
		__free_page(page);
		page = alloc_pages_node(nid, GFP_KERNEL | __GFP_COMP, 5);
		assert_int_equal(page_to_nid(page + 31), nid);
		__free_pages(page, 5);
		page = __alloc_pages(GFP_KERNEL, 0, nid, &mask);
		assert_int_equal(page_to_nid(page), 2);
		__free_page(page);
	}
	assert_silent();
}

static void no_node_in_particular_is_the_callers(void **state)
{
	(void)state;
	for (int cpu = 0; cpu < 4; cpu++) {
		struct page *page;

		cpu_id_pin(cpu);
		page = alloc_pages_node(NUMA_NO_NODE, GFP_KERNEL, 0);
		assert_int_equal(page_to_nid(page), cpu);
		__free_page(page);
		page = __alloc_pages(GFP_KERNEL, 0, NUMA_NO_NODE, NULL);
		assert_int_equal(page_to_nid(page), cpu);
		__free_page(page);
	}
	assert_silent();
}

static void a_node_that_does_not_exist_is_reported(void **state)
{
	static const int nids[] = { 4, 16, INT32_MAX, -2, INT32_MIN };
	char words[64];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(nids); i++) {
		assert_null(alloc_pages_node(nids[i], GFP_KERNEL | __GFP_NOWARN, 0));
		assert_silent();
		assert_null(alloc_pages_node(nids[i], GFP_KERNEL, 0));
		snprintf(words, sizeof(words), "WARNING: __alloc_pages: there is no node %d\n", nids[i]);
		assert_reported(words);
		capture_clear();
		assert_null(__alloc_pages(GFP_KERNEL, 0, nids[i], NULL));
		assert_reported(words);
		capture_clear();
	}
}

/* Hints */

/* Node 0 is full and known to be; then its memory is free again. */
static void leave_a_wrong_hint_about_node_0(void)
{
	struct page *all, *page;

	all = __alloc_pages(GFP_KERNEL | __GFP_THISNODE, MAX_ORDER - 1, 0, NULL);
	page = __alloc_pages(GFP_KERNEL, 0, 0, NULL);
	assert_int_equal(page_to_nid(page), 1);
	__free_page(page);
	__free_pages(all, MAX_ORDER - 1);
}

static int node_of_a_page(gfp_t gfp)
{
	struct page *page = __alloc_pages(gfp, 0, 0, NULL);
	int nid = page_to_nid(page);

	__free_page(page);
	return nid;
}

static void a_full_node_is_not_looked_at_until_the_second_is_over(void **state)
{
	(void)state;
	open_nodes(2);
	leave_a_wrong_hint_about_node_0();
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
	fake_seconds++;
	assert_int_equal(node_of_a_page(GFP_KERNEL), 0);
	assert_int_equal(node_of_a_page(GFP_KERNEL), 0);
}

static void a_hint_speaks_of_one_list_only(void **state)
{
	struct page *page;

	(void)state;
	open_nodes(2);
	leave_a_wrong_hint_about_node_0();
	assert_int_equal(node_of_a_page(GFP_KERNEL | __GFP_THISNODE), 0);
	/* Node 1's own list has no hint: with node 1 full, it leads to node 0. */
	page = __alloc_pages(GFP_KERNEL, MAX_ORDER - 1, 1, NULL);
	assert_int_equal(page_to_nid(page), 1);
	__free_pages(page, MAX_ORDER - 1);
}

static void a_hint_is_no_reason_to_fail(void **state)
{
	struct page *rest, *page;

	(void)state;
	open_nodes(2);
	leave_a_wrong_hint_about_node_0();
	rest = __alloc_pages(GFP_KERNEL | __GFP_THISNODE, MAX_ORDER - 1, 1, NULL);
	page = __alloc_pages(GFP_KERNEL, 0, 0, NULL);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	__free_pages(rest, MAX_ORDER - 1);
	assert_silent();
}

static void a_lost_hint_costs_a_look_only(void **state)
{
	struct page *all;

	(void)state;
	open_nodes(2);
	all = __alloc_pages(GFP_KERNEL | __GFP_THISNODE, MAX_ORDER - 1, 0, NULL);
	for (unsigned int i = 0; i < 3; i++) {
		memset(node_zonelist(0, GFP_KERNEL)->full, 0, sizeof(node_zonelist(0, GFP_KERNEL)->full));
		assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
		assert_int_equal(node_zonelist(0, GFP_KERNEL)->full[0], 1);
	}
	__free_pages(all, MAX_ORDER - 1);
}

/* The hint was about the low mark. */
static void a_deeper_look_takes_no_hints(void **state)
{
	struct alloc_context ac;
	struct page *page;

	(void)state;
	open_nodes(2);
	leave_a_wrong_hint_about_node_0();
	prepare_alloc_context(GFP_KERNEL, 0, NULL, &ac);
	page = get_page_from_freelist(GFP_KERNEL, 0, WMARK_MIN, &ac);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	page = get_page_from_freelist(GFP_KERNEL, 0, ALLOC_NO_WATERMARKS, &ac);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
}

static void one_node_leaves_no_hints(void **state)
{
	struct page *all;

	(void)state;
	world_open(1);
	all = alloc_pages(GFP_KERNEL, MAX_ORDER - 1);
	assert_null(alloc_pages(KERNEL_QUIET, 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(kmm_nodes[0].node_zonelists[0].full); i++)
		assert_int_equal(node_zonelist(0, GFP_KERNEL)->full[i], 0);
	__free_pages(all, MAX_ORDER - 1);
}

/* The time runs from the first hint: a node that is found full later is looked at again a little earlier. */
static void hints_end_together(void **state)
{
	struct zonelist *list;

	(void)state;
	open_nodes(3);
	list = node_zonelist(0, GFP_KERNEL);
	zlc_mark_zone_full(list, &list->refs[0]);
	assert_int_equal(list->full_since, 1000);
	zlc_mark_zone_full(list, &list->refs[2]);
	assert_false(zlc_zone_worth_trying(list, &list->refs[0]));
	assert_true(zlc_zone_worth_trying(list, &list->refs[1]));
	assert_false(zlc_zone_worth_trying(list, &list->refs[2]));
	fake_seconds = 1001;
	assert_true(zlc_zone_worth_trying(list, &list->refs[2]));
	assert_true(zlc_zone_worth_trying(list, &list->refs[0]));
}

static void every_place_of_a_list_has_a_hint(void **state)
{
	static struct zonelist list;

	(void)state;
	for (unsigned int i = 0; i < MAX_ZONES; i++) {
		zlc_mark_zone_full(&list, &list.refs[i]);
		for (unsigned int j = 0; j < MAX_ZONES; j++)
			assert_int_equal(zlc_zone_worth_trying(&list, &list.refs[j]), j > i);
	}
}

/* Reclaim of a node */

static struct {
	unsigned int nr, nids[8], order;
	gfp_t gfp;
	enum node_reclaim_result result;
	struct page *to_free; /* of order 0, as much as reclaim can do */
} reclaim;

static enum node_reclaim_result fake_node_reclaim(unsigned int nid, gfp_t gfp, unsigned int order)
{
	assert_true(reclaim.nr < ARRAY_SIZE(reclaim.nids));
	reclaim.nids[reclaim.nr++] = nid;
	reclaim.gfp = gfp;
	reclaim.order = order;
	if (reclaim.to_free)
		__free_page(reclaim.to_free);
	reclaim.to_free = NULL;
	return reclaim.result;
}

/* Two nodes with a reclaim; every page of node 0 is in use. */
static struct taken *open_with_reclaim(enum node_reclaim_result result)
{
	struct taken *taken = taken_by_test(0);

	memset(&reclaim, 0, sizeof(reclaim));
	reclaim.result = result;
	open_nodes(2);
	take_all(taken, KERNEL_QUIET | __GFP_THISNODE, 0);
	assert_int_equal(taken->nr, pageblock_nr_pages);
	reclaim_ops.node_reclaim = fake_node_reclaim;
	buddy_options.zone_reclaim_mode = 1;
	return taken;
}

static bool node_0_is_marked_full(void)
{
	return node_zonelist(0, GFP_KERNEL)->full[0] & 1;
}

static void nothing_is_reclaimed_for_a_near_node_unless_asked(void **state)
{
	struct taken *taken = open_with_reclaim(NODE_RECLAIM_SUCCESS);

	(void)state;
	buddy_options.zone_reclaim_mode = 0;
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
	assert_int_equal(reclaim.nr, 0);
	assert_true(node_0_is_marked_full());
	buddy_options.zone_reclaim_mode = 1;
	reclaim_ops.node_reclaim = NULL;
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
	give_back_all(taken);
}

static void the_near_node_is_reclaimed_before_the_far_one_is_used(void **state)
{
	struct taken *taken = open_with_reclaim(NODE_RECLAIM_SUCCESS);
	struct page *page;

	(void)state;
	reclaim.to_free = taken->pages[--taken->nr];
	page = __alloc_pages(GFP_KERNEL, 0, 0, NULL);
	assert_int_equal(page_to_nid(page), 0);
	assert_int_equal(reclaim.nr, 1);
	assert_int_equal(reclaim.nids[0], 0);
	assert_int_equal(reclaim.gfp, GFP_KERNEL);
	assert_int_equal(reclaim.order, 0);
	__free_page(page);
	give_back_all(taken);
}

static void what_reclaim_says_decides_whether_the_node_is_asked_again(void **state)
{
	static const struct {
		enum node_reclaim_result result;
		bool full;
	} cases[] = {
		{ NODE_RECLAIM_NOSCAN, false },  /* somebody else is at it */
		{ NODE_RECLAIM_FULL, true },     /* nothing there that could be freed */
		{ NODE_RECLAIM_SOME, true },     /* less than asked for, and not enough */
		{ NODE_RECLAIM_SUCCESS, false }, /* as much as asked for; others were faster */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct taken *taken = open_with_reclaim(cases[i].result);

		assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
		assert_int_equal(reclaim.nr, 1);
		assert_int_equal(node_0_is_marked_full(), cases[i].full);
		assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
		assert_int_equal(reclaim.nr, cases[i].full ? 1 : 2);
		give_back_all(taken);
		world_close();
		world_options();
	}
}

static void some_is_enough_if_the_watermark_says_so(void **state)
{
	struct taken *taken = open_with_reclaim(NODE_RECLAIM_SOME);
	struct page *page;

	(void)state;
	reclaim.to_free = taken->pages[--taken->nr];
	page = __alloc_pages(GFP_KERNEL, 0, 0, NULL);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	give_back_all(taken);
}

/* A page was freed, but the request needs more of them in one piece. */
static void a_block_that_did_not_come_free_is_looked_for_elsewhere(void **state)
{
	struct taken *taken = open_with_reclaim(NODE_RECLAIM_SUCCESS);
	struct page *page;

	(void)state;
	reclaim.to_free = taken->pages[--taken->nr];
	page = __alloc_pages(GFP_KERNEL, 3, 0, NULL);
	assert_int_equal(page_to_nid(page), 1);
	assert_int_equal(reclaim.order, 3);
	__free_pages(page, 3);
	give_back_all(taken);
}

/* Both nodes are full: which of them are reclaimed for a request from node 0? */
static void a_far_node_is_not_reclaimed(void **state)
{
	static const struct {
		unsigned char distance;
		unsigned int nr; /* nodes */
	} cases[] = { { RECLAIM_DISTANCE, 2 }, { RECLAIM_DISTANCE + 1, 1 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct taken *taken = open_with_reclaim(NODE_RECLAIM_NOSCAN);
		struct alloc_context ac;

		node_set_distance(0, 1, cases[i].distance);
		build_all_zonelists();
		buddy_options.zone_reclaim_mode = 0;
		take_all(taken, KERNEL_QUIET | __GFP_THISNODE, 1);
		buddy_options.zone_reclaim_mode = 1;
		prepare_alloc_context(GFP_KERNEL, 0, NULL, &ac);
		assert_null(get_page_from_freelist(GFP_KERNEL, 0, WMARK_MIN, &ac));
		assert_int_equal(reclaim.nr, cases[i].nr);
		for (unsigned int j = 0; j < reclaim.nr; j++)
			assert_int_equal(reclaim.nids[j], j);
		give_back_all(taken);
		world_close();
		world_options();
	}
}

/* Whoever cannot wait, or is freeing memory already, must not come into reclaim. Others may still free something there. */
static void reclaim_is_for_those_who_may_wait_for_it(void **state)
{
	struct taken *taken = open_with_reclaim(NODE_RECLAIM_SUCCESS);
	unsigned int saved;

	(void)state;
	assert_int_equal(node_of_a_page(GFP_ATOMIC), 1);
	assert_int_equal(node_of_a_page(GFP_NOWAIT), 1);
	assert_int_equal(reclaim.nr, 0);
	saved = memalloc_noreclaim_save();
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
	memalloc_noreclaim_restore(saved);
	assert_int_equal(reclaim.nr, 0);
	assert_false(node_0_is_marked_full());
	assert_int_equal(node_of_a_page(GFP_KERNEL), 1);
	assert_int_equal(reclaim.nr, 1);
	give_back_all(taken);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LIBRARY(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_nearest_node_comes_first_and_its_highest_zone),
		TEST(nodes_at_one_distance_take_turns),
		TEST(distances_need_not_be_the_same_both_ways),
		TEST(a_list_can_be_built_again),
		TEST(the_largest_list_holds_every_zone_once),
		TEST(zones_without_pages_are_on_no_list),
		TEST(thisnode_has_a_list_without_other_nodes),
		TEST(a_request_says_which_zone_is_the_highest),
		TEST(a_request_uses_its_zone_and_the_ones_below),
		TEST(dma_memory_is_any_memory_without_a_zone_for_it),
		TEST(dma_memory_comes_from_node_0_whoever_asks),
		TEST(a_full_node_is_left_for_the_nearest_one),
		TEST(thisnode_fails_when_its_node_is_full),
		TEST(a_mask_leads_past_the_nodes_outside),
		TEST(a_mask_is_kept_when_its_nodes_are_full),
		TEST(a_mask_without_nodes_is_no_memory),
		TEST(whoever_frees_memory_goes_beyond_the_mask),
		TEST(whoever_may_go_beyond_the_mask_keeps_to_it_while_there_is_memory),
		LIBRARY(a_node_can_be_named),
		LIBRARY(no_node_in_particular_is_the_callers),
		LIBRARY(a_node_that_does_not_exist_is_reported),
		TEST(a_full_node_is_not_looked_at_until_the_second_is_over),
		TEST(a_hint_speaks_of_one_list_only),
		TEST(a_hint_is_no_reason_to_fail),
		TEST(a_lost_hint_costs_a_look_only),
		TEST(a_deeper_look_takes_no_hints),
		TEST(one_node_leaves_no_hints),
		TEST(hints_end_together),
		TEST(every_place_of_a_list_has_a_hint),
		TEST(nothing_is_reclaimed_for_a_near_node_unless_asked),
		TEST(the_near_node_is_reclaimed_before_the_far_one_is_used),
		TEST(what_reclaim_says_decides_whether_the_node_is_asked_again),
		TEST(some_is_enough_if_the_watermark_says_so),
		TEST(a_block_that_did_not_come_free_is_looked_for_elsewhere),
		TEST(a_far_node_is_not_reclaimed),
		TEST(reclaim_is_for_those_who_may_wait_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
