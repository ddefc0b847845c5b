/* SPDX-License-Identifier: MIT
 * buddy_model_test.c - random use of all that the page allocator offers, against a map of the world (buddy_model.h).
 *
 * The seed is printed, and the first argument sets it; the second sets the number of steps. After every step the map
 * says what the zones must say; a request may fail only when the map has no aligned run of free pages that would do.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <kmm/contig.h>
#include <kmm/hotplug.h>
#include <kmm/page_ref.h>

#include "base/options.h"
#include "model/buddy_model.h"

#define MAX_ISOLATED 3
#define MAX_BULK 100
#define MAX_REFS 5
#define PERIOD 20000 /* steps in which the world fills and empties once */

static struct test_random randomness;
static uint64_t seed = 1;
static unsigned long nr_steps = 60000;

/* How a world is made. */
struct world {
	const char *options;
	unsigned int sections; /* the limit; there is room for a third more */
	unsigned int nr_cpus;  /* 0: one, without per-CPU lists */
};

/* What happened, so that a test that tests nothing is noticed. */
static struct {
	unsigned long failed[MAX_ORDER], mixed, split, shared, bulk, exact, contig, no_contig, isolated, offlined,
		added;
} seen;

static struct {
	struct zone *zone;
	unsigned long start, end;
} isolated[MAX_ISOLATED];
static unsigned int nr_isolated;

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

static struct wish random_wish(void)
{
	static const gfp_t kinds[] = {
		GFP_KERNEL,
		GFP_KERNEL | __GFP_RECLAIMABLE,
		GFP_USER | __GFP_MOVABLE,
		GFP_HIGHUSER_MOVABLE,
		GFP_ATOMIC,
		GFP_ATOMIC | __GFP_MOVABLE,
		GFP_NOWAIT,
		GFP_KERNEL | GFP_DMA,
	};
	struct wish wish = { .gfp = kinds[below(ARRAY_SIZE(kinds))] | __GFP_NOWARN, .nid = NUMA_NO_NODE };

	if (below(4) == 0)
		wish.gfp |= __GFP_ZERO;
	if (below(4) == 0)
		wish.gfp |= __GFP_COLD;
	if (below(4) == 0)
		wish.gfp |= __GFP_NORETRY;
	if (below(3) == 0) {
		wish.nid = (int)below(nr_online_nodes);
		if (below(3) == 0)
			wish.gfp |= __GFP_THISNODE;
		else if (below(2))
			wish.nodes.bits = 1 + below((1UL << nr_online_nodes) - 1);
	}
	return wish;
}

static const nodemask_t *wish_mask(const struct wish *wish)
{
	return wish->nodes.bits ? &wish->nodes : NULL;
}

static unsigned long random_tag(void)
{
	return (unsigned long)test_random_next(&randomness);
}

static struct held *random_held(void)
{
	return &model.held[below(model.nr_held)];
}

/* Taking. */

static void step_alloc(void)
{
	struct wish wish = random_wish();
	const unsigned int order = random_order();
	const bool compound = below(3) == 0;
	struct page *page;
	struct held held;

	wish.gfp |= compound ? __GFP_COMP : 0;
	page = __alloc_pages(wish.gfp, order, wish.nid, wish_mask(&wish));
	if (!page) {
		seen.failed[order]++;
		assert_false(model_has_room(order, &wish));
		return;
	}
	held = (struct held){ .pfn = page_to_pfn(page),
			      .nr_pages = 1UL << order,
			      .order = order,
			      .refs = 1,
			      .tag = random_tag(),
			      .kind = compound && order ? HELD_COMPOUND : HELD_BLOCK };
	assert_int_equal(held.pfn % held.nr_pages, 0);
	assert_int_equal(page_ref_count(page), 1);
	assert_int_equal(compound_order(page), compound ? order : 0);
	assert_ptr_equal(compound_head(page + held.nr_pages - 1), compound ? page : page + held.nr_pages - 1);
	seen.mixed += gfp_migratetype(wish.gfp) != pageblock_type(page);
	model_take(&held, &wish);
}

