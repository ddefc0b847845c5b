/* SPDX-License-Identifier: MIT
 * cache_test.c - the life of a cache, and every way to misuse one.
 */
#include "slub_world.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/report.h"

static struct kmem_cache *other(void)
{
	return kmem_cache_create("other", 64, 0, SLAB_NO_MERGE, NULL);
}

static void objects_have_size_alignment_and_do_not_overlap(void **state)
{
	static const unsigned int sizes[] = { 1, 7, 8, 24, 40, 100, 1000, 4096, 5000, 40000 };
	enum { NR = 40 };
	char *objects[NR];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (unsigned int align = 8; align <= 4096; align *= 8) {
			struct kmem_cache *s = kmem_cache_create("shape", sizes[i], align, 0, NULL);

			assert_non_null(s);
			assert_int_equal(kmem_cache_size(s), sizes[i]);
			for (int j = 0; j < NR; j++) {
				objects[j] = kmem_cache_alloc(s, GFP_KERNEL);
				assert_non_null(objects[j]);
				assert_int_equal((uintptr_t)objects[j] % align, 0);
				memset(objects[j], j, sizes[i]);
			}
			for (int j = 0; j < NR; j++) {
				for (unsigned int k = 0; k < sizes[i]; k++)
					assert_int_equal(objects[j][k], j);
				kmem_cache_free(s, objects[j]);
			}
			kmem_cache_destroy(s);
		}
	}
	world_expect_silence();
}

static unsigned int constructed;

static void ctor(void *object)
{
	constructed++;
	memset(object, 0x5a, 48);
}

static void constructor_runs_once_an_object_and_its_state_survives_free(void **state)
{
	struct kmem_cache *s = kmem_cache_create("constructed", 48, 0, 0, ctor);
	unsigned char *objects[200];

	(void)state;
	constructed = 0;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
			for (int j = 0; j < 48; j++)
				assert_int_equal(objects[i][j], 0x5a);
		}
		assert_int_equal(constructed, get_node(s, 0)->total_objects);
		for (int i = 0; i < 200; i++)
			kmem_cache_free(s, objects[i]);
	}
	kmem_cache_destroy(s);
}

static void zalloc_gives_zeros_after_dirty_use(void **state)
{
	struct kmem_cache *s = kmem_cache_create("zeroed", 200, 0, 0, NULL);
	char zeros[200] = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		void *object = kmem_cache_zalloc(s, GFP_KERNEL);

		assert_memory_equal(object, zeros, 200);
		memset(object, 0xff, 200);
		kmem_cache_free(s, object);
	}
	kmem_cache_destroy(s);
}

static void name_is_copied(void **state)
{
	char name[] = "mine";
	struct kmem_cache *s = kmem_cache_create(name, 8, 0, 0, NULL);

	(void)state;
	memset(name, 'x', 4);
	assert_string_equal(s->name, "mine");
	kmem_cache_destroy(s);
}

