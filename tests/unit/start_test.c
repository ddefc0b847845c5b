/* SPDX-License-Identifier: MIT
 * start_test.c - starting the library: what it accepts, what it refuses by name, what it costs when idle.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/world.h"

#include "base/work.h"
#include "slub/layout.h"

static int no_world(void **state)
{
	(void)state;
	unsetenv("KMM_OPTIONS");
	kmm_boot_reset_for_test();
	world_forget_reports();
	return 0;
}

static void works_afterwards(void)
{
	void *p;

	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	p = kmalloc(100, GFP_KERNEL);
	assert_non_null(p);
	kfree(p);
	world_expect_silence();
}

static void unknown_option_is_refused_by_name(void **state)
{
	(void)state;
	assert_int_equal(world_start("slub_max_order=1 no_such_thing=3", WORLD_LIMIT, 1), -EINVAL);
	world_expect_report("no_such_thing");
	works_afterwards();
}

static void malformed_option_is_refused_by_name(void **state)
{
	static const char *const lines[] = { "slub_max_order=",
					     "slub_max_order=x",
					     "slub_max_order=11",
					     "nr_cpus=0",
					     "mem=12Q",
					     "nr_cpus=-1",
					     "mem",
					     "percpu_pagelist_high_fraction=1",
					     "percpu_pagelist_high_fraction=7",
					     "percpu_pagelist_high_fraction" };

	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		char name[40];

		no_world(state);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(lines[i], "="), lines[i]);
		assert_int_equal(world_start(lines[i], 0, 0), -EINVAL);
		world_expect_report(name);
	}
	works_afterwards();
}

static void options_take_effect(void **state)
{
	struct kmem_cache *s;

	(void)state;
	assert_int_equal(world_start("slub_max_order=0 nr_cpus=3 mem=32M", 0, 0), 0);
	assert_int_equal(kmm_nr_cpus(), 3);
	assert_int_equal(totalram_pages(), 32 << 8);
	s = kmem_cache_create("low", 700, 0, SLAB_NO_MERGE, NULL);
	assert_int_equal(oo_order(s->oo), 0);
	kmem_cache_destroy(s);
}

static void options_last_for_one_start(void **state)
{
	(void)state;
	assert_int_equal(world_start("slub_max_order=0 nr_cpus=3 mem=32M", 0, 0), 0);
	kmm_boot_reset_for_test();
	assert_int_equal(world_start("slub_max_order=1 mem=8M bogus", 0, 0), -EINVAL);
	world_forget_reports();
	assert_int_equal(world_start(NULL, 0, 0), 0);
	assert_int_equal(slub_max_order, 3);
	assert_int_not_equal(totalram_pages(), 32 << 8);
	assert_int_not_equal(totalram_pages(), 8 << 8);
	assert_int_equal(kmm_nr_cpus(), sysconf(_SC_NPROCESSORS_CONF));
}

static void environment_options_are_read_and_bad_ones_skipped(void **state)
{
	(void)state;
	setenv("KMM_OPTIONS", "nr_cpus=2 bogus=1 mem=16M", 1);
	assert_int_equal(world_start(NULL, 0, 0), 0);
	assert_int_equal(kmm_nr_cpus(), 2);
	assert_int_equal(totalram_pages(), 16 << 8);
	world_expect_report("bogus");
}

static void the_programs_words_win_over_the_environment(void **state)
{
	(void)state;
	setenv("KMM_OPTIONS", "nr_cpus=2", 1);
	assert_int_equal(world_start("nr_cpus=5", WORLD_LIMIT, 0), 0);
	assert_int_equal(kmm_nr_cpus(), 5);
}

static void contradictory_options_are_named_and_the_last_counts(void **state)
{
	(void)state;
	assert_int_equal(world_start("numa=fake=2 numa=off", WORLD_LIMIT, 1), 0);
	world_expect_report("numa=off and numa=fake= contradict each other, numa=off counts");
	assert_int_equal(num_online_nodes(), 1);
	kmm_boot_reset_for_test();
	world_forget_reports();
	assert_int_equal(world_start("numa=off numa=fake=2", WORLD_LIMIT, 1), 0);
	world_expect_report("numa=fake=2 counts");
	assert_int_equal(num_online_nodes(), 2);
}

/* Small objects in slabs of single pages; one that needs more gets it. */
static void guard_pages_make_slabs_small(void **state)
{
	struct kmem_cache *s, *large;

	(void)state;
	assert_int_equal(world_start("debug_guardpage_minorder=1", WORLD_LIMIT, 1), 0);
	world_expect_silence();
	s = kmem_cache_create("small", 700, 0, SLAB_NO_MERGE, NULL);
	large = kmem_cache_create("large", 3 * PAGE_SIZE, 0, SLAB_NO_MERGE, NULL);
	assert_int_equal(oo_order(s->oo), 0);
	assert_int_equal(oo_order(large->oo), 2);
	kmem_cache_destroy(s);
	kmem_cache_destroy(large);
	kmm_boot_reset_for_test();
	assert_int_equal(world_start("slub_max_order=2 debug_guardpage_minorder=1", WORLD_LIMIT, 1), 0);
	world_expect_report("slub_max_order=2 has no effect beside debug_guardpage_minorder=");
	assert_int_equal(slub_max_order, 0);
	kmm_boot_reset_for_test();
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 1), 0);
	assert_int_equal(slub_max_order, 3);
}

