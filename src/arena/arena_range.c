/* SPDX-License-Identifier: MIT
 * arena_range.c - charged ranges: address space beside the arena whose pages are paid for with frames of the arena.
 *
 * Owns:       the one routine that maps a page of such a range and the one that takes it away.
 * Locks:      none: a piece belongs to the caller that maps or unmaps it.
 * Invariants: R1  a piece that is not mapped holds no memory, or reads as zeros where it must stay readable
 *             R2  so a mapped piece starts as zeros
 *             Where the system's page is larger than ours, a system page that is only partly covered is made accessible
 *             as a whole and never taken away; it is cleared instead, so R1 and R2 hold.
 */
#include <errno.h>
#include <string.h>

#include "arena/arena.h"
#include "arena/os.h"
#include "base/report.h"

int arena_range_reserve(struct arena_range *range, size_t size, size_t align, const char *what)
{
	size = ALIGN_UP(size, os_page_size());
	range->base = os_reserve(size, align);
	if (!range->base) {
		range->size = 0;
		kmm_report(KMM_REPORT_ERR, "kmm: arena: cannot reserve %zu bytes of address space for %s\n", size,
			   what);
		return -ENOMEM;
	}
	range->size = size;
	return 0;
}

int arena_range_map(const struct arena_range *range, size_t off, size_t size)
{
	const size_t start = ALIGN_DOWN(off, os_page_size());
	const size_t end = ALIGN_UP(off + size, os_page_size());
	const size_t inner = min_of(ALIGN_UP(off, os_page_size()), end);
	const size_t inner_end = max_of(ALIGN_DOWN(off + size, os_page_size()), inner);

	kmm_assert(end <= range->size);
	if (os_commit(range->base + start, end - start) == 0)
		return 0;
	/* The system may have stopped half way. What stays accessible is empty (R1), and the next try maps it again. */
	if (inner_end > inner)
		os_decommit(range->base + inner, inner_end - inner);
	return -ENOMEM;
}

void arena_range_unmap(const struct arena_range *range, size_t off, size_t size, bool keep_readable)
{
	const size_t end = off + size;
	const size_t inner = min_of(ALIGN_UP(off, os_page_size()), end);
	const size_t inner_end = max_of(ALIGN_DOWN(end, os_page_size()), inner);
	char *const addr = range->base + inner;
	const size_t len = inner_end - inner;

	kmm_assert(end <= range->size);
	/* In order of preference: no access, no memory, only zeros. */
	if (len && (keep_readable || os_decommit(addr, len)) && os_give_back(addr, len))
		memset(addr, 0, len);
	if (os_page_size() > PAGE_SIZE) {
		memset(range->base + off, 0, inner - off);
		memset(range->base + inner_end, 0, end - inner_end);
	}
}

void arena_range_release(struct arena_range *range)
{
	if (range->base)
		os_release(range->base, range->size);
	range->base = NULL;
	range->size = 0;
}
