/* SPDX-License-Identifier: MIT
 * zonelist.c - where to look for memory, in which order, and where not to look.
 *
 * Owns:       the zonelists of all nodes, node distances, mems_allowed, the hints about full zones.
 * Locks:      none. Lists and distances are set at start.
 * Lock-free:  mems_allowed: writers (under mems_lock) make the count odd, change the mask, make it even. A search reads
 *             the count before it starts (ACQUIRE) and, when it fails, after it ended: if the count moved, it had perhaps
 *             seen a mask that never was, and looks again. A search that succeeds does not care.
 *             Full hints: bits set and cleared RELAXED; a lost one costs a look or a second of waiting for it.
 * Source:     build_zonelists(), find_next_best_node(), next_zones_zonelist(), gfp_zone(), mm/page_alloc.c, mm/mmzone.c;
 *             read_mems_allowed_begin(), include/linux/cpuset.h, Linux 6.1; zlc_zone_worth_trying(), mm/page_alloc.c,
 *             Linux 3.12.
 */
#include <errno.h>
#include <time.h>

#include <kmm/numa.h>

#include "base/boot.h"
#include "base/fork.h"
#include "base/race.h"
#include "buddy/buddy_internal.h"

/* A hint lasts this long, in seconds. */
#define ZLC_LIFETIME 1

static unsigned char distances[MAX_NUMNODES][MAX_NUMNODES];

static struct kmm_lock mems_lock = KMM_LOCK_INIT(KMM_RANK_LISTS, "mems_lock");
static struct {
	unsigned long mask; /* of nodes; bits of nodes that do not exist are ignored */
	unsigned int seq;   /* odd while the mask changes */
} mems_allowed = { .mask = ~0UL };

void node_set_distance(unsigned int from, unsigned int to, unsigned int distance)
{
	distances[from][to] = (unsigned char)distance;
}

unsigned int node_distance(unsigned int from, unsigned int to)
{
	return distances[from][to];
}

bool buddy_has_zone_dma(void)
{
	return populated_zone(&kmm_nodes[0].node_zones[ZONE_DMA]);
}

enum zone_type gfp_zone(gfp_t gfp)
{
	if ((gfp & (__GFP_MOVABLE | __GFP_HIGHMEM)) == (__GFP_MOVABLE | __GFP_HIGHMEM))
		return ZONE_MOVABLE;
	/* Without a zone for it, DMA memory is any memory. */
	if (unlikely(gfp & __GFP_DMA) && buddy_has_zone_dma())
		return ZONE_DMA;
	return ZONE_NORMAL;
}

/* The nearest node to @from that is not in @used; of two at one distance the next one by number, counted from @from, so that
 * not all nodes fall back to the same one. -1 when all are used. */
static int next_best_node(unsigned int from, unsigned long used)
{
	int best = -1;

	for (unsigned int i = 0; i < nr_online_nodes; i++) {
		unsigned int nid = (from + i) % nr_online_nodes;

		if (!(used >> nid & 1) &&
		    (best < 0 || node_distance(from, nid) < node_distance(from, (unsigned int)best)))
			best = (int)nid;
	}
	return best;
}

/* A zone that has no pages yet may get some later. */
static bool zone_can_exist(const struct zone *zone)
{
	const struct pglist_data *node = zone->zone_pgdat;

	return zone->end_pfn > zone->start_pfn || (zone->end_pfn < node->end_pfn && zone->idx == ZONE_NORMAL);
}

static unsigned int add_node(struct zonelist *list, unsigned int nr, struct pglist_data *node)
{
	for (unsigned int idx = MAX_NR_ZONES; idx-- > 0;) {
		struct zone *zone = &node->node_zones[idx];

		if (zone_can_exist(zone))
			list->refs[nr++] = (struct zoneref){ .zone = zone, .idx = zone->idx };
	}
	return nr;
}

