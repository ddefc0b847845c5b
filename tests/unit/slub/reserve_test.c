/* SPDX-License-Identifier: MIT
 * reserve_test.c - objects in pages of the reserves are for those who free memory, and for nobody else.
 */
#include "slub_world.h"

#include <pthread.h>

#include <kmm/memalloc.h>
#include <kmm/mm.h>

#define NR 16 /* objects of 256 bytes in a slab */
#define QUIET (GFP_KERNEL | __GFP_NOWARN)

static struct kmem_cache *cache;
static struct page *hoard[WORLD_LIMIT / PAGE_SIZE];
static unsigned int hoarded;

/* A library with no page left but those of the reserves, and a cache without a slab. */
static int setup(void **state)
{
	(void)state;
	if (world_start("min_free_kbytes=2048 background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("reserve", 256, 0, SLAB_NO_MERGE, NULL);
	hoarded = 0;
	while ((hoard[hoarded] = alloc_page(QUIET | __GFP_HIGH)))
		hoarded++;
	return cache && nr_free_pages() ? 0 : -1;
}

static void end_of_shortage(void)
{
	while (hoarded)
		__free_page(hoard[--hoarded]);
}

static int teardown(void **state)
{
	end_of_shortage();
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

static void *alloc_with_reserves(void)
{
	const unsigned int flags = memalloc_noreclaim_save();
	void *object = kmem_cache_alloc(cache, QUIET);

	memalloc_noreclaim_restore(flags);
	assert_non_null(object);
	return object;
}

static void *alloc_as_usual(void *arg)
{
	cpu_id_pin((int)(intptr_t)arg);
	return kmem_cache_alloc(cache, QUIET);
}

/* What another thread gets on @cpu. */
static void *of_another_thread(int cpu)
{
	pthread_t thread;
	void *object;

	assert_int_equal(pthread_create(&thread, NULL, alloc_as_usual, (void *)(intptr_t)cpu), 0);
	pthread_join(thread, &object);
	return object;
}

static void slab_of_the_reserves_is_known_as_such(void **state)
{
	void *object;

	(void)state;
	assert_null(kmem_cache_alloc(cache, QUIET));
	object = alloc_with_reserves();
	assert_true(page_is_pfmemalloc(virt_to_page(object)));
	kmem_cache_free(cache, object);
}

static void it_does_not_serve_others_on_the_same_cpu(void **state)
{
	void *object = alloc_with_reserves();

	(void)state;
	assert_null(of_another_thread(0));
	assert_null(of_another_thread(1));
	assert_null(kmem_cache_alloc(cache, QUIET));
	assert_null(kmem_cache_alloc(cache, QUIET | __GFP_HIGH));
	assert_null(kmem_cache_alloc(cache, QUIET | __GFP_MEMALLOC | __GFP_NOMEMALLOC));
	kmem_cache_free(cache, object);
	/* Empty or not. */
	assert_null(of_another_thread(0));
}

static void it_serves_those_who_may_object_by_object(void **state)
{
	void *objects[NR + 1];

	(void)state;
	for (int i = 0; i < NR; i++) {
		cpu_id_pin(i % WORLD_CPUS);
		objects[i] = i % 2 ? alloc_with_reserves() : kmem_cache_alloc(cache, QUIET | __GFP_MEMALLOC);
		assert_ptr_equal(slab_of(objects[i]), slab_of(objects[0]));
		assert_null(of_another_thread(i % WORLD_CPUS));
	}
	assert_int_equal(get_node(cache, 0)->nr_slabs, 1);
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_FULL);
	objects[NR] = alloc_with_reserves();
	assert_int_equal(get_node(cache, 0)->nr_slabs, 2);
	give_all(cache, objects, NR + 1);
}

static void it_does_not_serve_others_from_any_list(void **state)
{
	void *objects[NR];

	(void)state;
	for (int i = 0; i < NR; i++)
		objects[i] = alloc_with_reserves();
	/* FULL, then on the CPU's partial list, then on the node's. */
	assert_null(of_another_thread(0));
	kmem_cache_free(cache, objects[0]);
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_CPU_PARTIAL);
	assert_null(of_another_thread(0));
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_NODE_PARTIAL);
	assert_null(of_another_thread(0));
	/* Past a CPU whose lock is busy. */
	assert_int_equal(pthread_mutex_lock(&cpu_lock(1)->mutex), 0);
	objects[0] = of_another_thread(1);
	pthread_mutex_unlock(&cpu_lock(1)->mutex);
	assert_null(objects[0]);
	objects[0] = alloc_with_reserves();
	assert_ptr_equal(slab_of(objects[0]), slab_of(objects[1]));
	give_all(cache, objects, NR);
}

static void others_find_what_is_behind_it_on_the_list(void **state)
{
	void *reserved = alloc_with_reserves(), *usual, *objects[2];

	(void)state;
	end_of_shortage();
	usual = kmem_cache_alloc(cache, GFP_KERNEL);
	flush_all(cache);
	assert_int_equal(get_node(cache, 0)->nr_partial, 2);
	objects[0] = of_another_thread(2);
	assert_ptr_equal(slab_of(objects[0]), slab_of(usual));
	/* Also in stock: only the other slab came along. */
	assert_null(cpu_slab_of(cache, 2)->partial);
	assert_int_equal(slab_place(cache, slab_of(reserved)), PLACE_NODE_PARTIAL);
	assert_int_equal(pthread_mutex_lock(&cpu_lock(1)->mutex), 0);
	flush_cpu_slab(cache, 2);
	objects[1] = of_another_thread(1);
	pthread_mutex_unlock(&cpu_lock(1)->mutex);
	assert_ptr_equal(slab_of(objects[1]), slab_of(usual));
	give_all(cache, objects, 2);
	kmem_cache_free(cache, usual);
	kmem_cache_free(cache, reserved);
}

static void pages_of_the_reserves_are_like_others_after_their_free(void **state)
{
	void *object = alloc_with_reserves();
	struct page *page = virt_to_page(object), *again;

	(void)state;
	kmem_cache_free(cache, object);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	assert_false(page_is_pfmemalloc(page));
	end_of_shortage();
	/* The page comes again, as one like all others. */
	while ((again = alloc_page(QUIET))) {
		hoard[hoarded++] = again;
		assert_false(page_is_pfmemalloc(again));
		if (again == page)
			break;
	}
	assert_ptr_equal(again, page);
	end_of_shortage();
}

#define RESERVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESERVE(slab_of_the_reserves_is_known_as_such),
		RESERVE(it_does_not_serve_others_on_the_same_cpu),
		RESERVE(it_serves_those_who_may_object_by_object),
		RESERVE(it_does_not_serve_others_from_any_list),
		RESERVE(others_find_what_is_behind_it_on_the_list),
		RESERVE(pages_of_the_reserves_are_like_others_after_their_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