/* Started all the same, and told what is used. */
static void options_that_do_not_fit_are_named(void **state)
{
	static const struct {
		const char *options, *words;
	} cases[] = {
		{ "mem_max=32M", "mem_max=32768K is less than the limit of 65536K" },
		{ "mem_max=65535K", "mem_max=65535K is less" },
		{ "mem_max=64M", NULL },
		{ "mem_max=128M", NULL },
		{ "numa=off dma=40M", "dma=40960K is more than half of node 0, the zone has 32768 KiB" },
		{ "numa=off dma=32M", NULL },
		{ "numa=fake=4 dma=16M", "dma=16384K is more than half of node 0, the zone has 8192 KiB" },
		{ "numa=fake=2 movablecore=64M",
		  "movablecore=65536K leaves some node no other memory, the zones have 57344 KiB" },
		{ "numa=fake=2 movablecore=56M", NULL },
		{ "numa=fake=2 movablecore=9M", NULL }, /* two pageblocks in each */
		{ "min_free_kbytes=20000", "min_free_kbytes=20000 is more than a quarter of the memory, " },
		{ "min_free_kbytes=10000", NULL },
		{ "min_free_kbytes=0", NULL },
		{ "percpu_pagelist_high_fraction=8", NULL },
		{ "percpu_pagelist_high_fraction=0", NULL },
		{ "percpu_pagelist_high_fraction=0x0", NULL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		void *object;

		no_world(state);
		assert_int_equal(world_start(cases[i].options, WORLD_LIMIT, 1), 0);
		if (cases[i].words)
			world_expect_report(cases[i].words);
		else
			world_expect_silence();
		object = kmalloc(100, GFP_KERNEL);
		assert_non_null(object);
		kfree(object);
	}
	no_world(state);
	assert_int_equal(world_start("numa=fake=8", 16UL << 20, 1), 0);
	world_expect_report("numa=fake=8 is more than there are pageblocks of 4096 KiB, 4 nodes are used");
	assert_int_equal(num_online_nodes(), 4);
}

static void without_background_no_thread_is_made(void **state)
{
	static struct kmm_work work = KMM_WORK_INIT(NULL);

	(void)state;
	assert_int_equal(world_start("background=off", WORLD_LIMIT, 1), 0);
	assert_false(kmm_work_schedule(&work, 0)); /* it would call NULL */
}

/* Every allocation of a program whose library cannot start is an attempt to start it. */
static void a_start_that_fails_is_told_once(void **state)
{
	char text[4096] = "";
	int ends[2], status;
	size_t used = 0;
	ssize_t got;
	pid_t pid;

	(void)state;
	if (sizeof(long) < 8)
		skip(); /* no limit is larger than the address space there */
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		setenv("KMM_OPTIONS", "mem=100T", 1);
		dup2(ends[1], 2);
		for (unsigned int i = 0; i < 100; i++)
			if (kmalloc(8, GFP_KERNEL))
				_exit(2);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, "libkmm: cannot start"));
	assert_non_null(strstr(text, "kmm: arena:"));
	assert_null(strstr(strstr(text, "kmm: arena:") + 1, "kmm: arena:"));
}

static void second_start_is_busy(void **state)
{
	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 1), 0);
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 1), -EBUSY);
}

static void limit_larger_than_the_address_space_is_refused(void **state)
{
	(void)state;
	assert_int_equal(world_start(NULL, SIZE_MAX, 1), -EINVAL);
	assert_true(world_reports.count > 0);
	world_forget_reports();
	works_afterwards();
}

static void too_many_cpus_are_refused(void **state)
{
	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 100000), -EINVAL);
	world_expect_report("nr_cpus 100000");
	works_afterwards();
}

/* Each CPU has a slice of per-CPU memory and lists of pages, 38 KiB together. */
static void many_cpus_need_memory_and_the_start_says_so(void **state)
{
	(void)state;
#if __SIZEOF_POINTER__ == 8
	assert_int_equal(world_start("nr_cpus=256 mem=8M", 0, 0), -ENOMEM);
	world_expect_report("no memory for the first chunk, 32768 bytes for each of 256 CPUs");
	assert_int_equal(world_start("nr_cpus=256 mem=12M", 0, 0), 0);
#else
	assert_int_equal(world_start("nr_cpus=32 mem=4M", 0, 0), 0);
#endif
	world_expect_silence();
	assert_true(nr_free_pages() > 400);
	kmm_boot_reset_for_test();
	works_afterwards();
}