static void hwcache_align_starts_objects_on_lines(void **state)
{
	struct kmem_cache *s = kmem_cache_create("lines", 40, 0, SLAB_HWCACHE_ALIGN, NULL);
	void *objects[100];

	(void)state;
	take(s, objects, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal((uintptr_t)objects[i] % 64, 0);
	give_all(s, objects, 100);
	kmem_cache_destroy(s);
}

static void create_without_a_name_is_refused(void **state)
{
	(void)state;
	assert_null(kmem_cache_create(NULL, 64, 0, 0, NULL));
	world_expect_report("integrity check failed: no name");
}

static void create_of_a_size_no_slab_holds_is_refused(void **state)
{
	(void)state;
	assert_null(kmem_cache_create("huge", KMALLOC_MAX_SIZE + 1, 0, 0, NULL));
	world_expect_report("kmem_cache_create(huge) integrity check failed: size out of range");
	assert_null(kmem_cache_create("nothing", 0, 0, 0, NULL));
	world_expect_report("kmem_cache_create(nothing) integrity check failed: size out of range");
	/* Fits alone, but not with the free pointer behind it. */
	assert_null(kmem_cache_create("brim", KMALLOC_MAX_SIZE, 0, 0, ctor));
	world_expect_report("kmem_cache_create(brim) failed with error -22");
}

static void create_with_an_align_that_is_no_power_of_two_is_refused(void **state)
{
	(void)state;
	assert_null(kmem_cache_create("odd", 64, 24, 0, NULL));
	world_expect_report("align is not a power of two");
	assert_null(kmem_cache_create("wide", 64, 8192, 0, NULL));
	world_expect_report("align above a page");
}

static void create_with_unknown_flags_is_refused(void **state)
{
	(void)state;
	assert_null(kmem_cache_create("flags", 64, 0, 0x80000000u, NULL));
	world_expect_report("unknown flags");
}

static jmp_buf bug_taken_over;

static void take_over_bug(void)
{
	longjmp(bug_taken_over, 1);
}

static void panic_flag_aborts_when_the_cache_cannot_be_made(void **state)
{
	(void)state;
	kmm_bug_handler_set(take_over_bug);
	if (!setjmp(bug_taken_over)) {
		(void)!kmem_cache_create("panic", 0, 0, SLAB_PANIC, NULL);
		fail_msg("kmem_cache_create() returned in spite of SLAB_PANIC");
	}
	kmm_bug_handler_set(NULL);
	world_expect_report("Kernel panic - not syncing: kmem_cache_create: Failed to create slab 'panic'. Error -22");
}

static void destroy_with_live_objects_reports_and_keeps_the_cache(void **state)
{
	struct kmem_cache *s = kmem_cache_create("busy", 64, 0, 0, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL), *second;

	(void)state;
	kmem_cache_destroy(s);
	world_expect_report("kmem_cache_destroy busy: Slab cache still has objects");
	second = kmem_cache_alloc(s, GFP_KERNEL);
	assert_non_null(second);
	kmem_cache_free(s, second);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void destroy_of_null_does_nothing(void **state)
{
	(void)state;
	kmem_cache_destroy(NULL);
	world_expect_silence();
}

static void free_of_null_does_nothing(void **state)
{
	struct kmem_cache *s = other();

	(void)state;
	kmem_cache_free(s, NULL);
	world_expect_silence();
	kmem_cache_destroy(s);
}

static void free_inside_an_object_is_reported_and_ignored(void **state)
{
	struct kmem_cache *s = kmem_cache_create("whole", 40, 0, 0, NULL);
	char *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	for (int i = 1; i < 40; i++) {
		kmem_cache_free(s, object + i);
		world_expect_report("BUG whole (Not tainted): Invalid object pointer");
	}
	kmm_validate_cache(s);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void free_behind_the_last_object_is_reported_and_ignored(void **state)
{
	/* 4096 / 40 leaves 16 bytes at the end of the slab. */
	struct kmem_cache *s = kmem_cache_create("rest", 1000, 0, 0, NULL);
	char *object = kmem_cache_alloc(s, GFP_KERNEL);
	struct slab *slab = slab_of(object);

	(void)state;
	kmem_cache_free(s, slab_address(slab) + (size_t)slab_objects(slab) * s->size);
	world_expect_report("Invalid object pointer");
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

static void free_to_the_wrong_cache_is_reported_and_ignored(void **state)
{
	struct kmem_cache *s = other(), *t = kmem_cache_create("right", 64, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(t, GFP_KERNEL);

	(void)state;
	kmem_cache_free(s, object);
	world_expect_report("cache_from_obj: Wrong slab cache. other but object");
	kmm_validate_cache(t);
	kmem_cache_free(t, object);
	kmem_cache_destroy(t);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void free_of_foreign_memory_is_reported_and_ignored(void **state)
{
	struct kmem_cache *s = other();
	struct page *page = alloc_page(GFP_KERNEL);
	int local;

	(void)state;
	kmem_cache_free(s, &local);
	world_expect_report("is not in a slab");
	kmem_cache_free(s, (void *)1);
	world_expect_report("is not in a slab");
	kmem_cache_free(s, page_address(page));
	world_expect_report("is not in a slab");
	__free_page(page);
	kmem_cache_destroy(s);
}

static void double_free_of_the_last_object_is_reported_and_ignored(void **state)
{
	struct kmem_cache *s = other();
	void *objects[2];

	(void)state;
	take(s, objects, 2);
	kmem_cache_free(s, objects[0]);
	kmem_cache_free(s, objects[0]);
	world_expect_report("Object already free");
	/* And on the way to a slab that another CPU has. */
	cpu_id_pin(1);
	kmem_cache_free(s, objects[1]);
	kmem_cache_free(s, objects[1]);
	world_expect_report("Object already free");
	kmm_validate_cache(s);
	kmem_cache_destroy(s);
}

static void bug_ends_the_child(void)
{
	_exit(strstr(world_reports.text, "BUG other (Not tainted): Freechain corrupt") ? 42 : 1);
}

static void freed_twice_with_another_free_between_stops_at_the_corrupt_chain(void **state)
{
	struct kmem_cache *s = other();
	pid_t child = fork();
	void *objects[2];
	int status;

	(void)state;
	if (!child) {
		/* A corrupt world must not go on: this one is the child's. */
		take(s, objects, 2);
		kmem_cache_free(s, objects[0]);
		kmem_cache_free(s, objects[1]);
		kmem_cache_free(s, objects[0]); /* not the last one freed, so not seen here: the list is a circle */
		kmm_bug_handler_set(bug_ends_the_child);
		kmem_cache_shrink(s);
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	kmem_cache_destroy(s);
}

static void out_of_memory_is_reported_ten_times_in_five_seconds(void **state)
{
	struct kmem_cache *s = other();

	(void)state;
	buddy_inject_failure(1, true);
	for (int i = 0; i < 1000; i++)
		assert_null(kmem_cache_alloc(s, GFP_KERNEL));
	buddy_inject_failure(0, false);
	assert_in_range(world_reports.count, 10, 35);
	world_forget_reports();
	kmem_cache_destroy(s);
}

static void everything_comes_back_after_destroy_and_trim(void **state)
{
	unsigned long before;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	for (int i = 0; i < 50; i++) {
		struct kmem_cache *s = kmem_cache_create("turnover", (unsigned int)(8 + 40 * i), 0, 0, NULL);
		void *objects[100];

		take(s, objects, 100);
		cpu_id_pin(i % WORLD_CPUS);
		give_all(s, objects, 100);
		kmem_cache_destroy(s);
	}
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

static void calls_after_exit_return_null_and_free_is_ignored(void **state)
{
	struct kmem_cache *s;
	void *object, *memory;

	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	s = other();
	object = kmem_cache_alloc(s, GFP_KERNEL);
	memory = kmalloc(100, GFP_KERNEL);
	kmm_exit();
	assert_null(kmem_cache_alloc(s, GFP_KERNEL));
	assert_null(kmalloc(100, GFP_KERNEL));
	assert_null(kmalloc(100000, GFP_KERNEL));
	assert_null(alloc_page(GFP_KERNEL));
	assert_null(__alloc_percpu(8, 8));
	assert_null(kmem_cache_create("late", 64, 0, 0, NULL));
	kmem_cache_free(s, object);
	kfree(memory);
	kmem_cache_destroy(s);
	assert_int_equal(kmem_cache_shrink(s), 0);
	assert_int_equal(kmm_trim(), 0);
	assert_int_equal(nr_free_pages(), 0);
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), -ESHUTDOWN);
	world_expect_silence();
	kmm_boot_reset_for_test();
}

#define LIFE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIFE(objects_have_size_alignment_and_do_not_overlap),
		LIFE(constructor_runs_once_an_object_and_its_state_survives_free),
		LIFE(zalloc_gives_zeros_after_dirty_use),
		LIFE(name_is_copied),
		LIFE(hwcache_align_starts_objects_on_lines),
		LIFE(create_without_a_name_is_refused),
		LIFE(create_of_a_size_no_slab_holds_is_refused),
		LIFE(create_with_an_align_that_is_no_power_of_two_is_refused),
		LIFE(create_with_unknown_flags_is_refused),
		LIFE(panic_flag_aborts_when_the_cache_cannot_be_made),
		LIFE(destroy_with_live_objects_reports_and_keeps_the_cache),
		LIFE(destroy_of_null_does_nothing),
		LIFE(free_of_null_does_nothing),
		LIFE(free_inside_an_object_is_reported_and_ignored),
		LIFE(free_behind_the_last_object_is_reported_and_ignored),
		LIFE(free_to_the_wrong_cache_is_reported_and_ignored),
		LIFE(free_of_foreign_memory_is_reported_and_ignored),
		LIFE(double_free_of_the_last_object_is_reported_and_ignored),
		LIFE(freed_twice_with_another_free_between_stops_at_the_corrupt_chain),
		LIFE(out_of_memory_is_reported_ten_times_in_five_seconds),
		LIFE(everything_comes_back_after_destroy_and_trim),
		cmocka_unit_test(calls_after_exit_return_null_and_free_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
