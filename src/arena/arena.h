/* SPDX-License-Identifier: MIT
 * arena.h - front header of the arena: the "physical" memory of the process.
 *
 * Owns:       the reserved range, its sections, the page array, the charged ranges (per-CPU memory, later vmalloc).
 * Locks:      the arena lock (rank 90) guards the frontier of online sections. Who maps a piece of a charged range owns
 *             that piece, so the ranges need no lock.
 * Lock-free:  base, page array and limit are set once at start. nr_online is read ACQUIRE and only grows.
 * Invariants: A1  pages [0, nr_online) are readable and writable, whatever else happens to them, until the arena ends
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

struct kmm_arena {
	char *base;           /* of the reserved range; NULL before the start */
	struct page *mem_map; /* one struct page a frame, NULL before the start */
	unsigned char
		*pageblock_flags; /* one byte a pageblock, zero when it comes online; zone->lock (buddy/pageblock.c) */
	unsigned long nr_online;  /* pages; a multiple of PAGES_PER_SECTION, or nr_pages at the end */
	unsigned long nr_pages;   /* the limit, pages */
};

extern struct kmm_arena kmm_arena;

extern const struct kmm_param arena_params[]; /* mem=, transparent_hugepage= */

/* Back to the defaults, before the options of a new start are read. */
void arena_options_reset(void);

/* Reserves the range for @limit bytes (0: option mem=, else the default, taking less where the system refuses) and
 * brings the first section online. Returns 0, -ENOMEM or -EINVAL, has reported which step failed and undone the rest. */
int arena_start(size_t limit);
/* @final as in kmm_stop_rooms(): the pages stay as they are, for the caller has given back what need not outlive the end;
 * the page array is emptied and reads as zeros. Otherwise the arena is unmapped and can be started again. */
void arena_stop(bool final);

/*
 * Brings the next section online. Returns its first pfn in @pfn and pages in @nr, or -ENOMEM at the limit or when the
 * system refuses. The pages are all zero in the array and belong to the caller (buddy/zone.c). Takes the arena lock;
 * the caller may hold zone->lock.
 */
int arena_section_online(unsigned long *pfn, unsigned long *nr);

/* Hands the memory of whole pages back to the system; it reads as zeros afterwards. Returns bytes given back. The
 * pages belong to the caller. */
size_t arena_give_back(unsigned long pfn, unsigned long nr_pages);

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

/* NULL for an address outside the online arena (always, before the start). */
static inline struct page *arena_addr_to_page(const void *addr)
{
	/* ACQUIRE: pairs with section_publish(); base and array are read after the frontier that they belong to. */
	unsigned long nr_online = smp_load_acquire(&kmm_arena.nr_online);
	unsigned long off = (unsigned long)addr - (unsigned long)kmm_arena.base;

	if (unlikely(off >> PAGE_SHIFT >= nr_online))
		return NULL;
	return kmm_arena.mem_map + (off >> PAGE_SHIFT);
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

#endif /* KMM_ARENA_ARENA_H */
