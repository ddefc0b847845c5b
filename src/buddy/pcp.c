/* SPDX-License-Identifier: MIT
 * pcp.c - free pages that a CPU keeps: most requests and frees end here, without the zone's lock.
 *
 * Owns:       struct per_cpu_pages and the pages on its lists, which have PG_pcp and their order in the flags.
 * Locks:      pcp->lock, tried only on the fast paths: where its holder was preempted, the zone is asked directly. It covers
 *             a few list steps and nothing else. Pages on their way between the lists and the zone are on a list of the
 *             mover's own, with neither lock held between the two, so a drain never waits for a zone. It does not see them
 *             either: zone->moves says that there are some, and a request that may wait does so rather than fail for want
 *             of them (slowpath.c).
 * Lock-free:  zone->pageset is set once (RELEASE) before the zone is opened; count is read RELAXED by the views.
 * Invariants: B9 of buddy_internal.h. A list holds pages that were freed into, or fetched from, a pageblock of its type; the
 *             block may have changed its type since, and what goes back goes to the list of the type of that moment.
 * Source:     rmqueue_pcplist(), rmqueue_bulk(), free_unref_page_commit(), free_pcppages_bulk(), drain_pages_zone(),
 *             zone_batchsize(), mm/page_alloc.c, Linux 6.1; nr_pcp_alloc(), nr_pcp_high(), decay_pcp_high(), Linux 6.9;
 *             free_hot_cold_page(), Linux 4.9. Differs: hot and cold ends as before 4.15.
 */
#include <limits.h>

#include "base/race.h"
#include "buddy/pcp_fast.h"
#include "buddy/pcp_internal.h"
#include "buddy/prep_fast.h"

/* Pages of one list that leave before the next list has its turn. */
#define PCP_DETACH_RUN 16

/* Links in the page array lead from one list to the next. */
static struct page *page_of(struct cds_list_head *link)
{
	return cds_list_entry(link, struct page, lru);
}

/* The lists of this CPU, locked; NULL: there are none, or they are busy. */
static struct per_cpu_pages *pcp_trylock(const struct zone *zone)
{
	struct per_cpu_pages *pcp = pcp_of(zone, raw_cpu_id());

	if (unlikely(!pcp))
		return NULL;
	if (likely(kmm_spin_trylock(&pcp->lock)))
		return pcp;
	/* Perhaps we are not on that CPU any more. */
	pcp = pcp_of(zone, cpu_id_refresh());
	return pcp && kmm_spin_trylock(&pcp->lock) ? pcp : NULL;
}

static bool is_below_high(const struct zone *zone)
{
	return !zone_watermark_ok(zone, 0, wmark_pages(zone, WMARK_HIGH), zone->idx, 0);
}

/*
 * Opens a move, before its pages vanish from where they are counted. The wmb() pairs with the ACQUIRE in has_pages() and with
 * the rmb() of slowpath.c: who does not see the pages any more sees the move.
 */
static void move_begin(struct zone *zone)
{
	atomic_add_relaxed(&zone->moves, 1UL);
	smp_wmb();
}

/* RELEASE: who sees that the move is over finds its pages. Pairs with moves() of slowpath.c. */
static void move_end(struct zone *zone)
{
	atomic_add_release(&zone->moves, ZONE_MOVE_DONE - 1);
}

/* Gives a list of pages with PG_pcp back to their zone, which ends their move. */
void pcp_free_list(struct zone *zone, struct cds_list_head *list)
{
	bool whole = false;

	if (cds_list_empty(list))
		return;
	KMM_RACE_POINT("pcp:free_list_to_zone");
	kmm_lock(&zone->lock);
	do {
		struct page *page = page_of(list->next);
		const unsigned int order = page_alloc_order(page);
		const bool reported = unmark_pcp(page);

		cds_list_del(&page->lru);
		whole |= zone_free_block_locked(zone, page, order, reported) >= pageblock_order;
	} while (!cds_list_empty(list));
	kmm_unlock(&zone->lock);
	move_end(zone);
	if (zone_flag_test(zone, ZONE_BELOW_HIGH) && !is_below_high(zone))
		zone_flag_clear(zone, ZONE_BELOW_HIGH);
	if (whole)
		reporting_notify(zone);
}

/* How many pages to fetch now, in blocks of @order. Refills in a row fetch twice as many each time, and let the lists hold
 * more, as long as memory is not short. */
