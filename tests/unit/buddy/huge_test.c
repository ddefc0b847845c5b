/* SPDX-License-Identifier: MIT
 * huge_test.c - transparent_hugepage=inuse: the system is asked for huge pages when the first memory of a pageblock is taken,
 * once, and told that none are wanted when all of it went back.
 */
#include <unistd.h>

#include "support/pcp_world.h"
#include "support/threads.h"

#include <kmm/contig.h>

#define NR_BLOCKS 4

static void ask_for(const char *option)
{
	static const struct kmm_param *const tables[] = { arena_params, NULL };

	assert_int_equal(kmm_options_parse(option, tables, true), 0);
}

static int setup(void **state)
{
	(void)state;
	ask_for("transparent_hugepage=inuse");
	pages_world_start(NR_BLOCKS * PAGEBLOCK_SIZE);
	os_inject_failure(0);
	return 0;
}

static int setup_never(void **state)
{
	(void)state;
	pages_world_start(NR_BLOCKS * PAGEBLOCK_SIZE);
	os_inject_failure(0);
	return 0;
}

static int setup_lists(void **state)
{
	(void)state;
	ask_for("transparent_hugepage=inuse");
	pcp_world_boot(NR_BLOCKS * PAGEBLOCK_SIZE, PCP_CPUS);
	buddy_start_late();
	pcp_limits(64, 1024, 1024);
	os_inject_failure(0);
	return 0;
}

/* Pageblocks for which huge pages are asked for. */
static unsigned int nr_in_use(void)
{
	return (unsigned int)__builtin_popcountl(kmm_arena.in_use[0]);
}

/* Does the system list the mapping that holds @addr with the flag @flag? -1: it does not list flags. */
static int mapping_has_flag(const void *addr, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;
	int found = -1;

	while (file && found < 0 && fgets(line, sizeof(line), file)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)addr >= start && (uintptr_t)addr < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	if (file)
		fclose(file);
	return found;
}

/* An emulator keeps the advice to itself. */
static bool system_has_huge_pages(void)
{
	return !EMULATED && access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
}

static void expect_flags(const struct page *page, bool huge)
{
	if (!system_has_huge_pages() || mapping_has_flag(page_address(page), " rd") != 1)
		return;
	assert_int_equal(mapping_has_flag(page_address(page), " hg"), huge);
	assert_int_equal(mapping_has_flag(page_address(page), " nh"), !huge);
}

static void a_pageblock_is_asked_for_once(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *next = alloc_page(GFP_KERNEL), *whole;

	(void)state;
	assert_int_equal(os_calls(), 1);
	expect_flags(page, true);
	whole = alloc_pages(GFP_KERNEL, 10);
	assert_int_equal(os_calls(), 2);
	expect_flags(whole, true);
	assert_int_equal(nr_in_use(), 2);
	/* It was used, and has memory. */
	__free_page(page);
	__free_page(next);
	__free_pages(whole, 10);
	whole = alloc_pages(GFP_KERNEL, 10);
	assert_int_equal(os_calls(), 2);
	__free_pages(whole, 10);
}

static void what_went_back_as_a_whole_is_asked_for_again(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);
	unsigned int calls;

	(void)state;
	memset(page_address(page), 0x5a, PAGEBLOCK_SIZE);
	__free_pages(page, 10);
	assert_int_equal(nr_in_use(), 1);
	calls = os_calls();
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	assert_int_equal(os_calls(), calls + 3); /* the memory, that of the page array, the advice */
	assert_int_equal(nr_in_use(), 0);
	expect_flags(page, false);
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		assert_non_null(alloc_pages(GFP_KERNEL, 10));
	assert_int_equal(nr_in_use(), NR_BLOCKS);
	expect_flags(page, true);
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		__free_pages(kmm_arena.mem_map + i * pageblock_nr_pages, 10);
}

static void a_pageblock_that_is_partly_in_use_stays_asked_for(void **state)
{
	struct page *used = alloc_page(GFP_KERNEL), *half = alloc_pages(GFP_KERNEL, 9);
	unsigned int calls;

	(void)state;
	memset(page_address(half), 0x5a, PAGE_SIZE << 9);
	__free_pages(half, 9);
	assert_true(buddy_trim() > 0);
	assert_int_equal(nr_in_use(), 1);
	calls = os_calls();
	half = alloc_pages(GFP_KERNEL, 9);
	assert_int_equal(os_calls(), calls);
	expect_flags(half, true);
	__free_pages(half, 9);
	__free_page(used);
}

