/* SPDX-License-Identifier: MIT
 * counts.c - slabs and objects of a node of a cache, counted. See counts.h.
 */
#include "slub/counts.h"

#include "slub/slab_word.h"

struct partial_counts count_partial(struct kmem_cache_node *n)
{
	struct partial_counts counts = { .inuse = 0 };
	struct slab *slab;

	kmm_spin_lock(&n->list_lock);
	cds_list_for_each_entry(slab, &n->partial, slab_list) {
		const struct slab_word w = slab_word_read(slab);

		counts.inuse += w.inuse;
		counts.free += w.objects - w.inuse;
	}
	kmm_spin_unlock(&n->list_lock);
	return counts;
}

struct node_counts count_node(struct kmem_cache_node *n)
{
	struct node_counts counts = { .free = count_partial(n).free };

	counts.slabs = READ_ONCE(n->nr_slabs);
	counts.objects = READ_ONCE(n->total_objects);
	/* Slabs that were counted as free may be gone by now. */
	counts.free = min_of(counts.free, counts.objects);
	return counts;
}
