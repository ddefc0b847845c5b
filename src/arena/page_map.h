/* SPDX-License-Identifier: MIT
 * page_map.h - struct page: what is known of each page frame.
 *
 * Owns:       the layout of struct page, its flags, the accessors that only need one page.
 * Locks:      none here. Who owns a field follows from the state of the page:
 *               free in the buddy         zone->lock guards flags, lru, private, page_type
 *               slab                      slub (see src/slub/slub_internal.h) owns lru/next/slabs, slab_cache, the slab word
 *               handed out                its owner; refcount is atomic
 *             Who gives a page back leaves slab_cache NULL, no page type and no flag set but those of the buddy.
 * Invariants: P1  a page is in exactly one state: reserved, in the buddy, on a CPU's list, behind the first page of such a
 *                 block, handed out, slab, guard, bad
 *             P2  PageBuddy exactly for the first page of a free block; private is then its order
 *             P3  the array starts as zeros from the system: a page of a section that is not online is all zero
 * Source:     include/linux/mm_types.h, include/linux/page-flags.h, Linux 6.1.
 */
#ifndef KMM_ARENA_PAGE_MAP_H
#define KMM_ARENA_PAGE_MAP_H

#include <stdbool.h>

#include <kmm/mm.h>
#include <urcu/list.h>

#include "arch/arch.h"
#include "base/compiler.h"

struct kmem_cache;

enum page_flag {
	PG_reserved, /* given out by memblock, never in the buddy */
	PG_slab,
	PG_head,          /* first page of a compound page */
	PG_large_kmalloc, /* first page of a kmalloc_large() allocation */
	PG_reported,      /* free block: the system holds no memory for it, so it reads as zeros */
	PG_isolated,      /* free block taken off its list for a moment (buddy/reporting.c); private is its order */
	PG_bad,           /* found in a wrong state, never handed out again */
	PG_pcp,           /* first page of a free block on a list of one CPU (buddy/pcp.c) */
	PG_frozen,        /* handed out, but without references: who dropped the last one has it (buddy/refcount.c) */
	PG_pfmemalloc,    /* handed out: it came out of the reserves, see page_is_pfmemalloc() */
	NR_PAGEFLAGS,
};

/* The order that a block was handed out with stands in the flags of its first page, so that a free with another one is
 * noticed. Only the owner of the page writes its flags. */
#define PAGE_ORDER_SHIFT 24
#define PAGE_ORDER_MASK (0xfUL << PAGE_ORDER_SHIFT)

/* Half a word, for two counts that share one: 16 bits on 32-bit. */
#if __SIZEOF_POINTER__ == 8
typedef unsigned int half_word_t;
#else
typedef unsigned short half_word_t;
#endif

/* Eight words on 32-bit, so what is never needed at the same time shares a place, as in the kernel. */
struct page {
	unsigned long flags; /* bits of enum page_flag; PAGE_ORDER_MASK */
	union {
		struct cds_list_head lru; /* buddy free list; slub's node partial list */
		struct {
			struct page *next;    /* slub: cpu partial list, collected slabs */
			half_word_t slabs;    /* slub: slabs from this one to the tail of the cpu partial list */
			half_word_t pobjects; /* slub: free objects from this one to the tail, about */
		};
		struct {
			unsigned long compound_head; /* tail page: the head's address + 1 */
			unsigned int compound_order; /* first tail page: order of the whole */
		};
	};
	struct kmem_cache *slab_cache; /* slab: its cache. NULL on every page in the buddy */
	union {
		kmm_dword slab_word; /* slab: {freelist, counters}; see slub/slab_word.h */
		struct {
			void *freelist;
			unsigned long counters;
		};
		struct {
			unsigned long index;   /* for the page cache */
			unsigned long private; /* buddy: order of the free block. Handed out: 0, then the owner's */
		};
	};
	unsigned int page_type; /* PAGE_TYPE_*, 0: none; complement of the kernel's field, see page_mapcount() */
	int refcount;           /* atomic */
};

#if __SIZEOF_POINTER__ == 8
_Static_assert(sizeof(struct page) == 64, "64 bytes a page, one cache line");
#else
_Static_assert(sizeof(struct page) == 32, "32 bytes a page");
#endif
_Static_assert(offsetof(struct page, slab_word) % sizeof(kmm_dword) == 0, "double-word CAS needs its alignment");

/*
 * The bits of Linux 6.1. There the field is also the mapcount, -1 at rest, and a type is a bit cleared from all ones. Here its
 * complement is stored, so that the array as it comes from the system, all zero, says "no type, mapcount -1": a page that
 * was never used costs nothing, and the array behind a free block can be given back to the system.
 */
#define PAGE_TYPE_NONE 0u
#define PAGE_TYPE_BUDDY 0x80u  /* first page of a free block */
#define PAGE_TYPE_GUARD 0x400u /* first page of a guard block (buddy/guard.c) */

/* The kernel's _mapcount. */
static inline int page_mapcount(const struct page *page)
{
	return (int)~READ_ONCE(page->page_type);
}

static inline bool page_flag_test(const struct page *page, enum page_flag flag)
{
	return (READ_ONCE(page->flags) >> flag) & 1;
}

static inline void page_flag_set(struct page *page, enum page_flag flag)
{
	page->flags |= 1UL << flag;
}

static inline void page_flag_clear(struct page *page, enum page_flag flag)
{
	page->flags &= ~(1UL << flag);
}

static inline bool PageBuddy(const struct page *page)
{
	return READ_ONCE(page->page_type) == PAGE_TYPE_BUDDY;
}

static inline bool PageGuard(const struct page *page)
{
	return READ_ONCE(page->page_type) == PAGE_TYPE_GUARD;
}

static inline bool page_is_tail(const struct page *page)
{
	return READ_ONCE(page->compound_head) & 1;
}

static inline int page_refcount(const struct page *page)
{
	return READ_ONCE(page->refcount);
}

/*
 * First page of the compound page that @page belongs to. Any address of a list head is even, so bit 0 tells. The word of a
 * first page may be a list link that slub changes under a lock meanwhile, by plain stores of whole words: whatever is read
 * is even. Hidden from ThreadSanitizer, here and nowhere else.
 */
#if KMM_ARCH_TSAN
__attribute__((no_sanitize("thread"), __noinline__))
#endif
static maybe_unused struct page *
page_head(const struct page *page)
{
	unsigned long head = *(const volatile unsigned long *)&page->compound_head;

	return (struct page *)(head & 1 ? head - 1 : (unsigned long)page);
}

#endif /* KMM_ARENA_PAGE_MAP_H */