static void a_refusal_to_give_back_leaves_it_asked_for(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	__free_pages(page, 10);
	os_inject_failure(1);
	assert_int_equal(buddy_trim(), 0);
	assert_int_equal(nr_in_use(), 1);
	os_inject_failure(0);
}

static void the_pages_of_cpus_lists_count(void **state)
{
	struct page *page, *bulk[64] = { NULL };

	(void)state;
	assert_int_equal(nr_in_use(), 0); /* memblock's pages were taken before there were pageblocks */
	page = alloc_page(GFP_KERNEL);
	assert_true(page != NULL);
	assert_int_equal(nr_in_use(), 1);
	/* A whole pageblock for another type. */
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL | __GFP_MOVABLE, ARRAY_SIZE(bulk), bulk), ARRAY_SIZE(bulk));
	assert_int_equal(nr_in_use(), 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(bulk); i++)
		__free_page(bulk[i]);
	__free_page(page);
}

static void a_contiguous_range_counts(void **state)
{
	const unsigned long start = 2 * pageblock_nr_pages, end = start + pageblock_nr_pages + 1;

	(void)state;
	assert_int_equal(alloc_contig_range(start, end, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_int_equal(nr_in_use(), 2);
	free_contig_range(start, end - start);
}

static void other_words_never_ask(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	assert_null(kmm_arena.in_use);
	assert_int_equal(os_calls(), 0);
	expect_flags(page, false);
	__free_pages(page, 10);
	assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
	assert_int_equal(os_calls(), 2);
}

/* Without room for what is known, everything works as without huge pages. */
static void a_system_without_room_has_no_huge_pages(void **state)
{
	unsigned int calls, nr_without = 0;

	(void)state;
	ask_for("transparent_hugepage=inuse");
	os_inject_failure(0);
	pages_world_start(NR_BLOCKS * PAGEBLOCK_SIZE);
	calls = os_calls();
	pages_world_stop();
	capture_start();
	for (unsigned int n = 1; n <= calls; n++) {
		ask_for("transparent_hugepage=inuse");
		os_inject_failure(n);
		if (arena_start(NR_BLOCKS * PAGEBLOCK_SIZE))
			continue;
		nr_without += !kmm_arena.in_use;
		arena_block_used(0);
		arena_block_unused(0);
		os_inject_failure(0);
		arena_stop(false);
	}
	os_inject_failure(0);
	arena_options_reset();
	capture_stop();
	assert_int_equal(nr_without, 2);
}

enum { THREADS = 4, ROUNDS = 200 };

static void take_first(unsigned int index, void *arg)
{
	struct page **taken = arg;

	taken[index] = alloc_page(GFP_KERNEL);
}

static void of_many_first_takers_one_asks(void **state)
{
	struct page *taken[THREADS] = { NULL };

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int calls = os_calls();

		run_threads(THREADS, take_first, taken);
		assert_int_equal(os_calls(), calls + 1);
		assert_int_equal(nr_in_use(), 1);
		for (unsigned int i = 0; i < THREADS; i++)
			__free_page(taken[i]);
		assert_int_equal(buddy_trim(), PAGEBLOCK_SIZE);
		assert_int_equal(nr_in_use(), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(a_pageblock_is_asked_for_once),
		TEST(what_went_back_as_a_whole_is_asked_for_again),
		TEST(a_pageblock_that_is_partly_in_use_stays_asked_for),
		TEST(a_refusal_to_give_back_leaves_it_asked_for),
		cmocka_unit_test_setup_teardown(the_pages_of_cpus_lists_count, setup_lists, teardown_pcp),
		cmocka_unit_test_setup_teardown(a_contiguous_range_counts, setup_lists, teardown_pcp),
		cmocka_unit_test_setup_teardown(other_words_never_ask, setup_never, teardown_pages),
		cmocka_unit_test(a_system_without_room_has_no_huge_pages),
		TEST(of_many_first_takers_one_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
