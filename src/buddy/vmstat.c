/* SPDX-License-Identifier: MIT
 * vmstat.c - counters of zones and nodes with per-CPU differences, and counts of events.
 *
 * Owns:       vm_stat of every zone and node but for the two items of zone->lock, the differences, the event counts,
 *             the names of all of them.
 * Locks:      none. An item's value is its vm_stat, plus the differences of all CPUs, plus what a thread has in its
 *             hands between the exchange and the add of a fold; a reader that misses the last sees it a moment later.
 * Lock-free:  everything here is RELAXED; numbers order nothing, and each add and exchange is one step, so none is lost
 *             or doubled. The arrays are set before a second thread can be inside; a thread that comes in after the end
 *             finds NULL, or counts into memory that nobody reads any more.
 * Invariants: V1  between calls a difference is within its threshold, either way
 * Source:     mm/vmstat.c, Linux 6.1. Differs: any thread may act on any CPU's difference, so it goes to 0 when it is
 *             folded and not half a threshold beyond; events of the lists of pages are counted by the lists.
 */
#include <errno.h>
#include <limits.h>

#include "arena/memblock.h"
#include "base/cpu_hotplug.h"
#include "base/report.h"
#include "buddy/mmzone.h"

#define VMSTAT_NAME(item, name) [item] = (name),

const char *const zone_stat_names[NR_VM_ZONE_STAT_TEXT_ITEMS] = { ZONE_STAT_ITEMS(VMSTAT_NAME) };
const char *const node_stat_names[NR_VM_NODE_STAT_ITEMS] = { NODE_STAT_ITEMS(VMSTAT_NAME) };
const char *const vm_event_names[NR_VM_EVENT_ITEMS] = { VM_EVENT_ITEMS(VMSTAT_NAME) };

_Static_assert(PGALLOC_DMA + ZONE_NORMAL == PGALLOC_NORMAL && PGALLOC_DMA + ZONE_MOVABLE == PGALLOC_MOVABLE,
	       "the events of a zone in the order of the zones");

struct cpu_events {
	unsigned long nr[NR_VM_EVENT_ITEMS];
} cacheline_aligned;

static struct cpu_events *cpu_events; /* one a CPU */

/* The largest difference that stays with a CPU; by zone->index and node_id. */
#define STAT_THRESHOLD_MAX 125
static int zone_threshold[MAX_ZONES];
static int node_threshold[MAX_NUMNODES];

/* Logarithmic in both: more memory can be counted more coarsely, and more CPUs get in each other's way. */
static int stat_threshold(const struct zone *zone)
{
	const int size = fls_long(zone_managed_pages(zone) >> (27 - PAGE_SHIFT)); /* of units of 128 MiB */

	return min_of(2 * fls(nr_cpus_online()) * (1 + size), STAT_THRESHOLD_MAX);
}

/* A node counts as coarsely as its largest zone. */
static void set_thresholds(struct pglist_data *pgdat)
{
	int largest = 0;

	for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
		const struct zone *zone = &pgdat->node_zones[i];
		const int threshold = populated_zone(zone) ? stat_threshold(zone) : 0;

		WRITE_ONCE(zone_threshold[zone->index], threshold);
		largest = max_of(largest, threshold);
	}
	WRITE_ONCE(node_threshold[pgdat->node_id], largest);
}

static void *reserve_per_cpu(size_t size)
{
	return memblock_alloc(kmm_nr_cpu_ids * size, _Alignof(struct cpu_events));
}

static int reserve_node(struct pglist_data *pgdat)
{
	pgdat->per_cpu_nodestats = reserve_per_cpu(sizeof(*pgdat->per_cpu_nodestats));
	if (!pgdat->per_cpu_nodestats)
		return -ENOMEM;
	/* Of zones without pages too: memory may be added to them. */
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &pgdat->node_zones[i];

		zone->per_cpu_zonestats = reserve_per_cpu(sizeof(*zone->per_cpu_zonestats));
		if (!zone->per_cpu_zonestats)
			return -ENOMEM;
	}
	set_thresholds(pgdat);
	return 0;
}

