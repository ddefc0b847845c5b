/* SPDX-License-Identifier: MIT
 * reference.c - what the machine itself can do: the double-word CAS, and ways to add one.
 */
#include <kmm/kmm.h>

#include "arch/arch.h"
#include "bench.h"

static kmm_dword word;
static unsigned long counter, other_counter;
static unsigned long __percpu *cpu_counter;
static DEFINE_PER_CPU(unsigned long, static_counter);

/*
 * What an allocation and a free cost at least in atomic mode: one double-word CAS each, on a line that stays in this
 * CPU's cache. Nothing is loaded first and none fails, so this is the bare instruction.
 */
double cas_pair_ns(unsigned long pairs)
{
	kmm_dword full = { 1, 0 }, empty = { 0, 0 };
	double start;

	word = full;
	start = bench_now();
	for (unsigned long i = 0; i < pairs; i++) {
		empty.hi = full.hi + 1;
		if (!arch_cas2(&word, full, empty))
			bench_fail("a CAS that nobody disturbs failed");
		full.hi = empty.hi + 1;
		if (!arch_cas2(&word, empty, full))
			bench_fail("a CAS that nobody disturbs failed");
	}
	return (bench_now() - start) / (double)pairs;
}

static bool add_setup(void)
{
	cpu_counter = alloc_percpu(unsigned long);
	return cpu_counter;
}

static void add_teardown(void)
{
	free_percpu(cpu_counter);
}

static void add_round(void)
{
	const unsigned long adds = bench_repeat(3);
	double start = bench_now();

	for (unsigned long i = 0; i < adds; i++)
		this_cpu_add(*cpu_counter, 1);
	record("add one: this_cpu_add", KMM, (bench_now() - start) / (double)adds);

	start = bench_now();
	for (unsigned long i = 0; i < adds; i++)
		this_cpu_add(static_counter, 1);
	record("add one: this_cpu_add, static variable", KMM, (bench_now() - start) / (double)adds);

	start = bench_now();
	for (unsigned long i = 0; i < adds; i++) {
		counter++;
		bench_keep(&counter);
	}
	record("add one: plain, in memory", REFERENCE, (bench_now() - start) / (double)adds);

	start = bench_now();
	for (unsigned long i = 0; i < adds; i++)
		__atomic_fetch_add(&other_counter, 1, __ATOMIC_RELAXED);
	record("add one: atomic", REFERENCE, (bench_now() - start) / (double)adds);
}

const struct bench_case add_cases[] = {
	{ add_setup, add_round, add_teardown },
	{ NULL, NULL, NULL },
};
