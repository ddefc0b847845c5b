/* SPDX-License-Identifier: MIT
 * percpu_threads.c - per-CPU memory from several threads at once: requests, which share one lock, and counters, which share
 * nothing as long as each thread has a CPU.
 */
#include <kmm/kmm.h>

#include "bench.h"

static unsigned long shared;
static DEFINE_PER_CPU_ALIGNED(unsigned long, own);

static void pairs(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++) {
		void __percpu *area = __alloc_percpu(8, 8);

		if (!area)
			bench_fail("out of per-CPU memory");
		free_percpu(area);
	}
}

static void add_own(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++)
		this_cpu_add(own, 1);
}

static void add_shared(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++)
		__atomic_fetch_add(&shared, 1, __ATOMIC_RELAXED);
}

static void threads_round(void)
{
	static const struct {
		unsigned int nr;
		const char *pair, *add;
	} rows[] = {
		{ 1, "alloc_percpu(8) + free, one thread", "add one, one thread: this_cpu_add / one atomic" },
		{ 2, "alloc_percpu(8) + free, two threads", "add one, two threads: this_cpu_add / one atomic" },
		{ 4, "alloc_percpu(8) + free, four threads", "add one, four threads: this_cpu_add / one atomic" },
	};
	const unsigned long nr_pairs = bench_repeat(150), nr_adds = bench_repeat(10);

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record(rows[i].pair, KMM, bench_threads(rows[i].nr, pairs, nr_pairs));
		record(rows[i].add, KMM, bench_threads(rows[i].nr, add_own, nr_adds));
		record(rows[i].add, REFERENCE, bench_threads(rows[i].nr, add_shared, nr_adds));
	}
}

const struct bench_case percpu_thread_cases[] = {
	{ NULL, threads_round, NULL },
	{ NULL, NULL, NULL },
};
