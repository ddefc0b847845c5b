/* SPDX-License-Identifier: MIT
 * slab_stat_test.c - every statistic of a cache: what is counted, how often, and what is not.
 *
 * Each test names the items that one step counts, with their numbers; all others must be 0. cmpxchg_double_fail and
 * cmpxchg_double_cpu_fail need two threads: tests/race/slab_stat_race_test.c.
 */
#include "slub_world.h"

#include <errno.h>
#include <stdlib.h>

#define NR 16 /* objects of 256 bytes in a slab; cpu_partial 13 objects, min_partial 5 slabs */

static struct kmem_cache *cache;

static int setup_with(const char *options, unsigned int nr_cpus, unsigned int size)
{
	if (world_start(options, WORLD_LIMIT, nr_cpus))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("counted", size, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int setup(void **state)
{
	(void)state;
	/* Idle CPUs are looked after by time, which nobody counts here. */
	return setup_with("slub_idle_ms=0", WORLD_CPUS, 256);
}

static int teardown(void **state)
{
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

#if KMM_CONFIG_SLUB_STATS

static const char *const items[] = {
#define ITEM_NAME(item, name) name,
	SLUB_STAT_ITEMS(ITEM_NAME)
};

static void set(const char *name, const char *value)
{
	assert_int_equal(kmm_cache_attr_set("counted", name, value), 0);
}

static void clear_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		set(items[i], "0");
}

static unsigned long count_of(const char *item)
{
	char text[128];

	assert_true(kmm_cache_attr_get("counted", item, text, sizeof(text)) > 0);
	return strtoul(text, NULL, 10);
}

/* The number behind " @item=" in @text; 0 if it is not there. */
static unsigned long expected_count(const char *text, const char *item)
{
	char words[64];
	const char *found;

	snprintf(words, sizeof(words), " %s=", item);
	found = strstr(text, words);
	return found ? strtoul(found + strlen(words), NULL, 10) : 0;
}

/* @expected: " item=number item=number"; all other items are 0. Clears them. */
static void expect_counts(const char *expected)
{
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		const unsigned long count = count_of(items[i]), wanted = expected_count(expected, items[i]);

		if (count != wanted)
			fail_msg("%s is %lu, not %lu; expected:%s", items[i], count, wanted, expected);
	}
	clear_all();
}

/* @nr slabs FULL, their objects in @objects, and none of a CPU. Counts are cleared. */
static void fill_slabs(void **objects, unsigned int nr)
{
	take(cache, objects, nr * NR);
	flush_all(cache);
	clear_all();
}

static void one_object(void **state)
{
	void *objects[2];

	(void)state;
	objects[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_counts(" alloc_slowpath=1 alloc_slab=1");
	objects[1] = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_counts(" alloc_fastpath=1");
	give_all(cache, objects, 2);
	expect_counts(" free_fastpath=2");
	kmem_cache_free(cache, kmem_cache_zalloc(cache, GFP_KERNEL));
	expect_counts(" alloc_fastpath=1 free_fastpath=1");
}

static void a_slab_that_is_used_up_is_left(void **state)
{
	void *objects[NR + 1];

	(void)state;
	take(cache, objects, NR + 1);
	expect_counts(" alloc_slowpath=2 alloc_fastpath=15 alloc_slab=2 deactivate_bypass=1");
	kmem_cache_free(cache, objects[0]);
	expect_counts(" free_slowpath=1 cpu_partial_free=1");
	kmem_cache_free(cache, objects[1]);
	expect_counts(" free_slowpath=1 free_frozen=1");
	give_all(cache, objects + 2, NR - 1);
	expect_counts(" free_slowpath=14 free_frozen=14 free_fastpath=1");
}

static void a_slab_of_the_cpu_list_is_used_again(void **state)
{
	void *objects[2 * NR];

	(void)state;
	take(cache, objects, 2 * NR);
	kmem_cache_free(cache, objects[3]);
	clear_all();
	objects[3] = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_counts(" alloc_slowpath=1 deactivate_bypass=1 cpu_partial_alloc=1 alloc_refill=1");
	give_all(cache, objects, 2 * NR);
}

static void a_cpu_uses_what_others_freed_into_its_slab(void **state)
{
	void *objects[NR];

	(void)state;
	take(cache, objects, NR);
	clear_all();
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[7]);
	expect_counts(" free_slowpath=1 free_frozen=1");
	cpu_id_pin(0);
	objects[7] = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_counts(" alloc_slowpath=1 alloc_refill=1");
	give_all(cache, objects, NR);
}

static void frees_to_slabs_that_no_cpu_has(void **state)
{
	void *objects[NR];

	(void)state;
	set("cpu_partial", "0");
	set("min_partial", "0");
	fill_slabs(objects, 1);
	kmem_cache_free(cache, objects[0]);
	expect_counts(" free_slowpath=1 free_add_partial=1");
	kmem_cache_free(cache, objects[1]);
	expect_counts(" free_slowpath=1");
	give_all(cache, objects + 2, NR - 2);
	expect_counts(" free_slowpath=14 free_remove_partial=1 free_slab=1");
}

/* FULL and empty by one free: never on a list. */
static void a_slab_of_one_object(void **state)
{
	void *object;

	(void)state;
	kmem_cache_destroy(cache);
	cache = kmem_cache_create("counted", 30000, 0, SLAB_NO_MERGE, NULL);
	assert_int_equal(oo_objects(cache->oo), 1);
	set("cpu_partial", "0");
	set("min_partial", "0");
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_counts(" alloc_slowpath=1 alloc_slab=1");
	flush_all(cache);
	expect_counts(" cpuslab_flush=1 deactivate_full=1");
	kmem_cache_free(cache, object);
	expect_counts(" free_slowpath=1 free_slab=1");
}

static void a_flush_says_what_it_found(void **state)
{
	void *objects[NR];

	(void)state;
	set("min_partial", "0");
	take(cache, objects, 2);
	clear_all();
	flush_all(cache);
	expect_counts(" cpuslab_flush=1 deactivate_to_head=1");
	flush_all(cache);
	expect_counts("");
	give_all(cache, objects, 2);
	expect_counts(" free_slowpath=2 free_remove_partial=1 free_slab=1");

	take(cache, objects, NR);
	clear_all();
	flush_all(cache);
	expect_counts(" cpuslab_flush=1 deactivate_full=1");
	give_all(cache, objects, NR);
	flush_all(cache);
	/* The list of the CPU had a slab that is empty by now. */
	expect_counts(" free_slowpath=16 cpu_partial_free=1 free_frozen=15 deactivate_empty=1 free_slab=1");

	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	clear_all();
	flush_all(cache);
	expect_counts(" cpuslab_flush=1 deactivate_empty=1 free_slab=1");
}

static void a_flush_says_whether_others_freed(void **state)
{
	void *objects[2];

	(void)state;
	set("min_partial", "0");
	take(cache, objects, 2);
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[0]);
	clear_all();
	flush_all(cache);
	expect_counts(" cpuslab_flush=1 deactivate_remote_frees=1 deactivate_to_tail=1");
	kmem_cache_free(cache, objects[1]);

	cpu_id_pin(0);
	objects[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[0]);
	clear_all();
	flush_all(cache);
	expect_counts(" cpuslab_flush=1 deactivate_remote_frees=1 deactivate_empty=1 free_slab=1");
}

