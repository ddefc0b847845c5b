/* SPDX-License-Identifier: MIT
 * slowpath.c - what is done for a request that the first look did not serve, and how it ends.
 *
 * Owns:       the order of the steps, and who may dig how deep into the reserves.
 * Locks:      none is held on entry or between the steps: they may wait, where the request allows it.
 * How:        wake the node's reclaim; look again down to the min mark, or below it for those entitled; collect what CPUs
 *             keep for themselves; free memory, make contiguous memory, as far as reclaim_ops has functions for it; then
 *             once more, until nothing makes progress. __GFP_NOFAIL starts over for ever.
 * Source:     __alloc_pages_slowpath(), gfp_to_alloc_flags(), __alloc_pages_direct_reclaim(), should_reclaim_retry(),
 *             mm/page_alloc.c, Linux 6.1. Differs: the lists of all CPUs are drained for every request before it fails.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <kmm/memalloc.h>

#include "base/race.h"
#include "base/rcu_defer.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"

/* Orders beyond this are not retried for ever: there may be no such block, however much is freed. */
#define PAGE_ALLOC_COSTLY_ORDER 3
/* Rounds without progress before a request gives up. */
#define MAX_RECLAIM_RETRIES 16
/* Looks at a zone while pages move to and from its CPUs' lists, before the request gives up: where many threads are short of
 * memory that may be always. The first of them give up the CPU only, then each waits so long, in microseconds. */
#define MOVE_TURNS 100
#define MOVE_YIELDS 16
#define MOVE_WAIT_US 500
/* A request that must not fail waits this long between two rounds: a fiftieth of a second. */
#define NOFAIL_WAIT_MS 20
/* And says that it is stuck after so many of them: ten seconds. */
#define NOFAIL_REPORT_ROUNDS 500

struct reclaim_ops reclaim_ops;

struct request {
	gfp_t gfp;
	unsigned int order;
	unsigned int alloc_flags;
	struct alloc_context ac;
	const nodemask_t *nodemask; /* as asked for */
	unsigned int mems_cookie;
	unsigned int fruitless;    /* rounds without progress */
	unsigned int stuck_rounds; /* of a request that must not fail */
	enum compact_priority compact_priority;
	bool progress; /* of the last reclaim */
};

static bool may_wait(const struct request *rq)
{
	return rq->gfp & __GFP_DIRECT_RECLAIM;
}

static unsigned int gfp_to_alloc_flags(gfp_t gfp)
{
	unsigned int flags = WMARK_MIN | ALLOC_CPUSET;

	_Static_assert((unsigned int)__GFP_HIGH == ALLOC_HIGH, "one bit for both");
	_Static_assert((unsigned int)__GFP_KSWAPD_RECLAIM == ALLOC_KSWAPD, "one bit for both");
	flags |= gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM);
	if (gfp & __GFP_ATOMIC) {
		if (!(gfp & __GFP_NOMEMALLOC))
			flags |= ALLOC_HARDER;
		/* Better memory from elsewhere than none. */
		flags &= ~(unsigned int)ALLOC_CPUSET;
	}
	return flags | gfp_cma_flag(gfp);
}

/* Whoever frees memory may use what is left of it. */
bool gfp_pfmemalloc_allowed(gfp_t gfp)
{
	if (gfp & __GFP_NOMEMALLOC)
		return false;
	return (gfp & __GFP_MEMALLOC) || (kmm_task_flags & PF_MEMALLOC);
}

static struct page *look(const struct request *rq)
{
	return get_page_from_freelist(rq->gfp, rq->order, rq->alloc_flags, &rq->ac);
}

static void wake_kswapds(const struct request *rq)
{
	const struct pglist_data *last = NULL;

	if (!(rq->alloc_flags & ALLOC_KSWAPD) || !reclaim_ops.wakeup_kswapd)
		return;
	for_each_zone_in(ref, &rq->ac) {
		if (ref->zone->zone_pgdat != last)
			reclaim_ops.wakeup_kswapd(ref->zone, rq->gfp, rq->order, rq->ac.highest_zoneidx);
		last = ref->zone->zone_pgdat;
	}
}

