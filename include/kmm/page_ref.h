/* SPDX-License-Identifier: MIT
 * kmm/page_ref.h - how many hold a page: it is free when the last one lets go.
 *
 * Owns:   the calls that change a page's reference count. A block has one count, on its first page; an allocation starts
 *         with one reference, its owner's.
 *         The calls that are named for a page take any page of a compound page and act on its head, as get_page() does; those
 *         that are named page_ref_*, and those with unless_zero or testzero in their name, act on the page they are given.
 *         A tail page has no references of its own.
 * Order:  dropping a reference is RELEASE, and dropping the last one is ACQUIRE too: what any holder wrote before it let go
 *         is seen by whoever frees the page. get_page_unless_zero() and try_get_page() are ACQUIRE: what is read of the page
 *         afterwards is not older than the reference. The other calls order nothing.
 * Source: include/linux/page_ref.h, include/linux/mm.h, Linux 6.1.
 */
#ifndef KMM_PAGE_REF_H
#define KMM_PAGE_REF_H

#include <stdbool.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

struct page;

/**
 * get_page - one more reference on a page that the caller knows to be in use.
 * @page:  a page that somebody holds a reference on; any page of a compound page.
 *
 * A free page, a page behind the first one of a block that is not compound, or no page at all: reported ("BUG: Bad page
 * state") and refused, with nothing changed.
 *
 * Context: any thread, any lock.
 * Source:  get_page(), include/linux/mm.h, Linux 6.1.
 */
KMM_API void get_page(struct page *page);

/**
 * put_page - drops a reference; the pages of the whole allocation are free when it was the last.
 * @page:  a page that the caller holds a reference on; any page of a compound page.
 *
 * The allocation knows its own order, compound or not. A page without references, a page behind the first one of a block
 * that is not compound, the last reference of a slab or of a page that is not the allocator's to free: reported ("BUG: Bad
 * page state") and refused, with nothing changed.
 *
 * Context: as __free_pages(). After kmm_exit() it does nothing.
 * Source:  put_page(), include/linux/mm.h, Linux 6.1. Differs: frees all of a block that is not compound.
 */
KMM_API void put_page(struct page *page);

/**
 * try_get_page - get_page(), but says whether it worked.
 * @page:  as for get_page().
 *
 * Context: any thread, any lock.
 * Return:  true with a reference more; false for a page without references, which is reported once.
 * Source:  try_get_page(), mm/gup.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool try_get_page(struct page *page);

/**
 * get_page_unless_zero - a reference on a page that may be free.
 * @page:  a page of the arena, whatever its state. Not a tail page, which has no references.
 *
 * For who found the page where it may have left meanwhile: with the reference in hand the caller looks again whether it is
 * still the page that was meant, and drops the reference if not.
 *
 * Context: any thread, any lock.
 * Return:  true with a reference more; false for a page without references.
 * Source:  get_page_unless_zero(), include/linux/mm.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool get_page_unless_zero(struct page *page);

/**
 * put_page_testzero - drops a reference, and leaves it to the caller to free the page.
 * @page:  the first page of an allocation that the caller holds a reference on.
 *
 * When it was the last, the page is frozen: it belongs to the caller, and nobody else can get a reference. It then ends in
 * __folio_put(), or starts again with set_page_count(). Misuse is reported and refused as by put_page().
 *
 * Context: any thread, any lock.
 * Return:  true when it was the last reference.
 * Source:  put_page_testzero(), include/linux/mm.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool put_page_testzero(struct page *page);

/**
 * page_ref_count - the references on a page, not those on its head.
 * @page:  a page of the arena.
 *
 * Context: any; other threads may change the count at any time.
 * Return:  0 for a free, a frozen or a tail page.
 * Source:  page_ref_count(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API int page_ref_count(const struct page *page);

/**
 * page_count - the references on what a page is part of.
 * @page:  a page of the arena; for a tail page, those on its head count.
 *
 * Context: any; other threads may change the count at any time.
 * Return:  0 for a free or a frozen page.
 * Source:  page_count(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API int page_count(const struct page *page);

/**
 * page_ref_inc - one more reference on this very page.
 * @page:  a page that has references. Others are reported and refused, as by get_page().
 *
 * Context: any thread, any lock.
 * Source:  page_ref_inc(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API void page_ref_inc(struct page *page);

/**
 * page_ref_add - some references on this very page.
 * @page:  a page that has references.      @nr: how many; the sum must be in the range of an int.
 *
 * A page without references, and a sum that is out of range or leaves none: reported and refused.
 *
 * Context: any thread, any lock.
 * Source:  page_ref_add(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API void page_ref_add(struct page *page, int nr);

/**
 * page_ref_dec_and_test - drops a reference of this very page; the same as put_page_testzero().
 * @page:  the first page of an allocation that the caller holds a reference on.
 *
 * Context: any thread, any lock.
 * Return:  true when it was the last reference: the page is frozen and the caller's.
 * Source:  page_ref_dec_and_test(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool page_ref_dec_and_test(struct page *page);

/**
 * page_ref_sub_and_test - drops several references of this very page.
 * @page:  the first page of an allocation that the caller holds them on.      @nr: how many, at least one.
 *
 * More than there are: reported and refused.
 *
 * Context: any thread, any lock.
 * Return:  true when they were the last: the page is frozen and the caller's.
 * Source:  page_ref_sub_and_test(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool page_ref_sub_and_test(struct page *page, int nr);

/**
 * set_page_count - a frozen page is in use again.
 * @page:  what put_page_testzero() or one of its relatives returned true for.      @count: its references from now on.
 *
 * A page that is not frozen, and a count below one: reported and refused.
 *
 * Context: any thread, any lock.
 * Source:  set_page_count(), include/linux/page_ref.h, Linux 6.1. Differs: only for frozen pages.
 */
KMM_API void set_page_count(struct page *page, int count);

KMM_END_DECLS

#endif /* KMM_PAGE_REF_H */
