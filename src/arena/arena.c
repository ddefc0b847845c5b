/* SPDX-License-Identifier: MIT
 * arena.c - the reserved range: its size, its sections, and what is known of each page (the page array).
 *
 * Owns:       kmm_arena, the options mem= and transparent_hugepage=, the layout of the page map below.
 * Locks:      arena_lock guards nr_online and the growth of the committed part of the page map.
 * Lock-free:  readers look at nr_online with ACQUIRE and then at what lies below it.
 * Invariants: A1  pages [0, nr_online) are readable and writable until the arena ends
 *             A2  the base is aligned to the largest block, so a block of order n is aligned to 2^n pages
 *             A4  the parts of the page map that belong to pages [0, nr_online) are readable and writable
 * The page map is one reservation of its own: one struct page a frame, then one byte a pageblock. Both are committed
 * as the sections they describe come online, so a large limit costs address space only.
 * Source:     sparse_init() and online_pages(), mm/sparse.c and mm/memory_hotplug.c, Linux 6.1 (the idea of sections).
 */
#include "arena/arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "arch/arch.h"
#include "arena/memblock.h"
#include "arena/os.h"
#include "base/fork.h"
#include "base/lock.h"
#include "base/report.h"

#define ARENA_ALIGN (PAGE_SIZE << (MAX_ORDER - 1))

#if __SIZEOF_POINTER__ == 8
#define ADDRESS_SPACE_END (1UL << 47) /* lock-free words above keep 48 bits of a pointer */
#define ARENA_DEFAULT_MAX (ADDRESS_SPACE_END / 2)
#else
#define ADDRESS_SPACE_END UINTPTR_MAX
#define ARENA_DEFAULT_MAX (512UL << 20)
#endif

/* What to ask of the system about huge pages. */
enum huge_advice {
	HUGE_NEVER,   /* small pages: an idle library stays small, and given-back memory is really gone */
	HUGE_MADVISE, /* no advice: the system's own setting decides */
	HUGE_ALWAYS,  /* huge pages wherever the system can */
};

struct kmm_arena kmm_arena;

static struct kmm_lock arena_lock = KMM_LOCK_INIT(KMM_RANK_ARENA, "arena_lock");
static size_t option_mem; /* bytes, 0: not given */
static enum huge_advice option_huge = HUGE_NEVER;
static size_t map_size;   /* bytes reserved for the page map */
static size_t arena_size; /* bytes reserved for pages */

static int set_transparent_hugepage(const char *value, const struct kmm_param *param)
{
	static const char *const names[] = {
		[HUGE_NEVER] = "never", [HUGE_MADVISE] = "madvise", [HUGE_ALWAYS] = "always"
	};

	for (unsigned int i = 0; value && i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*(enum huge_advice *)param->target = (enum huge_advice)i;
			return 0;
		}
	}
	return -EINVAL;
}

const struct kmm_param arena_params[] = {
	{ .name = "mem",
	  .set = kmm_param_set_size,
	  .target = &option_mem,
	  .min = ARENA_MIN_SIZE,
	  .max = ADDRESS_SPACE_END - 1 },
	{ .name = "transparent_hugepage", .set = set_transparent_hugepage, .target = &option_huge },
	{ .name = NULL },
};

void arena_options_reset(void)
{
	option_mem = 0;
	option_huge = HUGE_NEVER;
}

static size_t flags_offset(unsigned long nr_pages)
{
	return ALIGN_UP((size_t)nr_pages * sizeof(struct page), os_page_size());
}

static size_t page_map_size(unsigned long nr_pages)
{
	return flags_offset(nr_pages) + ALIGN_UP((size_t)(nr_pages >> pageblock_order), os_page_size());
}

static void advise(void *addr, size_t size)
{
	/* A refusal means that the system has no huge pages to speak of. */
	if (option_huge != HUGE_MADVISE)
		os_advise_huge(addr, size, option_huge == HUGE_ALWAYS);
}

/* Reserves pages and page map for @limit bytes, or neither. */
static bool reserve(size_t limit)
{
	const unsigned long nr_pages = limit >> PAGE_SHIFT;
	char *base, *map;

	base = os_reserve(limit, ARENA_ALIGN);
	if (!base)
		return false;
	map = os_reserve(page_map_size(nr_pages), os_page_size());
	if (!map || (uintptr_t)base + limit > ADDRESS_SPACE_END) {
		if (map)
			os_release(map, page_map_size(nr_pages));
		os_release(base, limit);
		return false;
	}
	arena_size = limit;
	map_size = page_map_size(nr_pages);
	kmm_arena.base = base;
	kmm_arena.mem_map = (struct page *)(void *)map;
	kmm_arena.pageblock_flags = (unsigned char *)map + flags_offset(nr_pages);
	kmm_arena.nr_pages = nr_pages;
	return true;
}

/* Unmaps everything and forgets it. */
static void release(void)
{
	WRITE_ONCE(kmm_arena.nr_online, 0);
	if (kmm_arena.base) {
		os_release(kmm_arena.mem_map, map_size);
		os_release(kmm_arena.base, arena_size);
	}
	memset(&kmm_arena, 0, sizeof(kmm_arena));
	memblock_reset();
}

/* Makes [@start, @end) of the page map accessible, outwards to whole system pages; what is so already is not harmed. */
static int commit_map(void *start, void *end)
{
	char *first = (char *)ALIGN_DOWN((uintptr_t)start, (uintptr_t)os_page_size());
	char *last = (char *)ALIGN_UP((uintptr_t)end, (uintptr_t)os_page_size());

	return os_commit(first, (size_t)(last - first));
}

