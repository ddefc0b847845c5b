/* SPDX-License-Identifier: MIT
 * nodes_test.c - objects of the node that was asked for, or of another one when that is allowed.
 */
#include "slub_node_world.h"

#include <errno.h>

#include <kmm/mm.h>

#include "slub/cache.h"

/* All pages of a node that may be had, until give_pages_back(). */
static struct page *hoard[WORLD_LIMIT / PAGE_SIZE];
static unsigned int hoarded;

static void take_all_pages_of(int nid)
{
	hoarded = 0;
	while ((hoard[hoarded] = alloc_pages_node(nid, QUIET | __GFP_THISNODE, 0)))
		hoarded++;
	assert_true(hoarded > 1000);
}

static void give_pages_back(void)
{
	while (hoarded)
		__free_page(hoard[--hoarded]);
}

static void object_is_of_the_node_that_was_asked_for(void **state)
{
	void *objects[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		objects[i] = on_node(GFP_KERNEL, i % 2);
		assert_int_equal(nid_of(objects[i]), i % 2);
	}
	kmm_validate_cache(cache);
	for (unsigned int nid = 0; nid < 2; nid++) {
		assert_true(get_node(cache, nid)->nr_slabs >= 1);
		assert_int_equal(get_node(cache, nid)->total_objects, get_node(cache, nid)->nr_slabs * NR);
	}
	give_all(cache, objects, 4);
}

static void without_a_wish_it_is_the_node_of_the_cpu(void **state)
{
	(void)state;
	for (int cpu = 0; cpu < WORLD_CPUS; cpu++) {
		void *object;

		cpu_id_pin(cpu);
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_int_equal(nid_of(object), cpu_to_node(cpu));
		kmem_cache_free(cache, object);
	}
}

static void numbers_of_no_node_are_no_wish(void **state)
{
	static const int odd[] = { -2, 2, 15, 16, 31, 32, 63, 64, 99, INT32_MAX, INT32_MIN };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		void *object = on_node(GFP_KERNEL, odd[i]);

		assert_non_null(object);
		assert_int_equal(nid_of(object), 0);
		kmem_cache_free(cache, object);
	}
	assert_int_equal(get_node(cache, 0)->nr_slabs, 1);
}

static void mismatch_gives_the_cpu_slab_up(void **state)
{
	void *first = on_node(GFP_KERNEL, 0), *second = on_node(GFP_KERNEL, 1);

	(void)state;
	assert_int_equal(slab_place(cache, slab_of(first)), PLACE_NODE_PARTIAL);
	assert_int_equal(partial(0), 1);
	assert_ptr_equal(cpu_slab_of(cache, 0)->slab, slab_of(second));
	/* And back: node 1's goes to node 1's list, node 0's comes from there. */
	kmem_cache_free(cache, first);
	first = on_node(GFP_KERNEL, 0);
	assert_int_equal(slab_place(cache, slab_of(second)), PLACE_NODE_PARTIAL);
	assert_int_equal(partial(0), 0);
	assert_int_equal(partial(1), 1);
	give_all(cache, (void *[]){ first, second }, 2);
}

static void mismatch_gives_the_partial_slabs_of_the_cpu_up(void **state)
{
	void *whole[3][NR], *object;

	(void)state;
	for (int i = 0; i < 3; i++)
		take(cache, whole[i], NR);
	flush_cpu_slab(cache, 0);
	for (int i = 0; i < 3; i++)
		kmem_cache_free(cache, whole[i][0]);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->slabs, 3);
	object = on_node(GFP_KERNEL, 1);
	assert_int_equal(nid_of(object), 1);
	assert_null(cpu_slab_of(cache, 0)->partial);
	for (int i = 0; i < 3; i++)
		assert_int_equal(slab_place(cache, slab_of(whole[i][1])), PLACE_NODE_PARTIAL);
	assert_int_equal(partial(0), 3);
	kmem_cache_free(cache, object);
	for (int i = 0; i < 3; i++)
		give_all(cache, whole[i] + 1, NR - 1);
}

static void drained_slabs_go_each_to_its_node(void **state)
{
	void *whole[4][NR];

	(void)state;
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < NR; j++)
			whole[i][j] = on_node(GFP_KERNEL, i % 2);
	flush_cpu_slab(cache, 0);
	/* By turns: two nodes' slabs on one list. */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(slab_place(cache, slab_of(whole[i][0])), PLACE_FULL);
		kmem_cache_free(cache, whole[i][0]);
		assert_int_equal(slab_place(cache, slab_of(whole[i][1])), PLACE_CPU_PARTIAL);
	}
	flush_cpu_slab(cache, 0);
	assert_int_equal(partial(0), 2);
	assert_int_equal(partial(1), 2);
	kmm_validate_cache(cache);
	for (int i = 0; i < 4; i++)
		give_all(cache, whole[i] + 1, NR - 1);
}

static void full_slab_is_listed_on_its_own_node_not_on_that_of_the_cpu_that_frees(void **state)
{
	void *whole[NR];

	(void)state;
	for (int i = 0; i < NR; i++)
		whole[i] = on_node(GFP_KERNEL, 1);
	flush_cpu_slab(cache, 0);
	cache->cpu_partial = 0;
	kmem_cache_free(cache, whole[0]);
	assert_int_equal(partial(0), 0);
	assert_int_equal(partial(1), 1);
	give_all(cache, whole + 1, NR - 1);
}

