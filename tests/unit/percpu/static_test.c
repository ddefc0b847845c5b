/* SPDX-License-Identifier: MIT
 * static_test.c - variables of DEFINE_PER_CPU() in the program itself: before the start, in it, after the end.
 */
#include <errno.h>
#include <stdlib.h>

#include "arena/os.h"
#include "base/report.h"
#include "fake_module.h"
#include "percpu/module.h"
#include "static_vars.h"
#include "support/percpu_world.h"

static DEFINE_PER_CPU(int, hits) = 5;
static DEFINE_PER_CPU(unsigned long, zero);

/* cmocka teardown for tests that start the library themselves. */
static int cold(void **state)
{
	(void)state;
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
	kmm_report_callback_set(NULL, NULL);
	return 0;
}

static void every_cpu_has_the_initial_value(void **state)
{
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu) {
		const struct shape *shape = per_cpu_ptr(&shared_shape, cpu);

		assert_int_equal(per_cpu(hits, cpu), 5);
		assert_int_equal(per_cpu(zero, cpu), 0);
		assert_int_equal(per_cpu(shared_int, cpu), 42);
		assert_int_equal(per_cpu(shared_read_mostly, cpu), 77);
		assert_int_equal(shape->letter, 'x');
		assert_int_equal(shape->numbers[2], 3);
		assert_string_equal(shape->name, "round");
		assert_ptr_equal(shape->self, &shared_shape);
		assert_int_equal(per_cpu(shared_array, cpu)[1], 20);
		assert_int_equal(per_cpu(shared_array[2], cpu), 30);
		assert_int_equal(*per_cpu_ptr(shared_array, cpu), 10);
		assert_int_equal(per_cpu(shared_array, cpu)[4], 0);
		assert_int_equal(per_cpu(shared_aligned, cpu), 'a');
		assert_int_equal(per_cpu(shared_more_aligned, cpu), 'b');
		assert_string_equal(per_cpu(shared_page, cpu), "page");
	}
}

static void instances_are_apart_and_the_template_stays(void **state)
{
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu)
		per_cpu(hits, cpu) = 100 + (int)cpu;
	for_each_possible_cpu(cpu) {
		assert_int_equal(per_cpu(hits, cpu), 100 + cpu);
		cpu_id_pin((int)cpu);
		assert_ptr_equal(this_cpu_ptr(&hits), &per_cpu(hits, cpu));
		assert_int_equal(this_cpu_read(hits), 100 + cpu);
	}
	assert_int_equal(hits, 5);
}

static void files_share_what_is_not_static(void **state)
{
	(void)state;
	assert_int_equal(*own_hits(1), 6);
	per_cpu(hits, 1) = 50;
	assert_int_equal(*own_hits(1), 6);
	*own_hits(1) = 60;
	assert_int_equal(per_cpu(hits, 1), 50);
	*calls_here(3) += 2;
	assert_int_equal(*calls_here(3), 2);
	assert_int_equal(*calls_here(2), 0);
}

static void alignment_is_kept(void **state)
{
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu) {
		assert_int_equal((uintptr_t)per_cpu_ptr(&shared_aligned, cpu) % 64, 0);
		assert_int_equal((uintptr_t)per_cpu_ptr(&shared_more_aligned, cpu) % 64, 0);
		assert_int_equal((uintptr_t)per_cpu_ptr(&shared_page, cpu) % PAGE_SIZE, 0);
		assert_int_equal((uintptr_t)per_cpu_ptr(&zero, cpu) % sizeof(long), 0);
	}
}

static void arguments_are_evaluated_once(void **state)
{
	struct shape *shape = &shared_shape;
	unsigned int cpu = 0;
	short i = 0;

	(void)state;
	assert_int_equal(*per_cpu_ptr(&shared_array[i++], cpu++), 10);
	assert_int_equal(i, 1);
	assert_int_equal(cpu, 1);
	this_cpu_add(shared_array[i++], 1);
	assert_int_equal(i, 2);
	assert_ptr_equal(this_cpu_ptr(shape++), per_cpu_ptr(&shared_shape, 0));
	assert_ptr_equal(shape, &shared_shape + 1);
}

