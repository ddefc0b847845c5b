/* SPDX-License-Identifier: MIT
 * far_nodes_test.c - a node with more partial slabs than it keeps helps the others out, where that is allowed, and by chance.
 */
#include "slub_node_world.h"

/* What CPU 0 gets when node 1 has @nr partial slabs and node 0 none. */
static int node_with_remote_partials(unsigned int nr, gfp_t gfp)
{
	void *objects[16], *object;
	int nid;

	fill_list(objects, nr, 1);
	assert_int_equal(partial(0), 0);
	object = kmem_cache_alloc(cache, gfp);
	nid = nid_of(object);
	assert_int_equal(partial(1), nid ? nr - 1 : nr);
	kmem_cache_free(cache, object);
	give_all(cache, objects, nr);
	kmem_cache_shrink(cache);
	return nid;
}

static void far_node_helps_with_what_it_has_beyond_min_partial(void **state)
{
	const unsigned int min = (unsigned int)cache->min_partial;

	(void)state;
	assert_int_equal(node_with_remote_partials(min, GFP_KERNEL), 0);
	assert_int_equal(node_with_remote_partials(min + 1, GFP_KERNEL), 1);
	/* Not for those who want this node. */
	assert_int_equal(node_with_remote_partials(min + 1, GFP_KERNEL | __GFP_THISNODE), 0);
	cache->remote_node_defrag_ratio = 0;
	assert_int_equal(node_with_remote_partials(min + 1, GFP_KERNEL), 0);
}

static void far_node_helps_only_where_it_may_be_used(void **state)
{
	const unsigned int min = (unsigned int)cache->min_partial;
	void *objects[16], *object;

	(void)state;
	fill_list(objects, min + 1, 1);
	assert_int_equal(kmm_set_mems_allowed(nodemask_of_node(0)), 0);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(nid_of(object), 0);
	kmem_cache_free(cache, object);
	kmem_cache_shrink(cache);
	/* Who cannot wait does not ask. */
	object = kmem_cache_alloc(cache, GFP_ATOMIC);
	assert_int_equal(nid_of(object), 1);
	kmem_cache_free(cache, object);
	give_all(cache, objects, min + 1);
}

static void named_node_is_not_replaced_by_a_rich_one(void **state)
{
	const unsigned int min = (unsigned int)cache->min_partial;
	void *objects[16], *object;

	(void)state;
	fill_list(objects, min + 1, 1);
	object = on_node(GFP_KERNEL, 0);
	assert_int_equal(nid_of(object), 0);
	kmem_cache_free(cache, object);
	give_all(cache, objects, min + 1);
}

static void busy_cpu_is_served_by_the_same_nodes(void **state)
{
	const unsigned int min = (unsigned int)cache->min_partial;
	void *objects[16], *got[4];

	(void)state;
	fill_list(objects, min + 1, 1);
	/* Another thread is in the middle of a refill. */
	assert_int_equal(pthread_mutex_lock(&cpu_lock(0)->mutex), 0);
	got[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	got[1] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_THISNODE);
	got[2] = on_node(GFP_KERNEL, 1);
	kmm_set_mems_allowed(nodemask_of_node(0));
	flush_cpu_slab(cache, 1);
	got[3] = on_node(GFP_KERNEL, 0);
	pthread_mutex_unlock(&cpu_lock(0)->mutex);
	assert_int_equal(nid_of(got[0]), 1);
	assert_int_equal(nid_of(got[1]), 0);
	assert_int_equal(nid_of(got[2]), 1);
	assert_int_equal(nid_of(got[3]), 0);
	assert_int_equal(partial(1), min + 1);
	give_all(cache, got, 4);
	give_all(cache, objects, min + 1);
}

/* Of @nr refills of CPU 0, those that went to node 1, while that has enough. */
static unsigned int nr_far(unsigned int ratio, unsigned int nr)
{
	const unsigned long min = cache->min_partial;
	unsigned int far = 0;

	cache->remote_node_defrag_ratio = ratio;
	for (unsigned int i = 0; i < nr; i++) {
		void *object = kmem_cache_alloc(cache, GFP_KERNEL);

		far += nid_of(object) == 1;
		/* The slab goes where it came from: to node 1's list, or away. */
		kmem_cache_free(cache, object);
		flush_cpu_slab(cache, 0);
		cache->min_partial = 0;
		kmem_cache_shrink(cache);
		cache->min_partial = min;
	}
	return far;
}

static void chance_decides_by_the_ratio(void **state)
{
	const unsigned int min = (unsigned int)cache->min_partial;
	void *objects[16];

	(void)state;
	fill_list(objects, min + 1, 1);
	assert_in_range(nr_far(512, 400), 150, 250);
	assert_in_range(nr_far(1000, 400), 370, 399);
	assert_int_equal(nr_far(1024, 400), 400);
	/* Not one of 1024 either. */
	assert_int_equal(nr_far(0, 4000), 0);
	give_all(cache, objects, min + 1);
}

static int setup_three_nodes(void **state)
{
	(void)state;
	return start("numa=fake=3 background=off");
}

static void of_several_rich_nodes_one_helps(void **state)
{
	const unsigned int min = (unsigned int)cache->min_partial;
	void *objects[2][16] = { { NULL } }, *got[2];

	(void)state;
	fill_list(objects[0], min + 1, 1);
	fill_list(objects[1], min + 1, 2);
	assert_int_equal(pthread_mutex_lock(&cpu_lock(0)->mutex), 0);
	got[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	pthread_mutex_unlock(&cpu_lock(0)->mutex);
	got[1] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(nid_of(got[0]), 1);
	assert_int_equal(nid_of(got[1]), 1);
	/* One slab went to the CPU. */
	assert_int_equal(partial(1), min);
	assert_int_equal(partial(2), min + 1);
	/* Now node 1 has no more than it keeps. */
	flush_cpu_slab(cache, 0);
	kmem_cache_free(cache, objects[0][0]);
	kmem_cache_free(cache, objects[0][1]);
	give_all(cache, got, 2);
	kmem_cache_shrink(cache);
	got[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(nid_of(got[0]), 2);
	kmem_cache_free(cache, got[0]);
	give_all(cache, objects[0] + 2, min - 1);
	give_all(cache, objects[1], min + 1);
}

#define FAR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAR(far_node_helps_with_what_it_has_beyond_min_partial),
		FAR(far_node_helps_only_where_it_may_be_used),
		FAR(named_node_is_not_replaced_by_a_rich_one),
		FAR(busy_cpu_is_served_by_the_same_nodes),
		FAR(chance_decides_by_the_ratio),
		cmocka_unit_test_setup_teardown(of_several_rich_nodes_one_helps, setup_three_nodes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
