/* SPDX-License-Identifier: MIT
 * capture.h - keeps the library's reports for a test to look at, and survives BUGs.
 *
 * Owns:   the report callback and the bug handler between capture_start() and capture_stop().
 * Rules:  one file of a test program includes this. BUGs are survived on the thread that asks for it only.
 */
#ifndef KMM_TESTS_SUPPORT_CAPTURE_H
#define KMM_TESTS_SUPPORT_CAPTURE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

struct capture {
	unsigned int nr; /* reports since capture_start() or capture_clear() */
	enum kmm_report_level last_level;
	char last[KMM_REPORT_MAX];
	char all[4 * KMM_REPORT_MAX]; /* one after the other, as many as fit */
};

static struct capture capture;
static __thread jmp_buf capture_bug_return;
static __thread bool capture_bug_expected;

/* The report lock is held: no two at a time. */
static inline void capture_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)arg;
	capture.nr++;
	capture.last_level = level;
	strcpy(capture.last, text);
	if (strlen(capture.all) + strlen(text) < sizeof(capture.all))
		strcat(capture.all, text);
}

static inline void capture_bug(void)
{
	if (!capture_bug_expected)
		abort();
	longjmp(capture_bug_return, 1);
}

static inline void capture_clear(void)
{
	memset(&capture, 0, sizeof(capture));
}

static inline void capture_start(void)
{
	capture_clear();
	kmm_report_callback_set(capture_report, NULL);
	kmm_bug_handler_set(capture_bug);
}

static inline void capture_stop(void)
{
	kmm_report_callback_set(NULL, NULL);
	kmm_bug_handler_set(NULL);
}

/* True when @statement ended in a BUG report; what it would have done after that is left out. */
#define capture_bug_in(statement)                      \
	({                                             \
		volatile bool capture_hit_ = true;     \
		capture_bug_expected = true;           \
		if (setjmp(capture_bug_return) == 0) { \
			statement;                     \
			capture_hit_ = false;          \
		}                                      \
		capture_bug_expected = false;          \
		capture_hit_;                          \
	})

#endif /* KMM_TESTS_SUPPORT_CAPTURE_H */
