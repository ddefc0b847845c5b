/* SPDX-License-Identifier: MIT
 * percpu_counter_test.c - nothing is lost, the common count is off by less than a batch a CPU, and a limit holds to the
 * edge.
 */
#include <errno.h>

#include "support/threads.h"
#include "support/percpu_world.h"

#define BATCH 32 /* of a world of 4 CPUs */

static struct percpu_counter counter;

static int counter_setup(void **state)
{
	if (world_setup(state))
		return -1;
	return percpu_counter_init(&counter, 0, GFP_KERNEL);
}

/* What is used up stays so. */
static int no_background_setup(void **state)
{
	return no_thread_setup(state) ? -1 : percpu_counter_init(&counter, 0, GFP_KERNEL);
}

static int counter_teardown(void **state)
{
	percpu_counter_destroy(&counter);
	return world_teardown(state);
}

/* Elsewhere every addition goes to the common count at once. */
#define only_where_cpus_collect()            \
	do {                                 \
		if (KMM_ARCH_ATOMIC_MAX < 8) \
			skip();              \
	} while (0)

static void add_on(int cpu, int64_t amount)
{
	cpu_id_pin(cpu);
	percpu_counter_add(&counter, amount);
}

static void a_new_counter_has_its_value(void **state)
{
	struct percpu_counter fbc = { .counters = NULL };

	(void)state;
	assert_false(percpu_counter_initialized(&fbc));
	percpu_counter_destroy(&fbc);
	assert_int_equal(percpu_counter_init(&fbc, -5, GFP_KERNEL), 0);
	assert_true(percpu_counter_initialized(&fbc));
	assert_true(percpu_counter_read(&fbc) == -5);
	assert_true(percpu_counter_sum(&fbc) == -5);
	assert_true(percpu_counter_read_positive(&fbc) == 0);
	assert_true(percpu_counter_sum_positive(&fbc) == 0);
	percpu_counter_destroy(&fbc);
	assert_false(percpu_counter_initialized(&fbc));
	percpu_counter_destroy(&fbc);
	world_expect_silence();
}

static void batch_is_twice_the_cpus_and_32_at_least(void **state)
{
	(void)state;
	assert_int_equal(percpu_counter_batch, BATCH);
	kmm_boot_reset_for_test();
	assert_int_equal(world_start("percpu_pagelist_high_fraction=0", WORLD_LIMIT, 20), 0);
	assert_int_equal(percpu_counter_batch, 40);
	/* The teardown destroys one of this world. */
	assert_int_equal(percpu_counter_init(&counter, 0, GFP_KERNEL), 0);
}

static void a_cpu_hands_on_what_it_has_when_that_is_a_batch(void **state)
{
	(void)state;
	only_where_cpus_collect();
	add_on(0, BATCH - 1);
	assert_true(percpu_counter_read(&counter) == 0);
	assert_true(percpu_counter_sum(&counter) == BATCH - 1);
	percpu_counter_inc(&counter);
	assert_true(percpu_counter_read(&counter) == BATCH);
	percpu_counter_sub(&counter, BATCH - 1);
	assert_true(percpu_counter_read(&counter) == BATCH);
	percpu_counter_dec(&counter);
	assert_true(percpu_counter_read(&counter) == 0);
	assert_true(percpu_counter_sum(&counter) == 0);
}

static void a_large_amount_takes_what_was_collected_with_it(void **state)
{
	(void)state;
	only_where_cpus_collect();
	add_on(1, 7);
	add_on(1, 1000);
	assert_true(percpu_counter_read(&counter) == 1007);
	add_on(1, -7);
	add_on(1, 8);
	assert_true(percpu_counter_read(&counter) == 1007);
	assert_true(percpu_counter_sum(&counter) == 1008);
}

static void sync_hands_on_what_this_cpu_has(void **state)
{
	(void)state;
	only_where_cpus_collect();
	add_on(0, 3);
	add_on(1, 4);
	percpu_counter_sync(&counter);
	assert_true(percpu_counter_read(&counter) == 4);
	assert_true(percpu_counter_sum(&counter) == 7);
}

static void set_forgets_what_cpus_have(void **state)
{
	(void)state;
	add_on(0, 3);
	add_on(3, -4);
	percpu_counter_set(&counter, 100);
	assert_true(percpu_counter_read(&counter) == 100);
	assert_true(percpu_counter_sum(&counter) == 100);
	percpu_counter_set(&counter, INT64_MIN);
	assert_true(percpu_counter_read(&counter) == INT64_MIN);
}

