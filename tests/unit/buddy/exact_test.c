/* SPDX-License-Identifier: MIT
 * exact_test.c - no page more than was asked for, and all of them back.
 */
#include <kmm/kmm.h>

#include "base/boot.h"
#include "support/refused.h"

static void the_rest_of_the_block_is_free_at_once(void **state)
{
	(void)state;
	for (size_t nr = 1; nr <= 1024; nr += nr < 40 ? 1 : 123) {
		const size_t size = nr * PAGE_SIZE - nr % 5 * 17;
		char *addr = alloc_pages_exact(size, GFP_KERNEL);

		assert_non_null(addr);
		assert_int_equal((uintptr_t)addr % PAGE_SIZE, 0);
		assert_int_equal(buddy_nr_free(), 1024 - nr);
		kmm_validate_pages();
		memset(addr, 0x5a, nr * PAGE_SIZE);
		for (size_t i = 0; i < nr; i++)
			assert_int_equal(page_ref_count(virt_to_page(addr + i * PAGE_SIZE)), 1);
		free_pages_exact(addr, size);
		assert_int_equal(buddy_nr_free(), 1024);
		assert_int_equal(kmm_zone.free_area[10].nr_free, 1);
	}
	assert_silent();
}

static void the_pages_are_pages_of_their_own(void **state)
{
	char *addr = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);

	(void)state;
	free_page((unsigned long)addr + 2 * PAGE_SIZE);
	put_page(virt_to_page(addr));
	assert_int_equal(buddy_nr_free(), 1024 - 3);
	kmm_validate_pages();
	free_pages_exact(addr + PAGE_SIZE, PAGE_SIZE);
	free_pages_exact(addr + 3 * PAGE_SIZE, 2 * PAGE_SIZE);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void zeros_and_nodes(void **state)
{
	char *addr = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL), *again;

	memset(addr, 0x5a, 3 * PAGE_SIZE);
	free_pages_exact(addr, 3 * PAGE_SIZE);
	again = alloc_pages_exact_nid(0, 3 * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	assert_ptr_equal(again, addr);
	for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
		assert_int_equal(again[i], 0);
	free_pages_exact(again, 3 * PAGE_SIZE);
	again = alloc_pages_exact_nid(NUMA_NO_NODE, 1, GFP_KERNEL);
	assert_non_null(again);
	assert_int_equal(buddy_nr_free(), 1023);
	free_pages_exact(again, 1);
	assert_silent();
	(void)state;
}

static void no_pages_of_a_node_that_does_not_exist(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = SECTION_SIZE, .report = capture_report };

	(void)state;
	capture_start();
	assert_int_equal(kmm_init(&config), 0);
	assert_null(alloc_pages_exact_nid(3, PAGE_SIZE, GFP_KERNEL));
	assert_reported("there is no node 3");
	kmm_boot_reset_for_test();
	capture_stop();
}

static void a_compound_page_is_never_cut_into_pieces(void **state)
{
	void *addr = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL | __GFP_COMP);

	(void)state;
	assert_non_null(addr);
	assert_int_equal(capture.nr, 1);
	assert_reported("WARNING: alloc_pages_exact: mode:0x40cc0");
	assert_int_equal(compound_order(virt_to_page(addr)), 0);
	free_pages_exact(addr, 3 * PAGE_SIZE);
	addr = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL | __GFP_COMP);
	assert_int_equal(capture.nr, 1); /* once is enough */
	free_pages_exact(addr, 3 * PAGE_SIZE);
	capture_clear();
}

static void sizes_that_cannot_be(void **state)
{
	(void)state;
	assert_null(alloc_pages_exact(0, GFP_KERNEL | __GFP_NOWARN));
	assert_null(alloc_pages_exact((PAGE_SIZE << 10) + 1, GFP_KERNEL | __GFP_NOWARN));
	assert_null(alloc_pages_exact(~(size_t)0, GFP_KERNEL | __GFP_NOWARN));
	free_pages_exact(NULL, 5 * PAGE_SIZE);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void a_free_twice_is_refused(void **state)
{
	char *addr = alloc_pages_exact(PAGE_SIZE, GFP_KERNEL), *keep = alloc_pages_exact(PAGE_SIZE, GFP_KERNEL);

	(void)state;
	free_pages_exact(keep, PAGE_SIZE);
	expect_refused(free_pages_exact(keep, PAGE_SIZE), "nonzero mapcount");
	free_pages_exact(addr, PAGE_SIZE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(the_rest_of_the_block_is_free_at_once),
		TEST(the_pages_are_pages_of_their_own),
		TEST(zeros_and_nodes),
		cmocka_unit_test(no_pages_of_a_node_that_does_not_exist),
		TEST(a_compound_page_is_never_cut_into_pieces),
		TEST(sizes_that_cannot_be),
		TEST(a_free_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
