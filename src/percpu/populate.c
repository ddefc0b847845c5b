/* SPDX-License-Identifier: MIT
 * populate.c - the page backend: gives the pages of a chunk memory in the slice of every CPU, and takes it back.
 *
 * Owns:       chunk->frames and the mappings of the slices.
 * Locks:      pcpu_alloc_mutex is held by every caller; pcpu_lock is taken inside, only to note the result.
 * Invariants: P1 of percpu_internal.h.
 *
 * A page of a slice is paid for with a frame of the arena: the frame is taken from the page allocator, and the memory
 * behind it goes back to the system, so that what the process uses stays what the limit counts. The frames of one page
 * of the chunk, one for each CPU and from its node if that has one left, are chained through the struct page itself.
 *
 * Source:     pcpu_populate_chunk(), pcpu_depopulate_chunk(), mm/percpu-vm.c, Linux 6.1. Differs: the unpopulated pages
 *             of a request are populated all or none; the kernel leaves those before the failure.
 */
#include <errno.h>

#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/race.h"
#include "base/report.h"

/* The next run of unpopulated pages in [*@start, @end): false when there is none. */
static bool next_hole(const struct pcpu_chunk *chunk, int *start, int end, int *hole_end)
{
	const unsigned long *populated = chunk->map.populated;
	unsigned long size = (unsigned long)end;
	unsigned long first = find_next_zero_bit(populated, size, (unsigned long)*start);

	*start = (int)first;
	*hole_end = (int)(first < size ? find_next_bit(populated, size, first) : size);
	return first < size;
}

#define for_each_hole(chunk, start, end, hole_end) \
	for (; next_hole((chunk), &(start), (end), &(hole_end)); (start) = (hole_end))

static void free_frames(struct pcpu_chunk *chunk, int page_idx)
{
	struct page *page = chunk->frames[page_idx];

	chunk->frames[page_idx] = NULL;
	while (page) {
		struct page *next = page->next;

		page->next = NULL;
		__free_page(page);
		page = next;
	}
}

/* One frame for each CPU, or -ENOMEM and none. From the last unit on, so that the chain has the order of pcpu_units. */
static int charge_frames(struct pcpu_chunk *chunk, int page_idx, gfp_t gfp)
{
	unsigned int g = pcpu_nr_groups, i;

	while (g--) {
		for (i = 0; i < pcpu_groups[g].nr_units; i++) {
			struct page *page = alloc_pages_node((int)pcpu_groups[g].node, gfp, 0);

			if (!page) {
				free_frames(chunk, page_idx);
				return -ENOMEM;
			}
			arena_give_back(page_to_pfn(page), 1);
			page->next = chunk->frames[page_idx];
			chunk->frames[page_idx] = page;
		}
	}
	return 0;
}

/* The frame that pays for @page_idx of @cpu's unit, which is populated. NULL in an immutable chunk. Under either lock. */
struct page *pcpu_frame_of(const struct pcpu_chunk *chunk, int page_idx, unsigned int cpu)
{
	struct page *page = chunk->frames[page_idx];
	unsigned int i;

	for (i = 0; page && pcpu_units[i] != cpu; i++)
		page = page->next;
	return page;
}

static void unmap_run(const struct pcpu_chunk *chunk, unsigned int nr_cpus, int start, int end)
{
	size_t off = (size_t)start << PAGE_SHIFT, size = (size_t)(end - start) << PAGE_SHIFT;
	unsigned int cpu;

	/* An access to per-CPU memory that was freed shall fault, not bring an unpaid page to life. */
	for (cpu = 0; cpu < nr_cpus; cpu++)
		arena_range_unmap(&pcpu_slices, pcpu_unit_off(chunk, cpu, off), size, false);
}

