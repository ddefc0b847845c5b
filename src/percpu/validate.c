/* SPDX-License-Identifier: MIT
 * validate.c - proves the invariants of percpu_internal.h by looking at every bit, and has module.c prove its own.
 *
 * Owns:   nothing.
 * Locks:  pcpu_alloc_mutex and pcpu_lock together, so that nothing changes meanwhile. The finding is reported after
 *         they are released.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <kmm/stats.h>

#include "percpu/module.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/report.h"

struct finding {
	char *text;
	size_t size;
	bool found;
};

static void find(struct finding *f, const char *fmt, ...) KMM_PRINTF(2, 3);

/* Keeps the first. */
static void find(struct finding *f, const char *fmt, ...)
{
	va_list args;

	if (f->found)
		return;
	f->found = true;
	va_start(args, fmt);
	vsnprintf(f->text, f->size, fmt, args);
	va_end(args);
}

static int next_free_run(const unsigned long *map, int start, int size, int *end)
{
	while (start < size && bitmap_test(map, (unsigned long)start))
		start++;
	*end = start;
	while (*end < size && !bitmap_test(map, (unsigned long)*end))
		++*end;
	return start;
}

/* H1 to H3 for the @md of the bits from @base on. @what names it in the text. */
static void check_hints(const struct pcpu_map *map, const struct pcpu_block_md *md, int base, const char *what,
			struct finding *f)
{
	int end_bit = base + md->nr_bits, start, end, first = md->nr_bits, longest = 0, left = 0, right = 0;
	bool contig_found = !md->contig_hint, scan_found = !md->scan_hint, scan_topped = false;

	for (start = next_free_run(map->alloc, base, end_bit, &end); start < end_bit;
	     start = next_free_run(map->alloc, end, end_bit, &end)) {
		int off = start - base, len = end - start;

		first = min_of(first, off);
		longest = max_of(longest, len);
		if (off == 0)
			left = len;
		if (end == end_bit)
			right = len;
		if (off == md->contig_hint_start && len == md->contig_hint)
			contig_found = true;
		if (off == md->scan_hint_start && len == md->scan_hint)
			scan_found = true;
		if (off < md->scan_hint_start && len > md->scan_hint)
			scan_topped = true;
	}
	if (md->contig_hint != longest || !contig_found)
		find(f, "H1: %s %d: contig hint %d at %d, longest run is %d", what, base, md->contig_hint,
		     md->contig_hint_start, longest);
	if (md->left_free != left || md->right_free != right || md->first_free != first)
		find(f, "H2: %s %d: left %d right %d first %d, really %d %d %d", what, base, md->left_free,
		     md->right_free, md->first_free, left, right, first);
	if (!scan_found || (md->scan_hint && (scan_topped || md->scan_hint_start == md->contig_hint_start)))
		find(f, "H3: %s %d: scan hint %d at %d", what, base, md->scan_hint, md->scan_hint_start);
}

/* Areas of @chunk, as the bitmaps have them; what the chunk does not serve is one more at either end. */
static int count_areas(const struct pcpu_chunk *chunk)
{
	const int start = (int)(chunk->start_offset >> PCPU_MIN_ALLOC_SHIFT);
	const int end = (int)(chunk->end_offset >> PCPU_MIN_ALLOC_SHIFT);
	int i, nr = 0;

	for (i = start; i < end; i++)
		nr += bitmap_test(chunk->map.alloc, (unsigned long)i) &&
		      bitmap_test(chunk->map.bound, (unsigned long)i);
	return nr;
}

/* A1, as far as the bitmaps alone can tell: where taken and free bits meet, there is a boundary. */
static void check_bounds(const struct pcpu_map *map, struct finding *f)
{
	int bits = pcpu_map_bits(map), i;
	bool before = false;

	for (i = 0; i <= bits; i++) {
		bool taken = i < bits && bitmap_test(map->alloc, (unsigned long)i);

		if (taken != before && !bitmap_test(map->bound, (unsigned long)i))
			find(f, "A1: no boundary at bit %d", i);
		before = taken;
	}
}

static void check_map(const struct pcpu_map *map, struct finding *f)
{
	int i, empty = 0, free_bits = 0;

	for (i = 0; i < map->nr_pages; i++) {
		check_hints(map, &map->blocks[i], i * PCPU_BITMAP_BLOCK_BITS, "block at bit", f);
		empty += pcpu_page_is_idle(map, i);
	}
	check_hints(map, &map->chunk_md, 0, "chunk at bit", f);
	check_bounds(map, f);
	for (i = 0; i < pcpu_map_bits(map); i++)
		free_bits += !bitmap_test(map->alloc, (unsigned long)i);
	if (free_bits != map->free_bits)
		find(f, "C1: %d free bits counted as %d", free_bits, map->free_bits);
	if (empty != map->nr_empty_pop_pages)
		find(f, "C1: %d empty populated pages counted as %d", empty, map->nr_empty_pop_pages);
}

const char *pcpu_map_check(const struct pcpu_map *map, char *why, size_t size)
{
	struct finding f = { why, size, false };

	check_map(map, &f);
	return f.found ? why : NULL;
}

