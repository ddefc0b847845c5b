/* SPDX-License-Identifier: MIT
 * watermark.c - how much of a zone is kept back, from whom, and how zones share the load.
 *
 * Owns:       zone->watermark, watermark_boost, lowmem_reserve, NR_ALLOC_BATCH.
 * Locks:      set up under zone->lock; read RELAXED. The boost changes under zone->lock.
 * How:        min is what only those may use who cannot wait or who free memory; below low the node's reclaim is woken, and
 *             stops at high. A page of the limit that is not online yet counts as free here: it can be had at once.
 * Source:     __setup_per_zone_wmarks(), calculate_min_free_kbytes(), setup_per_zone_lowmem_reserve(),
 *             __zone_watermark_ok(), boost_watermark(), mm/page_alloc.c, Linux 6.1; reset_alloc_batches(), Linux 3.16.
 */
#include <limits.h>

#include "buddy/buddy_internal.h"

/* A request for a higher zone leaves 1/n of the higher zones' pages alone in a lower one; 0: all of the lower one is its. */
static const unsigned int
	lowmem_reserve_ratio[MAX_NR_ZONES] = { [ZONE_DMA] = 256, [ZONE_NORMAL] = 32, [ZONE_MOVABLE] = 0 };

#define MIN_FREE_KBYTES_LEAST 128u
#define MIN_FREE_KBYTES_MOST 262144u

static unsigned long int_sqrt(unsigned long x)
{
	unsigned long root = 0;

	for (unsigned long bit = 1UL << (sizeof(long) * 4 - 1); bit; bit >>= 1)
		if ((root | bit) <= x / (root | bit))
			root |= bit;
	return root;
}

/* Of all zones up to @highest. */
static unsigned long total_managed(enum zone_type highest)
{
	unsigned long total = 0;

	for_each_zone(zone)
		total += zone->idx <= highest ? zone_managed_pages(zone) : 0;
	return total;
}

/* What is kept for some is nothing that others could ever have: beyond this there would be too little left for them. */
unsigned long most_min_free_pages(void)
{
	return total_managed(ZONE_MOVABLE) / 4;
}

/* Larger worlds need more in reserve, but not in proportion. What only movable pages may use does not count. */
static unsigned long min_free_pages(void)
{
	const unsigned long managed = total_managed(ZONE_NORMAL);
	unsigned long kbytes = buddy_options.min_free_kbytes;

	if (kbytes == UINT_MAX) {
		kbytes = 4 * int_sqrt(managed << (PAGE_SHIFT - 10));
		kbytes = min_of(max_of(kbytes, (unsigned long)MIN_FREE_KBYTES_LEAST),
				(unsigned long)MIN_FREE_KBYTES_MOST);
		return kbytes >> (PAGE_SHIFT - 10);
	}
	return min_of(kbytes >> (PAGE_SHIFT - 10), most_min_free_pages());
}

/* @part of @whole, applied to @pages, without overflow on 32-bit. */
static unsigned long share(unsigned long pages, unsigned long part, unsigned long whole)
{
	return whole ? (unsigned long)((uint64_t)pages * part / whole) : 0;
}

static void setup_zone_watermarks(struct zone *zone, unsigned long pages_min, unsigned long total)
{
	const unsigned long managed = zone_managed_pages(zone);
	const unsigned long min = share(pages_min, managed, total);
	const unsigned long step =
		pages_min ? max_of(min / 4, share(managed, buddy_options.watermark_scale_factor, 10000)) : 0;

	kmm_lock(&zone->lock);
	WRITE_ONCE(zone->watermark_boost, 0UL);
	WRITE_ONCE(zone->watermark[WMARK_MIN], min);
	WRITE_ONCE(zone->watermark[WMARK_LOW], min + step);
	WRITE_ONCE(zone->watermark[WMARK_HIGH], min + 2 * step);
	kmm_unlock(&zone->lock);
}

/* What each zone of @node keeps from requests that may use a higher one. */
static void setup_lowmem_reserve(struct pglist_data *node)
{
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &node->node_zones[i];
		const unsigned int ratio = lowmem_reserve_ratio[i];
		unsigned long above = 0;

		for (unsigned int j = 0; j < MAX_NR_ZONES; j++) {
			if (j > i)
				above += zone_managed_pages(&node->node_zones[j]);
			/* Who asked for no reserves at all gets none here either. */
			WRITE_ONCE(zone->lowmem_reserve[j],
				   j > i && ratio && buddy_options.min_free_kbytes && zone_managed_pages(zone) ?
					   (long)(above / ratio) :
					   0L);
		}
	}
}

void setup_watermarks(void)
{
	const unsigned long total = total_managed(ZONE_MOVABLE), pages_min = min_free_pages();

	for_each_zone(zone)
		setup_zone_watermarks(zone, pages_min, total);
	for_each_node(nid)
		setup_lowmem_reserve(NODE_DATA(nid));
	for_each_zone(zone)
		WRITE_ONCE(zone->vm_stat[NR_ALLOC_BATCH],
			   (long)(zone->watermark[WMARK_HIGH] - zone->watermark[WMARK_LOW]));
}

