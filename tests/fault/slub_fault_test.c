/* SPDX-License-Identifier: MIT
 * slub_fault_test.c - the n-th page is refused, for every n: NULL comes out, nothing is lost, and the library goes on.
 */
#include "support/world.h"

#include "slub/slub_internal.h"

/* Runs @attempt with the n-th page refused, and every later one too if @forever. @attempt returns whether it got everything,
 * and has given everything back either way. */
static bool attempt_with_refusal(bool (*attempt)(void), unsigned long n, bool forever)
{
	unsigned long before;
	bool all;

	kmm_trim();
	before = nr_free_pages();
	buddy_inject_failure(n, forever);
	all = attempt();
	buddy_inject_failure(0, false);
	kmm_validate_slub();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
	return all;
}

/* No page from the n-th on, for n = 1, 2, ... until that many are enough. */
static void refuse_from_each_page_on(bool (*attempt)(void))
{
	unsigned long n = 1;

	while (!attempt_with_refusal(attempt, n, true))
		assert_true(n++ < 2000);
	assert_true(n > 2);
	world_forget_reports();
}

static bool create_fill_destroy(void)
{
	struct kmem_cache *s = kmem_cache_create("fault", 700, 0, SLAB_NO_MERGE, NULL);
	void *objects[100];
	unsigned int nr = 0;

	if (!s)
		return false;
	while (nr < 100 && (objects[nr] = kmem_cache_alloc(s, GFP_KERNEL)))
		nr++;
	for (unsigned int i = 0; i < nr; i++)
		kmem_cache_free(s, objects[i]);
	kmem_cache_destroy(s);
	return nr == 100;
}

/* One refusal is no failure for a cache whose slabs may be smaller: the minimum order is tried before giving up. */
static void one_refused_page_is_made_up_for_by_a_smaller_slab(void **state)
{
	(void)state;
	for (unsigned long n = 1; n <= 40; n++)
		assert_true(attempt_with_refusal(create_fill_destroy, n, false));
	world_expect_silence();
}

static void a_cache_survives_a_machine_without_pages(void **state)
{
	(void)state;
	refuse_from_each_page_on(create_fill_destroy);
}

static bool kmalloc_all_sizes(void)
{
	void *memory[40];
	unsigned int nr = 0;
	bool all = true;

	for (size_t size = 8; size <= 1 << 20; size *= 2) {
		memory[nr] = kmalloc(size, GFP_KERNEL);
		all &= memory[nr] != NULL;
		nr++;
		memory[nr] = kzalloc(size + size / 2, GFP_KERNEL);
		all &= memory[nr] != NULL;
		nr++;
	}
	while (nr)
		kfree(memory[--nr]);
	return all;
}

static void kmalloc_survives_each_refused_page(void **state)
{
	(void)state;
	refuse_from_each_page_on(kmalloc_all_sizes);
}

static void failure_is_reported_once_per_call_and_not_with_nowarn(void **state)
{
	struct kmem_cache *s = kmem_cache_create("silent", 256, 0, SLAB_NO_MERGE, NULL);

	(void)state;
	buddy_inject_failure(1, true);
	assert_null(kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOWARN));
	world_expect_silence();
	assert_null(kmem_cache_alloc(s, GFP_KERNEL));
	world_expect_report("SLUB: Unable to allocate memory on node -1");
	buddy_inject_failure(0, false);
	kmem_cache_destroy(s);
}

static void high_order_failure_falls_back_to_the_minimum_order(void **state)
{
	struct kmem_cache *s = kmem_cache_create("fallback", 700, 0, SLAB_NO_MERGE, NULL);
	void *object;

	(void)state;
	assert_true(oo_order(s->oo) > oo_order(s->min));
	buddy_inject_failure(1, false);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	assert_non_null(object);
	assert_int_equal(get_node(s, 0)->total_objects, oo_objects(s->min));
	kmm_validate_cache(s);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void memory_that_ran_out_for_real_comes_back(void **state)
{
	static void *blocks[4096];
	unsigned long before;
	unsigned int nr = 0;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	while (nr < 4096 && (blocks[nr] = kmalloc(32768, GFP_KERNEL | __GFP_NOWARN)))
		nr++;
	assert_in_range(nr, 1000, 2048);
	assert_null(kmalloc(32768, GFP_KERNEL | __GFP_NOWARN));
	while (nr)
		kfree(blocks[--nr]);
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

#define FAULT(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULT(one_refused_page_is_made_up_for_by_a_smaller_slab),
		FAULT(a_cache_survives_a_machine_without_pages),
		FAULT(kmalloc_survives_each_refused_page),
		FAULT(failure_is_reported_once_per_call_and_not_with_nowarn),
		FAULT(high_order_failure_falls_back_to_the_minimum_order),
		FAULT(memory_that_ran_out_for_real_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
