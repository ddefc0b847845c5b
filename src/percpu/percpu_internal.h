/* SPDX-License-Identifier: MIT
 * percpu_internal.h - what the files of the per-CPU allocator share. Leaves this folder only for the room's own tests.
 *
 * Owns:   struct pcpu_map (areas of one chunk and what is known of them), struct pcpu_chunk, the layout of the slices.
 *
 *   slice of CPU 0            slice of CPU 1                     slices.base + (cpu << KMM_PCPU_SLICE_SHIFT)
 *   | chunk 0 | chunk 1 | ... | chunk 0 | chunk 1 | ...          chunk k: [k, k + 1) << pcpu_unit_shift of every slice
 *
 * Locks
 *   rank  lock              guards
 *   18    module_lock       objects with static variables: module.c
 *   20    pcpu_alloc_mutex  creation, destruction and (de)population of chunks: the frames, the mappings. Pages are
 *                           asked for under it, without __GFP_DIRECT_RECLAIM
 *   60    pcpu_lock         maps, hints, slots, the table of chunks. A spin: it is held for some tens of nanoseconds
 *                           by requests and frees. No page is asked for or freed under it, and no system call made
 *   The populated bitmap is written under both locks and so may be read under either.
 *
 * Invariants (proved by validate.c)
 *   A1  an allocated area starts at a set bit of bound_map, the bit behind its end is set, none between is
 *   H1  contig_hint is the length of the longest free run of a block (of the chunk: in chunk_md), contig_hint_start
 *       the start of a run of that length
 *   H2  left_free, right_free and first_free are exact; first_free is nr_bits where nothing is free
 *   H3  scan_hint is 0, or the length of a free run at scan_hint_start, not the contig run, such that no run that
 *       starts before it is longer
 *   C1  free_bytes counts the free bits; nr_empty_pop_pages the pages that are populated and wholly free; the sum over
 *       all chunks leaves out the reserved chunk and the isolated ones
 *   C2  a chunk is on the list of the slot of its contig_hint, or aside on list 0 after it disappointed a search, or
 *       isolated: on the list of those to be depopulated, then on that of the sidelined. The reserved chunk is on no list
 *   C3  the table of chunks and the bitmap of positions agree; bookkeeping of a position is mapped if it is in use
 *   C4  the counts of areas: of each chunk, and of all chunks together
 *   P1  a populated page of a chunk that is not immutable has one frame for every CPU; any other page has none
 *   P2  an allocated area lies in populated pages, but for the one area that the holder of pcpu_alloc_mutex populates
 *
 * Source: mm/percpu-internal.h and mm/percpu.c, Linux 6.1. Differs: the hints are exact, where the kernel's scan hint
 *         may hide a longer run and its chunk hint may miss a run that grew across a page; every chunk's map covers a
 *         whole unit, also those that share the first unit.
 */
#ifndef KMM_PERCPU_PERCPU_INTERNAL_H
#define KMM_PERCPU_PERCPU_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/mm.h>
#include <kmm/percpu.h>
#include <urcu/list.h>

#include "arena/arena.h"
#include "base/bitmap.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "base/spin.h"

/* The unit of allocation, bytes: one bit of the maps. */
#define PCPU_MIN_ALLOC_SHIFT 2
#define PCPU_MIN_ALLOC_SIZE (1 << PCPU_MIN_ALLOC_SHIFT)

/* A block of the maps is a page. */
#define PCPU_BITMAP_BLOCK_SIZE PAGE_SIZE
#define PCPU_BITMAP_BLOCK_BITS ((int)(PCPU_BITMAP_BLOCK_SIZE >> PCPU_MIN_ALLOC_SHIFT))

/* The smallest unit, bytes, and so the largest request. */
#define PCPU_MIN_UNIT_SIZE ((size_t)0x8000)

/* Sizes of 1 to 15 bytes share slot 1, and each power of two above has one. Slot 0 is for chunks with nothing free. */
#define PCPU_SLOT_BASE_SHIFT 5
/* A chunk in a slot below this that cannot serve a request is put aside on list 0. */
#define PCPU_SLOT_FAIL_THRESHOLD 3