static void step_bulk(void)
{
	struct page *pages[MAX_BULK] = { NULL }, *old = NULL;
	const int nr = 1 + (int)below(below(8) ? 10 : MAX_BULK);
	const struct wish wish = random_wish();
	unsigned long got;
	int kept = -1;

	if (model.nr_held && below(2)) { /* an entry that stays */
		kept = (int)below((unsigned long)nr);
		old = pages[kept] = held_page(random_held());
	}
	got = __alloc_pages_bulk(wish.gfp, wish.nid, wish_mask(&wish), nr, pages);
	assert_true(got <= (unsigned long)nr);
	if (!got)
		assert_false(model_has_room(0, &wish));
	for (int i = 0; i < nr; i++) {
		if (i == kept) {
			assert_ptr_equal(pages[i], old);
			continue;
		}
		assert_int_equal(pages[i] != NULL, (unsigned long)i < got);
		if (pages[i])
			model_take(
				&(struct held){
					.pfn = page_to_pfn(pages[i]), .nr_pages = 1, .refs = 1, .tag = random_tag() },
				&wish);
	}
	seen.bulk += got;
}

static void step_exact(void)
{
	const unsigned long nr_pages = 1 + below(1UL << random_order());
	struct wish wish = random_wish();
	void *addr;

	wish.gfp &= ~__GFP_HIGHMEM; /* what is addressed is not in high memory */
	wish.nodes.bits = 0;
	addr = alloc_pages_exact_nid(wish.nid, nr_pages << PAGE_SHIFT, wish.gfp);
	if (!addr) {
		assert_false(model_has_room(get_order(nr_pages << PAGE_SHIFT), &wish));
		return;
	}
	seen.exact++;
	model_take(&(struct held){ .pfn = page_to_pfn(virt_to_page(addr)),
				   .nr_pages = nr_pages,
				   .refs = 1,
				   .tag = random_tag(),
				   .kind = HELD_EXACT },
		   &wish);
}

/* Mostly few pages; now and then more than a pageblock. */
static unsigned long random_length(void)
{
	return 1 + below(below(4) ? 100 : 3 * pageblock_nr_pages);
}

static void take_contig(unsigned long pfn, unsigned long nr_pages, gfp_t gfp)
{
	const struct wish any = { .gfp = (gfp & __GFP_ZERO) | GFP_HIGHUSER_MOVABLE, .nid = NUMA_NO_NODE };

	for (unsigned long i = 0; i < nr_pages; i++)
		assert_int_equal(page_ref_count(arena_pfn_to_page(pfn + i)), 1);
	seen.contig++;
	model_take(
		&(struct held){ .pfn = pfn, .nr_pages = nr_pages, .refs = 1, .tag = random_tag(), .kind = HELD_CONTIG },
		&any);
}

static void step_contig_range(void)
{
	const unsigned long nr_pages = random_length(), pfn = below(MODEL_PAGES);
	const bool cma = model.block[model_block(pfn)].cma;
	const gfp_t gfp = GFP_KERNEL | (below(2) ? __GFP_ZERO : 0);
	const int err = alloc_contig_range(pfn, pfn + nr_pages, cma ? MIGRATE_CMA : MIGRATE_MOVABLE, gfp);

	if (model_range_can_be_taken(pfn, nr_pages, cma)) {
		assert_int_equal(err, 0);
		take_contig(pfn, nr_pages, gfp);
	} else if (!model_range_is_valid(pfn, nr_pages)) {
		assert_int_equal(err, -EINVAL);
	} else if (cma) { /* it may leave the area */
		assert_true(err == -EINVAL || err == -EBUSY);
	} else {
		assert_int_equal(err, -EBUSY);
	}
}

