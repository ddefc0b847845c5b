/* SPDX-License-Identifier: MIT
 * percpu_cpus.c - percpu_cpus [--quick]: what the number of CPUs makes of an allocation of per-CPU memory.
 *
 * 10 000 areas of 8 bytes are allocated and freed. An allocation zeroes its area for every CPU, which is work that has to
 * grow with them. To see what is left without it, which is to say the search and the bitmaps, the areas are allocated once
 * more while the linker leads memset() to a function that leaves areas alone; they are zero anyway, for nobody writes
 * them. What its calls cost is measured by themselves and taken off.
 *
 * To zero the areas once more, apart from the allocation, and to subtract that does not do: the instances of an area lie
 * at the same place of every slice, so they compete for one set of the L1 cache, and with nothing in between the stores
 * of 64 CPUs take twice the time.
 *
 * Some areas stay from the beginning on, in each page, so that none is given back between the rounds: to populate one
 * for all CPUs is work that grows with them, too.
 */
#include <stdbool.h>

#include "child_world.h"

#define NR 10000
#define SIZE 8
#define KEEP 256 /* two areas of each page */
#define ROUNDS 21

enum { ALLOC, BITMAPS, FREE_IN_ORDER, FREE_JUMPING, NR_FIGURES };

static void __percpu *areas[NR];
static bool skip_areas;

void *__real_memset(void *to, int byte, size_t size);
void *__wrap_memset(void *to, int byte, size_t size);

__attribute__((noinline)) void *__wrap_memset(void *to, int byte, size_t size)
{
	return skip_areas && size == SIZE ? to : __real_memset(to, byte, size);
}

static void allocate_all(void)
{
	for (unsigned int i = 0; i < NR; i++)
		areas[i] = child_must(__alloc_percpu(SIZE, SIZE), "per-CPU memory");
}

/* As many calls as allocate_all() makes. */
static void call_all(unsigned int nr_cpus)
{
	for (unsigned int i = 0; i < NR; i++) {
		for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
			void *instance = __wrap_memset(areas[i], 0, SIZE);

			__asm__ __volatile__("" : : "r"(instance) : "memory");
		}
	}
}

/* 7919 is prime to NR: a jump of 63 KiB from each area to the next. */
static void free_all(unsigned int step)
{
	for (unsigned int i = 0, at = 0; i < NR; i++, at = (at + step) % NR)
		free_percpu(areas[at]);
}

/* Makes room for NR areas between others that stay. */
static void populate(void)
{
	static void __percpu *all[NR + NR / (KEEP - 1) + 1];
	const unsigned int nr = sizeof(all) / sizeof(all[0]);

	for (unsigned int i = 0; i < nr; i++)
		all[i] = child_must(__alloc_percpu(SIZE, SIZE), "per-CPU memory");
	for (unsigned int i = 0; i < nr; i++)
		if (i % KEEP)
			free_percpu(all[i]);
}

static void one_round(double *ns)
{
	const unsigned int nr_cpus = kmm_nr_cpus();
	double times[6];

	times[0] = child_now();
	allocate_all();
	times[1] = child_now();
	free_all(1);
	times[2] = child_now();
	skip_areas = true;
	allocate_all();
	times[3] = child_now();
	call_all(nr_cpus);
	times[4] = child_now();
	skip_areas = false;
	free_all(7919);
	times[5] = child_now();
	ns[ALLOC] = (times[1] - times[0]) / NR;
	ns[FREE_IN_ORDER] = (times[2] - times[1]) / NR;
	ns[BITMAPS] = (times[3] - times[2] - (times[4] - times[3])) / NR;
	ns[FREE_JUMPING] = (times[5] - times[4]) / NR;
}

static void measure(const void *arg, double *medians)
{
	const unsigned int rounds = *(const unsigned int *)arg;
	double samples[NR_FIGURES][ROUNDS], ns[NR_FIGURES];

	populate();
	one_round(ns); /* warms up */
	for (unsigned int r = 0; r < rounds; r++) {
		one_round(ns);
		for (unsigned int f = 0; f < NR_FIGURES; f++)
			samples[f][r] = ns[f];
	}
	for (unsigned int f = 0; f < NR_FIGURES; f++)
		medians[f] = child_median(samples[f], rounds);
}

int main(int argc, char **argv)
{
	static const unsigned int cpus[] = { 1, 2, 4, 16, 64 };
	const bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	const unsigned int rounds = quick ? 1 : ROUNDS;
	/* 32-bit has 32 at most. */
	const unsigned int nr = sizeof(cpus) / sizeof(cpus[0]) - (sizeof(void *) == 4);

	if (argc > 1 + quick) {
		fprintf(stderr, "usage: percpu_cpus [--quick]\n");
		return 2;
	}
	printf("ns an area of %d bytes, %d of them, medians of %u\n%5s %10s %16s %14s %14s\n", SIZE, NR, rounds, "CPUs",
	       "allocate", "without zeroing", "free in order", "free, jumping");
	for (unsigned int i = 0; i < nr; i++) {
		double ns[NR_FIGURES];

		child_world(cpus[i], measure, &rounds, ns, NR_FIGURES);
		printf("%5u %10.1f %16.1f %14.1f %14.1f\n", cpus[i], ns[ALLOC], ns[BITMAPS], ns[FREE_IN_ORDER],
		       ns[FREE_JUMPING]);
	}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
