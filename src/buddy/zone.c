/* SPDX-License-Identifier: MIT
 * zone.c - one zone: its range, its first pages, its growth.
 *
 * Owns:       start_pfn, end_pfn, next_pfn, nr_offline, present_pages and the zone in the words of its pageblocks.
 * Locks:      zone->lock; the arena lock inside it while the zone grows.
 * Invariants: B8 of buddy_internal.h.
 * Source:     memblock_free_all(), mm/memblock.c; online_pages(), mm/memory_hotplug.c, Linux 6.1.
 */
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

/* The next pages that were never online, up to the end of their section. */
static unsigned long next_offline_range(const struct zone *zone, unsigned long *start)
{
	const unsigned int known = PAGEBLOCK_ONLINE | PAGEBLOCK_REMOVED;
	unsigned long pfn = zone->next_pfn, end;

	while (pfn < zone->end_pfn && (block_word(pfn) & known))
		pfn += pageblock_nr_pages;
	*start = pfn;
	end = min_of(ALIGN_DOWN(pfn, PAGES_PER_SECTION) + PAGES_PER_SECTION, zone->end_pfn);
	while (pfn < end && !(block_word(pfn) & known))
		pfn += pageblock_nr_pages;
	return pfn;
}

bool zone_grow_locked(struct zone *zone)
{
	unsigned long start, end;

	kmm_assert_held(&zone->lock);
	if (!zone->nr_offline)
		return false;
	end = next_offline_range(zone, &start);
	kmm_assert(start < end);
	if (arena_online(start, end - start, zone->index))
		return false;
	zone->next_pfn = end;
	WRITE_ONCE(zone->nr_offline, zone->nr_offline - (end - start));
	zone_free_range(zone, start, end, true);
	return true;
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
