/* SPDX-License-Identifier: MIT
 * alloc_test.c - requests and frees as a caller sees them, the bad ones included.
 */
#include <errno.h>
#include <stdlib.h>

#include "support/percpu_world.h"

/* A chunk with nothing populated, as the next one that a large request would use. */
static void use_up_the_first_chunk(void)
{
	while (__alloc_percpu_gfp(64, 4, GFP_NOWAIT | __GFP_NOWARN))
		;
	while (__alloc_percpu_gfp(4, 4, GFP_NOWAIT | __GFP_NOWARN))
		;
}

static void every_instance_is_zero_and_apart(void **state)
{
	uint64_t __percpu *ptr = alloc_percpu(uint64_t);
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu) {
		assert_int_equal(*per_cpu_ptr(ptr, cpu), 0);
		*per_cpu_ptr(ptr, cpu) = 100 + cpu;
	}
	for_each_possible_cpu(cpu)
		assert_int_equal(*per_cpu_ptr(ptr, cpu), 100 + cpu);
	free_percpu(ptr);
}

static void a_program_without_static_variables_does_not_pay_for_them(void **state)
{
	(void)state;
	assert_int_equal(pcpu_unit_info.static_size, 0);
	assert_int_equal(pcpu_unit_size(), PCPU_MIN_UNIT_SIZE);
	assert_int_equal(pcpu_reserved_chunk->start_offset, 0);
}

static void memory_used_before_is_zero_again(void **state)
{
	char __percpu *ptr = __alloc_percpu(100, 4), __percpu * again;
	static const char zeros[100];
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(ptr, cpu), 0x5a, 100);
	free_percpu(ptr);
	again = __alloc_percpu(100, 4);
	assert_ptr_equal(again, ptr);
	for_each_possible_cpu(cpu)
		assert_memory_equal(per_cpu_ptr(again, cpu), zeros, 100);
	free_percpu(again);
}

static void any_alignment_up_to_a_page_is_kept(void **state)
{
	size_t align;

	(void)state;
	for (align = 1; align <= PAGE_SIZE; align *= 2) {
		void __percpu *first = __alloc_percpu(4, 4), *ptr = __alloc_percpu(24, align);
		unsigned int cpu;

		assert_non_null(ptr);
		for_each_possible_cpu(cpu)
			assert_int_equal((uintptr_t)per_cpu_ptr(ptr, cpu) % align, 0);
		free_percpu(first);
		free_percpu(ptr);
	}
}

static void an_area_may_span_pages(void **state)
{
	char __percpu *ptr = __alloc_percpu(3 * PAGE_SIZE + 12, 4);
	unsigned int cpu;

	(void)state;
	assert_non_null(ptr);
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(ptr, cpu), 1, 3 * PAGE_SIZE + 12);
	free_percpu(ptr);
}

static void an_illegal_size_or_alignment_is_reported_each_time(void **state)
{
	static const struct {
		size_t size, align;
		const char *words;
	} table[] = {
		{ 0, 4, "illegal size (0) or align (4) for percpu allocation" },
		{ 32769, 4, "illegal size (32769) or align (4) for percpu allocation" },
		{ 44 << 10, 4, "illegal size (45056) or align (4) for percpu allocation" },
		{ 8, 12, "illegal size (8) or align (12) for percpu allocation" },
		{ 8, 8192, "illegal size (8) or align (8192) for percpu allocation" },
		{ SIZE_MAX, 4, "for percpu allocation" },
		{ SIZE_MAX - 3, 4, "for percpu allocation" },
		{ 8, SIZE_MAX, "for percpu allocation" },
	};
	size_t i;
	int round;

	(void)state;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < ARRAY_SIZE(table); i++) {
			assert_null(__alloc_percpu(table[i].size, table[i].align));
			assert_int_equal(world_reports.count, 1);
			assert_non_null(strstr(world_reports.text, "WARNING: "));
			world_expect_report(table[i].words);
		}
	}
}

static void an_illegal_request_is_silent_with_nowarn(void **state)
{
	(void)state;
	assert_null(__alloc_percpu_gfp(0, 4, GFP_KERNEL | __GFP_NOWARN));
	assert_null(__alloc_percpu_gfp(8, 12, GFP_KERNEL | __GFP_NOWARN));
	assert_null(__alloc_percpu_gfp(8, 8192, GFP_NOWAIT | __GFP_NOWARN));
	world_expect_silence();
}

