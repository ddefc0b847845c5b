/* SPDX-License-Identifier: MIT
 * arena_fault_test.c - the system refuses: every call of the start in turn, every step of growth, and for real by
 * RLIMIT_AS. Whatever happens is said, nothing stays behind, and the library works afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kmm/kmm.h>

#include "base/boot.h"
#include "support/pages_world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define MIB ((size_t)1 << 20)

/* Bytes of address space in use: of the mappings, which an emulator shows without its own. 0 where that says nothing about us,
 * since a sanitizer uses its own. */
static size_t address_space(void)
{
	FILE *file = SANITIZED ? NULL : fopen("/proc/self/maps", "r");
	unsigned long start, end;
	size_t size = 0;
	char line[512];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			size += end - start;
	}
	fclose(file);
	return size;
}

static int try_to_start(size_t limit, const char *options)
{
	struct kmm_config config = {
		.size = sizeof(config),
		.limit = limit,
		.nr_cpus = 2,
		.options = options,
		.report = capture_report,
	};

	return kmm_init(&config);
}

static bool library_works(void)
{
	void *object = kmalloc(100, GFP_KERNEL);
	unsigned long addr = get_zeroed_page(GFP_KERNEL);
	int __percpu *counter = alloc_percpu(int);
	bool works = object && addr && counter;

	kfree(object);
	free_page(addr);
	free_percpu(counter);
	kmm_validate_pages();
	return works;
}

static int setup(void **state)
{
	(void)state;
	capture_start();
	/* What the C library maps once for good must not be mistaken for a leak. */
	assert_int_equal(try_to_start(2 * SECTION_SIZE, NULL), 0);
	assert_true(library_works());
	kmm_boot_reset_for_test();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	os_inject_failure(0);
	kmm_boot_reset_for_test();
	capture_stop();
	return 0;
}

static void every_call_of_the_start_refused_in_turn(void **state)
{
	unsigned int nr_failed = 0, nr_tolerated = 0, n;

	(void)state;
	for (n = 1;; n++) {
		const size_t before = address_space();
		int err;

		capture_clear();
		os_inject_failure(n);
		err = try_to_start(2 * SECTION_SIZE, NULL);
		if (os_calls() < n) {
			assert_int_equal(err, 0);
			os_inject_failure(0); /* before the calls of the end are counted, too */
			kmm_boot_reset_for_test();
			break;
		}
		os_inject_failure(0);
		if (err) {
			nr_failed++;
			assert_int_equal(err, -ENOMEM);
			assert_true(capture.nr > 0); /* the arena or the room that asked says what was refused */
			assert_int_equal(kmm_boot_state(), KMM_COLD);
			assert_null(kmm_arena.base);
			if (before)
				assert_true(address_space() <= before);
			assert_int_equal(try_to_start(2 * SECTION_SIZE, NULL), 0);
		} else {
			nr_tolerated++; /* a hint, or the trim of a reservation */
		}
		assert_true(library_works());
		kmm_boot_reset_for_test();
	}
	print_message("%u calls: %u end the start, %u do not matter\n", n - 1, nr_failed, nr_tolerated);
	/* The arena alone has two reservations and three commits; the trims and pieces of advice are two each. */
	assert_true(nr_failed > 5);
	assert_int_equal(nr_tolerated, 4);
}

static void the_first_use_reports_a_refused_start_and_tries_again(void **state)
{
	(void)state;
	/* Some refusals are overcome: a default limit is halved, a trim is given up. */
	for (unsigned int n = 1; n < 32; n++) {
		capture_clear();
		os_inject_failure(n);
		if (!kmalloc(10, GFP_KERNEL)) {
			os_inject_failure(0);
			assert_true(library_works());
			return;
		}
		os_inject_failure(0);
		kmm_boot_reset_for_test();
	}
	fail_msg("no refusal made the first use fail");
}

static void every_step_of_growth_refused_in_turn(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 3; n++) {
		unsigned long addr[16] = { 0 }, free_before;
		unsigned int nr = 0;

		assert_int_equal(try_to_start(3 * SECTION_SIZE, NULL), 0);
		free_before = nr_free_pages();
		os_inject_failure(n);
		/* Order 10 only: a refused section cannot be made up for by smaller blocks. */
		while (nr < ARRAY_SIZE(addr)) {
			addr[nr] = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, 10);
			if (!addr[nr])
				break;
			memset((void *)addr[nr], 0x5a, PAGEBLOCK_SIZE);
			nr++;
		}
		assert_true(os_calls() > n);
		os_inject_failure(0);
		kmm_validate_pages();
		/* One refusal is overcome by trying again: all of the limit could be used. */
		assert_int_equal(kmm_arena.nr_online, kmm_arena.nr_pages);
		while (nr--)
			free_pages(addr[nr], 10);
		assert_int_equal(nr_free_pages(), free_before);
		kmm_boot_reset_for_test();
	}
}