void build_all_zonelists(void)
{
	for_each_node(nid) {
		struct pglist_data *node = NODE_DATA(nid);
		unsigned long used = 0;
		unsigned int nr = 0;
		int next;

		node->node_zonelists[ZONELIST_NOFALLBACK]
			.refs[add_node(&node->node_zonelists[ZONELIST_NOFALLBACK], 0, node)]
			.zone = NULL;
		while ((next = next_best_node(nid, used)) >= 0) {
			used |= 1UL << next;
			nr = add_node(&node->node_zonelists[ZONELIST_FALLBACK], nr, NODE_DATA(next));
		}
		node->node_zonelists[ZONELIST_FALLBACK].refs[nr].zone = NULL;
	}
}

const struct zoneref *next_zones_zonelist(const struct zoneref *ref, enum zone_type highest_zoneidx,
					  const nodemask_t *nodemask)
{
	while (ref->zone &&
	       (ref->idx > highest_zoneidx || (nodemask && !(nodemask->bits >> ref->zone->zone_pgdat->node_id & 1))))
		ref++;
	return ref;
}

static unsigned int seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (unsigned int)now.tv_sec;
}

static unsigned long *hint_word(struct zonelist *zonelist, const struct zoneref *ref, unsigned long *bit)
{
	const unsigned int i = (unsigned int)(ref - zonelist->refs), bits = 8 * sizeof(long);

	*bit = 1UL << i % bits;
	return &zonelist->full[i / bits];
}

bool zlc_zone_worth_trying(struct zonelist *zonelist, const struct zoneref *ref)
{
	unsigned long bit, *word = hint_word(zonelist, ref, &bit);
	unsigned int now;

	if (likely(!(READ_ONCE(*word) & bit)))
		return true;
	now = seconds_now();
	if (now - READ_ONCE(zonelist->full_since) < ZLC_LIFETIME)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(zonelist->full); i++)
		WRITE_ONCE(zonelist->full[i], 0UL);
	WRITE_ONCE(zonelist->full_since, now);
	return true;
}

void zlc_mark_zone_full(struct zonelist *zonelist, const struct zoneref *ref)
{
	unsigned long bit, *word = hint_word(zonelist, ref, &bit), any = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(zonelist->full); i++)
		any |= READ_ONCE(zonelist->full[i]);
	if (!any)
		WRITE_ONCE(zonelist->full_since, seconds_now());
	atomic_or_relaxed(word, bit);
}

unsigned int read_mems_allowed_begin(void)
{
	return smp_load_acquire(&mems_allowed.seq);
}

bool read_mems_allowed_retry(unsigned int cookie)
{
	smp_rmb(); /* the masks read by the search, before the count; pairs with kmm_set_mems_allowed() */
	return (cookie & 1) || READ_ONCE(mems_allowed.seq) != cookie;
}

nodemask_t nodes_allowed(void)
{
	const unsigned long online = (2UL << (nr_online_nodes - 1)) - 1;
	const nodemask_t nodes = { READ_ONCE(mems_allowed.mask) & online };

	return nodes;
}

bool node_allowed(unsigned int nid)
{
	return READ_ONCE(mems_allowed.mask) >> nid & 1;
}

int kmm_set_mems_allowed(nodemask_t nodes)
{
	unsigned long all;

	if (!kmm_boot_ensure())
		return -EINVAL;
	all = (2UL << (nr_online_nodes - 1)) - 1;
	if (!(nodes.bits & all))
		return -EINVAL;
	kmm_lock(&mems_lock);
	WRITE_ONCE(mems_allowed.seq, mems_allowed.seq + 1);
	smp_wmb(); /* odd before the mask, */
	KMM_RACE_POINT("mems_allowed:odd");
	WRITE_ONCE(mems_allowed.mask, nodes.bits);
	smp_store_release(&mems_allowed.seq, mems_allowed.seq + 1); /* the mask before even */
	if (~nodes.bits & all)
		atomic_or_relaxed(&buddy_special, SPECIAL_MEMS);
	else
		atomic_and_relaxed(&buddy_special, ~(unsigned int)SPECIAL_MEMS);
	kmm_unlock(&mems_lock);
	return 0;
}

void zonelist_start(void)
{
	static const struct kmm_fork_handler fork_handler = { .rank = KMM_RANK_LISTS, .lock = &mems_lock };

	WRITE_ONCE(mems_allowed.mask, ~0UL);
	build_all_zonelists();
	kmm_fork_register(&fork_handler);
}
