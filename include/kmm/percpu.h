/* SPDX-License-Identifier: MIT
 * kmm/percpu.h - memory with one instance for every CPU.
 *
 * Owns:   the allocator's calls, the address formula, the this_cpu operations.
 *
 * A per-CPU pointer names one variable on every CPU. It is never dereferenced: per_cpu_ptr() and this_cpu_ptr() make
 * the address of an instance of it, and the this_cpu operations act on the instance of the CPU that the thread is on.
 *
 * Which CPU that is can change at any moment, and here nothing forbids it: there is no preempt_disable() in a process.
 * So the CPU is a way to keep threads apart, never a promise that nobody else uses its instance:
 *   - this_cpu_ptr() gives an address and no exclusion. Two threads may get the same one.
 *   - A this_cpu operation is one atomic step (relaxed: it orders nothing else), so sums over all CPUs are exact.
 *   - A load and a store of one's own are not: p = this_cpu_ptr(c); *p = *p + 1; loses counts.
 *
 * Source: include/linux/percpu.h, include/linux/percpu-defs.h, Linux 6.1.
 */
#ifndef KMM_PERCPU_H
#define KMM_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/gfp.h>
#include <kmm/smp.h>

KMM_BEGIN_DECLS

/* Each CPU has a slice of address space of this many bytes (log2), and every allocation lies at the same offset in each
 * slice. A per-CPU pointer is the address of the instance in the slice of CPU 0. */
#if UINTPTR_MAX > 0xffffffffu
#define KMM_PCPU_SLICE_SHIFT 28
#else
#define KMM_PCPU_SLICE_SHIFT 21
#endif

/**
 * __alloc_percpu_gfp - allocate one area of @size bytes for every possible CPU.
 * @size:  bytes, 1 to 32768; rounded up to a multiple of 4.
 * @align: bytes, a power of two up to PAGE_SIZE; less than 4 is 4.
 * @gfp:   GFP_KERNEL, or anything less. A @gfp that lacks a bit of GFP_KERNEL makes the request atomic: it is served
 *         only from per-CPU pages that have memory already, and so fails far more often. __GFP_NOWARN: fail silently.
 *
 * Every instance is zero. The caller owns the area until free_percpu().
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. May sleep unless atomic.
 * Return:  a per-CPU pointer, or NULL: memory or the slices ran out (reported ten times, then no more; never for an
 *          atomic request), or @size or @align is illegal (reported each time). errno is left alone.
 * Source:  __alloc_percpu_gfp(), mm/percpu.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);

/**
 * __alloc_percpu - __alloc_percpu_gfp() with GFP_KERNEL.
 * @size: bytes for each CPU.      @align: bytes, a power of two up to PAGE_SIZE.
 * Ownership, context and return: as __alloc_percpu_gfp(). Source: __alloc_percpu(), mm/percpu.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK void __percpu *__alloc_percpu(size_t size, size_t align);

/**
 * __alloc_reserved_percpu - __alloc_percpu() from the part of the first chunk that is kept for static variables.
 * @size, @align: as for __alloc_percpu(); the reserved part has 8 KiB in all.
 *
 * Context: as __alloc_percpu().
 * Return:  a per-CPU pointer, to be freed by free_percpu(); NULL as for __alloc_percpu(), or when the part is full.
 * Source:  __alloc_reserved_percpu(), mm/percpu.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK void __percpu *__alloc_reserved_percpu(size_t size, size_t align);

/**
 * free_percpu - give back what one of the calls above returned.
 * @ptr: the per-CPU pointer, or NULL, which is ignored.
 *
 * A pointer that is not ours, not the start of an area or freed already is reported and left alone. Memory stays with
 * its chunk for the next request; kmm_trim() gives empty chunks and pages back.
 *
 * Context: any thread, not a signal handler. Never sleeps for memory.
 * Source:  free_percpu(), mm/percpu.c, Linux 6.1. Differs: the kernel does not check the pointer.
 */
KMM_API void free_percpu(void __percpu *ptr);

