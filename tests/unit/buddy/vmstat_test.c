/* SPDX-License-Identifier: MIT
 * vmstat_test.c - counters with per-CPU differences: when they are folded, and that nothing is lost on the way.
 */
#include <limits.h>

#include "support/pages_world.h"
#include "support/threads.h"

#define NR_CPUS 4
#define NODE_ITEM NR_SLAB_UNRECLAIMABLE
#define ZONE_ITEM NR_MLOCK

#define NODE (&kmm_nodes[0])
#define ZONE (&kmm_zone)

/* One node and one zone with pages, with all their per-CPU parts. */
static int setup_cpus(unsigned int nr_cpus)
{
	cpu_id_set_count(nr_cpus);
	cpu_id_pin(0);
	capture_start();
	buddy_options_reset();
	buddy_options.numa_off = true;
	assert_int_equal(arena_start(2 * SECTION_SIZE), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	buddy_start_late();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_cpus(NR_CPUS);
}

static int setup_64_cpus(void **state)
{
	(void)state;
	return setup_cpus(64);
}

static int setup_256_cpus(void **state)
{
	(void)state;
	return setup_cpus(256);
}

static int setup_one_cpu(void **state)
{
	(void)state;
	return setup_cpus(1);
}

static int setup_two_cpus(void **state)
{
	(void)state;
	return setup_cpus(2);
}

static int teardown(void **state)
{
	(void)state;
	pages_world_stop();
	cpu_id_pin(-1);
	cpu_id_set_count(1);
	return 0;
}

/* How many steps of 1 stay with this CPU. Leaves the counter of the node as it was. */
static long node_threshold(void)
{
	const long before = (long)node_page_state(NODE, NR_WRITTEN);
	long steps = 0;

	do {
		mod_node_page_state(NODE, NR_WRITTEN, 1);
		steps++;
	} while ((long)node_page_state(NODE, NR_WRITTEN) == before);
	assert_int_equal(node_page_state(NODE, NR_WRITTEN), before + steps);
	mod_node_page_state(NODE, NR_WRITTEN, -steps);
	assert_int_equal(node_page_state_snapshot(NODE, NR_WRITTEN), before);
	return steps - 1;
}

static void every_item_has_a_name(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_VM_ZONE_STAT_TEXT_ITEMS; i++)
		assert_non_null(zone_stat_names[i]);
	for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
		assert_non_null(node_stat_names[i]);
	for (unsigned int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		assert_non_null(vm_event_names[i]);
	assert_string_equal(zone_stat_names[NR_FREE_CMA_PAGES], "nr_free_cma");
	assert_string_equal(node_stat_names[NR_SWAPCACHE], "nr_swapcached");
	assert_string_equal(vm_event_names[SWAP_RA_HIT], "swap_ra_hit");
}

static void small_changes_stay_with_the_cpu_up_to_the_threshold(void **state)
{
	const long threshold = node_threshold();

	(void)state;
	for (long i = 1; i <= threshold; i++) {
		mod_zone_page_state(ZONE, ZONE_ITEM, 1);
		assert_int_equal(zone_page_state(ZONE, ZONE_ITEM), 0);
		assert_int_equal(zone_page_state_snapshot(ZONE, ZONE_ITEM), i);
		assert_int_equal(ZONE->per_cpu_zonestats[0].diff[ZONE_ITEM], i);
	}
	mod_zone_page_state(ZONE, ZONE_ITEM, 1);
	assert_int_equal(zone_page_state(ZONE, ZONE_ITEM), threshold + 1);
	assert_int_equal(ZONE->per_cpu_zonestats[0].diff[ZONE_ITEM], 0);
	mod_zone_page_state(ZONE, ZONE_ITEM, -(threshold + 1));
}

static void downwards_it_is_the_same(void **state)
{
	const long threshold = node_threshold();

	(void)state;
	mod_node_page_state(NODE, NODE_ITEM, 1000);
	for (long i = 1; i <= threshold; i++)
		mod_node_page_state(NODE, NODE_ITEM, -1);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), 1000);
	assert_int_equal(node_page_state_snapshot(NODE, NODE_ITEM), 1000 - threshold);
	mod_node_page_state(NODE, NODE_ITEM, -1);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), 1000 - threshold - 1);
}

