/* SPDX-License-Identifier: MIT
 * page_test.c - from one page to another, and what a page is part of, without a look into struct page.
 */
#include <kmm/kmm.h>

#include "support/refused.h"

static void pages_are_counted_up_and_down(void **state)
{
	struct page *first = alloc_pages(GFP_KERNEL, 4);
	char *addr = page_to_virt(first);

	(void)state;
	for (int i = 0; i < 16; i++) {
		struct page *page = nth_page(first, i);

		assert_int_equal(page_to_pfn(page), page_to_pfn(first) + (unsigned long)i);
		assert_ptr_equal(page_to_virt(page), addr + (size_t)i * PAGE_SIZE);
		assert_ptr_equal(nth_page(page, -i), first);
		assert_ptr_equal(nth_page(page, 15 - i), nth_page(first, 15));
	}
	split_page(first, 4);
	for (unsigned int i = 16; i-- > 0;)
		__free_page(nth_page(first, i));
	assert_int_equal(buddy_nr_free(), 1024);
	kmm_validate_pages();
	assert_silent();
}

static void there_is_no_page_out_of_the_arena(void **state)
{
	struct page *first = pfn_to_page(0), *last = pfn_to_page(1023);

	(void)state;
	assert_ptr_equal(nth_page(first, 1023), last);
	assert_ptr_equal(nth_page(last, -1023), first);
	assert_null(nth_page(first, -1));
	assert_null(nth_page(last, 1));
	assert_null(nth_page(first, 1L << 30));
	assert_silent();
}

static void heads_and_tails_know_what_they_are(void **state)
{
	(void)state;
	for (unsigned int order = 1; order < MAX_ORDER; order++) {
		struct page *head = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
		const unsigned long nr = 1UL << order;

		assert_true(PageHead(head));
		assert_false(PageTail(head));
		assert_true(PageCompound(head));
		assert_int_equal(compound_nr(head), nr);
		assert_int_equal(page_size(head), nr * PAGE_SIZE);
		for (unsigned long i = 1; i < nr; i++) {
			struct page *tail = nth_page(head, (long)i);

			assert_false(PageHead(tail));
			assert_true(PageTail(tail));
			assert_true(PageCompound(tail));
			assert_ptr_equal(virt_to_head_page((char *)page_address(tail) + 77), head);
		}
		__free_pages(head, order);
		assert_false(PageCompound(head));
		assert_false(PageCompound(nth_page(head, 1)));
	}
	assert_silent();
}

static void other_blocks_are_neither(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2), *single = alloc_page(GFP_KERNEL | __GFP_COMP);

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct page *nth = nth_page(page, i);

		assert_false(PageHead(nth) || PageTail(nth) || PageCompound(nth));
		assert_int_equal(compound_nr(nth), 1);
		assert_int_equal(page_size(nth), PAGE_SIZE);
		assert_ptr_equal(virt_to_head_page(page_address(nth)), nth);
	}
	assert_false(PageCompound(single));
	__free_page(single);
	__free_pages(page, 2);
	assert_null(virt_to_head_page(NULL));
	assert_null(virt_to_head_page(state));
	assert_silent();
}

static void every_page_of_a_compound_page_counts_as_its_head(void **state)
{
	struct page *head = alloc_pages(GFP_KERNEL | __GFP_COMP, 3), *block = alloc_pages(GFP_KERNEL, 1);

	(void)state;
	get_page(head);
	for (int i = 0; i < 8; i++)
		assert_int_equal(page_count(nth_page(head, i)), 2);
	assert_int_equal(page_ref_count(nth_page(head, 5)), 0);
	assert_int_equal(page_count(block), 1);
	assert_int_equal(page_count(nth_page(block, 1)),
			 0); /* it is part of the block, but the block is not compound */
	put_page(head);
	put_page(head);
	put_page(block);
	assert_int_equal(page_count(head), 0);
	assert_int_equal(page_count(nth_page(head, 7)), 0);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static int setup_dma_zone(void **state)
{
	(void)state;
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	buddy_options.dma = PAGEBLOCK_SIZE;
	assert_int_equal(arena_start(3 * PAGEBLOCK_SIZE), 0);
	assert_int_equal(buddy_start(), 0);
	return 0;
}

static void dma_pages_come_from_the_zone_for_them(void **state)
{
	unsigned long addr;

	(void)state;
	addr = __get_dma_pages(GFP_KERNEL, 2);
	assert_true(addr);
	assert_true(page_to_pfn(virt_to_page((void *)addr)) < pageblock_nr_pages);
	free_pages(addr, 2);
	addr = __get_free_pages(GFP_KERNEL, 2);
	assert_true(page_to_pfn(virt_to_page((void *)addr)) >= pageblock_nr_pages);
	free_pages(addr, 2);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_counted_up_and_down),
		TEST(there_is_no_page_out_of_the_arena),
		TEST(heads_and_tails_know_what_they_are),
		TEST(other_blocks_are_neither),
		TEST(every_page_of_a_compound_page_counts_as_its_head),
		cmocka_unit_test_setup_teardown(dma_pages_come_from_the_zone_for_them, setup_dma_zone, teardown_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