/**
 * alloc_percpu - allocate one object of @type for every possible CPU, zeroed and aligned as the type needs it.
 * alloc_percpu_gfp - the same with the flags of __alloc_percpu_gfp().
 * Ownership and context: as __alloc_percpu_gfp(). Return: type __percpu *, or NULL.
 * Source: include/linux/percpu.h, Linux 6.1.
 */
#define alloc_percpu_gfp(type, gfp) \
	((__typeof__(type) __percpu *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), gfp))
#define alloc_percpu(type) ((__typeof__(type) __percpu *)__alloc_percpu(sizeof(type), __alignof__(type)))

/**
 * kmm_nr_cpus - how many CPUs can exist: their numbers are below it. Starts the library if need be.
 * Context: any thread, not a signal handler.
 * Return:  1 or more, constant once the library runs; 1 when it cannot be started.
 * Source:  nr_cpu_ids, include/linux/cpumask.h, Linux 6.1.
 */
KMM_API unsigned int kmm_nr_cpus(void);

/**
 * for_each_possible_cpu - a loop over all CPU numbers; @cpu is an integer variable of the caller's.
 * Context: as kmm_nr_cpus(). Source: include/linux/cpumask.h, Linux 6.1.
 */
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < kmm_nr_cpus(); (cpu)++)

/**
 * kmm_this_cpu_cmpxchg_double - what this_cpu_cmpxchg_double() calls.
 * @pcp1: per-CPU pointer to a word aligned to two words.      @pcp2: to the word behind it.
 * @old1, @old2: what they must hold.      @new1, @new2: what they hold then.
 * Context: any thread. Return: whether both were stored, as one atomic step.
 * Source:  this_cpu_cmpxchg_double(), include/linux/percpu-defs.h, Linux 6.1.
 */
KMM_API bool kmm_this_cpu_cmpxchg_double(void __percpu *pcp1, void __percpu *pcp2, unsigned long old1,
					 unsigned long old2, unsigned long new1, unsigned long new2);

KMM_END_DECLS

/**
 * per_cpu_ptr - the address of the instance of @ptr on @cpu.
 * @ptr: per-CPU pointer.      @cpu: a number below kmm_nr_cpus().
 *
 * Context: any. Return: a plain pointer of the same type; any thread may use it, with atomics where others do too.
 * Source:  per_cpu_ptr(), include/linux/percpu-defs.h, Linux 6.1.
 */
#ifdef __cplusplus
template <typename T> static inline T *kmm_per_cpu_ptr(T __percpu *ptr, unsigned int cpu)
{
	return (T *)((uintptr_t)ptr + ((uintptr_t)cpu << KMM_PCPU_SLICE_SHIFT));
}
#define per_cpu_ptr(ptr, cpu) kmm_per_cpu_ptr((ptr), (cpu))
#else
#define per_cpu_ptr(ptr, cpu) ((__typeof__(ptr))((uintptr_t)(ptr) + ((uintptr_t)(cpu) << KMM_PCPU_SLICE_SHIFT)))
#endif

/**
 * this_cpu_ptr - the address of the instance of @ptr on the CPU that this thread is thought to be on.
 * raw_cpu_ptr  - the same.
 *
 * No exclusion comes with it: another thread may use the same instance at the same time. See the head of this file.
 *
 * Context: any. Source: this_cpu_ptr(), include/linux/percpu-defs.h, Linux 6.1.
 */
#define this_cpu_ptr(ptr) per_cpu_ptr(ptr, raw_smp_processor_id())
#define raw_cpu_ptr(ptr) this_cpu_ptr(ptr)

/**
 * get_cpu_ptr - this_cpu_ptr(), for code written as a pair with put_cpu_ptr().
 * put_cpu_ptr - the end of the pair.
 *
 * In the kernel the thread stays alone on its CPU between the two. Here it does not: they change nothing.
 *
 * Context: any. Source: include/linux/percpu-defs.h, Linux 6.1. Differs: preemption is not disabled.
 */
#define get_cpu_ptr(ptr) this_cpu_ptr(ptr)
#define put_cpu_ptr(ptr) ((void)(ptr))

