/* SPDX-License-Identifier: MIT
 * alloc_test.c - alloc_pages() and its relatives: alignment, zeros, failure, the first call of all and calls after the
 * end.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kmm/kmm.h>

#include "base/boot.h"
#include "support/pages_world.h"
#include "support/random.h"
#include "support/threads.h"

static void every_order_is_aligned_to_its_size(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		assert_non_null(page);
		assert_int_equal((uintptr_t)page_address(page) % (PAGE_SIZE << order), 0);
		assert_int_equal(page_to_pfn(page) % (1UL << order), 0);
		assert_int_equal(buddy_nr_free(), 1024 - (1UL << order));
		memset(page_address(page), 0x5a, PAGE_SIZE << order);
		kmm_validate_pages();
		__free_pages(page, order);
		assert_int_equal(buddy_nr_free(), 1024);
	}
	assert_silent();
}

static void zero_flag_clears_what_was_there(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		char *p = page_address(page);

		memset(p, 0x5a, PAGE_SIZE << order);
		__free_pages(page, order);
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
		assert_ptr_equal(page_address(page), p);
		for (size_t i = 0; i < PAGE_SIZE << order; i++)
			assert_int_equal(p[i], 0);
		__free_pages(page, order);
	}
}

static void pages_by_address(void **state)
{
	unsigned long addr = __get_free_pages(GFP_KERNEL, 2), zeroed, one;

	(void)state;
	assert_int_not_equal(addr, 0);
	memset((void *)addr, 0x5a, 4 * PAGE_SIZE);
	assert_ptr_equal(page_address(virt_to_page((void *)addr)), (void *)addr);
	free_pages(addr, 2);
	zeroed = get_zeroed_page(GFP_KERNEL);
	assert_int_equal(zeroed, addr);
	for (unsigned long i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((char *)zeroed)[i], 0);
	one = __get_free_page(GFP_KERNEL);
	free_page(one);
	free_page(zeroed);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void an_order_too_large_is_reported_once(void **state)
{
	(void)state;
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_ORDER));
	assert_silent();
	assert_null(alloc_pages(GFP_KERNEL, MAX_ORDER));
	assert_int_equal(capture.nr, 1);
	assert_reported("WARNING: __alloc_pages: order:");
	assert_null(alloc_pages(GFP_KERNEL, ~0U));
	assert_int_equal(__get_free_pages(GFP_KERNEL, 64), 0);
	assert_int_equal(capture.nr, 1);
}

static void exhaustion_is_null_and_reported_unless_nowarn(void **state)
{
	struct page *all = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	errno = 77;
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, order));
	assert_silent();
	assert_null(alloc_pages(GFP_KERNEL | __GFP_COMP, 3));
	assert_int_equal(capture.nr, 1);
	assert_int_equal(capture.last_level, KMM_REPORT_ERR);
	assert_reported(": page allocation failure: order:3, mode:0x40cc0(GFP_KERNEL|__GFP_COMP)");
	assert_int_equal(get_zeroed_page(GFP_KERNEL), 0);
	assert_int_equal(errno, 77);
	__free_pages(all, 10);
	all = alloc_pages(GFP_KERNEL, 10);
	assert_non_null(all);
	__free_pages(all, 10);
}

static void the_nth_call_fails_when_asked_to(void **state)
{
	struct page *pages[5];

	(void)state;
	buddy_inject_failure(3, false);
	for (unsigned int i = 0; i < 5; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(!pages[i], i == 2);
		if (pages[i])
			__free_page(pages[i]);
	}
	buddy_inject_failure(2, true);
	for (unsigned int i = 0; i < 5; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		assert_int_equal(!pages[i], i >= 1);
	}
	buddy_inject_failure(0, false);
	__free_page(pages[0]);
	pages[0] = alloc_page(GFP_KERNEL);
	assert_non_null(pages[0]);
	__free_page(pages[0]);
	assert_silent();
}

static void a_lock_of_the_slab_level_forbids_pages(void **state)
{
	static struct kmm_lock lock = KMM_LOCK_INIT(KMM_RANK_NODE_LIST, "test_list_lock");
	struct page *page;

	(void)state;
	if (!KMM_CONFIG_CHECK)
		skip();
	page = alloc_page(GFP_KERNEL);
	kmm_lock(&lock);
	assert_true(capture_bug_in((void)!alloc_page(GFP_KERNEL)));
	assert_true(capture_bug_in(__free_page(page)));
	kmm_unlock(&lock);
	__free_page(page);
	capture_clear();
}

struct thread_result {
	unsigned long nr_wrong, nr_failed;
};

/* Takes and gives back pages of small orders, each filled with the thread's own number while it is held. */
static void allocate_and_check(unsigned int index, void *arg)
{
	struct thread_result *result = (struct thread_result *)arg + index;
	struct test_random random = { index + 1 };
	struct {
		unsigned long *p;
		unsigned int order;
	} held[32] = { { NULL, 0 } };

	for (unsigned int step = 0; step < 4000; step++) {
		unsigned int i = (unsigned int)test_random_below(&random, ARRAY_SIZE(held));

		if (held[i].p) {
			unsigned long last = (PAGE_SIZE << held[i].order) / sizeof(long) - 1;

			result->nr_wrong += held[i].p[0] != index + 1 || held[i].p[last] != index + 1;
			free_pages((unsigned long)held[i].p, held[i].order);
			held[i].p = NULL;
		} else {
			gfp_t gfp = test_random_below(&random, 2) ? GFP_KERNEL : GFP_USER | __GFP_MOVABLE;

			held[i].order = (unsigned int)test_random_below(&random, 4);
			held[i].p = (unsigned long *)__get_free_pages(gfp | __GFP_NOWARN, held[i].order);
			if (!held[i].p) {
				result->nr_failed++;
				continue;
			}
			held[i].p[0] = held[i].p[(PAGE_SIZE << held[i].order) / sizeof(long) - 1] = index + 1;
		}
		if (index == 0 && step % 500 == 0)
			buddy_trim();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(held); i++)
		free_pages((unsigned long)held[i].p, held[i].order);
}

