/* SPDX-License-Identifier: MIT
 * huge.c - transparent_hugepage=inuse: huge pages are asked for pageblocks that are in use, and for no others.
 *
 * Owns:       kmm_arena.in_use, one bit a pageblock: the system was told that huge pages are wanted there.
 * Locks:      none. A bit is set by whoever is the first to take memory of the pageblock, and cleared by whoever gives the
 *             memory of the whole pageblock back, to whom it belongs meanwhile.
 * Lock-free:  the bit is set by one RELAXED step, whose winner makes the call. Others may use the memory before that is
 *             over, and get a small page at worst. Between the clearing of a bit and its next setting the block went through
 *             its zone's lock.
 * Source:     madvise_hugepage(), mm/madvise.c, Linux 6.1 (what is asked of it).
 */
#include <limits.h>

#include "arena/arena.h"
#include "arena/os.h"
#include "base/atomic.h"

#define BITS_PER_LONG (sizeof(long) * CHAR_BIT)

static size_t map_size(void)
{
	const unsigned long nr_blocks = kmm_arena.nr_pages >> pageblock_order;

	return ALIGN_UP(DIV_ROUND_UP(nr_blocks, BITS_PER_LONG) * sizeof(long), os_page_size());
}

void arena_in_use_start(void)
{
	unsigned long *map = os_reserve(map_size(), os_page_size());

	/* Refused: then there are no huge pages, as with "never". */
	if (map && os_commit(map, map_size())) {
		os_release(map, map_size());
		map = NULL;
	}
	kmm_arena.in_use = map;
}

void arena_in_use_stop(void)
{
	if (kmm_arena.in_use)
		os_release(kmm_arena.in_use, map_size());
	kmm_arena.in_use = NULL;
}

static void advise_block(unsigned long block, bool on)
{
	const size_t size = PAGE_SIZE << pageblock_order;

	/* A refusal means that the system has no huge pages to speak of. */
	os_advise_huge(kmm_arena.base + block * size, size, on);
}

void arena_block_used_slow(unsigned long pfn)
{
	const unsigned long block = pfn >> pageblock_order, bit = 1UL << block % BITS_PER_LONG;
	unsigned long *word = &kmm_arena.in_use[block / BITS_PER_LONG];

	if (!(READ_ONCE(*word) & bit) && !(atomic_fetch_or_relaxed(word, bit) & bit))
		advise_block(block, true);
}

void arena_block_unused_slow(unsigned long pfn)
{
	const unsigned long block = pfn >> pageblock_order, bit = 1UL << block % BITS_PER_LONG;
	unsigned long *word = &kmm_arena.in_use[block / BITS_PER_LONG];

	if (!(READ_ONCE(*word) & bit))
		return;
	atomic_and_relaxed(word, ~bit);
	advise_block(block, false);
}
