/* SPDX-License-Identifier: MIT
 * page_frag.c - pieces of pages, each a reference on its block.
 *
 * Owns:       struct page_frag_cache, which one thread uses at a time, and the references that it counts ahead.
 * Locks:      none; a new block and the end of an old one take those of alloc_pages() and __free_pages().
 * How:        a fresh block gets as many references as it could ever have pieces, and one for the cache; those that were not
 *             handed out with a piece yet are the bias. So a piece costs no atomic operation, and its release one. When a
 *             block is used up, the bias is dropped: if nothing is left, all pieces came back, and the block starts over.
 * Invariants: refcount of the block == pagecnt_bias + pieces in use + references of others.
 * Source:     page_frag_alloc_align(), __page_frag_cache_refill(), page_frag_free(), mm/page_alloc.c, Linux 6.1;
 *             page_frag_cache_drain(), mm/page_frag_cache.c, Linux 6.13.
 */
#include <limits.h>

#include <kmm/page_frag.h>

#include "base/boot.h"
#include "base/report.h"
#include "buddy/refcount.h"

_Static_assert(PAGE_FRAG_CACHE_MAX_SIZE == PAGE_SIZE << PAGE_FRAG_CACHE_MAX_ORDER, "a block is of that order");
_Static_assert(PAGE_FRAG_CACHE_MAX_SIZE <= USHRT_MAX, "a size and an offset fit");

/* A piece is a byte at least, and the cache itself holds the block. */
#define FRESH_BIAS (PAGE_FRAG_CACHE_MAX_SIZE + 1)

static bool refill(struct page_frag_cache *nc, gfp_t gfp)
{
	struct page *page = alloc_pages(gfp | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC,
					PAGE_FRAG_CACHE_MAX_ORDER);

	nc->size = (unsigned short)(page ? PAGE_FRAG_CACHE_MAX_SIZE : PAGE_SIZE);
	if (!page)
		page = alloc_page(gfp);
	nc->va = page ? arena_page_address(page) : NULL;
	if (!page)
		return false;
	/* By an atomic addition: whoever tries for a reference of any page may have one just now. */
	page_ref_get(page, FRESH_BIAS - 1);
	nc->pagecnt_bias = FRESH_BIAS;
	nc->offset = nc->size;
	return true;
}

/* The block is used up. Starts over with it if nobody holds a part of it any more; else it is left to those. One that a
 * piece too many was given back to is left alone. */
static bool reuse(struct page_frag_cache *nc)
{
	struct page *page = arena_addr_to_page(nc->va);
	const enum page_ref_result ref = page_ref_drop(page, (int)nc->pagecnt_bias);

	if (unlikely(ref == PAGE_REF_NONE))
		page_ref_refuse_drop(page, (int)nc->pagecnt_bias);
	if (ref != PAGE_REF_LAST)
		return false;
	page_ref_set(page, (int)FRESH_BIAS);
	nc->pagecnt_bias = FRESH_BIAS;
	nc->offset = nc->size;
	return true;
}

void *page_frag_alloc_align(struct page_frag_cache *nc, unsigned int fragsz, gfp_t gfp, unsigned int align_mask)
{
	fragsz += !fragsz; /* each piece is somewhere */
	if (unlikely(!nc->va) && !refill(nc, gfp))
		return NULL;
	if (unlikely(nc->offset < fragsz) && !reuse(nc) && !refill(nc, gfp))
		return NULL;
	/* A single page, when there was no more to be had, or a request that is too large for any block. */
	if (unlikely(nc->offset < fragsz))
		return NULL;
	nc->pagecnt_bias--;
	nc->offset = (unsigned short)((nc->offset - fragsz) & align_mask);
	return (char *)nc->va + nc->offset;
}

void page_frag_free(void *addr)
{
	struct page *page = arena_addr_to_page(addr);

	if (likely(page))
		page_ref_drop_and_free(page_head(page), 1);
	else if (kmm_boot_state() != KMM_DEAD)
		kmm_report(KMM_REPORT_WARN, "WARNING: page_frag_free: address %p is not in the arena\n", addr);
}

void __page_frag_cache_drain(struct page *page, unsigned int count)
{
	page_ref_drop_and_free(page, count <= INT_MAX ? (int)count : INT_MAX);
}

void page_frag_cache_drain(struct page_frag_cache *nc)
{
	if (!nc->va)
		return;
	__page_frag_cache_drain(arena_addr_to_page(nc->va), nc->pagecnt_bias);
	*nc = (struct page_frag_cache){ .va = NULL };
}