static void threads_never_share_a_page(void **state)
{
	struct thread_result results[4] = { { 0, 0 } };

	(void)state;
	run_threads(4, allocate_and_check, results);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(results[i].nr_wrong, 0);
		assert_int_equal(results[i].nr_failed, 0); /* 4 * 32 * 8 pages fit, whatever is being given back */
	}
	assert_int_equal(nr_free_pages(), totalram_pages());
	kmm_validate_pages();
	assert_silent();
}

static void the_first_call_starts_the_library(void **state)
{
	struct page *page;

	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_null(virt_to_page(state));
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	assert_non_null(page);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	__free_page(page);
	kmm_validate_pages();
	kmm_boot_reset_for_test();
}

/* Bytes of memory that the process holds; 0 where that says little about us. */
static size_t resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	fclose(file);
	return pages * os_page_size();
}

/* All of the machine's memory as the limit, and one object in use. */
static void an_idle_library_costs_less_than_2_mib(void **state)
{
	size_t before, after;
	void *object;

	(void)state;
	before = resident();
	object = kmalloc(64, GFP_KERNEL);
	after = resident();
	assert_non_null(object);
	kfree(object);
	kmm_boot_reset_for_test();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	if (!before)
		skip();
	print_message("%zu KiB\n", (after - before) >> 10);
	assert_true(after - before < (2UL << 20));
}

