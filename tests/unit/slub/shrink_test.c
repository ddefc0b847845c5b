/* SPDX-License-Identifier: MIT
 * shrink_test.c - what a cache keeps after its objects are gone, and in which order it uses what is left.
 */
#include <stdlib.h>

#include "slub_world.h"

#include "slub/cache.h"

#define NR_SLABS 1000

/* One object of each of @nr_slabs slabs lives; all others are freed. */
static void one_live_object_a_slab(struct kmem_cache *s, void **live, unsigned int nr_slabs)
{
	const unsigned int per_slab = oo_objects(s->oo);
	void **all = malloc((size_t)nr_slabs * per_slab * sizeof(*all));
	unsigned int nr_live = 0;

	assert_non_null(all);
	take(s, all, nr_slabs * per_slab);
	for (unsigned int i = 0; i < nr_slabs * per_slab; i++) {
		if (i % per_slab == 0)
			live[nr_live++] = all[i];
		else
			kmem_cache_free(s, all[i]);
	}
	free(all);
	assert_int_equal(nr_live, nr_slabs);
}

static unsigned long slab_bytes(const struct kmem_cache *s)
{
	return cache_nr_slabs(s) * (PAGE_SIZE << oo_order(s->oo));
}

static void slabs_with_one_live_object_each_shrink_to_what_is_in_use(void **state)
{
	struct kmem_cache *s = kmem_cache_create("shrink", 256, 0, SLAB_NO_MERGE, NULL);
	const unsigned long free_before = nr_free_pages();
	void *live[NR_SLABS] = { NULL };

	(void)state;
	assert_non_null(s);
	one_live_object_a_slab(s, live, NR_SLABS);
	assert_int_equal(kmem_cache_shrink(s), 1);
	assert_int_equal(cache_nr_slabs(s), NR_SLABS);
	for (unsigned int i = 0; i < NR_SLABS; i++)
		assert_int_equal(slab_word_read(slab_of(live[i])).inuse, 1);

	/* Nine of ten go, and their slabs with them, every one. */
	for (unsigned int i = 0; i < NR_SLABS; i++)
		if (i % 10)
			kmem_cache_free(s, live[i]);
	assert_int_equal(kmem_cache_shrink(s), 1);
	assert_int_equal(cache_nr_slabs(s), NR_SLABS / 10);
	assert_int_equal(slab_bytes(s), NR_SLABS / 10 * (PAGE_SIZE << oo_order(s->oo)));

	for (unsigned int i = 0; i < NR_SLABS; i += 10)
		kmem_cache_free(s, live[i]);
	assert_int_equal(kmem_cache_shrink(s), 0);
	assert_int_equal(cache_nr_slabs(s), 0);
	assert_true(nr_free_pages() >= free_before);
	kmem_cache_destroy(s);
}

/* Frees alone keep no more than min_partial empty slabs a node, and what the CPU lists hold. */
static void frees_alone_keep_few_empty_slabs(void **state)
{
	struct kmem_cache *s = kmem_cache_create("frees", 256, 0, SLAB_NO_MERGE, NULL);
	void *live[NR_SLABS] = { NULL };

	(void)state;
	assert_non_null(s);
	one_live_object_a_slab(s, live, NR_SLABS);
	give_all(s, live, NR_SLABS);
	assert_true(cache_nr_slabs(s) <= s->min_partial + 1 + s->cpu_partial);
	kmem_cache_destroy(s);
}

static unsigned int free_objects(const struct slab *slab)
{
	const struct slab_word w = slab_word_read(slab);

	return w.objects - w.inuse;
}

/* The next refills fill up what is nearly full, so that the others can become empty. */
static void the_fullest_slabs_come_first(void **state)
{
	struct kmem_cache *s = kmem_cache_create("sorted", 256, 0, SLAB_NO_MERGE, NULL);
	const unsigned int per_slab = oo_objects(s->oo), nr_slabs = 12;
	void *objects[12 * 32] = { NULL };
	unsigned int last = 0;
	struct slab *slab;

	(void)state;
	assert_true(per_slab <= 32);
	take(s, objects, nr_slabs * per_slab);
	/* Slab i keeps i + 1 objects in use, in no order of age. */
	for (unsigned int i = 0; i < nr_slabs; i++) {
		const unsigned int which = i * 7 % nr_slabs;

		for (unsigned int j = i + 1; j < per_slab; j++)
			kmem_cache_free(s, objects[which * per_slab + j]);
	}
	kmem_cache_shrink(s);
	assert_int_equal(get_node(s, 0)->nr_partial, nr_slabs);
	cds_list_for_each_entry(slab, &get_node(s, 0)->partial, slab_list) {
		assert_true(free_objects(slab) >= last);
		last = free_objects(slab);
	}
	for (unsigned int i = 0; i < nr_slabs; i++) {
		const unsigned int which = i * 7 % nr_slabs;

		for (unsigned int j = 0; j <= i; j++)
			kmem_cache_free(s, objects[which * per_slab + j]);
	}
	kmem_cache_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slabs_with_one_live_object_each_shrink_to_what_is_in_use, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(frees_alone_keep_few_empty_slabs, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(the_fullest_slabs_come_first, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
