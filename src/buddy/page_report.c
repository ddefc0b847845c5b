/* SPDX-License-Identifier: MIT
 * page_report.c - what the page allocator says, in the kernel's words.
 *
 * Owns:       the text of "Bad page state" and "page allocation failure", and how often they are said: as in the kernel,
 *             60 bad pages a minute and one failure in ten seconds.
 * Locks:      zone->lock while the free lists are counted for the failure report.
 * Lock-free:  the rates are counted RELAXED: two threads that report at once may show one report more or less.
 * Source:     bad_page(), warn_alloc(), show_free_areas(), mm/page_alloc.c; __dump_page(), mm/debug.c; %pGg,
 *             lib/vsprintf.c, Linux 6.1.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/rate.h"
#include "base/report.h"
#include "buddy/buddy_internal.h"

static struct kmm_rate bad_page_rate = { .burst = 60, .seconds = 60 };
static struct kmm_rate failure_rate = { .burst = 1, .seconds = 10 };

void page_report_reset(void)
{
	rate_reset(&bad_page_rate);
	rate_reset(&failure_rate);
}

/* A text of limited length that is put together piece by piece; what does not fit is left out. */
struct text {
	char *buf;
	size_t size, len;
};

static void KMM_PRINTF(2, 3) text_add(struct text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text->buf + text->len, text->size - text->len, fmt, args);
	va_end(args);
	if (len > 0)
		text->len = min_of(text->len + (size_t)len, text->size - 1);
}

/* Says what there is so far, unless @size bytes more fit: a long report goes out in several, of whole lines. */
static void text_make_room(struct text *text, size_t size)
{
	if (text->size - text->len > size)
		return;
	kmm_report(KMM_REPORT_ERR, "%s", text->buf);
	text->len = 0;
}

static const char *process_name(char name[17])
{
	memset(name, 0, 17);
	if (prctl(PR_GET_NAME, name, 0, 0, 0))
		return "?";
	return name;
}

static void add_names(struct text *text, unsigned long bits, const char *const names[], unsigned int nr)
{
	const char *separator = "";

	for (unsigned int bit = 0; bit < nr; bit++) {
		if (!(bits >> bit & 1))
			continue;
		text_add(text, "%s%s", separator, names[bit]);
		separator = "|";
	}
}

/* A page as it looks at this moment. Its owner, or who allocates it just now, may change it meanwhile by plain stores of
 * whole words: the report shows some of it as it was before, some as after. Hidden from ThreadSanitizer. */
#if KMM_ARCH_TSAN
__attribute__((no_sanitize("thread")))
#endif
static noinline void
take_snapshot(struct page *copy, const struct page *page)
{
	const volatile unsigned long *from = (const volatile unsigned long *)(const volatile void *)page;
	unsigned long *to = (unsigned long *)(void *)copy;

	for (size_t i = 0; i < sizeof(*page) / sizeof(long); i++)
		to[i] = from[i];
}

/* The state of one page, as dump_page() shows it. Fields that a page has no use for here are shown as zero. */
static void add_page(struct text *text, const struct page *page)
{
	static const char *const names[NR_PAGEFLAGS] = {
		[PG_reserved] = "reserved",           [PG_slab] = "slab",         [PG_head] = "head",
		[PG_reported] = "reported",           [PG_isolated] = "isolated", [PG_bad] = "bad",
		[PG_large_kmalloc] = "large_kmalloc", [PG_pcp] = "pcp",           [PG_frozen] = "frozen",
		[PG_pfmemalloc] = "pfmemalloc",
	};
	const int width = 2 * (int)sizeof(long);
	struct page copy, first, second;
	const unsigned long *raw = (const unsigned long *)(const void *)&copy;
	const struct page *head;
	bool compound;

	take_snapshot(&copy, page);
	head = copy.compound_head & 1 ? (const struct page *)(copy.compound_head - 1) : page;
	/* A torn or corrupt link must not lead out of the array. */
	if (head < kmm_arena.mem_map || head > page || page - head >= 1L << (MAX_ORDER - 1))
		head = page;
	take_snapshot(&first, head);
	compound = head != page || page_flag_test(&copy, PG_head);
	text_add(text, "page:%0*lx refcount:%d mapcount:%d mapping:%0*lx index:0x0 pfn:%#lx\n", width,
		 (unsigned long)page, page_refcount(&first), page_mapcount(&copy) + 1, width,
		 (unsigned long)copy.slab_cache, arena_page_to_pfn(page));
	if (compound) {
		take_snapshot(&second, head + 1);
		text_add(text, "head:%0*lx order:%u compound_mapcount:0 compound_pincount:0\n", width,
			 (unsigned long)head, second.compound_order);
	}
	text_add(text, "flags: %#lx(", first.flags);
	add_names(text, first.flags, names, NR_PAGEFLAGS);
	text_add(text, ")\n");
	for (unsigned int i = 0; i < sizeof(*page) / sizeof(long); i++)
		text_add(text, "%s%0*lx%s", i % (32 / sizeof(long)) ? " " : "raw: ", width, raw[i],
			 (i + 1) % (32 / sizeof(long)) ? "" : "\n");
}

