/* SPDX-License-Identifier: MIT
 * hotplug_test.c - memory taken away and added while the library runs: all of it or nothing, and what is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <kmm/hotplug.h>

#include "base/options.h"
#include "support/pages_world.h"
#include "support/random.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)
#define QUIET __GFP_NOWARN
#define PPS PAGES_PER_SECTION

static void start(size_t limit, const char *options)
{
	const struct kmm_param *const tables[] = { arena_params, buddy_params, NULL };

	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	assert_int_equal(kmm_options_parse(options, tables, true), 0);
	assert_int_equal(arena_start(limit), 0);
	assert_int_equal(buddy_start(), 0);
}

static int setup(void **state)
{
	(void)state;
	start(4 * SECTION_SIZE, "");
	return 0;
}

/* What may be seen of the world from outside. */
struct view {
	unsigned long total, free, present, offline, end, reserve, isolated, blocks[MAX_ORDER][MIGRATE_TYPES];
};

static struct view view(void)
{
	struct view v = {
		.total = totalram_pages(),
		.free = nr_free_pages(),
		.present = kmm_zone.present_pages,
		.offline = kmm_zone.nr_offline,
		.end = kmm_zone.end_pfn,
		.reserve = kmm_zone.nr_reserved_highatomic,
		.isolated = kmm_zone.nr_isolate_pageblock,
	};

	for (unsigned int order = 0; order < MAX_ORDER; order++)
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
			v.blocks[order][type] = blocks_listed(order, (enum migratetype)type);
	kmm_validate_pages();
	return v;
}

static void assert_same_view(const struct view *a)
{
	const struct view b = view();

	assert_memory_equal(a, &b, sizeof(b));
}

static void the_block_size_is_a_section(void **state)
{
	(void)state;
	assert_int_equal(kmm_memory_block_size(), SECTION_SIZE);
}

static void free_memory_goes(void **state)
{
	unsigned long online = kmm_arena.nr_online;

	(void)state;
	assert_int_equal(kmm_offline_memory(0, PPS), 0);
	assert_int_equal(totalram_pages(), 3 * PPS);
	assert_int_equal(nr_free_pages(), 3 * PPS);
	assert_int_equal(kmm_zone.present_pages, 3 * PPS);
	assert_int_equal(kmm_arena.nr_online, online - PPS);
	assert_null(pfn_to_page(0));
	assert_int_equal(kmm_zone.nr_isolate_pageblock, 0);
	kmm_validate_pages();
	assert_silent();
}

static void memory_that_was_never_online_goes(void **state)
{
	(void)state;
	assert_int_equal(kmm_offline_memory(2 * PPS, PPS), 0);
	assert_int_equal(totalram_pages(), 3 * PPS);
	assert_int_equal(nr_free_pages(), 3 * PPS);
	assert_int_equal(kmm_zone.nr_offline, 2 * PPS);
	assert_int_equal(kmm_arena.nr_online, PPS);
	kmm_validate_pages();
	/* The zone grows around it. */
	for (unsigned long i = 0; i < 3 * PPS / 1024; i++)
		assert_non_null(alloc_pages(MOVABLE, 10));
	assert_null(alloc_page(MOVABLE | QUIET));
	assert_int_equal(kmm_zone.nr_offline, 0);
	assert_null(pfn_to_page(2 * PPS));
	assert_non_null(pfn_to_page(3 * PPS));
}