/* RELEASE: whoever sees the new frontier sees the mappings below it; pairs with arena_addr_to_page(). */
static void section_publish(unsigned long nr_online)
{
	smp_store_release(&kmm_arena.nr_online, nr_online);
}

static int section_online_locked(unsigned long *pfn, unsigned long *nr)
{
	const unsigned long start = kmm_arena.nr_online;
	const unsigned long nr_pages = min_of(PAGES_PER_SECTION, kmm_arena.nr_pages - start);
	unsigned char *flags = kmm_arena.pageblock_flags + (start >> pageblock_order);

	kmm_assert_held(&arena_lock);
	if (!nr_pages)
		return -ENOMEM;
	/* A part that was committed before a later step was refused is committed again by the next try. */
	if (commit_map(kmm_arena.mem_map + start, kmm_arena.mem_map + start + nr_pages) ||
	    commit_map(flags, flags + (nr_pages >> pageblock_order)) ||
	    os_commit(kmm_arena.base + (start << PAGE_SHIFT), nr_pages << PAGE_SHIFT))
		return -ENOMEM;
	section_publish(start + nr_pages);
	*pfn = start;
	*nr = nr_pages;
	return 0;
}

int arena_section_online(unsigned long *pfn, unsigned long *nr)
{
	int ret;

	kmm_lock(&arena_lock);
	ret = section_online_locked(pfn, nr);
	kmm_unlock(&arena_lock);
	return ret;
}

static const struct kmm_fork_handler fork_handler = { .rank = KMM_RANK_ARENA, .lock = &arena_lock };

/* A limit that somebody named: it is taken as it is or refused. */
static int reserve_explicit(size_t limit)
{
	if (limit < ARENA_MIN_SIZE) {
		kmm_report(KMM_REPORT_ERR, "kmm: arena: limit of %zu bytes is too small, the least is %lu\n", limit,
			   ARENA_MIN_SIZE);
		return -EINVAL;
	}
	limit = ALIGN_DOWN(limit, ARENA_MIN_SIZE);
	if (limit >= ADDRESS_SPACE_END || limit + ARENA_ALIGN + page_map_size(limit >> PAGE_SHIFT) < limit) {
		kmm_report(KMM_REPORT_ERR, "kmm: arena: limit of %zu bytes is larger than the address space\n", limit);
		return -EINVAL;
	}
	if (!reserve(limit)) {
		kmm_report(
			KMM_REPORT_ERR,
			"kmm: arena: the system refuses to reserve %zu bytes of address space, and %zu for the page map\n",
			limit, page_map_size(limit >> PAGE_SHIFT));
		return -ENOMEM;
	}
	return 0;
}

/* Nobody named a limit: as much as the machine has, or what the system lets us have. */
static int reserve_default(void)
{
	const size_t wanted = ALIGN_DOWN(min_of(os_memory_size(), (size_t)ARENA_DEFAULT_MAX), ARENA_MIN_SIZE);
	size_t limit = max_of(wanted, (size_t)ARENA_MIN_SIZE);

	while (!reserve(limit)) {
		if (limit == ARENA_MIN_SIZE) {
			kmm_report(KMM_REPORT_ERR,
				   "kmm: arena: the system refuses to reserve even %zu bytes of address space\n",
				   limit);
			return -ENOMEM;
		}
		limit = ALIGN_DOWN(limit / 2, ARENA_MIN_SIZE);
	}
	return 0;
}

static int bring_up(size_t limit)
{
	unsigned long pfn, nr;
	int ret;

	ret = limit ? reserve_explicit(limit) : reserve_default();
	if (ret)
		return ret;
	memblock_reset();
	advise(kmm_arena.base, arena_size);
	advise(kmm_arena.mem_map, map_size);
	ret = arena_section_online(&pfn, &nr);
	if (ret) {
		kmm_report(KMM_REPORT_ERR,
			   "kmm: arena: the system refuses the memory of the first section, %zu bytes\n",
			   min_of((size_t)SECTION_SIZE, arena_size));
		release();
	}
	return ret;
}

int arena_start(size_t limit)
{
	int ret;

	kmm_assert(!kmm_arena.base);
	ret = bring_up(limit ? limit : option_mem);
	arena_options_reset(); /* they were meant for this start */
	if (!ret)
		kmm_fork_register(&fork_handler);
	return ret;
}

void arena_stop(bool final)
{
	if (!kmm_arena.base)
		return;
	if (!final)
		release();
	else if (os_give_back(kmm_arena.mem_map, flags_offset(kmm_arena.nr_online)))
		memset(kmm_arena.mem_map, 0, kmm_arena.nr_online * sizeof(struct page));
}

size_t arena_give_back(unsigned long pfn, unsigned long nr_pages)
{
	const uintptr_t first = (uintptr_t)(kmm_arena.base + (pfn << PAGE_SHIFT));
	const uintptr_t start = ALIGN_UP(first, (uintptr_t)os_page_size());
	const uintptr_t end = ALIGN_DOWN(first + (nr_pages << PAGE_SHIFT), (uintptr_t)os_page_size());

	if (start >= end || os_give_back((void *)start, end - start))
		return 0;
	return end - start;
}

size_t arena_metadata_size(void)
{
	const unsigned long nr_online = smp_load_acquire(&kmm_arena.nr_online);

	return nr_online * sizeof(struct page) + (nr_online >> pageblock_order);
}
