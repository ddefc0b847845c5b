/* SPDX-License-Identifier: MIT
 * buddy_fault_test.c - every page and every system call refused in turn while blocks and ranges are taken and given back,
 * memory goes to the system, leaves and comes: what was not had is NULL or an error, what was had is whole and zero where
 * that was asked for, and nothing is lost.
 */
#include <errno.h>

#include <kmm/contig.h>
#include <kmm/hotplug.h>

#include "support/pcp_world.h"

#define NR_BLOCKS 33
#define WORLD (64UL << 20)
#define RANGE_START (2 * PAGES_PER_SECTION - 100) /* the end of one section and the start of the next */
#define RANGE_PAGES 200UL
#define NR_CONTIG 1500UL

/* All that one run takes; what could not be had is NULL. */
struct haul {
	struct page *block[NR_BLOCKS], *contig;
	bool range;
	unsigned int nr_missing;
};

static unsigned int order_of(unsigned int i)
{
	return i % MAX_ORDER;
}

static gfp_t gfp_of(unsigned int i)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER | __GFP_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE,
				       GFP_ATOMIC };

	return kinds[i % ARRAY_SIZE(kinds)] | (i % 3 ? __GFP_ZERO : 0) | (i % 2 ? __GFP_COMP : 0) | __GFP_NOWARN;
}

static unsigned long *last_word(const struct page *page)
{
	return (unsigned long *)(void *)((char *)page_address(page) + PAGE_SIZE - sizeof(long));
}

/* Every page is the caller's alone: a second one would find the mark of the first. */
static void mark(struct page *page, unsigned long nr_pages, bool zeroed)
{
	for (; nr_pages--; page++) {
		if (zeroed)
			assert_int_equal(*last_word(page), 0);
		*last_word(page) = page_to_pfn(page) + 1;
	}
}

static void check_mark(struct page *page, unsigned long nr_pages)
{
	for (; nr_pages--; page++) {
		assert_int_equal(*last_word(page), page_to_pfn(page) + 1);
		*last_word(page) = ~0UL;
	}
}

static void take(struct haul *haul)
{
	int err;

	memset(haul, 0, sizeof(*haul));
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		cpu_id_pin((int)(i % PCP_CPUS));
		haul->block[i] = alloc_pages(gfp_of(i), order_of(i));
		if (haul->block[i])
			mark(haul->block[i], 1UL << order_of(i), gfp_of(i) & __GFP_ZERO);
		haul->nr_missing += !haul->block[i];
	}
	haul->contig = alloc_contig_pages(NR_CONTIG, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, NUMA_NO_NODE, NULL);
	if (haul->contig)
		mark(haul->contig, NR_CONTIG, true);
	err = alloc_contig_range(RANGE_START, RANGE_START + RANGE_PAGES, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_ZERO);
	haul->range = !err;
	if (haul->range)
		mark(arena_pfn_to_page(RANGE_START), RANGE_PAGES, true);
	else
		assert_true(err == -ENOMEM || err == -EBUSY); /* -EBUSY: something else is there */
}

static void give_back(struct haul *haul)
{
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		if (!haul->block[i])
			continue;
		cpu_id_pin((int)(i / 2 % PCP_CPUS));
		check_mark(haul->block[i], 1UL << order_of(i));
		__free_pages(haul->block[i], order_of(i));
	}
	if (haul->contig) {
		check_mark(haul->contig, NR_CONTIG);
		free_contig_range(page_to_pfn(haul->contig), NR_CONTIG);
	}
	if (haul->range) {
		check_mark(arena_pfn_to_page(RANGE_START), RANGE_PAGES);
		free_contig_range(RANGE_START, RANGE_PAGES);
	}
}

/* A section leaves and comes back. */
static void go_and_come(void)
{
	const unsigned long total = totalram_pages();
	int err = kmm_offline_memory(PAGES_PER_SECTION, PAGES_PER_SECTION);

	if (err)
		assert_int_equal(err, -ENOMEM);
	assert_int_equal(totalram_pages(), total - (err ? 0 : PAGES_PER_SECTION));
	kmm_validate_pages();
	if (!err)
		assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	assert_int_equal(totalram_pages(), total);
}

/* The world is as it was at the start, but for what is online. */
static void check_nothing_is_lost(unsigned long nr_free)
{
	kmm_validate_pages();
	assert_int_equal(nr_free_pages(), nr_free);
	drain_all_pages(NULL);
	assert_int_equal(kmm_zone.free_area[MAX_ORDER - 1].nr_free,
			 (kmm_arena.nr_online >> pageblock_order) - 1); /* one starts with reserved pages */
	assert_int_equal(kmm_zone.nr_bad, 0);
}

static int setup(void **state)
{
	(void)state;
	pcp_world_boot(WORLD, PCP_CPUS);
	buddy_start_late();
	return 0;
}

static void every_page_refused_in_turn(void **state)
{
	const unsigned long nr_free = nr_free_pages();
	static struct haul haul;

	(void)state;
	for (unsigned int n = 1; n <= NR_BLOCKS + 1; n++) {
		buddy_inject_failure(n, false);
		take(&haul);
		buddy_inject_failure(0, false);
		assert_int_equal(haul.nr_missing, n <= NR_BLOCKS);
		if (n <= NR_BLOCKS)
			assert_null(haul.block[n - 1]);
		kmm_validate_pages();
		give_back(&haul);
		check_nothing_is_lost(nr_free);
	}
	assert_silent();
}

static void every_page_from_one_on_refused(void **state)
{
	const unsigned long nr_free = nr_free_pages();
	static struct haul haul;

	(void)state;
	for (unsigned int n = 1; n <= NR_BLOCKS; n++) {
		buddy_inject_failure(n, true);
		take(&haul);
		buddy_inject_failure(0, false);
		assert_int_equal(haul.nr_missing, NR_BLOCKS - n + 1);
		give_back(&haul);
		check_nothing_is_lost(nr_free);
	}
	assert_silent();
}

/* One whole run with the @n-th call refused. False: there were fewer. */
static bool run_refusing(unsigned int n)
{
	const unsigned long nr_free = nr_free_pages();
	static struct haul haul;
	bool refused;

	os_inject_failure(n);
	take(&haul);
	kmm_validate_pages();
	give_back(&haul);
	buddy_trim();
	take(&haul); /* what the system took back, or did not, is zero all the same */
	kmm_validate_pages();
	give_back(&haul);
	go_and_come();
	refused = os_calls() >= n;
	os_inject_failure(0);
	check_nothing_is_lost(nr_free);
	/* And nothing stays refused. */
	take(&haul);
	assert_int_equal(haul.nr_missing, 0);
	assert_non_null(haul.contig);
	give_back(&haul);
	check_nothing_is_lost(nr_free);
	return refused;
}

static void every_system_call_refused_in_turn(void **state)
{
	bool refused = true;
	unsigned int n;

	(void)state;
	for (n = 1; refused; n++) {
		setup(NULL);
		refused = run_refusing(n);
		pcp_world_stop();
	}
	print_message("%u calls\n", n - 2);
	assert_true(n - 2 > 20); /* two sections come online at three calls each, several blocks' memory goes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_page_refused_in_turn, setup, teardown_pcp),
		cmocka_unit_test_setup_teardown(every_page_from_one_on_refused, setup, teardown_pcp),
		cmocka_unit_test(every_system_call_refused_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
