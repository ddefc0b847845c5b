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
#include <kmm/numa.h>

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
 * @gfp:   GFP_*; what each bit means is said in <kmm/gfp.h>. Of those that say how a request may end:
 *         GFP_KERNEL          may wait for pages on their way and for what frees memory, then fails;
 *         GFP_NOWAIT          fails rather than wait; GFP_ATOMIC, too, but may use reserves that others may not;
 *         __GFP_NORETRY       fails after one try of everything; __GFP_RETRY_MAYFAIL tries longer for large orders;
 *         __GFP_NOFAIL        never fails: waits until there are pages, and reports every ten seconds that it does.
 *                             Only with __GFP_DIRECT_RECLAIM (GFP_KERNEL has it): without, it is reported once and
 *                             may fail;
 *         __GFP_THISNODE      fails when the one node has none.
 * @order: 0 to MAX_ORDER - 1; the number of pages is 2^@order.
 *
 * The pages are aligned to their own size. The caller owns them until __free_pages() with the same order. The first
 * call starts the library. __GFP_ATOMIC and __GFP_DIRECT_RECLAIM contradict each other: reported once, and not atomic.
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback.
 * Return:  the first page; NULL when memory ran out (reported unless __GFP_NOWARN, at most once in ten seconds), when
 *          @order is too large (reported once, unless __GFP_NOWARN; __GFP_NOFAIL does not help), or after kmm_exit();
 *          errno is left alone.
 * Source:  alloc_pages(), mm/mempolicy.c and __alloc_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK struct page *alloc_pages(gfp_t gfp, unsigned int order);

/** alloc_page - alloc_pages() of order 0. */
#define alloc_page(gfp) alloc_pages(gfp, 0)

/**
 * page_is_pfmemalloc - does a page come out of the reserves?
 * @page:  the first page of a block that the caller owns.
 *
 * Who took it was about to free memory (memalloc_noreclaim_save(), __GFP_MEMALLOC), and all others are short of it: the
 * page should be used for nothing else.
 *
 * Context: any.
 * Return:  true when the request was served without regard to watermarks.
 * Source:  page_is_pfmemalloc(), include/linux/mm.h, Linux 6.1. Differs: it holds until the page is freed.
 */
KMM_API bool page_is_pfmemalloc(const struct page *page);

/**
 * __free_pages - give back what alloc_pages() returned.
 * @page:  its first page.      @order: the order it was allocated with.
 *
 * Drops one reference; the pages are free when the last is gone. Where others hold references on the first page of a block
 * that is not compound, that page stays until they let go, as a page of order 0, and the others are free at once.
 * A page that is not in use, a page inside a larger allocation, a page of a slab, another order than that of the allocation:
 * reported ("BUG: Bad page state") and refused, with nothing changed. A page whose state its owner has damaged is reported
 * and never handed out again.
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. After kmm_exit() it does nothing.
 * Source:  __free_pages(), mm/page_alloc.c, Linux 6.1. Differs: the order is checked.
 */
KMM_API void __free_pages(struct page *page, unsigned int order);

/**
 * free_hot_cold_page - __free_page(), with a word on who should have the page next.
 * @page:  a page of order 0.      @cold: it is not in this CPU's cache: whoever asks with __GFP_COLD gets it first.
 *
 * Context: as __free_pages().
 * Source:  free_hot_cold_page(), mm/page_alloc.c, Linux 4.9.
 */
KMM_API void free_hot_cold_page(struct page *page, bool cold);

/** __free_page - __free_pages() of order 0. */
#define __free_page(page) __free_pages((page), 0)

/**
 * __get_free_pages - alloc_pages(), returned as an address.
 * @gfp:   as for alloc_pages().      @order: 0 to MAX_ORDER - 1.
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback.
 * Return:  the address of the first byte, owned by the caller until free_pages(); 0 on failure.
 * Source:  __get_free_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK unsigned long __get_free_pages(gfp_t gfp, unsigned int order);

/** __get_free_page - __get_free_pages() of order 0. */
#define __get_free_page(gfp) __get_free_pages((gfp), 0)

/** __get_dma_pages - __get_free_pages() from the zone that the option dma= made; from any zone where there is none. */
#define __get_dma_pages(gfp, order) __get_free_pages((gfp) | __GFP_DMA, (order))

