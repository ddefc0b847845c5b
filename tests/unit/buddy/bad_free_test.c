/* SPDX-License-Identifier: MIT
 * bad_free_test.c - frees that are none, in a world with per-CPU lists, and of pages that are not online.
 */
#include "prep_world.h"
#include "support/refused.h"

static int setup_lists(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_sections(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = true }, 2 * SECTION_SIZE);
	return 0;
}

#define FLAGS_SET "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"

static void double_free_while_a_cpu_has_the_page(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= PCP_MAX_LOW_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		unsigned long nr_kept;

		__free_pages(page, order);
		nr_kept = zone_nr_pcp(&kmm_zone);
		expect_refused_saying(__free_pages(page, order), FLAGS_SET, "pcp");
		expect_refused_saying(free_pages((unsigned long)page_address(page), order), FLAGS_SET, "refcount:0");
		assert_int_equal(zone_nr_pcp(&kmm_zone), nr_kept);
		/* It is handed out once. */
		assert_ptr_equal(alloc_pages(GFP_KERNEL, order), page);
		assert_ptr_not_equal(alloc_pages(GFP_KERNEL, order), page);
	}
}

static void double_free_after_the_cpu_gave_the_page_back(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *next = alloc_page(GFP_KERNEL);

	(void)state;
	__free_page(page);
	drain_all_pages(NULL);
	if (PageBuddy(page))
		expect_refused(__free_page(page), "nonzero mapcount");
	else
		expect_refused(__free_page(page), "zero _refcount");
	__free_page(next);
}

static void free_of_a_page_that_waits_on_a_list(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *listed;

	(void)state;
	if (!zone_nr_pcp(&kmm_zone))
		__free_page(alloc_pages(GFP_KERNEL, 0));
	listed = alloc_page(GFP_KERNEL);
	__free_page(listed);
	expect_refused_saying(__free_page(listed), FLAGS_SET, "pcp");
	expect_refused_saying(__free_pages(listed, 1), FLAGS_SET, "pcp");
	__free_page(page);
}

static void free_with_another_order(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	(void)state;
	for (unsigned int order = 0; order <= MAX_ORDER; order++) {
		if (order == MAX_ORDER)
			expect_refused(__free_pages(page, order), "order out of range");
		else if (order != 2)
			expect_refused(__free_pages(page, order), "wrong order");
	}
	assert_int_equal(page_refcount(page), 1);
	__free_pages(page, 2);
}

static void free_inside_a_block(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);

	(void)state;
	for (unsigned int i = 1; i < 8; i++)
		expect_refused_saying(__free_page(page + i), "tail page", "head:");
	__free_pages(page, 3);
	/* On the list it is no compound page any more. */
	expect_refused(__free_page(page + 1), "zero _refcount");
	expect_refused_saying(__free_page(page), FLAGS_SET, "pcp");
}

static void free_of_a_page_that_is_reserved(void **state)
{
	(void)state;
	expect_refused_saying(__free_page(pfn_to_page(0)), FLAGS_SET, "reserved");
}

static void free_of_an_address_that_is_not_ours(void **state)
{
	char local[16];

	(void)state;
	free_pages((unsigned long)local, 0);
	free_pages((unsigned long)kmm_arena.base + PAGEBLOCK_SIZE, 0);
	assert_int_equal(capture.nr, 2);
	assert_reported("is not in the arena");
	expect_refused(__free_page((struct page *)(void *)local), "no page of the arena");
}

static void free_of_a_page_that_was_never_online(void **state)
{
	struct page *page = arena_pfn_to_page(PAGES_PER_SECTION + 5);

	(void)state;
	assert_false(arena_pfn_online(PAGES_PER_SECTION + 5));
	expect_refused_saying(__free_page(page), "zero _refcount", "flags: 0()");
	expect_refused(__free_pages(page, 3), "zero _refcount");
	expect_refused(free_pages((unsigned long)arena_page_address(page), 0), "zero _refcount");
	assert_false(arena_pfn_online(PAGES_PER_SECTION + 5));
}

/* What hot-removal does to a section, by hand. */
static void free_of_a_page_that_went_offline(void **state)
{
	struct page *blocks[2 * SECTION_SIZE / PAGEBLOCK_SIZE];
	unsigned long nr_offline = 0;
	unsigned int nr = 0;
	struct page *page;

	(void)state;
	while ((blocks[nr] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 10)))
		nr++;
	page = arena_pfn_to_page(PAGES_PER_SECTION + 5);
	for (unsigned int i = 0; i < nr; i++) {
		if (page_to_pfn(blocks[i]) >= PAGES_PER_SECTION) {
			arena_offline(page_to_pfn(blocks[i]), pageblock_nr_pages);
			nr_offline += pageblock_nr_pages;
		} else {
			__free_pages(blocks[i], 10);
		}
	}
	assert_int_equal(nr_offline, PAGES_PER_SECTION);
	kmm_zone.present_pages -= nr_offline;
	expect_refused_saying(__free_page(page), "zero _refcount", "flags: 0()");
	expect_refused(__free_pages(arena_pfn_to_page(PAGES_PER_SECTION), 10), "zero _refcount");
	expect_refused(free_pages((unsigned long)arena_page_address(page), 0), "zero _refcount");
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown_lists)
	const struct CMUnitTest tests[] = {
		TEST(double_free_while_a_cpu_has_the_page, setup_lists),
		TEST(double_free_after_the_cpu_gave_the_page_back, setup_lists),
		TEST(free_of_a_page_that_waits_on_a_list, setup_lists),
		TEST(free_with_another_order, setup_lists),
		TEST(free_inside_a_block, setup_lists),
		TEST(free_of_a_page_that_is_reserved, setup_lists),
		TEST(free_of_an_address_that_is_not_ours, setup_lists),
		TEST(free_of_a_page_that_was_never_online, setup_sections),
		TEST(free_of_a_page_that_went_offline, setup_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
