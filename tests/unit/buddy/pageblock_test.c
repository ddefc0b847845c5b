/* SPDX-License-Identifier: MIT
 * pageblock_test.c - grouping by mobility: who falls back to whom, when a pageblock changes hands, and that free pages
 * are always on the list of their block's type.
 */
#include "support/pages_world.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)

/* Takes the whole one-pageblock world as order-5 blocks for MOVABLE use and gives every second one back, @nr in all: what
 * is free is @nr order-5 blocks that cannot merge. The rest stays in @blocks, NULL where free. */
static void leave_free_order_5_blocks(struct page *blocks[32], unsigned int nr)
{
	for (unsigned int i = 0; i < 32; i++) {
		blocks[i] = alloc_pages(MOVABLE, 5);
		assert_non_null(blocks[i]);
	}
	assert_int_equal(buddy_nr_free(), 0);
	assert_true(nr <= 16);
	for (unsigned int i = 0; i < nr; i++) {
		__free_pages(blocks[2 * i], 5);
		blocks[2 * i] = NULL;
	}
}

static void free_order_5_blocks(struct page *blocks[32])
{
	for (unsigned int i = 0; i < 32; i++)
		if (blocks[i])
			__free_pages(blocks[i], 5);
}

static void all_memory_starts_movable(void **state)
{
	(void)state;
	assert_int_equal(pageblock_type(arena_pfn_to_page(0)), MIGRATE_MOVABLE);
	assert_int_equal(pageblock_type(arena_pfn_to_page(pageblock_nr_pages - 1)), MIGRATE_MOVABLE);
	assert_int_equal(blocks_listed(10, MIGRATE_MOVABLE), 1);
}

static void fallback_order_of_unmovable(void **state)
{
	(void)state;
	assert_int_equal(pageblock_fallback(MIGRATE_UNMOVABLE, 0), MIGRATE_RECLAIMABLE);
	assert_int_equal(pageblock_fallback(MIGRATE_UNMOVABLE, 1), MIGRATE_MOVABLE);
	assert_int_equal(pageblock_fallback(MIGRATE_UNMOVABLE, 2), MIGRATE_RESERVE);
}

static void fallback_order_of_the_other_types(void **state)
{
	static const enum migratetype expected[][3] = {
		[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE },
		[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, MIGRATE_RESERVE },
		[MIGRATE_RESERVE] = { MIGRATE_RESERVE, MIGRATE_RESERVE, MIGRATE_RESERVE },
		[MIGRATE_CMA] = { MIGRATE_RESERVE, MIGRATE_RESERVE, MIGRATE_RESERVE },
		[MIGRATE_ISOLATE] = { MIGRATE_RESERVE, MIGRATE_RESERVE, MIGRATE_RESERVE },
	};

	(void)state;
	for (unsigned int type = MIGRATE_RECLAIMABLE; type < MIGRATE_TYPES; type++)
		for (unsigned int i = 0; i < 4; i++)
			assert_int_equal(pageblock_fallback((enum migratetype)type, i),
					 i < 3 ? expected[type][i] : MIGRATE_RESERVE);
}

static void gfp_flags_choose_the_type(void **state)
{
	(void)state;
	assert_int_equal(MIGRATE_UNMOVABLE, 0);
	assert_int_equal(MIGRATE_RECLAIMABLE, 1);
	assert_int_equal(MIGRATE_MOVABLE, 2);
	assert_int_equal(MIGRATE_RESERVE, 3);
	assert_int_equal(gfp_migratetype(GFP_KERNEL), MIGRATE_UNMOVABLE);
	assert_int_equal(gfp_migratetype(GFP_KERNEL | __GFP_RECLAIMABLE), MIGRATE_RECLAIMABLE);
	assert_int_equal(gfp_migratetype(GFP_HIGHUSER_MOVABLE), MIGRATE_MOVABLE);
}

static void every_type_can_be_set_and_read(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < MIGRATE_TYPES; type++) {
		pageblock_set_type(arena_pfn_to_page(5), (enum migratetype)type);
		assert_int_equal(pageblock_type(arena_pfn_to_page(1023)), type);
		assert_int_equal(pageblock_type(arena_pfn_to_page(1024)), MIGRATE_MOVABLE);
	}
	pageblock_set_type(arena_pfn_to_page(0), MIGRATE_MOVABLE);
}

