/* SPDX-License-Identifier: MIT
 * slab_stat_race_test.c - the statistics of lost races: each compare-and-swap that failed is counted, once.
 */
#include "slub_race_world.h"

#include <stdlib.h>

static void expect_count(const char *item, unsigned long expected)
{
	char text[128];

	assert_true(kmm_cache_attr_get("race", item, text, sizeof(text)) > 0);
	assert_int_equal(strtoul(text, NULL, 10), expected);
}

static void a_pop_that_loses_is_counted(void **state)
{
	void *first = take_one(NULL), *mine, *theirs;

	(void)state;
	gate_stop_at("alloc:fast:seen", 0, 0, take_one, NULL);
	mine = take_one(NULL);
	theirs = gate_open();
	expect_count("cmpxchg_double_cpu_fail", 1);
	expect_count("cmpxchg_double_fail", 0);
	expect_count("alloc_fastpath", 2);
	give((void *[]){ first, mine, theirs }, 3);
	expect_count("free_fastpath", 3);
	expect_count("cmpxchg_double_cpu_fail", 1);
}

static void a_push_that_loses_is_counted(void **state)
{
	void *objects[2];

	(void)state;
	take(objects, 2);
	gate_stop_at("free:fast:seen", 0, 0, give_one, objects[0]);
	give_one(objects[1]);
	gate_open();
	expect_count("cmpxchg_double_cpu_fail", 1);
	expect_count("cmpxchg_double_fail", 0);
	expect_count("free_fastpath", 2);
}

/* It is a slow one then, which finds the slab on the node's list. */
static void a_push_that_loses_to_a_flush_is_counted_twice(void **state)
{
	void *objects[2];

	(void)state;
	take(objects, 2);
	gate_stop_at("free:fast:seen", 0, 0, give_one, objects[0]);
	flush_cpu_0(NULL);
	gate_open();
	expect_count("cmpxchg_double_cpu_fail", 1);
	expect_count("cpuslab_flush", 1);
	expect_count("free_fastpath", 0);
	expect_count("free_slowpath", 1);
	give(objects + 1, 1);
}

/* Two CPUs free into the slab of a third. */
static void a_free_to_a_slab_that_loses_is_counted(void **state)
{
	void *objects[2];

	(void)state;
	take(objects, 2);
	gate_stop_at("free:slow:seen", 0, 1, give_one, objects[0]);
	cpu_id_pin(2);
	give_one(objects[1]);
	gate_open();
	expect_count("cmpxchg_double_fail", 1);
	expect_count("cmpxchg_double_cpu_fail", 0);
	expect_count("free_slowpath", 2);
	expect_count("free_frozen", 2);
}

#define RACE(test) cmocka_unit_test_setup_teardown(test, race_setup, race_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RACE(a_pop_that_loses_is_counted),
		RACE(a_push_that_loses_is_counted),
		RACE(a_push_that_loses_to_a_flush_is_counted_twice),
		RACE(a_free_to_a_slab_that_loses_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