/**
 * get_zeroed_page - one page of zeros, as an address.
 * @gfp:   as for alloc_pages(); __GFP_ZERO is added.
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback.
 * Return:  the address, owned by the caller until free_page(); 0 on failure.
 * Source:  get_zeroed_page(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK unsigned long get_zeroed_page(gfp_t gfp);

/**
 * free_pages - __free_pages() by address.
 * @addr:  what __get_free_pages() returned, or 0, which is ignored.      @order: the order it was asked for with.
 *
 * An address outside the arena is reported and refused; for one inside, see __free_pages().
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. After kmm_exit() it does nothing.
 * Source:  free_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void free_pages(unsigned long addr, unsigned int order);

/** free_page - free_pages() of order 0. */
#define free_page(addr) free_pages((addr), 0)

/**
 * split_page - a block becomes pages of order 0, each with a reference of its own.
 * @page:  the first page of a block that is not compound, owned by the caller.      @order: the order it was allocated with.
 *
 * From then on each page is freed by itself. References that others hold on the first page stay there. A compound page, a
 * block that was split before, a free page, another order: reported ("BUG: Bad page state") and refused, with nothing
 * changed.
 *
 * Context: any thread, any lock.
 * Source:  split_page(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void split_page(struct page *page, unsigned int order);

/**
 * alloc_pages_exact - as many contiguous pages as hold @size bytes, and no more.
 * @size:  bytes, up to those of order MAX_ORDER - 1.      @gfp: as for alloc_pages(), without __GFP_COMP, which is reported
 *         once and ignored.
 *
 * A block of the next power of 2 is taken, and what is too much of it given back at once. The pages may also be freed one by
 * one: each has a reference of its own.
 *
 * Context: as alloc_pages().
 * Return:  the address of the first byte, aligned as the block was, owned by the caller until free_pages_exact(); NULL when
 *          memory ran out or @size is 0 or too large.
 * Source:  alloc_pages_exact(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK void *alloc_pages_exact(size_t size, gfp_t gfp);

/**
 * alloc_pages_exact_nid - alloc_pages_exact() from a node, or from the nodes nearest to it.
 * @nid:   a node, or NUMA_NO_NODE for the caller's.      @size: bytes.      @gfp: as for alloc_pages_exact().
 *
 * Context: as alloc_pages().
 * Return:  as alloc_pages_exact().
 * Source:  alloc_pages_exact_nid(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK void *alloc_pages_exact_nid(int nid, size_t size, gfp_t gfp);

/**
 * free_pages_exact - frees what alloc_pages_exact() returned.
 * @addr:  that address, or NULL, which is ignored.      @size: the same bytes.
 *
 * Context: as __free_pages(). Each page that is not in use is reported and refused.
 * Source:  free_pages_exact(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void free_pages_exact(void *addr, size_t size);

/**
 * __alloc_pages_bulk - many pages of order 0 at once.
 * @gfp:   as for alloc_pages().      @preferred_nid: the node to take them from, or NUMA_NO_NODE for the caller's.
 * @nodemask: which nodes may be used; NULL: all.      @nr_pages: entries of @page_array, which is filled from its start.
 * @page_array: pages, or NULL where one is wanted; entries that are not NULL stay as they are.
 *
 * As many as there are on the node without going below its watermark; no other node is asked, and nothing is waited for or
 * reported. Only when that gives none, one page is taken as alloc_pages() would. Each page is freed by itself.
 *
 * Context: as alloc_pages().
 * Return:  n, when the first n entries of @page_array have a page now; @nr_pages when all have. Less is no failure: ask again,
 *          or go on with what there is.
 * Source:  __alloc_pages_bulk(), mm/page_alloc.c, Linux 6.1; without lists of pages, as Linux 6.14.
 */
KMM_API unsigned long __alloc_pages_bulk(gfp_t gfp, int preferred_nid, const nodemask_t *nodemask, int nr_pages,
					 struct page **page_array);

/**
 * alloc_pages_bulk - __alloc_pages_bulk() from the caller's node.
 * @gfp, @nr_pages, @page_array: as there. Context: as alloc_pages(). Return: as __alloc_pages_bulk().
 * Source:  alloc_pages_bulk(), include/linux/gfp.h, Linux 6.14.
 */
