/* SPDX-License-Identifier: MIT
 * memory_notify_test.c - who is told what, and when, while memory is added and taken away; and a node without memory.
 */
#include <errno.h>

#include <kmm/hotplug.h>

#include "base/options.h"
#include "buddy/memory_notify.h"
#include "support/pages_world.h"

#define PPS PAGES_PER_SECTION
#define MAX_SEEN 32

static struct seen {
	enum memory_event event;
	struct memory_notify change;
	unsigned long present; /* pages, when it was told */
} seen[MAX_SEEN];
static unsigned int nr_seen;

/* The call of @first that is refused, counted from 1. */
static unsigned int refuse_call, nr_going;

static int note(enum memory_event event, const struct memory_notify *change)
{
	kmm_assert_none_held();
	assert_true(nr_seen < MAX_SEEN);
	seen[nr_seen++] = (struct seen){ .event = event, .change = *change, .present = totalram_pages() };
	/* It may allocate. */
	__free_page(alloc_page(GFP_KERNEL));
	return 0;
}

static int refuse(enum memory_event event, const struct memory_notify *change)
{
	(void)change;
	if (event & (MEM_GOING_ONLINE | MEM_GOING_OFFLINE))
		return ++nr_going == refuse_call ? -ENOMEM : 0;
	/* Whoever has no say is not asked. */
	return -EBUSY;
}

static void start(size_t limit, const char *options)
{
	static struct memory_notifier first = { .call = refuse }, second = { .call = note };
	const struct kmm_param *const tables[] = { arena_params, buddy_params, NULL };

	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	assert_int_equal(kmm_options_parse(options, tables, true), 0);
	assert_int_equal(arena_start(limit), 0);
	assert_int_equal(buddy_start(), 0);
	register_memory_notifier(&first);
	register_memory_notifier(&second);
	refuse_call = nr_going = nr_seen = 0;
}

static int setup(void **state)
{
	(void)state;
	start(4 * SECTION_SIZE, "");
	return 0;
}

static int setup_two_nodes(void **state)
{
	(void)state;
	start(4 * SECTION_SIZE, "numa=fake=2");
	return 0;
}

/* The next event in turn. */
static void expect(unsigned int i, enum memory_event event, unsigned long pfn, unsigned long nr_pages, int nid)
{
	assert_true(i < nr_seen);
	assert_int_equal(seen[i].event, event);
	assert_int_equal(seen[i].change.start_pfn, pfn);
	assert_int_equal(seen[i].change.nr_pages, nr_pages);
	assert_int_equal(seen[i].change.status_change_nid, nid);
	assert_int_equal(seen[i].change.status_change_nid_normal, nid);
}

static void a_removal_is_announced_and_confirmed(void **state)
{
	(void)state;
	assert_int_equal(kmm_offline_memory(PPS, 2 * PPS), 0);
	assert_int_equal(nr_seen, 2);
	expect(0, MEM_GOING_OFFLINE, PPS, 2 * PPS, NUMA_NO_NODE);
	assert_int_equal(seen[0].present, 4 * PPS);
	expect(1, MEM_OFFLINE, PPS, 2 * PPS, NUMA_NO_NODE);
	assert_int_equal(seen[1].present, 2 * PPS);
	assert_silent();
}

static void an_addition_is_announced_and_confirmed(void **state)
{
	(void)state;
	assert_int_equal(kmm_offline_memory(2 * PPS, PPS), 0);
	nr_seen = 0;
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	assert_int_equal(nr_seen, 2);
	expect(0, MEM_GOING_ONLINE, 2 * PPS, PPS, NUMA_NO_NODE);
	assert_int_equal(seen[0].present, 3 * PPS);
	expect(1, MEM_ONLINE, 2 * PPS, PPS, NUMA_NO_NODE);
	assert_int_equal(seen[1].present, 4 * PPS);
}

static void a_removal_that_fails_is_cancelled(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);
	const unsigned long pfn = ALIGN_DOWN(arena_page_to_pfn(page), PPS);

	(void)state;
	assert_int_equal(kmm_offline_memory(pfn, PPS), -EBUSY);
	assert_int_equal(nr_seen, 2);
	expect(0, MEM_GOING_OFFLINE, pfn, PPS, NUMA_NO_NODE);
	expect(1, MEM_CANCEL_OFFLINE, pfn, PPS, NUMA_NO_NODE);
	__free_page(page);
	/* What is no range is not worth a word. */
	assert_int_equal(kmm_offline_memory(1, PPS), -EINVAL);
	assert_int_equal(kmm_add_memory(0, 1), -EINVAL);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), -ENOMEM);
	assert_int_equal(nr_seen, 2);
}

