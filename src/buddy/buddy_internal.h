/* SPDX-License-Identifier: MIT
 * buddy_internal.h - what the files of this room do for each other.
 *
 * Locks:      pcp->lock (70) for one CPU's lists of one zone, zone->lock (80) for the zone: see mmzone.h. The zone grows under
 *             its lock: the arena lock (90) is taken inside, and the few microseconds in which a section is mapped delay other
 *             threads, which would only have grown the zone a second time. No system call and no zone->lock under pcp->lock:
 *             what moves between a CPU's lists and the zone is on a list of the mover's own meanwhile.
 *             Nothing is allocated, freed or called back under either; reports may be written under zone->lock.
 * Lock-free:  what a page holds while it is handed out belongs to its owner.
 * Invariants: validate.c proves them by these names, while no other thread is at work.
 *             B1  a block on free_area[o].free_list[t] is PageBuddy, private == o, aligned to 2^o pages, has no reference
 *                 and no flag but PG_reported, and lies in a pageblock of type t of that zone
 *             B2  free_area[o].nr_free is the number of blocks on its lists, nr_reported that of those with PG_reported
 *             B3  a PageBuddy page is on exactly one list
 *             B4  two buddies of an order below MAX_ORDER - 1 are never both free: they would have been merged
 *             B5  NR_FREE_PAGES is the sum of all free blocks, listed or isolated for reporting, in pages, without those in
 *                 pageblocks of MIGRATE_ISOLATE; NR_FREE_CMA_PAGES and nr_free_highatomic those of their types
 *             B6  an online page is in exactly one state: reserved; in a free block; in a block isolated for reporting; in a
 *                 block on a CPU's list; in a guard block; in a block handed out, whose first page has references, or
 *                 PG_frozen instead, and knows the order, and whose others have none; bad
 *                 In a forked child a page may also be in no state, lost in the hands of a thread that the child has not
 *             B7  the type of a pageblock is one of enum migratetype, and its zone the one whose range it lies in
 *             B8  present_pages are the pages of the zone's range that were not removed; nr_offline those of them that were
 *                 never online; nr_reserved, nr_bad and nr_guard those in that state
 *             B9  pcp->count is the number of pages on the lists of that CPU, each of which has PG_pcp, its order and the zone
 * Source:     mm/internal.h, mm/page_alloc.c, Linux 6.1.
 */
#ifndef KMM_BUDDY_BUDDY_INTERNAL_H
#define KMM_BUDDY_BUDDY_INTERNAL_H

#include "base/lock.h"
#include "buddy/buddy.h"
#include "buddy/mmzone.h"
#include "buddy/page_internal.h"
#include "buddy/reclaim_ops.h"

/* How deep a request may dig, by the numbers of Linux 6.1 where it has them. The low bits are an enum zone_watermarks. */
enum alloc_flags {
	ALLOC_WMARK_MASK = 0x3,
	ALLOC_NO_WATERMARKS = 0x4,
	ALLOC_OOM = 0x8,
	ALLOC_HARDER = 0x10,  /* cannot wait: a quarter, or for OOM victims half, of the reserve is open to it */
	ALLOC_HIGH = 0x20,    /* __GFP_HIGH: half of the reserve */
	ALLOC_CPUSET = 0x40,  /* only nodes of mems_allowed */
	ALLOC_CMA = 0x80,     /* movable: may use what is lent from CMA */
	ALLOC_KSWAPD = 0x800, /* __GFP_KSWAPD_RECLAIM: wakes the node's reclaim */
	ALLOC_FAIR = 0x1000,  /* the first look around: zones share by size */
};

/* Where a request may be served. */
struct alloc_context {
	struct zonelist *zonelist;
	const nodemask_t *nodemask; /* NULL: all */
	struct zone *preferred_zone;
	enum migratetype migratetype;
	enum zone_type highest_zoneidx;
};

/* start.c: what the start was told; see README.md. Fixed while the library runs. */
extern struct buddy_options {
	unsigned int min_free_kbytes; /* KiB; UINT_MAX: by the size of the world */
	unsigned int watermark_scale_factor, watermark_boost_factor;
	unsigned int fake_nodes; /* 0: the system's map */
	bool numa_off;
	unsigned int zone_reclaim_mode;
	size_t dma, movable, cma; /* bytes; of the world, split over nodes */
	unsigned int pcp_high_fraction;
	unsigned int guard_minorder;  /* halves of a smaller order become guards */
	unsigned int reporting_delay; /* ms */
	bool mobility;                /* grouping by mobility */
	bool init_on_alloc, init_on_free, page_poison, debug_pagealloc, check_pages;
} buddy_options;

