/* SPDX-License-Identifier: MIT
 * slub_world.h - names for the states of a slab, and ways to bring one there.
 */
#ifndef KMM_TESTS_SLUB_WORLD_H
#define KMM_TESTS_SLUB_WORLD_H

#include "support/world.h"

#include "slub/cpu_slab.h"

enum slab_place {
	PLACE_CPU,
	PLACE_CPU_PARTIAL,
	PLACE_NODE_PARTIAL,
	PLACE_FULL,
	PLACE_GONE,
};

static inline struct slab *slab_of(const void *object)
{
	struct page *page = arena_addr_to_page(object);

	return page ? page_slab(page_head(page)) : NULL;
}

static inline bool on_cpu_partial(struct kmem_cache *s, const struct slab *slab)
{
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		for (struct slab *i = cpu_slab_of(s, cpu)->partial; i; i = i->next)
			if (i == slab)
				return true;
	return false;
}

static inline bool on_node_partial(struct kmem_cache *s, const struct slab *slab)
{
	struct slab *i;

	cds_list_for_each_entry(i, &slab_node(s, slab)->partial, slab_list)
		if (i == slab)
			return true;
	return false;
}

/* Where the slab really is, found by looking for it. */
static inline enum slab_place slab_place(struct kmem_cache *s, const struct slab *slab)
{
	if (!page_flag_test(slab_page(slab), PG_slab) || slab->slab_cache != s)
		return PLACE_GONE;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		if (cpu_slab_of(s, cpu)->slab == slab)
			return PLACE_CPU;
	if (on_cpu_partial(s, slab))
		return PLACE_CPU_PARTIAL;
	return on_node_partial(s, slab) ? PLACE_NODE_PARTIAL : PLACE_FULL;
}

/* Takes @nr objects, and fails the test if it cannot. */
static inline void take(struct kmem_cache *s, void **objects, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		assert_non_null(objects[i]);
	}
}

static inline void give_all(struct kmem_cache *s, void **objects, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		kmem_cache_free(s, objects[i]);
}

#endif /* KMM_TESTS_SLUB_WORLD_H */
