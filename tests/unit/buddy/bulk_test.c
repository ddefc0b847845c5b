/* SPDX-License-Identifier: MIT
 * bulk_test.c - many pages at once: only empty entries are filled, watermarks hold for all of them, and a release gives each
 * page back to where it belongs.
 */
#include <kmm/kmm.h>

#include "base/boot.h"
#include "support/pcp_world.h"
#include "support/refused.h"
#include "support/threads.h"

static struct page *pages[2048];

static int setup_bulk(void **state)
{
	memset(pages, 0, sizeof(pages));
	return setup_pcp(state);
}

static int setup_bulk_one_block(void **state)
{
	memset(pages, 0, sizeof(pages));
	return setup_pcp_one_block(state);
}

/* No per-CPU lists. */
static int setup_bulk_no_lists(void **state)
{
	memset(pages, 0, sizeof(pages));
	return setup_one_block(state);
}

static bool all_different(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (!pages[i] || page_ref_count(pages[i]) != 1)
			return false;
		pages[i]->private = i + 1;
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (pages[i]->private != i + 1)
			return false;
		pages[i]->private = 0;
	}
	return true;
}

static void all_entries_are_filled(void **state)
{
	const unsigned long before = pages_unused();
	static const unsigned int counts[] = { 1, 2, 63, 64, 65, 128, 1000 };

	(void)state;
	for (unsigned int round = 0; round < 2 * ARRAY_SIZE(counts); round++) {
		const unsigned int nr = counts[round / 2];

		assert_int_equal(alloc_pages_bulk(GFP_KERNEL, (int)nr, pages), nr);
		assert_true(all_different(nr));
		assert_null(pages[nr]);
		assert_int_equal(pages_unused(), before - nr);
		kmm_validate_pages();
		if (round % 2) {
			release_pages(pages, (int)nr);
		} else {
			for (unsigned int i = 0; i < nr; i++)
				__free_page(pages[i]);
		}
		assert_int_equal(pages_unused(), before);
		kmm_validate_pages();
		memset(pages, 0, sizeof(pages));
	}
	assert_silent();
}

static void entries_that_have_a_page_keep_it(void **state)
{
	struct page *kept[100] = { NULL };

	(void)state;
	for (unsigned int i = 0; i < 100; i += i % 7 + 1)
		kept[i] = pages[i] = alloc_page(GFP_KERNEL);
	assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 100, pages), 100);
	assert_true(all_different(100));
	for (unsigned int i = 0; i < 100; i++)
		if (kept[i])
			assert_ptr_equal(pages[i], kept[i]);
	/* Nothing is left to do. */
	assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 100, pages), 100);
	assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 0, pages), 0);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, -5, pages), 0);
	/* A hole of one. */
	__free_page(pages[41]);
	pages[41] = NULL;
	assert_int_equal(alloc_pages_bulk_array_node(GFP_KERNEL, 0, 100, pages), 100);
	assert_true(all_different(100));
	release_pages(pages, 100);
	kmm_validate_pages();
	assert_silent();
}

static void zeros_where_they_are_asked_for(void **state)
{
	(void)state;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 100, pages), 100);
	for (unsigned int i = 0; i < 100; i++)
		memset(page_address(pages[i]), 0x5a, PAGE_SIZE);
	release_pages(pages, 100);
	memset(pages, 0, sizeof(pages));
	assert_int_equal(alloc_pages_bulk_node(GFP_KERNEL | __GFP_ZERO, 0, 120, pages), 120);
	for (unsigned int i = 0; i < 120; i++)
		for (unsigned int j = 0; j < PAGE_SIZE; j += 16)
			assert_int_equal(((char *)page_address(pages[i]))[j], 0);
	release_pages(pages, 120);
}

static void pages_are_of_the_type_that_was_asked_for(void **state)
{
	(void)state;
	pcp_limits(63, 500, 500);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL | __GFP_MOVABLE, 70, pages), 70);
	for (unsigned int i = 0; i < 70; i++)
		assert_int_equal(pageblock_type(pages[i]), MIGRATE_MOVABLE);
	release_pages(pages, 70);
	assert_true(pcp_listed(0, 0, MIGRATE_MOVABLE) >= 70);
	memset(pages, 0, sizeof(pages));
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL | __GFP_RECLAIMABLE, 70, pages), 70);
	for (unsigned int i = 0; i < 70; i++)
		assert_int_equal(pageblock_type(pages[i]), MIGRATE_RECLAIMABLE);
	release_pages(pages, 70);
	assert_true(pcp_listed(0, 0, MIGRATE_RECLAIMABLE) >= 70);
	kmm_validate_pages();
}

/* What the list has, and the rest from the zone in one go, with some for the list. */
static void the_rest_comes_from_the_zone(void **state)
{
	unsigned int listed;

	(void)state;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 10, pages), 10);
	release_pages(pages, 10);
	listed = pcp_listed(0, 0, MIGRATE_UNMOVABLE);
	assert_true(listed >= 10);
	memset(pages, 0, sizeof(pages));
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, (int)listed + 20, pages), listed + 20);
	assert_true(all_different(listed + 20));
	kmm_validate_pages();
	release_pages(pages, (int)listed + 20);
	assert_silent();
}

