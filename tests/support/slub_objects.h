/* SPDX-License-Identifier: MIT
 * slub_objects.h - how many objects of a cache are in use, by its slabs.
 */
#ifndef KMM_TESTS_SLUB_OBJECTS_H
#define KMM_TESTS_SLUB_OBJECTS_H

#include "slub/cpu_slab.h"

/* Takes the slabs of CPUs away, for what they hold back counts as in use. */
static __attribute__((unused)) unsigned long objects_in_use(struct kmem_cache *s)
{
	struct kmem_cache_node *n;
	unsigned long nr = 0;

	flush_all(s);
	for_each_kmem_cache_node(s, nid, n) {
		struct slab *slab;

		nr += n->total_objects;
		cds_list_for_each_entry(slab, &n->partial, slab_list)
			nr -= slab_word_read(slab).objects - slab_word_read(slab).inuse;
	}
	return nr;
}

#endif /* KMM_TESTS_SLUB_OBJECTS_H */
