/* SPDX-License-Identifier: MIT
 * os_test.c - the calls that touch memory: what they do, that they leave errno alone, and that a test can refuse each.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena/os.h"
#include "support/memory_probe.h"

#define SIZE ((size_t)1 << 20)
#define ALIGN ((size_t)4 << 20)

static void reserved_range_has_the_alignment_asked_for(void **state)
{
	(void)state;
	for (size_t align = os_page_size(); align <= ALIGN; align *= 2) {
		char *range = os_reserve(SIZE, align);

		assert_non_null(range);
		assert_int_equal((uintptr_t)range % align, 0);
		assert_int_equal(os_release(range, SIZE), 0);
	}
}

static void committed_memory_is_zero_and_writable(void **state)
{
	char *range = os_reserve(SIZE, ALIGN);

	(void)state;
	assert_int_equal(os_commit(range, SIZE / 2), 0);
	for (size_t i = 0; i < SIZE / 2; i += os_page_size() / 2)
		assert_int_equal(range[i], 0);
	memset(range, 0x5a, SIZE / 2);
	assert_int_equal(range[SIZE / 2 - 1], 0x5a);
	assert_int_equal(os_commit(range, SIZE), 0); /* again, over what is committed already */
	assert_int_equal(range[0], 0x5a);
	assert_int_equal(range[SIZE - 1], 0);
	os_release(range, SIZE);
}

static void memory_given_back_reads_as_zeros(void **state)
{
	char *range = os_reserve(SIZE, ALIGN);

	(void)state;
	assert_int_equal(os_commit(range, SIZE), 0);
	memset(range, 0x5a, SIZE);
	assert_int_equal(os_give_back(range + os_page_size(), os_page_size()), 0);
	assert_int_equal(range[os_page_size() - 1], 0x5a);
	assert_int_equal(range[os_page_size()], 0);
	assert_int_equal(range[2 * os_page_size() - 1], 0);
	assert_int_equal(range[2 * os_page_size()], 0x5a);
	os_release(range, SIZE);
}

static void protected_memory_keeps_its_contents(void **state)
{
	char *range = os_reserve(SIZE, ALIGN);

	(void)state;
	assert_int_equal(os_commit(range, SIZE), 0);
	memset(range, 0x5a, SIZE);
	assert_int_equal(os_protect(range, SIZE), 0);
	assert_false(memory_is_readable(range));
	assert_int_equal(os_commit(range, SIZE), 0);
	for (size_t i = 0; i < SIZE; i += os_page_size())
		assert_int_equal(range[i], 0x5a);
	os_inject_failure(1);
	assert_int_equal(os_protect(range, SIZE), -ENOMEM);
	os_inject_failure(0);
	assert_true(memory_is_readable(range));
	os_release(range, SIZE);
}

static void decommitted_memory_starts_again_as_zeros(void **state)
{
	char *range = os_reserve(SIZE, ALIGN);

	(void)state;
	assert_int_equal(os_commit(range, SIZE), 0);
	memset(range, 0x5a, SIZE);
	assert_int_equal(os_decommit(range, SIZE), 0);
	assert_int_equal(os_commit(range, SIZE), 0);
	for (size_t i = 0; i < SIZE; i += os_page_size())
		assert_int_equal(range[i], 0);
	os_release(range, SIZE);
}

static void absurd_sizes_are_refused(void **state)
{
	(void)state;
	errno = 77;
	assert_null(os_reserve(SIZE_MAX - os_page_size() + 1, ALIGN));
	assert_null(os_reserve(SIZE_MAX - ALIGN + 1 - os_page_size(), os_page_size()));
	assert_int_equal(errno, 77);
}

static void errno_is_left_alone(void **state)
{
	char *range;

	(void)state;
	for (unsigned int refuse = 0; refuse < 2; refuse++) {
		errno = 77;
		range = os_reserve(SIZE, os_page_size());
		os_inject_failure(refuse);
		assert_int_equal(os_commit(range, SIZE), refuse ? -ENOMEM : 0);
		os_inject_failure(refuse);
		assert_int_equal(os_give_back(range, SIZE), refuse ? -EINVAL : 0);
		os_inject_failure(refuse);
		os_advise_huge(range, SIZE, false);
		os_inject_failure(refuse);
		assert_int_equal(os_decommit(range, SIZE), refuse ? -ENOMEM : 0);
		os_inject_failure(0);
		assert_int_equal(os_release(range, SIZE), 0);
		assert_true(os_memory_size() >= os_page_size());
		assert_int_equal(errno, 77);
	}
	/* A range of nobody: the system itself refuses. */
	assert_int_equal(os_commit(range + 1, SIZE), -ENOMEM);
	assert_int_equal(os_give_back(range + 1, SIZE), -EINVAL);
	assert_int_equal(os_release(range + 1, SIZE), -ENOMEM);
	assert_int_equal(errno, 77);
}

static void exactly_the_nth_call_is_refused(void **state)
{
	char *range = os_reserve(SIZE, os_page_size());

	(void)state;
	os_inject_failure(3);
	assert_int_equal(os_commit(range, SIZE), 0);
	assert_int_equal(os_commit(range, SIZE), 0);
	assert_int_equal(os_commit(range, SIZE), -ENOMEM);
	assert_int_equal(os_commit(range, SIZE), 0);
	assert_int_equal(os_calls(), 4);
	os_inject_failure(0);
	assert_int_equal(os_calls(), 0);
	assert_int_equal(os_commit(range, SIZE), 0);
	os_release(range, SIZE);
	os_inject_failure(1);
	assert_null(os_reserve(SIZE, ALIGN));
	os_inject_failure(0);
}

static void a_refused_trim_still_gives_an_aligned_range(void **state)
{
	(void)state;
	for (unsigned int n = 2; n <= 3; n++) {
		char *range;

		os_inject_failure(n);
		range = os_reserve(SIZE, ALIGN);
		os_inject_failure(0);
		assert_non_null(range);
		assert_int_equal((uintptr_t)range % ALIGN, 0);
		assert_int_equal(os_commit(range, SIZE), 0);
		range[SIZE - 1] = 1;
		os_release(range, SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_range_has_the_alignment_asked_for),
		cmocka_unit_test(committed_memory_is_zero_and_writable),
		cmocka_unit_test(memory_given_back_reads_as_zeros),
		cmocka_unit_test(protected_memory_keeps_its_contents),
		cmocka_unit_test(decommitted_memory_starts_again_as_zeros),
		cmocka_unit_test(absurd_sizes_are_refused),
		cmocka_unit_test(errno_is_left_alone),
		cmocka_unit_test(exactly_the_nth_call_is_refused),
		cmocka_unit_test(a_refused_trim_still_gives_an_aligned_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
