/* SPDX-License-Identifier: MIT
 * percpu_worst.c - percpu_worst [--quick] [--cpus N] [--rounds N]: per-CPU areas among holes that are too small.
 *
 * N areas of 4 bytes are allocated and every other one is freed; then N / 2 larger ones, none of which fits into a hole,
 * are allocated, and all is freed: what stayed of the small ones in order, then the larger ones. Each round is a library
 * of its own, so memory for all of it is populated in the time shown. Nothing is judged.
 */
#include <stdbool.h>

#include "child_world.h"

#define MAX_ROUNDS 31

struct shape {
	const char *name;
	unsigned int sizes[4]; /* bytes, by turns, of the larger areas */
	unsigned long nr;
};

enum { ALLOC_SMALL, FREE_HALF, ALLOC_LARGE, FREE_ALL, NR_PHASES };

static void __percpu *take(size_t size)
{
	return child_must(__alloc_percpu(size, 4), "per-CPU memory");
}

static void measure(const void *arg, double *phases)
{
	const struct shape *shape = arg;
	const unsigned long nr = shape->nr;
	void __percpu **small = child_must(calloc(nr, sizeof(*small)), "memory");
	void __percpu **large = child_must(calloc(nr / 2, sizeof(*large)), "memory");
	double times[NR_PHASES + 1];
	unsigned long i;

	/* Our own pages are there before the clock starts. */
	memset(small, 0xff, nr * sizeof(*small));
	memset(large, 0xff, nr / 2 * sizeof(*large));
	times[ALLOC_SMALL] = child_now();
	for (i = 0; i < nr; i++)
		small[i] = take(4);
	times[FREE_HALF] = child_now();
	for (i = 0; i < nr; i += 2)
		free_percpu(small[i]);
	times[ALLOC_LARGE] = child_now();
	for (i = 0; i < nr / 2; i++)
		large[i] = take(shape->sizes[i % 4]);
	times[FREE_ALL] = child_now();
	for (i = 1; i < nr; i += 2)
		free_percpu(small[i]);
	for (i = 0; i < nr / 2; i++)
		free_percpu(large[i]);
	times[NR_PHASES] = child_now();
	for (i = 0; i < NR_PHASES; i++)
		phases[i] = (times[i + 1] - times[i]) / 1e6;
}

/* What one size took in all rounds, ms. */
struct figures {
	double phases[NR_PHASES][MAX_ROUNDS], alloc[MAX_ROUNDS], free[MAX_ROUNDS];
};

static void one_round(const struct shape *shape, unsigned int cpus, unsigned int round, struct figures *figures)
{
	double phases[NR_PHASES];

	child_world(cpus, measure, shape, phases, NR_PHASES);
	for (unsigned int p = 0; p < NR_PHASES; p++)
		figures->phases[p][round] = phases[p];
	figures->alloc[round] = phases[ALLOC_SMALL] + phases[ALLOC_LARGE];
	figures->free[round] = phases[FREE_HALF] + phases[FREE_ALL];
}

static void print_line(const struct shape *shape, unsigned int rounds, struct figures *figures)
{
	printf("%-12s %8lu", shape->name, shape->nr);
	for (unsigned int p = 0; p < NR_PHASES; p++)
		printf(" %11.1f", child_median(figures->phases[p], rounds));
	printf(" %11.1f %11.1f\n", child_median(figures->alloc, rounds), child_median(figures->free, rounds));
}

/* Both sizes by turns, so that what disturbs the machine disturbs both. The ratios are those of each round. */
static void run_shape(struct shape *shape, unsigned long nr, unsigned int cpus, unsigned int rounds)
{
	static struct figures figures[2];
	double alloc[MAX_ROUNDS] = { 0 }, frees[MAX_ROUNDS] = { 0 };

	for (unsigned int r = 0; r < rounds; r++) {
		for (unsigned int twice = 0; twice < 2; twice++) {
			shape->nr = nr << twice;
			one_round(shape, cpus, r, &figures[twice]);
		}
		alloc[r] = figures[1].alloc[r] / figures[0].alloc[r];
		frees[r] = figures[1].free[r] / figures[0].free[r];
	}
	for (unsigned int twice = 0; twice < 2; twice++) {
		shape->nr = nr << twice;
		print_line(shape, rounds, &figures[twice]);
	}
	printf("%-12s %8s %47s %11.2f %11.2f\n", "", "", "", child_median(alloc, rounds), child_median(frees, rounds));
}

static bool parse_arguments(int argc, char **argv, unsigned long *nr, unsigned int *cpus, unsigned int *rounds)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			*nr = 1UL << 12;
			*rounds = 1;
		} else if (strcmp(argv[i], "--cpus") == 0 && i + 1 < argc) {
			*cpus = (unsigned int)strtoul(argv[++i], NULL, 0);
		} else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
			*rounds = (unsigned int)strtoul(argv[++i], NULL, 0);
		} else {
			return false;
		}
	}
	return *rounds >= 1 && *rounds <= MAX_ROUNDS;
}

int main(int argc, char **argv)
{
	static struct shape shapes[] = {
		{ .name = "8 bytes", .sizes = { 8, 8, 8, 8 } },
		{ .name = "8 to 64", .sizes = { 8, 32, 12, 64 } },
	};
	unsigned int cpus = 0, rounds = 7, i;
	unsigned long nr = 1UL << (sizeof(void *) > 4 ? 19 : 15); /* a slice has 2 MiB on 32-bit */

	if (!parse_arguments(argc, argv, &nr, &cpus, &rounds)) {
		fprintf(stderr, "usage: percpu_worst [--quick] [--cpus N] [--rounds 1..%d]\n", MAX_ROUNDS);
		return 2;
	}
	printf("ms, medians of %u; below them what twice as many take, as a multiple\n%-12s %8s %11s %11s %11s %11s %11s %11s\n",
	       rounds, "larger ones", "N", "N of 4", "free half", "N/2 larger", "free all", "allocate", "free");
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		run_shape(&shapes[i], nr, cpus, rounds);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
