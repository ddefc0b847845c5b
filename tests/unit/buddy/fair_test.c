/* SPDX-License-Identifier: MIT
 * fair_test.c - zones of one node share the load by their size: rounds, NR_ALLOC_BATCH, and who plays no part in it.
 */
#include "node_world.h"

#define MOVABLE GFP_HIGHUSER_MOVABLE

/* A node of two pageblocks NORMAL and six MOVABLE, with counters; shares of about 50 and 150 pages. Lists that keep nothing,
 * as they are during the start: each request reaches its zone. */
static void open_fair(unsigned int nr_cpus, unsigned int min_pages)
{
	cpu_id_set_count(nr_cpus);
	cpu_id_pin(0);
	buddy_options.min_free_kbytes = 4 * min_pages;
	buddy_options.movable = 6 * PAGEBLOCK_SIZE;
	assert_int_equal(arena_start(8 * PAGEBLOCK_SIZE), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
}

static int setup_fair(void **state)
{
	world_reset(state);
	open_fair(1, 800);
	return 0;
}

static unsigned long share_of(const struct zone *zone)
{
	return zone->watermark[WMARK_HIGH] - zone->watermark[WMARK_LOW];
}

static unsigned long left_of(const struct zone *zone)
{
	return zone_page_state_snapshot(zone, NR_ALLOC_BATCH);
}

static bool depleted(const struct zone *zone)
{
	return zone_flag_test(zone, ZONE_FAIR_DEPLETED);
}

/* Pages of one kind that come from @zone in a row. */
static unsigned long run_from(struct taken *taken, gfp_t gfp, const struct zone *zone)
{
	unsigned long nr = 0;
	struct page *page;

	while ((page = take(taken, gfp, 0)) && page_zone(page) == zone)
		nr++;
	return nr;
}

static unsigned long count_in(const struct taken *taken, const struct zone *zone)
{
	unsigned long nr = 0;

	for (unsigned int i = 0; i < taken->nr; i++)
		nr += page_zone(taken->pages[i]) == zone;
	return nr;
}

static void a_share_is_the_distance_of_the_high_mark_from_the_low_one(void **state)
{
	(void)state;
	assert_true(buddy_fair_zones);
	assert_in_range(share_of(NORMAL_OF(0)), 45, 50);
	assert_in_range(share_of(MOVABLE_OF(0)), 150, 155);
	assert_int_equal(left_of(NORMAL_OF(0)), share_of(NORMAL_OF(0)));
	assert_int_equal(left_of(MOVABLE_OF(0)), share_of(MOVABLE_OF(0)));
	assert_int_equal(left_of(DMA_OF(0)), 0);
}

/* A zone counts its pages in steps of the threshold of its counters, 3 on one CPU. */
static void zones_take_turns_each_for_its_share(void **state)
{
	struct taken *taken = taken_by_test(0);
	unsigned long nr;

	(void)state;
	nr = run_from(taken, MOVABLE, MOVABLE_OF(0));
	assert_in_range(nr, share_of(MOVABLE_OF(0)), share_of(MOVABLE_OF(0)) + 2);
	assert_true(depleted(MOVABLE_OF(0)));
	nr = 1 + run_from(taken, MOVABLE, NORMAL_OF(0)); /* the first one ended the run before */
	assert_in_range(nr, share_of(NORMAL_OF(0)), share_of(NORMAL_OF(0)) + 2);
	/* A new round. */
	assert_false(depleted(MOVABLE_OF(0)));
	assert_false(depleted(NORMAL_OF(0)));
	assert_int_equal(left_of(NORMAL_OF(0)), share_of(NORMAL_OF(0)));
	assert_int_equal(left_of(MOVABLE_OF(0)), share_of(MOVABLE_OF(0)) - 1);
	nr = 1 + run_from(taken, MOVABLE, MOVABLE_OF(0));
	assert_in_range(nr, share_of(MOVABLE_OF(0)), share_of(MOVABLE_OF(0)) + 2);
	give_back_all(taken);
}

/* Of 1600 pages, a quarter belongs in the smaller zone: with any number of CPUs, single pages and blocks, through the lists
 * of the start and those of use. Shares smaller than what a list fetches at a time are kept less well. */
static void movable_pages_are_spread_in_proportion(void **state)
{
	static const struct {
		unsigned int cpus, min_pages, order;
		bool late;
		unsigned int least, most; /* per cent */
	} cases[] = {
		{ 1, 800, 0, false, 20, 30 }, { 1, 800, 0, true, 15, 35 }, { 4, 800, 0, false, 20, 30 },
		{ 4, 800, 0, true, 15, 35 },  { 4, 800, 3, true, 15, 35 }, { 4, 800, 4, true, 15, 35 },
		{ 4, 100, 0, false, 15, 35 }, { 4, 100, 0, true, 10, 50 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct taken *taken = taken_by_test(cases[i].order);
		const unsigned int nr = 1600u >> cases[i].order;
		unsigned long normal;

		world_reset(state);
		open_fair(cases[i].cpus, cases[i].min_pages);
		if (cases[i].late)
			buddy_start_late();
		for (unsigned int j = 0; j < nr; j++) {
			cpu_id_pin((int)(j / 100 % cases[i].cpus));
			assert_non_null(take(taken, MOVABLE, 0));
		}
		normal = count_in(taken, NORMAL_OF(0));
		if (normal < nr * cases[i].least / 100 || normal > nr * cases[i].most / 100)
			fail_msg("case %u: %lu of %u from the smaller zone", i, normal, nr);
		give_back_all(taken);
		world_close();
	}
	world_options();
	world_open(1);
}

static void kernel_requests_have_rounds_of_their_own_zone(void **state)
{
	const unsigned long movable_left = left_of(MOVABLE_OF(0));
	struct taken *taken = taken_by_test(0);

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		assert_non_null(take(taken, GFP_KERNEL, 0));
		assert_ptr_equal(page_zone(taken->pages[i]), NORMAL_OF(0));
		assert_true(left_of(NORMAL_OF(0)) <= share_of(NORMAL_OF(0)));
	}
	assert_int_equal(left_of(MOVABLE_OF(0)), movable_left);
	give_back_all(taken);
}

/* A round that has begun to end must not keep kernel requests from the only zone they have. */
static void a_depleted_zone_is_used_all_the_same_when_no_other_is_left(void **state)
{
	struct taken *taken = taken_by_test(MAX_ORDER - 1);
	struct page *page;

	(void)state;
	while (take(taken, MOVABLE | __GFP_NOWARN, 0))
		;
	zone_flag_set(NORMAL_OF(0), ZONE_FAIR_DEPLETED);
	zone_flag_set(MOVABLE_OF(0), ZONE_FAIR_DEPLETED);
	page = alloc_page(MOVABLE);
	assert_non_null(page);
	__free_page(page);
	assert_silent();
	give_back_all(taken);
}

static void a_full_zone_does_not_hold_up_the_others(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	while (zone_nr_free(NORMAL_OF(0)) > NORMAL_OF(0)->watermark[WMARK_LOW])
		assert_non_null(take(taken, GFP_KERNEL, 0));
	for (unsigned int i = 0; i < 1000; i++) {
		assert_non_null(take(taken, MOVABLE, 0));
		assert_ptr_equal(page_zone(taken->pages[taken->nr - 1]), MOVABLE_OF(0));
	}
	assert_silent();
	give_back_all(taken);
}

static void freeing_gives_no_share_back(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);
	const unsigned long left = left_of(NORMAL_OF(0));

	(void)state;
	assert_int_equal(left, share_of(NORMAL_OF(0)) - 1);
	__free_page(page);
	assert_int_equal(left_of(NORMAL_OF(0)), left);
}

