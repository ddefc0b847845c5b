/* SPDX-License-Identifier: MIT
 * text_stats.c - per-CPU memory, chunk by chunk, in the format of /sys/kernel/debug/percpu_stats.
 *
 * Owns:   kmm_percpu_stats().
 * Locks:  pcpu_alloc_mutex while numbers are collected, so that no chunk comes or goes; pcpu_lock while the numbers of all
 *         chunks together, and then those of each, are copied. Nothing is written under them: a FILE may call its owner,
 *         who may call the library. Pages to collect in are asked for before, and freed after.
 * Rules:  numbers of one chunk belong to one moment, chunks do not.
 * Source: percpu_stats_show(), chunk_map_stats(), mm/percpu-stats.c, Linux 6.1. Differs: the median is found by halving the
 *         range of sizes, not by sorting; a chunk stands where it was at the first look, under what it was at the second.
 */
#include <errno.h>
#include <string.h>

#include <kmm/stats.h>

#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/boot.h"
#include "base/report.h"

#define RULE "----------------------------------------\n"

/* The pieces of a chunk, up to its last area. Bytes. */
struct piece_sizes {
	int sum_frag, max_frag; /* free runs */
	int min_alloc, med_alloc, max_alloc;
};

/* What is written of one chunk. Bytes, but for the counts and first_bit. */
struct chunk_stats {
	const struct pcpu_chunk *chunk;
	const char *title;
	int nr_alloc, max_alloc_size, empty_pop_pages, first_bit, contig_bytes;
	size_t free_bytes;
	struct piece_sizes pieces;
};

/* What is written. All zeros when the library has ended. */
struct percpu_stats {
	struct pcpu_alloc_info info;
	size_t atom_size; /* what chunks grow by, bytes */
	struct pcpu_stats all;
	int empty_pop_pages;
	unsigned int nr, room; /* of chunks; room is what there is memory for */
	struct chunk_stats *chunks;
};

/* A copy of the maps of one chunk; bits in front of start and from end on are not the chunk's. */
struct map_copy {
	unsigned long *alloc, *bound;
	int start, end;
};

static size_t map_bytes(void)
{
	return pcpu_unit_size() / PCPU_MIN_ALLOC_SIZE / 8;
}

static size_t chunks_bytes(const struct percpu_stats *stats)
{
	return stats->room * sizeof(stats->chunks[0]);
}

/* Bits of the area, or, negative, of the free run, that starts at @pos; 0 when no area is at @pos or behind it. */
static int piece_at(const struct map_copy *map, int pos)
{
	const unsigned long size = (unsigned long)map->end, from = (unsigned long)pos;
	unsigned long next;

	if (pos < map->end && bitmap_test(map->alloc, from))
		return (int)(find_next_bit(map->bound, size, from + 1) - from);
	next = find_next_bit(map->alloc, size, from);
	return next < size ? -(int)(next - from) : 0;
}

/* The same, and moves *@pos behind it. */
static int next_piece(const struct map_copy *map, int *pos)
{
	int bits = piece_at(map, *pos);

	*pos += bits < 0 ? -bits : bits;
	return bits;
}

static int nr_areas_up_to(const struct map_copy *map, int max_bits)
{
	int pos = map->start, bits, nr = 0;

	while ((bits = next_piece(map, &pos)))
		nr += bits > 0 && bits <= max_bits;
	return nr;
}

/* Bits of the median of @nr areas that have @min to @max bits: of the smaller of two in the middle. */
static int median(const struct map_copy *map, int nr, int min, int max)
{
	while (min < max) {
		int mid = min + (max - min) / 2;

		if (nr_areas_up_to(map, mid) > (nr - 1) / 2)
			max = mid;
		else
			min = mid + 1;
	}
	return min;
}

static struct piece_sizes measure(const struct map_copy *map)
{
	int pos = map->start, bits, sum = 0, widest = 0, nr = 0, min = 0, max = 0;