static inline unsigned long alloc_pages_bulk(gfp_t gfp, int nr_pages, struct page **page_array)
{
	return __alloc_pages_bulk(gfp, NUMA_NO_NODE, NULL, nr_pages, page_array);
}

/**
 * alloc_pages_bulk_array - alloc_pages_bulk() by its name before Linux 6.14.
 * @gfp, @nr_pages, @page_array: as there. Context: as alloc_pages(). Return: as __alloc_pages_bulk().
 * Source:  alloc_pages_bulk_array(), include/linux/gfp.h, Linux 6.1.
 */
static inline unsigned long alloc_pages_bulk_array(gfp_t gfp, unsigned long nr_pages, struct page **page_array)
{
	return __alloc_pages_bulk(gfp, NUMA_NO_NODE, NULL, (int)nr_pages, page_array);
}

/**
 * alloc_pages_bulk_node - alloc_pages_bulk() from a node.
 * @gfp, @nid, @nr_pages, @page_array: as for __alloc_pages_bulk(). Context: as alloc_pages(). Return: as
 * __alloc_pages_bulk().
 * Source:  alloc_pages_bulk_node(), include/linux/gfp.h, Linux 6.14.
 */
static inline unsigned long alloc_pages_bulk_node(gfp_t gfp, int nid, unsigned long nr_pages, struct page **page_array)
{
	return __alloc_pages_bulk(gfp, nid, NULL, (int)nr_pages, page_array);
}

/**
 * alloc_pages_bulk_array_node - alloc_pages_bulk_node() by its name before Linux 6.14.
 * @gfp, @nid, @nr_pages, @page_array: as for __alloc_pages_bulk(). Context: as alloc_pages(). Return: as
 * __alloc_pages_bulk().
 * Source:  alloc_pages_bulk_array_node(), include/linux/gfp.h, Linux 6.1.
 */
static inline unsigned long alloc_pages_bulk_array_node(gfp_t gfp, int nid, unsigned long nr_pages,
							struct page **page_array)
{
	return __alloc_pages_bulk(gfp, nid, NULL, (int)nr_pages, page_array);
}

/**
 * release_pages - put_page() of many pages at once.
 * @pages: pages that the caller holds a reference on, in any order; any page of a compound page. NULL entries are reported.
 * @nr:    how many.
 *
 * Single pages whose last reference goes are given back many at a time. @pages itself stays as it is.
 *
 * Context: as put_page().
 * Source:  release_pages(), mm/swap.c, Linux 6.1.
 */
KMM_API void release_pages(struct page **pages, int nr);

/**
 * page_address - where the memory of a page is.
 * @page:  a page of the arena.
 *
 * Context: any.
 * Return:  the address of its first byte.
 * Source:  page_address(), include/linux/mm.h, Linux 6.1.
 */
KMM_API void *page_address(const struct page *page);

/**
 * virt_to_page - the page that holds an address.
 * @addr:  any address.
 *
 * Context: any.
 * Return:  its page, whoever owns it; NULL for an address outside the arena, or in a part of it that was never needed.
 * Source:  virt_to_page(), arch/x86/include/asm/page.h, Linux 6.1. Differs: any address may be asked for.
 */
KMM_API struct page *virt_to_page(const void *addr);

/**
 * page_to_pfn - the number of a page, counted from the start of the arena.
 * @page:  a page of the arena.
 *
 * Context: any.
 * Return:  its page frame number.
 * Source:  page_to_pfn(), include/asm-generic/memory_model.h, Linux 6.1.
 */
KMM_API unsigned long page_to_pfn(const struct page *page);

/**
 * pfn_to_page - the page of a number.
 * @pfn:   any number.
 *
 * Context: any.
 * Return:  the page; NULL for a number beyond the part of the arena that is in use.
 * Source:  pfn_to_page() and pfn_valid(), include/asm-generic/memory_model.h, include/linux/mmzone.h, Linux 6.1.
 */
KMM_API struct page *pfn_to_page(unsigned long pfn);

/**
 * nth_page - a page that lies before or behind another one.
 * @page:  a page of the arena.      @n: how many pages further; the kernel's page + n. Negative numbers lead back.
 *
 * struct page is opaque, so a pointer to one cannot be counted up. For the pages of a block that split_page() or
 * alloc_contig_range() made pages of their own, and for those of a compound page.
 *
 * Context: any.
 * Return:  the page; NULL for one out of the part of the arena that is in use.
 * Source:  nth_page(), include/linux/mm.h, Linux 6.1.
 */
