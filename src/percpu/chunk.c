/* SPDX-License-Identifier: MIT
 * chunk.c - chunks: their place in the slices, their life, and the slots in which they wait for requests.
 *
 * Owns:       pcpu_chunk_lists, pcpu_chunk_table and the positions in use.
 * Locks:      pcpu_lock guards lists and table; pcpu_alloc_mutex is held across creation and destruction.
 * Invariants: C2, C3 of percpu_internal.h.
 *
 * The maps and the struct of a chunk lie in one piece of memory: from memblock for the parts of the first chunk, from
 * chunk_meta.c for the others. Nothing here comes from kmalloc, which stands on top of this room (Linux 6.1 has that
 * upward edge in pcpu_mem_zalloc()).
 *
 * Source:     pcpu_size_to_slot(), pcpu_chunk_relocate(), pcpu_alloc_chunk(), pcpu_create_chunk(), mm/percpu.c and
 *             mm/percpu-vm.c, Linux 6.1. Differs: a chunk's place is an index into the slices, so that an address
 *             leads to its chunk by a shift and a look at a table.
 */
#include <string.h>

#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/bitmap.h"
#include "base/report.h"

struct kmm_lock pcpu_alloc_mutex = KMM_LOCK_INIT(KMM_RANK_PCPU_ALLOC, "pcpu_alloc_mutex");
struct kmm_spin pcpu_lock = KMM_SPIN_INIT(KMM_RANK_PCPU, "pcpu_lock");

unsigned int pcpu_unit_shift;
int pcpu_unit_pages;
size_t pcpu_nr_positions;
int pcpu_nr_slots;
int pcpu_free_slot;
int pcpu_sidelined_slot;
int pcpu_to_depopulate_slot;
int pcpu_nr_lists;
struct pcpu_chunk *pcpu_first_chunk;
struct pcpu_chunk *pcpu_reserved_chunk;
struct cds_list_head pcpu_chunk_lists[PCPU_MAX_LISTS];
int pcpu_nr_empty_pop_pages;
unsigned int pcpu_lists_used;
struct pcpu_stats pcpu_stats;
_Static_assert(PCPU_MAX_LISTS <= 32, "a bit for each list");

/* Untouched parts of these cost no memory: a process has few chunks. */
struct pcpu_chunk *pcpu_chunk_table[PCPU_MAX_CHUNKS];
static unsigned long pcpu_positions[BITS_TO_LONGS(PCPU_MAX_CHUNKS)];

/* The lists for units of @unit_size bytes: one for each slot, the last for wholly free chunks, and the side lists. */
void pcpu_slots_init(size_t unit_size)
{
	int i;

	pcpu_unit_shift = PAGE_SHIFT + get_order(unit_size);
	pcpu_unit_pages = (int)(unit_size >> PAGE_SHIFT);
	pcpu_nr_positions = PCPU_SLICE_SIZE >> pcpu_unit_shift;
	pcpu_nr_slots = pcpu_size_to_slot_raw(unit_size) + 2;
	pcpu_free_slot = pcpu_nr_slots - 1;
	pcpu_sidelined_slot = pcpu_free_slot + 1;
	pcpu_to_depopulate_slot = pcpu_free_slot + 2;
	pcpu_nr_lists = pcpu_free_slot + 3;
	for (i = 0; i < pcpu_nr_lists; i++)
		CDS_INIT_LIST_HEAD(&pcpu_chunk_lists[i]);
	pcpu_lists_used = 0;
	pcpu_nr_empty_pop_pages = 0;
	memset(&pcpu_stats, 0, sizeof(pcpu_stats));
}

static void chunk_unlink(struct pcpu_chunk *chunk)
{
	if (chunk->slot >= 0) {
		cds_list_del(&chunk->list);
		if (cds_list_empty(&pcpu_chunk_lists[chunk->slot]))
			pcpu_lists_used &= ~(1U << chunk->slot);
	}
	chunk->slot = -1;
}