/* 3 + 3 free objects are not more than 13 / 2, so a third slab comes along. */
static void a_node_stocks_the_list_of_a_cpu(void **state)
{
	void *objects[4 * NR], *object;

	(void)state;
	set("cpu_partial", "0");
	fill_slabs(objects, 4);
	for (int i = 0; i < 4; i++)
		give_all(cache, objects + i * NR, 3);
	expect_counts(" free_slowpath=12 free_add_partial=4");
	set("cpu_partial", "13");
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_counts(" alloc_slowpath=1 alloc_from_partial=1 cpu_partial_node=2");
	kmem_cache_free(cache, object);
	for (int i = 0; i < 4; i++)
		give_all(cache, objects + i * NR + 3, NR - 3);
}

static void a_list_that_is_too_long_is_drained(void **state)
{
	void *objects[3 * NR];

	(void)state;
	set("cpu_partial", "1");
	fill_slabs(objects, 3);
	kmem_cache_free(cache, objects[0]);
	kmem_cache_free(cache, objects[NR]);
	expect_counts(" free_slowpath=2 cpu_partial_free=2");
	/* Two objects are more than one. */
	kmem_cache_free(cache, objects[2 * NR]);
	expect_counts(" free_slowpath=1 cpu_partial_free=1 cpu_partial_drain=1 free_add_partial=2");
	for (int i = 0; i < 3; i++)
		give_all(cache, objects + i * NR + 1, NR - 1);
}

static int nodes_setup(void **state)
{
	(void)state;
	return setup_with("numa=fake=2 slub_idle_ms=0", WORLD_CPUS, 256);
}

static void a_slab_of_the_wrong_node_is_given_up(void **state)
{
	void *objects[3];

	(void)state;
	objects[0] = kmem_cache_alloc_node(cache, GFP_KERNEL, 0);
	expect_counts(" alloc_slowpath=1 alloc_slab=1");
	objects[1] = kmem_cache_alloc_node(cache, GFP_KERNEL, 1);
	expect_counts(" alloc_slowpath=1 alloc_node_mismatch=1 deactivate_to_head=1 alloc_slab=1");
	objects[2] = kmem_cache_alloc_node(cache, GFP_KERNEL, 1);
	expect_counts(" alloc_fastpath=1");
	give_all(cache, objects, 3);
}

static int large_setup(void **state)
{
	(void)state;
	return setup_with("slub_idle_ms=0", WORLD_CPUS, 1024);
}

