/* SPDX-License-Identifier: MIT
 * race_test.c - a race point calls its hook with its name, and nothing where there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/race.h"

static unsigned int nr_calls;
static const char *last_point;

static void note_point(const char *point)
{
	nr_calls++;
	last_point = point;
}

static void point_without_a_hook_does_nothing(void **state)
{
	(void)state;
	kmm_race_hook = NULL;
	KMM_RACE_POINT("base:race_test:nobody");
	assert_int_equal(nr_calls, 0);
}

static void hook_is_called_with_the_name_of_the_point(void **state)
{
	(void)state;
	kmm_race_hook = note_point;
	KMM_RACE_POINT("base:race_test:first");
	KMM_RACE_POINT("base:race_test:second");
	kmm_race_hook = NULL;
	KMM_RACE_POINT("base:race_test:third");
	assert_int_equal(nr_calls, 2);
	assert_string_equal(last_point, "base:race_test:second");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(point_without_a_hook_does_nothing),
		cmocka_unit_test(hook_is_called_with_the_name_of_the_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
