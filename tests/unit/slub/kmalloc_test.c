/* SPDX-License-Identifier: MIT
 * kmalloc_test.c - memory by size: classes, whole pages, reallocation, copies, and bad pointers.
 */
#include "slub_world.h"

#include "slub/kmalloc.h"

/* Read at run time, so that the compiler does not refuse what the test is about. */
static volatile size_t largest = SIZE_MAX;

static void every_size_is_usable_and_aligned(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 20000; size += size < 300 ? 1 : 97) {
		char *p = kmalloc(size, GFP_KERNEL);

		assert_non_null(p);
		assert_true(ksize(p) >= size);
		assert_int_equal((uintptr_t)p % 8, 0);
		if (is_power_of_2(size) && size >= 8)
			assert_int_equal((uintptr_t)p % min_of(size, (size_t)4096), 0);
		memset(p, 0xa5, ksize(p));
		kfree(p);
	}
	world_expect_silence();
}

static void class_sizes_are_8_to_8k_with_96_and_192(void **state)
{
	static const size_t expected[][2] = {
		{ 1, 8 },     { 9, 16 },    { 65, 96 },   { 96, 96 },     { 97, 128 },
		{ 129, 192 }, { 192, 192 }, { 193, 256 }, { 4097, 8192 }, { 8192, 8192 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(expected); i++) {
		void *p = kmalloc(expected[i][0], GFP_KERNEL);

		assert_int_equal(ksize(p), expected[i][1]);
		kfree(p);
	}
}

static void above_8k_memory_is_whole_pages(void **state)
{
	unsigned long before = nr_free_pages();
	void *p = kmalloc(8193, GFP_KERNEL);

	(void)state;
	assert_int_equal(ksize(p), 16384);
	assert_int_equal(before - nr_free_pages(), 4);
	kfree(p);
	assert_int_equal(nr_free_pages(), before);
	p = kmalloc_large(1, GFP_KERNEL);
	assert_int_equal(ksize(p), 4096);
	kfree(p);
	p = kmalloc(KMALLOC_MAX_SIZE, GFP_KERNEL);
	assert_non_null(p);
	assert_int_equal(ksize(p), KMALLOC_MAX_SIZE);
	kfree(p);
	assert_int_equal(nr_free_pages(), before);
}

static void a_size_no_order_holds_gives_null(void **state)
{
	(void)state;
	assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	assert_null(kmalloc(largest / 2 + 1, GFP_KERNEL | __GFP_NOWARN));
	world_expect_silence();
	assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	world_expect_report("above KMALLOC_MAX_SIZE");
	kfree(kmalloc(100, GFP_KERNEL));
	world_expect_silence();
}

static void zero_bytes_are_zero_size_ptr(void **state)
{
	(void)state;
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kcalloc(0, 10, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_int_equal(ksize(ZERO_SIZE_PTR), 0);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	assert_int_equal(ksize(NULL), 0);
	world_expect_silence();
}

static void zeroing_calls_zero(void **state)
{
	static const size_t sizes[] = { 8, 100, 8192, 20000 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int round = 0; round < 3; round++) {
			char *p = round ? kzalloc(sizes[i], GFP_KERNEL) : kcalloc(sizes[i], 1, GFP_KERNEL);

			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xff, sizes[i]);
			kfree(p);
		}
	}
}

static void array_overflow_gives_null(void **state)
{
	(void)state;
	assert_null(kmalloc_array(largest / 8, 9, GFP_KERNEL));
	assert_null(kcalloc(largest, 2, GFP_KERNEL));
	world_expect_silence();
}

