/* SPDX-License-Identifier: MIT
 * kmalloc_resize_test.c - how large an allocation is, how it gets another size, and how its contents go for good.
 */
#include "slub_world.h"

/* Read at run time, so that the compiler does not refuse what the test is about. */
static volatile size_t largest = SIZE_MAX;

static void roundup_is_what_is_usable(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 20000; size++) {
		void *p = kmalloc(size, GFP_KERNEL);

		assert_int_equal(kmalloc_size_roundup(size), ksize(p));
		kfree(p);
	}
	for (size_t size = 32768; size <= KMALLOC_MAX_SIZE; size *= 2) {
		const int most = size < KMALLOC_MAX_SIZE ? 1 : 0;

		for (int more = -1; more <= most; more++) {
			void *p = kmalloc(size + (size_t)more, GFP_KERNEL);

			assert_int_equal(kmalloc_size_roundup(size + (size_t)more), ksize(p));
			kfree(p);
		}
	}
	world_expect_silence();
}

static void roundup_of_what_cannot_be_is_itself(void **state)
{
	(void)state;
	assert_int_equal(kmalloc_size_roundup(KMALLOC_MAX_SIZE + 1), KMALLOC_MAX_SIZE + 1);
	assert_int_equal(kmalloc_size_roundup(largest - 1), largest - 1);
	assert_int_equal(kmalloc_size_roundup(largest), largest);
}

static void construct(void *object)
{
	memset(object, 0x11, 20);
}

/* The link of a free object lies behind it, where its owner must not write. */
static void an_object_with_a_constructor_ends_before_its_link(void **state)
{
	struct kmem_cache *s = kmem_cache_create("constructed", 20, 0, 0, construct);
	char *p = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	assert_in_range(ksize(p), 20, 20 + sizeof(void *) - 1);
	memset(p, 0x11, ksize(p));
	kfree(p);
	assert_ptr_equal(kmem_cache_alloc(s, GFP_KERNEL), p);
	kfree(p);
	kmm_validate_cache(s);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void array_overflow_leaves_the_old_memory(void **state)
{
	char *p = kmalloc(8, GFP_KERNEL);

	(void)state;
	memcpy(p, "1234567", 8);
	assert_null(krealloc_array(p, largest / 4, 5, GFP_KERNEL));
	assert_string_equal(p, "1234567");
	p = krealloc_array(p, 1000, 5, GFP_KERNEL);
	assert_string_equal(p, "1234567");
	assert_int_equal(ksize(p), 8192);
	assert_ptr_equal(krealloc_array(p, 0, 5, GFP_KERNEL), ZERO_SIZE_PTR);
	p = krealloc_array(NULL, 3, 5, GFP_KERNEL);
	assert_int_equal(ksize(p), 16);
	kfree(p);
	world_expect_silence();
}

/* Misuse is reported under the name that the caller knows, and once. */
static void what_is_no_allocation_is_refused_by_name(void **state)
{
	char *p = kmalloc(100, GFP_KERNEL);
	int local;

	(void)state;
	assert_null(krealloc(&local, 10, GFP_KERNEL));
	world_expect_report("WARNING: krealloc: object pointer:");
	assert_null(krealloc(p + 8, 1000, GFP_KERNEL));
	world_expect_report("WARNING: krealloc: object pointer:");
	assert_ptr_equal(krealloc(&local, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_int_equal(world_reports.count, 1);
	world_expect_report("WARNING: krealloc: object pointer:");
	assert_null(krealloc_array(&local, 2, 5, GFP_KERNEL));
	world_expect_report("WARNING: krealloc_array: object pointer:");
	assert_int_equal(ksize(p + 1), 0);
	world_expect_report("WARNING: ksize: object pointer:");
	kfree_sensitive(&local);
	assert_int_equal(world_reports.count, 1);
	world_expect_report("WARNING: kfree_sensitive: object pointer:");
	kfree_const(&local);
	world_expect_report("WARNING: kfree_const: object pointer:");
	kfree(p);
	world_expect_silence();
}

/* The freed object is read through a pointer that the compiler does not know to be freed. */
static void sensitive_memory_is_overwritten_to_its_end(void **state)
{
	static const size_t sizes[] = { 24, 200, 5000, 20000 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = kmalloc(sizes[i], GFP_KERNEL);
		size_t size = ksize(p), secrets = 0;
		volatile const char *freed = p;

		memset(p, 0x5e, size);
		kfree_sensitive(p);
		for (size_t at = 0; at < size; at++)
			secrets += freed[at] == 0x5e;
		/* The link to the next free object may hold such a byte, by chance. */
		assert_true(secrets <= sizeof(void *));
	}
	kfree_sensitive(NULL);
	kfree_sensitive(ZERO_SIZE_PTR);
	world_expect_silence();
}

#define MEMORY(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY(roundup_is_what_is_usable),
		MEMORY(roundup_of_what_cannot_be_is_itself),
		MEMORY(an_object_with_a_constructor_ends_before_its_link),
		MEMORY(array_overflow_leaves_the_old_memory),
		MEMORY(what_is_no_allocation_is_refused_by_name),
		MEMORY(sensitive_memory_is_overwritten_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
