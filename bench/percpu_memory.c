/* SPDX-License-Identifier: MIT
 * percpu_memory.c - percpu_memory [--quick]: what the bookkeeping of chunks costs, for the memory it describes.
 *
 * A request of the size of a unit takes a chunk for itself, which is then populated as a whole. What nr_free_pages() lost
 * beyond the pages of the units is bookkeeping. It is counted from outside, in whole pages.
 */
#include <stdbool.h>

#include "child_world.h"

#define UNIT_SIZE 32768 /* the largest request; the size of a unit, unless static variables make units larger */

static double free_bytes(void)
{
	kmm_trim(); /* no page waits in a CPU's list */
	return (double)nr_free_pages() * PAGE_SIZE;
}

/* results: bytes of bookkeeping, bytes populated. */
static void measure(const void *arg, double *results)
{
	const unsigned int nr = *(const unsigned int *)arg;
	double before;

	before = free_bytes();
	for (unsigned int i = 0; i < nr; i++)
		child_must(__alloc_percpu(UNIT_SIZE, 4), "per-CPU memory");
	results[1] = (double)nr * UNIT_SIZE * kmm_nr_cpus();
	results[0] = before - free_bytes() - results[1];
}

int main(int argc, char **argv)
{
	static const unsigned int cpus[] = { 1, 2, 4, 16 }, chunks[] = { 1, 10, 100 };
	const bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;

	if (argc > 1 + quick) {
		fprintf(stderr, "usage: percpu_memory [--quick]\n");
		return 2;
	}
	printf("%5s %7s %12s %14s %8s\n", "CPUs", "chunks", "bookkeeping", "populated", "%");
	for (unsigned int c = 0; c < sizeof(cpus) / sizeof(cpus[0]); c++) {
		for (unsigned int n = 0; n < (quick ? 1 : sizeof(chunks) / sizeof(chunks[0])); n++) {
			double bytes[2];

			child_world(cpus[c], measure, &chunks[n], bytes, 2);
			printf("%5u %7u %12.0f %14.0f %8.2f\n", cpus[c], chunks[n], bytes[0], bytes[1],
			       100 * bytes[0] / bytes[1]);
		}
	}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
