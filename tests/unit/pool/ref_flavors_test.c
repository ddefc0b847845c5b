/* SPDX-License-Identifier: MIT
 * ref_flavors_test.c - refs that switch, in the flavours of liburcu whose threads register.
 *
 * The thread that waits for a switch is online meanwhile, and the library's thread is in the grace period of that switch. A hang
 * ends by an alarm.
 */
#include <unistd.h>

#include "base/rcu.h"
#include "support/rcu_flavors.h"
#include "support/world.h"

static const struct rcu_flavor_struct *flavor_of(void **state)
{
	return *state;
}

static int start(void **state)
{
	const struct kmm_config config = { .size = sizeof(config),
					   .limit = WORLD_LIMIT,
					   .nr_cpus = WORLD_CPUS,
					   .report = world_report,
					   .report_arg = &world_reports,
					   .rcu = flavor_of(state) };

	flavor_register_thread(flavor_of(state));
	world_forget_reports();
	return kmm_init(&config);
}

static int end(void **state)
{
	world_expect_silence();
	kmm_boot_reset_for_test();
	flavor_unregister_thread(flavor_of(state));
	return 0;
}

static bool is_released;

static void released(struct percpu_ref *ref)
{
	(void)ref;
	is_released = true;
}

static void a_switch_is_waited_for(void **state)
{
	struct percpu_ref ref;

	(void)state;
	assert_int_equal(percpu_ref_init(&ref, released, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL), 0);
	percpu_ref_get(&ref);
	percpu_ref_switch_to_atomic_sync(&ref);
	assert_true(kmm_rcu != &urcu_qsbr_flavor || kmm_rcu->read_ongoing());
	/* Each waits for the switch before it. */
	percpu_ref_switch_to_percpu(&ref);
	percpu_ref_switch_to_atomic(&ref, NULL);
	percpu_ref_switch_to_percpu(&ref);
	percpu_ref_kill(&ref);
	percpu_ref_switch_to_atomic_sync(&ref);
	is_released = false;
	percpu_ref_put(&ref);
	assert_true(is_released);
	percpu_ref_exit(&ref);
}

#define IN_FLAVOR(flavor)                                                                   \
	{                                                                                   \
		"a_switch_is_waited_for (" #flavor ")", a_switch_is_waited_for, start, end, \
			(void *)(uintptr_t)&urcu_##flavor##_flavor                          \
	}

int main(void)
{
	const struct CMUnitTest tests[] = { IN_FLAVOR(bp), IN_FLAVOR(memb), IN_FLAVOR(qsbr) };

	alarm(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
