/* SPDX-License-Identifier: MIT
 * module_test.c - static per-CPU variables of shared objects: linked, opened, closed, too many, too large.
 *
 * Usage: module_test DIRECTORY, where the plugins are.
 */
#include <dlfcn.h>
#include <time.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"
#include "fake_module.h"
#include "percpu/module.h"
#include "plugin.h"
#include "support/percpu_world.h"
#include "support/threads.h"

static const char *directory;

static DEFINE_PER_CPU(long, own) = 11;

struct opened {
	void *handle;
	struct plugin *p;
};

static struct opened open_plugin(const char *name)
{
	struct opened o;
	char path[1000];

	snprintf(path, sizeof(path), "%s/percpu_plugin_%s.so", directory, name);
	o.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!o.handle)
		fail_msg("%s", dlerror());
	o.p = dlsym(o.handle, "plugin");
	assert_non_null(o.p);
	return o;
}

static void close_plugin(const struct opened *o)
{
	assert_int_equal(dlclose(o->handle), 0);
}

static void assert_initial(const struct plugin *p)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		assert_int_equal(*p->counter_on(cpu), 7);
		assert_int_equal(*p->limit_on(cpu), 3);
		assert_string_equal(p->room_on(cpu), "room");
		assert_int_equal(p->room_on(cpu)[p->room_size - 1], 0);
		assert_true(p->pointer_is_right(cpu));
	}
}

static bool in_reserved_part(const void *instance)
{
	const size_t off = (size_t)((uintptr_t)instance - (uintptr_t)pcpu_slices.base) & (PCPU_SLICE_SIZE - 1);

	return off >= pcpu_reserved_chunk->start_offset && off < pcpu_reserved_chunk->end_offset;
}

static size_t reserved_free(void)
{
	return pcpu_free_bytes(pcpu_reserved_chunk);
}

/* Objects that are there from the start */

static void a_linked_object_has_instances_from_the_start(void **state)
{
	(void)state;
	assert_initial(&linked_plugin);
	assert_true(is_kernel_percpu_address((unsigned long)linked_plugin.counter_on(3)));
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
}

static void objects_use_each_others_variables(void **state)
{
	(void)state;
	cpu_id_pin(2);
	/* The program, the linked object and a late one all mean the same instance. */
	assert_ptr_equal(&linked_counter, linked_plugin.counter);
	assert_ptr_equal(per_cpu_ptr(&linked_counter, 2), linked_plugin.counter_on(2));
	this_cpu_inc(linked_counter);
	linked_plugin.count();
	linked_plugin.count_in(&own);
	assert_int_equal(per_cpu(linked_counter, 2), 9);
	assert_int_equal(per_cpu(own, 2), 12);
	assert_int_equal(per_cpu(own, 1), 11);
	world_expect_silence();
}

