/* SPDX-License-Identifier: MIT
 * usercopy_test.c - what check_object_size() lets through, and what stops the program.
 */
#include "slub_world.h"

#include "base/report.h"

static jmp_buf stopped;

static void take_over_bug(void)
{
	longjmp(stopped, 1);
}

/* False: the program would have been stopped. */
static bool let_through(const void *ptr, unsigned long n, bool to_user)
{
	kmm_bug_handler_set(take_over_bug);
	if (setjmp(stopped)) {
		kmm_bug_handler_set(NULL);
		return false;
	}
	check_object_size(ptr, n, to_user);
	kmm_bug_handler_set(NULL);
	return true;
}

static void expect_through(const void *ptr, unsigned long n)
{
	assert_true(let_through(ptr, n, true));
	assert_true(let_through(ptr, n, false));
	world_expect_silence();
}

static void expect_stop(const void *ptr, unsigned long n, bool to_user, const char *words)
{
	assert_false(let_through(ptr, n, to_user));
	world_expect_report(words);
}

static void window_of_an_object_may_be_copied_and_nothing_else(void **state)
{
	struct kmem_cache *s = kmem_cache_create_usercopy("window", 100, 0, 0, 16, 32, NULL);
	char *first = kmem_cache_alloc(s, GFP_KERNEL), *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	for (unsigned long offset = 0; offset < 100; offset++) {
		for (unsigned long n = 1; n <= 100; n++) {
			bool inside = offset >= 16 && offset + n <= 48;

			assert_int_equal(let_through(object + offset, n, offset & 1), inside);
			world_forget_reports();
		}
	}
	expect_stop(
		object, 16, true,
		"usercopy: Kernel memory exposure attempt detected from SLUB object 'window' (offset 0, size 16)!\n");
	expect_stop(
		object + 40, 9, false,
		"usercopy: Kernel memory overwrite attempt detected to SLUB object 'window' (offset 40, size 9)!\n");
	/* From one object into the next one. */
	expect_stop(object + 16, s->size + 32, true, "SLUB object 'window' (offset 16, size ");
	expect_stop(object + 16, ~0UL - (uintptr_t)object - 16, true, "SLUB object 'window' (offset 16, size ");
	kmem_cache_free(s, first);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

static void nothing_of_a_cache_without_a_window_may_be_copied(void **state)
{
	struct kmem_cache *s = kmem_cache_create("closed", 100, 0, 0, NULL);
	char *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	expect_stop(object, 1, true, "exposure attempt detected from SLUB object 'closed' (offset 0, size 1)!");
	expect_stop(object + 99, 1, false, "overwrite attempt detected to SLUB object 'closed' (offset 99, size 1)!");
	expect_through(object, 0);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

static void whole_kmalloc_objects_may_be_copied(void **state)
{
	(void)state;
	for (unsigned int size = 8; size <= KMALLOC_MAX_CACHE_SIZE; size *= 2) {
		char *p = kmalloc(size, GFP_KERNEL);

		expect_through(p, size);
		expect_through(p + size - 1, 1);
		expect_stop(p, size + 1, true, "from SLUB object 'kmalloc-");
		expect_stop(p + size - 1, 2, false, "to SLUB object 'kmalloc-");
		kfree(p);
	}
}

static void pages_of_one_allocation_may_be_copied(void **state)
{
	char *p = kmalloc(5 * PAGE_SIZE, GFP_KERNEL); /* eight pages */
	struct page *single = alloc_page(GFP_KERNEL);

	(void)state;
	expect_through(p, 8 * PAGE_SIZE);
	expect_through(p + 3 * PAGE_SIZE + 5, 5 * PAGE_SIZE - 5);
	expect_stop(p, 8 * PAGE_SIZE + 1, true,
		    "usercopy: Kernel memory exposure attempt detected from page alloc (offset 0, size 32769)!\n");
	expect_stop(p + 3 * PAGE_SIZE + 5, 5 * PAGE_SIZE - 4, false, "to page alloc (offset 12293, size 20476)!");
	/* Of a page of its own nobody knows where the caller's memory ends. */
	expect_through(page_address(single), 2 * PAGE_SIZE);
	__free_page(single);
	kfree(p);
}

static void memory_of_others_is_let_through(void **state)
{
	static char variable[100];
	char local[100];

	(void)state;
	expect_through(variable, sizeof(variable));
	expect_through(local, sizeof(local));
	expect_through((void *)(uintptr_t)memory_of_others_is_let_through, 4);
}

static void addresses_that_cannot_be_are_stopped(void **state)
{
	(void)state;
	expect_stop(NULL, 5, true, "from null address (offset 0, size 5)!");
	expect_stop(ZERO_SIZE_PTR, 1, false, "to null address (offset 16, size 1)!");
	expect_stop((void *)~0UL, 2, true, "from wrapped address (offset 0, size 1)!");
	expect_through(NULL, 0);
}

static void rest_of_a_slab_is_no_object(void **state)
{
	struct kmem_cache *s = kmem_cache_create_usercopy("rest", 1000, 0, 0, 0, 1000, NULL);
	char *object = kmem_cache_alloc(s, GFP_KERNEL);
	struct slab *slab = slab_of(object);

	(void)state;
	expect_through(object, 1000);
	expect_stop(slab_address(slab) + (size_t)slab_objects(slab) * s->size, 1, true,
		    "from SLUB object not in SLUB page?! (offset 0, size 1)!");
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

static void window_that_is_not_in_the_object_is_reported_and_none(void **state)
{
	static const unsigned int windows[][2] = {
		{ 8, 0 }, { 0, 101 }, { 100, 1 }, { 60, 41 }, { ~0U, 2 }, { 1, ~0U }
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(windows); i++) {
		struct kmem_cache *s =
			kmem_cache_create_usercopy("bad", 100, 0, SLAB_NO_MERGE, windows[i][0], windows[i][1], NULL);

		world_expect_report("no part of an object of 100 bytes");
		assert_non_null(s);
		assert_int_equal(s->useroffset, 0);
		assert_int_equal(s->usersize, 0);
		kmem_cache_destroy(s);
	}
}

struct message {
	long secret;
	char text[40];
	long more;
};

static void window_may_be_named_by_a_field(void **state)
{
	struct kmem_cache *s = KMEM_CACHE_USERCOPY(message, SLAB_HWCACHE_ALIGN, text);
	struct message *message = kmem_cache_zalloc(s, GFP_KERNEL);

	(void)state;
	expect_through(message->text, sizeof(message->text));
	expect_stop(&message->secret, sizeof(long), true, "'message' (offset 0, ");
	expect_stop(&message->more, sizeof(long), true, "SLUB object 'message'");
	kmem_cache_free(s, message);
	kmem_cache_destroy(s);
}

static void everything_is_let_through_after_the_end(void **state)
{
	void *p;

	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	p = kmalloc(64, GFP_KERNEL);
	kmm_exit();
	assert_true(let_through(p, 1000, true));
	kmm_boot_reset_for_test();
}

#define COPY(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COPY(window_of_an_object_may_be_copied_and_nothing_else),
		COPY(nothing_of_a_cache_without_a_window_may_be_copied),
		COPY(whole_kmalloc_objects_may_be_copied),
		COPY(pages_of_one_allocation_may_be_copied),
		COPY(memory_of_others_is_let_through),
		COPY(addresses_that_cannot_be_are_stopped),
		COPY(rest_of_a_slab_is_no_object),
		COPY(window_that_is_not_in_the_object_is_reported_and_none),
		COPY(window_may_be_named_by_a_field),
		cmocka_unit_test(everything_is_let_through_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
