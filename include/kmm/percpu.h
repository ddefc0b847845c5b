/* SPDX-License-Identifier: MIT
 * kmm/percpu.h - memory with one instance for every CPU.
 *
 * Owns:   the allocator's calls, the address formula, the this_cpu operations.
 * Source: include/linux/percpu.h, include/linux/percpu-defs.h, Linux 6.1.
 */
#ifndef KMM_PERCPU_H
#define KMM_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

/* Each CPU has a slice of address space of this many bytes (log2); a per-CPU pointer is the address in slice 0. */
#if UINTPTR_MAX > 0xffffffffu
#define KMM_PCPU_SLICE_SHIFT 28
#else
#define KMM_PCPU_SLICE_SHIFT 21
#endif

/** __alloc_percpu_gfp - see percpu.c; docstring by the percpu room. */
KMM_API KMM_MUST_CHECK void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);
KMM_API KMM_MUST_CHECK void __percpu *__alloc_percpu(size_t size, size_t align);
KMM_API void free_percpu(void __percpu *ptr);
#define alloc_percpu_gfp(type, gfp) ((__typeof__(type) __percpu *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), gfp))
#define alloc_percpu(type) ((__typeof__(type) __percpu *)__alloc_percpu(sizeof(type), __alignof__(type)))

/** kmm_nr_cpus - CPUs that can exist (nr_cpu_ids); starts the library if need be. */
KMM_API unsigned int kmm_nr_cpus(void);
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < kmm_nr_cpus(); (cpu)++)

/** raw_smp_processor_id - the CPU this thread is thought to be on. */
KMM_API unsigned int raw_smp_processor_id(void);

#define per_cpu_ptr(ptr, cpu) \
	((__typeof__(ptr))((uintptr_t)(ptr) + ((uintptr_t)(cpu) << KMM_PCPU_SLICE_SHIFT)))
#define this_cpu_ptr(ptr) per_cpu_ptr(ptr, raw_smp_processor_id())
#define raw_cpu_ptr(ptr) this_cpu_ptr(ptr)

KMM_END_DECLS

#endif /* KMM_PERCPU_H */
