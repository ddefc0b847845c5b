/* SPDX-License-Identifier: MIT
 * text_extfrag.c - how far free memory is in pieces, in the format of /sys/kernel/debug/extfrag/.
 *
 * Owns:   kmm_unusable_index(), kmm_extfrag_index(). Both are thousandths, written as a decimal fraction.
 * Locks:  zone->lock while the numbers of a line are copied.
 * Source: fill_contig_page_info(), unusable_free_index(), __fragmentation_index(), mm/vmstat.c, Linux 6.1. Differs:
 *         pages of the limit that are not online yet count as free blocks of the largest order, for they would come
 *         online before a request failed.
 */
#include "buddy/text_internal.h"

#define LARGEST_ORDER (MAX_ORDER - 1)

/* Free blocks as a request of some order sees them. */
struct contig_page_info {
	unsigned long free_pages;
	unsigned long blocks_total;
	unsigned long blocks_suitable; /* of exactly that order, counting what larger blocks can be split into */
};

static struct contig_page_info contig_page_info(const unsigned long nr[MAX_ORDER], unsigned int suitable_order)
{
	struct contig_page_info info = { 0, 0, 0 };

	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		info.blocks_total += nr[order];
		info.free_pages += nr[order] << order;
		if (order >= suitable_order)
			info.blocks_suitable += nr[order] << (order - suitable_order);
	}
	return info;
}

/* The share of free memory that lies in smaller blocks: all of it where there is none. */
static int unusable_free_index(const struct contig_page_info *info, unsigned int order)
{
	const unsigned long unusable = info->free_pages - (info->blocks_suitable << order);

	return info->free_pages ? (int)(unusable * 1000ULL / info->free_pages) : 1000;
}

/* Why a request fails: towards 0 for lack of memory, towards 1 because it is in pieces; -1 when it does not fail. */
static int fragmentation_index(const struct contig_page_info *info, unsigned int order)
{
	const unsigned long long per_request = info->free_pages * 1000ULL >> order;

	if (!info->blocks_total)
		return 0;
	if (info->blocks_suitable)
		return -1000;
	return 1000 - (int)((1000 + per_request) / info->blocks_total);
}

static void copy_free_blocks(struct zone *zone, unsigned long nr[MAX_ORDER])
{
	kmm_lock(&zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		nr[order] = zone->free_area[order].nr_free;
	nr[LARGEST_ORDER] += zone->nr_offline >> LARGEST_ORDER;
	kmm_unlock(&zone->lock);
}

static void show_zone(FILE *file, struct zone *zone, int width,
		      int (*index_of)(const struct contig_page_info *info, unsigned int order))
{
	unsigned long nr[MAX_ORDER];

	copy_free_blocks(zone, nr);
	fprintf(file, "Node %d, zone %8s ", zone->zone_pgdat->node_id, zone->name);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		const struct contig_page_info info = contig_page_info(nr, order);
		const int index = index_of(&info, order);

		fprintf(file, "%*d.%03d ", width, index / 1000, index % 1000);
	}
	fputc('\n', file);
}

static int show_zones(FILE *file, int width, int (*index_of)(const struct contig_page_info *info, unsigned int order))
{
	const unsigned int nr_nodes = text_nr_nodes();

	for (unsigned int nid = 0; nid < nr_nodes; nid++)
		for_each_zone_of(zone, NODE_DATA(nid))
			if (populated_zone(zone))
				show_zone(file, zone, width, index_of);
	return text_result(file);
}

KMM_API int kmm_unusable_index(FILE *file)
{
	return show_zones(file, 1, unusable_free_index);
}

KMM_API int kmm_extfrag_index(FILE *file)
{
	return show_zones(file, 2, fragmentation_index);
}
