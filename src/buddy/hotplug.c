/* SPDX-License-Identifier: MIT
 * hotplug.c - memory that goes and comes while the library runs.
 *
 * Owns:       which sections are removed; the end of the last zone of each node; one operation at a time.
 * Locks:      hotplug_lock (rank 15) guards the operation's record. It is not held while an operation is at work, for pages that
 *             move may need any lock; others wait for its end. All that the operation changes is zone->lock's, with the
 *             arena lock inside.
 * How:        a range goes in whole sections of one zone. First what was never online is marked as removed, so that the zone
 *             does not grow there meanwhile; the rest is isolated, drained, moved, and leaves the lists when it is free as a
 *             whole. If that fails, all comes back as it was. A section that is not a whole one, at the end of a zone that
 *             is no multiple of a section, cannot go. What is added first takes the place of what was removed, then the room
 *             behind the node's last zone, from its last page on, wherever that is in a section; pages come online when they
 *             are needed. Adding is all or none.
 * Notifiers:  see memory_notify.h. A range that is to go is announced before anything else, so that what rooms above keep of
 *             it is free when it is isolated.
 * fork:       a child forked in the midst of a removal finds the range as it was before.
 * Source:     offline_pages(), add_memory(), online_pages(), node_states_check_changes_online(), mm/memory_hotplug.c,
 *             Linux 6.1. Differs: adding and onlining are one step; MEM_GOING_OFFLINE comes before the isolation, which would
 *             fail on every empty slab that a cache keeps.
 */
#include <errno.h>
#include <pthread.h>

#include <kmm/hotplug.h>

#include "base/fork.h"
#include "base/race.h"
#include "base/rcu.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"
#include "buddy/hotplug_internal.h"

static struct kmm_lock hotplug_lock = KMM_LOCK_INIT(KMM_RANK_LISTS, "hotplug_lock");
static pthread_cond_t operation_done = PTHREAD_COND_INITIALIZER;
static struct {
	bool busy;
	struct zone *zone; /* a removal that may still be undone; NULL: none. Under zone->lock, too */
	unsigned long start, end;
} operation;

static void mem_hotplug_begin(void)
{
	/* An operation may wait for a grace period: caches free their empty slabs. */
	const bool was_online = kmm_rcu_wait_begin();

	kmm_lock(&hotplug_lock);
	while (operation.busy)
		kmm_lock_wait(&hotplug_lock, &operation_done, NULL);
	operation.busy = true;
	kmm_unlock(&hotplug_lock);
	kmm_rcu_wait_end(was_online);
}

static void mem_hotplug_done(void)
{
	kmm_lock(&hotplug_lock);
	operation.busy = false;
	pthread_cond_signal(&operation_done);
	kmm_unlock(&hotplug_lock);
}

/* What was removed by a removal that did not come to its end is there again. */
static void abort_removal(void)
{
	struct zone *zone = operation.zone;

	kmm_lock(&zone->lock);
	zone_readmit_locked(zone, operation.start, operation.end);
	operation.zone = NULL;
	kmm_unlock(&zone->lock);
}

/* Pageblocks that it had isolated are no more by now: the zones come first in the child. */
static void forget_operation(void)
{
	pthread_cond_init(&operation_done, NULL);
	operation.busy = false;
	if (operation.zone)
		abort_removal();
}

static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_LISTS,
	.lock = &hotplug_lock,
	.reset_all = forget_operation,
};

void hotplug_start(void)
{
	kmm_fork_register(&fork_handler);
	memory_notify_start();
	cpu_dead_start();
}

size_t kmm_memory_block_size(void)
{
	return SECTION_SIZE;
}

/* All that follows from the sizes of the zones. */
static void sizes_have_changed(void)
{
	setup_watermarks();
	for_each_populated_zone(zone)
		setup_zone_pageset(zone);
	refresh_vm_stats();
}

