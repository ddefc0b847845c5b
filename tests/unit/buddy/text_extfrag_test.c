/* SPDX-License-Identifier: MIT
 * text_extfrag_test.c - the two fragmentation indexes: the kernel's lines for the kernel's numbers, and what they mean.
 */
#include "text_world.h"

#define HEAD "Node 0, zone   Normal "

static void the_lines_are_those_of_the_kernel(void **state)
{
	static const unsigned long counts[MAX_ORDER] = { 2, 2, 2, 1, 1, 2, 3, 0, 3, 2, 497 };

	(void)state;
	assert_string_equal(text_with_free_blocks(kmm_unusable_index, counts, 0),
			    HEAD "0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.002 0.004 \n");
	assert_string_equal(text_with_free_blocks(kmm_extfrag_index, counts, 0),
			    HEAD "-1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 \n");
}

/* Enough memory for every request, and none of it in two pages side by side. */
static void memory_in_pieces_is_fragmentation(void **state)
{
	static const unsigned long singles[MAX_ORDER] = { [0] = 4000 };

	(void)state;
	assert_string_equal(text_with_free_blocks(kmm_unusable_index, singles, 0),
			    HEAD "0.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 \n");
	assert_string_equal(text_with_free_blocks(kmm_extfrag_index, singles, 0),
			    HEAD "-1.000  0.500  0.750  0.875  0.938  0.969  0.985  0.992  0.996  0.998  0.999 \n");
}

static void little_memory_is_no_fragmentation(void **state)
{
	static const unsigned long one[MAX_ORDER] = { [0] = 1 }, none[MAX_ORDER] = { 0 };

	(void)state;
	assert_string_equal(text_with_free_blocks(kmm_extfrag_index, one, 0),
			    HEAD "-1.000  0.-500  0.-250  0.-125  0.-62  0.-31  0.-15  0.-07  0.-03  0.-01  0.000 \n");
	assert_string_equal(text_with_free_blocks(kmm_extfrag_index, none, 0),
			    HEAD " 0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000 \n");
	assert_string_equal(text_with_free_blocks(kmm_unusable_index, none, 0),
			    HEAD "1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 \n");
}

/* 3072 pages in single ones, and one block of 1024 that is not online yet. */
static void pages_that_are_not_online_yet_are_free_blocks_of_the_largest_order(void **state)
{
	static const unsigned long singles[MAX_ORDER] = { [0] = 3072 };

	(void)state;
	assert_string_equal(text_with_free_blocks(kmm_unusable_index, singles, 1024),
			    HEAD "0.000 0.750 0.750 0.750 0.750 0.750 0.750 0.750 0.750 0.750 0.750 \n");
	assert_string_equal(text_with_free_blocks(kmm_extfrag_index, singles, 1024),
			    HEAD "-1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 \n");
}

static void a_failed_write_is_an_error(void **state)
{
	(void)state;
	assert_failed_write_is_an_error(kmm_unusable_index);
	assert_failed_write_is_an_error(kmm_extfrag_index);
}

static void it_starts_the_library_and_outlives_it(void **state)
{
	(void)state;
	assert_string_equal(assert_starts_and_outlives_the_library(kmm_unusable_index), "");
	assert_string_equal(text_of(kmm_extfrag_index), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_text, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_lines_are_those_of_the_kernel),
		TEST(memory_in_pieces_is_fragmentation),
		TEST(little_memory_is_no_fragmentation),
		TEST(pages_that_are_not_online_yet_are_free_blocks_of_the_largest_order),
		TEST(a_failed_write_is_an_error),
		TEST(it_starts_the_library_and_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
