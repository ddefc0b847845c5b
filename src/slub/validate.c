/* SPDX-License-Identifier: MIT
 * validate.c - walks a cache and proves the invariants of slub_internal.h.
 *
 * Rules:  nobody else may use the cache meanwhile: the lock-free paths take no lock that could stop them. The walk believes
 *         nothing: a list that has a cycle, or leads out of the cache, is a finding. The first one is reported, by the name of
 *         its invariant, as a BUG, when all locks are released.
 * How:    slabs are found twice: on the lists of CPUs and nodes, and by a look at every page. The latter finds full slabs,
 *         which are on no list, and those that a list has lost.
 * Source: validate_slab_cache(), mm/slub.c, Linux 6.1 (the idea).
 */
#include "slub/validate.h"

#include <stdio.h>
#include <string.h>

#include <kmm/stats.h>

#include "base/bitmap.h"
#include "base/work.h"
#include "slub/cpu_slab.h"
#include "slub/merge.h"

/* What the walk has seen of one node. */
struct census {
	unsigned long slabs;
	unsigned long objects;
};

struct walk {
	const struct kmem_cache *s;
	struct slub_finding *finding;
	unsigned long frozen, listed; /* slabs on CPUs, and on lists of nodes */
	struct census seen[KMM_MAX_NUMNODES];
	unsigned long found[BITS_TO_LONGS(MAX_OBJS_PER_PAGE)]; /* free objects of the slab at hand */
};

/* Keeps the first finding. Returns @holds: who depends on it goes no further. */
static bool prove(struct walk *walk, const char *invariant, bool holds, const char *condition)
{
	struct slub_finding *finding = walk->finding;

	if (!holds && !finding->invariant) {
		finding->invariant = invariant;
		finding->condition = condition;
		snprintf(finding->cache, sizeof(finding->cache), "%s", walk->s->name);
	}
	return holds;
}

#define PROVE(walk, invariant, condition) prove(walk, invariant, condition, #condition)

static bool oo_fits(const struct kmem_cache *s, struct kmem_cache_order_objects oo)
{
	return oo_objects(oo) && oo_objects(oo) <= MAX_OBJS_PER_PAGE &&
	       (unsigned long)oo_objects(oo) * s->size <= PAGE_SIZE << oo_order(oo);
}

static void check_geometry(struct walk *walk)
{
	const struct kmem_cache *s = walk->s;

	PROVE(walk, "S8", s->object_size && s->object_size <= s->inuse && s->inuse <= s->size);
	PROVE(walk, "S8", s->offset % sizeof(void *) == 0 && s->offset + sizeof(void *) <= s->size);
	PROVE(walk, "S8", is_power_of_2(s->align) && s->size % s->align == 0);
	PROVE(walk, "S8", s->size && s->size_inverse == UINT64_MAX / s->size + 1);
	PROVE(walk, "S8", oo_fits(s, s->oo) && oo_fits(s, s->min) && oo_order(s->min) <= oo_order(s->oo));
	PROVE(walk, "S8", s->useroffset <= s->object_size && s->usersize <= s->object_size - s->useroffset);
}

/* The boot caches have a static name and no list of names. */
static void check_names(struct walk *walk)
{
	const struct kmem_cache *s = walk->s;
	const char *first = s->name;

	for (const struct cache_alias *alias = s->aliases; alias; alias = alias->next)
		first = alias->name;
	PROVE(walk, "S9", s->refcount == -1 || s->refcount >= 1);
	PROVE(walk, "S9", s->name == first);
	PROVE(walk, "S9", s->refcount <= 1 || !slab_unmergeable(s));
}

/* Is there such a page? Its memory can be read then. */
static bool slab_exists(const struct slab *slab)
{
	const unsigned long offset = (unsigned long)slab - (unsigned long)kmm_arena.mem_map;
	const unsigned long pfn = offset / sizeof(*slab);

	return offset % sizeof(*slab) == 0 && pfn < kmm_arena.nr_pages && arena_next_online(pfn) == pfn;
}

