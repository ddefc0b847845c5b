/* SPDX-License-Identifier: MIT
 * prep.c - what a block looks like when it leaves the zone, and how it must look when it comes back.
 *
 * Owns:       refcount, flags and the compound marks of a block on its way out or in. Nobody else can see the block then.
 * Locks:      none, but for zone->nr_bad.
 * Checks:     every page of a small or compound block; only the first one of others, which are checked when they are handed
 *             out in small pieces (unless check_pages= asks for all): a block of 512 pages costs no more than one of 8.
 * Invariants: a block handed out has one reference and its order on its first page, none on the others; private is 0,
 *             mapcount -1 everywhere. With __GFP_COMP the first page has PG_head, every other one points to it, and the
 *             second one knows the order.
 *             What options do to its memory (prep_hooks.h) is done between these checks and its owner.
 * Source:     prep_new_page(), check_new_page(), free_pages_prepare(), prep_compound_page(),
 *             init_mem_debugging_and_hardening(), mm/page_alloc.c, Linux 6.1.
 */
#include <errno.h>
#include <string.h>

#include "base/report.h"
#include "buddy/prep_hooks.h"

unsigned int buddy_prep_hooks;

/* What is wrong with a page that should be unused, in the kernel's words; NULL when nothing is. */
static const char *unused_page_reason(const struct page *page, unsigned long flags)
{
	if (page->page_type != PAGE_TYPE_NONE)
		return "nonzero mapcount";
	if (page->slab_cache)
		return "non-NULL mapping";
	if (page_refcount(page))
		return "nonzero _refcount";
	if (page->flags & flags)
		return flags == PAGE_FLAGS_CHECK_AT_PREP ? "PAGE_FLAGS_CHECK_AT_PREP flag(s) set" :
							   "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
	return NULL;
}

/* Takes a whole block out of use: its pages belong to nobody from now on. */
static noinline void retire_block(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);

	for (struct page *p = page; p < page + (1UL << order); p++) {
		p->flags = 1UL << PG_bad;
		p->compound_head = 0;
		p->slab_cache = NULL;
		page_ref_set(p, 0);
		p->page_type = PAGE_TYPE_NONE; /* what looked like a free block must not be merged */
	}
	kmm_lock(&zone->lock);
	zone->nr_bad += 1UL << order;
	kmm_unlock(&zone->lock);
}

/* @bad is a page of the block. */
static noinline bool refuse_block(struct page *page, unsigned int order, const struct page *bad, const char *reason)
{
	bad_page(bad, reason);
	retire_block(page, order);
	return false;
}

static void prep_compound(struct page *head, unsigned int order)
{
	head->flags |= 1UL << PG_head;
	for (struct page *p = head + 1; p < head + (1UL << order); p++)
		p->compound_head = (unsigned long)head + 1;
	head[1].compound_order = order;
}

/* Are all pages of a block looked at? The tail pages of others are touched by nobody. */
static bool checks_all(unsigned int order, bool compound)
{
	return order <= PCP_MAX_LOW_ORDER || compound || KMM_CONFIG_CHECK >= 1 || buddy_options.check_pages;
}

static const struct page *first_used(const struct page *page, unsigned int order, bool all)
{
	const struct page *end = page + (all ? 1UL << order : 1);

	for (; page < end; page++)
		if (unlikely(!page_is_unused(page, PAGE_FLAGS_CHECK_AT_PREP)))
			return page;
	return NULL;
}

/* The memory of a block on its way out. *@zeroed: is it known to be zero? */
static noinline bool run_new_hooks(struct page *page, unsigned int order, gfp_t *gfp, bool *zeroed)
{
	const unsigned int hooks = buddy_prep_hooks;
	const struct page *bad;

	if ((hooks & PREP_PROTECT) && !debug_pagealloc_map_pages(page, 1UL << order)) {
		zone_free_block(page_zone(page), page, order);
		return false;
	}
	if (hooks & PREP_POISON) {
		bad = unpoison_pages(page, order);
		if (bad)
			return refuse_block(page, order, bad, "pagealloc: corrupted page details");
	}
	if (hooks & PREP_INIT_ON_ALLOC)
		*gfp |= __GFP_ZERO;
	if (hooks & PREP_INIT_ON_FREE)
		*zeroed = true;
	return true;
}

/* And on its way in. */
static noinline void run_free_hooks(const struct page *page, unsigned int order)
{
	const unsigned int hooks = buddy_prep_hooks;

	if (hooks & PREP_INIT_ON_FREE)
		memset(arena_page_address(page), 0, PAGE_SIZE << order);
	if (hooks & PREP_POISON)
		poison_pages(page, order);
	if (hooks & PREP_PROTECT)
		debug_pagealloc_unmap_pages(page, 1UL << order);
}

