/* SPDX-License-Identifier: MIT
 * free_area_test.c - split and merge on a zone of its own, whose blocks are those of a real page array.
 */
#include "support/pages_world.h"

static struct zone zone;

static int setup(void **state)
{
	(void)state;
	capture_start();
	if (arena_start(2 * PAGEBLOCK_SIZE))
		return -1;
	free_area_init(&zone);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_stop(false);
	capture_stop();
	return 0;
}

static struct page *page(unsigned long pfn)
{
	return arena_pfn_to_page(pfn);
}

static void add(unsigned long pfn, unsigned int order)
{
	free_area_merge(&zone, page(pfn), order, MIGRATE_MOVABLE, false);
}

static unsigned long total(void)
{
	unsigned long nr = 0;

	for (unsigned int order = 0; order < MAX_ORDER; order++)
		nr += zone.free_area[order].nr_free << order;
	return nr;
}

static void an_empty_zone_has_nothing(void **state)
{
	bool reported;

	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		assert_null(free_area_take(&zone, order, MIGRATE_MOVABLE, &reported));
		assert_null(free_area_first(&zone, order, MIGRATE_MOVABLE));
		assert_int_equal(zone.free_area[order].nr_free, 0);
	}
}

static void a_page_in_the_buddy_at_order_4(void **state)
{
	(void)state;
	add(16, 4);
	assert_true(PageBuddy(page(16)));
	assert_int_equal(page(16)->private, 4);
	assert_int_equal(page_mapcount(page(16)), -129); /* the mapcount field, with the bit of the buddy cleared */
	assert_int_equal(page_refcount(page(16)), 0);
	for (unsigned long pfn = 17; pfn < 32; pfn++)
		assert_false(PageBuddy(page(pfn)));
	assert_ptr_equal(free_area_first(&zone, 4, MIGRATE_MOVABLE), page(16));
}

static void a_split_puts_back_one_half_of_each_order(void **state)
{
	bool reported;

	(void)state;
	add(0, 10);
	assert_ptr_equal(free_area_take(&zone, 3, MIGRATE_MOVABLE, &reported), page(0));
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		assert_int_equal(zone.free_area[order].nr_free, order >= 3 && order < 10);
	for (unsigned int order = 3; order < 10; order++)
		assert_ptr_equal(free_area_first(&zone, order, MIGRATE_MOVABLE), page(1UL << order));
	assert_false(PageBuddy(page(0)));
	assert_int_equal(page(0)->private, 0);
}

static void the_smallest_block_that_fits_is_taken(void **state)
{
	bool reported;

	(void)state;
	add(0, 6);
	add(128, 3);
	add(256, 4);
	assert_ptr_equal(free_area_take(&zone, 3, MIGRATE_MOVABLE, &reported), page(128));
	assert_ptr_equal(free_area_take(&zone, 3, MIGRATE_MOVABLE, &reported), page(256));
	assert_int_equal(zone.free_area[6].nr_free, 1);
}

static void buddies_merge_as_far_as_they_are_free(void **state)
{
	(void)state;
	add(0, 0);
	add(2, 1);
	add(8, 3);
	add(4, 2);
	assert_int_equal(zone.free_area[3].nr_free, 1); /* 8-15 */
	assert_int_equal(zone.free_area[2].nr_free, 1); /* 4-7 */
	assert_int_equal(total(), 15);
	add(1, 0); /* the gap */
	assert_int_equal(zone.free_area[4].nr_free, 1);
	assert_int_equal(total(), 16);
	assert_int_equal(page(0)->private, 4);
	for (unsigned long pfn = 1; pfn < 16; pfn++)
		assert_false(PageBuddy(page(pfn)));
}

static void neighbours_that_are_no_buddies_stay_apart(void **state)
{
	(void)state;
	add(1, 0);
	add(2, 0);
	assert_int_equal(zone.free_area[0].nr_free, 2);
	add(16, 3);
	add(8, 3);
	assert_int_equal(zone.free_area[3].nr_free, 2);
	assert_int_equal(zone.free_area[4].nr_free, 0);
}

static void blocks_of_the_largest_order_do_not_merge(void **state)
{
	(void)state;
	add(0, 10);
	add(1024, 10);
	assert_int_equal(zone.free_area[10].nr_free, 2);
}