static void a_busy_list_gives_one_page(void **state)
{
	const unsigned long before = pages_unused();

	(void)state;
	pcp_make_busy(0);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 64, pages), 1);
	assert_non_null(pages[0]);
	assert_null(pages[1]);
	pages[1] = alloc_page(GFP_KERNEL);
	release_pages(pages, 2); /* to the zone */
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	assert_int_equal(pages_unused(), before);
	pcp_end_busy(0);
	kmm_validate_pages();
}

static void the_mark_holds_for_all_pages_of_a_request(void **state)
{
	(void)state;
	/* 1024 pages less what memblock took; no more than 100 of them may go. */
	kmm_zone.watermark[WMARK_LOW] = zone_nr_free(&kmm_zone) - 100;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 100, pages), 1); /* as the ordinary way would have it */
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 80, pages), 80);
	assert_true(all_different(80));
	kmm_zone.watermark[WMARK_LOW] = 0;
	release_pages(pages, 80);
	kmm_validate_pages();
	assert_silent();
}

static void the_last_pages_can_be_had_one_by_one(void **state)
{
	const unsigned long all = pages_unused();
	unsigned long filled = 0, before;

	(void)state;
	do {
		before = filled;
		filled = alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, 2000, pages);
	} while (filled > before);
	assert_int_equal(filled, all);
	assert_int_equal(pages_unused(), 0);
	assert_true(all_different((unsigned int)filled));
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, 5, pages + filled), 0);
	kmm_validate_pages();
	release_pages(pages, (int)filled);
	assert_int_equal(pages_unused(), all);
	assert_silent();
}

static void without_lists_there_is_one_page_a_call(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 10; i++)
		assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 10, pages), i);
	assert_int_equal(buddy_nr_free(), 1014);
	release_pages(pages, 10);
	assert_int_equal(buddy_nr_free(), 1024);
	kmm_validate_pages();
	assert_silent();
}

/* Each bulk is whole, also when the zone it would come from has used up its share of a fair round. */
static void shares_that_are_used_up_do_not_cut_a_bulk_short(void **state)
{
	unsigned long nr = 0;

	(void)state;
	assert_true(buddy_fair_zones);
	for (unsigned int i = 0; i < 30; i++, nr += 64)
		assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 64, pages + nr), 64);
	release_pages(pages, (int)nr);
}

static int setup_bulk_zones(void **state)
{
	(void)state;
	memset(pages, 0, sizeof(pages));
	capture_start();
	buddy_options_reset();
	buddy_options.movable = 4 * PAGEBLOCK_SIZE;
	assert_int_equal(arena_start(8 * PAGEBLOCK_SIZE), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	buddy_start_late();
	return 0;
}

static void an_injected_failure_ends_the_bulk(void **state)
{
	(void)state;
	buddy_inject_failure(6, false);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 64, pages), 5);
	assert_null(pages[5]);
	buddy_inject_failure(1, true);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 64, pages), 5);
	buddy_inject_failure(0, false);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 64, pages), 64);
	release_pages(pages, 64);
	assert_silent();
}

/* Pages that were damaged while they were free are reported and never handed out. */
static void bad_pages_are_left_out(void **state)
{
	struct page *bad[2];

	(void)state;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 40, pages), 40);
	release_pages(pages, 40);
	bad[0] = pages[7];
	bad[1] = pages[30];
	bad[0]->slab_cache = (struct kmem_cache *)(void *)state;
	bad[1]->slab_cache = (struct kmem_cache *)(void *)state;
	memset(pages, 0, sizeof(pages));
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 40, pages), 38);
	assert_int_equal(capture.nr, 2);
	assert_reported("page dumped because: non-NULL mapping");
	for (unsigned int i = 0; i < 38; i++)
		assert_true(pages[i] && pages[i] != bad[0] && pages[i] != bad[1]);
	assert_null(pages[38]);
	assert_null(pages[39]);
	assert_int_equal(kmm_zone.nr_bad, 2);
	release_pages(pages, 38);
	kmm_validate_pages();
	capture_clear();
}

static void entries_that_get_no_page_stay_empty(void **state)
{
	struct page *kept, *bad;

	(void)state;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 40, pages), 40);
	release_pages(pages, 40);
	bad = pages[20];
	bad->slab_cache = (struct kmem_cache *)(void *)state;
	memset(pages, 0, sizeof(pages));
	kept = pages[0] = pages[5] = alloc_page(GFP_KERNEL);
	get_page(kept);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 40, pages), 39);
	assert_ptr_equal(pages[0], kept);
	assert_ptr_equal(pages[5], kept);
	assert_null(pages[39]);
	release_pages(pages, 39);
	kmm_validate_pages();
	assert_int_equal(capture.nr, 1);
	capture_clear();
}

