/* SPDX-License-Identifier: MIT
 * reporting_work_test.c - memory of whole free pageblocks goes back by itself: after the delay, once, and only when there
 * is enough of it to be worth a thread.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/boot.h"
#include "support/pages_world.h"
#include "support/random.h"
#include "support/work_world.h"

/* Longer than a test takes: time passes by kmm_work_advance_for_test() only. */
#define DELAY 1000000u
#define NR_BLOCKS 8

/* So many are worth a thread. */
#define ENOUGH 4

static struct page *blocks[512];

static int setup_limit(size_t limit)
{
	pages_world_start(limit);
	buddy_options.reporting_delay = DELAY;
	return queue_is_started(NULL);
}

static int setup(void **state)
{
	(void)state;
	return setup_limit(NR_BLOCKS * PAGEBLOCK_SIZE);
}

static int teardown(void **state)
{
	int err = worker_is_gone(state);

	os_inject_failure(0);
	pages_world_stop();
	return err;
}

static void take(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		blocks[i] = alloc_pages(GFP_KERNEL, 10);
		assert_non_null(blocks[i]);
		memset(page_address(blocks[i]), 0x5a, PAGE_SIZE);
	}
}

static void give(unsigned int from, unsigned int nr)
{
	for (unsigned int i = from; i < from + nr; i++)
		__free_pages(blocks[i], 10);
}

static void use(unsigned int nr)
{
	take(nr);
	give(0, nr);
}

static unsigned long blocks_given_back(void)
{
	return buddy_nr_given_back() >> pageblock_order;
}

static unsigned long blocks_without_memory(void)
{
	return kmm_nr_reported_pages() >> pageblock_order;
}

static void blocks_go_back_after_the_delay_and_not_before(void **state)
{
	const unsigned long nr_free = nr_free_pages();

	(void)state;
	use(5);
	kmm_work_advance_for_test(DELAY / 2);
	assert_int_equal(blocks_given_back(), 0);
	assert_int_equal(blocks_without_memory(), buddy_nr_free() / pageblock_nr_pages - 5);
	assert_int_equal(*(char *)page_address(blocks[0]), 0x5a);
	kmm_work_advance_for_test(DELAY / 2);
	assert_int_equal(blocks_given_back(), 5);
	assert_int_equal(blocks_without_memory(), buddy_nr_free() / pageblock_nr_pages);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(*(char *)page_address(blocks[i]), 0);
	assert_int_equal(nr_free_pages(), nr_free);
	kmm_validate_pages();
	assert_int_equal(buddy_trim(), 0);
}

static void pieces_that_merge_into_a_block_go_back_too(void **state)
{
	struct page *halves[2 * ENOUGH];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(halves); i++)
		halves[i] = alloc_pages(GFP_KERNEL, 9);
	for (unsigned int i = 0; i < ARRAY_SIZE(halves); i += 2)
		__free_pages(halves[i], 9);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(buddy_nr_given_back(), 0); /* half blocks stay: they will be wanted again */
	assert_int_equal(workers.nr_created, 0);
	for (unsigned int i = 1; i < ARRAY_SIZE(halves); i += 2)
		__free_pages(halves[i], 9);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH);
}

static void a_few_blocks_are_not_worth_a_thread(void **state)
{
	(void)state;
	use(ENOUGH - 1);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), 0);
	assert_int_equal(workers.nr_tried, 0);
	take(ENOUGH);
	give(0, ENOUGH);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH);
	assert_int_equal(workers.nr_created, 1);
}

static void once_there_is_a_thread_one_block_is_enough(void **state)
{
	(void)state;
	use(ENOUGH);
	kmm_work_advance_for_test(DELAY);
	use(1);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH + 1);
	assert_int_equal(workers.nr_created, 1);
}

static void a_block_taken_meanwhile_is_left_alone(void **state)
{
	struct page *taken;

	(void)state;
	use(ENOUGH);
	taken = alloc_pages(GFP_KERNEL, 10);
	memset(page_address(taken), 0x77, PAGEBLOCK_SIZE);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH - 1);
	for (size_t i = 0; i < PAGEBLOCK_SIZE; i += PAGE_SIZE)
		assert_int_equal(((char *)page_address(taken))[i], 0x77);
	__free_pages(taken, 10);
}