static int refill_size(struct per_cpu_pages *pcp, const struct zone *zone, unsigned int order)
{
	const int base = pcp->batch;
	int batch = base;

	kmm_spin_assert_held(&pcp->lock);
	if (unlikely(pcp->high < base)) /* the boot values */
		return 1;
	if (order == pageblock_order)
		return 1;
	if (order)
		return max_of(base >> order, 2);
	if (pcp->high_min != pcp->high_max) {
		int most;

		batch <<= pcp->alloc_factor;
		if (!zone_flag_test(zone, ZONE_BELOW_HIGH))
			pcp->high = min_of(pcp->high + batch, pcp->high_max);
		most = max_of(pcp->high - pcp->count - base, base);
		if (batch <= most && pcp->alloc_factor < PCP_BATCH_SCALE_MAX)
			pcp->alloc_factor++;
		batch = min_of(batch, most);
	}
	return batch;
}

/* Have the lists grown so much that a sweep should come? A second time they are asked at twice as much, for there may be no
 * thread that could. */
static bool wants_sweep(struct per_cpu_pages *pcp)
{
	kmm_spin_assert_held(&pcp->lock);
	if (likely(pcp->count < pcp->sweep_at))
		return false;
	pcp->sweep_at = min_of(pcp->count, INT_MAX / 2) * 2;
	return true;
}

/* Lists that were filled by a thread that is on another CPU now are as good as any. */
static void put_list(struct zone *zone, struct cds_list_head *list, unsigned int index, int nr_pages)
{
	struct per_cpu_pages *pcp;
	bool wake;

	if (!nr_pages)
		return;
	KMM_RACE_POINT("pcp:put_list");
	pcp = pcp_trylock(zone);
	if (!pcp) {
		pcp_free_list(zone, list);
		return;
	}
	cds_list_splice(list, &pcp->lists[index]);
	WRITE_ONCE(pcp->count, pcp->count + nr_pages);
	wake = wants_sweep(pcp);
	kmm_spin_unlock(&pcp->lock);
	move_end(zone);
	if (unlikely(wake))
		sweep_notify();
}

/* Up to @nr blocks for the lists, only where no other type suffers for it; how many. If any, put_list() is next. */
static int take_more(struct zone *zone, unsigned int order, enum migratetype type, int nr, struct cds_list_head *list)
{
	int got = 0;

	kmm_assert_held(&zone->lock);
	for (; got < nr; got++) {
		bool zero = false;
		struct page *page = free_area_take(zone, order, type, &zero);

		if (!page)
			break;
		if (!got)
			move_begin(zone);
		mark_pcp(page, order, zero);
		cds_list_add_tail(&page->lru, list);
	}
	zone_account(zone, type, -((long)got << order));
	return got;
}

/* They may be the first of their pageblocks. */
static void note_list_used(const struct cds_list_head *list)
{
	for (struct cds_list_head *pos = list->next; unlikely(kmm_arena.in_use) && pos != list; pos = pos->next)
		note_page_used(page_of(pos), page_flag_test(page_of(pos), PG_reported));
}

/* What the zone lost may be a reason for its lists not to grow; what the caller does not need goes onto one of them. */
static void finish_refill(struct zone *zone, struct cds_list_head *list, unsigned int index, int nr_pages)
{
	note_list_used(list);
	if (!zone_flag_test(zone, ZONE_BELOW_HIGH) && is_below_high(zone))
		zone_flag_set(zone, ZONE_BELOW_HIGH);
	put_list(zone, list, index, nr_pages);
}

/* One block for the caller, by the whole search; more for the lists. */
static struct page *refill(struct zone *zone, unsigned int order, enum migratetype type, unsigned int alloc_flags,
			   int nr_blocks, bool *reported)
{
	CDS_LIST_HEAD(list);
	struct page *page;
	int nr = 0;

	kmm_lock(&zone->lock);
	page = likely(zone->started) ? zone_take_locked(zone, order, type, alloc_flags, reported) : NULL;
	if (page) {
		zone_account(zone, pageblock_type(page), -(1L << order));
		WRITE_ONCE(zone->nr_alloc, zone->nr_alloc + (1UL << order));
		nr = take_more(zone, order, type, nr_blocks - 1, &list);
	}
	kmm_unlock(&zone->lock);
	if (page)
		note_page_used(page, *reported);
	finish_refill(zone, &list, pcp_index(order, type), nr << order);
	return page;
}

/* What was taken from the lists since the last time, for the zone's share. */
static unsigned int take_batch_used(struct per_cpu_pages *pcp)
{
	const unsigned int used = min_of(pcp->batch_used, BATCH_USED_MAX);

	kmm_spin_assert_held(&pcp->lock);
	WRITE_ONCE(pcp->batch_used, 0U);
	return used;
}

