/* SPDX-License-Identifier: MIT
 * percpu_object.c - a shared object of somebody else with per-CPU variables, one of which programs use, too.
 */
#include <kmm/percpu.h>

DEFINE_PER_CPU(long, object_counter) = 7;
EXPORT_PER_CPU_SYMBOL(object_counter);
static DEFINE_PER_CPU_READ_MOSTLY(int, limit) = 3;
static DEFINE_PER_CPU_ALIGNED(int *, pointer);

long *object_counter_on(unsigned int cpu);
long *object_counter_on(unsigned int cpu)
{
	return &per_cpu(object_counter, cpu);
}

void object_count(void);
void object_count(void)
{
	this_cpu_add(object_counter, this_cpu_read(limit));
	this_cpu_write(pointer, this_cpu_ptr(&limit));
}
