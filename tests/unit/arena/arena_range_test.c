/* SPDX-License-Identifier: MIT
 * arena_range_test.c - charged ranges: what is mapped is zero, what is not is gone, and a refusal changes nothing.
 */
#include <errno.h>
#include <signal.h>

#include "support/pages_world.h"

#define RANGE_SIZE ((size_t)1 << 20)

static sigjmp_buf fault_return;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(fault_return, 1);
}

/* Does a read of @addr fault? */
static bool faults(const volatile char *addr)
{
	struct sigaction action = { .sa_handler = on_fault }, old_segv, old_bus;
	volatile bool fault = true;

	sigaction(SIGSEGV, &action, &old_segv);
	sigaction(SIGBUS, &action, &old_bus);
	if (sigsetjmp(fault_return, 1) == 0) {
		(void)*addr;
		fault = false;
	}
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return fault;
}

static int setup(void **state)
{
	static struct arena_range range;

	capture_start();
	*state = &range;
	return arena_range_reserve(&range, RANGE_SIZE, 1UL << 22, "the test");
}

static int teardown(void **state)
{
	struct arena_range *range = *state;

	os_inject_failure(0);
	os_page_size_override(0);
	arena_range_release(range);
	assert_null(range->base);
	arena_range_release(range); /* twice is harmless */
	capture_stop();
	return 0;
}

static void a_reserved_range_has_no_memory(void **state)
{
	struct arena_range *range = *state;

	assert_int_equal((uintptr_t)range->base % (1UL << 22), 0);
	assert_int_equal(range->size, RANGE_SIZE);
	assert_true(faults(range->base));
	assert_true(faults(range->base + RANGE_SIZE - 1));
}

static void a_mapped_piece_is_zero_and_alone(void **state)
{
	struct arena_range *range = *state;
	const size_t page = os_page_size();

	assert_int_equal(arena_range_map(range, page, 2 * page), 0);
	assert_true(faults(range->base + page - 1));
	assert_true(faults(range->base + 3 * page));
	for (size_t i = page; i < 3 * page; i++)
		assert_int_equal(range->base[i], 0);
	memset(range->base + page, 0x5a, 2 * page);
}

static void an_unmapped_piece_is_gone_and_comes_back_empty(void **state)
{
	struct arena_range *range = *state;
	const size_t page = os_page_size();

	assert_int_equal(arena_range_map(range, 0, 3 * page), 0);
	memset(range->base, 0x5a, 3 * page);
	arena_range_unmap(range, page, page, false);
	assert_true(faults(range->base + page));
	assert_int_equal(range->base[page - 1], 0x5a);
	assert_int_equal(range->base[2 * page], 0x5a);
	assert_int_equal(arena_range_map(range, page, page), 0);
	assert_int_equal(range->base[page], 0);
	assert_int_equal(range->base[2 * page - 1], 0);
}

static void a_piece_kept_readable_reads_as_zeros(void **state)
{
	struct arena_range *range = *state;
	const size_t page = os_page_size();

	assert_int_equal(arena_range_map(range, 0, page), 0);
	memset(range->base, 0x5a, page);
	arena_range_unmap(range, 0, page, true);
	assert_false(faults(range->base));
	for (size_t i = 0; i < page; i++)
		assert_int_equal(range->base[i], 0);
	assert_int_equal(arena_range_map(range, 0, page), 0);
}

static void a_refused_map_maps_nothing(void **state)
{
	struct arena_range *range = *state;

	os_inject_failure(1);
	assert_int_equal(arena_range_map(range, 0, os_page_size()), -ENOMEM);
	assert_true(faults(range->base));
	assert_int_equal(arena_range_map(range, 0, os_page_size()), 0);
	assert_int_equal(range->base[0], 0);
}

/* Every way in which the system may refuse to take memory back leaves zeros. */
static void a_refused_unmap_leaves_zeros(void **state)
{
	struct arena_range *range = *state;
	const size_t page = os_page_size();

	for (unsigned int keep = 0; keep < 2; keep++) {
		for (unsigned int refuse = 1; refuse <= 2; refuse++) {
			assert_int_equal(arena_range_map(range, 0, page), 0);
			memset(range->base, 0x5a, page);
			os_inject_failure(refuse);
			arena_range_unmap(range, 0, page, keep);
			os_inject_failure(0);
			assert_int_equal(arena_range_map(range, 0, page), 0);
			for (size_t i = 0; i < page; i++)
				assert_int_equal(range->base[i], 0);
		}
	}
}

