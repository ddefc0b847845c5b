/* SPDX-License-Identifier: MIT
 * isolate_test.c - isolated pageblocks: their free pages are handed out to nobody and counted nowhere, and all of it is as it
 * was when the isolation ends.
 */
#include <errno.h>
#include <string.h>

#include "support/pages_world.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)

static unsigned long busy;

static int isolate(unsigned long start, unsigned long end)
{
	return start_isolate_page_range(&kmm_zone, start, end, MIGRATE_MOVABLE, 0, GFP_KERNEL, &busy);
}

static enum migratetype type_of(unsigned long pfn)
{
	return pageblock_type(arena_pfn_to_page(pfn));
}

/* Two pageblocks: the first one is isolated. */
static void free_pages_of_an_isolated_block_are_not_handed_out(void **state)
{
	struct page *page;

	(void)state;
	assert_int_equal(isolate(0, 1024), 0);
	assert_int_equal(type_of(0), MIGRATE_ISOLATE);
	assert_int_equal(kmm_zone.nr_isolate_pageblock, 1);
	assert_int_equal(nr_free_pages(), 1024);
	kmm_validate_pages();
	page = alloc_pages(GFP_KERNEL, 10);
	assert_int_equal(arena_page_to_pfn(page), 1024);
	assert_null(alloc_page(MOVABLE | __GFP_NOWARN));
	undo_isolate_page_range(&kmm_zone, 0, 1024);
	assert_int_equal(kmm_zone.nr_isolate_pageblock, 0);
	assert_int_equal(type_of(0), MIGRATE_MOVABLE);
	assert_int_equal(nr_free_pages(), 1024);
	__free_pages(page, 10);
	assert_silent();
}

static int move_nothing(unsigned long start, unsigned long end, gfp_t gfp)
{
	(void)start;
	(void)end;
	(void)gfp;
	return -EBUSY;
}

/* Pages may be in use in a block that is isolated, where they can be asked to move. */
static void a_page_freed_into_an_isolated_block_stays_there(void **state)
{
	struct page *page = alloc_page(MOVABLE);

	(void)state;
	reclaim_ops.migrate_range = move_nothing;
	assert_int_equal(isolate(0, 1024), 0);
	assert_int_equal(nr_free_pages(), 1024);
	assert_int_equal(lock_isolated_range(&kmm_zone, 0, 1024, GFP_KERNEL, &busy), -EBUSY);
	assert_int_equal(busy, arena_page_to_pfn(page));
	__free_page(page);
	assert_int_equal(nr_free_pages(), 1024);
	kmm_validate_pages();
	assert_int_equal(lock_isolated_range(&kmm_zone, 0, 1024, GFP_KERNEL, &busy), 0);
	kmm_unlock(&kmm_zone.lock);
	assert_int_equal(blocks_listed(10, MIGRATE_ISOLATE), 1);
	undo_isolate_page_range(&kmm_zone, 0, 1024);
	reclaim_ops.migrate_range = NULL;
	assert_int_equal(nr_free_pages(), 2048);
}

static void a_page_in_use_that_cannot_move_refuses_the_isolation(void **state)
{
	struct page *first = alloc_pages(MOVABLE, 10), *page = alloc_page(MOVABLE);

	(void)state;
	__free_pages(first, 10);
	assert_int_equal(arena_page_to_pfn(page), 1024);
	assert_int_equal(isolate(0, 2048), -EBUSY);
	assert_int_equal(busy, 1024);
	assert_int_equal(kmm_zone.nr_isolate_pageblock, 0);
	assert_int_equal(type_of(0), MIGRATE_MOVABLE);
	assert_int_equal(nr_free_pages(), 2047);
	kmm_validate_pages();
	/* Only what was asked for counts. */
	assert_int_equal(isolate(1025, 2048), 0);
	undo_isolate_page_range(&kmm_zone, 1025, 2048);
	__free_page(page);
}

