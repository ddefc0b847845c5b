/* SPDX-License-Identifier: MIT
 * text_buddyinfo_test.c - buddyinfo: letter for letter what /proc/buddyinfo looks like.
 */
#include "text_world.h"

/* The counts of a running 6.1 kernel, and the line it printed for them. */
static void the_line_is_that_of_the_kernel(void **state)
{
	static const unsigned long counts[MAX_ORDER] = { 2, 2, 2, 1, 1, 2, 3, 0, 3, 2, 497 };

	(void)state;
	assert_string_equal(text_with_free_blocks(kmm_buddyinfo, counts, 0),
			    "Node 0, zone   Normal      2      2      2      1      1      2      3      0      3"
			    "      2    497 \n");
}

/* The free pages that buddyinfo shows for zone Normal. */
static unsigned long pages_shown(void)
{
	static const char head[] = "Node 0, zone   Normal ";
	char *p = strstr(text_of(kmm_buddyinfo), head);
	unsigned long pages = 0;

	assert_non_null(p);
	p += strlen(head);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		unsigned long nr = strtoul(p, &p, 10);

		assert_int_equal(nr, normal_zone()->free_area[order].nr_free);
		pages += nr << order;
	}
	assert_int_equal(strncmp(p, " \n", 2), 0);
	return pages;
}

/* Order 4 and up go past the lists of the CPUs. */
static void the_numbers_are_those_of_the_zone(void **state)
{
	const unsigned long before = pages_shown();
	struct page *page = alloc_pages(GFP_KERNEL, 5);

	(void)state;
	assert_non_null(page);
	assert_int_equal(pages_shown(), before - 32);
	__free_pages(page, 5);
	assert_int_equal(pages_shown(), before);
	assert_int_equal(before, zone_page_state_snapshot(normal_zone(), NR_FREE_PAGES));
}

/* Of 64 MiB in two nodes, 4 of them for DMA. Node 1 has no DMA zone to show. */
static void every_zone_with_pages_has_a_line(void **state)
{
#define COUNTS "      #      #      #      #      #      #      #      #      #      #      # \n"
	(void)state;
	assert_string_equal(skeleton_of(text_of(kmm_buddyinfo), true),
			    "Node #, zone      DMA" COUNTS "Node #, zone   Normal" COUNTS "Node #, zone  Movable" COUNTS
			    "Node #, zone   Normal" COUNTS "Node #, zone  Movable" COUNTS);
	assert_int_equal(strncmp(view_text, "Node 0, zone      DMA ", 22), 0);
	assert_true(strstr(view_text, "Node 0, zone  Movable ") < strstr(view_text, "Node 1, zone   Normal "));
}

static void a_failed_write_is_an_error(void **state)
{
	(void)state;
	assert_failed_write_is_an_error(kmm_buddyinfo);
}

static void it_starts_the_library_and_outlives_it(void **state)
{
	(void)state;
	assert_string_equal(assert_starts_and_outlives_the_library(kmm_buddyinfo), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_text, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_line_is_that_of_the_kernel),
		TEST(the_numbers_are_those_of_the_zone),
		cmocka_unit_test_setup_teardown(every_zone_with_pages_has_a_line, setup_text_two_nodes, world_teardown),
		TEST(a_failed_write_is_an_error),
		TEST(it_starts_the_library_and_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
