/* SPDX-License-Identifier: MIT
 * slub_fault_test.c - the n-th page is refused, for every n: NULL comes out, nothing is lost, and the library goes on.
 */
#include "refusal.h"

#include "slub/slub_internal.h"

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

static void construct(void *object)
{
	*(char *)object = 1;
}

/* As refuse_from_each_page_on(), for caches: the library's own are full before each attempt, so that every part of a new one
 * takes a page. */
static void refuse_parts_of_a_cache(bool (*attempt)(void))
{
	static void *names[600], *structs[200], *nodes[200];
	unsigned long n = 0;
	bool all = false;

	while (!all) {
		assert_true(n++ < 200);
		for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
			assert_non_null(names[i] = kmalloc(i % 2 ? 16 : 32, GFP_KERNEL));
		for (unsigned int i = 0; i < ARRAY_SIZE(structs); i++)
			assert_non_null(structs[i] = kmem_cache_alloc(kmem_cache, GFP_KERNEL));
		for (unsigned int i = 0; i < ARRAY_SIZE(nodes); i++)
			assert_non_null(nodes[i] = kmem_cache_alloc(kmem_cache_node, GFP_KERNEL));
		all = attempt_with_refusal(attempt, n, true);
		for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
			kfree(names[i]);
		for (unsigned int i = 0; i < ARRAY_SIZE(structs); i++)
			kmem_cache_free(kmem_cache, structs[i]);
		for (unsigned int i = 0; i < ARRAY_SIZE(nodes); i++)
			kmem_cache_free(kmem_cache_node, nodes[i]);
	}
	world_forget_reports();
}

/* Makes one of each kind, as far as it goes, and ends them all. */
static bool create_every_kind(void)
{
	const struct kmem_cache_args args = { .align = 64, .freeptr_offset = 8, .use_freeptr_offset = true };
	struct kmem_cache *caches[40];
	bool all = true;
	char name[24];

	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++) {
		snprintf(name, sizeof(name), "fault-%u", i);
		switch (i % 5) {
		case 0: /* merged with the one before of this kind */
			caches[i] = kmem_cache_create(name, 700, 0, 0, NULL);
			break;
		case 1:
			caches[i] = kmem_cache_create(name, 700, 0, SLAB_NO_MERGE, NULL);
			break;
		case 2:
			caches[i] = kmem_cache_create(name, 100, 0, SLAB_RECLAIM_ACCOUNT, construct);
			break;
		case 3:
			caches[i] = kmem_cache_create_usercopy(name, 100, 0, SLAB_HWCACHE_ALIGN, 8, 16, NULL);
			break;
		default:
			caches[i] = kmem_cache_create(name, 100, &args, SLAB_TYPESAFE_BY_RCU);
		}
		all &= caches[i] != NULL;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++)
		kmem_cache_destroy(caches[i]);
	return all;
}

static void a_cache_of_each_kind_fails_whole_or_not_at_all(void **state)
{
	(void)state;
	refuse_parts_of_a_cache(create_every_kind);
}

static void __percpu *percpu_taken[20000];
static unsigned int nr_percpu_taken;

/* All per-CPU memory of @size bytes that can be had without a page. */
static void take_percpu(size_t size, size_t align)
{
	void __percpu *p;

	while (nr_percpu_taken < ARRAY_SIZE(percpu_taken) &&
	       (p = __alloc_percpu_gfp(size, align, GFP_KERNEL | __GFP_NOWARN)))
		percpu_taken[nr_percpu_taken++] = p;
	assert_in_range(nr_percpu_taken, 1, ARRAY_SIZE(percpu_taken) - 1);
}

static void per_cpu_part_of_a_cache_that_is_missing_leaves_nothing_behind(void **state)
{
	const size_t cpu = sizeof(struct kmem_cache_cpu);
	unsigned int nr_cpu_slabs;
	unsigned long before;
	struct kmem_cache *s;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	/* Everything else is at hand. */
	kmem_cache_destroy(kmem_cache_create("before", 100, 0, 0, NULL));
	buddy_inject_failure(1, true);
	take_percpu(cpu, 2 * sizeof(void *));
	nr_cpu_slabs = nr_percpu_taken;
	take_percpu(sizeof(long), sizeof(long));
	for (unsigned int freed = 0; freed < 3; freed++) {
		/* None; then the CPU slabs and not what the sweeper knows of them; then both. */
		if (freed == 1)
			free_percpu(percpu_taken[--nr_cpu_slabs]);
		if (freed == 2)
			free_percpu(percpu_taken[--nr_percpu_taken]);
		s = kmem_cache_create("percpu", 100, 0, 0, NULL);
		assert_int_equal(s != NULL, freed == 2);
		if (!s)
			world_expect_report("kmem_cache_create(percpu) failed with error -12");
		kmm_validate_slub();
	}
	kmem_cache_destroy(s);
	buddy_inject_failure(0, false);
	for (unsigned int i = 0; i < nr_percpu_taken; i++)
		if (i != nr_cpu_slabs)
			free_percpu(percpu_taken[i]);
	nr_percpu_taken = 0;
	world_forget_reports();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
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
		FAULT(a_cache_of_each_kind_fails_whole_or_not_at_all),
		FAULT(per_cpu_part_of_a_cache_that_is_missing_leaves_nothing_behind),
		FAULT(kmalloc_survives_each_refused_page),
		FAULT(failure_is_reported_once_per_call_and_not_with_nowarn),
		FAULT(high_order_failure_falls_back_to_the_minimum_order),
		FAULT(memory_that_ran_out_for_real_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
