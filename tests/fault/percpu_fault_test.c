/* SPDX-License-Identifier: MIT
 * percpu_fault_test.c - the n-th page is refused, for every n: the request fails whole, nothing leaks, and the next one
 * is served.
 */
#include "arena/os.h"
#include "support/memory_probe.h"
#include "support/percpu_world.h"
#include "support/reclaim_fake.h"

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

static void a_free_chunk_stays_when_its_pages_fail(void **state)
{
	struct pcpu_chunk *chunk;
	char __percpu *page;

	(void)state;
	use_up_idle_pages(0);
	page = page_area(GFP_KERNEL);
	chunk = chunk_of(page);
	free_percpu(page);
	assert_int_equal(chunk->slot, pcpu_free_slot);
	buddy_inject_failure(3, false);
	assert_null(whole_unit());
	buddy_inject_failure(0, false);
	assert_ptr_equal(chunk_of(page), chunk);
	assert_int_equal(chunk->map.populated[0], 1);
	kmm_validate_percpu();
}

/* Pages of all CPUs that can be read in [@first, @last] of the chunk at @base. */
static unsigned int nr_readable(const char *base, int first, int last)
{
	unsigned int cpu, nr = 0;
	int page;

	for_each_possible_cpu(cpu) {
		for (page = first; page <= last; page++)
			nr += memory_is_readable(per_cpu_ptr(base, cpu) + (size_t)page * PAGE_SIZE);
	}
	return nr;
}

static void a_trimmed_page_cannot_be_read(void **state)
{
	char __percpu *ptr = whole_unit();

	(void)state;
	assert_int_equal(nr_readable(ptr, 0, 7), 8 * WORLD_CPUS);
	free_percpu(ptr);
	percpu_trim();
	assert_int_equal(nr_readable(ptr, 0, 7), 0);
}

static void what_a_refused_system_call_left_cannot_be_read(void **state)
{
	struct pcpu_chunk *chunk = chunk_with_last_page();
	const char *base = pcpu_slices.base + chunk->base_off;
	unsigned int n, failed = 0;
	void __percpu *ptr;

	(void)state;
	for (n = 1; n < 100; n++) {
		assert_int_equal(nr_readable(base, 0, 7), WORLD_CPUS);
		os_inject_failure(n);
		ptr = most_of_a_unit();
		os_inject_failure(0);
		failed += !ptr;
		if (!ptr)
			assert_int_equal(nr_readable(base, 0, 7), WORLD_CPUS);
		kmm_validate_percpu();
		free_percpu(ptr);
		percpu_trim();
	}
	assert_int_equal(failed, WORLD_CPUS);
}

static void a_mapping_refused_behind_a_hole_takes_that_before_it_away(void **state)
{
	struct pcpu_chunk *chunk = chunk_with_last_page();
	char __percpu *low = pages_of(chunk, 3), __percpu *mid = pages_of(chunk, 1);
	const char *base = pcpu_slices.base + chunk->base_off;
	unsigned int n, failed = 0;
	void __percpu *ptr = NULL;

	(void)state;
	free_percpu(low);
	percpu_trim();
	free_percpu(mid);
	assert_int_equal(chunk->map.populated[0], 0x88);
	/* Pages 0 to 2, then 4 to 6; the frames are given back to the system one by one before. */
	for (n = 1; n < 100; n++) {
		os_inject_failure(n);
		ptr = most_of_a_unit();
		os_inject_failure(0);
		kmm_validate_percpu();
		if (!ptr) {
			failed++;
			assert_int_equal(nr_readable(base, 0, 7), 2 * WORLD_CPUS);
			assert_int_equal(chunk->map.populated[0], 0x88);
			continue;
		}
		/* As it was. */
		free_percpu(ptr);
		ptr = pages_of(chunk, 3);
		mid = pages_of(chunk, 1);
		free_percpu(ptr);
		percpu_trim();
		free_percpu(mid);
		assert_int_equal(chunk->map.populated[0], 0x88);
	}
	assert_int_equal(failed, 2 * WORLD_CPUS);
}

/* Fills every free page of the arena with something, so that it has memory. */
static void dirty_free_pages(void)
{
	struct page *page, *pages = NULL;

	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		memset(page_address(page), 0x77, PAGE_SIZE);
		page->next = pages;
		pages = page;
	}
	while ((page = pages)) {
		pages = page->next;
		page->next = NULL;
		__free_page(page);
	}
}

static void what_pays_for_a_unit_has_no_memory_itself(void **state)
{
	const size_t size = kmm_arena.nr_pages << PAGE_SHIFT;
	size_t resident;
	void __percpu *ptr;

	(void)state;
	dirty_free_pages();
	resident = memory_nr_resident(kmm_arena.base, size);
	ptr = whole_unit();
	assert_non_null(ptr);
	/* The pages of the unit and that of its bookkeeping. */
	assert_int_equal(resident - memory_nr_resident(kmm_arena.base, size), 8 * WORLD_CPUS + 1);
	free_percpu(ptr);
}

/* Who frees memory may want per-CPU memory, or a lock whose holder waits for some. */
static void nobody_is_asked_to_free_memory_under_the_mutex(void **state)
{
	struct page *page, *pages = NULL;

	(void)state;
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		page->next = pages;
		pages = page;
	}
	fake_reclaim_install();
	assert_null(whole_unit());
	pcpu_balance_for_test();
	assert_int_equal(fake_reclaim_count('r') + fake_reclaim_count('c') + fake_reclaim_count('o'), 0);
	/* Though there would be somebody. */
	assert_null(alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	assert_true(fake_reclaim_count('r') > 0);
	fake_reclaim_remove();
	while ((page = pages)) {
		pages = page->next;
		page->next = NULL;
		__free_page(page);
	}
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
		in_quiet_world(a_free_chunk_stays_when_its_pages_fail),
		in_quiet_world(a_trimmed_page_cannot_be_read),
		in_quiet_world(what_a_refused_system_call_left_cannot_be_read),
		in_quiet_world(a_mapping_refused_behind_a_hole_takes_that_before_it_away),
		in_quiet_world(what_pays_for_a_unit_has_no_memory_itself),
		in_quiet_world(nobody_is_asked_to_free_memory_under_the_mutex),
		in_quiet_world(memory_that_stays_refused_fails_until_it_comes_back),
		in_quiet_world(a_full_arena_fails_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
