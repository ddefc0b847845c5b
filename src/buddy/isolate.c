/* SPDX-License-Identifier: MIT
 * isolate.c - pageblocks whose free pages are handed out to nobody, until a range of them is free as a whole.
 *
 * Owns:       MIGRATE_ISOLATE, and the type an isolated pageblock had before, in its word.
 * Locks:      zone->lock for a pageblock at a time. An isolated pageblock belongs to who isolated it: a second isolator is
 *             turned away with -EBUSY.
 * Lock-free:  a page whose free is under way may still be put on a CPU's list by a thread that read the older type, or be in
 *             the hands of a thread that moves it between such a list and the zone. The drain brings back what is on the
 *             lists; what is in somebody's hands is not in a free block, so the test fails, and drain and test are repeated a
 *             few times. Blocks that are away because their memory is being given back are waited for: they come back.
 * Invariants: the free pages of an isolated pageblock are on the lists of MIGRATE_ISOLATE and counted nowhere (B1, B5). Blocks
 *             never cross pageblocks, so nothing outside is merged with what is inside.
 * Source:     start_isolate_page_range(), has_unmovable_pages(), test_pages_isolated(), undo_isolate_page_range(),
 *             mm/page_isolation.c, Linux 6.1. Differs: each pageblock gets back the type that it had.
 */
#include <errno.h>
#include <sched.h>

#include "base/race.h"
#include "buddy/buddy_internal.h"

/* Times that a range is drained, and asked to move, before it is given up. */
#define ISOLATE_TRIES 5

static unsigned short *word_of(const struct page *page)
{
	return &kmm_arena.pageblock_flags[arena_page_to_pfn(page) >> pageblock_order];
}

static enum migratetype old_type(const struct page *page)
{
	return (enum migratetype)(READ_ONCE(*word_of(page)) >> PAGEBLOCK_OLD_TYPE_SHIFT & PAGEBLOCK_TYPE_MASK);
}

/* Others read the word without a lock, and take the old one or the new one. */
static void set_old_type(const struct page *page, enum migratetype type)
{
	const unsigned int mask = PAGEBLOCK_TYPE_MASK << PAGEBLOCK_OLD_TYPE_SHIFT;
	unsigned short *word = word_of(page);

	WRITE_ONCE(*word, (unsigned short)((*word & ~mask) | (unsigned int)type << PAGEBLOCK_OLD_TYPE_SHIFT));
}

static bool may_migrate(gfp_t gfp)
{
	return reclaim_ops.migrate_range && (gfp & __GFP_DIRECT_RECLAIM);
}

/* memblock's pages are the first ones of its section, and stay for good. */
static bool is_reserved(const struct zone *zone, unsigned long pfn)
{
	const unsigned long first = max_of(zone->start_pfn, kmm_arena.boot_pfn);

	return pfn >= first && pfn - first < zone->nr_reserved;
}

bool page_is_movable(const struct zone *zone, unsigned long pfn, gfp_t gfp)
{
	return may_migrate(gfp) && !is_reserved(zone, pfn);
}

/* The first page of one pageblock's part that is in use and will stay so; @end: none. A page without references is free, or
 * soon will be, or lies behind the first page of a block that was looked at. */
static unsigned long first_unmovable(const struct zone *zone, unsigned long pfn, unsigned long end, gfp_t gfp)
{
	while (pfn < end) {
		const struct page *page = arena_pfn_to_page(pfn);

		if (page_refcount(page) > 0 && !page_is_movable(zone, pfn, gfp))
			return pfn;
		pfn += PageBuddy(page) ? 1UL << page_buddy_order(page) : 1;
	}
	return end;
}

static void isolate_locked(struct zone *zone, struct page *page, enum migratetype type)
{
	kmm_assert_held(&zone->lock);
	set_old_type(page, type);
	pageblock_move_free(zone, page, MIGRATE_ISOLATE);
}

static void restore_locked(struct zone *zone, struct page *page)
{
	kmm_assert_held(&zone->lock);
	pageblock_move_free(zone, page, old_type(page));
	set_old_type(page, MIGRATE_UNMOVABLE);
}

/* @pfn to @end lie in one pageblock. */
static int isolate_block_locked(struct zone *zone, unsigned long pfn, unsigned long end, enum migratetype wanted,
				unsigned int flags, gfp_t gfp, unsigned long *busy)
{
	struct page *page = arena_pfn_to_page(pfn);
	const enum migratetype type = pageblock_type(page);

	*busy = end - 1;
	if (!arena_pfn_online(pfn))
		return flags & MEMORY_OFFLINE ? 0 : -EBUSY;
	/* What is lent from CMA is for its owner; and somebody else's is somebody else's. */
	if (type == MIGRATE_ISOLATE || (type == MIGRATE_CMA) != (wanted == MIGRATE_CMA))
		return -EBUSY;
	*busy = first_unmovable(zone, pfn, end, gfp);
	if (*busy < end)
		return -EBUSY;
	isolate_locked(zone, page, type);
	return 0;
}

