/* SPDX-License-Identifier: MIT
 * sweep.c - once a second, while there is something to do: the lists of CPUs that are idle go back to their zones, and what
 * CPUs counted is folded.
 *
 * Owns:       the delayed work, which is pending exactly while some CPU may have something to give back.
 * Locks:      none of its own; pcp.c takes pcp->lock and the zone's, one CPU after the other.
 * How:        lists that reach pcp->sweep_at ask for it (pcp.c). A CPU whose lists nobody used since the last sweep loses
 *             them; one in use lets go of a part. When no CPU has anything left, nothing is scheduled any more, so a
 *             process that does nothing is not woken. What it gives back makes whole free pageblocks, which reporting.c
 *             then hands to the system.
 * Source:     vmstat_update(), vmstat_shepherd(), refresh_cpu_vm_stats(), mm/vmstat.c, Linux 6.1 and 6.9. Differs: one
 *             thread for all CPUs.
 */
#include "base/work.h"
#include "buddy/buddy_internal.h"

#define SWEEP_INTERVAL_MS 1000

static void sweep(struct kmm_work *work)
{
	bool more = false;

	for_each_populated_zone(zone) {
		for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
			more |= decay_pcp_high(zone, cpu);
	}
	refresh_vm_stats();
	if (more)
		kmm_work_schedule(work, SWEEP_INTERVAL_MS);
}

void sweep_notify(void)
{
	static struct kmm_work work = KMM_WORK_INIT(sweep);

	kmm_work_schedule(&work, SWEEP_INTERVAL_MS);
}