void pcpu_chunk_move_locked(struct pcpu_chunk *chunk, int slot, bool to_front)
{
	kmm_spin_assert_held(&pcpu_lock);
	chunk_unlink(chunk);
	if (to_front)
		cds_list_add(&chunk->list, &pcpu_chunk_lists[slot]);
	else
		cds_list_add_tail(&chunk->list, &pcpu_chunk_lists[slot]);
	chunk->slot = slot;
	pcpu_lists_used |= 1U << slot;
}

/* @chunk has small holes and could not serve a small request: out of the way of the next one, until something in it is
 * freed. */
void pcpu_chunk_aside_locked(struct pcpu_chunk *chunk)
{
	pcpu_chunk_move_locked(chunk, 0, true);
}

/* @chunk has populated pages to spare: no request finds it until they were taken away. */
void pcpu_chunk_isolate_locked(struct pcpu_chunk *chunk)
{
	kmm_assert(!chunk->immutable);
	if (!pcpu_chunk_is_isolated(chunk))
		pcpu_nr_empty_pop_pages -= chunk->map.nr_empty_pop_pages;
	pcpu_chunk_move_locked(chunk, pcpu_to_depopulate_slot, true);
}

/* They were: it serves only when the chunks in the slots cannot, so that it may become free as a whole. */
void pcpu_chunk_sideline_locked(struct pcpu_chunk *chunk)
{
	kmm_assert(pcpu_chunk_is_isolated(chunk));
	pcpu_chunk_move_locked(chunk, pcpu_sidelined_slot, false);
}

/* An isolated chunk is needed after all. */
void pcpu_chunk_reintegrate_locked(struct pcpu_chunk *chunk)
{
	kmm_assert(pcpu_chunk_is_isolated(chunk));
	pcpu_chunk_move_locked(chunk, pcpu_chunk_slot(chunk), true);
	pcpu_nr_empty_pop_pages += chunk->map.nr_empty_pop_pages;
}

/* Nobody finds @chunk any more, by a request or by an address. */
void pcpu_chunk_remove_locked(struct pcpu_chunk *chunk)
{
	size_t position = chunk->base_off >> pcpu_unit_shift;

	kmm_spin_assert_held(&pcpu_lock);
	if (!pcpu_chunk_is_isolated(chunk))
		pcpu_nr_empty_pop_pages -= chunk->map.nr_empty_pop_pages;
	chunk_unlink(chunk);
	pcpu_chunk_table[position] = NULL;
	bitmap_clear(pcpu_positions, position, 1);
	pcpu_stats.nr_chunks--;
}

static void count_chunk_locked(void)
{
	pcpu_stats.nr_chunks++;
	pcpu_stats.nr_max_chunks = max_of(pcpu_stats.nr_max_chunks, pcpu_stats.nr_chunks);
}

/* Where the parts of a chunk's metadata start, bytes; each is a multiple of a long. */
struct meta_layout {
	size_t blocks, frames, populated, alloc, bound, size;
};

static struct meta_layout meta_layout(int nr_pages)
{
	size_t bits = (size_t)nr_pages * (size_t)PCPU_BITMAP_BLOCK_BITS;
	struct meta_layout l;

	l.blocks = ALIGN_UP(sizeof(struct pcpu_chunk), sizeof(long));
	l.frames = ALIGN_UP(l.blocks + (size_t)nr_pages * sizeof(struct pcpu_block_md), sizeof(long));
	l.populated = l.frames + (size_t)nr_pages * sizeof(struct page *);
	l.alloc = l.populated + BITS_TO_LONGS((size_t)nr_pages) * sizeof(long);
	l.bound = l.alloc + BITS_TO_LONGS(bits) * sizeof(long);
	l.size = l.bound + BITS_TO_LONGS(bits + 1) * sizeof(long);
	return l;
}

/* Bytes of a chunk's struct, maps and hints together. */
size_t pcpu_chunk_meta_size(int nr_pages)
{
	return meta_layout(nr_pages).size;
}

/*
 * Makes a chunk of pcpu_chunk_meta_size(pcpu_unit_pages) zeroed bytes: it serves [@start_offset, @end_offset) of the
 * unit at @base_off, all of it free and nothing populated. What it does not serve counts as taken.
 */
