/* SPDX-License-Identifier: MIT
 * busy_cpu_test.c - a thread that finds its CPU's lock taken is served past it, and leaves that CPU alone.
 */
#include "slub_places_world.h"

/* As another thread in the middle of a refill would, past the rank checks. */
static void hold_cpu(unsigned int cpu)
{
	assert_int_equal(pthread_mutex_lock(&cpu_lock(cpu)->mutex), 0);
}

static void let_cpu_go(unsigned int cpu)
{
	pthread_mutex_unlock(&cpu_lock(cpu)->mutex);
}

static void new_slab_goes_to_the_node_when_the_cpu_lock_is_busy(void **state)
{
	struct slab_word w;
	void *object;

	(void)state;
	hold_cpu(0);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	let_cpu_go(0);
	w = slab_word_read(slab_of(object));
	assert_int_equal(slab_place(cache, slab_of(object)), PLACE_NODE_PARTIAL);
	assert_false(w.frozen);
	assert_int_equal(w.inuse, 1);
	kmem_cache_free(cache, object);
}

static void busy_cpu_leaves_a_listed_slab_in_front(void **state)
{
	void *objects[4];

	(void)state;
	fill_node_list(objects, 3);
	hold_cpu(0);
	objects[3] = kmem_cache_alloc(cache, GFP_KERNEL);
	let_cpu_go(0);
	assert_ptr_equal(listed_at(true), slab_of(objects[3]));
	assert_ptr_not_equal(listed_at(false), slab_of(objects[3]));
	give_all(cache, objects, 4);
}

static void new_slab_of_one_object_is_full_when_the_cpu_lock_is_busy(void **state)
{
	struct kmem_cache *s = kmem_cache_create("one", 32768, 0, SLAB_NO_MERGE, NULL);
	void *object;

	(void)state;
	hold_cpu(0);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	let_cpu_go(0);
	assert_int_equal(slab_place(s, slab_of(object)), PLACE_FULL);
	kmm_validate_cache(s);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

static void busy_cpu_takes_one_object_of_a_listed_slab_until_it_is_full(void **state)
{
	void *objects[NR];

	(void)state;
	objects[0] = listed_slab();
	hold_cpu(0);
	take(cache, objects + 1, NR - 1);
	let_cpu_go(0);
	for (int i = 1; i < NR; i++)
		assert_ptr_equal(slab_of(objects[i]), slab_of(objects[0]));
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_FULL);
	assert_int_equal(node()->nr_partial, 0);
	assert_null(cpu_slab_of(cache, 0)->slab);
	give_all(cache, objects, NR);
}

#define BUSY(test) cmocka_unit_test_setup_teardown(test, cache_setup, cache_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUSY(new_slab_goes_to_the_node_when_the_cpu_lock_is_busy),
		BUSY(busy_cpu_leaves_a_listed_slab_in_front),
		BUSY(new_slab_of_one_object_is_full_when_the_cpu_lock_is_busy),
		BUSY(busy_cpu_takes_one_object_of_a_listed_slab_until_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
