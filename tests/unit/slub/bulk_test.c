/* SPDX-License-Identifier: MIT
 * bulk_test.c - many objects in one call: all or none, each exactly once, and in which order the array is gone through.
 */
#include "slub_world.h"

#include <errno.h>
#include <stdlib.h>

#include <kmm/kmalloc.h>

#include "base/rcu_defer.h"

#define NR 16 /* objects of 256 bytes in a slab */
#define MANY 1000

static struct kmem_cache *cache;
static void *objects[MANY];

static int setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("bulk", 256, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

static int compare(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return (x > y) - (x < y);
}

/* @nr objects in use, none twice, and no other. */
static void expect_different(void *const *array, unsigned int nr)
{
	static void *sorted[MANY];

	memcpy(sorted, array, nr * sizeof(sorted[0]));
	qsort(sorted, nr, sizeof(sorted[0]), compare);
	for (unsigned int i = 0; i < nr; i++) {
		assert_non_null(sorted[i]);
		assert_true(i == 0 || sorted[i] != sorted[i - 1]);
		assert_ptr_equal(slab_of(sorted[i])->slab_cache, cache);
	}
}

/* Objects in use, from the words of all slabs. Nobody else is at work. */
static unsigned long in_use(void)
{
	unsigned long free = 0;
	struct slab *slab;

	flush_all(cache);
	cds_list_for_each_entry(slab, &get_node(cache, 0)->partial, slab_list)
		free += slab_word_read(slab).objects - slab_word_read(slab).inuse;
	return get_node(cache, 0)->total_objects - free;
}

static void nothing_is_nothing(void **state)
{
	void *untouched = &untouched;

	(void)state;
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 0, &untouched), 0);
	assert_ptr_equal(untouched, &untouched);
	kmem_cache_free_bulk(cache, 0, &untouched);
	kmem_cache_free_bulk(NULL, 0, NULL);
	kfree_bulk(0, NULL);
	assert_int_equal(get_node(cache, 0)->nr_slabs, 0);
}

static void any_number_comes_and_goes(void **state)
{
	static const unsigned int numbers[] = { 1, 2, NR - 1, NR, NR + 1, 3 * NR + 5, MANY };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, numbers[i], objects), (int)numbers[i]);
		expect_different(objects, numbers[i]);
		assert_int_equal(in_use(), numbers[i]);
		kmm_validate_cache(cache);
		kmem_cache_free_bulk(cache, numbers[i], objects);
		assert_int_equal(in_use(), 0);
		kmm_validate_cache(cache);
	}
}

static void what_the_cpu_has_is_used_first_and_the_rest_stays(void **state)
{
	void *first, *next;

	(void)state;
	cpu_id_pin(3);
	first = kmem_cache_alloc(cache, GFP_KERNEL);
	next = cpu_slab_of(cache, 3)->freelist;
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 5, objects), 5);
	assert_ptr_equal(objects[0], next);
	for (int i = 0; i < 5; i++)
		assert_ptr_equal(slab_of(objects[i]), slab_of(first));
	assert_ptr_equal(cpu_slab_of(cache, 3)->slab, slab_of(first));
	assert_ptr_equal(slab_of(cpu_slab_of(cache, 3)->freelist), slab_of(first));
	/* Ten are left, and are the next ten. */
	take(cache, objects + 5, 10);
	for (int i = 5; i < 15; i++)
		assert_ptr_equal(slab_of(objects[i]), slab_of(first));
	assert_null(cpu_slab_of(cache, 3)->freelist);
	objects[15] = first;
	expect_different(objects, NR);
	kmem_cache_free_bulk(cache, NR, objects);
}

static void partial_slabs_are_used_before_new_pages(void **state)
{
	(void)state;
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 4 * NR, objects), 4 * NR);
	/* Every second object of four slabs. */
	qsort(objects, 4 * NR, sizeof(objects[0]), compare);
	for (unsigned int i = 0; i < 2 * NR; i++)
		kmem_cache_free(cache, objects[2 * i]);
	assert_int_equal(in_use(), 2 * NR);
	for (unsigned int i = 0; i < 2 * NR; i++)
		objects[i] = objects[2 * i + 1];
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 2 * NR, objects + 2 * NR), 2 * NR);
	assert_int_equal(get_node(cache, 0)->nr_slabs, 4);
	expect_different(objects, 4 * NR);
	kmem_cache_free_bulk(cache, 4 * NR, objects);
}

