/* SPDX-License-Identifier: MIT
 * cpu_hotplug_stress_test.c - threads allocate, write, check and free kmalloc memory and pages, while others take CPUs offline
 * and bring them back, and memory too.
 *
 * usage: cpu_hotplug_stress_test [SECONDS [SEED]]
 *
 * Each piece of memory in use carries a stamp made of its address. Memory that has two owners, or that went away in use, shows.
 * Threads keep their CPU's number now and then, so that offline CPUs are used, too. At the end everything is free and all
 * invariants are validated.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <kmm/hotplug.h>

#include "arena/arena.h"
#include "support/random.h"
#include "support/world.h"

#define NR_WORKERS 4
#define HELD 64
#define NR_SECTIONS (WORLD_LIMIT / SECTION_SIZE)

static bool stop;
static unsigned int seconds = 3;
static uint64_t seed;

struct worker {
	pthread_t thread;
	void (*step)(struct worker *worker);
	unsigned int number;
	struct test_random random;
	unsigned long done, wrong;
	void *objects[HELD];
	size_t sizes[HELD];
	struct page *pages[HELD];
};

static unsigned long stamp_of(const void *addr)
{
	return (unsigned long)addr * 31 + 7;
}

static void write_stamps(void *addr, size_t size)
{
	unsigned long *word = addr;

	for (size_t i = 0; i < size / sizeof(*word); i++)
		word[i] = stamp_of(&word[i]);
}

static unsigned long wrong_stamps(const void *addr, size_t size)
{
	const unsigned long *word = addr;
	unsigned long wrong = 0;

	for (size_t i = 0; i < size / sizeof(*word); i++)
		wrong += word[i] != stamp_of(&word[i]);
	return wrong;
}

/* The main thread looks at it meanwhile. */
static void count_done(struct worker *worker)
{
	WRITE_ONCE(worker->done, worker->done + 1);
}

static void drop_object(struct worker *worker, unsigned int slot)
{
	worker->wrong += wrong_stamps(worker->objects[slot], worker->sizes[slot]);
	kfree(worker->objects[slot]);
	worker->objects[slot] = NULL;
}

static void drop_page(struct worker *worker, unsigned int slot)
{
	worker->wrong += wrong_stamps(page_address(worker->pages[slot]), PAGE_SIZE);
	__free_page(worker->pages[slot]);
	worker->pages[slot] = NULL;
}

static void use_an_object(struct worker *worker)
{
	const unsigned int slot = (unsigned int)test_random_below(&worker->random, HELD);

	if (worker->objects[slot]) {
		drop_object(worker, slot);
		return;
	}
	worker->sizes[slot] = sizeof(long) << test_random_below(&worker->random, 9);
	worker->objects[slot] = kmalloc(worker->sizes[slot], GFP_KERNEL | __GFP_NOWARN);
	if (worker->objects[slot])
		write_stamps(worker->objects[slot], worker->sizes[slot]);
}

static void use_a_page(struct worker *worker)
{
	const unsigned int slot = (unsigned int)test_random_below(&worker->random, HELD);

	if (worker->pages[slot]) {
		drop_page(worker, slot);
		return;
	}
	worker->pages[slot] = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	if (worker->pages[slot])
		write_stamps(page_address(worker->pages[slot]), PAGE_SIZE);
}

static void use_memory(struct worker *worker)
{
	const bool keep = test_random_below(&worker->random, 8) == 0;

	if (test_random_below(&worker->random, 64) == 0)
		cpu_id_pin((int)test_random_below(&worker->random, WORLD_CPUS));
	if (keep)
		migrate_disable();
	for (unsigned int i = 0; i < 8; i++) {
		use_an_object(worker);
		use_a_page(worker);
	}
	if (keep)
		migrate_enable();
	count_done(worker);
}

static void remove_or_add_cpu(struct worker *worker)
{
	const unsigned int cpu = (unsigned int)test_random_below(&worker->random, WORLD_CPUS);
	const int err = test_random_below(&worker->random, 2) ? remove_cpu(cpu) : add_cpu(cpu);

	if (!err)
		count_done(worker);
	worker->wrong += err && err != -EBUSY;
}

static void remove_or_add_memory(struct worker *worker)
{
	const unsigned long section = test_random_below(&worker->random, NR_SECTIONS);
	int err;

	if (test_random_below(&worker->random, 2))
		err = kmm_offline_memory(section * PAGES_PER_SECTION, PAGES_PER_SECTION);
	else
		err = kmm_add_memory(0, SECTION_SIZE);
	if (!err)
		count_done(worker);
	worker->wrong += err && err != -EBUSY && err != -EINVAL && err != -ENOMEM;
	sched_yield();
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	cpu_id_pin((int)(worker->number % WORLD_CPUS));
	while (!READ_ONCE(stop))
		worker->step(worker);
	for (unsigned int slot = 0; slot < HELD; slot++) {
		if (worker->objects[slot])
			drop_object(worker, slot);
		if (worker->pages[slot])
			drop_page(worker, slot);
	}
	return NULL;
}

static bool all_have_done_something(const struct worker *workers, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!READ_ONCE(workers[i].done))
			return false;
	return true;
}

static void ignore_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

static void bring_everything_back(void)
{
	for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++)
		assert_int_equal(add_cpu(cpu), 0);
	assert_int_equal(num_online_cpus(), WORLD_CPUS);
	while (!kmm_add_memory(0, SECTION_SIZE))
		;
	assert_int_equal(totalram_pages(), WORLD_LIMIT >> PAGE_SHIFT);
	kmm_trim();
}

static void nothing_is_lost_and_nothing_has_two_owners(void **state)
{
	static struct worker workers[NR_WORKERS + 3];
	const struct timespec run = { .tv_sec = seconds };
	struct kmm_config config = {
		.size = sizeof(config), .limit = WORLD_LIMIT, .nr_cpus = WORLD_CPUS, .report = ignore_report
	};
	unsigned long free;

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	kmm_trim();
	free = nr_free_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].number = i;
		workers[i].random.state = seed + i;
		workers[i].step = i < NR_WORKERS     ? use_memory :
				  i < NR_WORKERS + 2 ? remove_or_add_cpu :
						       remove_or_add_memory;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	nanosleep(&run, NULL);
	/* On a busy machine it can take a while until a section is without pages of the others. */
	for (unsigned int more = 0; more < 20 && !all_have_done_something(workers, ARRAY_SIZE(workers)); more++)
		nanosleep(&run, NULL);
	WRITE_ONCE(stop, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		print_message("worker %u: %lu done, %lu wrong\n", i, workers[i].done, workers[i].wrong);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		assert_int_equal(workers[i].wrong, 0);
		assert_true(workers[i].done > 0);
	}
	bring_everything_back();
	kmm_validate_slub();
	kmm_validate_pages();
	assert_int_equal(nr_free_pages(), free);
	kmm_boot_reset_for_test();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_lost_and_nothing_has_two_owners) };

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