struct page *pcp_alloc(struct zone *zone, unsigned int order, enum migratetype type, gfp_t gfp,
		       unsigned int alloc_flags, bool *reported)
{
	struct per_cpu_pages *pcp = pcp_trylock(zone);
	struct cds_list_head *list;
	struct page *page;
	unsigned int used;
	int nr_blocks;

	if (unlikely(!pcp))
		return NULL;
	list = &pcp->lists[pcp_index(order, type)];
	if (likely(list->next != list)) {
		pcp_note_alloc(pcp, 1 << order, gfp);
		page = page_of(gfp & __GFP_COLD ? list->prev : list->next);
		cds_list_del(&page->lru);
		WRITE_ONCE(pcp->count, pcp->count - (1 << order));
		kmm_spin_unlock(&pcp->lock);
		*reported = unmark_pcp(page);
		return page;
	}
	pcp->free_count >>= 1;
	nr_blocks = refill_size(pcp, zone, order);
	used = take_batch_used(pcp);
	kmm_spin_unlock(&pcp->lock);
	page = refill(zone, order, type, alloc_flags, nr_blocks, reported);
	use_alloc_batch(zone, used + (page && !(gfp & __GFP_THISNODE) ? 1U << order : 0));
	return page;
}

/* As refill(), for @nr single pages of the caller's. How many, marked as if they came from a list. */
static unsigned int refill_bulk(struct zone *zone, enum migratetype type, unsigned int alloc_flags, unsigned int nr,
				int nr_more, struct page **pages)
{
	CDS_LIST_HEAD(list);
	unsigned int got = 0;
	int more = 0;

	kmm_lock(&zone->lock);
	while (got < nr && likely(zone->started)) {
		bool zero = false;
		struct page *page = zone_take_locked(zone, 0, type, alloc_flags, &zero);

		if (!page)
			break;
		zone_account(zone, pageblock_type(page), -1);
		mark_pcp(page, 0, zero);
		pages[got++] = page;
	}
	WRITE_ONCE(zone->nr_alloc, zone->nr_alloc + got);
	if (got == nr)
		more = take_more(zone, 0, type, nr_more, &list);
	kmm_unlock(&zone->lock);
	for (unsigned int i = 0; unlikely(kmm_arena.in_use) && i < got; i++)
		note_page_used(pages[i], page_flag_test(pages[i], PG_reported));
	finish_refill(zone, &list, pcp_index(0, type), more);
	return got;
}

unsigned int pcp_alloc_bulk(struct zone *zone, enum migratetype type, gfp_t gfp, unsigned int alloc_flags,
			    unsigned int nr, struct page **pages, unsigned int *nr_ready)
{
	const bool plain = !(READ_ONCE(buddy_special) & SPECIAL_OPTIONS);
	struct per_cpu_pages *pcp = pcp_trylock(zone);
	struct cds_list_head *list, *pos;
	unsigned int got = 0, more, used;
	int nr_more;

	if (!pcp)
		return 0;
	list = &pcp->lists[pcp_index(0, type)];
	for (pos = list->next; got < nr && pos != list; got++) {
		struct page *page = page_of(pos);

		pos = pos->next;
		*nr_ready += plain && prep_listed_page_fast(page, gfp);
		pages[got] = page;
	}
	/* Those from the head up to @pos leave. */
	list->next = pos;
	pos->prev = list;
	WRITE_ONCE(pcp->count, pcp->count - (int)got);
	pcp_note_alloc(pcp, (int)got, gfp);
	if (likely(got == nr)) {
		kmm_spin_unlock(&pcp->lock);
		return got;
	}
	nr_more = refill_size(pcp, zone, 0) - 1;
	used = take_batch_used(pcp);
	kmm_spin_unlock(&pcp->lock);
	more = refill_bulk(zone, type, alloc_flags, nr - got, nr_more, pages + got);
	use_alloc_batch(zone, used + (gfp & __GFP_THISNODE ? 0 : more));
	return got + more;
}

/* Moves up to @nr blocks from the tail of @list to that of @out; how many. */
static int detach_tail(struct cds_list_head *list, int nr, struct cds_list_head *out)
{
	struct cds_list_head *first = list, *last = list->prev;
	int moved = 0;

	for (; moved < nr && first->prev != list; moved++)
		first = first->prev;
	if (!moved)
		return 0;
	list->prev = first->prev;
	first->prev->next = list;
	first->prev = out->prev;
	out->prev->next = first;
	last->next = out;
	out->prev = last;
	return moved;
}

/* Takes @nr pages or a few more, the coldest, off the lists: a few of one list after the other. What was taken, if anything,
 * goes through pcp_free_list(). */
