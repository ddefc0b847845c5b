/* SPDX-License-Identifier: MIT
 * kmm/page_frag.h - pieces of pages: small buffers of any size that are freed in any order, cut from one block after the
 * other.
 *
 * Owns:   struct page_frag_cache, which the caller keeps: one thread at a time uses a cache.
 * How:    the cache takes a block of 32 KiB, or a single page when there is none, and cuts pieces off its end. Each piece is
 *         a reference on the block: it is free when the cache and all pieces have let go.
 * Source: include/linux/mm_types.h, include/linux/gfp.h, mm/page_alloc.c, Linux 6.1. Differs: a block that came from the
 *         reserves is used like any other (no pfmemalloc).
 */
#ifndef KMM_PAGE_FRAG_H
#define KMM_PAGE_FRAG_H

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

struct page;

/** The block that pieces are cut from, bytes and order. */
#define PAGE_FRAG_CACHE_MAX_SIZE 32768u
#define PAGE_FRAG_CACHE_MAX_ORDER 3u

/** Starts as zeros, and ends with page_frag_cache_drain(). */
struct page_frag_cache {
	void *va;                  /* the block; NULL: none */
	unsigned short offset;     /* bytes: where the last piece starts; pieces are cut below it */
	unsigned short size;       /* bytes of the block */
	unsigned int pagecnt_bias; /* references on it that are the cache's: one goes with each piece */
};

/**
 * page_frag_alloc_align - a piece of memory.
 * @nc:    a cache that no other thread uses meanwhile.      @fragsz: bytes.      @gfp: as for alloc_pages().
 * @align_mask: what the address is masked with: -align for an alignment of a power of 2, ~0u for any address.
 *
 * Context: as alloc_pages().
 * Return:  the piece, owned by the caller until page_frag_free(); NULL when memory ran out, or when the block that there was
 *          is smaller than @fragsz: pieces of more than a page may fail at any time, those of more than 32 KiB always do.
 * Source:  page_frag_alloc_align(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK void *page_frag_alloc_align(struct page_frag_cache *nc, unsigned int fragsz, gfp_t gfp,
						   unsigned int align_mask);

/**
 * page_frag_alloc - page_frag_alloc_align() for any address.
 * @nc:    as there.      @fragsz: bytes.      @gfp: as for alloc_pages().
 * Context: as alloc_pages().
 * Return:  as page_frag_alloc_align().
 * Source:  page_frag_alloc(), include/linux/gfp.h, Linux 6.1.
 */
static inline KMM_MUST_CHECK void *page_frag_alloc(struct page_frag_cache *nc, unsigned int fragsz, gfp_t gfp)
{
	return page_frag_alloc_align(nc, fragsz, gfp, ~0u);
}

/**
 * page_frag_free - gives a piece back.
 * @addr:  what page_frag_alloc() returned, or any address in the piece. One outside the arena, and one in a block without
 *         references, are reported and refused.
 *
 * Context: as __free_pages(); any thread, with no regard to who uses the cache.
 * Source:  page_frag_free(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void page_frag_free(void *addr);

/**
 * page_frag_cache_drain - the cache lets go of its block; the pieces that are in use stay.
 * @nc:    a cache that no other thread uses meanwhile. It is empty afterwards and may be used again.
 *
 * Context: as __free_pages().
 * Source:  page_frag_cache_drain(), mm/page_frag_cache.c, Linux 6.13.
 */
KMM_API void page_frag_cache_drain(struct page_frag_cache *nc);

/**
 * __page_frag_cache_drain - several references at once are dropped; the block is free when they were the last.
 * @page:  the first page of a block.      @count: how many, at least one. More than there are: reported and refused.
 *
 * Context: as __free_pages().
 * Source:  __page_frag_cache_drain(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API void __page_frag_cache_drain(struct page *page, unsigned int count);

KMM_END_DECLS

#endif /* KMM_PAGE_FRAG_H */
