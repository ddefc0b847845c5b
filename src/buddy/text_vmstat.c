/* SPDX-License-Identifier: MIT
 * text_vmstat.c - counters of all zones and nodes and the events since the start, in the format of /proc/vmstat.
 *
 * Owns:   kmm_vmstat().
 * Locks:  none: each counter is read by itself.
 * Source: vmstat_start(), vmstat_show(), mm/vmstat.c, Linux 6.1.
 */
#include "buddy/text_internal.h"

/* The items of one zone kind that a system without such a zone does not have. */
static bool event_of_dma(unsigned int item)
{
	return item == PGALLOC_DMA || item == ALLOCSTALL_DMA || item == PGSKIP_DMA;
}

static void show_line(FILE *file, const char *name, unsigned long value)
{
	fprintf(file, "%s %lu\n", name, value);
}

KMM_API int kmm_vmstat(FILE *file)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	buddy_ensure_started(); /* after the end there is nothing left to count */
	for (unsigned int item = 0; item < NR_VM_ZONE_STAT_TEXT_ITEMS; item++)
		show_line(file, zone_stat_names[item],
			  global_zone_page_state(item) + (item == NR_FREE_PAGES ? buddy_nr_offline() : 0));
	for (unsigned int item = 0; item < NR_VM_NODE_STAT_ITEMS; item++)
		show_line(file, node_stat_names[item], global_node_page_state(item));
	show_line(file, "nr_dirty_threshold", 0);
	show_line(file, "nr_dirty_background_threshold", 0);
	all_vm_events(events);
	for (unsigned int item = 0; item < NR_VM_EVENT_ITEMS; item++)
		if (!event_of_dma(item) || text_has_zone(ZONE_DMA))
			show_line(file, vm_event_names[item], events[item]);
	show_line(file, "nr_unstable", 0);
	return text_result(file);
}