void bad_page(const struct page *page, const char *reason)
{
	char name[17], buf[KMM_REPORT_MAX / 2];
	struct text text = { .buf = buf, .size = sizeof(buf) };
	unsigned int missed;
	const int saved = errno;

	if (rate_allows(&bad_page_rate, &missed)) {
		if (missed)
			kmm_report(KMM_REPORT_WARN, "BUG: Bad page state: %u messages suppressed\n", missed);
		buf[0] = '\0';
		if (page_exists(page)) {
			text_add(&text, "BUG: Bad page state in process %s  pfn:%05lx\n", process_name(name),
				 arena_page_to_pfn(page));
			add_page(&text, page);
		} else {
			text_add(&text, "BUG: Bad page state in process %s\npage:%0*lx\n", process_name(name),
				 2 * (int)sizeof(long), (unsigned long)page);
		}
		kmm_report(KMM_REPORT_WARN, "%spage dumped because: %s\n", buf, reason);
	}
	errno = saved;
}

void dump_page(const struct page *page, const char *reason)
{
	char buf[KMM_REPORT_MAX / 2] = "";
	struct text text = { .buf = buf, .size = sizeof(buf) };
	const int saved = errno;

	add_page(&text, page);
	kmm_report(KMM_REPORT_WARN, "%spage dumped because: %s\n", buf, reason);
	errno = saved;
}

