/* SPDX-License-Identifier: MIT
 * bulk.c - many single pages at once: one look at the watermarks and one lock of a CPU's list for all of them.
 *
 * Owns:       nothing that outlives a call.
 * Locks:      pcp->lock and zone->lock, taken in pcp.c, for one part of BULK_PART pages after the other: a request for very many
 *             does not keep the lists from others.
 * How:        pages leave the list in one piece; what has to be done to most of them are two stores, which are made on the
 *             way. Released pages are prepared first, and go onto the list together.
 * Source:     __alloc_pages_bulk(), free_unref_page_list(), mm/page_alloc.c; release_pages(), mm/swap.c, Linux 6.1.
 */
#include "buddy/pcp_fast.h"
#include "buddy/prep_fast.h"
#include "buddy/refcount.h"

#define BULK_PART 64u

/* *@skipped: a zone was passed over because its share is used up. */
static struct zone *look_for_zone(const struct alloc_context *ac, bool fair, unsigned int alloc_flags, unsigned long nr,
				  bool *skipped)
{
	for_each_zone_in(ref, ac) {
		struct zone *zone = ref->zone;

		if (zone->zone_pgdat != ac->preferred_zone->zone_pgdat)
			break;
		if (!node_allowed((unsigned int)zone->zone_pgdat->node_id))
			continue;
		if (fair && zone_flag_test(zone, ZONE_FAIR_DEPLETED)) {
			*skipped = true;
			continue;
		}
		if (zone_watermark_ok(zone, 0, wmark_pages(zone, WMARK_LOW) + nr, ac->highest_zoneidx, alloc_flags))
			return zone;
	}
	return NULL;
}

/* A zone of the preferred node that can spare @nr pages; NULL: only the slow way knows. */
static struct zone *find_zone(const struct alloc_context *ac, gfp_t gfp, unsigned int alloc_flags, unsigned long nr)
{
	bool skipped = false;
	struct zone *zone = look_for_zone(ac, buddy_fair_zones && !(gfp & __GFP_THISNODE), alloc_flags, nr, &skipped);

	if (!zone && skipped) {
		reset_alloc_batches(ac->preferred_zone);
		zone = look_for_zone(ac, false, alloc_flags, nr, &skipped);
	}
	return zone;
}

/* Up to @nr pages, at most BULK_PART, ready for use. */
static unsigned int take_part(struct zone *zone, gfp_t gfp, unsigned int alloc_flags, unsigned int nr,
			      struct page **pages)
{
	unsigned int nr_ready = 0, ready;
	const unsigned int got = pcp_alloc_bulk(zone, gfp_migratetype(gfp), gfp, alloc_flags, nr, pages, &nr_ready);

	if (likely(nr_ready == got))
		return got;
	ready = 0;
	for (unsigned int i = 0; i < got; i++) {
		struct page *page = pages[i];
		const bool listed = page_flag_test(page, PG_pcp);

		pages[i] = NULL;
		if (!listed || likely(prep_new_block(page, 0, gfp, unmark_pcp(page))))
			pages[ready++] = page;
	}
	return ready;
}

static unsigned int count_empty(struct page *const *array, unsigned int nr)
{
	unsigned int empty = 0;

	for (unsigned int i = 0; i < nr; i++)
		empty += !array[i];
	return empty;
}

/* Fills the empty ones of @nr entries, at most BULK_PART; how many have a page then, from the first one on. */
static unsigned int fill_part(struct zone *zone, gfp_t gfp, unsigned int alloc_flags, struct page **array,
			      unsigned int nr)
{
	const unsigned int wanted = count_empty(array, nr);
	struct page *part[BULK_PART];
	unsigned int got, pos = 0, used = 0;

	if (likely(wanted == nr))
		return take_part(zone, gfp, alloc_flags, nr, array);
	got = take_part(zone, gfp, alloc_flags, wanted, part);
	for (; pos < nr && (array[pos] || used < got); pos++)
		if (!array[pos])
			array[pos] = part[used++];
	return pos;
}