void pcpu_chunk_init(struct pcpu_chunk *chunk, size_t base_off, size_t start_offset, size_t end_offset)
{
	struct meta_layout l = meta_layout(pcpu_unit_pages);
	char *meta = (char *)chunk;
	int start = (int)(start_offset >> PCPU_MIN_ALLOC_SHIFT), end = (int)(end_offset >> PCPU_MIN_ALLOC_SHIFT);

	chunk->slot = -1;
	chunk->base_off = base_off;
	chunk->start_offset = start_offset;
	chunk->end_offset = end_offset;
	chunk->frames = (struct page **)(void *)(meta + l.frames);
	chunk->map.nr_pages = pcpu_unit_pages;
	chunk->map.blocks = (struct pcpu_block_md *)(void *)(meta + l.blocks);
	chunk->map.populated = (unsigned long *)(void *)(meta + l.populated);
	chunk->map.alloc = (unsigned long *)(void *)(meta + l.alloc);
	chunk->map.bound = (unsigned long *)(void *)(meta + l.bound);
	pcpu_map_init(&chunk->map);
	if (start > 0)
		pcpu_take_area(&chunk->map, 0, start);
	if (end < pcpu_map_bits(&chunk->map))
		pcpu_take_area(&chunk->map, end, pcpu_map_bits(&chunk->map) - end);
}

/* A chunk at the lowest free position, in its slot, nothing of it populated. NULL: no page, or the slices are full. */
struct pcpu_chunk *pcpu_chunk_create(gfp_t gfp)
{
	struct pcpu_chunk *chunk;
	size_t position;

	kmm_assert_held(&pcpu_alloc_mutex);
	position = find_first_zero_bit(pcpu_positions, pcpu_nr_positions);
	if (position >= pcpu_nr_positions)
		return NULL;
	chunk = pcpu_meta_get(position, gfp);
	if (!chunk)
		return NULL;
	pcpu_chunk_init(chunk, position << pcpu_unit_shift, 0, pcpu_unit_size());

	kmm_spin_lock(&pcpu_lock);
	pcpu_chunk_table[position] = chunk;
	bitmap_set(pcpu_positions, position, 1);
	pcpu_chunk_relocate_locked(chunk);
	count_chunk_locked();
	kmm_spin_unlock(&pcpu_lock);
	return chunk;
}

/* Ends a wholly free chunk that was removed from slot and table. Returns bytes given back. */
size_t pcpu_chunk_destroy(struct pcpu_chunk *chunk)
{
	size_t bytes;

	kmm_assert_held(&pcpu_alloc_mutex);
	kmm_assert(chunk->slot < 0 && pcpu_chunk_is_free(chunk));
	bytes = (size_t)pcpu_depopulate_idle(chunk) * kmm_nr_cpu_ids << PAGE_SHIFT;
	return bytes + pcpu_meta_put(chunk->base_off >> pcpu_unit_shift);
}

/* The first chunk is at position 0 from the start on. */
void pcpu_chunk_enter_first_locked(void)
{
	kmm_spin_assert_held(&pcpu_lock);
	pcpu_chunk_table[0] = pcpu_first_chunk;
	bitmap_set(pcpu_positions, 0, 1);
	pcpu_chunk_relocate_locked(pcpu_first_chunk);
	pcpu_chunk_count_empty_locked(pcpu_first_chunk, pcpu_first_chunk->map.nr_empty_pop_pages);
	count_chunk_locked();
}

/* Forgets all chunks: their memory goes with the arena. */
void pcpu_chunks_reset(void)
{
	unsigned long position;

	for (position = 0; position < PCPU_MAX_CHUNKS; position++) {
		position = find_next_bit(pcpu_positions, PCPU_MAX_CHUNKS, position);
		if (position < PCPU_MAX_CHUNKS)
			pcpu_chunk_table[position] = NULL;
	}
	memset(pcpu_positions, 0, sizeof(pcpu_positions));
	pcpu_first_chunk = NULL;
	pcpu_reserved_chunk = NULL;
}

bool pcpu_position_used(size_t position)
{
	return bitmap_test(pcpu_positions, position);
}