/* free_area.c: lists, split and merge. All under zone->lock; none counts pages but for guards. */
void free_area_init(struct zone *zone);
void free_area_add(struct zone *zone, struct page *page, unsigned int order, enum migratetype type, bool tail);
void free_area_del(struct zone *zone, struct page *page, unsigned int order);
void free_area_move(struct zone *zone, struct page *page, unsigned int order, enum migratetype type);
struct page *free_area_first(const struct zone *zone, unsigned int order, enum migratetype type);
/* Puts back all of the unlisted block @page of order @high but its first 2^@low pages. */
void free_area_expand(struct zone *zone, struct page *page, unsigned int low, unsigned int high, enum migratetype type,
		      bool reported);
/* Lists the unlisted block @page, merged with its buddies as far as they are free. The order of the result. */
unsigned int free_area_merge(struct zone *zone, struct page *page, unsigned int order, enum migratetype type,
			     bool reported);
/* Takes 2^@order pages from the smallest block of @type that holds them; NULL when there is none. */
struct page *free_area_take(struct zone *zone, unsigned int order, enum migratetype type, bool *reported);

/* pageblock.c: mobility. All under zone->lock, but for the first three. */
static inline enum migratetype pageblock_word_type(unsigned int word)
{
	return (enum migratetype)((word & PAGEBLOCK_TYPE_MASK) ^ MIGRATE_MOVABLE);
}
static inline enum migratetype pageblock_type(const struct page *page)
{
	return pageblock_word_type(pageblock_word(page));
}
/* start.c: __GFP_MOVABLE where pages are not grouped (page_mobility=): every request counts as movable. Else 0. */
extern gfp_t buddy_ungrouped;
static inline enum migratetype gfp_migratetype(gfp_t gfp)
{
	_Static_assert(__GFP_MOVABLE == 0x8 && __GFP_RECLAIMABLE == 0x10, "the type is two bits of gfp");
	_Static_assert(MIGRATE_MOVABLE == 2 && MIGRATE_RECLAIMABLE == 1, "in the other order");
	gfp |= buddy_ungrouped;
	return gfp & __GFP_MOVABLE     ? MIGRATE_MOVABLE :
	       gfp & __GFP_RECLAIMABLE ? MIGRATE_RECLAIMABLE :
					 MIGRATE_UNMOVABLE;
}
void pageblock_set_type(struct page *page, enum migratetype type);
/* The @i-th type that @type falls back to; MIGRATE_RESERVE is the last one of every type. */
enum migratetype pageblock_fallback(enum migratetype type, unsigned int i);
unsigned long pageblock_nr_free(const struct page *page);
/* Moves the free blocks of the pageblock to the lists of @type, and the counters of pages and pageblocks with them, and gives
 * it that type. Returns the pages. */
unsigned long pageblock_move_free(struct zone *zone, struct page *page, enum migratetype type);
/* Takes 2^@order pages from a block of another type, of order @min_order or more, the largest first. */
struct page *pageblock_steal(struct zone *zone, unsigned int order, unsigned int min_order, enum migratetype type,
			     bool *reported);

/* highatomic.c: pageblocks kept for requests of several pages that cannot wait, and the last resort of all others. */
void reserve_highatomic_pageblock(struct zone *zone, struct page *page);
bool unreserve_highatomic_pageblock(const struct alloc_context *ac);

/* zone.c */
void zone_setup(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn);
/* Opens it for requests; memblock's pages end at @reserved_end. */
void zone_start(struct zone *zone, unsigned long reserved_end);
bool zone_grow_locked(struct zone *zone);
/* Of the sections that the range touches, what was never online comes online, as far as the system lets it. */
void zone_online_range_locked(struct zone *zone, unsigned long start, unsigned long end);
/* Whole pageblocks leave the zone: those that were never online (0, or -ENOMEM, with some left), those that are free and
 * isolated; and come back, as never online. */