/* The ordinary way, as long as it goes: what failures are injected into. */
static unsigned int fill_one_by_one(gfp_t gfp, int nid, const nodemask_t *nodemask, struct page **array,
				    unsigned int pos, unsigned int nr)
{
	for (; pos < nr; pos++) {
		if (!array[pos])
			array[pos] = __alloc_pages(gfp, 0, nid, nodemask);
		if (!array[pos])
			break;
	}
	return pos;
}

/* Where @nr pages can be taken from without a look at the marks for each; NULL: only the slow way knows. */
static struct zone *bulk_zone(gfp_t gfp, unsigned int alloc_flags, int nid, const nodemask_t *nodemask, unsigned int nr)
{
	struct alloc_context ac;

	/* A node that does not exist is the ordinary way's to report. */
	if (nid < 0 || (unsigned int)nid >= nr_online_nodes)
		return NULL;
	/* ACQUIRE: pairs with set_special(). */
	if (likely(!smp_load_acquire(&buddy_special) && !nodemask &&
		   zone_has_plenty(fast_zone_of((unsigned int)nid), (unsigned int)fls(nr))))
		return fast_zone_of((unsigned int)nid);
	prepare_alloc_context(gfp, (unsigned int)nid, nodemask, &ac);
	return likely(ac.preferred_zone) ? find_zone(&ac, gfp, alloc_flags, nr) : NULL;
}

/* Fills what is empty from @pos on; how far it came. */
static unsigned int fill(gfp_t gfp, int nid, const nodemask_t *nodemask, struct page **array, unsigned int pos,
			 unsigned int nr)
{
	const unsigned int alloc_flags = WMARK_LOW | ALLOC_CPUSET | gfp_cma_flag(gfp);
	struct zone *zone = bulk_zone(gfp, alloc_flags, nid, nodemask, nr - pos);

	if (unlikely(zone && !pcp_may_serve(zone, gfp_migratetype(gfp), alloc_flags)))
		return fill_one_by_one(gfp, nid, nodemask, array, pos, nr);
	while (zone && pos < nr) {
		const unsigned int part = min_of(nr - pos, BULK_PART);
		const unsigned int filled = fill_part(zone, gfp, alloc_flags, array + pos, part);

		pos += filled;
		if (filled < part)
			break;
	}
	return pos;
}

unsigned long __alloc_pages_bulk(gfp_t gfp, int preferred_nid, const nodemask_t *nodemask, int nr_pages,
				 struct page **page_array)
{
	const unsigned int nr = nr_pages > 0 ? (unsigned int)nr_pages : 0;
	unsigned int pos = 0, start;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	while (pos < nr && page_array[pos])
		pos++;
	start = pos;
	if (unlikely(READ_ONCE(buddy_special) & SPECIAL_INJECT))
		return fill_one_by_one(gfp, preferred_nid, nodemask, page_array, pos, nr);
	if (unlikely(!buddy_ensure_started()))
		return pos;
	/* For one page the ordinary way is as good. */
	if (nr - pos > 1)
		pos = fill(current_gfp_context(gfp), preferred_nid == NUMA_NO_NODE ? numa_node_id() : preferred_nid,
			   nodemask, page_array, pos, nr);
	if (unlikely(pos == start && pos < nr))
		pos = fill_one_by_one(gfp, preferred_nid, nodemask, page_array, pos, pos + 1);
	return pos;
}

void release_pages(struct page **pages, int nr)
{
	struct page *part[BULK_PART];
	unsigned int ready = 0;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	for (int i = 0; i < nr; i++) {
		struct page *page = likely(page_exists(pages[i])) ? page_head(pages[i]) : NULL;
		const enum page_ref_result ref = likely(page) ? page_ref_drop(page, 1) : PAGE_REF_NONE;

		if (unlikely(ref == PAGE_REF_NONE))
			page_ref_refuse_drop(page ? page : pages[i], 1);
		if (unlikely(ref != PAGE_REF_LAST))
			continue;
		if (unlikely(page_alloc_order(page)))
			free_unreferenced_block(page);
		else if (likely(prep_free_block_fast(page, 0)))
			part[ready++] = page;
		if (ready == BULK_PART) {
			pcp_free_bulk(part, ready);
			ready = 0;
		}
	}
	pcp_free_bulk(part, ready);
}
