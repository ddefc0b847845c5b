/* SPDX-License-Identifier: MIT
 * mempool_stress_test.c - more threads than elements: nobody waits for ever, nobody shares, whatever happens beside it.
 *
 * usage: mempool_stress_test [SECONDS [SEED]]
 *
 * Waits have no end here, so a wake that is lost is a hang. An alarm ends that.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/mempool_source.h"
#include "support/random.h"
#include "support/threads.h"
#include "support/timed_waits.h"
#include "support/world.h"

enum { NR_USERS = 12, NR_RESIZERS = 2, NR_FORKS = 30, LARGEST = 40 };

static unsigned int seconds = 2; /* for each test */
static uint64_t seed;
static struct source source;
static mempool_t pool;
static unsigned long nr_mistakes;        /* atomic; cmocka's assertions may only fail in the main thread */
static unsigned long nr_turns[NR_USERS]; /* each its thread's */
static bool stop;

static void expect(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pid %d: %s\n", (int)getpid(), what);
	atomic_add_relaxed(&nr_mistakes, 1);
}

/* Takes, writes and gives back; now and then it does not wait. */
static void use(unsigned int index)
{
	struct test_random random = { seed * 1000 + index };

	while (!READ_ONCE(stop)) {
		const bool may_wait = test_random_below(&random, 8);
		struct element *e = mempool_alloc(&pool, may_wait ? GFP_KERNEL : GFP_NOWAIT);

		expect(e || !may_wait, "NULL for who may wait");
		if (!e)
			continue;
		expect(element_taken(e), "an element has two owners");
		e->payload = index + 1;
		if (!test_random_below(&random, 4))
			sched_yield();
		expect(e->payload == index + 1, "an element was written to");
		expect(element_given(e), "an element was given back by somebody else");
		mempool_free(e, &pool);
		WRITE_ONCE(nr_turns[index], nr_turns[index] + 1);
	}
}

static void resize(unsigned int index)
{
	struct test_random random = { seed * 1000 + index };

	while (!READ_ONCE(stop)) {
		expect(mempool_resize(&pool, 1 + (int)test_random_below(&random, LARGEST)) == 0, "a resize failed");
		if (!test_random_below(&random, 4))
			sched_yield();
	}
}

static void sleep_and_stop(void)
{
	const struct timespec time = { .tv_sec = seconds };

	nanosleep(&time, NULL);
}

/* The first thread runs @arg's function and stops the others, of whom the last ones resize. */
static void run(unsigned int index, void *arg)
{
	void (*const master)(void) = *(void (**)(void))arg;

	cpu_id_pin((int)index % WORLD_CPUS);
	if (index == 0) {
		master();
		/* Who is starved keeps us here. */
		for (unsigned int i = 0; i < NR_USERS; i++) {
			while (!READ_ONCE(nr_turns[i]))
				sched_yield();
		}
		WRITE_ONCE(stop, true);
	} else if (index <= NR_USERS) {
		use(index - 1);
	} else {
		resize(index);
	}
}

static void run_all(unsigned int nr_resizers, void (*master)(void))
{
	unsigned long all = 0;

	WRITE_ONCE(stop, false);
	memset(nr_turns, 0, sizeof(nr_turns));
	run_threads(1 + NR_USERS + nr_resizers, run, &master);
	for (unsigned int i = 0; i < NR_USERS; i++)
		all += nr_turns[i];
	printf("%lu turns, %u waits\n", all, waits.nr);
	assert_int_equal(nr_mistakes, 0);
	assert_int_equal(source.nr_mistakes, 0);
	world_expect_silence();
}

static int stress_setup(void **state)
{
	(void)state;
	source_init(&source, SOURCE_ELEMENTS);
	if (timed_waits_setup())
		return -1;
	waits.endless = true;
	return mempool_init(&pool, 2, source_alloc, source_free, &source);
}

static int stress_teardown(void **state)
{
	mempool_exit(&pool);
	return source.nr_given ? -1 : world_teardown(state);
}

static void two_elements_serve_all(void **state)
{
	(void)state;
	source_refill(&source, 0);
	run_all(0, sleep_and_stop);
	assert_int_equal(pool.curr_nr, 2);
	assert_int_equal(source.nr_given, 2);
	assert_true(waits.nr > 0);
}

/* The function has fewer elements than the threads and the largest reserve want. */
static void the_reserve_changes_its_size_all_the_time(void **state)
{
	(void)state;
	source_refill(&source, 3);
	source.recycles = true;
	run_all(NR_RESIZERS, sleep_and_stop);
	assert_true(pool.curr_nr <= pool.min_nr);
	assert_int_equal(source.nr_given, pool.curr_nr);
}

static void resize_a_reserve_that_nothing_fills(void **state)
{
	(void)state;
	source_refill(&source, 0);
	run_all(NR_RESIZERS, sleep_and_stop);
	assert_int_equal(source.nr_given, pool.curr_nr);
}

static void live_in_child(void)
{
	mempool_t *own = mempool_create_kmalloc_pool(3, 200);
	void *mine, *shared;

	/* Another thread may have been in it. */
	pthread_mutex_init(&source.lock, NULL);
	mine = own ? mempool_alloc(own, GFP_KERNEL) : NULL;
	shared = mempool_alloc(&pool, GFP_NOWAIT);
	expect(mine, "no element in the child");
	mempool_free(mine, own);
	mempool_destroy(own);
	mempool_free(shared, &pool);
	expect(mempool_resize(&pool, 1) == 0, "no resize in the child");
	mempool_exit(&pool);
	expect(!mempool_initialized(&pool) && !world_reports.count, "the child's pool is waited for");
}

static void fork_again_and_again(void)
{
	for (unsigned int i = 0; i < NR_FORKS; i++) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			alarm(60);
			live_in_child();
			_exit(READ_ONCE(nr_mistakes) ? 1 : 0);
		}
		waitpid(pid, &status, 0);
		expect(status == 0, "a child failed");
	}
}

static void children_are_born_beside_waiters(void **state)
{
	(void)state;
	source_refill(&source, 0);
	run_all(NR_RESIZERS, fork_again_and_again);
}

#define STRESS(name) cmocka_unit_test_setup_teardown(name, stress_setup, stress_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STRESS(two_elements_serve_all),
		STRESS(the_reserve_changes_its_size_all_the_time),
		STRESS(resize_a_reserve_that_nothing_fills),
		STRESS(children_are_born_beside_waiters),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu, %u seconds each\n", (unsigned long long)seed, seconds);
	alarm(240 + 4 * seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