/* How many populated pages without an allocation balancing keeps ready for atomic requests. */
#define PCPU_EMPTY_POP_PAGES_LOW 2
#define PCPU_EMPTY_POP_PAGES_HIGH 4
/* A chunk is depopulated when more than one in this many of its pages are populated for nothing. */
#define PCPU_EMPTY_POP_RECLAIM_THRESHOLD 4

/* The parts of the first chunk, bytes: the reserved part of every build; dynamic takes the rest of the unit, at least
 * what the caches of the object allocator need before there is a page allocator. */
#define PERCPU_MODULE_RESERVE ((size_t)0x2000)
#define PERCPU_DYNAMIC_EARLY_SIZE ((size_t)0x3000)

/* As many CPUs as a start allows at most. */
#define PCPU_MAX_CPUS 256

#define PCPU_SLICE_SIZE ((size_t)1 << KMM_PCPU_SLICE_SHIFT)
#define PCPU_MAX_CHUNKS (PCPU_SLICE_SIZE / PCPU_MIN_UNIT_SIZE)

_Static_assert(PCPU_BITMAP_BLOCK_SIZE == PAGE_SIZE, "an empty block is an empty page");
_Static_assert(PCPU_BITMAP_BLOCK_BITS % (8 * sizeof(long)) == 0, "a block starts at a word of the map");

/* What is known of the free runs of one block, or of a whole chunk. Offsets and lengths in bits, from its start. */
struct pcpu_block_md {
	int contig_hint;       /* longest free run */
	int contig_hint_start; /* undefined while contig_hint is 0 */
	int left_free;         /* free bits from the start on */
	int right_free;        /* free bits up to the end */
	int first_free;        /* first free bit */
	int scan_hint;         /* a run with nothing longer before it, 0 for none */
	int scan_hint_start;
	int nr_bits; /* constant */
};

/* The areas of one chunk. Pure data for block_hint.c; pcpu_lock guards it where it is part of a chunk. */
struct pcpu_map {
	unsigned long *alloc;          /* a bit set for each PCPU_MIN_ALLOC_SIZE bytes in use */
	unsigned long *bound;          /* a bit set where an area starts and where one ends; one bit more than alloc */
	unsigned long *populated;      /* a bit for each page */
	struct pcpu_block_md *blocks;  /* one for each page */
	struct pcpu_block_md chunk_md; /* of the whole */
	int nr_pages;                  /* constant */
	int free_bits;
	int nr_empty_pop_pages; /* populated and wholly free */
};

struct pcpu_chunk {
	struct cds_list_head list; /* of its slot, pcpu_lock */
	int slot;                  /* whose list it is on; -1 on none; pcpu_lock */
	bool immutable;            /* shares the first unit: never depopulated or destroyed */
	struct pcpu_map map;       /* pcpu_lock */
	size_t base_off;           /* bytes from the start of each slice; constant */
	size_t start_offset;       /* served bytes are [start_offset, end_offset) of the unit; constant */
	size_t end_offset;
	int nr_populated;     /* pages, pcpu_alloc_mutex */
	int nr_alloc;         /* areas, those that are no part of the unit not counted; pcpu_lock */
	int max_alloc_size;   /* the largest area ever, bytes; pcpu_lock */
	struct page **frames; /* by page: a chain over page->next of the frames of all CPUs, in the order of pcpu_units;
				 pcpu_alloc_mutex */
};

/* What ever happened, pcpu_lock. Bytes where it says size. */
struct pcpu_stats {
	uint64_t nr_alloc, nr_dealloc, nr_max_alloc; /* areas; the last: at once */
	unsigned int nr_chunks, nr_max_chunks;
	size_t min_alloc_size, max_alloc_size;
};

/* The CPUs whose units take memory from one node: pcpu_units[first] to pcpu_units[first + nr_units - 1]. */
struct pcpu_group {
	unsigned int node;
	unsigned int first, nr_units;
};