static void step_contig_pages(void)
{
	const unsigned long nr_pages = below(2) ? random_length() : 1UL << below(MAX_ORDER + 1);
	struct wish wish = random_wish();
	struct page *page;

	wish.gfp &= ~__GFP_ATOMIC; /* the mask holds for all */
	page = alloc_contig_pages(nr_pages, wish.gfp, wish.nid, wish_mask(&wish));
	if (!page) {
		seen.no_contig++;
		assert_false(model_has_contig(nr_pages, &wish));
		return;
	}
	if (!(nr_pages & (nr_pages - 1)))
		assert_int_equal(page_to_pfn(page) % nr_pages, 0);
	for (unsigned long b = model_block(page_to_pfn(page)); b <= model_block(page_to_pfn(page) + nr_pages - 1); b++)
		assert_true(block_allowed(b, &wish));
	take_contig(page_to_pfn(page), nr_pages, wish.gfp);
}

/* Giving back. */

static void put_some(struct held *held)
{
	struct page *page = held_page(held);

	held->refs--;
	switch (below(3)) {
	case 0:
		put_page(held->kind == HELD_COMPOUND ? page + below(held->nr_pages) : page);
		return;
	case 1:
		assert_false(put_page_testzero(page));
		return;
	default:
		break;
	}
	/* The first page stays with the others who hold it; the rest of a block that is not compound is free. */
	if (held->kind == HELD_BLOCK && held->order) {
		const unsigned int order = held->order;

		seen.shared++;
		model_give(held, held->nr_pages - 1);
		held->order = 0;
		__free_pages(page, order);
	} else {
		__free_pages(page, held->order);
	}
}

static void free_block(struct held *held)
{
	struct page *page = held_page(held);
	const unsigned int order = held->order;

	model_give(held, held->nr_pages);
	switch (below(4)) {
	case 0:
		put_page(page);
		break;
	case 1:
		if (!order) {
			free_hot_cold_page(page, below(2));
			break;
		}
		free_pages((unsigned long)page_address(page), order);
		break;
	default:
		__free_pages(page, order);
		break;
	}
}

static void free_row(struct held *held)
{
	const unsigned long pfn = held->pfn, nr_pages = held->nr_pages;

	if (held->refs > 1 || (nr_pages <= MAX_BULK && below(4) == 0)) { /* page by page from now on */
		model_split(held);
		return;
	}
	if (held->kind == HELD_EXACT) {
		model_give(held, nr_pages);
		free_pages_exact(page_address(arena_pfn_to_page(pfn)), nr_pages << PAGE_SHIFT);
	} else {
		model_give(held, nr_pages);
		free_contig_range(pfn, nr_pages);
	}
}

static void step_free(void)
{
	struct held *held = random_held();

	if (held->kind == HELD_EXACT || held->kind == HELD_CONTIG)
		free_row(held);
	else if (held->refs > 1)
		put_some(held);
	else
		free_block(held);
}

static void free_some(unsigned int nr)
{
	while (nr-- && model.nr_held)
		step_free();
}

static void step_release(void)
{
	struct page *pages[MAX_BULK];
	int nr = 0;

	while (nr < MAX_BULK && model.nr_held && below(20)) {
		struct held *held = random_held();

		if (held->kind == HELD_EXACT || held->kind == HELD_CONTIG)
			break;
		pages[nr++] = held_page(held);
		if (--held->refs == 0)
			model_give(held, held->nr_pages);
	}
	release_pages(pages, nr);
}

/* What is held changes. */

static void step_split(void)
{
	struct held *held = random_held();

	if (held->kind != HELD_BLOCK || held->order > 6)
		return;
	split_page(held_page(held), held->order);
	seen.split += held->order > 0;
	model_split(held);
}

