/* SPDX-License-Identifier: MIT
 * child_world.h - a library of its own for each measurement: started in a forked child, which ends with it.
 *
 * A process has one library in its life, with one number of CPUs. The parent never calls the library, so a child finds
 * it as a new program would.
 */
#ifndef KMM_BENCH_CHILD_WORLD_H
#define KMM_BENCH_CHILD_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kmm/kmm.h>

static inline double child_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* In the child only. */
static inline void *child_must(void *memory, const char *what)
{
	if (!memory) {
		fprintf(stderr, "out of %s\n", what);
		_exit(1);
	}
	return memory;
}

/*
 * @measure(@arg, results) in a child whose library has @nr_cpus CPUs, 0 for the machine's, and what KMM_OPTIONS asks.
 * It fills in @nr @results. A child that fails ends the program.
 */
static inline void child_world(unsigned int nr_cpus, void (*measure)(const void *arg, double *results), const void *arg,
			       double *results, size_t nr)
{
	const size_t size = nr * sizeof(*results);
	double *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 1;
	pid_t pid;

	if (shared == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		const struct kmm_config config = { .size = sizeof(config), .nr_cpus = nr_cpus };

		if (kmm_init(&config))
			_exit(1);
		measure(arg, shared);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "a child failed\n");
		exit(1);
	}
	memcpy(results, shared, size);
	munmap(shared, size);
}

static inline int child_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the samples. */
static inline double child_median(double *samples, size_t nr)
{
	qsort(samples, nr, sizeof(*samples), child_compare);
	return nr % 2 ? samples[nr / 2] : (samples[nr / 2 - 1] + samples[nr / 2]) / 2;
}

#endif /* KMM_BENCH_CHILD_WORLD_H */
