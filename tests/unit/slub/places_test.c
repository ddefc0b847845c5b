/* SPDX-License-Identifier: MIT
 * places_test.c - where a slab goes when it is let go of, and how many of them are kept there.
 */
#include "slub_places_world.h"

#include "base/work.h"

/* An empty slab with CPU 0, while the node has @nr others. */
static struct slab *empty_cpu_slab(void **objects, unsigned int nr)
{
	void *object;

	fill_node_list(objects, nr);
	take_from_new_slab(&object, 1);
	kmem_cache_free(cache, object);
	return slab_of(object);
}

static void slab_that_only_its_cpu_used_goes_to_the_head(void **state)
{
	void *objects[4];

	(void)state;
	objects[3] = listed_slab();
	take_from_new_slab(objects, 3);
	assert_ptr_not_equal(slab_of(objects[0]), slab_of(objects[3]));
	kmem_cache_free(cache, objects[0]);
	flush_cpu_slab(cache, 0);
	assert_ptr_equal(listed_at(true), slab_of(objects[1]));
	assert_ptr_equal(listed_at(false), slab_of(objects[3]));
	give_all(cache, objects + 1, 3);
}

static void slab_that_others_freed_into_goes_to_the_tail(void **state)
{
	void *objects[4];

	(void)state;
	objects[3] = listed_slab();
	take_from_new_slab(objects, 3);
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[0]);
	flush_cpu_slab(cache, 0);
	assert_ptr_equal(listed_at(true), slab_of(objects[3]));
	assert_ptr_equal(listed_at(false), slab_of(objects[1]));
	assert_int_equal(slab_word_read(slab_of(objects[1])).inuse, 2);
	give_all(cache, objects + 1, 3);
}

static void what_others_freed_and_the_cpu_took_again_does_not_count(void **state)
{
	void *objects[NR], *listed = listed_slab();

	(void)state;
	take_from_new_slab(objects, NR);
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[0]);
	kmem_cache_free(cache, objects[1]);
	cpu_id_pin(0);
	objects[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	flush_cpu_slab(cache, 0);
	assert_ptr_equal(listed_at(true), slab_of(objects[0]));
	kmem_cache_free(cache, objects[0]);
	give_all(cache, objects + 2, NR - 2);
	kmem_cache_free(cache, listed);
}

static void empty_cpu_slab_stays_while_the_node_has_too_few(void **state)
{
	void *objects[16];
	struct slab *slab = empty_cpu_slab(objects, (unsigned int)cache->min_partial - 1);

	(void)state;
	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_word_read(slab).inuse, 0);
	give_all(cache, objects, (unsigned int)cache->min_partial - 1);
}

static void empty_cpu_slab_is_discarded_when_the_node_has_enough(void **state)
{
	void *objects[16];
	struct slab *slab = empty_cpu_slab(objects, (unsigned int)cache->min_partial);
	const unsigned long slabs = node()->nr_slabs;

	(void)state;
	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab), PLACE_GONE);
	assert_int_equal(node()->nr_slabs, slabs - 1);
	assert_int_equal(node()->total_objects, (slabs - 1) * NR);
	assert_int_equal(node()->nr_partial, cache->min_partial);
	give_all(cache, objects, (unsigned int)cache->min_partial);
}

/* Puts the slab of @whole, FULL, on CPU 0's partial list and frees all its objects into it there. */
static struct slab *empty_slab_on_cpu_partial(void **whole)
{
	give_all(cache, whole, NR);
	assert_int_equal(slab_place(cache, slab_of(whole[0])), PLACE_CPU_PARTIAL);
	return slab_of(whole[0]);
}

static void drain_discards_empty_slabs_beyond_min_partial(void **state)
{
	void *objects[16], *whole[2][NR];
	struct slab *slabs[2];

	(void)state;
	take(cache, whole[0], NR);
	take(cache, whole[1], NR);
	flush_cpu_slab(cache, 0);
	fill_node_list(objects, (unsigned int)cache->min_partial - 1);
	slabs[0] = empty_slab_on_cpu_partial(whole[0]);
	slabs[1] = empty_slab_on_cpu_partial(whole[1]);
	flush_cpu_slab(cache, 0);
	/* The last put is the first drained, and makes the number full. */
	assert_int_equal(slab_place(cache, slabs[1]), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_place(cache, slabs[0]), PLACE_GONE);
	assert_ptr_equal(listed_at(false), slabs[1]);
	assert_int_equal(node()->nr_partial, cache->min_partial);
	give_all(cache, objects, (unsigned int)cache->min_partial - 1);
}

static void cpu_partial_list_with_no_more_than_its_limit_is_not_drained(void **state)
{
	void *whole[3][NR];

	(void)state;
	for (int i = 0; i < 3; i++)
		take(cache, whole[i], NR);
	flush_cpu_slab(cache, 0);
	kmem_cache_free(cache, whole[0][0]);
	cpu_slab_of(cache, 0)->partial->pobjects = 13;
	kmem_cache_free(cache, whole[1][0]);
	assert_int_equal(slab_place(cache, slab_of(whole[0][0])), PLACE_CPU_PARTIAL);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->slabs, 2);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->pobjects, 14);
	kmem_cache_free(cache, whole[2][0]);
	assert_int_equal(slab_place(cache, slab_of(whole[0][0])), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_place(cache, slab_of(whole[1][0])), PLACE_NODE_PARTIAL);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->slabs, 1);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->pobjects, 1);
	for (int i = 0; i < 3; i++)
		give_all(cache, whole[i] + 1, NR - 1);
}