static void config_of_another_size_is_refused(void **state)
{
	struct kmm_config config = { .size = 3 };

	(void)state;
	kmm_report_fn fn = world_report;

	config.report = fn;
	config.report_arg = &world_reports;
	assert_int_equal(kmm_init(&config), -EINVAL);
	works_afterwards();
}

/* Pages of [@start, @start + @size) that have memory. */
static size_t resident(const char *start, size_t size)
{
	enum { STEP = 4096 };
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static unsigned char map[STEP];
	size_t count = 0;

	start = (const char *)((uintptr_t)start & ~(page - 1));
	for (size_t off = 0; off < size; off += STEP * page) {
		size_t length = min_of(size - off, STEP * page);

		if (mincore((void *)(uintptr_t)(start + off), length, map))
			continue;
		for (size_t i = 0; i < (length + page - 1) / page; i++)
			count += map[i] & 1;
	}
	return count * page;
}

static void idle_library_costs_less_than_two_mebibytes_whatever_the_limit(void **state)
{
	static const size_t limits[] = { 16UL << 20, 128UL << 20, sizeof(void *) == 8 ? (size_t)1 << 36 : 256UL << 20 };

	for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++) {
		size_t bytes;

		no_world(state);
		assert_int_equal(world_start(NULL, limits[i], WORLD_CPUS), 0);
		kfree(kmalloc(100, GFP_KERNEL));
		bytes = resident(kmm_arena.base, kmm_arena.nr_online << PAGE_SHIFT);
		bytes += resident((char *)kmm_arena.mem_map, kmm_arena.nr_online * sizeof(struct page));
		bytes += WORLD_CPUS * 8 * PAGE_SIZE; /* the slices: at most the first chunk */
		printf("limit %zu MiB: %zu KiB resident\n", limits[i] >> 20, bytes >> 10);
		assert_true(bytes > 0);
		assert_true(bytes < 2UL << 20);
	}
}

static size_t arena_resident(void)
{
	return resident(kmm_arena.base, kmm_arena.nr_online << PAGE_SHIFT) +
	       resident((char *)kmm_arena.mem_map, kmm_arena.nr_online * sizeof(struct page));
}

/* Nobody calls kmm_trim(). The time is that of the defaults: three looks at the CPUs' lists, then the delay. */
static void memory_that_was_used_and_freed_is_gone_after_a_while(void **state)
{
	const size_t size = sizeof(void *) == 8 ? 256UL << 20 : 64UL << 20;
	unsigned long *pages = calloc(size / PAGE_SIZE, sizeof(*pages));

	(void)state;
	assert_non_null(pages);
	assert_int_equal(world_start(NULL, 2 * size, 2), 0);
	for (size_t i = 0; i < size / PAGE_SIZE; i++) {
		pages[i] = __get_free_pages(GFP_KERNEL, 0);
		assert_int_not_equal(pages[i], 0);
		*(unsigned long *)pages[i] = i;
	}
	assert_true(arena_resident() >= size);
	for (size_t i = 0; i < size / PAGE_SIZE; i++)
		free_pages(pages[i], 0);
	free(pages);
	for (unsigned int i = 0; i < 3; i++)
		kmm_work_advance_for_test(1000);
	for (unsigned int i = 0; i < 2; i++)
		kmm_work_advance_for_test(2000);
	printf("%zu MiB used and freed: %zu KiB resident\n", size >> 20, arena_resident() >> 10);
	assert_true(arena_resident() < 16UL << 20);
	kmm_validate_pages();
}

#define START(test) cmocka_unit_test_setup_teardown(test, no_world, no_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		START(unknown_option_is_refused_by_name),
		START(malformed_option_is_refused_by_name),
		START(options_take_effect),
		START(options_last_for_one_start),
		START(environment_options_are_read_and_bad_ones_skipped),
		START(the_programs_words_win_over_the_environment),
		START(contradictory_options_are_named_and_the_last_counts),
		START(guard_pages_make_slabs_small),
		START(options_that_do_not_fit_are_named),
		START(without_background_no_thread_is_made),
		START(a_start_that_fails_is_told_once),
		START(second_start_is_busy),
		START(limit_larger_than_the_address_space_is_refused),
		START(too_many_cpus_are_refused),
		START(many_cpus_need_memory_and_the_start_says_so),
		START(config_of_another_size_is_refused),
		START(idle_library_costs_less_than_two_mebibytes_whatever_the_limit),
		START(memory_that_was_used_and_freed_is_gone_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