static void krealloc_keeps_the_contents(void **state)
{
	char *p = krealloc(NULL, 10, GFP_KERNEL), *q;

	(void)state;
	memcpy(p, "0123456789", 10);
	q = krealloc(p, 16, GFP_KERNEL);
	assert_ptr_equal(p, q);
	q = krealloc(p, 5000, GFP_KERNEL);
	assert_memory_equal(q, "0123456789", 10);
	q = krealloc(q, 50000, GFP_KERNEL | __GFP_ZERO);
	assert_memory_equal(q, "0123456789", 10);
	for (size_t i = 8192; i < 50000; i++)
		assert_int_equal(q[i], 0);
	assert_ptr_equal(krealloc(q, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	p = krealloc(ZERO_SIZE_PTR, 10, GFP_KERNEL);
	assert_non_null(p);
	kfree(p);
	world_expect_silence();
}

static void krealloc_that_fails_leaves_the_old_memory(void **state)
{
	char *p = kmalloc(10, GFP_KERNEL);

	(void)state;
	memcpy(p, "0123456789", 10);
	assert_null(krealloc(p, KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	assert_memory_equal(p, "0123456789", 10);
	kfree(p);
}

static void copies_are_equal_and_their_own(void **state)
{
	char source[] = "linux", *copy = kstrdup(source, GFP_KERNEL);

	(void)state;
	assert_string_equal(copy, source);
	assert_ptr_not_equal(copy, source);
	kfree(copy);
	copy = kstrndup(source, 3, GFP_KERNEL);
	assert_string_equal(copy, "lin");
	kfree(copy);
	copy = kstrndup(source, 30, GFP_KERNEL);
	assert_string_equal(copy, "linux");
	kfree(copy);
	copy = kmemdup(source, sizeof(source), GFP_KERNEL);
	assert_memory_equal(copy, source, sizeof(source));
	kfree(copy);
	assert_null(kstrdup(NULL, GFP_KERNEL));
	assert_null(kstrndup(NULL, 3, GFP_KERNEL));
	assert_ptr_equal(kmemdup(source, 0, GFP_KERNEL), ZERO_SIZE_PTR);
}

static void kfree_of_a_pointer_that_is_not_ours_is_reported_and_ignored(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	int local;

	(void)state;
	kfree(&local);
	world_expect_report("WARNING: kfree: object pointer:");
	kfree((void *)(uintptr_t)12345678);
	world_expect_report("WARNING: kfree: object pointer:");
	kfree(page_address(page));
	world_expect_report("WARNING: kfree: object pointer:");
	kmm_validate_pages();
	__free_pages(page, 2);
	world_expect_silence();
}

static void kfree_inside_an_allocation_is_reported_and_ignored(void **state)
{
	char *small = kmalloc(64, GFP_KERNEL), *large = kmalloc(20000, GFP_KERNEL);

	(void)state;
	kfree(small + 8);
	world_expect_report("BUG kmalloc-64 (Not tainted): Invalid object pointer");
	kfree(large + 4096);
	world_expect_report("WARNING: kfree: object pointer:");
	kfree(large + 16);
	world_expect_report("WARNING: kfree: object pointer:");
	kfree(small);
	kfree(large);
	world_expect_silence();
}

static void double_kfree_of_large_memory_is_reported(void **state)
{
	void *p = kmalloc(20000, GFP_KERNEL);

	(void)state;
	kfree(p);
	kfree(p);
	world_expect_report("WARNING: kfree: object pointer:");
	kmm_validate_pages();
}

static void kfree_takes_objects_of_any_cache(void **state)
{
	struct kmem_cache *s = kmem_cache_create("any", 72, 0, 0, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	kfree(object);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void first_call_starts_the_library(void **state)
{
	void *p;

	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	kfree(NULL);
	p = kmalloc(100, GFP_KERNEL);
	assert_non_null(p);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	kfree(p);
	assert_true(kmm_init(NULL) < 0);
	kmm_boot_reset_for_test();
}

#define MEMORY(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_call_starts_the_library),
		MEMORY(every_size_is_usable_and_aligned),
		MEMORY(class_sizes_are_8_to_8k_with_96_and_192),
		MEMORY(above_8k_memory_is_whole_pages),
		MEMORY(a_size_no_order_holds_gives_null),
		MEMORY(zero_bytes_are_zero_size_ptr),
		MEMORY(zeroing_calls_zero),
		MEMORY(array_overflow_gives_null),
		MEMORY(krealloc_keeps_the_contents),
		MEMORY(krealloc_that_fails_leaves_the_old_memory),
		MEMORY(copies_are_equal_and_their_own),
		MEMORY(kfree_of_a_pointer_that_is_not_ours_is_reported_and_ignored),
		MEMORY(kfree_inside_an_allocation_is_reported_and_ignored),
		MEMORY(double_kfree_of_large_memory_is_reported),
		MEMORY(kfree_takes_objects_of_any_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