int zone_remove_offline_locked(struct zone *zone, unsigned long start, unsigned long end);
void zone_remove_free_locked(struct zone *zone, unsigned long start, unsigned long end);
void zone_readmit_locked(struct zone *zone, unsigned long start, unsigned long end);
/* The next pages behind it become part of the zone, never online. */
void zone_extend_locked(struct zone *zone, unsigned long nr_pages);
/* Gives whole or part pageblocks that are online and unlisted to the lists. */
void zone_free_range(struct zone *zone, unsigned long pfn, unsigned long end, bool reported);
/* Free pages of @type come (@nr_pages > 0) or go. */
static inline void zone_account(struct zone *zone, enum migratetype type, long nr_pages)
{
	long *stat = zone->vm_stat;

	if (unlikely(type >= MIGRATE_RESERVE)) {
		if (type == MIGRATE_ISOLATE)
			return;
		if (type == MIGRATE_CMA)
			WRITE_ONCE(stat[NR_FREE_CMA_PAGES], stat[NR_FREE_CMA_PAGES] + nr_pages);
		else
			WRITE_ONCE(zone->nr_free_highatomic, zone->nr_free_highatomic + (unsigned long)nr_pages);
	}
	WRITE_ONCE(stat[NR_FREE_PAGES], stat[NR_FREE_PAGES] + nr_pages);
}
static inline unsigned long zone_nr_free(const struct zone *zone)
{
	return (unsigned long)READ_ONCE(zone->vm_stat[NR_FREE_PAGES]);
}

/* Pages that can be had of a zone: free ones, and *@offline of the limit that are not online yet. ACQUIRE: what has come online
 * is seen among the free ones; pairs with online_range(). */
static inline unsigned long zone_nr_to_have(const struct zone *zone, unsigned long *offline)
{
	*offline = smp_load_acquire(&zone->nr_offline);
	return zone_nr_free(zone) + *offline;
}

/* node.c: which pages are in which zone of which node. */
void nodes_setup(void);
extern unsigned char kmm_node_of_cpu[]; /* by CPU number, below 1024; set at start */
static inline unsigned int node_of_cpu(unsigned int cpu)
{
	return kmm_node_of_cpu[cpu];
}
unsigned int node_nr_cpus(unsigned int nid); /* online ones */
/* Reclaim of another node's memory pays up to this distance only. */
#define RECLAIM_DISTANCE 30
static inline bool many_nodes(void)
{
	return unlikely(nr_online_nodes > 1);
}

/* zonelist.c: in which order zones are tried, and which may be. */
void zonelist_start(void);
void build_all_zonelists(void);
/* 10 is local. For tests and fake nodes, before build_all_zonelists(). */
void node_set_distance(unsigned int from, unsigned int to, unsigned int distance);
unsigned int node_distance(unsigned int from, unsigned int to);
enum zone_type gfp_zone(gfp_t gfp);
static inline struct zonelist *node_zonelist(unsigned int nid, gfp_t gfp)
{
	return &NODE_DATA(nid)->node_zonelists[gfp & __GFP_THISNODE ? ZONELIST_NOFALLBACK : ZONELIST_FALLBACK];
}
/* The first place at or after @ref that @highest_zoneidx and @nodemask allow; its zone is NULL at the end. */
const struct zoneref *next_zones_zonelist(const struct zoneref *ref, enum zone_type highest_zoneidx,
					  const nodemask_t *nodemask);
#define for_each_zone_in(ref, ac)                                                                      \
	for (const struct zoneref *(ref) =                                                             \
		     next_zones_zonelist((ac)->zonelist->refs, (ac)->highest_zoneidx, (ac)->nodemask); \
	     (ref)->zone; (ref) = next_zones_zonelist((ref) + 1, (ac)->highest_zoneidx, (ac)->nodemask))
/* Hints about full zones: is @ref worth a look? It was full: remember. */
/* mems_allowed, see node_allowed(): a search that failed while it changed tries again. */
unsigned int read_mems_allowed_begin(void);
bool read_mems_allowed_retry(unsigned int cookie);
bool zlc_zone_worth_trying(struct zonelist *zonelist, const struct zoneref *ref);
void zlc_mark_zone_full(struct zonelist *zonelist, const struct zoneref *ref);
nodemask_t nodes_allowed(void);

/* watermark.c */
/* The most that min_free_kbytes= can keep. */
unsigned long most_min_free_pages(void);
void setup_watermarks(void); /* of all zones, and what zones keep from requests for higher ones */
bool zone_watermark_ok(const struct zone *zone, unsigned int order, unsigned long mark, enum zone_type highest_zoneidx,
		       unsigned int alloc_flags);
