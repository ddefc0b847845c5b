/* SPDX-License-Identifier: MIT
 * chunk_meta.c - where the bookkeeping of chunks lies: side by side, in the order of their positions.
 *
 * Owns:       one charged range with a place for every position, of which only what holds bookkeeping is mapped, and the
 *             frames that pay for it. The first chunk has its bookkeeping from memblock.
 * Locks:      pcpu_alloc_mutex for all of it.
 * Invariants: a page of the range is mapped, and has one frame, exactly while a position in use touches it.
 *
 * A chunk's bookkeeping is some 2.5 KiB. In whole pages of its own it would cost twice as much as it needs with two CPUs,
 * whose pages it describes; so neighbours share pages, and positions are taken from the lowest on.
 *
 * Source:     none. Linux 6.1 takes each piece from kzalloc (pcpu_alloc_chunk(), mm/percpu.c), which stands on this room.
 */
#include <errno.h>
#include <string.h>

#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/bitmap.h"
#include "base/report.h"

/* No chunk's bookkeeping is larger for its unit than that of the smallest unit, within a page for rounding. */
#define META_MAX_PAGES ((PCPU_MAX_CHUNKS * (size_t)3072 >> PAGE_SHIFT) + 1)

static struct arena_range meta;
static size_t meta_stride;                       /* bytes from one position's place to the next */
static struct page *meta_frames[META_MAX_PAGES]; /* what pays for each page; untouched parts cost nothing */
static unsigned long
	meta_used[BITS_TO_LONGS(PCPU_MAX_CHUNKS + PAGE_SIZE / 64)]; /* positions that have bookkeeping here */

/* Position 0 is the first chunk's, which has no place here. */
static size_t place_of(size_t position)
{
	return (position - 1) * meta_stride;
}

static size_t first_page(size_t position)
{
	return place_of(position) >> PAGE_SHIFT;
}

static size_t last_page(size_t position)
{
	return (place_of(position) + meta_stride - 1) >> PAGE_SHIFT;
}

/* Reserves the range, after pcpu_slots_init(). 0 or -ENOMEM (reported). */
int pcpu_meta_start(void)
{
	meta_stride = ALIGN_UP(pcpu_chunk_meta_size(pcpu_unit_pages), (size_t)64);
	kmm_assert(pcpu_nr_positions * meta_stride <= META_MAX_PAGES << PAGE_SHIFT);
	return arena_range_reserve(&meta, ALIGN_UP(pcpu_nr_positions * meta_stride, PAGE_SIZE), PAGE_SIZE,
				   "the bookkeeping of per-CPU memory");
}

/* @final as in percpu_stop(). The frames go with the arena. */
void pcpu_meta_stop(bool final)
{
	size_t page;

	if (!meta.base)
		return;
	for (page = 0; page < meta.size >> PAGE_SHIFT; page++) {
		if (!meta_frames[page])
			continue;
		meta_frames[page] = NULL;
		if (final)
			arena_range_unmap(&meta, page << PAGE_SHIFT, PAGE_SIZE, true);
	}
	memset(meta_used, 0, sizeof(meta_used));
	if (!final)
		arena_range_release(&meta);
}

static bool page_in_use(size_t page)
{
	const size_t first = 1 + (page << PAGE_SHIFT) / meta_stride;
	const size_t last = 1 + (((page + 1) << PAGE_SHIFT) - 1) / meta_stride;

	return find_next_bit(meta_used, last + 1, first) <= last;
}

static void free_meta_page(size_t page)
{
	arena_range_unmap(&meta, page << PAGE_SHIFT, PAGE_SIZE, false);
	__free_page(meta_frames[page]);
	meta_frames[page] = NULL;
}

static int add_meta_page(size_t page, gfp_t gfp)
{
	struct page *frame = alloc_page(gfp);

	if (!frame)
		return -ENOMEM;
	if (arena_range_map(&meta, page << PAGE_SHIFT, PAGE_SIZE)) {
		__free_page(frame);
		return -ENOMEM;
	}
	arena_give_back(page_to_pfn(frame), 1);
	meta_frames[page] = frame;
	return 0;
}

/* The zeroed place of @position, which has none, or NULL. */
struct pcpu_chunk *pcpu_meta_get(size_t position, gfp_t gfp)
{
	struct pcpu_chunk *chunk = (struct pcpu_chunk *)(void *)(meta.base + place_of(position));
	size_t page;

	kmm_assert_held(&pcpu_alloc_mutex);
	for (page = first_page(position); page <= last_page(position); page++) {
		if (!meta_frames[page] && add_meta_page(page, gfp))
			goto undo;
	}
	bitmap_set(meta_used, position, 1);
	/* A page that a neighbour kept holds what was there before. */
	memset(chunk, 0, meta_stride);
	return chunk;

undo:
	while (page-- > first_page(position)) {
		if (!page_in_use(page))
			free_meta_page(page);
	}
	return NULL;
}

/* Ends the bookkeeping of @position. Returns bytes given back: of the pages that no neighbour needs. */
size_t pcpu_meta_put(size_t position)
{
	size_t page, nr = 0;

	kmm_assert_held(&pcpu_alloc_mutex);
	bitmap_clear(meta_used, position, 1);
	for (page = first_page(position); page <= last_page(position); page++) {
		if (page_in_use(page))
			continue;
		free_meta_page(page);
		nr++;
	}
	return nr << PAGE_SHIFT;
}
