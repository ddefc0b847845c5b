/* SPDX-License-Identifier: MIT
 * free.h - giving one object back: the checked fast path, inlined into its callers, and the door to the slow one.
 *
 * Source: slab_free(), do_slab_free(), __slab_free(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_FREE_H
#define KMM_SLUB_FREE_H

#include "slub/cpu_slab.h"

/* Gives @head..@tail, @nr linked objects of one slab, back to a slab that is not this CPU's. */
void slab_free_slow(struct kmem_cache *s, struct slab *slab, void *head, void *tail, unsigned int nr);

/* One object of the chain turned out to be free already: it is reported, and the others are freed one by one. */
void free_singly(struct kmem_cache *s, struct slab *slab, void *head, unsigned int nr, const void *freed);

/* Reports that @object is not the start of an object of @slab, in the words of slab_err(). */
void report_invalid_object(const struct kmem_cache *s, const struct slab *slab, const void *object);
void report_double_free(const struct kmem_cache *s, const struct slab *slab, const void *object);

/*
 * The push commits only if tid and freelist are unchanged, so the object is never linked to a list that was taken away.
 * It writes only into the object, which is still ours.
 */
static force_inline void cache_free(struct kmem_cache *s, struct slab *slab, void *object)
{
	struct kmem_cache_cpu *c;
	struct cpu_view v;

	if (unlikely(!object_start_ok(s, slab, object))) {
		report_invalid_object(s, slab, object);
		return;
	}
	c = cpu_slab_of(s, raw_cpu_id());
	do {
		v = cpu_slab_snapshot(c);
		if (unlikely(v.slab != slab)) {
			slab_free_slow(s, slab, object, object, 1);
			return;
		}
		/* The cheap half of double-free detection: the last object freed, freed again. */
		if (unlikely(v.freelist == object)) {
			report_double_free(s, slab, object);
			return;
		}
		KMM_RACE_POINT("free:fast:seen");
		freeptr_set(s, object, v.freelist);
	} while (unlikely(!cpu_slab_cas(s, c, v, object)));
	stat(s, FREE_FASTPATH);
}

#endif /* KMM_SLUB_FREE_H */