int vmstat_reserve(void)
{
	int err = 0;

	cpu_events = reserve_per_cpu(sizeof(*cpu_events));
	if (!cpu_events)
		err = -ENOMEM;
	for (unsigned int nid = 0; nid < nr_online_nodes && !err; nid++)
		err = reserve_node(NODE_DATA(nid));
	if (err)
		vmstat_stop();
	return err;
}

void vmstat_stop(void)
{
	WRITE_ONCE(cpu_events, NULL);
	for (unsigned int nid = 0; nid < MAX_NUMNODES; nid++) {
		struct pglist_data *pgdat = NODE_DATA(nid);

		WRITE_ONCE(pgdat->per_cpu_nodestats, NULL);
		for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
			WRITE_ONCE(pgdat->node_zones[i].per_cpu_zonestats, NULL);
	}
}

/* Whatever is in *@diff: others may have added to it since the caller looked, or have folded it. */
static void fold(long *total, int *diff)
{
	const int taken = arch_this_cpu_xchg(diff, 0);

	if (taken)
		atomic_add_relaxed(total, taken);
}

static void mod_state(long *total, int *diff, int threshold, long delta)
{
	int sum;

	/* Too much for a difference, which then stays as it is. */
	if (delta > threshold || delta < -threshold) {
		atomic_add_relaxed(total, delta);
		return;
	}
	sum = arch_this_cpu_add_return(diff, (int)delta);
	if (sum > threshold || sum < -threshold)
		fold(total, diff);
}

void mod_zone_page_state(struct zone *zone, enum zone_stat_item item, long delta)
{
	struct per_cpu_zonestat *stats = READ_ONCE(zone->per_cpu_zonestats);

	kmm_assert(item != NR_FREE_PAGES && item != NR_FREE_CMA_PAGES);
	if (stats)
		mod_state(&zone->vm_stat[item], &stats[raw_cpu_id()].diff[item], READ_ONCE(zone_threshold[zone->index]),
			  delta);
}

void mod_node_page_state(struct pglist_data *pgdat, enum node_stat_item item, long delta)
{
	struct per_cpu_nodestat *stats = READ_ONCE(pgdat->per_cpu_nodestats);

	if (stats)
		mod_state(&pgdat->vm_stat[item], &stats[raw_cpu_id()].diff[item],
			  READ_ONCE(node_threshold[pgdat->node_id]), delta);
}

void count_vm_events(enum vm_event_item item, unsigned long delta)
{
	struct cpu_events *events = READ_ONCE(cpu_events);

	if (events)
		arch_this_cpu_add(&events[raw_cpu_id()].nr[item], delta);
}

/* Of counts that were not read at one moment. */
static unsigned long at_least_0(long nr)
{
	return nr > 0 ? (unsigned long)nr : 0;
}

/* Pages that the per-CPU lists handed out and did not take off the zone's share yet. */
static long batch_used(const struct zone *zone)
{
	const struct per_cpu_pages *pcp = smp_load_acquire(&zone->pageset); /* pairs with pcp_reserve() */
	long nr = 0;

	for (unsigned int cpu = 0; pcp && cpu < kmm_nr_cpu_ids; cpu++)
		nr += (long)min_of(READ_ONCE(pcp[cpu].batch_used), BATCH_USED_MAX);
	return nr;
}

static long zone_sum(const struct zone *zone, enum zone_stat_item item)
{
	const struct per_cpu_zonestat *stats = READ_ONCE(zone->per_cpu_zonestats);
	long sum = READ_ONCE(zone->vm_stat[item]);

	for (unsigned int cpu = 0; stats && cpu < kmm_nr_cpu_ids; cpu++)
		sum += READ_ONCE(stats[cpu].diff[item]);
	return item == NR_ALLOC_BATCH ? sum - batch_used(zone) : sum;
}

