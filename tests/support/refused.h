/* SPDX-License-Identifier: MIT
 * refused.h - a call on a page that must be reported as a bad page and change nothing.
 *
 * Owns: nothing. For worlds of pages_world.h.
 */
#ifndef KMM_TESTS_SUPPORT_REFUSED_H
#define KMM_TESTS_SUPPORT_REFUSED_H

#include "support/pages_world.h"

/* @statement must be reported as a bad page for @reason, with @words, and leave the zone as it is. */
#define expect_refused_saying(statement, reason, words)                \
	do {                                                           \
		const unsigned long free_before_ = buddy_nr_free();    \
		capture_clear();                                       \
		statement;                                             \
		assert_int_equal(capture.nr, 1);                       \
		assert_int_equal(capture.last_level, KMM_REPORT_WARN); \
		assert_reported("BUG: Bad page state in process ");    \
		assert_reported("page dumped because: " reason "\n");  \
		assert_reported(words);                                \
		assert_int_equal(buddy_nr_free(), free_before_);       \
		kmm_validate_pages();                                  \
		capture_clear();                                       \
	} while (0)
#define expect_refused(statement, reason) expect_refused_saying(statement, reason, reason)

#endif /* KMM_TESTS_SUPPORT_REFUSED_H */