static void get_and_put_hold_the_cpu(void **state)
{
	unsigned long __percpu *dynamic = alloc_percpu(unsigned long);

	(void)state;
	cpu_id_pin(1);
	get_cpu_var(hits) = 9;
	cpu_id_pin(2);
	assert_int_equal(this_cpu_read(hits), 9);
	assert_ptr_equal(get_cpu_ptr(dynamic), per_cpu_ptr(dynamic, 1));
	put_cpu_ptr(dynamic);
	assert_int_equal(raw_smp_processor_id(), 1);
	put_cpu_var(hits);
	cpu_id_pin(2);
	assert_int_equal(this_cpu_read(hits), 5);
	assert_int_equal(per_cpu(hits, 1), 9);
	free_percpu(dynamic);
	world_expect_silence();
}

static void the_static_part_is_as_large_as_it_has_to_be(void **state)
{
	const size_t static_size = pcpu_unit_info.static_size;
	unsigned long can_addr;

	(void)state;
	/* One page-aligned variable, and what lies before it up to a page. */
	assert_in_range(static_size, 100, 3 * PAGE_SIZE);
	assert_int_equal(pcpu_reserved_chunk->start_offset, ALIGN_UP(static_size, (size_t)4));
	assert_true(is_kernel_percpu_address((unsigned long)per_cpu_ptr(&hits, 3)));
	assert_true(__is_kernel_percpu_address((unsigned long)per_cpu_ptr(&zero, 2) + 1, &can_addr));
	assert_true(can_addr == (unsigned long)per_cpu_ptr(&zero, 0) + 1);
	assert_false(is_kernel_percpu_address((unsigned long)&zero));
	assert_false(is_kernel_percpu_address((unsigned long)pcpu_slices.base + static_size));
	assert_false(is_kernel_percpu_address((unsigned long)pcpu_slices.base - 1));
	assert_false(is_kernel_percpu_address((unsigned long)pcpu_slices.base + pcpu_slices.size));
	assert_false(is_module_percpu_address((unsigned long)per_cpu_ptr(&hits, 3)));
}

static void the_first_access_starts_the_library(void **state)
{
	unsigned int cpu, sum = 0;

	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_false(is_kernel_percpu_address((unsigned long)&hits));
	this_cpu_inc(hits);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	for_each_possible_cpu(cpu)
		sum += (unsigned int)per_cpu(hits, cpu);
	assert_int_equal(sum, 5 * kmm_nr_cpus() + 1);
	assert_int_equal(hits, 5);
}

static void another_life_starts_with_the_initial_values(void **state)
{
	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	per_cpu(hits, 3) = 1;
	per_cpu(shared_read_mostly, 3) = 1;
	kmm_boot_reset_for_test();
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 8), 0);
	assert_int_equal(per_cpu(hits, 3), 5);
	assert_int_equal(per_cpu(hits, 7), 5);
	assert_int_equal(per_cpu(shared_read_mostly, 3), 77);
	world_expect_silence();
}

static void the_instances_outlive_the_library(void **state)
{
	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	per_cpu(hits, 3) = 1;
	kmm_exit();
	assert_int_equal(per_cpu(hits, 3), 0);
	cpu_id_pin(3);
	this_cpu_add(hits, 2);
	assert_int_equal(per_cpu(hits, 3), 2);
	assert_int_equal(per_cpu(shared_int, 1), 0);
	assert_int_equal(hits, 5);
	assert_ptr_equal(kmm_per_cpu_ptr_slow(&hits, 3), this_cpu_ptr(&hits));
}

/* A report comes while the library starts, and counts itself. */
static DEFINE_PER_CPU(int, reports);

static void count_reports(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	this_cpu_inc(reports);
	*(unsigned int *)arg += 1;
}

static void a_report_during_the_start_may_count_itself(void **state)
{
	unsigned int nr = 0;
	struct kmm_config config = {
		.size = sizeof(config),
		.limit = WORLD_LIMIT,
		.nr_cpus = 2,
		.report = count_reports,
		.report_arg = &nr,
	};

	(void)state;
	assert_int_equal(setenv("KMM_OPTIONS", "no_such_option=1", 1), 0);
	assert_int_equal(kmm_init(&config), 0);
	unsetenv("KMM_OPTIONS");
	assert_true(nr > 0);
	/* There were no instances yet: it counted in the template, which every CPU got. */
	assert_int_equal(per_cpu(reports, 1), nr);
	reports = 0;
}

static void look_for_deltas(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	this_cpu_inc(reports);
	*(unsigned int *)arg += kmm_percpu_this_module.delta == 0;
}

