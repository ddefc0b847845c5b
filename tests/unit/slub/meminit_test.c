/* SPDX-License-Identifier: MIT
 * meminit_test.c - memory that is asked for as zero is zero, and constructed objects stay so, whatever was in it before.
 *
 * Source: the idea of lib/test_meminit.c, Linux 6.1.
 */
#include "slub_world.h"

#include <stdlib.h>

#include <kmm/kmalloc.h>

#include "base/rcu_defer.h"

#define NR 100
#define GARBAGE 0x5a
#define MADE 0x1337c0de

static void *objects[NR];
static unsigned int want_made; /* bytes at the start of each object that the constructor sets */

static void make(void *object)
{
	for (unsigned int i = 0; i < want_made / sizeof(unsigned int); i++)
		((unsigned int *)object)[i] = MADE + i;
}

static bool is_made(const void *object)
{
	for (unsigned int i = 0; i < want_made / sizeof(unsigned int); i++)
		if (((const unsigned int *)object)[i] != MADE + i)
			return false;
	return true;
}

static bool is_zero(const void *object, size_t size)
{
	const unsigned char *bytes = object;

	return !size || (!bytes[0] && !memcmp(bytes, bytes + 1, size - 1));
}

/* Every way to get zeros, over memory that was full of garbage before. */
static void zeros_of_cache(struct kmem_cache *s, unsigned int size)
{
	for (int way = 0; way < 3; way++) {
		assert_int_equal(kmem_cache_alloc_bulk(s, GFP_KERNEL, NR, objects), NR);
		for (int i = 0; i < NR; i++)
			memset(objects[i], GARBAGE, size);
		kmem_cache_free_bulk(s, NR, objects);
		if (way == 2)
			assert_int_equal(kmem_cache_alloc_bulk(s, GFP_KERNEL | __GFP_ZERO, NR, objects), NR);
		else
			for (int i = 0; i < NR; i++)
				objects[i] = way ? kmem_cache_zalloc(s, GFP_KERNEL) :
						   kmem_cache_alloc(s, GFP_KERNEL | __GFP_ZERO);
		for (int i = 0; i < NR; i++)
			assert_true(is_zero(objects[i], size));
		/* Nobody wrote behind an object's end, or into its neighbour's start. */
		for (int i = 0; i < NR; i++)
			memset(objects[i], i, size);
		for (int i = 0; i < NR; i++) {
			assert_int_equal(((unsigned char *)objects[i])[0], i);
			assert_int_equal(((unsigned char *)objects[i])[size - 1], i);
		}
		give_all(s, objects, NR);
	}
}

static void zeroed_objects_are_zero_in_all_sizes(void **state)
{
	static const slab_flags_t flags[] = { 0, SLAB_TYPESAFE_BY_RCU, SLAB_HWCACHE_ALIGN };

	(void)state;
	for (unsigned int size = 1; size <= 5000; size += size < 40 ? 1 : size / 3)
		for (unsigned int f = 0; f < ARRAY_SIZE(flags); f++) {
			struct kmem_cache *s = kmem_cache_create("zero", size, 0, flags[f] | SLAB_NO_MERGE, NULL);

			zeros_of_cache(s, size);
			kmm_validate_slub();
			kmem_cache_destroy(s);
		}
	kmm_rcu_barrier();
	world_expect_silence();
}

static void zeroed_kmalloc_is_zero_in_all_sizes(void **state)
{
	(void)state;
	for (size_t size = 1; size <= (1 << 20); size += 1 + size / 2)
		for (int way = 0; way < 4; way++) {
			char *memory = kmalloc(size, GFP_KERNEL), *again;

			memset(memory, GARBAGE, size);
			kfree(memory);
			again = way == 0 ? kzalloc(size, GFP_KERNEL) :
				way == 1 ? kcalloc(1, size, GFP_KERNEL) :
				way == 2 ? kmalloc(size, GFP_KERNEL | __GFP_ZERO) :
					   kmalloc_array(1, size, GFP_KERNEL | __GFP_ZERO);
			assert_non_null(again);
			assert_true(is_zero(again, size));
			memset(again, GARBAGE, ksize(again));
			kfree(again);
		}
	world_expect_silence();
}

static void constructed_objects_stay_as_they_were_made(void **state)
{
	static const slab_flags_t flags[] = { 0, SLAB_TYPESAFE_BY_RCU, SLAB_HWCACHE_ALIGN, SLAB_RECLAIM_ACCOUNT };

	(void)state;
	for (unsigned int size = 8; size <= 3000; size += size / 2 / 8 * 8 + 8)
		for (unsigned int f = 0; f < ARRAY_SIZE(flags); f++) {
			struct kmem_cache *s;

			want_made = size;
			s = kmem_cache_create("made", size, 8, flags[f], make);
			for (int turn = 0; turn < 3; turn++) {
				assert_int_equal(kmem_cache_alloc_bulk(s, GFP_KERNEL, NR, objects), NR);
				for (int i = 0; i < NR; i++)
					assert_true(is_made(objects[i]));
				/* Singly, by the batch, or with other CPUs in between. */
				cpu_id_pin(turn);
				if (turn)
					kmem_cache_free_bulk(s, NR, objects);
				else
					give_all(s, objects, NR);
				cpu_id_pin(0);
			}
			kmm_validate_slub();
			kmem_cache_destroy(s);
		}
	kmm_rcu_barrier();
	world_expect_silence();
}

/* Also those that nobody has ever had, or that nobody has just now. */
static void free_objects_of_a_constructed_cache_are_made(void **state)
{
	struct kmem_cache *s;
	struct slab *slab;
	void *object;

	(void)state;
	want_made = 64;
	s = kmem_cache_create("made", 64, 0, SLAB_TYPESAFE_BY_RCU, make);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	slab = slab_of(object);
	for (unsigned int i = 0; i < slab_objects(slab); i++)
		assert_true(is_made(slab_address(slab) + (size_t)i * s->size));
	kmem_cache_free(s, object);
	assert_true(is_made(object));
	kmem_cache_destroy(s);
	kmm_rcu_barrier();
	world_expect_silence();
}

/* A type whose memory stays one until the grace period is over: a reader that came too late sees no garbage. */
static void freed_objects_of_an_rcu_cache_keep_their_content(void **state)
{
	struct kmem_cache *s = kmem_cache_create("content", 128, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	unsigned char want[128];
	int i;

	(void)state;
	memset(want, GARBAGE, sizeof(want));
	take(s, objects, NR);
	for (i = 0; i < NR; i++)
		memset(objects[i], GARBAGE, 128);
	give_all(s, objects, NR);
	for (i = 0; i < NR; i++)
		assert_memory_equal(objects[i], want, sizeof(want));
	assert_int_equal(kmem_cache_alloc_bulk(s, GFP_KERNEL, NR, objects), NR);
	for (i = 0; i < NR; i++)
		memset(objects[i], GARBAGE, 128);
	kmem_cache_free_bulk(s, NR, objects);
	for (i = 0; i < NR; i++)
		assert_memory_equal(objects[i], want, sizeof(want));
	kmem_cache_destroy(s);
	kmm_rcu_barrier();
	world_expect_silence();
}

#define MEMINIT(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMINIT(zeroed_objects_are_zero_in_all_sizes),
		MEMINIT(zeroed_kmalloc_is_zero_in_all_sizes),
		MEMINIT(constructed_objects_stay_as_they_were_made),
		MEMINIT(free_objects_of_a_constructed_cache_are_made),
		MEMINIT(freed_objects_of_an_rcu_cache_keep_their_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