static void an_alignment_below_4_counts_as_4(void **state)
{
	size_t align;

	(void)state;
	for (align = 0; align < 4; align++) {
		void __percpu *ptr = __alloc_percpu(1, align);

		assert_int_equal((uintptr_t)ptr % 4, 0);
		free_percpu(ptr);
	}
	world_expect_silence();
}

static void failures_are_reported_ten_times_and_then_no_more(void **state)
{
	int i;

	(void)state;
	buddy_inject_failure(1, true);
	for (i = 1; i <= 10; i++) {
		assert_null(__alloc_percpu(0x8000, 8));
		assert_int_equal(world_reports.count, i < 10 ? 1 : 2);
		if (i == 10)
			assert_non_null(strstr(world_reports.text, "percpu: limit reached, disable warning\n"));
		world_expect_report("percpu: allocation failed, size=32768 align=8 atomic=0, "
				    "failed to allocate new chunk\n");
	}
	for (i = 0; i < 5; i++)
		assert_null(__alloc_percpu(0x8000, 8));
	world_expect_silence();
	buddy_inject_failure(0, false);
}

static void failures_of_nowarn_and_atomic_requests_are_silent_and_do_not_count(void **state)
{
	int i;

	(void)state;
	buddy_inject_failure(1, true);
	for (i = 0; i < 20; i++) {
		assert_null(__alloc_percpu_gfp(0x8000, 8, GFP_KERNEL | __GFP_NOWARN));
		assert_null(__alloc_percpu_gfp(0x8000, 8, GFP_ATOMIC));
		assert_null(__alloc_percpu_gfp(0x8000, 8, GFP_NOFS));
	}
	world_expect_silence();
	assert_null(__alloc_percpu(0x8000, 8));
	world_expect_report("percpu: allocation failed");
	buddy_inject_failure(0, false);
}

static void an_atomic_request_never_makes_or_populates_a_chunk(void **state)
{
	static const gfp_t atomic[] = { GFP_ATOMIC, GFP_NOWAIT, GFP_NOIO, GFP_NOFS, 0, GFP_KERNEL & ~__GFP_FS };
	void __percpu *page, __percpu *ptr;
	unsigned long free_pages_before;
	size_t i;

	(void)state;
	use_up_the_first_chunk();
	page = __alloc_percpu(16, 4);
	free_pages_before = nr_free_pages();
	for (i = 0; i < ARRAY_SIZE(atomic); i++) {
		/* Within the page that the request before populated. */
		ptr = __alloc_percpu_gfp(16, 4, atomic[i]);
		assert_non_null(ptr);
		free_percpu(ptr);
		assert_null(__alloc_percpu_gfp(PAGE_SIZE + 4, 4, atomic[i]));
	}
	assert_int_equal(nr_free_pages(), free_pages_before);
	free_percpu(page);
	world_expect_silence();
}

static void a_scope_of_the_thread_makes_its_requests_atomic(void **state)
{
	unsigned int flags = memalloc_nofs_save();
	void __percpu *ptr;

	(void)state;
	/* No populated pages have so much in one piece. */
	assert_null(__alloc_percpu(0x8000, 4));
	memalloc_nofs_restore(flags);
	world_expect_silence();
	ptr = __alloc_percpu(0x8000, 4);
	assert_non_null(ptr);
	free_percpu(ptr);
}

static void freeing_null_does_nothing(void **state)
{
	(void)state;
	free_percpu(NULL);
	world_expect_silence();
}

