/* SPDX-License-Identifier: MIT
 * cpu_dead_test.c - what the page allocator keeps for a CPU is given back when the CPU goes offline.
 */
#include "base/cpu_hotplug.h"
#include "buddy/buddy_internal.h"
#include "support/world.h"

#define ZONE (&kmm_nodes[0].node_zones[ZONE_NORMAL])

static struct per_cpu_pages *pcp(unsigned int cpu)
{
	return ZONE->pageset + cpu;
}

/* Leaves pages on the lists of @cpu. */
static void fill_lists(int cpu)
{
	cpu_id_pin(cpu);
	__free_page(alloc_page(GFP_KERNEL));
	__free_pages(alloc_pages(GFP_KERNEL, 2), 2);
	assert_true(pcp((unsigned int)cpu)->count > 4);
	cpu_id_pin(0);
}

static void lists_of_pages_are_emptied(void **state)
{
	unsigned long in_zone = zone_nr_free(ZONE), free = nr_free_pages();
	int count;

	(void)state;
	fill_lists(1);
	fill_lists(2);
	count = pcp(2)->count;
	assert_int_equal(remove_cpu(1), 0);
	assert_int_equal(pcp(1)->count, 0);
	assert_int_equal(pcp(2)->count, count);
	assert_int_equal(remove_cpu(2), 0);
	assert_int_equal(pcp(2)->count, 0);
	assert_int_equal(zone_nr_free(ZONE) + (unsigned long)pcp(0)->count, in_zone);
	assert_int_equal(nr_free_pages(), free);
	/* Nothing comes back to them: threads are elsewhere. */
	cpu_id_pin(1);
	__free_page(alloc_page(GFP_KERNEL));
	assert_int_equal(pcp(1)->count, 0);
}

static void the_lists_of_a_number_that_is_kept_can_be_used_and_found(void **state)
{
	struct page *page;

	(void)state;
	cpu_id_pin(1);
	migrate_disable();
	assert_int_equal(remove_cpu(1), 0);
	page = alloc_page(GFP_KERNEL);
	assert_true(pcp(1)->count > 0);
	__free_page(page);
	assert_true(drain_all_pages(NULL) > 0);
	assert_int_equal(pcp(1)->count, 0);
	migrate_enable();
}

static void what_the_cpu_has_counted_is_folded(void **state)
{
	const struct per_cpu_zonestat *zone_stats = ZONE->per_cpu_zonestats;
	const struct per_cpu_nodestat *node_stats = kmm_nodes[0].per_cpu_nodestats;
	unsigned long mlock, writeback;

	(void)state;
	cpu_id_pin(2);
	mlock = zone_page_state(ZONE, NR_MLOCK);
	writeback = node_page_state(&kmm_nodes[0], NR_WRITEBACK);
	mod_zone_page_state(ZONE, NR_MLOCK, 3);
	mod_node_page_state(&kmm_nodes[0], NR_WRITEBACK, 5);
	assert_int_equal(zone_stats[2].diff[NR_MLOCK], 3);
	assert_int_equal(node_stats[2].diff[NR_WRITEBACK], 5);
	assert_int_equal(remove_cpu(2), 0);
	assert_int_equal(zone_stats[2].diff[NR_MLOCK], 0);
	assert_int_equal(node_stats[2].diff[NR_WRITEBACK], 0);
	assert_int_equal(zone_page_state(ZONE, NR_MLOCK), mlock + 3);
	assert_int_equal(node_page_state(&kmm_nodes[0], NR_WRITEBACK), writeback + 5);
	mod_zone_page_state(ZONE, NR_MLOCK, -3);
	mod_node_page_state(&kmm_nodes[0], NR_WRITEBACK, -5);
}

static void events_are_not_lost(void **state)
{
	unsigned long before[NR_VM_EVENT_ITEMS], after[NR_VM_EVENT_ITEMS];

	(void)state;
	cpu_id_pin(2);
	all_vm_events(before);
	count_vm_events(PGMIGRATE_SUCCESS, 7);
	__free_page(alloc_page(GFP_KERNEL));
	assert_int_equal(remove_cpu(2), 0);
	all_vm_events(after);
	assert_int_equal(after[PGMIGRATE_SUCCESS], before[PGMIGRATE_SUCCESS] + 7);
	assert_int_equal(after[PGALLOC_NORMAL], before[PGALLOC_NORMAL] + 1);
	assert_int_equal(after[PGFREE], before[PGFREE] + 1);
}

/* The memory of a zone is shared by fewer CPUs. */
static void the_other_cpus_may_keep_more(void **state)
{
	const int high = pcp(0)->high_max;

	(void)state;
	assert_int_equal(remove_cpu(1), 0);
	assert_int_equal(remove_cpu(2), 0);
	assert_in_range(pcp(0)->high_max, 2 * high, 2 * high + 1);
	assert_int_equal(add_cpu(1), 0);
	assert_int_equal(add_cpu(2), 0);
	assert_int_equal(pcp(0)->high_max, high);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(lists_of_pages_are_emptied),
		TEST(the_lists_of_a_number_that_is_kept_can_be_used_and_found),
		TEST(what_the_cpu_has_counted_is_folded),
		TEST(events_are_not_lost),
		TEST(the_other_cpus_may_keep_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
