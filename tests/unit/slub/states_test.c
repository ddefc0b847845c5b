/* SPDX-License-Identifier: MIT
 * states_test.c - each edge of the slab state diagram of slub_internal.h, by name.
 */
#include "slub_world.h"

#include "slub/cpu_partial.h"

/* 256 bytes: 16 objects a slab, cpu_partial 13 objects, min_partial 5 slabs. */
#define NR 16

static struct kmem_cache *cache;

static int cache_setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("states", 256, 0, SLAB_NO_MERGE, NULL);
	return cache && oo_objects(cache->oo) == NR ? 0 : -1;
}

static int cache_teardown(void **state)
{
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

/* Fills whole slabs from CPU 0 until @objects holds exactly the objects of one of them; returns that slab, FULL. */
static struct slab *full_slab(void **objects)
{
	void *next;

	take(cache, objects, NR);
	/* One more: the CPU lets go of the used-up slab. */
	next = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_FULL);
	kmem_cache_free(cache, next);
	return slab_of(objects[0]);
}

static void install_gives_the_cpu_a_frozen_slab(void **state)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);
	struct slab_word w = slab_word_read(slab_of(object));

	(void)state;
	assert_int_equal(slab_place(cache, slab_of(object)), PLACE_CPU);
	assert_true(w.frozen);
	assert_int_equal(w.inuse, NR);
	kmem_cache_free(cache, object);
}

static void last_object_taken_makes_the_slab_full(void **state)
{
	void *objects[NR];
	struct slab *slab = full_slab(objects);
	struct slab_word w = slab_word_read(slab);

	(void)state;
	assert_false(w.frozen);
	assert_null(w.freelist);
	assert_int_equal(w.inuse, NR);
	give_all(cache, objects, NR);
}

static void first_free_adopts_a_full_slab(void **state)
{
	void *objects[NR];
	struct slab *slab = full_slab(objects);

	(void)state;
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[3]);
	assert_int_equal(slab_place(cache, slab), PLACE_CPU_PARTIAL);
	assert_ptr_equal(cpu_slab_of(cache, 1)->partial, slab);
	assert_int_equal(slab_word_read(slab).inuse, NR - 1);
	assert_int_equal(slab->slabs, 1);
	assert_int_equal(slab->pobjects, 1);
	objects[3] = objects[NR - 1];
	give_all(cache, objects, NR - 1);
}

static void first_free_lists_a_full_slab_on_the_node_when_cpu_partials_are_off(void **state)
{
	void *objects[NR];
	struct slab *slab = full_slab(objects);

	(void)state;
	cache->cpu_partial = 0;
	kmem_cache_free(cache, objects[0]);
	assert_int_equal(slab_place(cache, slab), PLACE_NODE_PARTIAL);
	assert_false(slab_word_read(slab).frozen);
	give_all(cache, objects + 1, NR - 1);
}

static void first_free_lists_a_full_slab_on_the_node_when_the_cpu_lock_is_busy(void **state)
{
	void *objects[NR];
	struct slab *slab = full_slab(objects);
	struct kmm_lock *lock = cpu_lock(2);

	(void)state;
	/* Held past the rank checks: trylock says busy, as it would for another thread's lock. */
	assert_int_equal(pthread_mutex_lock(&lock->mutex), 0);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[0]);
	assert_int_equal(slab_place(cache, slab), PLACE_NODE_PARTIAL);
	pthread_mutex_unlock(&lock->mutex);
	give_all(cache, objects + 1, NR - 1);
}

static void refill_takes_the_cpu_partial_list_first(void **state)
{
	void *objects[NR], *more[NR];
	struct slab *slab = full_slab(objects);

	(void)state;
	kmem_cache_free(cache, objects[5]);
	assert_int_equal(slab_place(cache, slab), PLACE_CPU_PARTIAL);
	/* The CPU's own slab has NR objects left; the one after that is the freed one. */
	take(cache, more, NR);
	assert_ptr_not_equal(more[NR - 1], objects[5]);
	objects[5] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_ptr_equal(slab_of(objects[5]), slab);
	give_all(cache, objects, NR);
	give_all(cache, more, NR);
}

static void refill_finds_what_others_freed_into_the_cpu_slab(void **state)
{
	void *objects[NR], *again;

	(void)state;
	take(cache, objects, NR);
	/* Another CPU frees into the slab CPU 0 is using up: no list changes, the object waits in the slab word. */
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[7]);
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_CPU);
	assert_ptr_equal(slab_word_read(slab_of(objects[0])).freelist, objects[7]);
	cpu_id_pin(0);
	again = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_ptr_equal(again, objects[7]);
	give_all(cache, objects, NR);
}

static void drain_moves_an_overfull_cpu_partial_list_to_the_node(void **state)
{
	void *objects[4][NR];
	struct slab *slabs[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		slabs[i] = full_slab(objects[i]);
	/* Two slabs with eight free objects each make sixteen, more than cpu_partial. */
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 8; j++)
			kmem_cache_free(cache, objects[i][j]);
	assert_int_equal(slab_place(cache, slabs[0]), PLACE_CPU_PARTIAL);
	slabs[1]->pobjects = 16; /* the count is taken when a slab is put; make it say what is true */
	kmem_cache_free(cache, objects[2][0]);
	assert_int_equal(slab_place(cache, slabs[0]), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_place(cache, slabs[1]), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_place(cache, slabs[2]), PLACE_CPU_PARTIAL);
	assert_int_equal(slabs[2]->slabs, 1);
	for (int i = 0; i < 4; i++)
		for (int j = i < 2 ? 8 : i == 2 ? 1 : 0; j < NR; j++)
			kmem_cache_free(cache, objects[i][j]);
}

