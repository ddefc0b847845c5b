/* SPDX-License-Identifier: MIT
 * nodemask_test.c - sets of nodes, and the loops over them.
 */
#include <limits.h>

#include "node_world.h"

static const int no_nodes[] = { -1, KMM_MAX_NUMNODES, 63, 64, INT_MAX, INT_MIN };

static void nodes_come_and_go(void **state)
{
	nodemask_t mask = NODE_MASK_NONE;

	(void)state;
	assert_true(nodes_empty(mask));
	for (int node = 0; node < KMM_MAX_NUMNODES; node++) {
		assert_false(node_isset(node, mask));
		node_set(node, mask);
		assert_true(node_isset(node, mask));
		assert_false(nodes_empty(mask));
	}
	assert_int_equal(mask.bits, NODE_MASK_ALL.bits);
	for (int node = 0; node < KMM_MAX_NUMNODES; node++) {
		assert_int_equal(nodemask_of_node(node).bits, 1UL << node);
		node_clear(node, mask);
		assert_false(node_isset(node, mask));
		assert_int_equal(first_node(mask), node + 1);
	}
	assert_true(nodes_empty(mask));
}

static void numbers_of_no_node_are_in_no_set(void **state)
{
	nodemask_t mask = NODE_MASK_ALL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no_nodes); i++) {
		node_clear(no_nodes[i], mask);
		assert_int_equal(mask.bits, NODE_MASK_ALL.bits);
		node_set(no_nodes[i], mask);
		assert_int_equal(mask.bits, NODE_MASK_ALL.bits);
		assert_false(node_isset(no_nodes[i], mask));
		assert_true(nodes_empty(nodemask_of_node(no_nodes[i])));
	}
}

static void a_loop_visits_each_node_of_a_set_once(void **state)
{
	static const unsigned long sets[] = { 0, 1, 0x8000, 0x8001, 0x5a5a, 0xffff };
	int node;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		const nodemask_t mask = { sets[i] };
		nodemask_t seen = NODE_MASK_NONE;
		int last = -1;

		for_each_node_mask(node, mask)
		{
			assert_true(node > last);
			last = node;
			node_set(node, seen);
		}
		assert_int_equal(seen.bits, sets[i]);
		assert_int_equal(node, KMM_MAX_NUMNODES);
	}
}

static void a_loop_visits_the_nodes_that_there_are(void **state)
{
	int node, nr = 0;

	(void)state;
	buddy_options.numa_off = false;
	buddy_options.fake_nodes = 3;
	world_open(3);
	for_each_online_node(node)
	{
		struct page *page = alloc_pages_node(node, GFP_KERNEL | __GFP_THISNODE, 0);

		assert_int_equal(page_to_nid(page), nr++);
		__free_page(page);
	}
	assert_int_equal(nr, 3);
	assert_silent();
}

static void a_request_takes_its_nodes_by_a_set(void **state)
{
	nodemask_t mask = NODE_MASK_ALL;
	struct page *page;

	(void)state;
	buddy_options.numa_off = false;
	buddy_options.fake_nodes = 3;
	world_open(3);
	node_clear(0, mask);
	page = __alloc_pages(GFP_KERNEL, 0, 0, &mask);
	assert_true(node_isset(page_to_nid(page), mask));
	__free_page(page);
	mask = nodemask_of_node(2);
	page = __alloc_pages(GFP_KERNEL, 0, 0, &mask);
	assert_int_equal(page_to_nid(page), 2);
	__free_page(page);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_reset, world_end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_come_and_go),
		cmocka_unit_test(numbers_of_no_node_are_in_no_set),
		cmocka_unit_test(a_loop_visits_each_node_of_a_set_once),
		TEST(a_loop_visits_the_nodes_that_there_are),
		TEST(a_request_takes_its_nodes_by_a_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
