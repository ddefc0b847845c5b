/* SPDX-License-Identifier: MIT
 * bitmap_test.c - runs of bits against a map of one byte a bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "support/random.h"

enum { NR_BITS = 300, NR_WORDS = BITS_TO_LONGS(NR_BITS) };

static bool slow[NR_BITS];

static void assert_same(const unsigned long *map)
{
	unsigned int i;

	for (i = 0; i < NR_BITS; i++)
		assert_int_equal(bitmap_test(map, i), slow[i]);
	/* What lies behind the last bit is not ours to change. */
	for (; i < NR_WORDS * BITS_PER_LONG; i++)
		assert_int_equal(bitmap_test(map, i), false);
}

static void set_and_clear_change_their_run_and_nothing_else(void **state)
{
	struct test_random random = { 2 };
	unsigned long map[NR_WORDS] = { 0 };
	unsigned long start, nr, i;
	bool value;

	(void)state;
	memset(slow, 0, sizeof(slow));
	for (unsigned int round = 0; round < 5000; round++) {
		start = test_random_below(&random, NR_BITS);
		nr = test_random_below(&random, NR_BITS - start + 1);
		value = test_random_next(&random) & 1;
		if (value)
			bitmap_set(map, start, nr);
		else
			bitmap_clear(map, start, nr);
		for (i = start; i < start + nr; i++)
			slow[i] = value;
		assert_same(map);
	}
}

static void run_that_ends_with_a_word_does_not_touch_the_next(void **state)
{
	unsigned long map[3] = { 0, 0, 0 };

	(void)state;
	bitmap_set(map, 0, BITS_PER_LONG);
	assert_true(map[0] == ~0UL && map[1] == 0 && map[2] == 0);
	bitmap_set(map, BITS_PER_LONG, 2 * BITS_PER_LONG);
	assert_true(map[1] == ~0UL && map[2] == ~0UL);
	bitmap_clear(map, BITS_PER_LONG - 1, 2);
	assert_true(map[0] == ~0UL >> 1 && map[1] == ~1UL && map[2] == ~0UL);
}

static void empty_run_changes_nothing(void **state)
{
	unsigned long map[1] = { 0x5a };

	(void)state;
	bitmap_set(map, 3, 0);
	bitmap_clear(map, 3, 0);
	bitmap_set(map, 0, 0);
	assert_int_equal(map[0], 0x5a);
}

static void weight_counts_the_bits_below_the_limit(void **state)
{
	struct test_random random = { 3 };
	unsigned long map[NR_WORDS], nbits, i, weight;

	(void)state;
	for (i = 0; i < NR_WORDS; i++)
		map[i] = (unsigned long)test_random_next(&random);
	for (nbits = 0; nbits <= NR_WORDS * BITS_PER_LONG; nbits++) {
		for (i = weight = 0; i < nbits; i++)
			weight += bitmap_test(map, i);
		assert_int_equal(bitmap_weight(map, nbits), weight);
	}
}

static unsigned long slow_zero_area(const unsigned long *map, unsigned long size, unsigned long start, unsigned long nr,
				    unsigned long align_mask)
{
	unsigned long i;

	for (start = (start + align_mask) & ~align_mask; start + nr <= size; start += align_mask + 1) {
		for (i = start; i < start + nr && !bitmap_test(map, i); i++)
			;
		if (i == start + nr)
			return start;
	}
	return size;
}

static void zero_area_is_the_first_that_fits_and_is_aligned(void **state)
{
	struct test_random random = { 4 };
	unsigned long map[NR_WORDS], size, start, nr, mask, i, want, got;
	unsigned int found = 0, missed = 0;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		for (i = 0; i < NR_WORDS; i++)
			map[i] = test_random_sparse(&random, 3);
		size = 1 + test_random_below(&random, NR_BITS);
		start = test_random_below(&random, size + 2);
		nr = 1 + test_random_below(&random, 24);
		mask = (1UL << test_random_below(&random, 5)) - 1;
		want = slow_zero_area(map, size, start, nr, mask);
		got = bitmap_find_next_zero_area(map, size, start, nr, mask);
		if (want < size) {
			found++;
			assert_int_equal(got, want);
		} else {
			missed++;
			assert_true(got >= size);
		}
	}
	assert_true(found > 1000 && missed > 1000);
}

static void area_of_the_whole_map_is_found(void **state)
{
	unsigned long map[NR_WORDS] = { 0 };

	(void)state;
	assert_int_equal(bitmap_find_next_zero_area(map, NR_BITS, 0, NR_BITS, 0), 0);
	assert_true(bitmap_find_next_zero_area(map, NR_BITS, 1, NR_BITS, 0) >= NR_BITS);
	bitmap_set(map, NR_BITS - 1, 1);
	assert_true(bitmap_find_next_zero_area(map, NR_BITS, 0, NR_BITS, 0) >= NR_BITS);
	assert_int_equal(bitmap_find_next_zero_area(map, NR_BITS, 0, NR_BITS - 1, 0), 0);
}

static void size_that_would_wrap_finds_nothing(void **state)
{
	unsigned long map[NR_WORDS] = { 0 };

	(void)state;
	assert_true(bitmap_find_next_zero_area(map, NR_BITS, 10, ~0UL, 0) >= NR_BITS);
	assert_true(bitmap_find_next_zero_area(map, NR_BITS, 10, ~0UL - 5, 7) >= NR_BITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_clear_change_their_run_and_nothing_else),
		cmocka_unit_test(run_that_ends_with_a_word_does_not_touch_the_next),
		cmocka_unit_test(empty_run_changes_nothing),
		cmocka_unit_test(weight_counts_the_bits_below_the_limit),
		cmocka_unit_test(zero_area_is_the_first_that_fits_and_is_aligned),
		cmocka_unit_test(area_of_the_whole_map_is_found),
		cmocka_unit_test(size_that_would_wrap_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
