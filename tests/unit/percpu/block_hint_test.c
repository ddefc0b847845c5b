/* SPDX-License-Identifier: MIT
 * block_hint_test.c - what each operation does to the hints, case by case; after each the bitmap is asked too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "percpu/percpu_internal.h"

#define PAGES 4
#define BLOCK PCPU_BITMAP_BLOCK_BITS
#define ALL (PAGES * BLOCK)

struct fixture {
	struct pcpu_map map;
	struct pcpu_block_md blocks[PAGES];
	unsigned long alloc[ALL / (8 * sizeof(long))];
	unsigned long bound[ALL / (8 * sizeof(long)) + 1];
	unsigned long populated[1];
};

static struct fixture fixture;

static int setup(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	fixture.map.nr_pages = PAGES;
	fixture.map.blocks = fixture.blocks;
	fixture.map.alloc = fixture.alloc;
	fixture.map.bound = fixture.bound;
	fixture.map.populated = fixture.populated;
	pcpu_map_init(&fixture.map);
	pcpu_map_populated(&fixture.map, 0, PAGES);
	*state = &fixture.map;
	return 0;
}

static void check(const struct pcpu_map *map)
{
	char why[200];

	if (pcpu_map_check(map, why, sizeof(why)))
		fail_msg("%s", why);
}

/* Offset, or -1. */
static int take(struct pcpu_map *map, int bits, int align)
{
	int start = pcpu_find_block_fit(map, bits, align, false);
	int off = start < 0 ? -1 : pcpu_alloc_area(map, bits, align, start);

	check(map);
	return off;
}

static void take_at(struct pcpu_map *map, int off, int bits)
{
	pcpu_take_area(map, off, bits);
	check(map);
}

static void give(struct pcpu_map *map, int off)
{
	pcpu_free_area(map, off);
	check(map);
}

static void expect_contig(const struct pcpu_block_md *md, int start, int len)
{
	assert_int_equal(md->contig_hint, len);
	if (len)
		assert_int_equal(md->contig_hint_start, start);
}

static void expect_scan(const struct pcpu_block_md *md, int start, int len)
{
	assert_int_equal(md->scan_hint, len);
	if (len)
		assert_int_equal(md->scan_hint_start, start);
}

static void expect_edges(const struct pcpu_block_md *md, int left, int right, int first)
{
	assert_int_equal(md->left_free, left);
	assert_int_equal(md->right_free, right);
	assert_int_equal(md->first_free, first);
}

static void an_empty_map_is_one_run(void **state)
{
	struct pcpu_map *map = *state;

	check(map);
	expect_contig(&map->chunk_md, 0, ALL);
	expect_edges(&map->chunk_md, ALL, ALL, 0);
	expect_contig(&map->blocks[1], 0, BLOCK);
	assert_int_equal(map->nr_empty_pop_pages, PAGES);
}

static void the_first_area_is_at_0_and_shortens_the_run(void **state)
{
	struct pcpu_map *map = *state;

	assert_int_equal(take(map, 8, 1), 0);
	expect_contig(&map->chunk_md, 8, ALL - 8);
	expect_edges(&map->chunk_md, 0, ALL - 8, 8);
	expect_contig(&map->blocks[0], 8, BLOCK - 8);
	expect_edges(&map->blocks[0], 0, BLOCK - 8, 8);
	assert_int_equal(map->nr_empty_pop_pages, PAGES - 1);
	assert_int_equal(map->free_bits, ALL - 8);
}

static void areas_follow_each_other(void **state)
{
	struct pcpu_map *map = *state;

	assert_int_equal(take(map, 1, 1), 0);
	assert_int_equal(take(map, 3, 1), 1);
	assert_int_equal(take(map, 4, 4), 4);
	assert_int_equal(take(map, 1, 1), 8);
	assert_int_equal(take(map, 4, 4), 12);
	assert_int_equal(take(map, 1, 1), 9);
}

static void the_boundary_map_tells_the_length(void **state)
{
	struct pcpu_map *map = *state;

	take(map, 5, 1);
	take(map, 2000, 1);
	take(map, ALL - 2005, 1);
	assert_int_equal(pcpu_area_bits(map, 0), 5);
	assert_int_equal(pcpu_area_bits(map, 5), 2000);
	assert_int_equal(pcpu_area_bits(map, 2005), ALL - 2005);
}

static void a_full_map_has_no_hints(void **state)
{
	struct pcpu_map *map = *state;
	int i;

	assert_int_equal(take(map, ALL, 1), 0);
	assert_int_equal(take(map, 1, 1), -1);
	expect_contig(&map->chunk_md, 0, 0);
	expect_edges(&map->chunk_md, 0, 0, ALL);
	for (i = 0; i < PAGES; i++) {
		expect_contig(&map->blocks[i], 0, 0);
		expect_edges(&map->blocks[i], 0, 0, BLOCK);
	}
	give(map, 0);
	expect_contig(&map->chunk_md, 0, ALL);
	assert_int_equal(map->nr_empty_pop_pages, PAGES);
}

