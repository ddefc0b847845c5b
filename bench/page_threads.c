/* SPDX-License-Identifier: MIT
 * page_threads.c - pages from two threads at once.
 */
#include <kmm/kmm.h>

#include "bench.h"

#define KEPT 64 /* pages a thread holds in the second row */

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

static void pairs(unsigned long times)
{
	take_and_free(times, 1);
}

static void batches(unsigned long times)
{
	take_and_free(times, KEPT);
}

static void threads_round(void)
{
	const unsigned long nr_pairs = bench_repeat(30), nr_batches = bench_repeat(30.0 * KEPT);

	record("alloc_page pair, one thread", KMM, bench_threads(1, pairs, nr_pairs));
	record("alloc_page pair, two threads", KMM, bench_threads(2, pairs, nr_pairs));
	record("64 pages, one thread: a pair", KMM, bench_threads(1, batches, nr_batches) / KEPT);
	record("64 pages, two threads: a pair", KMM, bench_threads(2, batches, nr_batches) / KEPT);
}

const struct bench_case page_thread_cases[] = {
	{ NULL, threads_round, NULL },
	{ NULL, NULL, NULL },
};