/* Is this a slab of the cache, as its page says? Only then are its other fields worth a look. */
static bool check_page(struct walk *walk, const struct slab *slab)
{
	const struct kmem_cache *s = walk->s;
	const struct page *page = slab_page(slab);
	unsigned int order, objects;

	if (!PROVE(walk, "S10", slab_exists(slab)) ||
	    !PROVE(walk, "S10", !page_is_tail(page) && page_flag_test(page, PG_slab)) ||
	    !PROVE(walk, "S10", slab->slab_cache == s))
		return false;
	order = compound_order(slab_page(slab));
	objects = slab_word_read(slab).objects;
	PROVE(walk, "S10",
	      (order == oo_order(s->oo) && objects == oo_objects(s->oo)) ||
		      (order == oo_order(s->min) && objects == oo_objects(s->min)));
	return PROVE(walk, "S10", slab_node(s, slab) != NULL);
}

/* Length of a list of free objects, each of which must be an object of @slab that was on no list before. */
static unsigned int list_length(struct walk *walk, const struct slab *slab, const void *freelist)
{
	unsigned int nr = 0;

	for (const void *object = freelist; object; object = freeptr_get(walk->s, object)) {
		unsigned long index;

		if (!PROVE(walk, "S5", object_start_ok(walk->s, slab, object)))
			break;
		index = obj_to_index(walk->s, slab, object);
		if (!PROVE(walk, "S1 (an object that is free twice)", !bitmap_test(walk->found, index)))
			break;
		bitmap_set(walk->found, index, 1);
		nr++;
	}
	return nr;
}

/* @detached: free objects that a CPU holds back. Returns what is free in the slab itself. */
static unsigned int check_slab(struct walk *walk, const struct slab *slab, bool frozen, const void *detached)
{
	const struct slab_word w = slab_word_read(slab);
	unsigned int nr;

	memset(walk->found, 0, BITS_TO_LONGS(w.objects) * sizeof(long));
	nr = list_length(walk, slab, w.freelist);
	PROVE(walk, "S1", w.objects == w.inuse + nr);
	PROVE(walk, "S2", w.frozen == frozen);
	if (detached)
		PROVE(walk, "S1", w.inuse >= list_length(walk, slab, detached));
	walk->seen[slab_nid(slab)].slabs++;
	walk->seen[slab_nid(slab)].objects += w.objects;
	return nr;
}

/* The counts of each slab on a CPU's list are those of the rest of the list and its own. Objects that were freed to it later
 * are not counted. */
static void check_cpu_partial(struct walk *walk, const struct slab *list, unsigned long limit)
{
	for (const struct slab *slab = list; slab; slab = slab->next) {
		unsigned int slabs = 0, objects = 0, nr_free;

		if (!PROVE(walk, "S6 (a cycle)", walk->frozen++ < limit) || !check_page(walk, slab))
			return;
		nr_free = check_slab(walk, slab, true, NULL);
		PROVE(walk, "S3", nr_free > 0);
		if (slab->next && PROVE(walk, "S10", slab_exists(slab->next))) {
			slabs = slab->next->slabs;
			objects = slab->next->pobjects;
		}
		PROVE(walk, "S6", slab->slabs == slabs + 1);
		PROVE(walk, "S6", slab->pobjects > objects && slab->pobjects <= objects + nr_free);
	}
}

static void check_cpu(struct walk *walk, unsigned int cpu, unsigned long limit)
{
	const struct kmem_cache_cpu *c = cpu_slab_of(walk->s, cpu);

	kmm_lock(cpu_lock(cpu));
	PROVE(walk, "S4", c->slab || !c->freelist);
	PROVE(walk, "S4 (the tid of another CPU)", tid_to_cpu(c->tid) == cpu);
	if (c->slab && check_page(walk, c->slab)) {
		walk->frozen++;
		check_slab(walk, c->slab, true, c->freelist);
	}
	check_cpu_partial(walk, c->partial, limit);
	kmm_unlock(cpu_lock(cpu));
}

static void check_node(struct walk *walk, struct kmem_cache_node *n, unsigned int nid, unsigned long limit)
{
	unsigned long nr_partial = 0;
	const struct slab *slab;

	kmm_spin_lock(&n->list_lock);
	cds_list_for_each_entry(slab, &n->partial, slab_list) {
		if (!PROVE(walk, "S6 (a cycle)", nr_partial < limit) || !check_page(walk, slab))
			break;
		PROVE(walk, "S3", check_slab(walk, slab, false, NULL) > 0);
		PROVE(walk, "S3", slab_nid(slab) == nid);
		nr_partial++;
	}
	PROVE(walk, "S6", n->nr_partial == nr_partial);
	walk->listed += nr_partial;
	kmm_spin_unlock(&n->list_lock);
}

