/* SPDX-License-Identifier: MIT
 * highatomic.c - pageblocks kept for requests of several pages that cannot wait.
 *
 * Owns:       the pageblocks of MIGRATE_RESERVE (the text views say HighAtomic).
 * Locks:      zone->lock.
 * How:        such a request that succeeds sets the block it was served from aside, up to 1 % of the zone. When somebody would
 *             fail otherwise, a block goes back to the common pool. Free pages of these blocks are the last resort of every
 *             type, so nothing is lost by them.
 * Source:     reserve_highatomic_pageblock(), unreserve_highatomic_pageblock(), mm/page_alloc.c, Linux 6.1.
 */
#include "buddy/buddy_internal.h"

void reserve_highatomic_pageblock(struct zone *zone, struct page *page)
{
	const unsigned long most = zone_managed_pages(zone) / 100 + pageblock_nr_pages;

	if (READ_ONCE(zone->nr_reserved_highatomic) >= most)
		return;
	kmm_lock(&zone->lock);
	if (zone->nr_reserved_highatomic < most && pageblock_type(page) < MIGRATE_PCPTYPES)
		pageblock_move_free(zone, page, MIGRATE_RESERVE);
	kmm_unlock(&zone->lock);
}

/* A free block in a reserved pageblock, any order. */
static struct page *free_reserved(const struct zone *zone)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = free_area_first(zone, order, MIGRATE_RESERVE);

		if (page)
			return page;
	}
	return NULL;
}

bool unreserve_highatomic_pageblock(const struct alloc_context *ac)
{
	bool found = false;

	for_each_zone_in(ref, ac) {
		struct zone *zone = ref->zone;
		struct page *page;

		if (!READ_ONCE(zone->nr_reserved_highatomic))
			continue;
		kmm_lock(&zone->lock);
		page = free_reserved(zone);
		if (page) {
			pageblock_move_free(zone, page, ac->migratetype);
			found = true;
		}
		kmm_unlock(&zone->lock);
		if (found)
			break;
	}
	return found;
}