static void several_sections_go_at_once(void **state)
{
	(void)state;
	/* One is online, two are not. */
	assert_int_equal(kmm_offline_memory(0, 3 * PPS), 0);
	assert_int_equal(totalram_pages(), PPS);
	assert_int_equal(nr_free_pages(), PPS);
	kmm_validate_pages();
	/* All of it; and back. */
	assert_int_equal(kmm_offline_memory(3 * PPS, PPS), 0);
	assert_int_equal(totalram_pages(), 0);
	assert_null(alloc_page(MOVABLE | QUIET));
	kmm_validate_pages();
	assert_int_equal(kmm_add_memory(0, 4 * SECTION_SIZE), 0);
	assert_int_equal(totalram_pages(), 4 * PPS);
	assert_int_equal(nr_free_pages(), 4 * PPS);
	assert_int_equal(alloc_contig_range(0, 4 * PPS, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(0, 4 * PPS);
}

/* With free pages of several kinds around it. */
static void memory_in_use_stays_as_it_was(void **state)
{
	struct page *kernel = alloc_pages(GFP_KERNEL, 2), *reclaimable = alloc_page(GFP_KERNEL | __GFP_RECLAIMABLE);
	struct page *page = alloc_page(MOVABLE);
	struct view before;

	(void)state;
	reserve_highatomic_pageblock(&kmm_zone, page);
	before = view();
	assert_int_equal(kmm_offline_memory(0, 2 * PPS), -EBUSY);
	assert_reported("page dumped because: unmovable page");
	assert_reported("refcount:1");
	assert_reported("memory offlining [mem ");
	assert_reported("failed due to unmovable page");
	assert_same_view(&before);
	/* What is not in use goes. */
	assert_int_equal(kmm_offline_memory(3 * PPS, PPS), 0);
	__free_page(page);
	__free_page(reclaimable);
	__free_pages(kernel, 2);
	assert_int_equal(kmm_offline_memory(0, 2 * PPS), 0);
	assert_int_equal(kmm_zone.nr_reserved_highatomic, 0);
	assert_int_equal(totalram_pages(), PPS);
}

static struct page *movable;
static int move_result;

static int move_the_page(unsigned long start_pfn, unsigned long end_pfn, gfp_t gfp)
{
	(void)gfp;
	assert_int_equal(start_pfn, 0);
	assert_int_equal(end_pfn, PPS);
	/* No libkmm lock is held. */
	kmm_assert_none_held();
	if (!move_result)
		__free_page(movable);
	return move_result;
}

static void movable_pages_are_asked_to_move(void **state)
{
	const int failures[] = { -EBUSY, -ENOMEM };
	struct view before;

	(void)state;
	movable = alloc_page(MOVABLE);
	before = view();
	reclaim_ops.migrate_range = move_the_page;
	for (unsigned int i = 0; i < ARRAY_SIZE(failures); i++) {
		move_result = failures[i];
		assert_int_equal(kmm_offline_memory(0, PPS), failures[i]);
		assert_same_view(&before);
	}
	assert_reported("failed due to lack of memory");
	move_result = 0;
	assert_int_equal(kmm_offline_memory(0, PPS), 0);
	reclaim_ops.migrate_range = NULL;
	kmm_validate_pages();
}

static void what_comes_back_reads_as_zeros(void **state)
{
	char *memory = kmm_arena.base;
	struct page *page;

	(void)state;
	page = alloc_pages(MOVABLE, 10);
	assert_int_equal(arena_page_to_pfn(page), 0);
	memset(memory, 0x5a, PAGEBLOCK_SIZE);
	__free_pages(page, 10);
	assert_int_equal(kmm_offline_memory(0, PPS), 0);
	for (size_t i = 0; i < PAGEBLOCK_SIZE; i += 64)
		assert_int_equal(memory[i], 0);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	assert_int_equal(totalram_pages(), 4 * PPS);
	assert_int_equal(nr_free_pages(), 4 * PPS);
	assert_int_equal(alloc_contig_range(0, PPS, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_ZERO), 0);
	for (size_t i = 0; i < SECTION_SIZE; i += 64)
		assert_int_equal(memory[i], 0);
	free_contig_range(0, PPS);
	assert_silent();
}

/* Whose memory the system will not have back is emptied by hand. */
static void memory_that_the_system_refuses_reads_as_zeros_too(void **state)
{
	char *memory = kmm_arena.base;
	struct page *page = alloc_page(MOVABLE);

	(void)state;
	*(char *)page_address(page) = 1;
	__free_page(page);
	assert_int_equal(mlock(memory, PAGE_SIZE), 0);
	assert_int_equal(kmm_offline_memory(0, PPS), 0);
	assert_int_equal(memory[0], 0);
	munlock(memory, PAGE_SIZE);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	page = alloc_page(MOVABLE | __GFP_ZERO);
	assert_int_equal(*(char *)page_address(page), 0);
	__free_page(page);
}

static void a_refused_mark_changes_nothing(void **state)
{
	struct view before = view();

	(void)state;
	os_inject_failure(1);
	assert_int_equal(kmm_offline_memory(PPS, 2 * PPS), -ENOMEM);
	os_inject_failure(2);
	assert_int_equal(kmm_offline_memory(PPS, 2 * PPS), -ENOMEM);
	os_inject_failure(0);
	assert_same_view(&before);
	assert_int_equal(kmm_offline_memory(PPS, 2 * PPS), 0);
}

static void nonsense_is_refused_by_name(void **state)
{
	const struct {
		unsigned long pfn, nr_pages;
		const char *why;
	} cases[] = {
		{ 0, 0, "unaligned" },
		{ 1, PPS, "unaligned" },
		{ 0, PPS + 1, "unaligned" },
		{ 1024, PPS, "unaligned" },
		{ 4 * PPS, PPS, "outside" },
		{ 3 * PPS, 2 * PPS, "outside" },
		{ ~0UL - PPS + 1, PPS, "outside" },
	};
	struct view before = view();

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		capture_clear();
		assert_int_equal(kmm_offline_memory(cases[i].pfn, cases[i].nr_pages), -EINVAL);
		assert_reported(cases[i].why);
	}
	capture_clear();
	assert_int_equal(kmm_add_memory(1, SECTION_SIZE), -EINVAL);
	assert_reported("there is no node 1");
	assert_int_equal(kmm_add_memory(-2, SECTION_SIZE), -EINVAL);
	assert_int_equal(kmm_add_memory(0, 0), -EINVAL);
	assert_reported("not whole memory blocks");
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE + PAGE_SIZE), -EINVAL);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), -ENOMEM);
	assert_reported("no room");
	assert_same_view(&before);
	assert_int_equal(kmm_offline_memory(PPS, PPS), 0);
	capture_clear();
	assert_int_equal(kmm_offline_memory(PPS, PPS), -EINVAL);
	assert_reported("offline already");
	assert_int_equal(kmm_offline_memory(0, 2 * PPS), -EINVAL);
	assert_int_equal(alloc_contig_range(PPS - 1, PPS + 1, MIGRATE_MOVABLE, GFP_KERNEL), -EINVAL);
	assert_reported("not online");
	assert_null(alloc_contig_pages(PPS + 1024 + 2 * PPS, GFP_KERNEL, 0, NULL));
	/* All or nothing: there is room for one. */
	assert_int_equal(kmm_add_memory(0, 2 * SECTION_SIZE), -ENOMEM);
	assert_int_equal(totalram_pages(), 3 * PPS);
}

