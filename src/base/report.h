/* SPDX-License-Identifier: MIT
 * report.h - the one way in which the library speaks: warnings, errors, bugs.
 *
 * Owns:   the report callback and the report lock (rank 99).
 * Rules:  a report allocates nothing and takes no lock but its own, so any room may report under any lock. One report
 *         is one call of the callback, or one write to stderr: lines of two threads never mix.
 *         KMM_REPORT_BUG aborts after the report, unless a test took it over with kmm_bug_handler_set().
 */
#ifndef KMM_BASE_REPORT_H
#define KMM_BASE_REPORT_H

#include <kmm/init.h>

#include "base/atomic.h"
#include "base/compiler.h"

/* Longest report, bytes; a longer one is cut. */
#define KMM_REPORT_MAX 2048

/* printf-like; adds nothing, so the text carries its own newlines. Does not return for KMM_REPORT_BUG unless a bug
 * handler is set that returns. */
void kmm_report(enum kmm_report_level level, const char *fmt, ...) KMM_PRINTF(2, 3);

/* This thread's reports below KMM_REPORT_BUG are dropped while @quiet: they were all made before. */
void kmm_report_quiet(bool quiet);

/* Sends reports to @fn from now on; NULL means stderr. */
void kmm_report_callback_set(kmm_report_fn fn, void *arg);

/* Called after a BUG report in place of abort(); NULL restores abort(). For tests: it may longjmp. */
void kmm_bug_handler_set(void (*handler)(void));

/* Report lock, for fork.c only: taken last, released first. */
void kmm_report_fork_prepare(void);
void kmm_report_fork_parent(void);
void kmm_report_fork_child(void);

/* The kernel's WARN(): reports "WARNING: <function>: <text>" when @cond holds; the value is @cond. The _AS ones are for an
 * inner function, and name the public one that was called. */
#define KMM_WARN_AS(name, cond, fmt, ...)                                                           \
	({                                                                                          \
		int warn_cond_ = !!(cond);                                                          \
		if (unlikely(warn_cond_))                                                           \
			kmm_report(KMM_REPORT_WARN, "WARNING: %s: " fmt "\n", name, ##__VA_ARGS__); \
		unlikely(warn_cond_);                                                               \
	})
#define KMM_WARN(cond, fmt, ...) KMM_WARN_AS(__func__, cond, fmt, ##__VA_ARGS__)

/* Reports the first time only. */
#define KMM_WARN_ONCE_AS(name, cond, fmt, ...)                                                      \
	({                                                                                          \
		static bool warned_once_;                                                           \
		int warn_once_cond_ = !!(cond);                                                     \
		if (unlikely(warn_once_cond_) && atomic_first_time(&warned_once_))                  \
			kmm_report(KMM_REPORT_WARN, "WARNING: %s: " fmt "\n", name, ##__VA_ARGS__); \
		unlikely(warn_once_cond_);                                                          \
	})
#define KMM_WARN_ONCE(cond, fmt, ...) KMM_WARN_ONCE_AS(__func__, cond, fmt, ##__VA_ARGS__)

/* What we believe. Level 1 and up: checked, and a failure is a BUG. Level 0: not evaluated. */
#define kmm_assert(cond)                                                                                          \
	do {                                                                                                      \
		if (KMM_CONFIG_CHECK >= 1 && unlikely(!(cond)))                                                   \
			kmm_report(KMM_REPORT_BUG, "kernel BUG at %s:%d! %s: %s\n", __FILE__, __LINE__, __func__, \
				   #cond);                                                                        \
	} while (0)

#endif /* KMM_BASE_REPORT_H */
