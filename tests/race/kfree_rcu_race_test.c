/* SPDX-License-Identifier: MIT
 * kfree_rcu_race_test.c - threads that give objects stop with a CPU's lock held, or with a page in hand, while others give,
 * drain and wait; and batches of callbacks stop before their grace period and between callbacks.
 */
#include "gate.h"

#include <urcu/urcu-bp.h>

#include <kmm/rcu.h>

#include "arena/arena.h"
#include "base/rcu_defer.h"

struct item {
	unsigned long key;
	struct rcu_head rcu;
	char text[3000];
};

static int start(unsigned int nr_cpus)
{
	if (world_start("background=off", WORLD_LIMIT, nr_cpus))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static int one_cpu(void **state)
{
	(void)state;
	return start(1);
}

static int two_cpus(void **state)
{
	(void)state;
	return start(2);
}

static int end(void **state)
{
	world_expect_silence();
	kvfree_rcu_barrier();
	assert_false(kmm_rcu_pending());
	return world_teardown(state);
}

/* A block of pages of its own tells whether it is free. */
static struct item *new_item(void)
{
	struct item *item = kmalloc_large(sizeof(*item), GFP_KERNEL);

	assert_non_null(item);
	return item;
}

static bool is_free(const void *item)
{
	return !page_flag_test(arena_addr_to_page(item), PG_large_kmalloc);
}

static void *give(void *arg)
{
	struct item *item = arg;

	kfree_rcu(item, rcu);
	return arg;
}

static void *give_headless(void *arg)
{
	kfree_rcu_mightsleep(arg);
	return arg;
}

static void *wait_for_all(void *arg)
{
	kvfree_rcu_barrier();
	return arg;
}

static void a_busy_cpu_sends_an_object_to_the_next_one(void **state)
{
	struct item *first = new_item(), *second = new_item(), *third = new_item();

	(void)state;
	kfree_rcu(first, rcu);
	gate_stop_at("kfree_rcu:locked", 0, 0, give, second);
	/* On the same CPU; neither this nor the other form waits for the victim. */
	kfree_rcu(third, rcu);
	kfree_rcu_mightsleep(new_item());
	assert_ptr_equal(gate_open(), second);
	kvfree_rcu_barrier();
	assert_true(is_free(first) && is_free(second) && is_free(third));
}

static void where_all_cpus_are_busy_an_object_is_queued_by_its_head(void **state)
{
	struct item *first = new_item(), *second = new_item();

	(void)state;
	gate_stop_at("kfree_rcu:locked", 0, 0, give, first);
	kfree_rcu(second, rcu);
	/* Not by kvfree_rcu_barrier(), which waits for the victim. */
	assert_true(kmm_rcu_pending());
	assert_false(is_free(second));
	assert_ptr_equal(gate_open(), first);
	kvfree_rcu_barrier();
	assert_true(is_free(first) && is_free(second));
}

static void an_object_without_a_head_waits_for_the_cpu(void **state)
{
	struct item *first = new_item(), *second = new_item();
	pthread_t other;

	(void)state;
	gate_stop_at("kfree_rcu:locked", 0, 0, give, first);
	assert_int_equal(pthread_create(&other, NULL, give_headless, second), 0);
	gate_release(&gate);
	pthread_join(other, NULL);
	gate_close(&gate);
	kvfree_rcu_barrier();
	assert_true(is_free(first) && is_free(second));
}

/* The page comes in too late: the CPU has another one by then. */
static void a_page_that_is_not_needed_any_more_goes_back(void **state)
{
	struct item *first = new_item(), *second = new_item();
	unsigned long nr_free;

	(void)state;
	kvfree_rcu_barrier();
	nr_free = nr_free_pages();
	gate_stop_at("kfree_rcu:new-page", 0, 0, give, first);
	kfree_rcu(second, rcu);
	assert_int_equal(nr_free_pages(), nr_free - 2);
	assert_ptr_equal(gate_open(), first);
	assert_int_equal(nr_free_pages(), nr_free - 1);
	kvfree_rcu_barrier();
	assert_true(is_free(first) && is_free(second));
}

/* What the victim is about to give was not given before the barrier. */
static void a_barrier_does_not_wait_for_who_has_a_page_in_hand(void **state)
{
	struct item *first = new_item(), *second = new_item();

	(void)state;
	gate_stop_at("kfree_rcu:new-page", 0, 0, give, first);
	kfree_rcu(second, rcu);
	kvfree_rcu_barrier();
	assert_true(is_free(second));
	assert_false(is_free(first));
	assert_ptr_equal(gate_open(), first);
	kvfree_rcu_barrier();
	assert_true(is_free(first));
}

static void what_is_given_before_a_grace_period_waits_for_the_next(void **state)
{
	struct item *first = new_item(), *second = new_item();

	(void)state;
	kfree_rcu(first, rcu);
	gate_stop_at("rcu_defer:before-grace-period", 0, 0, wait_for_all, NULL);
	urcu_bp_read_lock();
	urcu_bp_read_unlock();
	kfree_rcu(second, rcu);
	gate_open();
	assert_true(is_free(first));
	assert_false(is_free(second));
	kvfree_rcu_barrier();
	assert_true(is_free(second));
}

/* Between two callbacks the queue is whole: others add to it and wait for it. */
static void others_queue_while_callbacks_run(void **state)
{
	struct item *items[3] = { new_item(), new_item(), new_item() };
	pthread_t other;

	(void)state;
	kfree_rcu(items[0], rcu);
	cpu_id_pin(1);
	kfree_rcu(items[1], rcu);
	gate_stop_at("rcu_defer:before-callback", 1, 0, wait_for_all, NULL);
	assert_true(is_free(items[0]));
	assert_false(is_free(items[1]));
	assert_true(kmm_rcu_pending());
	kfree_rcu(items[2], rcu);
	assert_int_equal(pthread_create(&other, NULL, wait_for_all, NULL), 0);
	gate_release(&gate);
	pthread_join(other, NULL);
	gate_close(&gate);
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++)
		assert_true(is_free(items[i]));
}

#define ONE_CPU(test) cmocka_unit_test_setup_teardown(test, one_cpu, end)
#define TWO_CPUS(test) cmocka_unit_test_setup_teardown(test, two_cpus, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO_CPUS(a_busy_cpu_sends_an_object_to_the_next_one),
		ONE_CPU(where_all_cpus_are_busy_an_object_is_queued_by_its_head),
		ONE_CPU(an_object_without_a_head_waits_for_the_cpu),
		ONE_CPU(a_page_that_is_not_needed_any_more_goes_back),
		TWO_CPUS(a_barrier_does_not_wait_for_who_has_a_page_in_hand),
		ONE_CPU(what_is_given_before_a_grace_period_waits_for_the_next),
		TWO_CPUS(others_queue_while_callbacks_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
