/* SPDX-License-Identifier: MIT
 * bulk_misuse_test.c - what does not belong into the array of a bulk free is reported and left alone, the rest is freed.
 */
#include "slub_world.h"

#include <stdlib.h>

#include <kmm/kmalloc.h>

#define NR 16 /* objects of 256 bytes in a slab */

static struct kmem_cache *cache, *other;

static int setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("bulk", 256, 0, SLAB_NO_MERGE, NULL);
	other = kmem_cache_create("other", 256, 0, SLAB_RECLAIM_ACCOUNT | SLAB_NO_MERGE, NULL);
	return cache && other ? 0 : -1;
}

/* Every object was given back once: the caches can go. */
static int teardown(void **state)
{
	kmm_validate_slub();
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	world_expect_silence();
	return world_teardown(state);
}

static unsigned int nr_times(const char *words)
{
	unsigned int nr = 0;

	for (const char *at = world_reports.text; (at = strstr(at, words)); at++)
		nr++;
	return nr;
}

static void memory_of_others_is_reported(void **state)
{
	static char bytes[300];
	void *array[6], *page = alloc_page(GFP_KERNEL);

	(void)state;
	take(cache, array, 6);
	kmem_cache_free(cache, array[1]);
	kmem_cache_free(cache, array[4]);
	array[1] = bytes;
	array[4] = page_address(page);
	kmem_cache_free_bulk(cache, 6, array);
	assert_int_equal(nr_times("is not in a slab"), 2);
	world_forget_reports();
	__free_page(page);
}

static void object_of_another_cache_is_reported_and_stays(void **state)
{
	void *array[6], *stranger = kmem_cache_alloc(other, GFP_KERNEL);

	(void)state;
	take(cache, array, 5);
	array[5] = array[2];
	array[2] = stranger;
	kmem_cache_free_bulk(cache, 6, array);
	assert_int_equal(nr_times("Wrong slab cache"), 1);
	world_forget_reports();
	kmem_cache_free(other, stranger);
}

static void interior_pointers_are_reported(void **state)
{
	void *array[6], *last;

	(void)state;
	take(cache, array, 5);
	last = array[4];
	array[4] = (char *)last + 8;
	array[5] = (char *)array[0] + 255;
	kmem_cache_free_bulk(cache, 6, array);
	assert_int_equal(world_reports.count, 2);
	world_forget_reports();
	kmem_cache_free(cache, last);
}

static void interior_pointers_of_kmalloc_are_reported(void **state)
{
	char *small = kmalloc(64, GFP_KERNEL), *large = kmalloc(100000, GFP_KERNEL);
	void *array[4] = { small + 8, large + 4096, large + 1, small };

	(void)state;
	kfree_bulk(4, array);
	assert_int_equal(world_reports.count, 3);
	world_forget_reports();
	kfree(large);
}

static void *slab_mates[4];

/* The slab is the CPU's, or not. */
static void take_slab_mates(bool flushed)
{
	take(cache, slab_mates, 4);
	if (flushed)
		flush_cpu_slab(cache, 0);
}

static void free_reporting_once(unsigned int nr, void **array)
{
	kmem_cache_free_bulk(cache, nr, array);
	if (nr_times("Object already free") != 1)
		fail_msg("%u double frees are reported: %s", nr_times("Object already free"), world_reports.text);
	world_forget_reports();
}

static void object_given_twice_in_a_row_is_freed_once(void **state)
{
	(void)state;
	for (int flushed = 0; flushed < 2; flushed++) {
		void **m = slab_mates;

		take_slab_mates(flushed);
		free_reporting_once(2, (void *[]){ m[0], m[0] });
		free_reporting_once(4, (void *[]){ m[1], m[2], m[2], m[3] });
		kmm_validate_cache(cache);
		assert_int_equal(kmem_cache_shrink(cache), 0);
		take_slab_mates(flushed);
		free_reporting_once(3, (void *[]){ m[0], m[1], m[1] });
		free_reporting_once(3, (void *[]){ m[2], m[2], m[3] });
		kmm_validate_cache(cache);
		assert_int_equal(kmem_cache_shrink(cache), 0);
	}
}

static void last_object_freed_is_not_freed_again_by_a_chain_that_ends_with_it(void **state)
{
	(void)state;
	for (int flushed = 0; flushed < 2; flushed++) {
		void **m = slab_mates;

		take_slab_mates(flushed);
		kmem_cache_free(cache, m[0]);
		/* At the array's end, which is the chain's tail. */
		free_reporting_once(3, (void *[]){ m[1], m[2], m[0] });
		kmm_validate_cache(cache);
		kmem_cache_free(cache, m[3]);
		flush_all(cache);
		kmm_validate_cache(cache);
		/* The others were freed. */
		assert_int_equal(kmem_cache_shrink(cache), 0);
	}
}

static void last_object_freed_is_not_freed_again_at_the_beginning_of_an_array(void **state)
{
	(void)state;
	for (int flushed = 0; flushed < 2; flushed++) {
		void **m = slab_mates;

		take_slab_mates(flushed);
		kmem_cache_free(cache, m[0]);
		free_reporting_once(3, (void *[]){ m[0], m[1], m[2] });
		kmm_validate_cache(cache);
		kmem_cache_free(cache, m[3]);
		assert_int_equal(kmem_cache_shrink(cache), 0);
	}
}

static void more_frees_than_objects_are_reported(void **state)
{
	void *array[2];

	(void)state;
	take(cache, array, 1);
	flush_cpu_slab(cache, 0);
	/* The other one was never given out. */
	array[1] = (char *)array[0] + 5 * 256;
	kmem_cache_free_bulk(cache, 2, array);
	assert_int_equal(nr_times("Object already free"), 1);
	world_forget_reports();
	kmem_cache_free(cache, (char *)array[0] == (char *)array[1] - 5 * 256 ? array[0] : array[1]);
}

#define MISUSE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MISUSE(memory_of_others_is_reported),
		MISUSE(object_of_another_cache_is_reported_and_stays),
		MISUSE(interior_pointers_are_reported),
		MISUSE(interior_pointers_of_kmalloc_are_reported),
		MISUSE(object_given_twice_in_a_row_is_freed_once),
		MISUSE(last_object_freed_is_not_freed_again_by_a_chain_that_ends_with_it),
		MISUSE(last_object_freed_is_not_freed_again_at_the_beginning_of_an_array),
		MISUSE(more_frees_than_objects_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