static void deactivate_puts_a_partly_used_cpu_slab_on_the_node_list(void **state)
{
	void *objects[3];
	struct slab *slab;

	(void)state;
	take(cache, objects, 3);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_word_read(slab).inuse, 3);
	give_all(cache, objects, 3);
}

static void deactivate_leaves_a_used_up_slab_full(void **state)
{
	void *objects[NR];
	struct slab *slab;

	(void)state;
	take(cache, objects, NR);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab), PLACE_FULL);
	give_all(cache, objects, NR);
}

static void acquire_stocks_the_cpu_partial_list_up_to_half(void **state)
{
	void *objects[4][NR];

	(void)state;
	for (int i = 0; i < 4; i++)
		full_slab(objects[i]);
	cache->cpu_partial = 0; /* frees list on the node */
	for (int i = 0; i < 4; i++) {
		kmem_cache_free(cache, objects[i][0]);
		kmem_cache_free(cache, objects[i][1]);
		kmem_cache_free(cache, objects[i][2]);
	}
	flush_cpu_slab(cache, 0);
	cache->cpu_partial = 13;
	kmem_cache_shrink(cache);
	assert_int_equal(get_node(cache, 0)->nr_partial, 4);
	objects[0][0] = kmem_cache_alloc(cache, GFP_KERNEL);
	/* 3 + 3 are not more than 6, so a third slab comes: one installed, two in stock. */
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->slabs, 2);
	kmem_cache_free(cache, objects[0][0]);
	for (int i = 0; i < 4; i++)
		give_all(cache, objects[i] + 3, NR - 3);
}

static void empty_slab_on_the_node_stays_up_to_min_partial(void **state)
{
	void *objects[8][NR];
	struct slab *slabs[8];
	unsigned int kept = 0;

	(void)state;
	cache->cpu_partial = 0;
	for (int i = 0; i < 8; i++)
		slabs[i] = full_slab(objects[i]);
	flush_all(cache);
	kmem_cache_shrink(cache);
	for (int i = 0; i < 8; i++)
		give_all(cache, objects[i], NR);
	for (int i = 0; i < 8; i++)
		kept += slab_place(cache, slabs[i]) == PLACE_NODE_PARTIAL;
	assert_int_equal(kept, cache->min_partial - 1);
	assert_int_equal(get_node(cache, 0)->nr_partial, kept);
}

static void shrink_frees_every_empty_slab(void **state)
{
	void *objects[8][NR];

	(void)state;
	for (int i = 0; i < 8; i++)
		full_slab(objects[i]);
	for (int i = 0; i < 8; i++)
		give_all(cache, objects[i], NR);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	assert_int_equal(get_node(cache, 0)->nr_slabs, 0);
}

static void shrink_sorts_the_list_by_use(void **state)
{
	static const int freed[3] = { 5, 1, 3 };
	void *objects[3][NR];
	struct slab *slab;
	unsigned int last = NR + 1;

	(void)state;
	for (int i = 0; i < 3; i++)
		full_slab(objects[i]);
	for (int i = 0; i < 3; i++)
		give_all(cache, objects[i], (unsigned int)freed[i]);
	assert_int_equal(kmem_cache_shrink(cache), 1);
	cds_list_for_each_entry(slab, &get_node(cache, 0)->partial, slab_list) {
		assert_true(slab_word_read(slab).inuse < last);
		last = slab_word_read(slab).inuse;
	}
	assert_int_equal(get_node(cache, 0)->nr_partial, 3);
	for (int i = 0; i < 3; i++)
		give_all(cache, objects[i] + freed[i], (unsigned int)(NR - freed[i]));
}

#define EDGE(test) cmocka_unit_test_setup_teardown(test, cache_setup, cache_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EDGE(install_gives_the_cpu_a_frozen_slab),
		EDGE(last_object_taken_makes_the_slab_full),
		EDGE(first_free_adopts_a_full_slab),
		EDGE(first_free_lists_a_full_slab_on_the_node_when_cpu_partials_are_off),
		EDGE(first_free_lists_a_full_slab_on_the_node_when_the_cpu_lock_is_busy),
		EDGE(refill_takes_the_cpu_partial_list_first),
		EDGE(refill_finds_what_others_freed_into_the_cpu_slab),
		EDGE(drain_moves_an_overfull_cpu_partial_list_to_the_node),
		EDGE(deactivate_puts_a_partly_used_cpu_slab_on_the_node_list),
		EDGE(deactivate_leaves_a_used_up_slab_full),
		EDGE(acquire_stocks_the_cpu_partial_list_up_to_half),
		EDGE(empty_slab_on_the_node_stays_up_to_min_partial),
		EDGE(shrink_frees_every_empty_slab),
		EDGE(shrink_sorts_the_list_by_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