static void reserved_memory_is_refused(void **state)
{
	struct view before;

	(void)state;
	capture_start();
	buddy_options_reset();
	assert_int_equal(arena_start(2 * SECTION_SIZE), 0);
	memblock_alloc(PAGE_SIZE, 1);
	assert_int_equal(buddy_start(), 0);
	before = view();
	/* Whoever could move pages. */
	reclaim_ops.migrate_range = move_the_page;
	assert_int_equal(kmm_offline_memory(0, PPS), -EBUSY);
	reclaim_ops.migrate_range = NULL;
	assert_reported("(reserved)");
	assert_same_view(&before);
	teardown_pages(state);
}

/* The limit ends in the midst of a section, and the room behind it too. */
static void a_partial_section_stays_and_is_filled_first(void **state)
{
	char options[64];

	(void)state;
	snprintf(options, sizeof(options), "mem_max=%zu", (size_t)(3 * SECTION_SIZE + PAGEBLOCK_SIZE));
	start(SECTION_SIZE + PAGEBLOCK_SIZE, options);
	assert_int_equal(kmm_offline_memory(PPS, PPS), -EINVAL);
	assert_reported("memory holes");
	assert_int_equal(kmm_offline_memory(2 * PPS, PPS), -EINVAL);
	assert_int_equal(kmm_add_memory(NUMA_NO_NODE, SECTION_SIZE), 0);
	assert_int_equal(totalram_pages(), 2 * PPS + 1024);
	kmm_validate_pages();
	assert_int_equal(alloc_contig_range(0, 2 * PPS + 1024, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	kmm_validate_pages();
	free_contig_range(0, 2 * PPS + 1024);
	assert_int_equal(kmm_offline_memory(PPS, PPS), 0);
	/* What was removed comes back first. */
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	assert_int_equal(kmm_zone.end_pfn, 2 * PPS + 1024);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	assert_int_equal(kmm_zone.end_pfn, 3 * PPS + 1024);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), -ENOMEM);
	assert_int_equal(totalram_pages(), 3 * PPS + 1024);
	teardown_pages(state);
}

