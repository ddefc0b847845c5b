/* SPDX-License-Identifier: MIT
 * percpu.h - front header of the per-CPU allocator, for the rooms above it.
 *
 * Owns:   the slices: one reserved range of kmm_nr_cpu_ids slices of KMM_PCPU_SLICE bytes; every chunk lies at the same
 *         offset in each slice. A dynamic per-CPU pointer is the address in the slice of CPU 0.
 */
#ifndef KMM_PERCPU_PERCPU_H
#define KMM_PERCPU_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/percpu.h>

#include "base/options.h"

extern const struct kmm_param percpu_params[]; /* percpu_... and nr_cpus= is start.c's */

/* Sets up the slices and the first chunk, paid for through memblock. Before buddy_start(), kmm_nr_cpu_ids is set.
 * 0 or -ENOMEM (reported). */
int percpu_start(void);
/* @final: the slices stay readable and read as zeros. */
void percpu_stop(bool final);

/* Frees empty chunks and unused populated pages. Returns bytes. Part of kmm_trim(). */
size_t percpu_trim(void);

/* Is @ptr the start of, or inside, a dynamic per-CPU allocation's range? (address check only) */
bool percpu_is_dynamic(const void *ptr);

/* per_cpu_ptr() for the library's own pointers, which are all dynamic: the sum, and nothing else. */
#define percpu_instance(ptr, cpu) ((__typeof__(ptr))((uintptr_t)(ptr) + ((uintptr_t)(cpu) << KMM_PCPU_SLICE_SHIFT)))

#endif /* KMM_PERCPU_PERCPU_H */