static void what_was_opened_before_the_start_is_in_the_static_part(void **state)
{
	struct opened early = open_plugin("early");

	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	assert_initial(early.p);
	assert_true(is_kernel_percpu_address((unsigned long)early.p->counter_on(1)));
	close_plugin(&early);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

static void the_place_of_an_object_that_went_is_for_the_next_one(void **state)
{
	struct opened early = open_plugin("early"), next, third;
	const long *place;

	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	place = early.p->counter_on(1);
	*early.p->counter_on(1) = 1;
	close_plugin(&early);
	next = open_plugin("early");
	assert_initial(next.p);
	assert_ptr_equal(next.p->counter_on(1), place);
	/* The place is taken, so another object gets one of the reserved part. */
	third = open_plugin("b");
	assert_true(in_reserved_part(third.p->counter_on(0)));
	kmm_validate_percpu();
	close_plugin(&third);
	close_plugin(&next);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

/* Objects that are opened while the library runs */

static void an_object_opened_late_has_instances_in_the_reserved_part(void **state)
{
	struct opened o = open_plugin("a");
	unsigned long can_addr;

	(void)state;
	assert_initial(o.p);
	assert_true(in_reserved_part(o.p->counter_on(3)));
	assert_true(in_reserved_part(o.p->room_on(3)));
	assert_true(in_reserved_part(o.p->limit_on(3)));
	assert_int_equal(o.p->seen_by_constructor, 8);
	assert_true(is_module_percpu_address((unsigned long)o.p->counter_on(3)));
	assert_true(__is_module_percpu_address((unsigned long)o.p->counter_on(3) + 1, &can_addr));
	assert_true(can_addr == (unsigned long)o.p->counter_on(0) + 1);
	assert_false(is_kernel_percpu_address((unsigned long)o.p->counter_on(3)));
	assert_false(is_module_percpu_address((unsigned long)o.p->counter));
	cpu_id_pin(1);
	o.p->count();
	this_cpu_inc(*o.p->counter);
	linked_plugin.count_in(o.p->counter);
	o.p->count_in(&own);
	o.p->count_in(&linked_counter);
	assert_int_equal(*o.p->counter_on(1), 10);
	assert_int_equal(per_cpu(own, 1), 12);
	assert_int_equal(per_cpu(linked_counter, 1), 8);
	kmm_validate_percpu();
	close_plugin(&o);
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

static void two_hundred_objects_come_and_go(void **state)
{
	unsigned long nr_free;
	int i;

	(void)state;
	percpu_trim();
	nr_free = nr_free_pages();
	for (i = 0; i < 200; i++) {
		struct opened o = open_plugin(i % 2 ? "a" : "b");

		assert_initial(o.p);
		o.p->count();
		memset(o.p->room_on(2), 0x5a, o.p->room_size);
		assert_true(in_reserved_part(o.p->counter_on(0)));
		close_plugin(&o);
	}
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	percpu_trim();
	assert_int_equal(nr_free_pages(), nr_free);
	world_expect_silence();
}

static void when_the_reserved_part_is_full_any_chunk_will_do(void **state)
{
	struct opened a = open_plugin("a"), b = open_plugin("b");

	(void)state;
	assert_true(in_reserved_part(a.p->room_on(0)));
	assert_false(in_reserved_part(b.p->room_on(0)));
	assert_initial(b.p);
	assert_true(is_module_percpu_address((unsigned long)b.p->counter_on(2)));
	b.p->count();
	kmm_validate_percpu();
	close_plugin(&a);
	close_plugin(&b);
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

static void an_object_that_is_too_large_is_reported_and_has_no_instances(void **state)
{
	struct opened o = open_plugin("large");

	(void)state;
	assert_non_null(strstr(world_reports.text, "percpu_plugin_large.so: Could not allocate"));
	world_expect_report("bytes percpu data");
	assert_null(o.p->counter_on(1));
	world_expect_report("percpu_plugin_large.so: Could not allocate");
	assert_null(per_cpu_ptr(o.p->counter, 1));
	world_expect_report("Could not allocate");
	kmm_validate_percpu();
	close_plugin(&o);
	world_expect_silence();
}

static void memory_that_was_short_is_asked_for_again(void **state)
{
	struct opened a = open_plugin("a"), b;

	(void)state;
	/* The reserved part is too full for b, nothing else is free, and no page can be had. */
	while (__alloc_percpu_gfp(64, 4, GFP_KERNEL | __GFP_NOWARN) && pcpu_free_bytes(pcpu_first_chunk) > 4000)
		;
	percpu_trim();
	buddy_inject_failure(1, true);
	b = open_plugin("early");
	world_expect_report("Could not allocate");
	assert_null(b.p->counter_on(0));
	world_expect_report("Could not allocate");
	buddy_inject_failure(0, false);
	assert_initial(b.p);
	world_expect_silence();
	kmm_validate_percpu();
	close_plugin(&a);
	close_plugin(&b);
}

static void instances_are_not_freed_by_free_percpu(void **state)
{
	struct opened a = open_plugin("a"), b = open_plugin("b");

	(void)state;
	free_percpu(a.p->counter);
	world_expect_report("not a dynamic per-CPU pointer");
	free_percpu(a.p->counter_on(0));
	world_expect_report("static variables of a loaded object, not a dynamic per-CPU pointer");
	free_percpu(b.p->counter_on(0));
	world_expect_report("static variables of a loaded object, not a dynamic per-CPU pointer");
	/* Wherever the area starts. */
	free_percpu((void *)((uintptr_t)b.p->counter_on(0) & -PAGE_SIZE));
	world_expect_report("invalid pointer");
	free_percpu(linked_plugin.counter_on(0));
	world_expect_report("not a dynamic per-CPU pointer");
	assert_initial(a.p);
	assert_initial(b.p);
	close_plugin(&b);
	close_plugin(&a);
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

static void an_object_may_outlive_the_library(void **state)
{
	struct opened a, b;

	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	a = open_plugin("a");
	assert_int_equal(*a.p->counter_on(3), 7);
	kmm_exit();
	/* As zeros, and only for those that had instances before. */
	assert_int_equal(*a.p->counter_on(3), 0);
	assert_int_equal(per_cpu(linked_counter, 3), 0);
	b = open_plugin("b");
	assert_ptr_equal(b.p->counter_on(3), b.p->counter);
	b.p->count();
	assert_int_equal(*b.p->counter, 8);
	close_plugin(&b);
	kmm_boot_reset_for_test();
	/* What is still there belongs to the start of the next life. */
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	assert_initial(a.p);
	assert_true(is_kernel_percpu_address((unsigned long)a.p->counter_on(3)));
	close_plugin(&a);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

/* Sections */

static char templates[0x8000] __attribute__((aligned(4096)));

static void an_instance_is_as_well_aligned_as_its_template(void **state)
{
	static const size_t starts[] = { 1, 2, 4, 8, 16, 64, 256, 1024, 4096, 4096 + 8 };
	static struct fake_module fake[ARRAY_SIZE(starts)];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		const char *start = templates + starts[i];
		const size_t align = min_of(starts[i] & -starts[i], (size_t)4096);

		fake_load(&fake[i], start, starts[i] == 4096 ? 8 : starts[i] & -starts[i]);
		assert_int_equal((uintptr_t)per_cpu_ptr(start, 2) % align, 0);
	}
	kmm_validate_percpu();
	for (i = 0; i < ARRAY_SIZE(starts); i++)
		fake_unload(&fake[i]);
	kmm_validate_percpu();
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

/* @low and @high are offsets of the two sections, 16 bytes each. */
static void load_sections(struct kmm_percpu_module *module, size_t first, size_t second)
{
	*module = (struct kmm_percpu_module){ .size = 0 };
	kmm_percpu_module_register(module, templates + first, templates + first + 16, templates + second,
				   templates + second + 16);
}

static void sections_side_by_side_are_one_area(void **state)
{
	struct kmm_percpu_module module;

	(void)state;
	templates[0] = 'a';
	templates[64] = 'b';
	load_sections(&module, 0, 64);
	assert_int_equal(module.size, 80);
	assert_ptr_equal(per_cpu_ptr(templates + 64, 1), per_cpu_ptr(templates, 1) + 64);
	assert_int_equal(*per_cpu_ptr(templates + 64, 1), 'b');
	kmm_percpu_module_unregister(&module);
	/* In the other order, and with a page between them because the second starts one. */
	load_sections(&module, 4096, 8);
	assert_int_equal(module.size, 4096 + 16 - 8);
	assert_true(module.start == (uintptr_t)templates + 8);
	assert_int_equal(*per_cpu_ptr(templates + 64, 3), 'b');
	assert_int_equal((uintptr_t)per_cpu_ptr(templates + 4096, 1) % 4096, 0);
	kmm_percpu_module_unregister(&module);
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

static void sections_far_apart_are_two_areas(void **state)
{
	struct kmm_percpu_module module;

	(void)state;
	templates[0] = 'a';
	templates[0x4040] = 'c';
	load_sections(&module, 0x4040, 0);
	assert_int_equal(module.size, 16);
	assert_int_equal(*per_cpu_ptr(templates, 1), 'a');
	assert_int_equal(*per_cpu_ptr(templates + 0x4040, 1), 'c');
	assert_true(module.start + module.delta == (uintptr_t)per_cpu_ptr(templates + 0x4040, 0));
	assert_in_range(PERCPU_MODULE_RESERVE - reserved_free(), 32, 128);
	kmm_validate_percpu();
	kmm_percpu_module_unregister(&module);
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

static void one_section_is_enough(void **state)
{
	struct kmm_percpu_module module = { .size = 0 };

	(void)state;
	templates[64] = 'b';
	kmm_percpu_module_register(&module, NULL, NULL, templates + 64, templates + 80);
	assert_int_equal(*per_cpu_ptr(templates + 64, 1), 'b');
	/* Each translation unit has a constructor. */
	kmm_percpu_module_register(&module, NULL, NULL, templates + 64, templates + 80);
	kmm_percpu_module_unregister(&module);
	kmm_percpu_module_unregister(&module);
	assert_null(per_cpu_ptr(templates + 64, 1));
	world_expect_report("is not a per-CPU pointer or variable");
	/* Nothing at all. */
	kmm_percpu_module_register(&module, NULL, NULL, NULL, NULL);
	kmm_percpu_module_register(&module, templates, templates, templates, templates);
	assert_int_equal(module.size, 0);
	world_expect_silence();
}

static void a_table_that_is_full_is_reported(void **state)
{
	static struct fake_module many[1100];
	unsigned int i, nr = 0;

	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	world_forget_reports();
	kmm_report_callback_set(world_report, &world_reports);
	for (i = 0; i < ARRAY_SIZE(many) && !world_reports.count; i++) {
		fake_load(&many[i], templates + 16 * i, 16);
		nr += many[i].module.size != 0;
	}
	assert_int_equal(world_reports.count, 1);
	world_expect_report("more than 1024 objects with percpu data");
	assert_in_range(nr, 1000, 1024);
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	assert_non_null(per_cpu_ptr(templates + 16 * 900, 3));
	assert_null(per_cpu_ptr(templates + 16 * nr, 3));
	world_expect_report("is not a per-CPU pointer or variable");
	assert_initial(&linked_plugin);
	kmm_validate_percpu();
	while (i--)
		fake_unload(&many[i]);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

static void wrong_bookkeeping_is_found(void **state)
{
	static struct fake_module fake;
	char why[200];

	(void)state;
	fake_load(&fake, templates, 64);
	assert_null(pcpu_modules_check(why, sizeof(why)));
	fake.module.delta += 8;
	assert_non_null(pcpu_modules_check(why, sizeof(why)));
	assert_non_null(strstr(why, "M3"));
	fake.module.delta -= 8;
	assert_null(pcpu_modules_check(why, sizeof(why)));
	fake_unload(&fake);
}

/* Threads and processes */

#define NR_COUNTERS 3
#define NR_ADDS 20000u

static unsigned int nr_counting;

/* Counts in another object's variable, and in one's own. */
static void count_elsewhere(unsigned int index, void *arg)
{
	static struct fake_module fake[NR_COUNTERS + 1];
	unsigned int i;

	(void)arg;
	if (index < NR_COUNTERS) {
		for (i = 0; i < NR_ADDS; i++) {
			this_cpu_inc(linked_counter);
			linked_plugin.count_in(&own);
			linked_plugin.count();
		}
		atomic_sub_relaxed(&nr_counting, 1);
		return;
	}
	/* Meanwhile objects come and go. */
	for (i = 0; READ_ONCE(nr_counting); i++) {
		if (i % 4) {
			fake_load(&fake[index], templates + 64 * (i % 16), 64);
			fake_unload(&fake[index]);
		} else {
			struct opened o = open_plugin(i % 8 ? "a" : "b");

			o.p->count_in(&linked_counter);
			close_plugin(&o);
			o = open_plugin("b");
			o.p->count();
			close_plugin(&o);
			atomic_add_relaxed(&nr_counting, 0);
			*(unsigned int *)arg += 1;
		}
	}
}

static void lookups_go_on_while_objects_come_and_go(void **state)
{
	unsigned int cpu, nr_opened = 0;
	long linked = 0, mine = 0;

	(void)state;
	nr_counting = NR_COUNTERS;
	run_threads(NR_COUNTERS + 1, count_elsewhere, &nr_opened);
	for_each_possible_cpu(cpu) {
		linked += per_cpu(linked_counter, cpu) - 7;
		mine += per_cpu(own, cpu) - 11;
	}
	assert_int_equal(mine, NR_COUNTERS * NR_ADDS);
	assert_int_equal(linked, 2 * NR_COUNTERS * NR_ADDS + nr_opened);
	assert_int_equal(reserved_free(), PERCPU_MODULE_RESERVE);
	world_expect_silence();
}

static void first_accesses_at_the_same_time_start_the_library_once(unsigned int index, void *arg)
{
	(void)arg;
	if (index % 2)
		this_cpu_inc(own);
	else
		this_cpu_inc(linked_counter);
}

static void threads_may_be_the_first(void **state)
{
	unsigned int cpu;
	long sum = 0;

	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	run_threads(8, first_accesses_at_the_same_time_start_the_library_once, NULL);
	for_each_possible_cpu(cpu)
		sum += per_cpu(own, cpu) - 11 + per_cpu(linked_counter, cpu) - 7;
	assert_int_equal(sum, 8);
	kmm_validate_percpu();
	kmm_boot_reset_for_test();
}

static int exit_status_of(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/* Objects come and go in a thread while its process forks. */
static unsigned int loading;

static void *come_and_go(void *arg)
{
	static struct fake_module fake;

	while (READ_ONCE(loading)) {
		fake_load(&fake, templates, 64);
		fake_unload(&fake);
	}
	return arg;
}

static void fork_while_objects_come_and_go(void)
{
	static struct fake_module fake;
	pthread_t thread;
	int i;

	WRITE_ONCE(loading, 1);
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, NULL), 0);
	for (i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			fake_load(&fake, templates + 128, 64);
			fake_unload(&fake);
			_exit(3);
		}
		assert_int_equal(exit_status_of(pid), 3);
	}
	WRITE_ONCE(loading, 0);
	pthread_join(thread, NULL);
}

static void a_child_has_a_table_that_works(void **state)
{
	(void)state;
	fork_while_objects_come_and_go();
	kmm_validate_percpu();
}

static void so_it_has_before_the_library_runs(void **state)
{
	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	fork_while_objects_come_and_go();
	assert_int_equal(kmm_boot_state(), KMM_COLD);
}

static void a_child_has_the_values_of_its_parent(void **state)
{
	pid_t pid;

	(void)state;
	cpu_id_pin(1);
	this_cpu_inc(linked_counter);
	this_cpu_inc(own);
	pid = fork();
	if (pid == 0) {
		struct opened o = open_plugin("a");

		this_cpu_inc(linked_counter);
		_exit(per_cpu(linked_counter, 1) == 9 && per_cpu(own, 1) == 12 && *o.p->counter_on(2) == 7 ? 3 : 4);
	}
	assert_int_equal(exit_status_of(pid), 3);
	assert_int_equal(per_cpu(linked_counter, 1), 8);
}

extern int no_percpu_variable;
int no_percpu_variable; /* exported, as a copy of the linker's would be: its name is looked for in all objects */

static bool stop_looking;

static void *look_for_a_copy(void *arg)
{
	while (!READ_ONCE(stop_looking)) {
		if (kmm_per_cpu_ptr_slow(&no_percpu_variable, 0))
			return NULL;
	}
	return arg;
}

static void drop_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

static void who_looks_for_a_copy_meets_no_object_that_goes(void **state)
{
	void *handle = &handle, *result;
	pthread_t thread;
	char path[1000];
	time_t end;
	int i = 0;

	(void)state;
	kmm_report_callback_set(drop_report, NULL);
	WRITE_ONCE(stop_looking, false);
	assert_int_equal(pthread_create(&thread, NULL, look_for_a_copy, (void *)directory), 0);
	snprintf(path, sizeof(path), "%s/percpu_crowded_plugin.so", directory);
	for (end = time(NULL) + 2; i < 10000 && handle && time(NULL) < end; i++) {
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (handle)
			dlclose(handle);
	}
	WRITE_ONCE(stop_looking, true);
	pthread_join(thread, &result);
	kmm_report_callback_set(world_report, &world_reports);
	assert_non_null(handle);
	assert_ptr_equal(result, directory);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		in_world(a_linked_object_has_instances_from_the_start),
		in_world(objects_use_each_others_variables),
		cmocka_unit_test(what_was_opened_before_the_start_is_in_the_static_part),
		cmocka_unit_test(the_place_of_an_object_that_went_is_for_the_next_one),
		in_world(an_object_opened_late_has_instances_in_the_reserved_part),
		in_world(two_hundred_objects_come_and_go),
		in_world(when_the_reserved_part_is_full_any_chunk_will_do),
		in_world(an_object_that_is_too_large_is_reported_and_has_no_instances),
		in_quiet_world(memory_that_was_short_is_asked_for_again),
		in_world(instances_are_not_freed_by_free_percpu),
		cmocka_unit_test(an_object_may_outlive_the_library),
		in_world(an_instance_is_as_well_aligned_as_its_template),
		in_world(sections_side_by_side_are_one_area),
		in_world(sections_far_apart_are_two_areas),
		in_world(one_section_is_enough),
		cmocka_unit_test(a_table_that_is_full_is_reported),
		in_world(wrong_bookkeeping_is_found),
		in_world(lookups_go_on_while_objects_come_and_go),
		in_world(who_looks_for_a_copy_meets_no_object_that_goes),
		cmocka_unit_test(threads_may_be_the_first),
		in_world(a_child_has_a_table_that_works),
		cmocka_unit_test(so_it_has_before_the_library_runs),
		in_world(a_child_has_the_values_of_its_parent),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: module_test DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
