/* SPDX-License-Identifier: MIT
 * arena_test.c - the size of the world: limits that fit and limits that do not, sections one after the other.
 */
#include <errno.h>

#include "base/options.h"
#include "support/pages_world.h"

static const struct kmm_param *const tables[] = { arena_params, NULL };

static int setup(void **state)
{
	(void)state;
	capture_start();
	arena_options_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	os_inject_failure(0);
	arena_stop(false);
	arena_options_reset();
	os_page_size_override(0);
	capture_stop();
	return 0;
}

static void the_constants_of_every_build(void **state)
{
	(void)state;
	assert_int_equal(PAGE_SHIFT, 12);
	assert_int_equal(MAX_ORDER, 11);
	assert_int_equal(pageblock_order, 10);
	assert_int_equal(pageblock_nr_pages, 1024);
	assert_true(sizeof(struct page) <= (sizeof(void *) == 8 ? 64 : 32));
}

static void the_first_section_is_online_after_the_start(void **state)
{
	(void)state;
	assert_int_equal(arena_start(3 * SECTION_SIZE), 0);
	assert_silent();
	assert_int_equal((uintptr_t)kmm_arena.base % PAGEBLOCK_SIZE, 0);
	assert_int_equal(kmm_arena.nr_pages, 3 * PAGES_PER_SECTION);
	assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	kmm_arena.base[SECTION_SIZE - 1] = 1;
	for (unsigned int i = 1; i < 3; i++) {
		const unsigned long pfn = i * PAGES_PER_SECTION, end = pfn + PAGES_PER_SECTION;

		assert_false(arena_pfn_online(pfn));
		assert_int_equal(kmm_arena.mem_map[end - 1].flags, 0); /* readable before it is online */
		assert_int_equal(arena_online(pfn, PAGES_PER_SECTION, 0), 0);
		assert_true(arena_pfn_online(end - 1));
		assert_false(arena_pfn_online(end));
		kmm_arena.mem_map[end - 1].flags = 1;
		kmm_arena.base[(end << PAGE_SHIFT) - 1] = 1;
	}
	assert_int_equal(kmm_arena.nr_online, kmm_arena.nr_pages);
	assert_int_equal(arena_metadata_size(),
			 3 * PAGES_PER_SECTION * sizeof(struct page) + 3 * SECTION_SIZE / PAGEBLOCK_SIZE * 2);
}

static void the_last_section_may_be_a_part(void **state)
{
	(void)state;
	assert_int_equal(arena_start(SECTION_SIZE + PAGEBLOCK_SIZE + 12345), 0);
	assert_int_equal(kmm_arena.nr_pages, PAGES_PER_SECTION + pageblock_nr_pages);
	assert_int_equal(arena_online(PAGES_PER_SECTION, pageblock_nr_pages, 0), 0);
	assert_int_equal(arena_next_online(kmm_arena.nr_pages - 1), kmm_arena.nr_pages - 1);
	assert_int_equal(arena_next_online(kmm_arena.nr_pages), kmm_arena.nr_pages);
	kmm_arena.base[SECTION_SIZE + PAGEBLOCK_SIZE - 1] = 1;
	kmm_arena.mem_map[kmm_arena.nr_pages - 1].flags = 1;
	kmm_arena.pageblock_flags[(kmm_arena.nr_pages >> pageblock_order) - 1] = 1;
}

static void one_pageblock_is_enough(void **state)
{
	(void)state;
	assert_int_equal(arena_start(PAGEBLOCK_SIZE), 0);
	assert_int_equal(kmm_arena.nr_online, pageblock_nr_pages);
}

static void a_smaller_limit_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(arena_start(PAGEBLOCK_SIZE - 1), -EINVAL);
	assert_null(kmm_arena.base);
	assert_reported("4194303 bytes is too small");
	assert_int_equal(arena_start(PAGEBLOCK_SIZE), 0);
}

static void a_limit_larger_than_the_address_space_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(arena_start(SIZE_MAX), -EINVAL);
	assert_null(kmm_arena.base);
	assert_reported("is larger than the address space");
	if (sizeof(void *) == 8) {
		capture_clear();
		assert_int_equal(arena_start((size_t)1 << (sizeof(void *) == 8 ? 47 : 0)), -EINVAL);
		assert_reported("is larger than the address space");
	}
	assert_int_equal(arena_start(PAGEBLOCK_SIZE), 0);
}

static void a_limit_that_the_system_refuses_is_an_error(void **state)
{
	(void)state;
	os_inject_failure(1);
	assert_int_equal(arena_start(SECTION_SIZE), -ENOMEM);
	assert_null(kmm_arena.base);
	assert_reported("refuses to reserve");
	assert_int_equal(arena_start(SECTION_SIZE), 0);
	assert_int_equal(kmm_arena.nr_pages, PAGES_PER_SECTION);
}

