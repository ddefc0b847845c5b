/* SPDX-License-Identifier: MIT
 * pcp_drain.c - the lists of CPUs are emptied from outside: because somebody would fail, or because their CPU does nothing.
 *
 * Owns:       how lists shrink with time.
 * Locks:      pcp->lock, waited for, except by those who may not wait; the zone's afterwards, in pcp_free_list().
 * Source:     drain_all_pages(), drain_pages_zone(), mm/page_alloc.c, Linux 6.1; decay_pcp_high(), Linux 6.9.
 */
#include "buddy/pcp_fast.h"
#include "buddy/pcp_internal.h"

/* Without the lock; ACQUIRE: see move_begin(). */
static bool has_pages(const struct per_cpu_pages *pcp)
{
	return smp_load_acquire(&pcp->count) != 0;
}

unsigned long drain_pages_zone(struct zone *zone, unsigned int cpu)
{
	struct per_cpu_pages *pcp = pcp_of(zone, cpu);
	CDS_LIST_HEAD(out);
	int nr;

	if (!pcp || !has_pages(pcp))
		return 0;
	kmm_spin_lock(&pcp->lock);
	nr = pcp->count;
	pcp_detach(zone, pcp, nr, &out);
	kmm_spin_unlock(&pcp->lock);
	pcp_free_list(zone, &out);
	return (unsigned long)nr;
}

unsigned long drain_all_pages(struct zone *only)
{
	unsigned long nr = 0;

	for_each_populated_zone(zone) {
		if (only && zone != only)
			continue;
		for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
			nr += drain_pages_zone(zone, cpu);
	}
	return nr;
}

void try_drain_all_pages(void)
{
	for_each_populated_zone(zone) {
		for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
			struct per_cpu_pages *pcp = pcp_of(zone, cpu);
			CDS_LIST_HEAD(out);

			if (!pcp || !has_pages(pcp) || !kmm_spin_trylock(&pcp->lock))
				continue;
			pcp_detach(zone, pcp, pcp->count, &out);
			kmm_spin_unlock(&pcp->lock);
			pcp_free_list(zone, &out);
		}
	}
}

unsigned long zone_nr_pcp(const struct zone *zone)
{
	unsigned long nr = 0;

	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		const struct per_cpu_pages *pcp = pcp_of(zone, cpu);

		if (pcp)
			nr += (unsigned long)READ_ONCE(pcp->count);
	}
	return nr;
}

/* An eighth less, but within what one call may give back of what is there. */
static int decayed_high(const struct per_cpu_pages *pcp)
{
	const int less = pcp->high - max_of(pcp->high >> 3, 1);
	const int slow = min_of(pcp->count - (pcp->batch << PCP_BATCH_SCALE_MAX), pcp->high);

	return max_of(max_of(less, slow), pcp->high_min);
}

bool decay_pcp_high(struct zone *zone, unsigned int cpu)
{
	struct per_cpu_pages *pcp = pcp_of(zone, cpu);
	CDS_LIST_HEAD(out);
	unsigned long events;
	bool idle, more;

	if (!pcp)
		return false;
	kmm_spin_lock(&pcp->lock);
	events = pcp->nr_alloc + pcp->nr_freed;
	idle = events == pcp->events_seen;
	pcp->events_seen = events;
	if (pcp->high > pcp->high_min)
		pcp->high = decayed_high(pcp);
	/* Nothing happened since the last time: the CPU, or this zone, is not in use. */
	if (idle)
		pcp_detach(zone, pcp, pcp->count, &out);
	else if (pcp->count > pcp->high)
		pcp_detach(zone, pcp, pcp->count - pcp->high, &out);
	more = pcp->count || pcp->high > pcp->high_min;
	/* There is a thread now, so it comes for less the next time. */
	if (!more)
		pcp->sweep_at = 4 * pcp->batch;
	kmm_spin_unlock(&pcp->lock);
	pcp_free_list(zone, &out);
	return more;
}