/* How the first chunk is cut, bytes. */
struct pcpu_alloc_info {
	size_t static_size;   /* of the objects' static variables, see module.h */
	size_t reserved_size; /* served by __alloc_reserved_percpu() only */
	size_t dyn_size;
	size_t unit_size; /* a power of two, at least PCPU_MIN_UNIT_SIZE */
};

extern struct kmm_lock pcpu_alloc_mutex;
extern struct kmm_spin pcpu_lock;

/* Set by pcpu_setup_first_chunk(), constant until the room stops. */
extern struct arena_range pcpu_slices;
extern unsigned int pcpu_unit_shift; /* log2 bytes */
extern int pcpu_unit_pages;
extern size_t pcpu_nr_positions;               /* chunks that a slice holds */
extern int pcpu_nr_slots;                      /* by size, with that of wholly free chunks, which is the last */
extern int pcpu_free_slot;                     /* wholly free chunks */
extern int pcpu_sidelined_slot;                /* isolated and depopulated: last resort before a free chunk */
extern int pcpu_to_depopulate_slot;            /* isolated, to be depopulated: not searched */
extern int pcpu_nr_lists;                      /* slots and side lists */
extern struct pcpu_alloc_info pcpu_unit_info;  /* as the first chunk was cut */
extern struct pcpu_chunk *pcpu_first_chunk;    /* its dynamic part; NULL: the room does not run */
extern struct pcpu_chunk *pcpu_reserved_chunk; /* its reserved part, or NULL */

#define PCPU_MAX_LISTS (KMM_PCPU_SLICE_SHIFT + 4)
extern struct cds_list_head pcpu_chunk_lists[PCPU_MAX_LISTS]; /* pcpu_lock */
extern unsigned int pcpu_lists_used;                          /* a bit for each list that is not empty; pcpu_lock */
extern struct pcpu_chunk *pcpu_chunk_table[PCPU_MAX_CHUNKS];  /* by position; pcpu_lock */
extern int pcpu_nr_empty_pop_pages;                           /* see C1; pcpu_lock */
extern struct pcpu_stats pcpu_stats;                          /* pcpu_lock */

/* unit_map.c: constant from pcpu_setup_groups() on. */
extern struct pcpu_group pcpu_groups[]; /* one for each node that has CPUs */
extern unsigned int pcpu_nr_groups;
extern unsigned short pcpu_units[]; /* the possible CPUs, group by group */

/* block_hint.c: no locks, no globals. Sizes and offsets in bits. */
void pcpu_map_init(struct pcpu_map *map);
bool pcpu_contig_fits(const struct pcpu_map *map, int bits, int align);
int pcpu_find_block_fit(const struct pcpu_map *map, int bits, int align, bool pop_only);
int pcpu_alloc_area(struct pcpu_map *map, int bits, int align, int start);
int pcpu_area_bits(const struct pcpu_map *map, int off);
void pcpu_free_area(struct pcpu_map *map, int off);
void pcpu_take_area(struct pcpu_map *map, int off, int bits);
void pcpu_map_populated(struct pcpu_map *map, int page_start, int page_end);
void pcpu_map_depopulated(struct pcpu_map *map, int page_start, int page_end);

/* Bits of a map for @size bytes, any. */
static inline int pcpu_size_to_bits(size_t size)
{
	return (int)((size + PCPU_MIN_ALLOC_SIZE - 1) >> PCPU_MIN_ALLOC_SHIFT);
}

/* Alignment in the map for @align bytes: less than the unit of allocation is the unit. */
static inline int pcpu_align_to_bits(size_t align)
{
	return align < PCPU_MIN_ALLOC_SIZE ? 1 : (int)(align >> PCPU_MIN_ALLOC_SHIFT);
}

static inline int pcpu_map_bits(const struct pcpu_map *map)
{
	return map->nr_pages * PCPU_BITMAP_BLOCK_BITS;
}