static void the_default_is_halved_until_it_is_accepted(void **state)
{
	unsigned long full;

	(void)state;
	assert_int_equal(arena_start(0), 0);
	full = kmm_arena.nr_pages;
	assert_true(full >= pageblock_nr_pages);
	if (sizeof(void *) == 4)
		assert_true(full <= (512UL << 20) >> PAGE_SHIFT);
	arena_stop(false);
	os_inject_failure(1);
	assert_int_equal(arena_start(0), 0);
	assert_int_equal(kmm_arena.nr_pages, (full / 2) & ~(pageblock_nr_pages - 1));
	assert_silent();
}

static void mem_option_is_the_limit(void **state)
{
	(void)state;
	assert_int_equal(kmm_options_parse("mem=24M", tables, true), 0);
	assert_int_equal(arena_start(0), 0);
	assert_int_equal(kmm_arena.nr_pages, (24UL << 20) >> PAGE_SHIFT);
	arena_stop(false);
	/* The caller's own number wins, and an option lasts for one start. */
	assert_int_equal(kmm_options_parse("mem=24M", tables, true), 0);
	assert_int_equal(arena_start(8UL << 20), 0);
	assert_int_equal(kmm_arena.nr_pages, (8UL << 20) >> PAGE_SHIFT);
	arena_stop(false);
	assert_int_equal(arena_start(0), 0);
	assert_int_not_equal(kmm_arena.nr_pages, (24UL << 20) >> PAGE_SHIFT);
}

static void bad_options_are_refused(void **state)
{
	static const char *const bad[] = {
		"mem=1M", "mem=", "mem", "mem=12Q", "transparent_hugepage", "transparent_hugepage=maybe"
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		capture_clear();
		assert_int_equal(kmm_options_parse(bad[i], tables, true), -EINVAL);
		assert_int_equal(capture.nr, 1);
	}
}

static void huge_page_advice_never_stops_the_start(void **state)
{
	static const char *const options[] = { "transparent_hugepage=never", "transparent_hugepage=madvise",
					       "transparent_hugepage=always", "transparent_hugepage=inuse" };
	unsigned int calls[ARRAY_SIZE(options)];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		assert_int_equal(kmm_options_parse(options[i], tables, true), 0);
		os_inject_failure(0);
		assert_int_equal(arena_start(SECTION_SIZE), 0);
		calls[i] = os_calls();
		kmm_arena.base[0] = 1;
		arena_stop(false);
	}
	assert_silent();
	/* "madvise" leaves both ranges to the system. */
	assert_int_equal(calls[1], calls[0] - 2);
	assert_int_equal(calls[1], calls[2] - 2);
	/* "inuse" starts as "never", and has a map of what is in use. */
	assert_int_equal(calls[3], calls[0] + 2);
}

static void addresses_and_pages_belong_together(void **state)
{
	(void)state;
	assert_null(arena_addr_to_page(state)); /* not started: nothing is ours, NULL included */
	assert_null(arena_addr_to_page(NULL));
	assert_int_equal(arena_start(2 * SECTION_SIZE), 0);
	assert_null(arena_addr_to_page(kmm_arena.base - 1));
	assert_ptr_equal(arena_addr_to_page(kmm_arena.base), kmm_arena.mem_map);
	assert_ptr_equal(arena_addr_to_page(kmm_arena.base + PAGE_SIZE), kmm_arena.mem_map + 1);
	assert_ptr_equal(arena_addr_to_page(kmm_arena.base + SECTION_SIZE - 1),
			 kmm_arena.mem_map + PAGES_PER_SECTION - 1);
	assert_int_equal(page_refcount(arena_addr_to_page(kmm_arena.base + SECTION_SIZE)),
			 0); /* not online: all zero */
	assert_null(arena_addr_to_page(kmm_arena.base + 2 * SECTION_SIZE));
	assert_ptr_equal(arena_page_address(kmm_arena.mem_map + 3), kmm_arena.base + 3 * PAGE_SIZE);
}

static void memory_given_back_is_zero_and_counted(void **state)
{
	const unsigned long pages = 16 * (os_page_size() / PAGE_SIZE);
	const size_t size = pages * PAGE_SIZE;

	(void)state;
	assert_int_equal(arena_start(SECTION_SIZE), 0);
	memset(kmm_arena.base, 0x5a, 2 * size);
	assert_int_equal(arena_give_back(0, pages), size);
	assert_int_equal(kmm_arena.base[0], 0);
	assert_int_equal(kmm_arena.base[size - 1], 0);
	assert_int_equal(kmm_arena.base[size], 0x5a);
	assert_int_equal(arena_give_back(0, 0), 0);
	os_inject_failure(1);
	assert_int_equal(arena_give_back(pages, pages), 0);
	assert_int_equal(kmm_arena.base[size], 0x5a);
}