static void step_reference(void)
{
	struct held *held = random_held();
	struct page *page = held_page(held);
	const unsigned long pfn = below(MODEL_PAGES);

	assert_int_equal(page_ref_count(page), held->refs);
	if (!model.owned[pfn] && arena_pfn_online(pfn))
		assert_false(get_page_unless_zero(arena_pfn_to_page(pfn)));
	if (held->refs == 1 && below(4) == 0) { /* frozen, and in use again */
		assert_true(put_page_testzero(page));
		set_page_count(page, 1);
		return;
	}
	if (held->refs == MAX_REFS)
		return;
	held->refs++;
	if (below(2))
		get_page(held->kind == HELD_COMPOUND ? page + below(held->nr_pages) : page);
	else
		assert_true(get_page_unless_zero(page));
}

/* Frees that must be refused, aimed at random pages. */
static void step_misuse(void)
{
	const unsigned long pfn = below(kmm_arena.nr_pages);
	const unsigned int order = random_order();

	for (unsigned int i = 0; i < model.nr_held; i++)
		if (model.held[i].order == order && pfn - model.held[i].pfn < model.held[i].nr_pages &&
		    (pfn == model.held[i].pfn || model.held[i].kind > HELD_COMPOUND))
			return;
	__free_pages(arena_pfn_to_page(pfn), order);
}

/* The world changes. */

static void mark_blocks(unsigned long start, unsigned long end, enum block_state state)
{
	for (unsigned long b = model_block(start); b <= model_block(end - 1); b++)
		model.block[b].state = state;
}

static void undo_isolation(void)
{
	const unsigned int i = (unsigned int)below(nr_isolated);

	undo_isolate_page_range(isolated[i].zone, isolated[i].start, isolated[i].end);
	mark_blocks(isolated[i].start, isolated[i].end, BLOCK_PRESENT);
	isolated[i] = isolated[--nr_isolated];
}

static bool all_online(unsigned long start, unsigned long end)
{
	for (unsigned long b = model_block(start); b <= model_block(end - 1); b++)
		if (!arena_pfn_online(b << pageblock_order))
			return false;
	return true;
}

static void step_isolate(void)
{
	const unsigned long start = below(MODEL_PAGES), end = start + random_length();
	const bool cma = model.block[model_block(start)].cma;
	struct zone *zone = model.block[model_block(start)].zone;
	unsigned long busy;
	int err;

	if (nr_isolated && (nr_isolated == MAX_ISOLATED || below(2))) {
		undo_isolation();
		return;
	}
	if (!zone || end > zone->end_pfn || !all_online(start, end))
		return;
	err = start_isolate_page_range(zone, start, end, cma ? MIGRATE_CMA : MIGRATE_MOVABLE, 0, GFP_KERNEL, &busy);
	/* Pages behind the first one of a block are not seen yet. */
	if (model_range_is_free(start, end - start) || !model_blocks_can_be_taken(start, end - start, cma))
		assert_int_equal(err, model_range_can_be_taken(start, end - start, cma) ? 0 : -EBUSY);
	if (err) {
		assert_int_equal(err, -EBUSY);
		assert_true(busy >= start && busy < end);
		return;
	}
	/* Pages of the range's pageblocks that CPUs keep leave their lists now, later ones do not get there. */
	drain_all_pages(zone);
	seen.isolated++;
	mark_blocks(start, end, BLOCK_ISOLATED);
	isolated[nr_isolated].zone = zone;
	isolated[nr_isolated].start = start;
	isolated[nr_isolated++].end = end;
}

static void step_offline(void)
{
	const unsigned long pfn = below(MODEL_SECTIONS) * PAGES_PER_SECTION;
	const unsigned long nr_pages = (1 + below(2)) * PAGES_PER_SECTION;
	const int err = kmm_offline_memory(pfn, nr_pages);

	if (model_range_can_be_taken(pfn, nr_pages, false)) {
		assert_int_equal(err, 0);
		mark_blocks(pfn, pfn + nr_pages, BLOCK_ABSENT);
		seen.offlined++;
	} else {
		assert_int_equal(err, model_range_is_valid(pfn, nr_pages) ? -EBUSY : -EINVAL);
	}
}

