/* SPDX-License-Identifier: MIT
 * buddy.h - front header of the page allocator, for the rooms above it.
 *
 * Owns:   what rooms above may call besides the public <kmm/mm.h>. Inside, the zone lock (rank 80) guards everything.
 */
#ifndef KMM_BUDDY_BUDDY_H
#define KMM_BUDDY_BUDDY_H

#include <stdio.h>

#include <kmm/mm.h>

#include "arena/arena.h"
#include "base/options.h"

enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RESERVE, /* the last resort of every type; shown as HighAtomic */
	MIGRATE_TYPES,
};

extern const struct kmm_param buddy_params[];

/* Gives the buddy all of the first section that memblock did not hand out. 0 or -ENOMEM. After arena_start() and the
 * first chunk. */
int buddy_start(void);
void buddy_stop(void);

/* Hands the memory of free blocks back to the system; the blocks stay free. Returns bytes. Part of kmm_trim(). */
size_t buddy_trim(void);

/* Free pages in the buddy (not counting sections still offline). */
unsigned long buddy_nr_free(void);

/* Slab pages now in use, by order of the change: the zone counter of slabinfo's kind (NR_SLAB_UNRECLAIMABLE). */
void buddy_mod_nr_slab(long nr_pages);

/* Makes alloc_pages() fail: the @n-th call from now (1 = the next), and every later one too when @forever. 0 turns it
 * off. For tests. */
void buddy_inject_failure(unsigned long n, bool forever);

/* Walks all blocks and lists and reports a BUG where an invariant of buddy_internal.h fails. */
void kmm_validate_pages(void);

#endif /* KMM_BUDDY_BUDDY_H */
