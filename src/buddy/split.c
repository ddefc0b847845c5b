/* SPDX-License-Identifier: MIT
 * split.c - a block that was handed out becomes pages of their own.
 *
 * Owns:       the order in the flags of such a block, and the references of the pages behind its first one.
 * Locks:      none: the block is the caller's. What is given back takes the locks of a free.
 * Invariants: B6: a page behind the first one gets its reference or is free before the call returns; the first page is of
 *             order 0 before any of them is seen by others.
 * Source:     split_page(), make_alloc_exact(), __free_pages(), mm/page_alloc.c, Linux 6.1. Differs: what is left over goes
 *             back in blocks as large as they are aligned, not page by page.
 */
#include "base/boot.h"
#include "buddy/split.h"

void free_block_rest(struct page *page, unsigned int order, unsigned long nr_kept)
{
	for (unsigned long i = nr_kept; i < 1UL << order;) {
		const unsigned int piece = (unsigned int)ffs_long(i) - 1;

		free_unused_block(page + i, piece);
		i += 1UL << piece;
	}
}

void split_block(struct page *page, unsigned int order, unsigned long nr_kept)
{
	atomic_and_relaxed(&page->flags, ~PAGE_ORDER_MASK);
	for (unsigned long i = 1; i < nr_kept; i++)
		page_ref_set(page + i, 1);
	free_block_rest(page, order, nr_kept);
}

void split_page(struct page *page, unsigned int order)
{
	const char *reason = NULL;

	if (!page_exists(page))
		reason = "no page of the arena";
	else if (page_flag_test(page, PG_head) || page_is_tail(page))
		reason = "VM_BUG_ON_PAGE(PageCompound(page))";
	else if (!page_refcount(page))
		reason = "VM_BUG_ON_PAGE(!page_count(page))";
	else if (order >= MAX_ORDER || !page_may_be_freed(page, order))
		reason = page_free_refused(page, order);
	if (likely(!reason))
		split_block(page, order, 1UL << order);
	else if (kmm_boot_state() != KMM_DEAD)
		bad_page(page, reason);
}
