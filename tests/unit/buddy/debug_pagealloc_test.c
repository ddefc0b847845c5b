/* SPDX-License-Identifier: MIT
 * debug_pagealloc_test.c - free pages cannot be accessed, pages in use can, and so can what lock-free readers may look at.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "buddy/prep_hooks.h"
#include "prep_world.h"
#include "support/memory_probe.h"

#define OPTIONS ((struct buddy_options){ .mobility = true, .debug_pagealloc = true })

static int setup_debug(void **state)
{
	(void)state;
	prep_world_start(OPTIONS, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_debug_sections(void **state)
{
	(void)state;
	prep_world_start(OPTIONS, 2 * SECTION_SIZE);
	return 0;
}

static int setup_debug_lists(void **state)
{
	(void)state;
	prep_world_start_lists(OPTIONS, PAGEBLOCK_SIZE);
	return 0;
}

static int setup_debug_poison(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true, .debug_pagealloc = true, .page_poison = true },
			 PAGEBLOCK_SIZE);
	return 0;
}

static bool page_is_open(const struct page *page)
{
	const char *memory = arena_page_address(page);

	return memory_is_readable(memory) && memory_is_readable(memory + PAGE_SIZE - 1);
}

static unsigned long nr_open(const struct page *page, unsigned long nr_pages)
{
	unsigned long nr = 0;

	for (unsigned long i = 0; i < nr_pages; i++)
		nr += page_is_open(page + i);
	return nr;
}

static void pages_are_open_while_they_are_in_use(void **state)
{
	(void)state;
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 0);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | (order % 2 ? __GFP_COMP : 0), order);

		assert_non_null(page);
		assert_int_equal(nr_open(pfn_to_page(0), 1024), 1UL << order);
		fill_block(page, order, 0x5a);
		__free_pages(page, order);
		assert_int_equal(nr_open(pfn_to_page(0), 1024), 0);
	}
	assert_silent();
}

static void a_use_after_free_faults(void **state)
{
	volatile char *memory = (volatile char *)__get_free_pages(GFP_KERNEL, 0);
	pid_t child;
	int status;

	(void)state;
	*memory = 1;
	free_pages((unsigned long)memory, 0);
	child = fork();
	if (!child) {
		signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would make something else of it */
		_exit(*memory);
	}
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void pages_on_the_list_of_a_cpu_are_closed(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	fill_block(page, 0, 0x5a);
	__free_page(page);
	assert_true(page_flag_test(page, PG_pcp));
	assert_false(page_is_open(page));
	assert_ptr_equal(alloc_page(GFP_KERNEL), page);
	assert_true(block_is_filled(page, 0, 0x5a));
	__free_page(page);
}

static void new_memory_is_closed(void **state)
{
	const unsigned int nr = SECTION_SIZE / PAGEBLOCK_SIZE + 1;
	struct page *pages[SECTION_SIZE / PAGEBLOCK_SIZE + 1];

	(void)state;
	for (unsigned int i = 0; i < nr; i++)
		pages[i] = alloc_pages(GFP_KERNEL, 10);
	assert_false(page_is_open(pages[nr - 1] + pageblock_nr_pages));
	assert_int_equal(nr_open(pages[nr - 1], pageblock_nr_pages), pageblock_nr_pages);
	for (unsigned int i = 0; i < nr; i++)
		__free_pages(pages[i], 10);
	assert_int_equal(nr_open(pages[nr - 1], pageblock_nr_pages), 0);
}

static void pages_that_were_slabs_stay_open(void **state)
{
	struct page *slab = alloc_pages(GFP_KERNEL, 1), *page;

	(void)state;
	buddy_note_slab(slab, 1);
	__free_pages(slab, 1);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 2);
	page = alloc_pages(GFP_KERNEL, 3);
	assert_ptr_equal(page, slab);
	__free_pages(page, 3);
	assert_int_equal(nr_open(slab, 8), 2);
	assert_true(page_is_open(slab) && page_is_open(slab + 1));
	/* Also when their memory, and what was known of them, was given back. */
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	page = alloc_pages(GFP_KERNEL, 10);
	__free_pages(page, 10);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 2);
}

static void memory_that_was_given_back_stays_closed(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 4);

	(void)state;
	fill_block(page, 4, 0x5a);
	__free_pages(page, 4);
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 0);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 4);
	assert_true(block_is_filled(page, 4, 0));
	__free_pages(page, 4);
}

static void zeroed_pages(void **state)
{
	struct page *page;

	(void)state;
	for (unsigned int round = 0; round < 2; round++) {
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 3);
		assert_true(block_is_filled(page, 3, 0));
		fill_block(page, 3, 0x5a);
		__free_pages(page, 3);
	}
}