/* Populated, and no area in it. */
static inline bool pcpu_page_is_idle(const struct pcpu_map *map, int page)
{
	return bitmap_test(map->populated, (unsigned long)page) &&
	       map->blocks[page].contig_hint == PCPU_BITMAP_BLOCK_BITS;
}

/* chunk.c */
void pcpu_slots_init(size_t unit_size);
size_t pcpu_chunk_meta_size(int nr_pages);
void pcpu_chunk_isolate_locked(struct pcpu_chunk *chunk);
void pcpu_chunk_sideline_locked(struct pcpu_chunk *chunk);
void pcpu_chunk_reintegrate_locked(struct pcpu_chunk *chunk);
void pcpu_chunk_init(struct pcpu_chunk *chunk, size_t base_off, size_t start_offset, size_t end_offset);
void pcpu_chunk_move_locked(struct pcpu_chunk *chunk, int slot, bool to_front);
void pcpu_chunk_aside_locked(struct pcpu_chunk *chunk);
void pcpu_chunk_remove_locked(struct pcpu_chunk *chunk);
struct pcpu_chunk *pcpu_chunk_create(gfp_t gfp);
size_t pcpu_chunk_destroy(struct pcpu_chunk *chunk);
void pcpu_chunk_enter_first_locked(void);
void pcpu_chunks_reset(void);
bool pcpu_position_used(size_t position);

/* populate.c */
int pcpu_populate_pages(struct pcpu_chunk *chunk, int page_start, int page_end, gfp_t gfp);
struct page *pcpu_frame_of(const struct pcpu_chunk *chunk, int page_idx, unsigned int cpu);
int pcpu_depopulate_run(struct pcpu_chunk *chunk, int *below);
int pcpu_depopulate_idle(struct pcpu_chunk *chunk);

/* unit_map.c */
void pcpu_setup_groups(void);
void pcpu_bind_groups(void);

/* chunk_meta.c: where the bookkeeping of the chunk at a position is. pcpu_alloc_mutex; get returns zeros, or NULL. */
int pcpu_meta_start(void);
void pcpu_meta_stop(bool final);
struct pcpu_chunk *pcpu_meta_get(size_t position, gfp_t gfp);
size_t pcpu_meta_put(size_t position);

/* balance.c */
void pcpu_balance_schedule(void);
void pcpu_balance_owed(void);
void pcpu_note_atomic_failure(void);
void pcpu_balance_fork_child(void);
void pcpu_balance_reset(void);
void pcpu_balance_suspend_for_test(bool suspend);
void pcpu_balance_for_test(void);

/* first_chunk.c */
int pcpu_setup_first_chunk(const struct pcpu_alloc_info *info);
struct page *pcpu_first_frame(int page_idx, unsigned int cpu);

/* alloc.c: a new world warns anew; __alloc_reserved_percpu() with flags. */
void pcpu_warnings_reset(void);
void __percpu *pcpu_alloc_reserved(size_t size, size_t align, gfp_t gfp);

/* validate.c: NULL, or what is wrong. @why is a buffer of @size bytes for the text. */
const char *pcpu_map_check(const struct pcpu_map *map, char *why, size_t size);

/*
 * From the address of an instance in the unit that starts at @base to the per-CPU pointer and back, for per-CPU
 * variables whose own section starts at @section. In the slices the section is the slice of CPU 0, and both are
 * identities.
 */
static inline uintptr_t pcpu_addr_to_ptr(uintptr_t addr, uintptr_t base, uintptr_t section)
{
	return addr - base + section;
}

static inline uintptr_t pcpu_ptr_to_addr(uintptr_t ptr, uintptr_t base, uintptr_t section)
{
	return ptr - section + base;
}

/* Bytes from the start of the slices to @off of @chunk's unit of @cpu. */
static inline size_t pcpu_unit_off(const struct pcpu_chunk *chunk, unsigned int cpu, size_t off)
{
	return ((size_t)cpu << KMM_PCPU_SLICE_SHIFT) + chunk->base_off + off;
}

