/* SPDX-License-Identifier: MIT
 * kmm/cpu.h - CPUs that are taken out of use and come back.
 *
 * Owns:   which of the possible CPUs (<kmm/percpu.h>) are online: all, until one is removed.
 *
 * A CPU is a number that keeps things apart. One that is offline is a number that threads no longer get: what was kept for it
 * - pages, slabs, counts not yet added up - is given back, and stays usable. A program removes CPUs that it does not run on
 * (sched_setaffinity(), a smaller cpuset) or no longer wants memory to be kept for.
 *
 * Source: include/linux/cpu.h, include/linux/cpumask.h, Linux 6.1.
 */
#ifndef KMM_CPU_H
#define KMM_CPU_H

#include <stdbool.h>

#include <kmm/api.h>
#include <kmm/percpu.h>

KMM_BEGIN_DECLS

/**
 * remove_cpu - take a CPU offline.
 * @cpu: its number, below kmm_nr_cpus().
 *
 * Threads that are on it are thought to be on another one of its node from now on, always the same; on one of another node
 * when there is none. A thread notices when its number is renewed, and not while it keeps it (migrate_disable()): until
 * then it goes on with the old number, which harms nothing, but may leave something with that CPU again; kmm_trim() and
 * requests that would fail find it there. The CPU's lists of pages and slabs of all caches are emptied, and what it has
 * counted for zones and nodes is added to these. Per-CPU memory keeps the CPU's instances and their values, and sums go on
 * over all possible CPUs, those of percpu_counter too. A forked child finds the CPU offline, or, if the fork came in the
 * midst of the call, as it was before.
 *
 * Context: any thread, not a signal handler; hold no libkmm lock; may sleep. The first call starts the library. Changes of
 *          CPUs wait for each other. All CPUs are back after kmm_exit().
 * Return:  0, also when it was offline already; -EINVAL (reported) for a number that no CPU has; -EBUSY for the last CPU
 *          online; -ENOMEM when the library cannot be started; -ESHUTDOWN after kmm_exit().
 * Source:  remove_cpu(), kernel/cpu.c, Linux 6.1. Differs: 0, and not 1, for a CPU that is offline; nobody is kept from the
 *          number.
 */
KMM_API int remove_cpu(unsigned int cpu);

/**
 * add_cpu - bring a CPU back.
 * @cpu: its number, below kmm_nr_cpus().
 *
 * Threads that are on it get its number again when theirs is renewed.
 *
 * Context: as remove_cpu().
 * Return:  0, also when it was online already; -EINVAL (reported), -ENOMEM and -ESHUTDOWN as remove_cpu().
 * Source:  add_cpu(), kernel/cpu.c, Linux 6.1. Differs: 0, and not 1, for a CPU that is online.
 */
KMM_API int add_cpu(unsigned int cpu);

/**
 * cpu_online - is this a CPU that threads may be thought to be on?
 * @cpu: a number, any.
 *
 * Context: any thread, not a signal handler. Starts the library if need be. Another thread may change the answer at any time.
 * Return:  false for an offline CPU and for a number that no CPU has.
 * Source:  cpu_online(), include/linux/cpumask.h, Linux 6.1.
 */
KMM_API bool cpu_online(unsigned int cpu);

/**
 * num_online_cpus - how many CPUs are online.
 * Context: as cpu_online().
 * Return:  1 to kmm_nr_cpus().
 * Source:  num_online_cpus(), include/linux/cpumask.h, Linux 6.1.
 */
KMM_API unsigned int num_online_cpus(void);

/**
 * for_each_online_cpu - a loop over the CPUs that are online; @cpu is an integer variable of the caller's.
 *
 * What another thread removes or adds meanwhile may be visited or not. To add up what CPUs have counted, use
 * for_each_possible_cpu(): an offline CPU keeps its values.
 *
 * Context: as cpu_online(). Source: include/linux/cpumask.h, Linux 6.1.
 */
#define for_each_online_cpu(cpu)                      \
	for_each_possible_cpu(cpu)                    \
		if (!cpu_online((unsigned int)(cpu))) \
			continue;                     \
		else

KMM_END_DECLS

#endif /* KMM_CPU_H */
