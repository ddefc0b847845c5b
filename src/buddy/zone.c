/* SPDX-License-Identifier: MIT
 * zone.c - one zone: its range, its first pages, its growth.
 *
 * Owns:       start_pfn, end_pfn, next_pfn, nr_offline, present_pages and the zone in the words of its pageblocks.
 * Locks:      zone->lock; the arena lock inside it while the zone grows.
 * Invariants: B8 of buddy_internal.h. A removed page is of the zone's range, but not of its limit: the zone does not grow into
 *             it until it is readmitted, and then it is one that was never online.
 * Source:     memblock_free_all(), mm/memblock.c; online_pages(), mm/memory_hotplug.c, Linux 6.1.
 */
#include <errno.h>

#include "base/report.h"
#include "buddy/prep_hooks.h"

void zone_free_range(struct zone *zone, unsigned long pfn, unsigned long end, bool reported)
{
	kmm_assert_held(&zone->lock);
	if (unlikely(buddy_prep_hooks) && reported)
		prep_fresh_pages(pfn, end - pfn);
	while (pfn < end) {
		unsigned int order = pfn ? min_of((unsigned int)__builtin_ctzl(pfn), MAX_ORDER - 1) : MAX_ORDER - 1;
		struct page *page = arena_pfn_to_page(pfn);

		while (pfn + (1UL << order) > end)
			order--;
		/* At the tail, so that low addresses are used first. Nothing to merge with: the range is whole blocks. */
		page_set_buddy(page, order, reported);
		free_area_add(zone, page, order, pageblock_type(page), true);
		zone_account(zone, pageblock_type(page), 1L << order);
		pfn += 1UL << order;
	}
}

static unsigned int block_word(unsigned long pfn)
{
	return READ_ONCE(kmm_arena.pageblock_flags[pfn >> pageblock_order]);
}

/* The next pages from @pfn on that were never online, up to the end of their section. */
static unsigned long next_offline_range(const struct zone *zone, unsigned long pfn, unsigned long *start)
{
	const unsigned int known = PAGEBLOCK_ONLINE | PAGEBLOCK_REMOVED;
	unsigned long end;

	while (pfn < zone->end_pfn && (block_word(pfn) & known))
		pfn += pageblock_nr_pages;
	*start = pfn;
	end = min_of(ALIGN_DOWN(pfn, PAGES_PER_SECTION) + PAGES_PER_SECTION, zone->end_pfn);
	while (pfn < end && !(block_word(pfn) & known))
		pfn += pageblock_nr_pages;
	return pfn;
}

static bool online_range(struct zone *zone, unsigned long start, unsigned long end)
{
	if (arena_online(start, end - start, zone->index))
		return false;
	zone_free_range(zone, start, end, true);
	/* Counted twice for a moment, rather than not at all: a request that looks just now would find an empty zone, and fail.
	 * RELEASE pairs with zone_nr_to_have(). */
	smp_store_release(&zone->nr_offline, zone->nr_offline - (end - start));
	return true;
}

bool zone_grow_locked(struct zone *zone)
{
	unsigned long start, end;

	kmm_assert_held(&zone->lock);
	if (!zone->nr_offline)
		return false;
	end = next_offline_range(zone, zone->next_pfn, &start);
	kmm_assert(start < end);
	if (!online_range(zone, start, end))
		return false;
	zone->next_pfn = end;
	return true;
}

void zone_online_range_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	unsigned long pfn = max_of(ALIGN_DOWN(start, PAGES_PER_SECTION), zone->start_pfn), first;

	kmm_assert_held(&zone->lock);
	while (zone->nr_offline) {
		pfn = next_offline_range(zone, pfn, &first);
		if (first >= end || first >= zone->end_pfn || !online_range(zone, first, pfn))
			break;
	}
}

