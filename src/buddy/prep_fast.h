/* SPDX-License-Identifier: MIT
 * prep_fast.h - the preparation of a single page, in line; all else is prep.c's.
 *
 * Owns: nothing; the rules are those of prep.c.
 */
#ifndef KMM_BUDDY_PREP_FAST_H
#define KMM_BUDDY_PREP_FAST_H

#include "buddy/buddy_internal.h"

static force_inline bool prep_new_block_fast(struct page *page, unsigned int order, gfp_t gfp, bool zeroed)
{
	if (likely(!order && page_is_unused(page, PAGE_FLAGS_CHECK_AT_PREP) && (!(gfp & __GFP_ZERO) || zeroed))) {
		page_ref_set(page, 1);
		return true;
	}
	return prep_new_block(page, order, gfp, zeroed);
}

/* A single page that still has the mark of a CPU's list, where no option asks for more. False: nothing has changed, and
 * prep.c has to look at it. */
static force_inline bool prep_listed_page_fast(struct page *page, gfp_t gfp)
{
	const unsigned long flags = page->flags;
	const bool zeroed = flags >> PG_reported & 1;

	if (unlikely((flags & ~(1UL << PG_reported)) != 1UL << PG_pcp || page->slab_cache ||
		     page->page_type | (unsigned int)page_refcount(page) || ((gfp & __GFP_ZERO) && !zeroed)))
		return false;
	WRITE_ONCE(page->flags, 0UL);
	page_ref_set(page, 1);
	return true;
}

static force_inline bool prep_free_block_fast(struct page *page, unsigned int order)
{
	if (likely(!order && !READ_ONCE(buddy_special) && page_is_unused(page, PAGE_FLAGS_CHECK_AT_FREE))) {
		page->flags = 0;
		return true;
	}
	return prep_free_block(page, order);
}

#endif /* KMM_BUDDY_PREP_FAST_H */
