/* SPDX-License-Identifier: MIT
 * mmzone.h - nodes, zones, free areas and the lists that say where to look first: the state of the page allocator.
 *
 * Owns:       struct pglist_data, struct zone, struct per_cpu_pages, struct zonelist; the array of all nodes.
 * Locks:      zone->lock (rank 80) guards a zone's fields unless they say otherwise, the type of every pageblock of it, and
 *             flags, lru, private and page_type of every page of it that is free. pcp->lock (rank 70) guards one CPU's lists
 *             of one zone, and the pages on them. Neither is held while memory is given back, cleared or waited for.
 * Lock-free:  counters are read RELAXED: watermarks and views can live with a value that is a moment old.
 * Source:     include/linux/mmzone.h, Linux 6.1.
 */
#ifndef KMM_BUDDY_MMZONE_H
#define KMM_BUDDY_MMZONE_H

#include <kmm/contig.h>

#include "arena/arena.h"
#include "base/lock.h"
#include "base/spin.h"
#include "buddy/vmstat.h"

enum zone_type { ZONE_DMA, ZONE_NORMAL, ZONE_MOVABLE, MAX_NR_ZONES };

#define MAX_NUMNODES 16
#define MAX_ZONES (MAX_NUMNODES * MAX_NR_ZONES)
#define ZONE_INDEX_MAX 128 /* what fits beside the type in a pageblock's word */
_Static_assert(MAX_ZONES <= ZONE_INDEX_MAX, "each zone has an index");

enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARK };

struct free_area {
	struct cds_list_head free_list[MIGRATE_TYPES]; /* first pages of free blocks, by page->lru */
	unsigned long nr_free;                         /* blocks on all lists; read RELAXED */
	unsigned long nr_reported;                     /* those of them with PG_reported; read RELAXED */
};

/* Orders that per-CPU lists hold: the small ones, and whole pageblocks. */
#define PCP_MAX_LOW_ORDER 3
#define NR_PCP_ORDERS (PCP_MAX_LOW_ORDER + 2)
#define NR_PCP_LISTS (MIGRATE_PCPTYPES * NR_PCP_ORDERS)
/* The batch that moves at a time is doubled at most this often. */
#define PCP_BATCH_SCALE_MAX 5
/* Lists that serve requests without ever being refilled count without end; more than this is no more. Far above any share, and
 * a sum over all CPUs fits in a long. */
#define BATCH_USED_MAX (1u << 22)

/* Free pages that one CPU keeps of one zone. */
struct per_cpu_pages {
	struct kmm_spin lock; /* fast paths only try it: its holder may be preempted */
	int count;            /* pages on all lists; read RELAXED without the lock */
	int high;             /* pages: beyond it a batch goes back to the zone; moves between the next two */
	int high_min, high_max;
	int sweep_at;                             /* pages: at so many the lists are to be looked after, see sweep.c */
	int batch;                                /* pages that are fetched or given back at a time */
	int free_count;                           /* pages freed in a row without an allocation */
	int alloc_factor;                         /* refills in a row double the batch: log2 */
	unsigned int batch_used;                  /* pages allocated since the last fold, for NR_ALLOC_BATCH */
	unsigned long events_seen;                /* nr_alloc + nr_freed when the lists were last looked after */
	unsigned long nr_alloc, nr_freed;         /* pages, ever: the events PGALLOC and PGFREE */
	struct cds_list_head lists[NR_PCP_LISTS]; /* by pcp_index(); the head is hot, the tail cold */
} cacheline_aligned;

/* Differences that were not folded into the zone yet. Any thread may change any CPU's, by atomic adds. */
struct per_cpu_zonestat {
	int diff[NR_VM_ZONE_STAT_ITEMS];
} cacheline_aligned;

struct per_cpu_nodestat {
	int diff[NR_VM_NODE_STAT_ITEMS];
} cacheline_aligned;

enum zone_flags {
	ZONE_FAIR_DEPLETED,     /* its share of a fair round is used up */
	ZONE_BOOSTED_WATERMARK, /* kswapd is to be woken for the boost */
	ZONE_BELOW_HIGH,        /* short of memory: per-CPU lists do not grow */
};

struct zone {
	struct kmm_lock lock;
	bool started;        /* the lists are set up and may be used */
	unsigned char index; /* in kmm_zones[]: node * MAX_NR_ZONES + idx */
	enum zone_type idx;
	const char *name;
	struct pglist_data *zone_pgdat;
	struct per_cpu_pages *pageset; /* one a CPU; NULL: none yet */
	struct per_cpu_zonestat *per_cpu_zonestats;

	unsigned long start_pfn;
	unsigned long end_pfn;       /* grows when memory is added */
	unsigned long next_pfn;      /* the pages of the limit before it are online or removed */
	unsigned long nr_offline;    /* pages of the limit that are not online yet: as good as free. Read RELAXED */
	unsigned long present_pages; /* pages of the limit, online or not */
	unsigned long nr_reserved;   /* pages that memblock kept */
	unsigned long nr_bad;        /* pages taken out of use */
	unsigned long nr_guard;      /* pages that are guards */

	unsigned long watermark[NR_WMARK];    /* pages, without the boost; read RELAXED */
	unsigned long watermark_boost;        /* pages; read RELAXED */
	long lowmem_reserve[MAX_NR_ZONES];    /* pages kept from requests that could use a higher zone */
	unsigned long nr_reserved_highatomic; /* pages of pageblocks of MIGRATE_RESERVE */
	unsigned long nr_free_highatomic;     /* free pages in them */
	unsigned long cma_pages;
	unsigned long nr_isolate_pageblock;
	unsigned long flags; /* atomic bits, enum zone_flags */
	unsigned int compact_order_failed;

