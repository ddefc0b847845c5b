/* SPDX-License-Identifier: MIT
 * kmm/smp.h - the number of the CPU that a thread is on, and keeping it.
 *
 * Owns:   the number of the current CPU, migrate_disable() and its pair.
 *
 * In a process nothing keeps a thread on its CPU, or others away from it. What the calls below keep is the number that
 * the library uses for the thread, and with it the choice of the per-CPU instance. Two threads may have the same number
 * at the same time: whoever needs exclusion takes a lock (<kmm/local_lock.h>).
 *
 * Source: include/linux/smp.h, include/linux/preempt.h, Linux 6.1.
 */
#ifndef KMM_SMP_H
#define KMM_SMP_H

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * raw_smp_processor_id - the CPU that this thread is thought to be on.
 *
 * A guess, below kmm_nr_cpus(), that is renewed now and then: asking the system each time would cost more than the
 * operation on a wrong CPU. Correct code does not depend on it, unless migrate_disable() keeps it.
 *
 * Context: any. Return: a number below kmm_nr_cpus().
 * Source:  raw_smp_processor_id(), include/linux/smp.h, Linux 6.1.
 */
KMM_API unsigned int raw_smp_processor_id(void);

/**
 * smp_processor_id - raw_smp_processor_id(), by its other name.
 * Context and return: as raw_smp_processor_id(). Source: include/linux/smp.h, Linux 6.1. Differs: it is no misuse to
 *         ask without migrate_disable(); the answer is a guess then.
 */
#define smp_processor_id() raw_smp_processor_id()

/**
 * migrate_disable - keep this thread's CPU number as it is, until the matching migrate_enable().
 *
 * Calls nest. No other thread is kept from anything, and the system may still run this thread where it likes.
 *
 * Context: any. Costs a few instructions.
 * Source:  migrate_disable(), kernel/sched/core.c, Linux 6.1. Differs: only the number is kept.
 */
KMM_API void migrate_disable(void);

/**
 * migrate_enable - undo one migrate_disable() of this thread. The last one lets the number change again.
 *
 * One too many is reported and ignored.
 *
 * Context: any; the thread that called migrate_disable().
 * Source:  migrate_enable(), kernel/sched/core.c, Linux 6.1.
 */
KMM_API void migrate_enable(void);

/**
 * get_cpu - migrate_disable(), and the number that is kept.
 * Context: any. Return: a number below kmm_nr_cpus(), good until the matching put_cpu().
 * Source:  get_cpu(), include/linux/smp.h, Linux 6.1. Differs: preemption goes on.
 */
KMM_API unsigned int get_cpu(void);

/**
 * put_cpu - migrate_enable(), for the number that get_cpu() returned.
 * Context: any; the thread that called get_cpu(). Source: put_cpu(), include/linux/smp.h, Linux 6.1.
 */
KMM_API void put_cpu(void);

KMM_END_DECLS

#endif /* KMM_SMP_H */
