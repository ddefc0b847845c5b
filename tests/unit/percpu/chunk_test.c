/* SPDX-License-Identifier: MIT
 * chunk_test.c - chunks in their slots: which one a request takes, where a chunk moves, how many the slices hold.
 */
#include "support/percpu_world.h"

#define UNIT 0x8000

static bool first_in_slot(const struct pcpu_chunk *chunk)
{
	return pcpu_chunk_lists[chunk->slot].next == &chunk->list;
}

static bool last_in_slot(const struct pcpu_chunk *chunk)
{
	return pcpu_chunk_lists[chunk->slot].prev == &chunk->list;
}

/* A chunk of which all but @free bytes at its end are in use. */
static struct pcpu_chunk *chunk_with_free(size_t free, char __percpu **areas)
{
	char __percpu *whole = __alloc_percpu(UNIT, PAGE_SIZE);

	assert_non_null(whole);
	free_percpu(whole);
	*areas = __alloc_percpu(UNIT - free, PAGE_SIZE);
	assert_ptr_equal(*areas, whole);
	return chunk_of(whole);
}

static void slot_of_a_size_is_its_power_of_two(void **state)
{
	static const struct {
		size_t size;
		int slot;
	} table[] = {
		{ 0, 1 },     { 1, 1 },       { 4, 1 },       { 8, 1 },       { 15, 1 },      { 16, 2 },
		{ 31, 2 },    { 32, 3 },      { 63, 3 },      { 64, 4 },      { 1024, 8 },    { 4095, 9 },
		{ 4096, 10 }, { 0x2ff0, 11 }, { 0x3000, 11 }, { 0x4000, 12 }, { 0x7fff, 12 }, { 0x8000, 13 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(pcpu_size_to_slot_raw(table[i].size), table[i].slot);
}

static void a_full_chunk_is_in_slot_0(void **state)
{
	char __percpu *areas;
	struct pcpu_chunk *chunk = chunk_with_free(0, &areas);

	(void)state;
	assert_int_equal(chunk->slot, 0);
	free_percpu(areas);
	assert_int_equal(chunk->slot, pcpu_free_slot);
}

static void a_chunk_that_gains_goes_to_the_head_of_its_slot(void **state)
{
	char __percpu *areas[3];
	struct pcpu_chunk *chunks[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		chunks[i] = chunk_with_free(0, &areas[i]);
	free_percpu(areas[0]);
	assert_true(first_in_slot(chunks[0]));
	free_percpu(areas[1]);
	assert_int_equal(chunks[1]->slot, pcpu_free_slot);
	assert_true(first_in_slot(chunks[1]));
	assert_true(last_in_slot(chunks[0]));
	free_percpu(areas[2]);
}

static void a_chunk_that_loses_goes_to_the_tail_of_its_slot(void **state)
{
	char __percpu *first, *second;
	struct pcpu_chunk *one = chunk_with_free(0x100, &first), *two = chunk_with_free(0x100, &second);

	(void)state;
	assert_ptr_not_equal(one, two);
	assert_int_equal(one->slot, pcpu_size_to_slot(0x100));
	assert_int_equal(two->slot, one->slot);
	assert_true(first_in_slot(one));
	assert_true(last_in_slot(two));
	free_percpu(first);
	free_percpu(second);
}

static void a_request_takes_the_chunk_with_the_least_room_first(void **state)
{
	char __percpu *large, *small, __percpu *ptr;
	struct pcpu_chunk *two, *one = chunk_with_free(0x400, &large);

	(void)state;
	two = chunk_with_free(0x40, &small);
	/* A filler takes what the first chunk could give. */
	ptr = __alloc_percpu(0x40, 4);
	assert_ptr_equal(chunk_of(ptr), two);
	assert_int_equal(two->slot, 0);
	free_percpu(ptr);
	free_percpu(large);
	free_percpu(small);
	assert_int_equal(one->slot, pcpu_free_slot);
}

static void a_chunk_of_small_holes_is_put_aside_until_something_is_freed(void **state)
{
	char __percpu *areas, __percpu *hole, __percpu *rest, __percpu *ptr;
	struct pcpu_chunk *chunk = chunk_with_free(32, &areas);

	(void)state;
	hole = __alloc_percpu(16, 16);
	rest = __alloc_percpu(16, 16);
	assert_ptr_equal(chunk_of(hole), chunk);
	assert_ptr_equal(chunk_of(rest), chunk);
	free_percpu(hole);
	assert_int_equal(chunk->slot, 2);
	/* 20 bytes are looked for from slot 2 on, and 16 are there. */
	ptr = __alloc_percpu(20, 4);
	assert_ptr_not_equal(chunk_of(ptr), chunk);
	assert_int_equal(chunk->slot, 0);
	kmm_validate_percpu();
	free_percpu(rest);
	assert_int_equal(chunk->slot, 3);
	free_percpu(ptr);
	free_percpu(areas);
}

static void the_reserved_chunk_is_in_no_slot_and_serves_no_dynamic_request(void **state)
{
	char __percpu *ptr, __percpu *dynamic;

	(void)state;
	ptr = __alloc_reserved_percpu(64, 64);
	assert_non_null(ptr);
	assert_ptr_equal(chunk_of(ptr), pcpu_reserved_chunk);
	assert_int_equal(pcpu_reserved_chunk->slot, -1);
	dynamic = __alloc_percpu(64, 64);
	assert_ptr_not_equal(chunk_of(dynamic), pcpu_reserved_chunk);
	free_percpu(dynamic);
	free_percpu(ptr);
	assert_int_equal(pcpu_reserved_chunk->slot, -1);
	assert_int_equal(pcpu_free_bytes(pcpu_reserved_chunk), PERCPU_MODULE_RESERVE);
}

static void a_full_reserved_part_fails_and_leaves_the_dynamic_part_alone(void **state)
{
	void __percpu *all = __alloc_reserved_percpu(PERCPU_MODULE_RESERVE, 4);

	(void)state;
	assert_non_null(all);
	assert_null(__alloc_reserved_percpu(4, 4));
	world_expect_report("percpu: allocation failed, size=4 align=4 atomic=0, alloc from reserved chunk failed");
	free_percpu(all);
}

static void each_chunk_has_its_place_in_the_slices(void **state)
{
	char __percpu *areas[5];
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		areas[i] = __alloc_percpu(UNIT, PAGE_SIZE);
		assert_non_null(areas[i]);
		assert_int_equal((size_t)(areas[i] - pcpu_slices.base) % UNIT, 0);
		assert_int_equal(chunk_of(areas[i])->base_off, areas[i] - pcpu_slices.base);
		assert_ptr_equal(chunk_of(areas[i] + UNIT - 1), chunk_of(areas[i]));
		for (j = 0; j < i; j++)
			assert_ptr_not_equal(areas[i], areas[j]);
	}
	for (i = 0; i < ARRAY_SIZE(areas); i++)
		free_percpu(areas[i]);
}

static void the_lowest_free_place_is_taken_again(void **state)
{
	char __percpu *areas[3], __percpu *again;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		areas[i] = __alloc_percpu(UNIT, PAGE_SIZE);
	free_percpu(areas[1]);
	percpu_trim();
	assert_null(chunk_of(areas[1]));
	again = __alloc_percpu(UNIT, PAGE_SIZE);
	assert_ptr_equal(again, areas[1]);
	for (i = 0; i < 3; i++)
		free_percpu(areas[i]);
}

static void full_slices_fail_and_serve_again_after_a_free(void **state)
{
	const size_t all = pcpu_nr_positions;
	void __percpu *areas[9], *ptr;
	size_t i;

	(void)state;
	/* Ten places with the first chunk's: what a slice really holds would be gigabytes. */
	pcpu_nr_positions = 1 + ARRAY_SIZE(areas);
	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		areas[i] = __alloc_percpu(UNIT, 4);
		assert_non_null(areas[i]);
	}
	assert_null(__alloc_percpu(UNIT, 4));
	world_expect_report("percpu: allocation failed, size=32768 align=4 atomic=0, failed to allocate new chunk");
	free_percpu(areas[4]);
	ptr = __alloc_percpu(UNIT, 4);
	assert_ptr_equal(ptr, areas[4]);
	for (i = 0; i < ARRAY_SIZE(areas); i++)
		free_percpu(areas[i]);
	pcpu_nr_positions = all;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_of_a_size_is_its_power_of_two),
		in_quiet_world(a_full_chunk_is_in_slot_0),
		in_quiet_world(a_chunk_that_gains_goes_to_the_head_of_its_slot),
		in_quiet_world(a_chunk_that_loses_goes_to_the_tail_of_its_slot),
		in_quiet_world(a_request_takes_the_chunk_with_the_least_room_first),
		in_quiet_world(a_chunk_of_small_holes_is_put_aside_until_something_is_freed),
		in_quiet_world(the_reserved_chunk_is_in_no_slot_and_serves_no_dynamic_request),
		in_quiet_world(a_full_reserved_part_fails_and_leaves_the_dynamic_part_alone),
		in_quiet_world(each_chunk_has_its_place_in_the_slices),
		in_quiet_world(the_lowest_free_place_is_taken_again),
		in_quiet_world(full_slices_fail_and_serve_again_after_a_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
