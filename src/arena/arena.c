/* SPDX-License-Identifier: MIT
 * arena.c - the reserved range: its size, its sections, and what is known of each page (the page array).
 *
 * Owns:       kmm_arena, the options mem=, mem_max= and transparent_hugepage=, the layout of the page map below.
 * Locks:      arena_lock guards nr_online and the change of a pageblock between offline and online.
 * Lock-free:  readers look at the pageblock's word with ACQUIRE and then at its pages.
 * Invariants: A1, A2 of arena.h
 *             A4  the page map is readable; the parts that belong to online pageblocks are writable
 * The page map is one reservation of its own: one struct page a frame, then 16 bits a pageblock. It is readable from the
 * start, where the system shows its page of zeros, and becomes writable as the pageblocks it describes come online: so a
 * large limit costs address space only, and any pfn may be looked up.
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
	HUGE_INUSE,   /* huge pages in pageblocks that are in use */
};

struct kmm_arena kmm_arena;

static struct kmm_lock arena_lock = KMM_LOCK_INIT(KMM_RANK_ARENA, "arena_lock");
static size_t option_mem;     /* bytes, 0: not given */
static size_t option_mem_max; /* bytes, 0: not given */
static enum huge_advice option_huge = HUGE_NEVER;
static size_t map_size;   /* bytes reserved for the page map */
static size_t arena_size; /* bytes reserved for pages */

