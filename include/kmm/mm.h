/* SPDX-License-Identifier: MIT
 * kmm/mm.h - pages: allocation, release, and the way from an address to its page and back.
 *
 * Owns:   the page constants, struct page (opaque) and the page allocator's calls.
 * Source: include/linux/gfp.h, include/linux/mm.h, Linux 6.1.
 */
#ifndef KMM_MM_H
#define KMM_MM_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#endif
#ifndef PAGE_MASK
#define PAGE_MASK (~(PAGE_SIZE - 1))
#endif
#define PAGE_ALIGN(addr) (((addr) + PAGE_SIZE - 1) & PAGE_MASK)

/** Orders go from 0 to MAX_ORDER - 1: the largest request is 2^10 pages, 4 MiB. */
#define MAX_ORDER 11

/** Pages are grouped by mobility in blocks of this order. */
#define pageblock_order 10
#define pageblock_nr_pages (1UL << pageblock_order)

/** One page frame of the arena. */
struct page;

/**
 * alloc_pages - allocate 2^@order physically contiguous pages.
 * @gfp:   GFP_*; without __GFP_DIRECT_RECLAIM it never waits.    @order: 0 to MAX_ORDER - 1.
 *
 * The pages are aligned to their own size. With __GFP_COMP they form one compound page. The caller owns them until
 * __free_pages() with the same order.
 *
 * Context: any thread, not a signal handler; hold no libkmm lock.
 * Return:  the first page; NULL when memory ran out (reported unless __GFP_NOWARN) or @order is too large (reported
 *          once); errno is left alone.
 * Source:  alloc_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK struct page *alloc_pages(gfp_t gfp, unsigned int order);

/** alloc_page - alloc_pages() of order 0. */
#define alloc_page(gfp) alloc_pages(gfp, 0)

/**
 * __free_pages - give back what alloc_pages() returned.
 * @page:  its first page.      @order: the order it was allocated with.
 *
 * Drops one reference; the pages are free when the last is gone. A page that is not in use is reported
 * ("BUG: Bad page state") and left alone.
 *
 * Context: any thread, not a signal handler.
 * Source:  __free_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void __free_pages(struct page *page, unsigned int order);
#define __free_page(page) __free_pages((page), 0)

/**
 * __get_free_pages - alloc_pages(), returned as an address.
 * Return: the address of the first byte, or 0. Source: __get_free_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
#define __get_free_page(gfp) __get_free_pages((gfp), 0)

/** get_zeroed_page - one page of zeros, as an address, or 0. Source: mm/page_alloc.c, Linux 6.1. */
KMM_API KMM_MUST_CHECK unsigned long get_zeroed_page(gfp_t gfp);

/** free_pages - __free_pages() by address; 0 is ignored. Source: free_pages(), mm/page_alloc.c, Linux 6.1. */
KMM_API void free_pages(unsigned long addr, unsigned int order);
#define free_page(addr) free_pages((addr), 0)

/** page_address - the address of @page's first byte. Any context. */
KMM_API void *page_address(const struct page *page);

/** virt_to_page - the page that holds @addr, an address inside the arena; NULL for any other. Any context. */
KMM_API struct page *virt_to_page(const void *addr);

/** page_to_pfn - the number of @page, counted from the start of the arena. Any context. */
KMM_API unsigned long page_to_pfn(const struct page *page);

/** pfn_to_page - the page of number @pfn; NULL for a number beyond the arena. Any context. */
KMM_API struct page *pfn_to_page(unsigned long pfn);

/** compound_head - the first page of the compound page that @page is part of; @page itself for any other page. */
KMM_API struct page *compound_head(const struct page *page);

/** compound_order - the order of the compound page whose head is @page; 0 for any other page. */
KMM_API unsigned int compound_order(const struct page *page);

/**
 * get_order - the smallest order whose pages hold @size bytes. @size 0 has no answer in the kernel; here it is that of
 * the largest size. Source: include/asm-generic/getorder.h, Linux 6.1.
 */
static inline unsigned int get_order(unsigned long size)
{
	const unsigned int bits = (unsigned int)sizeof(unsigned long) * 8;

	size = (size - 1) >> PAGE_SHIFT;
	return size ? bits - (unsigned int)__builtin_clzl(size) : 0;
}

KMM_END_DECLS

#endif /* KMM_MM_H */
