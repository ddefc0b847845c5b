/* SPDX-License-Identifier: MIT
 * split_test.c - a block becomes pages of order 0, once.
 */
#include <kmm/kmm.h>

#include "support/refused.h"

static void each_page_of_a_split_block_is_freed_by_itself(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		split_page(page, order);
		kmm_validate_pages();
		assert_int_equal(buddy_nr_free(), 1024 - (1UL << order));
		for (unsigned long i = 0; i < 1UL << order; i++)
			assert_int_equal(page_ref_count(page + i), 1);
		/* By either call, from the last to the first. */
		for (unsigned long i = 1UL << order; i-- > 0;) {
			if (i % 2)
				__free_page(page + i);
			else
				put_page(page + i);
			assert_int_equal(buddy_nr_free(), 1024 - i);
		}
		assert_int_equal(kmm_zone.free_area[10].nr_free, 1);
	}
	assert_silent();
}

static void a_split_keeps_what_was_written(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	unsigned char *p = page_address(page);

	(void)state;
	for (size_t i = 0; i < 8 * PAGE_SIZE; i++)
		p[i] = (unsigned char)(i >> 12);
	split_page(page, 3);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(((unsigned char *)page_address(page + i))[PAGE_SIZE - 1], i);
		__free_page(page + i);
	}
}

static void references_of_others_stay_on_the_first_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	(void)state;
	get_page(page);
	split_page(page, 2);
	assert_int_equal(page_ref_count(page), 2);
	for (unsigned int i = 0; i < 4; i++)
		__free_page(page + i);
	assert_int_equal(buddy_nr_free(), 1023);
	kmm_validate_pages();
	put_page(page);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void what_is_no_block_of_the_order_is_not_split(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	(void)state;
	expect_refused(split_page(page, 2), "VM_BUG_ON_PAGE(PageCompound(page))");
	expect_refused(split_page(page + 1, 0), "VM_BUG_ON_PAGE(PageCompound(page))");
	assert_int_equal(compound_order(page), 2);
	__free_pages(page, 2);
	expect_refused(split_page(page, 2), "VM_BUG_ON_PAGE(!page_count(page))");
	page = alloc_pages(GFP_KERNEL, 2);
	expect_refused(split_page(page, 1), "wrong order");
	expect_refused(split_page(page, 3), "wrong order");
	expect_refused(split_page(page, MAX_ORDER), "order out of range");
	expect_refused(split_page(page + 1, 0), "VM_BUG_ON_PAGE(!page_count(page))");
	expect_refused(split_page(NULL, 0), "no page of the arena");
	assert_int_equal(page_ref_count(page + 1), 0);
	split_page(page, 2);
	expect_refused(split_page(page, 2), "wrong order");
	for (unsigned int i = 0; i < 4; i++)
		__free_page(page + i);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(each_page_of_a_split_block_is_freed_by_itself),
		TEST(a_split_keeps_what_was_written),
		TEST(references_of_others_stay_on_the_first_page),
		TEST(what_is_no_block_of_the_order_is_not_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
