/* SPDX-License-Identifier: MIT
 * arena.h - front header of the arena: the "physical" memory of the process.
 *
 * Owns:       the reserved range, which parts of it are online, the page array, the charged ranges (per-CPU memory, later
 *             vmalloc).
 * Locks:      the arena lock (rank 90) guards the change of a pageblock between offline and online. Who maps a piece of a
 *             charged range owns that piece, so the ranges need no lock.
 * Lock-free:  base, page array and size are set once at start. A pageblock's word is read ACQUIRE by arena_pfn_online().
 * Invariants: A1  the pages of an online pageblock are readable and writable until the arena ends, also after it went
 *                 offline, but for free ones that debug_pagealloc= closes (buddy/pagealloc_debug.c); the page array is
 *                 readable for all pages, and all zero for pages that were never online
 *             A2  the base is aligned to the largest block (4 MiB), so a block of order n is aligned to 2^n pages
 *             A3  a mapped page of a charged range has a frame of its own taken from the buddy (or memblock)
 */
#ifndef KMM_ARENA_ARENA_H
#define KMM_ARENA_ARENA_H

#include <stddef.h>

#include "arena/page_map.h"
#include "base/options.h"

/* A section: the step in which the arena comes online. */
#if __SIZEOF_POINTER__ == 8
#define SECTION_SIZE_BITS 24 /* 16 MiB; its part of the page array is 256 KiB */
#else
#define SECTION_SIZE_BITS 23 /* 8 MiB; 64 KiB */
#endif
#define SECTION_SIZE (1UL << SECTION_SIZE_BITS)
#define PAGES_PER_SECTION (SECTION_SIZE >> PAGE_SHIFT)

/* The smallest arena: one pageblock. Every limit is rounded down to a multiple of it. */
#define ARENA_MIN_SIZE (PAGE_SIZE << pageblock_order)

/*
 * What is known of a pageblock, in 16 bits. The type is stored so that the zero of a new pageblock means MOVABLE; it and the
 * skip bit belong to zone->lock (buddy/pageblock.c), the rest to the arena lock. Writers of one word hold both, or nobody else
 * knows the pageblock yet. A reader without a lock gets one whole word, old or new.
 */
#define PAGEBLOCK_TYPE_MASK 0x7u
#define PAGEBLOCK_SKIP 0x8u
#define PAGEBLOCK_ONLINE 0x10u
#define PAGEBLOCK_REMOVED 0x20u    /* was taken offline on demand */
#define PAGEBLOCK_OLD_TYPE_SHIFT 6 /* of an isolated pageblock: the type to come back to; as the type's, zone->lock's */
#define PAGEBLOCK_ZONE_SHIFT 9     /* the zone, by its index in all zones of all nodes */

struct kmm_arena {
	char *base;                      /* of the reserved range; NULL before the start */
	struct page *mem_map;            /* one struct page a frame, NULL before the start */
	unsigned short *pageblock_flags; /* one word a pageblock, see above */
	unsigned long *in_use;           /* a bit a pageblock, see huge.c; NULL unless transparent_hugepage=inuse */
	unsigned long nr_pages;          /* pages of the reserved range: the limit, and room for memory added later */
	unsigned long nr_limit;          /* pages: the limit at the start; those from here on are room */
	unsigned long nr_online;         /* pages; arena lock, read RELAXED */
	unsigned long boot_pfn;          /* where memblock's pages are: the first ones online, */
	unsigned long nr_boot;           /* that many */
};

extern struct kmm_arena kmm_arena;

extern const struct kmm_param arena_params[]; /* mem=, mem_max=, transparent_hugepage= */

/* Back to the defaults, before the options of a new start are read. */
void arena_options_reset(void);

/* Reserves the range for @limit bytes (0: option mem=, else the default, taking less where the system refuses) and for
 * mem_max= if that is more, and brings a section online for memblock, from where arena_set_boot_pfn() says. Returns 0,
 * -ENOMEM or -EINVAL, has reported which step failed and undone the rest. */
int arena_start(size_t limit);
/* Where the boot allocator takes its pages from, so that it spares a first zone, which is at most half of the limit. For one
 * start, before it. */
void arena_set_boot_pfn(unsigned long pfn);
/* @final as in kmm_stop_rooms(): the pages stay as they are, for the caller has given back what need not outlive the end;
 * the page array is emptied and reads as zeros. Otherwise the arena is unmapped and can be started again. */
void arena_stop(bool final);

/*
 * Brings whole pageblocks online, all of them or none, as part of the zone with index @zone. Their pages are all zero in the
 * array and belong to the caller. 0, or -ENOMEM when the system refuses. Takes the arena lock; the caller may hold
 * zone->lock.
 */
