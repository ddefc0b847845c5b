/* SPDX-License-Identifier: MIT
 * memblock.c - the boot allocator: bytes from the start of the pages that are online first, upwards.
 *
 * Owns:       the cursor below, and the PG_reserved pages under it.
 * Locks:      none: one thread, during the start only.
 * Invariants: M1  used <= size of those pages; charged frames fit in the rest of it
 *             M2  memory above the cursor was never written, so it is zero
 * Source:     mm/memblock.c, Linux 6.1 (the idea; one region is enough here).
 */
#include "arena/memblock.h"

#include <errno.h>

#include "arena/arena.h"
#include "base/compiler.h"
#include "base/report.h"

static struct {
	size_t used;              /* bytes handed out, alignment gaps included */
	unsigned long nr_charged; /* pages: frames that pay for pages elsewhere; they follow the used bytes */
	bool closed;              /* the buddy has taken over */
} memblock;

static size_t memblock_size(void)
{
	return kmm_arena.nr_boot << PAGE_SHIFT;
}

static unsigned long memblock_nr_pages(size_t used, unsigned long nr_charged)
{
	return ((used + PAGE_SIZE - 1) >> PAGE_SHIFT) + nr_charged;
}

static bool memblock_fits(size_t used, unsigned long nr_charged)
{
	return used <= memblock_size() && nr_charged <= kmm_arena.nr_boot &&
	       memblock_nr_pages(used, nr_charged) <= kmm_arena.nr_boot;
}

void *memblock_alloc(size_t size, size_t align)
{
	const size_t start = ALIGN_UP(memblock.used, align);

	if (memblock.closed || !size || start < memblock.used || start > memblock_size() ||
	    size > memblock_size() - start || !memblock_fits(start + size, memblock.nr_charged))
		return NULL;
	memblock.used = start + size;
	return kmm_arena.base + (kmm_arena.boot_pfn << PAGE_SHIFT) + start;
}

int memblock_charge(unsigned long nr_pages)
{
	if (memblock.closed || nr_pages > kmm_arena.nr_boot ||
	    !memblock_fits(memblock.used, memblock.nr_charged + nr_pages))
		return -ENOMEM;
	memblock.nr_charged += nr_pages;
	return 0;
}

unsigned long memblock_nr_charged(void)
{
	return memblock.nr_charged;
}

unsigned long memblock_charged_pfn(unsigned long nr)
{
	kmm_assert(memblock.closed && nr < memblock.nr_charged);
	return kmm_arena.boot_pfn + memblock_nr_pages(memblock.used, nr);
}

unsigned long memblock_free_all(void)
{
	const unsigned long end = kmm_arena.boot_pfn + memblock_nr_pages(memblock.used, memblock.nr_charged);

	for (unsigned long pfn = kmm_arena.boot_pfn; pfn < end; pfn++) {
		struct page *page = arena_pfn_to_page(pfn);

		page_flag_set(page, PG_reserved);
		page->refcount = 1; /* never dropped */
	}
	memblock.closed = true;
	return end;
}

void memblock_reset(void)
{
	memblock.used = 0;
	memblock.nr_charged = 0;
	memblock.closed = false;
}