/**
 * this_cpu_* - one atomic step on this CPU's instance of a variable.
 * @pcp: an lvalue made from a per-CPU pointer: *ptr, ptr->member, ptr->array[i]. An integer or pointer of 1, 2, 4 or 8
 *       bytes (add, sub, inc, dec, and, or: integers), naturally aligned.
 * @val: the operand, evaluated once.
 *
 *   this_cpu_read(pcp)                     this_cpu_write(pcp, val)
 *   this_cpu_add(pcp, val)                 this_cpu_add_return(pcp, val): the new value
 *   this_cpu_sub(pcp, val)                 this_cpu_sub_return(pcp, val)
 *   this_cpu_inc(pcp)  this_cpu_dec(pcp)   this_cpu_inc_return(pcp)  this_cpu_dec_return(pcp)
 *   this_cpu_and(pcp, val)                 this_cpu_or(pcp, val)
 *   this_cpu_xchg(pcp, val): the old value
 *   this_cpu_cmpxchg(pcp, old, val): the value found; @val was stored if that is @old
 *
 * All are relaxed: atomic with regard to this_cpu operations on the same instance, without order to anything else.
 * Arithmetic wraps, for signed types too.
 *
 * Context: any, signal handlers included. Source: include/linux/percpu-defs.h, Linux 6.1. Differs: the step is atomic
 *          among all threads, not only on one CPU, because any thread may act on any CPU's instance.
 */
#define this_cpu_read(pcp) __atomic_load_n(this_cpu_ptr(&(pcp)), __ATOMIC_RELAXED)
#define this_cpu_write(pcp, val) __atomic_store_n(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED)
#define this_cpu_add(pcp, val) ((void)__atomic_fetch_add(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_sub(pcp, val) ((void)__atomic_fetch_sub(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_inc(pcp) this_cpu_add(pcp, 1)
#define this_cpu_dec(pcp) this_cpu_sub(pcp, 1)
#define this_cpu_and(pcp, val) ((void)__atomic_fetch_and(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_or(pcp, val) ((void)__atomic_fetch_or(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_add_return(pcp, val) __atomic_add_fetch(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED)
#define this_cpu_sub_return(pcp, val) __atomic_sub_fetch(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED)
#define this_cpu_inc_return(pcp) this_cpu_add_return(pcp, 1)
#define this_cpu_dec_return(pcp) this_cpu_sub_return(pcp, 1)
#define this_cpu_xchg(pcp, val) __atomic_exchange_n(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED)
#define this_cpu_cmpxchg(pcp, old, val)                                                                          \
	__extension__({                                                                                          \
		__typeof__(pcp) kmm_found_ = (old);                                                              \
		(void)__atomic_compare_exchange_n(this_cpu_ptr(&(pcp)), &kmm_found_, (val), 0, __ATOMIC_RELAXED, \
						  __ATOMIC_RELAXED);                                             \
		kmm_found_;                                                                                      \
	})

/**
 * this_cpu_cmpxchg_double - change two words of this CPU's instance together, or none of them.
 * @pcp1: lvalue of a word (long or pointer) made from a per-CPU pointer, aligned to two words.
 * @pcp2: the word behind it.
 * @old1, @old2: what they must hold.      @new1, @new2: what they get.
 *
 * Words that are changed by this are changed by no other this_cpu operation; reading them is fine. Two lvalues that
 * are not such a pair are reported.
 *
 * Context: any thread, not a signal handler. Orders like a full barrier when it succeeds.
 * Return:  true when both were changed.
 * Source:  this_cpu_cmpxchg_double(), include/linux/percpu-defs.h, Linux 6.1.
 */
#define this_cpu_cmpxchg_double(pcp1, pcp2, old1, old2, new1, new2)                                 \
	kmm_this_cpu_cmpxchg_double(&(pcp1), &(pcp2), (unsigned long)(old1), (unsigned long)(old2), \
				    (unsigned long)(new1), (unsigned long)(new2))

#endif /* KMM_PERCPU_H */
