/* SPDX-License-Identifier: MIT
 * refusal.h - an attempt that is refused a page, or all from one on, and leaves the world as it was.
 */
#ifndef KMM_TESTS_FAULT_REFUSAL_H
#define KMM_TESTS_FAULT_REFUSAL_H

#include "support/world.h"

/* Runs @attempt with the n-th page refused, and every later one too if @forever. @attempt returns whether it got everything,
 * and has given everything back either way. */
static bool attempt_with_refusal(bool (*attempt)(void), unsigned long n, bool forever)
{
	unsigned long before;
	bool all;

	kmm_trim();
	before = nr_free_pages();
	buddy_inject_failure(n, forever);
	all = attempt();
	buddy_inject_failure(0, false);
	kmm_validate_slub();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
	return all;
}

#endif /* KMM_TESTS_FAULT_REFUSAL_H */
