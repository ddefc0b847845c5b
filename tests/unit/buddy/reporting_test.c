/* SPDX-License-Identifier: MIT
 * reporting_test.c - memory of free blocks is given back once, counted exactly, and comes back as zeros.
 */
#include <sys/mman.h>

#include "support/pages_world.h"

/* Bytes that blocks of @order are worth: less than the system's page cannot be given back. */
static size_t worth(unsigned int order)
{
	return PAGE_SIZE << order >= os_page_size() ? PAGE_SIZE << order : 0;
}

/* Locked memory is refused every time, more blocks of it than fit into one batch: trimming must come to an end. */
static void blocks_that_are_always_refused_stay_free(void **state)
{
	struct page *pages[160];
	void *start;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = alloc_page(GFP_KERNEL);
	start = page_address(pages[0]);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	start = NULL; /* a sanitizer does not let memory be locked */
#endif
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i += 2)
		__free_page(pages[i]);
	if (start && mlock(start, ARRAY_SIZE(pages) * PAGE_SIZE) == 0) {
		assert_int_equal(buddy_trim(), 0);
		kmm_validate_pages();
		assert_int_equal(kmm_zone.nr_isolated, 0);
		assert_int_equal(buddy_nr_free(), 1024 - ARRAY_SIZE(pages) / 2);
		munlock(start, ARRAY_SIZE(pages) * PAGE_SIZE);
	}
	for (unsigned int i = 1; i < ARRAY_SIZE(pages); i += 2)
		__free_page(pages[i]);
}

static void untouched_memory_is_not_given_back(void **state)
{
	(void)state;
	os_inject_failure(0);
	assert_int_equal(buddy_trim(), 0);
	assert_int_equal(os_calls(), 0);
	assert_int_equal(nr_free_pages(), totalram_pages());
}

static void what_was_used_and_freed_is_given_back_once(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	memset(page_address(page), 0x5a, PAGEBLOCK_SIZE);
	__free_pages(page, 10);
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	assert_int_equal(*(char *)page_address(page), 0);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_int_equal(blocks_listed(10, MIGRATE_UNMOVABLE), 1);
	kmm_validate_pages();
	assert_int_equal(buddy_trim(), 0);
}

static void memory_in_use_stays(void **state)
{
	struct page *used = alloc_page(GFP_KERNEL), *freed = alloc_pages(GFP_KERNEL, 9);

	(void)state;
	memset(page_address(used), 0x5a, PAGE_SIZE);
	memset(page_address(freed), 0x5a, PAGE_SIZE << 9);
	__free_pages(freed, 9);
	assert_int_equal(buddy_trim(), worth(9)); /* the other parts of the split block were never touched */
	assert_int_equal(*(char *)page_address(used), 0x5a);
	assert_int_equal(*(char *)page_address(freed), 0);
	__free_page(used);
	/* Merged with untouched blocks into one that may hold memory. */
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
}

static void blocks_of_all_orders_are_given_back(void **state)
{
	struct page *pages[1024];
	unsigned int step = (unsigned int)max_of(os_page_size() / PAGE_SIZE, (size_t)1) * 2;

	(void)state;
	for (unsigned int i = 0; i < 1024; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		memset(page_address(pages[i]), 0x5a, PAGE_SIZE);
	}
	/* Every second system page, more than fit into one batch. */
	for (unsigned int i = 0; i < 1024; i++)
		if (i % step < step / 2)
			__free_page(pages[i]);
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE / 2);
	kmm_validate_pages();
	assert_int_equal(buddy_trim(), 0);
	for (unsigned int i = 0; i < 1024; i++) {
		assert_int_equal(*(char *)page_address(pages[i]), i % step < step / 2 ? 0 : 0x5a);
		if (i % step >= step / 2)
			__free_page(pages[i]);
	}
	assert_int_equal(blocks_listed(10, MIGRATE_UNMOVABLE), 1);
}

static int setup_large_system_pages(void **state)
{
	if (os_page_size() <= 16 * PAGE_SIZE)
		os_page_size_override(16 * PAGE_SIZE);
	return setup_one_block(state);
}

static int teardown_large_system_pages(void **state)
{
	int ret = teardown_pages(state);

	os_page_size_override(0);
	return ret;
}

static void a_refusal_leaves_the_block_free_and_unreported(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	memset(page_address(page), 0x5a, PAGEBLOCK_SIZE);
	__free_pages(page, 10);
	os_inject_failure(1);
	assert_int_equal(buddy_trim(), 0);
	os_inject_failure(0);
	assert_int_equal(buddy_nr_free(), 1024);
	kmm_validate_pages();
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 10);
	for (size_t i = 0; i < PAGEBLOCK_SIZE; i += 512)
		assert_int_equal(((char *)page_address(page))[i], 0);
	__free_pages(page, 10);
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
}

/* Zeroing is left out for such memory; it must be zero all the same. */
static void zeroed_pages_come_from_reported_blocks_too(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		unsigned char *p = (unsigned char *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 4);

		for (size_t i = 0; i < PAGE_SIZE << 4; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, PAGE_SIZE << 4);
		free_pages((unsigned long)p, 4);
		if (round)
			buddy_trim();
	}
}

static void trimming_nothing_is_harmless(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	assert_int_equal(buddy_trim(), 0);
	__free_pages(page, 10);
	buddy_stop();
	assert_int_equal(buddy_trim(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
#define LARGE(name)                                                                                               \
	{                                                                                                         \
#name "_in_large_system_pages", name, setup_large_system_pages, teardown_large_system_pages, NULL \
	}
	const struct CMUnitTest tests[] = {
		TEST(untouched_memory_is_not_given_back),
		TEST(what_was_used_and_freed_is_given_back_once),
		TEST(memory_in_use_stays),
		LARGE(memory_in_use_stays),
		TEST(blocks_of_all_orders_are_given_back),
		LARGE(blocks_of_all_orders_are_given_back),
		TEST(a_refusal_leaves_the_block_free_and_unreported),
		TEST(zeroed_pages_come_from_reported_blocks_too),
		LARGE(zeroed_pages_come_from_reported_blocks_too),
		TEST(blocks_that_are_always_refused_stay_free),
		TEST(trimming_nothing_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
