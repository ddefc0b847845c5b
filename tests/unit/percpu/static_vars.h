/* SPDX-License-Identifier: MIT
 * static_vars.h - per-CPU variables that one file of static_test defines and another uses.
 */
#ifndef KMM_TESTS_PERCPU_STATIC_VARS_H
#define KMM_TESTS_PERCPU_STATIC_VARS_H

#include <kmm/percpu.h>

struct shape {
	char letter;
	long numbers[3];
	const char *name;
	struct shape *self;
};

DECLARE_PER_CPU(int, shared_int);
DECLARE_PER_CPU(struct shape, shared_shape);
DECLARE_PER_CPU(short[5], shared_array);
DECLARE_PER_CPU_ALIGNED(char, shared_aligned);
DECLARE_PER_CPU_SHARED_ALIGNED(char, shared_more_aligned);
DECLARE_PER_CPU_PAGE_ALIGNED(char[100], shared_page);
DECLARE_PER_CPU_READ_MOSTLY(int, shared_read_mostly);

/* Of static_vars.c, which has a variable of the same name as the test. */
int *own_hits(unsigned int cpu);
unsigned int *calls_here(unsigned int cpu);

#endif /* KMM_TESTS_PERCPU_STATIC_VARS_H */
