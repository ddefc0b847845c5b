/* SPDX-License-Identifier: MIT
 * cma_test.c - the area of cma=: who may use it, what watermarks think of it, and how it is taken and comes back.
 */
#include <errno.h>
#include <string.h>

#include <kmm/contig.h>
#include <kmm/memalloc.h>

#include "support/pages_world.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)
#define QUIET __GFP_NOWARN
#define CMA_PAGES 1024UL
#define CMA_START (NR_PAGES - CMA_PAGES)
#define NR_PAGES (2 * PAGES_PER_SECTION)

static bool with_lists; /* per-CPU lists */

static bool ungrouped; /* page_mobility=off */

static void start(size_t limit, size_t cma)
{
	capture_start();
	buddy_options_reset();
	buddy_options.mobility = !ungrouped;
	buddy_options.min_free_kbytes = 0;
	buddy_options.cma = cma;
	assert_int_equal(arena_start(limit), 0);
	if (with_lists)
		assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	if (with_lists)
		buddy_start_late();
	kmm_validate_pages();
}

static int setup(void **state)
{
	(void)state;
	with_lists = false;
	start(NR_PAGES << PAGE_SHIFT, 1); /* rounded up to a pageblock */
	return 0;
}

static int setup_ungrouped(void **state)
{
	ungrouped = true;
	setup(state);
	ungrouped = false;
	return 0;
}