/* Sixteen of our pages in one of the system's: neighbours come and go without a trace in each other. */
static void neighbours_in_one_large_system_page(void **state)
{
	struct arena_range *range = *state;
	char *const pages[2] = { range->base + 3 * PAGE_SIZE, range->base + 4 * PAGE_SIZE };

	if (os_page_size() > 16 * PAGE_SIZE)
		skip();
	os_page_size_override(16 * PAGE_SIZE);
	for (unsigned int keep = 0; keep < 2; keep++) {
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(arena_range_map(range, (size_t)(pages[i] - range->base), PAGE_SIZE), 0);
			assert_int_equal(pages[i][0], 0);
			memset(pages[i], 0x5a, PAGE_SIZE);
		}
		arena_range_unmap(range, 3 * PAGE_SIZE, PAGE_SIZE, keep);
		assert_int_equal(pages[1][0], 0x5a);
		assert_int_equal(arena_range_map(range, 3 * PAGE_SIZE, PAGE_SIZE), 0);
		assert_int_equal(pages[0][0], 0);
		assert_int_equal(pages[0][PAGE_SIZE - 1], 0);
		arena_range_unmap(range, 4 * PAGE_SIZE, PAGE_SIZE, keep);
		arena_range_unmap(range, 3 * PAGE_SIZE, PAGE_SIZE, keep);
	}
	/* A piece with a whole system page inside, and parts at both ends. */
	assert_int_equal(arena_range_map(range, 8 * PAGE_SIZE, 32 * PAGE_SIZE), 0);
	memset(range->base + 8 * PAGE_SIZE, 0x5a, 32 * PAGE_SIZE);
	arena_range_unmap(range, 8 * PAGE_SIZE, 32 * PAGE_SIZE, false);
	assert_true(faults(range->base + 16 * PAGE_SIZE));
	assert_true(faults(range->base + 32 * PAGE_SIZE - 1));
	assert_int_equal(arena_range_map(range, 8 * PAGE_SIZE, 32 * PAGE_SIZE), 0);
	for (size_t i = 0; i < 32 * PAGE_SIZE; i++)
		assert_int_equal(range->base[8 * PAGE_SIZE + i], 0);
}

static void a_refused_map_in_a_large_system_page_changes_nothing(void **state)
{
	struct arena_range *range = *state;

	if (os_page_size() > 16 * PAGE_SIZE)
		skip();
	os_page_size_override(16 * PAGE_SIZE);
	assert_int_equal(arena_range_map(range, 0, PAGE_SIZE), 0);
	range->base[0] = 0x5a;
	for (size_t nr = 1; nr < 40; nr += 19) {
		os_inject_failure(1);
		assert_int_equal(arena_range_map(range, PAGE_SIZE, nr * PAGE_SIZE), -ENOMEM);
		assert_int_equal(range->base[0], 0x5a);
	}
	os_inject_failure(0);
	assert_int_equal(arena_range_map(range, PAGE_SIZE, 20 * PAGE_SIZE), 0);
	assert_int_equal(range->base[0], 0x5a);
	assert_int_equal(range->base[20 * PAGE_SIZE], 0);
}

static void a_refused_reservation_says_what_for(void **state)
{
	struct arena_range other;

	(void)state;
	assert_int_equal(arena_range_reserve(&other, SIZE_MAX - (1UL << 22), 4096, "a thing of the test"), -ENOMEM);
	assert_null(other.base);
	assert_reported("a thing of the test");
	assert_int_equal(capture.last_level, KMM_REPORT_ERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reserved_range_has_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mapped_piece_is_zero_and_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unmapped_piece_is_gone_and_comes_back_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(a_piece_kept_readable_reads_as_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_map_maps_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_unmap_leaves_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_in_one_large_system_page, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_map_in_a_large_system_page_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_reservation_says_what_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
