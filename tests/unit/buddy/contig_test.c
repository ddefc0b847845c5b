/* SPDX-License-Identifier: MIT
 * contig_test.c - ranges of pages in one piece: one that is named, one that is searched for, and what is in their way.
 */
#include <errno.h>
#include <string.h>

#include <kmm/contig.h>

#include "support/pages_world.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)
#define NR_PAGES (2 * PAGES_PER_SECTION)

static void assert_range_in_use(unsigned long start, unsigned long end)
{
	for (unsigned long pfn = start; pfn < end; pfn++) {
		const struct page *page = arena_pfn_to_page(pfn);

		assert_int_equal(page_refcount(page), 1);
		assert_int_equal(page_alloc_order(page), 0);
		assert_false(PageBuddy(page));
		assert_int_equal(page->private, 0);
	}
	kmm_validate_pages();
}

static void a_range_is_taken_and_given_back(void **state)
{
	const unsigned long ranges[][2] = { { 0, 1 },       { 1, 3 },       { 100, 900 },
					    { 1000, 3333 }, { 1024, 3072 }, { 0, 4095 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
		const unsigned long start = ranges[i][0], end = min_of(ranges[i][1], PAGES_PER_SECTION - 1);

		assert_int_equal(alloc_contig_range(start, end, MIGRATE_MOVABLE, GFP_KERNEL), 0);
		assert_range_in_use(start, end);
		assert_int_equal(nr_free_pages(), NR_PAGES - (end - start));
		assert_int_equal(kmm_zone.nr_isolate_pageblock, 0);
		memset(page_address(arena_pfn_to_page(start)), 0x5a, (end - start) << PAGE_SHIFT);
		assert_int_equal(alloc_contig_range(end - 1, end + 1, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
		free_contig_range(start, end - start);
		assert_int_equal(nr_free_pages(), NR_PAGES);
		assert_int_equal(blocks_listed(10, MIGRATE_MOVABLE), PAGES_PER_SECTION / 1024);
	}
	assert_silent();
}

static void its_pages_can_be_freed_one_by_one(void **state)
{
	(void)state;
	assert_int_equal(alloc_contig_range(500, 1500, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	for (unsigned long pfn = 500; pfn < 1500; pfn += 2)
		__free_page(arena_pfn_to_page(pfn));
	kmm_validate_pages();
	assert_int_equal(alloc_contig_range(500, 501, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	for (unsigned long pfn = 1499; pfn > 500; pfn -= 2)
		__free_page(arena_pfn_to_page(pfn));
	__free_page(arena_pfn_to_page(500));
	assert_int_equal(nr_free_pages(), NR_PAGES);
	assert_silent();
}

static void what_is_around_a_range_stays_free(void **state)
{
	struct page *page;

	(void)state;
	assert_int_equal(alloc_contig_range(512, 1536, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_int_equal(blocks_listed(9, MIGRATE_MOVABLE), 2);
	page = alloc_pages(MOVABLE, 9);
	assert_int_equal(arena_page_to_pfn(page) % 1536, 0);
	__free_pages(page, 9);
	free_contig_range(512, 1024);
}

/* The first pageblock is of unmovable pages, one of which is in use; the second one is a reserve. */
static void a_range_that_is_busy_is_left_as_it_was(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *second = alloc_pages(GFP_KERNEL, 4);
	const unsigned long pfn = ALIGN_DOWN(arena_page_to_pfn(page), 1024UL);
	unsigned long free[MAX_ORDER];

	(void)state;
	reserve_highatomic_pageblock(&kmm_zone, arena_pfn_to_page(pfn ? 0 : 1024));
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		free[order] = kmm_zone.free_area[order].nr_free;
	assert_int_equal(alloc_contig_range(0, 2048, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		assert_int_equal(kmm_zone.free_area[order].nr_free, free[order]);
	assert_int_equal(pageblock_type(page), MIGRATE_UNMOVABLE);
	assert_int_equal(kmm_zone.nr_reserved_highatomic, 1024);
	assert_int_equal(nr_free_pages(), NR_PAGES - 17);
	kmm_validate_pages();
	assert_silent();
	__free_page(page);
	__free_pages(second, 4);
}

static void a_range_behind_the_first_page_of_a_block_in_use_is_busy(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 4);
	const unsigned long pfn = arena_page_to_pfn(page);

	(void)state;
	assert_int_equal(alloc_contig_range(pfn + 3, pfn + 5, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
	assert_int_equal(alloc_contig_range(pfn + 3, pfn + 20, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
	assert_int_equal(alloc_contig_range(pfn + 16, pfn + 20, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(pfn + 16, 4);
	__free_pages(page, 4);
}

/* Single pages all over the zone, but for one stretch. */
static void a_search_finds_the_one_stretch_between_fragments(void **state)
{
	static struct page *pages[NR_PAGES];
	const unsigned long start = 1300, nr_pages = 1500;
	struct page *range;

	(void)state;
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		pages[i] = alloc_page(i % 3 ? MOVABLE : GFP_KERNEL);
		assert_non_null(pages[i]);
	}
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		const unsigned long pfn = arena_page_to_pfn(pages[i]);

		if ((pfn >= start && pfn < start + nr_pages) || pfn % 2 == 0) {
			__free_page(pages[i]);
			pages[i] = NULL;
		}
	}
	range = alloc_contig_pages(nr_pages, GFP_KERNEL, 0, NULL);
	assert_non_null(range);
	assert_in_range(arena_page_to_pfn(range), start - 1, start + 1);
	assert_range_in_use(arena_page_to_pfn(range), arena_page_to_pfn(range) + nr_pages);
	assert_null(alloc_contig_pages(nr_pages, GFP_KERNEL, 0, NULL));
	assert_null(alloc_contig_pages(2, GFP_KERNEL, 0, NULL));
	free_contig_range(arena_page_to_pfn(range), nr_pages);
	for (unsigned long i = 0; i < NR_PAGES; i++)
		if (pages[i])
			__free_page(pages[i]);
	assert_silent();
}

static void any_number_of_pages_and_powers_of_two_are_aligned(void **state)
{
	const unsigned long numbers[] = { 1, 3, 16, 1024, 1025, 2048, PAGES_PER_SECTION };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct page *one = alloc_page(MOVABLE), *range;
		unsigned long pfn;

		range = alloc_contig_pages(numbers[i], GFP_KERNEL, NUMA_NO_NODE, NULL);
		assert_non_null(range);
		pfn = arena_page_to_pfn(range);
		if (is_power_of_2(numbers[i]))
			assert_int_equal(pfn % numbers[i], 0);
		assert_range_in_use(pfn, pfn + numbers[i]);
		free_contig_range(pfn, numbers[i]);
		__free_page(one);
	}
	assert_int_equal(nr_free_pages(), NR_PAGES);
	assert_null(alloc_contig_pages(NR_PAGES + 1, GFP_KERNEL, 0, NULL));
	assert_null(alloc_contig_pages(~0UL, GFP_KERNEL, 0, NULL));
	assert_silent();
}

static void what_was_never_online_comes_online_for_a_range(void **state)
{
	struct page *range;

	(void)state;
	assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	/* What is online already is enough. */
	range = alloc_contig_pages(PAGES_PER_SECTION, GFP_KERNEL, 0, NULL);
	assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	free_contig_range(arena_page_to_pfn(range), PAGES_PER_SECTION);
	range = alloc_contig_pages(PAGES_PER_SECTION + 1, GFP_KERNEL, 0, NULL);
	assert_non_null(range);
	assert_int_equal(kmm_arena.nr_online, NR_PAGES);
	assert_int_equal(kmm_zone.nr_offline, 0);
	free_contig_range(arena_page_to_pfn(range), PAGES_PER_SECTION + 1);
	assert_int_equal(nr_free_pages(), NR_PAGES);
}

static void a_named_range_comes_online(void **state)
{
	const unsigned long pfn = NR_PAGES - 3;

	(void)state;
	os_inject_failure(1);
	assert_int_equal(alloc_contig_range(pfn, pfn + 2, MIGRATE_MOVABLE, GFP_KERNEL), -ENOMEM);
	os_inject_failure(1);
	assert_null(alloc_contig_pages(PAGES_PER_SECTION + 1, GFP_KERNEL, 0, NULL));
	os_inject_failure(0);
	kmm_validate_pages();
	assert_int_equal(alloc_contig_range(pfn, pfn + 2, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(pfn, 2);
	assert_silent();
}

static struct page *movable;
static unsigned int nr_moves;

/* Succeeds at the second attempt. */
static int move_the_page(unsigned long start, unsigned long end, gfp_t gfp)
{
	assert_true(arena_page_to_pfn(movable) >= start && arena_page_to_pfn(movable) < end);
	assert_true(gfp & __GFP_DIRECT_RECLAIM);
	if (++nr_moves < 2)
		return -EBUSY;
	__free_page(movable);
	return 0;
}

static void pages_in_use_are_asked_to_move(void **state)
{
	struct page *range;

	(void)state;
	movable = alloc_page(MOVABLE);
	reclaim_ops.migrate_range = move_the_page;
	nr_moves = 0;
	assert_int_equal(alloc_contig_range(0, 2048, MIGRATE_MOVABLE, GFP_NOWAIT), -EBUSY);
	assert_int_equal(nr_moves, 0);
	assert_int_equal(alloc_contig_range(0, 2048, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_int_equal(nr_moves, 2);
	assert_range_in_use(0, 2048);
	free_contig_range(0, 2048);
	movable = alloc_page(MOVABLE);
	nr_moves = 1;
	range = alloc_contig_pages(NR_PAGES, GFP_KERNEL, 0, NULL);
	assert_int_equal(arena_page_to_pfn(range), 0);
	free_contig_range(0, NR_PAGES);
	reclaim_ops.migrate_range = NULL;
}

static void zeros_are_given_where_they_are_asked_for(void **state)
{
	(void)state;
	assert_int_equal(alloc_contig_range(10, 20, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	memset(page_address(arena_pfn_to_page(10)), 0x5a, 10 * PAGE_SIZE);
	free_contig_range(10, 10);
	assert_int_equal(alloc_contig_range(0, 2048, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_ZERO), 0);
	for (const char *p = kmm_arena.base; p < kmm_arena.base + (2048UL << PAGE_SHIFT); p += 512)
		assert_int_equal(*p, 0);
	free_contig_range(0, 2048);
}

static void a_damaged_page_is_not_handed_out(void **state)
{
	(void)state;
	arena_pfn_to_page(77)->slab_cache = (void *)16;
	assert_int_equal(alloc_contig_range(0, 1024, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
	assert_reported("non-NULL mapping");
	assert_int_equal(kmm_zone.nr_bad, 1);
	assert_int_equal(nr_free_pages(), NR_PAGES - 1);
	kmm_validate_pages();
	assert_int_equal(alloc_contig_range(78, 1024, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(78, 1024 - 78);
}

static void a_page_that_others_hold_is_counted(void **state)
{
	struct page *page = arena_pfn_to_page(5);

	(void)state;
	assert_int_equal(alloc_contig_range(4, 8, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	page_ref_set(page, 2);
	free_contig_range(4, 4);
	assert_reported("1 pages are still in use!");
	assert_int_equal(nr_free_pages(), NR_PAGES - 1);
	__free_page(page);
}

static void nonsense_is_refused(void **state)
{
	const struct {
		unsigned long start, end;
		unsigned int type;
		const char *why;
	} cases[] = {
		{ 0, 1024, MIGRATE_UNMOVABLE, "neither" },
		{ 0, 1024, 77, "neither" },
		{ 5, 5, MIGRATE_MOVABLE, "no page" },
		{ 6, 5, MIGRATE_MOVABLE, "no page" },
		{ NR_PAGES - 1, NR_PAGES + 1, MIGRATE_MOVABLE, "not in one zone" },
		{ ~0UL - 1, ~0UL, MIGRATE_MOVABLE, "not in one zone" },
		{ 0, 1024, MIGRATE_CMA, "not in the area" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		capture_clear();
		assert_int_equal(alloc_contig_range(cases[i].start, cases[i].end, cases[i].type, GFP_KERNEL), -EINVAL);
		assert_reported(cases[i].why);
		capture_clear();
		assert_int_equal(alloc_contig_range(cases[i].start, cases[i].end, cases[i].type, __GFP_NOWARN),
				 -EINVAL);
		assert_silent();
	}
	assert_null(alloc_contig_pages(0, GFP_KERNEL, 0, NULL));
	assert_reported("0 pages on node 0");
	assert_null(alloc_contig_pages(1, GFP_KERNEL, 1, NULL));
	assert_reported("1 pages on node 1");
	capture_clear();
	free_contig_range(NR_PAGES - 1, 2);
	assert_reported("not in the arena");
	kmm_validate_pages();
}

static int setup_two_nodes(void **state)
{
	(void)state;
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	buddy_options.fake_nodes = 2;
	buddy_options.movable = 2 * PAGEBLOCK_SIZE;
	assert_int_equal(arena_start(2 * SECTION_SIZE), 0);
	return buddy_start();
}

static void nodes_masks_and_zones_are_respected(void **state)
{
	const nodemask_t second = { 2 };
	struct page *page;

	(void)state;
	page = alloc_contig_pages(1000, GFP_KERNEL, 1, NULL);
	assert_int_equal(page_to_nid(page), 1);
	assert_int_equal(page_zone(page)->idx, ZONE_NORMAL);
	free_contig_range(arena_page_to_pfn(page), 1000);
	page = alloc_contig_pages(1000, GFP_KERNEL, 0, &second);
	assert_int_equal(page_to_nid(page), 1);
	free_contig_range(arena_page_to_pfn(page), 1000);
	page = alloc_contig_pages(8, GFP_HIGHUSER_MOVABLE, 0, NULL);
	assert_int_equal(page_zone(page)->idx, ZONE_MOVABLE);
	free_contig_range(arena_page_to_pfn(page), 8);
	/* No range reaches over the end of a zone. */
	assert_null(alloc_contig_pages(PAGES_PER_SECTION, GFP_HIGHUSER_MOVABLE, 0, NULL));
	assert_int_equal(alloc_contig_range(PAGES_PER_SECTION - 1, PAGES_PER_SECTION + 1, MIGRATE_MOVABLE, GFP_KERNEL),
			 -EINVAL);
}

/* Per-CPU lists hold free pages of the range. */
static int setup_lists(void **state)
{
	(void)state;
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	cpu_id_set_count(2);
	assert_int_equal(arena_start(2 * SECTION_SIZE), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	buddy_start_late();
	return 0;
}

static int teardown_lists(void **state)
{
	teardown_pages(state);
	cpu_id_set_count(1);
	return 0;
}

static void pages_on_the_lists_of_cpus_are_no_obstacle(void **state)
{
	struct page *pages[64], *range;
	unsigned long pfn;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = alloc_page(MOVABLE);
	pfn = arena_page_to_pfn(pages[0]);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
	assert_true(zone_nr_pcp(&kmm_zone) > 0);
	assert_int_equal(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	free_contig_range(pfn, 1);
	assert_true(zone_nr_pcp(&kmm_zone) > 0);
	range = alloc_contig_pages(kmm_zone.end_pfn - 1024, GFP_KERNEL, 0, NULL);
	assert_non_null(range);
	free_contig_range(arena_page_to_pfn(range), kmm_zone.end_pfn - 1024);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_two_sections, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(a_range_is_taken_and_given_back),
		TEST(its_pages_can_be_freed_one_by_one),
		TEST(what_is_around_a_range_stays_free),
		TEST(a_range_that_is_busy_is_left_as_it_was),
		TEST(a_range_behind_the_first_page_of_a_block_in_use_is_busy),
		TEST(a_search_finds_the_one_stretch_between_fragments),
		TEST(any_number_of_pages_and_powers_of_two_are_aligned),
		TEST(what_was_never_online_comes_online_for_a_range),
		TEST(a_named_range_comes_online),
		TEST(pages_in_use_are_asked_to_move),
		TEST(zeros_are_given_where_they_are_asked_for),
		TEST(a_damaged_page_is_not_handed_out),
		TEST(a_page_that_others_hold_is_counted),
		TEST(nonsense_is_refused),
		cmocka_unit_test_setup_teardown(nodes_masks_and_zones_are_respected, setup_two_nodes, teardown_pages),
		cmocka_unit_test_setup_teardown(pages_on_the_lists_of_cpus_are_no_obstacle, setup_lists,
						teardown_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
