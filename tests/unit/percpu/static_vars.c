/* SPDX-License-Identifier: MIT
 * static_vars.c - the other file of static_test: defines what static_vars.h declares, and has variables of its own.
 */
#include "static_vars.h"

DEFINE_PER_CPU(int, shared_int) = 42;
EXPORT_PER_CPU_SYMBOL(shared_int);
DEFINE_PER_CPU(struct shape, shared_shape) = { 'x', { 1, 2, 3 }, "round", &shared_shape };
EXPORT_PER_CPU_SYMBOL_GPL(shared_shape);
DEFINE_PER_CPU(short[5], shared_array) = { 10, 20, 30 };
DEFINE_PER_CPU_ALIGNED(char, shared_aligned) = 'a';
DEFINE_PER_CPU_SHARED_ALIGNED(char, shared_more_aligned) = 'b';
DEFINE_PER_CPU_PAGE_ALIGNED(char[100], shared_page) = "page";
DEFINE_PER_CPU_READ_MOSTLY(int, shared_read_mostly) = 77;

static DEFINE_PER_CPU(int, hits) = 6;

int *own_hits(unsigned int cpu)
{
	return &per_cpu(hits, cpu);
}

unsigned int *calls_here(unsigned int cpu)
{
	static DEFINE_PER_CPU(unsigned int, calls);

	return &per_cpu(calls, cpu);
}
