/* SPDX-License-Identifier: MIT
 * shared_block_test.c - the moment in which the owner of a block gives it back while others hold its first page: what they do
 * just then.
 */
#include <kmm/kmm.h>

#include "base/race.h"
#include "support/refused.h"

static void (*in_the_moment)(void); /* runs once: the block has lost its order, the owner still has its reference */
static struct page *block;

static void hook(const char *point)
{
	void (*run)(void) = in_the_moment;

	if (!run || strcmp(point, "buddy:free_shared_block") != 0)
		return;
	in_the_moment = NULL;
	run();
}

static int setup(void **state)
{
	kmm_race_hook = hook;
	setup_one_block(state);
	block = alloc_pages(GFP_KERNEL, 4);
	get_page(block);
	return 0;
}

static int teardown(void **state)
{
	kmm_race_hook = NULL;
	return teardown_pages(state);
}

static void put_the_other_reference(void)
{
	put_page(block);
	assert_int_equal(buddy_nr_free(), 1008);
	assert_int_equal(page_ref_count(block), 1);
}

static void who_is_left_alone_frees_all_of_it(void **state)
{
	(void)state;
	in_the_moment = put_the_other_reference;
	__free_pages(block, 4);
	assert_null(in_the_moment);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void free_it_too(void)
{
	__free_pages(block, 4);
	assert_int_equal(capture.nr, 1);
	assert_reported("page dumped because: wrong order");
	assert_int_equal(page_ref_count(block), 2);
}

static void a_second_free_of_the_block_is_refused(void **state)
{
	(void)state;
	in_the_moment = free_it_too;
	__free_pages(block, 4);
	assert_null(in_the_moment);
	assert_int_equal(capture.nr, 1);
	assert_int_equal(buddy_nr_free(), 1023);
	kmm_validate_pages();
	put_page(block);
	assert_int_equal(buddy_nr_free(), 1024);
	capture_clear();
}

/* Against all rules: the owner's reference goes as well. The first page is free by then, and the rest is still the owner's. */
static void put_all_references(void)
{
	put_page(block);
	put_page(block);
	assert_int_equal(buddy_nr_free(), 1009);
}

static void the_rest_is_not_lost_when_somebody_drops_too_much(void **state)
{
	(void)state;
	in_the_moment = put_all_references;
	__free_pages(block, 4);
	assert_int_equal(capture.nr, 1);
	assert_reported("page dumped because: nonzero mapcount"); /* it is the first page of a free block */
	assert_int_equal(buddy_nr_free(), 1024);
	capture_clear();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_is_left_alone_frees_all_of_it),
		TEST(a_second_free_of_the_block_is_refused),
		TEST(the_rest_is_not_lost_when_somebody_drops_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
