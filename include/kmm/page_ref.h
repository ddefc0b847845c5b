/* SPDX-License-Identifier: MIT
 * kmm/page_ref.h - how many hold a page: it is free when the last one lets go.
 *
 * Owns:   the calls that change a page's reference count. A block has one count, on its first page; an allocation starts
 *         with one reference, its owner's.
 *         The calls that are named for a page take any page of a compound page and act on its head, as get_page() does; those
 *         that are named page_ref_*, and those with unless_zero or testzero in their name, act on the page they are given.
 *         A tail page has no references of its own.
 * Order:  dropping a reference is RELEASE, and dropping the last one is ACQUIRE too: what any holder wrote before it let go
 *         is seen by whoever frees the page. Freezing is as dropping the last one. get_page_unless_zero(), try_get_page() and
 *         page_ref_add_unless() are ACQUIRE: what is read of the page afterwards is not older than the reference; who got it
 *         after set_page_count() or page_ref_unfreeze() sees what was written before. The other calls order nothing.
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
 * page_ref_inc_return - page_ref_inc(), and how many there are then.
 * @page:  a page that has references. Others are reported and refused, as by get_page().
 *
 * Context: any thread, any lock.
 * Return:  the references with the new one; 0: refused.
 * Source:  page_ref_inc_return(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API int page_ref_inc_return(struct page *page);

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
 * page_ref_add_unless - page_ref_add(), unless there are exactly so many.
 * @page:  a page of the arena.      @nr: how many to add.      @unless: with 0, for a page that may be free.
 *
 * A page without references where @unless is not 0, and a sum that is out of range or leaves none: reported and refused.
 *
 * Context: any thread, any lock.
 * Return:  true when they were added. That is ACQUIRE, as get_page_unless_zero().
 * Source:  page_ref_add_unless(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API bool page_ref_add_unless(struct page *page, int nr, int unless);

/**
 * page_ref_sub - drops some references of this very page, but not the last one.
 * @page:  a page that the caller holds them on, and one more that stays, its own or somebody else's.
 * @nr:    how many, at least one.
 *
 * Whoever may be dropping the last one uses page_ref_sub_and_test() or put_page(), and frees the page. As many as there are,
 * or more: reported and refused.
 *
 * Context: any thread, any lock.
 * Source:  page_ref_sub(), include/linux/page_ref.h, Linux 6.1. Differs: the last one stays.
 */
KMM_API void page_ref_sub(struct page *page, int nr);

/** page_ref_dec - page_ref_sub() of one. @page: as there. Context, Source: as page_ref_sub(). */
KMM_API void page_ref_dec(struct page *page);

/**
 * page_ref_sub_return - drops several references of this very page, and says how many are left.
 * @page:  the first page of an allocation that the caller holds them on.      @nr: how many, at least one.
 *
 * More than there are: reported and refused.
 *
 * Context: any thread, any lock.
 * Return:  0: they were the last, as when page_ref_sub_and_test() returns true. -1: refused.
 * Source:  page_ref_sub_return(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK int page_ref_sub_return(struct page *page, int nr);

/** page_ref_dec_return - page_ref_sub_return() of one. @page: as there. Context, Return, Source: as page_ref_sub_return(). */
KMM_API KMM_MUST_CHECK int page_ref_dec_return(struct page *page);

/**
 * page_ref_freeze - takes all references of a page away, if there are exactly so many.
 * @page:  the first page of an allocation that the caller holds a reference on.      @count: at least one.
 *
 * For who knows of all references: with them gone nobody else can get one. A count below one, and a page that may not be
 * freed (that of a slab): reported and refused.
 *
 * Context: any thread, any lock.
 * Return:  true: the page is frozen and the caller's, until page_ref_unfreeze() or __folio_put(). False: there is another
 *          number of references, or the call was refused; nothing has changed.
 * Source:  page_ref_freeze(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool page_ref_freeze(struct page *page, int count);

/**
 * page_ref_unfreeze - set_page_count() after page_ref_freeze(). What was written before is seen by who gets a reference then.
 * @page:  a frozen page.      @count: its references from now on. Misuse is reported and refused as by set_page_count().
 *
 * Context: any thread, any lock.
 * Source:  page_ref_unfreeze(), include/linux/page_ref.h, Linux 6.1.
 */
KMM_API void page_ref_unfreeze(struct page *page, int count);

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

/**
 * init_page_count - set_page_count() of 1. @page: a frozen page. Context: any thread, any lock.
 * Source:  init_page_count(), include/linux/page_ref.h, Linux 6.1. Differs: only for frozen pages.
 */
static inline void init_page_count(struct page *page)
{
	set_page_count(page, 1);
}

KMM_END_DECLS

#endif /* KMM_PAGE_REF_H */
