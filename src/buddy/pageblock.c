/* SPDX-License-Identifier: MIT
 * pageblock.c - pages grouped by mobility: the type of each pageblock, and what happens when a type runs out.
 *
 * Owns:       the type of each pageblock, in kmm_arena.pageblock_flags; how many are kept for high orders or isolated.
 * Locks:      zone->lock for all of it.
 * Invariants: B7 of buddy_internal.h, and the second half of B1: a free page is on the list of its block's type. So when
 *             a block changes its type, its free pages change lists in the same step; and when a page is only borrowed
 *             from a block of another type, what is left of the free block stays with that type.
 * Source:     fallbacks[], move_freepages_block(), steal_suitable_fallback(), __rmqueue_fallback(), mm/page_alloc.c,
 *             Linux 6.1. Differs: the rule above (Linux 6.10), and that a block changes hands at half free as in 3.12.
 */
#include "buddy/buddy_internal.h"

/* What a type takes when its own lists are empty, in this order; the reserve is last for all. */
static const unsigned char fallbacks[MIGRATE_PCPTYPES][3] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, MIGRATE_RESERVE },
};

enum migratetype pageblock_fallback(enum migratetype type, unsigned int i)
{
	return type < MIGRATE_PCPTYPES && i < ARRAY_SIZE(fallbacks[0]) ? (enum migratetype)fallbacks[type][i] :
									 MIGRATE_RESERVE;
}

void pageblock_set_type(struct page *page, enum migratetype type)
{
	unsigned short *word = &kmm_arena.pageblock_flags[arena_page_to_pfn(page) >> pageblock_order];

	/* Without a lock others read it, and take the old type or the new one. */
	WRITE_ONCE(*word, (unsigned short)((*word & ~PAGEBLOCK_TYPE_MASK) | ((unsigned int)type ^ MIGRATE_MOVABLE)));
}

static struct page *block_start(const struct page *page)
{
	return arena_pfn_to_page(arena_page_to_pfn(page) & ~(pageblock_nr_pages - 1));
}

/* Calls for each free block of the pageblock of @page; a block of the largest order is the whole of it. */
#define for_each_free_block(block, page)                                                                   \
	for (struct page *start_ = block_start(page), *(block) = next_free_block(start_, start_); (block); \
	     (block) = next_free_block((block) + (1UL << page_buddy_order(block)), start_))

static struct page *next_free_block(struct page *page, const struct page *start)
{
	for (; page < start + pageblock_nr_pages; page++)
		if (PageBuddy(page))
			return page;
	return NULL;
}

unsigned long pageblock_nr_free(const struct page *page)
{
	unsigned long nr = 0;

	for_each_free_block(block, page)
		nr += 1UL << page_buddy_order(block);
	return nr;
}

/* Free pages of the pageblock that are away while their memory is given back. They come back to the list of the type that
 * the pageblock has by then. */
static unsigned long nr_away(const struct zone *zone, const struct page *page)
{
	unsigned long nr = 0;
	struct cds_list_head *pos;

	cds_list_for_each(pos, &zone->isolated) {
		const struct page *block = cds_list_entry(pos, struct page, lru);

		if (block_start(block) == block_start(page))
			nr += 1UL << page_buddy_order(block);
	}
	return nr;
}

/* Pageblocks of some types are counted. */
static void count_pageblock(struct zone *zone, enum migratetype type, long nr)
{
	if (type == MIGRATE_RESERVE)
		WRITE_ONCE(zone->nr_reserved_highatomic,
			   zone->nr_reserved_highatomic + (unsigned long)nr * pageblock_nr_pages);
	else if (type == MIGRATE_ISOLATE)
		WRITE_ONCE(zone->nr_isolate_pageblock, zone->nr_isolate_pageblock + (unsigned long)nr);
}

unsigned long pageblock_move_free(struct zone *zone, struct page *page, enum migratetype type)
{
	unsigned long nr = nr_away(zone, page);

	for_each_free_block(block, page) {
		free_area_move(zone, block, page_buddy_order(block), type);
		nr += 1UL << page_buddy_order(block);
	}
	zone_account(zone, pageblock_type(page), -(long)nr);
	zone_account(zone, type, (long)nr);
	count_pageblock(zone, pageblock_type(page), -1);
	count_pageblock(zone, type, 1);
	pageblock_set_type(page, type);
	return nr;
}

/* May @type have the whole pageblock around the free block @page? A large block or a type that comes in bursts suggests
 * that more requests follow; but a block mostly in use by others would not become pure by a new name. */
static bool claim_is_good(const struct page *page, unsigned int order, enum migratetype type)
{
	if (order >= pageblock_order)
		return true;
	if (order < pageblock_order / 2 && type != MIGRATE_RECLAIMABLE)
		return false;
	return pageblock_nr_free(page) >= pageblock_nr_pages / 2;
}

static struct page *first_fallback(const struct zone *zone, unsigned int order, enum migratetype type)
{
	for (unsigned int i = 0; pageblock_fallback(type, i) != MIGRATE_RESERVE; i++) {
		struct page *page = free_area_first(zone, order, pageblock_fallback(type, i));

		if (page)
			return page;
	}
	return NULL;
}

struct page *pageblock_steal(struct zone *zone, unsigned int order, unsigned int min_order, enum migratetype type,
			     bool *reported)
{
	/* The largest first: what is left of it serves many further requests, so few blocks get mixed. */
	for (unsigned int current = MAX_ORDER; current-- > max_of(order, min_order);) {
		struct page *page = first_fallback(zone, current, type);

		if (!page)
			continue;
		if (claim_is_good(page, current, type))
			pageblock_move_free(zone, page, type);
		else
			boost_watermark(zone);
		*reported = page_flag_test(page, PG_reported);
		free_area_del(zone, page, current);
		free_area_expand(zone, page, order, current, pageblock_type(page), *reported);
		return page;
	}
	return NULL;
}
