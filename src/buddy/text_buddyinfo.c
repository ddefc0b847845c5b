/* SPDX-License-Identifier: MIT
 * text_buddyinfo.c - free blocks by node, zone and order, in the format of /proc/buddyinfo.
 *
 * Owns:   kmm_buddyinfo().
 * Locks:  zone->lock while the numbers of a line are copied.
 * Source: frag_show_print(), mm/vmstat.c, Linux 6.1.
 */
#include "buddy/text_internal.h"

static void show_zone(FILE *file, struct zone *zone)
{
	unsigned long nr[MAX_ORDER];

	kmm_lock(&zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		nr[order] = zone->free_area[order].nr_free;
	kmm_unlock(&zone->lock);
	fprintf(file, "Node %d, zone %8s ", zone->zone_pgdat->node_id, zone->name);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		fprintf(file, "%6lu ", nr[order]);
	fputc('\n', file);
}

KMM_API int kmm_buddyinfo(FILE *file)
{
	const unsigned int nr_nodes = text_nr_nodes();

	for (unsigned int nid = 0; nid < nr_nodes; nid++)
		for_each_zone_of(zone, NODE_DATA(nid))
			if (populated_zone(zone))
				show_zone(file, zone);
	return text_result(file);
}