static void cache_without_cpu_partials_acquires_one_slab_at_a_time(void **state)
{
	void *objects[4], *object;

	(void)state;
	fill_node_list(objects, 4);
	cache->cpu_partial = 0;
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(node()->nr_partial, 3);
	assert_null(cpu_slab_of(cache, 0)->partial);
	kmem_cache_free(cache, object);
	give_all(cache, objects, 4);
}

static void acquire_stops_when_more_than_half_of_cpu_partial_is_there(void **state)
{
	void *objects[4], *object;

	(void)state;
	/* Fifteen free objects are more than six. */
	fill_node_list(objects, 4);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(node()->nr_partial, 3);
	kmem_cache_free(cache, object);
	flush_cpu_slab(cache, 0);
	assert_int_equal(node()->nr_partial, 4);
	cache->cpu_partial = 60;
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	/* 15 + 15 are not more than 30: a third. */
	assert_int_equal(node()->nr_partial, 1);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->slabs, 2);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->pobjects, 30);
	kmem_cache_free(cache, object);
	give_all(cache, objects, 4);
}

static void last_free_into_a_listed_slab_discards_it_only_beyond_min_partial(void **state)
{
	void *objects[16] = { NULL };
	const unsigned int min = (unsigned int)cache->min_partial;

	(void)state;
	fill_node_list(objects, min);
	/* As many as are kept, this one counted: it goes. */
	kmem_cache_free(cache, objects[0]);
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_GONE);
	assert_int_equal(node()->nr_partial, min - 1);
	kmem_cache_free(cache, objects[1]);
	assert_int_equal(slab_place(cache, slab_of(objects[1])), PLACE_NODE_PARTIAL);
	assert_int_equal(node()->nr_partial, min - 1);
	give_all(cache, objects + 2, min - 2);
}

/* One object a slab: the first free is the last one, too. */
static void full_slab_of_one_object_is_listed_or_discarded(void **state)
{
	struct kmem_cache *s = kmem_cache_create("one", 32768, 0, SLAB_NO_MERGE, NULL);
	void *objects[16];
	unsigned int min;

	(void)state;
	assert_int_equal(oo_objects(s->oo), 1);
	s->cpu_partial = 0;
	min = (unsigned int)s->min_partial;
	take(s, objects, min + 1);
	flush_all(s);
	for (unsigned int i = 0; i < min; i++) {
		kmem_cache_free(s, objects[i]);
		assert_int_equal(slab_place(s, slab_of(objects[i])), PLACE_NODE_PARTIAL);
	}
	kmem_cache_free(s, objects[min]);
	assert_int_equal(slab_place(s, slab_of(objects[min])), PLACE_GONE);
	assert_int_equal(get_node(s, 0)->nr_slabs, min);
	kmm_validate_cache(s);
	kmem_cache_destroy(s);
}

static void full_slab_that_gets_an_object_is_listed_behind_others(void **state)
{
	void *objects[3], *whole[NR];

	(void)state;
	take(cache, whole, NR);
	flush_cpu_slab(cache, 0);
	fill_node_list(objects, 3);
	cache->cpu_partial = 0;
	kmem_cache_free(cache, whole[0]);
	assert_ptr_equal(listed_at(false), slab_of(whole[1]));
	give_all(cache, objects, 3);
	give_all(cache, whole + 1, NR - 1);
}

static void discarded_rcu_slab_counts_for_nothing_and_is_freed_after_the_grace_period(void **state)
{
	struct kmem_cache *s = kmem_cache_create("rcu", 256, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);
	struct slab *slab = slab_of(object);

	(void)state;
	kmm_work_pause();
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_shrink(s), 0);
	assert_int_equal(get_node(s, 0)->nr_slabs, 0);
	assert_int_equal(get_node(s, 0)->total_objects, 0);
	assert_true(page_flag_test(slab_page(slab), PG_slab));
	assert_ptr_equal(slab->slab_cache, s);
	kmm_validate_cache(s);
	kmm_rcu_barrier();
	kmm_work_resume();
	assert_false(page_flag_test(slab_page(slab), PG_slab));
	kmem_cache_destroy(s);
}

#define PLACE(test) cmocka_unit_test_setup_teardown(test, cache_setup, cache_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE(slab_that_only_its_cpu_used_goes_to_the_head),
		PLACE(slab_that_others_freed_into_goes_to_the_tail),
		PLACE(what_others_freed_and_the_cpu_took_again_does_not_count),
		PLACE(empty_cpu_slab_stays_while_the_node_has_too_few),
		PLACE(empty_cpu_slab_is_discarded_when_the_node_has_enough),
		PLACE(drain_discards_empty_slabs_beyond_min_partial),
		PLACE(cpu_partial_list_with_no_more_than_its_limit_is_not_drained),
		PLACE(cache_without_cpu_partials_acquires_one_slab_at_a_time),
		PLACE(acquire_stops_when_more_than_half_of_cpu_partial_is_there),
		PLACE(last_free_into_a_listed_slab_discards_it_only_beyond_min_partial),
		PLACE(full_slab_of_one_object_is_listed_or_discarded),
		PLACE(full_slab_that_gets_an_object_is_listed_behind_others),
		PLACE(discarded_rcu_slab_counts_for_nothing_and_is_freed_after_the_grace_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
