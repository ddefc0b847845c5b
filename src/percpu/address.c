/* SPDX-License-Identifier: MIT
 * address.c - what an address in the slices is: whose instance, and paid for by which frame.
 *
 * Owns:   nothing.
 * Locks:  pcpu_lock for the look at a chunk. Who holds an area keeps its pages populated.
 * Source: __is_kernel_percpu_address(), per_cpu_ptr_to_phys(), mm/percpu.c; __is_module_percpu_address(),
 *         kernel/module/main.c, Linux 6.1.
 */
#include "percpu/module.h"
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/report.h"

/* A byte of the slices: @off of the slice of @cpu. */
struct pcpu_place {
	unsigned int cpu;
	size_t off;
};

static bool place_of(uintptr_t addr, struct pcpu_place *place)
{
	const uintptr_t off = addr - (uintptr_t)pcpu_slices.base;

	if (!pcpu_slices.base || off >= pcpu_slices.size)
		return false;
	place->cpu = (unsigned int)(off >> KMM_PCPU_SLICE_SHIFT);
	place->off = off & (PCPU_SLICE_SIZE - 1);
	return true;
}

/* The address in the instance of CPU 0, which is the per-CPU pointer of what is at @addr. */
static unsigned long canonical(uintptr_t addr, const struct pcpu_place *place)
{
	const uintptr_t section = (uintptr_t)pcpu_slices.base;

	return pcpu_addr_to_ptr(addr, section + ((uintptr_t)place->cpu << KMM_PCPU_SLICE_SHIFT), section);
}

bool __is_kernel_percpu_address(unsigned long addr, unsigned long *can_addr)
{
	struct pcpu_place place;

	if (!place_of(addr, &place) || place.off >= pcpu_unit_info.static_size)
		return false;
	if (can_addr)
		*can_addr = canonical(addr, &place);
	return true;
}

bool is_kernel_percpu_address(unsigned long addr)
{
	return __is_kernel_percpu_address(addr, NULL);
}

bool __is_module_percpu_address(unsigned long addr, unsigned long *can_addr)
{
	struct pcpu_place place;

	if (!place_of(addr, &place) || !pcpu_module_owns(place.off))
		return false;
	if (can_addr)
		*can_addr = canonical(addr, &place);
	return true;
}

bool is_module_percpu_address(unsigned long addr)
{
	return __is_module_percpu_address(addr, NULL);
}

/* NULL when the page at @place has no memory. */
static struct page *frame_of(const struct pcpu_place *place)
{
	const size_t position = place->off >> pcpu_unit_shift;
	const int page_idx = (int)((place->off & (pcpu_unit_size() - 1)) >> PAGE_SHIFT);
	const struct pcpu_chunk *chunk;
	struct page *page = NULL;

	/* The first unit holds the static part, too, which no chunk serves. */
	if (!position)
		return pcpu_first_frame(page_idx, place->cpu);
	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_of_locked(place->off);
	if (chunk && bitmap_test(chunk->map.populated, (unsigned long)page_idx))
		page = pcpu_frame_of(chunk, page_idx, place->cpu);
	kmm_spin_unlock(&pcpu_lock);
	return page;
}

static struct page *page_of(const volatile void *addr)
{
	struct pcpu_place place;

	/* After the end, or before it is known what pays, there are no frames. */
	if (!pcpu_first_chunk || !place_of((uintptr_t)addr, &place))
		return NULL;
	return frame_of(&place);
}

struct page *kmm_per_cpu_ptr_to_page(const volatile void *addr)
{
	struct page *page = page_of(addr);

	KMM_WARN(!page, "%p is not in per-CPU memory", (const void *)addr);
	return page;
}

phys_addr_t per_cpu_ptr_to_phys(const volatile void *addr)
{
	const struct page *page = page_of(addr);

	if (KMM_WARN(!page, "%p is not in per-CPU memory", (const void *)addr))
		return 0;
	return (phys_addr_t)page_to_pfn(page) << PAGE_SHIFT | ((uintptr_t)addr & (PAGE_SIZE - 1));
}
