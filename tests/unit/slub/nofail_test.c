/* SPDX-License-Identifier: MIT
 * nofail_test.c - requests that must not fail, where only objects are ever freed and no page.
 */
#include <pthread.h>
#include <unistd.h>

#include "slub_world.h"

#define SMALL_WORLD (4UL << 20)
#define QUIET (GFP_NOWAIT | __GFP_NOWARN)

static struct kmem_cache *cache;
static void *objects[SMALL_WORLD / 512];
static unsigned int nr;

static int setup(void **state)
{
	(void)state;
	if (world_start("background=off", SMALL_WORLD, 2))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("nofail", 1024, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	give_all(cache, objects, nr);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

/* All memory becomes objects of the cache. */
static void fill_the_world(void)
{
	for (nr = 0; (objects[nr] = kmem_cache_alloc(cache, QUIET)); nr++)
		;
	assert_true(nr > 1000);
	assert_null(alloc_pages(QUIET, 0));
}

static void *free_one_later(void *object)
{
	usleep(100000);
	cpu_id_pin(1);
	kmem_cache_free(cache, object);
	return NULL;
}

static void the_object_that_another_thread_frees_is_found(void **state)
{
	pthread_t other;

	(void)state;
	fill_the_world();
	/* It lands on the list of that CPU. */
	assert_int_equal(pthread_create(&other, NULL, free_one_later, objects[nr / 2]), 0);
	objects[nr / 2] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN);
	assert_non_null(objects[nr / 2]);
	pthread_join(other, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_object_that_another_thread_frees_is_found, setup, teardown),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
