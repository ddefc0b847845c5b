/* SPDX-License-Identifier: MIT
 * pcp_fast.h - the two fast paths: a page from this CPU's list, a page onto it.
 *
 * Owns:       buddy_special, which says whether the fast paths may be used at all.
 * Locks:      pcp->lock, tried; a busy one, an empty list or a full one leads to the general way in alloc.c or free.c, which
 *             starts from scratch.
 * Lock-free:  buddy_special is read ACQUIRE: who finds it 0 sees the lists that were made before (RELEASE in start.c).
 * Why:        in a world of one zone a node, nearly all requests for a few pages need none of the walk over zones, and nearly
 *             all frees no zone. A request costs one locked instruction here, a free two.
 */
#ifndef KMM_BUDDY_PCP_FAST_H
#define KMM_BUDDY_PCP_FAST_H

#include "buddy/buddy_internal.h"

/* The zone of each node in a world where each has one. The address is a constant on a machine of one node. */
static inline struct zone *fast_zone_of(unsigned int nid)
{
	return &kmm_nodes[nid].node_zones[ZONE_NORMAL];
}

static inline struct zone *fast_zone_here(void)
{
	return many_nodes() ? fast_zone_of(node_of_cpu(raw_cpu_id())) : fast_zone_of(0);
}

/* The lists by order first: a CPU's requests are mostly of one order. */
static inline unsigned int pcp_index(unsigned int order, enum migratetype type)
{
	return min_of(order, PCP_MAX_LOW_ORDER + 1u) * MIGRATE_PCPTYPES + (unsigned int)type;
}

static inline unsigned int pcp_index_order(unsigned int index)
{
	return index / MIGRATE_PCPTYPES <= PCP_MAX_LOW_ORDER ? index / MIGRATE_PCPTYPES : pageblock_order;
}

/* Marks a free page as one of a CPU's list. */
static inline void mark_pcp(struct page *page, unsigned int order, bool reported)
{
	WRITE_ONCE(page->flags,
		   1UL << PG_pcp | (unsigned long)order << PAGE_ORDER_SHIFT | (reported ? 1UL << PG_reported : 0));
}

/* Takes the mark off; was the page known to be zero? */
static inline bool unmark_pcp(struct page *page)
{
	const unsigned long flags = page->flags;

	WRITE_ONCE(page->flags, 0UL);
	return flags >> PG_reported & 1;
}

/* Counts pages that leave by the lists. */
static inline void pcp_note_alloc(struct per_cpu_pages *pcp, int nr_pages, gfp_t gfp)
{
	WRITE_ONCE(pcp->nr_alloc, pcp->nr_alloc + (unsigned long)nr_pages);
	if (!(gfp & __GFP_THISNODE))
		WRITE_ONCE(pcp->batch_used, pcp->batch_used + (unsigned int)nr_pages);
	pcp->free_count >>= 1;
}

static inline void pcp_note_free(struct per_cpu_pages *pcp, int nr_pages)
{
	WRITE_ONCE(pcp->nr_freed, pcp->nr_freed + (unsigned long)nr_pages);
	pcp->alloc_factor >>= 1;
	if (pcp->free_count < pcp->batch << PCP_BATCH_SCALE_MAX)
		pcp->free_count += nr_pages;
}

/* Is there so much free memory that no kind of request meets a watermark? Less than what is really open to some. */
static inline bool zone_has_plenty(const struct zone *zone, unsigned int order)
{
	unsigned long offline;
	const unsigned long free = zone_nr_to_have(zone, &offline);

	return free > READ_ONCE(zone->watermark[WMARK_LOW]) + READ_ONCE(zone->watermark_boost) +
			      READ_ONCE(zone->nr_free_highatomic) +
			      (unsigned long)READ_ONCE(zone->vm_stat[NR_FREE_CMA_PAGES]) + (1UL << order);
}

/* A block of this CPU's list for @gfp, not prepared; NULL: go the general way. @order has a list. */
static force_inline struct page *pcp_pop_fast(unsigned int order, gfp_t gfp, bool *reported)
{
	struct zone *zone = fast_zone_here();
	struct per_cpu_pages *pcp;
	struct cds_list_head *list, *link;
	struct page *page;

	if (unlikely(!zone_has_plenty(zone, order)))
		return NULL;
	pcp = zone->pageset + raw_cpu_id();
	if (unlikely(!kmm_spin_trylock(&pcp->lock)))
		return NULL;
	list = &pcp->lists[pcp_index(order, gfp_migratetype(gfp))];
	link = list->next;
	if (unlikely(link == list)) {
		kmm_spin_unlock(&pcp->lock);
		return NULL;
	}
	list->next = link->next;
	link->next->prev = list;
	WRITE_ONCE(pcp->count, pcp->count - (1 << order));
	pcp_note_alloc(pcp, 1 << order, gfp);
	kmm_spin_unlock(&pcp->lock);
	page = cds_list_entry(link, struct page, lru);
	*reported = unmark_pcp(page);
	return page;
}

/* Puts a free block on this CPU's list. False: go the general way; nothing has changed. @order has a list. */
static force_inline bool pcp_push_fast(struct page *page, unsigned int order)
{
	const unsigned int word = pageblock_word(page);
	const enum migratetype type = pageblock_word_type(word);
	struct per_cpu_pages *pcp;

	if (unlikely(type >= MIGRATE_PCPTYPES))
		return false;
	pcp = (many_nodes() ? zone_of_word(word) : fast_zone_of(0))->pageset + raw_cpu_id();
	if (unlikely(!kmm_spin_trylock(&pcp->lock)))
		return false;
	if (unlikely(pcp->count + (1 << order) >= min_of(pcp->high, pcp->sweep_at))) {
		kmm_spin_unlock(&pcp->lock);
		return false;
	}
	mark_pcp(page, order, false);
	cds_list_add(&page->lru, &pcp->lists[pcp_index(order, type)]);
	WRITE_ONCE(pcp->count, pcp->count + (1 << order));
	pcp_note_free(pcp, 1 << order);
	kmm_spin_unlock(&pcp->lock);
	return true;
}

#endif /* KMM_BUDDY_PCP_FAST_H */
