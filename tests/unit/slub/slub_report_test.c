/* SPDX-License-Identifier: MIT
 * slub_report_test.c - what is said when memory runs out or is asked for wrongly, word for word.
 */
#include "slub_world.h"

#include "slub/slub_report.h"

#define NR 16 /* objects of 256 bytes in a slab */

static struct kmem_cache *cache;

static int cache_setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("reported", 250, 0, SLAB_NO_MERGE, NULL);
	return cache && oo_objects(cache->oo) == NR ? 0 : -1;
}

static int nodes_setup(void **state)
{
	(void)state;
	if (world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("reported", 250, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int cache_teardown(void **state)
{
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

static void expect_text(const char *text)
{
	assert_string_equal(world_reports.text, text);
	world_forget_reports();
}

static void memory_that_ran_out_is_reported_with_what_there_is(void **state)
{
	void *objects[NR], *none;

	(void)state;
	take(cache, objects, NR);
	buddy_inject_failure(1, true);
	none = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO);
	buddy_inject_failure(0, false);
	assert_null(none);
	/* The flags are those of the caller, not those of the slab's pages. */
	expect_text("SLUB: Unable to allocate memory on node -1, gfp=0xdc0(GFP_KERNEL|__GFP_ZERO)\n"
		    "  cache: reported, object size: 250, buffer size: 256, default order: 0, min order: 0\n"
		    "  node 0: slabs: 1, objs: 16, free: 0\n");
	give_all(cache, objects, NR);
}

static void each_node_has_a_line(void **state)
{
	void *objects[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		objects[i] = kmem_cache_alloc_node(cache, GFP_KERNEL, i ? 1 : 0);
	flush_all(cache);
	slab_out_of_memory(cache, GFP_ATOMIC | __GFP_THISNODE, 1);
	expect_text("SLUB: Unable to allocate memory on node 1, gfp=0x200a20(GFP_ATOMIC|__GFP_THISNODE)\n"
		    "  cache: reported, object size: 250, buffer size: 256, default order: 0, min order: 0\n"
		    "  node 0: slabs: 1, objs: 16, free: 15\n"
		    "  node 1: slabs: 1, objs: 16, free: 14\n");
	give_all(cache, objects, 3);
}

/* A word behind an object of a page makes it two. */
static void an_object_that_outgrew_its_order_is_told(void **state)
{
	struct kmem_cache *s = kmem_cache_create("outgrown", PAGE_SIZE, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	char expected[300];

	(void)state;
	slab_out_of_memory(s, GFP_NOWAIT, NUMA_NO_NODE);
	snprintf(expected, sizeof(expected),
		 "SLUB: Unable to allocate memory on node -1, gfp=0x800(GFP_NOWAIT)\n"
		 "  cache: outgrown, object size: 4096, buffer size: %u, default order: 3, min order: 1\n"
		 "  outgrown debugging increased min order, use slub_debug=O to disable.\n"
		 "  node 0: slabs: 0, objs: 0, free: 0\n",
		 s->size);
	expect_text(expected);
	kmem_cache_destroy(s);
}

static void who_asked_for_silence_gets_it(void **state)
{
	(void)state;
	slab_out_of_memory(cache, GFP_KERNEL | __GFP_NOWARN, 0);
	world_expect_silence();
}

static void ten_reports_are_enough_for_a_while(void **state)
{
	(void)state;
	slub_oom_rate_reset();
	for (int i = 0; i < 10; i++)
		slab_out_of_memory(cache, GFP_KERNEL, NUMA_NO_NODE);
	world_expect_report("SLUB: Unable to allocate memory on node -1");
	slab_out_of_memory(cache, GFP_KERNEL, NUMA_NO_NODE);
	world_expect_silence();
}

#define FIXED_UP "Unexpected gfp: 0x2 (__GFP_HIGHMEM). Fixing up to gfp: 0xcc0 (GFP_KERNEL). Fix your code!\n"

static void flags_that_no_slab_is_made_with_are_taken_away(void **state)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_HIGHMEM), *large, *batch[2 * NR];

	(void)state;
	assert_non_null(object);
	expect_text(FIXED_UP);
	/* Said when a slab is made only. */
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL | __GFP_HIGHMEM));
	world_expect_silence();
	kmem_cache_free(cache, object);

	large = kmalloc_large(20000, GFP_KERNEL | __GFP_HIGHMEM);
	assert_non_null(large);
	expect_text(FIXED_UP);
	kfree(large);

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_HIGHMEM, 2 * NR, batch), 2 * NR);
	expect_text(FIXED_UP);
	kmem_cache_free_bulk(cache, 2 * NR, batch);

	assert_int_equal(kmalloc_fix_flags(__GFP_DMA32 | 0x80000000u), 0);
	expect_text("Unexpected gfp: 0x80000004 (GFP_DMA32|0x80000000). Fixing up to gfp: 0 (none). Fix your code!\n");
}

#define REPORT(test) cmocka_unit_test_setup_teardown(test, cache_setup, cache_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPORT(memory_that_ran_out_is_reported_with_what_there_is),
		cmocka_unit_test_setup_teardown(each_node_has_a_line, nodes_setup, cache_teardown),
		REPORT(an_object_that_outgrew_its_order_is_told),
		REPORT(who_asked_for_silence_gets_it),
		REPORT(ten_reports_are_enough_for_a_while),
		REPORT(flags_that_no_slab_is_made_with_are_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
