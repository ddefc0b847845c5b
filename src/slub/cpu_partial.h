/* SPDX-License-Identifier: MIT
 * cpu_partial.h - per-CPU lists of frozen, partly free slabs.
 *
 * Owns:       c->partial; slab->next, slab->slabs and slab->pobjects of every slab on it.
 * Locks:      L[X] for all edits. Draining takes list_lock inside it.
 * Lock-free:  c->partial is read RELAXED as a hint; callers look again under the lock.
 * Invariants: S2 and S6 of slub_internal.h. A slab leaves only to CPU (refill) or, when the list is drained, to the node
 *             list or the buddy.
 * Source:     put_cpu_partial(), unfreeze_partials(), mm/slub.c, Linux 6.1; its limit is in objects, as before 5.16.
 */
#ifndef KMM_SLUB_CPU_PARTIAL_H
#define KMM_SLUB_CPU_PARTIAL_H

#include "slub/slab_word.h"

/*
 * Puts a slab, just frozen, at the head of the CPU's list. With @drain, a list that already holds more than
 * s->cpu_partial objects goes to the node list first. Empty slabs beyond min_partial are added to *@discard.
 * Caller: L[X]; list_lock not held if @drain.
 */
void put_cpu_partial_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab *slab, bool drain,
			    struct slab **discard);

/* Takes the first slab off the list, still frozen; NULL when the list is empty. Caller: L[X]. */
struct slab *cpu_partial_pop_locked(struct kmem_cache_cpu *c);

/* Moves the whole list to the node. Caller: L[X]. */
void unfreeze_partials_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab **discard);

#endif /* KMM_SLUB_CPU_PARTIAL_H */