static void a_cpu_holds_up_to_the_edge_of_32_bits(void **state)
{
	(void)state;
	only_where_cpus_collect();
	percpu_counter_add_local(&counter, INT32_MAX - 1);
	assert_true(percpu_counter_read(&counter) == 0);
	assert_true(percpu_counter_sum(&counter) == INT32_MAX - 1);
	percpu_counter_add_local(&counter, 1);
	assert_true(percpu_counter_read(&counter) == INT32_MAX);
	percpu_counter_sub_local(&counter, INT32_MAX - 1);
	assert_true(percpu_counter_read(&counter) == INT32_MAX);
	assert_true(percpu_counter_sum(&counter) == 1);
	percpu_counter_sub_local(&counter, 1);
	assert_true(percpu_counter_read(&counter) == 0);
	percpu_counter_sub_local(&counter, INT64_C(1) << 31);
	assert_true(percpu_counter_read(&counter) == -(INT64_C(1) << 31));
}

static void amounts_beyond_32_bits_are_exact(void **state)
{
	(void)state;
	add_on(0, -1);
	add_on(0, (INT64_C(1) << 62) + 1);
	add_on(0, -(INT64_C(1) << 62));
	assert_true(percpu_counter_sum(&counter) == 0);
	/* What wraps comes back. */
	add_on(0, 20);
	add_on(0, INT64_MAX);
	add_on(0, INT64_MIN);
	assert_true(percpu_counter_sum(&counter) == 19);
}

static void with_no_batch_nothing_is_collected(void **state)
{
	const int32_t batches[] = { 1, 0, -1, INT32_MIN };
	int64_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		percpu_counter_add_batch(&counter, 1, batches[i]);
		assert_true(percpu_counter_read(&counter) == i + 1);
	}
}

static void compare_is_exact_near_the_value_and_right_far_from_it(void **state)
{
	(void)state;
	only_where_cpus_collect();
	percpu_counter_set(&counter, 1000);
	add_on(0, BATCH - 1);
	add_on(1, BATCH - 1);
	assert_int_equal(percpu_counter_compare(&counter, 1000 + 2 * (BATCH - 1)), 0);
	assert_int_equal(percpu_counter_compare(&counter, 1000 + 2 * (BATCH - 1) - 1), 1);
	assert_int_equal(percpu_counter_compare(&counter, 1000 + 2 * (BATCH - 1) + 1), -1);
	assert_int_equal(percpu_counter_compare(&counter, 1000 + 4 * BATCH + 1), -1);
	assert_int_equal(percpu_counter_compare(&counter, 1000 - 4 * BATCH - 1), 1);
	assert_int_equal(percpu_counter_compare(&counter, INT64_MIN), 1);
	assert_int_equal(percpu_counter_compare(&counter, INT64_MAX), -1);
	/* Far by the batch that is named, whatever CPUs have: the rough count decides. */
	assert_int_equal(__percpu_counter_compare(&counter, 1001, 0), -1);
	assert_int_equal(__percpu_counter_compare(&counter, 1000 + 2 * (BATCH - 1), INT32_MAX), 0);
}

static void a_limit_is_exact_at_the_edge(void **state)
{
	(void)state;
	percpu_counter_set(&counter, 990);
	add_on(1, 5);
	add_on(2, 4);
	assert_false(percpu_counter_limited_add(&counter, 1000, 2));
	assert_true(percpu_counter_sum(&counter) == 999);
	assert_true(percpu_counter_limited_add(&counter, 1000, 1));
	assert_true(percpu_counter_sum(&counter) == 1000);
	assert_false(percpu_counter_limited_add(&counter, 1000, 1));
	assert_true(percpu_counter_limited_add(&counter, 1000, 0));
	assert_true(percpu_counter_limited_add(&counter, 1001, 1));
	assert_true(percpu_counter_limited_sub(&counter, 0, 1001));
	assert_false(percpu_counter_limited_sub(&counter, 0, 1));
	assert_true(percpu_counter_limited_sub(&counter, -1, 1));
	assert_true(percpu_counter_sum(&counter) == -1);
	add_on(3, -2);
	assert_true(percpu_counter_limited_add(&counter, 0, 3));
	assert_true(percpu_counter_sum(&counter) == 0);
}

