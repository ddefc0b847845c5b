/* SPDX-License-Identifier: MIT
 * fork_test.c - a child finds every lock free, whatever the parent's threads were doing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "base/boot.h"
#include "base/fork.h"
#include "base/report.h"
#include "support/capture.h"
#include "support/threads.h"

/* Registered out of order; outer has two locks of one rank. */
static struct kmm_lock outer_locks[2] = { KMM_LOCK_INIT(KMM_RANK_LISTS, "outer 0"),
					  KMM_LOCK_INIT(KMM_RANK_LISTS, "outer 1") };
static struct kmm_lock inner_lock = KMM_LOCK_INIT(KMM_RANK_LRU, "inner");

static char calls[64]; /* one letter each: O I taken, o i released, 0 1 made new */

static void note_call(char letter)
{
	size_t len = strlen(calls);

	if (len < sizeof(calls) - 1)
		calls[len] = letter;
}

static void outer_lock_all(void)
{
	note_call('O');
	kmm_lock_same_rank(&outer_locks[0]);
	kmm_lock_same_rank(&outer_locks[1]);
}

static void outer_unlock_all(void)
{
	note_call('o');
	kmm_unlock(&outer_locks[1]);
	kmm_unlock(&outer_locks[0]);
}

static void outer_reset_all(void)
{
	note_call('0');
	kmm_lock_reset(&outer_locks[0]);
	kmm_lock_reset(&outer_locks[1]);
}

static void inner_lock_all(void)
{
	note_call('I');
	kmm_lock_same_rank(&inner_lock);
}

static void inner_unlock_all(void)
{
	note_call('i');
	kmm_unlock(&inner_lock);
}

static void inner_reset_all(void)
{
	note_call('1');
	kmm_lock_reset(&inner_lock);
}

static const struct kmm_fork_handler outer_handler = {
	.rank = KMM_RANK_LISTS,
	.lock_all = outer_lock_all,
	.unlock_all = outer_unlock_all,
	.reset_all = outer_reset_all,
};
static const struct kmm_fork_handler inner_handler = {
	.rank = KMM_RANK_LRU,
	.lock_all = inner_lock_all,
	.unlock_all = inner_unlock_all,
	.reset_all = inner_reset_all,
};

static int library_runs(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 64UL << 20, .nr_cpus = 2 };

	(void)state;
	memset(calls, 0, sizeof(calls));
	return kmm_init(&config);
}

static int library_is_cold(void **state)
{
	(void)state;
	kmm_boot_reset_for_test();
	return 0;
}

