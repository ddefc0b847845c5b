/* SPDX-License-Identifier: MIT
 * reporting.c - memory of free blocks goes back to the system, by demand or after a while; the blocks stay free.
 *
 * Owns:       zone->isolated and PG_isolated; the delayed work that reports.
 * Locks:      zone->lock for every list; it is not held while the system works. A block is isolated for that time: off
 *             its list and not PageBuddy, so it is neither handed out nor merged, and alloc.c waits for it rather than
 *             fail.
 * Invariants: a block with PG_reported has no memory, so it is not given back a second time, and bytes are counted once
 *             (see free_area.c for split and merge). An isolated block counts as free (B5).
 * Threads:    the first work scheduled creates the library's thread, which a small program should not pay for, and which
 *             some cannot have in a forked child. So it takes REPORTING_MIN_BLOCKS in one zone; once a report was made, a
 *             single block is enough. In a child of fork what it inherited does not count until then.
 * Source:     page_reporting_cycle(), __page_reporting_notify(), mm/page_reporting.c, Linux 6.1. Differs: by demand all
 *             orders; a run takes all blocks that are free then, up to a bound, not a part of them.
 */
#include <limits.h>

#include "arena/os.h"
#include "base/race.h"
#include "base/work.h"
#include "buddy/prep_hooks.h"

/* Whole free pageblocks with memory that are worth a thread: 16 MiB. */
#define REPORTING_MIN_BLOCKS 4
/* Blocks that are off the lists at one time: enough to save locking, few enough to be missed by nobody. */
#define REPORTING_BATCH 32
/* Blocks that one run of the work gives back: 1 GiB, a tenth of a second. The end of the library waits for it. */
#define REPORTING_RUN (8UL * REPORTING_BATCH)

static void isolate(struct zone *zone, struct page *page, unsigned int order)
{
	free_area_del(zone, page, order);
	page->private = order;
	page_flag_set(page, PG_isolated);
	cds_list_add_tail(&page->lru, &zone->isolated);
	WRITE_ONCE(zone->nr_isolated, zone->nr_isolated + (1UL << order)); /* slowpath.c looks without the lock */
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

/* Whole free pageblocks that may have memory. Without the lock a hint: the two numbers may be of different moments. */
static unsigned long nr_whole_unreported(const struct zone *zone)
{
	const struct free_area *area = &zone->free_area[MAX_ORDER - 1];
	const unsigned long nr_reported = READ_ONCE(area->nr_reported), nr_free = READ_ONCE(area->nr_free);

	return nr_free > nr_reported ? nr_free - nr_reported : 0;
}

void reporting_restore(struct zone *zone)
{
	kmm_assert_held(&zone->lock);
	while (!cds_list_empty(&zone->isolated))
		restore(zone, cds_list_first_entry(&zone->isolated, struct page, lru), false);
	WRITE_ONCE(zone->report_from, nr_whole_unreported(zone) + REPORTING_MIN_BLOCKS);
}

/* Isolates up to @most blocks of @order that may have memory. They come back at the tail of their list, with the other
 * reported ones, so that the next call finds the rest near the head. */
static unsigned int isolate_batch(struct zone *zone, unsigned int order, unsigned long most, struct page *batch[])
{
	unsigned int nr = 0;

	for (unsigned int type = 0; type < MIGRATE_TYPES && nr < most; type++) {
		struct cds_list_head *pos, *next;

		cds_list_for_each_safe(pos, next, &zone->free_area[order].free_list[type]) {
			struct page *page = cds_list_entry(pos, struct page, lru);

			if (page_flag_test(page, PG_reported))
				continue;
			isolate(zone, page, order);
			batch[nr++] = page;
			if (nr == most)
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
	if (bytes && order == MAX_ORDER - 1) {
		arena_give_back_map(pfn, 1UL << order);
		arena_block_unused(pfn);
	}
	return bytes;
}

/* Up to @most blocks. Returns bytes; *@refused: the system would not have the memory of one. */
static size_t report_order(struct zone *zone, unsigned int order, unsigned long most, bool *refused)
{
	struct page *batch[REPORTING_BATCH];
	size_t bytes[REPORTING_BATCH], total = 0;
	unsigned int nr;

	*refused = false;
	do {
		const unsigned int size = (unsigned int)min_of(most, (unsigned long)REPORTING_BATCH);

		kmm_lock(&zone->lock);
		nr = zone->started ? isolate_batch(zone, order, size, batch) : 0;
		kmm_unlock(&zone->lock);
		if (!nr)
			break;
		KMM_RACE_POINT("buddy:report_order:isolated");
		for (unsigned int i = 0; i < nr; i++)
			bytes[i] = give_back(batch[i], order);
		kmm_lock(&zone->lock);
		for (unsigned int i = 0; i < nr; i++) {
			restore(zone, batch[i], bytes[i] == PAGE_SIZE << order);
			WRITE_ONCE(zone->nr_given_back, zone->nr_given_back + (bytes[i] >> PAGE_SHIFT));
			total += bytes[i];
			*refused |= !bytes[i];
		}
		kmm_unlock(&zone->lock);
		most -= nr;
		/* What the system refuses once it would refuse for ever; such blocks come up first in the next batch. */
	} while (nr == REPORTING_BATCH && most && !*refused);
	return total;
}

size_t buddy_trim(void)
{
	size_t total = 0;
	bool refused;

	/* A block smaller than the system's page cannot be given back. */
	if (!buddy_is_started())
		return 0;
	drain_all_pages(NULL);
	for_each_populated_zone(zone) {
		for (unsigned int order = MAX_ORDER; order-- > 0;)
			if (PAGE_SIZE << order >= os_page_size())
				total += report_order(zone, order, ULONG_MAX, &refused);
	}
	return total;
}

/* One run. What is freed meanwhile has its own delay; what is over is next; what the system refused waits for the next free. */
static void report_whole_blocks(struct kmm_work *work)
{
	unsigned long left = REPORTING_RUN;
	bool more = false;

	for_each_populated_zone(zone) {
		const unsigned long nr = nr_whole_unreported(zone);
		bool refused = false;

		/* There is a thread for it now. */
		WRITE_ONCE(zone->report_from, 1UL);
		if (nr && left)
			report_order(zone, MAX_ORDER - 1, min_of(nr, left), &refused);
		more |= nr > left && !refused;
		left -= min_of(nr, left);
	}
	if (more)
		kmm_work_schedule(work, 0);
}

void reporting_notify(struct zone *zone)
{
	static struct kmm_work work = KMM_WORK_INIT(report_whole_blocks);
	const unsigned long from = READ_ONCE(zone->report_from);

	if (nr_whole_unreported(zone) >= (from ? from : REPORTING_MIN_BLOCKS))
		kmm_work_schedule(&work, buddy_options.reporting_delay);
}

unsigned long kmm_nr_reported_pages(void)
{
	unsigned long nr = 0;

	if (!buddy_is_started())
		return 0;
	for_each_populated_zone(zone)
		for (unsigned int order = 0; order < MAX_ORDER; order++)
			nr += READ_ONCE(zone->free_area[order].nr_reported) << order;
	return nr;
}

unsigned long buddy_nr_given_back(void)
{
	unsigned long nr = 0;

	if (!buddy_is_started())
		return 0;
	for_each_populated_zone(zone)
		nr += READ_ONCE(zone->nr_given_back);
	return nr;
}