static void after_the_end_there_are_no_pages_and_frees_are_ignored(void **state)
{
	unsigned long addr;
	struct page *page;

	(void)state;
	page = alloc_pages(GFP_KERNEL, 2);
	addr = __get_free_page(GFP_KERNEL);
	assert_non_null(page);
	capture_start();
	kmm_exit();
	assert_null(alloc_page(GFP_KERNEL));
	assert_int_equal(__get_free_pages(GFP_KERNEL, 3), 0);
	__free_pages(page, 2);
	free_page(addr);
	free_pages(addr + (64UL << 20), 1);
	assert_int_equal(*(volatile char *)addr, 0); /* still readable */
	assert_int_equal(buddy_trim(), 0);
	assert_silent();
	kmm_boot_reset_for_test();
	capture_stop();
}

static void a_forked_child_has_pages_of_its_own(void **state)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);
	int status = -1;
	pid_t child;

	(void)state;
	*(volatile int *)addr = 1;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		unsigned long other = __get_free_pages(GFP_KERNEL, 3);
		bool ok = other && *(volatile int *)addr == 1;

		*(volatile int *)addr = 2;
		free_pages(other, 3);
		free_page(addr);
		kmm_validate_pages();
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(*(volatile int *)addr, 1);
	free_page(addr);
	kmm_boot_reset_for_test();
}

static int stop_threads; /* atomic */

/* Children that allocate, free and trim; returns how many did not manage. A lock left behind would be a hang. */
static int fork_children(unsigned int nr)
{
	int nr_bad = 0;

	while (nr--) {
		unsigned long addr[50];
		int status = -1;
		pid_t child = fork();

		if (child == 0) {
			alarm(60);
			for (unsigned int i = 0; i < ARRAY_SIZE(addr); i++)
				addr[i] = __get_free_pages(GFP_KERNEL, 2);
			for (unsigned int i = 0; i < ARRAY_SIZE(addr); i++)
				free_pages(addr[i], 2);
			buddy_trim();
			_exit(addr[ARRAY_SIZE(addr) - 1] ? 0 : 1);
		}
		nr_bad += child < 0 || waitpid(child, &status, 0) != child || status;
	}
	return nr_bad;
}

static void allocate_until_stopped(unsigned int index, void *arg)
{
	struct test_random random = { index + 1 };
	unsigned long addr[16] = { 0 };
	int *nr_bad = arg;

	if (index == 0) {
		*nr_bad = fork_children(20);
		__atomic_store_n(&stop_threads, 1, __ATOMIC_RELAXED);
		return;
	}
	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		unsigned int i = (unsigned int)test_random_below(&random, ARRAY_SIZE(addr));

		free_pages(addr[i], i % 4);
		addr[i] = addr[i] ? 0 : __get_free_pages(GFP_KERNEL, i % 4);
		if (test_random_below(&random, 100) == 0)
			buddy_trim();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(addr); i++)
		free_pages(addr[i], i % 4);
}

static void children_forked_amid_requests_and_trims_can_allocate(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 2 * SECTION_SIZE };
	int nr_bad = -1;

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	stop_threads = 0;
	run_threads(4, allocate_until_stopped, &nr_bad);
	assert_int_equal(nr_bad, 0);
	kmm_validate_pages();
	kmm_boot_reset_for_test();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(every_order_is_aligned_to_its_size),
		TEST(zero_flag_clears_what_was_there),
		TEST(pages_by_address),
		TEST(an_order_too_large_is_reported_once),
		TEST(exhaustion_is_null_and_reported_unless_nowarn),
		TEST(the_nth_call_fails_when_asked_to),
		TEST(a_lock_of_the_slab_level_forbids_pages),
		cmocka_unit_test_setup_teardown(threads_never_share_a_page, setup_two_sections, teardown_pages),
		cmocka_unit_test(the_first_call_starts_the_library),
		cmocka_unit_test(an_idle_library_costs_less_than_2_mib),
		cmocka_unit_test(after_the_end_there_are_no_pages_and_frees_are_ignored),
		cmocka_unit_test(a_forked_child_has_pages_of_its_own),
		cmocka_unit_test(children_forked_amid_requests_and_trims_can_allocate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