static void freeing_between_two_runs_joins_them(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, 10);
	take_at(map, 10, 10);
	take_at(map, 20, 10);
	take_at(map, 30, ALL - 30);
	give(map, 0);
	give(map, 20);
	expect_contig(&map->chunk_md, 0, 10);
	give(map, 10);
	expect_contig(&map->chunk_md, 0, 30);
	expect_contig(&map->blocks[0], 0, 30);
	expect_edges(&map->blocks[0], 30, 0, 0);
}

static void a_run_across_blocks_is_known_to_the_chunk(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, BLOCK - 100);
	take_at(map, BLOCK - 100, 300);
	take_at(map, BLOCK + 200, ALL - BLOCK - 200);
	give(map, BLOCK - 100);
	expect_contig(&map->blocks[0], BLOCK - 100, 100);
	expect_contig(&map->blocks[1], 0, 200);
	expect_contig(&map->chunk_md, BLOCK - 100, 300);
	assert_int_equal(take(map, 250, 1), BLOCK - 100);
}

/* The kernel finds this run only when a page becomes free or an area spans blocks. */
static void a_run_that_grows_to_a_block_boundary_joins_the_one_behind_it(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, BLOCK - 50);
	take_at(map, BLOCK - 50, 50);
	take_at(map, BLOCK + 60, ALL - BLOCK - 60);
	expect_contig(&map->chunk_md, BLOCK, 60);
	give(map, BLOCK - 50);
	expect_contig(&map->chunk_md, BLOCK - 50, 110);
}

static void a_run_joins_across_a_whole_free_block(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, BLOCK - 1);
	take_at(map, BLOCK - 1, 1);
	take_at(map, 2 * BLOCK, 1);
	take_at(map, 2 * BLOCK + 1, ALL - 2 * BLOCK - 1);
	expect_contig(&map->chunk_md, BLOCK, BLOCK);
	give(map, 2 * BLOCK);
	expect_contig(&map->chunk_md, BLOCK, BLOCK + 1);
	give(map, BLOCK - 1);
	expect_contig(&map->chunk_md, BLOCK - 1, BLOCK + 2);
	assert_int_equal(map->nr_empty_pop_pages, 1);
}

static void a_request_is_put_into_the_first_hole_that_fits(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, 100);
	take_at(map, 100, 10);
	take_at(map, 110, 100);
	take_at(map, 210, 20);
	take_at(map, 230, 100);
	give(map, 100);
	give(map, 210);
	assert_int_equal(take(map, 15, 1), 210);
	assert_int_equal(take(map, 10, 1), 100);
	assert_int_equal(take(map, 5, 1), 225);
	assert_int_equal(take(map, 1, 1), 330);
}

static void a_scan_hint_lets_a_larger_request_pass_the_small_holes(void **state)
{
	struct pcpu_map *map = *state;
	int i;

	/* Holes of 1 at 0, 2, .. 98, a hole of 2 at 100, the rest from 200 on. */
	for (i = 0; i < 200; i++)
		take_at(map, i, 1);
	for (i = 0; i < 100; i += 2)
		give(map, i);
	give(map, 100);
	give(map, 101);
	assert_int_equal(take(map, 3, 1), 200);
	expect_scan(&map->blocks[0], 100, 2);
	assert_int_equal(take(map, 3, 1), 203);
	expect_scan(&map->blocks[0], 100, 2);
	/* And one that fits before it still goes there. */
	assert_int_equal(take(map, 2, 1), 100);
	assert_int_equal(take(map, 1, 1), 0);
}

static void a_lost_contig_run_is_replaced_by_the_scan_hint(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, 50);
	take_at(map, 50, 30);
	take_at(map, 80, 50);
	take_at(map, 130, 40);
	take_at(map, 170, BLOCK - 170);
	give(map, 50);
	give(map, 130);
	expect_contig(&map->blocks[0], 130, 40);
	expect_scan(&map->blocks[0], 50, 30);
	assert_int_equal(take(map, 35, 1), 130);
	expect_contig(&map->blocks[0], 50, 30);
}

static void of_equal_runs_the_better_aligned_is_the_contig_run(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, 3);
	take_at(map, 3, 16);
	take_at(map, 19, 45);
	take_at(map, 64, 16);
	take_at(map, 80, ALL - 80);
	give(map, 3);
	expect_contig(&map->chunk_md, 3, 16);
	give(map, 64);
	expect_contig(&map->chunk_md, 64, 16);
	expect_scan(&map->chunk_md, 3, 16);
	/* So that this one, which does not fit at 3, is found. */
	assert_int_equal(take(map, 16, 16), 64);
}

