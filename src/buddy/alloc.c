/* SPDX-License-Identifier: MIT
 * alloc.c - from a request to pages: one look at the zones that it may use; what that does not find is for slowpath.c.
 *
 * Owns:       the walk over the zones; the injection of failures for tests.
 * Locks:      none here; the CPU's lists and the zone take their own.
 * Source:     __alloc_pages(), prepare_alloc_pages(), get_page_from_freelist(), mm/page_alloc.c, Linux 6.1; the fair round
 *             and the hints about full zones, Linux 3.16.
 */
#include "base/report.h"
#include "buddy/pcp_fast.h"
#include "buddy/prep_fast.h"

static struct {
	unsigned long left; /* the call that fails, counted down; 0: none. Atomic */
	bool forever;       /* every later one as well */
} injected;

void buddy_inject_failure(unsigned long n, bool forever)
{
	WRITE_ONCE(injected.forever, forever);
	WRITE_ONCE(injected.left, n);
	if (n)
		atomic_or_relaxed(&buddy_special, SPECIAL_INJECT);
	else
		atomic_and_relaxed(&buddy_special, ~(unsigned int)SPECIAL_INJECT);
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

unsigned int gfp_cma_flag(gfp_t gfp)
{
	return (gfp & __GFP_MOVABLE) && !(kmm_task_flags & PF_MEMALLOC_PIN) ? ALLOC_CMA : 0;
}

void prepare_alloc_context(gfp_t gfp, unsigned int nid, const nodemask_t *nodemask, struct alloc_context *ac)
{
	ac->zonelist = node_zonelist(nid, gfp);
	ac->nodemask = nodemask;
	ac->migratetype = gfp_migratetype(gfp);
	ac->highest_zoneidx = gfp_zone(gfp);
	ac->preferred_zone = next_zones_zonelist(ac->zonelist->refs, ac->highest_zoneidx, nodemask)->zone;
}

/* Types were mixed: reclaim shall free whole blocks. Two threads that see the flag may both wake it. */
static noinline void wake_for_boost(struct zone *zone, gfp_t gfp)
{
	if (!(gfp & __GFP_KSWAPD_RECLAIM) || !reclaim_ops.wakeup_kswapd)
		return;
	zone_flag_clear(zone, ZONE_BOOSTED_WATERMARK);
	reclaim_ops.wakeup_kswapd(zone, 0, 0, zone->idx);
}

static struct page *take_from_zone(struct zone *zone, unsigned int order, gfp_t gfp, unsigned int alloc_flags,
				   const struct alloc_context *ac)
{
	struct page *page;
	bool zeroed = false;

	for (;;) {
		page = rmqueue(ac, zone, order, gfp, alloc_flags, &zeroed);
		if (!page || likely(prep_new_block(page, order, gfp, zeroed)))
			break;
		/* Out of memory of the system's: the block is back where it was. */
		if (!page_flag_test(page, PG_bad))
			return NULL;
	}
	if (unlikely(page && order && (alloc_flags & ALLOC_HARDER)))
		reserve_highatomic_pageblock(zone, page);
	if (unlikely(zone_flag_test(zone, ZONE_BOOSTED_WATERMARK)))
		wake_for_boost(zone, gfp);
	return page;
}

/* May reclaim free something in @zone on behalf of the preferred node? Far away it may not. */
static bool zone_allows_reclaim(const struct zone *preferred, const struct zone *zone)
{
	return node_distance((unsigned int)preferred->zone_pgdat->node_id, (unsigned int)zone->zone_pgdat->node_id) <=
	       RECLAIM_DISTANCE;
}

enum look { LOOK_TAKE, LOOK_NEXT, LOOK_FULL };

/* The zone is below its mark. zone_reclaim_mode=: rather free something here than go far. */
static noinline enum look reclaim_zone(struct zone *zone, unsigned int order, gfp_t gfp, unsigned int alloc_flags,
				       unsigned long mark, const struct alloc_context *ac)
{
	enum node_reclaim_result result;

	if (alloc_flags & ALLOC_NO_WATERMARKS)
		return LOOK_TAKE;
	if (!buddy_options.zone_reclaim_mode || !reclaim_ops.node_reclaim ||
	    !zone_allows_reclaim(ac->preferred_zone, zone))
		return LOOK_FULL;
	/* Others may reclaim here, so it is not full for them. Who is at it already must not come into it again. */
	if (!(gfp & __GFP_DIRECT_RECLAIM) || (kmm_task_flags & PF_MEMALLOC))
		return LOOK_NEXT;
	result = reclaim_ops.node_reclaim((unsigned int)zone->zone_pgdat->node_id, gfp, order);
	if (result == NODE_RECLAIM_NOSCAN)
		return LOOK_NEXT;
	if (result != NODE_RECLAIM_FULL && zone_watermark_ok(zone, order, mark, ac->highest_zoneidx, alloc_flags))
		return LOOK_TAKE;
	/* After a success, somebody else was faster; or the mark is not the least one. The next time may end better. */
	return result == NODE_RECLAIM_SUCCESS && (alloc_flags & ALLOC_WMARK_MASK) != WMARK_MIN ? LOOK_NEXT : LOOK_FULL;
}

static enum look look_at_zone(struct zone *zone, unsigned int order, gfp_t gfp, unsigned int alloc_flags,
			      const struct alloc_context *ac)
{
	const enum zone_watermarks wmark = (enum zone_watermarks)(alloc_flags & ALLOC_WMARK_MASK);
	const unsigned long mark = wmark_pages(zone, wmark);

	if (likely(zone_watermark_ok(zone, order, mark, ac->highest_zoneidx, alloc_flags)))
		return LOOK_TAKE;
	/* The boost is for reclaim to work towards; a page for who cannot wait is not refused for it. */
	if (!order && (gfp & __GFP_ATOMIC) && wmark == WMARK_MIN &&
	    zone_watermark_ok(zone, 0, READ_ONCE(zone->watermark[WMARK_MIN]), ac->highest_zoneidx, alloc_flags))
		return LOOK_TAKE;
	return reclaim_zone(zone, order, gfp, alloc_flags, mark, ac);
}

/* What the walk came across. */
struct walk {
	bool use_hints;    /* skip zones that were found full lately */
	bool hint_skipped; /* one was */
	bool fair_skipped; /* one had used up its share */
};

static struct page *walk_zones(gfp_t gfp, unsigned int order, unsigned int alloc_flags, const struct alloc_context *ac,
			       struct walk *walk)
{
	for_each_zone_in(ref, ac) {
		struct zone *zone = ref->zone;
		struct page *page;
		enum look look;

		if (walk->use_hints && !zlc_zone_worth_trying(ac->zonelist, ref)) {
			walk->hint_skipped = true;
			continue;
		}
		if ((alloc_flags & ALLOC_CPUSET) && unlikely(!node_allowed((unsigned int)zone->zone_pgdat->node_id)))
			continue;
		if (alloc_flags & ALLOC_FAIR) {
			if (zone->zone_pgdat != ac->preferred_zone->zone_pgdat)
				break;
			if (zone_flag_test(zone, ZONE_FAIR_DEPLETED)) {
				walk->fair_skipped = true;
				continue;
			}
		}
		look = look_at_zone(zone, order, gfp, alloc_flags, ac);
		if (likely(look == LOOK_TAKE)) {
			page = take_from_zone(zone, order, gfp, alloc_flags, ac);
			if (likely(page)) {
				if (unlikely(alloc_flags & ALLOC_NO_WATERMARKS))
					page_flag_set(page, PG_pfmemalloc);
				return page;
			}
		}
		if (look != LOOK_NEXT && many_nodes())
			zlc_mark_zone_full(ac->zonelist, ref);
	}
	return NULL;
}

struct page *get_page_from_freelist(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
				    const struct alloc_context *ac)
{
	/* The first walk is for hints and shares; hints speak of the low mark, so a deeper look makes its own. */
	struct walk walk = { .use_hints = many_nodes() && (alloc_flags & ALLOC_WMARK_MASK) == WMARK_LOW &&
					  !(alloc_flags & ALLOC_NO_WATERMARKS) };
	struct page *page;

	if (unlikely(!ac->preferred_zone))
		return NULL;
	page = walk_zones(gfp, order, alloc_flags, ac, &walk);
	if (likely(page))
		return page;
	if (alloc_flags & ALLOC_FAIR) {
		if (walk.fair_skipped)
			reset_alloc_batches(ac->preferred_zone);
		page = walk_zones(gfp, order, alloc_flags & ~(unsigned int)ALLOC_FAIR, ac, &walk);
	}
	if (!page && walk.hint_skipped) {
		walk.use_hints = false;
		page = walk_zones(gfp, order, alloc_flags & ~(unsigned int)ALLOC_FAIR, ac, &walk);
	}
	return page;
}

struct page *__alloc_pages(gfp_t gfp, unsigned int order, int nid, const nodemask_t *nodemask)
{
	unsigned int alloc_flags = WMARK_LOW | ALLOC_CPUSET;
	struct alloc_context ac;
	struct page *page;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	if (unlikely(order >= MAX_ORDER)) {
		if (!(gfp & __GFP_NOWARN))
			KMM_WARN_ONCE(true, "order:%u is too large, mode:%#x", order, gfp);
		return NULL;
	}
	if (unlikely(READ_ONCE(injected.left)) && !(gfp & __GFP_NOFAIL) && injection_strikes())
		return NULL;
	/* ACQUIRE: pairs with set_special(). Before that, another thread may be laying out the nodes. Where there is nothing
	 * to allocate from any more, there is nothing to say. */
	if (unlikely(smp_load_acquire(&buddy_special) & SPECIAL_COLD) && !buddy_ensure_started())
		return NULL;
	if (nid == NUMA_NO_NODE)
		nid = many_nodes() ? (int)node_of_cpu(raw_cpu_id()) : 0;
	if (unlikely((unsigned int)nid >= nr_online_nodes)) {
		KMM_WARN(!(gfp & __GFP_NOWARN), "there is no node %d", nid);
		return NULL;
	}
	gfp = current_gfp_context(gfp);
	prepare_alloc_context(gfp, (unsigned int)nid, nodemask, &ac);
	alloc_flags |= gfp_cma_flag(gfp);
	if (unlikely(buddy_fair_zones) && !(gfp & __GFP_THISNODE))
		alloc_flags |= ALLOC_FAIR;
	page = get_page_from_freelist(gfp, order, alloc_flags, &ac);
	return likely(page) ? page : alloc_pages_slowpath(gfp, order, (unsigned int)nid, nodemask);
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	/* ACQUIRE: pairs with set_special(). */
	if (likely(!smp_load_acquire(&buddy_special) && order <= PCP_MAX_LOW_ORDER && !kmm_task_flags &&
		   !(gfp & __GFP_COLD))) {
		bool zeroed;
		struct page *page = pcp_pop_fast(order, gfp, &zeroed);

		if (likely(page && prep_new_block_fast(page, order, gfp, zeroed)))
			return page;
	}
	return __alloc_pages(gfp, order, NUMA_NO_NODE, NULL);
}

bool page_is_pfmemalloc(const struct page *page)
{
	return page_flag_test(page, PG_pfmemalloc);
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order, nid, NULL);
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
