/* SPDX-License-Identifier: MIT
 * smp_test.c - a thread keeps its CPU number between migrate_disable() and migrate_enable().
 */
#include "support/world.h"

/* More calls than go by without a look at where the thread is. */
#define MANY_CALLS 1000

static void number_is_kept_while_migration_is_disabled(void **state)
{
	unsigned int i;

	(void)state;
	migrate_disable();
	cpu_id_pin(3);
	for (i = 0; i < MANY_CALLS; i++)
		assert_int_equal(smp_processor_id(), 0);
	kfree(kmalloc(64, GFP_KERNEL));
	assert_int_equal(raw_smp_processor_id(), 0);
	migrate_enable();
	cpu_id_refresh();
	assert_int_equal(raw_smp_processor_id(), 3);
	world_expect_silence();
}

static void holds_nest(void **state)
{
	(void)state;
	assert_int_equal(get_cpu(), 0);
	migrate_disable();
	cpu_id_pin(2);
	assert_int_equal(get_cpu(), 0);
	put_cpu();
	migrate_enable();
	cpu_id_refresh();
	assert_int_equal(raw_smp_processor_id(), 0);
	put_cpu();
	cpu_id_refresh();
	assert_int_equal(raw_smp_processor_id(), 2);
	world_expect_silence();
}

static void thread_that_always_holds_still_follows_the_system(void **state)
{
	unsigned int i, seen = 0;

	(void)state;
	cpu_id_pin(2);
	kmm_cpu_guess = 1; /* the system moved us, and nothing has asked since */
	for (i = 0; i < MANY_CALLS; i++) {
		seen |= 1u << get_cpu();
		put_cpu();
	}
	assert_true(seen & 1u << 2);
}

static void one_too_many_is_reported_and_ignored(void **state)
{
	(void)state;
	migrate_enable();
	world_expect_report("WARNING: migrate_enable: migration is enabled already");
	put_cpu();
	world_expect_report("WARNING: put_cpu: there was no get_cpu()");
	migrate_disable();
	cpu_id_pin(1);
	assert_int_equal(raw_smp_processor_id(), 0);
	migrate_enable();
	world_expect_silence();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(number_is_kept_while_migration_is_disabled, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(holds_nest, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(thread_that_always_holds_still_follows_the_system, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(one_too_many_is_reported_and_ignored, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
