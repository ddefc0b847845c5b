/* SPDX-License-Identifier: MIT
 * reclaim_ops.h - what the page allocator asks of the room that frees memory: one table of functions.
 *
 * Owns:   struct reclaim_ops. The table is empty until that room fills it, at start; a NULL is "nothing can be done".
 * Rules:  called with no lock held. The ones that may wait are called only for requests with __GFP_DIRECT_RECLAIM.
 * Source: __perform_reclaim(), __alloc_pages_direct_compact(), __alloc_pages_may_oom(), mm/page_alloc.c, Linux 6.1.
 */
#ifndef KMM_BUDDY_RECLAIM_OPS_H
#define KMM_BUDDY_RECLAIM_OPS_H

#include <kmm/mm.h>
#include <kmm/numa.h>

struct zone;
struct zonelist;

enum compact_result {
	COMPACT_NOT_SUITABLE_ZONE,
	COMPACT_SKIPPED,  /* would not help now */
	COMPACT_DEFERRED, /* failed lately */
	COMPACT_CONTINUE,
	COMPACT_COMPLETE, /* went through the zone, without success */
	COMPACT_PARTIAL_SKIPPED,
	COMPACT_CONTENDED,
	COMPACT_SUCCESS,
};

enum compact_priority { COMPACT_PRIO_SYNC_FULL, COMPACT_PRIO_SYNC_LIGHT, COMPACT_PRIO_ASYNC };

/* What reclaim of one node came to, before the search goes to the next one. */
enum node_reclaim_result { NODE_RECLAIM_NOSCAN, NODE_RECLAIM_FULL, NODE_RECLAIM_SOME, NODE_RECLAIM_SUCCESS };

struct reclaim_ops {
	/* Never waits. */
	void (*wakeup_kswapd)(struct zone *zone, gfp_t gfp, unsigned int order, unsigned int highest_zoneidx);
	/* Pages freed; 0: no progress. */
	unsigned long (*try_to_free_pages)(struct zonelist *zonelist, unsigned int order, gfp_t gfp,
					   const nodemask_t *nodemask);
	enum compact_result (*try_to_compact_pages)(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
						    struct zonelist *zonelist, enum compact_priority prio);
	enum node_reclaim_result (*node_reclaim)(unsigned int nid, gfp_t gfp, unsigned int order);
	/* True: something was freed, or soon will be. */
	bool (*out_of_memory)(gfp_t gfp, unsigned int order);
	/* Waits up to @ms for memory that is being written back; what is left of the time. */
	unsigned int (*wait_iff_congested)(unsigned int ms);
	/* Moves what is in use in a range of pages elsewhere. 0, -EBUSY, -ENOMEM. */
	int (*migrate_range)(unsigned long start_pfn, unsigned long end_pfn, gfp_t gfp);
};

extern struct reclaim_ops reclaim_ops;

#endif /* KMM_BUDDY_RECLAIM_OPS_H */
