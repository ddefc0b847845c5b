/* SPDX-License-Identifier: MIT
 * text_pagetypeinfo.c - free blocks by mobility and order, and pageblocks by mobility, in the format of
 * /proc/pagetypeinfo.
 *
 * Owns:   kmm_pagetypeinfo().
 * Locks:  zone->lock while one list is counted, or the pageblocks of a zone. Lists may be long, so counting stops at a
 *         number that says enough.
 * Source: pagetypeinfo_show() and what it calls, mm/vmstat.c, Linux 6.1. Differs: the types of CMA and isolation have
 *         their columns when there is CMA; no mixed blocks, for no page is on a list of another type than its
 *         pageblock.
 */
#include "buddy/text_internal.h"

#define NR_COUNTED_MAX 100000

/* In the kernel's order. */
static const struct {
	enum migratetype type;
	const char *name;
} types[] = {
	{ MIGRATE_UNMOVABLE, "Unmovable" }, { MIGRATE_MOVABLE, "Movable" }, { MIGRATE_RECLAIMABLE, "Reclaimable" },
	{ MIGRATE_RESERVE, "HighAtomic" },  { MIGRATE_CMA, "CMA" },         { MIGRATE_ISOLATE, "Isolate" },
};
_Static_assert(ARRAY_SIZE(types) == MIGRATE_TYPES, "each type has its line");
#define NR_TYPES_WITHOUT_CMA 4

/* How many of them are shown. */
static unsigned int nr_types_shown(void)
{
	for (unsigned int nid = 0; nid < nr_online_nodes; nid++)
		for_each_zone_of(zone, NODE_DATA(nid))
			if (READ_ONCE(zone->cma_pages))
				return ARRAY_SIZE(types);
	return NR_TYPES_WITHOUT_CMA;
}

static unsigned long count_list(struct zone *zone, unsigned int order, enum migratetype type)
{
	const struct cds_list_head *head = &zone->free_area[order].free_list[type];
	unsigned long nr = 0;

	kmm_lock(&zone->lock);
	for (const struct cds_list_head *pos = head->next; pos != head && nr < NR_COUNTED_MAX; pos = pos->next)
		nr++;
	kmm_unlock(&zone->lock);
	return nr;
}

static void show_free(FILE *file, struct zone *zone, unsigned int nr_types)
{
	for (unsigned int i = 0; i < nr_types; i++) {
		fprintf(file, "Node %4d, zone %8s, type %12s ", zone->zone_pgdat->node_id, zone->name, types[i].name);
		for (unsigned int order = 0; order < MAX_ORDER; order++) {
			const unsigned long nr = count_list(zone, order, types[i].type);

			fprintf(file, "%s%6lu ", nr < NR_COUNTED_MAX ? "" : ">", nr);
		}
		fputc('\n', file);
	}
}

static void count_pageblocks(struct zone *zone, unsigned long nr[MIGRATE_TYPES])
{
	kmm_lock(&zone->lock);
	for (unsigned long pfn = arena_next_online(zone->start_pfn); pfn < zone->end_pfn;
	     pfn = arena_next_online(pfn + pageblock_nr_pages)) {
		const struct page *page = arena_pfn_to_page(pfn);

		if (page_zone(page) == zone)
			nr[pageblock_type(page)]++;
	}
	kmm_unlock(&zone->lock);
}

static void show_pageblocks(FILE *file, struct zone *zone, unsigned int nr_types)
{
	unsigned long nr[MIGRATE_TYPES] = { 0 };

	count_pageblocks(zone, nr);
	fprintf(file, "Node %d, zone %8s ", zone->zone_pgdat->node_id, zone->name);
	for (unsigned int i = 0; i < nr_types; i++)
		fprintf(file, "%12lu ", nr[types[i].type]);
	fputc('\n', file);
}

static void show_node(FILE *file, struct pglist_data *pgdat)
{
	const unsigned int nr_types = nr_types_shown();

	fprintf(file, "Page block order: %d\nPages per block:  %lu\n\n", (int)pageblock_order, pageblock_nr_pages);
	fprintf(file, "%-43s ", "Free pages count per migrate type at order");
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		fprintf(file, "%6u ", order);
	fputc('\n', file);
	for_each_zone_of(zone, pgdat)
		if (populated_zone(zone))
			show_free(file, zone, nr_types);

	fprintf(file, "\n%-23s", "Number of blocks type ");
	for (unsigned int i = 0; i < nr_types; i++)
		fprintf(file, "%12s ", types[i].name);
	fputc('\n', file);
	for_each_zone_of(zone, pgdat)
		if (populated_zone(zone))
			show_pageblocks(file, zone, nr_types);
}

KMM_API int kmm_pagetypeinfo(FILE *file)
{
	const unsigned int nr_nodes = text_nr_nodes();

	for (unsigned int nid = 0; nid < nr_nodes; nid++)
		if (text_first_populated(NODE_DATA(nid)))
			show_node(file, NODE_DATA(nid));
	return text_result(file);
}
