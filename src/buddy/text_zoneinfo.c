/* SPDX-License-Identifier: MIT
 * text_zoneinfo.c - all that is known of each zone, in the format of /proc/zoneinfo.
 *
 * Owns:   kmm_zoneinfo().
 * Locks:  zone->lock while the numbers of a zone are copied, then pcp->lock for those of each CPU.
 * Source: zoneinfo_show_print(), mm/vmstat.c, Linux 6.1.
 */
#include "buddy/text_internal.h"

struct zone_numbers {
	unsigned long free, boost, wmark[NR_WMARK], spanned, present, managed, cma;
	long protection[MAX_NR_ZONES];
	unsigned long stat[NR_VM_ZONE_STAT_TEXT_ITEMS];
	unsigned long start_pfn;
};

static void copy_zone(struct zone *zone, struct zone_numbers *nr)
{
	kmm_lock(&zone->lock);
	for (unsigned int item = 0; item < NR_VM_ZONE_STAT_TEXT_ITEMS; item++)
		nr->stat[item] = zone_page_state_snapshot(zone, item);
	nr->stat[NR_FREE_PAGES] += zone->nr_offline; /* they are managed, and nobody has them */
	nr->free = nr->stat[NR_FREE_PAGES];
	nr->boost = zone->watermark_boost;
	for (unsigned int i = 0; i < NR_WMARK; i++)
		nr->wmark[i] = zone->watermark[i] + zone->watermark_boost;
	nr->spanned = zone->end_pfn - zone->start_pfn;
	nr->present = zone->present_pages;
	nr->managed = zone_managed_pages(zone);
	nr->cma = zone->cma_pages;
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
		nr->protection[i] = zone->lowmem_reserve[i];
	nr->start_pfn = zone->start_pfn;
	kmm_unlock(&zone->lock);
}

static void show_node_stats(FILE *file, const struct pglist_data *pgdat)
{
	fputs("  per-node stats\n", file);
	for (unsigned int item = 0; item < NR_VM_NODE_STAT_ITEMS; item++)
		fprintf(file, "      %-12s %lu\n", node_stat_names[item], node_page_state_snapshot(pgdat, item));
}

static void show_sizes(FILE *file, const struct zone_numbers *nr)
{
	fprintf(file, "  pages free     %lu\n", nr->free);
	fprintf(file, "        boost    %lu\n", nr->boost);
	fprintf(file, "        min      %lu\n", nr->wmark[WMARK_MIN]);
	fprintf(file, "        low      %lu\n", nr->wmark[WMARK_LOW]);
	fprintf(file, "        high     %lu\n", nr->wmark[WMARK_HIGH]);
	fprintf(file, "        spanned  %lu\n", nr->spanned);
	fprintf(file, "        present  %lu\n", nr->present);
	fprintf(file, "        managed  %lu\n", nr->managed);
	fprintf(file, "        cma      %lu\n", nr->cma);
}

/* One number for each kind of zone that is there: pages kept from requests that could have used that zone. */
static void show_protection(FILE *file, const struct zone_numbers *nr)
{
	const char *before = "        protection: (";

	for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
		if (!text_has_zone(i))
			continue;
		fprintf(file, "%s%ld", before, nr->protection[i]);
		before = ", ";
	}
	fputs(")\n", file);
}

static void show_pageset(FILE *file, unsigned int cpu, struct per_cpu_pages *pcp)
{
	int count = 0, high = 0, batch = 0;

	if (pcp) {
		kmm_spin_lock(&pcp->lock);
		count = pcp->count;
		high = pcp->high;
		batch = pcp->batch;
		kmm_spin_unlock(&pcp->lock);
	}
	fprintf(file, "    cpu: %u\n", cpu);
	fprintf(file, "              count: %d\n", count);
	fprintf(file, "              high:  %d\n", high);
	fprintf(file, "              batch: %d\n", batch);
}

static void show_pagesets(FILE *file, const struct zone *zone)
{
	struct per_cpu_pages *pageset = smp_load_acquire(&zone->pageset); /* pairs with pcp_reserve() */

	fputs("  pagesets\n", file);
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		show_pageset(file, cpu, pageset ? pageset + cpu : NULL);
}

static void show_zone(FILE *file, struct zone *zone)
{
	struct pglist_data *pgdat = zone->zone_pgdat;
	struct zone_numbers nr;

	copy_zone(zone, &nr);
	fprintf(file, "Node %d, zone %8s\n", pgdat->node_id, zone->name);
	if (zone == text_first_populated(pgdat))
		show_node_stats(file, pgdat);
	show_sizes(file, &nr);
	show_protection(file, &nr);
	if (!populated_zone(zone))
		return;
	for (unsigned int item = 0; item < NR_VM_ZONE_STAT_TEXT_ITEMS; item++)
		fprintf(file, "      %-12s %lu\n", zone_stat_names[item], nr.stat[item]);
	show_pagesets(file, zone);
	fputs("  node_unreclaimable:  0\n", file);
	fprintf(file, "  start_pfn:           %lu\n", nr.start_pfn);
}

KMM_API int kmm_zoneinfo(FILE *file)
{
	const unsigned int nr_nodes = text_nr_nodes();

	for (unsigned int nid = 0; nid < nr_nodes; nid++)
		for_each_zone_of(zone, NODE_DATA(nid))
			if (text_has_zone(zone->idx))
				show_zone(file, zone);
	return text_result(file);
}