unsigned long wmark_pages(const struct zone *zone, enum zone_watermarks mark); /* with the boost */
void boost_watermark(struct zone *zone);
/* What was taken counts against the zone's share of a fair round. Requests for one node only play no part in it. */
void use_alloc_batch(struct zone *zone, unsigned int nr_pages);
void reset_alloc_batches(const struct zone *preferred);

/* rmqueue.c: pages leave the zone. */
/* The whole search under zone->lock, uncounted, without the reserves. */
struct page *zone_take_locked(struct zone *zone, unsigned int order, enum migratetype type, unsigned int alloc_flags,
			      bool *reported);
/* @page left the zone, whose lock is not held any more. Only one without memory can be the first of its pageblock. */
static inline void note_page_used(const struct page *page, bool reported)
{
	if (reported)
		arena_block_used(arena_page_to_pfn(page));
}
struct page *rmqueue(const struct alloc_context *ac, struct zone *zone, unsigned int order, gfp_t gfp,
		     unsigned int alloc_flags, bool *reported);

/* pcp.c */
int pcp_reserve(void);                      /* from memblock */
void setup_zone_pageset(struct zone *zone); /* from the boot values, batch 1 and high 0, to the real ones */
static inline bool pcp_allowed_order(unsigned int order)
{
	return order <= PCP_MAX_LOW_ORDER || order == pageblock_order;
}
/* Lists of movable pages also hold what was freed into CMA. */
static inline bool pcp_may_serve(const struct zone *zone, enum migratetype type, unsigned int alloc_flags)
{
	return likely(alloc_flags & ALLOC_CMA) || type != MIGRATE_MOVABLE || !zone->cma_pages;
}
/* NULL: the zone has to be asked directly. @reported: the page is known to be zero. */
struct page *pcp_alloc(struct zone *zone, unsigned int order, enum migratetype type, gfp_t gfp,
		       unsigned int alloc_flags, bool *reported);
void pcp_free(struct zone *zone, struct page *page, unsigned int order, enum migratetype type, bool cold);
/* Up to @nr pages of order 0, into @pages; how many. *@nr_ready is raised by those that are prepared already; the others are
 * as they were on the list, with PG_pcp. */
unsigned int pcp_alloc_bulk(struct zone *zone, enum migratetype type, gfp_t gfp, unsigned int alloc_flags,
			    unsigned int nr, struct page **pages, unsigned int *nr_ready);
/* Free pages of order 0, of any zone. */
void pcp_free_bulk(struct page **pages, unsigned int nr);

/* Gives back what CPUs keep of @zone (NULL: of all zones). The CPUs' threads may go on meanwhile. Pages. */
unsigned long drain_all_pages(struct zone *only);
/* The same for callers that may not wait: lists that are busy are left alone. */
void try_drain_all_pages(void);
unsigned long drain_pages_zone(struct zone *zone, unsigned int cpu);
unsigned long zone_nr_pcp(const struct zone *zone); /* pages on the lists of all CPUs; racy */
/* Lets the lists of a CPU that does little shrink. True: something is left to do later. */
bool decay_pcp_high(struct zone *zone, unsigned int cpu);
/* sweep.c: some CPU's lists have grown: they are looked after from now on. No lock of KMM_RANK_CPU or above is held. */
void sweep_notify(void);
void pcp_fork_lock_all(void);
void pcp_fork_unlock_all(void);
void pcp_fork_reset(void);

/* alloc.c: one look at all zones that a request may use. */
struct page *get_page_from_freelist(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
				    const struct alloc_context *ac);
void prepare_alloc_context(gfp_t gfp, unsigned int nid, const nodemask_t *nodemask, struct alloc_context *ac);
unsigned int gfp_cma_flag(gfp_t gfp);
/* A request for a page by the order, with all that belongs to it but the checks of the public calls. */

/* buddy_fork.c */
void buddy_fork_register(void);
extern bool buddy_forked; /* this is a child of a fork: pages in other threads' hands are lost */

/* options_report.c: says which options were changed. After the zones are set up. */
void report_changed_options(void);