int arena_online(unsigned long pfn, unsigned long nr_pages, unsigned int zone);
/* Takes whole online pageblocks offline; nobody may know their pages any more. Their memory goes back to the system, and
 * that of their part of the page array. They stay readable, as zeros. arena_online() brings them back.
 * Locks as above. */
void arena_offline(unsigned long pfn, unsigned long nr_pages);
/* Marks whole pageblocks that were never online as removed, all or none: 0, or -ENOMEM when the system refuses the memory for
 * the marks. arena_readmit() takes the mark off again, of these and of what went offline. Locks as above. */
int arena_remove(unsigned long pfn, unsigned long nr_pages);
void arena_readmit(unsigned long pfn, unsigned long nr_pages);

/* ACQUIRE: who sees that the pages are online sees the mapping; pairs with arena_online(). */
static inline bool arena_pfn_online(unsigned long pfn)
{
	return pfn < kmm_arena.nr_pages &&
	       (smp_load_acquire(&kmm_arena.pageblock_flags[pfn >> pageblock_order]) & PAGEBLOCK_ONLINE);
}

/* The first pfn at or after @pfn of an online pageblock; nr_pages when there is none. For walks over all pages. */
unsigned long arena_next_online(unsigned long pfn);

/* Hands the memory of whole pages back to the system; it reads as zeros afterwards. Returns bytes given back. The
 * pages belong to the caller. */
size_t arena_give_back(unsigned long pfn, unsigned long nr_pages);
/* The same for the page array behind the first page of a block whose other pages are blank, which zeros are. */
size_t arena_give_back_map(unsigned long pfn, unsigned long nr_pages);

/* Bytes that the library itself occupies outside the arena's pages, for the metadata ratio. */
size_t arena_metadata_size(void);

static inline unsigned long arena_page_to_pfn(const struct page *page)
{
	return (unsigned long)(page - kmm_arena.mem_map);
}

static inline struct page *arena_pfn_to_page(unsigned long pfn)
{
	return kmm_arena.mem_map + pfn;
}

static inline void *arena_page_address(const struct page *page)
{
	return kmm_arena.base + (arena_page_to_pfn(page) << PAGE_SHIFT);
}

/* NULL for an address outside the arena (always, before the start). The page of one that was never online is all zero. */
static inline struct page *arena_addr_to_page(const void *addr)
{
	const unsigned long pfn = ((unsigned long)addr - (unsigned long)kmm_arena.base) >> PAGE_SHIFT;

	if (unlikely(pfn >= kmm_arena.nr_pages))
		return NULL;
	return kmm_arena.mem_map + pfn;
}

/* The first page of the compound page that an address lies in; NULL as above. */
static inline struct page *arena_addr_to_head(const void *addr)
{
	struct page *page = arena_addr_to_page(addr);

	if (unlikely(!page))
		return NULL;
	page = page_head(page);
	/* Told, the compiler has no reason for a branch on whether the page is a tail, which nobody could foresee. */
	if (!page)
		__builtin_unreachable();
	return page;
}

/*
 * Charged ranges: address space outside the arena whose pages are each paid for with one frame of the arena.
 */
struct arena_range {
	char *base;  /* PROT_NONE until mapped */
	size_t size; /* bytes */
};

/* Reserves address space, no memory. 0 or -ENOMEM (reported). */
int arena_range_reserve(struct arena_range *range, size_t size, size_t align, const char *what);
/* Makes [@off, @off + @size) readable and writable, zero-filled. The caller has already charged a frame for each page.
 * Page-aligned. 0 or -ENOMEM, with nothing mapped. */
int arena_range_map(const struct arena_range *range, size_t off, size_t size);
/* Hands the memory back. @keep_readable: the range stays mapped and reads as zeros (where lock-free readers may still
 * peek); otherwise an access faults. Never fails for the caller: what the system refuses stays mapped, as zeros. The
 * piece must be mapped. */
void arena_range_unmap(const struct arena_range *range, size_t off, size_t size, bool keep_readable);
void arena_range_release(struct arena_range *range);

/* huge.c: makes and forgets in_use, for arena.c. */
void arena_in_use_start(void);
void arena_in_use_stop(void);

/* Memory of the pageblock of @pfn was taken: it may be the first. Then: the memory of the whole pageblock went back to the
 * system, and nobody can take of it yet. Both may make a system call: no lock is held. */
void arena_block_used_slow(unsigned long pfn);
void arena_block_unused_slow(unsigned long pfn);

static inline void arena_block_used(unsigned long pfn)
{
	if (unlikely(kmm_arena.in_use))
		arena_block_used_slow(pfn);
}

static inline void arena_block_unused(unsigned long pfn)
{
	if (unlikely(kmm_arena.in_use))
		arena_block_unused_slow(pfn);
}

#endif /* KMM_ARENA_ARENA_H */