/* An UNMOVABLE order-0 request met by a MOVABLE order-5 block, 512 pages of the pageblock free, the block included. */
static void order_5_block_of_a_half_free_pageblock_is_claimed(void **state)
{
	struct page *blocks[32], *page;

	(void)state;
	leave_free_order_5_blocks(blocks, 16);
	assert_int_equal(buddy_nr_free(), 512);
	assert_int_equal(blocks_listed(5, MIGRATE_MOVABLE), 16);

	page = alloc_page(GFP_KERNEL);

	assert_non_null(page);
	assert_int_equal(pageblock_type(page), MIGRATE_UNMOVABLE);
	for (unsigned int order = 0; order < 5; order++) {
		assert_int_equal(blocks_listed(order, MIGRATE_UNMOVABLE), 1);
		assert_int_equal(kmm_zone.free_area[order].nr_free, 1);
	}
	/* The block's other free pages move too. */
	assert_int_equal(blocks_listed(5, MIGRATE_UNMOVABLE), 15);
	assert_int_equal(blocks_listed(5, MIGRATE_MOVABLE), 0);
	kmm_validate_pages();
	__free_page(page);
	free_order_5_blocks(blocks);
	assert_int_equal(blocks_listed(10, MIGRATE_UNMOVABLE), 1);
}

/* The same with one order-5 block less: 480 pages free. */
static void order_5_block_of_a_fuller_pageblock_only_lends_one_page(void **state)
{
	struct page *blocks[32], *page;

	(void)state;
	leave_free_order_5_blocks(blocks, 15);
	assert_int_equal(buddy_nr_free(), 480);

	page = alloc_page(GFP_KERNEL);

	assert_non_null(page);
	assert_int_equal(pageblock_type(page), MIGRATE_MOVABLE);
	for (unsigned int order = 0; order < 5; order++) {
		assert_int_equal(blocks_listed(order, MIGRATE_MOVABLE), 1);
		assert_int_equal(kmm_zone.free_area[order].nr_free, 1);
	}
	assert_int_equal(blocks_listed(5, MIGRATE_MOVABLE), 14);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		assert_int_equal(blocks_listed(order, MIGRATE_UNMOVABLE), 0);
	assert_int_equal(buddy_nr_free(), 479);
	kmm_validate_pages();
	/* The page goes back to the list of its block's type, whoever borrowed it. */
	__free_page(page);
	assert_int_equal(blocks_listed(5, MIGRATE_MOVABLE), 15);
	free_order_5_blocks(blocks);
	assert_int_equal(blocks_listed(10, MIGRATE_MOVABLE), 1);
}

static void block_of_order_10_taken_by_another_type_changes_the_whole_pageblock(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_non_null(page);
	assert_int_equal(pageblock_type(page), MIGRATE_UNMOVABLE);
	assert_int_equal(pageblock_type(arena_pfn_to_page(1023)), MIGRATE_UNMOVABLE);
	for (unsigned int order = 0; order < 10; order++)
		assert_int_equal(blocks_listed(order, MIGRATE_UNMOVABLE), 1);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		assert_int_equal(blocks_listed(order, MIGRATE_MOVABLE), 0);
	__free_page(page);
}

/* Below order 5 nothing is claimed, however much is free: the pages are too small to tell a trend. */
static void small_blocks_are_borrowed_and_never_claimed(void **state)
{
	struct page *pages[1024], *page;

	(void)state;
	for (unsigned int i = 0; i < 1024; i++)
		pages[i] = alloc_page(MOVABLE);
	for (unsigned int i = 0; i < 1024; i += 2)
		__free_page(pages[i]);
	assert_int_equal(kmm_zone.free_area[0].nr_free, 512);
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	assert_int_equal(pageblock_type(page), MIGRATE_MOVABLE);
	assert_int_equal(blocks_listed(0, MIGRATE_MOVABLE), 511);
	__free_page(page);
	for (unsigned int i = 1; i < 1024; i += 2)
		__free_page(pages[i]);
}

/* RECLAIMABLE comes in bursts, so it may claim from a block of any order. */
static void reclaimable_claims_from_small_blocks_too(void **state)
{
	struct page *pages[1024], *page;

	(void)state;
	for (unsigned int i = 0; i < 1024; i++)
		pages[i] = alloc_page(MOVABLE);
	for (unsigned int i = 0; i < 1024; i += 2)
		__free_page(pages[i]);
	page = alloc_page(GFP_KERNEL | __GFP_RECLAIMABLE);
	assert_non_null(page);
	assert_int_equal(pageblock_type(page), MIGRATE_RECLAIMABLE);
	assert_int_equal(blocks_listed(0, MIGRATE_RECLAIMABLE), 511);
	assert_int_equal(blocks_listed(0, MIGRATE_MOVABLE), 0);
	__free_page(page);
	for (unsigned int i = 1; i < 1024; i += 2)
		__free_page(pages[i]);
}