static void limits_out_of_range(void **state)
{
	(void)state;
	assert_int_equal(try_to_start(SIZE_MAX, NULL), -EINVAL);
	assert_reported("larger than the address space");
	assert_int_equal(try_to_start(1, NULL), -EINVAL);
	assert_reported("too small");
	assert_int_equal(try_to_start(0, "mem=4095K"), -EINVAL);
	assert_int_equal(try_to_start(0, "mem=lots"), -EINVAL);
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	/* What a refused start was told does not last. */
	assert_int_equal(try_to_start(SECTION_SIZE, "mem=32M"), 0);
	assert_int_equal(totalram_pages(), PAGES_PER_SECTION);
	assert_true(library_works());
}

/* Runs @child with RLIMIT_AS set to @room bytes above what is in use, and returns its exit status; -1: not possible. */
static int run_with_address_space(size_t room, int (*child)(void))
{
	const size_t used = address_space();
	int status = -1;
	pid_t pid;

	if (!used)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = { .rlim_cur = used + room, .rlim_max = used + room };

		/* An emulator accepts the limit and does not apply it. */
		if (setrlimit(RLIMIT_AS, &limit) || getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur != used + room)
			_exit(77);
		_exit(child());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

/* Exit codes name the step that went wrong. */
static int explicit_limit_does_not_fit(void)
{
	if (try_to_start(1024 * MIB, NULL) != -ENOMEM)
		return 2;
	if (!strstr(capture.all, "refuses to reserve 1073741824 bytes"))
		return 3;
	if (kmm_boot_state() != KMM_COLD)
		return 4;
	if (try_to_start(16 * MIB, NULL))
		return 5;
	return library_works() ? 0 : 6;
}

static int default_takes_less(void)
{
	if (try_to_start(0, NULL))
		return 2;
	if (!library_works())
		return 3;
	/* At most half of all the address space there is. */
	return totalram_pages() <= (1600 * MIB / 2 + 50 * MIB) >> PAGE_SHIFT ? 0 : 4;
}

static int nothing_fits(void)
{
	if (try_to_start(0, NULL) != -ENOMEM)
		return 2;
	if (!capture.nr)
		return 3;
	if (kmalloc(10, GFP_KERNEL))
		return 4;
	return kmm_boot_state() == KMM_COLD ? 0 : 5;
}

/* Started before the limit: sections come online inside what was reserved, so growth needs no address space. */
static int growth_needs_no_address_space(void)
{
	unsigned int nr = 0;

	while (__get_free_pages(GFP_KERNEL | __GFP_NOWARN, 10))
		nr++;
	kmm_validate_pages();
	return nr >= 3 * SECTION_SIZE / PAGEBLOCK_SIZE ? 0 : 2;
}

/* The defaults share what there is: half for the arena, a quarter for the slices of the CPUs. */
static int defaults_fit_a_small_address_space(void)
{
	if (kmm_init(NULL))
		return 2;
	if (!library_works())
		return 3;
	return kmm_nr_cpus() >= 1 ? 0 : 4;
}

static void expect_success(int status)
{
	if (status < 0)
		skip();
	assert_int_equal(status, 0);
}

static void rlimit_as_refuses_an_explicit_limit(void **state)
{
	(void)state;
	expect_success(run_with_address_space(800 * MIB, explicit_limit_does_not_fit));
}

static void rlimit_as_makes_the_default_smaller(void **state)
{
	(void)state;
	expect_success(run_with_address_space(1600 * MIB, default_takes_less));
}

static void rlimit_as_makes_the_slices_fewer(void **state)
{
	(void)state;
	/* A sanitizer's shadow is most of the address space, and no share of it can be told from the rest. */
	if (address_space() / MIB > 1UL << 20)
		skip();
	expect_success(run_with_address_space(700 * MIB, defaults_fit_a_small_address_space));
}

static void rlimit_as_leaves_no_room_at_all(void **state)
{
	(void)state;
	expect_success(run_with_address_space(2 * MIB, nothing_fits));
}

static void rlimit_as_does_not_stop_growth(void **state)
{
	(void)state;
	assert_int_equal(try_to_start(4 * SECTION_SIZE, NULL), 0);
	expect_success(run_with_address_space(1 * MIB, growth_needs_no_address_space));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_call_of_the_start_refused_in_turn),
		TEST(the_first_use_reports_a_refused_start_and_tries_again),
		TEST(every_step_of_growth_refused_in_turn),
		TEST(limits_out_of_range),
		TEST(rlimit_as_refuses_an_explicit_limit),
		TEST(rlimit_as_makes_the_default_smaller),
		TEST(rlimit_as_makes_the_slices_fewer),
		TEST(rlimit_as_leaves_no_room_at_all),
		TEST(rlimit_as_does_not_stop_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
