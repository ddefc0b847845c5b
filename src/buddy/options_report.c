/* SPDX-License-Identifier: MIT
 * options_report.c - options that this world has no room for: what was asked for, and what it got instead.
 *
 * Owns:   the words. What is used is node.c's and watermark.c's business; here it is compared with what was said.
 * Locks:  none: at the end of the start, before a second thread can be inside.
 * Source: none. The kernel changes such values without a word, or with one in another place each.
 */
#include <limits.h>

#include "base/report.h"
#include "buddy/buddy_internal.h"

static unsigned long to_kib(unsigned long nr_pages)
{
	return nr_pages << (PAGE_SHIFT - 10);
}

/* Part of a KiB is more than none. */
static size_t kib_asked(size_t bytes)
{
	return (bytes >> 10) + !!(bytes & 1023);
}

/* Pages of all zones of one kind. */
static unsigned long zones_size(enum zone_type idx)
{
	unsigned long nr_pages = 0;

	for_each_zone(zone)
		nr_pages += zone->idx == idx ? zone->end_pfn - zone->start_pfn : 0;
	return nr_pages;
}

void report_changed_options(void)
{
	const unsigned long dma = zones_size(ZONE_DMA), movable = zones_size(ZONE_MOVABLE);
	const unsigned long min_free = most_min_free_pages();

	if (buddy_options.fake_nodes > nr_online_nodes)
		kmm_report(KMM_REPORT_WARN,
			   "kmm: numa=fake=%u is more than there are pageblocks of %lu KiB, %u nodes are used\n",
			   buddy_options.fake_nodes, to_kib(pageblock_nr_pages), nr_online_nodes);
	if (buddy_options.dma > dma << PAGE_SHIFT)
		kmm_report(KMM_REPORT_WARN, "kmm: dma=%zuK is more than half of node 0, the zone has %lu KiB\n",
			   kib_asked(buddy_options.dma), to_kib(dma));
	if (buddy_options.movable > movable << PAGE_SHIFT)
		kmm_report(KMM_REPORT_WARN,
			   "kmm: movablecore=%zuK leaves some node no other memory, the zones have %lu KiB\n",
			   kib_asked(buddy_options.movable), to_kib(movable));
	if (buddy_options.min_free_kbytes != UINT_MAX && buddy_options.min_free_kbytes > to_kib(min_free))
		kmm_report(KMM_REPORT_WARN,
			   "kmm: min_free_kbytes=%u is more than a quarter of the memory, %lu KiB are kept\n",
			   buddy_options.min_free_kbytes, to_kib(min_free));
}