static void a_removal_can_be_refused(void **state)
{
	(void)state;
	refuse_call = 1;
	assert_int_equal(kmm_offline_memory(PPS, PPS), -ENOMEM);
	assert_reported("failed due to notifier failure");
	/* Who was not asked any more hears that it is over. */
	assert_int_equal(nr_seen, 1);
	expect(0, MEM_CANCEL_OFFLINE, PPS, PPS, NUMA_NO_NODE);
	assert_int_equal(totalram_pages(), 4 * PPS);
	kmm_validate_pages();
	assert_int_equal(kmm_offline_memory(PPS, PPS), 0);
}

/* Sections that were removed come back first, side by side ones together, then new ones. */
static void an_addition_of_several_ranges_is_all_or_nothing(void **state)
{
	char options[64];

	(void)state;
	snprintf(options, sizeof(options), "mem_max=%lu", 8 * SECTION_SIZE);
	start(4 * SECTION_SIZE, options);
	assert_int_equal(kmm_offline_memory(0, PPS), 0);
	assert_int_equal(kmm_offline_memory(2 * PPS, 2 * PPS), 0);
	nr_seen = nr_going = 0;
	refuse_call = 2;
	assert_int_equal(kmm_add_memory(0, 5 * SECTION_SIZE), -ENOMEM);
	assert_reported("kmm_add_memory: notifier failure: error -12");
	assert_int_equal(totalram_pages(), PPS);
	assert_int_equal(nr_seen, 3);
	expect(0, MEM_GOING_ONLINE, 0, PPS, NUMA_NO_NODE);
	expect(1, MEM_CANCEL_ONLINE, 0, PPS, NUMA_NO_NODE);
	expect(2, MEM_CANCEL_ONLINE, 2 * PPS, 2 * PPS, NUMA_NO_NODE);
	kmm_validate_pages();

	nr_seen = 0;
	assert_int_equal(kmm_add_memory(0, 5 * SECTION_SIZE), 0);
	assert_int_equal(totalram_pages(), 6 * PPS);
	assert_int_equal(nr_seen, 6);
	for (unsigned int i = 0; i < 2; i++) {
		const enum memory_event event = i ? MEM_ONLINE : MEM_GOING_ONLINE;

		expect(3 * i, event, 0, PPS, NUMA_NO_NODE);
		expect(3 * i + 1, event, 2 * PPS, 2 * PPS, NUMA_NO_NODE);
		expect(3 * i + 2, event, 4 * PPS, 2 * PPS, NUMA_NO_NODE);
	}
	assert_int_equal(seen[2].present, PPS);
	assert_int_equal(seen[3].present, 2 * PPS);
	/* Only as many of the removed ones as are wanted. */
	assert_int_equal(kmm_offline_memory(2 * PPS, 3 * PPS), 0);
	nr_seen = 0;
	assert_int_equal(kmm_add_memory(0, 2 * SECTION_SIZE), 0);
	assert_int_equal(nr_seen, 2);
	expect(1, MEM_ONLINE, 2 * PPS, 2 * PPS, NUMA_NO_NODE);
	teardown_pages(state);
}

static void the_last_memory_of_a_node_and_its_first_are_told(void **state)
{
	(void)state;
	assert_int_equal(kmm_nodes[1].node_zones[ZONE_NORMAL].start_pfn, 2 * PPS);
	assert_int_equal(kmm_offline_memory(3 * PPS, PPS), 0);
	expect(1, MEM_OFFLINE, 3 * PPS, PPS, NUMA_NO_NODE);
	assert_int_equal(kmm_offline_memory(2 * PPS, PPS), 0);
	expect(2, MEM_GOING_OFFLINE, 2 * PPS, PPS, 1);
	expect(3, MEM_OFFLINE, 2 * PPS, PPS, 1);
	nr_seen = 0;
	assert_int_equal(kmm_add_memory(1, SECTION_SIZE), 0);
	expect(0, MEM_GOING_ONLINE, 2 * PPS, PPS, 1);
	expect(1, MEM_ONLINE, 2 * PPS, PPS, 1);
	nr_seen = 0;
	assert_int_equal(kmm_add_memory(1, SECTION_SIZE), 0);
	expect(0, MEM_GOING_ONLINE, 3 * PPS, PPS, NUMA_NO_NODE);
	assert_silent();
}

