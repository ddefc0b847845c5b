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
#include "base/work.h"
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
	return page->page_type == PAGE_TYPE_NONE && !page_refcount(page) && !page->flags && !page->slab_cache &&
	       !page_is_tail(page);
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

				if (!arena_pfn_online(pfn) || page_zone(page) != zone || (pfn & ((1UL << order) - 1)) ||
				    !PageBuddy(page) || page_buddy_order(page) != order || page_refcount(page) ||
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

/* The second half of B2, once the lists are known to be whole. */
static void check_reported(const struct zone *zone, struct failure *failure)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		const struct free_area *area = &zone->free_area[order];
		unsigned long reported = 0;
		struct cds_list_head *pos;

		/* By links: the head of a list is part of no page. */
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
			cds_list_for_each(pos, &area->free_list[type])
				reported += page_flag_test(cds_list_entry(pos, struct page, lru), PG_reported);
		if (reported != area->nr_reported)
			fail(failure, "B2: order %u has %lu blocks without memory and counts %lu", order, reported,
			     area->nr_reported);
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

		if (page_refcount(page) || PageBuddy(page) || page->flags || (compound ? !linked : page_is_tail(page)))
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
	unsigned long free[MAX_ORDER];                        /* blocks */
	unsigned long by_type[MIGRATE_TYPES];                 /* pages, free ones */
	unsigned long isolated, reserved, bad, guard, pcp;    /* pages */
	unsigned long online;                                 /* pages */
	unsigned long highatomic_blocks, isolate_blocks, cma; /* pages of pageblocks of these types */
};

static void count_free(unsigned long pfn, unsigned int order, struct census *census)
{
	census->by_type[pageblock_type(arena_pfn_to_page(pfn))] += 1UL << order;
}

/* Looks at the block that starts at @pfn; returns its order. */
static unsigned int check_block(unsigned long pfn, struct census *census, struct failure *failure)
{
	const struct page *page = arena_pfn_to_page(pfn);
	unsigned int order = 0;

	if (PageBuddy(page)) {
		order = min_of(page_buddy_order(page), MAX_ORDER - 1u);
		census->free[order]++;
		count_free(pfn, order, census);
		check_free_block(pfn, order, failure);
	} else if (PageGuard(page)) {
		order = min_of(page_buddy_order(page), MAX_ORDER - 1u);
		census->guard += 1UL << order;
	} else if (page_flag_test(page, PG_isolated)) {
		order = min_of(page_buddy_order(page), MAX_ORDER - 1u);
		census->isolated += 1UL << order;
		count_free(pfn, order, census);
	} else if (page_flag_test(page, PG_pcp)) {
		order = min_of(page_alloc_order(page), MAX_ORDER - 1u);
		census->pcp += 1UL << order;
		if (page_refcount(page))
			fail(failure, "B9: pfn %#lx on a list of a CPU has references", pfn);
	} else if (page_flag_test(page, PG_reserved)) {
		census->reserved++;
		if (page_refcount(page) < 1)
			fail(failure, "B6: reserved pfn %#lx has no reference", pfn);
	} else if (page_flag_test(page, PG_bad)) {
		census->bad++;
	} else {
		order = min_of(page_alloc_order(page), MAX_ORDER - 1u);
		/* In a forked child: lost, on its way between a list and somebody who is not here. */
		if (buddy_forked && page_refcount(page) < 1 && !page_flag_test(page, PG_frozen))
			return 0;
		if ((page_refcount(page) < 1) != page_flag_test(page, PG_frozen) || page_is_tail(page) ||
		    (pfn & ((1UL << order) - 1)))
			fail(failure, "B6: pfn %#lx is neither free nor in use: refcount %d, flags %#lx", pfn,
			     page_refcount(page), page->flags);
		else
			check_tails(pfn, order, failure);
	}
	return order;
}

static void check_pageblock(const struct zone *zone, unsigned long pfn, struct census *census, struct failure *failure)
{
	const enum migratetype type = pageblock_type(arena_pfn_to_page(pfn));

	census->online += pageblock_nr_pages;
	census->highatomic_blocks += type == MIGRATE_RESERVE ? pageblock_nr_pages : 0;
	census->isolate_blocks += type == MIGRATE_ISOLATE;
	census->cma += type == MIGRATE_CMA ? pageblock_nr_pages : 0;
	if (type >= MIGRATE_TYPES)
		fail(failure, "B7: the pageblock at pfn %#lx has no type", pfn);
	if (page_zone(arena_pfn_to_page(pfn)) != zone)
		fail(failure, "B7: the pageblock at pfn %#lx does not know its zone", pfn);
	for (unsigned long end = pfn + pageblock_nr_pages; pfn < end && !failure->text[0];)
		pfn += 1UL << check_block(pfn, census, failure);
}

/* B5, B6, B8: what was found against what is counted. */
static void check_counters(const struct zone *zone, const struct census *census, unsigned long removed,
			   struct failure *failure)
{
	unsigned long nr_free = 0;