const char *gfp_names(char *buf, size_t size, gfp_t gfp)
{
	static const struct {
		gfp_t mask;
		const char *name;
	} names[] = {
		{ GFP_TRANSHUGE, "GFP_TRANSHUGE" },
		{ GFP_TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT" },
		{ GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE" },
		{ GFP_HIGHUSER, "GFP_HIGHUSER" },
		{ GFP_USER, "GFP_USER" },
		{ GFP_KERNEL_ACCOUNT, "GFP_KERNEL_ACCOUNT" },
		{ GFP_KERNEL, "GFP_KERNEL" },
		{ GFP_NOFS, "GFP_NOFS" },
		{ GFP_ATOMIC, "GFP_ATOMIC" },
		{ GFP_NOIO, "GFP_NOIO" },
		{ GFP_NOWAIT, "GFP_NOWAIT" },
		{ GFP_DMA, "GFP_DMA" },
		{ __GFP_HIGHMEM, "__GFP_HIGHMEM" },
		{ GFP_DMA32, "GFP_DMA32" },
		{ __GFP_HIGH, "__GFP_HIGH" },
		{ __GFP_ATOMIC, "__GFP_ATOMIC" },
		{ __GFP_IO, "__GFP_IO" },
		{ __GFP_FS, "__GFP_FS" },
		{ __GFP_NOWARN, "__GFP_NOWARN" },
		{ __GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL" },
		{ __GFP_NOFAIL, "__GFP_NOFAIL" },
		{ __GFP_NORETRY, "__GFP_NORETRY" },
		{ __GFP_COMP, "__GFP_COMP" },
		{ __GFP_ZERO, "__GFP_ZERO" },
		{ __GFP_NOMEMALLOC, "__GFP_NOMEMALLOC" },
		{ __GFP_MEMALLOC, "__GFP_MEMALLOC" },
		{ __GFP_HARDWALL, "__GFP_HARDWALL" },
		{ __GFP_THISNODE, "__GFP_THISNODE" },
		{ __GFP_RECLAIMABLE, "__GFP_RECLAIMABLE" },
		{ __GFP_MOVABLE, "__GFP_MOVABLE" },
		{ __GFP_ACCOUNT, "__GFP_ACCOUNT" },
		{ __GFP_WRITE, "__GFP_WRITE" },
		{ __GFP_RECLAIM, "__GFP_RECLAIM" },
		{ __GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM" },
		{ __GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM" },
		{ __GFP_COLD, "__GFP_COLD" },
	};
	struct text text = { .buf = buf, .size = size };
	const char *separator = "";

	buf[0] = '\0';
	if (!gfp)
		text_add(&text, "none");
	for (unsigned int i = 0; i < ARRAY_SIZE(names) && gfp; i++) {
		if ((gfp & names[i].mask) != names[i].mask)
			continue;
		text_add(&text, "%s%s", separator, names[i].name);
		gfp &= ~names[i].mask;
		separator = "|";
	}
	if (gfp)
		text_add(&text, "%s%#x", separator, gfp);
	return buf;
}

/* The longest that is said of a node, of a zone, and of its free blocks: all numbers of 20 digits. */
#define NODE_TEXT_MAX 128
#define ZONE_TEXT_MAX 480
#define FREE_AREAS_TEXT_MAX 512

/* As the kernel lists bits: "0-1,3". */
static void add_nodes(struct text *text, const nodemask_t *nodes)
{
	const char *separator = "";

	for (unsigned int nid = 0; nid < MAX_NUMNODES; nid++) {
		unsigned int last = nid;

		if (!(nodes->bits >> nid & 1))
			continue;
		while (last + 1 < MAX_NUMNODES && (nodes->bits >> (last + 1) & 1))
			last++;
		text_add(text, "%s%u", separator, nid);
		if (last > nid)
			text_add(text, "-%u", last);
		separator = ",";
		nid = last;
	}
}

/* The line of show_free_areas(): blocks of each order, and which types have any. */
static void add_free_areas(struct text *text, struct zone *zone)
{
	static const char letters[MIGRATE_TYPES] = {
		[MIGRATE_UNMOVABLE] = 'U', [MIGRATE_RECLAIMABLE] = 'E', [MIGRATE_MOVABLE] = 'M',
		[MIGRATE_RESERVE] = 'H',   [MIGRATE_CMA] = 'C',         [MIGRATE_ISOLATE] = 'I',
	};
	unsigned long nr[MAX_ORDER], total = 0;
	char types[MAX_ORDER][MIGRATE_TYPES + 1];

	kmm_lock(&zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		char *p = types[order];

		nr[order] = zone->free_area[order].nr_free;
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
			if (!cds_list_empty(&zone->free_area[order].free_list[type]))
				*p++ = letters[type];
		*p = '\0';
	}
	kmm_unlock(&zone->lock);
	text_add(text, "Node %d %s: ", zone->zone_pgdat->node_id, zone->name);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		text_add(text, "%lu*%lukB ", nr[order], (PAGE_SIZE << order) >> 10);
		if (nr[order])
			text_add(text, "(%s) ", types[order]);
		total += nr[order] << order;
	}
	text_add(text, "= %lukB\n", total << (PAGE_SHIFT - 10));
}

static unsigned long to_kb(unsigned long pages)
{
	return pages << (PAGE_SHIFT - 10);
}

/* What is behind the failure: how full the zone is, and where its marks are. */
static void add_zone(struct text *text, const struct zone *zone)
{
	text_add(text,
		 "Node %d %s free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB reserved_highatomic:%lukB "
		 "present:%lukB managed:%lukB offline:%lukB free_pcp:%lukB free_cma:%lukB\n",
		 zone->zone_pgdat->node_id, zone->name, to_kb(zone_nr_free(zone)),
		 to_kb(READ_ONCE(zone->watermark_boost)), to_kb(wmark_pages(zone, WMARK_MIN)),
		 to_kb(wmark_pages(zone, WMARK_LOW)), to_kb(wmark_pages(zone, WMARK_HIGH)),
		 to_kb(READ_ONCE(zone->nr_reserved_highatomic)), to_kb(READ_ONCE(zone->present_pages)),
		 to_kb(zone_managed_pages(zone)), to_kb(READ_ONCE(zone->nr_offline)), to_kb(zone_nr_pcp(zone)),
		 to_kb((unsigned long)READ_ONCE(zone->vm_stat[NR_FREE_CMA_PAGES])));
	text_add(text, "lowmem_reserve[]:");
	for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++)
		text_add(text, " %ld", READ_ONCE(zone->lowmem_reserve[idx]));
	text_add(text, "\n");
}

void warn_alloc(gfp_t gfp, const nodemask_t *nodemask, unsigned int order)
{
	char name[17], names[GFP_NAMES_MAX], buf[KMM_REPORT_MAX - 64];
	struct text text = { .buf = buf, .size = sizeof(buf) };
	unsigned int missed;
	const nodemask_t allowed = nodes_allowed();
	const int saved = errno;

	if (rate_allows(&failure_rate, &missed)) {
		if (missed)
			text_add(&text, "warn_alloc: %u callbacks suppressed\n", missed);
		text_add(&text, "%s: page allocation failure: order:%u, mode:%#x(%s), nodemask=", process_name(name),
			 order, gfp, gfp_names(names, sizeof(names), gfp));
		if (nodemask)
			add_nodes(&text, nodemask);
		else
			text_add(&text, "(null)");
		text_add(&text, ",mems_allowed=");
		add_nodes(&text, &allowed);
		text_add(&text, "\n");
		for_each_node(nid) {
			text_make_room(&text, NODE_TEXT_MAX);
			text_add(&text, "Node %u slab_reclaimable:%lukB slab_unreclaimable:%lukB\n", nid,
				 to_kb(node_page_state(NODE_DATA(nid), NR_SLAB_RECLAIMABLE)),
				 to_kb(node_page_state(NODE_DATA(nid), NR_SLAB_UNRECLAIMABLE)));
		}
		for_each_populated_zone(zone) {
			text_make_room(&text, ZONE_TEXT_MAX);
			add_zone(&text, zone);
		}
		for_each_populated_zone(zone) {
			text_make_room(&text, FREE_AREAS_TEXT_MAX);
			add_free_areas(&text, zone);
		}
		kmm_report(KMM_REPORT_ERR, "%s", buf);
	}
	errno = saved;
}
