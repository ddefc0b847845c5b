/* SPDX-License-Identifier: MIT
 * alloc.c - a request for per-CPU memory and its return: find an area, populate its pages, zero it for every CPU.
 *
 * Owns:       the order of those steps; the warnings.
 * Locks:      pcpu_lock alone for a request that populated pages can serve, and for a free. Only what has to populate or to
 *             create a chunk takes pcpu_alloc_mutex around the whole of it; an atomic request fails instead.
 * Invariants: P2 of percpu_internal.h: between taking an area and populating it the mutex is held.
 *             A request that fails leaves chunks and pages as they were.
 * Source:     pcpu_alloc(), free_percpu(), mm/percpu.c, Linux 6.1. Differs: a bad pointer is reported and left alone;
 *             atomic is any gfp that lacks a bit of GFP_KERNEL, where later releases of 6.1 ask for
 *             __GFP_DIRECT_RECLAIM only; a request that may wait looks at populated pages first, without the mutex.
 */
#include <string.h>

#include "percpu/module.h"
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/bitmap.h"
#include "base/boot.h"
#include "base/race.h"
#include "base/report.h"
#include "buddy/buddy.h"

#define PCPU_WARN_LIMIT 10

static int warnings_left = PCPU_WARN_LIMIT; /* pcpu_alloc_mutex */

void pcpu_warnings_reset(void)
{
	warnings_left = PCPU_WARN_LIMIT;
}

struct pcpu_request {
	size_t size, align; /* as asked, bytes */
	int bits, bit_align;
	gfp_t gfp; /* for the pages behind it */
	bool reserved, atomic;
};

/* An area found: all that is needed to hand it out or to give it back. */
struct pcpu_area {
	struct pcpu_chunk *chunk;
	int off; /* bits */
};

static void note_alloc_locked(struct pcpu_chunk *chunk, int bits)
{
	const size_t size = (size_t)bits << PCPU_MIN_ALLOC_SHIFT;

	chunk->nr_alloc++;
	chunk->max_alloc_size = max_of(chunk->max_alloc_size, (int)size);
	pcpu_stats.nr_alloc++;
	pcpu_stats.nr_max_alloc = max_of(pcpu_stats.nr_max_alloc, pcpu_stats.nr_alloc - pcpu_stats.nr_dealloc);
	if (unlikely(size < pcpu_stats.min_alloc_size || !pcpu_stats.min_alloc_size))
		pcpu_stats.min_alloc_size = size;
	if (unlikely(size > pcpu_stats.max_alloc_size))
		pcpu_stats.max_alloc_size = size;
}

static bool take_from_chunk_locked(struct pcpu_chunk *chunk, const struct pcpu_request *req, bool pop_only,
				   struct pcpu_area *area)
{
	int start = pcpu_find_block_fit(&chunk->map, req->bits, req->bit_align, pop_only), empty;

	if (start < 0)
		return false;
	empty = chunk->map.nr_empty_pop_pages;
	area->off = pcpu_alloc_area(&chunk->map, req->bits, req->bit_align, start);
	kmm_assert(area->off >= 0);
	if (area->off < 0)
		return false;
	area->chunk = chunk;
	pcpu_chunk_count_empty_locked(chunk, chunk->map.nr_empty_pop_pages - empty);
	pcpu_chunk_relocate_locked(chunk);
	note_alloc_locked(chunk, req->bits);
	return true;
}

static void give_back_locked(struct pcpu_chunk *chunk, int off)
{
	int empty = chunk->map.nr_empty_pop_pages;

	pcpu_free_area(&chunk->map, off);
	pcpu_chunk_count_empty_locked(chunk, chunk->map.nr_empty_pop_pages - empty);
	pcpu_chunk_relocate_locked(chunk);
	chunk->nr_alloc--;
	pcpu_stats.nr_dealloc++;
}

static bool take_from_list_locked(int list, const struct pcpu_request *req, bool pop_only, struct pcpu_area *area)
{
	struct pcpu_chunk *chunk, *next;

	cds_list_for_each_entry_safe(chunk, next, &pcpu_chunk_lists[list], list) {
		if (take_from_chunk_locked(chunk, req, pop_only, area))
			return true;
		/* It may only lack populated pages. */
		if (list < PCPU_SLOT_FAIL_THRESHOLD && !pcpu_contig_fits(&chunk->map, req->bits, req->bit_align))
			pcpu_chunk_aside_locked(chunk);
	}
	return false;
}

