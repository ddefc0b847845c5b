/* SPDX-License-Identifier: MIT
 * rmqueue.c - pages leave a zone: own lists, other types' blocks, a larger zone, other types' pages, the reserve.
 *
 * Owns:       the order in which a zone is searched.
 * Locks:      zone->lock. Pages are prepared after it is released: they belong to the caller then.
 * Source:     rmqueue(), __rmqueue(), rmqueue_buddy(), mm/page_alloc.c, Linux 6.1.
 */
#include "buddy/buddy_internal.h"

/* Movable pages go where a contiguous range may be wanted later, while that part is the emptier one. */
static bool cma_first(const struct zone *zone, unsigned int alloc_flags)
{
	return unlikely(alloc_flags & ALLOC_CMA) && zone->vm_stat[NR_FREE_CMA_PAGES] > zone->vm_stat[NR_FREE_PAGES] / 2;
}

/*
 * The zone grows before a pageblock gets mixed. A section costs its part of the page array and, until they are touched,
 * nothing for its pages; a page of the wrong type in a block keeps that block from ever being free as a whole for as
 * long as it lives. A free pageblock of another type comes before growing, because it is pure either way.
 */
struct page *zone_take_locked(struct zone *zone, unsigned int order, enum migratetype type, unsigned int alloc_flags,
			      bool *reported)
{
	struct page *page = NULL;

	kmm_assert_held(&zone->lock);
	if (cma_first(zone, alloc_flags))
		page = free_area_take(zone, order, MIGRATE_CMA, reported);
	while (!page) {
		page = free_area_take(zone, order, type, reported);
		if (!page && (alloc_flags & ALLOC_CMA))
			page = free_area_take(zone, order, MIGRATE_CMA, reported);
		if (!page)
			page = pageblock_steal(zone, order, pageblock_order, type, reported);
		if (!page && !zone_grow_locked(zone))
			break;
	}
	if (!page)
		page = pageblock_steal(zone, order, 0, type, reported);
	if (!page)
		page = free_area_take(zone, order, MIGRATE_RESERVE, reported);
	return page;
}

static struct page *rmqueue_zone(const struct alloc_context *ac, struct zone *zone, unsigned int order, gfp_t gfp,
				 unsigned int alloc_flags, bool *reported)
{
	struct page *page = NULL;

	kmm_lock(&zone->lock);
	if (likely(zone->started)) {
		if (order && (alloc_flags & ALLOC_HARDER))
			page = free_area_take(zone, order, MIGRATE_RESERVE, reported);
		if (!page)
			page = zone_take_locked(zone, order, ac->migratetype, alloc_flags, reported);
	}
	if (likely(page)) {
		zone_account(zone, pageblock_type(page), -(1L << order));
		WRITE_ONCE(zone->nr_alloc, zone->nr_alloc + (1UL << order));
	}
	kmm_unlock(&zone->lock);
	if (likely(page)) {
		note_page_used(page, *reported);
		use_alloc_batch(zone, gfp & __GFP_THISNODE ? 0 : 1U << order);
	}
	return page;
}

struct page *rmqueue(const struct alloc_context *ac, struct zone *zone, unsigned int order, gfp_t gfp,
		     unsigned int alloc_flags, bool *reported)
{
	if (likely(pcp_allowed_order(order) && pcp_may_serve(zone, ac->migratetype, alloc_flags))) {
		struct page *page = pcp_alloc(zone, order, ac->migratetype, gfp, alloc_flags, reported);

		if (likely(page))
			return page;
	}
	return rmqueue_zone(ac, zone, order, gfp, alloc_flags, reported);
}
