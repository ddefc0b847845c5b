/* SPDX-License-Identifier: MIT
 * highatomic_test.c - pageblocks set aside for requests of several pages that cannot wait: how they come to be, who may use
 * them, and that nothing is lost by them.
 */
#include <kmm/memalloc.h>

#include "node_world.h"

#define ORDER 2
#define NR_RESERVED (NORMAL_OF(0)->nr_reserved_highatomic)

/* What such a request does when memory is short. */
static struct page *atomic_block(unsigned int order)
{
	struct alloc_context ac;

	prepare_alloc_context(GFP_ATOMIC, 0, NULL, &ac);
	return get_page_from_freelist(GFP_ATOMIC, order, WMARK_MIN | ALLOC_HIGH | ALLOC_HARDER, &ac);
}

static enum migratetype type_of_block(const struct page *page)
{
	return pageblock_type(page);
}

static unsigned long block_of(const struct page *page)
{
	return page_to_pfn(page) >> pageblock_order;
}

/* The pages of a world of four pageblocks but for those near the low mark: min 100, low 125. */
static void use_nearly_all(struct taken *taken)
{
	buddy_options.min_free_kbytes = 4 * 100;
	world_open(4);
	while (nr_free_pages() > 125)
		assert_non_null(take(taken, GFP_USER | __GFP_MOVABLE, 0));
}

/* How a pageblock is reserved */

static void an_atomic_block_below_the_low_mark_reserves_its_pageblock(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	use_nearly_all(taken);
	page = alloc_pages(GFP_ATOMIC, ORDER);
	assert_non_null(page);
	assert_int_equal(type_of_block(page), MIGRATE_RESERVE);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, 125 - (1 << ORDER));
	kmm_validate_pages();
	__free_pages(page, ORDER);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, 125);
	give_back_all(taken);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, pageblock_nr_pages);
}

static void where_memory_is_plenty_nothing_is_reserved(void **state)
{
	struct page *page;

	(void)state;
	buddy_options.min_free_kbytes = 4 * 100;
	world_open(4);
	page = alloc_pages(GFP_ATOMIC, ORDER);
	assert_int_equal(NR_RESERVED, 0);
	__free_pages(page, ORDER);
}

static void only_blocks_for_those_who_cannot_wait_reserve(void **state)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_NOWAIT, GFP_KERNEL | __GFP_HIGH, GFP_ATOMIC | __GFP_NOMEMALLOC };
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	use_nearly_all(taken);
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++) {
		page = alloc_pages(gfps[i], ORDER);
		assert_non_null(page);
		assert_int_equal(NR_RESERVED, 0);
		__free_pages(page, ORDER);
	}
	page = alloc_pages(GFP_ATOMIC, 0);
	assert_int_equal(NR_RESERVED, 0);
	__free_page(page);
	give_back_all(taken);
}

/* A hundredth of the zone and one pageblock: reached with the second one of these four, or the first of that one. */
static void at_most_a_hundredth_and_a_pageblock_is_reserved(void **state)
{
	static const struct {
		unsigned int blocks, reserved;
	} cases[] = { { 1, 2 }, { 2, 2 }, { 4, 2 }, { 8, 2 }, { 110, 3 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct taken *taken = taken_by_test(MAX_ORDER - 1);
		unsigned int nr = 0;

		world_open(cases[i].blocks);
		while (nr < 5 && (taken->pages[nr] = atomic_block(MAX_ORDER - 1)))
			nr++;
		taken->nr = nr;
		assert_int_equal(nr, min_of(cases[i].blocks, 5u));
		assert_int_equal(NR_RESERVED, min_of(cases[i].reserved, nr) * pageblock_nr_pages);
		give_back_all(taken);
		world_close();
	}
	world_open(1);
}

/* The next one is served from what was set aside for it. */
static void a_reserved_pageblock_is_used_up_before_the_next_is_reserved(void **state)
{
	struct taken *taken = taken_by_test(8);

	(void)state;
	world_open(8);
	for (unsigned int i = 0; i < 8; i++) {
		taken->pages[taken->nr++] = atomic_block(8);
		assert_int_equal(block_of(taken->pages[i]) == block_of(taken->pages[0]), i < 4);
		assert_int_equal(NR_RESERVED, (i < 4 ? 1 : 2) * pageblock_nr_pages);
	}
	give_back_all(taken);
}

static void pageblocks_with_another_purpose_are_not_reserved(void **state)
{
	static const enum migratetype types[] = { MIGRATE_CMA, MIGRATE_ISOLATE, MIGRATE_RESERVE };
	struct page *page;

	(void)state;
	world_open(2);
	page = alloc_pages(GFP_KERNEL, MAX_ORDER - 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		kmm_lock(&NORMAL_OF(0)->lock);
		pageblock_set_type(page, types[i]);
		kmm_unlock(&NORMAL_OF(0)->lock);
		reserve_highatomic_pageblock(NORMAL_OF(0), page);
		assert_int_equal(type_of_block(page), types[i]);
		assert_int_equal(NR_RESERVED, 0);
	}
	kmm_lock(&NORMAL_OF(0)->lock);
	pageblock_set_type(page, MIGRATE_MOVABLE);
	kmm_unlock(&NORMAL_OF(0)->lock);
	__free_pages(page, MAX_ORDER - 1);
}

/* Who may use it */

/* A world of @nr_blocks with one pageblock reserved, all of which is free. */
static void open_with_reserve(unsigned int nr_blocks)
{
	struct page *page;

	world_open(nr_blocks);
	page = atomic_block(ORDER);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	__free_pages(page, ORDER);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, pageblock_nr_pages);
}