/* Sixteen of our pages in one of the system's: only whole ones of these can be given back. */
static void large_system_pages_are_given_back_whole(void **state)
{
	(void)state;
	if (os_page_size() > 16 * PAGE_SIZE)
		skip();
	os_page_size_override(16 * PAGE_SIZE);
	assert_int_equal(arena_start(SECTION_SIZE + PAGEBLOCK_SIZE), 0);
	memset(kmm_arena.base, 0x5a, 64 * PAGE_SIZE);
	assert_int_equal(arena_give_back(1, 15), 0);
	assert_int_equal(arena_give_back(1, 30), 0);
	assert_int_equal(arena_give_back(9, 7), 0);
	assert_int_equal(kmm_arena.base[31 * PAGE_SIZE], 0x5a);
	assert_int_equal(arena_give_back(1, 47), 32 * PAGE_SIZE);
	assert_int_equal(kmm_arena.base[16 * PAGE_SIZE - 1], 0x5a);
	assert_int_equal(kmm_arena.base[16 * PAGE_SIZE], 0);
	assert_int_equal(kmm_arena.base[48 * PAGE_SIZE - 1], 0);
	assert_int_equal(kmm_arena.base[48 * PAGE_SIZE], 0x5a);
}

/* The part of the page array of a small section is then less than a system page. */
static void sections_come_online_with_large_system_pages(void **state)
{
	(void)state;
	if (os_page_size() > 16 * PAGE_SIZE)
		skip();
	os_page_size_override(16 * PAGE_SIZE);
	assert_int_equal(arena_start(SECTION_SIZE + PAGEBLOCK_SIZE), 0);
	assert_int_equal(arena_online(PAGES_PER_SECTION, pageblock_nr_pages, 0), 0);
	kmm_arena.base[SECTION_SIZE + PAGEBLOCK_SIZE - 1] = 1;
	kmm_arena.mem_map[kmm_arena.nr_pages - 1].flags = 1;
	kmm_arena.pageblock_flags[(kmm_arena.nr_pages >> pageblock_order) - 1] = 1;
}

static void the_end_leaves_everything_readable(void **state)
{
	(void)state;
	for (unsigned int refuse = 0; refuse < 2; refuse++) {
		assert_int_equal(arena_start(SECTION_SIZE), 0);
		kmm_arena.base[0] = 0x5a;
		kmm_arena.mem_map[5].refcount = 7;
		os_inject_failure(refuse);
		arena_stop(true);
		os_inject_failure(0);
		assert_int_equal(kmm_arena.base[0], 0x5a);
		assert_int_equal(kmm_arena.mem_map[5].refcount, 0);
		arena_stop(false);
		assert_null(kmm_arena.base);
	}
}

/* A section that the system refuses, at each step, can be asked for again. */
static void a_refused_section_can_be_tried_again(void **state)
{
	unsigned int refused = 0;

	(void)state;
	assert_int_equal(arena_start(2 * SECTION_SIZE), 0);
	for (unsigned int n = 1;; n++) {
		os_inject_failure(n);
		if (arena_online(PAGES_PER_SECTION, PAGES_PER_SECTION, 0) == 0)
			break;
		refused++;
		assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	}
	assert_int_equal(refused, 3);
	kmm_arena.base[2 * SECTION_SIZE - 1] = 1;
	kmm_arena.mem_map[2 * PAGES_PER_SECTION - 1].flags = 1;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_constants_of_every_build),
		TEST(the_first_section_is_online_after_the_start),
		TEST(the_last_section_may_be_a_part),
		TEST(one_pageblock_is_enough),
		TEST(a_smaller_limit_is_an_error),
		TEST(a_limit_larger_than_the_address_space_is_an_error),
		TEST(a_limit_that_the_system_refuses_is_an_error),
		TEST(the_default_is_halved_until_it_is_accepted),
		TEST(mem_option_is_the_limit),
		TEST(bad_options_are_refused),
		TEST(huge_page_advice_never_stops_the_start),
		TEST(addresses_and_pages_belong_together),
		TEST(memory_given_back_is_zero_and_counted),
		TEST(large_system_pages_are_given_back_whole),
		TEST(sections_come_online_with_large_system_pages),
		TEST(the_end_leaves_everything_readable),
		TEST(a_refused_section_can_be_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
