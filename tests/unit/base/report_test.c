/* SPDX-License-Identifier: MIT
 * report_test.c - a report arrives whole, once, at the right place, and disturbs nothing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "base/lock.h"
#include "support/capture.h"
#include "support/threads.h"

/* stderr while a test runs: each write arrives as one packet. */
static int stderr_reader = -1, saved_stderr = -1;

static int stderr_caught(void **state)
{
	int ends[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		return -1;
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	stderr_reader = ends[0];
	return 0;
}

static int stderr_freed(void **state)
{
	(void)state;
	capture_stop();
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(stderr_reader);
	return 0;
}

/* The next packet as a string; an empty one when there is none. */
static const char *read_stderr(void)
{
	static char packet[2 * KMM_REPORT_MAX];
	ssize_t len = recv(stderr_reader, packet, sizeof(packet) - 1, MSG_DONTWAIT);

	packet[len < 0 ? 0 : len] = '\0';
	return packet;
}

/* No assertions in a callback: they would jump out of the report. */
static struct heard {
	enum kmm_report_level level;
	char text[64];
	unsigned int nr;
} heard;

static void hear(enum kmm_report_level level, const char *report_text, void *arg)
{
	struct heard *h = arg;

	h->nr++;
	h->level = level;
	snprintf(h->text, sizeof(h->text), "%s", report_text);
}

static void callback_gets_level_text_and_argument(void **state)
{
	(void)state;
	kmm_report_callback_set(hear, &heard);
	kmm_report(KMM_REPORT_ERR, "%s and %d\n", "three", 4);
	assert_int_equal(heard.nr, 1);
	assert_int_equal(heard.level, KMM_REPORT_ERR);
	assert_string_equal(heard.text, "three and 4\n");
	assert_string_equal(read_stderr(), "");
}

static void without_callback_stderr_gets_one_write(void **state)
{
	(void)state;
	kmm_report(KMM_REPORT_WARN, "first line\nsecond %s\n", "line");
	kmm_report(KMM_REPORT_ERR, "another\n");
	assert_string_equal(read_stderr(), "first line\nsecond line\n");
	assert_string_equal(read_stderr(), "another\n");
	assert_string_equal(read_stderr(), "");
}

static void long_report_is_cut_and_says_so(void **state)
{
	char line[KMM_REPORT_MAX + 100];

	(void)state;
	capture_start();
	memset(line, 'x', sizeof(line));
	line[KMM_REPORT_MAX - 1] = '\0';
	kmm_report(KMM_REPORT_INFO, "%s", line);
	assert_string_equal(capture.last, line); /* fits to the last byte */

	line[KMM_REPORT_MAX - 1] = 'x';
	line[sizeof(line) - 1] = '\0';
	kmm_report(KMM_REPORT_INFO, "%s", line);
	assert_int_equal(strlen(capture.last), KMM_REPORT_MAX - 1);
	assert_string_equal(capture.last + KMM_REPORT_MAX - 1 - 5, "x...\n");

	capture_stop();
	kmm_report(KMM_REPORT_INFO, "%s", line);
	assert_int_equal(recv(stderr_reader, line, sizeof(line), MSG_DONTWAIT), KMM_REPORT_MAX - 1);
}

static void errno_is_left_alone(void **state)
{
	(void)state;
	errno = EDOM;
	kmm_report(KMM_REPORT_INFO, "to a stderr that works\n");
	assert_int_equal(errno, EDOM);
	close(STDERR_FILENO);
	kmm_report(KMM_REPORT_INFO, "to one that does not\n");
	assert_int_equal(errno, EDOM);
}

static void bug_without_handler_aborts_after_the_report(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		kmm_report(KMM_REPORT_BUG, "BUG: the end of %s\n", "all");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_string_equal(read_stderr(), "BUG: the end of all\n");
}

static void bug_handler_may_jump_away_and_reports_go_on(void **state)
{
	(void)state;
	capture_start();
	assert_true(capture_bug_in(kmm_report(KMM_REPORT_BUG, "BUG: survived\n")));
	assert_int_equal(capture.last_level, KMM_REPORT_BUG);
	assert_string_equal(capture.last, "BUG: survived\n");
	assert_true(capture_bug_in(kmm_report(KMM_REPORT_BUG, "BUG: again\n")));
	assert_int_equal(capture.nr, 2);
	assert_false(capture_bug_in(kmm_report(KMM_REPORT_ERR, "no bug\n")));
}

static unsigned int nr_handled;

static void count_bug(void)
{
	nr_handled++;
}

static void bug_handler_may_return(void **state)
{
	(void)state;
	kmm_bug_handler_set(count_bug);
	kmm_report(KMM_REPORT_BUG, "BUG: counted\n");
	kmm_report(KMM_REPORT_WARN, "not counted\n");
	assert_int_equal(nr_handled, 1);
}

static void report_again(enum kmm_report_level level, const char *report_text, void *arg)
{
	(void)level;
	(void)report_text;
	(void)arg;
	kmm_report(KMM_REPORT_WARN, "inner %d\n", 1);
}

static void report_inside_the_callback_goes_to_stderr(void **state)
{
	(void)state;
	kmm_report_callback_set(report_again, NULL);
	kmm_report(KMM_REPORT_WARN, "outer\n");
	assert_string_equal(read_stderr(), "inner 1\n");
	kmm_report_callback_set(NULL, NULL);
	kmm_report(KMM_REPORT_WARN, "after\n");
	assert_string_equal(read_stderr(), "after\n");
}

static void report_may_be_made_under_any_lock(void **state)
{
	struct kmm_lock arena_lock = KMM_LOCK_INIT(KMM_RANK_ARENA, "arena lock");

	(void)state;
	kmm_lock(&arena_lock);
	kmm_report(KMM_REPORT_WARN, "under a lock\n");
	kmm_unlock(&arena_lock);
	assert_string_equal(read_stderr(), "under a lock\n");
}

enum { THREADS = 8, REPORTS = 200 };

/* Cuts a report that is not "<digit repeated 100 times>\n" into the count of bad ones. */
static void check_whole(enum kmm_report_level level, const char *report_text, void *arg)
{
	unsigned int *counts = arg; /* good, bad */
	unsigned int i;

	(void)level;
	for (i = 0; i < 100 && report_text[i] == report_text[0]; i++)
		;
	counts[!(i == 100 && report_text[100] == '\n' && !report_text[101])]++;
}

static void report_own_digit(unsigned int index, void *arg)
{
	char line[102];
	unsigned int i;

	(void)arg;
	memset(line, '0' + (int)index, 100);
	line[100] = '\n';
	line[101] = '\0';
	for (i = 0; i < REPORTS; i++)
		kmm_report(KMM_REPORT_INFO, "%s", line);
}

static void reports_of_threads_do_not_mix(void **state)
{
	unsigned int counts[2] = { 0, 0 };

	(void)state;
	kmm_report_callback_set(check_whole, counts);
	run_threads(THREADS, report_own_digit, NULL);
	assert_int_equal(counts[0], THREADS * REPORTS);
	assert_int_equal(counts[1], 0);
}

static int warn_if(int cond)
{
	return KMM_WARN(cond, "value %d", cond);
}

static void warn_names_the_function_and_has_the_value_of_its_condition(void **state)
{
	(void)state;
	capture_start();
	assert_int_equal(warn_if(0), 0);
	assert_int_equal(capture.nr, 0);
	assert_int_equal(warn_if(7), 1);
	assert_int_equal(warn_if(8), 1);
	assert_int_equal(capture.nr, 2);
	assert_int_equal(capture.last_level, KMM_REPORT_WARN);
	assert_string_equal(capture.last, "WARNING: warn_if: value 8\n");
}

static int warn_once_if(int cond)
{
	return KMM_WARN_ONCE(cond, "once");
}

static void warn_once_is_silent_after_the_first(void **state)
{
	(void)state;
	capture_start();
	assert_int_equal(warn_once_if(0), 0);
	assert_int_equal(warn_once_if(1), 1);
	assert_int_equal(warn_once_if(1), 1);
	assert_int_equal(capture.nr, 1);
	assert_string_equal(capture.last, "WARNING: warn_once_if: once\n");
}

static void assertion_is_a_bug_where_checks_are_on_and_not_evaluated_elsewhere(void **state)
{
	unsigned int nr_evaluated = 0;
	bool bug;

	(void)state;
	capture_start();
	kmm_assert(++nr_evaluated);
	assert_int_equal(nr_evaluated, KMM_CONFIG_CHECK >= 1);
	bug = capture_bug_in(kmm_assert(nr_evaluated > 10));
	assert_int_equal(bug, KMM_CONFIG_CHECK >= 1);
	if (bug) {
		assert_non_null(strstr(capture.last, "kernel BUG at "));
		assert_non_null(strstr(capture.last, "nr_evaluated > 10"));
	}
}

#define report_test(name) cmocka_unit_test_setup_teardown(name, stderr_caught, stderr_freed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		report_test(callback_gets_level_text_and_argument),
		report_test(without_callback_stderr_gets_one_write),
		report_test(long_report_is_cut_and_says_so),
		report_test(errno_is_left_alone),
		report_test(bug_without_handler_aborts_after_the_report),
		report_test(bug_handler_may_jump_away_and_reports_go_on),
		report_test(bug_handler_may_return),
		report_test(report_inside_the_callback_goes_to_stderr),
		report_test(report_may_be_made_under_any_lock),
		report_test(reports_of_threads_do_not_mix),
		report_test(warn_names_the_function_and_has_the_value_of_its_condition),
		report_test(warn_once_is_silent_after_the_first),
		report_test(assertion_is_a_bug_where_checks_are_on_and_not_evaluated_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