static void instances_are_not_published_by_a_start_that_may_still_fail(void **state)
{
	unsigned int nr = 0;
	struct kmm_config config = {
		.size = sizeof(config),
		.limit = WORLD_LIMIT,
		.nr_cpus = 2,
		.options = "min_free_kbytes=1000000", /* more than there is, which is said when the zones are set up */
		.report = look_for_deltas,
		.report_arg = &nr,
	};

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	assert_int_equal(nr, 1);
	/* There were instances already. */
	assert_int_equal(per_cpu(reports, 0) + per_cpu(reports, 1), 1);
	assert_int_equal(reports, 0);
	assert_true(kmm_percpu_this_module.delta != 0);
}

static void a_start_that_fails_late_takes_the_instances_back(void **state)
{
	unsigned int n, failed = 0;

	(void)state;
	for (n = 1; n < 40; n++) {
		os_inject_failure(n);
		if (world_start(NULL, WORLD_LIMIT, WORLD_CPUS)) {
			failed++;
			assert_true(kmm_percpu_this_module.delta == 0);
			assert_true(kmm_pcpu_base == 0 - (uintptr_t)PCPU_SLICE_SIZE);
		} else {
			assert_int_equal(per_cpu(hits, 3), 5);
		}
		os_inject_failure(0);
		kmm_boot_reset_for_test();
	}
	/* At least the slices, and what is behind the unit of each CPU. */
	assert_true(failed >= 1 + WORLD_CPUS);
}

/* Large static parts: of an object that is no object. */
static char large[3 << 20] __attribute__((aligned(64)));

static void a_large_static_part_has_larger_units(void **state)
{
	static struct fake_module fake;
	unsigned int cpu;

	(void)state;
	large[0] = 'f';
	large[19999] = 'l';
	fake_load(&fake, large, 20000);
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	assert_int_equal(pcpu_unit_size(), 0x10000);
	for_each_possible_cpu(cpu) {
		assert_int_equal(*per_cpu_ptr(&large[0], cpu), 'f');
		assert_int_equal(*per_cpu_ptr(&large[19999], cpu), 'l');
	}
	/* The largest request is that of every world. */
	free_percpu(__alloc_percpu(0x8000, 4));
	world_expect_silence();
	kmm_validate_percpu();
	fake_unload(&fake);
	kmm_validate_percpu();
}

static void without_a_library_the_template_is_the_only_instance(void **state)
{
	static struct fake_module fake;

	(void)state;
	/* A section of 4 MiB, and units of as much. */
	assert_int_equal(setenv("KMM_OPTIONS", "mem=4M nr_cpus=2", 1), 0);
	fake_load(&fake, large, sizeof(large));
	this_cpu_add(hits, 2);
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_int_equal(hits, 7);
	assert_ptr_equal(this_cpu_ptr(&large[5]), &large[5]);
	hits = 5;
	fake_unload(&fake);
	/* The next attempt succeeds. */
	assert_int_equal(this_cpu_read(hits), 5);
	unsetenv("KMM_OPTIONS");
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	assert_ptr_not_equal(this_cpu_ptr(&hits), &hits);
}

static void a_static_part_too_large_for_the_first_section_fails_the_start(void **state)
{
	static struct fake_module fake;

	(void)state;
	fake_load(&fake, large, sizeof(large));
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), -ENOMEM);
	if (sizeof(long) == 8)
		assert_non_null(strstr(world_reports.text, "no memory for the first chunk, 4194304 bytes"));
	else
		assert_non_null(strstr(world_reports.text, "bytes of static variables: a CPU has 2097152 bytes"));
	fake_unload(&fake);
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	assert_int_equal(per_cpu(hits, 3), 5);
}

static void frames_of_static_and_dynamic_memory_are_told_apart(void **state)
{
	char __percpu *dynamic[4];
	struct page *pages[4 * (8 + 4 * 4)];
	unsigned int cpu, i, j, nr = 0;

	(void)state;
	for (i = 0; i < 4; i++) {
		dynamic[i] = __alloc_percpu(4 * PAGE_SIZE, PAGE_SIZE);
		assert_non_null(dynamic[i]);
	}
	for_each_possible_cpu(cpu) {
		char *unit = pcpu_slices.base + ((size_t)cpu << KMM_PCPU_SLICE_SHIFT);

		for (i = 0; i < 8; i++) {
			pages[nr] = kmm_per_cpu_ptr_to_page(unit + i * PAGE_SIZE);
			/* The boot allocator's, which is never freed. */
			assert_true(page_flag_test(pages[nr++], PG_reserved));
		}
		for (i = 1; i < 4; i++) {
			for (j = 0; j < 4; j++) {
				pages[nr] = kmm_per_cpu_ptr_to_page(per_cpu_ptr(dynamic[i], cpu) + j * PAGE_SIZE);
				assert_false(page_flag_test(pages[nr], PG_reserved));
				assert_int_equal(page_count(pages[nr++]), 1);
			}
		}
	}
	for (i = 0; i < nr; i++) {
		assert_non_null(pages[i]);
		for (j = 0; j < i; j++)
			assert_ptr_not_equal(pages[i], pages[j]);
	}
	assert_true(per_cpu_ptr_to_phys(per_cpu_ptr(&hits, 2)) ==
		    ((page_to_pfn(kmm_per_cpu_ptr_to_page(per_cpu_ptr(&hits, 2))) << PAGE_SHIFT) |
		     ((unsigned long)per_cpu_ptr(&hits, 2) & (PAGE_SIZE - 1))));
	world_expect_silence();
	assert_true(per_cpu_ptr_to_phys(&hits) == 0);
	world_expect_report("is not in per-CPU memory");
	for (i = 0; i < 4; i++)
		free_percpu(dynamic[i]);
}

