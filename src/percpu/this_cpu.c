/* SPDX-License-Identifier: MIT
 * this_cpu.c - the few per-CPU accesses that are not inline: which CPU, how many, two words at once.
 *
 * Owns:   nothing; kmm_nr_cpu_ids and the guess of the CPU are arch/cpu_id.c's.
 * Source: include/linux/percpu-defs.h, include/linux/smp.h, Linux 6.1.
 */
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/boot.h"
#include "base/report.h"

/* Calls after which the guess of a thread's CPU is renewed: asking the system costs some 10 to 300 times a call. */
#define PCPU_GUESS_CALLS 256u

unsigned int kmm_nr_cpus(void)
{
	/* Without a start the number is not known; a failed one leaves a single CPU. */
	kmm_boot_ensure();
	return kmm_nr_cpu_ids;
}

unsigned int raw_smp_processor_id(void)
{
	/* A thread that only counts never comes to a slow path that would renew its guess. */
	static __thread unsigned int calls __attribute__((tls_model("initial-exec")));

	if (unlikely(calls++ % PCPU_GUESS_CALLS == 0))
		return cpu_id_refresh();
	return raw_cpu_id();
}

bool kmm_this_cpu_cmpxchg_double(void __percpu *pcp1, void __percpu *pcp2, unsigned long old1, unsigned long old2,
				 unsigned long new1, unsigned long new2)
{
	unsigned long *first = pcp1;

	if (KMM_WARN(first + 1 != (unsigned long *)pcp2 || (uintptr_t)first % (2 * sizeof(long)),
		     "%p and %p are not two words side by side, aligned as a pair", pcp1, pcp2))
		return false;
	return arch_this_cpu_cmpxchg_double(this_cpu_ptr(first), old1, old2, new1, new2);
}