	struct free_area free_area[MAX_ORDER];
	struct cds_list_head isolated;    /* free blocks whose memory is being given back, by page->lru */
	unsigned long nr_isolated;        /* pages on it */
	unsigned int isolations;          /* changes with every block that goes there or comes back */
	unsigned long moves;              /* between here and the lists of CPUs: movers, and moves done. Atomic */
	unsigned long report_from;        /* whole free blocks with memory that are reported; 0: default. RELAXED */
	unsigned long nr_given_back;      /* pages whose memory went back to the system, ever. RELAXED */
	unsigned long nr_alloc, nr_freed; /* pages past the per-CPU lists, ever: events */

	/* NR_FREE_PAGES and NR_FREE_CMA_PAGES under the lock; the others atomic, by mod_zone_page_state(). */
	long vm_stat[NR_VM_ZONE_STAT_ITEMS];
};

/* zone->moves: the threads that have pages in their hands, and in the upper bits how many moves came to an end. */
#define ZONE_MOVERS_MASK 0xffffUL
#define ZONE_MOVE_DONE (ZONE_MOVERS_MASK + 1)

/* A place to look for memory. */
struct zoneref {
	struct zone *zone; /* NULL ends the list */
	enum zone_type idx;
};

enum { ZONELIST_FALLBACK, ZONELIST_NOFALLBACK, MAX_ZONELISTS };

/* Zones in the order in which they are tried: by distance of their node, the highest of a node first. */
struct zonelist {
	struct zoneref refs[MAX_ZONES + 1];
	/* Hints: zones that were found full in the last second. Racy: a lost bit costs one look. */
	unsigned long full[DIV_ROUND_UP(MAX_ZONES, 8 * sizeof(long))];
	unsigned int full_since; /* seconds of the monotonic clock when the hints were last cleared */
};

struct pglist_data {
	struct zone node_zones[MAX_NR_ZONES];
	struct zonelist node_zonelists[MAX_ZONELISTS];
	int node_id;
	unsigned int os_node;             /* the system's node that it is bound to */
	unsigned long start_pfn, end_pfn; /* with the room for memory added later */
	struct per_cpu_nodestat *per_cpu_nodestats;
	long vm_stat[NR_VM_NODE_STAT_ITEMS]; /* atomic */
};
typedef struct pglist_data pg_data_t;

extern struct pglist_data kmm_nodes[MAX_NUMNODES];
extern unsigned int nr_online_nodes; /* set at start */
/* Every zone by its index; set at start. An index of no zone leads to the first one, so that any word leads somewhere. */
extern struct zone *kmm_zones[ZONE_INDEX_MAX];

/* Nodes, for walks. All of 0..nr_online_nodes-1 are there. */
#define NODE_DATA(nid) (&kmm_nodes[(nid)])
#define for_each_node(nid) for (unsigned int(nid) = 0; (nid) < nr_online_nodes; (nid)++)
/* All zones of all nodes, the ones without pages too. */
#define for_each_zone(zone) for (struct zone * (zone) = kmm_nodes[0].node_zones; (zone); (zone) = zone_after(zone))
#define for_each_populated_zone(zone)      \
	for_each_zone(zone)                \
		if (!populated_zone(zone)) \
			continue;          \
		else

/* By address, because zones that are not set up yet do not know their index. */
static inline struct zone *zone_after(struct zone *zone)
{
	const size_t nid = (size_t)((char *)zone - (char *)kmm_nodes) / sizeof(kmm_nodes[0]);

	if (zone + 1 < kmm_nodes[nid].node_zones + MAX_NR_ZONES)
		return zone + 1;
	return nid + 1 < nr_online_nodes ? kmm_nodes[nid + 1].node_zones : NULL;
}

static inline bool populated_zone(const struct zone *zone)
{
	return READ_ONCE(zone->present_pages) != 0;
}

static inline unsigned int pageblock_word(const struct page *page)
{
	return READ_ONCE(kmm_arena.pageblock_flags[arena_page_to_pfn(page) >> pageblock_order]);
}

/* The zone of a page that is online. Fixed as long as it is. */
static inline struct zone *zone_of_word(unsigned int word)
{
	return kmm_zones[word >> PAGEBLOCK_ZONE_SHIFT];
}

static inline struct zone *page_zone(const struct page *page)
{
	return zone_of_word(pageblock_word(page));
}

static inline struct pglist_data *page_pgdat(const struct page *page)
{
	return page_zone(page)->zone_pgdat;
}

static inline unsigned long zone_managed_pages(const struct zone *zone)
{
	return READ_ONCE(zone->present_pages) - READ_ONCE(zone->nr_reserved) - READ_ONCE(zone->nr_bad);
}

static inline bool zone_flag_test(const struct zone *zone, enum zone_flags flag)
{
	return READ_ONCE(zone->flags) >> flag & 1;
}

static inline void zone_flag_set(struct zone *zone, enum zone_flags flag)
{
	if (!zone_flag_test(zone, flag))
		atomic_or_relaxed(&zone->flags, 1UL << flag);
}

static inline void zone_flag_clear(struct zone *zone, enum zone_flags flag)
{
	if (zone_flag_test(zone, flag))
		atomic_and_relaxed(&zone->flags, ~(1UL << flag));
}

#endif /* KMM_BUDDY_MMZONE_H */
