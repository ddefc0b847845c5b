/* SPDX-License-Identifier: MIT
 * memblock.h - the boot allocator: memory before there are pages to allocate.
 *
 * Owns:   the start of the pages that are online first (kmm_arena.boot_pfn), up to what was handed out when the buddy takes
 *         over.
 * Rules:  single-threaded, during the start only. What it hands out is never freed; its pages are PG_reserved.
 * Source: mm/memblock.c, Linux 6.1 (the idea; one region is enough here).
 */
#ifndef KMM_ARENA_MEMBLOCK_H
#define KMM_ARENA_MEMBLOCK_H

#include <stddef.h>

/* Zeroed memory of @size bytes aligned to @align, or NULL when the first section is full or the buddy has taken over. */
void *memblock_alloc(size_t size, size_t align);

/* Reserves @nr_pages whole frames that pay for pages of a charged range; their own memory is never touched.
 * 0 or -ENOMEM. */
int memblock_charge(unsigned long nr_pages);

/* The frame that pays for the @nr-th page charged, counted from 0 over all calls. Known once the buddy has taken over. */
unsigned long memblock_charged_pfn(unsigned long nr);
/* Pages charged so far. */
unsigned long memblock_nr_charged(void);

/* The end of boot allocation: marks what was handed out PG_reserved and returns the first pfn of the rest. */
unsigned long memblock_free_all(void);

/* Back to empty, for a failed start and for tests. */
void memblock_reset(void);

#endif /* KMM_ARENA_MEMBLOCK_H */