int zone_remove_offline_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	unsigned long pfn = start, first;

	kmm_assert_held(&zone->lock);
	while (pfn < end) {
		unsigned long nr_pages;

		pfn = min_of(next_offline_range(zone, pfn, &first), end);
		if (first >= pfn)
			break;
		nr_pages = pfn - first;
		if (arena_remove(first, nr_pages))
			return -ENOMEM;
		WRITE_ONCE(zone->nr_offline, zone->nr_offline - nr_pages);
		WRITE_ONCE(zone->present_pages, zone->present_pages - nr_pages);
	}
	return 0;
}

void zone_remove_free_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	kmm_assert_held(&zone->lock);
	for (unsigned long pfn = start; pfn < end; pfn += pageblock_nr_pages) {
		if (!arena_pfn_online(pfn))
			continue;
		kmm_assert(pageblock_type(arena_pfn_to_page(pfn)) == MIGRATE_ISOLATE);
		free_area_del(zone, arena_pfn_to_page(pfn), pageblock_order);
		prep_leaving_pages(pfn, pageblock_nr_pages);
		arena_offline(pfn, pageblock_nr_pages);
		WRITE_ONCE(zone->nr_isolate_pageblock, zone->nr_isolate_pageblock - 1);
		WRITE_ONCE(zone->present_pages, zone->present_pages - pageblock_nr_pages);
	}
}

void zone_readmit_locked(struct zone *zone, unsigned long start, unsigned long end)
{
	kmm_assert_held(&zone->lock);
	for (unsigned long pfn = start; pfn < end; pfn += pageblock_nr_pages) {
		if (!(block_word(pfn) & PAGEBLOCK_REMOVED))
			continue;
		arena_readmit(pfn, pageblock_nr_pages);
		WRITE_ONCE(zone->present_pages, zone->present_pages + pageblock_nr_pages);
		WRITE_ONCE(zone->nr_offline, zone->nr_offline + pageblock_nr_pages);
		zone->next_pfn = min_of(zone->next_pfn, pfn);
	}
}

void zone_extend_locked(struct zone *zone, unsigned long nr_pages)
{
	kmm_assert_held(&zone->lock);
	WRITE_ONCE(zone->end_pfn, zone->end_pfn + nr_pages);
	WRITE_ONCE(zone->present_pages, zone->present_pages + nr_pages);
	WRITE_ONCE(zone->nr_offline, zone->nr_offline + nr_pages);
}

/* memblock's section came online before there were zones. */
static void adopt_boot_blocks(struct zone *zone, unsigned long start, unsigned long end)
{
	for (unsigned long block = start >> pageblock_order; block < end >> pageblock_order; block++)
		kmm_arena.pageblock_flags[block] =
			(unsigned short)(PAGEBLOCK_ONLINE | (unsigned int)zone->index << PAGEBLOCK_ZONE_SHIFT);
}

void zone_setup(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	const unsigned long boot_start = max_of(start_pfn, kmm_arena.boot_pfn);
	const unsigned long boot_end = min_of(end_pfn, kmm_arena.boot_pfn + kmm_arena.nr_boot);

	free_area_init(zone);
	CDS_INIT_LIST_HEAD(&zone->isolated);
	zone->start_pfn = start_pfn;
	zone->end_pfn = end_pfn;
	zone->next_pfn = start_pfn;
	zone->present_pages = end_pfn - start_pfn;
	zone->nr_offline = zone->present_pages;
	if (boot_start < boot_end) {
		adopt_boot_blocks(zone, boot_start, boot_end);
		zone->nr_offline -= boot_end - boot_start;
	}
}

void zone_start(struct zone *zone, unsigned long reserved_end)
{
	const unsigned long boot_start = max_of(zone->start_pfn, kmm_arena.boot_pfn);
	const unsigned long boot_end = min_of(zone->end_pfn, kmm_arena.boot_pfn + kmm_arena.nr_boot);
	const unsigned long first_free = min_of(max_of(boot_start, reserved_end), boot_end);

	kmm_lock(&zone->lock);
	if (boot_start < boot_end) {
		zone->nr_reserved = first_free - boot_start;
		/* Never touched, but the pages of a huge or large system page may share memory with memblock's. */
		zone_free_range(zone, first_free, boot_end, true);
	}
	zone->started = true;
	kmm_unlock(&zone->lock);
}