/* Walks the slots up from the one of the request's size; chunks that were sidelined only before one that is wholly free. */
static bool take_from_slots_locked(const struct pcpu_request *req, bool pop_only, struct pcpu_area *area)
{
	int first = pcpu_size_to_slot((size_t)req->bits << PCPU_MIN_ALLOC_SHIFT), slot;
	unsigned int slots = pcpu_lists_used & ((1U << pcpu_free_slot) - 1) & ~((1U << first) - 1);

	for (; slots; slots &= slots - 1) {
		slot = __builtin_ctz(slots);
		if (take_from_list_locked(slot, req, pop_only, area))
			return true;
	}
	if (take_from_list_locked(pcpu_sidelined_slot, req, pop_only, area)) {
		pcpu_chunk_reintegrate_locked(area->chunk);
		return true;
	}
	return take_from_list_locked(pcpu_free_slot, req, pop_only, area);
}

/* @pop_only: nothing has to be populated for it, and the mutex need not be held. */
static bool take_area(const struct pcpu_request *req, bool pop_only, struct pcpu_area *area)
{
	bool found, few_idle;

	kmm_spin_lock(&pcpu_lock);
	if (req->reserved && pcpu_reserved_chunk)
		found = take_from_chunk_locked(pcpu_reserved_chunk, req, pop_only, area);
	else
		found = take_from_slots_locked(req, pop_only, area);
	few_idle = pcpu_nr_empty_pop_pages < PCPU_EMPTY_POP_PAGES_LOW;
	kmm_spin_unlock(&pcpu_lock);
	if (unlikely(found && few_idle))
		pcpu_balance_schedule();
	return found;
}

/* NULL with *@area set, or why there is none. */
static const char *find_area(const struct pcpu_request *req, struct pcpu_area *area)
{
	for (;;) {
		if (take_area(req, false, area))
			return NULL;
		if (req->reserved && pcpu_reserved_chunk)
			return "alloc from reserved chunk failed";
		/* A new chunk serves any request; no other thread can take it away while the mutex is held, because
		 * nothing in it is populated yet. */
		if (!pcpu_chunk_create(req->gfp))
			return "failed to allocate new chunk";
		KMM_RACE_POINT("percpu: chunk created");
	}
}

/* Undoes find_area(), and the chunk too if it was made for the request: nothing else can be in it. */
static void undo_area(const struct pcpu_area *area)
{
	struct pcpu_chunk *chunk = area->chunk;
	bool unused;

	kmm_spin_lock(&pcpu_lock);
	give_back_locked(chunk, area->off);
	unused = !chunk->immutable && !chunk->nr_populated && pcpu_chunk_is_free(chunk);
	if (unused)
		pcpu_chunk_remove_locked(chunk);
	kmm_spin_unlock(&pcpu_lock);
	if (unused)
		pcpu_chunk_destroy(chunk);
}

static const char *populate_area(const struct pcpu_request *req, const struct pcpu_area *area)
{
	int first = area->off / PCPU_BITMAP_BLOCK_BITS, last = (area->off + req->bits - 1) / PCPU_BITMAP_BLOCK_BITS;

	if (likely(find_next_zero_bit(area->chunk->map.populated, (unsigned long)last + 1, (unsigned long)first) >
		   (unsigned long)last))
		return NULL;
	if (pcpu_populate_pages(area->chunk, first, last + 1, req->gfp)) {
		undo_area(area);
		return "failed to populate";
	}
	return NULL;
}

static void warn_failed(const struct pcpu_request *req, const char *why)
{
	if (!warnings_left)
		return;
	kmm_report(KMM_REPORT_WARN, "percpu: allocation failed, size=%zu align=%zu atomic=%d, %s\n", req->size,
		   req->align, req->atomic, why);
	if (!--warnings_left)
		kmm_report(KMM_REPORT_INFO, "percpu: limit reached, disable warning\n");
}

static bool request_init(struct pcpu_request *req, size_t size, size_t align, gfp_t gfp)
{
	req->size = size;
	req->align = align;
	if (!size || size > PCPU_MIN_UNIT_SIZE || align > PAGE_SIZE)
		return false;
	/* As in the kernel, what is less than the unit of allocation need not be a power of two. */
	if (align >= PCPU_MIN_ALLOC_SIZE && !is_power_of_2(align))
		return false;
	req->bits = pcpu_size_to_bits(size);
	req->bit_align = pcpu_align_to_bits(align);
	/* Under pcpu_alloc_mutex nobody waits for memory, lest a shrinker run there; failure is reported here. */
	req->gfp = (gfp & (GFP_KERNEL | __GFP_NORETRY) & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN;
	req->atomic = (gfp & GFP_KERNEL) != GFP_KERNEL;
	return true;
}

/* For what no populated page could serve: NULL with *@area set, or why there is none. */
static const char *alloc_slow(const struct pcpu_request *req, bool may_warn, struct pcpu_area *area)
{
	const char *why;

	kmm_lock(&pcpu_alloc_mutex);
	why = find_area(req, area);
	KMM_RACE_POINT("percpu: area found");
	if (!why)
		why = populate_area(req, area);
	if (why && may_warn)
		warn_failed(req, why);
	kmm_unlock(&pcpu_alloc_mutex);
	return why;
}

/* Zeroes the area for every CPU. */
static void clear_area(const struct pcpu_area *area, size_t size)
{
	char *base = pcpu_slices.base + pcpu_unit_off(area->chunk, 0, (size_t)area->off << PCPU_MIN_ALLOC_SHIFT);
	unsigned int cpu;

	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++, base += PCPU_SLICE_SIZE)
		memset(base, 0, size);
}

