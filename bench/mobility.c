/* SPDX-License-Identifier: MIT
 * mobility.c - what grouping pages by mobility is worth: the mix of tests/support/mobility_mix.h, with and without it.
 *
 * Prints the pageblocks in use that are pure at the end and at worst, how often a request of order 9 was met at once, how
 * much of the free memory is to be had in blocks of that order when the movable pages have left, and what a step takes. The library gives no memory back meanwhile, so that a run depends on nothing but its seed and the
 * CPUs that the system chooses.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kmm/kmm.h>

#include "support/mobility_mix.h"

#define WORLD (256UL << 20)
#define SAMPLES 200

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int run(const char *name, const char *options, unsigned long steps, uint64_t seed)
{
	const struct kmm_config config = { .size = sizeof(config), .limit = WORLD, .options = options };
	static struct mix mix;
	double ns = 0;

	if (kmm_init(&config))
		return 1;
	mix_start(&mix, seed);
	for (unsigned int i = 0; i < SAMPLES; i++) {
		const double start = now();

		mix_run(&mix, steps / SAMPLES);
		ns += now() - start;
		mix_sample(&mix);
	}
	printf("%-10s %8.1f %% %8.1f %% %8lu of %lu %15.1f %% %12.1f\n", name, mix_purity(&mix), mix.worst_purity,
	       mix.nr_large, mix.nr_samples, mix_large_share(&mix), ns / (double)mix.steps);
	if (mix.nr_failed)
		printf("           %lu requests failed\n", mix.nr_failed);
	fflush(stdout);
	mix_end(&mix);
	kmm_exit();
	return 0;
}

/* A library starts once in a process. */
static int run_in_child(const char *name, const char *options, unsigned long steps, uint64_t seed)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run(name, options, steps, seed));
	return pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status);
}

static int usage(void)
{
	fputs("usage: mobility [--steps N] [--seed S]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long steps = 10000000;
	uint64_t seed = 1;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage();
		if (strcmp(argv[i], "--steps") == 0)
			steps = strtoul(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else
			return usage();
	}
	if (steps < SAMPLES)
		return usage();
	printf("%lu steps, seed %llu, %lu MiB, four fifths in use\n", steps, (unsigned long long)seed, WORLD >> 20);
	printf("%-10s %10s %10s %16s %17s %12s\n", "grouping", "pure", "at worst", "order 9 at once",
	       "order 9 at the end", "ns a step");
	fflush(stdout);
	return run_in_child("on", "page_reporting_delay=3600000", steps, seed) ||
	       run_in_child("off", "page_reporting_delay=3600000 page_mobility=off", steps, seed);
}