void prep_fresh_pages(unsigned long pfn, unsigned long nr_pages)
{
	if (buddy_prep_hooks & PREP_POISON)
		poison_vanished(pfn, nr_pages);
	if (buddy_prep_hooks & PREP_PROTECT)
		debug_pagealloc_unmap_pages(arena_pfn_to_page(pfn), nr_pages);
}

void prep_leaving_pages(unsigned long pfn, unsigned long nr_pages)
{
	if (buddy_prep_hooks & PREP_PROTECT)
		debug_pagealloc_map_pages(arena_pfn_to_page(pfn), nr_pages);
}

bool prep_new_block(struct page *page, unsigned int order, gfp_t gfp, bool zeroed)
{
	const bool compound = order && (gfp & __GFP_COMP);
	const struct page *bad = first_used(page, order, checks_all(order, compound));

	if (unlikely(bad))
		return refuse_block(page, order, bad, unused_page_reason(bad, PAGE_FLAGS_CHECK_AT_PREP));
	if (unlikely(buddy_prep_hooks) && !run_new_hooks(page, order, &gfp, &zeroed))
		return false;
	page->flags |= (unsigned long)order << PAGE_ORDER_SHIFT;
	if (compound)
		prep_compound(page, order);
	if ((gfp & __GFP_ZERO) && !zeroed)
		memset(arena_page_address(page), 0, PAGE_SIZE << order);
	page_ref_set(page, 1);
	return true;
}

const char *page_free_refused(const struct page *page, unsigned int order)
{
	if (order >= MAX_ORDER)
		return "order out of range";
	if (!page_exists(page))
		return "no page of the arena";
	if (page_is_tail(page))
		return "tail page";
	if (READ_ONCE(page->flags) & PAGE_FLAGS_CHECK_AT_FREE)
		return "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
	if (page->page_type != PAGE_TYPE_NONE)
		return "nonzero mapcount";
	if (page_refcount(page) <= 0)
		return "zero _refcount";
	return "wrong order";
}

/* Unties the pages behind the first one. Returns the first that is not as it should be, NULL if all are. */
static const struct page *prep_free_tails(struct page *head, unsigned int order, const char **reason)
{
	const bool compound = page_flag_test(head, PG_head);
	const unsigned long link = compound ? (unsigned long)head + 1 : 0;

	if (!checks_all(order, compound))
		return NULL;
	for (struct page *page = head + 1; page < head + (1UL << order); page++) {
		*reason = "compound_head not consistent";
		if (unlikely(compound ? page->compound_head != link : page_is_tail(page)))
			return page;
		*reason = unused_page_reason(page, PAGE_FLAGS_CHECK_AT_FREE | 1UL << PG_head);
		if (unlikely(*reason))
			return page;
		if (page->flags) /* most are clean, and stay so */
			page->flags = 0;
		if (compound) {
			page->compound_head = 0;
			page->compound_order = 0;
		}
	}
	return NULL;
}

bool prep_free_block(struct page *page, unsigned int order)
{
	const struct page *bad;
	const char *reason;

	if (unlikely(!page_is_unused(page, PAGE_FLAGS_CHECK_AT_FREE)))
		return refuse_block(page, order, page, unused_page_reason(page, PAGE_FLAGS_CHECK_AT_FREE));
	if (order) {
		bad = prep_free_tails(page, order, &reason);
		if (unlikely(bad))
			return refuse_block(page, order, bad, reason);
	}
	if (unlikely(buddy_prep_hooks))
		run_free_hooks(page, order);
	page->flags = 0;
	return true;
}

/* Poison must stay to be found, and zeros would cover it. */
static void override_zeros(void)
{
	if (buddy_options.init_on_alloc)
		kmm_report(KMM_REPORT_WARN, "mem auto-init: page_poison is on, init_on_alloc is ignored\n");
	if (buddy_options.init_on_free)
		kmm_report(KMM_REPORT_WARN, "mem auto-init: page_poison is on, init_on_free is ignored\n");
	buddy_options.init_on_alloc = buddy_options.init_on_free = false;
}

int init_mem_debugging_and_hardening(void)
{
	unsigned int hooks = 0;

	if (buddy_options.page_poison)
		override_zeros();
	hooks |= buddy_options.init_on_alloc ? PREP_INIT_ON_ALLOC : 0;
	hooks |= buddy_options.init_on_free ? PREP_INIT_ON_FREE : 0;
	hooks |= buddy_options.page_poison ? PREP_POISON : 0;
	hooks |= buddy_options.debug_pagealloc ? PREP_PROTECT : 0;
	if ((hooks & PREP_POISON) && page_poison_start())
		return -ENOMEM;
	if ((hooks & PREP_PROTECT) && debug_pagealloc_start()) {
		page_poison_stop();
		return -ENOMEM;
	}
	buddy_prep_hooks = hooks;
	return 0;
}

void prep_hooks_stop(void)
{
	buddy_prep_hooks = 0;
	debug_pagealloc_stop();
	page_poison_stop();
}