static void a_number_that_no_cpu_has_is_reported_where_it_is_checked(void **state)
{
	int __percpu *dynamic = alloc_percpu(int);

	(void)state;
	assert_null(kmm_per_cpu_ptr_checked(dynamic, 4));
	world_expect_report("there is no CPU 4: nr_cpu_ids is 4");
	assert_null(kmm_per_cpu_ptr_checked(&hits, (unsigned int)-1));
	world_expect_report("there is no CPU -1: nr_cpu_ids is 4");
	assert_ptr_equal(kmm_per_cpu_ptr_checked(&hits, 3),
			 this_cpu_ptr(&hits) + ((3UL << KMM_PCPU_SLICE_SHIFT) / sizeof(int)));
#if KMM_CONFIG_CHECK
	/* As it is for everybody who uses a library with checks. */
	assert_null(per_cpu_ptr(dynamic, 4));
	world_expect_report("per_cpu_ptr: there is no CPU 4");
#endif
	world_expect_silence();
	free_percpu(dynamic);
}

static void what_is_no_variable_is_reported(void **state)
{
	static int plain;
	int __percpu *dynamic = alloc_percpu(int);

	(void)state;
	assert_null(this_cpu_ptr(&plain));
	world_expect_report("is not a per-CPU pointer or variable; a copy made by the linker? build with -fPIC");
	assert_null(this_cpu_ptr((int *)NULL));
	world_expect_report("is not a per-CPU pointer or variable");
	assert_null(this_cpu_ptr(per_cpu_ptr(dynamic, 2)));
	world_expect_report("is an instance, of CPU 2: not a per-CPU pointer or variable");
	assert_null(this_cpu_ptr(per_cpu_ptr(&hits, 1)));
	world_expect_report("is an instance, of CPU 1");
	free_percpu(dynamic);
}

static void static_variables_are_not_freed(void **state)
{
	(void)state;
	free_percpu(&hits);
	world_expect_report("not a dynamic per-CPU pointer");
	free_percpu(per_cpu_ptr(&hits, 0));
	world_expect_report("not a dynamic per-CPU pointer");
	free_percpu(pcpu_slices.base);
	world_expect_report("not a dynamic per-CPU pointer");
	assert_int_equal(per_cpu(hits, 0), 5);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define from_cold(test) cmocka_unit_test_teardown(test, cold)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(every_cpu_has_the_initial_value),
		in_world(instances_are_apart_and_the_template_stays),
		in_world(files_share_what_is_not_static),
		in_world(alignment_is_kept),
		in_world(arguments_are_evaluated_once),
		in_world(get_and_put_hold_the_cpu),
		in_world(the_static_part_is_as_large_as_it_has_to_be),
		from_cold(the_first_access_starts_the_library),
		from_cold(another_life_starts_with_the_initial_values),
		from_cold(the_instances_outlive_the_library),
		from_cold(without_a_library_the_template_is_the_only_instance),
		from_cold(a_report_during_the_start_may_count_itself),
		from_cold(instances_are_not_published_by_a_start_that_may_still_fail),
		from_cold(a_start_that_fails_late_takes_the_instances_back),
		from_cold(a_large_static_part_has_larger_units),
		from_cold(a_static_part_too_large_for_the_first_section_fails_the_start),
		in_quiet_world(frames_of_static_and_dynamic_memory_are_told_apart),
		in_world(a_number_that_no_cpu_has_is_reported_where_it_is_checked),
		in_world(what_is_no_variable_is_reported),
		in_world(static_variables_are_not_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