static void a_large_change_goes_past_the_difference(void **state)
{
	(void)state;
	mod_node_page_state(NODE, NODE_ITEM, 3);
	mod_node_page_state(NODE, NODE_ITEM, LONG_MAX / 2);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), LONG_MAX / 2);
	assert_int_equal(NODE->per_cpu_nodestats[0].diff[NODE_ITEM], 3);
	mod_node_page_state(NODE, NODE_ITEM, -(LONG_MAX / 2));
	assert_int_equal(node_page_state(NODE, NODE_ITEM), 0);
	assert_int_equal(node_page_state_snapshot(NODE, NODE_ITEM), 3);
}

/* One CPU has counted what came, another one what went. */
static void a_sum_is_never_below_0(void **state)
{
	(void)state;
	mod_zone_page_state(ZONE, ZONE_ITEM, 4);
	cpu_id_pin(1);
	mod_zone_page_state(ZONE, ZONE_ITEM, -4);
	assert_int_equal(zone_page_state_snapshot(ZONE, ZONE_ITEM), 0);
	mod_zone_page_state(ZONE, ZONE_ITEM, -1000);
	assert_int_equal(zone_page_state(ZONE, ZONE_ITEM), 0);
	assert_int_equal(zone_page_state_snapshot(ZONE, ZONE_ITEM), 0);
	assert_int_equal(global_zone_page_state(ZONE_ITEM), 0);
	mod_zone_page_state(ZONE, ZONE_ITEM, 1001);
	assert_int_equal(global_zone_page_state(ZONE_ITEM), 1);
	mod_node_page_state(NODE, NODE_ITEM, -1000);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), 0);
	assert_int_equal(global_node_page_state(NODE_ITEM), 0);
}

static void a_refresh_folds_the_differences_of_all_cpus(void **state)
{
	(void)state;
	for (int cpu = 0; cpu < NR_CPUS; cpu++) {
		cpu_id_pin(cpu);
		mod_zone_page_state(ZONE, ZONE_ITEM, cpu + 1);
		mod_node_page_state(NODE, NODE_ITEM, 2);
	}
	assert_int_equal(zone_page_state(ZONE, ZONE_ITEM), 0);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), 0);
	refresh_vm_stats();
	assert_int_equal(zone_page_state(ZONE, ZONE_ITEM), 1 + 2 + 3 + 4);
	assert_int_equal(zone_page_state_snapshot(ZONE, ZONE_ITEM), 1 + 2 + 3 + 4);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), 2 * NR_CPUS);
	assert_int_equal(node_page_state_snapshot(NODE, NODE_ITEM), 2 * NR_CPUS);
}

/* Worked out by hand from 2 * fls(CPUs) * (1 + fls(units of 128 MiB)); a world checks those of its number of CPUs. */
static void the_threshold_grows_with_cpus_and_memory(void **state)
{
	static const struct {
		unsigned int cpus, mib;
		long threshold;
	} examples[] = {
		{ 1, 100, 2 },    { 1, 950, 8 },    { 2, 100, 4 },      { 2, 950, 16 },  { 2, 1500, 20 },
		{ 2, 3000, 24 },  { 2, 6000, 28 },  { 2, 9000, 32 },    { 4, 3000, 36 }, { 4, 12000, 48 },
		{ 64, 3000, 84 }, { 64, 6000, 98 }, { 256, 6000, 125 },
	};
	const unsigned long present = ZONE->present_pages;
	unsigned int checked = 0;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(examples); i++) {
		if (examples[i].cpus != kmm_nr_cpu_ids)
			continue;
		ZONE->present_pages = ZONE->nr_reserved + ((unsigned long)examples[i].mib << (20 - PAGE_SHIFT));
		refresh_vm_stats();
		if (node_threshold() != examples[i].threshold)
			fail_msg("%u CPUs, %u MiB: %ld", examples[i].cpus, examples[i].mib, node_threshold());
		checked++;
	}
	ZONE->present_pages = present;
	refresh_vm_stats();
	assert_true(checked > 0);
}

