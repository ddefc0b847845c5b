/* SPDX-License-Identifier: MIT
 * mobility_test.c - page_mobility=: grouped by default; off, all pages count as movable.
 */
#include "prep_world.h"

static const gfp_t kinds[] = { GFP_KERNEL, GFP_KERNEL | __GFP_RECLAIMABLE, GFP_KERNEL | __GFP_MOVABLE };

static int setup_off(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = false }, 3 * PAGEBLOCK_SIZE);
	return 0;
}

static int setup_off_lists(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = false }, 3 * PAGEBLOCK_SIZE);
	return 0;
}

static int setup_on(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true }, 3 * PAGEBLOCK_SIZE);
	return 0;
}

static void pages_of_each_kind_have_their_pageblock(void **state)
{
	static const enum migratetype types[] = { MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE };
	struct page *pages[ARRAY_SIZE(kinds)];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		pages[i] = alloc_page(kinds[i]);
		assert_int_equal(pageblock_type(pages[i]), types[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		__free_page(pages[i]);
}

static void pages_of_all_kinds_share_a_pageblock(void **state)
{
	struct page *pages[3 * ARRAY_SIZE(kinds)];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_pages(kinds[i % ARRAY_SIZE(kinds)], i % 4);
		assert_int_equal(pageblock_type(pages[i]), MIGRATE_MOVABLE);
		assert_true(page_to_pfn(pages[i]) < pageblock_nr_pages);
	}
	kmm_validate_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_pages(pages[i], i % 4);
	drain_all_pages(NULL);
	assert_int_equal(blocks_listed(10, MIGRATE_UNMOVABLE) + blocks_listed(10, MIGRATE_RECLAIMABLE), 0);
	assert_int_equal(nr_free_pages(), zone_managed_pages(&kmm_zone));
}

/* What is lent by CMA must be movable for real. */
static void only_movable_requests_may_use_cma(void **state)
{
	(void)state;
	assert_int_equal(gfp_cma_flag(GFP_KERNEL), 0);
	assert_int_equal(gfp_cma_flag(GFP_KERNEL | __GFP_RECLAIMABLE), 0);
	assert_int_equal(gfp_cma_flag(GFP_KERNEL | __GFP_MOVABLE), ALLOC_CMA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_of_each_kind_have_their_pageblock, setup_on, teardown_pages),
		cmocka_unit_test_setup_teardown(pages_of_all_kinds_share_a_pageblock, setup_off, teardown_pages),
		{ "pages_of_all_kinds_share_a_pageblock_with_lists", pages_of_all_kinds_share_a_pageblock,
		  setup_off_lists, teardown_lists, NULL },
		cmocka_unit_test_setup_teardown(only_movable_requests_may_use_cma, setup_off, teardown_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