static int set_transparent_hugepage(const char *value, const struct kmm_param *param)
{
	static const char *const names[] = {
		[HUGE_NEVER] = "never", [HUGE_MADVISE] = "madvise", [HUGE_ALWAYS] = "always", [HUGE_INUSE] = "inuse"
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
	{ .name = "mem_max",
	  .set = kmm_param_set_size,
	  .target = &option_mem_max,
	  .min = ARENA_MIN_SIZE,
	  .max = ADDRESS_SPACE_END - 1 },
	{ .name = "transparent_hugepage", .set = set_transparent_hugepage, .target = &option_huge },
	{ .name = NULL },
};

void arena_options_reset(void)
{
	option_mem = 0;
	option_mem_max = 0;
	option_huge = HUGE_NEVER;
}

static size_t flags_offset(unsigned long nr_pages)
{
	return ALIGN_UP((size_t)nr_pages * sizeof(struct page), os_page_size());
}

static size_t page_map_size(unsigned long nr_pages)
{
	return flags_offset(nr_pages) + ALIGN_UP((nr_pages >> pageblock_order) * sizeof(short), os_page_size());
}

static void advise(void *addr, size_t size)
{
	/* A refusal means that the system has no huge pages to speak of. */
	if (option_huge != HUGE_MADVISE)
		os_advise_huge(addr, size, option_huge == HUGE_ALWAYS);
}

/* Reserves pages and page map for @size bytes, or neither. */
static bool reserve_both(size_t size)
{
	const size_t map_bytes = page_map_size(size >> PAGE_SHIFT);
	char *base, *map;

	base = os_reserve(size, ARENA_ALIGN);
	if (!base)
		return false;
	map = os_reserve(map_bytes, os_page_size());
	if (!map || os_make_readable(map, map_bytes) || (uintptr_t)base + size > ADDRESS_SPACE_END) {
		if (map)
			os_release(map, map_bytes);
		os_release(base, size);
		return false;
	}
	arena_size = size;
	map_size = map_bytes;
	kmm_arena.base = base;
	kmm_arena.mem_map = (struct page *)(void *)map;
	kmm_arena.pageblock_flags = (unsigned short *)(void *)(map + flags_offset(size >> PAGE_SHIFT));
	kmm_arena.nr_pages = size >> PAGE_SHIFT;
	return true;
}

/* Reserves @limit bytes, and room for mem_max= where that is more. */
static bool reserve(size_t limit)
{
	if (!reserve_both(max_of(limit, ALIGN_DOWN(option_mem_max, ARENA_MIN_SIZE))))
		return false;
	kmm_arena.nr_limit = limit >> PAGE_SHIFT;
	return true;
}

/* Unmaps everything and forgets it. */
static void release(void)
{
	if (kmm_arena.base) {
		arena_in_use_stop();
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

static int commit_words(unsigned long pfn, unsigned long nr_pages)
{
	unsigned short *words = kmm_arena.pageblock_flags + (pfn >> pageblock_order);

	return commit_map(words, words + (nr_pages >> pageblock_order));
}

/* RELEASE: whoever sees a pageblock online sees its mapping; pairs with arena_pfn_online(). */
static void publish(unsigned long pfn, unsigned long nr_pages, unsigned int flags)
{
	for (unsigned long block = pfn >> pageblock_order; block < (pfn + nr_pages) >> pageblock_order; block++)
		smp_store_release(&kmm_arena.pageblock_flags[block], (unsigned short)flags);
}

static int online_locked(unsigned long pfn, unsigned long nr_pages, unsigned int zone)
{
	kmm_assert_held(&arena_lock);
	/* A part that was committed before a later step was refused is committed again by the next try. */
	if (commit_map(kmm_arena.mem_map + pfn, kmm_arena.mem_map + pfn + nr_pages) || commit_words(pfn, nr_pages) ||
	    os_commit(kmm_arena.base + (pfn << PAGE_SHIFT), nr_pages << PAGE_SHIFT))
		return -ENOMEM;
	publish(pfn, nr_pages, PAGEBLOCK_ONLINE | zone << PAGEBLOCK_ZONE_SHIFT);
	WRITE_ONCE(kmm_arena.nr_online, kmm_arena.nr_online + nr_pages);
	return 0;
}

static bool whole_pageblocks(unsigned long pfn, unsigned long nr_pages)
{
	return nr_pages && !((pfn | nr_pages) & (pageblock_nr_pages - 1)) && pfn + nr_pages <= kmm_arena.nr_pages;
}

int arena_online(unsigned long pfn, unsigned long nr_pages, unsigned int zone)
{
	int ret;

	kmm_assert(whole_pageblocks(pfn, nr_pages));
	kmm_lock(&arena_lock);
	ret = online_locked(pfn, nr_pages, zone);
	kmm_unlock(&arena_lock);
	return ret;
}

void arena_offline(unsigned long pfn, unsigned long nr_pages)
{
	kmm_assert(whole_pageblocks(pfn, nr_pages));
	kmm_lock(&arena_lock);
	publish(pfn, nr_pages, PAGEBLOCK_REMOVED);
	WRITE_ONCE(kmm_arena.nr_online, kmm_arena.nr_online - nr_pages);
	/* Locked memory, say, is refused. Then by hand: who brings the pages online again relies on zeros. */
	if (arena_give_back(pfn, nr_pages) != nr_pages << PAGE_SHIFT)
		memset(kmm_arena.base + (pfn << PAGE_SHIFT), 0, nr_pages << PAGE_SHIFT);
	/* By hand first: the ends of the range may share a page of the system with their neighbours. */
	memset(kmm_arena.mem_map + pfn, 0, nr_pages * sizeof(struct page));
	arena_give_back_map(pfn, nr_pages);
	for (unsigned long block = pfn; block < pfn + nr_pages; block += pageblock_nr_pages)
		arena_block_unused(block);
	kmm_unlock(&arena_lock);
}

int arena_remove(unsigned long pfn, unsigned long nr_pages)
{
	int ret;

	kmm_assert(whole_pageblocks(pfn, nr_pages));
	kmm_lock(&arena_lock);
	ret = commit_words(pfn, nr_pages);
	if (!ret)
		publish(pfn, nr_pages, PAGEBLOCK_REMOVED);
	kmm_unlock(&arena_lock);
	return ret;
}

void arena_readmit(unsigned long pfn, unsigned long nr_pages)
{
	kmm_assert(whole_pageblocks(pfn, nr_pages));
	kmm_lock(&arena_lock);
	publish(pfn, nr_pages, 0);
	kmm_unlock(&arena_lock);
}

unsigned long arena_next_online(unsigned long pfn)
{
	while (pfn < kmm_arena.nr_pages && !arena_pfn_online(pfn))
		pfn = ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages;
	return min_of(pfn, kmm_arena.nr_pages);
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

static unsigned long wanted_boot_pfn; /* for one start */

void arena_set_boot_pfn(unsigned long pfn)
{
	wanted_boot_pfn = ALIGN_DOWN(pfn, pageblock_nr_pages);
}

/* The memory that memblock hands out from: as much as a section has, as far as the limit goes. */
static int bring_up_boot_pages(void)
{
	const unsigned long half = ALIGN_DOWN(kmm_arena.nr_limit / 2, pageblock_nr_pages);
	const unsigned long pfn = min_of(wanted_boot_pfn, half);
	const unsigned long end = min_of(pfn + PAGES_PER_SECTION, kmm_arena.nr_limit);

	kmm_arena.boot_pfn = pfn;
	kmm_arena.nr_boot = end - pfn;
	if (!arena_online(pfn, end - pfn, 0))
		return 0;
	kmm_report(KMM_REPORT_ERR, "kmm: arena: the system refuses the memory of the first section, %zu bytes\n",
		   (size_t)(end - pfn) << PAGE_SHIFT);
	return -ENOMEM;
}

static int bring_up(size_t limit)
{
	int ret = limit ? reserve_explicit(limit) : reserve_default();

	if (ret)
		return ret;
	memblock_reset();
	advise(kmm_arena.base, arena_size);
	advise(kmm_arena.mem_map, map_size);
	if (option_huge == HUGE_INUSE)
		arena_in_use_start();
	ret = bring_up_boot_pages();
	if (ret)
		release();
	return ret;
}

int arena_start(size_t limit)
{
	int ret;

	kmm_assert(!kmm_arena.base);
	ret = bring_up(limit ? limit : option_mem);
	if (!ret && option_mem_max && option_mem_max < kmm_arena.nr_limit << PAGE_SHIFT)
		kmm_report(KMM_REPORT_WARN, "kmm: mem_max=%zuK is less than the limit of %zuK and has no effect\n",
			   option_mem_max >> 10, (size_t)kmm_arena.nr_limit << (PAGE_SHIFT - 10));
	arena_options_reset(); /* they were meant for this start */
	wanted_boot_pfn = 0;
	if (!ret)
		kmm_fork_register(&fork_handler);
	return ret;
}

void arena_stop(bool final)
{
	if (!kmm_arena.base)
		return;
	if (!final) {
		release();
		return;
	}
	if (!os_give_back(kmm_arena.mem_map, flags_offset(kmm_arena.nr_pages)))
		return;
	for (unsigned long pfn = 0; (pfn = arena_next_online(pfn)) < kmm_arena.nr_pages; pfn += pageblock_nr_pages)
		memset(kmm_arena.mem_map + pfn, 0, pageblock_nr_pages * sizeof(struct page));
}

/* Whole pages of the system between two addresses. Returns bytes. */
static size_t give_back_between(const void *from, const void *to)
{
	const uintptr_t start = ALIGN_UP((uintptr_t)from, (uintptr_t)os_page_size());
	const uintptr_t end = ALIGN_DOWN((uintptr_t)to, (uintptr_t)os_page_size());

	if (start >= end || os_give_back((void *)start, end - start))
		return 0;
	return end - start;
}

size_t arena_give_back_map(unsigned long pfn, unsigned long nr_pages)
{
	return give_back_between(kmm_arena.mem_map + pfn + 1, kmm_arena.mem_map + pfn + nr_pages);
}

size_t arena_give_back(unsigned long pfn, unsigned long nr_pages)
{
	const char *start = kmm_arena.base + (pfn << PAGE_SHIFT);

	return give_back_between(start, start + (nr_pages << PAGE_SHIFT));
}

size_t arena_metadata_size(void)
{
	const unsigned long nr_online = READ_ONCE(kmm_arena.nr_online);

	return nr_online * sizeof(struct page) + (nr_online >> pageblock_order) * sizeof(short);
}
