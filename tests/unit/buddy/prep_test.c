/* SPDX-License-Identifier: MIT
 * prep_test.c - the state of pages handed out, compound pages, and pages whose state was damaged: reported in the
 * kernel's words and never handed out again.
 */
#include "support/pages_world.h"

/* A bad page is left behind by most tests here, so the pages of the one-block world are counted with it. */
static void expect_bad_page(const char *reason, unsigned long nr_bad)
{
	char line[128];

	snprintf(line, sizeof(line), "page dumped because: %s\n", reason);
	assert_reported("BUG: Bad page state in process ");
	assert_reported(line);
	assert_int_equal(capture.nr, 1);
	assert_int_equal(kmm_zone.nr_bad, nr_bad);
	assert_int_equal(buddy_nr_free(), 1024 - nr_bad);
	kmm_validate_pages();
	capture_clear();
}

/* Takes all that is free, page by page: @bad and the pages behind it must not be among them. */
static void expect_never_handed_out(const struct page *bad, unsigned int nr)
{
	struct page *pages[1024];
	unsigned int taken = 0;

	while ((pages[taken] = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		assert_true(pages[taken] < bad || pages[taken] >= bad + nr);
		taken++;
	}
	assert_int_equal(taken, 1024 - kmm_zone.nr_bad);
	while (taken--)
		__free_page(pages[taken]);
	assert_silent();
}

static void page_handed_out_of_order_0(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_int_equal(page_refcount(page), 1);
	assert_int_equal(page_mapcount(page), -1);
	assert_int_equal(page->private, 0);
	assert_false(PageBuddy(page));
	assert_false(page_is_tail(page));
	assert_int_equal(page->flags, 0);
	assert_ptr_equal(compound_head(page), page);
	assert_int_equal(compound_order(page), 0);
	__free_page(page);
}

static void only_the_first_page_of_several_has_a_reference(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	(void)state;
	assert_int_equal(page_alloc_order(page), 3);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(page_refcount(page + i), i == 0);
		assert_int_equal(page_mapcount(&page[i]), -1);
		assert_int_equal(page[i].private, 0);
		assert_false(page_is_tail(page + i));
		assert_ptr_equal(compound_head(page + i), page + i);
	}
	__free_pages(page, 3);
}

static void compound_pages_know_their_head_and_order(void **state)
{
	(void)state;
	for (unsigned int order = 1; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);

		assert_non_null(page);
		assert_true(page_flag_test(page, PG_head));
		assert_int_equal(compound_order(page), order);
		for (unsigned long i = 0; i < 1UL << order; i++) {
			assert_int_equal(page_is_tail(page + i), i != 0);
			assert_ptr_equal(compound_head(page + i), page);
		}
		assert_int_equal(compound_order(page + 1), 0);
		kmm_validate_pages();
		__free_pages(page, order);
		for (unsigned long i = 0; i < 1UL << order; i++) {
			assert_false(page_is_tail(page + i));
			assert_false(page_flag_test(page + i, PG_head));
		}
	}
	assert_silent();
}

static void a_compound_page_of_order_0_is_a_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 0);

	(void)state;
	assert_false(page_flag_test(page, PG_head));
	assert_int_equal(compound_order(page), 0);
	__free_page(page);
	assert_silent();
}

static void freed_with_mapcount(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	page->page_type = ~0u; /* a mapcount of 0 */
	__free_page(page);
	expect_bad_page("nonzero mapcount", 1);
	expect_never_handed_out(page, 1);
	__free_page(page);
	assert_reported("PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
}

static void freed_with_an_owner(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	page->slab_cache = (struct kmem_cache *)(void *)state;
	__free_page(page);
	expect_bad_page("non-NULL mapping", 1);
	expect_never_handed_out(page, 1);
}

static void freed_with_a_reference_inside(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	(void)state;
	page[3].refcount = 1;
	__free_pages(page, 2);
	expect_bad_page("nonzero _refcount", 4);
	expect_never_handed_out(page, 4);
}

static void freed_with_a_flag_inside(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 1);

	(void)state;
	page_flag_set(page + 1, PG_slab);
	__free_pages(page, 1);
	expect_bad_page("PAGE_FLAGS_CHECK_AT_FREE flag(s) set", 2);
	expect_never_handed_out(page, 2);
}

static void freed_with_a_tail_of_another_head(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	(void)state;
	page[2].compound_head += sizeof(*page);
	__free_pages(page, 2);
	expect_bad_page("compound_head not consistent", 4);
	expect_never_handed_out(page, 4);
}

/* A free page that somebody still writes to: noticed when it is about to be handed out. */
static void allocated_with_a_reference(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *other;

	(void)state;
	__free_page(page);
	page->refcount = 1;
	other = alloc_page(GFP_KERNEL);
	assert_non_null(other);
	assert_ptr_not_equal(other, page);
	__free_page(other);
	expect_bad_page("nonzero _refcount", 1);
	expect_never_handed_out(page, 1);
}

