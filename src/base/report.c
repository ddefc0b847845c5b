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

/* Formats into @text; a report that is too long keeps its beginning and says that it was cut. */
static size_t format_report(char *text, size_t size, const char *fmt, va_list args) KMM_PRINTF(3, 0);
static size_t format_report(char *text, size_t size, const char *fmt, va_list args)
{
	static const char cut[] = "...\n";
	int len = vsnprintf(text, size, fmt, args);

	if (len < 0)
		len = snprintf(text, size, "libkmm: report \"%.80s\" cannot be formatted\n", fmt);
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

static void report_nested(const char *fmt, va_list args) KMM_PRINTF(1, 0);
static void report_nested(const char *fmt, va_list args)
{
	char text[256];

	write_stderr(text, format_report(text, sizeof(text), fmt, args));
}

static void report_one(enum kmm_report_level level, const char *fmt, va_list args) KMM_PRINTF(2, 0);
static void report_one(enum kmm_report_level level, const char *fmt, va_list args)
{
	size_t len;

	kmm_lock(&report_lock);
	inside_report = true;
	len = format_report(report_text, sizeof(report_text), fmt, args);
	if (report_callback)
		report_callback(level, report_text, report_callback_arg);
	else
		write_stderr(report_text, len);
	inside_report = false;
	kmm_unlock(&report_lock);
}

void kmm_report(enum kmm_report_level level, const char *fmt, ...)
{
	int saved_errno = errno, cancel_state;
	void (*handler)(void);
	va_list args;

	/* write() is a place where a thread can be cancelled; not with the lock held. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	va_start(args, fmt);
	if (inside_report)
		report_nested(fmt, args);
	else
		report_one(level, fmt, args);
	va_end(args);
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