static void each_node_has_its_own_room(void **state)
{
	char options[128];

	(void)state;
	snprintf(options, sizeof(options), "numa=fake=2 movablecore=%lu mem_max=%lu",
		 (unsigned long)(2 * PAGEBLOCK_SIZE), 8 * SECTION_SIZE);
	start(4 * SECTION_SIZE, options);
	assert_int_equal(kmm_add_memory(1, 2 * SECTION_SIZE), 0);
	assert_int_equal(kmm_add_memory(1, SECTION_SIZE), -ENOMEM);
	assert_int_equal(kmm_nodes[1].node_zones[ZONE_MOVABLE].present_pages, 2 * PPS + 1024);
	assert_int_equal(kmm_nodes[0].node_zones[ZONE_MOVABLE].present_pages, 1024);
	kmm_validate_pages();
	/* The section in which Normal ends and Movable begins. */
	capture_clear();
	assert_int_equal(kmm_offline_memory(PPS, PPS), -EINVAL);
	assert_reported("multizone range");
	for (unsigned long i = 0; i < (2 * PPS + 1024) / 1024; i++)
		assert_int_equal(page_to_nid(alloc_pages_node(1, GFP_HIGHUSER_MOVABLE, 10)), 1);
	kmm_validate_pages();
	assert_int_equal(totalram_pages(), 6 * PPS);
	teardown_pages(state);
}

static void cma_stays(void **state)
{
	char options[64];

	(void)state;
	snprintf(options, sizeof(options), "cma=%lu", SECTION_SIZE);
	start(3 * SECTION_SIZE, options);
	assert_int_equal(kmm_offline_memory(2 * PPS, PPS), -EBUSY);
	assert_int_equal(kmm_offline_memory(PPS, PPS), 0);
	assert_int_equal(kmm_zone.vm_stat[NR_FREE_CMA_PAGES], PPS);
	teardown_pages(state);
}

static void watermarks_follow(void **state)
{
	unsigned long low;

	(void)state;
	teardown_pages(state);
	start(4 * SECTION_SIZE, "");
	buddy_options.min_free_kbytes = 4096;
	setup_watermarks();
	buddy_options.watermark_scale_factor = 1000;
	setup_watermarks();
	low = kmm_zone.watermark[WMARK_LOW];
	assert_int_equal(kmm_offline_memory(0, 2 * PPS), 0);
	assert_true(kmm_zone.watermark[WMARK_LOW] < low);
	assert_int_equal(kmm_add_memory(0, 2 * SECTION_SIZE), 0);
	assert_int_equal(kmm_zone.watermark[WMARK_LOW], low);
}

/* Any order of removals, additions, requests and frees. */
static void random_operations_keep_the_invariants(void **state)
{
	struct test_random random = { .state = 1 };
	struct page *pages[64] = { NULL };
	unsigned int orders[64], nr_gone = 0;

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		const unsigned int slot = (unsigned int)test_random_below(&random, ARRAY_SIZE(pages));

		switch (test_random_below(&random, 8)) {
		case 0:
			nr_gone += !kmm_offline_memory(test_random_below(&random, 4) * PPS, PPS);
			break;
		case 1:
			nr_gone -= !kmm_add_memory(0, SECTION_SIZE);
			break;
		default:
			if (pages[slot]) {
				__free_pages(pages[slot], orders[slot]);
				pages[slot] = NULL;
				break;
			}
			orders[slot] = (unsigned int)test_random_below(&random, MAX_ORDER);
			pages[slot] = alloc_pages((test_random_below(&random, 2) ? MOVABLE : GFP_KERNEL) | QUIET,
						  orders[slot]);
		}
		assert_int_equal(totalram_pages(), (4 - nr_gone) * PPS);
		if (i % 16 == 0)
			kmm_validate_pages();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i])
			__free_pages(pages[i], orders[i]);
	assert_int_equal(nr_free_pages(), totalram_pages());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(the_block_size_is_a_section),
		TEST(free_memory_goes),
		TEST(memory_that_was_never_online_goes),
		TEST(several_sections_go_at_once),
		TEST(memory_in_use_stays_as_it_was),
		TEST(movable_pages_are_asked_to_move),
		TEST(what_comes_back_reads_as_zeros),
		TEST(memory_that_the_system_refuses_reads_as_zeros_too),
		TEST(a_refused_mark_changes_nothing),
		TEST(nonsense_is_refused_by_name),
		TEST(watermarks_follow),
		TEST(random_operations_keep_the_invariants),
		cmocka_unit_test(reserved_memory_is_refused),
		cmocka_unit_test(a_partial_section_stays_and_is_filled_first),
		cmocka_unit_test(each_node_has_its_own_room),
		cmocka_unit_test(cma_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
