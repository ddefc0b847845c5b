/* SPDX-License-Identifier: MIT
 * mempool_race_test.c - a thread stands between its looks at a pool while others empty, fill and resize the reserve.
 */
#include <unistd.h>

#include "gate.h"
#include "support/mempool_source.h"
#include "support/timed_waits.h"

static struct source source;
static mempool_t pool;

/* A reserve of one element. */
static int race_setup(void **state)
{
	(void)state;
	source_init(&source, SOURCE_ELEMENTS);
	if (timed_waits_setup())
		return -1;
	return mempool_init(&pool, 1, source_alloc, source_free, &source);
}

static int race_teardown(void **state)
{
	mempool_exit(&pool);
	if (source.nr_given || source.nr_mistakes) {
		print_error("%u elements are lost, %u mistakes\n", source.nr_given, source.nr_mistakes);
		return -1;
	}
	world_expect_silence();
	return world_teardown(state);
}

static void *take(void *arg)
{
	return mempool_alloc(arg, GFP_KERNEL);
}

static void *give(void *arg)
{
	mempool_free(arg, &pool);
	return NULL;
}

static void *resize_to(void *arg)
{
	return mempool_resize(&pool, (int)(long)arg) ? arg : NULL;
}

static void *take_the_last_one(void)
{
	void *element;

	source_refill(&source, 0);
	element = mempool_alloc(&pool, GFP_NOWAIT);
	assert_non_null(element);
	return element;
}

/* Freed before it looks into the reserve. */
static void who_found_no_memory_finds_what_was_freed_since(void **state)
{
	void *element = take_the_last_one();

	(void)state;
	gate_stop_at("mempool: no memory", 0, 1, take, &pool);
	mempool_free(element, &pool);
	assert_ptr_equal(gate_open(), element);
	assert_int_equal(waits.nr, 0);
	mempool_free(element, &pool);
}

static void who_waited_in_vain_finds_what_was_freed_since(void **state)
{
	void *element = take_the_last_one();

	(void)state;
	waits.in_vain = 1;
	gate_stop_at("mempool: waited in vain", 0, 1, take, &pool);
	/* It is not in the queue now, so this goes into the reserve, where anybody may take it. */
	mempool_free(element, &pool);
	assert_ptr_equal(mempool_alloc(&pool, GFP_NOWAIT), element);
	mempool_free(element, &pool);
	assert_ptr_equal(gate_open(), element);
	assert_int_equal(waits.nr, 1);
	mempool_free(element, &pool);
}

static void who_finds_memory_after_a_wait_leaves_the_reserve_alone(void **state)
{
	void *element = take_the_last_one(), *other;

	(void)state;
	waits.in_vain = 1;
	gate_stop_at("mempool: waited in vain", 0, 1, take, &pool);
	source_refill(&source, 1);
	mempool_free(element, &pool);
	other = gate_open();
	assert_non_null(other);
	assert_ptr_not_equal(other, element);
	mempool_free(other, &pool);
	assert_int_equal(source.nr_given, 1);
}

/* The reserve was empty when it looked, and is full when it has the lock. */
static void who_comes_too_late_to_fill_the_reserve_frees(void **state)
{
	void *element = take_the_last_one(), *other;

	(void)state;
	source_refill(&source, 1);
	other = mempool_alloc(&pool, GFP_KERNEL);
	gate_stop_at("mempool: reserve not full", 0, 1, give, element);
	mempool_free(other, &pool);
	assert_int_equal(source.nr_given, 2);
	gate_open();
	assert_int_equal(source.nr_given, 1);
	source_refill(&source, 0);
	assert_ptr_equal(mempool_alloc(&pool, GFP_NOWAIT), other);
	mempool_free(other, &pool);
}

static void who_fills_the_reserve_sees_who_came_to_wait_meanwhile(void **state)
{
	void *element = take_the_last_one(), *got;
	pthread_t thread;

	(void)state;
	gate_stop_at("mempool: reserve not full", 0, 1, give, element);
	assert_int_equal(pthread_create(&thread, NULL, take, &pool), 0);
	while (!nr_waits())
		usleep(100);
	gate_open();
	pthread_join(thread, &got);
	assert_ptr_equal(got, element);
	mempool_free(got, &pool);
}

/* Both bring a list; the shorter one is not used. */
static void the_longer_of_two_lists_stays(void **state)
{
	(void)state;
	gate_stop_at("mempool: list allocated", 0, 1, resize_to, (void *)20);
	assert_int_equal(mempool_resize(&pool, 60), 0);
	assert_int_equal(source.nr_given, 60);
	assert_null(gate_open());
	assert_int_equal(pool.min_nr, 20);
	assert_int_equal(pool.curr_nr, 20);
	assert_int_equal(source.nr_given, 20);
	/* Without a new list. */
	assert_int_equal(mempool_resize(&pool, 60), 0);
	assert_int_equal(pool.nr_slots, 60);
	assert_int_equal(source.nr_given, 60);
}

static void a_longer_list_has_what_came_into_the_shorter_one_meanwhile(void **state)
{
	(void)state;
	gate_stop_at("mempool: list allocated", 0, 1, resize_to, (void *)60);
	assert_int_equal(mempool_resize(&pool, 20), 0);
	assert_null(gate_open());
	assert_int_equal(pool.curr_nr, 60);
	assert_int_equal(source.nr_given, 60);
}

/* The victim has a surplus element in its hands, and goes on with what the size is then. */
static void who_shrinks_sees_that_the_pool_grows_again(void **state)
{
	(void)state;
	assert_int_equal(mempool_resize(&pool, 30), 0);
	gate_stop_at("mempool: reserve of another size", 5, 1, resize_to, (void *)3);
	assert_int_equal(mempool_resize(&pool, 80), 0);
	assert_int_equal(pool.curr_nr, 80);
	assert_null(gate_open());
	assert_int_equal(pool.min_nr, 80);
	assert_int_equal(pool.curr_nr, 80);
	assert_int_equal(source.nr_given, 80);
}

static void who_fills_sees_that_the_pool_shrinks_again(void **state)
{
	(void)state;
	gate_stop_at("mempool: reserve of another size", 5, 1, resize_to, (void *)80);
	assert_int_equal(mempool_resize(&pool, 3), 0);
	assert_int_equal(pool.curr_nr, 3);
	assert_null(gate_open());
	assert_int_equal(pool.curr_nr, 3);
	assert_int_equal(source.nr_given, 3);
}

#define RACE(name) cmocka_unit_test_setup_teardown(name, race_setup, race_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RACE(who_found_no_memory_finds_what_was_freed_since),
		RACE(who_waited_in_vain_finds_what_was_freed_since),
		RACE(who_finds_memory_after_a_wait_leaves_the_reserve_alone),
		RACE(who_comes_too_late_to_fill_the_reserve_frees),
		RACE(who_fills_the_reserve_sees_who_came_to_wait_meanwhile),
		RACE(the_longer_of_two_lists_stays),
		RACE(a_longer_list_has_what_came_into_the_shorter_one_meanwhile),
		RACE(who_shrinks_sees_that_the_pool_grows_again),
		RACE(who_fills_sees_that_the_pool_shrinks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