static void unmovable_takes_reclaimable_before_movable(void **state)
{
	struct page *reclaimable = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 10), *page;

	(void)state;
	assert_int_equal(pageblock_type(reclaimable), MIGRATE_RECLAIMABLE);
	__free_pages(reclaimable, 10);
	assert_int_equal(blocks_listed(10, MIGRATE_RECLAIMABLE), 1);
	assert_int_equal(blocks_listed(10, MIGRATE_MOVABLE), 1);
	page = alloc_page(GFP_KERNEL);
	assert_true(page >= reclaimable && page < reclaimable + pageblock_nr_pages);
	assert_int_equal(pageblock_type(page), MIGRATE_UNMOVABLE);
	__free_page(page);
}

/* The order counts first: a larger block of the second choice comes before a smaller one of the first. */
static void the_largest_block_of_any_type_is_taken_first(void **state)
{
	struct page *reclaimable[2], *movable, *page;

	(void)state;
	reclaimable[0] = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 9);
	reclaimable[1] = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 8);
	movable = alloc_pages(MOVABLE, 9);
	assert_int_equal(blocks_listed(8, MIGRATE_RECLAIMABLE), 1);
	assert_int_equal(blocks_listed(9, MIGRATE_MOVABLE), 1);
	page = alloc_pages(GFP_KERNEL, 8);
	assert_int_equal(blocks_listed(8, MIGRATE_RECLAIMABLE), 1);
	assert_int_equal(arena_page_to_pfn(page) >> pageblock_order, arena_page_to_pfn(movable) >> pageblock_order);
	__free_pages(page, 8);
	__free_pages(movable, 9);
	__free_pages(reclaimable[0], 9);
	__free_pages(reclaimable[1], 8);
}

static void the_reserve_is_the_last_resort_of_every_type(void **state)
{
	static const gfp_t gfp[] = { GFP_KERNEL, GFP_KERNEL | __GFP_RECLAIMABLE, MOVABLE };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(gfp); i++) {
		struct page *movable, *page;

		reserve_highatomic_pageblock(&kmm_zone, arena_pfn_to_page(0));
		assert_int_equal(blocks_listed(10, MIGRATE_RESERVE), 1);
		movable = alloc_pages(MOVABLE, 10);
		assert_int_equal(pageblock_type(movable), MIGRATE_MOVABLE);
		assert_int_equal(blocks_listed(10, MIGRATE_RESERVE), 1);
		/* Nothing else is left. A reserve that would make a request fail is none. */
		page = alloc_page(gfp[i]);
		assert_non_null(page);
		assert_int_equal(arena_page_to_pfn(page) >> pageblock_order, 0);
		assert_int_equal(pageblock_type(page), gfp_migratetype(gfp[i]));
		assert_int_equal(kmm_zone.nr_reserved_highatomic, 0);
		__free_page(page);
		__free_pages(movable, 10);
		kmm_validate_pages();
	}
}

static void free_pages_of_a_block_are_counted_whatever_they_look_like(void **state)
{
	struct page *pages[4];

	(void)state;
	assert_int_equal(pageblock_nr_free(arena_pfn_to_page(500)), 1024);
	for (unsigned int i = 0; i < 4; i++)
		pages[i] = alloc_pages(MOVABLE, i);
	assert_int_equal(pageblock_nr_free(pages[0]), 1024 - 15);
	kmm_lock(&kmm_zone.lock);
	assert_int_equal(pageblock_move_free(&kmm_zone, pages[0], MIGRATE_UNMOVABLE), 1024 - 15);
	kmm_unlock(&kmm_zone.lock);
	kmm_validate_pages();
	for (unsigned int i = 0; i < 4; i++)
		__free_pages(pages[i], i);
	assert_int_equal(blocks_listed(10, MIGRATE_UNMOVABLE), 1);
}

int main(void)
{
#define ONE(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
#define TWO(name) cmocka_unit_test_setup_teardown(name, setup_two_blocks, teardown_pages)
	const struct CMUnitTest tests[] = {
		ONE(all_memory_starts_movable),
		ONE(fallback_order_of_unmovable),
		ONE(fallback_order_of_the_other_types),
		ONE(gfp_flags_choose_the_type),
		TWO(every_type_can_be_set_and_read),
		ONE(order_5_block_of_a_half_free_pageblock_is_claimed),
		ONE(order_5_block_of_a_fuller_pageblock_only_lends_one_page),
		ONE(block_of_order_10_taken_by_another_type_changes_the_whole_pageblock),
		ONE(small_blocks_are_borrowed_and_never_claimed),
		ONE(reclaimable_claims_from_small_blocks_too),
		TWO(unmovable_takes_reclaimable_before_movable),
		TWO(the_largest_block_of_any_type_is_taken_first),
		TWO(the_reserve_is_the_last_resort_of_every_type),
		ONE(free_pages_of_a_block_are_counted_whatever_they_look_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