static inline size_t pcpu_unit_size(void)
{
	return (size_t)1 << pcpu_unit_shift;
}

static inline size_t pcpu_free_bytes(const struct pcpu_chunk *chunk)
{
	return (size_t)chunk->map.free_bits << PCPU_MIN_ALLOC_SHIFT;
}

static inline bool pcpu_chunk_is_free(const struct pcpu_chunk *chunk)
{
	return chunk->map.free_bits == pcpu_map_bits(&chunk->map);
}

/* The slot of chunks whose longest free run has @size bytes, were they not wholly free. */
static inline int pcpu_size_to_slot_raw(size_t size)
{
	return max_of(fls((unsigned int)size) - PCPU_SLOT_BASE_SHIFT + 2, 1);
}

static inline int pcpu_size_to_slot(size_t size)
{
	return size == pcpu_unit_size() ? pcpu_free_slot : pcpu_size_to_slot_raw(size);
}

/* The slot that the hints of @chunk call for. */
static inline int pcpu_chunk_slot(const struct pcpu_chunk *chunk)
{
	int bits = chunk->map.chunk_md.contig_hint;

	return bits ? pcpu_size_to_slot((size_t)bits << PCPU_MIN_ALLOC_SHIFT) : 0;
}

static inline bool pcpu_chunk_is_isolated(const struct pcpu_chunk *chunk)
{
	return chunk->slot > pcpu_free_slot;
}

/*
 * Moves @chunk to the slot that its hints call for: to the head of a higher one, where it is found first, to the tail
 * of a lower one, where it is found last. The reserved chunk is never in a slot, and an isolated one stays where it is.
 */
static inline void pcpu_chunk_relocate_locked(struct pcpu_chunk *chunk)
{
	int slot = pcpu_chunk_slot(chunk);

	if (unlikely(slot != chunk->slot) && chunk != pcpu_reserved_chunk && !pcpu_chunk_is_isolated(chunk))
		pcpu_chunk_move_locked(chunk, slot, chunk->slot < slot);
}

/* @chunk's count of empty populated pages went up by @delta. One in no slot does not count, see C1. */
static inline void pcpu_chunk_count_empty_locked(const struct pcpu_chunk *chunk, int delta)
{
	kmm_spin_assert_held(&pcpu_lock);
	if (unlikely(delta) && chunk->slot >= 0 && !pcpu_chunk_is_isolated(chunk))
		pcpu_nr_empty_pop_pages += delta;
}

/* Is more of @chunk populated for nothing than the others need? */
static inline bool pcpu_should_reclaim_locked(const struct pcpu_chunk *chunk)
{
	const int idle = chunk->map.nr_empty_pop_pages;

	kmm_spin_assert_held(&pcpu_lock);
	if (!idle || chunk->immutable)
		return false;
	return pcpu_chunk_is_isolated(chunk) || (pcpu_nr_empty_pop_pages > PCPU_EMPTY_POP_PAGES_HIGH + idle &&
						 idle >= chunk->map.nr_pages / PCPU_EMPTY_POP_RECLAIM_THRESHOLD);
}

/* The chunk that serves the byte at @off of the slices' first; NULL for none. */
static inline struct pcpu_chunk *pcpu_chunk_of_locked(size_t off)
{
	struct pcpu_chunk *chunk;

	kmm_spin_assert_held(&pcpu_lock);
	if (off >= PCPU_SLICE_SIZE)
		return NULL;
	chunk = pcpu_chunk_table[off >> pcpu_unit_shift];
	/* Two chunks share the first unit. */
	if (chunk == pcpu_first_chunk && pcpu_reserved_chunk && off < pcpu_first_chunk->start_offset)
		chunk = pcpu_reserved_chunk;
	if (!chunk || off - chunk->base_off < chunk->start_offset || off - chunk->base_off >= chunk->end_offset)
		return NULL;
	return chunk;
}

#endif /* KMM_PERCPU_PERCPU_INTERNAL_H */
