/* SPDX-License-Identifier: MIT
 * idle_test.c - CPUs that do not use a cache any more lose its slabs, others keep them, and nobody is woken for nothing.
 */
#include "slub_world.h"

#include "slub/idle.h"

#define NR 16 /* objects of 256 bytes in a slab */

static struct kmem_cache *cache;

static int start(const char *options)
{
	if (world_start(options, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("idle", 256, 0, SLAB_NO_MERGE, NULL);
	slub_idle_notes = 0;
	return cache ? 0 : -1;
}

static int setup(void **state)
{
	(void)state;
	return start(NULL);
}

static int setup_without_background(void **state)
{
	(void)state;
	return start("background=off");
}

static int setup_without_sweep(void **state)
{
	(void)state;
	return start("slub_idle_ms=0");
}

static int setup_with_another_time(void **state)
{
	(void)state;
	return start("slub_idle_ms=100");
}

static int teardown(void **state)
{
	kmm_work_pause();
	kmm_validate_cache(cache);
	kmm_work_resume();
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

/* The time of one look at all CPUs passes. */
static void sweep(void)
{
	kmm_work_advance_for_test(2000);
}

/* So much was going on that a look is worth it. */
static void many_slabs_come(void)
{
	for (unsigned int i = 0; i < SLUB_IDLE_SLABS; i++)
		idle_notify();
}

static bool holds(unsigned int cpu)
{
	return cpu_has_slabs(cache, cpu);
}

static void *use(int cpu)
{
	cpu_id_pin(cpu);
	return kmem_cache_alloc(cache, GFP_KERNEL);
}

static void cpu_that_is_not_used_loses_its_slab_at_the_second_look(void **state)
{
	void *object = use(0);

	(void)state;
	many_slabs_come();
	sweep();
	assert_true(holds(0));
	sweep();
	assert_false(holds(0));
	assert_int_equal(slab_place(cache, slab_of(object)), PLACE_NODE_PARTIAL);
	kmem_cache_free(cache, object);
}

static void not_before_its_time(void **state)
{
	void *object = use(0);

	(void)state;
	many_slabs_come();
	sweep();
	kmm_work_advance_for_test(1000);
	assert_true(holds(0));
	kmem_cache_free(cache, object);
}

static void the_time_is_an_option(void **state)
{
	void *object = use(0);

	(void)state;
	many_slabs_come();
	kmm_work_advance_for_test(100);
	assert_true(holds(0));
	kmm_work_advance_for_test(100);
	assert_false(holds(0));
	kmem_cache_free(cache, object);
}

static void few_slabs_are_not_worth_a_look(void **state)
{
	void *objects[SLUB_IDLE_SLABS][NR];
	unsigned int nr;

	(void)state;
	/* Each slab is one refill. */
	for (nr = 0; nr < SLUB_IDLE_SLABS - 1; nr++)
		take(cache, objects[nr], NR);
	sweep();
	sweep();
	assert_true(holds(0));
	take(cache, objects[nr++], NR);
	sweep();
	sweep();
	assert_false(holds(0));
	for (unsigned int i = 0; i < nr; i++)
		give_all(cache, objects[i], NR);
}

static void looks_end_when_no_cpu_holds_anything(void **state)
{
	void *first, *object = use(2);

	(void)state;
	many_slabs_come();
	sweep();
	sweep();
	for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++)
		assert_false(holds(cpu));
	/* One slab does not bring them back, many do. */
	first = use(1);
	sweep();
	sweep();
	assert_true(holds(1));
	many_slabs_come();
	sweep();
	sweep();
	assert_false(holds(1));
	give_all(cache, (void *[]){ first, object }, 2);
}

static void looks_go_on_while_a_cpu_is_used(void **state)
{
	void *mine = use(0), *theirs = use(1);

	(void)state;
	many_slabs_come();
	for (int i = 0; i < 5; i++) {
		kmem_cache_free(cache, use(0));
		sweep();
		assert_ptr_equal(cpu_slab_of(cache, 0)->slab, slab_of(mine));
		assert_int_equal(holds(1), i < 1);
	}
	sweep();
	assert_false(holds(0));
	give_all(cache, (void *[]){ mine, theirs }, 2);
}

static void a_cpu_that_only_frees_is_in_use_too(void **state)
{
	void *objects[6];

	(void)state;
	take(cache, objects, 6);
	many_slabs_come();
	for (int i = 0; i < 5; i++) {
		kmem_cache_free(cache, objects[i]);
		sweep();
		assert_true(holds(0));
	}
	kmem_cache_free(cache, objects[5]);
}

static void each_cache_is_looked_at_by_itself(void **state)
{
	struct kmem_cache *busy = kmem_cache_create("busy", 512, 0, SLAB_RECLAIM_ACCOUNT | SLAB_NO_MERGE, NULL);
	void *object = use(0), *other;

	(void)state;
	many_slabs_come();
	for (int i = 0; i < 2; i++) {
		other = kmem_cache_alloc(busy, GFP_KERNEL);
		kmem_cache_free(busy, other);
		sweep();
	}
	assert_false(holds(0));
	assert_true(cpu_has_slabs(busy, 0));
	kmem_cache_free(cache, object);
	kmem_cache_destroy(busy);
}

static void partial_list_goes_too(void **state)
{
	void *objects[NR];
	struct slab *slab;

	(void)state;
	take(cache, objects, NR);
	flush_cpu_slab(cache, 0);
	slab = slab_of(objects[0]);
	slub_idle_notes = SLUB_IDLE_SLABS - 1;
	/* A free alone gives the CPU a slab. */
	cpu_id_pin(3);
	kmem_cache_free(cache, objects[0]);
	assert_int_equal(slab_place(cache, slab), PLACE_CPU_PARTIAL);
	sweep();
	sweep();
	assert_int_equal(slab_place(cache, slab), PLACE_NODE_PARTIAL);
	give_all(cache, objects + 1, NR - 1);
}

static void empty_slabs_beyond_what_the_node_keeps_become_pages(void **state)
{
	void *object;

	(void)state;
	cache->min_partial = 0;
	object = use(0);
	kmem_cache_free(cache, object);
	assert_int_equal(get_node(cache, 0)->nr_slabs, 1);
	many_slabs_come();
	sweep();
	sweep();
	assert_int_equal(get_node(cache, 0)->nr_slabs, 0);
}

/* The option slub_idle_ms=0, or background=off. */
static void nothing_happens(void **state)
{
	void *object = use(0);

	(void)state;
	for (int i = 0; i < 3; i++) {
		many_slabs_come();
		sweep();
	}
	assert_true(holds(0));
	kmem_cache_free(cache, object);
}

static void cache_that_is_gone_is_not_looked_at(void **state)
{
	struct kmem_cache *s = kmem_cache_create("short", 64, 0, SLAB_RECLAIM_ACCOUNT | SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	many_slabs_come();
	sweep();
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	sweep();
	kmm_validate_slub();
}

#define IDLE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IDLE(cpu_that_is_not_used_loses_its_slab_at_the_second_look),
		IDLE(not_before_its_time),
		cmocka_unit_test_setup_teardown(the_time_is_an_option, setup_with_another_time, teardown),
		IDLE(few_slabs_are_not_worth_a_look),
		IDLE(looks_end_when_no_cpu_holds_anything),
		IDLE(looks_go_on_while_a_cpu_is_used),
		IDLE(a_cpu_that_only_frees_is_in_use_too),
		IDLE(each_cache_is_looked_at_by_itself),
		IDLE(partial_list_goes_too),
		IDLE(empty_slabs_beyond_what_the_node_keeps_become_pages),
		IDLE(cache_that_is_gone_is_not_looked_at),
		cmocka_unit_test_setup_teardown(nothing_happens, setup_without_sweep, teardown),
		cmocka_unit_test_setup_teardown(nothing_happens, setup_without_background, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