/* Pages of the limit in the zones of a node up to @highest. */
static unsigned long node_present_pages(const struct pglist_data *node, enum zone_type highest)
{
	unsigned long nr_pages = 0;

	for (unsigned int idx = 0; idx <= highest; idx++)
		nr_pages += READ_ONCE(node->node_zones[idx].present_pages);
	return nr_pages;
}

/* A change for notifiers, of pages in @zone, whose node has no memory but @nr_beside of them. Nobody else changes that. */
static struct memory_notify describe_change(const struct zone *zone, unsigned long start, unsigned long nr_pages,
					    unsigned long nr_beside)
{
	const struct pglist_data *node = zone->zone_pgdat;
	struct memory_notify change = {
		.start_pfn = start,
		.nr_pages = nr_pages,
		.status_change_nid_normal = NUMA_NO_NODE,
		.status_change_nid = NUMA_NO_NODE,
	};

	if (zone->idx <= ZONE_NORMAL && node_present_pages(node, ZONE_NORMAL) == nr_beside)
		change.status_change_nid_normal = node->node_id;
	if (node_present_pages(node, ZONE_MOVABLE) == nr_beside)
		change.status_change_nid = node->node_id;
	return change;
}

static bool any_removed(unsigned long start, unsigned long end)
{
	for (unsigned long pfn = start; pfn < end; pfn += pageblock_nr_pages)
		if (pageblock_word(arena_pfn_to_page(pfn)) & PAGEBLOCK_REMOVED)
			return true;
	return false;
}

static bool any_in_a_zone(unsigned long start, unsigned long end)
{
	for_each_zone(zone)
		if (start < zone->end_pfn && end > zone->start_pfn)
			return true;
	return false;
}

/* What is wrong with the range; NULL, and its zone, when nothing is. */
static const char *refuse_range(unsigned long start, unsigned long nr_pages, struct zone **zone)
{
	if (!nr_pages || ((start | nr_pages) & (PAGES_PER_SECTION - 1)))
		return "unaligned range: not whole memory blocks";
	if (start >= kmm_arena.nr_pages || nr_pages > kmm_arena.nr_pages - start)
		return "range outside of memory";
	*zone = zone_of_range(start, start + nr_pages);
	if (!*zone)
		return any_in_a_zone(start, start + nr_pages) ? "multizone range or memory holes" : "memory holes";
	if (any_removed(start, start + nr_pages))
		return "memory that is offline already";
	return NULL;
}

/* Isolated and all free: the slow part first, without the lock. Nobody gets the pages or needs what is in them. */
static int remove_isolated(struct zone *zone, unsigned long start, unsigned long end, unsigned long *busy)
{
	int err = lock_isolated_range(zone, start, end, GFP_KERNEL, busy);

	if (err)
		return err;
	kmm_unlock(&zone->lock);
	arena_give_back(start, end - start);
	err = lock_isolated_range(zone, start, end, GFP_KERNEL, busy);
	if (err)
		return err;
	zone_remove_free_locked(zone, start, end);
	operation.zone = NULL;
	kmm_unlock(&zone->lock);
	return 0;
}

static int remove_range(struct zone *zone, unsigned long start, unsigned long end, unsigned long *busy)
{
	int err;

	*busy = end;
	kmm_lock(&zone->lock);
	operation.zone = zone;
	operation.start = start;
	operation.end = end;
	err = zone_remove_offline_locked(zone, start, end);
	kmm_unlock(&zone->lock);
	if (!err)
		err = start_isolate_page_range(zone, start, end, MIGRATE_MOVABLE, MEMORY_OFFLINE, GFP_KERNEL, busy);
	if (!err) {
		err = remove_isolated(zone, start, end, busy);
		if (err)
			undo_isolate_page_range(zone, start, end);
	}
	if (err)
		abort_removal();
	return err;
}

