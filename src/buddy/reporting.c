/* SPDX-License-Identifier: MIT
 * reporting.c - memory of free blocks goes back to the system; the blocks stay free.
 *
 * Owns:       zone->isolated and PG_isolated.
 * Locks:      zone->lock for every list; it is not held while the system works. A block is isolated for that time: off
 *             its list and not PageBuddy, so it is neither handed out nor merged, and alloc.c waits for it rather than
 *             fail.
 * Invariants: a block with PG_reported has no memory, so it is not given back a second time, and bytes are counted once
 *             (see free_area.c for split and merge). An isolated block counts as free (B5).
 * Source:     page_reporting_cycle(), mm/page_reporting.c, Linux 6.1 (the idea; here by demand and for all orders).
 */
#include "arena/os.h"
#include "base/race.h"
#include "buddy/prep_hooks.h"

/* Blocks that are off the lists at one time: enough to save locking, few enough to be missed by nobody. */
#define REPORTING_BATCH 32

static void isolate(struct zone *zone, struct page *page, unsigned int order)
{
	free_area_del(zone, page, order);
	page->private = order;
	page_flag_set(page, PG_isolated);
	cds_list_add_tail(&page->lru, &zone->isolated);
	zone->nr_isolated += 1UL << order;
	smp_store_release(&zone->isolations, zone->isolations + 1);
}

static void restore(struct zone *zone, struct page *page, bool reported)
{
	const unsigned int order = page_buddy_order(page);

	cds_list_del(&page->lru);
	page_clear_buddy(page); /* it may end up inside a larger block */
	free_area_merge(zone, page, order, pageblock_type(page), reported);
	/* RELEASE, after the block is listed: pairs with isolations() of slowpath.c. */
	smp_store_release(&zone->nr_isolated, zone->nr_isolated - (1UL << order));
	smp_store_release(&zone->isolations, zone->isolations + 1);
}

void reporting_restore(struct zone *zone)
{
	kmm_assert_held(&zone->lock);
	while (!cds_list_empty(&zone->isolated))
		restore(zone, cds_list_first_entry(&zone->isolated, struct page, lru), false);
}

/* Isolates up to a batch of blocks of @order that may have memory. They come back at the tail of their list, with the
 * other reported ones, so that the next call finds the rest near the head. */
static unsigned int isolate_batch(struct zone *zone, unsigned int order, struct page *batch[])
{
	unsigned int nr = 0;

	for (unsigned int type = 0; type < MIGRATE_TYPES && nr < REPORTING_BATCH; type++) {
		struct cds_list_head *pos, *next;

		cds_list_for_each_safe(pos, next, &zone->free_area[order].free_list[type]) {
			struct page *page = cds_list_entry(pos, struct page, lru);

			if (page_flag_test(page, PG_reported))
				continue;
			isolate(zone, page, order);
			batch[nr++] = page;
			if (nr == REPORTING_BATCH)
				break;
		}
	}
	return nr;
}

/* The memory of an isolated block; and, of a large one, the page array that describes its inside: all of that is blank, which
 * is what it reads as then. */
static size_t give_back(const struct page *page, unsigned int order)
{
	const unsigned long pfn = arena_page_to_pfn(page);
	const bool poisoned = unlikely(buddy_prep_hooks & PREP_POISON);
	size_t bytes;

	if (poisoned)
		poison_may_vanish(pfn, 1UL << order);
	bytes = arena_give_back(pfn, 1UL << order);
	if (poisoned && bytes == PAGE_SIZE << order)
		poison_vanished(pfn, 1UL << order);
	if (bytes && order == MAX_ORDER - 1 && !buddy_options.debug_pagealloc)
		arena_give_back_map(pfn, 1UL << order);
	return bytes;
}

static size_t report_order(struct zone *zone, unsigned int order)
{
	struct page *batch[REPORTING_BATCH];
	size_t bytes[REPORTING_BATCH], total = 0;
	bool refused = false;
	unsigned int nr;

	do {
		kmm_lock(&zone->lock);
		nr = zone->started ? isolate_batch(zone, order, batch) : 0;
		kmm_unlock(&zone->lock);
		if (!nr)
			break;
		KMM_RACE_POINT("buddy:report_order:isolated");
		for (unsigned int i = 0; i < nr; i++)
			bytes[i] = give_back(batch[i], order);
		kmm_lock(&zone->lock);
		for (unsigned int i = 0; i < nr; i++) {
			restore(zone, batch[i], bytes[i] == PAGE_SIZE << order);
			total += bytes[i];
			refused |= !bytes[i];
		}
		kmm_unlock(&zone->lock);
		/* What the system refuses once it would refuse for ever; such blocks come up first in the next batch. */
	} while (nr == REPORTING_BATCH && !refused);
	return total;
}

size_t buddy_trim(void)
{
	size_t total = 0;

	/* A block smaller than the system's page cannot be given back. */
	if (!buddy_is_started())
		return 0;
	drain_all_pages(NULL);
	for_each_populated_zone(zone) {
		for (unsigned int order = MAX_ORDER; order-- > 0;)
			if (PAGE_SIZE << order >= os_page_size())
				total += report_order(zone, order);
	}
	return total;
}

void reporting_notify(struct zone *zone)
{
	(void)zone;
}
