/* SPDX-License-Identifier: MIT
 * report.c - one report at a time, to the callback or to stderr, without allocating.
 *
 * Owns:       the report buffer, the callback and its argument, the bug handler.
 * Locks:      report_lock guards all of these, and is held while the callback runs.
 * Invariants: R1  a thread that is inside a report and reports again does not wait for itself: the inner report goes
 *                 straight to stderr
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/lock.h"
#include "base/report.h"

static struct kmm_lock report_lock = KMM_LOCK_INIT(KMM_RANK_REPORT, "report lock");
static char report_text[KMM_REPORT_MAX];
static kmm_report_fn report_callback;
static void *report_callback_arg;
static void (*bug_handler)(void);

static __thread bool inside_report;

/* Bytes of a text that vsnprintf() says has @len: one that is too long keeps its beginning and says that it was cut. */
static size_t cut_text(char *text, size_t size, int len)
{
	static const char bad[] = "libkmm: a report that cannot be formatted\n", cut[] = "...\n";

	if (len < 0) {
		memcpy(text, bad, sizeof(bad));
		return sizeof(bad) - 1;
	}
	if ((size_t)len < size)
		return (size_t)len;
	memcpy(text + size - sizeof(cut), cut, sizeof(cut));
	return size - 1;
}

/* One write, as long as the system takes it whole. Where stderr is gone there is nobody to tell. */
static void write_stderr(const char *text, size_t len)
{
	ssize_t done;

	while (len) {
		done = write(STDERR_FILENO, text, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		text += done;
		len -= (size_t)done;
	}
}

static __thread bool quiet_thread;

void kmm_report_quiet(bool quiet)
{
	quiet_thread = quiet;
}

void kmm_report(enum kmm_report_level level, const char *fmt, ...)
{
	int saved_errno = errno, cancel_state;
	char nested_text[256], *text = report_text;
	size_t size = sizeof(report_text), len;
	bool nested = inside_report;
	void (*handler)(void);
	va_list args;

	if (quiet_thread && level < KMM_REPORT_BUG)
		return;
	/* write() is a place where a thread can be cancelled; not with the lock held. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	if (nested) {
		text = nested_text;
		size = sizeof(nested_text);
	} else {
		kmm_lock(&report_lock);
		inside_report = true;
	}
	va_start(args, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the analyzer overlooks the va_start() before it */
	len = cut_text(text, size, vsnprintf(text, size, fmt, args));
	va_end(args);
	if (report_callback && !nested)
		report_callback(level, text, report_callback_arg);
	else
		write_stderr(text, len);
	if (!nested) {
		inside_report = false;
		kmm_unlock(&report_lock);
	}
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;

	if (level != KMM_REPORT_BUG)
		return;
	handler = READ_ONCE(bug_handler);
	if (!handler)
		abort();
	handler();
}

void kmm_report_callback_set(kmm_report_fn fn, void *arg)
{
	kmm_lock(&report_lock);
	report_callback = fn;
	report_callback_arg = arg;
	kmm_unlock(&report_lock);
}

void kmm_bug_handler_set(void (*handler)(void))
{
	WRITE_ONCE(bug_handler, handler);
}

void kmm_report_fork_prepare(void)
{
	kmm_lock_same_rank(&report_lock);
}

void kmm_report_fork_parent(void)
{
	kmm_unlock(&report_lock);
}

void kmm_report_fork_child(void)
{
	kmm_lock_reset(&report_lock);
}
