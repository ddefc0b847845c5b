/* SPDX-License-Identifier: MIT
 * pool_race_test.c - a thread stands between what it has read and what it does about it, while others change that.
 */
#include <unistd.h>

#include "base/atomic.h"
#include "base/work.h"
#include "gate.h"

static unsigned int nr_released, nr_confirmed;

static void count_release(struct percpu_ref *ref)
{
	(void)ref;
	atomic_add_release(&nr_released, 1);
}

static void count_confirm(struct percpu_ref *ref)
{
	(void)ref;
	atomic_add_release(&nr_confirmed, 1);
}

static struct percpu_ref ref;
static struct percpu_counter counter;

static int ref_setup(void **state)
{
	if (world_setup(state))
		return -1;
	nr_released = nr_confirmed = 0;
	return percpu_ref_init(&ref, count_release, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
}

static int ref_teardown(void **state)
{
	percpu_ref_exit(&ref);
	return world_teardown(state);
}

static int counter_setup(void **state)
{
	if (world_setup(state))
		return -1;
	return percpu_counter_init(&counter, 0, GFP_KERNEL);
}

static int counter_teardown(void **state)
{
	percpu_counter_destroy(&counter);
	return world_teardown(state);
}

static void *get(void *arg)
{
	percpu_ref_get(arg);
	return NULL;
}

static void *put(void *arg)
{
	percpu_ref_put(arg);
	return NULL;
}

static void *tryget(void *arg)
{
	return percpu_ref_tryget(arg) ? arg : NULL;
}

static void *tryget_live(void *arg)
{
	return percpu_ref_tryget_live(arg) ? arg : NULL;
}

/* The kill is done, and its switch waits for the victim. */
static void kill_while_victim_stands(void *(*call)(void *))
{
	gate_stop_at("percpu_ref: mode read", 0, 1, call, &ref);
	percpu_ref_kill_and_confirm(&ref, count_confirm);
	usleep(20000);
	assert_int_equal(READ_ONCE(nr_confirmed), 0);
	assert_int_equal(READ_ONCE(nr_released), 0);
}

static void get_that_read_the_mode_before_a_kill_counts(void **state)
{
	(void)state;
	kill_while_victim_stands(get);
	gate_open();
	percpu_ref_switch_to_atomic_sync(&ref);
	assert_int_equal(smp_load_acquire(&nr_confirmed), 1);
	assert_int_equal(nr_released, 0);
	percpu_ref_put(&ref);
	assert_int_equal(nr_released, 1);
	world_expect_silence();
}

static void put_that_read_the_mode_before_a_kill_counts(void **state)
{
	(void)state;
	percpu_ref_get(&ref);
	kill_while_victim_stands(put);
	gate_open();
	percpu_ref_switch_to_atomic_sync(&ref);
	assert_true(percpu_ref_is_zero(&ref));
	kmm_work_stop();
	assert_int_equal(nr_released, 1);
	world_expect_silence();
}

static void trygets_that_read_the_mode_before_a_kill_succeed(void **state)
{
	(void)state;
	kill_while_victim_stands(tryget);
	assert_ptr_equal(gate_open(), &ref);
	percpu_ref_resurrect(&ref);
	percpu_ref_put(&ref);
	nr_confirmed = 0;
	kill_while_victim_stands(tryget_live);
	/* A new one fails already. */
	assert_false(percpu_ref_tryget_live(&ref));
	assert_ptr_equal(gate_open(), &ref);
	percpu_ref_switch_to_atomic_sync(&ref);
	assert_int_equal(nr_released, 0);
	percpu_ref_put(&ref);
	assert_int_equal(nr_released, 1);
	world_expect_silence();
}

static void *resurrect(void *arg)
{
	percpu_ref_resurrect(arg);
	return NULL;
}

/* Back in PERCPU mode, the count that the victim adds to is the same one. */
static void resurrect_waits_for_who_read_the_mode_before_the_kill(void **state)
{
	pthread_t thread;

	(void)state;
	kill_while_victim_stands(get);
	assert_int_equal(pthread_create(&thread, NULL, resurrect, &ref), 0);
	usleep(10000);
	assert_true(READ_ONCE(ref.percpu_count_ptr) & __PERCPU_REF_ATOMIC);
	gate_open();
	pthread_join(thread, NULL);
	assert_false(ref.percpu_count_ptr & __PERCPU_REF_ATOMIC_DEAD);
	percpu_ref_kill(&ref);
	percpu_ref_switch_to_atomic_sync(&ref);
	assert_int_equal(nr_released, 0);
	percpu_ref_put(&ref);
	assert_int_equal(nr_released, 1);
	world_expect_silence();
}

/* Counters */

static void *add_5(void *arg)
{
	(void)arg;
	percpu_counter_add(&counter, 5);
	return NULL;
}

static void *add_5_to_1000(void *arg)
{
	(void)arg;
	return percpu_counter_limited_add(&counter, 1000, 5) ? &counter : NULL;
}

static void addition_is_not_lost_when_the_word_changes(void **state)
{
	(void)state;
	if (KMM_ARCH_ATOMIC_MAX < 8)
		skip();
	gate_stop_at("percpu_counter: word read", 0, 0, add_5, NULL);
	percpu_counter_add(&counter, 3);
	percpu_counter_sync(&counter);
	percpu_counter_add(&counter, 30);
	gate_open();
	assert_true(percpu_counter_sum(&counter) == 38);
}

static void addition_behind_a_set_is_added_to_what_was_set(void **state)
{
	(void)state;
	if (KMM_ARCH_ATOMIC_MAX < 8)
		skip();
	gate_stop_at("percpu_counter: word read", 0, 0, add_5, NULL);
	percpu_counter_set(&counter, 100);
	gate_open();
	assert_true(percpu_counter_sum(&counter) == 105);
}

/* The word is 0 before and after: only its version tells. */
static void limit_holds_for_who_looked_at_it_long_ago(void **state)
{
	(void)state;
	if (KMM_ARCH_ATOMIC_MAX < 8)
		skip();
	gate_stop_at("percpu_counter: limit checked", 0, 1, add_5_to_1000, NULL);
	assert_true(percpu_counter_limited_add(&counter, 1000, 998));
	assert_null(gate_open());
	assert_true(percpu_counter_sum(&counter) == 998);
	assert_true(percpu_counter_limited_add(&counter, 1000, 2));
}

static void addition_far_from_the_limit_survives_a_change_elsewhere(void **state)
{
	(void)state;
	if (KMM_ARCH_ATOMIC_MAX < 8)
		skip();
	gate_stop_at("percpu_counter: limit checked", 0, 1, add_5_to_1000, NULL);
	assert_true(percpu_counter_limited_add(&counter, 1000, 500));
	assert_true(percpu_counter_read(&counter) == 500);
	assert_ptr_equal(gate_open(), &counter);
	assert_true(percpu_counter_sum(&counter) == 505);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(get_that_read_the_mode_before_a_kill_counts, ref_setup, ref_teardown),
		cmocka_unit_test_setup_teardown(put_that_read_the_mode_before_a_kill_counts, ref_setup, ref_teardown),
		cmocka_unit_test_setup_teardown(trygets_that_read_the_mode_before_a_kill_succeed, ref_setup,
						ref_teardown),
		cmocka_unit_test_setup_teardown(resurrect_waits_for_who_read_the_mode_before_the_kill, ref_setup,
						ref_teardown),
		cmocka_unit_test_setup_teardown(addition_is_not_lost_when_the_word_changes, counter_setup,
						counter_teardown),
		cmocka_unit_test_setup_teardown(addition_behind_a_set_is_added_to_what_was_set, counter_setup,
						counter_teardown),
		cmocka_unit_test_setup_teardown(limit_holds_for_who_looked_at_it_long_ago, counter_setup,
						counter_teardown),
		cmocka_unit_test_setup_teardown(addition_far_from_the_limit_survives_a_change_elsewhere, counter_setup,
						counter_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
