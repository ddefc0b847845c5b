/* SPDX-License-Identifier: MIT
 * text_test.c - buddyinfo: letter for letter what /proc/buddyinfo looks like.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/boot.h"
#include "support/pages_world.h"

static int setup(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 2 * SECTION_SIZE };

	(void)state;
	return kmm_init(&config);
}

static int teardown(void **state)
{
	(void)state;
	kmm_validate_pages();
	kmm_boot_reset_for_test();
	return 0;
}

/* The caller frees it. */
static char *buddyinfo(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(kmm_buddyinfo(file), 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

/* The counts of a running 6.1 kernel, and the line it printed for them. */
static void the_line_is_that_of_the_kernel(void **state)
{
	static const unsigned long counts[MAX_ORDER] = { 2, 2, 2, 1, 1, 2, 3, 0, 3, 2, 497 };
	unsigned long saved[MAX_ORDER];
	char *text;

	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		saved[order] = kmm_zone.free_area[order].nr_free;
		kmm_zone.free_area[order].nr_free = counts[order];
	}
	text = buddyinfo();
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		kmm_zone.free_area[order].nr_free = saved[order];
	assert_string_equal(text, "Node 0, zone   Normal      2      2      2      1      1      2      3      0      3"
				  "      2    497 \n");
	free(text);
}

/* The free pages that buddyinfo shows, which are all there are. */
static unsigned long pages_shown(void)
{
	char *text = buddyinfo(), *p = text + strlen("Node 0, zone   Normal ");
	unsigned long pages = 0;

	assert_int_equal(strncmp(text, "Node 0, zone   Normal ", (size_t)(p - text)), 0);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		unsigned long nr = strtoul(p, &p, 10);

		assert_int_equal(nr, kmm_zone.free_area[order].nr_free);
		pages += nr << order;
	}
	assert_string_equal(p, " \n");
	free(text);
	assert_int_equal(pages, buddy_nr_free());
	return pages;
}

static void the_numbers_are_those_of_the_zone(void **state)
{
	const unsigned long before = pages_shown();
	struct page *page = alloc_pages(GFP_USER | __GFP_MOVABLE, 3);

	(void)state;
	assert_int_equal(pages_shown(), before - 8);
	__free_pages(page, 3);
	assert_int_equal(pages_shown(), before);
}

static void a_failed_write_is_an_error(void **state)
{
	FILE *file = fopen("/dev/full", "w");

	(void)state;
	if (!file)
		skip();
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(kmm_buddyinfo(file), -EIO);
	fclose(file);
}

static void it_starts_the_library_and_outlives_it(void **state)
{
	char *text;

	(void)state;
	kmm_boot_reset_for_test();
	text = buddyinfo();
	assert_true(nr_free_pages() > 0);
	free(text);
	kmm_exit();
	text = buddyinfo();
	assert_string_equal(text, "Node 0, zone   Normal      0      0      0      0      0      0      0      0      0"
				  "      0      0 \n");
	free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_line_is_that_of_the_kernel),
		TEST(the_numbers_are_those_of_the_zone),
		TEST(a_failed_write_is_an_error),
		TEST(it_starts_the_library_and_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