static int setup_lists(void **state)
{
	(void)state;
	with_lists = true;
	cpu_id_set_count(2);
	start(NR_PAGES << PAGE_SHIFT, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_ungrouped_lists(void **state)
{
	ungrouped = true;
	setup_lists(state);
	ungrouped = false;
	return 0;
}

static int teardown_lists(void **state)
{
	teardown_pages(state);
	cpu_id_set_count(1);
	return 0;
}

static bool in_cma(const struct page *page)
{
	return arena_page_to_pfn(page) >= CMA_START;
}

static unsigned long nr_free_cma(void)
{
	return (unsigned long)kmm_zone.vm_stat[NR_FREE_CMA_PAGES];
}

static void the_area_is_at_the_end_and_counted(void **state)
{
	(void)state;
	assert_int_equal(kmm_zone.cma_pages, CMA_PAGES);
	assert_int_equal(nr_free_cma(), CMA_PAGES);
	assert_int_equal(pageblock_type(arena_pfn_to_page(CMA_START)), MIGRATE_CMA);
	assert_int_equal(pageblock_type(arena_pfn_to_page(CMA_START - 1)), MIGRATE_MOVABLE);
	assert_int_equal(nr_free_pages(), NR_PAGES);
	assert_int_equal(totalram_pages(), NR_PAGES);
	assert_silent();
}

/* All that a kind of request can get, in pageblocks and the pages of the last one. */
static unsigned long take_all(gfp_t gfp, struct page *pages[], bool *any_cma)
{
	unsigned long nr = 0;
	struct page *page;

	*any_cma = false;
	while ((page = alloc_pages(gfp | QUIET, 9))) {
		*any_cma |= in_cma(page);
		pages[nr++] = page;
	}
	page = alloc_page(gfp | QUIET);
	assert_null(page);
	kmm_validate_pages();
	return nr;
}

static void give_all(struct page *pages[], unsigned long nr)
{
	while (nr)
		__free_pages(pages[--nr], 9);
}

static void only_movable_requests_that_are_not_pinned_get_it(void **state)
{
	static struct page *pages[NR_PAGES / 512];
	unsigned int saved;
	bool any_cma;

	(void)state;
	assert_int_equal(take_all(GFP_KERNEL, pages, &any_cma), (NR_PAGES - CMA_PAGES) / 512);
	assert_false(any_cma);
	assert_int_equal(nr_free_pages(), CMA_PAGES);
	give_all(pages, (NR_PAGES - CMA_PAGES) / 512);
	assert_int_equal(take_all(GFP_KERNEL | __GFP_RECLAIMABLE, pages, &any_cma), (NR_PAGES - CMA_PAGES) / 512);
	assert_false(any_cma);
	give_all(pages, (NR_PAGES - CMA_PAGES) / 512);
	saved = memalloc_pin_save();
	assert_int_equal(take_all(MOVABLE, pages, &any_cma), (NR_PAGES - CMA_PAGES) / 512);
	memalloc_pin_restore(saved);
	assert_false(any_cma);
	give_all(pages, (NR_PAGES - CMA_PAGES) / 512);
	assert_int_equal(take_all(MOVABLE, pages, &any_cma), NR_PAGES / 512);
	assert_true(any_cma);
	assert_int_equal(nr_free_cma(), 0);
	give_all(pages, NR_PAGES / 512);
	assert_int_equal(nr_free_cma(), CMA_PAGES);
	assert_int_equal(pageblock_type(arena_pfn_to_page(CMA_START)), MIGRATE_CMA);
	assert_silent();
}

/* page_mobility=off: all pages count as movable then, but not all requests said that they are. */
static void without_grouping_it_is_for_movable_requests_all_the_same(void **state)
{
	assert_int_equal(gfp_migratetype(GFP_KERNEL), MIGRATE_MOVABLE);
	only_movable_requests_that_are_not_pinned_get_it(state);
	assert_int_equal(alloc_contig_range(CMA_START, NR_PAGES, MIGRATE_CMA, GFP_KERNEL), 0);
	free_contig_range(CMA_START, CMA_PAGES);
}

static void watermarks_do_not_count_it_for_others(void **state)
{
	static struct page *pages[NR_PAGES / 512];
	bool any_cma;

	(void)state;
	take_all(GFP_KERNEL, pages, &any_cma);
	assert_true(zone_watermark_ok(&kmm_zone, 0, 0, ZONE_NORMAL, ALLOC_CMA));
	assert_true(zone_watermark_ok(&kmm_zone, 9, 0, ZONE_NORMAL, ALLOC_CMA));
	assert_false(zone_watermark_ok(&kmm_zone, 0, 0, ZONE_NORMAL, 0));
	give_all(pages, (NR_PAGES - CMA_PAGES) / 512);
}

/* What was freed into the area waits on a list of movable pages. */
static void a_pinned_request_gets_no_page_of_it_from_a_list(void **state)
{
	static struct page *pages[NR_PAGES], *pinned[6];
	unsigned long nr = 0, nr_cma = 0, nr_pinned;
	unsigned int saved;

	(void)state;
	while (nr_cma < 8) {
		pages[nr] = alloc_page(MOVABLE);
		assert_non_null(pages[nr]);
		nr_cma += in_cma(pages[nr++]);
	}
	for (unsigned long i = 0; i < nr; i++)
		if (in_cma(pages[i])) {
			__free_page(pages[i]);
			pages[i] = NULL;
		}
	assert_true(zone_nr_pcp(&kmm_zone) >= nr_cma);
	memset(pinned, 0, sizeof(pinned));
	saved = memalloc_pin_save();
	pinned[0] = alloc_page(MOVABLE | QUIET);
	nr_pinned = __alloc_pages_bulk(MOVABLE | QUIET, NUMA_NO_NODE, NULL, ARRAY_SIZE(pinned), pinned);
	memalloc_pin_restore(saved);
	assert_int_equal(nr_pinned, ARRAY_SIZE(pinned));
	for (unsigned int i = 0; i < nr_pinned; i++) {
		assert_false(in_cma(pinned[i]));
		__free_page(pinned[i]);
	}
	for (unsigned long i = 0; i < nr; i++)
		if (pages[i])
			__free_page(pages[i]);
}

static void a_range_of_it_is_taken_and_comes_back(void **state)
{
	(void)state;
	assert_int_equal(alloc_contig_range(CMA_START + 10, CMA_START + 110, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
	assert_int_equal(alloc_contig_range(CMA_START - 1, CMA_START + 1, MIGRATE_CMA, GFP_KERNEL), -EINVAL);
	assert_reported("not in the area of cma=");
	assert_int_equal(alloc_contig_range(CMA_START + 10, CMA_START + 110, MIGRATE_CMA, GFP_KERNEL), 0);
	assert_int_equal(nr_free_cma(), CMA_PAGES - 100);
	assert_int_equal(pageblock_type(arena_pfn_to_page(CMA_START)), MIGRATE_CMA);
	kmm_validate_pages();
	free_contig_range(CMA_START + 10, 100);
	assert_int_equal(nr_free_cma(), CMA_PAGES);
	/* A search is for ranges elsewhere. */
	assert_null(alloc_contig_pages(NR_PAGES - CMA_PAGES + 1, GFP_KERNEL, 0, NULL));
	assert_int_equal(alloc_contig_range(CMA_START, NR_PAGES, MIGRATE_CMA, GFP_KERNEL), 0);
	assert_int_equal(nr_free_cma(), 0);
	free_contig_range(CMA_START, CMA_PAGES);
	assert_int_equal(nr_free_cma(), CMA_PAGES);
}

static struct page *lodger;

static int move_the_lodger(unsigned long start, unsigned long end, gfp_t gfp)
{
	(void)gfp;
	assert_true(arena_page_to_pfn(lodger) >= start && arena_page_to_pfn(lodger) < end);
	__free_page(lodger);
	return 0;
}

static void who_uses_it_meanwhile_has_to_move(void **state)
{
	static struct page *pages[NR_PAGES / 512];
	unsigned long nr;
	bool any_cma;

	(void)state;
	nr = take_all(GFP_KERNEL, pages, &any_cma);
	lodger = alloc_page(MOVABLE);
	assert_true(in_cma(lodger));
	assert_int_equal(alloc_contig_range(CMA_START, NR_PAGES, MIGRATE_CMA, GFP_KERNEL), -EBUSY);
	assert_int_equal(nr_free_cma(), CMA_PAGES - 1);
	reclaim_ops.migrate_range = move_the_lodger;
	assert_int_equal(alloc_contig_range(CMA_START, NR_PAGES, MIGRATE_CMA, GFP_KERNEL), 0);
	reclaim_ops.migrate_range = NULL;
	free_contig_range(CMA_START, CMA_PAGES);
	give_all(pages, nr);
}

/* In one section, of which memblock has the start, there is nothing to bring online. */
static void an_area_in_the_first_section(void **state)
{
	(void)state;
	with_lists = true;
	cpu_id_set_count(2);
	start(SECTION_SIZE, SECTION_SIZE - 2 * PAGEBLOCK_SIZE);
	assert_true(kmm_zone.nr_reserved > 0);
	if (SECTION_SIZE > 2 * PAGEBLOCK_SIZE)
		assert_int_equal(nr_free_cma(), PAGES_PER_SECTION - 2048);
	assert_silent();
	teardown_lists(state);
}

static void an_area_that_leaves_nothing_is_not_made(void **state)
{
	(void)state;
	with_lists = false;
	start(NR_PAGES << PAGE_SHIFT, NR_PAGES << PAGE_SHIFT);
	assert_reported("cma: Failed to reserve");
	assert_int_equal(kmm_zone.cma_pages, 0);
	assert_int_equal(nr_free_cma(), 0);
	assert_int_equal(alloc_contig_range(0, 1, MIGRATE_CMA, GFP_KERNEL | QUIET), -EINVAL);
	teardown_pages(state);
}

static void an_area_that_the_system_refuses_is_not_made(void **state)
{
	(void)state;
	with_lists = false;
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	buddy_options.cma = PAGEBLOCK_SIZE;
	assert_int_equal(arena_start(NR_PAGES << PAGE_SHIFT), 0);
	os_inject_failure(os_calls() + 1);
	for (unsigned int n = 1; n < 32 && !capture.nr; n++) {
		os_inject_failure(n);
		assert_int_equal(buddy_start(), 0);
		os_inject_failure(0);
		if (!capture.nr) {
			buddy_stop();
			arena_stop(false);
			assert_int_equal(arena_start(NR_PAGES << PAGE_SHIFT), 0);
			buddy_options.cma = PAGEBLOCK_SIZE;
		}
	}
	assert_reported("cma: Failed to reserve");
	assert_int_equal(nr_free_cma(), 0);
	assert_int_equal(nr_free_pages(), NR_PAGES);
	teardown_pages(state);
}

/* The same, where its pages are on a CPU's list beside others. */
static void without_grouping_no_other_request_gets_a_page_of_it_from_a_list(void **state)
{
	static struct page *pages[NR_PAGES + 1];
	unsigned long nr = 0, nr_cma = 0;

	(void)state;
	while ((pages[nr] = alloc_page(MOVABLE | QUIET)))
		nr_cma += in_cma(pages[nr++]);
	assert_int_equal(nr_cma, CMA_PAGES);
	while (nr)
		__free_page(pages[--nr]);
	while ((pages[nr] = alloc_page(GFP_KERNEL | QUIET)))
		assert_false(in_cma(pages[nr++]));
	assert_true(nr > NR_PAGES - CMA_PAGES - pageblock_nr_pages / 4);
	while (nr)
		__free_page(pages[--nr]);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(the_area_is_at_the_end_and_counted),
		TEST(only_movable_requests_that_are_not_pinned_get_it),
		TEST(watermarks_do_not_count_it_for_others),
		cmocka_unit_test_setup_teardown(without_grouping_it_is_for_movable_requests_all_the_same,
						setup_ungrouped, teardown_pages),
		cmocka_unit_test_setup_teardown(without_grouping_no_other_request_gets_a_page_of_it_from_a_list,
						setup_ungrouped_lists, teardown_lists),
		cmocka_unit_test_setup_teardown(a_pinned_request_gets_no_page_of_it_from_a_list, setup_lists,
						teardown_lists),
		TEST(a_range_of_it_is_taken_and_comes_back),
		TEST(who_uses_it_meanwhile_has_to_move),
		cmocka_unit_test(an_area_in_the_first_section),
		cmocka_unit_test(an_area_that_leaves_nothing_is_not_made),
		cmocka_unit_test(an_area_that_the_system_refuses_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
