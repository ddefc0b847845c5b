/* SPDX-License-Identifier: MIT
 * pcp_setup.c - the lists of CPUs are made, get their size, and survive a fork.
 *
 * Owns:       batch, high_min and high_max.
 * Locks:      pcp->lock while the sizes change; fork takes all of them.
 * Source:     zone_batchsize(), setup_zone_pageset(), per_cpu_pages_init(), mm/page_alloc.c, Linux 6.1 and 6.9.
 */
#include <errno.h>
#include <limits.h>

#include "arena/memblock.h"
#include "buddy/pcp_internal.h"

/* Boot values: each request fetches what it needs, each free goes back. */
static void pcp_init(struct per_cpu_pages *pcp)
{
	kmm_spin_init(&pcp->lock, KMM_RANK_PCP, "pcp->lock");
	for (unsigned int i = 0; i < NR_PCP_LISTS; i++)
		CDS_INIT_LIST_HEAD(&pcp->lists[i]);
	pcp->batch = 1;
	pcp->high = pcp->high_min = pcp->high_max = 0;
	pcp->sweep_at = INT_MAX;
}

int pcp_reserve(void)
{
	for_each_zone(zone) {
		struct per_cpu_pages *pageset;

		/* One that is empty now may get pages later. */
		if (!populated_zone(zone) && zone->idx != ZONE_NORMAL)
			continue;
		pageset = memblock_alloc(kmm_nr_cpu_ids * sizeof(*pageset), _Alignof(struct per_cpu_pages));
		if (!pageset)
			return -ENOMEM;
		for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
			pcp_init(&pageset[cpu]);
		smp_store_release(&zone->pageset, pageset);
	}
	return 0;
}

static int zone_batchsize(const struct zone *zone)
{
	const unsigned long mebibyte = (1UL << 20) >> PAGE_SHIFT;
	unsigned long batch = min_of(zone_managed_pages(zone) / 1024, mebibyte) / 4;

	if (batch < 1)
		return 1;
	return max_of((1 << ilog2(batch + batch / 2)) - 1, 1);
}

void setup_zone_pageset(struct zone *zone)
{
	const unsigned int cpus = max_of(node_nr_cpus((unsigned int)zone->zone_pgdat->node_id), 1u);
	const unsigned long managed = zone_managed_pages(zone);
	const int batch = zone_batchsize(zone);
	unsigned long high_min = READ_ONCE(zone->watermark[WMARK_LOW]) / cpus, high_max = managed / 8 / cpus;

	if (buddy_options.pcp_high_fraction)
		high_min = high_max = managed / buddy_options.pcp_high_fraction / cpus;
	high_min = min_of(max_of(high_min, (unsigned long)batch * 4), (unsigned long)INT_MAX / 2);
	high_max = min_of(max_of(high_max, high_min), (unsigned long)INT_MAX / 2);
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		struct per_cpu_pages *pcp = pcp_of(zone, cpu);

		if (!pcp)
			return;
		kmm_spin_lock(&pcp->lock);
		pcp->batch = batch;
		pcp->high_min = (int)high_min;
		pcp->high_max = (int)high_max;
		WRITE_ONCE(pcp->high, (int)high_min);
		pcp->sweep_at = pcp_first_sweep_at(pcp);
		kmm_spin_unlock(&pcp->lock);
	}
}

/* In the order of their addresses, which is that of the zones: memblock gave them out in that order. */
#define for_each_pcp(pcp)                                                                                          \
	for_each_zone(zone)                                                                                        \
		if (!zone->pageset)                                                                                \
			continue;                                                                                  \
		else                                                                                               \
			for (struct per_cpu_pages * (pcp) = zone->pageset; (pcp) < zone->pageset + kmm_nr_cpu_ids; \
			     (pcp)++)

void pcp_fork_lock_all(void)
{
	for_each_pcp(pcp)
		kmm_spin_lock_same_rank(&pcp->lock);
}

void pcp_fork_unlock_all(void)
{
	for_each_pcp(pcp)
		kmm_spin_unlock(&pcp->lock);
}

/* Whoever had pages in their hands is gone, and these pages with them. The child has no thread that would sweep, and should not
 * make one for what it inherited. */
void pcp_fork_reset(void)
{
	for_each_zone(zone)
		WRITE_ONCE(zone->moves, 0UL);
	for_each_pcp(pcp) {
		kmm_spin_reset(&pcp->lock);
		pcp->sweep_at = pcp->count + pcp_first_sweep_at(pcp);
	}
}