static void a_block_uses_its_pages_of_the_share(void **state)
{
	unsigned long left = share_of(MOVABLE_OF(0));

	(void)state;
	for (unsigned int order = 0; order < 7; order++) {
		struct page *page = alloc_pages(MOVABLE, order);

		assert_ptr_equal(page_zone(page), MOVABLE_OF(0));
		left -= 1UL << order;
		assert_int_equal(left_of(MOVABLE_OF(0)), left);
		__free_pages(page, order);
	}
}

/* A request for one node only leaves the shares alone. */
static void nr_alloc_batch_is_untouched_by_thisnode(void **state)
{
	for (unsigned int late = 0; late < 2; late++) {
		unsigned long normal, movable;

		if (late)
			buddy_start_late();
		normal = left_of(NORMAL_OF(0));
		movable = left_of(MOVABLE_OF(0));
		for (unsigned int order = 0; order < 6; order++) {
			struct taken *taken = taken_by_test(order);

			for (unsigned int i = 0; i < 10; i++) {
				assert_non_null(take(taken, GFP_KERNEL | __GFP_THISNODE, 0));
				assert_non_null(take(taken, MOVABLE | __GFP_THISNODE, 0));
			}
			assert_int_equal(left_of(NORMAL_OF(0)), normal);
			assert_int_equal(left_of(MOVABLE_OF(0)), movable);
			give_back_all(taken);
		}
	}
	(void)state;
}

