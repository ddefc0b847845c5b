/* SPDX-License-Identifier: MIT
 * kmm/contig.h - ranges of pages of any length in one piece.
 *
 * Owns:   enum migratetype, of which callers need MIGRATE_MOVABLE and MIGRATE_CMA; the alloc_contig_*() calls.
 * Source: include/linux/gfp.h, include/linux/mmzone.h, Linux 6.1.
 */
#ifndef KMM_CONTIG_H
#define KMM_CONTIG_H

#include <kmm/api.h>
#include <kmm/gfp.h>
#include <kmm/numa.h>

KMM_BEGIN_DECLS

struct page;

/** The kinds of pageblocks: pages are grouped by how they can be moved. */
enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_MOVABLE,
	MIGRATE_PCPTYPES,                   /* the number of types that have per-CPU lists */
	MIGRATE_RESERVE = MIGRATE_PCPTYPES, /* the last resort of every type; shown as HighAtomic */
	MIGRATE_CMA,                        /* lent to movable pages until somebody wants the range in one piece */
	MIGRATE_ISOLATE,                    /* free pages here are not handed out */
	MIGRATE_TYPES,
};

/**
 * alloc_contig_range - take one particular range of pages.
 * @start: number of its first page.      @end: number of the first page behind it. Neither needs an alignment.
 * @migratetype: MIGRATE_CMA for a range in the area of the option cma=, MIGRATE_MOVABLE for any other.
 * @gfp:   __GFP_DIRECT_RECLAIM: pages in use may be asked to move elsewhere; __GFP_ZERO: with zeros; __GFP_NOWARN: misuse is
 *         not reported. The rest means nothing.
 *
 * Each page comes with one reference, as a page of order 0 of its own: give the range back by free_contig_range(), or page
 * by page by __free_page(). The range lies in one zone. Parts of it that were never needed come online. Watermarks are not
 * looked at. While the call is at work, free pages around the range (up to the ends of its pageblocks) are not handed out.
 *
 * Context: any thread, not a signal handler; hold no libkmm lock; may sleep.
 * Return:  0; -EBUSY when a page of it is in use and cannot move, or is being isolated by somebody else; -ENOMEM when the
 *          system or the migration had no memory, or after kmm_exit(); -EINVAL (reported) for a range that is none, lies
 *          outside of the zones, in two of them, or in memory that was taken offline, and for a type that does not fit.
 *          Nothing has changed then.
 * Source:  alloc_contig_range(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK int alloc_contig_range(unsigned long start, unsigned long end, unsigned int migratetype,
					      gfp_t gfp);

/**
 * alloc_contig_pages - find a range of so many pages and take it.
 * @nr_pages: pages, any number; a power of two also is the alignment of the range.
 * @gfp:   as for alloc_contig_range(); the bits that choose a zone, and __GFP_THISNODE, as for alloc_pages().
 * @nid:   where to look first, or NUMA_NO_NODE.      @nodemask: where to look at all; NULL: on all nodes.
 *
 * For ranges that alloc_pages() has no order for. The pages are as those of alloc_contig_range().
 *
 * Context: as alloc_contig_range().
 * Return:  the first page; NULL when there is no such range, for 0 pages or a node that does not exist (reported), or after
 *          kmm_exit().
 * Source:  alloc_contig_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid,
						       const nodemask_t *nodemask);

/**
 * free_contig_range - give back pages of order 0 that lie in a row.
 * @pfn:   number of the first one.      @nr_pages: how many.
 *
 * Drops one reference of each. Pages that somebody else still holds, or that were free already, are counted and reported.
 *
 * Context: as __free_pages().
 * Source:  free_contig_range(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void free_contig_range(unsigned long pfn, unsigned long nr_pages);

KMM_END_DECLS

#endif /* KMM_CONTIG_H */