static void a_bad_pointer_is_reported_and_left_alone(void **state)
{
	char __percpu *ptr = __alloc_percpu(64, 64), __percpu *other = __alloc_percpu(64, 64), *heap = malloc(64);
	char words[100];
	size_t i;
	struct {
		char *ptr;
		const char *why;
	} table[] = {
		{ heap, "not a dynamic per-CPU pointer" },
		{ (char *)16, "not a dynamic per-CPU pointer" },
		{ (char *)UINTPTR_MAX, "not a dynamic per-CPU pointer" },
		{ (char *)table, "not a dynamic per-CPU pointer" },
		{ ptr + 4, "not the start of an area" },
		{ ptr + 1, "not the start of an area" },
		{ ptr + 60, "not the start of an area" },
		{ per_cpu_ptr(ptr, 1), "not a dynamic per-CPU pointer" },
		{ pcpu_slices.base + PCPU_SLICE_SIZE - 4, "not a dynamic per-CPU pointer" },
		{ pcpu_slices.base + 0x8000 - 4, "not allocated, or freed already" },
	};

	(void)state;
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		free_percpu(table[i].ptr);
		snprintf(words, sizeof(words), "WARNING: free_percpu: invalid pointer %p: %s\n", (void *)table[i].ptr,
			 table[i].why);
		assert_int_equal(world_reports.count, 1);
		world_expect_report(words);
		kmm_validate_percpu();
	}
	free_percpu(ptr);
	free_percpu(other);
	world_expect_silence();
	free(heap);
}

static void a_second_free_is_reported_and_left_alone(void **state)
{
	char __percpu *ptr = __alloc_percpu(64, 64), __percpu *next = __alloc_percpu(64, 64);

	(void)state;
	free_percpu(ptr);
	free_percpu(ptr);
	world_expect_report("not allocated, or freed already");
	assert_ptr_equal(__alloc_percpu(64, 64), ptr);
	free_percpu(next);
	free_percpu(ptr);
	world_expect_silence();
}

static void a_pointer_into_a_chunk_that_is_gone_is_reported(void **state)
{
	void __percpu *ptr = __alloc_percpu(0x8000, 4);

	(void)state;
	free_percpu(ptr);
	percpu_trim();
	free_percpu(ptr);
	world_expect_report("not a dynamic per-CPU pointer");
}

static void errno_is_left_alone(void **state)
{
	void __percpu *ptr;

	(void)state;
	errno = 77;
	ptr = __alloc_percpu(0x8000, 4);
	assert_int_equal(errno, 77);
	free_percpu(ptr);
	percpu_trim();
	buddy_inject_failure(1, true);
	assert_null(__alloc_percpu_gfp(0x8000, 4, GFP_KERNEL | __GFP_NOWARN));
	buddy_inject_failure(0, false);
	assert_int_equal(errno, 77);
}

static void after_the_end_requests_fail_and_frees_are_ignored(void **state)
{
	int __percpu *ptr = alloc_percpu(int);

	(void)state;
	*per_cpu_ptr(ptr, 3) = 5;
	kmm_exit();
	assert_null(alloc_percpu(int));
	assert_null(__alloc_percpu(0, 0));
	free_percpu(ptr);
	/* Late readers find zeros. */
	assert_int_equal(*per_cpu_ptr(ptr, 3), 0);
	assert_int_equal(percpu_trim(), 0);
	world_expect_silence();
}

static void the_first_request_starts_the_library(void **state)
{
	int __percpu *ptr;

	(void)state;
	kmm_boot_reset_for_test();
	ptr = alloc_percpu(int);
	assert_non_null(ptr);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	assert_true(kmm_nr_cpus() >= 1);
	free_percpu(ptr);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(every_instance_is_zero_and_apart),
		in_world(a_program_without_static_variables_does_not_pay_for_them),
		in_world(memory_used_before_is_zero_again),
		in_world(any_alignment_up_to_a_page_is_kept),
		in_world(an_area_may_span_pages),
		in_world(an_illegal_size_or_alignment_is_reported_each_time),
		in_world(an_illegal_request_is_silent_with_nowarn),
		in_world(an_alignment_below_4_counts_as_4),
		in_world(failures_are_reported_ten_times_and_then_no_more),
		in_world(failures_of_nowarn_and_atomic_requests_are_silent_and_do_not_count),
		in_quiet_world(an_atomic_request_never_makes_or_populates_a_chunk),
		in_quiet_world(a_scope_of_the_thread_makes_its_requests_atomic),
		in_world(freeing_null_does_nothing),
		in_world(a_bad_pointer_is_reported_and_left_alone),
		in_world(a_second_free_is_reported_and_left_alone),
		in_world(a_pointer_into_a_chunk_that_is_gone_is_reported),
		in_world(errno_is_left_alone),
		in_world(the_first_request_starts_the_library),
		in_world(after_the_end_requests_fail_and_frees_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
