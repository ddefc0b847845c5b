/* SPDX-License-Identifier: MIT
 * memblock_test.c - the boot allocator: alignment, limits, charged frames, and what the buddy finds afterwards.
 */
#include <errno.h>

#include "support/pages_world.h"

static int setup(void **state)
{
	(void)state;
	capture_start();
	return arena_start(PAGEBLOCK_SIZE);
}

static int teardown(void **state)
{
	(void)state;
	arena_stop(false);
	capture_stop();
	return 0;
}

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
	char *end = NULL;

	(void)state;
	for (size_t align = 1; align <= 4 * PAGE_SIZE; align *= 2) {
		const size_t size = align * 3 / 2 + 1;
		char *piece = memblock_alloc(size, align);

		assert_non_null(piece);
		assert_int_equal((uintptr_t)piece % align, 0);
		assert_true(piece >= end && piece >= kmm_arena.base);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(piece[i], 0);
		memset(piece, 0xff, size);
		end = piece + size;
	}
}

static void the_whole_arena_and_no_byte_more(void **state)
{
	(void)state;
	assert_null(memblock_alloc(0, 1));
	assert_null(memblock_alloc(PAGEBLOCK_SIZE + 1, 1));
	assert_null(memblock_alloc(SIZE_MAX, 1));
	assert_non_null(memblock_alloc(PAGEBLOCK_SIZE - 16, 1));
	assert_null(memblock_alloc(17, 1));
	assert_null(memblock_alloc(8, 64));
	assert_non_null(memblock_alloc(16, 1));
	assert_null(memblock_alloc(1, 1));
	assert_int_equal(memblock_charge(1), -ENOMEM);
	assert_int_equal(memblock_free_all(), pageblock_nr_pages);
}

static void charged_frames_leave_less_for_pieces(void **state)
{
	(void)state;
	assert_non_null(memblock_alloc(1, 1));
	assert_int_equal(memblock_charge(pageblock_nr_pages), -ENOMEM);
	assert_int_equal(memblock_charge(~0UL), -ENOMEM);
	assert_int_equal(memblock_charge(pageblock_nr_pages - 2), 0);
	assert_non_null(memblock_alloc(PAGE_SIZE, PAGE_SIZE));
	assert_null(memblock_alloc(PAGE_SIZE, 1));
	assert_int_equal(memblock_free_all(), pageblock_nr_pages);
}

static void what_was_handed_out_is_reserved(void **state)
{
	char *piece = memblock_alloc(PAGE_SIZE + 1, 64);

	(void)state;
	assert_int_equal(memblock_charge(3), 0);
	assert_int_equal(memblock_free_all(), 5);
	for (unsigned long pfn = 0; pfn < 8; pfn++) {
		assert_int_equal(page_flag_test(arena_pfn_to_page(pfn), PG_reserved), pfn < 5);
		assert_int_equal(page_refcount(arena_pfn_to_page(pfn)), pfn < 5 ? 1 : 0);
	}
	assert_ptr_equal(arena_addr_to_page(piece), arena_pfn_to_page(0));
}

static void nothing_more_after_the_buddy_took_over(void **state)
{
	(void)state;
	memblock_free_all();
	assert_null(memblock_alloc(1, 1));
	assert_int_equal(memblock_charge(1), -ENOMEM);
	memblock_reset();
	assert_non_null(memblock_alloc(1, 1));
}

static void the_buddy_gets_exactly_the_rest(void **state)
{
	(void)state;
	memblock_alloc(5 * PAGE_SIZE, 1);
	assert_int_equal(buddy_start(), 0);
	assert_int_equal(buddy_nr_free(), pageblock_nr_pages - 5);
	/* 1024 - 5 pages from pfn 5 on: 5, 6-7, 8-15, 16-31 and so on. */
	assert_int_equal(blocks_listed(0, MIGRATE_MOVABLE), 1);
	assert_int_equal(blocks_listed(1, MIGRATE_MOVABLE), 1);
	assert_int_equal(blocks_listed(2, MIGRATE_MOVABLE), 0);
	for (unsigned int order = 3; order < 10; order++)
		assert_int_equal(blocks_listed(order, MIGRATE_MOVABLE), 1);
	kmm_validate_pages();
	buddy_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces_are_aligned_zeroed_and_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(the_whole_arena_and_no_byte_more, setup, teardown),
		cmocka_unit_test_setup_teardown(charged_frames_leave_less_for_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_handed_out_is_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_more_after_the_buddy_took_over, setup, teardown),
		cmocka_unit_test_setup_teardown(the_buddy_gets_exactly_the_rest, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
