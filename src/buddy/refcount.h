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

/* What page_ref_get_unless() says instead of a sum. */
#define PAGE_REF_REFUSED 0
#define PAGE_REF_UNLESS (-1)

/*
 * Adds references to a page that has some, and returns their sum. PAGE_REF_UNLESS: there were just @unless;
 * PAGE_REF_REFUSED: there were none, or too many, or none would be left; nothing has changed then. ACQUIRE: who took the
 * reference on a hint (get_page_unless_zero()) reads the page as it was when the reference counted, or newer; pairs with
 * page_ref_set(). RELEASE: for a negative @nr, as page_ref_drop(). No ABA: whose page it is, the caller has to know, or to
 * find out afterwards.
 */
static inline int page_ref_get_unless(struct page *page, int nr, int unless)
{
	int old = READ_ONCE(page->refcount), sum;

	do {
		if (unlikely(old == unless))
			return PAGE_REF_UNLESS;
		if (unlikely(old <= 0 || __builtin_add_overflow(old, nr, &sum) || sum <= 0))
			return PAGE_REF_REFUSED;
	} while (!atomic_cmpxchg_acq_rel(&page->refcount, &old, sum));
	return sum;
}

static inline bool page_ref_get(struct page *page, int nr)
{
	return page_ref_get_unless(page, nr, 0) > 0;
}

/*
 * Drops @nr references, all that there are only if the page may be freed then. Returns what is left; -1: nothing has changed.
 * RELEASE: what the holder wrote is seen by whoever drops the last one; ACQUIRE: by the one who does, which looks at the
 * flags before: hence the load. No ABA: the count is all there is.
 */
static inline int page_ref_drop_left(struct page *page, int nr)
{
	int old;

	do {
		old = smp_load_acquire(&page->refcount);
		if (unlikely(old <= 0 || nr <= 0 || old < nr || (old == nr && !page_may_end(READ_ONCE(page->flags)))))
			return -1;
	} while (!atomic_cmpxchg_acq_rel(&page->refcount, &old, old - nr));
	return old - nr;
}

static inline enum page_ref_result page_ref_drop(struct page *page, int nr)
{
	const int left = page_ref_drop_left(page, nr);

	return left > 0 ? PAGE_REF_LEFT : left == 0 ? PAGE_REF_LAST : PAGE_REF_NONE;
}

/* refcount.c: page_ref_drop(), and what follows from it. What is refused is reported. */
void page_ref_drop_and_free(struct page *page, int nr);

/* Reports why @nr references cannot be dropped. */
void page_ref_refuse_drop(const struct page *page, int nr);

/* The last reference of the block @page, which knows its order, is gone. */
void free_unreferenced_block(struct page *page);

#endif /* KMM_BUDDY_REFCOUNT_H */
