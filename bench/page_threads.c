/* SPDX-License-Identifier: MIT
 * page_threads.c - pages from two threads at once: what one operation takes of the wall clock.
 *
 * The same work is done by one thread and by two, each on a CPU of its own where the machine has two. Perfect scaling
 * halves the time an operation takes.
 */
#define _GNU_SOURCE /* pthread_setaffinity_np() */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <kmm/kmm.h>

#include "bench.h"

#define KEPT 64 /* pages a thread holds in the second row */

struct worker {
	pthread_t thread;
	pthread_barrier_t *barrier;
	unsigned long times;
	unsigned int cpu, kept; /* kept: pages taken before they are freed */
	double start, end;
};

static void take_and_free(unsigned long times, unsigned int kept)
{
	struct page *taken[KEPT];

	for (unsigned long t = 0; t < times; t++) {
		for (unsigned int i = 0; i < kept; i++) {
			taken[i] = alloc_page(GFP_KERNEL);
			if (!taken[i])
				bench_fail("out of pages");
		}
		for (unsigned int i = 0; i < kept; i++)
			__free_page(taken[i]);
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set); /* refused: the system chooses */
	take_and_free(100, worker->kept);                          /* the lists of that CPU are filled */
	pthread_barrier_wait(worker->barrier);
	worker->start = bench_now();
	take_and_free(worker->times, worker->kept);
	worker->end = bench_now();
	return NULL;
}

/* Nanoseconds of the wall clock for a pair, by all threads together. */
static double pair_ns(unsigned int nr_threads, unsigned int kept)
{
	const long nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const unsigned long times = bench_repeat(30.0 * kept);
	struct worker workers[2] = { { .times = times }, { .times = times } };
	pthread_barrier_t barrier;
	double start, end;

	pthread_barrier_init(&barrier, NULL, nr_threads);
	for (unsigned int i = 0; i < nr_threads; i++) {
		workers[i].barrier = &barrier;
		workers[i].cpu = i % (unsigned int)nr_cpus;
		workers[i].kept = kept;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			bench_fail("no thread");
	}
	for (unsigned int i = 0; i < nr_threads; i++)
		pthread_join(workers[i].thread, NULL);
	start = workers[0].start;
	end = workers[0].end;
	for (unsigned int i = 1; i < nr_threads; i++) {
		start = workers[i].start < start ? workers[i].start : start;
		end = workers[i].end > end ? workers[i].end : end;
	}
	pthread_barrier_destroy(&barrier);
	return (end - start) / ((double)times * nr_threads * kept);
}

static void threads_round(void)
{
	record("alloc_page pair, one thread", KMM, pair_ns(1, 1));
	record("alloc_page pair, two threads", KMM, pair_ns(2, 1));
	record("64 pages, one thread: a pair", KMM, pair_ns(1, KEPT));
	record("64 pages, two threads: a pair", KMM, pair_ns(2, KEPT));
}

const struct bench_case page_thread_cases[] = {
	{ NULL, threads_round, NULL },
	{ NULL, NULL, NULL },
};