/* Free blocks whose memory is being given back are free all the same, and come back within microseconds. A search that
 * failed while some went or came may have missed them: it looks for blocks without the lock. ACQUIRE: the count is that of
 * before the search, and a search that starts with the last count sees the blocks that had come back by then. */
static unsigned int isolations(const struct request *rq)
{
	unsigned int sum = 0;

	for_each_zone_in(ref, &rq->ac)
		sum += smp_load_acquire(&ref->zone->isolations);
	return sum;
}

static bool blocks_are_away(const struct request *rq)
{
	for_each_zone_in(ref, &rq->ac) {
		if (smp_load_acquire(&ref->zone->nr_isolated))
			return true;
	}
	return false;
}

/* Memory from elsewhere rather than none. */
static void allow_all_nodes(struct request *rq)
{
	rq->ac.nodemask = NULL;
	rq->ac.preferred_zone = next_zones_zonelist(rq->ac.zonelist->refs, rq->ac.highest_zoneidx, NULL)->zone;
}

/* From where, and how far down, beyond what everybody may? True when that is more than before. */
static bool use_privileges(struct request *rq)
{
	const bool other_nodes = rq->ac.nodemask, reserves = gfp_pfmemalloc_allowed(rq->gfp);

	if (!reserves && (rq->alloc_flags & ALLOC_CPUSET))
		return false;
	allow_all_nodes(rq);
	if (!reserves || (rq->alloc_flags & ALLOC_NO_WATERMARKS))
		return other_nodes;
	rq->alloc_flags = ALLOC_NO_WATERMARKS | (rq->alloc_flags & ALLOC_KSWAPD) | gfp_cma_flag(rq->gfp);
	return true;
}

/* In the same way, pages on their way between a zone and the list of a CPU. ACQUIRE pairs with move_end() of pcp.c. */
static unsigned long moves(const struct request *rq)
{
	unsigned long sum = 0;

	for_each_zone_in(ref, &rq->ac)
		sum += smp_load_acquire(&ref->zone->moves);
	return sum;
}

/* Was a page perhaps in somebody's hands while the search went on that began with @before? */
static bool pages_were_moved(const struct request *rq, unsigned long before)
{
	smp_rmb(); /* the counts of the search before this one; pairs with move_begin() of pcp.c */
	return moves(rq) != before || (before & ZONE_MOVERS_MASK);
}

/* Others have what we need in their hands, and may need our CPU to let go of it, even if their priority is lower. Not a place
 * where a thread can be cancelled: no allocation is. */
