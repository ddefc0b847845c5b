/* SPDX-License-Identifier: MIT
 * first_chunk.c - start and end of the room: the slices, and the first unit, which must exist before there are pages.
 *
 *   unit of the first chunk, in each slice at offset 0
 *   | static | reserved            | dynamic                                 | unused |
 *   0        static_size           static_size + reserved_size               ...      unit_size
 *            pcpu_reserved_chunk   pcpu_first_chunk
 *
 * Owns:       pcpu_slices and kmm_pcpu_base, the two chunks above, the room's fork handlers.
 * Locks:      none needed: one thread starts and ends the library. pcpu_lock is taken where functions ask for it.
 * Invariants: the first unit is populated as a whole, paid for through memblock, and stays so (immutable).
 * Source:     pcpu_setup_first_chunk(), pcpu_build_alloc_info(), mm/percpu.c, Linux 6.1. Differs: a CPU's unit lies at
 *             the same offset of its slice, so there is no unit map; the dynamic part takes all that the unit has left.
 */
#include <errno.h>

#include "percpu/module.h"
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "arena/memblock.h"
#include "base/bitmap.h"
#include "base/fork.h"
#include "base/report.h"

/* kmm_pcpu_base while there are no slices: no address of a program's is less than a slice behind it. */
#define PCPU_NO_BASE (0 - (uintptr_t)PCPU_SLICE_SIZE)

struct arena_range pcpu_slices;
uintptr_t kmm_pcpu_base = PCPU_NO_BASE; /* pcpu_slices.base, for the programs; RELAXED, see kmm_per_cpu_ptr_slow() */
static unsigned long first_charge;      /* which of memblock's charged pages is the first of the first unit's */
struct pcpu_alloc_info pcpu_unit_info;

/* The boot words of Linux about this room (percpu_alloc=) choose between layouts that do not exist here. */
const struct kmm_param percpu_params[] = { { .name = NULL } };

static const struct kmm_fork_handler fork_mutex = {
	.rank = KMM_RANK_PCPU_ALLOC,
	.lock = &pcpu_alloc_mutex,
	.reset_all = pcpu_balance_fork_child,
};
static void fork_lock_maps(void)
{
	kmm_spin_lock_same_rank(&pcpu_lock);
}

static void fork_unlock_maps(void)
{
	kmm_spin_unlock(&pcpu_lock);
}

static void fork_reset_maps(void)
{
	kmm_spin_reset(&pcpu_lock);
}

static const struct kmm_fork_handler fork_maps = {
	.rank = KMM_RANK_PCPU,
	.lock_all = fork_lock_maps,
	.unlock_all = fork_unlock_maps,
	.reset_all = fork_reset_maps,
};

/* A chunk that serves [@start, @end) of the first unit. */
static struct pcpu_chunk *alloc_first_chunk(size_t start, size_t end)
{
	struct pcpu_chunk *chunk = memblock_alloc(pcpu_chunk_meta_size(pcpu_unit_pages), 64);

	if (!chunk)
		return NULL;
	pcpu_chunk_init(chunk, 0, start, end);
	chunk->immutable = true;
	chunk->nr_populated = chunk->map.nr_pages;
	pcpu_map_populated(&chunk->map, 0, chunk->map.nr_pages);
	return chunk;
}

static int map_first_unit(const struct pcpu_alloc_info *info)
{
	unsigned int cpu;

	first_charge = memblock_nr_charged();
	if (memblock_charge((unsigned long)pcpu_unit_pages * kmm_nr_cpu_ids))
		return -ENOMEM;
	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		if (arena_range_map(&pcpu_slices, (size_t)cpu << KMM_PCPU_SLICE_SHIFT, info->unit_size))
			return -ENOMEM;
	}
	return 0;
}

/* The frame that pays for @page_idx of @cpu's first unit: memblock charged them CPU by CPU. After buddy_start(). */
struct page *pcpu_first_frame(int page_idx, unsigned int cpu)
{
	const unsigned long nr = (unsigned long)cpu * (unsigned long)pcpu_unit_pages + (unsigned long)page_idx;

	return arena_pfn_to_page(memblock_charged_pfn(first_charge + nr));
}

static bool info_is_sound(const struct pcpu_alloc_info *info)
{
	return is_power_of_2(info->unit_size) && info->unit_size >= PCPU_MIN_UNIT_SIZE &&
	       info->unit_size <= PCPU_SLICE_SIZE && info->dyn_size &&
	       IS_ALIGNED(info->reserved_size, (size_t)PCPU_MIN_ALLOC_SIZE) &&
	       info->static_size + info->reserved_size + info->dyn_size <= info->unit_size;
}

