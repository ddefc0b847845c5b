/* SPDX-License-Identifier: MIT
 * folio_test.c - folios are compound pages under another name, and single pages as well.
 */
#include <kmm/kmm.h>

#include "support/refused.h"

static void a_folio_knows_its_pages(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct folio *folio = folio_alloc(GFP_KERNEL, order);
		char *addr;

		assert_non_null(folio);
		addr = folio_address(folio);
		assert_int_equal(folio_order(folio), order);
		assert_int_equal(folio_nr_pages(folio), 1L << order);
		assert_int_equal(folio_size(folio), PAGE_SIZE << order);
		for (long i = 0; i < folio_nr_pages(folio); i++) {
			struct page *page = folio_page(folio, (size_t)i);

			assert_ptr_equal(page_address(page), addr + (size_t)i * PAGE_SIZE);
			assert_ptr_equal(page_folio(page), folio);
			assert_ptr_equal(virt_to_folio(addr + (size_t)i * PAGE_SIZE + 5), folio);
		}
		assert_int_equal(buddy_nr_free(), 1024 - (1UL << order));
		folio_put(folio);
		assert_int_equal(buddy_nr_free(), 1024);
	}
	assert_silent();
}

static void the_last_reference_frees_the_folio(void **state)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);

	(void)state;
	folio_get(folio);
	assert_true(folio_try_get(folio));
	assert_int_equal(folio_ref_count(folio), 3);
	folio_put(folio);
	assert_false(folio_put_testzero(folio));
	assert_int_equal(folio_ref_count(folio), 1);
	assert_true(folio_put_testzero(folio));
	assert_int_equal(buddy_nr_free(), 1016);
	kmm_validate_pages();
	assert_false(folio_try_get(folio));
	__folio_put(folio);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_false(folio_try_get(folio));
	assert_silent();
	expect_refused(folio_put(folio), "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	expect_refused(folio_get(folio), "VM_BUG_ON_PAGE(page_ref_zero_or_close_to_overflow(page))");
}

static void references_of_a_folio_are_counted_and_frozen(void **state)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);

	(void)state;
	folio_ref_inc(folio);
	folio_ref_add(folio, 5);
	folio_ref_dec(folio);
	assert_int_equal(folio_ref_count(folio), 6);
	folio_ref_sub(folio, 3);
	assert_int_equal(folio_ref_count(folio), 3);
	assert_false(folio_ref_freeze(folio, 2));
	assert_true(folio_ref_freeze(folio, 3));
	assert_int_equal(folio_ref_count(folio), 0);
	assert_false(folio_try_get(folio));
	folio_ref_unfreeze(folio, 1);
	assert_int_equal(folio_ref_count(folio), 1);
	assert_int_equal(folio_nid(folio), page_to_nid(folio_page(folio, 3)));
	assert_silent();
	expect_refused(folio_ref_dec(folio), "VM_BUG_ON_PAGE(page_ref_count(page) <= nr)");
	folio_put(folio);
	assert_int_equal(buddy_nr_free(), 1024);
}

static void addresses_without_a_folio(void **state)
{
	struct folio *last;

	assert_null(virt_to_folio(NULL));
	assert_null(virt_to_folio(state));
	last = page_folio(pfn_to_page(1023));
	assert_null(folio_page(last, 1));
}

static void no_folio_without_memory(void **state)
{
	struct folio *all = folio_alloc(GFP_KERNEL, 10);

	(void)state;
	assert_null(folio_alloc(GFP_KERNEL | __GFP_NOWARN, 0));
	assert_null(folio_alloc(GFP_KERNEL | __GFP_NOWARN, MAX_ORDER));
	folio_put(all);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(a_folio_knows_its_pages),
		TEST(the_last_reference_frees_the_folio),
		TEST(references_of_a_folio_are_counted_and_frozen),
		TEST(addresses_without_a_folio),
		TEST(no_folio_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
