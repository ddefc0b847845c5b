/* SPDX-License-Identifier: MIT
 * first_chunk_test.c - the parts of the first unit, parts that do not fit, and a start without memory.
 */
#include <errno.h>

#include "arena/memblock.h"
#include "arena/os.h"
#include "base/report.h"
#include "small_world.h"

static unsigned int nr_reports;

static void count_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
	nr_reports++;
}

static int start_with(size_t static_size, size_t reserved_size, size_t dyn_size, size_t unit_size)
{
	small_world_info = (struct pcpu_alloc_info){ static_size, reserved_size, dyn_size, unit_size };
	return kmm_boot_start(NULL);
}

static void the_parts_lie_one_behind_the_other(void **state)
{
	(void)state;
	assert_int_equal(pcpu_reserved_chunk->start_offset, EXACT_STATIC);
	assert_int_equal(pcpu_reserved_chunk->end_offset, EXACT_STATIC + EXACT_RESERVED);
	assert_int_equal(pcpu_first_chunk->start_offset, EXACT_STATIC + EXACT_RESERVED);
	assert_int_equal(pcpu_first_chunk->end_offset, EXACT_STATIC + EXACT_RESERVED + EXACT_DYNAMIC);
	assert_true(pcpu_first_chunk->immutable && pcpu_reserved_chunk->immutable);
}

static void what_no_part_serves_is_never_handed_out(void **state)
{
	size_t sum = 0;
	char __percpu *ptr;

	(void)state;
	while ((ptr = __alloc_percpu_gfp(4, 4, GFP_ATOMIC))) {
		size_t off = (size_t)(ptr - pcpu_slices.base);

		assert_in_range(off, EXACT_STATIC + EXACT_RESERVED, EXACT_STATIC + EXACT_RESERVED + EXACT_DYNAMIC - 4);
		sum += 4;
	}
	assert_int_equal(sum, EXACT_DYNAMIC);
}

static void the_reserved_part_serves_reserved_requests(void **state)
{
	char __percpu *ptr = __alloc_reserved_percpu(16, 8);

	(void)state;
	assert_int_equal(ptr - pcpu_slices.base, EXACT_STATIC);
	free_percpu(ptr);
}

static void the_static_part_is_not_an_allocation(void **state)
{
	(void)state;
	kmm_report_callback_set(count_report, NULL);
	nr_reports = 0;
	free_percpu(pcpu_slices.base);
	assert_int_equal(nr_reports, 1);
	free_percpu(pcpu_slices.base + EXACT_STATIC + EXACT_RESERVED + EXACT_DYNAMIC);
	assert_int_equal(nr_reports, 2);
	kmm_report_callback_set(NULL, NULL);
}

static void only_the_first_unit_is_paid_for(void **state)
{
	unsigned long meta = 2 * pcpu_chunk_meta_size(8);

	(void)state;
	assert_in_range(totalram_pages() - nr_free_pages(), 4 * 8, 4 * 8 + meta / PAGE_SIZE + 2);
}

