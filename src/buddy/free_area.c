/* SPDX-License-Identifier: MIT
 * free_area.c - the buddy system itself: lists of free blocks, split and merge.
 *
 * Owns:       zone->free_area and, of a free block's first page, lru, private, page_type and PG_reported; guard blocks.
 * Locks:      zone->lock for all of it.
 * Invariants: B1, B2, B3, B4 of buddy_internal.h. PG_reported: the block holds no memory of the system. Both halves of such
 *             a block have none either; a merged block has none when neither part had any. Such blocks go to the tail of
 *             their list, so that memory the system has given already is used first. A guard block is what an expand
 *             would have listed; it counts as not free, and ends when its buddy is free again.
 * Source:     add_to_free_list(), expand(), __rmqueue_smallest(), __free_one_page(), set_page_guard(), mm/page_alloc.c,
 *             Linux 6.1.
 */
#include "base/report.h"
#include "buddy/buddy_internal.h"

void free_area_init(struct zone *zone)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
			CDS_INIT_LIST_HEAD(&zone->free_area[order].free_list[type]);
		zone->free_area[order].nr_free = zone->free_area[order].nr_reported = 0;
	}
}

void free_area_add(struct zone *zone, struct page *page, unsigned int order, enum migratetype type, bool tail)
{
	struct free_area *area = &zone->free_area[order];

	if (tail)
		cds_list_add_tail(&page->lru, &area->free_list[type]);
	else
		cds_list_add(&page->lru, &area->free_list[type]);
	WRITE_ONCE(area->nr_free, area->nr_free + 1);
	WRITE_ONCE(area->nr_reported, area->nr_reported + page_flag_test(page, PG_reported));
}

void free_area_del(struct zone *zone, struct page *page, unsigned int order)
{
	struct free_area *area = &zone->free_area[order];

	kmm_assert(PageBuddy(page) && page_buddy_order(page) == order && area->nr_free);
	cds_list_del(&page->lru);
	WRITE_ONCE(area->nr_free, area->nr_free - 1);
	WRITE_ONCE(area->nr_reported, area->nr_reported - page_flag_test(page, PG_reported));
	page_clear_buddy(page);
}

void free_area_move(struct zone *zone, struct page *page, unsigned int order, enum migratetype type)
{
	cds_list_del(&page->lru);
	cds_list_add_tail(&page->lru, &zone->free_area[order].free_list[type]);
}

struct page *free_area_first(const struct zone *zone, unsigned int order, enum migratetype type)
{
	const struct cds_list_head *list = &zone->free_area[order].free_list[type];

	return list->next == list ? NULL : cds_list_first_entry(list, struct page, lru);
}

/* debug_guardpage_minorder=: keeps @page unused until its buddy is free, so that a stray write finds nobody's memory; with
 * debug_pagealloc= it faults, for what was free is closed. Differs: the kernel has no guards without that. */
static noinline void guard_set(struct zone *zone, struct page *page, unsigned int order, enum migratetype type)
{
	WRITE_ONCE(page->private, (unsigned long)order);
	WRITE_ONCE(page->page_type, PAGE_TYPE_GUARD);
	zone_account(zone, type, -(1L << order));
	zone->nr_guard += 1UL << order;
}

static noinline void guard_clear(struct zone *zone, struct page *page, unsigned int order, enum migratetype type)
{
	WRITE_ONCE(page->page_type, PAGE_TYPE_NONE);
	WRITE_ONCE(page->private, 0UL);
	zone_account(zone, type, 1L << order);
	zone->nr_guard -= 1UL << order;
}

void free_area_expand(struct zone *zone, struct page *page, unsigned int low, unsigned int high, enum migratetype type,
		      bool reported)
{
	while (high > low) {
		struct page *half;

		high--;
		half = page + (1UL << high);
		if (unlikely(high < buddy_options.guard_minorder)) {
			guard_set(zone, half, high, type);
			continue;
		}
		page_set_buddy(half, high, reported);
		free_area_add(zone, half, high, type, reported);
	}
}

static struct page *buddy_of(struct page *page, unsigned int order)
{
	return arena_pfn_to_page(arena_page_to_pfn(page) ^ (1UL << order));
}

/* Is @buddy a free block of exactly @order? A block of the largest order has no buddy, so both lie in one pageblock. */
static bool is_free_block(const struct page *buddy, unsigned int order)
{
	return PageBuddy(buddy) && page_buddy_order(buddy) == order;
}

/* Would the block after the next merge as well? Then keep this one for last, in the hope that it comes to that. */
static bool merge_is_likely(struct page *page, unsigned int order)
{
	struct page *parent = page - ((arena_page_to_pfn(page) & (1UL << order)) ? 1UL << order : 0);

	return order + 2 < MAX_ORDER && is_free_block(buddy_of(parent, order + 1), order + 1);
}

unsigned int free_area_merge(struct zone *zone, struct page *page, unsigned int order, enum migratetype type,
			     bool reported)
{
	kmm_assert(!PageBuddy(page) && !page_refcount(page) && !(arena_page_to_pfn(page) & ((1UL << order) - 1)));
	for (; order < MAX_ORDER - 1; order++) {
		struct page *buddy = buddy_of(page, order);

		if (is_free_block(buddy, order)) {
			reported &= page_flag_test(buddy, PG_reported);
			free_area_del(zone, buddy, order);
		} else if (unlikely(PageGuard(buddy)) && page_buddy_order(buddy) == order) {
			reported = false;
			guard_clear(zone, buddy, order, type);
		} else {
			break;
		}
		page = min_of(page, buddy);
	}
	page_set_buddy(page, order, reported);
	free_area_add(zone, page, order, type, reported || merge_is_likely(page, order));
	return order;
}

struct page *free_area_take(struct zone *zone, unsigned int order, enum migratetype type, bool *reported)
{
	for (unsigned int current = order; current < MAX_ORDER; current++) {
		struct page *page = free_area_first(zone, current, type);

		if (!page)
			continue;
		*reported = page_flag_test(page, PG_reported);
		free_area_del(zone, page, current);
		free_area_expand(zone, page, order, current, type, *reported);
		return page;
	}
	return NULL;
}
