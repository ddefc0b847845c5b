/* SPDX-License-Identifier: MIT
 * free_test.c - frees that are none are reported with the page's state and change nothing; addresses and pages.
 */
#include <errno.h>

#include "support/refused.h"

static void double_free(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	__free_page(page);
	/* Merged into the pageblock, whose first page it is. */
	expect_refused(__free_page(page), "nonzero mapcount");
	page = alloc_pages(GFP_KERNEL, 3);
	__free_pages(page, 3);
	expect_refused(__free_pages(page, 3), "nonzero mapcount");
	page = alloc_pages(GFP_KERNEL, 10);
	assert_non_null(page);
	__free_pages(page, 10);
}

static void double_free_of_a_page_inside_a_free_block(void **state)
{
	struct page *pages[2];

	(void)state;
	pages[0] = alloc_page(GFP_KERNEL);
	pages[1] = alloc_page(GFP_KERNEL);
	__free_page(pages[0]);
	__free_page(pages[1]);
	expect_refused(__free_page(pages[1]), "zero _refcount");
}

static void free_of_a_page_that_was_never_handed_out(void **state)
{
	(void)state;
	expect_refused(__free_page(pfn_to_page(77)), "zero _refcount");
	expect_refused(__free_pages(pfn_to_page(0), 10), "nonzero mapcount");
}

static void free_with_another_order(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	(void)state;
	expect_refused(__free_pages(page, 2), "wrong order");
	expect_refused(__free_pages(page, 4), "wrong order");
	expect_refused(__free_pages(page, MAX_ORDER), "order out of range");
	assert_int_equal(page_refcount(page), 1);
	__free_pages(page, 3);
	page = alloc_page(GFP_KERNEL);
	expect_refused(__free_pages(page, 1), "wrong order");
	__free_page(page);
}

static void free_of_a_compound_page_with_another_order(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);

	(void)state;
	expect_refused_saying(__free_page(page), "wrong order", "head:");
	expect_refused_saying(__free_page(page), "wrong order", "order:3 compound_mapcount:0");
	assert_int_equal(compound_order(page), 3);
	__free_pages(page, 3);
}

static void free_of_a_tail_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	(void)state;
	for (unsigned int i = 1; i < 4; i++) {
		expect_refused(__free_page(page + i), "tail page");
		expect_refused(free_pages((unsigned long)page_address(page + i), 2), "tail page");
	}
	__free_pages(page, 2);
	page = alloc_pages(GFP_KERNEL, 2);
	expect_refused(__free_page(page + 1), "zero _refcount");
	__free_pages(page, 2);
}

static void free_of_a_slab_page(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	page_flag_set(page, PG_slab);
	expect_refused_saying(__free_page(page), "PAGE_FLAGS_CHECK_AT_FREE flag(s) set", "(slab)");
	page_flag_clear(page, PG_slab);
	__free_page(page);
}

static int setup_reserved(void **state)
{
	(void)state;
	capture_start();
	if (arena_start(PAGEBLOCK_SIZE))
		return -1;
	memblock_alloc(2 * PAGE_SIZE, 1);
	return buddy_start();
}

static void free_of_a_reserved_page(void **state)
{
	(void)state;
	expect_refused_saying(__free_page(pfn_to_page(1)), "PAGE_FLAGS_CHECK_AT_FREE flag(s) set", "(reserved)");
	expect_refused_saying(__free_page(pfn_to_page(1)), "PAGE_FLAGS_CHECK_AT_FREE flag(s) set", "pfn:00001");
}

static void free_of_what_is_no_page(void **state)
{
	static struct page *const bad[] = { NULL, (struct page *)64 };
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(__free_page(bad[i]), "no page of the arena");
	expect_refused(__free_page((struct page *)((char *)page + 8)), "no page of the arena");
	expect_refused(__free_page(kmm_arena.mem_map + kmm_arena.nr_online), "no page of the arena");
	expect_refused(__free_page((struct page *)(void *)state), "no page of the arena");
	__free_page(page);
}

static void free_of_an_address_outside_the_arena(void **state)
{
	const unsigned long bad[] = { 4096, (unsigned long)state & PAGE_MASK, (unsigned long)kmm_arena.base - 1,
				      (unsigned long)kmm_arena.base + PAGEBLOCK_SIZE };

	free_pages(0, 3);
	assert_silent();
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		capture_clear();
		free_pages(bad[i], 0);
		assert_int_equal(capture.nr, 1);
		assert_int_equal(capture.last_level, KMM_REPORT_WARN);
		assert_reported("is not in the arena");
	}
	assert_int_equal(buddy_nr_free(), 1024);
}

static void a_reference_left_keeps_the_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 1);

	(void)state;
	page->refcount++;
	__free_pages(page, 1);
	assert_int_equal(buddy_nr_free(), 1023); /* the second page is nobody's */
	assert_int_equal(page_refcount(page), 1);
	__free_page(page);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void bad_frees_leave_errno_alone(void **state)
{
	(void)state;
	errno = 77;
	__free_page(pfn_to_page(3));
	free_pages(4096, 0);
	assert_int_equal(errno, 77);
	capture_clear();
}

static void pages_and_their_numbers(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	char *addr = page_address(page);

	(void)state;
	assert_ptr_equal(virt_to_page(addr), page);
	assert_ptr_equal(virt_to_page(addr + PAGE_SIZE - 1), page);
	assert_ptr_equal(virt_to_page(addr + PAGE_SIZE), page + 1);
	assert_ptr_equal(pfn_to_page(page_to_pfn(page)), page);
	assert_null(pfn_to_page(1024));
	assert_null(pfn_to_page(~0UL));
	assert_null(virt_to_page(NULL));
	assert_null(virt_to_page(state));
	assert_null(virt_to_page(kmm_arena.base - 1));
	assert_null(virt_to_page(kmm_arena.base + PAGEBLOCK_SIZE));
	__free_pages(page, 3);
}

static void order_of_a_size(void **state)
{
	(void)state;
	assert_int_equal(get_order(1), 0);
	assert_int_equal(get_order(4096), 0);
	assert_int_equal(get_order(4097), 1);
	assert_int_equal(get_order(8192), 1);
	assert_int_equal(get_order(8193), 2);
	assert_int_equal(get_order(4UL << 20), 10);
	assert_int_equal(get_order((4UL << 20) + 1), 11);
	assert_int_equal(get_order(~0UL), 8 * sizeof(long) - 12);
	assert_int_equal(get_order(0), 8 * sizeof(long) - 12);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(double_free),
		TEST(double_free_of_a_page_inside_a_free_block),
		TEST(free_of_a_page_that_was_never_handed_out),
		TEST(free_with_another_order),
		TEST(free_of_a_compound_page_with_another_order),
		TEST(free_of_a_tail_page),
		TEST(free_of_a_slab_page),
		cmocka_unit_test_setup_teardown(free_of_a_reserved_page, setup_reserved, teardown_pages),
		TEST(free_of_what_is_no_page),
		TEST(free_of_an_address_outside_the_arena),
		TEST(a_reference_left_keeps_the_page),
		TEST(bad_frees_leave_errno_alone),
		TEST(pages_and_their_numbers),
		TEST(order_of_a_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
