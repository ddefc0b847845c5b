/* SPDX-License-Identifier: MIT
 * slub_node_race_test.c - threads stopped while they hold the locks of slabs of several nodes, of bulk lists, or of nothing, and
 * what two others do meanwhile.
 */
#include "slub_race_world.h"

#include <kmm/numa.h>

#include "slub/alloc.h"
#include "support/slub_objects.h"

static int nodes_setup(void **state)
{
	(void)state;
	if (world_start("numa=fake=2 background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("race", 256, 0, SLAB_NO_MERGE, NULL);
	return cache && oo_objects(cache->oo) == NR && cpu_to_node(2) == 1 ? 0 : -1;
}

static struct slab *slab_of(const void *object)
{
	return page_slab(page_head(arena_addr_to_page(object)));
}

static void *take_of_node_1(void *arg)
{
	(void)arg;
	return cache_alloc_node(cache, GFP_KERNEL, 1);
}

static void *take_of_node_0(void *arg)
{
	(void)arg;
	return cache_alloc_node(cache, GFP_KERNEL, 0);
}

static void slab_given_up_for_its_node_keeps_what_others_push(void **state)
{
	void *objects[3], *theirs;
	struct slab *slab;

	(void)state;
	take(objects, 3);
	slab = slab_of(objects[0]);
	/* The victim gives CPU 0's slab up and holds CPU 0's lock and the list lock. */
	gate_stop_at("slab_word:cas", 0, 0, take_of_node_1, NULL);
	cpu_id_pin(3);
	kmem_cache_free(cache, objects[0]);
	assert_true(slab_word_read(slab).frozen);
	theirs = gate_open();
	assert_int_equal(slab_nid(slab_of(theirs)), 1);
	assert_false(slab_word_read(slab).frozen);
	assert_int_equal(slab_word_read(slab).inuse, 2);
	/* Others had freed into it: the tail. */
	assert_ptr_equal(get_node(cache, 0)->partial.prev, &slab->slab_list);
	give(objects + 1, 2);
	kmem_cache_free(cache, theirs);
	assert_int_equal(objects_in_use(cache), 0);
}

static void two_cpus_that_swap_nodes_do_not_wait_for_each_other(void **state)
{
	void *mine = take_of_node_0(NULL), *theirs, *other;

	(void)state;
	cpu_id_pin(2);
	other = take_of_node_1(NULL);
	/* CPU 0 gives up node 0's slab under node 0's list lock; CPU 2 gives up node 1's for node 0's. */
	gate_stop_at("cpu_slab:detach:slab-gone", 0, 0, take_of_node_1, NULL);
	kmem_cache_free(cache, other);
	other = take_of_node_0(NULL);
	assert_int_equal(slab_nid(slab_of(other)), 0);
	theirs = gate_open();
	assert_int_equal(slab_nid(slab_of(theirs)), 1);
	give((void *[]){ mine, theirs, other }, 3);
	assert_int_equal(objects_in_use(cache), 0);
}

static void new_slab_of_a_node_meets_one_of_another_node(void **state)
{
	void *mine, *theirs;

	(void)state;
	/* The victim has a new slab of node 1 in its hands; CPU 0 gets one of node 0 meanwhile. */
	gate_stop_at("alloc:slow:new-slab", 0, 0, take_of_node_1, NULL);
	mine = take_one(NULL);
	assert_int_equal(slab_nid(slab_of(mine)), 0);
	theirs = gate_open();
	assert_int_equal(slab_nid(slab_of(theirs)), 1);
	assert_ptr_equal(cpu_slab_of(cache, 0)->slab, slab_of(theirs));
	assert_false(slab_word_read(slab_of(mine)).frozen);
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	give((void *[]){ mine, theirs }, 2);
	assert_int_equal(objects_in_use(cache), 0);
}

/* The second look, after the new slab, finds the CPU with slabs of both nodes. */
static void new_slab_is_kept_when_what_turned_up_is_of_the_wrong_node(void **state)
{
	void *whole[NR], *theirs;

	(void)state;
	take(whole, NR);
	flush_cpu_slab(cache, 0);
	gate_stop_at("alloc:slow:new-slab", 0, 0, take_of_node_1, NULL);
	/* CPU 0 has a partial slab of node 0 now. */
	kmem_cache_free(cache, whole[0]);
	assert_non_null(cpu_slab_of(cache, 0)->partial);
	theirs = gate_open();
	assert_int_equal(slab_nid(slab_of(theirs)), 1);
	assert_null(cpu_slab_of(cache, 0)->partial);
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	give(whole + 1, NR - 1);
	kmem_cache_free(cache, theirs);
	assert_int_equal(objects_in_use(cache), 0);
}

static void drained_slab_keeps_what_others_push(void **state)
{
	void *whole[NR], *node_1[NR];

	(void)state;
	take(whole, NR);
	for (int i = 0; i < NR; i++)
		node_1[i] = take_of_node_1(NULL);
	flush_cpu_slab(cache, 0);
	kmem_cache_free(cache, whole[0]);
	kmem_cache_free(cache, node_1[0]);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->slabs, 2);
	/* The first one drained is node 1's; its list lock is held. */
	gate_stop_at("slab_word:cas", 0, 1, flush_cpu_0, NULL);
	cpu_id_pin(3);
	kmem_cache_free(cache, node_1[1]);
	kmem_cache_free(cache, whole[1]);
	gate_open();
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	assert_int_equal(get_node(cache, 1)->nr_partial, 1);
	assert_int_equal(slab_word_read(slab_of(whole[2])).inuse, NR - 2);
	assert_int_equal(slab_word_read(slab_of(node_1[2])).inuse, NR - 2);
	give(whole + 2, NR - 2);
	give(node_1 + 2, NR - 2);
	assert_int_equal(objects_in_use(cache), 0);
}

static void stale_pop_fails_when_the_same_slab_and_head_are_back(void **state)
{
	void *objects[3], *head, *theirs;

	(void)state;
	take(objects, 2);
	head = cpu_slab_of(cache, 0)->freelist;
	gate_stop_at("cpu_slab:cas", 0, 0, take_one, NULL);
	/* The slab goes to its node and comes back, with the same list: all is as it was but the tid. */
	flush_cpu_slab(cache, 0);
	objects[2] = take_one(NULL);
	assert_ptr_equal(objects[2], head);
	kmem_cache_free(cache, objects[2]);
	assert_ptr_equal(cpu_slab_of(cache, 0)->freelist, head);
	assert_ptr_equal(cpu_slab_of(cache, 0)->slab, slab_of(head));
	theirs = gate_open();
	assert_ptr_equal(theirs, head);
	give(objects, 2);
	kmem_cache_free(cache, theirs);
	assert_int_equal(objects_in_use(cache), 0);
}

/* A push onto {head, counters} read before the slab went through a CPU, and came back with the same pair. */
static void push_is_right_for_a_slab_that_left_and_came_back(void **state)
{
	void *objects[4], *again;
	struct slab_word before;
	struct slab *slab;

	(void)state;
	take(objects, 4);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	cpu_id_pin(2);
	before = slab_word_read(slab);
	gate_stop_at("slab_word:cas", 0, 1, give_one, objects[3]);
	cpu_id_pin(0);
	again = take_one(NULL);
	assert_ptr_equal(again, before.freelist);
	assert_true(slab_word_read(slab).frozen);
	kmem_cache_free(cache, again);
	flush_cpu_slab(cache, 0);
	assert_ptr_equal(slab_word_read(slab).freelist, before.freelist);
	assert_int_equal(slab_word_read(slab).inuse, before.inuse);
	gate_open();
	assert_int_equal(slab_word_read(slab).inuse, 3);
	assert_ptr_equal(slab_word_read(slab).freelist, objects[3]);
	give(objects, 3);
	assert_int_equal(objects_in_use(cache), 0);
}

static void *take_five(void *objects)
{
	return (void *)(intptr_t)kmem_cache_alloc_bulk(cache, GFP_KERNEL, 5, objects);
}

static void rest_of_a_bulk_list_is_freed_when_two_others_came(void **state)
{
	void *first = take_one(NULL), *five[5], *mine, *pushed;
	struct slab *slab = slab_of(first);

	(void)state;
	gate_stop_at("bulk:list-taken", 0, 0, take_five, five);
	assert_null(cpu_slab_of(cache, 0)->freelist);
	/* One thread finds the CPU without objects and gets another slab, another one frees to the first, by then FULL. */
	mine = take_one(NULL);
	assert_ptr_not_equal(slab_of(mine), slab);
	assert_null(slab_word_read(slab).freelist);
	cpu_id_pin(3);
	pushed = first;
	kmem_cache_free(cache, pushed);
	assert_ptr_equal(cpu_slab_of(cache, 3)->partial, slab);
	assert_int_equal(slab_word_read(slab).inuse, NR - 1);
	assert_int_equal((intptr_t)gate_open(), 5);
	/* One pushed, ten left over. */
	assert_int_equal(slab_word_read(slab).inuse, 5);
	give(five, 5);
	kmem_cache_free(cache, mine);
	assert_int_equal(objects_in_use(cache), 0);
}

static void bulk_list_keeps_its_slab_from_being_discarded(void **state)
{
	void *first = take_one(NULL), *five[5];
	struct slab *slab = slab_of(first);

	(void)state;
	cache->min_partial = 0;
	gate_stop_at("bulk:list-taken", 0, 0, take_five, five);
	cpu_id_pin(1);
	kmem_cache_free(cache, first);
	assert_int_equal(kmem_cache_shrink(cache), 1);
	assert_true(page_flag_test(slab_page(slab), PG_slab));
	assert_int_equal((intptr_t)gate_open(), 5);
	assert_int_equal(objects_in_use(cache), 5);
	give(five, 5);
	assert_int_equal(objects_in_use(cache), 0);
}

#define WINDOW(test) cmocka_unit_test_setup_teardown(test, nodes_setup, race_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WINDOW(slab_given_up_for_its_node_keeps_what_others_push),
		WINDOW(two_cpus_that_swap_nodes_do_not_wait_for_each_other),
		WINDOW(new_slab_of_a_node_meets_one_of_another_node),
		WINDOW(new_slab_is_kept_when_what_turned_up_is_of_the_wrong_node),
		WINDOW(drained_slab_keeps_what_others_push),
		WINDOW(stale_pop_fails_when_the_same_slab_and_head_are_back),
		WINDOW(push_is_right_for_a_slab_that_left_and_came_back),
		WINDOW(rest_of_a_bulk_list_is_freed_when_two_others_came),
		WINDOW(bulk_list_keeps_its_slab_from_being_discarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
