/* SPDX-License-Identifier: MIT
 * page_internal.h - what only the page allocator does to a struct page.
 *
 * Owns:   the change of a page between "in the buddy" and "handed out", and its reference count.
 * Locks:  zone->lock, or pcp->lock for a page on a CPU's list; the reference count is atomic.
 * Source: include/linux/page-flags.h, include/linux/page_ref.h, mm/internal.h, Linux 6.1.
 */
#ifndef KMM_BUDDY_PAGE_INTERNAL_H
#define KMM_BUDDY_PAGE_INTERNAL_H

#include "arena/arena.h"
#include "base/atomic.h"
#include "base/compiler.h"

/* Flags that no page has when it is freed, and none when it is handed out. */
#define PAGE_FLAGS_CHECK_AT_FREE \
	(1UL << PG_reserved | 1UL << PG_slab | 1UL << PG_isolated | 1UL << PG_bad | 1UL << PG_pcp)
#define PAGE_FLAGS_CHECK_AT_PREP (~0UL)

static inline void page_set_buddy(struct page *page, unsigned int order, bool reported)
{
	WRITE_ONCE(page->private, (unsigned long)order);
	WRITE_ONCE(page->page_type, PAGE_TYPE_BUDDY);
	WRITE_ONCE(page->flags, reported ? 1UL << PG_reported : 0UL);
}

static inline void page_clear_buddy(struct page *page)
{
	WRITE_ONCE(page->page_type, PAGE_TYPE_NONE);
	WRITE_ONCE(page->private, 0UL);
	WRITE_ONCE(page->flags, 0UL);
}

static inline unsigned int page_buddy_order(const struct page *page)
{
	return (unsigned int)READ_ONCE(page->private);
}

/* Is @page the first page of a block of @order in use that may be freed? It must be a page of the arena. */
static inline bool page_may_be_freed(const struct page *page, unsigned int order)
{
	const unsigned long flags = READ_ONCE(page->flags) & (PAGE_FLAGS_CHECK_AT_FREE | PAGE_ORDER_MASK);

	return flags == (unsigned long)order << PAGE_ORDER_SHIFT && !page_is_tail(page) && page_refcount(page) > 0;
}

/* Is @page an element of the array? Any value may be asked for. A page that is not online is all zero: not in use. */
static inline bool page_exists(const struct page *page)
{
	const unsigned long index = (unsigned long)page - (unsigned long)kmm_arena.mem_map;

	return index < kmm_arena.nr_pages * sizeof(*page) && index % sizeof(*page) == 0;
}

/* Nothing of an owner is left on it. @flags: those that must not be set. */
static inline bool page_is_unused(const struct page *page, unsigned long flags)
{
	return !(page->page_type | (unsigned int)page_refcount(page) | (page->flags & flags) |
		 (unsigned long)page->slab_cache);
}

/* The order that the block was handed out with. */
static inline unsigned int page_alloc_order(const struct page *page)
{
	return (unsigned int)((READ_ONCE(page->flags) & PAGE_ORDER_MASK) >> PAGE_ORDER_SHIFT);
}

/* Nobody else can hold a reference yet; from then on others may try for one. RELEASE: they find the page as it was prepared;
 * pairs with page_ref_get(). */
static inline void page_ref_set(struct page *page, int count)
{
	smp_store_release(&page->refcount, count);
}

/* How page_ref_put() ended. */
enum page_ref_result {
	PAGE_REF_LEFT, /* others still hold the page */
	PAGE_REF_LAST, /* the caller dropped the last one and owns the page */
	PAGE_REF_NONE, /* there was none to drop: nothing changed */
};

/*
 * Drops a reference, never below zero. RELEASE: what the holder wrote is seen by whoever drops the last one; ACQUIRE:
 * by the one who does. No ABA: the count is all there is, and it never rises from zero while the page is not ours.
 */
static inline enum page_ref_result page_ref_put(struct page *page)
{
	int old = READ_ONCE(page->refcount);

	do {
		if (unlikely(old <= 0))
			return PAGE_REF_NONE;
	} while (!atomic_cmpxchg_acq_rel(&page->refcount, &old, old - 1));
	return old == 1 ? PAGE_REF_LAST : PAGE_REF_LEFT;
}

#endif /* KMM_BUDDY_PAGE_INTERNAL_H */
