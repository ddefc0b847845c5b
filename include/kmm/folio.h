/* SPDX-License-Identifier: MIT
 * kmm/folio.h - pages that belong together, under the name of their first one.
 *
 * Owns:   struct folio: the same thing as struct page, but never a tail page, so that no call has to look for the head.
 * Source: include/linux/mm_types.h, include/linux/mm.h, include/linux/page-flags.h, Linux 6.1.
 */
#ifndef KMM_FOLIO_H
#define KMM_FOLIO_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/api.h>
#include <kmm/gfp.h>
#include <kmm/mm.h>
#include <kmm/page_ref.h>

KMM_BEGIN_DECLS

/** A compound page, or a single one: the address is that of its first struct page. */
struct folio;

/**
 * page_folio - the folio that a page is part of.
 * @page:  a page of the arena that the caller holds a reference on.
 * Context: any.
 * Return:  never NULL.
 * Source:  page_folio(), include/linux/page-flags.h, Linux 6.1.
 */
static inline struct folio *page_folio(const struct page *page)
{
	return (struct folio *)(void *)compound_head(page);
}

/**
 * folio_page - a page of a folio.
 * @folio: a folio.      @n: which one, from 0 to folio_nr_pages() - 1.
 * Context: any.
 * Return:  the page; NULL for a number that leads out of the arena.
 * Source:  folio_page(), include/linux/page-flags.h, Linux 6.1.
 */
static inline struct page *folio_page(const struct folio *folio, size_t n)
{
	return nth_page((const struct page *)(const void *)folio, (long)n);
}

/**
 * folio_alloc - a folio of 2^@order pages, with one reference.
 * @gfp:   as for alloc_pages(); __GFP_COMP is added.      @order: 0 to MAX_ORDER - 1.
 * Context: as alloc_pages().
 * Return:  as alloc_pages(); it ends with folio_put().
 * Source:  folio_alloc(), mm/mempolicy.c, Linux 6.1.
 */
static inline KMM_MUST_CHECK struct folio *folio_alloc(gfp_t gfp, unsigned int order)
{
	return (struct folio *)(void *)alloc_pages(gfp | __GFP_COMP, order);
}

/**
 * folio_get - get_page() of a folio. @folio: one that the caller knows to be in use. Context: any thread, any lock.
 * Source: folio_get(), include/linux/mm.h, Linux 6.1.
 */
static inline void folio_get(struct folio *folio)
{
	get_page((struct page *)(void *)folio);
}

/**
 * folio_put - put_page() of a folio. @folio: one that the caller holds a reference on. Context: as put_page().
 * Source: folio_put(), include/linux/mm.h, Linux 6.1.
 */
static inline void folio_put(struct folio *folio)
{
	put_page((struct page *)(void *)folio);
}

/**
 * folio_try_get - get_page_unless_zero() of a folio.
 * @folio: what was a folio when the caller found it.
 * Context: any thread, any lock.
 * Return:  true with a reference more; false when it is free, or a tail page of another folio by now.
 * Source:  folio_try_get(), include/linux/page_ref.h, Linux 6.1.
 */
static inline KMM_MUST_CHECK bool folio_try_get(struct folio *folio)
{
	return get_page_unless_zero((struct page *)(void *)folio);
}

/**
 * folio_put_testzero - put_page_testzero() of a folio. @folio: one that the caller holds a reference on.
 * Context: any thread, any lock.
 * Return:  true when it was the last: the folio is frozen, and ends in __folio_put().
 * Source:  folio_put_testzero(), include/linux/mm.h, Linux 6.1.
 */
static inline KMM_MUST_CHECK bool folio_put_testzero(struct folio *folio)
{
	return put_page_testzero((struct page *)(void *)folio);
}

/**
 * __folio_put - frees a folio without references.
 * @folio: what put_page_testzero(), folio_put_testzero() or one of their relatives returned true for. Anything else is
 *         reported ("BUG: Bad page state") and refused.
 * Context: as put_page().
 * Source:  __folio_put(), mm/swap.c, Linux 6.1.
 */
KMM_API void __folio_put(struct folio *folio);

/**
 * folio_ref_count - the references on a folio. @folio: a folio.
 * Context: any; other threads may change the count at any time.
 * Source:  folio_ref_count(), include/linux/page_ref.h, Linux 6.1.
 */
static inline int folio_ref_count(const struct folio *folio)
{
	return page_ref_count((const struct page *)(const void *)folio);
}

