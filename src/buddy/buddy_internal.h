/* SPDX-License-Identifier: MIT
 * buddy_internal.h - the zone, and what the files of this room do for each other.
 *
 * Owns:       struct zone and struct free_area.
 * Locks:      zone->lock (rank 80) guards every field below unless it says otherwise, the type of every pageblock, and
 *             flags, lru, private and page_type of every page that is free. The zone grows under it: the arena lock (90)
 *             is taken inside, and the few microseconds in which a section is mapped and its pages are set up delay
 *             other threads, which would only have grown the zone a second time.
 *             Nothing is allocated, freed or called back under it; reports may be written.
 * Lock-free:  nr_free and nr_slab are read RELAXED by the counters of <kmm/stats.h>, whose values are old anyway.
 *             What a page holds while it is handed out belongs to its owner, without a lock.
 * Invariants: validate.c proves them by these names, for a zone in which no other thread is at work.
 *             B1  a block on free_area[o].free_list[t] is PageBuddy, private == o, aligned to 2^o pages, has no reference
 *                 and no flag but PG_reported, and lies in a pageblock of type t
 *             B2  free_area[o].nr_free is the number of blocks on its lists
 *             B3  a PageBuddy page is on exactly one list
 *             B4  two buddies of an order below MAX_ORDER - 1 are never both free: they would have been merged
 *             B5  nr_free is the sum of all free blocks, listed or isolated, in pages
 *             B6  an online page is in exactly one state: reserved; in a free block; in an isolated block; in a block
 *                 handed out, whose first page has references and knows the order, and whose others have none; bad
 *             B7  the type of a pageblock is one of enum migratetype
 *             B8  nr_managed and the reserved pages together are the online pages
 * Source:     struct zone, include/linux/mmzone.h, Linux 6.1. One node and one zone.
 */
#ifndef KMM_BUDDY_BUDDY_INTERNAL_H
#define KMM_BUDDY_BUDDY_INTERNAL_H

#include "base/lock.h"
#include "buddy/buddy.h"
#include "buddy/page_internal.h"

struct free_area {
	struct cds_list_head free_list[MIGRATE_TYPES]; /* first pages of free blocks, by page->lru */
	unsigned long nr_free;                         /* blocks on all lists */
};

struct zone {
	struct kmm_lock lock;
	bool started; /* the lists are set up and may be used */
	struct free_area free_area[MAX_ORDER];
	unsigned long nr_free;         /* pages, isolated ones included; written under the lock, read RELAXED */
	unsigned long nr_managed;      /* pages that were ever given to the zone */
	unsigned long nr_reserved;     /* pages that memblock kept */
	unsigned long nr_bad;          /* pages taken out of use */
	struct cds_list_head isolated; /* free blocks whose memory is being given back, by page->lru */
	unsigned long nr_isolated;     /* pages on it */
	long nr_slab;                  /* pages; atomic */
	const char *name;
};

extern struct zone kmm_zone;

/* free_area.c: lists, split and merge. All under zone->lock; none but free_area_init() looks at anything else. */
void free_area_init(struct zone *zone);
void free_area_add(struct zone *zone, struct page *page, unsigned int order, enum migratetype type, bool tail);
void free_area_del(struct zone *zone, struct page *page, unsigned int order);
void free_area_move(struct zone *zone, struct page *page, unsigned int order, enum migratetype type);
struct page *free_area_first(const struct zone *zone, unsigned int order, enum migratetype type);
/* Puts back all of the unlisted block @page of order @high but its first 2^@low pages. */
void free_area_expand(struct zone *zone, struct page *page, unsigned int low, unsigned int high, enum migratetype type,
		      bool reported);
/* Lists the unlisted block @page, merged with its buddies as far as they are free. */
void free_area_merge(struct zone *zone, struct page *page, unsigned int order, enum migratetype type, bool reported);
/* Takes 2^@order pages from the smallest block of @type that holds them; NULL when there is none. */
struct page *free_area_take(struct zone *zone, unsigned int order, enum migratetype type, bool *reported);

/* pageblock.c: mobility. All under zone->lock. */
enum migratetype pageblock_type(const struct page *page);
void pageblock_set_type(struct page *page, enum migratetype type);
enum migratetype gfp_migratetype(gfp_t gfp);
/* The @i-th type that @type falls back to; MIGRATE_RESERVE is the last one of every type. */
enum migratetype pageblock_fallback(enum migratetype type, unsigned int i);
unsigned long pageblock_nr_free(const struct page *page);
unsigned long pageblock_move_free(struct zone *zone, struct page *page, enum migratetype type);
/* Takes 2^@order pages from a block of another type, of order @min_order or more, the largest first. */
struct page *pageblock_steal(struct zone *zone, unsigned int order, unsigned int min_order, enum migratetype type,
			     bool *reported);

/* zone.c */
bool zone_grow_locked(struct zone *zone);
unsigned long zone_nr_offline(void);
void zone_free_range(struct zone *zone, unsigned long pfn, unsigned long end, bool reported);
static inline void zone_mod_free(struct zone *zone, long nr_pages)
{
	WRITE_ONCE(zone->nr_free, zone->nr_free + (unsigned long)nr_pages);
}

/* alloc.c: the whole search, without the slow path around it. */
struct page *zone_take_locked(struct zone *zone, unsigned int order, enum migratetype type, bool *reported);

/* free.c: a block without references goes back to its list. */
void zone_free_block(struct zone *zone, struct page *page, unsigned int order);

/* prep.c: what a block looks like when it leaves, and how it must look when it comes back. */
/* False: a page of it was bad; the block has been taken out of use. */
bool prep_new_block(struct zone *zone, struct page *page, unsigned int order, gfp_t gfp, bool zeroed);
bool prep_free_block(struct zone *zone, struct page *page, unsigned int order);
/* Why @page is no block of @order that may be freed, in words, when page_may_be_freed() or what precedes it said no. */
const char *page_free_refused(const struct page *page, unsigned int order);

/* page_report.c: the kernel's words. */
void page_report_reset(void);
void bad_page(const struct page *page, const char *reason);
void report_alloc_failure(struct zone *zone, gfp_t gfp, unsigned int order);

/* reporting.c: isolated blocks return to their lists, for a forked child. Under zone->lock. */
void reporting_restore(struct zone *zone);

#endif /* KMM_BUDDY_BUDDY_INTERNAL_H */