static void what_comes_back_reads_as_zero_and_can_go_again(void **state)
{
	(void)state;
	use(ENOUGH);
	kmm_work_advance_for_test(DELAY);
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		blocks[i] = alloc_pages(GFP_KERNEL | __GFP_ZERO, 10);
		for (size_t off = 0; off < PAGEBLOCK_SIZE; off += PAGE_SIZE / 2)
			assert_int_equal(((char *)page_address(blocks[i]))[off], 0);
		memset(page_address(blocks[i]), 0x11, PAGEBLOCK_SIZE);
	}
	assert_int_equal(kmm_nr_reported_pages(), 0);
	give(0, NR_BLOCKS);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH + NR_BLOCKS);
	assert_int_equal(blocks_without_memory(), NR_BLOCKS);
}

/* What the system refuses it would refuse each time: an idle process must not be woken for it. */
static void a_refusal_is_not_tried_again_until_something_is_freed(void **state)
{
	unsigned int calls;

	(void)state;
	use(ENOUGH);
	os_inject_failure(1);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH - 1);
	os_inject_failure(0);
	calls = os_calls();
	kmm_work_advance_for_test(4 * DELAY);
	assert_int_equal(os_calls(), calls);
	take(2); /* the refused one has memory, so it is taken first */
	give(0, 2);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_without_memory(), buddy_nr_free() / pageblock_nr_pages);
	assert_int_equal(blocks_given_back(), ENOUGH + 1);
	kmm_validate_pages();
}

static void an_idle_process_is_not_woken(void **state)
{
	unsigned int timed;

	(void)state;
	use(NR_BLOCKS);
	kmm_work_advance_for_test(DELAY);
	timed = READ_ONCE(waits.worker_timed);
	/* The jump of the clock itself wakes the thread, which then finds nothing to wait for. */
	for (unsigned int i = 0; i < 3; i++)
		kmm_work_advance_for_test(HOUR);
	assert_int_equal(READ_ONCE(waits.worker_timed), timed);
}

static void where_no_thread_can_be_had_the_next_free_tries_again(void **state)
{
	(void)state;
	workers.error = EAGAIN;
	take(ENOUGH + 1);
	give(0, ENOUGH);
	assert_int_equal(workers.nr_tried, 1);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), 0);
	workers.error = 0;
	give(ENOUGH, 1);
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH + 1);
}

/* A run gives back 256 blocks. */
static void more_than_one_run_gives_back_all_of_it(void **state)
{
	enum { MANY = 300 };

	(void)state;
	if (sizeof(void *) < 8)
		skip();
	for (unsigned int i = 0; i < MANY; i++)
		blocks[i] = alloc_pages(GFP_KERNEL, 10);
	give(0, MANY);
	kmm_work_advance_for_test(DELAY);
	assert_true(blocks_given_back() >= 256);
	kmm_work_advance_for_test(1);
	assert_int_equal(blocks_given_back(), MANY);
	assert_int_equal(workers.nr_created, 1);
}

static int setup_large(void **state)
{
	(void)state;
	return setup_limit(sizeof(void *) < 8 ? PAGEBLOCK_SIZE : 304 * PAGEBLOCK_SIZE);
}

/* Requests, frees and blocks that change their type, while memory goes back all the time. */

enum { THREADS = 4, STEPS = 3000 };

static unsigned int nr_wrong;

static void use_and_check(struct test_random *random)
{
	static const gfp_t types[] = { GFP_KERNEL, GFP_KERNEL | __GFP_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE };
	const unsigned int order = test_random_below(random, 3) ? test_random_below(random, 4) :
								  test_random_below(random, MAX_ORDER);
	const gfp_t zero = test_random_below(random, 2) ? __GFP_ZERO : 0;
	struct page *page = alloc_pages(types[test_random_below(random, 3)] | zero | __GFP_NOWARN, order);
	const char mark = (char)(1 + test_random_below(random, 100));
	char *first, *last;

	if (!page)
		return;
	first = page_address(page);
	last = first + (PAGE_SIZE << order) - 1;
	if (zero && (*first || *last))
		atomic_add_relaxed(&nr_wrong, 1);
	*first = *last = mark;
	if (test_random_below(random, 4) == 0)
		sched_yield();
	if (*first != mark || *last != mark)
		atomic_add_relaxed(&nr_wrong, 1);
	*first = *last = 0x5a;
	__free_pages(page, order);
}