void pcp_detach(struct zone *zone, struct per_cpu_pages *pcp, int nr, struct cds_list_head *out)
{
	int left = min_of(nr, pcp->count);

	kmm_spin_assert_held(&pcp->lock);
	if (left > 0)
		move_begin(zone);
	while (left > 0) {
		for (unsigned int index = 0; index < NR_PCP_LISTS && left > 0; index++) {
			const unsigned int order = pcp_index_order(index);
			const int most = max_of(min_of(left, PCP_DETACH_RUN) >> order, 1);
			const int pages = detach_tail(&pcp->lists[index], most, out) << order;

			left -= pages;
			WRITE_ONCE(pcp->count, pcp->count - pages);
		}
	}
}

/* How many pages go back now that @pcp holds its most. Frees in a row give back more at a time, and are a sign that the lists
 * should hold more the next time; when memory is short they shrink instead. */
static int flush_size(struct per_cpu_pages *pcp, const struct zone *zone)
{
	const int batch = pcp->batch;

	if (unlikely(!pcp->high)) /* the boot values: nothing is kept */
		return pcp->count;
	if (pcp->high_min != pcp->high_max) {
		if (zone_flag_test(zone, ZONE_BELOW_HIGH)) {
			pcp->high = max_of(pcp->high - pcp->free_count, pcp->high_min);
			return max_of(pcp->count - pcp->high_min, batch);
		}
		pcp->high = min_of(max_of(pcp->high, pcp->free_count + batch), pcp->high_max);
		if (pcp->count < pcp->high)
			return 0;
	}
	return min_of(max_of(pcp->free_count, batch), max_of(pcp->high - batch, batch));
}

void pcp_free(struct zone *zone, struct page *page, unsigned int order, enum migratetype type, bool cold)
{
	struct per_cpu_pages *pcp = pcp_trylock(zone);
	struct cds_list_head *list;
	CDS_LIST_HEAD(out);
	bool wake;

	/* What would not stay anyway does not come in. */
	if (unlikely(!pcp || (order == pageblock_order && pcp->high < 1 << order))) {
		if (pcp)
			kmm_spin_unlock(&pcp->lock);
		zone_free_block(zone, page, order);
		return;
	}
	mark_pcp(page, order, false);
	list = &pcp->lists[pcp_index(order, type)];
	if (unlikely(cold))
		cds_list_add_tail(&page->lru, list);
	else
		cds_list_add(&page->lru, list);
	WRITE_ONCE(pcp->count, pcp->count + (1 << order));
	pcp_note_free(pcp, 1 << order);
	if (unlikely(pcp->count >= pcp->high))
		pcp_detach(zone, pcp, flush_size(pcp, zone), &out);
	wake = wants_sweep(pcp);
	kmm_spin_unlock(&pcp->lock);
	pcp_free_list(zone, &out);
	if (unlikely(wake))
		sweep_notify();
}

/* Puts the first pages of @pages that are of @zone on a list of this CPU, all under one lock; how many it dealt with. */
static unsigned int free_run(struct zone *zone, struct page **pages, unsigned int nr)
{
	struct per_cpu_pages *pcp = pcp_trylock(zone);
	unsigned int done = 0;
	CDS_LIST_HEAD(out);
	bool wake;

	for (; likely(pcp) && done < nr; done++) {
		struct page *page = pages[done];
		const unsigned int word = pageblock_word(page);
		enum migratetype type = pageblock_word_type(word);

		if (unlikely(zone_of_word(word) != zone || type == MIGRATE_ISOLATE))
			break;
		if (unlikely(type >= MIGRATE_PCPTYPES))
			type = MIGRATE_MOVABLE;
		mark_pcp(page, 0, false);
		cds_list_add(&page->lru, &pcp->lists[pcp_index(0, type)]);
	}
	if (likely(done)) {
		WRITE_ONCE(pcp->count, pcp->count + (int)done);
		pcp_note_free(pcp, (int)done);
		if (unlikely(pcp->count >= pcp->high)) {
			const int nr_out = flush_size(pcp, zone);

			/* More may have come than is given back at a time. */
			pcp_detach(zone, pcp, max_of(nr_out, pcp->count - pcp->high), &out);
		}
	}
	wake = pcp && wants_sweep(pcp);
	if (likely(pcp))
		kmm_spin_unlock(&pcp->lock);
	pcp_free_list(zone, &out);
	if (unlikely(wake))
		sweep_notify();
	if (likely(done))
		return done;
	/* No lists, or somebody else has them, or the pageblock is to become free as a whole. */
	zone_free_block(zone, pages[0], 0);
	return 1;
}

void pcp_free_bulk(struct page **pages, unsigned int nr)
{
	for (unsigned int i = 0; i < nr;)
		i += free_run(page_zone(pages[i]), pages + i, nr - i);
}
