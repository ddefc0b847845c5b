/* SPDX-License-Identifier: MIT
 * plugin.c - a shared object with static per-CPU variables. PLUGIN_ROOM is the size of the largest, PLUGIN and COUNTER are
 * the names that others see.
 */
#include "plugin.h"

DEFINE_PER_CPU(long, COUNTER) = 7;
static DEFINE_PER_CPU(char[PLUGIN_ROOM], room) = "room";
static DEFINE_PER_CPU_READ_MOSTLY(int, limit) = 3;
static int plain;
static DEFINE_PER_CPU(int *, pointer) = &plain;

static long *counter_on(unsigned int cpu)
{
	return &per_cpu(COUNTER, cpu);
}

static void count(void)
{
	this_cpu_inc(COUNTER);
}

static char *room_on(unsigned int cpu)
{
	return &per_cpu(room, cpu)[0];
}

static int *limit_on(unsigned int cpu)
{
	return &per_cpu(limit, cpu);
}

static bool pointer_is_right(unsigned int cpu)
{
	return per_cpu(pointer, cpu) == &plain;
}

static void count_in(long __percpu *counter)
{
	this_cpu_inc(*counter);
}

extern struct plugin PLUGIN;
struct plugin PLUGIN = {
	.counter = &COUNTER,
	.counter_on = counter_on,
	.count = count,
	.room_on = room_on,
	.room_size = PLUGIN_ROOM,
	.limit_on = limit_on,
	.pointer_is_right = pointer_is_right,
	.count_in = count_in,
};

#if PLUGIN_CONSTRUCTOR
/* Variables are there for an object's own constructors. */
__attribute__((constructor)) static void look(void)
{
	PLUGIN.seen_by_constructor = this_cpu_read(COUNTER) + 1;
}
#endif