/* Forks; the child runs @child and exits with its result. A child that hangs is ended by its alarm. */
static int in_child(int (*child)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		alarm(10);
		_exit(child());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the child was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int compare_calls_of_child(void)
{
	return strcmp(calls, "OI10") != 0;
}

static void handlers_lock_in_rank_order_and_release_in_reverse(void **state)
{
	(void)state;
	assert_int_equal(in_child(compare_calls_of_child), 0);
	assert_string_equal(calls, "OIio");
}

static void handler_registered_twice_runs_once(void **state)
{
	(void)state;
	kmm_fork_register(&inner_handler);
	kmm_fork_register(&outer_handler);
	kmm_fork_init();
	assert_int_equal(in_child(compare_calls_of_child), 0);
	assert_string_equal(calls, "OIio");
}

static int exit_0(void)
{
	return 0;
}

static void handlers_do_not_run_in_a_cold_library(void **state)
{
	(void)state;
	kmm_boot_reset_for_test();
	assert_int_equal(in_child(exit_0), 0);
	assert_string_equal(calls, "");
	/* Not in a dead one either. */
	kmm_exit();
	assert_int_equal(in_child(exit_0), 0);
	assert_string_equal(calls, "");
}

static int take_every_lock(void)
{
	kmm_lock(&outer_locks[0]);
	kmm_unlock(&outer_locks[0]);
	kmm_lock(&outer_locks[1]);
	kmm_lock(&inner_lock);
	kmm_unlock(&inner_lock);
	kmm_unlock(&outer_locks[1]);
	kmm_assert_none_held();
	return 0;
}

static bool stop_threads;
static kmm_dword pairs[64];

static void drop_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

/* Each thread is nearly always inside one of: our locks, a report, a double-word CAS. */
static void keep_locks_busy(unsigned int index)
{
	unsigned int i;

	switch (index % 3) {
	case 0:
		kmm_lock(&outer_locks[0]);
		kmm_lock(&inner_lock);
		kmm_unlock(&inner_lock);
		kmm_unlock(&outer_locks[0]);
		kmm_lock(&outer_locks[1]);
		kmm_unlock(&outer_locks[1]);
		break;
	case 1:
		kmm_report(KMM_REPORT_INFO, "busy\n");
		break;
	case 2:
		for (i = 0; i < ARRAY_SIZE(pairs); i++)
			arch_cas2(&pairs[i], (kmm_dword){ 0, 0 }, (kmm_dword){ 0, 0 });
		break;
	}
}

static int use_everything(void)
{
	unsigned int i;

	take_every_lock();
	kmm_report(KMM_REPORT_INFO, "from the child\n");
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!arch_cas2(&pairs[i], (kmm_dword){ 0, 0 }, (kmm_dword){ 1, 1 }))
			return 2;
	}
	arch_fork_lock_all(); /* the hashed locks that the portable form has */
	arch_fork_unlock_all();
	return kmm_init(NULL) == 0; /* the boot lock, too; -EBUSY is right */
}

static struct {
	unsigned int nr_failed;
} forks;

static void fork_or_keep_busy(unsigned int index, void *arg)
{
	unsigned int i;

	(void)arg;
	if (index) {
		while (!READ_ONCE(stop_threads))
			keep_locks_busy(index);
		return;
	}
	for (i = 0; i < 100 && !forks.nr_failed; i++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			alarm(10);
			_exit(use_everything());
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
			forks.nr_failed++;
	}
	WRITE_ONCE(stop_threads, true);
}

static void child_can_lock_report_and_swap_whatever_other_threads_do(void **state)
{
	(void)state;
	fflush(NULL);
	kmm_report_callback_set(drop_report, NULL);
	run_threads(4, fork_or_keep_busy, NULL);
	kmm_report_callback_set(NULL, NULL);
	assert_int_equal(forks.nr_failed, 0);
}

static void fork_under_a_lock_of_the_library_is_a_bug(void **state)
{
	bool bug;

	(void)state;
	if (!KMM_CONFIG_CHECK)
		skip();
	capture_start();
	kmm_lock(&inner_lock);
	bug = capture_bug_in(kmm_boot_fork_prepare()); /* not a real fork: the C library cannot be jumped out of */
	kmm_unlock(&inner_lock);
	capture_stop();
	assert_true(bug);
}

static int fork_again(void)
{
	memset(calls, 0, sizeof(calls));
	return in_child(compare_calls_of_child) || strcmp(calls, "OIio") != 0;
}

static void child_can_fork_too(void **state)
{
	(void)state;
	assert_int_equal(in_child(fork_again), 0);
}

static int handlers_registered(void **state)
{
	(void)state;
	kmm_fork_register(&inner_handler);
	kmm_fork_register(&outer_handler);
	return 0;
}

#define fork_test(name) cmocka_unit_test_setup_teardown(name, library_runs, library_is_cold)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fork_test(handlers_lock_in_rank_order_and_release_in_reverse),
		fork_test(handler_registered_twice_runs_once),
		fork_test(handlers_do_not_run_in_a_cold_library),
		fork_test(child_can_lock_report_and_swap_whatever_other_threads_do),
		fork_test(child_can_fork_too),
		fork_test(fork_under_a_lock_of_the_library_is_a_bug),
	};

	return cmocka_run_group_tests(tests, handlers_registered, NULL);
}
