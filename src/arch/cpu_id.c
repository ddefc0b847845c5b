/* SPDX-License-Identifier: MIT
 * cpu_id.c - asking the system for the CPU, and the test override.
 *
 * Owns:   kmm_nr_cpu_ids, kmm_cpu_guess, kmm_cpu_held, the pin of each thread; the stand-ins of offline CPUs.
 * Locks:  none: everything but the count and the stand-ins is thread-local. These have one writer at a time, and are read
 *         RELAXED: each entry is a number that was right a moment ago, and orders nothing.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sched.h>

#include "arch/cpu_id.h"

unsigned int kmm_nr_cpu_ids = 1;

/* What guesses are below. It stays behind kmm_nr_cpu_ids while the library starts, which may still fail and begin again
 * with fewer CPUs: other threads keep what they guess meanwhile. RELAXED. */
static unsigned int guess_count = 1;

__thread unsigned int kmm_cpu_guess __attribute__((tls_model("initial-exec")));
__thread unsigned int kmm_cpu_held __attribute__((tls_model("initial-exec")));

static __thread unsigned int pin __attribute__((tls_model("initial-exec"))); /* CPU + 1, 0 for none */

/* By CPU: 1 + who stands in for it; 0 while it is online. */
static unsigned short stand_ins[CPU_ID_MAX_STAND_INS];

/* A thread that may not be moved, and a system that cannot tell, leave it where it is thought to be. */
static int where_now(void)
{
	int saved_errno = errno, cpu = -1;

	if (!kmm_cpu_held)
		cpu = pin ? (int)(pin - 1) : sched_getcpu();
	errno = saved_errno;
	return cpu < 0 ? (int)kmm_cpu_guess : cpu;
}

unsigned int cpu_id_stand_in(unsigned int cpu)
{
	unsigned int other = 0;

	if (cpu < CPU_ID_MAX_STAND_INS)
		other = __atomic_load_n(&stand_ins[cpu], __ATOMIC_RELAXED);
	return other ? other - 1 : cpu;
}

void cpu_id_set_stand_in(unsigned int cpu, unsigned int other)
{
	__atomic_store_n(&stand_ins[cpu], (unsigned short)(other == cpu ? 0 : other + 1), __ATOMIC_RELAXED);
}

unsigned int cpu_id_refresh(void)
{
	const unsigned int cpu = (unsigned int)where_now() % __atomic_load_n(&guess_count, __ATOMIC_RELAXED);

	kmm_cpu_guess = kmm_cpu_held ? cpu : cpu_id_stand_in(cpu);
	return kmm_cpu_guess;
}

void cpu_id_pin(int cpu)
{
	pin = cpu < 0 ? 0 : (unsigned int)cpu + 1;
	cpu_id_refresh();
}

void cpu_id_set_count(unsigned int nr)
{
	__atomic_store_n(&kmm_nr_cpu_ids, nr, __ATOMIC_RELAXED);
	__atomic_store_n(&guess_count, nr, __ATOMIC_RELAXED);
	cpu_id_refresh();
}