/* Maps the pages in the slice of every CPU, or -ENOMEM and in none. */
static int map_run(const struct pcpu_chunk *chunk, int start, int end)
{
	size_t off = (size_t)start << PAGE_SHIFT, size = (size_t)(end - start) << PAGE_SHIFT;
	unsigned int cpu;

	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		if (arena_range_map(&pcpu_slices, pcpu_unit_off(chunk, cpu, off), size)) {
			unmap_run(chunk, cpu, start, end);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Populates what is not populated of [@page_start, @page_end): 0, or -ENOMEM with nothing changed. */
int pcpu_populate_pages(struct pcpu_chunk *chunk, int page_start, int page_end, gfp_t gfp)
{
	int start = page_start, end, page_idx, empty;

	kmm_assert_held(&pcpu_alloc_mutex);
	for_each_hole(chunk, start, page_end, end)
	{
		for (page_idx = start; page_idx < end; page_idx++) {
			if (charge_frames(chunk, page_idx, gfp))
				goto undo_frames;
		}
	}
	start = page_start;
	for_each_hole(chunk, start, page_end, end)
	{
		if (map_run(chunk, start, end))
			goto undo_maps;
	}

	kmm_spin_lock(&pcpu_lock);
	empty = chunk->map.nr_empty_pop_pages;
	start = page_start;
	for_each_hole(chunk, start, page_end, end)
	{
		chunk->nr_populated += end - start;
		pcpu_map_populated(&chunk->map, start, end);
	}
	pcpu_chunk_count_empty_locked(chunk, chunk->map.nr_empty_pop_pages - empty);
	kmm_spin_unlock(&pcpu_lock);
	return 0;

undo_maps:
	page_idx = start;
	start = page_start;
	for_each_hole(chunk, start, page_idx, end) unmap_run(chunk, kmm_nr_cpu_ids, start, end);
undo_frames:
	start = page_start;
	for_each_hole(chunk, start, page_end, end)
	{
		for (page_idx = start; page_idx < end; page_idx++)
			free_frames(chunk, page_idx);
	}
	return -ENOMEM;
}

/* The last run of pages below *@end that are populated and wholly free, taken out of the map: from then on an atomic
 * request does not come here, and any other waits for pcpu_alloc_mutex. False when there is none. */
static bool take_idle_run(struct pcpu_chunk *chunk, int *start, int *end)
{
	struct pcpu_map *map = &chunk->map;
	int empty, page = *end;

	kmm_spin_lock(&pcpu_lock);
	while (page > 0 && !pcpu_page_is_idle(map, page - 1))
		page--;
	*end = page;
	while (page > 0 && pcpu_page_is_idle(map, page - 1))
		page--;
	*start = page;
	if (*end > *start) {
		empty = map->nr_empty_pop_pages;
		pcpu_map_depopulated(map, *start, *end);
		chunk->nr_populated -= *end - *start;
		pcpu_chunk_count_empty_locked(chunk, map->nr_empty_pop_pages - empty);
	}
	kmm_spin_unlock(&pcpu_lock);
	return *end > *start;
}

/* Takes the memory of the last run of pages below *@below in which no area lies, and moves *@below to its start. Returns
 * its length, 0 when there is none. */
int pcpu_depopulate_run(struct pcpu_chunk *chunk, int *below)
{
	int start, end = *below, page_idx;

	kmm_assert_held(&pcpu_alloc_mutex);
	kmm_assert(!chunk->immutable);
	KMM_RACE_POINT("percpu: idle pages not taken");
	if (!take_idle_run(chunk, &start, &end))
		return 0;
	KMM_RACE_POINT("percpu: idle pages taken");
	unmap_run(chunk, kmm_nr_cpu_ids, start, end);
	for (page_idx = start; page_idx < end; page_idx++)
		free_frames(chunk, page_idx);
	*below = start;
	return end - start;
}

/* Takes the memory of all such pages. Returns how many, in pages of the chunk. */
int pcpu_depopulate_idle(struct pcpu_chunk *chunk)
{
	int below = chunk->map.nr_pages, run, nr = 0;

	while ((run = pcpu_depopulate_run(chunk, &below)))
		nr += run;
	return nr;
}
