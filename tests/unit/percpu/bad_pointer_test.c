/* SPDX-License-Identifier: MIT
 * bad_pointer_test.c - of all addresses in the slices, free_percpu() takes the starts of areas only.
 */
#include "support/percpu_world.h"

#define UNIT 0x8000

static struct pcpu_chunk *chunk;
static unsigned long alloc_before[UNIT / 4 / (8 * sizeof(long))], bound_before[UNIT / 4 / (8 * sizeof(long)) + 1];

static void remember(void)
{
	memcpy(alloc_before, chunk->map.alloc, sizeof(alloc_before));
	memcpy(bound_before, chunk->map.bound, sizeof(bound_before));
}

static void expect_refused(char *ptr)
{
	free_percpu(ptr);
	if (world_reports.count != 1)
		fail_msg("%#tx was freed", ptr - pcpu_slices.base);
	world_expect_report("WARNING: free_percpu: invalid pointer");
}

static void expect_unchanged(void)
{
	assert_memory_equal(alloc_before, chunk->map.alloc, sizeof(alloc_before));
	assert_memory_equal(bound_before, chunk->map.bound, sizeof(bound_before));
	kmm_validate_percpu();
}

/* Areas of many sizes, with a hole after each third, in a chunk of their own. */
static void every_byte_of_a_chunk_but_the_starts_is_refused(void **state)
{
	char __percpu *areas[64];
	bool is_start[UNIT] = { false };
	int i, nr = 0;
	size_t off;

	(void)state;
	use_up_idle_pages(0);
	areas[0] = __alloc_percpu(3 * PAGE_SIZE + 12, 4);
	chunk = chunk_of(areas[0]);
	for (nr = 1; nr < 64; nr++) {
		areas[nr] = __alloc_percpu(PAGE_SIZE / 64 * (size_t)(1 + nr % 7), 4);
		assert_non_null(areas[nr]);
	}
	for (i = 1; i < 64; i += 3) {
		free_percpu(areas[i]);
		areas[i] = NULL;
	}
	for (i = 0; i < 64; i++) {
		if (areas[i] && chunk_of(areas[i]) == chunk)
			is_start[(size_t)(areas[i] - pcpu_slices.base) - chunk->base_off] = true;
	}
	remember();
	for (off = 0; off < UNIT; off++) {
		if (!is_start[off])
			expect_refused(pcpu_slices.base + chunk->base_off + off);
	}
	expect_unchanged();
	for (i = 0; i < 64; i++)
		free_percpu(areas[i]);
	kmm_validate_percpu();
	world_expect_silence();
}

static void the_static_part_and_what_is_free_of_the_first_unit_are_refused(void **state)
{
	size_t off;

	(void)state;
	for (off = 0; off < pcpu_reserved_chunk->start_offset; off++)
		expect_refused(pcpu_slices.base + off);
	/* Nobody has asked for reserved memory yet. */
	for (off = pcpu_reserved_chunk->start_offset; off < pcpu_reserved_chunk->end_offset; off++)
		expect_refused(pcpu_slices.base + off);
	kmm_validate_percpu();
}

static void other_instances_and_the_ends_of_the_slices_are_refused(void **state)
{
	char __percpu *ptr = __alloc_percpu(64, 64);
	unsigned int cpu;

	(void)state;
	for (cpu = 1; cpu < WORLD_CPUS; cpu++)
		expect_refused(per_cpu_ptr(ptr, cpu));
	expect_refused(pcpu_slices.base + PCPU_SLICE_SIZE);
	expect_refused(pcpu_slices.base + PCPU_SLICE_SIZE - 1);
	expect_refused(pcpu_slices.base + pcpu_slices.size);
	expect_refused(pcpu_slices.base - 4);
	expect_refused((char *)4);
	kmm_validate_percpu();
	free_percpu(ptr);
	world_expect_silence();
}

/* The boundary between the reserved and the dynamic part. */
static void the_first_and_the_last_areas_of_both_parts_are_taken_back(void **state)
{
	char __percpu *all = __alloc_reserved_percpu(PERCPU_MODULE_RESERVE, 4);
	const size_t free = pcpu_free_bytes(pcpu_reserved_chunk);
	char __percpu *ptr;

	(void)state;
	assert_int_equal(free, 0);
	assert_int_equal(all - pcpu_slices.base, pcpu_reserved_chunk->start_offset);
	free_percpu(all);
	assert_int_equal(pcpu_free_bytes(pcpu_reserved_chunk), PERCPU_MODULE_RESERVE);
	/* Whatever was first in the dynamic part: it is an area of the library's own, and again an area. */
	ptr = pcpu_slices.base + pcpu_first_chunk->start_offset;
	assert_ptr_equal(chunk_of(ptr), pcpu_first_chunk);
	assert_ptr_equal(chunk_of(ptr - 1), pcpu_reserved_chunk);
	assert_ptr_equal(chunk_of(pcpu_slices.base + pcpu_first_chunk->end_offset - 1), pcpu_first_chunk);
	world_expect_silence();
}

static void counts_tell_what_ever_happened(void **state)
{
	const struct pcpu_stats before = pcpu_stats;
	void __percpu *unit, *small;

	(void)state;
	unit = __alloc_percpu(UNIT, 4);
	free_percpu(unit);
	small = __alloc_percpu(1, 1);
	free_percpu(small);
	small = __alloc_percpu(1, 1);
	assert_int_equal(pcpu_stats.nr_alloc - before.nr_alloc, 3);
	assert_int_equal(pcpu_stats.nr_dealloc - before.nr_dealloc, 2);
	/* One at a time. */
	assert_int_equal(pcpu_stats.nr_max_alloc, max_of(before.nr_max_alloc, before.nr_alloc - before.nr_dealloc + 1));
	assert_int_equal(pcpu_stats.max_alloc_size, UNIT);
	assert_int_equal(pcpu_stats.min_alloc_size, 4);
	assert_int_equal(pcpu_stats.nr_max_chunks, before.nr_chunks + 1);
	chunk = chunk_of(unit);
	free_percpu(__alloc_percpu(UNIT, 4));
	assert_int_equal(chunk->max_alloc_size, UNIT);
	free_percpu(small);
}

static void a_chunk_remembers_its_largest_area(void **state)
{
	char __percpu *large, __percpu *small;

	(void)state;
	large = __alloc_percpu(7 * PAGE_SIZE, 4);
	chunk = chunk_of(large);
	do {
		small = __alloc_percpu(PAGE_SIZE, 4);
	} while (chunk_of(small) != chunk);
	assert_int_equal(chunk_of(large)->max_alloc_size, 7 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_quiet_world(every_byte_of_a_chunk_but_the_starts_is_refused),
		in_quiet_world(the_static_part_and_what_is_free_of_the_first_unit_are_refused),
		in_quiet_world(other_instances_and_the_ends_of_the_slices_are_refused),
		in_quiet_world(the_first_and_the_last_areas_of_both_parts_are_taken_back),
		in_quiet_world(counts_tell_what_ever_happened),
		in_quiet_world(a_chunk_remembers_its_largest_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