static void a_second_isolator_is_turned_away_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(isolate(1024, 2048), 0);
	assert_int_equal(isolate(0, 2048), -EBUSY);
	assert_int_equal(type_of(0), MIGRATE_MOVABLE);
	assert_int_equal(type_of(1024), MIGRATE_ISOLATE);
	assert_int_equal(nr_free_pages(), 1024);
	kmm_validate_pages();
	undo_isolate_page_range(&kmm_zone, 1024, 2048);
	assert_int_equal(nr_free_pages(), 2048);
}

static void set_type(unsigned long pfn, enum migratetype type)
{
	kmm_lock(&kmm_zone.lock);
	pageblock_move_free(&kmm_zone, arena_pfn_to_page(pfn), type);
	kmm_unlock(&kmm_zone.lock);
}

static void each_block_gets_its_old_type_back(void **state)
{
	static const enum migratetype types[] = { MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_RESERVE };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		set_type(0, types[i]);
		assert_int_equal(isolate(0, 2048), 0);
		assert_int_equal(kmm_zone.nr_reserved_highatomic, 0);
		assert_int_equal(kmm_zone.nr_free_highatomic, 0);
		kmm_validate_pages();
		undo_isolate_page_range(&kmm_zone, 0, 2048);
		assert_int_equal(type_of(0), types[i]);
		assert_int_equal(type_of(1024), MIGRATE_MOVABLE);
		assert_int_equal(nr_free_pages(), 2048);
		kmm_validate_pages();
	}
	assert_int_equal(kmm_zone.nr_reserved_highatomic, 1024);
	assert_int_equal(kmm_zone.nr_free_highatomic, 1024);
}

static void a_guard_is_no_free_page_and_ends_inside(void **state)
{
	struct page *page;

	(void)state;
	buddy_options.guard_minorder = 2;
	page = alloc_page(MOVABLE);
	assert_true(kmm_zone.nr_guard > 0);
	reclaim_ops.migrate_range = move_nothing;
	assert_int_equal(isolate(0, 1024), 0);
	kmm_validate_pages();
	__free_page(page);
	assert_int_equal(kmm_zone.nr_guard, 0);
	assert_int_equal(nr_free_pages(), 1024);
	kmm_validate_pages();
	undo_isolate_page_range(&kmm_zone, 0, 1024);
	reclaim_ops.migrate_range = NULL;
	assert_int_equal(nr_free_pages(), 2048);
}

static unsigned int nr_moves;

static int move_fails_for_memory(unsigned long start, unsigned long end, gfp_t gfp)
{
	(void)start;
	(void)end;
	(void)gfp;
	nr_moves++;
	return -ENOMEM;
}

static void moving_is_tried_again_unless_memory_is_short(void **state)
{
	struct page *page = alloc_page(MOVABLE);

	(void)state;
	reclaim_ops.migrate_range = move_fails_for_memory;
	nr_moves = 0;
	assert_int_equal(isolate(0, 1024), 0);
	assert_int_equal(lock_isolated_range(&kmm_zone, 0, 1024, GFP_KERNEL, &busy), -ENOMEM);
	assert_int_equal(nr_moves, 1);
	/* Who may not wait does not ask. */
	assert_int_equal(lock_isolated_range(&kmm_zone, 0, 1024, GFP_NOWAIT, &busy), -EBUSY);
	assert_int_equal(nr_moves, 1);
	undo_isolate_page_range(&kmm_zone, 0, 1024);
	reclaim_ops.migrate_range = NULL;
	__free_page(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_two_blocks, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(free_pages_of_an_isolated_block_are_not_handed_out),
		TEST(a_page_freed_into_an_isolated_block_stays_there),
		TEST(a_page_in_use_that_cannot_move_refuses_the_isolation),
		TEST(a_second_isolator_is_turned_away_and_changes_nothing),
		TEST(each_block_gets_its_old_type_back),
		TEST(a_guard_is_no_free_page_and_ends_inside),
		TEST(moving_is_tried_again_unless_memory_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
