/* SPDX-License-Identifier: MIT
 * zone_test.c - the start of the zone, its growth, its counters.
 */
#include <errno.h>

#include "support/pages_world.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)

static int setup_nothing(void **state)
{
	(void)state;
	capture_start();
	return 0;
}

static int teardown_nothing(void **state)
{
	(void)state;
	capture_stop();
	return 0;
}

static void there_is_no_zone_without_an_arena(void **state)
{
	(void)state;
	assert_int_equal(buddy_start(), -ENOMEM);
	assert_int_equal(nr_free_pages(), 0);
	assert_int_equal(totalram_pages(), 0);
	kmm_validate_pages();
}

static void the_counters_after_the_start(void **state)
{
	(void)state;
	assert_int_equal(totalram_pages(), 2 * PAGES_PER_SECTION);
	assert_int_equal(nr_free_pages(), 2 * PAGES_PER_SECTION);
	assert_int_equal(buddy_nr_free(), PAGES_PER_SECTION);
	assert_int_equal(buddy_nr_offline(), PAGES_PER_SECTION);
	assert_int_equal(zone_managed_pages(&kmm_zone), 2 * PAGES_PER_SECTION);
	assert_int_equal(kmm_zone.nr_reserved, 0);
	assert_int_equal(blocks_listed(10, MIGRATE_MOVABLE), PAGES_PER_SECTION / pageblock_nr_pages);
	kmm_validate_pages();
}

static void every_page_starts_blank(void **state)
{
	(void)state;
	for (unsigned long pfn = 0; pfn < kmm_arena.nr_online; pfn++) {
		struct page *page = arena_pfn_to_page(pfn);

		assert_int_equal(page_refcount(page), 0);
		if (pfn % pageblock_nr_pages)
			assert_int_equal(page_mapcount(page), -1);
		else
			assert_true(PageBuddy(page));
	}
}

static void the_zone_grows_when_its_lists_are_empty(void **state)
{
	const unsigned long nr = 2 * PAGES_PER_SECTION / pageblock_nr_pages;
	struct page *blocks[16];

	(void)state;
	assert_true(nr <= ARRAY_SIZE(blocks));
	for (unsigned int i = 0; i < nr; i++) {
		blocks[i] = alloc_pages(MOVABLE, 10);
		assert_non_null(blocks[i]);
		assert_int_equal(arena_page_to_pfn(blocks[i]), i * pageblock_nr_pages);
		assert_int_equal(nr_free_pages(), (nr - i - 1) * pageblock_nr_pages);
	}
	assert_int_equal(kmm_arena.nr_online, kmm_arena.nr_pages);
	assert_null(alloc_pages(MOVABLE | __GFP_NOWARN, 0));
	for (unsigned int i = 0; i < nr; i++)
		__free_pages(blocks[i], 10);
	/* The same as at the start, though the zone is larger. */
	assert_int_equal(nr_free_pages(), 2 * PAGES_PER_SECTION);
	assert_int_equal(buddy_nr_free(), 2 * PAGES_PER_SECTION);
}

/* Free: single MOVABLE pages only. An UNMOVABLE request gets a block of its own from a new section. */
static void the_zone_grows_before_pageblocks_get_mixed(void **state)
{
	struct page *pages[PAGES_PER_SECTION], *page;

	(void)state;
	for (unsigned int i = 0; i < PAGES_PER_SECTION; i++)
		pages[i] = alloc_page(MOVABLE);
	for (unsigned int i = 0; i < PAGES_PER_SECTION; i += 2)
		__free_page(pages[i]);
	assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	page = alloc_page(GFP_KERNEL);
	assert_int_equal(arena_page_to_pfn(page), PAGES_PER_SECTION);
	assert_int_equal(pageblock_type(page), MIGRATE_UNMOVABLE);
	__free_page(page);
	for (unsigned int i = 1; i < PAGES_PER_SECTION; i += 2)
		__free_page(pages[i]);
}

/* A whole free pageblock of another type is as pure as a new one, and it is there already. */
static void a_free_pageblock_is_taken_before_the_zone_grows(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	assert_int_equal(pageblock_type(page), MIGRATE_UNMOVABLE);
	__free_page(page);
}

