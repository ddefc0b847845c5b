/* SPDX-License-Identifier: MIT
 * cma.c - the area of the option cma=: lent to movable pages until somebody wants it, or a part of it, in one piece.
 *
 * Owns:       the range of the area, zone->cma_pages.
 * Locks:      set up at start, before a second thread can be inside, under zone->lock; the range is fixed from then on.
 * How:        whole pageblocks at the end of node 0's Normal zone come online and get MIGRATE_CMA. Movable requests use them
 *             (rmqueue.c), no other type falls back to them (pageblock.c), and watermarks do not count them for others
 *             (watermark.c). alloc_contig_range() takes ranges out of it.
 * Source:     cma_declare_contiguous_nid(), cma_init_reserved_areas(), mm/cma.c, Linux 6.1.
 */
#include "base/report.h"
#include "buddy/buddy_internal.h"

static unsigned long cma_start_pfn, cma_end_pfn;

bool cma_contains(unsigned long start, unsigned long end)
{
	return start >= cma_start_pfn && end <= cma_end_pfn;
}

/* Pages that were handed out never come here, so each pageblock is free as a whole. */
static bool make_cma_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	zone_online_range_locked(zone, start, end);
	for (unsigned long pfn = start; pfn < end; pfn += pageblock_nr_pages)
		if (!arena_pfn_online(pfn))
			return false;
	for (unsigned long pfn = start; pfn < end; pfn += pageblock_nr_pages)
		pageblock_move_free(zone, arena_pfn_to_page(pfn), MIGRATE_CMA);
	WRITE_ONCE(zone->cma_pages, end - start);
	return true;
}

void cma_start(unsigned long reserved_end)
{
	struct zone *zone = &NODE_DATA(0)->node_zones[ZONE_NORMAL];
	const unsigned long nr_pages =
		DIV_ROUND_UP(buddy_options.cma / PAGE_SIZE + !!(buddy_options.cma % PAGE_SIZE), pageblock_nr_pages)
		<< pageblock_order;
	/* memblock's pages are not free, and something is left for requests of other types. */
	const unsigned long first =
		ALIGN_UP(max_of(zone->start_pfn, reserved_end), pageblock_nr_pages) + pageblock_nr_pages;
	bool made = false;

	cma_start_pfn = cma_end_pfn = 0;
	if (!nr_pages)
		return;
	if (first <= zone->end_pfn && nr_pages <= zone->end_pfn - first) {
		kmm_lock(&zone->lock);
		made = make_cma_locked(zone, zone->end_pfn - nr_pages, zone->end_pfn);
		kmm_unlock(&zone->lock);
	}
	if (made) {
		cma_end_pfn = zone->end_pfn;
		cma_start_pfn = cma_end_pfn - nr_pages;
	} else {
		kmm_report(KMM_REPORT_ERR, "cma: Failed to reserve %lu MiB\n", nr_pages >> (20 - PAGE_SHIFT));
	}
}