static long node_sum(const struct pglist_data *pgdat, enum node_stat_item item)
{
	const struct per_cpu_nodestat *stats = READ_ONCE(pgdat->per_cpu_nodestats);
	long sum = READ_ONCE(pgdat->vm_stat[item]);

	for (unsigned int cpu = 0; stats && cpu < kmm_nr_cpu_ids; cpu++)
		sum += READ_ONCE(stats[cpu].diff[item]);
	return sum;
}

unsigned long zone_page_state(const struct zone *zone, enum zone_stat_item item)
{
	return at_least_0(READ_ONCE(zone->vm_stat[item]));
}

unsigned long zone_page_state_snapshot(const struct zone *zone, enum zone_stat_item item)
{
	return at_least_0(zone_sum(zone, item));
}

unsigned long node_page_state(const struct pglist_data *pgdat, enum node_stat_item item)
{
	return at_least_0(READ_ONCE(pgdat->vm_stat[item]));
}

unsigned long node_page_state_snapshot(const struct pglist_data *pgdat, enum node_stat_item item)
{
	return at_least_0(node_sum(pgdat, item));
}

unsigned long global_zone_page_state(enum zone_stat_item item)
{
	long sum = 0;

	for_each_zone(zone)
		sum += zone_sum(zone, item);
	return at_least_0(sum);
}

unsigned long global_node_page_state(enum node_stat_item item)
{
	long sum = 0;

	for_each_node(nid)
		sum += node_sum(NODE_DATA(nid), item);
	return at_least_0(sum);
}

/* Written under zone->lock and pcp->lock; a value that is a moment old is as good. */
static void add_page_events(unsigned long events[NR_VM_EVENT_ITEMS], const struct zone *zone)
{
	const struct per_cpu_pages *pcp = smp_load_acquire(&zone->pageset); /* pairs with pcp_reserve() */
	const unsigned int pgalloc = PGALLOC_DMA + (unsigned int)zone->idx;

	events[pgalloc] += READ_ONCE(zone->nr_alloc);
	events[PGFREE] += READ_ONCE(zone->nr_freed);
	for (unsigned int cpu = 0; pcp && cpu < kmm_nr_cpu_ids; cpu++) {
		events[pgalloc] += READ_ONCE(pcp[cpu].nr_alloc);
		events[PGFREE] += READ_ONCE(pcp[cpu].nr_freed);
	}
}

void all_vm_events(unsigned long events[NR_VM_EVENT_ITEMS])
{
	const struct cpu_events *counted = READ_ONCE(cpu_events);

	for (unsigned int item = 0; item < NR_VM_EVENT_ITEMS; item++) {
		events[item] = 0;
		for (unsigned int cpu = 0; counted && cpu < kmm_nr_cpu_ids; cpu++)
			events[item] += READ_ONCE(counted[cpu].nr[item]);
	}
	for_each_zone(zone)
		add_page_events(events, zone);
}

static void refresh_zone(struct zone *zone)
{
	struct per_cpu_zonestat *stats = READ_ONCE(zone->per_cpu_zonestats);

	for (unsigned int cpu = 0; stats && cpu < kmm_nr_cpu_ids; cpu++)
		for (unsigned int item = 0; item < NR_VM_ZONE_STAT_ITEMS; item++)
			if (READ_ONCE(stats[cpu].diff[item])) /* a hint: no line is taken from a CPU for nothing */
				fold(&zone->vm_stat[item], &stats[cpu].diff[item]);
}

static void refresh_node(struct pglist_data *pgdat)
{
	struct per_cpu_nodestat *stats = READ_ONCE(pgdat->per_cpu_nodestats);

	for (unsigned int cpu = 0; stats && cpu < kmm_nr_cpu_ids; cpu++)
		for (unsigned int item = 0; item < NR_VM_NODE_STAT_ITEMS; item++)
			if (READ_ONCE(stats[cpu].diff[item]))
				fold(&pgdat->vm_stat[item], &stats[cpu].diff[item]);
}

void refresh_vm_stats(void)
{
	for_each_node(nid) {
		set_thresholds(NODE_DATA(nid)); /* memory may have been added */
		refresh_node(NODE_DATA(nid));
	}
	for_each_zone(zone)
		refresh_zone(zone);
}
