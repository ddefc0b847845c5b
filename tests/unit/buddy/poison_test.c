/* SPDX-License-Identifier: MIT
 * poison_test.c - free pages hold a pattern; who writes to one is noticed, and the page is not used again.
 */
#include <errno.h>

#include "buddy/prep_hooks.h"
#include "prep_world.h"

static int setup_poison(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true, .page_poison = true }, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_poison_lists(void **state)
{
	(void)state;
	prep_world_start_lists((struct buddy_options){ .mobility = true, .page_poison = true }, PAGEBLOCK_SIZE);
	return 0;
}

/* The words of the two reports, and the pages out of use. */
static void expect_corruption(const char *words, unsigned long nr_bad)
{
	assert_int_equal(capture.nr, 2);
	assert_reported(words);
	assert_reported("BUG: Bad page state in process ");
	assert_reported("page dumped because: pagealloc: corrupted page details\n");
	assert_int_equal(kmm_zone.nr_bad, nr_bad);
	kmm_validate_pages();
	capture_clear();
}

/* A line of the dump: address, bytes, and the same as text, in columns. */
static void assert_dumped(const unsigned char *address, const char *bytes, const char *text)
{
	char line[128];

	snprintf(line, sizeof(line), "%p: %-47s  %s\n", (const void *)address, bytes, text);
	assert_reported(line);
}

static unsigned char *freed_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned char *memory = page_address(page);

	memset(memory, 0x11, PAGE_SIZE);
	__free_page(page);
	return memory;
}

static void freed_pages_are_filled(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		assert_non_null(page);
		fill_block(page, order, 0x11);
		__free_pages(page, order);
		assert_true(block_is_filled(page, order, PAGE_POISON));
	}
	assert_silent();
}

static void untouched_and_merged_memory_is_accepted(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_true(block_is_filled(page, 0, 0));
	__free_page(page);
	page = alloc_pages(GFP_KERNEL, 10);
	assert_non_null(page);
	__free_pages(page, 10);
	assert_silent();
}

static void memory_that_was_given_back_is_accepted(void **state)
{
	struct page *page, *small;

	(void)state;
	freed_page();
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	small = alloc_pages(GFP_KERNEL, 2);
	assert_true(block_is_filled(small, 2, 0));
	__free_pages(small, 2);
	page = alloc_pages(GFP_KERNEL, 10);
	assert_non_null(page);
	__free_pages(page, 10);
	assert_silent();
}

static void memory_that_the_system_does_not_take_is_accepted(void **state)
{
	unsigned char *memory = freed_page();
	struct page *page;

	(void)state;
	os_inject_failure(1);
	assert_int_equal(buddy_trim(), 0);
	os_inject_failure(0);
	assert_int_equal(memory[0], PAGE_POISON);
	page = alloc_pages(GFP_KERNEL, 10);
	assert_non_null(page);
	__free_pages(page, 10);
	assert_silent();
}

static void one_bit(void **state)
{
	unsigned char *memory = freed_page();
	struct page *page;

	(void)state;
	memory[1234] ^= 0x10;
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	assert_ptr_not_equal(page_address(page), memory);
	assert_reported("pagealloc: single bit error\n");
	assert_dumped(memory + 1234, "ba", ".");
	expect_corruption("pagealloc: single bit error\n", 1);
	__free_page(page);
}

static void two_bits(void **state)
{
	unsigned char *memory = freed_page();

	(void)state;
	memory[0] ^= 0x11;
	__free_page(alloc_page(GFP_KERNEL));
	expect_corruption("pagealloc: memory corruption\n", 1);
}

static void the_bytes_are_shown(void **state)
{
	unsigned char *memory = freed_page();

	(void)state;
	memcpy(memory + 100, "Hello, world: 0x", 16);
	memcpy(memory + 116, "7f\x7f", 3);
	__free_page(alloc_page(GFP_KERNEL));
	assert_dumped(memory + 100, "48 65 6c 6c 6f 2c 20 77 6f 72 6c 64 3a 20 30 78", "Hello, world: 0x");
	assert_dumped(memory + 116, "37 66 7f", "7f.");
	expect_corruption("pagealloc: memory corruption\n", 1);
}

static void a_long_difference_is_cut(void **state)
{
	unsigned char *memory = freed_page();

	(void)state;
	memory[0] = 1;
	memory[PAGE_SIZE - 1] = 2;
	__free_page(alloc_page(GFP_KERNEL));
	assert_reported("and 3840 bytes more\n");
	expect_corruption("pagealloc: memory corruption\n", 1);
}

/* Zeros are what memory holds that was given back, but this one was not. */
static void clearing_a_freed_page_is_noticed(void **state)
{
	unsigned char *memory = freed_page();

	(void)state;
	memset(memory, 0, PAGE_SIZE);
	__free_page(alloc_page(GFP_KERNEL));
	expect_corruption("pagealloc: memory corruption\n", 1);
}

