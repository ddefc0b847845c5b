/* SPDX-License-Identifier: MIT
 * clrex_test.c - a store-exclusive that fails leaves the word alone, and the CAS tries again. ARMv7 only.
 *
 * Built with KMM_CONFIG_CLREX=3. An emulator that compares values in place of keeping a reservation never loses one,
 * so without this nothing would show a missing retry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/arch.h"

_Static_assert(KMM_CONFIG_CLREX == 3, "the numbers below");

static void every_third_store_exclusive_fails_and_stores_nothing(void **state)
{
	kmm_dword word = { 0, 0 }, next;
	unsigned int i, lost = 0;
	int result;

	(void)state;
	for (i = 0; i < 300; i++) {
		next = (kmm_dword){ word.lo + 1, word.hi + 2 };
		result = armv7_cas2_try(&word, word, next);
		if (result == ARMV7_LOST) {
			lost++;
			assert_int_equal(word.lo, next.lo - 1);
			assert_int_equal(word.hi, next.hi - 2);
			continue;
		}
		assert_int_equal(result, ARMV7_STORED);
		assert_int_equal(word.lo, next.lo);
		assert_int_equal(word.hi, next.hi);
	}
	assert_int_equal(lost, 100);
}

static void difference_is_told_from_a_lost_reservation(void **state)
{
	kmm_dword word = { 1, 2 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		assert_int_equal(armv7_cas2_try(&word, (kmm_dword){ 1, 3 }, (kmm_dword){ 4, 5 }), ARMV7_DIFFERENT);
		assert_int_equal(armv7_cas2_try(&word, (kmm_dword){ 2, 2 }, (kmm_dword){ 4, 5 }), ARMV7_DIFFERENT);
	}
	assert_int_equal(word.lo, 1);
	assert_int_equal(word.hi, 2);
}

static void cas2_succeeds_whatever_is_lost(void **state)
{
	kmm_dword word = { 0, 0 };
	unsigned long i;

	(void)state;
	for (i = 0; i < 300; i++)
		assert_true(arch_cas2(&word, (kmm_dword){ i, 2 * i }, (kmm_dword){ i + 1, 2 * i + 2 }));
	assert_int_equal(word.lo, 300);
	assert_int_equal(word.hi, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_third_store_exclusive_fails_and_stores_nothing),
		cmocka_unit_test(difference_is_told_from_a_lost_reservation),
		cmocka_unit_test(cas2_succeeds_whatever_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