/* P1, P2 */
static void check_pages(const struct pcpu_chunk *chunk, struct finding *f)
{
	int page, nr_populated = 0;

	for (page = 0; page < chunk->map.nr_pages; page++) {
		bool populated = bitmap_test(chunk->map.populated, (unsigned long)page);
		const struct page *frame;
		unsigned int frames = 0;

		for (frame = chunk->frames[page]; frame; frame = frame->next)
			frames++;
		nr_populated += populated;
		if (frames != (populated && !chunk->immutable ? kmm_nr_cpu_ids : 0))
			find(f, "P1: page %d, populated %d, has %u frames", page, populated, frames);
		if (!populated && chunk->map.blocks[page].contig_hint != PCPU_BITMAP_BLOCK_BITS)
			find(f, "P2: page %d is in use and not populated", page);
	}
	if (nr_populated != chunk->nr_populated)
		find(f, "P1: %d populated pages counted as %d", nr_populated, chunk->nr_populated);
}

static void check_chunk(const struct pcpu_chunk *chunk, struct finding *f)
{
	int bits = chunk->map.chunk_md.contig_hint, slot;

	check_map(&chunk->map, f);
	check_pages(chunk, f);
	if (count_areas(chunk) != chunk->nr_alloc)
		find(f, "C4: chunk at %#zx: %d areas counted as %d", chunk->base_off, count_areas(chunk),
		     chunk->nr_alloc);
	slot = bits ? pcpu_size_to_slot((size_t)bits << PCPU_MIN_ALLOC_SHIFT) : 0;
	if (chunk == pcpu_reserved_chunk)
		slot = -1;
	if (chunk->slot != slot && !(chunk->slot == 0 && slot < PCPU_SLOT_FAIL_THRESHOLD) &&
	    !(pcpu_chunk_is_isolated(chunk) && !chunk->immutable))
		find(f, "C2: chunk at %#zx belongs to slot %d and is in %d", chunk->base_off, slot, chunk->slot);
}

static void check_lists(struct finding *f)
{
	uint64_t nr_alloc = pcpu_reserved_chunk ? (uint64_t)pcpu_reserved_chunk->nr_alloc : 0;
	int slot, listed = 0, empty = 0;
	const struct pcpu_chunk *chunk;
	size_t position;

	for (slot = 0; slot < pcpu_nr_lists; slot++) {
		if (cds_list_empty(&pcpu_chunk_lists[slot]) == ((pcpu_lists_used >> slot & 1) != 0))
			find(f, "C2: list %d is marked wrongly", slot);
		cds_list_for_each_entry(chunk, &pcpu_chunk_lists[slot], list) {
			if (chunk->slot != slot)
				find(f, "C2: chunk of slot %d on list %d", chunk->slot, slot);
			if (pcpu_chunk_table[chunk->base_off >> pcpu_unit_shift] != chunk)
				find(f, "C3: chunk at %#zx is not in the table", chunk->base_off);
			listed++;
			if (!pcpu_chunk_is_isolated(chunk))
				empty += chunk->map.nr_empty_pop_pages;
			nr_alloc += (uint64_t)chunk->nr_alloc;
		}
	}
	for (position = 0; position < pcpu_nr_positions; position++) {
		if (pcpu_position_used(position) != (pcpu_chunk_table[position] != NULL))
			find(f, "C3: table and bitmap differ at position %zu", position);
		listed -= pcpu_chunk_table[position] != NULL;
	}
	if (listed)
		find(f, "C3: lists and table differ by %d chunks", listed);
	if (pcpu_stats.nr_alloc - pcpu_stats.nr_dealloc != nr_alloc)
		find(f, "C4: %" PRIu64 " areas of all chunks counted as %" PRIu64, nr_alloc,
		     pcpu_stats.nr_alloc - pcpu_stats.nr_dealloc);
	if (empty != pcpu_nr_empty_pop_pages)
		find(f, "C1: %d empty populated pages in all, counted as %d", empty, pcpu_nr_empty_pop_pages);
}

void kmm_validate_percpu(void)
{
	char text[200];
	struct finding f = { text, sizeof(text), false };
	const struct pcpu_chunk *chunk;
	int slot;

	if (!pcpu_first_chunk)
		return;
	f.found = pcpu_modules_check(text, sizeof(text));
	kmm_lock(&pcpu_alloc_mutex);
	kmm_spin_lock(&pcpu_lock);
	check_lists(&f);
	for (slot = 0; slot < pcpu_nr_lists; slot++) {
		cds_list_for_each_entry(chunk, &pcpu_chunk_lists[slot], list)
			check_chunk(chunk, &f);
	}
	if (pcpu_reserved_chunk)
		check_chunk(pcpu_reserved_chunk, &f);
	kmm_spin_unlock(&pcpu_lock);
	kmm_unlock(&pcpu_alloc_mutex);
	if (f.found)
		kmm_report(KMM_REPORT_BUG, "BUG: percpu: %s\n", text);
}