/* Memory that went from a node comes back first, a section in the order of addresses; then its zones grow. */
static unsigned long section_to_add(const struct pglist_data *node)
{
	for (unsigned long pfn = node->start_pfn; pfn + PAGES_PER_SECTION <= node->end_pfn; pfn += PAGES_PER_SECTION) {
		bool absent = pfn % PAGES_PER_SECTION == 0;

		for (unsigned long i = 0; i < PAGES_PER_SECTION; i += pageblock_nr_pages)
			absent &= model.block[model_block(pfn + i)].state == BLOCK_ABSENT;
		if (absent)
			return pfn;
	}
	return ULONG_MAX;
}

static void step_add(void)
{
	const int nid = (int)below(nr_online_nodes);
	const unsigned long pfn = section_to_add(NODE_DATA(nid));
	const int err = kmm_add_memory(nid, SECTION_SIZE);

	assert_int_equal(err, pfn == ULONG_MAX ? -ENOMEM : 0);
	if (err)
		return;
	seen.added++;
	model_read_zones();
	for (unsigned long b = model_block(pfn); b < model_block(pfn + PAGES_PER_SECTION); b++)
		assert_non_null(model.block[b].zone);
	mark_blocks(pfn, pfn + PAGES_PER_SECTION, BLOCK_PRESENT);
}

static void check_counters(void)
{
	assert_int_equal(nr_free_pages(), model_nr_free());
	assert_int_equal(totalram_pages(), model_present());
}

/* They last for a second of the clock, and a run has to depend on its seed alone. */
static void forget_full_zones(void)
{
	for_each_node(nid)
		for (unsigned int i = 0; i < MAX_ZONELISTS; i++)
			memset(NODE_DATA(nid)->node_zonelists[i].full, 0,
			       sizeof(NODE_DATA(nid)->node_zonelists[i].full));
}

/* The world fills, then empties, then is nearly empty for a while. Percent of steps that free rather than take. */
static unsigned int free_share(unsigned long i)
{
	const unsigned long phase = i % PERIOD;

	return phase < PERIOD / 2 ? 30 : phase < PERIOD / 4 * 3 ? 75 : 95;
}

static void step(unsigned int share)
{
	const unsigned long dice = below(1000);

	forget_full_zones();
	if (below(50) == 0)
		cpu_id_pin((int)below(kmm_nr_cpu_ids));
	if (dice == 0)
		buddy_trim();
	else if (dice == 1)
		drain_all_pages(NULL);
	else if (dice < (share > 90 ? 12 : 3))
		step_offline();
	else if (dice < 14)
		below(6) ? step_misuse() : step_add();
	else if (dice < 25)
		step_isolate();
	else if (dice < 60)
		below(5) ? step_contig_range() : step_contig_pages();
	else if (dice < 160 && model.nr_held)
		below(2) ? step_split() : step_reference();
	else if (model.nr_held && (below(100) < share || model.nr_held > MODEL_PAGES / 4 * 3))
		below(20) ? free_some(share > 90 ? 8 : 1) : step_release();
	else if (dice < 200)
		step_bulk();
	else if (dice < 300)
		step_exact();
	else
		step_alloc();
}

/* Everything has merged again: all online pageblocks but the one that starts with reserved pages. */
static void check_merged(void)
{
	unsigned long nr_whole = 0, nr_expected = 0;

	drain_all_pages(NULL);
	for_each_zone(zone)
		nr_whole += zone->free_area[MAX_ORDER - 1].nr_free;
	for (unsigned long b = 0; b < MODEL_BLOCKS; b++)
		nr_expected += model.block[b].state != BLOCK_ABSENT && arena_pfn_online(b << pageblock_order) &&
			       model_range_is_free(b << pageblock_order, pageblock_nr_pages);
	assert_int_equal(nr_whole, nr_expected);
}