static void all_or_none(void **state)
{
	(void)state;
	/* The n-th page is not there, and none after it. */
	for (unsigned int n = 1; n <= 7; n++) {
		int got;

		kmem_cache_shrink(cache);
		buddy_inject_failure(n, true);
		got = kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_NOWARN, 5 * NR, objects);
		buddy_inject_failure(0, false);
		kmm_validate_cache(cache);
		assert_int_equal(got, n > 5 ? 5 * NR : 0);
		assert_int_equal(in_use(), (unsigned int)got);
		if (got)
			kmem_cache_free_bulk(cache, 5 * NR, objects);
		assert_int_equal(kmem_cache_shrink(cache), 0);
	}
}

static void failure_is_reported_once_and_leaves_errno(void **state)
{
	(void)state;
	buddy_inject_failure(3, true);
	errno = 1234;
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, MANY, objects), 0);
	assert_int_equal(errno, 1234);
	buddy_inject_failure(0, false);
	world_expect_report("SLUB: Unable to allocate memory on node -1");
}

static void zeroed_objects_are_zero(void **state)
{
	static const unsigned char zeros[256];

	(void)state;
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3 * NR, objects), 3 * NR);
	for (unsigned int i = 0; i < 3 * NR; i++)
		memset(objects[i], 0xa5, 256);
	kmem_cache_free_bulk(cache, 3 * NR, objects);
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 3 * NR, objects), 3 * NR);
	for (unsigned int i = 0; i < 3 * NR; i++)
		assert_memory_equal(objects[i], zeros, 256);
	kmem_cache_free_bulk(cache, 3 * NR, objects);
}

static void construct(void *object)
{
	memset(object, 0x3c, 40);
}

static void constructed_objects_are_as_the_constructor_left_them(void **state)
{
	static const slab_flags_t flags[] = { 0, SLAB_TYPESAFE_BY_RCU };
	unsigned char want[40];

	(void)state;
	memset(want, 0x3c, sizeof(want));
	for (unsigned int f = 0; f < ARRAY_SIZE(flags); f++) {
		struct kmem_cache *s = kmem_cache_create("constructed", 40, 0, flags[f], construct);

		for (int turn = 0; turn < 3; turn++) {
			assert_int_equal(kmem_cache_alloc_bulk(s, GFP_KERNEL, 300, objects), 300);
			for (unsigned int i = 0; i < 300; i++)
				assert_memory_equal(objects[i], want, sizeof(want));
			kmem_cache_free_bulk(s, 300, objects);
		}
		kmm_validate_slub();
		kmem_cache_destroy(s);
	}
	kmm_rcu_barrier();
}

/* An object of each of several slabs, by turns. @array has room for @slabs * @each. */
static void interleave(void **array, unsigned int slabs, unsigned int each)
{
	void *taken[8][NR];

	for (unsigned int i = 0; i < slabs; i++)
		take(cache, taken[i], NR);
	flush_cpu_slab(cache, 0);
	for (unsigned int j = 0; j < each; j++)
		for (unsigned int i = 0; i < slabs; i++)
			array[j * slabs + i] = taken[i][j];
	for (unsigned int i = 0; i < slabs; i++)
		give_all(cache, taken[i] + each, NR - each);
}

/* Gives @nr objects back by one call, and by as many compare-and-swaps: each chain is one. */
static void free_in_chains(unsigned int nr, unsigned int min, unsigned int max)
{
#if KMM_CONFIG_SLUB_STATS
	unsigned int *stat = cpu_slab_of(cache, 0)->stat;
	const unsigned int before = stat[FREE_SLOWPATH] + stat[FREE_FASTPATH];

	kmem_cache_free_bulk(cache, nr, objects);
	assert_in_range(stat[FREE_SLOWPATH] + stat[FREE_FASTPATH] - before, min, max);
#else
	(void)min;
	(void)max;
	kmem_cache_free_bulk(cache, nr, objects);
#endif
	assert_int_equal(in_use(), 0);
}

