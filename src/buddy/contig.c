/* SPDX-License-Identifier: MIT
 * contig.c - ranges of pages of any length, made free by asking what is in use there to move.
 *
 * Owns:       the search for a range, and the pages of one between the lists and their new owner.
 * Locks:      zone->lock for the steps. In between, the isolation of its pageblocks keeps a range together (isolate.c).
 * Invariants: a range taken off the lists is a row of runs; the first page of each has the run's length in private and
 *             PG_reported where the run is known to be zero, until the run is prepared.
 * Source:     alloc_contig_range(), alloc_contig_pages(), free_contig_range(), mm/page_alloc.c, Linux 6.1. Differs: parts of
 *             the zone that were never online come online for a range; __GFP_ZERO is heeded; a range whose length is no
 *             power of two may start at any page.
 */
#include <errno.h>

#include <kmm/contig.h>

#include "base/boot.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"

struct zone *zone_of_range(unsigned long start, unsigned long end)
{
	for_each_zone(zone)
		if (start >= zone->start_pfn && end <= READ_ONCE(zone->end_pfn))
			return zone;
	return NULL;
}

/* The first page of the range that is not online, after what can be done about it; @end: none. Under zone->lock. */
static unsigned long bring_online_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	zone_online_range_locked(zone, start, end);
	for (unsigned long pfn = start; pfn < end; pfn = ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages)
		if (!arena_pfn_online(pfn))
			return pfn;
	return end;
}

static int bring_online(struct zone *zone, unsigned long start, unsigned long end, unsigned long *busy)
{
	kmm_lock(&zone->lock);
	*busy = bring_online_locked(zone, start, end);
	kmm_unlock(&zone->lock);
	if (*busy == end)
		return 0;
	return pageblock_word(arena_pfn_to_page(*busy)) & PAGEBLOCK_REMOVED ? -EINVAL : -ENOMEM;
}

/* Free pages [@start, @end), in isolated pageblocks, leave the lists; what sticks out of the range stays there. */
static void take_range_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	kmm_assert_held(&zone->lock);
	for (unsigned long pfn = start; pfn < end;) {
		struct page *block = free_block_of(pfn);
		const unsigned int order = page_buddy_order(block);
		const unsigned long first = arena_page_to_pfn(block), last = first + (1UL << order);
		const bool reported = page_flag_test(block, PG_reported);
		struct page *run = arena_pfn_to_page(pfn);

		free_area_del(zone, block, order);
		zone_free_range(zone, first, pfn, reported);
		if (last > end)
			zone_free_range(zone, end, last, reported);
		run->private = min_of(last, end) - pfn;
		if (reported)
			page_flag_set(run, PG_reported);
		pfn += run->private;
	}
}

/* Each page becomes one of order 0 with a reference. False: some were bad, and are out of use. */
static bool prep_range(unsigned long start, unsigned long end, gfp_t gfp)
{
	bool good = true;

	for (unsigned long pfn = start; pfn < end;) {
		struct page *page = arena_pfn_to_page(pfn);
		const unsigned long nr_pages = page->private;
		const bool zeroed = page_flag_test(page, PG_reported);

		page->private = 0;
		page_flag_clear(page, PG_reported);
		for (unsigned long i = 0; i < nr_pages; i++)
			good &= prep_new_block(page + i, 0, gfp, zeroed);
		pfn += nr_pages;
	}
	return good;
}

static void free_good_pages(unsigned long start, unsigned long end)
{
	for (unsigned long pfn = start; pfn < end; pfn++)
		if (page_refcount(arena_pfn_to_page(pfn)))
			__free_page(arena_pfn_to_page(pfn));
}

static int take_isolated(struct zone *zone, unsigned long start, unsigned long end, gfp_t gfp, unsigned long *busy)
{
	int err = lock_isolated_range(zone, start, end, gfp, busy);

	if (err)
		return err;
	take_range_locked(zone, start, end);
	kmm_unlock(&zone->lock);
	for (unsigned long pfn = start; pfn < end; pfn = ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages)
		arena_block_used(pfn);
	if (prep_range(start, end, gfp))
		return 0;
	free_good_pages(start, end);
	*busy = end - 1;
	return -EBUSY;
}

/* *@busy: the page that was in the way. */
static int take_range(struct zone *zone, unsigned long start, unsigned long end, enum migratetype type, gfp_t gfp,
		      unsigned long *busy)
{
	int err = bring_online(zone, start, end, busy);

	if (!err)
		err = start_isolate_page_range(zone, start, end, type, 0, gfp, busy);
	if (err)
		return err;
	err = take_isolated(zone, start, end, gfp, busy);
	undo_isolate_page_range(zone, start, end);
	return err;
}

static int refuse_range(unsigned long start, unsigned long end, unsigned int type, gfp_t gfp, const char *why)
{
	if (!(gfp & __GFP_NOWARN))
		kmm_report(KMM_REPORT_WARN, "WARNING: alloc_contig_range: pages %#lx to %#lx, type %u: %s\n", start,
			   end, type, why);
	return -EINVAL;
}

