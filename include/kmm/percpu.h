/* SPDX-License-Identifier: MIT
 * kmm/percpu.h - memory with one instance for every CPU.
 *
 * Owns:   the allocator's calls, and what an address in per-CPU memory is. Static variables are <kmm/percpu_defs.h>'s,
 *         the way to an instance and the this_cpu operations <kmm/percpu_ops.h>'s; this header brings both.
 *
 * Source: include/linux/percpu.h, Linux 6.1.
 */
#ifndef KMM_PERCPU_H
#define KMM_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/gfp.h>
#include <kmm/percpu_defs.h>
#include <kmm/percpu_ops.h>
#include <kmm/smp.h>

struct page;

/* An address in the memory of the system: (pfn << PAGE_SHIFT) + offset in the page. */
typedef unsigned long phys_addr_t;

KMM_BEGIN_DECLS

/**
 * __alloc_percpu_gfp - allocate one area of @size bytes for every possible CPU.
 * @size:  bytes, 1 to 32768; rounded up to a multiple of 4.
 * @align: bytes, a power of two up to PAGE_SIZE; anything less than 4 is 4.
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
 * __alloc_reserved_percpu - __alloc_percpu() from the part of the first chunk that is kept for the static variables of
 * objects that are loaded while the library runs.
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
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (unsigned int)(cpu) < kmm_nr_cpus(); (cpu)++)

/**
 * is_kernel_percpu_address - is @addr in an instance of a static variable of what was loaded before the start?
 * is_module_percpu_address - ... of what was loaded while the library runs?
 * __is_kernel_percpu_address, __is_module_percpu_address - the same; *@can_addr, unless NULL, is set when the answer is
 * yes: to the address in CPU 0's instance.
 *
 * Context: any thread. Return: false also for the address of a template, and while the library does not run.
 * Source:  mm/percpu.c, kernel/module/main.c, Linux 6.1.
 */
KMM_API bool is_kernel_percpu_address(unsigned long addr);
KMM_API bool __is_kernel_percpu_address(unsigned long addr, unsigned long *can_addr);
KMM_API bool is_module_percpu_address(unsigned long addr);
KMM_API bool __is_module_percpu_address(unsigned long addr, unsigned long *can_addr);

/**
 * per_cpu_ptr_to_phys     - where in the memory of the system an instance is.
 * kmm_per_cpu_ptr_to_page - the page of it.
 * @addr: in an instance, as per_cpu_ptr() returns it; dynamic or static, and not freed meanwhile.
 *
 * Per-CPU memory is paid for with frames of the arena, one for each page of each CPU. That frame is the answer. It has
 * no memory of its own: page_address() of it is not @addr, and must not be written.
 *
 * Context: any thread, not a signal handler.
 * Return:  the address; the page. 0, NULL: @addr is not in per-CPU memory (reported).
 * Source:  per_cpu_ptr_to_phys(), pcpu_addr_to_page(), mm/percpu.c, Linux 6.1.
 */
KMM_API phys_addr_t per_cpu_ptr_to_phys(const volatile void *addr);
KMM_API struct page *kmm_per_cpu_ptr_to_page(const volatile void *addr);

KMM_END_DECLS

#endif /* KMM_PERCPU_H */
