/* SPDX-License-Identifier: MIT
 * counts.h - slabs and objects of a node of a cache, counted.
 *
 * Rules:  others may allocate and free meanwhile: each number is of its own moment, but those of the partial list together.
 * Source: count_partial(), node_nr_slabs(), node_nr_objs(), get_slabinfo(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_COUNTS_H
#define KMM_SLUB_COUNTS_H

#include "slub/slub_internal.h"

/* What is on the node's list of partly free slabs. */
struct partial_counts {
	unsigned long inuse; /* objects */
	unsigned long free;  /* objects */
};

/* All slabs of the node. Objects that are free in slabs of CPUs count as in use. */
struct node_counts {
	unsigned long slabs;
	unsigned long objects;
	unsigned long free; /* objects, at most that many */
};

/* Take list_lock. */
struct partial_counts count_partial(struct kmem_cache_node *n);
struct node_counts count_node(struct kmem_cache_node *n);

#endif /* KMM_SLUB_COUNTS_H */