static void use_or_report(unsigned int index, void *arg)
{
	struct test_random random = { .state = index + 1 };

	(void)arg;
	for (unsigned int i = 0; i < STEPS; i++) {
		if (index)
			use_and_check(&random);
		else if (i % 8 == 0)
			kmm_work_advance_for_test(DELAY);
	}
}

static void nobody_loses_memory_that_is_in_use(void **state)
{
	(void)state;
	nr_wrong = 0;
	use(NR_BLOCKS);
	run_threads(THREADS, use_or_report, NULL);
	assert_int_equal(nr_wrong, 0);
	kmm_work_advance_for_test(DELAY);
	assert_true(blocks_given_back() > 0);
	assert_int_equal(buddy_nr_free(), NR_BLOCKS * pageblock_nr_pages);
	kmm_validate_pages();
	assert_silent();
}

/* A forked child. Fork handlers run for a library that was started as a whole. */

static int library_runs(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 64UL << 20, .nr_cpus = 1 };
	int err = kmm_init(&config);

	buddy_options.reporting_delay = DELAY;
	return err ? err : queue_is_started(state);
}

static int library_is_cold(void **state)
{
	int err = worker_is_gone(state);

	kmm_boot_reset_for_test();
	return err;
}

/* Straight to the zone: one CPU keeps a few pages, but no pageblock. */
static bool child_uses(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		blocks[i] = alloc_pages(GFP_KERNEL, 10);
		if (!blocks[i])
			return false;
		memset(page_address(blocks[i]), 0x5a, PAGE_SIZE);
	}
	give(0, nr);
	return true;
}

/* Whether it gets one or not: would the child make a thread? */
static int child_tries_for_what_it_frees_itself(void)
{
	workers.error = EAGAIN;
	workers.nr_tried = 0;
	/* Those that have memory are taken first: the number of free ones with memory is as before. */
	if (!child_uses(ENOUGH) || workers.nr_tried)
		return 1;
	/* Three blocks more than were inherited. */
	if (!child_uses(ENOUGH + ENOUGH - 1) || workers.nr_tried)
		return 2;
	if (!child_uses(ENOUGH + ENOUGH) || !workers.nr_tried)
		return 3;
	kmm_validate_pages();
	return 0;
}

static void a_child_makes_a_thread_for_what_it_frees_itself(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	use(ENOUGH);
	pid = fork();
	if (!pid)
		_exit(child_tries_for_what_it_frees_itself());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* The parent's goes on. */
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(blocks_given_back(), ENOUGH);
	kmm_validate_pages();
}

static void nothing_is_given_back_after_the_end(void **state)
{
	unsigned int calls;

	(void)state;
	use(ENOUGH);
	assert_int_equal(workers.nr_created, 1);
	kmm_exit();
	assert_int_equal(READ_ONCE(workers.nr_live), 0);
	calls = os_calls();
	kmm_work_advance_for_test(DELAY);
	assert_int_equal(os_calls(), calls);
	assert_int_equal(buddy_nr_given_back(), 0);
	assert_int_equal(kmm_nr_reported_pages(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LIBRARY(name) cmocka_unit_test_setup_teardown(name, library_runs, library_is_cold)
	const struct CMUnitTest tests[] = {
		TEST(blocks_go_back_after_the_delay_and_not_before),
		TEST(pieces_that_merge_into_a_block_go_back_too),
		TEST(a_few_blocks_are_not_worth_a_thread),
		TEST(once_there_is_a_thread_one_block_is_enough),
		TEST(a_block_taken_meanwhile_is_left_alone),
		TEST(what_comes_back_reads_as_zero_and_can_go_again),
		TEST(a_refusal_is_not_tried_again_until_something_is_freed),
		TEST(an_idle_process_is_not_woken),
		TEST(where_no_thread_can_be_had_the_next_free_tries_again),
		cmocka_unit_test_setup_teardown(more_than_one_run_gives_back_all_of_it, setup_large, teardown),
		TEST(nobody_loses_memory_that_is_in_use),
		LIBRARY(a_child_makes_a_thread_for_what_it_frees_itself),
		LIBRARY(nothing_is_given_back_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
