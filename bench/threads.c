/* SPDX-License-Identifier: MIT
 * threads.c - the same work by several threads at once: what one operation takes of the wall clock.
 *
 * Each thread has a CPU of its own as long as the machine has so many. Perfect scaling halves the time an operation
 * takes when there are two.
 */
#define _GNU_SOURCE /* pthread_setaffinity_np() */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "bench.h"

#define MAX_THREADS 4

struct worker {
	pthread_t thread;
	pthread_barrier_t *barrier;
	void (*work)(unsigned long times);
	unsigned long times;
	unsigned int cpu;
	double start, end;
};

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set); /* refused: the system chooses */
	worker->work(1000);                                        /* its lists are filled, and it knows its CPU */
	pthread_barrier_wait(worker->barrier);
	worker->start = bench_now();
	worker->work(worker->times);
	worker->end = bench_now();
	return NULL;
}

double bench_threads(unsigned int nr_threads, void (*work)(unsigned long times), unsigned long times)
{
	const long nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct worker workers[MAX_THREADS];
	pthread_barrier_t barrier;
	double start, end;

	if (!nr_threads || nr_threads > MAX_THREADS)
		bench_fail("no threads, or too many");
	pthread_barrier_init(&barrier, NULL, nr_threads);
	for (unsigned int i = 0; i < nr_threads; i++) {
		workers[i].barrier = &barrier;
		workers[i].work = work;
		workers[i].times = times;
		workers[i].cpu = i % (unsigned int)nr_cpus;
		if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]))
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
	return (end - start) / ((double)times * nr_threads);
}