static void a_release_drops_one_reference_of_each(void **state)
{
	struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 2), *block = alloc_pages(GFP_KERNEL, 4);
	struct page *shared = alloc_page(GFP_KERNEL);
	const unsigned long before = pages_unused() + 4 + 16 + 1;

	(void)state;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 30, pages), 30);
	get_page(shared);
	get_page(compound);
	pages[30] = compound + 3; /* any page of it */
	pages[31] = shared;
	pages[32] = block;
	pages[33] = compound;
	release_pages(pages, 34);
	assert_int_equal(page_ref_count(shared), 1);
	assert_int_equal(pages_unused(), before - 1);
	kmm_validate_pages();
	put_page(shared);
	assert_int_equal(pages_unused(), before);
	assert_silent();
}

static void what_is_not_in_use_is_not_released(void **state)
{
	struct page *freed = alloc_page(GFP_KERNEL);

	(void)state;
	__free_page(freed);
	expect_refused(release_pages(&freed, 1), "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	pages[0] = alloc_page(GFP_KERNEL);
	pages[1] = NULL;
	pages[2] = alloc_page(GFP_KERNEL);
	release_pages(pages, 3);
	assert_int_equal(capture.nr, 1);
	assert_reported("page dumped because: no page of the arena");
	kmm_validate_pages();
	release_pages(pages, 0);
	release_pages(pages, -1);
	assert_int_equal(capture.nr, 1);
	capture_clear();
}

/* More than the lists may hold goes back to the zone. */
static void a_large_release_does_not_stay_on_the_list(void **state)
{
	(void)state;
	pcp_limits(8, 32, 32);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 500, pages), 500);
	release_pages(pages, 500);
	assert_true(pcp_on(0)->count <= 32);
	kmm_validate_pages();
	assert_silent();
}

static void the_first_call_starts_the_library(void **state)
{
	(void)state;
	memset(pages, 0, sizeof(pages));
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 64, pages), 64);
	capture_start();
	assert_int_equal(alloc_pages_bulk_node(GFP_KERNEL | __GFP_NOWARN, 77, 10, pages + 64), 0);
	release_pages(pages, 64);
	memset(pages, 0, sizeof(pages));
	kmm_exit();
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 64, pages), 0);
	assert_silent();
	kmm_boot_reset_for_test();
	capture_stop();
}

struct thread_result {
	unsigned long nr_wrong, nr_failed;
};

/* Pages that one thread holds are its alone: it writes its number to all of them, and finds it there. */
static void take_and_release_parts(unsigned int index, void *arg)
{
	struct thread_result *result = (struct thread_result *)arg + index;
	struct page *part[96];

	cpu_id_pin((int)index % PCP_CPUS);
	for (unsigned int round = 0; round < 400; round++) {
		const unsigned int nr = 2 + (round * 7 + index * 13) % 90;
		unsigned long got;

		memset(part, 0, sizeof(part));
		got = alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, (int)nr, part);
		result->nr_failed += !got;
		for (unsigned long i = 0; i < got; i++)
			*(volatile unsigned long *)page_address(part[i]) = index + 1;
		for (unsigned long i = 0; i < got; i++)
			result->nr_wrong += *(volatile unsigned long *)page_address(part[i]) != index + 1;
		release_pages(part, (int)got);
		if (round % 50 == 49)
			drain_all_pages(NULL);
	}
	cpu_id_pin(-1);
}

static void threads_never_share_a_page(void **state)
{
	struct thread_result results[6] = { { 0, 0 } };
	const unsigned long before = pages_unused();

	(void)state;
	run_threads(6, take_and_release_parts, results);
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(results[i].nr_wrong, 0);
		assert_int_equal(results[i].nr_failed, 0);
	}
	assert_int_equal(pages_unused(), before);
	kmm_validate_pages();
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_bulk, teardown_pcp)
#define ONE_BLOCK(name) cmocka_unit_test_setup_teardown(name, setup_bulk_one_block, teardown_pcp)
	const struct CMUnitTest tests[] = {
		TEST(all_entries_are_filled),
		TEST(entries_that_have_a_page_keep_it),
		TEST(zeros_where_they_are_asked_for),
		TEST(pages_are_of_the_type_that_was_asked_for),
		TEST(the_rest_comes_from_the_zone),
		TEST(a_busy_list_gives_one_page),
		ONE_BLOCK(the_mark_holds_for_all_pages_of_a_request),
		ONE_BLOCK(the_last_pages_can_be_had_one_by_one),
		cmocka_unit_test_setup_teardown(without_lists_there_is_one_page_a_call, setup_bulk_no_lists,
						teardown_pages),
		cmocka_unit_test_setup_teardown(shares_that_are_used_up_do_not_cut_a_bulk_short, setup_bulk_zones,
						teardown_pcp),
		TEST(an_injected_failure_ends_the_bulk),
		TEST(bad_pages_are_left_out),
		TEST(entries_that_get_no_page_stay_empty),
		TEST(a_release_drops_one_reference_of_each),
		TEST(what_is_not_in_use_is_not_released),
		TEST(a_large_release_does_not_stay_on_the_list),
		cmocka_unit_test(the_first_call_starts_the_library),
		TEST(threads_never_share_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