static void allocated_with_a_flag(void **state)
{
	struct page *other;

	(void)state;
	page_flag_set(pfn_to_page(5), PG_slab);
	/* The whole block that holds it is taken out of use, and the request is met from elsewhere. */
	other = alloc_pages(GFP_KERNEL, 3);
	assert_int_equal(page_to_pfn(other), 8);
	__free_pages(other, 3);
	expect_bad_page("PAGE_FLAGS_CHECK_AT_PREP flag(s) set", 8);
	expect_never_handed_out(pfn_to_page(0), 8);
}

static void allocated_with_mapcount(void **state)
{
	(void)state;
	pfn_to_page(3)->page_type = ~4u;
	assert_null(alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_NOWARN, 10));
	expect_bad_page("nonzero mapcount", 1024);
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0));
}

static void allocated_with_an_owner(void **state)
{
	struct page *other;

	(void)state;
	pfn_to_page(1)->slab_cache = (struct kmem_cache *)(void *)state;
	other = alloc_pages(GFP_KERNEL, 1);
	assert_int_equal(page_to_pfn(other), 2);
	__free_pages(other, 1);
	expect_bad_page("non-NULL mapping", 2);
	expect_never_handed_out(pfn_to_page(0), 2);
}

/* Behind the first page of a large block nobody looks, until its pages go out in small pieces. */
static void a_flag_deep_inside_a_large_block(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 5), *again;

	(void)state;
	page_flag_set(page + 20, PG_slab);
	__free_pages(page, 5);
	if (KMM_CONFIG_CHECK || buddy_options.check_pages) {
		expect_bad_page("PAGE_FLAGS_CHECK_AT_FREE flag(s) set", 32);
		expect_never_handed_out(page, 32);
		return;
	}
	assert_silent();
	again = alloc_pages(GFP_KERNEL, 5);
	assert_ptr_equal(again, page);
	assert_silent();
	__free_pages(again, 5);
	for (unsigned int i = 0; i < 2; i++)
		__free_pages(alloc_pages(GFP_KERNEL, 4), 4);
	assert_silent();
	again = alloc_pages(GFP_KERNEL, 4);
	page = alloc_pages(GFP_KERNEL, 3);
	assert_non_null(page);
	__free_pages(again, 4);
	__free_pages(page, 3);
	expect_bad_page("PAGE_FLAGS_CHECK_AT_PREP flag(s) set", 8);
}

static void a_flag_deep_inside_a_large_compound_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 5);

	(void)state;
	page_flag_set(page + 20, PG_slab);
	__free_pages(page, 5);
	expect_bad_page("PAGE_FLAGS_CHECK_AT_FREE flag(s) set", 32);
	expect_never_handed_out(page, 32);
}

static void a_large_block_with_a_used_page_is_not_handed_out(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 5), *again;

	(void)state;
	__free_pages(page, 5);
	pfn_to_page(20)->refcount = 1;
	again = alloc_pages(GFP_KERNEL, 5);
	if (KMM_CONFIG_CHECK || buddy_options.check_pages) {
		assert_int_equal(page_to_pfn(again), 32);
		__free_pages(again, 5);
		expect_bad_page("nonzero _refcount", 32);
		return;
	}
	assert_ptr_equal(again, page);
	assert_silent();
	page[20].refcount = 0;
	__free_pages(again, 5);
}

static int setup_check_pages(void **state)
{
	(void)state;
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	buddy_options.check_pages = true;
	assert_int_equal(arena_start(PAGEBLOCK_SIZE), 0);
	return buddy_start();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
#define ALL(name)                                                                        \
	{                                                                                \
#name "_with_check_pages", name, setup_check_pages, teardown_pages, NULL \
	}
	const struct CMUnitTest tests[] = {
		TEST(page_handed_out_of_order_0),
		TEST(only_the_first_page_of_several_has_a_reference),
		TEST(compound_pages_know_their_head_and_order),
		TEST(a_compound_page_of_order_0_is_a_page),
		TEST(freed_with_mapcount),
		TEST(freed_with_an_owner),
		TEST(freed_with_a_reference_inside),
		TEST(freed_with_a_flag_inside),
		TEST(freed_with_a_tail_of_another_head),
		TEST(allocated_with_a_reference),
		TEST(allocated_with_a_flag),
		TEST(allocated_with_mapcount),
		TEST(allocated_with_an_owner),
		TEST(a_flag_deep_inside_a_large_block),
		ALL(a_flag_deep_inside_a_large_block),
		TEST(a_flag_deep_inside_a_large_compound_page),
		TEST(a_large_block_with_a_used_page_is_not_handed_out),
		ALL(a_large_block_with_a_used_page_is_not_handed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
