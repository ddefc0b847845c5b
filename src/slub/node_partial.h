/* SPDX-License-Identifier: MIT
 * node_partial.h - a node's list of partly free slabs that no CPU has.
 *
 * Owns:       n->partial, n->nr_partial, slab->slab_list of every slab on it.
 * Locks:      n->list_lock for all edits, and for every step that freezes or unfreezes a slab of the node. Of several nodes
 *             only one is held at a time.
 * Lock-free:  nr_partial is read RELAXED as a hint.
 * Invariants: S3 and S6 of slub_internal.h.
 * Source:     add_partial(), get_partial_node(), get_any_partial(), acquire_slab(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_NODE_PARTIAL_H
#define KMM_SLUB_NODE_PARTIAL_H

#include "slub/slab_word.h"

/* Where a slab goes on the list. By use: to the tail when others freed into it, for they may empty it soon; to the head, where
 * the next refill looks first, when only its CPU did. */
enum partial_place { PLACE_AT_HEAD, PLACE_AT_TAIL, PLACE_BY_USE };

/* What became of a slab that a CPU let go of: still to be decided, listed, full and on no list, or empty and collected. */
enum slab_modes { M_NONE, M_PARTIAL, M_FULL, M_FREE };

/* What a search for a slab is about. */
struct partial_context {
	gfp_t gfp;
	int node; /* or NUMA_NO_NODE */
};

void init_kmem_cache_node(struct kmem_cache_node *n);

/* Caller: list_lock. */
void add_partial_locked(struct kmem_cache_node *n, struct slab *slab, enum partial_place place);
void remove_partial_locked(struct kmem_cache_node *n, struct slab *slab);

/*
 * Acquires a slab with free objects for the CPU: frozen, off its list, its objects in *@freelist. Stocks the CPU's partial
 * list with more slabs, up to half of cpu_partial objects. First from the node that is asked for, or the CPU's own; then,
 * if no node was asked for, from those that have more than they should keep. NULL when there is none. Caller: L[X].
 */
struct slab *get_partial_locked(struct kmem_cache *s, const struct partial_context *pc, struct kmem_cache_cpu *c,
				void **freelist);

/*
 * One object without any CPU: for a thread that finds L[X] busy, and out of slabs that no CPU is given, those of the reserves.
 * Looks where get_partial_locked() does. NULL when there is no partial slab. Takes list_lock.
 */
void *get_partial_object(struct kmem_cache *s, const struct partial_context *pc);

/*
 * Ends a slab's time with a CPU: gives the list @head..@tail of @nr objects back, unfreezes, and puts the slab where it
 * belongs by what is free in it - the node list at @place, nowhere when it is FULL, or *@discard when it is empty and the
 * node has enough. Caller: list_lock, which is held throughout, so that nobody sees the slab unfrozen and unlisted.
 */
enum slab_modes unfreeze_slab_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab, void *head,
				     void *tail, unsigned int nr, enum partial_place place, struct slab **discard);

/* Lists a new slab, frozen with all objects taken, of which @rest are free: puts them back and unfreezes.
 * Takes list_lock. */
void node_partial_adopt_new(struct kmem_cache *s, struct slab *slab, void *rest);

#endif /* KMM_SLUB_NODE_PARTIAL_H */