static void empty_slab_counts_against_what_its_own_node_keeps(void **state)
{
	void *objects[5], *object;

	(void)state;
	fill_list(objects, 5, 0);
	object = on_node(GFP_KERNEL, 1);
	kmem_cache_free(cache, object);
	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab_of(object)), PLACE_NODE_PARTIAL);
	assert_int_equal(partial(1), 1);
	give_all(cache, objects, 5);
}

static void this_node_and_no_other(void **state)
{
	void *objects[NR + 2], *wished;

	(void)state;
	fill_list(objects, 1, 1);
	take_all_pages_of(1);
	/* What the node has left over is used. */
	for (int i = 1; i < NR; i++) {
		objects[i] = on_node(QUIET | __GFP_THISNODE, 1);
		assert_ptr_equal(slab_of(objects[i]), slab_of(objects[0]));
	}
	assert_null(on_node(QUIET | __GFP_THISNODE, 1));
	/* A wish is not an order. */
	wished = on_node(QUIET, 1);
	assert_int_equal(nid_of(wished), 0);
	/* That slab is the CPU's now, and does not serve. */
	assert_null(on_node(QUIET | __GFP_THISNODE, 1));
	give_pages_back();
	objects[NR] = on_node(QUIET | __GFP_THISNODE, 1);
	assert_int_equal(nid_of(objects[NR]), 1);
	objects[NR + 1] = wished;
	give_all(cache, objects, NR + 2);
}

/* Not each a slab of its own: slabs of another node are used up, but for those that it should keep. */
static void wishes_for_a_full_node_share_slabs(void **state)
{
	void *objects[20 * NR];

	(void)state;
	for (int cpu = 0; cpu <= 2; cpu += 2) {
		cpu_id_pin(cpu);
		take_all_pages_of(1);
		for (int i = 0; i < 20 * NR; i++) {
			objects[i] = on_node(QUIET, 1);
			assert_int_equal(nid_of(objects[i]), 0);
		}
		assert_true(get_node(cache, 0)->nr_slabs <= 20 + cache->min_partial + 1);
		give_all(cache, objects, 20 * NR);
		give_pages_back();
		kmem_cache_shrink(cache);
	}
}

static void this_node_is_that_of_the_cpu_when_none_is_named(void **state)
{
	void *object;

	(void)state;
	take_all_pages_of(0);
	assert_null(on_node(QUIET | __GFP_THISNODE, NUMA_NO_NODE));
	object = on_node(QUIET, NUMA_NO_NODE);
	assert_int_equal(nid_of(object), 1);
	kmem_cache_free(cache, object);
	give_pages_back();
}

static void node_that_comes_is_given_to_all_caches(void **state)
{
	struct kmem_cache *s, *i;

	(void)state;
	slab_node_set(1, false);
	s = kmem_cache_create("late", 256, 0, SLAB_NO_MERGE, NULL);
	assert_null(get_node(s, 1));
	assert_int_equal(kmem_cache_node_online(1), 0);
	assert_true(slab_node_isset(1));
	cds_list_for_each_entry(i, &slab_caches, list)
		assert_non_null(get_node(i, 1));
	kmm_validate_slub();
	kmem_cache_destroy(s);
}

static void node_does_not_come_when_there_is_no_memory_for_it(void **state)
{
	static void *taken[4096];
	struct kmem_cache *s;
	unsigned int nr = 0;

	(void)state;
	slab_node_set(1, false);
	s = kmem_cache_create("late", 256, 0, SLAB_NO_MERGE, NULL);
	buddy_inject_failure(1, true);
	while (nr < ARRAY_SIZE(taken) && (taken[nr] = kmem_cache_alloc(kmem_cache_node, GFP_NOWAIT | __GFP_NOWARN)))
		nr++;
	assert_int_equal(kmem_cache_node_online(1), -ENOMEM);
	buddy_inject_failure(0, false);
	assert_false(slab_node_isset(1));
	assert_null(get_node(s, 1));
	world_expect_report("SLUB: Unable to allocate memory on node");
	give_all(kmem_cache_node, taken, nr);
	assert_int_equal(kmem_cache_node_online(1), 0);
	assert_non_null(get_node(s, 1));
	kmem_cache_destroy(s);
}

static void node_without_memory_is_no_wish(void **state)
{
	void *object;

	(void)state;
	slab_node_set(1, false);
	object = on_node(GFP_KERNEL, 1);
	assert_int_equal(nid_of(object), 0);
	slab_node_set(1, true);
	kmem_cache_free(cache, object);
}

#define NODE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE(object_is_of_the_node_that_was_asked_for),
		NODE(without_a_wish_it_is_the_node_of_the_cpu),
		NODE(numbers_of_no_node_are_no_wish),
		NODE(mismatch_gives_the_cpu_slab_up),
		NODE(mismatch_gives_the_partial_slabs_of_the_cpu_up),
		NODE(drained_slabs_go_each_to_its_node),
		NODE(full_slab_is_listed_on_its_own_node_not_on_that_of_the_cpu_that_frees),
		NODE(empty_slab_counts_against_what_its_own_node_keeps),
		NODE(this_node_and_no_other),
		NODE(wishes_for_a_full_node_share_slabs),
		NODE(this_node_is_that_of_the_cpu_when_none_is_named),
		NODE(node_that_comes_is_given_to_all_caches),
		NODE(node_does_not_come_when_there_is_no_memory_for_it),
		NODE(node_without_memory_is_no_wish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
