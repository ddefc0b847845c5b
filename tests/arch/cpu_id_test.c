/* SPDX-License-Identifier: MIT
 * cpu_id_test.c - the guess of the CPU, its renewal and the test override.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "support/threads.h"

static int one_cpu_unpinned(void **state)
{
	(void)state;
	cpu_id_pin(-1);
	cpu_id_set_count(1);
	return 0;
}

static void before_the_start_there_is_one_cpu(void **state)
{
	(void)state;
	assert_int_equal(kmm_nr_cpu_ids, 1);
	assert_int_equal(raw_cpu_id(), 0);
	assert_int_equal(cpu_id_refresh(), 0);
}

static void pinned_thread_is_where_it_was_put(void **state)
{
	int cpu;

	(void)state;
	cpu_id_set_count(4);
	for (cpu = 0; cpu < 4; cpu++) {
		cpu_id_pin(cpu);
		assert_int_equal(raw_cpu_id(), cpu);
		assert_int_equal(cpu_id_refresh(), cpu);
		assert_int_equal(raw_cpu_id(), cpu);
	}
}

static void pin_wraps_at_the_count_and_is_kept_when_the_count_changes(void **state)
{
	(void)state;
	cpu_id_pin(3);
	assert_int_equal(raw_cpu_id(), 0);
	cpu_id_set_count(2);
	assert_int_equal(raw_cpu_id(), 1);
	cpu_id_set_count(4);
	assert_int_equal(raw_cpu_id(), 3);
}

static void unpinned_thread_is_asked_for_again(void **state)
{
	unsigned int i;

	(void)state;
	cpu_id_set_count(4096); /* more than the machine has: a pin to the last one cannot be the truth */
	cpu_id_pin(4095);
	cpu_id_pin(-1);
	assert_true(raw_cpu_id() < 4095);
	cpu_id_set_count(3);
	for (i = 0; i < 100; i++)
		assert_true(cpu_id_refresh() < 3);
}

static void refresh_leaves_errno_alone(void **state)
{
	(void)state;
	errno = EDOM;
	cpu_id_refresh();
	assert_int_equal(errno, EDOM);
}

static void guess_that_is_held_stays(void **state)
{
	(void)state;
	cpu_id_set_count(4);
	cpu_id_pin(2);
	cpu_id_hold();
	cpu_id_hold();
	cpu_id_pin(1);
	assert_int_equal(raw_cpu_id(), 2);
	assert_true(cpu_id_let_go());
	assert_int_equal(cpu_id_refresh(), 2);
	assert_true(cpu_id_let_go());
	assert_int_equal(raw_cpu_id(), 2);
	assert_int_equal(cpu_id_refresh(), 1);
	assert_false(cpu_id_let_go());
}

static void guess_that_is_held_comes_down_with_the_count(void **state)
{
	(void)state;
	cpu_id_set_count(4);
	cpu_id_pin(3);
	cpu_id_hold();
	cpu_id_set_count(2);
	assert_int_equal(raw_cpu_id(), 1);
	cpu_id_set_count(4);
	assert_int_equal(raw_cpu_id(), 1);
	assert_true(cpu_id_let_go());
	assert_int_equal(cpu_id_refresh(), 3);
}

static void guess_is_renewed_to_the_stand_in_of_an_offline_cpu(void **state)
{
	(void)state;
	cpu_id_set_count(4);
	cpu_id_pin(2);
	assert_true(cpu_id_online(2));
	cpu_id_set_stand_in(2, 0);
	assert_false(cpu_id_online(2));
	/* Not before it is renewed. */
	assert_int_equal(raw_cpu_id(), 2);
	assert_int_equal(cpu_id_refresh(), 0);
	assert_int_equal(cpu_id_refresh(), 0);
	cpu_id_set_stand_in(2, 2);
	assert_true(cpu_id_online(2));
	assert_int_equal(cpu_id_refresh(), 2);
}

static void guess_that_is_held_may_be_of_an_offline_cpu(void **state)
{
	(void)state;
	cpu_id_set_count(4);
	cpu_id_pin(3);
	cpu_id_hold();
	cpu_id_set_stand_in(3, 1);
	assert_int_equal(cpu_id_refresh(), 3);
	assert_true(cpu_id_let_go());
	assert_int_equal(cpu_id_refresh(), 1);
	cpu_id_set_stand_in(3, 3);
}

static void cpus_beyond_the_table_are_online(void **state)
{
	(void)state;
	cpu_id_set_stand_in(CPU_ID_MAX_STAND_INS - 1, 0);
	assert_false(cpu_id_online(CPU_ID_MAX_STAND_INS - 1));
	cpu_id_set_stand_in(CPU_ID_MAX_STAND_INS - 1, CPU_ID_MAX_STAND_INS - 1);
	assert_true(cpu_id_online(CPU_ID_MAX_STAND_INS - 1));
	assert_true(cpu_id_online(CPU_ID_MAX_STAND_INS));
	assert_true(cpu_id_online(~0u));
}

static void pin_to_own_index(unsigned int index, void *arg)
{
	unsigned int *nr_bad = arg, i;

	/* A new thread is not pinned, wherever its creator is. */
	if (raw_cpu_id() != 0)
		__atomic_add_fetch(nr_bad, 1, __ATOMIC_RELAXED);
	cpu_id_pin((int)index);
	for (i = 0; i < 1000; i++) {
		if (cpu_id_refresh() != index || raw_cpu_id() != index)
			__atomic_add_fetch(nr_bad, 1, __ATOMIC_RELAXED);
	}
}

static void each_thread_has_a_pin_of_its_own(void **state)
{
	unsigned int nr_bad = 0;

	(void)state;
	cpu_id_set_count(8);
	cpu_id_pin(5);
	run_threads(8, pin_to_own_index, &nr_bad);
	assert_int_equal(nr_bad, 0);
	assert_int_equal(raw_cpu_id(), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_start_there_is_one_cpu),
		cmocka_unit_test_setup(pinned_thread_is_where_it_was_put, one_cpu_unpinned),
		cmocka_unit_test_setup(pin_wraps_at_the_count_and_is_kept_when_the_count_changes, one_cpu_unpinned),
		cmocka_unit_test_setup(unpinned_thread_is_asked_for_again, one_cpu_unpinned),
		cmocka_unit_test_setup(refresh_leaves_errno_alone, one_cpu_unpinned),
		cmocka_unit_test_setup(guess_that_is_held_stays, one_cpu_unpinned),
		cmocka_unit_test_setup(guess_that_is_held_comes_down_with_the_count, one_cpu_unpinned),
		cmocka_unit_test_setup(guess_is_renewed_to_the_stand_in_of_an_offline_cpu, one_cpu_unpinned),
		cmocka_unit_test_setup(guess_that_is_held_may_be_of_an_offline_cpu, one_cpu_unpinned),
		cmocka_unit_test_setup(cpus_beyond_the_table_are_online, one_cpu_unpinned),
		cmocka_unit_test_setup(each_thread_has_a_pin_of_its_own, one_cpu_unpinned),
	};

	return cmocka_run_group_tests(tests, NULL, one_cpu_unpinned);
}
