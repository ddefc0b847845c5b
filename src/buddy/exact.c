/* SPDX-License-Identifier: MIT
 * exact.c - contiguous pages of any number, not only powers of 2.
 *
 * Owns:       nothing; the pages are split and freed one by one.
 * Locks:      those of alloc_pages() and __free_pages().
 * Source:     alloc_pages_exact(), alloc_pages_exact_nid(), make_alloc_exact(), free_pages_exact(), mm/page_alloc.c,
 *             Linux 6.1.
 */
#include "base/report.h"
#include "buddy/split.h"

/* Pieces of a compound page are no pages of their own. */
static gfp_t exact_gfp(gfp_t gfp)
{
	const gfp_t wrong = __GFP_COMP | __GFP_HIGHMEM;

	KMM_WARN_ONCE_AS("alloc_pages_exact", gfp & wrong, "mode:%#x", gfp);
	return gfp & ~wrong;
}

static void *make_exact(struct page *page, size_t size)
{
	if (!page)
		return NULL;
	split_block(page, get_order(size), DIV_ROUND_UP(size, PAGE_SIZE));
	return arena_page_address(page);
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	return make_exact(alloc_pages(exact_gfp(gfp), get_order(size)), size);
}

void *alloc_pages_exact_nid(int nid, size_t size, gfp_t gfp)
{
	return make_exact(alloc_pages_node(nid, exact_gfp(gfp), get_order(size)), size);
}

void free_pages_exact(void *addr, size_t size)
{
	const unsigned long nr = DIV_ROUND_UP(size, PAGE_SIZE);

	if (!addr)
		return;
	for (unsigned long i = 0; i < nr; i++)
		free_page((unsigned long)addr + i * PAGE_SIZE);
}