static void far_from_the_limit_cpus_collect(void **state)
{
	(void)state;
	assert_true(percpu_counter_limited_add(&counter, 1000000, BATCH - 1));
	assert_true(percpu_counter_read(&counter) == (KMM_ARCH_ATOMIC_MAX < 8 ? BATCH - 1 : 0));
	assert_true(percpu_counter_limited_add(&counter, 1000000, 1));
	assert_true(percpu_counter_read(&counter) == BATCH);
	/* The last amount that needs no look at all CPUs, and the first that does. */
	assert_true(percpu_counter_limited_add(&counter, 1000000, 1000000 - 4 * BATCH - BATCH));
	assert_true(percpu_counter_read(&counter) == 1000000 - 4 * BATCH);
	assert_true(percpu_counter_limited_add(&counter, 1000000, 4 * BATCH));
	assert_true(percpu_counter_read(&counter) == 1000000);
	/* So far beyond that no sum can help. */
	percpu_counter_set(&counter, 2000000);
	assert_false(percpu_counter_limited_add(&counter, 1000000, 1));
	assert_true(percpu_counter_limited_sub(&counter, 0, 1));
}

static void a_sum_that_does_not_fit_is_beyond_every_limit(void **state)
{
	(void)state;
	percpu_counter_set(&counter, INT64_MAX - 1);
	assert_false(percpu_counter_limited_add(&counter, INT64_MAX, 2));
	assert_true(percpu_counter_limited_add(&counter, INT64_MAX, 1));
	percpu_counter_set(&counter, INT64_MIN + 1);
	assert_false(percpu_counter_limited_sub(&counter, INT64_MIN, 2));
	assert_true(percpu_counter_limited_sub(&counter, INT64_MIN, 1));
}

static void out_of_memory_is_enomem_and_a_destroyed_counter(void **state)
{
	struct percpu_counter fbc;
	unsigned int n;
	int err = -ENOMEM;

	(void)state;
	pcpu_balance_suspend_for_test(true);
	/* Fill what has memory already. */
	while (__alloc_percpu_gfp(PAGE_SIZE, 8, GFP_NOWAIT | __GFP_NOWARN))
		;
	while (__alloc_percpu_gfp(8, 8, GFP_NOWAIT | __GFP_NOWARN))
		;
	assert_int_equal(percpu_counter_init(&fbc, 1, GFP_NOWAIT | __GFP_NOWARN), -ENOMEM);
	assert_false(percpu_counter_initialized(&fbc));
	percpu_counter_destroy(&fbc);
	for (n = 1; err; n++) {
		assert_true(n < 1000);
		buddy_inject_failure(n, false);
		err = percpu_counter_init(&fbc, 1, GFP_KERNEL | __GFP_NOWARN);
		buddy_inject_failure(0, false);
		if (err)
			assert_false(percpu_counter_initialized(&fbc));
	}
	assert_true(n > 2);
	assert_true(percpu_counter_sum(&fbc) == 1);
	percpu_counter_destroy(&fbc);
}

static void use_without_init_is_reported_and_refused(void **state)
{
	struct percpu_counter fbc = { .count = 0 };

	(void)state;
	percpu_counter_add(&fbc, 1);
	world_expect_report("WARNING: percpu_counter_add_batch: counter ");
	percpu_counter_set(&fbc, 1);
	world_expect_report("WARNING: percpu_counter_set: counter ");
	percpu_counter_sync(&fbc);
	world_expect_report("WARNING: percpu_counter_sync: counter ");
	assert_true(percpu_counter_sum(&fbc) == 0);
	world_expect_report("is not initialised\n");
	assert_false(percpu_counter_limited_add(&fbc, 10, 1));
	world_expect_report("WARNING: __percpu_counter_limited_add: counter ");
}

/* Threads */

#define NR_THREADS 8
#define NR_ADDS 20000

static void add_and_take_back(unsigned int index, void *arg)
{
	int64_t i;

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < NR_ADDS; i++) {
		percpu_counter_add(&counter, i % 50);
		percpu_counter_add_batch(&counter, -(i % 50), 7);
		percpu_counter_inc(&counter);
		if (i % 64 == 0)
			percpu_counter_sync(&counter);
		if (i % 1024 == 0)
			percpu_counter_sum(&counter);
	}
}

