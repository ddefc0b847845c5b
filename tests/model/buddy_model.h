/* SPDX-License-Identifier: MIT
 * buddy_model.h - a map of the world that knows who has each page, and says what the page allocator must do.
 *
 * Owns:  the map: which pages there are, which are in use, and by which allocation.
 * Rules: the map is told what was done, and never looks at the state of a page. From the library it takes only what cannot
 *        change without being asked for: where zones lie, which pageblocks are CMA, and what memblock kept.
 */
#ifndef KMM_TESTS_MODEL_BUDDY_MODEL_H
#define KMM_TESTS_MODEL_BUDDY_MODEL_H

#include "support/pages_world.h"
#include "support/random.h"

#define MODEL_SECTIONS 8 /* with the room for memory added later */
#define MODEL_PAGES ((unsigned long)(MODEL_SECTIONS * PAGES_PER_SECTION))
#define MODEL_BLOCKS (MODEL_PAGES >> pageblock_order)

/* One allocation: @nr_pages in a row. */
struct held {
	unsigned long pfn, nr_pages;
	unsigned long tag;  /* written to the first and last word of each page, plus the number of the page */
	unsigned int order; /* of a block; else 0 */
	int refs;           /* of its first page; the pages of what is no block have one each */
	enum { HELD_BLOCK, HELD_COMPOUND, HELD_EXACT, HELD_CONTIG } kind;
};

/* Which pages a request may get. */
struct wish {
	gfp_t gfp;
	int nid;          /* NUMA_NO_NODE: that of the CPU */
	nodemask_t nodes; /* 0: all */
};

enum block_state { BLOCK_ABSENT, BLOCK_PRESENT, BLOCK_ISOLATED };

static struct {
	unsigned char owned[MODEL_PAGES]; /* 1: somebody has the page */
	struct {
		struct zone *zone; /* NULL: none yet */
		enum block_state state;
		bool cma;
	} block[MODEL_BLOCKS];
	struct held held[MODEL_PAGES];
	unsigned int nr_held;
	unsigned long nr_owned;    /* pages */
	unsigned long nr_reserved; /* pages: marked as owned too, but not counted there */
	unsigned long peak;        /* of nr_owned */
} model;

static inline unsigned long model_block(unsigned long pfn)
{
	return pfn >> pageblock_order;
}

static inline struct page *held_page(const struct held *held)
{
	return arena_pfn_to_page(held->pfn);
}

/* Where the zones lie, at the start and after one grew. */
static inline void model_read_zones(void)
{
	for (unsigned long b = 0; b < MODEL_BLOCKS; b++)
		model.block[b].zone = NULL;
	for_each_zone(zone)
		for (unsigned long pfn = zone->start_pfn; pfn < zone->end_pfn; pfn += pageblock_nr_pages)
			model.block[model_block(pfn)].zone = zone;
}

/* The start: everything that a zone has is there, and what memblock kept is marked. */
static inline void model_start(void)
{
	memset(&model, 0, sizeof(model));
	assert_true(kmm_arena.nr_pages <= MODEL_PAGES);
	model_read_zones();
	for (unsigned long b = 0; b < MODEL_BLOCKS; b++)
		model.block[b].state = model.block[b].zone ? BLOCK_PRESENT : BLOCK_ABSENT;
	for (unsigned long pfn = arena_next_online(0); pfn < kmm_arena.nr_pages; pfn = arena_next_online(pfn + 1)) {
		model.block[model_block(pfn)].cma = pageblock_type(arena_pfn_to_page(pfn)) == MIGRATE_CMA;
		if (page_flag_test(arena_pfn_to_page(pfn), PG_reserved))
			model.owned[pfn] = 1;
		model.nr_reserved += model.owned[pfn];
	}
}

static inline unsigned long model_present(void)
{
	unsigned long nr = 0;

	for (unsigned long b = 0; b < MODEL_BLOCKS; b++)
		nr += model.block[b].state != BLOCK_ABSENT;
	return nr << pageblock_order;
}

/* Pages that are free, but for those of isolated pageblocks. */
static inline unsigned long model_nr_free(void)
{
	unsigned long nr = model_present() - model.nr_reserved - model.nr_owned;

	for (unsigned long b = 0; b < MODEL_BLOCKS; b++)
		for (unsigned long i = 0; model.block[b].state == BLOCK_ISOLATED && i < pageblock_nr_pages; i++)
			nr -= !model.owned[(b << pageblock_order) + i];
	return nr;
}

static inline bool model_range_is_free(unsigned long pfn, unsigned long nr_pages)
{
	return !memchr(model.owned + pfn, 1, nr_pages);
}

/* The highest zone that a request may use. Without a zone for it, DMA memory is any memory. */
static inline enum zone_type wish_zone(const struct wish *wish)
{
	if ((wish->gfp & GFP_DMA) && NODE_DATA(0)->node_zones[ZONE_DMA].present_pages)
		return ZONE_DMA;
	return (wish->gfp & GFP_HIGHUSER_MOVABLE) == GFP_HIGHUSER_MOVABLE ? ZONE_MOVABLE : ZONE_NORMAL;
}

