/* SPDX-License-Identifier: MIT
 * percpu.c - the per-CPU allocator. Every allocation is zeroed for all CPUs, so figures grow with their number.
 */
#include <kmm/kmm.h>

#include "bench.h"

#define OBJECT_SIZE 8

static void __percpu *objects[BULK];

static void __percpu *take(void)
{
	void __percpu *object = __alloc_percpu(OBJECT_SIZE, OBJECT_SIZE);

	if (!object)
		bench_fail("out of per-CPU memory");
	bench_keep(object);
	return object;
}

static void pair_round(void)
{
	const unsigned long pairs = bench_repeat(150);
	const double start = bench_now();

	for (unsigned long i = 0; i < pairs; i++)
		free_percpu(take());
	record("alloc_percpu(8) + free, a pair", KMM, (bench_now() - start) / (double)pairs);
}

static void bulk_once(const char *free_row, bool random, unsigned long times)
{
	double alloc_ns = 0, free_ns = 0;

	for (unsigned long t = 0; t < times; t++) {
		const double start = bench_now();
		double middle;

		for (unsigned int i = 0; i < BULK; i++)
			objects[i] = take();
		middle = bench_now();
		for (unsigned int i = 0; i < BULK; i++)
			free_percpu(objects[random ? random_order[i] : i]);
		free_ns += bench_now() - middle;
		alloc_ns += middle - start;
	}
	if (!random)
		record("10 000 alloc_percpu(8): allocate", KMM, alloc_ns / (double)(times * BULK));
	record(free_row, KMM, free_ns / (double)(times * BULK));
}

static void bulk_round(void)
{
	const unsigned long times = bench_repeat(BULK * 150.0);

	bulk_once("10 000 alloc_percpu(8): free in order", false, times);
	bulk_once("10 000 alloc_percpu(8): free in random order", true, times);
}

const struct bench_case percpu_cases[] = {
	{ NULL, pair_round, NULL },
	{ NULL, bulk_round, NULL },
	{ NULL, NULL, NULL },
};
