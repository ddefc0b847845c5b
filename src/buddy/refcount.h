/* SPDX-License-Identifier: MIT
 * refcount.h - references of a page are taken and dropped.
 *
 * Owns:       page->refcount of a page that is handed out; PG_frozen.
 * Lock-free:  each change is one compare-and-swap, so that what is refused has changed nothing.
 * Invariants: the count of a page in use never reaches zero unless the page may be freed then, by its flags; a count of zero
 *             rises only by who dropped the last reference. A handed-out page with a count of zero has PG_frozen, or is just
 *             being freed.
 * Source:     include/linux/page_ref.h, Linux 6.1.
 */
#ifndef KMM_BUDDY_REFCOUNT_H
#define KMM_BUDDY_REFCOUNT_H

#include "buddy/buddy_internal.h"

/* May the last reference of a page with these flags be dropped? */
static inline bool page_may_end(unsigned long flags)
{
	return !(flags & (PAGE_FLAGS_CHECK_AT_FREE | 1UL << PG_frozen)) &&
	       (flags & PAGE_ORDER_MASK) < (unsigned long)MAX_ORDER << PAGE_ORDER_SHIFT;
}

/*
 * Adds references to a page that has some; false: it has none, or too many, and nothing has changed. ACQUIRE: who took the
 * reference on a hint (get_page_unless_zero()) reads the page as it was when the reference counted, or newer; pairs with
 * page_ref_set(). No ABA: whose page it is, the caller has to know, or to find out
 * afterwards.
 */
static inline bool page_ref_get(struct page *page, int nr)
{
	int old = READ_ONCE(page->refcount), sum;

	do {
		if (unlikely(old <= 0 || __builtin_add_overflow(old, nr, &sum) || sum <= 0))
			return false;
	} while (!atomic_cmpxchg_acq_rel(&page->refcount, &old, sum));
	return true;
}

/*
 * Drops @nr references, all that there are only if the page may be freed then. RELEASE: what the holder wrote is seen by
 * whoever drops the last one; ACQUIRE: by the one who does, which looks at the flags before: hence the load. No ABA: the
 * count is all there is.
 */
static inline enum page_ref_result page_ref_drop(struct page *page, int nr)
{
	int old;

	do {
		old = smp_load_acquire(&page->refcount);
		if (unlikely(old <= 0 || nr <= 0 || old < nr || (old == nr && !page_may_end(READ_ONCE(page->flags)))))
			return PAGE_REF_NONE;
	} while (!atomic_cmpxchg_acq_rel(&page->refcount, &old, old - nr));
	return old == nr ? PAGE_REF_LAST : PAGE_REF_LEFT;
}

/* refcount.c: page_ref_drop(), and what follows from it. What is refused is reported. */
void page_ref_drop_and_free(struct page *page, int nr);

/* Reports why @nr references cannot be dropped. */
void page_ref_refuse_drop(const struct page *page, int nr);

/* The last reference of the block @page, which knows its order, is gone. */
void free_unreferenced_block(struct page *page);

#endif /* KMM_BUDDY_REFCOUNT_H */
