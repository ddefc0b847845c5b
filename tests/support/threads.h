/* SPDX-License-Identifier: MIT
 * threads.h - runs one function on several threads that all start at once.
 *
 * Owns: nothing that outlives run_threads().
 */
#ifndef KMM_TESTS_SUPPORT_THREADS_H
#define KMM_TESTS_SUPPORT_THREADS_H

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_TEST_THREADS 64

/* One turn of a loop that waits for another thread: that thread may need this CPU. */
static inline void spin_turn(unsigned int *turns)
{
	if (++*turns % 256 == 0)
		sched_yield();
}

struct test_thread {
	pthread_t thread;
	pthread_barrier_t *start;
	void (*run)(unsigned int index, void *arg);
	unsigned int index;
	void *arg;
};

static inline void *test_thread_main(void *arg)
{
	struct test_thread *t = arg;

	pthread_barrier_wait(t->start);
	t->run(t->index, t->arg);
	return NULL;
}

/* Calls @run(0 .. @nr - 1, @arg) on threads of their own and returns when all have. Checks belong behind it: a failed
 * assertion of cmocka must not leave a thread that the test framework does not know. */
static inline void run_threads(unsigned int nr, void (*run)(unsigned int index, void *arg), void *arg)
{
	struct test_thread threads[MAX_TEST_THREADS];
	pthread_barrier_t start;
	unsigned int i;

	if (nr > MAX_TEST_THREADS || pthread_barrier_init(&start, NULL, nr))
		abort();
	for (i = 0; i < nr; i++) {
		threads[i] = (struct test_thread){ .start = &start, .run = run, .index = i, .arg = arg };
		if (pthread_create(&threads[i].thread, NULL, test_thread_main, &threads[i])) {
			fprintf(stderr, "cannot create thread %u\n", i);
			abort();
		}
	}
	for (i = 0; i < nr; i++)
		pthread_join(threads[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

#endif /* KMM_TESTS_SUPPORT_THREADS_H */
