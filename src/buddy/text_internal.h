/* SPDX-License-Identifier: MIT
 * text_internal.h - what the text views of nodes and zones have in common.
 *
 * Owns:   which zones a view walks over, and in which order: by node, the lowest zone first.
 * Rules:  a view copies the numbers of one zone under zone->lock and writes them after it is dropped: a FILE may call
 *         its owner back. Numbers of one line belong to one moment, lines do not. After the end there are no nodes.
 */
#ifndef KMM_BUDDY_TEXT_INTERNAL_H
#define KMM_BUDDY_TEXT_INTERNAL_H

#include <errno.h>
#include <stdio.h>

#include <kmm/stats.h>

#include "buddy/buddy_internal.h"

/* Opens a view, and starts the library if it is cold: how many nodes there are to show. */
static inline unsigned int text_nr_nodes(void)
{
	return buddy_ensure_started() ? nr_online_nodes : 0;
}

/* Every kind of zone of @pgdat, with pages or without. */
#define for_each_zone_of(zone, pgdat) \
	for (struct zone * (zone) = (pgdat)->node_zones; (zone) < (pgdat)->node_zones + MAX_NR_ZONES; (zone)++)

/* True for zones that are there as if configured: all but DMA, which is there when some node has pages in it. */
static inline bool text_has_zone(enum zone_type idx)
{
	for (unsigned int nid = 0; idx == ZONE_DMA && nid < nr_online_nodes; nid++)
		if (populated_zone(&NODE_DATA(nid)->node_zones[ZONE_DMA]))
			return true;
	return idx != ZONE_DMA;
}

/* The first zone of @pgdat that has pages; NULL when none has. */
static inline struct zone *text_first_populated(struct pglist_data *pgdat)
{
	for_each_zone_of(zone, pgdat)
		if (populated_zone(zone))
			return zone;
	return NULL;
}

/* What a view returns when it has written all. */
static inline int text_result(FILE *file)
{
	return ferror(file) ? -EIO : 0;
}

#endif /* KMM_BUDDY_TEXT_INTERNAL_H */
