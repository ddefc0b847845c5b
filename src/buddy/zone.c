/* SPDX-License-Identifier: MIT
 * zone.c - the one zone: its start, its growth by sections, its counters.
 *
 * Owns:       kmm_zone; the first state of every struct page.
 * Locks:      zone->lock; the arena lock inside it while the zone grows.
 * Invariants: B5, B8 of buddy_internal.h.
 * Source:     memblock_free_all(), mm/memblock.c; online_pages(), mm/memory_hotplug.c; nr_free_pages(), Linux 6.1.
 */
#include <errno.h>

#include <kmm/stats.h>

#include "arena/memblock.h"
#include "base/boot.h"
#include "base/fork.h"
#include "buddy/buddy_internal.h"

struct zone kmm_zone = {
	.lock = KMM_LOCK_INIT(KMM_RANK_ZONE, "zone->lock"),
	.name = "Normal",
};

const struct kmm_param buddy_params[] = {
	{ .name = NULL },
};

/* The array comes from the system as zeros; only the count that is -1 for "none" has to be written. */
static void init_pages(unsigned long pfn, unsigned long end)
{
	for (; pfn < end; pfn++)
		arena_pfn_to_page(pfn)->mapcount = PAGE_TYPE_NONE;
}

void zone_free_range(struct zone *zone, unsigned long pfn, unsigned long end, bool reported)
{
	kmm_assert_held(&zone->lock);
	while (pfn < end) {
		unsigned int order = pfn ? min_of((unsigned int)__builtin_ctzl(pfn), MAX_ORDER - 1) : MAX_ORDER - 1;
		struct page *page = arena_pfn_to_page(pfn);

		while (pfn + (1UL << order) > end)
			order--;
		/* At the tail, so that low addresses are used first. Nothing to merge with: the range is whole blocks. */
		page_set_buddy(page, order, reported);
		free_area_add(zone, page, order, pageblock_type(page), true);
		zone_mod_free(zone, 1L << order);
		zone->nr_managed += 1UL << order;
		pfn += 1UL << order;
	}
}

bool zone_grow_locked(struct zone *zone)
{
	unsigned long pfn, nr;

	kmm_assert_held(&zone->lock);
	if (!zone_nr_offline() || arena_section_online(&pfn, &nr))
		return false;
	init_pages(pfn, pfn + nr);
	zone_free_range(zone, pfn, pfn + nr, true);
	return true;
}

static void fork_restore(void)
{
	kmm_lock(&kmm_zone.lock);
	reporting_restore(&kmm_zone);
	kmm_unlock(&kmm_zone.lock);
}

static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_ZONE,
	.lock = &kmm_zone.lock,
	.reset_all = fork_restore,
};

/* An empty zone: every list is there and nothing is on it. */
static void zone_reset_locked(struct zone *zone)
{
	kmm_assert_held(&zone->lock);
	free_area_init(zone);
	CDS_INIT_LIST_HEAD(&zone->isolated);
	zone->nr_isolated = 0;
	WRITE_ONCE(zone->nr_free, 0UL);
	WRITE_ONCE(zone->nr_slab, 0L);
	zone->nr_managed = 0;
	zone->nr_reserved = 0;
	zone->nr_bad = 0;
	zone->started = false;
}

int buddy_start(void)
{
	struct zone *zone = &kmm_zone;

	if (!kmm_arena.nr_online)
		return -ENOMEM;
	kmm_lock(&zone->lock);
	zone_reset_locked(zone);
	init_pages(0, kmm_arena.nr_online);
	zone->nr_reserved = memblock_free_all();
	/* Never touched, but the pages of a huge or large system page may share memory with what memblock handed out. */
	zone_free_range(zone, zone->nr_reserved, kmm_arena.nr_online, true);
	zone->started = true;
	kmm_unlock(&zone->lock);
	page_report_reset();
	kmm_fork_register(&fork_handler);
	return 0;
}

void buddy_stop(void)
{
	kmm_lock(&kmm_zone.lock);
	zone_reset_locked(&kmm_zone);
	kmm_unlock(&kmm_zone.lock);
	buddy_inject_failure(0, false);
}

unsigned long zone_nr_offline(void)
{
	return kmm_arena.nr_pages - READ_ONCE(kmm_arena.nr_online);
}

unsigned long buddy_nr_free(void)
{
	return READ_ONCE(kmm_zone.nr_free);
}

void buddy_mod_nr_slab(long nr_pages)
{
	arch_this_cpu_add(&kmm_zone.nr_slab, nr_pages);
}

unsigned long nr_free_pages(void)
{
	/* After the end there is no page to be had. */
	return kmm_boot_state() == KMM_DEAD ? 0 : zone_nr_offline() + buddy_nr_free();
}

unsigned long totalram_pages(void)
{
	return kmm_arena.nr_pages;
}
