/* SPDX-License-Identifier: MIT
 * percpu_fault_test.c - the n-th page is refused, for every n: the request fails whole, nothing leaks, and the next one
 * is served.
 */
#include "support/percpu_world.h"

#define UNIT 0x8000

/* Calls @request with each request for pages refused in turn until none is. Returns how many it made. */
static unsigned int fail_each_page(void __percpu *(*request)(void))
{
	unsigned long nr_free, in_buddy;
	void __percpu *ptr = NULL;
	unsigned int n;

	for (n = 1; !ptr; n++) {
		percpu_trim();
		nr_free = nr_free_pages();
		in_buddy = buddy_nr_free();
		buddy_inject_failure(n, false);
		ptr = request();
		buddy_inject_failure(0, false);
		kmm_validate_percpu();
		if (!ptr) {
			assert_int_equal(nr_free_pages(), nr_free);
			assert_int_equal(buddy_nr_free(), in_buddy);
		}
		assert_true(n < 1000);
	}
	free_percpu(ptr);
	percpu_trim();
	assert_int_equal(nr_free_pages(), nr_free);
	world_expect_silence();
	/* The last try was not refused. */
	return n - 2;
}

static void __percpu *whole_unit(void)
{
	return __alloc_percpu_gfp(UNIT, 4, GFP_KERNEL | __GFP_NOWARN);
}

static void a_new_chunk_and_all_its_pages(void **state)
{
	(void)state;
	/* Its metadata is one request for pages, each page of each CPU another. */
	assert_int_equal(fail_each_page(whole_unit), 1 + 8 * WORLD_CPUS);
}

/* Pages of @chunk, after whatever other chunks can serve is used up. */
static char __percpu *pages_of(const struct pcpu_chunk *chunk, int nr)
{
	char __percpu *ptr;

	do {
		ptr = __alloc_percpu((size_t)nr * PAGE_SIZE, PAGE_SIZE);
		assert_non_null(ptr);
	} while (chunk_of(ptr) != chunk);
	return ptr;
}

/* A chunk whose last page is in use and the only one populated. */
static struct pcpu_chunk *chunk_with_last_page(void)
{
	char __percpu *low = __alloc_percpu(7 * PAGE_SIZE, PAGE_SIZE);
	struct pcpu_chunk *chunk = chunk_of(low);

	pages_of(chunk, 1);
	free_percpu(low);
	percpu_trim();
	assert_int_equal(chunk->map.populated[0], 0x80);
	return chunk;
}

static void __percpu *most_of_a_unit(void)
{
	return __alloc_percpu_gfp(7 * PAGE_SIZE - 64, 4, GFP_KERNEL | __GFP_NOWARN);
}

static void pages_of_a_chunk_in_use(void **state)
{
	struct pcpu_chunk *chunk = chunk_with_last_page();

	(void)state;
	assert_int_equal(fail_each_page(most_of_a_unit), 7 * WORLD_CPUS);
	assert_int_equal(chunk->map.populated[0], 0x80);
}

static void a_page_populated_before_stays_when_those_around_it_fail(void **state)
{
	struct pcpu_chunk *chunk = chunk_with_last_page();
	char __percpu *low = pages_of(chunk, 3), __percpu *mid = pages_of(chunk, 1);
	unsigned long nr_free;
	void __percpu *ptr = NULL;
	unsigned int n;

	(void)state;
	free_percpu(low);
	percpu_trim();
	assert_int_equal(chunk->map.populated[0], 0x88);
	free_percpu(mid);
	nr_free = nr_free_pages();
	for (n = 1; !ptr; n++) {
		buddy_inject_failure(n, false);
		ptr = most_of_a_unit();
		buddy_inject_failure(0, false);
		kmm_validate_percpu();
		if (!ptr) {
			assert_int_equal(chunk->map.populated[0], 0x88);
			assert_int_equal(nr_free_pages(), nr_free);
		}
	}
	assert_int_equal(n - 2, 6 * WORLD_CPUS);
	assert_int_equal(chunk->map.populated[0], 0xff);
	assert_int_equal(nr_free - nr_free_pages(), 6 * WORLD_CPUS);
}

static void memory_that_stays_refused_fails_until_it_comes_back(void **state)
{
	void __percpu *ptr;
	int i;

	(void)state;
	buddy_inject_failure(1, true);
	for (i = 0; i < 50; i++)
		assert_null(whole_unit());
	buddy_inject_failure(0, false);
	ptr = whole_unit();
	assert_non_null(ptr);
	free_percpu(ptr);
}

static void a_full_arena_fails_and_loses_nothing(void **state)
{
	void __percpu *last = NULL, *ptr;
	unsigned long nr_free;

	(void)state;
	nr_free = nr_free_pages();
	while ((ptr = whole_unit())) {
		*(void **)per_cpu_ptr(ptr, 0) = last;
		last = ptr;
	}
	/* Whatever ended it, pages or places: what is left does not make a unit. */
	kmm_validate_percpu();
	while (last) {
		ptr = last;
		last = *(void **)per_cpu_ptr(ptr, 0);
		free_percpu(ptr);
	}
	percpu_trim();
	assert_int_equal(nr_free_pages(), nr_free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_quiet_world(a_new_chunk_and_all_its_pages),
		in_quiet_world(pages_of_a_chunk_in_use),
		in_quiet_world(a_page_populated_before_stays_when_those_around_it_fail),
		in_quiet_world(memory_that_stays_refused_fails_until_it_comes_back),
		in_quiet_world(a_full_arena_fails_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
