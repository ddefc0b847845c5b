/* SPDX-License-Identifier: MIT
 * pagealloc_debug.c - debug_pagealloc=: the memory of free pages cannot be accessed; a use after free faults.
 *
 * Owns:       the access to the memory of all pages that were handed to the allocator, and a byte for each that says what it
 *             is.
 * Locks:      access_lock (rank 85), with the system calls under it: zone->lock may be held, where a zone grows.
 * Invariants: D1  a page in use is accessible; so is one that ever was part of a slab: SLUB's lock-free fast path may still
 *                 look at it, when it reads the next pointer of an object whose slab was freed meanwhile
 *             D2  access changes by whole pages of the system; a free block that is smaller stays accessible
 *             D3  nr_edges is the number of places where access changes. Each may cost the system a mapping, of which a
 *                 process has a limited number (65530), so there are never more than MAX_EDGES: free pages beyond that
 *                 stay accessible
 * Source:     debug_pagealloc_map_pages(), debug_pagealloc_unmap_pages(), include/linux/mm.h, Linux 6.1. Differs: D1, D3.
 */
#include <errno.h>
#include <string.h>

#include "arena/os.h"
#include "base/fork.h"
#include "base/report.h"
#include "buddy/prep_hooks.h"

#define MAX_EDGES 16384

enum access {
	ACCESS_OPEN,
	ACCESS_CLOSED,
	ACCESS_KEPT, /* open for ever, see D1 */
};

static struct kmm_lock access_lock = KMM_LOCK_INIT(KMM_RANK_ACCESS, "access_lock");
static struct {
	unsigned char *access;  /* enum access, of each page of the arena; NULL: the option is off */
	size_t size;            /* bytes reserved for it */
	unsigned long nr_edges; /* see D3 */
	bool told;              /* that D3 leaves pages accessible */
} pages;

static const struct kmm_fork_handler access_fork_handler = { .rank = KMM_RANK_ACCESS, .lock = &access_lock };

static bool is_closed(unsigned long pfn)
{
	return pfn < kmm_arena.nr_pages && pages.access[pfn] == ACCESS_CLOSED;
}

/* Places between the page before @pfn and the one at @end where access changes. */
static unsigned long count_edges(unsigned long pfn, unsigned long end)
{
	bool before = pfn && is_closed(pfn - 1);
	unsigned long nr = 0;

	for (; pfn <= end; pfn++) {
		nr += is_closed(pfn) != before;
		before = is_closed(pfn);
	}
	return nr;
}

static void note_access(unsigned long pfn, unsigned long end, enum access access)
{
	const unsigned long before = count_edges(pfn, end);

	for (unsigned long i = pfn; i < end; i++)
		if (pages.access[i] != ACCESS_KEPT)
			pages.access[i] = (unsigned char)access;
	pages.nr_edges += count_edges(pfn, end) - before;
}

/* D3: a change in the middle of a run makes two more. */
static bool room_for_edges(void)
{
	if (likely(pages.nr_edges + 2 <= MAX_EDGES))
		return true;
	if (!pages.told)
		kmm_report(KMM_REPORT_WARN,
			   "debug_pagealloc: free memory is so scattered that a part stays accessible\n");
	pages.told = true;
	return false;
}

static void *address_of(unsigned long pfn)
{
	return kmm_arena.base + (pfn << PAGE_SHIFT);
}

static bool open_range(unsigned long pfn, unsigned long end)
{
	if (os_commit(address_of(pfn), (end - pfn) << PAGE_SHIFT))
		return false;
	note_access(pfn, end, ACCESS_OPEN);
	return true;
}

/* Pages in the middle of others without access make two mappings more, which may be too many. All up to the next page in use
 * make one less. */
static bool open_whole_run(unsigned long pfn, unsigned long end)
{
	while (pfn && is_closed(pfn - 1))
		pfn--;
	while (is_closed(end))
		end++;
	return open_range(pfn, end);
}

bool debug_pagealloc_map_pages(const struct page *page, unsigned long nr_pages)
{
	const unsigned long unit = max_of(os_page_size() >> PAGE_SHIFT, 1UL);
	const unsigned long pfn = ALIGN_DOWN(arena_page_to_pfn(page), unit);
	const unsigned long end = ALIGN_UP(arena_page_to_pfn(page) + nr_pages, unit);
	bool ok = true;

	kmm_lock(&access_lock);
	if (memchr(pages.access + pfn, ACCESS_CLOSED, end - pfn))
		ok = (room_for_edges() && open_range(pfn, end)) || open_whole_run(pfn, end);
	kmm_unlock(&access_lock);
	return ok;
}

/* D3, and the whole pages of the system among them. */
static void close_run(unsigned long pfn, unsigned long end)
{
	const unsigned long unit = max_of(os_page_size() >> PAGE_SHIFT, 1UL);

	kmm_assert_held(&access_lock);
	pfn = ALIGN_UP(pfn, unit);
	end = ALIGN_DOWN(end, unit);
	/* A refusal does no harm: the pages stay as they are. */
	if (pfn < end && room_for_edges() && !os_protect(address_of(pfn), (end - pfn) << PAGE_SHIFT))
		note_access(pfn, end, ACCESS_CLOSED);
}

void debug_pagealloc_unmap_pages(const struct page *page, unsigned long nr_pages)
{
	const unsigned long end = arena_page_to_pfn(page) + nr_pages;

	kmm_lock(&access_lock);
	/* Runs of pages between those that are kept open. */
	for (unsigned long pfn = arena_page_to_pfn(page); pfn < end; pfn++) {
		const unsigned long start = pfn;

		while (pfn < end && pages.access[pfn] != ACCESS_KEPT)
			pfn++;
		close_run(start, pfn);
	}
	kmm_unlock(&access_lock);
}

void buddy_note_slab(const struct page *page, unsigned int order)
{
	if (likely(!pages.access))
		return;
	kmm_lock(&access_lock);
	memset(pages.access + arena_page_to_pfn(page), ACCESS_KEPT, 1UL << order);
	kmm_unlock(&access_lock);
}

int debug_pagealloc_start(void)
{
	pages.size = ALIGN_UP((size_t)kmm_arena.nr_pages, os_page_size());
	pages.access = os_reserve(pages.size, os_page_size());
	if (pages.access && os_commit(pages.access, pages.size)) {
		os_release(pages.access, pages.size);
		pages.access = NULL;
	}
	pages.nr_edges = 0;
	pages.told = false;
	kmm_fork_register(&access_fork_handler);
	return pages.access ? 0 : -ENOMEM;
}

void debug_pagealloc_stop(void)
{
	if (!pages.access)
		return;
	kmm_lock(&access_lock);
	for (unsigned long pfn = 0; pages.nr_edges; pfn++) {
		unsigned long end = pfn;

		while (is_closed(end))
			end++;
		/* Where memory may not become writable any more, it can be read at least. */
		if (end > pfn && !open_range(pfn, end)) {
			os_make_readable(address_of(pfn), (end - pfn) << PAGE_SHIFT);
			note_access(pfn, end, ACCESS_OPEN);
		}
		pfn = end;
	}
	kmm_unlock(&access_lock);
	os_release(pages.access, pages.size);
	pages.access = NULL;
}