static void __percpu *pcpu_alloc(size_t size, size_t align, bool reserved, gfp_t gfp)
{
	struct pcpu_request req = { .reserved = reserved };
	struct pcpu_area area;

	if (!kmm_boot_ensure())
		return NULL;
	gfp = current_gfp_context(gfp);
	if (unlikely(!request_init(&req, size, align, gfp))) {
		KMM_WARN(!(gfp & __GFP_NOWARN), "illegal size (%zu) or align (%zu) for percpu allocation", size, align);
		return NULL;
	}

	if (unlikely(!take_area(&req, true, &area))) {
		if (req.atomic) {
			pcpu_note_atomic_failure();
			return NULL;
		}
		/* It may give back just what this request lacks. */
		pcpu_balance_owed();
		if (alloc_slow(&req, !(gfp & __GFP_NOWARN), &area))
			return NULL;
	}
	if (!req.atomic)
		pcpu_balance_owed();
	KMM_RACE_POINT("percpu: area not cleared");
	clear_area(&area, (size_t)req.bits << PCPU_MIN_ALLOC_SHIFT);
	return pcpu_slices.base + pcpu_unit_off(area.chunk, 0, (size_t)area.off << PCPU_MIN_ALLOC_SHIFT);
}

void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	return pcpu_alloc(size, align, false, gfp);
}

void __percpu *__alloc_percpu(size_t size, size_t align)
{
	return pcpu_alloc(size, align, false, GFP_KERNEL);
}

void __percpu *pcpu_alloc_reserved(size_t size, size_t align, gfp_t gfp)
{
	return pcpu_alloc(size, align, true, gfp);
}

void __percpu *__alloc_reserved_percpu(size_t size, size_t align)
{
	return pcpu_alloc(size, align, true, GFP_KERNEL);
}

/* Is it time to balance, now that something in @chunk was freed? */
static bool wants_balance_locked(struct pcpu_chunk *chunk)
{
	/* More than one wholly free chunk. One that is isolated is in the hands of the balance. */
	if (chunk->slot == pcpu_free_slot)
		return chunk->list.next != chunk->list.prev;
	/* The balance comes there already. */
	if (chunk->slot == pcpu_to_depopulate_slot)
		return false;
	if (likely(!chunk->map.nr_empty_pop_pages) || !pcpu_should_reclaim_locked(chunk))
		return false;
	pcpu_chunk_isolate_locked(chunk);
	return true;
}

/* Gives the area at @off bytes of the first slice back, or says why it is none. */
static const char *free_off(size_t off)
{
	struct pcpu_chunk *chunk;
	const char *why = NULL;
	bool balance = false;
	unsigned long bit;

	if (unlikely(READ_ONCE(pcpu_nr_late)) && pcpu_module_owns(off))
		return "static variables of a loaded object, not a dynamic per-CPU pointer";
	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_of_locked(off);
	bit = chunk ? (off - chunk->base_off) >> PCPU_MIN_ALLOC_SHIFT : 0;
	if (!chunk)
		why = "not a dynamic per-CPU pointer";
	else if (!bitmap_test(chunk->map.alloc, bit))
		why = "not allocated, or freed already";
	else if (off % PCPU_MIN_ALLOC_SIZE || !bitmap_test(chunk->map.bound, bit))
		why = "not the start of an area";
	else {
		give_back_locked(chunk, (int)bit);
		balance = wants_balance_locked(chunk);
	}
	kmm_spin_unlock(&pcpu_lock);
	KMM_RACE_POINT("percpu: balance not scheduled");
	if (unlikely(balance))
		pcpu_balance_schedule();
	return why;
}

void free_percpu(void __percpu *ptr)
{
	const char *why;

	if (!ptr)
		return;
	/* Off the slices, the difference is larger than any of them. */
	why = pcpu_slices.base ? free_off((uintptr_t)ptr - (uintptr_t)pcpu_slices.base) :
				 "not a dynamic per-CPU pointer";
	/* After the end there are no areas, and frees are ignored. */
	if (unlikely(why) && kmm_boot_state() != KMM_DEAD)
		kmm_report(KMM_REPORT_WARN, "WARNING: free_percpu: invalid pointer %p: %s\n", ptr, why);
}
