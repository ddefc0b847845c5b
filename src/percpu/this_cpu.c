/* SPDX-License-Identifier: MIT
 * this_cpu.c - the few per-CPU accesses that are not inline: which CPU, how many, two words at once.
 *
 * Owns:   nothing; kmm_nr_cpu_ids and the guess of the CPU are arch/cpu_id.c's.
 * Source: include/linux/percpu-defs.h, include/linux/smp.h, Linux 6.1.
 */
#include <string.h>

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

/* Two small words as one that is twice as large. The barriers are those of arch_cas2(). */
#define CAS_AS(type)                                                                      \
	({                                                                                \
		type cas_old_, cas_new_, cas_found_;                                      \
		memcpy(&cas_old_, old, sizeof(type));                                     \
		memcpy(&cas_new_, val, sizeof(type));                                     \
		smp_mb();                                                                 \
		cas_found_ = arch_this_cpu_cmpxchg((type *)instance, cas_old_, cas_new_); \
		smp_mb();                                                                 \
		cas_found_ == cas_old_;                                                   \
	})

static bool cas_longs(void *instance, const void *old, const void *val)
{
	const unsigned long *o = old, *v = val;

	return arch_this_cpu_cmpxchg_double(instance, o[0], o[1], v[0], v[1]);
}

bool kmm_this_cpu_cmpxchg_double(void *instance, const volatile void *pcp1, const volatile void *pcp2, size_t size,
				 const void *old, const void *val)
{
	if (KMM_WARN((uintptr_t)pcp1 + size != (uintptr_t)pcp2 || (uintptr_t)instance % (2 * size),
		     "%p and %p are not two words side by side, aligned as a pair", (const void *)pcp1,
		     (const void *)pcp2))
		return false;
	if (!instance)
		return false;
	switch (size) {
	case 1:
		return CAS_AS(uint16_t);
	case 2:
		return CAS_AS(uint32_t);
	case sizeof(long):
		return cas_longs(instance, old, val);
#if __SIZEOF_LONG__ == 8
	case 4:
		return CAS_AS(uint64_t);
#else
	case 8:
		return generic_locked_cas_pair64(instance, old, val);
#endif
	default:
		return false;
	}
}
