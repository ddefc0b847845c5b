/* SPDX-License-Identifier: MIT
 * buddy_fork_stress_test.c - forks while threads allocate and free: each child finds a valid world and goes on with it.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/random.h"
#include "support/world.h"
#include "buddy/buddy_internal.h"

#define NR_THREADS 3
#define NR_CHILDREN 25
#define NR_HELD 200
#define CHILD_SECONDS 60

static bool stop;

/* Holds some pages of many orders, so that lists run empty and full all the time. */
static void use_pages(struct test_random *random, unsigned long steps)
{
	struct page *held[NR_HELD] = { NULL };
	unsigned int orders[NR_HELD] = { 0 };

	for (unsigned long step = 0; step < steps && !READ_ONCE(stop); step++) {
		const unsigned int i = (unsigned int)test_random_below(random, NR_HELD);

		if (held[i]) {
			__free_pages(held[i], orders[i]);
			held[i] = NULL;
			continue;
		}
		orders[i] = (unsigned int)test_random_below(random, 5);
		held[i] = alloc_pages((test_random_below(random, 2) ? GFP_KERNEL : GFP_USER | __GFP_MOVABLE) |
					      __GFP_NOWARN | (test_random_below(random, 2) ? __GFP_COMP : 0),
				      orders[i]);
	}
	for (unsigned int i = 0; i < NR_HELD; i++)
		if (held[i])
			__free_pages(held[i], orders[i]);
}

static void *allocate_until_stopped(void *arg)
{
	struct test_random random = { .state = (unsigned long)(uintptr_t)arg };

	while (!READ_ONCE(stop))
		use_pages(&random, 10000);
	return NULL;
}

/* What is lost in a child is what three threads had in their hands: a few blocks each. */
static int live_on(unsigned long free_in_parent)
{
	struct test_random random = { .state = 7 };

	kmm_validate_pages();
	use_pages(&random, 3000);
	drain_all_pages(NULL);
	kmm_validate_pages();
	if (nr_free_pages() > free_in_parent)
		return 2;
	return world_reports.count ? 3 : 0;
}

static void every_child_finds_a_valid_world(void **state)
{
	const unsigned long all = nr_free_pages();
	pthread_t threads[NR_THREADS];

	(void)state;
	WRITE_ONCE(stop, false);
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, allocate_until_stopped, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < NR_CHILDREN; i++) {
		int status = -1;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			alarm(CHILD_SECONDS);
			_exit(live_on(all));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	WRITE_ONCE(stop, true);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	drain_all_pages(NULL);
	kmm_validate_pages();
	assert_int_equal(nr_free_pages(), all);
}

/* A child must not make a thread: ThreadSanitizer and qemu cannot follow it there. */
static int setup(void **state)
{
	(void)state;
	return world_start("background=off", 64UL << 20, 4) ? -1 : 0;
}

static int setup_zones(void **state)
{
	(void)state;
	return world_start("background=off numa=fake=2 movablecore=16M", 64UL << 20, 4) ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_child_finds_a_valid_world, setup, world_teardown),
		cmocka_unit_test_setup_teardown(every_child_finds_a_valid_world, setup_zones, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