static void everything_taken_page_by_page_comes_back_as_one_block(void **state)
{
	struct page *taken[1024];
	bool reported;

	(void)state;
	add(0, 10);
	for (unsigned int i = 0; i < 1024; i++) {
		taken[i] = free_area_take(&zone, 0, MIGRATE_MOVABLE, &reported);
		assert_ptr_equal(taken[i], page(i)); /* low halves first, so in address order */
	}
	assert_int_equal(total(), 0);
	for (unsigned int i = 0; i < 1024; i++)
		add(arena_page_to_pfn(taken[(i * 389) % 1024]), 0);
	assert_int_equal(zone.free_area[10].nr_free, 1);
	assert_int_equal(total(), 1024);
}

static void reported_survives_a_split_but_only_a_merge_of_two(void **state)
{
	bool reported = false;

	(void)state;
	free_area_merge(&zone, page(0), 2, MIGRATE_MOVABLE, true);
	assert_true(page_flag_test(page(0), PG_reported));
	free_area_take(&zone, 0, MIGRATE_MOVABLE, &reported);
	assert_true(reported);
	assert_true(page_flag_test(page(1), PG_reported));
	assert_true(page_flag_test(page(2), PG_reported));
	free_area_merge(&zone, page(0), 0, MIGRATE_MOVABLE, true);
	assert_true(page_flag_test(page(0), PG_reported));
	free_area_take(&zone, 0, MIGRATE_MOVABLE, &reported);
	free_area_merge(&zone, page(0), 0, MIGRATE_MOVABLE, false);
	assert_false(page_flag_test(page(0), PG_reported));
	assert_int_equal(page(0)->private, 2);
	/* One of two is not enough, whichever comes first. */
	for (unsigned int i = 0; i < 2; i++) {
		free_area_merge(&zone, page(16 + 2 * i), 0, MIGRATE_MOVABLE, i);
		free_area_merge(&zone, page(17 + 2 * i), 0, MIGRATE_MOVABLE, !i);
		assert_false(page_flag_test(page(16), PG_reported));
	}
	assert_int_equal(page(16)->private, 2);
	free_area_merge(&zone, page(32), 0, MIGRATE_MOVABLE, true);
	free_area_merge(&zone, page(33), 0, MIGRATE_MOVABLE, true);
	assert_true(page_flag_test(page(32), PG_reported));
}

static void blocks_with_memory_are_used_before_reported_ones(void **state)
{
	bool reported;

	(void)state;
	free_area_merge(&zone, page(0), 3, MIGRATE_MOVABLE, true);
	free_area_merge(&zone, page(16), 3, MIGRATE_MOVABLE, false);
	free_area_merge(&zone, page(32), 3, MIGRATE_MOVABLE, true);
	assert_ptr_equal(free_area_take(&zone, 3, MIGRATE_MOVABLE, &reported), page(16));
	assert_false(reported);
}

/* A block whose free would complete the next larger one is kept for last. */
static void a_block_about_to_merge_goes_to_the_tail(void **state)
{
	(void)state;
	add(128, 0);
	add(2, 1);
	add(0, 0); /* 1 is in use; 2-3 are free already */
	assert_ptr_equal(free_area_first(&zone, 0, MIGRATE_MOVABLE), page(128));
	add(256, 0);
	assert_ptr_equal(free_area_first(&zone, 0, MIGRATE_MOVABLE), page(256));
}

static void types_have_lists_of_their_own(void **state)
{
	bool reported;

	(void)state;
	free_area_add(&zone, page(0), 0, MIGRATE_UNMOVABLE, false);
	page_set_buddy(page(0), 0, false);
	assert_null(free_area_take(&zone, 0, MIGRATE_MOVABLE, &reported));
	free_area_move(&zone, page(0), 0, MIGRATE_MOVABLE);
	assert_null(free_area_take(&zone, 0, MIGRATE_UNMOVABLE, &reported));
	assert_ptr_equal(free_area_take(&zone, 0, MIGRATE_MOVABLE, &reported), page(0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_zone_has_nothing),
		TEST(a_page_in_the_buddy_at_order_4),
		TEST(a_split_puts_back_one_half_of_each_order),
		TEST(the_smallest_block_that_fits_is_taken),
		TEST(buddies_merge_as_far_as_they_are_free),
		TEST(neighbours_that_are_no_buddies_stay_apart),
		TEST(blocks_of_the_largest_order_do_not_merge),
		TEST(everything_taken_page_by_page_comes_back_as_one_block),
		TEST(reported_survives_a_split_but_only_a_merge_of_two),
		TEST(blocks_with_memory_are_used_before_reported_ones),
		TEST(a_block_about_to_merge_goes_to_the_tail),
		TEST(types_have_lists_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