static void report_failure(unsigned long start, unsigned long nr_pages, const char *reason)
{
	const unsigned long long first = (unsigned long long)start << PAGE_SHIFT;

	if (!nr_pages) {
		kmm_report(KMM_REPORT_WARN, "memory offlining of no page failed due to %s\n", reason);
		return;
	}
	kmm_report(KMM_REPORT_WARN, "memory offlining [mem %#010llx-%#010llx] failed due to %s\n", first,
		   first + ((unsigned long long)nr_pages << PAGE_SHIFT) - 1, reason);
}

static void report_busy(unsigned long start, unsigned long nr_pages, int err, unsigned long busy)
{
	if (err == -EBUSY)
		dump_page(arena_pfn_to_page(busy), "unmovable page");
	report_failure(start, nr_pages, err == -EBUSY ? "unmovable page" : "lack of memory");
}

static int offline_range(unsigned long start, unsigned long nr_pages)
{
	struct memory_notify change;
	unsigned long busy;
	struct zone *zone;
	const char *reason = refuse_range(start, nr_pages, &zone);
	int err;

	if (reason) {
		report_failure(start, nr_pages, reason);
		return -EINVAL;
	}
	change = describe_change(zone, start, nr_pages, nr_pages);
	err = memory_notify(MEM_GOING_OFFLINE, &change);
	if (err) {
		report_failure(start, nr_pages, "notifier failure");
	} else {
		err = remove_range(zone, start, start + nr_pages, &busy);
		if (err)
			report_busy(start, nr_pages, err, busy);
	}
	if (!err)
		sizes_have_changed();
	memory_notify(err ? MEM_CANCEL_OFFLINE : MEM_OFFLINE, &change);
	return err;
}

int kmm_offline_memory(unsigned long pfn, unsigned long nr_pages)
{
	int err;

	if (!buddy_ensure_started())
		return -ENOMEM;
	mem_hotplug_begin();
	err = offline_range(pfn, nr_pages);
	mem_hotplug_done();
	return err;
}

/* Calls @pfn for each section of @zone that is removed. */
#define for_each_removed_section(pfn, zone)                                            \
	for (unsigned long(pfn) = ALIGN_UP((zone)->start_pfn, PAGES_PER_SECTION);      \
	     (pfn) + PAGES_PER_SECTION <= (zone)->end_pfn; (pfn) += PAGES_PER_SECTION) \
		if (!(pageblock_word(arena_pfn_to_page(pfn)) & PAGEBLOCK_REMOVED))     \
			continue;                                                      \
		else

/* The zone that memory is added to. */
static struct zone *last_zone(struct pglist_data *node)
{
	unsigned int idx = MAX_NR_ZONES - 1;

	while (idx > ZONE_NORMAL && node->node_zones[idx].start_pfn == node->node_zones[idx].end_pfn)
		idx--;
	return &node->node_zones[idx];
}

/* Pages that can be added, in whole sections. */
static unsigned long node_room(struct pglist_data *node)
{
	unsigned long nr_pages = ALIGN_DOWN(node->end_pfn - last_zone(node)->end_pfn, PAGES_PER_SECTION);

	for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++)
		for_each_removed_section(pfn, &node->node_zones[idx]) nr_pages += PAGES_PER_SECTION;
	return nr_pages;
}

/* The ranges that an addition brings, one after the other: the sections that were removed, zone by zone, then new ones. It is
 * the same each time, as long as nothing was added. */
struct addition {
	struct pglist_data *node;
	unsigned long left; /* pages */
	unsigned int idx;   /* of the zone that is looked at for removed sections from @pfn on */
	unsigned long pfn;
	struct zone *zone; /* where the range found belongs */
	unsigned long start, nr_pages;
	bool described, described_normal; /* a range before it, and one that any request can use */
};

static void found_range(struct addition *addition, struct zone *zone, unsigned long start, unsigned long nr_pages)
{
	addition->zone = zone;
	addition->start = start;
	addition->nr_pages = nr_pages;
	addition->left -= nr_pages;
	addition->pfn = start + nr_pages;
}