/* start.c */
bool buddy_is_started(void);
/* Starts the library if it is cold. False: it is not there, or not there any more. No lock held. */
bool buddy_ensure_started(void);
extern bool buddy_fair_zones; /* a node has several zones; set at start */
/* Not 0: the fast paths must not be used, and why. Bits change by atomic operations. */
extern unsigned int buddy_special;
enum buddy_special_bits {
	SPECIAL_COLD = 1,      /* not started: nodes and zones must not be looked at */
	SPECIAL_ZONES = 2,     /* a node has another zone than Normal */
	SPECIAL_OPTIONS = 4,   /* pages are looked at or filled on their way */
	SPECIAL_INJECT = 8,    /* failures are injected */
	SPECIAL_NO_LISTS = 16, /* no per-CPU lists */
	SPECIAL_MEMS = 32,     /* some node is not allowed */
};

/* slowpath.c: after the first look failed. */
struct page *alloc_pages_slowpath(gfp_t gfp, unsigned int order, unsigned int nid, const nodemask_t *nodemask);

/* free.c: a block without references goes back: after a look at what its owner left on it, for a damaged one is taken out of
 * use; */
void free_unused_block(struct page *page, unsigned int order);
/* to a CPU's list; to the zone; */
void free_frozen_block(struct page *page, unsigned int order, bool cold);
void zone_free_block(struct zone *zone, struct page *page, unsigned int order);
/* under zone->lock. Returns the order of the free block that it is part of now. */
unsigned int zone_free_block_locked(struct zone *zone, struct page *page, unsigned int order, bool reported);

/* isolate.c: nobody gets pages of isolated pageblocks, so that a range can become free as a whole. */
enum isolate_flags {
	MEMORY_OFFLINE = 1, /* the range may have pageblocks that are not online; they are left alone, here and below */
};
/* Isolates the pageblocks of a range of one zone, all or none: CMA ones if @type is MIGRATE_CMA, else all others. 0, or
 * -EBUSY with the page that is in the way: in use for good, or isolated by somebody else. */
int start_isolate_page_range(struct zone *zone, unsigned long start, unsigned long end, enum migratetype type,
			     unsigned int flags, gfp_t gfp, unsigned long *busy);
/* By who isolated them: each pageblock gets its old type back, and its free pages with it. */
void undo_isolate_page_range(struct zone *zone, unsigned long start, unsigned long end);
/* Waits, drains and moves pages until all of the range is in free blocks: 0 with zone->lock held; or -EBUSY and the page in
 * the way, or -ENOMEM from moving, without the lock. */
int lock_isolated_range(struct zone *zone, unsigned long start, unsigned long end, gfp_t gfp, unsigned long *busy);
/* Can a page that is in use be asked to move? */
bool page_is_movable(const struct zone *zone, unsigned long pfn, gfp_t gfp);
/* The free block that @pfn lies in; NULL: none. Under zone->lock. */
struct page *free_block_of(unsigned long pfn);
/* For a forked child, where no isolator lives. Under zone->lock. */
void isolate_restore(struct zone *zone);

/* contig.c: the zone that the range lies in as a whole; NULL: none. */
struct zone *zone_of_range(unsigned long start, unsigned long end);

/* cma.c: the area of cma= is set aside. After the zones started; memblock's pages end at @reserved_end. */
void cma_start(unsigned long reserved_end);
bool cma_contains(unsigned long start, unsigned long end);

/* hotplug.c */
void hotplug_start(void);

/* prep.c: what a block looks like when it leaves, and how it must look when it comes back. */
/* False: a page of it was bad; the block has been taken out of use, and has PG_bad. Or it could not be made accessible
 * (debug_pagealloc=) and is free again. @zeroed: it is known to hold zeros. */
bool prep_new_block(struct page *page, unsigned int order, gfp_t gfp, bool zeroed);
bool prep_free_block(struct page *page, unsigned int order);
/* Why @page is no block of @order that may be freed, in words, when page_may_be_freed() or what precedes it said no. */
const char *page_free_refused(const struct page *page, unsigned int order);

/* page_report.c: the kernel's words. */
void page_report_reset(void);
void bad_page(const struct page *page, const char *reason);
void dump_page(const struct page *page, const char *reason);
void warn_alloc(gfp_t gfp, const nodemask_t *nodemask, unsigned int order);

/* reporting.c: memory of free blocks goes back to the system. */
/* Isolated blocks return to their lists, for a forked child. Under zone->lock. */
void reporting_restore(struct zone *zone);
/* A whole free pageblock has come to be: its memory goes back after a while. No lock of KMM_RANK_CPU or above is held. */
void reporting_notify(struct zone *zone);

#endif /* KMM_BUDDY_BUDDY_INTERNAL_H */