static inline struct page *nth_page(const struct page *page, long n)
{
	return pfn_to_page(page_to_pfn(page) + (unsigned long)n);
}

/**
 * page_to_virt - page_address() under its other name. @page: a page of the arena. Context: any.
 * Return:  the address of its first byte.
 * Source:  page_to_virt(), include/linux/mm.h, Linux 6.1.
 */
static inline void *page_to_virt(const struct page *page)
{
	return page_address(page);
}

/**
 * compound_head - the first page of the compound page that @page is part of.
 * @page:  a page of the arena that the caller owns.
 *
 * Context: any.
 * Return:  the head; @page itself where it is the head or not part of a compound page.
 * Source:  compound_head(), include/linux/page-flags.h, Linux 6.1.
 */
KMM_API struct page *compound_head(const struct page *page);

/**
 * compound_order - the size of a compound page.
 * @page:  its head, owned by the caller.
 *
 * Context: any.
 * Return:  log2 of its number of pages; 0 for a page that is no compound head.
 * Source:  compound_order(), include/linux/mm.h, Linux 6.1.
 */
KMM_API unsigned int compound_order(const struct page *page);

/**
 * PageHead - is it the first page of a compound page?
 * @page:  a page of the arena that the caller owns.
 * Context: any.
 * Return:  false for a tail page, and for a page that is not part of a compound page.
 * Source:  PageHead(), include/linux/page-flags.h, Linux 6.1.
 */
KMM_API bool PageHead(const struct page *page);

/**
 * PageTail - is it a page of a compound page, but not the first?
 * @page:  a page of the arena that the caller owns.
 * Context: any.
 * Return:  false for a head, and for a page that is not part of a compound page.
 * Source:  PageTail(), include/linux/page-flags.h, Linux 6.1.
 */
KMM_API bool PageTail(const struct page *page);

/**
 * PageCompound - is it part of a compound page? @page: a page of the arena that the caller owns. Context: any.
 * Return:  true for heads and tails.
 * Source:  PageCompound(), include/linux/page-flags.h, Linux 6.1.
 */
static inline bool PageCompound(const struct page *page)
{
	return PageHead(page) || PageTail(page);
}

/**
 * compound_nr - the pages of a compound page. @page: its head, owned by the caller. Context: any.
 * Return:  1 for a page that is no compound head.
 * Source:  compound_nr(), include/linux/mm.h, Linux 6.1.
 */
static inline unsigned long compound_nr(const struct page *page)
{
	return 1UL << compound_order(page);
}

/**
 * page_size - the bytes of a compound page. @page: its head, owned by the caller. Context: any.
 * Return:  PAGE_SIZE for a page that is no compound head.
 * Source:  page_size(), include/linux/mm.h, Linux 6.1.
 */
static inline unsigned long page_size(const struct page *page)
{
	return PAGE_SIZE << compound_order(page);
}

/**
 * virt_to_head_page - the first page of what an address lies in.
 * @addr:  any address; what it is in belongs to the caller.
 * Context: any.
 * Return:  compound_head() of its page; NULL where virt_to_page() says NULL.
 * Source:  virt_to_head_page(), include/linux/mm.h, Linux 6.1. Differs: any address may be asked for.
 */
static inline struct page *virt_to_head_page(const void *addr)
{
	struct page *page = virt_to_page(addr);

	return page ? compound_head(page) : NULL;
}

/**
 * get_order - the smallest order whose pages hold @size bytes.
 * @size:  bytes. For 0 the kernel gives no answer; here it is that of the largest size.
 *
 * Context: any.
 * Return:  an order, which may be too large for alloc_pages().
 * Source:  get_order(), include/asm-generic/getorder.h, Linux 6.1.
 */
static inline unsigned int get_order(unsigned long size)
{
	const unsigned int bits = (unsigned int)sizeof(unsigned long) * 8;

	size = (size - 1) >> PAGE_SHIFT;
	return size ? bits - (unsigned int)__builtin_clzl(size) : 0;
}

KMM_END_DECLS

#endif /* KMM_MM_H */
