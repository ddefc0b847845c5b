/* SPDX-License-Identifier: MIT
 * rcu_test.c - fork pauses the default flavour when the library has used it, and leaves alone what is not its business.
 *
 * The program is linked with --wrap of liburcu's functions around fork, so that a test sees their calls.
 */
#include <sys/wait.h>
#include <unistd.h>

#include <urcu/urcu-bp.h>

#include "base/rcu.h"
#include "percpu/module.h"
#include "support/world.h"

void __real_urcu_bp_before_fork(void);
void __wrap_urcu_bp_before_fork(void);
void __real_urcu_bp_after_fork_parent(void);
void __wrap_urcu_bp_after_fork_parent(void);
void __real_urcu_bp_after_fork_child(void);
void __wrap_urcu_bp_after_fork_child(void);

static struct {
	unsigned int before, parent, child;
} calls;

void __wrap_urcu_bp_before_fork(void)
{
	calls.before++;
	__real_urcu_bp_before_fork();
}

void __wrap_urcu_bp_after_fork_parent(void)
{
	calls.parent++;
	__real_urcu_bp_after_fork_parent();
}

void __wrap_urcu_bp_after_fork_child(void)
{
	calls.child++;
	__real_urcu_bp_after_fork_child();
}

static const struct rcu_flavor_struct own_flavor = {
	.read_lock = urcu_bp_read_lock,
	.read_unlock = urcu_bp_read_unlock,
	.read_ongoing = urcu_bp_read_ongoing,
	.update_synchronize_rcu = urcu_bp_synchronize_rcu,
	.register_thread = urcu_bp_register_thread,
	.unregister_thread = urcu_bp_unregister_thread,
};

static int always(void)
{
	return 1;
}

/* As qsbr, whose threads are online in their sections and out of them. */
static const struct rcu_flavor_struct telling_nothing = {
	.read_lock = urcu_bp_read_lock,
	.read_unlock = urcu_bp_read_unlock,
	.read_ongoing = always,
	.update_synchronize_rcu = urcu_bp_synchronize_rcu,
	.register_thread = urcu_bp_register_thread,
	.unregister_thread = urcu_bp_unregister_thread,
};

static void start(const char *options, const struct rcu_flavor_struct *flavor)
{
	const struct kmm_config config = {
		.size = sizeof(config), .limit = WORLD_LIMIT, .nr_cpus = 2, .options = options, .rcu = flavor
	};

	assert_int_equal(kmm_init(&config), 0);
	memset(&calls, 0, sizeof(calls));
}

static int end(void **state)
{
	(void)state;
	kmm_boot_reset_for_test();
	return 0;
}

/* Returns how often the child was told that it is one. RCU works in both. */
static int fork_once(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		kmm_rcu_read_lock();
		kmm_rcu_read_unlock();
		kmm_synchronize_rcu();
		_exit((int)calls.child);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	kmm_synchronize_rcu();
	assert_int_equal(calls.before, calls.parent);
	return WEXITSTATUS(status);
}

/* First of all tests: once used, it stays so. */
static void what_was_never_used_is_not_paused(void **state)
{
	(void)state;
	start(NULL, NULL);
	assert_int_equal(fork_once(), 0);
	assert_int_equal(calls.before, 0);
}

static int forked; /* what the child said */

static void *fork_in_thread(void *arg)
{
	forked = fork_once();
	return arg;
}

static bool use_is_over;

static void *use_in_thread(void *arg)
{
	kmm_rcu_use();
	smp_store_release(&use_is_over, true);
	return arg;
}

/* Second of all tests. Else the child would find liburcu as the other thread was using it. */
static void first_use_waits_for_a_fork_that_does_not_pause(void **state)
{
	pthread_t forker, user;

	(void)state;
	start(NULL, NULL);
	kmm_lock(&pcpu_module_lock); /* fork waits for it */
	assert_int_equal(pthread_create(&forker, NULL, fork_in_thread, NULL), 0);
	usleep(50000);
	assert_int_equal(pthread_create(&user, NULL, use_in_thread, NULL), 0);
	usleep(50000);
	assert_false(smp_load_acquire(&use_is_over));
	kmm_unlock(&pcpu_module_lock);
	pthread_join(forker, NULL);
	pthread_join(user, NULL);
	assert_true(use_is_over);
	assert_int_equal(forked, 0);
	assert_int_equal(calls.before, 0);
}

static void what_was_used_is_paused(void **state)
{
	(void)state;
	start(NULL, NULL);
	kmm_rcu_use();
	assert_int_equal(fork_once(), 1);
	assert_int_equal(calls.before, 1);
	assert_int_equal(fork_once(), 1);
	assert_int_equal(calls.before, 2);
}

static void a_ref_is_a_use(void **state)
{
	struct percpu_ref ref;

	(void)state;
	start(NULL, NULL);
	assert_int_equal(percpu_ref_init(&ref, NULL, 0, GFP_KERNEL), 0);
	assert_int_equal(fork_once(), 1);
	percpu_ref_exit(&ref);
}

static void with_rcu_fork_off_the_program_does_it(void **state)
{
	(void)state;
	start("rcu_fork=off", NULL);
	kmm_rcu_use();
	assert_int_equal(fork_once(), 0);
	assert_int_equal(calls.before, 0);
	end(state);
	/* The option lasts for one start. */
	start(NULL, NULL);
	assert_int_equal(fork_once(), 1);
}

static void another_flavour_is_the_programs_business(void **state)
{
	(void)state;
	start(NULL, &own_flavor);
	assert_ptr_equal(kmm_rcu, &own_flavor);
	kmm_rcu_use();
	assert_int_equal(fork_once(), 0);
	assert_int_equal(calls.before, 0);
	end(state);
	start(NULL, NULL);
	assert_ptr_equal(kmm_rcu, &urcu_bp_flavor);
}

static void a_reader_must_not_wait(const struct rcu_flavor_struct *flavor)
{
	start(NULL, flavor);
	assert_true(kmm_rcu_may_wait());
	kmm_rcu_read_lock();
	assert_false(kmm_rcu_may_wait());
	kmm_rcu_read_unlock();
	assert_true(kmm_rcu_may_wait());
}

static void readers_must_not_wait_as_far_as_their_flavour_tells(void **state)
{
	a_reader_must_not_wait(NULL);
	end(state);
	a_reader_must_not_wait(&own_flavor);
	end(state);
	start(NULL, &telling_nothing);
	assert_true(kmm_rcu_may_wait());
}

static void a_reader_that_forks_does_not_wait_for_itself(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	start(NULL, NULL);
	kmm_rcu_use();
	kmm_rcu_read_lock();
	pid = fork();
	if (!pid)
		_exit(0);
	kmm_rcu_read_unlock();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(calls.before, 0);
	kmm_synchronize_rcu();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_was_never_used_is_not_paused, end),
		cmocka_unit_test_teardown(first_use_waits_for_a_fork_that_does_not_pause, end),
		cmocka_unit_test_teardown(what_was_used_is_paused, end),
		cmocka_unit_test_teardown(a_ref_is_a_use, end),
		cmocka_unit_test_teardown(with_rcu_fork_off_the_program_does_it, end),
		cmocka_unit_test_teardown(another_flavour_is_the_programs_business, end),
		cmocka_unit_test_teardown(readers_must_not_wait_as_far_as_their_flavour_tells, end),
		cmocka_unit_test_teardown(a_reader_that_forks_does_not_wait_for_itself, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
