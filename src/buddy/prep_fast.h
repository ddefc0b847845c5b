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

static force_inline bool prep_free_block_fast(struct page *page, unsigned int order)
{
	if (likely(!order && !READ_ONCE(buddy_special) && page_is_unused(page, PAGE_FLAGS_CHECK_AT_FREE))) {
		page->flags &= 1UL << PG_peeked;
		return true;
	}
	return prep_free_block(page, order);
}

#endif /* KMM_BUDDY_PREP_FAST_H */