static void print_seen(void)
{
	print_message("%lu pages in use at the peak; requests failed by order:", model.peak);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		print_message(" %lu", seen.failed[order]);
	print_message("\n%lu mixed, %lu split, %lu shared, %lu in bulk, %lu exact, %lu contig, %lu not, %lu isolated, "
		      "%lu ranges went, %lu sections came\n",
		      seen.mixed, seen.split, seen.shared, seen.bulk, seen.exact, seen.contig, seen.no_contig,
		      seen.isolated, seen.offlined, seen.added);
}

static void random_operations_agree_with_the_model(void **state)
{
	(void)state;
	randomness.state = seed;
	memset(&seen, 0, sizeof(seen));
	model_start();
	check_counters();
	for (unsigned long i = 0; i < nr_steps; i++) {
		step(free_share(i));
		check_counters();
		if (i % 1000 == 0)
			kmm_validate_pages();
	}
	print_seen();
	/* The world was full at times, or this tests too little. */
	if (nr_steps >= 2 * PERIOD)
		assert_true(seen.failed[MAX_ORDER - 1] && seen.mixed && seen.split && seen.shared && seen.bulk &&
			    seen.exact && seen.contig && seen.no_contig && seen.isolated && seen.offlined &&
			    seen.added);
	while (nr_isolated)
		undo_isolation();
	while (model.nr_held)
		step_free();
	check_counters();
	check_merged();
	kmm_validate_pages();
	for_each_zone(zone)
		assert_int_equal(zone->nr_bad, 0);
}

static int setup(void **state)
{
	const struct kmm_param *const tables[] = { arena_params, buddy_params, NULL };
	const struct world *world = *state;
	char options[200];

	snprintf(options, sizeof(options), "min_free_kbytes=0 mem_max=%lu %s",
		 (unsigned long)(world->sections / 3 * 4 * SECTION_SIZE), world->options);
	capture_start();
	cpu_id_set_count(max_of(world->nr_cpus, 1u));
	cpu_id_pin(0);
	buddy_options_reset();
	arena_options_reset();
	if (kmm_options_parse(options, tables, true))
		return -1;
	arena_set_boot_pfn(buddy_boot_pfn());
	if (arena_start(world->sections * SECTION_SIZE) || (world->nr_cpus && buddy_reserve()) ||
	    !memblock_alloc(37 * PAGE_SIZE, 1) || buddy_start())
		return -1;
	if (world->nr_cpus)
		buddy_start_late();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	teardown_pages(state);
	arena_options_reset();
	cpu_id_pin(-1);
	cpu_id_set_count(1);
	return 0;
}

int main(int argc, char **argv)
{
	static char zones[100];
	static struct world plain = { .options = "numa=off", .sections = 3 };
	static struct world cpus = { .options = "numa=off", .sections = 3, .nr_cpus = 4 };
	static struct world nodes = { .options = zones, .sections = 6, .nr_cpus = 4 };
#define TEST(name, world)                                                               \
	{                                                                               \
		name, random_operations_agree_with_the_model, setup, teardown, &(world) \
	}
	const struct CMUnitTest tests[] = {
		TEST("one zone, all pages straight to it", plain),
		TEST("one zone, four CPUs with lists", cpus),
		TEST("two nodes with all zones and CMA, four CPUs with lists", nodes),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		nr_steps = strtoul(argv[2], NULL, 0);
	snprintf(zones, sizeof(zones), "numa=fake=2 dma=%lu movablecore=%lu cma=%lu", (unsigned long)SECTION_SIZE,
		 (unsigned long)SECTION_SIZE, (unsigned long)PAGEBLOCK_SIZE);
	printf("seed %llu, %lu steps\n", (unsigned long long)seed, nr_steps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