/*
 * Sets the room up with exactly the parts of @info; after arena_start(), kmm_nr_cpu_ids is set. 0, -EINVAL for parts
 * that do not fit, or -ENOMEM (reported).
 */
int pcpu_setup_first_chunk(const struct pcpu_alloc_info *info)
{
	/* What the static part wastes to end at a unit of allocation, the dynamic part does not get. */
	size_t reserved = ALIGN_UP(info->static_size, (size_t)PCPU_MIN_ALLOC_SIZE);
	size_t dyn = reserved + info->reserved_size;
	size_t end = ALIGN_DOWN(info->static_size + info->reserved_size + info->dyn_size, (size_t)PCPU_MIN_ALLOC_SIZE);

	if (!info_is_sound(info) || dyn >= end)
		return -EINVAL;
	if (arena_range_reserve(&pcpu_slices, (size_t)kmm_nr_cpu_ids << KMM_PCPU_SLICE_SHIFT, PAGE_SIZE,
				"per-CPU memory"))
		return -ENOMEM;
	WRITE_ONCE(kmm_pcpu_base, (uintptr_t)pcpu_slices.base);
	pcpu_slots_init(info->unit_size);
	pcpu_warnings_reset();
	pcpu_balance_reset();
	pcpu_unit_info = *info;
	pcpu_setup_groups();
	pcpu_bind_groups();
	if (pcpu_meta_start() || map_first_unit(info))
		goto fail;
	if (info->reserved_size) {
		pcpu_reserved_chunk = alloc_first_chunk(reserved, dyn);
		if (!pcpu_reserved_chunk)
			goto fail;
	}
	pcpu_first_chunk = alloc_first_chunk(dyn, end);
	if (!pcpu_first_chunk)
		goto fail;
	kmm_spin_lock(&pcpu_lock);
	pcpu_chunk_enter_first_locked();
	kmm_spin_unlock(&pcpu_lock);
	kmm_fork_register(&fork_mutex);
	kmm_fork_register(&fork_maps);
	return 0;

fail:
	kmm_report(KMM_REPORT_ERR,
		   "percpu: no memory for the first chunk, %zu bytes for each of %u CPUs (%zu of static variables)\n",
		   info->unit_size, kmm_nr_cpu_ids, info->static_size);
	percpu_stop(false);
	return -ENOMEM;
}

int percpu_start(void)
{
	struct pcpu_alloc_info info = { .static_size = pcpu_modules_layout(), .reserved_size = PERCPU_MODULE_RESERVE };
	size_t fixed = info.static_size + info.reserved_size;
	int err;

	if (fixed + PERCPU_DYNAMIC_EARLY_SIZE > PCPU_SLICE_SIZE) {
		kmm_report(KMM_REPORT_ERR, "percpu: %zu bytes of static variables: a CPU has %zu bytes in all\n",
			   info.static_size, PCPU_SLICE_SIZE);
		pcpu_modules_stop();
		return -ENOMEM;
	}
	info.unit_size = PCPU_MIN_UNIT_SIZE;
	while (info.unit_size < fixed + PERCPU_DYNAMIC_EARLY_SIZE)
		info.unit_size *= 2;
	info.dyn_size = info.unit_size - fixed;
	err = pcpu_setup_first_chunk(&info);
	if (!err)
		pcpu_modules_fill();
	return err;
}

/* Takes the memory of every populated page, but not the right to read it. */
static void empty_slices(void)
{
	size_t position, off;
	unsigned int cpu;
	int page;

	for (position = 0; position < pcpu_nr_positions; position++) {
		const struct pcpu_chunk *chunk = pcpu_chunk_table[position];

		for (page = 0; chunk && page < chunk->map.nr_pages; page++) {
			if (!bitmap_test(chunk->map.populated, (unsigned long)page))
				continue;
			for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
				off = pcpu_unit_off(chunk, cpu, (size_t)page << PAGE_SHIFT);
				arena_range_unmap(&pcpu_slices, off, PAGE_SIZE, true);
			}
		}
	}
}

void percpu_stop(bool final)
{
	if (final) {
		empty_slices();
	} else {
		pcpu_modules_stop();
		WRITE_ONCE(kmm_pcpu_base, PCPU_NO_BASE);
		arena_range_release(&pcpu_slices);
	}
	pcpu_chunks_reset();
	pcpu_meta_stop(final);
	pcpu_nr_empty_pop_pages = 0;
}

bool percpu_is_dynamic(const void *ptr)
{
	return pcpu_slices.base && (uintptr_t)ptr - (uintptr_t)pcpu_slices.base < PCPU_SLICE_SIZE;
}
