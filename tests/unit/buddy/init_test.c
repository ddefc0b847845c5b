/* SPDX-License-Identifier: MIT
 * init_test.c - init_on_alloc= and init_on_free=, and that memory which is known to be zero is not written.
 */
#include "prep_world.h"
#include "support/memory_probe.h"

/* A block of @order that somebody filled and freed; the next request of that order gets it. */
static struct page *dirty_block(unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL, order);

	assert_non_null(page);
	fill_block(page, order, 0x5a);
	__free_pages(page, order);
	return page;
}

static int setup_plain(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_plain_lists(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_on_alloc(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true, .init_on_alloc = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_on_alloc_lists(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = true, .init_on_alloc = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_on_free(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true, .init_on_free = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_on_free_lists(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = true, .init_on_free = true }, PAGEBLOCK_SIZE);
	return 0;
}

static void without_options_pages_are_left_as_they_are(void **state)
{
	struct page *page = dirty_block(0), *again = alloc_page(GFP_KERNEL);

	(void)state;
	assert_ptr_equal(again, page);
	assert_true(block_is_filled(page, 0, 0x5a));
	__free_page(again);
}

static void all_pages_handed_out_are_zero(void **state)
{
	static const unsigned int orders[] = { 0, 3, 4 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		struct page *page = dirty_block(orders[i]), *again = alloc_pages(GFP_KERNEL, orders[i]);

		assert_ptr_equal(again, page);
		assert_true(block_is_filled(again, orders[i], 0));
		__free_pages(again, orders[i]);
	}
	assert_silent();
}

static void the_largest_block_is_zero(void **state)
{
	struct page *page;

	(void)state;
	dirty_block(0);
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, 10);
	assert_true(block_is_filled(page, 10, 0));
	__free_pages(page, 10);
}

static void freed_pages_are_zero(void **state)
{
	static const unsigned int orders[] = { 0, 3, 4 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++)
		assert_true(block_is_filled(dirty_block(orders[i]), orders[i], 0));
	assert_silent();
}

/* Who writes to a free page finds his bytes again: nobody fills it a second time. */
static void what_was_zeroed_when_it_was_freed_is_not_zeroed_again(void **state)
{
	struct page *page = dirty_block(0), *again;

	(void)state;
	*(char *)page_address(page) = 7;
	again = alloc_page(GFP_KERNEL | __GFP_ZERO);
	assert_ptr_equal(again, page);
	assert_int_equal(*(char *)page_address(page), 7);
	__free_page(again);
}

static void both_at_once_zero_once(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true, .init_on_alloc = true, .init_on_free = true },
			 PAGEBLOCK_SIZE);
	what_was_zeroed_when_it_was_freed_is_not_zeroed_again(state);
	all_pages_handed_out_are_zero(state);
	pages_world_stop();
}

/* Zeroed pages, of which the system need not give a single one before somebody writes. */
static void expect_untouched(unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);

	assert_non_null(page);
	assert_int_equal(memory_nr_resident(page_address(page), PAGE_SIZE << order), 0);
	assert_true(block_is_filled(page, order, 0));
	__free_pages(page, order);
}

static void new_memory_is_not_written(void **state)
{
	(void)state;
	expect_untouched(10);
}

static void parts_of_new_memory_are_not_written(void **state)
{
	struct page *pages[2];

	(void)state;
	pages[0] = alloc_page(GFP_KERNEL);
	fill_block(pages[0], 0, 0x5a);
	pages[1] = alloc_page(GFP_KERNEL | __GFP_ZERO);
	assert_ptr_equal(pages[1], pages[0] + 1);
	assert_int_equal(memory_nr_resident(page_address(pages[1]), PAGE_SIZE), 0);
	expect_untouched(1);
	expect_untouched(5);
	__free_page(pages[0]);
	__free_page(pages[1]);
}

static void memory_that_was_given_back_is_not_written(void **state)
{
	(void)state;
	dirty_block(10);
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	expect_untouched(10);
}

static void used_memory_is_written(void **state)
{
	struct page *page;

	(void)state;
	dirty_block(10);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 10);
	assert_true(block_is_filled(page, 10, 0));
	__free_pages(page, 10);
}

/* The first page of a batch comes straight from the zone, the others by the list of this CPU. */
static void new_pages_on_the_list_of_a_cpu_are_not_written(void **state)
{
	struct page *pages[24];

	(void)state;
	kmm_zone.pageset[0].batch = ARRAY_SIZE(pages);
	kmm_zone.pageset[0].high = kmm_zone.pageset[0].high_min = 8 * ARRAY_SIZE(pages);
	pages[0] = alloc_page(GFP_KERNEL | __GFP_ZERO);
	assert_true(zone_nr_pcp(&kmm_zone) >= ARRAY_SIZE(pages) - 1);
	for (unsigned int i = 1; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		assert_int_equal(memory_nr_resident(page_address(pages[i]), PAGE_SIZE), 0);
		assert_true(block_is_filled(pages[i], 0, 0));
		fill_block(pages[i], 0, 0x5a);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
	/* The list knows which are not zero any more. */
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		assert_true(block_is_filled(pages[i], 0, 0));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
	drain_all_pages(NULL);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
#define LISTS(name, setup)                                             \
	{                                                              \
#name "_with_lists", name, setup, teardown_lists, NULL \
	}
	const struct CMUnitTest tests[] = {
		TEST(without_options_pages_are_left_as_they_are, setup_plain),
		TEST(all_pages_handed_out_are_zero, setup_on_alloc),
		LISTS(all_pages_handed_out_are_zero, setup_on_alloc_lists),
		TEST(all_pages_handed_out_are_zero, setup_on_free),
		LISTS(all_pages_handed_out_are_zero, setup_on_free_lists),
		TEST(the_largest_block_is_zero, setup_on_alloc),
		TEST(freed_pages_are_zero, setup_on_free),
		LISTS(freed_pages_are_zero, setup_on_free_lists),
		TEST(what_was_zeroed_when_it_was_freed_is_not_zeroed_again, setup_on_free),
		LISTS(what_was_zeroed_when_it_was_freed_is_not_zeroed_again, setup_on_free_lists),
		cmocka_unit_test(both_at_once_zero_once),
		TEST(new_memory_is_not_written, setup_plain),
		TEST(new_memory_is_not_written, setup_on_alloc),
		TEST(parts_of_new_memory_are_not_written, setup_plain),
		TEST(memory_that_was_given_back_is_not_written, setup_plain),
		TEST(memory_that_was_given_back_is_not_written, setup_on_alloc),
		TEST(used_memory_is_written, setup_plain),
		LISTS(new_pages_on_the_list_of_a_cpu_are_not_written, setup_plain_lists),
		LISTS(new_pages_on_the_list_of_a_cpu_are_not_written, setup_on_alloc_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
