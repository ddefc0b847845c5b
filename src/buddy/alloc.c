/* SPDX-License-Identifier: MIT
 * alloc.c - from a request to pages: own lists, other types' blocks, a larger zone, other types' pages, failure.
 *
 * Owns:       the order in which memory is looked for; the injection of failures for tests.
 * Locks:      zone->lock for the search. Pages are prepared after it is released: they belong to the caller then.
 * Source:     __alloc_pages(), get_page_from_freelist(), __rmqueue(), mm/page_alloc.c, Linux 6.1.
 *             Differs: nothing stands behind the zone, so nothing waits and __GFP_NOFAIL fails like any other request.
 */
#include <sched.h>

#include "base/boot.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"

static struct {
	unsigned long left; /* the call that fails, counted down; 0: none. Atomic */
	bool forever;       /* every later one as well */
} injected;

void buddy_inject_failure(unsigned long n, bool forever)
{
	WRITE_ONCE(injected.forever, forever);
	WRITE_ONCE(injected.left, n);
}

static noinline bool injection_strikes(void)
{
	unsigned long left = READ_ONCE(injected.left), found;

	/* A lost race means that another thread's call was counted; try again with what is left. No ABA: it only sinks. */
	while (left) {
		if (left == 1 && READ_ONCE(injected.forever))
			return true;
		found = arch_this_cpu_cmpxchg(&injected.left, left, left - 1);
		if (found == left)
			return left == 1;
		left = found;
	}
	return false;
}

/*
 * The zone grows before a pageblock gets mixed. A section costs its part of the page array and, until they are touched,
 * nothing for its pages; a page of the wrong type in a block keeps that block from ever being free as a whole for as
 * long as it lives. A free pageblock of another type comes before growing, because it is pure either way.
 */
struct page *zone_take_locked(struct zone *zone, unsigned int order, enum migratetype type, bool *reported)
{
	struct page *page;

	kmm_assert_held(&zone->lock);
	do {
		page = free_area_take(zone, order, type, reported);
		if (!page)
			page = pageblock_steal(zone, order, pageblock_order, type, reported);
	} while (!page && zone_grow_locked(zone));
	if (!page)
		page = pageblock_steal(zone, order, 0, type, reported);
	if (!page)
		page = free_area_take(zone, order, MIGRATE_RESERVE, reported);
	return page;
}

/*
 * One try: pages off the lists, in the form that the caller asked for. *@isolated: whether blocks were away from the lists
 * when it failed, having their memory given back. It is read in the same hold of the lock as the lists: later, the blocks
 * may be back and the answer wrong.
 */
static struct page *zone_alloc(struct zone *zone, gfp_t gfp, unsigned int order, bool *isolated)
{
	const enum migratetype type = gfp_migratetype(gfp);
	struct page *page;
	bool reported = false;

	do {
		kmm_lock(&zone->lock);
		page = likely(zone->started) ? zone_take_locked(zone, order, type, &reported) : NULL;
		if (likely(page))
			zone_mod_free(zone, -(1L << order));
		else
			*isolated = zone->nr_isolated != 0;
		kmm_unlock(&zone->lock);
	} while (page && unlikely(!prep_new_block(zone, page, order, gfp, reported)));
	return page;
}

static bool zone_is_started(struct zone *zone)
{
	bool started;

	kmm_lock(&zone->lock);
	started = zone->started;
	kmm_unlock(&zone->lock);
	return started;
}

static noinline struct page *alloc_pages_slow(gfp_t gfp, unsigned int order)
{
	struct zone *zone = &kmm_zone;
	struct page *page;
	bool isolated = false;

	/* Not there yet, or not there any more. In the second case there is nothing to say. */
	if (!zone_is_started(zone) && !(kmm_boot_ensure() && zone_is_started(zone)))
		return NULL;
	for (;;) {
		page = zone_alloc(zone, gfp, order, &isolated);
		if (page || !isolated)
			break;
		/* Those blocks are free all the same, and come back within microseconds. */
		sched_yield();
	}
	if (!page && !(gfp & __GFP_NOWARN))
		report_alloc_failure(zone, gfp, order);
	return page;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	struct page *page;
	bool isolated = false;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	if (unlikely(order >= MAX_ORDER)) {
		if (!(gfp & __GFP_NOWARN))
			KMM_WARN_ONCE(true, "order:%u is too large, mode:%#x", order, gfp);
		return NULL;
	}
	if (unlikely(READ_ONCE(injected.left)) && injection_strikes())
		return NULL;
	page = zone_alloc(&kmm_zone, gfp, order, &isolated);
	return likely(page) ? page : alloc_pages_slow(gfp, order);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return page ? (unsigned long)arena_page_address(page) : 0;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}