/* May a request have pages of the pageblock? */
static inline bool block_allowed(unsigned long b, const struct wish *wish)
{
	const struct zone *zone = model.block[b].zone;
	unsigned int nid;

	if (model.block[b].state != BLOCK_PRESENT || zone->idx > wish_zone(wish))
		return false;
	if (model.block[b].cma && !(wish->gfp & __GFP_MOVABLE))
		return false;
	nid = (unsigned int)zone->zone_pgdat->node_id;
	if ((wish->gfp & __GFP_THISNODE) && (int)nid != (wish->nid == NUMA_NO_NODE ? numa_node_id() : wish->nid))
		return false;
	/* What cannot wait goes beyond the mask in the end. */
	return !wish->nodes.bits || (wish->nodes.bits >> nid & 1) || (wish->gfp & __GFP_ATOMIC);
}

/* Is there an aligned run of 2^@order free pages? Buddies always merge, so it would be one free block. */
static inline bool model_has_room(unsigned int order, const struct wish *wish)
{
	for (unsigned long b = 0; b < MODEL_BLOCKS; b++) {
		const unsigned long start = b << pageblock_order;

		if (!block_allowed(b, wish))
			continue;
		for (unsigned long pfn = start; pfn < start + pageblock_nr_pages; pfn += 1UL << order)
			if (model_range_is_free(pfn, 1UL << order))
				return true;
	}
	return false;
}

/* Are the pageblocks of the range there, in one zone, nobody's, and CMA or not? */
static inline bool model_blocks_can_be_taken(unsigned long pfn, unsigned long nr_pages, bool cma)
{
	if (pfn + nr_pages > MODEL_PAGES)
		return false;
	for (unsigned long b = model_block(pfn); b <= model_block(pfn + nr_pages - 1); b++)
		if (model.block[b].state != BLOCK_PRESENT || model.block[b].cma != cma ||
		    model.block[b].zone != model.block[model_block(pfn)].zone)
			return false;
	return true;
}

/* Can the range be taken by alloc_contig_range()? */
static inline bool model_range_can_be_taken(unsigned long pfn, unsigned long nr_pages, bool cma)
{
	return model_blocks_can_be_taken(pfn, nr_pages, cma) && model_range_is_free(pfn, nr_pages);
}

/* Does the range lie in one zone, with all of its memory there, isolated or not? */
static inline bool model_range_is_valid(unsigned long pfn, unsigned long nr_pages)
{
	if (pfn + nr_pages > MODEL_PAGES)
		return false;
	for (unsigned long b = model_block(pfn); b <= model_block(pfn + nr_pages - 1); b++)
		if (model.block[b].state == BLOCK_ABSENT || model.block[b].zone != model.block[model_block(pfn)].zone)
			return false;
	return true;
}

/* Is there a range for alloc_contig_pages()? A power of two is aligned. */
static inline bool model_has_contig(unsigned long nr_pages, const struct wish *wish)
{
	const unsigned long step = nr_pages & (nr_pages - 1) ? 1 : nr_pages;

	for (unsigned long pfn = 0; pfn + nr_pages <= MODEL_PAGES; pfn += step)
		if (!model.owned[pfn] && block_allowed(model_block(pfn), wish) &&
		    model_range_can_be_taken(pfn, nr_pages, false))
			return true;
	return false;
}

static inline unsigned long *held_word(unsigned long pfn, bool last)
{
	char *p = (char *)page_address(arena_pfn_to_page(pfn));

	return (unsigned long *)(void *)(last ? p + PAGE_SIZE - sizeof(long) : p);
}

/* Pages came from the library: they must be free and allowed, and zero if that was asked for. Marks them and their memory. */
static inline struct held *model_take(const struct held *new, const struct wish *wish)
{
	struct held *held = &model.held[model.nr_held++];

	assert_true(model_range_is_free(new->pfn, new->nr_pages));
	*held = *new;
	for (unsigned long pfn = held->pfn; pfn < held->pfn + held->nr_pages; pfn++) {
		assert_true(block_allowed(model_block(pfn), wish));
		if (wish->gfp & __GFP_ZERO) {
			assert_int_equal(*held_word(pfn, false), 0);
			assert_int_equal(*held_word(pfn, true), 0);
		}
		*held_word(pfn, false) = *held_word(pfn, true) = held->tag + (pfn - held->pfn);
	}
	memset(model.owned + held->pfn, 1, held->nr_pages);
	model.nr_owned += held->nr_pages;
	model.peak = max_of(model.peak, model.nr_owned);
	return held;
}

/* The last @nr_pages of it are about to go back: nobody may have written to them. */
static inline void model_give(struct held *held, unsigned long nr_pages)
{
	const unsigned long first = held->pfn + held->nr_pages - nr_pages;

	for (unsigned long pfn = first; pfn < first + nr_pages; pfn++) {
		assert_int_equal(*held_word(pfn, false), held->tag + (pfn - held->pfn));
		assert_int_equal(*held_word(pfn, true), held->tag + (pfn - held->pfn));
	}
	memset(model.owned + first, 0, nr_pages);
	model.nr_owned -= nr_pages;
	held->nr_pages -= nr_pages;
	if (!held->nr_pages)
		*held = model.held[--model.nr_held];
}

/* From now on each of its pages is an allocation of its own. */
static inline void model_split(struct held *held)
{
	for (unsigned long i = 1; i < held->nr_pages; i++)
		model.held[model.nr_held++] = (struct held){
			.pfn = held->pfn + i, .nr_pages = 1, .tag = held->tag + i, .refs = 1, .kind = HELD_BLOCK
		};
	held->nr_pages = 1;
	held->order = 0;
	held->kind = HELD_BLOCK;
}

#endif /* KMM_TESTS_MODEL_BUDDY_MODEL_H */
