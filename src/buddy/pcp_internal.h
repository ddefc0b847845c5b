/* SPDX-License-Identifier: MIT
 * pcp_internal.h - what the files of the per-CPU page lists share: pcp.c fills and empties them one request at a time,
 * pcp_drain.c from outside, pcp_setup.c makes them.
 *
 * Owns:  nothing; see pcp.c for the rules.
 */
#ifndef KMM_BUDDY_PCP_INTERNAL_H
#define KMM_BUDDY_PCP_INTERNAL_H

#include "buddy/buddy_internal.h"

/* Pairs with the RELEASE in pcp_reserve(): the lists are made before anybody finds them. */
static inline struct per_cpu_pages *pcp_of(const struct zone *zone, unsigned int cpu)
{
	struct per_cpu_pages *pageset = smp_load_acquire(&zone->pageset);

	return likely(pageset) ? pageset + cpu : NULL;
}

/* Under pcp->lock: takes @nr pages or a few more, the coldest, off the lists, a few of one list after the other. Opens a move,
 * which pcp_free_list() ends. */
void pcp_detach(struct zone *zone, struct per_cpu_pages *pcp, int nr, struct cds_list_head *out);
/* Gives a list of pages with PG_pcp back to their zone, and ends their move. No lock held. */
void pcp_free_list(struct zone *zone, struct cds_list_head *list);

/* So small are lists that nobody looks after, all CPUs together: 16 MiB. Beyond it they are worth a thread. */
#define PCP_NEGLIGIBLE (4 * (int)pageblock_nr_pages)

static inline int pcp_first_sweep_at(const struct per_cpu_pages *pcp)
{
	return max_of(PCP_NEGLIGIBLE / (int)kmm_nr_cpu_ids, 4 * pcp->batch);
}

#endif /* KMM_BUDDY_PCP_INTERNAL_H */