/* What was removed, and room behind it. */
static void only_the_first_range_is_the_first_memory(void **state)
{
	char options[64];

	(void)state;
	snprintf(options, sizeof(options), "numa=fake=2 mem_max=%lu", 8 * SECTION_SIZE);
	start(4 * SECTION_SIZE, options);
	assert_int_equal(kmm_offline_memory(4 * PPS, 2 * PPS), 0);
	expect(1, MEM_OFFLINE, 4 * PPS, 2 * PPS, 1);
	nr_seen = 0;
	assert_int_equal(kmm_add_memory(1, 4 * SECTION_SIZE), 0);
	expect(0, MEM_GOING_ONLINE, 4 * PPS, 2 * PPS, 1);
	expect(1, MEM_GOING_ONLINE, 6 * PPS, 2 * PPS, NUMA_NO_NODE);
	expect(2, MEM_ONLINE, 4 * PPS, 2 * PPS, 1);
	expect(3, MEM_ONLINE, 6 * PPS, 2 * PPS, NUMA_NO_NODE);
	teardown_pages(state);
}

/* Zone Movable does not count as memory for any request. */
static void movable_memory_is_told_apart(void **state)
{
	char options[64];

	(void)state;
	snprintf(options, sizeof(options), "numa=fake=2 movablecore=%lu", 2 * SECTION_SIZE);
	start(4 * SECTION_SIZE, options);
	assert_int_equal(kmm_nodes[1].node_zones[ZONE_MOVABLE].start_pfn, 3 * PPS);
	assert_int_equal(kmm_offline_memory(2 * PPS, PPS), 0);
	assert_int_equal(seen[0].change.status_change_nid_normal, 1);
	assert_int_equal(seen[0].change.status_change_nid, NUMA_NO_NODE);
	nr_seen = 0;
	assert_int_equal(kmm_offline_memory(3 * PPS, PPS), 0);
	assert_int_equal(seen[0].change.status_change_nid_normal, NUMA_NO_NODE);
	assert_int_equal(seen[0].change.status_change_nid, 1);
	nr_seen = 0;
	/* Both come back: the node with the first range, memory for any request with it, too. */
	refuse_call = nr_going + 2;
	assert_int_equal(kmm_add_memory(1, 2 * SECTION_SIZE), -ENOMEM);
	assert_int_equal(kmm_add_memory(1, 2 * SECTION_SIZE), 0);
	assert_int_equal(nr_seen, 7);
	for (unsigned int i = 0; i < nr_seen; i++) {
		const int first = seen[i].change.start_pfn == 2 * PPS ? 1 : NUMA_NO_NODE;

		assert_int_equal(seen[i].change.status_change_nid, first);
		assert_int_equal(seen[i].change.status_change_nid_normal, first);
	}
	teardown_pages(state);
}

static void a_node_without_memory_is_served_by_others(void **state)
{
	struct page *page;

	(void)state;
	assert_int_equal(kmm_offline_memory(2 * PPS, 2 * PPS), 0);
	assert_int_equal(num_online_nodes(), 2);
	page = alloc_pages_node(1, GFP_KERNEL, 0);
	assert_non_null(page);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	assert_null(alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	assert_null(alloc_pages_node(1, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, 0));
	kmm_validate_pages();
	assert_silent();
	assert_int_equal(kmm_add_memory(1, SECTION_SIZE), 0);
	page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, 0);
	assert_non_null(page);
	assert_int_equal(page_to_nid(page), 1);
	__free_page(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
#define TEST_TWO_NODES(name) cmocka_unit_test_setup_teardown(name, setup_two_nodes, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(a_removal_is_announced_and_confirmed),
		TEST(an_addition_is_announced_and_confirmed),
		TEST(a_removal_that_fails_is_cancelled),
		TEST(a_removal_can_be_refused),
		cmocka_unit_test(an_addition_of_several_ranges_is_all_or_nothing),
		TEST_TWO_NODES(the_last_memory_of_a_node_and_its_first_are_told),
		cmocka_unit_test(only_the_first_range_is_the_first_memory),
		cmocka_unit_test(movable_memory_is_told_apart),
		TEST_TWO_NODES(a_node_without_memory_is_served_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
