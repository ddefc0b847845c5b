/* SPDX-License-Identifier: MIT
 * ref_fork_test.c - a switch that was under way at a fork is made in the child, too, and in the parent nothing changes.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "ref_world.h"
#include "support/child_threads.h"

static struct object object;

static int gated_flavour(void **state)
{
	(void)state;
	return ref_world_start(NULL, &test_flavor);
}

static int default_flavour(void **state)
{
	(void)state;
	return ref_world_start(NULL, NULL);
}

/* In the child: the library has no thread, as with background=off. */
static void child_without_thread(void)
{
	kmm_work_stop();
}

#define child_expect(cond)                                                         \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: " #cond "\n", __FILE__, __LINE__); \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

static void parent_expects(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* One reference is left, and the library's thread stands at the gate. */
static void begin_switch(void)
{
	object_init(&object, 0);
	percpu_ref_get(&object.ref);
	grace_close();
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	wait_until(READ_ONCE(grace.nr_begun));
}

static void parent_ends_it(void)
{
	grace_open();
	wait_until(confirmed(&object));
	assert_int_equal(released(&object), 0);
	percpu_ref_put(&object.ref);
	object_end(&object);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

static void last_put_in_the_child_takes_the_switch_up(void **state)
{
	pid_t pid;

	(void)state;
	begin_switch();
	pid = fork();
	if (!pid) {
		child_without_thread();
		grace_open();
		child_expect(percpu_ref_tryget(&object.ref));
		child_expect(confirmed(&object) == 1);
		percpu_ref_put_many(&object.ref, 2);
		child_expect(released(&object) == 1);
		percpu_ref_exit(&object.ref);
		_exit(0);
	}
	parent_expects(pid);
	parent_ends_it();
}

static void so_does_a_look_at_the_count(void **state)
{
	pid_t pid;

	(void)state;
	begin_switch();
	pid = fork();
	if (!pid) {
		child_without_thread();
		grace_open();
		child_expect(!percpu_ref_is_zero(&object.ref));
		child_expect(confirmed(&object) == 1);
		percpu_ref_put(&object.ref);
		child_expect(percpu_ref_is_zero(&object.ref));
		_exit(0);
	}
	parent_expects(pid);
	parent_ends_it();
}

static void who_waits_in_the_child_takes_the_switch_up(void **state)
{
	pid_t pid;

	(void)state;
	begin_switch();
	pid = fork();
	if (!pid) {
		child_without_thread();
		grace_open();
		percpu_ref_switch_to_atomic_sync(&object.ref);
		child_expect(confirmed(&object) == 1);
		_exit(0);
	}
	parent_expects(pid);
	parent_ends_it();
}

static void a_thread_of_the_childs_own_takes_the_switch_up(void **state)
{
	pid_t pid;

	(void)state;
	begin_switch();
	pid = fork();
	if (!pid) {
		if (!CHILD_HAS_THREADS)
			_exit(0);
		grace_open();
		percpu_ref_get(&object.ref);
		wait_until(confirmed(&object));
		percpu_ref_put_many(&object.ref, 2);
		wait_until(released(&object));
		percpu_ref_exit(&object.ref);
		_exit(0);
	}
	parent_expects(pid);
	parent_ends_it();
}

static bool inside, may_go_on;

static void stand_in_callback(struct object *o)
{
	(void)o;
	smp_store_release(&inside, true);
	wait_until(smp_load_acquire(&may_go_on));
}

static void a_callback_of_another_thread_is_not_made_again(void **state)
{
	pid_t pid;

	(void)state;
	inside = may_go_on = false;
	object_init(&object, 0);
	percpu_ref_get(&object.ref);
	object.at_confirm = stand_in_callback;
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	wait_until(smp_load_acquire(&inside));
	pid = fork();
	if (!pid) {
		child_without_thread();
		percpu_ref_put(&object.ref);
		/* The switch had a reference of its own, which that call dropped. */
		child_expect(released(&object) == 1);
		child_expect(confirmed(&object) == 0);
		percpu_ref_exit(&object.ref);
		_exit(0);
	}
	parent_expects(pid);
	smp_store_release(&may_go_on, true);
	wait_until(confirmed(&object));
	percpu_ref_put(&object.ref);
	object_end(&object);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

static pid_t made_in_callback;

static void fork_in_callback(struct object *o)
{
	(void)o;
	made_in_callback = fork();
	if (!made_in_callback)
		child_without_thread();
}

/* Without a thread of the library it is the program's own thread that comes back from the callback in the child. */
static void a_callback_may_fork(void **state)
{
	(void)state;
	kmm_work_stop();
	object_init(&object, 0);
	percpu_ref_get(&object.ref);
	object.at_confirm = fork_in_callback;
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	if (!made_in_callback) {
		child_expect(confirmed(&object) == 1);
		percpu_ref_put(&object.ref);
		child_expect(released(&object) == 1);
		percpu_ref_exit(&object.ref);
		_exit(0);
	}
	parent_expects(made_in_callback);
	assert_int_equal(confirmed(&object), 1);
	percpu_ref_put(&object.ref);
	assert_int_equal(released(&object), 1);
	percpu_ref_exit(&object.ref);
	world_expect_silence();
}

/* With the default flavour fork waits for grace periods, and readers for nothing. */
static void fork_beside_kills_and_users(void **state)
{
	unsigned int i;
	pid_t pid;

	(void)state;
	for (i = 0; i < 20; i++) {
		object_init(&object, 0);
		percpu_ref_get(&object.ref);
		percpu_ref_kill(&object.ref);
		pid = fork();
		if (!pid) {
			child_without_thread();
			percpu_ref_put(&object.ref);
			percpu_ref_switch_to_atomic_sync(&object.ref);
			child_expect(released(&object) == 1);
			_exit(0);
		}
		parent_expects(pid);
		percpu_ref_put(&object.ref);
		object_end(&object);
		assert_int_equal(released(&object), 1);
	}
	world_expect_silence();
}

static struct percpu_counter counter;
static bool stop;

static void *add_to_counter(void *arg)
{
	while (!READ_ONCE(stop)) {
		percpu_counter_add_batch(&counter, 1, 1);
		percpu_counter_limited_add(&counter, INT64_MAX / 2, 1);
	}
	return arg;
}

static void a_counters_lock_is_free_in_the_child(void **state)
{
	pthread_t thread;
	unsigned int i;
	int64_t sum;
	pid_t pid;

	(void)state;
	assert_int_equal(percpu_counter_init(&counter, 0, GFP_KERNEL), 0);
	WRITE_ONCE(stop, false);
	assert_int_equal(pthread_create(&thread, NULL, add_to_counter, NULL), 0);
	for (i = 0; i < 50; i++) {
		pid = fork();
		if (!pid) {
			sum = percpu_counter_sum(&counter);
			percpu_counter_set(&counter, 5);
			child_expect(sum >= 0 && percpu_counter_sum(&counter) == 5);
			child_expect(percpu_counter_limited_add(&counter, 10, 5));
			child_expect(!percpu_counter_limited_add(&counter, 10, 1));
			_exit(0);
		}
		parent_expects(pid);
	}
	WRITE_ONCE(stop, true);
	pthread_join(thread, NULL);
	percpu_counter_destroy(&counter);
}

#define fork_test(name, setup) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fork_test(last_put_in_the_child_takes_the_switch_up, gated_flavour),
		fork_test(so_does_a_look_at_the_count, gated_flavour),
		fork_test(who_waits_in_the_child_takes_the_switch_up, gated_flavour),
		fork_test(a_thread_of_the_childs_own_takes_the_switch_up, gated_flavour),
		fork_test(a_callback_of_another_thread_is_not_made_again, default_flavour),
		fork_test(a_callback_may_fork, default_flavour),
		fork_test(fork_beside_kills_and_users, default_flavour),
		fork_test(a_counters_lock_is_free_in_the_child, default_flavour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