/* The head page of a slab, in page number @pfn or behind; NULL when there is none. */
static const struct slab *next_slab(unsigned long *pfn)
{
	for (; (*pfn = arena_next_online(*pfn)) < kmm_arena.nr_pages; ++*pfn) {
		const struct page *page = arena_pfn_to_page(*pfn);

		if (!page_is_tail(page) && page_flag_test(page, PG_slab))
			return page_slab(page);
	}
	return NULL;
}

/* All slabs that there are, by their pages: those of CPUs and of lists must be the ones seen there, full ones are on none. Only
 * empty slabs that wait for a grace period are more, or that a thread had in its hands at a fork, and they count for nothing. */
static void check_pages(struct walk *walk)
{
	unsigned long frozen = 0, listed = 0, empty = 0;
	const struct slab *slab;

	for (unsigned long pfn = 0; (slab = next_slab(&pfn)); pfn++) {
		const struct slab_word w = slab_word_read(slab);

		if (slab->slab_cache != walk->s)
			continue;
		if (w.frozen) {
			frozen++;
		} else if (w.freelist) {
			listed++;
			empty += !w.inuse;
		} else if (check_page(walk, slab)) {
			check_slab(walk, slab, false, NULL);
		}
	}
	PROVE(walk, "S2 (a frozen slab that no CPU has)", frozen == walk->frozen);
	if (slub_forked || (walk->s->flags & SLAB_TYPESAFE_BY_RCU))
		PROVE(walk, "S3 (a slab that no list has)", listed >= walk->listed && listed - walk->listed <= empty);
	else
		PROVE(walk, "S3 (a slab that no list has)", listed == walk->listed);
}

static void check_counts(struct walk *walk)
{
	struct kmem_cache_node *n;

	for_each_kmem_cache_node(walk->s, nid, n) {
		PROVE(walk, "S7", n->nr_slabs == walk->seen[nid].slabs);
		PROVE(walk, "S7", n->total_objects == walk->seen[nid].objects);
	}
}

void validate_cache(const struct kmem_cache *s, struct slub_finding *finding)
{
	struct walk walk = { .s = s, .finding = finding };
	const unsigned long limit = kmm_arena.nr_pages;
	struct kmem_cache_node *n;

	check_names(&walk);
	check_geometry(&walk);
	/* With a wrong size there is no telling objects. */
	if (finding->invariant)
		return;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		check_cpu(&walk, cpu, limit);
	for_each_kmem_cache_node(s, nid, n)
		check_node(&walk, n, nid, limit);
	check_pages(&walk);
	check_counts(&walk);
}

void slub_finding_report(const struct slub_finding *finding)
{
	if (finding->invariant)
		kmm_report(KMM_REPORT_BUG, "kernel BUG in validate_cache(%s): %s violated: %s\n", finding->cache,
			   finding->invariant, finding->condition);
}

static bool in_registry(const struct kmem_cache *s)
{
	const struct kmem_cache *i;

	cds_list_for_each_entry(i, &slab_caches, list)
		if (i == s)
			return true;
	return false;
}

/* No slab is left of a cache that is gone, but for those that wait for a grace period. */
static void check_owners(struct slub_finding *finding)
{
	const struct slab *slab;

	for (unsigned long pfn = 0; (slab = next_slab(&pfn)); pfn++) {
		const struct slab_word w = slab_word_read(slab);

		if ((w.inuse || w.frozen) && !finding->invariant && !in_registry(slab->slab_cache))
			*finding = (struct slub_finding){ .invariant = "S10",
							  .condition = "in_registry(slab->slab_cache)",
							  .cache = "(unknown)" };
	}
}

KMM_API void kmm_validate_cache(struct kmem_cache *s)
{
	struct slub_finding finding = { .invariant = NULL };

	kmm_work_pause();
	validate_cache(s, &finding);
	kmm_work_resume();
	slub_finding_report(&finding);
}

KMM_API void kmm_validate_slub(void)
{
	struct slub_finding finding = { .invariant = NULL };
	const struct kmem_cache *s;

	kmm_work_pause();
	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list)
		validate_cache(s, &finding);
	check_owners(&finding);
	kmm_unlock(&slab_mutex);
	kmm_work_resume();
	slub_finding_report(&finding);
}