static void a_smaller_slab_is_made_when_memory_is_short(void **state)
{
	void *object;

	(void)state;
	assert_true(oo_order(cache->oo) > oo_order(cache->min));
	buddy_inject_failure(1, false);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(compound_order(virt_to_page(object)), oo_order(cache->min));
	expect_counts(" alloc_slowpath=1 alloc_slab=1 order_fallback=1");
	kmem_cache_free(cache, object);
}

static void a_request_that_fails_is_counted_as_slow(void **state)
{
	(void)state;
	buddy_inject_failure(1, true);
	assert_null(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN));
	buddy_inject_failure(0, false);
	expect_counts(" alloc_slowpath=1");
}

/* The CPU is busy: the new slab goes to the node at once. */
static void a_new_slab_that_no_cpu_gets_is_deactivated(void **state)
{
	struct kmm_lock *lock = cpu_lock(2);
	void *object;

	(void)state;
	/* Held past the rank checks: trylock says busy, as it would for another thread's lock. */
	assert_int_equal(pthread_mutex_lock(&lock->mutex), 0);
	cpu_id_pin(2);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	pthread_mutex_unlock(&lock->mutex);
	expect_counts(" alloc_slowpath=1 alloc_slab=1 deactivate_to_head=1");
	kmem_cache_free(cache, object);
}

static void objects_by_the_batch(void **state)
{
	void *objects[NR + 4];

	(void)state;
	/* One from a new slab, and the rest of that slab by one step that nothing counts, as in the kernel. */
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, NR, objects), NR);
	expect_counts(" alloc_slowpath=1 alloc_slab=1");
	kmem_cache_free_bulk(cache, NR, objects);
	expect_counts(" free_fastpath=1");
}

static void what_a_shrink_frees_is_not_counted(void **state)
{
	void *objects[NR];

	(void)state;
	set("cpu_partial", "0");
	fill_slabs(objects, 1);
	give_all(cache, objects, NR);
	expect_counts(" free_slowpath=16 free_add_partial=1");
	assert_int_equal(kmem_cache_shrink(cache), 0);
	expect_counts("");
}

static void expect_text(const char *item, const char *expected)
{
	char text[128];

	assert_int_equal(kmm_cache_attr_get("counted", item, text, sizeof(text)), strlen(expected));
	assert_string_equal(text, expected);
}

static void counts_are_told_by_cpu(void **state)
{
	void *objects[5];

	(void)state;
	expect_text("alloc_fastpath", "0\n");
	take(cache, objects, 3);
	cpu_id_pin(3);
	take(cache, objects + 3, 2);
	expect_text("alloc_fastpath", "3 C0=2 C3=1\n");
	expect_text("alloc_slab", "2 C0=1 C3=1\n");
	assert_int_equal(kmm_cache_attr_set("counted", "alloc_fastpath", "1"), -EINVAL);
	expect_text("alloc_fastpath", "3 C0=2 C3=1\n");
	assert_int_equal(kmm_cache_attr_set("counted", "alloc_fastpath", "0\n"), 0);
	expect_text("alloc_fastpath", "0\n");
	expect_text("alloc_slab", "2 C0=1 C3=1\n");
	give_all(cache, objects, 5);
}

static int one_cpu_setup(void **state)
{
	(void)state;
	return setup_with("slub_idle_ms=0", 1, 256);
}

static void one_cpu_is_not_told_apart(void **state)
{
	void *objects[2];

	(void)state;
	take(cache, objects, 2);
	expect_text("alloc_fastpath", "1\n");
	give_all(cache, objects, 2);
}

#else /* !KMM_CONFIG_SLUB_STATS */

static void there_are_no_statistics(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(kmm_cache_attr_get("counted", "alloc_fastpath", text, sizeof(text)), -ENOENT);
	assert_int_equal(kmm_cache_attr_set("counted", "alloc_fastpath", "0"), -ENOENT);
}

#endif

#define STAT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
#if KMM_CONFIG_SLUB_STATS
		STAT(one_object),
		STAT(a_slab_that_is_used_up_is_left),
		STAT(a_slab_of_the_cpu_list_is_used_again),
		STAT(a_cpu_uses_what_others_freed_into_its_slab),
		STAT(frees_to_slabs_that_no_cpu_has),
		STAT(a_slab_of_one_object),
		STAT(a_flush_says_what_it_found),
		STAT(a_flush_says_whether_others_freed),
		STAT(a_node_stocks_the_list_of_a_cpu),
		STAT(a_list_that_is_too_long_is_drained),
		cmocka_unit_test_setup_teardown(a_slab_of_the_wrong_node_is_given_up, nodes_setup, teardown),
		cmocka_unit_test_setup_teardown(a_smaller_slab_is_made_when_memory_is_short, large_setup, teardown),
		STAT(a_request_that_fails_is_counted_as_slow),
		STAT(a_new_slab_that_no_cpu_gets_is_deactivated),
		STAT(objects_by_the_batch),
		STAT(what_a_shrink_frees_is_not_counted),
		STAT(counts_are_told_by_cpu),
		cmocka_unit_test_setup_teardown(one_cpu_is_not_told_apart, one_cpu_setup, teardown),
#else
		STAT(there_are_no_statistics),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
