/* SPDX-License-Identifier: MIT
 * buddy_model_test.c - random requests, frees and trims against a map of the world that knows who has each page.
 *
 * The seed is printed, and the first argument sets it; the second sets the number of steps. After every step the map
 * says what the zone must say; a request may fail only when the map has no aligned run of free pages that would do.
 */
#include <stdlib.h>

#include "support/pages_world.h"
#include "support/random.h"

#define NR_SECTIONS 3
#define NR_PAGES ((unsigned long)(NR_SECTIONS * PAGES_PER_SECTION))
#define NR_RESERVED 37 /* odd, so that the first pageblock starts in pieces */
#define MAX_HELD NR_PAGES

static struct test_random randomness;
static unsigned long nr_steps = 200000;

/* One allocation. */
struct held {
	struct page *page;
	unsigned int order;
	unsigned long tag; /* written to the first and last word of each page */
};

static struct {
	unsigned char owned[NR_PAGES]; /* 1: somebody has the page */
	struct held held[MAX_HELD];
	unsigned int nr_held;
	unsigned long nr_owned;
	unsigned long nr_failed[MAX_ORDER]; /* requests */
	unsigned long nr_mixed;             /* requests served from a pageblock of another type */
	unsigned long peak;                 /* of nr_owned */
} model;

static unsigned long below(unsigned long limit)
{
	return test_random_below(&randomness, limit);
}

/* Small orders are asked for most, as in life. */
static unsigned int random_order(void)
{
	unsigned int order = 0;

	while (order < MAX_ORDER - 1 && below(2))
		order++;
	return below(50) ? order : (unsigned int)below(MAX_ORDER);
}

static gfp_t random_gfp(void)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_KERNEL | __GFP_RECLAIMABLE, GFP_USER | __GFP_MOVABLE };
	gfp_t gfp = kinds[below(ARRAY_SIZE(kinds))] | __GFP_NOWARN;

	if (below(3) == 0)
		gfp |= __GFP_COMP;
	if (below(4) == 0)
		gfp |= __GFP_ZERO;
	return gfp;
}

static unsigned long *word(const struct held *held, unsigned long page, bool last)
{
	char *p = (char *)page_address(held->page) + page * PAGE_SIZE;

	return (unsigned long *)(void *)(last ? p + PAGE_SIZE - sizeof(long) : p);
}

/* Is there an aligned run of 2^@order pages that nobody has? Buddies always merge, so it would be one free block. */
static bool model_has_room(unsigned int order)
{
	for (unsigned long pfn = 0; pfn < NR_PAGES; pfn += 1UL << order) {
		unsigned long i = 0;

		while (i < 1UL << order && !model.owned[pfn + i])
			i++;
		if (i == 1UL << order)
			return true;
	}
	return false;
}

static void check_new(const struct held *held, gfp_t gfp)
{
	unsigned long pfn = page_to_pfn(held->page), nr = 1UL << held->order;

	assert_int_equal(pfn % nr, 0);
	assert_true(pfn + nr <= NR_PAGES);
	assert_int_equal(page_count(held->page), 1);
	assert_int_equal(compound_order(held->page), (gfp & __GFP_COMP) ? held->order : 0);
	model.nr_mixed += gfp_migratetype(gfp) != pageblock_type(held->page);
	for (unsigned long i = 0; i < nr; i++) {
		assert_int_equal(model.owned[pfn + i], 0);
		assert_ptr_equal(compound_head(held->page + i), (gfp & __GFP_COMP) ? held->page : held->page + i);
		if (gfp & __GFP_ZERO) {
			assert_int_equal(*word(held, i, false), 0);
			assert_int_equal(*word(held, i, true), 0);
		}
	}
}

static void step_alloc(void)
{
	struct held *held = &model.held[model.nr_held];
	gfp_t gfp = random_gfp();

	held->order = random_order();
	held->page = alloc_pages(gfp, held->order);
	if (!held->page) {
		model.nr_failed[held->order]++;
		assert_false(model_has_room(held->order));
		return;
	}
	check_new(held, gfp);
	held->tag = (unsigned long)test_random_next(&randomness);
	for (unsigned long i = 0; i < 1UL << held->order; i++)
		*word(held, i, false) = *word(held, i, true) = held->tag + i;
	memset(model.owned + page_to_pfn(held->page), 1, 1UL << held->order);
	model.nr_owned += 1UL << held->order;
	model.peak = max_of(model.peak, model.nr_owned);
	model.nr_held++;
}

static void step_free(void)
{
	struct held *held = &model.held[below(model.nr_held)];

	for (unsigned long i = 0; i < 1UL << held->order; i++) {
		assert_int_equal(*word(held, i, false), held->tag + i);
		assert_int_equal(*word(held, i, true), held->tag + i);
	}
	memset(model.owned + page_to_pfn(held->page), 0, 1UL << held->order);
	model.nr_owned -= 1UL << held->order;
	__free_pages(held->page, held->order);
	*held = model.held[--model.nr_held];
}

/* Frees that must be refused, aimed at random pages. */
static void step_misuse(void)
{
	unsigned long pfn = below(kmm_arena.nr_online);
	unsigned int order = random_order();

	for (unsigned int i = 0; i < model.nr_held; i++)
		if (page_to_pfn(model.held[i].page) == pfn && model.held[i].order == order)
			return;
	__free_pages(pfn_to_page(pfn), order);
}

static void check_counters(void)
{
	assert_int_equal(nr_free_pages(), NR_PAGES - NR_RESERVED - model.nr_owned);
}

static void random_operations_agree_with_the_model(void **state)
{
	(void)state;
	memset(&model, 0, sizeof(model));
	memset(model.owned, 1, NR_RESERVED);
	for (unsigned long step = 0; step < nr_steps; step++) {
		/* Swings between an empty and a full world, a few times in a run. */
		bool filling = step / (nr_steps / 6 + 1) % 2 == 0;
		unsigned long dice = below(1000);

		if (dice == 0)
			buddy_trim();
		else if (dice < 10)
			step_misuse();
		else if (model.nr_held == MAX_HELD || (model.nr_held && below(100) < (filling ? 30 : 70)))
			step_free();
		else
			step_alloc();
		check_counters();
		if (step % 1000 == 0)
			kmm_validate_pages();
	}
	assert_int_equal(kmm_zone.nr_bad, 0);
	print_message("%lu of %lu pages in use at the peak; requests failed by order:", model.peak, NR_PAGES);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		print_message(" %lu", model.nr_failed[order]);
	print_message("; %lu served by another type\n", model.nr_mixed);
	assert_true(model.nr_failed[MAX_ORDER - 1] > 0); /* the world was full at times, or this tests too little */
	while (model.nr_held)
		step_free();
	check_counters();
	kmm_validate_pages();
	/* Everything has merged again: all pageblocks but the one that starts with reserved pages. */
	assert_int_equal(kmm_zone.free_area[MAX_ORDER - 1].nr_free, NR_PAGES / pageblock_nr_pages - 1);
}

static int setup(void **state)
{
	(void)state;
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	if (arena_start(NR_PAGES << PAGE_SHIFT) || !memblock_alloc(NR_RESERVED * PAGE_SIZE, 1))
		return -1;
	return buddy_start();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_operations_agree_with_the_model, setup, teardown_pages),
	};

	randomness.state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	if (argc > 2)
		nr_steps = strtoul(argv[2], NULL, 0);
	printf("seed %llu, %lu steps\n", (unsigned long long)randomness.state, nr_steps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