/* What was taken from a CPU's list counts at once for who asks, and for the zone when the list is filled again. */
static void pages_from_a_cpus_list_count(void **state)
{
	struct taken *taken = taken_by_test(0);
	unsigned long left;

	(void)state;
	buddy_start_late();
	left = left_of(NORMAL_OF(0));
	for (unsigned int i = 1; i <= 20; i++) {
		assert_non_null(take(taken, GFP_KERNEL, 0));
		assert_int_equal(left_of(NORMAL_OF(0)), left - i);
	}
	give_back_all(taken);
	/* The lists are full now: no request needs the zone. */
	for (unsigned int i = 1; i <= 4; i++) {
		assert_non_null(take(taken, i % 2 ? GFP_KERNEL : GFP_KERNEL | __GFP_THISNODE, 0));
		assert_int_equal(left_of(NORMAL_OF(0)), left - 20 - (i + 1) / 2);
	}
	give_back_all(taken);
}

static void thisnode_asks_the_highest_zone_first_whatever_the_shares(void **state)
{
	struct page *page;

	(void)state;
	zone_flag_set(MOVABLE_OF(0), ZONE_FAIR_DEPLETED);
	page = alloc_page(MOVABLE | __GFP_THISNODE);
	assert_ptr_equal(page_zone(page), MOVABLE_OF(0));
	__free_page(page);
	page = alloc_page(MOVABLE);
	assert_ptr_equal(page_zone(page), NORMAL_OF(0));
	__free_page(page);
}

/* Fairness is no reason to go to another node. */
static void shares_that_are_used_up_do_not_lead_to_another_node(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	fake_nodes(2);
	buddy_options.min_free_kbytes = 4 * 400;
	buddy_options.movable = 8 * PAGEBLOCK_SIZE;
	world_open_per_cpu(16, 2);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_non_null(take(taken, MOVABLE, 0));
		assert_int_equal(page_to_nid(taken->pages[i]), 0);
	}
	assert_true(count_in(taken, NORMAL_OF(0)) > 200);
	assert_true(count_in(taken, MOVABLE_OF(0)) > 200);
	give_back_all(taken);
}

static void a_node_with_one_zone_has_nothing_to_share(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	fake_nodes(2);
	buddy_options.min_free_kbytes = 4 * 400;
	world_open_per_cpu(8, 2);
	assert_false(buddy_fair_zones);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_non_null(take(taken, MOVABLE, 0));
		assert_int_equal(page_to_nid(taken->pages[i]), 0);
	}
	give_back_all(taken);
}

int main(void)
{
#define FAIR(name) cmocka_unit_test_setup_teardown(name, setup_fair, world_end)
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_reset, world_end)
	const struct CMUnitTest tests[] = {
		FAIR(a_share_is_the_distance_of_the_high_mark_from_the_low_one),
		FAIR(zones_take_turns_each_for_its_share),
		TEST(movable_pages_are_spread_in_proportion),
		FAIR(kernel_requests_have_rounds_of_their_own_zone),
		FAIR(a_depleted_zone_is_used_all_the_same_when_no_other_is_left),
		FAIR(a_full_zone_does_not_hold_up_the_others),
		FAIR(freeing_gives_no_share_back),
		FAIR(a_block_uses_its_pages_of_the_share),
		FAIR(nr_alloc_batch_is_untouched_by_thisnode),
		FAIR(pages_from_a_cpus_list_count),
		FAIR(thisnode_asks_the_highest_zone_first_whatever_the_shares),
		TEST(shares_that_are_used_up_do_not_lead_to_another_node),
		TEST(a_node_with_one_zone_has_nothing_to_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