static void objects_a_few_places_apart_are_given_together(void **state)
{
	(void)state;
	/* Three slabs by turns: between two objects of one slab there are two others, and the third one met ends the look. */
	interleave(objects, 3, 8);
	free_in_chains(24, 3, 18);

	/* Neighbours all: one call for each slab. */
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 4 * NR, objects), 4 * NR);
	qsort(objects, 4 * NR, sizeof(objects[0]), compare);
	flush_all(cache);
	free_in_chains(4 * NR, 4, 4);
}

static void a_chain_goes_back_to_a_full_slab_in_one_step(void **state)
{
	(void)state;
	take(cache, objects, NR);
	flush_cpu_slab(cache, 0);
	assert_int_equal(slab_place(cache, slab_of(objects[0])), PLACE_FULL);
	kmem_cache_free_bulk(cache, NR, objects);
	assert_int_equal(cpu_slab_of(cache, 0)->partial->pobjects, NR);
	assert_int_equal(in_use(), 0);
	/* And where there are no CPU partial lists: the node keeps it, or not. */
	cache->cpu_partial = 0;
	cache->min_partial = 0;
	kmem_cache_shrink(cache);
	take(cache, objects, NR);
	flush_cpu_slab(cache, 0);
	kmem_cache_free_bulk(cache, NR, objects);
	assert_int_equal(get_node(cache, 0)->nr_slabs, 0);
}

static void array_of_many_kinds_is_freed_each_by_its_own(void **state)
{
	void *mixed[12];

	(void)state;
	kmm_trim();
	mixed[0] = kmalloc(8, GFP_KERNEL);
	mixed[1] = NULL;
	mixed[2] = kmem_cache_alloc(cache, GFP_KERNEL);
	mixed[3] = kmalloc(100000, GFP_KERNEL);
	mixed[4] = kmalloc(8, GFP_KERNEL);
	mixed[5] = ZERO_SIZE_PTR;
	mixed[6] = kmem_cache_alloc(cache, GFP_KERNEL);
	mixed[7] = kmalloc(8192, GFP_KERNEL);
	mixed[8] = NULL;
	mixed[9] = kzalloc(8, GFP_KERNEL);
	mixed[10] = kmalloc(1 << 20, GFP_KERNEL);
	mixed[11] = kmem_cache_alloc(cache, GFP_KERNEL);
	kfree_bulk(ARRAY_SIZE(mixed), mixed);
	world_expect_silence();
	kmm_validate_slub();
	assert_int_equal(in_use(), 0);
	assert_int_equal(kmem_cache_shrink(cache), 0);
}

static void nulls_are_passed_over(void **state)
{
	void *array[3 * NR] = { NULL };

	(void)state;
	for (unsigned int i = 0; i < 3 * NR; i += 3)
		take(cache, array + i, 1);
	kmem_cache_free_bulk(cache, 3 * NR, array);
	assert_int_equal(in_use(), 0);
	kmem_cache_free_bulk(cache, 1, (void *[]){ NULL });
	kfree_bulk(1, (void *[]){ NULL });
}

#define BULK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BULK(nothing_is_nothing),
		BULK(any_number_comes_and_goes),
		BULK(what_the_cpu_has_is_used_first_and_the_rest_stays),
		BULK(partial_slabs_are_used_before_new_pages),
		BULK(all_or_none),
		BULK(failure_is_reported_once_and_leaves_errno),
		BULK(zeroed_objects_are_zero),
		BULK(constructed_objects_are_as_the_constructor_left_them),
		BULK(objects_a_few_places_apart_are_given_together),
		BULK(a_chain_goes_back_to_a_full_slab_in_one_step),
		BULK(array_of_many_kinds_is_freed_each_by_its_own),
		BULK(nulls_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