static void poison_and_no_access(void **state)
{
	struct page *page;

	(void)state;
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int order = 0; order < MAX_ORDER; order += 5) {
			page = alloc_pages(GFP_KERNEL, order);
			assert_non_null(page);
			fill_block(page, order, 0x5a);
			__free_pages(page, order);
			assert_int_equal(nr_open(page, 1UL << order), 0);
		}
		buddy_trim();
	}
	assert_silent();
}

static int setup_large_system_pages(void **state)
{
	os_page_size_override(4 * PAGE_SIZE);
	return setup_debug(state);
}

static int teardown_large_system_pages(void **state)
{
	const int ret = teardown_pages(state);

	os_page_size_override(0);
	return ret;
}

static void blocks_smaller_than_the_systems_pages_are_left_alone(void **state)
{
	struct page *small = alloc_page(GFP_KERNEL), *large;

	(void)state;
	/* All of the page of the system is open now. */
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 4);
	large = alloc_pages(GFP_KERNEL, 3);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 12);
	__free_pages(large, 3);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 4);
	__free_page(small);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 4);
	large = alloc_pages(GFP_KERNEL, 10);
	__free_pages(large, 10);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 0);
}

static void what_the_system_does_not_close_stays_open(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	os_inject_failure(1);
	__free_page(page);
	os_inject_failure(0);
	assert_true(page_is_open(page));
	assert_ptr_equal(alloc_page(GFP_KERNEL), page);
	__free_page(page);
	assert_false(page_is_open(page));
	assert_silent();
}

/* Then all closed pages around are opened: that takes fewer mappings, not more. */
static void what_the_system_does_not_open_alone(void **state)
{
	struct page *pages[2];

	(void)state;
	pages[0] = alloc_page(GFP_KERNEL);
	os_inject_failure(1);
	pages[1] = alloc_pages(GFP_KERNEL, 1);
	os_inject_failure(0);
	assert_non_null(pages[1]);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 1024);
	__free_pages(pages[1], 1);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 1022);
	__free_page(pages[0]);
	pages[0] = alloc_pages(GFP_KERNEL, 10);
	__free_pages(pages[0], 10);
	assert_int_equal(nr_open(pfn_to_page(0), 1024), 0);
	assert_silent();
}

/* Where memory of the process that can be written is limited, opening is refused as long as the limit is reached. */
static void what_the_system_does_not_open_at_all(void **state)
{
	struct rlimit limit, none;
	struct page *page, *after;
	void *probe = os_reserve(os_page_size(), os_page_size());
	bool limited;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_DATA, &limit), 0);
	none = limit;
	none.rlim_cur = 1; /* 0 would be no limit */
	assert_int_equal(setrlimit(RLIMIT_DATA, &none), 0);
	limited = os_commit(probe, os_page_size()) != 0;
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
	os_release(probe, os_page_size());
	if (limited)
		assert_null(page);
	else
		__free_page(page); /* an emulator or an old system that knows no such limit */
	assert_int_equal(buddy_nr_free(), 1024);
	assert_int_equal(kmm_zone.nr_bad, 0);
	kmm_validate_pages();
	after = alloc_page(GFP_KERNEL);
	assert_non_null(after);
	assert_true(page_is_open(after));
	__free_page(after);
	assert_silent();
}

static int setup_large_world(void **state)
{
	(void)state;
	prep_world_start(OPTIONS, 128UL << 20);
	return 0;
}

