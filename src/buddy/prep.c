/* SPDX-License-Identifier: MIT
 * prep.c - what a block looks like when it leaves the zone, and how it must look when it comes back.
 *
 * Owns:       refcount, flags and the compound marks of a block on its way out or in. Nobody else can see the block then.
 * Locks:      none, but for zone->nr_bad.
 * Invariants: a block handed out has one reference and its order on its first page, none on the others; private is 0,
 *             mapcount -1 everywhere. With __GFP_COMP the first page has PG_head, every other one points to it, and the
 *             second one knows the order.
 * Source:     prep_new_page(), check_new_page(), free_pages_prepare(), prep_compound_page(), mm/page_alloc.c, Linux 6.1.
 */
#include <string.h>

#include "buddy/buddy_internal.h"

/* What is wrong with a page that should be unused, in the kernel's words; NULL when nothing is. */
static const char *unused_page_reason(const struct page *page, unsigned long flags)
{
	if (page->mapcount != PAGE_TYPE_NONE)
		return "nonzero mapcount";
	if (page->slab_cache)
		return "non-NULL mapping";
	if (page_count(page))
		return "nonzero _refcount";
	if (page->flags & flags)
		return flags == PAGE_FLAGS_CHECK_AT_PREP ? "PAGE_FLAGS_CHECK_AT_PREP flag(s) set" :
							   "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
	return NULL;
}

/* The same in one test, for every page that is as it should be. */
static inline bool page_is_unused(const struct page *page, unsigned long flags)
{
	return likely(!((unsigned int)(page->mapcount - PAGE_TYPE_NONE) | (unsigned int)page_count(page) |
			(page->flags & flags) | (unsigned long)page->slab_cache));
}

/* Takes a whole block out of use: its pages belong to nobody from now on. */
static noinline void retire_block(struct zone *zone, struct page *page, unsigned int order)
{
	for (struct page *p = page; p < page + (1UL << order); p++) {
		p->flags = 1UL << PG_bad;
		p->compound_head = 0;
		p->slab_cache = NULL;
		page_ref_set(p, 0);
		p->mapcount = PAGE_TYPE_NONE; /* what looked like a free block must not be merged */
	}
	kmm_lock(&zone->lock);
	zone->nr_bad += 1UL << order;
	kmm_unlock(&zone->lock);
}

static void prep_compound(struct page *head, unsigned int order)
{
	head->flags |= 1UL << PG_head;
	for (struct page *p = head + 1; p < head + (1UL << order); p++)
		p->compound_head = (unsigned long)head + 1;
	head[1].compound_order = order;
}

bool prep_new_block(struct zone *zone, struct page *page, unsigned int order, gfp_t gfp, bool zeroed)
{
	for (struct page *p = page; p < page + (1UL << order); p++) {
		if (unlikely(!page_is_unused(p, PAGE_FLAGS_CHECK_AT_PREP))) {
			bad_page(p, unused_page_reason(p, PAGE_FLAGS_CHECK_AT_PREP));
			retire_block(zone, page, order);
			return false;
		}
	}
	page->flags = (unsigned long)order << PAGE_ORDER_SHIFT;
	if (order && (gfp & __GFP_COMP))
		prep_compound(page, order);
	if ((gfp & __GFP_ZERO) && !zeroed)
		memset(arena_page_address(page), 0, PAGE_SIZE << order);
	page_ref_set(page, 1);
	return true;
}

const char *page_free_refused(const struct page *page, unsigned int order)
{
	const unsigned long index = (unsigned long)page - (unsigned long)kmm_arena.mem_map;
	unsigned long flags;

	if (unlikely(order >= MAX_ORDER))
		return "order out of range";
	if (unlikely(index >= smp_load_acquire(&kmm_arena.nr_online) * sizeof(*page) || index % sizeof(*page)))
		return "no page of the arena";
	flags = READ_ONCE(page->flags);
	if (likely((flags & (PAGE_FLAGS_CHECK_AT_FREE | PAGE_ORDER_MASK)) == (unsigned long)order << PAGE_ORDER_SHIFT &&
		   !PageTail(page) && page_count(page) > 0))
		return NULL;
	if (PageTail(page))
		return "tail page";
	if (flags & PAGE_FLAGS_CHECK_AT_FREE)
		return "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
	if (PageBuddy(page))
		return "nonzero mapcount";
	if (page_count(page) <= 0)
		return "zero _refcount";
	return "wrong order";
}

/* What is wrong with the @i-th page of a block whose last reference is gone; NULL when nothing is. */
static const char *freed_page_reason(const struct page *page, unsigned long i, bool compound)
{
	const struct page *p = page + i;
	unsigned long link = i ? READ_ONCE(p->compound_head) : 0;

	if (i && (compound ? link != (unsigned long)page + 1 : link & 1))
		return "compound_head not consistent";
	return unused_page_reason(p, PAGE_FLAGS_CHECK_AT_FREE | (i ? 1UL << PG_head : 0));
}

bool prep_free_block(struct zone *zone, struct page *page, unsigned int order)
{
	const bool compound = page_flag_test(page, PG_head);

	for (unsigned long i = 0; i < 1UL << order; i++) {
		const char *reason = NULL;

		if (unlikely(i || !page_is_unused(page, PAGE_FLAGS_CHECK_AT_FREE)))
			reason = freed_page_reason(page, i, compound);
		if (unlikely(reason)) {
			bad_page(page + i, reason);
			retire_block(zone, page, order);
			return false;
		}
		if (i && compound) {
			page[i].compound_head = 0;
			page[i].compound_order = 0;
		}
		page[i].flags = 0;
	}
	return true;
}