static void a_static_part_that_ends_at_an_odd_byte_takes_from_the_dynamic_part(void **state)
{
	(void)state;
	assert_int_equal(start_with(0x1d01, 0x2000, 0x3000, 0x8000), 0);
	assert_int_equal(pcpu_reserved_chunk->start_offset, 0x1d04);
	assert_int_equal(pcpu_first_chunk->start_offset, 0x3d04);
	assert_int_equal(pcpu_free_bytes(pcpu_first_chunk), 0x3000 - 4);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

static void without_a_reserved_part_reserved_requests_are_dynamic(void **state)
{
	char __percpu *ptr;

	(void)state;
	assert_int_equal(start_with(0x100, 0, 0x3000, 0x8000), 0);
	assert_null(pcpu_reserved_chunk);
	ptr = __alloc_reserved_percpu(16, 8);
	assert_int_equal(ptr - pcpu_slices.base, 0x100);
	free_percpu(ptr);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

static void a_wholly_dynamic_unit_is_in_the_last_slot_and_outlives_a_trim(void **state)
{
	void __percpu *ptr;

	(void)state;
	assert_int_equal(start_with(0, 0, 0x8000, 0x8000), 0);
	assert_int_equal(pcpu_first_chunk->slot, pcpu_free_slot);
	assert_int_equal(percpu_trim(), 0);
	ptr = __alloc_percpu(0x8000, 4);
	assert_ptr_equal(ptr, pcpu_slices.base);
	free_percpu(ptr);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

static void a_larger_unit_has_more_slots_and_the_same_largest_request(void **state)
{
	void __percpu *ptr;

	(void)state;
	assert_int_equal(start_with(0x9000, 0x2000, 0x5000, 0x10000), 0);
	assert_int_equal(pcpu_nr_slots, 16);
	assert_int_equal(pcpu_unit_pages, 16);
	ptr = __alloc_percpu(0x8000, 4);
	assert_non_null(ptr);
	free_percpu(ptr);
	assert_null(__alloc_percpu_gfp(0x8004, 4, GFP_KERNEL | __GFP_NOWARN));
	kmm_validate_percpu();
	percpu_trim();
	kmm_boot_reset_for_test();
}

static void a_unit_as_large_as_a_slice_leaves_no_place_for_others(void **state)
{
	void __percpu *ptr;
	int err;

	(void)state;
	kmm_report_callback_set(count_report, NULL);
	nr_reports = 0;
	small_world_cpus = 1;
	err = start_with(0x1d00, 0x2000, 0x8000, PCPU_SLICE_SIZE);
	small_world_cpus = 4;
	if (PCPU_SLICE_SIZE > 64UL << 20) {
		/* More than the limit: it is said, and nothing is left. */
		assert_int_equal(err, -ENOMEM);
		assert_true(nr_reports > 0);
		assert_null(pcpu_slices.base);
	} else {
		assert_int_equal(err, 0);
		ptr = __alloc_percpu(0x8000, 4);
		assert_non_null(ptr);
		assert_null(__alloc_percpu_gfp(4, 4, GFP_KERNEL | __GFP_NOWARN));
		kmm_validate_percpu();
		free_percpu(ptr);
		assert_int_equal(percpu_trim(), 0);
	}
	kmm_report_callback_set(NULL, NULL);
	kmm_boot_reset_for_test();
}

static void parts_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	assert_int_equal(start_with(0x1d00, 0x2000, 0x5000, 0x8000), -EINVAL); /* too much */
	assert_int_equal(start_with(0x1d00, 0x2000, 0, 0x8000), -EINVAL);      /* nothing dynamic */
	assert_int_equal(start_with(0x1d00, 0x2002, 0x3000, 0x8000), -EINVAL); /* half a unit of allocation */
	assert_int_equal(start_with(0, 0x2000, 0x1000, 0x4000), -EINVAL);      /* a small unit */
	assert_int_equal(start_with(0, 0x2000, 0x3000, 0x9000), -EINVAL);      /* no power of two */
}

static void every_refused_system_call_fails_the_start_cleanly(void **state)
{
	unsigned int n, failed = 0;

	(void)state;
	kmm_report_callback_set(count_report, NULL);
	for (n = 1; n < 30; n++) {
		small_world_info = exact_info;
		assert_int_equal(arena_start(64UL << 20), 0);
		kmm_nr_cpu_ids = 4;
		nr_reports = 0;
		os_inject_failure(n);
		if (pcpu_setup_first_chunk(&small_world_info)) {
			failed++;
			assert_true(nr_reports > 0);
			assert_null(pcpu_first_chunk);
			assert_null(pcpu_slices.base);
		}
		os_inject_failure(0);
		percpu_stop(false);
		arena_stop(false);
	}
	/* The two reservations, and the unit of each CPU. */
	assert_int_equal(failed, 2 + 4);
	kmm_report_callback_set(NULL, NULL);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, small_world_setup, small_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(the_parts_lie_one_behind_the_other),
		in_world(what_no_part_serves_is_never_handed_out),
		in_world(the_reserved_part_serves_reserved_requests),
		in_world(the_static_part_is_not_an_allocation),
		in_world(only_the_first_unit_is_paid_for),
		cmocka_unit_test(a_static_part_that_ends_at_an_odd_byte_takes_from_the_dynamic_part),
		cmocka_unit_test(without_a_reserved_part_reserved_requests_are_dynamic),
		cmocka_unit_test(a_wholly_dynamic_unit_is_in_the_last_slot_and_outlives_a_trim),
		cmocka_unit_test(a_larger_unit_has_more_slots_and_the_same_largest_request),
		cmocka_unit_test(a_unit_as_large_as_a_slice_leaves_no_place_for_others),
		cmocka_unit_test(parts_that_do_not_fit_are_refused),
		cmocka_unit_test(every_refused_system_call_fails_the_start_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