static void events_are_counted_by_cpu_and_added_up(void **state)
{
	unsigned long before[NR_VM_EVENT_ITEMS], after[NR_VM_EVENT_ITEMS];

	(void)state;
	all_vm_events(before);
	for (int cpu = 0; cpu < NR_CPUS; cpu++) {
		cpu_id_pin(cpu);
		count_vm_events(COMPACTSTALL, 10);
		count_vm_events(SWAP_RA_HIT, 1);
	}
	all_vm_events(after);
	for (unsigned int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		assert_int_equal(after[i] - before[i], i == COMPACTSTALL ? 40 : i == SWAP_RA_HIT ? 4 : 0);
}

/* Single pages go through the lists of a CPU, order 7 does not: both are counted where they pass. */
static void pages_that_come_and_go_are_events(void **state)
{
	unsigned long before[NR_VM_EVENT_ITEMS], taken[NR_VM_EVENT_ITEMS], freed[NR_VM_EVENT_ITEMS];
	struct page *small, *large;

	(void)state;
	all_vm_events(before);
	small = alloc_pages(GFP_KERNEL, 0);
	large = alloc_pages(GFP_KERNEL, 7);
	assert_non_null(small);
	assert_non_null(large);
	all_vm_events(taken);
	__free_pages(small, 0);
	__free_pages(large, 7);
	all_vm_events(freed);
	assert_int_equal(taken[PGALLOC_NORMAL] - before[PGALLOC_NORMAL], 1 + (1 << 7));
	assert_int_equal(taken[PGFREE], before[PGFREE]);
	assert_int_equal(freed[PGALLOC_NORMAL], taken[PGALLOC_NORMAL]);
	assert_int_equal(freed[PGFREE] - taken[PGFREE], 1 + (1 << 7));
	assert_int_equal(freed[PGALLOC_DMA], 0);
	assert_int_equal(freed[PGALLOC_MOVABLE], 0);
}

static void what_cpu_lists_handed_out_counts_against_the_share(void **state)
{
	struct per_cpu_pages *pcp = ZONE->pageset;
	const int used = pcp[2].batch_used;
	const unsigned long share = zone_page_state_snapshot(ZONE, NR_ALLOC_BATCH);

	(void)state;
	mod_zone_page_state(ZONE, NR_ALLOC_BATCH, 1000);
	assert_int_equal(zone_page_state_snapshot(ZONE, NR_ALLOC_BATCH), share + 1000);
	pcp[2].batch_used += 300;
	assert_int_equal(zone_page_state_snapshot(ZONE, NR_ALLOC_BATCH), share + 700);
	pcp[2].batch_used = used;
	mod_zone_page_state(ZONE, NR_ALLOC_BATCH, -1000);
}

static void global_sums_are_those_of_all_zones_and_nodes(void **state)
{
	unsigned long free = 0;

	(void)state;
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
		free += zone_page_state_snapshot(&NODE->node_zones[i], NR_FREE_PAGES);
	assert_true(free > 0);
	assert_int_equal(global_zone_page_state(NR_FREE_PAGES), free);
	mod_zone_page_state(&NODE->node_zones[ZONE_MOVABLE], ZONE_ITEM, 1); /* a zone without pages */
	mod_zone_page_state(ZONE, ZONE_ITEM, 1);
	assert_int_equal(global_zone_page_state(ZONE_ITEM), 2);
	mod_node_page_state(NODE, NODE_ITEM, 1);
	assert_int_equal(global_node_page_state(NODE_ITEM), 1);
}

static void without_its_arrays_nothing_is_counted(void **state)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	(void)state;
	vmstat_stop();
	mod_zone_page_state(ZONE, ZONE_ITEM, 1000);
	mod_node_page_state(NODE, NODE_ITEM, 1000);
	count_vm_events(COMPACTSTALL, 1000);
	refresh_vm_stats();
	assert_int_equal(global_zone_page_state(ZONE_ITEM), 0);
	assert_int_equal(global_node_page_state(NODE_ITEM), 0);
	all_vm_events(events);
	assert_int_equal(events[COMPACTSTALL], 0);
}

