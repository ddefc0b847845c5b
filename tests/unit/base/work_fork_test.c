/* SPDX-License-Identifier: MIT
 * work_fork_test.c - a forked child has no worker and nothing pending or running, and can have all of it again.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/boot.h"
#include "support/child_threads.h"
#include "support/work_world.h"

static struct counted *forked, *forked_other;

static int library_runs(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 64UL << 20, .nr_cpus = 2 };

	if (kmm_init(&config))
		return -1;
	queue_is_started(state);
	forked = new_counted();
	forked_other = new_counted();
	return 0;
}

static int library_is_cold(void **state)
{
	int err = worker_is_gone(state);

	kmm_boot_reset_for_test();
	return err;
}

/* A child that hangs ends soon, also one of the worker, which blocks all signals. */
static void set_alarm(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm(60);
}

/* The exit status of a child that runs @child; one that was ended by its alarm has none. */
static int status_of_child(int (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		set_alarm();
		_exit(child());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define child_check(cond)                                                                \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "line %d, in the child: %s\n", __LINE__, #cond); \
			return 1;                                                        \
		}                                                                        \
	} while (0)

/* Whatever the parent's threads were doing with them, both works are idle in the child, and can be used. */
static int works_are_idle_and_usable(void)
{
	const unsigned int nr_tried = workers.nr_tried;

	child_check(!forked->work.pending && !forked_other->work.pending);
	forked->nr_runs = 0;
	forked->inside = NULL;
	kmm_work_cancel_sync(&forked->work); /* does not wait */
	kmm_work_flush(&forked->work);
	child_check(!runs_of(forked));
	child_check(workers.nr_tried == nr_tried);
	workers.error = EAGAIN;
	child_check(!kmm_work_schedule(&forked->work, HOUR));
	child_check(workers.nr_tried == nr_tried + 1);
	if (!CHILD_HAS_THREADS)
		return 0;
	workers.error = 0;
	child_check(kmm_work_schedule(&forked->work, HOUR));
	kmm_work_advance_for_test(HOUR);
	child_check(runs_of(forked) == 1);
	child_check(forked->by_worker);
	child_check(kmm_work_schedule(&forked->work, HOUR));
	kmm_work_stop();
	child_check(!forked->work.pending);
	return 0;
}

static void child_s_pending_works_wait_to_be_scheduled_again(void **state)
{
	(void)state;
	assert_true(kmm_work_schedule(&forked->work, HOUR));
	assert_true(kmm_work_schedule(&forked_other->work, HOUR));
	assert_int_equal(status_of_child(works_are_idle_and_usable), 0);
	/* The parent's did not notice. */
	assert_true(forked->work.pending);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(forked), 1);
	assert_int_equal(runs_of(forked_other), 1);
	assert_int_equal(workers.nr_created, 1);
}

static void parent_s_running_work_does_not_run_in_the_child(void **state)
{
	(void)state;
	forked->inside = wait_at_gate;
	start_gated(forked);
	assert_true(kmm_work_schedule(&forked->work, HOUR));
	assert_int_equal(status_of_child(works_are_idle_and_usable), 0);
	assert_true(forked->work.pending);
	open_gate(forked);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(forked), 2);
}

static void nobody_cancels_or_flushes_in_the_child(void **state)
{
	struct helper canceller, flusher;

	(void)state;
	forked->inside = wait_at_gate_and_finish;
	forked_other->inside = wait_at_gate_and_finish;
	start_gated(forked);
	helper_start(&canceller, kmm_work_cancel_sync, forked);
	assert_true(kmm_work_schedule(&forked_other->work, HOUR));
	helper_start(&flusher, kmm_work_flush, forked_other);
	wait_until(READ_ONCE(waits.others) && smp_load_acquire(&forked_other->started));
	assert_int_equal(status_of_child(works_are_idle_and_usable), 0);
	open_gate(forked);
	open_gate(forked_other);
	helper_join(&canceller);
	helper_join(&flusher);
	assert_true(canceller.saw_finished);
	assert_true(flusher.saw_finished);
}

static int child_status;

static void fork_in_fn(struct counted *c)
{
	(void)c;
	child_status = status_of_child(works_are_idle_and_usable);
}

static void fn_may_fork(void **state)
{
	(void)state;
	forked_other->inside = fork_in_fn;
	child_status = -1;
	assert_true(kmm_work_schedule(&forked->work, HOUR));
	assert_true(kmm_work_schedule(&forked_other->work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(child_status, 0);
	assert_int_equal(runs_of(forked), 0);
	/* And in a thread that flushes. */
	child_status = -1;
	assert_true(kmm_work_schedule(&forked_other->work, HOUR));
	kmm_work_flush(&forked_other->work);
	assert_int_equal(child_status, 0);
	assert_true(forked->work.pending);
}

static void leave_with_7(void)
{
	_exit(7);
}

/* The child returns from fn, with nothing that waits for it there. */
static void fork_in_fn_and_go_on(struct counted *c)
{
	int status;
	pid_t pid = fork();

	(void)c;
	if (!pid) {
		set_alarm();
		atexit(leave_with_7);
		return;
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		child_status = WEXITSTATUS(status);
}

static void child_of_the_worker_ends_as_a_process_does_with_its_last_thread(void **state)
{
	(void)state;
	forked->inside = fork_in_fn_and_go_on;
	child_status = -1;
	assert_true(kmm_work_schedule(&forked->work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(child_status, 7);
	assert_int_equal(runs_of(forked), 1);
}

static int flush_in_grandchild(void)
{
	child_check(kmm_work_schedule(&forked->work, HOUR));
	child_check(status_of_child(works_are_idle_and_usable) == 0);
	child_check(forked->work.pending);
	kmm_work_flush(&forked->work);
	child_check(runs_of(forked) == 1);
	return 0;
}

static void child_can_fork_too(void **state)
{
	(void)state;
	if (!CHILD_HAS_THREADS)
		skip();
	assert_int_equal(status_of_child(flush_in_grandchild), 0);
}

#define fork_test(name) cmocka_unit_test_setup_teardown(name, library_runs, library_is_cold)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fork_test(child_s_pending_works_wait_to_be_scheduled_again),
		fork_test(parent_s_running_work_does_not_run_in_the_child),
		fork_test(nobody_cancels_or_flushes_in_the_child),
		fork_test(fn_may_fork),
		fork_test(child_of_the_worker_ends_as_a_process_does_with_its_last_thread),
		fork_test(child_can_fork_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