/* Every type: the reserve is the last resort of all. */
static void ordinary_requests_leave_it_alone_until_they_would_fail(void **state)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_KERNEL | __GFP_RECLAIMABLE, GFP_USER | __GFP_MOVABLE,
				      GFP_NOWAIT };
	static const unsigned int orders[] = { 0, 3, MAX_ORDER - 1 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps) * ARRAY_SIZE(orders); i++) {
		const gfp_t gfp = gfps[i % ARRAY_SIZE(gfps)] | __GFP_NOWARN;
		struct taken *taken = taken_by_test(orders[i / ARRAY_SIZE(gfps)]);
		unsigned int nr_ordinary;

		open_with_reserve(3);
		nr_ordinary = 2 * (unsigned int)pageblock_nr_pages >> taken->order;
		while (taken->nr < nr_ordinary) {
			assert_non_null(take(taken, gfp, 0));
			assert_int_not_equal(type_of_block(taken->pages[taken->nr - 1]), MIGRATE_RESERVE);
			assert_int_equal(NR_RESERVED, pageblock_nr_pages);
		}
		assert_int_equal(nr_free_pages(), pageblock_nr_pages);
		/* The next one would fail: the pageblock is everybody's again, as one of the request's type. */
		assert_non_null(take(taken, gfp, 0));
		assert_int_equal(NR_RESERVED, 0);
		assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, 0);
		assert_int_equal(type_of_block(taken->pages[nr_ordinary]), gfp_migratetype(gfp));
		take_all(taken, gfp, 0);
		assert_int_equal(taken->nr, 3 * pageblock_nr_pages >> taken->order);
		give_back_all(taken);
		assert_silent();
		world_close();
	}
	world_open(1);
}

static void it_is_there_for_an_atomic_block_when_nothing_else_is(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	open_with_reserve(2);
	while (taken->nr < pageblock_nr_pages)
		assert_non_null(take(taken, GFP_KERNEL, 0));
	page = alloc_pages(GFP_ATOMIC, 5);
	assert_int_equal(type_of_block(page), MIGRATE_RESERVE);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	__free_pages(page, 5);
	/* A single page takes it as the last resort, too, and leaves the rest reserved. */
	page = alloc_page(GFP_ATOMIC);
	assert_int_equal(type_of_block(page), MIGRATE_RESERVE);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	__free_page(page);
	give_back_all(taken);
}

static void a_block_comes_from_the_reserve_first(void **state)
{
	struct page *page, *single;

	(void)state;
	open_with_reserve(2);
	page = atomic_block(ORDER);
	assert_int_equal(type_of_block(page), MIGRATE_RESERVE);
	single = atomic_block(0);
	assert_int_not_equal(type_of_block(single), MIGRATE_RESERVE);
	__free_pages(page, ORDER);
	__free_page(single);
}

static void who_frees_memory_may_use_it_without_undoing_it(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;
	unsigned int saved;

	(void)state;
	open_with_reserve(2);
	while (taken->nr < pageblock_nr_pages)
		assert_non_null(take(taken, GFP_KERNEL, 0));
	saved = memalloc_noreclaim_save();
	page = alloc_page(GFP_KERNEL);
	memalloc_noreclaim_restore(saved);
	assert_int_equal(type_of_block(page), MIGRATE_RESERVE);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	__free_page(page);
	give_back_all(taken);
}

static void what_is_freed_into_it_is_reserved_again(void **state)
{
	struct page *page;

	(void)state;
	world_open(2);
	page = atomic_block(5);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, pageblock_nr_pages - 32);
	assert_int_equal(blocks_listed(5, MIGRATE_RESERVE), 1);
	__free_pages(page, 5);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, pageblock_nr_pages);
	assert_int_equal(blocks_listed(MAX_ORDER - 1, MIGRATE_RESERVE), 1);
}

