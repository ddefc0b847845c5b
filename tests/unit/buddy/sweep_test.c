/* SPDX-License-Identifier: MIT
 * sweep_test.c - lists of idle CPUs are emptied and counters folded, once a second while there is something to do.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/boot.h"
#include "support/child_threads.h"
#include "support/pcp_world.h"
#include "support/work_world.h"

enum { SECOND = 1000 };

/* On one of four CPUs so many pages are worth a thread; and so many once there is one, with batches of 16. */
enum { WORTH_A_THREAD = 1024, WORTH_A_SWEEP = 64 };

static struct page *pages[8192];

static int setup(void **state)
{
	pcp_world_boot(32UL << 20, PCP_CPUS);
	buddy_start_late();
	pcp_limits(16, 4096, 4096);
	return queue_is_started(state);
}

static int teardown(void **state)
{
	int err = worker_is_gone(state);

	teardown_pcp(state);
	return err;
}

static void take(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		assert_non_null(pages[i]);
		*(char *)page_address(pages[i]) = 0x5a;
	}
}

static void give(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		__free_page(pages[i]);
}

/* @nr pages, and what is left of the last batch, end on this CPU's lists. */
static void use(unsigned int nr)
{
	take(nr);
	give(nr);
}

static void the_lists_of_an_idle_cpu_go_back(void **state)
{
	(void)state;
	use(WORTH_A_THREAD);
	assert_int_equal(workers.nr_created, 1);
	kmm_work_advance_for_test(SECOND);
	assert_true(pcp_on(0)->count >= WORTH_A_THREAD); /* they were used since the last sweep: there was none */
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->count, 0);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	kmm_validate_pages();
}

static void the_lists_of_all_cpus_go_back(void **state)
{
	(void)state;
	for (int cpu = PCP_CPUS - 1; cpu >= 0; cpu--) {
		cpu_id_pin(cpu);
		use(cpu ? 100 : WORTH_A_THREAD);
		assert_true(pcp_on((unsigned int)cpu)->count >= 100);
	}
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	assert_int_equal(buddy_nr_free() + buddy_nr_offline() + kmm_zone.nr_reserved, totalram_pages());
}

static void a_cpu_in_use_keeps_its_lists(void **state)
{
	(void)state;
	use(WORTH_A_THREAD);
	for (unsigned int i = 0; i < 5; i++) {
		kmm_work_advance_for_test(SECOND);
		assert_true(pcp_on(0)->count > 0);
		use(1);
	}
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->count, 0);
}

static void small_lists_are_not_worth_a_thread(void **state)
{
	(void)state;
	take(WORTH_A_THREAD - 20); /* a batch is 16 */
	give(WORTH_A_THREAD - 20);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(workers.nr_tried, 0);
	assert_true(pcp_on(0)->count >= WORTH_A_THREAD - 20);
}

static void once_there_is_a_thread_less_is_enough(void **state)
{
	(void)state;
	use(WORTH_A_THREAD);
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->count, 0);
	use(WORTH_A_SWEEP);
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->count, 0);
	use(8); /* and what the last batch left */
	assert_true(pcp_on(0)->count < WORTH_A_SWEEP);
	kmm_work_advance_for_test(HOUR);
	kmm_work_advance_for_test(HOUR);
	assert_true(pcp_on(0)->count > 0);
	assert_int_equal(workers.nr_created, 1);
}

static void an_idle_process_is_not_woken(void **state)
{
	unsigned int timed;

	(void)state;
	use(WORTH_A_THREAD);
	kmm_work_advance_for_test(SECOND);
	assert_true(READ_ONCE(waits.worker_timed) > 0);
	kmm_work_advance_for_test(SECOND);
	timed = READ_ONCE(waits.worker_timed);
	for (unsigned int i = 0; i < 3; i++)
		kmm_work_advance_for_test(HOUR);
	assert_int_equal(READ_ONCE(waits.worker_timed), timed);
}

static void limits_that_have_grown_sink_to_where_they_were(void **state)
{
	(void)state;
	pcp_limits(16, 256, 4096);
	pcp_on(0)->high = 4096;
	use(WORTH_A_THREAD);
	for (unsigned int i = 0; i < 60 && pcp_on(0)->high > 256; i++)
		kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->high, 256);
	assert_int_equal(pcp_on(0)->count, 0);
}

static void counters_are_folded(void **state)
{
	(void)state;
	cpu_id_pin(2);
	mod_zone_page_state(&kmm_zone, NR_MLOCK, 2);
	mod_node_page_state(&kmm_nodes[0], NR_FILE_PAGES, 3);
	cpu_id_pin(0);
	assert_int_equal(zone_page_state(&kmm_zone, NR_MLOCK), 0);
	assert_int_equal(node_page_state(&kmm_nodes[0], NR_FILE_PAGES), 0);
	use(WORTH_A_THREAD);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(zone_page_state(&kmm_zone, NR_MLOCK), 2);
	assert_int_equal(node_page_state(&kmm_nodes[0], NR_FILE_PAGES), 3);
}

