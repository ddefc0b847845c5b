/* SPDX-License-Identifier: MIT
 * isolated_test.c - what happens in the moment in which a free block is off its list because its memory is being given
 * back: others wait for it, neighbours do not merge with it, and a child forked just then finds it free.
 */
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/race.h"
#include "base/work.h"
#include "support/pages_world.h"

static void (*in_the_moment)(void); /* runs once, in who gives memory back, without a lock */

static void hook(const char *point)
{
	void (*run)(void) = in_the_moment;

	if (!run || strcmp(point, "buddy:report_order:isolated") != 0)
		return;
	in_the_moment = NULL;
	run();
}

static int setup(void **state)
{
	kmm_race_hook = hook;
	return setup_one_block(state);
}

static int teardown(void **state)
{
	kmm_race_hook = NULL;
	return teardown_pages(state);
}

static pthread_t waiter;
static struct page *volatile waiter_page;

static void *wait_for_a_page(void *arg)
{
	(void)arg;
	waiter_page = alloc_pages(GFP_KERNEL, 10);
	return NULL;
}

static void start_waiter(void)
{
	const struct timespec while_it_waits = { .tv_nsec = 20 * 1000 * 1000 };

	assert_int_equal(kmm_zone.nr_isolated, 1024);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_int_equal(kmm_zone.free_area[10].nr_free, 0);
	assert_int_equal(pthread_create(&waiter, NULL, wait_for_a_page, NULL), 0);
	nanosleep(&while_it_waits, NULL);
	assert_null(waiter_page);
}

static void use_all_memory(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	memset(page_address(page), 0x5a, PAGEBLOCK_SIZE);
	__free_pages(page, 10);
}

static void a_request_waits_for_the_block(void **state)
{
	(void)state;
	use_all_memory();
	in_the_moment = start_waiter;
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	pthread_join(waiter, NULL);
	assert_non_null(waiter_page);
	__free_pages(waiter_page, 10);
	assert_silent();
}

static struct page *neighbour;

static void free_neighbour(void)
{
	assert_true(kmm_zone.nr_isolated > 0);
	kmm_validate_pages();
	__free_pages(neighbour, 9);
	kmm_validate_pages();
	assert_int_equal(kmm_zone.free_area[9].nr_free, 1); /* not merged with its buddy, which is isolated */
}

/* @upper: the neighbour is the upper half of the pageblock, the isolated block the lower one; or the other way round. */
static void trim_one_half_while_the_other_is_freed(bool upper)
{
	struct page *halves[2];

	use_all_memory();
	halves[0] = alloc_pages(GFP_KERNEL, 9);
	halves[1] = alloc_pages(GFP_KERNEL, 9);
	neighbour = halves[upper];
	__free_pages(halves[!upper], 9);
	in_the_moment = free_neighbour;
	assert_int_equal(buddy_trim(), PAGE_SIZE << 9);
	assert_null(in_the_moment);
	assert_int_equal(kmm_zone.free_area[10].nr_free, 1);
	kmm_validate_pages();
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE); /* the half that was freed meanwhile has memory */
	assert_silent();
}

static void a_neighbour_freed_meanwhile_merges_afterwards(void **state)
{
	(void)state;
	trim_one_half_while_the_other_is_freed(true);
	trim_one_half_while_the_other_is_freed(false);
}

static int child_status;

static void fork_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		struct page *page;
		bool ok;

		in_the_moment = NULL;
		kmm_race_hook = NULL;
		ok = kmm_zone.nr_isolated == 0;
		kmm_validate_pages();
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 10);
		_exit(ok && page ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &child_status, 0) != child)
		child_status = -1;
}

/* Fork handlers run for a library that was started as a whole. */
static void a_child_forked_just_then_finds_the_block_free(void **state)
{
	enum { LIMIT = 16 << 20 }; /* a small section has no pageblock left after the start */
	struct kmm_config config = { .size = sizeof(config), .limit = LIMIT };
	unsigned long nr = LIMIT / PAGEBLOCK_SIZE - 1, addr[16];

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	kmm_race_hook = hook;
	/* All but what the start left of one pageblock. */
	for (unsigned long i = 0; i < nr; i++) {
		addr[i] = __get_free_pages(GFP_USER | __GFP_MOVABLE | __GFP_NOWARN, 10);
		if (addr[i])
			*(volatile char *)addr[i] = 1;
	}
	for (unsigned long i = 0; i < nr; i++)
		free_pages(addr[i], 10);
	child_status = -1;
	in_the_moment = fork_child;
	assert_true(buddy_trim() > 0);
	assert_true(WIFEXITED(child_status));
	assert_int_equal(WEXITSTATUS(child_status), 0);
	kmm_validate_pages();
	kmm_race_hook = NULL;
	kmm_boot_reset_for_test();
}