	for (unsigned int type = 0; type < MIGRATE_ISOLATE; type++)
		nr_free += census->by_type[type];
	if (nr_free != zone_nr_free(zone) || census->isolated != zone->nr_isolated)
		fail(failure, "B5: %lu pages free and %lu isolated, counted %lu and %lu", nr_free - census->isolated,
		     census->isolated, zone_nr_free(zone) - zone->nr_isolated, zone->nr_isolated);
	if (census->by_type[MIGRATE_CMA] != (unsigned long)zone->vm_stat[NR_FREE_CMA_PAGES] ||
	    census->by_type[MIGRATE_RESERVE] != zone->nr_free_highatomic ||
	    census->highatomic_blocks != zone->nr_reserved_highatomic)
		fail(failure, "B5: %lu pages free in CMA, %lu in the reserve of %lu, counted %ld, %lu and %lu",
		     census->by_type[MIGRATE_CMA], census->by_type[MIGRATE_RESERVE], census->highatomic_blocks,
		     zone->vm_stat[NR_FREE_CMA_PAGES], zone->nr_free_highatomic, zone->nr_reserved_highatomic);
	if (census->bad != zone->nr_bad || census->guard != zone->nr_guard)
		fail(failure, "B6: %lu bad pages and %lu guards, counted %lu and %lu", census->bad, census->guard,
		     zone->nr_bad, zone->nr_guard);
	if (census->isolate_blocks != zone->nr_isolate_pageblock)
		fail(failure, "B7: %lu pageblocks isolated, counted %lu", census->isolate_blocks,
		     zone->nr_isolate_pageblock);
	if (census->reserved != zone->nr_reserved || census->online + zone->nr_offline != zone->present_pages ||
	    zone->present_pages + removed != zone->end_pfn - zone->start_pfn)
		fail(failure, "B8: %lu pages reserved, %lu online, %lu removed, counted %lu, %lu present, %lu offline",
		     census->reserved, census->online, removed, zone->nr_reserved, zone->present_pages,
		     zone->nr_offline);
}

/* B9: lists and counts of the CPUs. */
static void check_pcps(const struct zone *zone, const struct census *census, struct failure *failure)
{
	unsigned long total = 0;

	for (unsigned int cpu = 0; zone->pageset && cpu < kmm_nr_cpu_ids; cpu++) {
		const struct per_cpu_pages *pcp = &zone->pageset[cpu];
		unsigned long nr = 0;

		for (unsigned int i = 0; i < NR_PCP_LISTS; i++) {
			struct cds_list_head *pos;

			cds_list_for_each(pos, &pcp->lists[i]) {
				const struct page *page = cds_list_entry(pos, struct page, lru);
				const unsigned int order = page_alloc_order(page);

				if (!page_flag_test(page, PG_pcp) || page_zone(page) != zone ||
				    min_of(order, PCP_MAX_LOW_ORDER + 1u) != i / MIGRATE_PCPTYPES) {
					fail(failure, "B9: pfn %#lx on list %u of CPU %u", arena_page_to_pfn(page), i,
					     cpu);
					return;
				}
				nr += 1UL << order;
				if (nr > census->online) {
					fail(failure, "B9: list %u of CPU %u has a loop", i, cpu);
					return;
				}
			}
		}
		if (nr != (unsigned long)pcp->count)
			fail(failure, "B9: CPU %u has %lu pages and counts %d", cpu, nr, pcp->count);
		total += nr;
	}
	if (buddy_forked ? total > census->pcp : total != census->pcp)
		fail(failure, "B9: %lu pages say they are on a CPU's list, %lu are", census->pcp, total);
}

static void check_zone(const struct zone *zone, struct failure *failure)
{
	unsigned long listed[MAX_ORDER] = { 0 }, removed = 0;
	struct census census = { .isolated = 0 };

	check_lists(zone, listed, failure);
	for (unsigned long pfn = zone->start_pfn; pfn < zone->end_pfn && !failure->text[0]; pfn += pageblock_nr_pages) {
		const unsigned int word = kmm_arena.pageblock_flags[pfn >> pageblock_order];

		if (word & PAGEBLOCK_ONLINE)
			check_pageblock(zone, pfn, &census, failure);
		else if (word & PAGEBLOCK_REMOVED)
			removed += pageblock_nr_pages;
	}
	if (failure->text[0])
		return;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		if (census.free[order] != listed[order])
			fail(failure, "B3: %lu free blocks of order %u, %lu listed", census.free[order], order,
			     listed[order]);
	}
	check_reported(zone, failure);
	check_counters(zone, &census, removed, failure);
	check_pcps(zone, &census, failure);
}

void kmm_validate_pages(void)
{
	struct failure failure = { .text = "" };

	if (!buddy_is_started())
		return;
	/* The library's own thread is not inside it either. */
	kmm_work_pause();
	for_each_zone(zone) {
		kmm_lock(&zone->lock);
		if (zone->started && !failure.text[0])
			check_zone(zone, &failure);
		kmm_unlock(&zone->lock);
	}
	kmm_work_resume();
	if (failure.text[0])
		kmm_report(KMM_REPORT_BUG, "BUG: page allocator: %s\n", failure.text);
}