static void an_alignment_that_does_not_fit_the_contig_run_fails(void **state)
{
	struct pcpu_map *map = *state;

	take_at(map, 0, 3);
	take_at(map, 3, 16);
	take_at(map, 19, ALL - 19);
	give(map, 3);
	assert_int_equal(take(map, 16, 16), -1);
	assert_int_equal(take(map, 3, 16), 16);
	assert_int_equal(take(map, 13, 1), 3);
}

static void an_area_aligned_to_a_page_starts_a_block(void **state)
{
	struct pcpu_map *map = *state;

	assert_int_equal(take(map, 1, 1), 0);
	assert_int_equal(take(map, 10, BLOCK), BLOCK);
	assert_int_equal(take(map, BLOCK, BLOCK), 2 * BLOCK);
	assert_int_equal(take(map, BLOCK, BLOCK), 3 * BLOCK);
	assert_int_equal(take(map, 1, BLOCK), -1);
	assert_int_equal(take(map, 1, 1), 1);
}

static void an_atomic_search_keeps_to_populated_pages(void **state)
{
	struct pcpu_map *map = *state;

	pcpu_map_depopulated(map, 0, 2);
	pcpu_map_depopulated(map, 3, 4);
	assert_int_equal(pcpu_find_block_fit(map, 10, 1, true), 2 * BLOCK);
	assert_int_equal(pcpu_find_block_fit(map, BLOCK, 1, true), 2 * BLOCK);
	assert_int_equal(pcpu_find_block_fit(map, BLOCK + 1, 1, true), -1);
	assert_int_equal(pcpu_find_block_fit(map, 10, 1, false), 0);
	pcpu_map_populated(map, 3, 4);
	assert_int_equal(pcpu_find_block_fit(map, BLOCK + 1, 1, true), 2 * BLOCK);
	pcpu_map_depopulated(map, 2, 4);
	assert_int_equal(pcpu_find_block_fit(map, 1, 1, true), -1);
}

static void empty_pages_are_counted_only_while_populated(void **state)
{
	struct pcpu_map *map = *state;

	pcpu_map_depopulated(map, 1, 2);
	assert_int_equal(map->nr_empty_pop_pages, PAGES - 1);
	take_at(map, BLOCK, 10);
	assert_int_equal(map->nr_empty_pop_pages, PAGES - 1);
	pcpu_map_populated(map, 1, 2);
	assert_int_equal(map->nr_empty_pop_pages, PAGES - 1);
	give(map, BLOCK);
	assert_int_equal(map->nr_empty_pop_pages, PAGES);
	take_at(map, BLOCK - 1, 2 * BLOCK);
	assert_int_equal(map->nr_empty_pop_pages, 1);
	give(map, BLOCK - 1);
	assert_int_equal(map->nr_empty_pop_pages, PAGES);
}

static void all_of_it_in_areas_of_one_bit_and_back(void **state)
{
	struct pcpu_map *map = *state;
	int i;

	for (i = 0; i < ALL; i++) {
		int start = pcpu_find_block_fit(map, 1, 1, false);

		assert_int_equal(pcpu_alloc_area(map, 1, 1, start), i);
	}
	check(map);
	assert_int_equal(map->free_bits, 0);
	for (i = 0; i < ALL; i += 2)
		pcpu_free_area(map, i);
	check(map);
	expect_contig(&map->chunk_md, 0, 1);
	assert_int_equal(take(map, 2, 1), -1);
	for (i = 1; i < ALL; i += 2)
		pcpu_free_area(map, i);
	check(map);
	expect_contig(&map->chunk_md, 0, ALL);
}

#define case_of(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_of(an_empty_map_is_one_run),
		case_of(the_first_area_is_at_0_and_shortens_the_run),
		case_of(areas_follow_each_other),
		case_of(the_boundary_map_tells_the_length),
		case_of(a_full_map_has_no_hints),
		case_of(freeing_between_two_runs_joins_them),
		case_of(a_run_across_blocks_is_known_to_the_chunk),
		case_of(a_run_that_grows_to_a_block_boundary_joins_the_one_behind_it),
		case_of(a_run_joins_across_a_whole_free_block),
		case_of(a_request_is_put_into_the_first_hole_that_fits),
		case_of(a_scan_hint_lets_a_larger_request_pass_the_small_holes),
		case_of(a_lost_contig_run_is_replaced_by_the_scan_hint),
		case_of(of_equal_runs_the_better_aligned_is_the_contig_run),
		case_of(an_alignment_that_does_not_fit_the_contig_run_fails),
		case_of(an_area_aligned_to_a_page_starts_a_block),
		case_of(an_atomic_search_keeps_to_populated_pages),
		case_of(empty_pages_are_counted_only_while_populated),
		case_of(all_of_it_in_areas_of_one_bit_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