static unsigned long block_end(unsigned long pfn)
{
	return ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages;
}

int start_isolate_page_range(struct zone *zone, unsigned long start, unsigned long end, enum migratetype type,
			     unsigned int flags, gfp_t gfp, unsigned long *busy)
{
	for (unsigned long pfn = start; pfn < end; pfn = block_end(pfn)) {
		int err;

		kmm_lock(&zone->lock);
		err = isolate_block_locked(zone, pfn, min_of(block_end(pfn), end), type, flags, gfp, busy);
		kmm_unlock(&zone->lock);
		if (err) {
			if (pfn > start)
				undo_isolate_page_range(zone, start, pfn);
			return err;
		}
	}
	KMM_RACE_POINT("isolate:isolated");
	return 0;
}

void undo_isolate_page_range(struct zone *zone, unsigned long start, unsigned long end)
{
	for (unsigned long pfn = start; pfn < end; pfn = block_end(pfn)) {
		struct page *page = arena_pfn_to_page(pfn);

		kmm_lock(&zone->lock);
		if (arena_pfn_online(pfn) && pageblock_type(page) == MIGRATE_ISOLATE)
			restore_locked(zone, page);
		kmm_unlock(&zone->lock);
	}
}

void isolate_restore(struct zone *zone)
{
	kmm_assert_held(&zone->lock);
	for (unsigned long pfn = zone->start_pfn; zone->nr_isolate_pageblock && pfn < zone->end_pfn;
	     pfn += pageblock_nr_pages) {
		struct page *page = arena_pfn_to_page(pfn);

		if (arena_pfn_online(pfn) && pageblock_type(page) == MIGRATE_ISOLATE)
			restore_locked(zone, page);
	}
}

struct page *free_block_of(unsigned long pfn)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = arena_pfn_to_page(ALIGN_DOWN(pfn, 1UL << order));

		if (PageBuddy(page))
			return page_buddy_order(page) >= order ? page : NULL;
	}
	return NULL;
}

/* Is @pfn free, in a block that is off its list while its memory is given back? */
static bool is_away(const struct zone *zone, unsigned long pfn)
{
	struct cds_list_head *pos;

	cds_list_for_each(pos, &zone->isolated) {
		const struct page *page = cds_list_entry(pos, struct page, lru);

		if (pfn - arena_page_to_pfn(page) < 1UL << page_buddy_order(page))
			return true;
	}
	return false;
}

/* The first page that is not in a free block; @end: none. */
static unsigned long first_not_free(unsigned long pfn, unsigned long end)
{
	while (pfn < end) {
		const struct page *page;

		if (!arena_pfn_online(pfn)) {
			pfn = block_end(pfn);
			continue;
		}
		page = free_block_of(pfn);
		if (!page)
			return pfn;
		pfn = arena_page_to_pfn(page) + (1UL << page_buddy_order(page));
	}
	return end;
}

/* Under zone->lock. 0, -EBUSY with the page, or -EAGAIN for one that will come back by itself. */
static int test_pages_isolated(const struct zone *zone, unsigned long start, unsigned long end, unsigned long *busy)
{
	const unsigned long pfn = first_not_free(start, end);

	kmm_assert_held(&zone->lock);
	if (pfn >= end)
		return 0;
	*busy = pfn;
	return is_away(zone, pfn) ? -EAGAIN : -EBUSY;
}

int lock_isolated_range(struct zone *zone, unsigned long start, unsigned long end, gfp_t gfp, unsigned long *busy)
{
	unsigned int tries = 0;
	int err;

	for (;;) {
		drain_all_pages(zone);
		KMM_RACE_POINT("isolate:drained");
		kmm_lock(&zone->lock);
		err = test_pages_isolated(zone, start, end, busy);
		if (!err)
			return 0;
		kmm_unlock(&zone->lock);
		if (err == -EBUSY && ++tries == ISOLATE_TRIES)
			return err;
		if (err == -EBUSY && may_migrate(gfp)) {
			err = reclaim_ops.migrate_range(start, end, gfp);
			/* -EBUSY is tried again: what was in the way may leave by itself. */
			if (err && err != -EBUSY)
				return err;
		}
		KMM_RACE_POINT("isolate:again");
		sched_yield();
	}
}
