/* SPDX-License-Identifier: MIT
 * guard_test.c - debug_guardpage_minorder=: the other half of a block that is split stays unused until the first is free.
 */
#include "prep_world.h"
#include "support/memory_probe.h"

static void start(unsigned int minorder, bool protect, bool lists)
{
	const struct buddy_options options = { .mobility = true,
					       .guard_minorder = minorder,
					       .debug_pagealloc = protect };

	if (lists)
		prep_world_start_lists(options, PAGEBLOCK_SIZE);
	else
		prep_world_start(options, PAGEBLOCK_SIZE);
}

static int setup_1(void **state)
{
	(void)state;
	start(1, false, false);
	return 0;
}

static int setup_1_lists(void **state)
{
	(void)state;
	start(1, false, true);
	return 0;
}

static int setup_3(void **state)
{
	(void)state;
	start(3, false, false);
	return 0;
}

static int setup_5_lists(void **state)
{
	(void)state;
	start(5, false, true);
	return 0;
}

static int setup_3_protected(void **state)
{
	(void)state;
	start(3, true, false);
	return 0;
}

static void expect_guard(const struct page *page, unsigned int order)
{
	assert_true(PageGuard(page));
	assert_false(PageBuddy(page));
	assert_int_equal(page_buddy_order(page), order);
}

static void expect_whole(void)
{
	assert_int_equal(kmm_zone.nr_guard, 0);
	assert_int_equal(zone_nr_free(&kmm_zone), 1024);
	assert_int_equal(kmm_zone.free_area[10].nr_free, 1);
	kmm_validate_pages();
}

static void the_buddy_of_a_page_is_its_guard(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *next;

	(void)state;
	expect_guard(page + 1, 0);
	assert_int_equal(kmm_zone.nr_guard, 1);
	assert_int_equal(zone_nr_free(&kmm_zone), 1022);
	assert_int_equal(nr_free_pages(), 1022);
	kmm_validate_pages();
	next = alloc_page(GFP_KERNEL);
	assert_ptr_equal(next, page + 2);
	expect_guard(next + 1, 0);
	assert_int_equal(kmm_zone.nr_guard, 2);
	__free_page(page);
	assert_false(PageGuard(page + 1));
	assert_int_equal(kmm_zone.nr_guard, 1);
	assert_int_equal(zone_nr_free(&kmm_zone), 1022);
	__free_page(next);
	expect_whole();
	assert_silent();
}

static void only_halves_of_a_smaller_order(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *larger = alloc_pages(GFP_KERNEL, 1), *whole;

	(void)state;
	expect_guard(page + 1, 0);
	expect_guard(page + 2, 1);
	expect_guard(page + 4, 2);
	assert_ptr_equal(larger, page + 8);
	expect_guard(larger + 2, 1);
	expect_guard(larger + 4, 2);
	assert_int_equal(kmm_zone.nr_guard, 7 + 6);
	whole = alloc_pages(GFP_KERNEL, 3);
	assert_ptr_equal(whole, page + 16);
	assert_int_equal(kmm_zone.nr_guard, 7 + 6);
	kmm_validate_pages();
	__free_pages(larger, 1);
	__free_pages(whole, 3);
	__free_page(page);
	expect_whole();
}

/* Takes pages until there are none. How many that were. */
static unsigned int take_all(struct page *pages[1024])
{
	unsigned int nr = 0;

	while ((pages[nr] = alloc_page(GFP_KERNEL | __GFP_NOWARN)))
		nr++;
	kmm_validate_pages();
	return nr;
}

static void guards_take_half_of_the_memory(void **state)
{
	struct page *pages[1024];
	unsigned int nr = take_all(pages);

	(void)state;
	assert_int_equal(nr, 512);
	assert_int_equal(kmm_zone.nr_guard, 512);
	while (nr)
		__free_page(pages[--nr]);
	expect_whole();
}

/* Pages that a CPU keeps have their guards, but a request gets them before it fails. Beside the pages that were reserved at the
 * start there are a few small blocks, which are not split. */
static void lists_keep_pages_with_their_guards(void **state)
{
	const unsigned long managed = zone_managed_pages(&kmm_zone);
	struct page *pages[1024];
	unsigned int nr = take_all(pages);

	(void)state;
	assert_int_equal(nr + kmm_zone.nr_guard, managed);
	assert_in_range(nr, managed >> buddy_options.guard_minorder, (managed >> buddy_options.guard_minorder) + 5);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	while (nr)
		__free_page(pages[--nr]);
	assert_true(zone_nr_pcp(&kmm_zone) > 0 && kmm_zone.nr_guard > 0);
	kmm_validate_pages();
	drain_all_pages(NULL);
	assert_int_equal(kmm_zone.nr_guard, 0);
	assert_int_equal(zone_nr_free(&kmm_zone), managed);
}

static void a_guard_cannot_be_freed(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	__free_page(page + 1);
	assert_int_equal(capture.nr, 1);
	assert_reported("page dumped because: nonzero mapcount\n");
	expect_guard(page + 1, 0);
	kmm_validate_pages();
	__free_page(page);
	expect_whole();
}

static void memory_of_guards_is_not_given_back(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	fill_block(page, 10, 0x5a);
	__free_pages(page, 10);
	page = alloc_page(GFP_KERNEL);
	buddy_trim();
	assert_int_equal(*(char *)page_address(page + 1), 0x5a);
	assert_int_equal(*(char *)page_address(page + 2), os_page_size() > 2 * PAGE_SIZE ? 0x5a : 0);
	kmm_validate_pages();
	__free_page(page);
	/* What holds no memory and what does are one block now, which may. */
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	assert_true(block_is_filled(page, 0, 0));
	__free_page(page);
	expect_whole();
}

static void guards_cannot_be_accessed(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_true(memory_is_readable(page_address(page)));
	for (unsigned int i = 1; i < 8; i++)
		assert_int_equal(memory_is_readable(page_address(page + i)), i < os_page_size() / PAGE_SIZE);
	__free_page(page);
	page = alloc_pages(GFP_KERNEL, 3);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(memory_is_readable(page_address(page + i)));
	__free_pages(page, 3);
	expect_whole();
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(the_buddy_of_a_page_is_its_guard, setup_1),
		TEST(only_halves_of_a_smaller_order, setup_3),
		TEST(guards_take_half_of_the_memory, setup_1),
		cmocka_unit_test_setup_teardown(lists_keep_pages_with_their_guards, setup_1_lists, teardown_lists),
		{ "lists_keep_pages_with_31_guards", lists_keep_pages_with_their_guards, setup_5_lists, teardown_lists,
		  NULL },
		TEST(a_guard_cannot_be_freed, setup_1),
		TEST(memory_of_guards_is_not_given_back, setup_1),
		TEST(guards_cannot_be_accessed, setup_3_protected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