/* Removed sections of @zone side by side. */
static bool next_removed_range(struct addition *addition, struct zone *zone)
{
	unsigned long start = 0, nr_pages = 0;

	for_each_removed_section(pfn, zone)
	{
		if (pfn < addition->pfn)
			continue;
		if (!nr_pages)
			start = pfn;
		if (pfn != start + nr_pages || nr_pages == addition->left)
			break;
		nr_pages += PAGES_PER_SECTION;
	}
	if (nr_pages)
		found_range(addition, zone, start, nr_pages);
	return nr_pages;
}

static bool next_range(struct addition *addition)
{
	struct zone *last = last_zone(addition->node);

	if (!addition->left)
		return false;
	for (; addition->idx < MAX_NR_ZONES; addition->idx++)
		if (next_removed_range(addition, &addition->node->node_zones[addition->idx]))
			return true;
	found_range(addition, last, last->end_pfn, addition->left);
	return true;
}

/* Only the first range is the first memory of its node. */
static struct memory_notify describe_range(struct addition *addition)
{
	struct memory_notify change = describe_change(addition->zone, addition->start, addition->nr_pages, 0);

	if (addition->described)
		change.status_change_nid = NUMA_NO_NODE;
	if (addition->described_normal)
		change.status_change_nid_normal = NUMA_NO_NODE;
	addition->described = true;
	addition->described_normal |= addition->zone->idx <= ZONE_NORMAL;
	return change;
}

/* Up to the range at @last, which was refused. */
static void cancel_addition(struct addition addition, unsigned long last)
{
	do {
		struct memory_notify change;

		next_range(&addition);
		change = describe_range(&addition);
		memory_notify(MEM_CANCEL_ONLINE, &change);
	} while (addition.start != last);
}

/* All ranges, before the first comes. */
static int announce_addition(struct addition addition)
{
	const struct addition announced = addition;

	while (next_range(&addition)) {
		const struct memory_notify change = describe_range(&addition);
		const int err = memory_notify(MEM_GOING_ONLINE, &change);

		if (err) {
			cancel_addition(announced, addition.start);
			return err;
		}
	}
	return 0;
}

static void admit_range(const struct addition *addition)
{
	struct zone *zone = addition->zone;

	kmm_lock(&zone->lock);
	if (addition->start == zone->end_pfn)
		zone_extend_locked(zone, addition->nr_pages);
	else
		zone_readmit_locked(zone, addition->start, addition->start + addition->nr_pages);
	kmm_unlock(&zone->lock);
	sizes_have_changed();
}

static int add_to_node(struct pglist_data *node, unsigned long nr_pages)
{
	struct addition addition = { .node = node, .left = nr_pages };
	int err;

	if (KMM_WARN_AS("kmm_add_memory", node_room(node) < nr_pages,
			"no room for %#lx pages on node %d; mem_max= makes room", nr_pages, node->node_id))
		return -ENOMEM;
	err = announce_addition(addition);
	if (KMM_WARN_AS("kmm_add_memory", err, "notifier failure: error %d", err))
		return err;
	while (next_range(&addition)) {
		const struct memory_notify change = describe_range(&addition);

		admit_range(&addition);
		memory_notify(MEM_ONLINE, &change);
	}
	return 0;
}

int kmm_add_memory(int nid, size_t size)
{
	int err;

	if (!buddy_ensure_started())
		return -ENOMEM;
	if (nid == NUMA_NO_NODE)
		nid = 0;
	if (nid < 0 || nid >= num_online_nodes()) {
		KMM_WARN(true, "there is no node %d", nid);
		return -EINVAL;
	}
	if (!size || size & (SECTION_SIZE - 1)) {
		KMM_WARN(true, "%#zx bytes are not whole memory blocks of %#lx", size, SECTION_SIZE);
		return -EINVAL;
	}
	mem_hotplug_begin();
	err = add_to_node(NODE_DATA(nid), size >> PAGE_SHIFT);
	mem_hotplug_done();
	return err;
}
