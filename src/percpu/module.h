/* SPDX-License-Identifier: MIT
 * module.h - the static per-CPU variables of the program and its shared objects. For this folder and its tests.
 *
 * Owns:   the table of objects that have such variables, and where their instances are.
 *
 *   template, in the object's own section          instances, at one offset of every slice
 *   | start .................. start + size |  ->  | off ...................... off + size |       delta = base + off - start
 *
 *   where         what is there                                           gone with dlclose()
 *   static part   objects that were there when the library started        the place is kept for another object
 *   reserved part objects loaded while it runs                            freed
 *   dynamic       the same, when the reserved part is full                freed
 *
 * Source: struct module.percpu, kernel/module/main.c; __per_cpu_start, the linker scripts, Linux 6.1.
 */
#ifndef KMM_PERCPU_MODULE_H
#define KMM_PERCPU_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* For percpu_start(): gives every object a place in the static part and returns its size, bytes. Then, once the first unit
 * is there: the instances get their initial values, and lookups find them. */
size_t pcpu_modules_layout(void);
void pcpu_modules_fill(void);
/* The slices go: no object has instances any more. */
void pcpu_modules_stop(void);

/* Does the byte at @off of each slice belong to an object that was loaded while the library runs? Such memory is not freed
 * by free_percpu(). No lock; the answer is exact unless that object is being unloaded. */
bool pcpu_module_owns(size_t off);

/* NULL, or what is wrong with the table; @why is a buffer of @size bytes for the text. No lock is held. */
const char *pcpu_modules_check(char *why, size_t size);

#endif /* KMM_PERCPU_MODULE_H */