static void no_count_is_lost_between_threads(void **state)
{
	(void)state;
	run_threads(NR_THREADS, add_and_take_back, NULL);
	assert_true(percpu_counter_sum(&counter) == NR_THREADS * NR_ADDS);
	assert_true(percpu_counter_compare(&counter, NR_THREADS * NR_ADDS) == 0);
}

static void add_one_by_one(unsigned int index, void *arg)
{
	int64_t i;

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < NR_ADDS; i++)
		percpu_counter_inc(&counter);
}

static void common_count_is_off_by_less_than_a_batch_a_cpu(void **state)
{
	int64_t off;

	(void)state;
	run_threads(NR_THREADS, add_one_by_one, NULL);
	off = NR_THREADS * NR_ADDS - percpu_counter_read(&counter);
	assert_in_range(off, 0, WORLD_CPUS * (BATCH - 1));
}

static struct {
	int64_t limit, added;
	unsigned int nr_beyond;
} limited;

/* Up to the limit, and from there back and forth; somebody looks all the time. */
static void add_within_limit(unsigned int index, void *arg)
{
	int64_t i, mine = 0;

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < NR_ADDS; i++) {
		if (percpu_counter_limited_add(&counter, limited.limit, 1 + i % 3))
			mine += 1 + i % 3;
		if (mine && i % 7 == 0 && percpu_counter_limited_sub(&counter, 0, 1))
			mine--;
		if (i % 16 == 0 && percpu_counter_sum(&counter) > limited.limit)
			__atomic_add_fetch(&limited.nr_beyond, 1, __ATOMIC_RELAXED);
	}
	__atomic_add_fetch(&limited.added, mine, __ATOMIC_RELAXED);
}

static void limit_is_never_exceeded_by_threads(void **state)
{
	const int64_t limits[] = { 1, 10, 1000, NR_ADDS };
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		percpu_counter_set(&counter, 0);
		memset(&limited, 0, sizeof(limited));
		limited.limit = limits[i];
		run_threads(NR_THREADS, add_within_limit, NULL);
		assert_int_equal(limited.nr_beyond, 0);
		assert_true(percpu_counter_sum(&counter) == limited.added);
		assert_true(limited.added <= limited.limit);
		/* The room that is left is to be had, and no more. */
		assert_true(percpu_counter_limited_add(&counter, limited.limit, limited.limit - limited.added));
		assert_false(percpu_counter_limited_add(&counter, limited.limit, 1));
	}
}

static void set_while_others_add(unsigned int index, void *arg)
{
	unsigned int i;

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < 2000; i++) {
		if (index == 0)
			percpu_counter_set(&counter, 1000000);
		else
			percpu_counter_inc(&counter);
	}
}

static void set_is_one_step_for_those_who_add(void **state)
{
	int64_t sum;

	(void)state;
	run_threads(4, set_while_others_add, NULL);
	sum = percpu_counter_sum(&counter);
	assert_in_range(sum, 1000000, 1000000 + 3 * 2000);
}

#define counter_test(name) cmocka_unit_test_setup_teardown(name, counter_setup, counter_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		counter_test(a_new_counter_has_its_value),
		counter_test(batch_is_twice_the_cpus_and_32_at_least),
		counter_test(a_cpu_hands_on_what_it_has_when_that_is_a_batch),
		counter_test(a_large_amount_takes_what_was_collected_with_it),
		counter_test(sync_hands_on_what_this_cpu_has),
		counter_test(set_forgets_what_cpus_have),
		counter_test(a_cpu_holds_up_to_the_edge_of_32_bits),
		counter_test(amounts_beyond_32_bits_are_exact),
		counter_test(with_no_batch_nothing_is_collected),
		counter_test(compare_is_exact_near_the_value_and_right_far_from_it),
		counter_test(a_limit_is_exact_at_the_edge),
		counter_test(far_from_the_limit_cpus_collect),
		counter_test(a_sum_that_does_not_fit_is_beyond_every_limit),
		cmocka_unit_test_setup_teardown(out_of_memory_is_enomem_and_a_destroyed_counter, no_background_setup,
						counter_teardown),
		counter_test(use_without_init_is_reported_and_refused),
		counter_test(no_count_is_lost_between_threads),
		counter_test(common_count_is_off_by_less_than_a_batch_a_cpu),
		counter_test(limit_is_never_exceeded_by_threads),
		counter_test(set_is_one_step_for_those_who_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