static void a_write_to_memory_that_was_given_back_is_noticed(void **state)
{
	unsigned char *memory = freed_page();

	(void)state;
	buddy_trim();
	memory[7] = 1;
	__free_page(alloc_page(GFP_KERNEL));
	assert_dumped(memory + 7, "01", ".");
	expect_corruption("pagealloc: single bit error\n", 1);
}

/* Then poison is a write like any other. */
static void poison_in_memory_that_was_given_back_is_noticed(void **state)
{
	unsigned char *memory = freed_page();

	(void)state;
	buddy_trim();
	memset(memory, PAGE_POISON, PAGE_SIZE);
	__free_page(alloc_page(GFP_KERNEL));
	expect_corruption("pagealloc: memory corruption\n", 1);
}

/* A forked child may find either. */
static void memory_that_is_being_given_back(void **state)
{
	unsigned char *memory = freed_page();
	const unsigned long pfn = page_to_pfn(virt_to_page(memory));

	(void)state;
	poison_may_vanish(pfn, 1);
	__free_page(alloc_page(GFP_KERNEL));
	assert_int_equal(memory[0], PAGE_POISON);
	poison_may_vanish(pfn, 1);
	memset(memory, 0, PAGE_SIZE);
	__free_page(alloc_page(GFP_KERNEL));
	assert_int_equal(memory[0], PAGE_POISON);
	assert_silent();
	poison_may_vanish(pfn, 1);
	memory[1000] = 0;
	__free_page(alloc_page(GFP_KERNEL));
	expect_corruption("pagealloc: memory corruption\n", 1);
}

static void a_block_is_lost_with_its_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3), *other;

	(void)state;
	__free_pages(page, 3);
	*((char *)page_address(page) + 5 * PAGE_SIZE) = 1;
	other = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	assert_ptr_equal(other, page + 8);
	assert_reported("pfn:00005\n");
	expect_corruption("pagealloc: memory corruption\n", 8);
	__free_pages(other, 3);
}

static void pages_on_the_lists_of_a_cpu(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *other;
	unsigned char *memory = page_address(page);

	(void)state;
	__free_page(page);
	assert_true(page_flag_test(page, PG_pcp));
	assert_true(block_is_filled(page, 0, PAGE_POISON));
	memory[9] = 'x';
	other = alloc_page(GFP_KERNEL);
	assert_ptr_not_equal(other, page);
	expect_corruption("pagealloc: memory corruption\n", 1);
	__free_page(other);
	drain_all_pages(NULL);
	kmm_validate_pages();
}

static void zeros_where_they_are_asked_for(void **state)
{
	struct page *page;

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 4);
		assert_true(block_is_filled(page, 4, 0));
		fill_block(page, 4, 0x11);
		__free_pages(page, 4);
		if (round)
			buddy_trim();
	}
	assert_silent();
}

static void zeroing_options_give_way(void **state)
{
	struct page *page;

	(void)state;
	prep_world_start(
		(struct buddy_options){
			.mobility = true, .page_poison = true, .init_on_alloc = true, .init_on_free = true },
		PAGEBLOCK_SIZE);
	assert_int_equal(capture.nr, 2);
	assert_reported("page_poison is on, init_on_alloc is ignored\n");
	assert_reported("page_poison is on, init_on_free is ignored\n");
	capture_clear();
	freed_page();
	page = alloc_page(GFP_KERNEL);
	assert_true(block_is_filled(page, 0, PAGE_POISON));
	__free_page(page);
	assert_silent();
	pages_world_stop();
}

static void a_start_without_memory_fails(void **state)
{
	(void)state;
	capture_start();
	for (unsigned int refused = 1; refused <= 2; refused++) {
		prep_world_options((struct buddy_options){ .mobility = true, .page_poison = true });
		assert_int_equal(arena_start(PAGEBLOCK_SIZE), 0);
		os_inject_failure(refused);
		assert_int_equal(buddy_start(), -ENOMEM);
		os_inject_failure(0);
		buddy_stop();
		arena_stop(false);
	}
	capture_stop();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_poison, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(freed_pages_are_filled),
		TEST(untouched_and_merged_memory_is_accepted),
		TEST(memory_that_was_given_back_is_accepted),
		TEST(memory_that_the_system_does_not_take_is_accepted),
		TEST(one_bit),
		TEST(two_bits),
		TEST(the_bytes_are_shown),
		TEST(a_long_difference_is_cut),
		TEST(clearing_a_freed_page_is_noticed),
		TEST(a_write_to_memory_that_was_given_back_is_noticed),
		TEST(poison_in_memory_that_was_given_back_is_noticed),
		TEST(memory_that_is_being_given_back),
		TEST(a_block_is_lost_with_its_page),
		cmocka_unit_test_setup_teardown(pages_on_the_lists_of_a_cpu, setup_poison_lists, teardown_lists),
		TEST(zeros_where_they_are_asked_for),
		cmocka_unit_test(zeroing_options_give_way),
		cmocka_unit_test(a_start_without_memory_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
