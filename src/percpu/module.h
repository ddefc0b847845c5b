/* SPDX-License-Identifier: MIT
 * module.h - the static per-CPU variables of the program and its shared objects. For this folder and its tests.
 *
 * Owns:   struct pcpu_module: a range of templates, and where its instances are.
 *
 *   template, in the object's own section          instances, at one offset of every slice
 *   | start .................. start + size |  ->  | off ...................... off + size |      delta = base + off - start
 *
 *   where         what is there                                           gone with dlclose()
 *   static part   objects that were there when the library started        the place is kept for another object
 *   reserved part objects loaded while it runs                            freed
 *   dynamic       the same, when the reserved part is full                freed
 *
 * Locks:      pcpu_module_lock (rank 18) for every change. Under it memory is neither asked for nor given back, nothing is
 *             reported, and the loader is not asked, under whose own lock constructors run. Fork takes it also while the
 *             library does not run.
 * Lock-free:  lookups read entries one by one. An entry's words are valid together if its sequence count is even and the same
 *             before (ACQUIRE) and after (a read barrier); the writer makes it odd, a write barrier, the words, then even
 *             (RELEASE). An entry that changes meanwhile is passed over, not waited for: it is not the one looked for,
 *             since who uses a variable keeps its object loaded. The exception, an object that gets its instances just
 *             then, is found by a second look under the lock.
 *             kmm_percpu_module.delta is stored RELEASE after the initial values; see KMM_PCPU_DEPENDS.
 * Invariants: M1  ranges of templates do not overlap, nor do areas
 *             M2  an entry with instances has an area around them: in the static part, or allocated
 *             M3  a module's delta is 0, or that of its first entry
 *             M4  pcpu_nr_late counts the entries whose area is allocated
 *
 * Source: struct module.percpu, kernel/module/main.c; __per_cpu_start, the linker scripts, Linux 6.1.
 */
#ifndef KMM_PERCPU_MODULE_H
#define KMM_PERCPU_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/percpu_defs.h>

#include "base/compiler.h"
#include "base/lock.h"

#define PCPU_MAX_MODULES 1024
#define PCPU_NO_OFF SIZE_MAX

/* A range of templates. It is free when size and room are 0; when only the owner is gone, its area is kept. */
struct pcpu_module {
	uintptr_t start;
	size_t size;
	size_t off;        /* of the instance, from the start of each slice; PCPU_NO_OFF: there is none */
	size_t area, room; /* what holds it: [area, area + room) of each slice; room 0: nothing */
	struct kmm_percpu_module *owner;
	size_t align;     /* pcpu_module_lock: what the templates are aligned to, at most a page */
	unsigned int seq; /* odd while the words change */
	bool late;        /* the area is allocated, not in the static part */
};

extern struct kmm_lock pcpu_module_lock;

/* Untouched parts cost no memory. Entries up to pcpu_nr_modules were used at some time. */
extern struct pcpu_module pcpu_modules[PCPU_MAX_MODULES];
extern unsigned int pcpu_nr_modules; /* RELEASE behind a new entry's words, ACQUIRE by lookups; never less */
extern unsigned int pcpu_nr_late;    /* written under pcpu_module_lock, read RELAXED: a hint for who frees */

#define for_each_pcpu_module(entry, nr) for ((entry) = pcpu_modules; (entry) < pcpu_modules + (nr); (entry)++)

/* module_table.c */
void pcpu_module_write_locked(struct pcpu_module *entry, const struct pcpu_module *val);
void pcpu_module_clear_locked(struct pcpu_module *entry);
bool pcpu_module_read(const struct pcpu_module *entry, struct pcpu_module *val);
struct pcpu_module *pcpu_module_of_locked(uintptr_t start);
bool pcpu_find_template(uintptr_t addr, struct pcpu_module *found);
size_t pcpu_place_in(size_t area, uintptr_t start, size_t align);
void pcpu_copy_templates(uintptr_t start, size_t size, size_t off);
uintptr_t pcpu_module_delta(const struct pcpu_module *entry);

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

/* module_copy.c: the address in its object's section of the variable at @addr, if that is in a copy which the linker made.
 * Else, or while that is not known: @addr. */
uintptr_t pcpu_original_of(uintptr_t addr);
/* Finds out whether @addr is in such a copy. No lock is held. */
bool pcpu_find_copy(uintptr_t addr);

#endif /* KMM_PERCPU_MODULE_H */
