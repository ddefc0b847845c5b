/* SPDX-License-Identifier: MIT
 * refcount.c - who holds a page, as its users count it.
 *
 * Owns:       the refusal of references that cannot be.
 * Locks:      none; the release of the last reference takes those of a free.
 * Lock-free:  see refcount.h. PG_frozen is set by who dropped the last reference, and taken off by one compare-and-swap, so
 *             that a frozen page is freed or used again once.
 * Source:     get_page(), put_page(), try_get_page(), include/linux/mm.h, mm/gup.c; include/linux/page_ref.h; __folio_put(),
 *             mm/swap.c, Linux 6.1.
 */
#include "buddy/refcount.h"

#include <kmm/folio.h>
#include <kmm/page_ref.h>

#include "base/boot.h"
#include "base/report.h"

#define ZERO_OR_OVERFLOW "VM_BUG_ON_PAGE(page_ref_zero_or_close_to_overflow(page))"

/* After the end nothing is reported: the array reads as zeros by then. */
static noinline void refuse(const struct page *page, const char *reason)
{
	if (kmm_boot_state() == KMM_DEAD)
		return;
	bad_page(page, page_exists(page) ? reason : "no page of the arena");
}

noinline void page_ref_refuse_drop(const struct page *page, int nr)
{
	const int count = page_exists(page) ? page_refcount(page) : 0;

	if (count <= 0)
		refuse(page, "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	else if (count != nr)
		refuse(page, "VM_BUG_ON_PAGE(page_ref_count(page) < nr)");
	else
		refuse(page, page_free_refused(page, page_alloc_order(page)));
}

void free_unreferenced_block(struct page *page)
{
	free_unused_block(page, page_alloc_order(page));
}

void page_ref_drop_and_free(struct page *page, int nr)
{
	enum page_ref_result ref = PAGE_REF_NONE;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	if (likely(page_exists(page)))
		ref = page_ref_drop(page, nr);
	if (ref == PAGE_REF_LAST)
		free_unreferenced_block(page);
	else if (unlikely(ref == PAGE_REF_NONE))
		page_ref_refuse_drop(page, nr);
}

/* The head is asked for only where there is a page to ask. */
static struct page *head_of(struct page *page)
{
	return likely(page_exists(page)) ? page_head(page) : page;
}

/* Returns their sum; 0: refused. */
static int add_refs(struct page *page, int nr)
{
	const int sum = likely(page_exists(page)) ? page_ref_get_unless(page, nr, 0) : 0;

	if (likely(sum > 0))
		return sum;
	refuse(page, ZERO_OR_OVERFLOW);
	return 0;
}

/* Its last reference is gone, and nobody else has it. */
static void freeze(struct page *page)
{
	WRITE_ONCE(page->flags, page->flags | 1UL << PG_frozen);
}

void get_page(struct page *page)
{
	add_refs(head_of(page), 1);
}

void put_page(struct page *page)
{
	page_ref_drop_and_free(head_of(page), 1);
}

bool try_get_page(struct page *page)
{
	struct page *head = head_of(page);
	const bool got = page_exists(head) && page_ref_get(head, 1);

	KMM_WARN_ONCE(!got && kmm_boot_state() != KMM_DEAD, "page %p has no references", (const void *)page);
	return got;
}

bool get_page_unless_zero(struct page *page)
{
	return page_exists(page) && page_ref_get(page, 1);
}

int page_ref_sub_return(struct page *page, int nr)
{
	const int left = likely(page_exists(page)) ? page_ref_drop_left(page, nr) : -1;

	if (unlikely(left < 0))
		page_ref_refuse_drop(page, nr);
	else if (!left)
		freeze(page);
	return left;
}

int page_ref_dec_return(struct page *page)
{
	return page_ref_sub_return(page, 1);
}

bool page_ref_sub_and_test(struct page *page, int nr)
{
	return page_ref_sub_return(page, nr) == 0;
}

bool page_ref_dec_and_test(struct page *page)
{
	return page_ref_sub_and_test(page, 1);
}

bool put_page_testzero(struct page *page)
{
	return page_ref_sub_and_test(page, 1);
}

int page_ref_count(const struct page *page)
{
	return page_refcount(page);
}

int page_count(const struct page *page)
{
	return page_refcount(page_head(page));
}

int page_ref_inc_return(struct page *page)
{
	return add_refs(page, 1);
}

void page_ref_inc(struct page *page)
{
	add_refs(page, 1);
}

void page_ref_add(struct page *page, int nr)
{
	add_refs(page, nr);
}

bool page_ref_add_unless(struct page *page, int nr, int unless)
{
	/* What is no page has no references. */
	const int sum = likely(page_exists(page)) ? page_ref_get_unless(page, nr, unless) :
			unless                    ? PAGE_REF_REFUSED :
						    PAGE_REF_UNLESS;

	if (unlikely(sum == PAGE_REF_REFUSED))
		refuse(page, ZERO_OR_OVERFLOW);
	return sum > 0;
}

void page_ref_sub(struct page *page, int nr)
{
	if (unlikely(nr <= 0 || !page_exists(page) || !page_ref_get(page, -nr)))
		refuse(page, "VM_BUG_ON_PAGE(page_ref_count(page) <= nr)");
}

void page_ref_dec(struct page *page)
{
	page_ref_sub(page, 1);
}

/* The caller's reference keeps the flags as they are, but for PG_frozen, when another holder was faster. ACQUIRE: what all
 * former holders wrote is seen. No ABA: the count is all there is. */
bool page_ref_freeze(struct page *page, int count)
{
	unsigned long flags;
	int old = count;

	if (unlikely(count <= 0 || !page_exists(page))) {
		refuse(page, "VM_BUG_ON_PAGE(count == 0)");
		return false;
	}
	if (page_refcount(page) != count)
		return false;
	flags = READ_ONCE(page->flags);
	if (flags & 1UL << PG_frozen)
		return false;
	if (unlikely(!page_may_end(flags))) {
		page_ref_refuse_drop(page, count);
		return false;
	}
	if (!atomic_cmpxchg_acq_rel(&page->refcount, &old, 0))
		return false;
	freeze(page);
	return true;
}

/* Takes PG_frozen off; false: the page does not have it. ACQUIRE and RELEASE: of two that try, only one goes on, and it sees
 * what the one who froze the page wrote. No ABA: a page that is frozen again belongs to who froze it. */
static bool thaw(struct page *page)
{
	unsigned long flags;

	if (unlikely(!page_exists(page)))
		return false;
	flags = READ_ONCE(page->flags);
	do {
		if (unlikely(!(flags & 1UL << PG_frozen)))
			return false;
	} while (!atomic_cmpxchg_acq_rel(&page->flags, &flags, flags & ~(1UL << PG_frozen)));
	return true;
}

void set_page_count(struct page *page, int count)
{
	if (likely(count > 0 && thaw(page)))
		page_ref_set(page, count);
	else
		refuse(page, "VM_BUG_ON_PAGE(page_ref_count(page))");
}

void page_ref_unfreeze(struct page *page, int count)
{
	set_page_count(page, count);
}

void __folio_put(struct folio *folio)
{
	struct page *page = (struct page *)(void *)folio;

	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT);
	if (likely(thaw(page)))
		free_unreferenced_block(page);
	else
		refuse(page, "VM_BUG_ON_PAGE(page_ref_count(page))");
}