int alloc_contig_range(unsigned long start, unsigned long end, unsigned int migratetype, gfp_t gfp)
{
	const enum migratetype type = (enum migratetype)migratetype;
	unsigned long busy;
	struct zone *zone;
	int err;

	if (!buddy_ensure_started())
		return -ENOMEM;
	if (type != MIGRATE_MOVABLE && type != MIGRATE_CMA)
		return refuse_range(start, end, migratetype, gfp, "neither MIGRATE_MOVABLE nor MIGRATE_CMA");
	if (start >= end)
		return refuse_range(start, end, migratetype, gfp, "no page");
	zone = zone_of_range(start, end);
	if (!zone)
		return refuse_range(start, end, migratetype, gfp, "not in one zone");
	if (type == MIGRATE_CMA && !cma_contains(start, end))
		return refuse_range(start, end, migratetype, gfp, "not in the area of cma=");
	err = take_range(zone, start, end, type, current_gfp_context(gfp), &busy);
	return err == -EINVAL ? refuse_range(start, end, migratetype, gfp, "not online") : err;
}

/* One search through a zone. */
struct search {
	struct zone *zone;
	unsigned long nr_pages, align;
	gfp_t gfp;
	bool may_grow; /* parts that were never online will do as well */
};

/* A part of a pageblock: 0 when it may be part of the range, else the first page behind what is in the way. */
static unsigned long obstacle_end_locked(const struct search *search, unsigned long pfn, unsigned long end)
{
	const unsigned int word = pageblock_word(arena_pfn_to_page(pfn));
	const enum migratetype type = pageblock_word_type(word);

	if (!(word & PAGEBLOCK_ONLINE))
		return search->may_grow && !(word & PAGEBLOCK_REMOVED) ? 0 : end;
	if (type == MIGRATE_CMA || type == MIGRATE_ISOLATE)
		return end;
	while (pfn < end) {
		const struct page *page = free_block_of(pfn);

		/* Without references, but in no free block: behind the first page of a block in use, as a rule. */
		if (!page && !page_is_movable(search->zone, pfn, search->gfp))
			return pfn + 1;
		pfn = page ? arena_page_to_pfn(page) + (1UL << page_buddy_order(page)) : pfn + 1;
	}
	return 0;
}

/* Looks at [@pfn, @end); 0, or as above. */
static unsigned long obstacle_end(const struct search *search, unsigned long pfn, unsigned long end)
{
	unsigned long found = 0;

	while (pfn < end && !found) {
		const unsigned long part = min_of(ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages, end);

		kmm_lock(&search->zone->lock);
		found = obstacle_end_locked(search, pfn, part);
		kmm_unlock(&search->zone->lock);
		pfn = part;
	}
	return found;
}

static struct page *search_zone(const struct search *search)
{
	struct zone *zone = search->zone;
	unsigned long start = ALIGN_UP(zone->start_pfn, search->align);

	while (start < READ_ONCE(zone->end_pfn) && search->nr_pages <= READ_ONCE(zone->end_pfn) - start) {
		const unsigned long end = start + search->nr_pages;
		unsigned long next = obstacle_end(search, start, end), busy;

		if (!next) {
			if (!take_range(zone, start, end, MIGRATE_MOVABLE, search->gfp, &busy))
				return arena_pfn_to_page(start);
			next = busy + 1;
		}
		start = ALIGN_UP(next, search->align);
	}
	return NULL;
}

struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid, const nodemask_t *nodemask)
{
	struct search search = { .nr_pages = nr_pages, .align = is_power_of_2(nr_pages) ? nr_pages : 1 };
	struct alloc_context ac;

	if (!buddy_ensure_started())
		return NULL;
	if (nid == NUMA_NO_NODE)
		nid = numa_node_id();
	if (!nr_pages || nid < 0 || nid >= num_online_nodes()) {
		KMM_WARN(!(gfp & __GFP_NOWARN), "%lu pages on node %d: no such thing", nr_pages, nid);
		return NULL;
	}
	search.gfp = current_gfp_context(gfp);
	prepare_alloc_context(search.gfp, (unsigned int)nid, nodemask, &ac);
	for_each_zone_in(ref, &ac) {
		struct page *page;

		search.zone = ref->zone;
		if (!populated_zone(search.zone) || !node_allowed((unsigned int)search.zone->zone_pgdat->node_id))
			continue;
		/* What CPUs keep would be in the way. */
		drain_all_pages(search.zone);
		search.may_grow = false;
		page = search_zone(&search);
		search.may_grow = true;
		if (!page && READ_ONCE(search.zone->nr_offline))
			page = search_zone(&search);
		if (page)
			return page;
	}
	return NULL;
}

void free_contig_range(unsigned long pfn, unsigned long nr_pages)
{
	unsigned long in_use = 0;

	/* After the end every free is ignored. */
	if (kmm_boot_state() == KMM_DEAD)
		return;
	if (pfn > kmm_arena.nr_pages || nr_pages > kmm_arena.nr_pages - pfn) {
		KMM_WARN(true, "pages %#lx to %#lx are not in the arena", pfn, pfn + nr_pages);
		return;
	}
	for (; nr_pages; nr_pages--, pfn++) {
		struct page *page = arena_pfn_to_page(pfn);

		in_use += page_refcount(page) != 1;
		__free_page(page);
	}
	KMM_WARN(in_use, "%lu pages are still in use!", in_use);
}
