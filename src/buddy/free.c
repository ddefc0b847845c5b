/* SPDX-License-Identifier: MIT
 * free.c - the way back, and from addresses to pages.
 *
 * Owns:       the refusal of a free that is none.
 * Locks:      the CPU's lists, or zone->lock. Everything that can be refused is refused before the reference is dropped, so
 *             that a bad free changes nothing.
 * Source:     __free_pages(), free_unref_page(), free_one_page(), mm/page_alloc.c, Linux 6.1; free_hot_cold_page(),
 *             Linux 4.9. Differs: the order is checked, too.
 */
#include "base/boot.h"
#include "base/race.h"
#include "base/report.h"
#include "buddy/pcp_fast.h"
#include "buddy/prep_fast.h"
#include "buddy/split.h"

unsigned int zone_free_block_locked(struct zone *zone, struct page *page, unsigned int order, bool reported)
{
	const enum migratetype type = pageblock_type(page);

	kmm_assert_held(&zone->lock);
	zone_account(zone, type, 1L << order);
	return free_area_merge(zone, page, order, type, reported);
}

void zone_free_block(struct zone *zone, struct page *page, unsigned int order)
{
	unsigned int merged;

	kmm_lock(&zone->lock);
	merged = zone_free_block_locked(zone, page, order, false);
	WRITE_ONCE(zone->nr_freed, zone->nr_freed + (1UL << order));
	kmm_unlock(&zone->lock);
	if (merged >= pageblock_order)
		reporting_notify(zone);
}

void free_frozen_block(struct page *page, unsigned int order, bool cold)
{
	/* The type may change as soon as it is read: it only chooses the list that the page waits on. */
	const unsigned int word = pageblock_word(page);
	enum migratetype type = pageblock_word_type(word);
	struct zone *zone = zone_of_word(word);

	KMM_RACE_POINT("free:type_read");
	if (unlikely(type >= MIGRATE_PCPTYPES))
		type = type == MIGRATE_ISOLATE ? MIGRATE_ISOLATE : MIGRATE_MOVABLE;
	if (likely(pcp_allowed_order(order) && type != MIGRATE_ISOLATE))
		pcp_free(zone, page, order, type, cold);
	else
		zone_free_block(zone, page, order);
}

void free_unused_block(struct page *page, unsigned int order)
{
	if (likely(prep_free_block(page, order)))
		free_frozen_block(page, order, false);
}

/* After the end every free is ignored: the array reads as zeros by then. */
static noinline void refuse_free(const struct page *page, unsigned int order)
{
	if (kmm_boot_state() != KMM_DEAD)
		bad_page(page, page_free_refused(page, order));
}

/*
 * Others hold the first page of a block that is not compound, and they hold no more than that page: it stays, as a page of its
 * own, and the rest is free now. The order leaves the flags before the reference is dropped, so that whoever drops the last
 * one frees a single page; and by a compare-and-swap (RELEASE; pairs with the ACQUIRE in page_ref_drop()), so that of two
 * frees of the block one is refused. Where somebody takes a reference too late to be seen here, the block stays whole
 * until that one is dropped.
 */
static noinline void free_shared_block(struct page *page, unsigned int order)
{
	unsigned long flags = READ_ONCE(page->flags);
	enum page_ref_result ref;

	do {
		if (unlikely((flags & PAGE_ORDER_MASK) != (unsigned long)order << PAGE_ORDER_SHIFT)) {
			refuse_free(page, order);
			return;
		}
	} while (!atomic_cmpxchg_acq_rel(&page->flags, &flags, flags & ~PAGE_ORDER_MASK));
	KMM_RACE_POINT("buddy:free_shared_block");
	ref = page_ref_put(page);
	if (ref == PAGE_REF_LAST) { /* they have let go meanwhile */
		free_unused_block(page, order);
		return;
	}
	if (unlikely(ref == PAGE_REF_NONE))
		refuse_free(page, 0);
	free_block_rest(page, order, 1);
}

static force_inline void free_pages_common(struct page *page, unsigned int order, bool cold)
{
	enum page_ref_result ref;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	if (unlikely(order >= MAX_ORDER || !page_exists(page) || !page_may_be_freed(page, order))) {
		refuse_free(page, order);
		return;
	}
	if (unlikely(order && page_refcount(page) > 1 && !page_flag_test(page, PG_head))) {
		free_shared_block(page, order);
		return;
	}
	ref = page_ref_put(page);
	if (unlikely(ref == PAGE_REF_NONE)) /* another thread freed it in between */
		refuse_free(page, order);
	if (likely(ref == PAGE_REF_LAST) && likely(prep_free_block_fast(page, order))) {
		if (unlikely(smp_load_acquire(&buddy_special) || order > PCP_MAX_LOW_ORDER || cold) ||
		    !pcp_push_fast(page, order))
			free_frozen_block(page, order, cold);
	}
}

void __free_pages(struct page *page, unsigned int order)
{
	free_pages_common(page, order, false);
}

void free_hot_cold_page(struct page *page, bool cold)
{
	free_pages_common(page, 0, cold);
}

void free_pages(unsigned long addr, unsigned int order)
{
	struct page *page;

	if (!addr)
		return;
	page = arena_addr_to_page((const void *)addr);
	if (likely(page))
		__free_pages(page, order);
	else if (kmm_boot_state() != KMM_DEAD)
		kmm_report(KMM_REPORT_WARN, "WARNING: free_pages: address %#lx is not in the arena, order:%u\n", addr,
			   order);
}

void *page_address(const struct page *page)
{
	return arena_page_address(page);
}

struct page *virt_to_page(const void *addr)
{
	struct page *page = arena_addr_to_page(addr);

	return page && arena_pfn_online(arena_page_to_pfn(page)) ? page : NULL;
}

unsigned long page_to_pfn(const struct page *page)
{
	return arena_page_to_pfn(page);
}

struct page *pfn_to_page(unsigned long pfn)
{
	return arena_pfn_online(pfn) ? arena_pfn_to_page(pfn) : NULL;
}

struct page *compound_head(const struct page *page)
{
	return page_head(page);
}

unsigned int compound_order(const struct page *page)
{
	return page_flag_test(page, PG_head) ? page[1].compound_order : 0;
}

bool PageHead(const struct page *page)
{
	return page_flag_test(page, PG_head);
}

bool PageTail(const struct page *page)
{
	return page_head(page) != page;
}