/* So many places where access changes that the system would run out of mappings. */
static void scattered_pages_stay_open_in_part(void **state)
{
	const unsigned int nr = 20000;
	struct page **pages = calloc(nr, sizeof(*pages));
	unsigned long nr_closed = 0;

	(void)state;
	assert_non_null(pages);
	for (unsigned int i = 0; i < nr; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	assert_silent();
	for (unsigned int i = 0; i < nr; i += 2)
		__free_page(pages[i]);
	assert_int_equal(capture.nr, 1);
	assert_reported("debug_pagealloc: free memory is so scattered that a part stays accessible\n");
	for (unsigned int i = 0; i < nr; i += 2)
		nr_closed += !memory_is_readable(page_address(pages[i]));
	assert_true(nr_closed > 4000 && nr_closed < 8192);
	/* What is taken now comes out of the scattered ones. */
	for (unsigned int i = 0; i < nr; i += 2) {
		pages[i] = alloc_page(GFP_KERNEL);
		assert_non_null(pages[i]);
		*(char *)page_address(pages[i]) = 1;
	}
	for (unsigned int i = 0; i < nr; i++)
		__free_page(pages[i]);
	assert_int_equal(capture.nr, 1);
	free(pages);
}

static int setup_large_guarded(void **state)
{
	(void)state;
	prep_world_start((struct buddy_options){ .mobility = true, .debug_pagealloc = true, .guard_minorder = 1 },
			 128UL << 20);
	return 0;
}

/* Each page that is taken leaves a closed guard behind. */
static void guards_are_opened_when_there_are_too_many(void **state)
{
	const unsigned int nr = 10000;
	struct page **pages = calloc(nr, sizeof(*pages));
	struct page *large = alloc_pages(GFP_KERNEL, 10); /* so that it happens within a section, not when one is new */
	unsigned int nr_changes = 0;
	bool open = true;

	(void)state;
	assert_non_null(pages);
	for (unsigned int i = 0; i < nr; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		assert_true(PageGuard(pages[i] + 1));
		*(char *)page_address(pages[i]) = 1;
	}
	assert_int_equal(capture.nr, 1);
	assert_reported("debug_pagealloc: free memory is so scattered that a part stays accessible\n");
	for (unsigned long pfn = 0; pfn < kmm_zone.end_pfn; pfn++) {
		const bool now = memory_is_readable(arena_page_address(arena_pfn_to_page(pfn)));

		nr_changes += now != open;
		open = now;
	}
	assert_in_range(nr_changes, 8000, 16384 + 1);
	__free_pages(large, 10);
	for (unsigned int i = 0; i < nr; i++)
		__free_page(pages[i]);
	free(pages);
}

static void a_child_goes_on(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (!child) {
		struct page *other = alloc_pages(GFP_KERNEL, 2);
		bool ok = other && page_is_open(other) && page_is_open(page);

		__free_pages(other, 2);
		__free_page(page);
		_exit(ok && !page_is_open(other) && !page_is_open(page) ? 0 : 1);
	}
	assert_true(waitpid(child, &status, 0) == child);
	assert_int_equal(status, 0);
	assert_true(page_is_open(page));
	__free_page(page);
}

static void everything_is_open_after_the_end(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	char *base = kmm_arena.base;

	(void)state;
	__free_pages(page, 3);
	assert_non_null(alloc_page(GFP_KERNEL));
	buddy_stop();
	for (size_t off = 0; off < PAGEBLOCK_SIZE; off += PAGE_SIZE)
		assert_true(memory_is_readable(base + off));
}

static void a_start_without_memory_fails(void **state)
{
	(void)state;
	capture_start();
	/* The byte of each page: reserved, committed. With poison before it, which is undone. */
	for (unsigned int refused = 1; refused <= 4; refused++) {
		struct buddy_options options = OPTIONS;

		options.page_poison = refused > 2;
		prep_world_options(options);
		assert_int_equal(arena_start(PAGEBLOCK_SIZE), 0);
		os_inject_failure(refused);
		assert_int_equal(buddy_start(), -ENOMEM);
		os_inject_failure(0);
		assert_int_equal(buddy_prep_hooks, 0);
		buddy_stop();
		arena_stop(false);
	}
	capture_stop();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_debug, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_open_while_they_are_in_use),
		TEST(a_use_after_free_faults),
		cmocka_unit_test_setup_teardown(pages_on_the_list_of_a_cpu_are_closed, setup_debug_lists,
						teardown_lists),
		cmocka_unit_test_setup_teardown(new_memory_is_closed, setup_debug_sections, teardown_pages),
		TEST(pages_that_were_slabs_stay_open),
		TEST(memory_that_was_given_back_stays_closed),
		TEST(zeroed_pages),
		cmocka_unit_test_setup_teardown(poison_and_no_access, setup_debug_poison, teardown_pages),
		cmocka_unit_test_setup_teardown(blocks_smaller_than_the_systems_pages_are_left_alone,
						setup_large_system_pages, teardown_large_system_pages),
		TEST(what_the_system_does_not_close_stays_open),
		TEST(what_the_system_does_not_open_alone),
		TEST(what_the_system_does_not_open_at_all),
		cmocka_unit_test_setup_teardown(scattered_pages_stay_open_in_part, setup_large_world, teardown_pages),
		cmocka_unit_test_setup_teardown(guards_are_opened_when_there_are_too_many, setup_large_guarded,
						teardown_pages),
		TEST(a_child_goes_on),
		TEST(everything_is_open_after_the_end),
		cmocka_unit_test(a_start_without_memory_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