	while ((bits = next_piece(map, &pos))) {
		if (bits < 0) {
			sum -= bits;
			widest = max_of(widest, -bits);
		} else {
			min = nr ? min_of(min, bits) : bits;
			max = max_of(max, bits);
			nr++;
		}
	}
	return (struct piece_sizes){
		.sum_frag = sum * PCPU_MIN_ALLOC_SIZE,
		.max_frag = widest * PCPU_MIN_ALLOC_SIZE,
		.min_alloc = min * PCPU_MIN_ALLOC_SIZE,
		.med_alloc = median(map, nr, min, max) * PCPU_MIN_ALLOC_SIZE,
		.max_alloc = max * PCPU_MIN_ALLOC_SIZE,
	};
}

static const char *title_of(const struct pcpu_chunk *chunk)
{
	kmm_spin_assert_held(&pcpu_lock);
	if (chunk == pcpu_reserved_chunk)
		return "Chunk: <- Reserved Chunk";
	if (chunk == pcpu_first_chunk)
		return "Chunk: <- First Chunk";
	if (chunk->slot == pcpu_to_depopulate_slot)
		return "Chunk (to_depopulate)";
	if (chunk->slot == pcpu_sidelined_slot)
		return "Chunk (sidelined):";
	return "Chunk:";
}

static void copy_chunk(struct chunk_stats *stats, struct map_copy *map)
{
	const struct pcpu_chunk *chunk = stats->chunk;

	map->start = (int)(chunk->start_offset >> PCPU_MIN_ALLOC_SHIFT);
	map->end = (int)(chunk->end_offset >> PCPU_MIN_ALLOC_SHIFT);
	kmm_spin_lock(&pcpu_lock);
	stats->title = title_of(chunk);
	stats->nr_alloc = chunk->nr_alloc;
	stats->max_alloc_size = chunk->max_alloc_size;
	stats->empty_pop_pages = chunk->map.nr_empty_pop_pages;
	stats->first_bit = chunk->map.chunk_md.first_free;
	stats->contig_bytes = chunk->map.chunk_md.contig_hint * PCPU_MIN_ALLOC_SIZE;
	stats->free_bytes = pcpu_free_bytes(chunk);
	/* The one bit that bound_map has more is an end in any case. */
	memcpy(map->alloc, chunk->map.alloc, map_bytes());
	memcpy(map->bound, chunk->map.bound, map_bytes());
	kmm_spin_unlock(&pcpu_lock);
}

/* The chunks in the order of their text. */
static void list_chunks_locked(struct percpu_stats *stats)
{
	const struct pcpu_chunk *chunk;
	int list;

	kmm_spin_assert_held(&pcpu_lock);
	if (pcpu_reserved_chunk)
		stats->chunks[stats->nr++].chunk = pcpu_reserved_chunk;
	for (list = 0; list < pcpu_nr_lists; list++) {
		cds_list_for_each_entry(chunk, &pcpu_chunk_lists[list], list)
			stats->chunks[stats->nr++].chunk = chunk;
	}
	kmm_assert(stats->nr <= stats->room);
}

static unsigned int nr_chunks_locked(void)
{
	return pcpu_stats.nr_chunks + (pcpu_reserved_chunk != NULL);
}

static unsigned int nr_chunks(void)
{
	unsigned int nr;

	kmm_spin_lock(&pcpu_lock);
	nr = nr_chunks_locked();
	kmm_spin_unlock(&pcpu_lock);
	return nr;
}

/* What holds for all chunks together, and which they are. False: there is no room for that many. */
static bool copy_all(struct percpu_stats *stats)
{
	bool fits;

	kmm_assert_held(&pcpu_alloc_mutex);
	kmm_spin_lock(&pcpu_lock);
	fits = nr_chunks_locked() <= stats->room;
	if (fits) {
		stats->all = pcpu_stats;
		stats->empty_pop_pages = pcpu_nr_empty_pop_pages;
		list_chunks_locked(stats);
	}
	kmm_spin_unlock(&pcpu_lock);
	return fits;
}

static bool try_collect(struct percpu_stats *stats, struct map_copy *map)
{
	unsigned int i;
	bool fits;

	kmm_lock(&pcpu_alloc_mutex);
	fits = copy_all(stats);
	for (i = 0; fits && i < stats->nr; i++) {
		copy_chunk(&stats->chunks[i], map);
		stats->chunks[i].pieces = measure(map);
	}
	kmm_unlock(&pcpu_alloc_mutex);
	return fits;
}

