/* SPDX-License-Identifier: MIT
 * prep_hooks.h - what options want done to the memory of pages on their way in and out.
 *
 * Owns:   nothing. prep.c calls these where a block leaves or comes back; zone.c and reporting.c say what became of memory
 *         in between.
 * Order:  out: access, check of the poison, zeros. In: zeros or poison, then no access.
 * Source: post_alloc_hook(), free_pages_prepare(), mm/page_alloc.c, Linux 6.1.
 */
#ifndef KMM_BUDDY_PREP_HOOKS_H
#define KMM_BUDDY_PREP_HOOKS_H

#include "buddy/buddy_internal.h"

/* 0: nothing is done. Set before the first page is free, as long as the library runs. */
extern unsigned int buddy_prep_hooks;
enum prep_hooks {
	PREP_INIT_ON_ALLOC = 1,
	PREP_INIT_ON_FREE = 2, /* all free memory is zero */
	PREP_POISON = 4,
	PREP_PROTECT = 8,
};

/* prep.c: the hooks that buddy_options ask for; contradictions are reported, and the options say afterwards what is in
 * force. 0 or -ENOMEM, with none. */
int init_mem_debugging_and_hardening(void);
void prep_hooks_stop(void);
/* Pages that never were in the allocator, or lost their memory since, all zero and accessible, become free. */
void prep_fresh_pages(unsigned long pfn, unsigned long nr_pages);
/* Free pages go offline: they are accessible, as A1 of arena.h wants it. */
void prep_leaving_pages(unsigned long pfn, unsigned long nr_pages);

/* poison.c: PAGE_POISON in free pages. */
#define PAGE_POISON 0xaa
int page_poison_start(void);
void page_poison_stop(void);
void poison_pages(const struct page *page, unsigned int order);
/* Looks at a block that is about to be handed out. The first page that is not as it was left, after it was reported; NULL
 * when all are. */
const struct page *unpoison_pages(const struct page *page, unsigned int order);
/* The memory of free pages, which belong to the caller, may be taken by the system from now on; then: it was. */
void poison_may_vanish(unsigned long pfn, unsigned long nr_pages);
void poison_vanished(unsigned long pfn, unsigned long nr_pages);

/* pagealloc_debug.c: free pages cannot be accessed. */
int debug_pagealloc_start(void);
/* Everything is accessible again. */
void debug_pagealloc_stop(void);
/* False: the system refuses, and nothing has changed. */
bool debug_pagealloc_map_pages(const struct page *page, unsigned long nr_pages);
/* As far as the system can, and nobody may still look at the pages. */
void debug_pagealloc_unmap_pages(const struct page *page, unsigned long nr_pages);

#endif /* KMM_BUDDY_PREP_HOOKS_H */