/* The same by the library's own thread. */

#define DELAY 1000000u

static void use_blocks(unsigned int nr)
{
	struct page *pages[32];

	for (unsigned int i = 0; i < nr; i++)
		pages[i] = alloc_pages(GFP_KERNEL, 10);
	for (unsigned int i = 0; i < nr; i++)
		__free_pages(pages[i], 10);
}

static int setup_work(void **state)
{
	(void)state;
	kmm_race_hook = hook;
	pages_world_start(40 * PAGEBLOCK_SIZE);
	buddy_options.reporting_delay = DELAY;
	kmm_work_start();
	return 0;
}

static int teardown_work(void **state)
{
	kmm_work_stop();
	return teardown(state);
}

static void free_block_late(void)
{
	__free_pages(neighbour, 10);
}

/* Also where a batch of 32 is full, so that the run looks for more. */
static void block_freed_meanwhile_waits(unsigned int nr)
{
	const unsigned long before = buddy_nr_given_back();

	neighbour = alloc_pages(GFP_KERNEL, 10);
	use_blocks(nr);
	in_the_moment = free_block_late;
	kmm_work_advance_for_test(DELAY);
	assert_null(in_the_moment);
	assert_int_equal(buddy_nr_given_back() - before, nr * pageblock_nr_pages);
	kmm_work_advance_for_test(DELAY / 2);
	assert_int_equal(buddy_nr_given_back() - before, nr * pageblock_nr_pages);
	kmm_work_advance_for_test(DELAY / 2);
	assert_int_equal(buddy_nr_given_back() - before, (nr + 1) * pageblock_nr_pages);
	kmm_validate_pages();
}

static void a_block_freed_while_a_report_runs_has_its_own_delay(void **state)
{
	(void)state;
	block_freed_meanwhile_waits(4);
	block_freed_meanwhile_waits(32);
}

static struct page *taken[8];

static void take_the_others(void)
{
	for (unsigned int i = 0; i < 4; i++)
		taken[i] = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, 10);
}

static void a_request_takes_the_blocks_that_are_not_away(void **state)
{
	(void)state;
	use_blocks(4);
	memset(taken, 0, sizeof(taken));
	in_the_moment = take_the_others;
	kmm_work_advance_for_test(DELAY);
	for (unsigned int i = 0; i < 4; i++) {
		assert_non_null(taken[i]);
		memset(page_address(taken[i]), 0x5a, PAGEBLOCK_SIZE);
	}
	assert_int_equal(buddy_nr_given_back(), 4 * pageblock_nr_pages);
	kmm_work_advance_for_test(DELAY);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(*(char *)page_address(taken[i]), 0x5a);
		__free_pages(taken[i], 10);
	}
	kmm_validate_pages();
}

static bool inside, leaving;

/* The child needs what the parent's end holds; it must not be waited for meanwhile. */
static void fork_while_the_library_ends(void)
{
	const struct timespec into_the_end = { .tv_nsec = 20 * 1000 * 1000 };
	pid_t child;

	smp_store_release(&inside, true);
	while (!smp_load_acquire(&leaving))
		sched_yield();
	nanosleep(&into_the_end, NULL);
	child = fork();
	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, &child_status, 0) != child)
		child_status = -1;
}

static void the_end_waits_for_a_report_that_forks(void **state)
{
	struct kmm_config config = {
		.size = sizeof(config), .limit = 64UL << 20, .nr_cpus = 1, .options = "page_reporting_delay=0"
	};

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	child_status = -1;
	inside = leaving = false;
	kmm_race_hook = hook;
	in_the_moment = fork_while_the_library_ends;
	use_blocks(4);
	while (!smp_load_acquire(&inside))
		sched_yield();
	smp_store_release(&leaving, true);
	kmm_exit();
	assert_true(WIFEXITED(child_status));
	assert_int_equal(WEXITSTATUS(child_status), 0);
	kmm_race_hook = NULL;
	kmm_boot_reset_for_test();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_waits_for_the_block, setup, teardown),
		cmocka_unit_test_setup_teardown(a_neighbour_freed_meanwhile_merges_afterwards, setup, teardown),
		cmocka_unit_test(a_child_forked_just_then_finds_the_block_free),
		cmocka_unit_test_setup_teardown(a_block_freed_while_a_report_runs_has_its_own_delay, setup_work,
						teardown_work),
		cmocka_unit_test_setup_teardown(a_request_takes_the_blocks_that_are_not_away, setup_work,
						teardown_work),
		cmocka_unit_test(the_end_waits_for_a_report_that_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