static void pages_on_a_cpus_list_come_back_to_it(void **state)
{
	struct page *page;

	(void)state;
	world_open_per_cpu(2, 1);
	page = atomic_block(ORDER);
	assert_int_equal(type_of_block(page), MIGRATE_RESERVE);
	__free_pages(page, ORDER);
	assert_true(zone_nr_pcp(NORMAL_OF(0)) >= 1 << ORDER);
	kmm_validate_pages();
	drain_all_pages(NULL);
	assert_int_equal(zone_nr_pcp(NORMAL_OF(0)), 0);
	kmm_validate_pages();
}

/* How it ends */

/* Two pageblocks are reserved; of one only single pages are free, of the other all. The request for a block needs the
 * second one, wherever it is looked for first. */
static void as_many_are_given_back_as_the_request_needs(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *one, *two, *page;

	(void)state;
	world_open(3);
	one = atomic_block(MAX_ORDER - 1);
	two = atomic_block(MAX_ORDER - 1);
	assert_int_equal(NR_RESERVED, 2 * pageblock_nr_pages);
	take_all(taken, GFP_USER | __GFP_MOVABLE | __GFP_NOWARN, 0);
	assert_int_equal(taken->nr, pageblock_nr_pages);
	__free_pages(one, MAX_ORDER - 1);
	/* All single pages of the first, and half of them back. */
	for (unsigned int i = 0; i < pageblock_nr_pages; i++)
		assert_non_null(taken->pages[taken->nr++] = atomic_block(0));
	for (unsigned int i = (unsigned int)pageblock_nr_pages; i < 2 * pageblock_nr_pages; i++)
		if (page_to_pfn(taken->pages[i]) % 2)
			__free_page(taken->pages[i]);
	__free_pages(two, MAX_ORDER - 1);
	assert_int_equal(NR_RESERVED, 2 * pageblock_nr_pages);
	kmm_validate_pages();

	page = alloc_pages(GFP_KERNEL, 5);
	assert_non_null(page);
	assert_int_equal(NR_RESERVED, 0);
	assert_silent();
	__free_pages(page, 5);
	for (unsigned int i = 0; i < taken->nr; i++)
		if (i < pageblock_nr_pages || page_to_pfn(taken->pages[i]) % 2 == 0)
			__free_page(taken->pages[i]);
}

/* One that is all in use cannot be moved, and need not be. */
static void a_reserve_without_free_pages_stays(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	world_open(2);
	page = atomic_block(MAX_ORDER - 1);
	take_all(taken, KERNEL_QUIET, 0);
	assert_int_equal(taken->nr, pageblock_nr_pages);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	__free_pages(page, MAX_ORDER - 1);
	assert_int_equal(NORMAL_OF(0)->nr_free_highatomic, pageblock_nr_pages);
	give_back_all(taken);
}

static void a_request_undoes_only_reserves_that_it_can_use(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	buddy_options.dma = PAGEBLOCK_SIZE;
	open_with_reserve(2);
	while (take(taken, KERNEL_QUIET | GFP_DMA, 0))
		;
	assert_int_equal(taken->nr, pageblock_nr_pages);
	assert_int_equal(NR_RESERVED, pageblock_nr_pages);
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	assert_int_equal(NR_RESERVED, 0);
	__free_page(page);
	give_back_all(taken);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_reset, world_end)
	const struct CMUnitTest tests[] = {
		TEST(an_atomic_block_below_the_low_mark_reserves_its_pageblock),
		TEST(where_memory_is_plenty_nothing_is_reserved),
		TEST(only_blocks_for_those_who_cannot_wait_reserve),
		TEST(at_most_a_hundredth_and_a_pageblock_is_reserved),
		TEST(a_reserved_pageblock_is_used_up_before_the_next_is_reserved),
		TEST(pageblocks_with_another_purpose_are_not_reserved),
		TEST(ordinary_requests_leave_it_alone_until_they_would_fail),
		TEST(it_is_there_for_an_atomic_block_when_nothing_else_is),
		TEST(a_block_comes_from_the_reserve_first),
		TEST(who_frees_memory_may_use_it_without_undoing_it),
		TEST(what_is_freed_into_it_is_reserved_again),
		TEST(pages_on_a_cpus_list_come_back_to_it),
		TEST(as_many_are_given_back_as_the_request_needs),
		TEST(a_reserve_without_free_pages_stays),
		TEST(a_request_undoes_only_reserves_that_it_can_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