static void what_the_lists_held_goes_back_to_the_system(void **state)
{
	(void)state;
	buddy_options.reporting_delay = SECOND / 2;
	pcp_limits(16, 8192, 8192);
	use(5 * 1024); /* the first block has memblock's pages */
	assert_int_equal(buddy_nr_given_back(), 0);
	for (unsigned int i = 0; i < 3; i++)
		kmm_work_advance_for_test(SECOND);
	assert_true(buddy_nr_given_back() >= 4 * pageblock_nr_pages);
	kmm_validate_pages();
}

static void where_no_thread_can_be_had_it_is_tried_now_and_then(void **state)
{
	(void)state;
	workers.error = EAGAIN;
	take(4000);
	give(4000);
	assert_in_range(workers.nr_tried, 1, 2); /* at 1024 and at 2048 */
	workers.error = 0;
	take(4000);
	pcp_limits(16, 8192, 8192);
	give(4000);
	use(4097);
	assert_int_equal(workers.nr_created, 1);
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->count, 0);
}

/* Many threads use the lists while they are swept. */

enum { THREADS = 4, STEPS = 20000 };

static void use_or_sweep(unsigned int index, void *arg)
{
	(void)arg;
	cpu_id_pin((int)index);
	for (unsigned int i = 0; i < STEPS; i++) {
		struct page *mine[8];

		if (!index) {
			if (i % 64 == 0)
				kmm_work_advance_for_test(SECOND);
			continue;
		}
		for (unsigned int n = 0; n < ARRAY_SIZE(mine); n++)
			mine[n] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, n % 4);
		for (unsigned int n = 0; n < ARRAY_SIZE(mine); n++)
			if (mine[n])
				__free_pages(mine[n], n % 4);
	}
	cpu_id_pin(-1);
}

static void no_page_is_lost_between_users_and_sweeps(void **state)
{
	(void)state;
	use(WORTH_A_THREAD);
	run_threads(THREADS, use_or_sweep, NULL);
	drain_all_pages(NULL);
	kmm_validate_pages();
	assert_int_equal(buddy_nr_free() + buddy_nr_offline() + kmm_zone.nr_reserved, totalram_pages());
	assert_silent();
}

/* A forked child. Fork handlers run for a library that was started as a whole. */

static int library_runs(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 64UL << 20, .nr_cpus = PCP_CPUS };
	int err = kmm_init(&config);

	cpu_id_pin(0);
	pcp_limits(16, 4096, 4096);
	return err ? err : queue_is_started(state);
}

static int library_is_cold(void **state)
{
	int err = worker_is_gone(state);

	kmm_boot_reset_for_test();
	return err;
}

static int child_tries_for_what_it_frees_itself(void)
{
	const int inherited = pcp_on(0)->count;

	/* From another CPU's lists or the zone. */
	cpu_id_pin(1);
	take(WORTH_A_THREAD);
	cpu_id_pin(0);
	workers.error = EAGAIN;
	give(WORTH_A_THREAD / 2);
	if (pcp_on(0)->count != inherited + WORTH_A_THREAD / 2 || workers.nr_tried)
		return 1;
	for (unsigned int i = WORTH_A_THREAD / 2; i < WORTH_A_THREAD; i++)
		__free_page(pages[i]);
	return workers.nr_tried ? 0 : 2;
}

static void a_child_makes_a_thread_for_what_it_frees_itself(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	use(WORTH_A_THREAD - 100);
	assert_int_equal(workers.nr_tried, 0);
	pid = fork();
	if (!pid)
		_exit(child_tries_for_what_it_frees_itself());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	kmm_validate_pages();
}

/* Nobody waits in the child for what the parent's thread would have done. */
static int child_sweeps(void)
{
	use(WORTH_A_THREAD);
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	return zone_nr_pcp(&kmm_zone) ? 1 : 0;
}

static void parent_and_child_sweep_their_own_lists(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (!CHILD_HAS_THREADS)
		skip(); /* no threads in the child of a process that has some */
	use(WORTH_A_THREAD);
	pid = fork();
	if (!pid) {
		/* Another CPU's worth beyond what was inherited. */
		cpu_id_pin(1);
		_exit(child_sweeps());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	kmm_work_advance_for_test(SECOND);
	kmm_work_advance_for_test(SECOND);
	assert_int_equal(pcp_on(0)->count, 0);
	kmm_validate_pages();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LIBRARY(name) cmocka_unit_test_setup_teardown(name, library_runs, library_is_cold)
	const struct CMUnitTest tests[] = {
		TEST(the_lists_of_an_idle_cpu_go_back),
		TEST(the_lists_of_all_cpus_go_back),
		TEST(a_cpu_in_use_keeps_its_lists),
		TEST(small_lists_are_not_worth_a_thread),
		TEST(once_there_is_a_thread_less_is_enough),
		TEST(an_idle_process_is_not_woken),
		TEST(limits_that_have_grown_sink_to_where_they_were),
		TEST(counters_are_folded),
		TEST(what_the_lists_held_goes_back_to_the_system),
		TEST(where_no_thread_can_be_had_it_is_tried_now_and_then),
		TEST(no_page_is_lost_between_users_and_sweeps),
		LIBRARY(a_child_makes_a_thread_for_what_it_frees_itself),
		LIBRARY(parent_and_child_sweep_their_own_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
