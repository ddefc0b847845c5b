/* SPDX-License-Identifier: MIT
 * slub_paths_fault_test.c - the n-th page is refused, for every n and for every way to ask SLUB for memory; on one node and two.
 */
#include <stdlib.h>

#include "support/world.h"

#include <kmm/kmalloc.h>

#include "slub/alloc.h"
#include "slub/cache.h"

#define NR 60

static struct kmem_cache *cache;
static gfp_t quiet = GFP_KERNEL | __GFP_NOWARN;

static int start(const char *options)
{
	if (world_start(options, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("fault", 700, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int setup(void **state)
{
	(void)state;
	return start("background=off");
}

static int setup_two_nodes(void **state)
{
	(void)state;
	return start("background=off numa=fake=2");
}

/* Many objects a slab are wished for: slabs of a high order, and of a low one when there is no such block. */
static int setup_large_slabs(void **state)
{
	(void)state;
	return start("background=off min_free_kbytes=0 slub_min_objects=64 slub_max_order=5");
}

static int teardown(void **state)
{
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

/* Takes up to NR objects by @one and gives them back. */
static bool take_and_give(void *(*one)(unsigned int i))
{
	void *objects[NR];
	unsigned int nr = 0;

	while (nr < NR && (objects[nr] = one(nr)))
		nr++;
	kmm_validate_cache(cache);
	for (unsigned int i = 0; i < nr; i++)
		kmem_cache_free(cache, objects[i]);
	return nr == NR;
}

static void *usual(unsigned int i)
{
	(void)i;
	return kmem_cache_alloc(cache, quiet);
}

static void *of_nodes_by_turns(unsigned int i)
{
	return cache_alloc_node(cache, quiet, (int)(i % 2));
}

static void *of_one_node_only(unsigned int i)
{
	return cache_alloc_node(cache, quiet | __GFP_THISNODE, (int)(i / (NR / 2)));
}

static void *on_cpus_by_turns(unsigned int i)
{
	cpu_id_pin((int)(i % WORLD_CPUS));
	return kmem_cache_alloc(cache, i % 3 ? quiet : GFP_ATOMIC | __GFP_NOWARN);
}

static bool alloc_each(void)
{
	return take_and_give(usual);
}

static bool alloc_by_turns(void)
{
	return take_and_give(of_nodes_by_turns);
}

static bool alloc_this_node(void)
{
	return take_and_give(of_one_node_only);
}

static bool alloc_on_cpus(void)
{
	const bool all = take_and_give(on_cpus_by_turns);

	cpu_id_pin(0);
	return all;
}

static bool alloc_bulk(void)
{
	void *objects[NR];
	const int got = kmem_cache_alloc_bulk(cache, quiet, NR, objects);

	assert_true(got == 0 || got == NR);
	kmm_validate_cache(cache);
	kmem_cache_free_bulk(cache, (size_t)got, objects);
	return got;
}

static bool create_many(void)
{
	static const slab_flags_t flags[] = { SLAB_TYPESAFE_BY_RCU, SLAB_RECLAIM_ACCOUNT, SLAB_HWCACHE_ALIGN, 0 };
	struct kmem_cache *made[NR];
	bool all = true;

	for (unsigned int i = 0; i < NR; i++) {
		char name[20];

		snprintf(name, sizeof(name), "fault-%u", i);
		made[i] = kmem_cache_create(name, 100 + 8 * i, 0, flags[i % ARRAY_SIZE(flags)] | SLAB_NO_MERGE, NULL);
		all &= made[i] != NULL;
	}
	kmm_validate_slub();
	for (unsigned int i = 0; i < NR; i++)
		kmem_cache_destroy(made[i]);
	return all;
}

static const struct way {
	const char *name;
	bool (*attempt)(void);
} ways[] = {
	{ "one by one", alloc_each },       { "nodes by turns", alloc_by_turns }, { "one node only", alloc_this_node },
	{ "CPUs by turns", alloc_on_cpus }, { "in one call", alloc_bulk },        { "caches", create_many },
};

/* Nothing is lost, whatever failed. */
static bool attempt(const struct way *way, unsigned long n, bool forever)
{
	unsigned long before;
	bool all;

	kmm_trim();
	before = nr_free_pages();
	buddy_inject_failure(n, forever);
	all = way->attempt();
	buddy_inject_failure(0, false);
	kmm_validate_slub();
	kmm_trim();
	if (nr_free_pages() != before)
		fail_msg("%s: %lu pages, not %lu, after page %lu was refused", way->name, nr_free_pages(), before, n);
	return all;
}

static void every_way_survives_every_refused_page(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < ARRAY_SIZE(ways); w++) {
		unsigned long n = 1;

		while (!attempt(&ways[w], n, true))
			assert_true(n++ < 500);
		if (n < 2)
			fail_msg("%s needs no page", ways[w].name);
		/* With one page less than that it fails. */
		assert_false(attempt(&ways[w], n - 1, true));
		for (unsigned long once = 1; once < n; once++)
			attempt(&ways[w], once, false);
		world_forget_reports();
	}
}

static void a_small_slab_does_when_there_is_no_large_block(void **state)
{
	static struct page *pages[WORLD_LIMIT / PAGE_SIZE];
	void *objects[40], *more[40];
	unsigned long nr = 0, got = 0;
	int large;

	(void)state;
	assert_true(oo_order(cache->oo) > oo_order(cache->min));
	assert_int_equal(oo_order(cache->min), 0);
	/* Every second page is free: no block of two. */
	while ((pages[nr] = alloc_page(quiet)))
		nr++;
	for (unsigned long i = 0; i < nr; i++)
		if (pages[i] && !(page_to_pfn(pages[i]) & 1)) {
			__free_page(pages[i]);
			pages[i] = NULL;
		}
	while (got < ARRAY_SIZE(objects) && (objects[got] = kmem_cache_alloc(cache, quiet)))
		got++;
	assert_int_equal(got, ARRAY_SIZE(objects));
	kmm_validate_cache(cache);
	for (unsigned long i = 0; i < got; i++)
		assert_int_equal(compound_order(page_head(arena_addr_to_page(objects[i]))), 0);
	assert_int_equal(get_node(cache, 0)->total_objects, get_node(cache, 0)->nr_slabs * oo_objects(cache->min));
	/* And the large ones come again, beside the small ones. */
	for (unsigned long i = 0; i < nr; i++)
		if (pages[i])
			__free_page(pages[i]);
	flush_cpu_slab(cache, 0);
	large = kmem_cache_alloc_bulk(cache, quiet, ARRAY_SIZE(more), more);
	assert_int_equal(large, ARRAY_SIZE(more));
	assert_int_equal(compound_order(page_head(arena_addr_to_page(more[large - 1]))), oo_order(cache->oo));
	kmm_validate_cache(cache);
	kmem_cache_free_bulk(cache, ARRAY_SIZE(more), more);
	kmem_cache_free_bulk(cache, got, objects);
}

#define FAULT(test, setup) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULT(every_way_survives_every_refused_page, setup),
		FAULT(every_way_survives_every_refused_page, setup_two_nodes),
		FAULT(every_way_survives_every_refused_page, setup_large_slabs),
		FAULT(a_small_slab_does_when_there_is_no_large_block, setup_large_slabs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