/* The system refuses the next section at each of its steps: the request gets another type's page, and the next one
 * that needs it gets the section. */
static void a_refused_section_means_mixing(void **state)
{
	const unsigned int nr = PAGES_PER_SECTION / pageblock_nr_pages;
	struct page *blocks[16], *page;

	(void)state;
	for (unsigned int i = 0; i < 2 * nr - 1; i++)
		blocks[i] = alloc_pages(MOVABLE, 9);
	for (unsigned int step = 1; step <= 3; step++) {
		os_inject_failure(step);
		page = alloc_page(GFP_KERNEL);
		assert_int_equal(os_calls(), step);
		os_inject_failure(0);
		assert_non_null(page);
		assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
		assert_int_equal(arena_page_to_pfn(page) >> pageblock_order, nr - 1);
		kmm_validate_pages();
		__free_page(page);
		/* Half of the pageblock was free, so it was claimed; back for the next step. */
		kmm_lock(&kmm_zone.lock);
		pageblock_move_free(&kmm_zone, page, MIGRATE_MOVABLE);
		pageblock_set_type(page, MIGRATE_MOVABLE);
		kmm_unlock(&kmm_zone.lock);
	}
	page = alloc_page(GFP_KERNEL);
	assert_int_equal(kmm_arena.nr_online, 2 * PAGES_PER_SECTION);
	__free_page(page);
	for (unsigned int i = 0; i < 2 * nr - 1; i++)
		__free_pages(blocks[i], 9);
}

/* Nothing is free: the request tries once more before it fails. */
static void one_refused_section_is_overcome(void **state)
{
	const unsigned int nr = PAGES_PER_SECTION / pageblock_nr_pages;
	struct page *blocks[16], *page;

	(void)state;
	for (unsigned int i = 0; i < nr; i++)
		blocks[i] = alloc_pages(MOVABLE, 10);
	os_inject_failure(1);
	page = alloc_page(MOVABLE);
	assert_true(os_calls() > 1);
	os_inject_failure(0);
	assert_non_null(page);
	assert_silent();
	__free_page(page);
	for (unsigned int i = 0; i < nr; i++)
		__free_pages(blocks[i], 10);
}

static void a_stopped_zone_is_empty_and_can_start_again(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	(void)state;
	assert_non_null(page);
	buddy_stop();
	assert_int_equal(buddy_nr_free(), 0);
	kmm_validate_pages();
	arena_stop(false);
	assert_int_equal(arena_start(SECTION_SIZE), 0);
	assert_int_equal(buddy_start(), 0);
	assert_int_equal(buddy_nr_free(), PAGES_PER_SECTION);
}

static void ranges_are_freed_in_the_largest_aligned_blocks(void **state)
{
	(void)state;
	/* 3 .. 1024: 3, 4-7, 8-15 and so on; nothing of order 1. */
	memblock_alloc(3 * PAGE_SIZE, 1);
	assert_int_equal(buddy_start(), 0);
	for (unsigned int order = 0; order < 10; order++)
		assert_int_equal(kmm_zone.free_area[order].nr_free, order != 1);
	assert_int_equal(kmm_zone.free_area[10].nr_free, 0);
	assert_int_equal(nr_free_pages(), 1021);
	assert_int_equal(totalram_pages(), 1024);
}

static int setup_arena_only(void **state)
{
	(void)state;
	capture_start();
	return arena_start(PAGEBLOCK_SIZE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_two_sections, teardown_pages)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_is_no_zone_without_an_arena, setup_nothing, teardown_nothing),
		TEST(the_counters_after_the_start),
		TEST(every_page_starts_blank),
		TEST(the_zone_grows_when_its_lists_are_empty),
		TEST(the_zone_grows_before_pageblocks_get_mixed),
		TEST(a_free_pageblock_is_taken_before_the_zone_grows),
		TEST(a_refused_section_means_mixing),
		TEST(one_refused_section_is_overcome),
		TEST(a_stopped_zone_is_empty_and_can_start_again),
		cmocka_unit_test_setup_teardown(ranges_are_freed_in_the_largest_aligned_blocks, setup_arena_only,
						teardown_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
