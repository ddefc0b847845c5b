/* SPDX-License-Identifier: MIT
 * validate.c - walks a cache and proves the invariants S1 to S7 of slub_internal.h.
 *
 * Rules:  nobody else may use the cache meanwhile: the lock-free paths take no lock that could stop them.
 *         A violation is a BUG report that names the invariant.
 */
#include "base/work.h"
#include "slub/cpu_slab.h"
#include "slub/slub.h"

#define PROVE(invariant, cond, s)                                                                                    \
	do {                                                                                                         \
		if (!(cond))                                                                                         \
			kmm_report(KMM_REPORT_BUG, "kernel BUG in validate_cache(%s): %s violated: %s\n", (s)->name, \
				   invariant, #cond);                                                                \
	} while (0)

/* What the walk has seen so far. */
struct census {
	unsigned long slabs;
	unsigned long objects;
	unsigned long inuse;
};

/* Length of a list of free objects, each of which must be an object of @slab. */
static unsigned int list_length(const struct kmem_cache *s, const struct slab *slab, const void *freelist)
{
	unsigned int nr = 0;

	for (const void *object = freelist; object; object = freeptr_get(s, object)) {
		PROVE("S5", object_start_ok(s, slab, object), s);
		PROVE("S1 (a cycle)", nr < slab_objects(slab), s);
		nr++;
	}
	return nr;
}

/* @seen: one for each node. */
static void count_slab(const struct slab *slab, struct slab_word w, struct census *seen)
{
	seen += slab_nid(slab);
	seen->slabs++;
	seen->objects += w.objects;
	seen->inuse += w.inuse;
}

static void check_slab(const struct kmem_cache *s, const struct slab *slab, bool frozen, struct census *seen)
{
	struct slab_word w = slab_word_read(slab);

	PROVE("S1", slab->slab_cache == s, s);
	PROVE("S1", w.objects && w.objects <= oo_objects(s->oo), s);
	PROVE("S1", w.objects == w.inuse + list_length(s, slab, w.freelist), s);
	PROVE("S2", w.frozen == frozen, s);
	count_slab(slab, w, seen);
}

static void check_cpu(struct kmem_cache *s, unsigned int cpu, struct census *seen)
{
	struct kmem_cache_cpu *c = cpu_slab_of(s, cpu);
	unsigned long slabs = 0;
	struct slab *slab;

	kmm_lock(cpu_lock(cpu));
	PROVE("S4", c->slab || !c->freelist, s);
	PROVE("tid belongs to the cpu", tid_to_cpu(c->tid) == cpu, s);
	if (c->slab) {
		unsigned int detached = list_length(s, c->slab, c->freelist);

		check_slab(s, c->slab, true, seen);
		PROVE("S1", slab_word_read(c->slab).inuse >= detached, s);
		seen[slab_nid(c->slab)].inuse -= detached;
	}
	for (slab = c->partial; slab; slab = slab->next) {
		check_slab(s, slab, true, seen);
		PROVE("S3", slab->freelist != NULL, s);
		slabs++;
	}
	PROVE("S6", !c->partial || c->partial->slabs == slabs, s);
	kmm_unlock(cpu_lock(cpu));
}

static void check_node(struct kmem_cache *s, struct kmem_cache_node *n, unsigned int nid, struct census *seen)
{
	unsigned long nr_partial = 0;
	struct slab *slab;

	kmm_lock(&n->list_lock);
	cds_list_for_each_entry(slab, &n->partial, slab_list) {
		check_slab(s, slab, false, seen);
		PROVE("S3", slab->freelist != NULL, s);
		PROVE("S3", slab_nid(slab) == nid, s);
		nr_partial++;
	}
	PROVE("S6", n->nr_partial == nr_partial, s);
	kmm_unlock(&n->list_lock);
}

/* FULL slabs are on no list: they are found through the page array. */
static void check_full(struct kmem_cache *s, struct census *seen)
{
	for (unsigned long pfn = 0; (pfn = arena_next_online(pfn)) < kmm_arena.nr_pages; pfn++) {
		struct page *page = arena_pfn_to_page(pfn);
		struct slab_word w;

		if (page_is_tail(page) || !page_flag_test(page, PG_slab) || page->slab_cache != s)
			continue;
		w = slab_word_read(page_slab(page));
		if (w.frozen || w.freelist)
			continue;
		PROVE("S1", w.inuse == w.objects, s);
		count_slab(page_slab(page), w, seen);
	}
}

void kmm_validate_cache(struct kmem_cache *s)
{
	struct census seen[KMM_MAX_NUMNODES] = { { 0 } };
	struct kmem_cache_node *n;

	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		check_cpu(s, cpu, seen);
	for_each_kmem_cache_node(s, nid, n) check_node(s, n, nid, seen);
	check_full(s, seen);
	for_each_kmem_cache_node(s, nid, n)
	{
		PROVE("S7", n->nr_slabs == seen[nid].slabs, s);
		PROVE("S7", n->total_objects == seen[nid].objects, s);
	}
}

void kmm_validate_slub(void)
{
	struct kmem_cache *s;

	/* The walk for full slabs looks at every page; the library's own thread may be taking some. */
	kmm_work_pause();
	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list)
		kmm_validate_cache(s);
	kmm_unlock(&slab_mutex);
	kmm_work_resume();
}
