/* SPDX-License-Identifier: MIT
 * buddy_hotplug_stress_test.c - threads allocate, write, check and free pages while others take contiguous ranges, and memory is
 * taken away and added under all of them.
 *
 * usage: buddy_hotplug_stress_test [SECONDS [SEED]]
 *
 * Each page in use carries a stamp made of its address. A page given to two owners, or taken away in use, shows. At the end
 * everything is free and all invariants are validated.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "buddy/buddy_internal.h"
#include "support/random.h"
#include "support/world.h"

#define NR_WORKERS 4
#define HELD 48
#define NR_SECTIONS (WORLD_LIMIT / SECTION_SIZE)

static bool stop;
static unsigned int seconds = 3;
static uint64_t seed;

struct worker {
	pthread_t thread;
	void (*step)(struct worker *worker);
	unsigned int number;
	struct test_random random;
	unsigned long done, failed, wrong;
	struct page *pages[HELD];
	unsigned int orders[HELD];
};

static unsigned long stamp_of(const struct page *page)
{
	return (unsigned long)page * 31 + 7;
}

/* The first word of each page. */
static void write_stamps(const struct page *page, unsigned long nr_pages)
{
	for (unsigned long i = 0; i < nr_pages; i++)
		*(unsigned long *)page_address(page + i) = stamp_of(page + i);
}

static unsigned long wrong_stamps(const struct page *page, unsigned long nr_pages)
{
	unsigned long wrong = 0;

	for (unsigned long i = 0; i < nr_pages; i++)
		wrong += *(unsigned long *)page_address(page + i) != stamp_of(page + i);
	return wrong;
}

/* The main thread looks at it meanwhile. */
static void count_done(struct worker *worker, unsigned long nr)
{
	WRITE_ONCE(worker->done, worker->done + nr);
}

static bool all_have_done_something(const struct worker *workers, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (!READ_ONCE(workers[i].done))
			return false;
	}
	return true;
}

static void drop(struct worker *worker, unsigned int slot)
{
	struct page *page = worker->pages[slot];

	worker->wrong += wrong_stamps(page, 1UL << worker->orders[slot]);
	worker->pages[slot] = NULL;
	__free_pages(page, worker->orders[slot]);
}

static void alloc_or_free(struct worker *worker)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_USER | __GFP_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE };
	const unsigned int slot = (unsigned int)test_random_below(&worker->random, HELD);
	/* Mostly what per-CPU lists hold. */
	const unsigned int order =
		(unsigned int)test_random_below(&worker->random, test_random_below(&worker->random, 8) ? 3 : MAX_ORDER);

	if (worker->pages[slot]) {
		drop(worker, slot);
		return;
	}
	worker->pages[slot] =
		alloc_pages(gfps[test_random_below(&worker->random, ARRAY_SIZE(gfps))] | __GFP_NOWARN, order);
	worker->orders[slot] = order;
	if (!worker->pages[slot]) {
		worker->failed++;
		return;
	}
	write_stamps(worker->pages[slot], 1UL << order);
	count_done(worker, 1);
}

static void take_a_range(struct worker *worker)
{
	const unsigned long nr_pages = 1 + test_random_below(&worker->random, 3000);
	struct page *page = alloc_contig_pages(nr_pages, GFP_KERNEL, 0, NULL);

	if (!page) {
		worker->failed++;
		return;
	}
	write_stamps(page, nr_pages);
	sched_yield();
	worker->wrong += wrong_stamps(page, nr_pages);
	free_contig_range(page_to_pfn(page), nr_pages);
	count_done(worker, 1);
}

static void remove_or_add(struct worker *worker)
{
	const unsigned long section = test_random_below(&worker->random, NR_SECTIONS);
	int err;

	if (test_random_below(&worker->random, 2))
		err = kmm_offline_memory(section * PAGES_PER_SECTION, PAGES_PER_SECTION);
	else
		err = kmm_add_memory(0, SECTION_SIZE);
	count_done(worker, !err);
	worker->failed += !!err;
	worker->wrong += err && err != -EBUSY && err != -EINVAL && err != -ENOMEM;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	cpu_id_pin((int)(worker->number % WORLD_CPUS));
	while (!READ_ONCE(stop))
		worker->step(worker);
	for (unsigned int slot = 0; slot < HELD; slot++)
		if (worker->pages[slot])
			drop(worker, slot);
	return NULL;
}

static void ignore_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

static void no_page_has_two_owners_and_nothing_is_lost(void **state)
{
	static struct worker workers[NR_WORKERS + 3];
	const struct timespec run = { .tv_sec = seconds };
	struct kmm_config config = {
		.size = sizeof(config), .limit = WORLD_LIMIT, .nr_cpus = WORLD_CPUS, .report = ignore_report
	};
	unsigned long present, free;

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	free = nr_free_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].number = i;
		workers[i].random.state = seed + i;
		workers[i].step = i < NR_WORKERS ? alloc_or_free : i < NR_WORKERS + 2 ? take_a_range : remove_or_add;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	nanosleep(&run, NULL);
	/* On a busy machine it can take a while until a section is without pages of the others. */
	for (unsigned int more = 0; more < 20 && !all_have_done_something(workers, ARRAY_SIZE(workers)); more++)
		nanosleep(&run, NULL);
	WRITE_ONCE(stop, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		print_message("worker %u: %lu done, %lu failed, %lu wrong\n", i, workers[i].done, workers[i].failed,
			      workers[i].wrong);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		assert_int_equal(workers[i].wrong, 0);
		assert_true(workers[i].done > 0);
	}
	kmm_validate_pages();
	present = totalram_pages();
	while (!kmm_add_memory(0, SECTION_SIZE))
		present += PAGES_PER_SECTION;
	assert_int_equal(totalram_pages(), present);
	assert_int_equal(present, WORLD_LIMIT >> PAGE_SHIFT);
	assert_int_equal(nr_free_pages(), free);
	kmm_validate_pages();
	kmm_boot_reset_for_test();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_page_has_two_owners_and_nothing_is_lost) };

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