/* The threads of the next test: two on each CPU, and one that folds as long as they count. */
#define NR_COUNTERS (2 * NR_CPUS)
#define NR_STEPS 300000

static unsigned int nr_counting;

static void fold_while_others_count(void)
{
	unsigned long events[NR_VM_EVENT_ITEMS];
	unsigned int turns = 0;

	while (READ_ONCE(nr_counting)) {
		refresh_vm_stats();
		all_vm_events(events);
		spin_turn(&turns);
	}
}

static void count(void)
{
	for (unsigned int i = 0; i < NR_STEPS; i++) {
		/* Up by 3 and down by 2, so that the sum grows and differences go both ways. */
		mod_zone_page_state(ZONE, ZONE_ITEM, i % 2 ? -2 : 3);
		mod_node_page_state(NODE, NODE_ITEM, i % 2 ? -2 : 3);
		mod_node_page_state(NODE, NR_WRITTEN, 1);
		mod_node_page_state(NODE, NR_WRITEBACK, 1 + i % 50);
		mod_node_page_state(NODE, NR_WRITEBACK, -(long)(1 + i % 50));
		count_vm_events(PGROTATED, 1);
	}
	atomic_sub_relaxed(&nr_counting, 1);
}

static void count_or_fold(unsigned int index, void *arg)
{
	(void)arg;
	cpu_id_pin((int)(index / 2 % NR_CPUS)); /* neighbours start together */
	if (index < NR_COUNTERS)
		count();
	else
		fold_while_others_count();
	cpu_id_pin(-1);
}

static void nothing_is_lost_between_threads(void **state)
{
	unsigned long events[NR_VM_EVENT_ITEMS];
	const unsigned long sum = (unsigned long)NR_COUNTERS * NR_STEPS / 2;

	(void)state;
	nr_counting = NR_COUNTERS;
	run_threads(NR_COUNTERS + 1, count_or_fold, NULL);
	assert_int_equal(zone_page_state_snapshot(ZONE, ZONE_ITEM), sum);
	assert_int_equal(node_page_state_snapshot(NODE, NODE_ITEM), sum);
	assert_int_equal(node_page_state_snapshot(NODE, NR_WRITTEN), 2 * sum);
	assert_int_equal(node_page_state_snapshot(NODE, NR_WRITEBACK), 0);
	refresh_vm_stats();
	assert_int_equal(zone_page_state(ZONE, ZONE_ITEM), sum);
	assert_int_equal(node_page_state(NODE, NODE_ITEM), sum);
	assert_int_equal(node_page_state(NODE, NR_WRITEBACK), 0);
	all_vm_events(events);
	assert_int_equal(events[PGROTATED], (unsigned long)NR_COUNTERS * NR_STEPS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define THRESHOLD_TEST(cpus) \
	cmocka_unit_test_setup_teardown(the_threshold_grows_with_cpus_and_memory, setup_##cpus, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_item_has_a_name),
		TEST(small_changes_stay_with_the_cpu_up_to_the_threshold),
		TEST(downwards_it_is_the_same),
		TEST(a_large_change_goes_past_the_difference),
		TEST(a_sum_is_never_below_0),
		TEST(a_refresh_folds_the_differences_of_all_cpus),
		TEST(the_threshold_grows_with_cpus_and_memory),
		THRESHOLD_TEST(one_cpu),
		THRESHOLD_TEST(two_cpus),
		THRESHOLD_TEST(64_cpus),
		THRESHOLD_TEST(256_cpus),
		TEST(events_are_counted_by_cpu_and_added_up),
		TEST(pages_that_come_and_go_are_events),
		TEST(what_cpu_lists_handed_out_counts_against_the_share),
		TEST(global_sums_are_those_of_all_zones_and_nodes),
		TEST(without_its_arrays_nothing_is_counted),
		TEST(nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