/* Fills @stats, whose chunks the caller frees. 0, or -ENOMEM. */
static int collect_chunks(struct percpu_stats *stats, struct map_copy *map)
{
	for (;;) {
		stats->room = nr_chunks();
		stats->chunks = alloc_pages_exact(chunks_bytes(stats), GFP_KERNEL | __GFP_NOWARN);
		if (!stats->chunks)
			return -ENOMEM;
		if (try_collect(stats, map))
			return 0;
		/* Chunks were created meanwhile. */
		free_pages_exact(stats->chunks, chunks_bytes(stats));
	}
}

static int collect(struct percpu_stats *stats)
{
	struct map_copy map;
	int err;

	stats->info = pcpu_unit_info;
	stats->atom_size = PAGE_SIZE;
	map.alloc = alloc_pages_exact(2 * map_bytes(), GFP_KERNEL | __GFP_NOWARN);
	if (!map.alloc)
		return -ENOMEM;
	map.bound = map.alloc + map_bytes() / sizeof(long);
	err = collect_chunks(stats, &map);
	free_pages_exact(map.alloc, 2 * map_bytes());
	return err;
}

static void put(FILE *file, const char *name, unsigned long long value)
{
	fprintf(file, "  %-20s: %12llu\n", name, value);
}

/* The same of a count or of bytes of one chunk, none of which is negative. */
static void put_int(FILE *file, const char *name, int value)
{
	put(file, name, (unsigned int)value);
}

static void show_info(FILE *file, const struct percpu_stats *stats)
{
	fputs("Percpu Memory Statistics\nAllocation Info:\n" RULE, file);
	put(file, "unit_size", stats->info.unit_size);
	put(file, "static_size", stats->info.static_size);
	put(file, "reserved_size", stats->info.reserved_size);
	put(file, "dyn_size", stats->info.dyn_size);
	put(file, "atom_size", stats->atom_size);
	put(file, "alloc_size", stats->info.unit_size);
	fputc('\n', file);
}

static void show_all(FILE *file, const struct percpu_stats *stats)
{
	fputs("Global Stats:\n" RULE, file);
	put(file, "nr_alloc", stats->all.nr_alloc);
	put(file, "nr_dealloc", stats->all.nr_dealloc);
	put(file, "nr_cur_alloc", stats->all.nr_alloc - stats->all.nr_dealloc);
	put(file, "nr_max_alloc", stats->all.nr_max_alloc);
	put(file, "nr_chunks", stats->all.nr_chunks);
	put(file, "nr_max_chunks", stats->all.nr_max_chunks);
	put(file, "min_alloc_size", stats->all.min_alloc_size);
	put(file, "max_alloc_size", stats->all.max_alloc_size);
	put_int(file, "empty_pop_pages", stats->empty_pop_pages);
	fputc('\n', file);
}

static void show_chunk(FILE *file, const struct chunk_stats *stats)
{
	fprintf(file, "%s\n", stats->title);
	put_int(file, "nr_alloc", stats->nr_alloc);
	put_int(file, "max_alloc_size", stats->max_alloc_size);
	put_int(file, "empty_pop_pages", stats->empty_pop_pages);
	put_int(file, "first_bit", stats->first_bit);
	put(file, "free_bytes", stats->free_bytes);
	put_int(file, "contig_bytes", stats->contig_bytes);
	put_int(file, "sum_frag", stats->pieces.sum_frag);
	put_int(file, "max_frag", stats->pieces.max_frag);
	put_int(file, "cur_min_alloc", stats->pieces.min_alloc);
	put_int(file, "cur_med_alloc", stats->pieces.med_alloc);
	put_int(file, "cur_max_alloc", stats->pieces.max_alloc);
	fputc('\n', file);
}

KMM_API int kmm_percpu_stats(FILE *file)
{
	struct percpu_stats stats = { .nr = 0 };
	unsigned int i;

	/* A library that has ended has no chunks. */
	if (kmm_boot_ensure()) {
		int err = collect(&stats);

		if (err)
			return err;
	}
	show_info(file, &stats);
	show_all(file, &stats);
	fputs("Per Chunk Stats:\n" RULE, file);
	for (i = 0; i < stats.nr; i++)
		show_chunk(file, &stats.chunks[i]);
	free_pages_exact(stats.chunks, chunks_bytes(&stats));
	return ferror(file) ? -EIO : 0;
}
