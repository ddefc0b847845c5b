/* SPDX-License-Identifier: MIT
 * free.c - the way back, and from addresses to pages.
 *
 * Owns:       the refusal of a free that is none.
 * Locks:      zone->lock for the lists. Everything that can be refused is refused before the reference is dropped, so
 *             that a bad free changes nothing.
 * Source:     __free_pages(), free_pages_prepare(), mm/page_alloc.c, Linux 6.1. Differs: the order is checked, too.
 */
#include "base/boot.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"

void zone_free_block(struct zone *zone, struct page *page, unsigned int order)
{
	kmm_lock(&zone->lock);
	free_area_merge(zone, page, order, pageblock_type(page), false);
	zone_mod_free(zone, 1L << order);
	kmm_unlock(&zone->lock);
}

/* After the end every free is ignored: the array reads as zeros by then. */
static noinline void refuse_free(const struct page *page, unsigned int order)
{
	if (kmm_boot_state() != KMM_DEAD)
		bad_page(page, page_free_refused(page, order));
}

void __free_pages(struct page *page, unsigned int order)
{
	enum page_ref_result ref;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	if (unlikely(order >= MAX_ORDER || !page_exists(page) || !page_may_be_freed(page, order))) {
		refuse_free(page, order);
		return;
	}
	ref = page_ref_put(page);
	if (unlikely(ref == PAGE_REF_NONE)) /* another thread freed it in between */
		refuse_free(page, order);
	if (likely(ref == PAGE_REF_LAST) && likely(prep_free_block(&kmm_zone, page, order)))
		zone_free_block(&kmm_zone, page, order);
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
	return arena_addr_to_page(addr);
}

unsigned long page_to_pfn(const struct page *page)
{
	return arena_page_to_pfn(page);
}

struct page *pfn_to_page(unsigned long pfn)
{
	return pfn < smp_load_acquire(&kmm_arena.nr_online) ? arena_pfn_to_page(pfn) : NULL;
}

struct page *compound_head(const struct page *page)
{
	return page_head(page);
}

unsigned int compound_order(const struct page *page)
{
	return page_flag_test(page, PG_head) ? page[1].compound_order : 0;
}