static void let_others_go_on(unsigned int turn)
{
	static const struct timespec wait = { .tv_nsec = MOVE_WAIT_US * 1000L };
	int cancel_state;

	if (turn < MOVE_YIELDS) {
		sched_yield();
		return;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	nanosleep(&wait, NULL);
	pthread_setcancelstate(cancel_state, NULL);
}

/* What CPUs and the reserve of high orders hold is free memory, too. */
static struct page *look_after_drain(struct request *rq)
{
	for (unsigned int turn = 0;; turn++) {
		const unsigned int isolations_before = isolations(rq);
		const unsigned long moves_before = moves(rq);
		struct page *page;

		KMM_RACE_POINT("slowpath:drain");
		if (may_wait(rq))
			drain_all_pages(NULL);
		else
			try_drain_all_pages();
		page = look(rq);
		/* The first one that is given back may hold single pages only. */
		while (!page && unreserve_highatomic_pageblock(&rq->ac))
			page = look(rq);
		if (page || !may_wait(rq))
			return page;
		KMM_RACE_POINT("slowpath:looked");
		if (!blocks_are_away(rq)) {
			if (isolations(rq) != isolations_before)
				continue;
			if (turn >= MOVE_TURNS || !pages_were_moved(rq, moves_before))
				return NULL;
		}
		let_others_go_on(turn);
	}
}

static struct page *reclaim_and_look(struct request *rq)
{
	unsigned int saved;

	rq->progress = false;
	if (!reclaim_ops.try_to_free_pages)
		return NULL;
	count_vm_events(ALLOCSTALL_NORMAL - ZONE_NORMAL + rq->ac.highest_zoneidx, 1);
	saved = memalloc_noreclaim_save();
	rq->progress = reclaim_ops.try_to_free_pages(rq->ac.zonelist, rq->order, rq->gfp, rq->ac.nodemask) != 0;
	memalloc_noreclaim_restore(saved);
	return rq->progress ? look_after_drain(rq) : NULL;
}

static struct page *compact_and_look(struct request *rq, enum compact_result *result)
{
	unsigned int saved;

	*result = COMPACT_SKIPPED;
	if (!rq->order || !reclaim_ops.try_to_compact_pages)
		return NULL;
	count_vm_events(COMPACTSTALL, 1);
	saved = memalloc_noreclaim_save();
	*result = reclaim_ops.try_to_compact_pages(rq->gfp, rq->order, rq->alloc_flags, rq->ac.zonelist,
						   rq->compact_priority);
	memalloc_noreclaim_restore(saved);
	if (*result == COMPACT_SKIPPED || *result == COMPACT_DEFERRED)
		return NULL;
	return look(rq);
}

/* Would there be enough if everything that can be freed were free? */
static bool reclaim_may_help(const struct request *rq)
{
	if (!reclaim_ops.try_to_free_pages)
		return false;
	for_each_zone_in(ref, &rq->ac) {
		const struct zone *zone = ref->zone;
		const unsigned long reclaimable = zone_page_state_snapshot(zone, NR_ZONE_INACTIVE_FILE) +
						  zone_page_state_snapshot(zone, NR_ZONE_ACTIVE_FILE);

		if (reclaimable && zone_nr_free(zone) + reclaimable > wmark_pages(zone, WMARK_MIN) + (1UL << rq->order))
			return true;
	}
	return false;
}

/* One more round? */
static bool should_retry(struct request *rq, enum compact_result compacted)
{
	const bool costly = rq->order > PAGE_ALLOC_COSTLY_ORDER;

	if ((rq->gfp & __GFP_NORETRY) || (costly && !(rq->gfp & __GFP_RETRY_MAYFAIL)))
		return false;
	if (rq->progress && !costly)
		rq->fruitless = 0;
	else
		rq->fruitless++;
	if (rq->fruitless > MAX_RECLAIM_RETRIES)
		return false;
	/* Without progress, too: what is in the hands of others now may come free. */
	if (reclaim_may_help(rq)) {
		sched_yield();
		return true;
	}
	/* There is enough in all, but not in one piece: try harder to move things. */
	if (rq->progress && compacted == COMPACT_COMPLETE && rq->compact_priority > COMPACT_PRIO_SYNC_FULL) {
		rq->compact_priority--;
		return true;
	}
	return rq->progress;
}

/* Not for requests that others can do without, nor for those that it would hardly help: a large block, one node, one low zone. */
static bool out_of_memory_helped(struct request *rq)
{
	if (rq->order > PAGE_ALLOC_COSTLY_ORDER || rq->ac.highest_zoneidx < ZONE_NORMAL ||
	    (rq->gfp & (__GFP_RETRY_MAYFAIL | __GFP_NORETRY | __GFP_THISNODE)))
		return false;
	if (!reclaim_ops.out_of_memory || !reclaim_ops.out_of_memory(rq->gfp, rq->order))
		return false;
	rq->fruitless = 0;
	return true;
}

/* One try of everything the request allows, in the kernel's order. *@again: something changed on the way. */
static struct page *one_round(struct request *rq, bool *again)
{
	enum compact_result compacted;
	struct page *page;

	*again = false;
	wake_kswapds(rq);
	page = look(rq);
	if (!page && use_privileges(rq))
		page = look(rq);
	if (!page)
		page = look_after_drain(rq);
	if (page || !may_wait(rq) || (kmm_task_flags & PF_MEMALLOC))
		return page;
	page = reclaim_and_look(rq);
	if (!page)
		page = compact_and_look(rq, &compacted);
	/* What is freed already, and only waits for a grace period. */
	if (!page && kmm_rcu_expedite())
		page = look_after_drain(rq);
	if (!page)
		*again = should_retry(rq, compacted) || out_of_memory_helped(rq);
	return page;
}

static void begin(struct request *rq, unsigned int nid)
{
	rq->mems_cookie = read_mems_allowed_begin();
	rq->fruitless = 0;
	rq->compact_priority = COMPACT_PRIO_ASYNC;
	rq->alloc_flags = gfp_to_alloc_flags(rq->gfp);
	prepare_alloc_context(rq->gfp, nid, rq->nodemask, &rq->ac);
}

/* Not a place where a thread can be cancelled: no allocation is. */
void buddy_wait_for_others(void)
{
	static const struct timespec wait = { .tv_nsec = NOFAIL_WAIT_MS * 1000000L };
	int cancel_state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	if (!reclaim_ops.wait_iff_congested || reclaim_ops.wait_iff_congested(NOFAIL_WAIT_MS))
		nanosleep(&wait, NULL);
	pthread_setcancelstate(cancel_state, NULL);
}

/* A request that must not fail: a deeper look, then some time for others to free memory. */
static struct page *look_deeper_and_wait(struct request *rq)
{
	struct page *page;

	rq->alloc_flags = WMARK_MIN | ALLOC_HIGH | ALLOC_HARDER;
	allow_all_nodes(rq);
	page = look(rq);
	if (page)
		return page;
	if (rq->stuck_rounds++ % NOFAIL_REPORT_ROUNDS == NOFAIL_REPORT_ROUNDS - 1 && !(rq->gfp & __GFP_NOWARN))
		warn_alloc(rq->gfp, rq->nodemask, rq->order);
	buddy_wait_for_others();
	return NULL;
}

struct page *alloc_pages_slowpath(gfp_t gfp, unsigned int order, unsigned int nid, const nodemask_t *nodemask)
{
	struct request rq = { .gfp = gfp, .order = order, .nodemask = nodemask };
	const int saved = errno;
	struct page *page = NULL;
	bool again;

	if ((gfp & (__GFP_ATOMIC | __GFP_DIRECT_RECLAIM)) == (__GFP_ATOMIC | __GFP_DIRECT_RECLAIM)) {
		KMM_WARN_ONCE_AS("__alloc_pages", true, "a request that may wait is not atomic, mode:%#x", gfp);
		rq.gfp &= ~__GFP_ATOMIC;
	}
	if ((gfp & __GFP_NOFAIL) && !(gfp & __GFP_DIRECT_RECLAIM)) {
		KMM_WARN_ONCE_AS("__alloc_pages", true, "a request that may not wait can fail, mode:%#x", gfp);
		rq.gfp = gfp &= ~__GFP_NOFAIL;
	}
	do {
		begin(&rq, nid);
		do {
			page = one_round(&rq, &again);
		} while (!page && again);
		KMM_RACE_POINT("slowpath:cookie");
		if (!page && read_mems_allowed_retry(rq.mems_cookie))
			again = true;
		else if (!page && (gfp & __GFP_NOFAIL)) {
			page = look_deeper_and_wait(&rq);
			again = true;
		}
	} while (!page && again);
	if (!page && !(gfp & __GFP_NOWARN))
		warn_alloc(gfp, nodemask, order);
	errno = saved;
	return page;
}