unsigned long wmark_pages(const struct zone *zone, enum zone_watermarks mark)
{
	return READ_ONCE(zone->watermark[mark]) + READ_ONCE(zone->watermark_boost);
}

/* Mixing types is a sign of fragmentation: for a while reclaim shall free more, so that whole blocks come free. */
void boost_watermark(struct zone *zone)
{
	const unsigned long most = share(zone->watermark[WMARK_HIGH], buddy_options.watermark_boost_factor, 10000);

	kmm_assert_held(&zone->lock);
	/* Only where a reclaim exists that will take the boost back. */
	if (!reclaim_ops.wakeup_kswapd || zone_managed_pages(zone) < pageblock_nr_pages * 4 || !most)
		return;
	WRITE_ONCE(zone->watermark_boost,
		   min_of(zone->watermark_boost + pageblock_nr_pages, max_of(most, pageblock_nr_pages)));
	zone_flag_set(zone, ZONE_BOOSTED_WATERMARK);
}

/* Free pages that a request with these flags may not touch, whatever the watermark. */
static unsigned long unusable_free(const struct zone *zone, unsigned int order, unsigned int alloc_flags)
{
	unsigned long nr = (1UL << order) - 1;

	if (!(alloc_flags & (ALLOC_HARDER | ALLOC_OOM)))
		nr += READ_ONCE(zone->nr_free_highatomic);
	if (!(alloc_flags & ALLOC_CMA))
		nr += (unsigned long)READ_ONCE(zone->vm_stat[NR_FREE_CMA_PAGES]);
	return nr;
}

/* A hint: the list's owner changes it by plain stores of whole words under zone->lock. Hidden from ThreadSanitizer. */
#if KMM_ARCH_TSAN
__attribute__((no_sanitize("thread"), __noinline__))
#endif
static maybe_unused bool
list_looks_empty(const struct cds_list_head *list)
{
	return *(struct cds_list_head *const volatile *)&list->next == list;
}

/* Is there a block of @order or more on a list that the request may use? RELAXED looks at the heads: a hint. */
static bool has_block(const struct zone *zone, unsigned int order, unsigned int alloc_flags)
{
	for (unsigned int o = order; o < MAX_ORDER; o++) {
		const struct free_area *area = &zone->free_area[o];

		if (!READ_ONCE(area->nr_free))
			continue;
		for (unsigned int type = 0; type <= MIGRATE_CMA; type++) {
			if (list_looks_empty(&area->free_list[type]))
				continue;
			if (type < MIGRATE_PCPTYPES || (type == MIGRATE_CMA && (alloc_flags & ALLOC_CMA)) ||
			    (type == MIGRATE_RESERVE && (alloc_flags & (ALLOC_HARDER | ALLOC_OOM))))
				return true;
		}
	}
	return false;
}

bool zone_watermark_ok(const struct zone *zone, unsigned int order, unsigned long mark, enum zone_type highest_zoneidx,
		       unsigned int alloc_flags)
{
	unsigned long offline;
	long free = (long)zone_nr_to_have(zone, &offline) - (long)unusable_free(zone, order, alloc_flags);
	long min = (long)mark;

	if (alloc_flags & ALLOC_HIGH)
		min -= min / 2;
	if (unlikely(alloc_flags & (ALLOC_HARDER | ALLOC_OOM)))
		min -= alloc_flags & ALLOC_OOM ? min / 2 : min / 4;
	if (free <= min + READ_ONCE(zone->lowmem_reserve[highest_zoneidx]))
		return false;
	return !order || offline || has_block(zone, order, alloc_flags);
}

void use_alloc_batch(struct zone *zone, unsigned int nr_pages)
{
	if (!nr_pages)
		return;
	mod_zone_page_state(zone, NR_ALLOC_BATCH, -(long)nr_pages);
	if (READ_ONCE(zone->vm_stat[NR_ALLOC_BATCH]) <= 0)
		zone_flag_set(zone, ZONE_FAIR_DEPLETED);
}

/* A new fair round: each zone of the node starts with its share again. */
void reset_alloc_batches(const struct zone *preferred)
{
	struct zone *zones = preferred->zone_pgdat->node_zones;

	for (unsigned int idx = 0; idx <= (unsigned int)preferred->idx; idx++) {
		struct zone *zone = &zones[idx];
		long share_left =
			(long)(READ_ONCE(zone->watermark[WMARK_HIGH]) - READ_ONCE(zone->watermark[WMARK_LOW]));

		/* Racy with takers: a few pages more or less in a round. */
		mod_zone_page_state(zone, NR_ALLOC_BATCH, share_left - READ_ONCE(zone->vm_stat[NR_ALLOC_BATCH]));
		zone_flag_clear(zone, ZONE_FAIR_DEPLETED);
	}
}