/**
 * folio_ref_add - page_ref_add() of a folio. @folio: one that has references. @nr: how many. Context: any thread, any lock.
 * Source:  folio_ref_add(), include/linux/page_ref.h, Linux 6.1.
 */
static inline void folio_ref_add(struct folio *folio, int nr)
{
	page_ref_add((struct page *)(void *)folio, nr);
}

/**
 * folio_ref_inc - page_ref_inc() of a folio. @folio: one that has references. Context: any thread, any lock.
 * Source:  folio_ref_inc(), include/linux/page_ref.h, Linux 6.1.
 */
static inline void folio_ref_inc(struct folio *folio)
{
	page_ref_inc((struct page *)(void *)folio);
}

/**
 * folio_ref_sub - page_ref_sub() of a folio. @folio: one that others hold, too. @nr: how many. Context: any thread, any lock.
 * Source:  folio_ref_sub(), include/linux/page_ref.h, Linux 6.1. Differs: the last one stays.
 */
static inline void folio_ref_sub(struct folio *folio, int nr)
{
	page_ref_sub((struct page *)(void *)folio, nr);
}

/**
 * folio_ref_dec - page_ref_dec() of a folio. @folio: one that others hold, too. Context: any thread, any lock.
 * Source:  folio_ref_dec(), include/linux/page_ref.h, Linux 6.1. Differs: the last one stays.
 */
static inline void folio_ref_dec(struct folio *folio)
{
	page_ref_dec((struct page *)(void *)folio);
}

/**
 * folio_ref_freeze - page_ref_freeze() of a folio.
 * @folio: one that the caller holds a reference on.      @count: the references it should have.
 * Context: any thread, any lock.
 * Return:  true: it had so many, and is frozen and the caller's.
 * Source:  folio_ref_freeze(), include/linux/page_ref.h, Linux 6.1.
 */
static inline KMM_MUST_CHECK bool folio_ref_freeze(struct folio *folio, int count)
{
	return page_ref_freeze((struct page *)(void *)folio, count);
}

/**
 * folio_ref_unfreeze - page_ref_unfreeze() of a folio. @folio: a frozen one. @count: its references from now on.
 * Context: any thread, any lock.
 * Source:  folio_ref_unfreeze(), include/linux/page_ref.h, Linux 6.1.
 */
static inline void folio_ref_unfreeze(struct folio *folio, int count)
{
	page_ref_unfreeze((struct page *)(void *)folio, count);
}

/**
 * folio_nid - the node of a folio. @folio: one that the caller holds a reference on. Context: any.
 * Source:  folio_nid(), include/linux/mm.h, Linux 6.1.
 */
static inline int folio_nid(const struct folio *folio)
{
	return page_to_nid((const struct page *)(const void *)folio);
}

/**
 * folio_order - log2 of the pages of a folio. @folio: one that the caller holds a reference on. Context: any.
 * Source:  folio_order(), include/linux/mm.h, Linux 6.1.
 */
static inline unsigned int folio_order(const struct folio *folio)
{
	return compound_order((const struct page *)(const void *)folio);
}

/**
 * folio_nr_pages - the pages of a folio. @folio: one that the caller holds a reference on. Context: any.
 * Source:  folio_nr_pages(), include/linux/mm.h, Linux 6.1.
 */
static inline long folio_nr_pages(const struct folio *folio)
{
	return 1L << folio_order(folio);
}

/**
 * folio_size - the bytes of a folio. @folio: one that the caller holds a reference on. Context: any.
 * Source:  folio_size(), include/linux/mm.h, Linux 6.1.
 */
static inline size_t folio_size(const struct folio *folio)
{
	return (size_t)PAGE_SIZE << folio_order(folio);
}

/**
 * folio_address - where the memory of a folio is. @folio: a folio. Context: any.
 * Source:  folio_address(), include/linux/mm.h, Linux 6.1.
 */
static inline void *folio_address(const struct folio *folio)
{
	return page_address((const struct page *)(const void *)folio);
}

/**
 * virt_to_folio - the folio that holds an address.
 * @addr:  any address; what it is in belongs to the caller.
 * Context: any.
 * Return:  NULL for an address outside the arena, or in a part of it that was never needed.
 * Source:  virt_to_folio(), include/linux/mm.h, Linux 6.1. Differs: any address may be asked for.
 */
static inline struct folio *virt_to_folio(const void *addr)
{
	struct page *page = virt_to_page(addr);

	return page ? page_folio(page) : NULL;
}

KMM_END_DECLS

#endif /* KMM_FOLIO_H */
