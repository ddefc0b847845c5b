/* SPDX-License-Identifier: MIT
 * validate.c - walks every page and every list and proves the invariants of buddy_internal.h by their names.
 *
 * Owns:       nothing.
 * Locks:      zone->lock for the whole walk. A page between the lists and its owner is seen by neither, so no other
 *             thread may be inside the allocator. What fails is reported after the lock is released.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/report.h"
#include "buddy/buddy_internal.h"

struct failure {
	char text[160]; /* the first one only; empty: none */
};

static void KMM_PRINTF(2, 3) fail(struct failure *failure, const char *fmt, ...)
{
	va_list args;

	if (failure->text[0])
		return;
	va_start(args, fmt);
	vsnprintf(failure->text, sizeof(failure->text), fmt, args);
	va_end(args);
}

/* No owner, no reference, no mark: what every page of a free block looks like, but for the marks of its first page. */
static bool is_blank(const struct page *page)
{
	return page->mapcount == PAGE_TYPE_NONE && !page_count(page) && !page->flags && !page->slab_cache &&
	       !PageTail(page);
}

/* B1, B2: every list, and how many blocks of each order they hold. */
static void check_lists(const struct zone *zone, unsigned long listed[], struct failure *failure)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		const struct free_area *area = &zone->free_area[order];

		listed[order] = 0;
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++) {
			struct cds_list_head *pos;

			cds_list_for_each(pos, &area->free_list[type]) {
				const struct page *page = cds_list_entry(pos, struct page, lru);
				unsigned long pfn = arena_page_to_pfn(page);

				if (pfn >= kmm_arena.nr_online || (pfn & ((1UL << order) - 1)) || !PageBuddy(page) ||
				    page_buddy_order(page) != order || page_count(page) ||
				    (page->flags & ~(1UL << PG_reported)) ||
				    (unsigned int)pageblock_type(page) != type) {
					fail(failure, "B1: pfn %#lx on the list of order %u, type %u", pfn, order,
					     type);
					return;
				}
				if (++listed[order] > kmm_arena.nr_online) {
					fail(failure, "B3: the list of order %u, type %u has a loop", order, type);
					return;
				}
			}
		}
		if (listed[order] != area->nr_free)
			fail(failure, "B2: order %u has %lu blocks and counts %lu", order, listed[order],
			     area->nr_free);
	}
}

/* The pages behind the first one of a block handed out. */
static void check_tails(unsigned long pfn, unsigned int order, struct failure *failure)
{
	const struct page *head = arena_pfn_to_page(pfn);
	const bool compound = page_flag_test(head, PG_head);

	if (compound && head[1].compound_order != order)
		fail(failure, "B6: compound page at pfn %#lx has order %u, its flags say %u", pfn,
		     head[1].compound_order, order);
	for (unsigned long i = 1; i < 1UL << order; i++) {
		const struct page *page = head + i;
		bool linked = READ_ONCE(page->compound_head) == (unsigned long)head + 1;

		if (page_count(page) || PageBuddy(page) || page->flags || (compound ? !linked : PageTail(page)))
			fail(failure, "B6: pfn %#lx inside the block in use at %#lx of order %u", pfn + i, pfn, order);
	}
}

/* B3, B4 and the inside of a free block. */
static void check_free_block(unsigned long pfn, unsigned int order, struct failure *failure)
{
	const struct page *page = arena_pfn_to_page(pfn);
	const struct page *buddy = arena_pfn_to_page(pfn ^ (1UL << order));

	if (order < MAX_ORDER - 1 && PageBuddy(buddy) && page_buddy_order(buddy) == order)
		fail(failure, "B4: pfn %#lx of order %u and its buddy are both free", pfn, order);
	for (unsigned long i = 1; i < 1UL << order; i++)
		if (!is_blank(page + i))
			fail(failure, "B6: pfn %#lx inside the free block at %#lx of order %u", pfn + i, pfn, order);
}

struct census {
	unsigned long free[MAX_ORDER];         /* blocks */
	unsigned long isolated, reserved, bad; /* pages */
};

/* Looks at the block that starts at @pfn; returns its order. */
static unsigned int check_block(unsigned long pfn, struct census *census, struct failure *failure)
{
	const struct page *page = arena_pfn_to_page(pfn);
	unsigned int order = 0;

	if (PageBuddy(page)) {
		order = min_of(page_buddy_order(page), MAX_ORDER - 1u);
		census->free[order]++;
		check_free_block(pfn, order, failure);
	} else if (page_flag_test(page, PG_isolated)) {
		order = min_of(page_buddy_order(page), MAX_ORDER - 1u);
		census->isolated += 1UL << order;
	} else if (page_flag_test(page, PG_reserved)) {
		census->reserved++;
		if (page_count(page) < 1)
			fail(failure, "B6: reserved pfn %#lx has no reference", pfn);
	} else if (page_flag_test(page, PG_bad)) {
		census->bad++;
	} else {
		order = min_of(page_alloc_order(page), MAX_ORDER - 1u);
		if (page_count(page) < 1 || PageTail(page) || (pfn & ((1UL << order) - 1)))
			fail(failure, "B6: pfn %#lx is neither free nor in use: refcount %d, flags %#lx", pfn,
			     page_count(page), page->flags);
		else
			check_tails(pfn, order, failure);
	}
	return order;
}

static void check_pages(const struct zone *zone, const unsigned long listed[], struct failure *failure)
{
	struct census census = { .isolated = 0 };
	unsigned long nr_free = 0;

	for (unsigned long pfn = 0; pfn < kmm_arena.nr_online && !failure->text[0];) {
		if (!(pfn & (pageblock_nr_pages - 1)) && pageblock_type(arena_pfn_to_page(pfn)) >= MIGRATE_TYPES)
			fail(failure, "B7: the pageblock at pfn %#lx has no type", pfn);
		pfn += 1UL << check_block(pfn, &census, failure);
	}
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		if (census.free[order] != listed[order])
			fail(failure, "B3: %lu free blocks of order %u, %lu listed", census.free[order], order,
			     listed[order]);
		nr_free += census.free[order] << order;
	}
	if (nr_free + census.isolated != zone->nr_free || census.isolated != zone->nr_isolated)
		fail(failure, "B5: %lu pages free and %lu isolated, counted %lu and %lu", nr_free, census.isolated,
		     zone->nr_free - zone->nr_isolated, zone->nr_isolated);
	if (census.bad != zone->nr_bad)
		fail(failure, "B6: %lu bad pages, counted %lu", census.bad, zone->nr_bad);
	if (census.reserved != zone->nr_reserved || zone->nr_managed + zone->nr_reserved != kmm_arena.nr_online)
		fail(failure, "B8: %lu managed and %lu reserved pages (%lu found), %lu online", zone->nr_managed,
		     zone->nr_reserved, census.reserved, kmm_arena.nr_online);
}

void kmm_validate_pages(void)
{
	struct zone *zone = &kmm_zone;
	unsigned long listed[MAX_ORDER] = { 0 };
	struct failure failure = { .text = "" };

	kmm_lock(&zone->lock);
	if (zone->started) {
		check_lists(zone, listed, &failure);
		if (!failure.text[0])
			check_pages(zone, listed, &failure);
	}
	kmm_unlock(&zone->lock);
	if (failure.text[0])
		kmm_report(KMM_REPORT_BUG, "BUG: page allocator: %s\n", failure.text);
}
