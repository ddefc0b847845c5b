/* SPDX-License-Identifier: MIT
 * boot_test.c - the states of the library and every way from one to another.
 *
 * Linked with --wrap, so that what starts and stops here is not the rooms but the functions below.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "base/boot.h"
#include "base/lock.h"
#include "support/capture.h"
#include "support/threads.h"

int __wrap_kmm_start_rooms(const struct kmm_config *config);
void __wrap_kmm_stop_rooms(bool final);

/* What the next start does, and what was seen of starts and stops. */
static struct {
	int result;
	useconds_t takes;
	unsigned int nr_cpus;
	void (*inside)(void);
	unsigned int nr_starts, nr_stops;
	const struct kmm_config *config;
	bool last_final;
	unsigned int payload; /* written by the start, read by whoever was told that the library runs */
} rooms;

int __wrap_kmm_start_rooms(const struct kmm_config *config)
{
	rooms.nr_starts++;
	rooms.config = config;
	errno = EDOM;
	if (rooms.nr_cpus)
		kmm_nr_cpu_ids = rooms.nr_cpus;
	if (rooms.inside)
		rooms.inside();
	if (rooms.takes)
		usleep(rooms.takes);
	rooms.payload = rooms.result ? 0 : 4711;
	return rooms.result;
}

void __wrap_kmm_stop_rooms(bool final)
{
	rooms.nr_stops++;
	rooms.last_final = final;
	if (rooms.inside)
		rooms.inside();
}

static int cold(void **state)
{
	(void)state;
	kmm_boot_reset_for_test();
	memset(&rooms, 0, sizeof(rooms));
	capture_start();
	return kmm_boot_state() == KMM_COLD ? 0 : -1;
}

static int cold_again(void **state)
{
	(void)state;
	rooms.inside = NULL;
	kmm_boot_reset_for_test();
	capture_stop();
	return 0;
}

static void init_starts_once_and_is_busy_then(void **state)
{
	struct kmm_config config = { .size = sizeof(config) };

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	assert_ptr_equal(rooms.config, &config);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	assert_int_equal(kmm_init(NULL), -EBUSY);
	assert_int_equal(kmm_init(&config), -EBUSY);
	assert_int_equal(rooms.nr_starts, 1);
}

static void init_takes_null_for_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(kmm_init(NULL), 0);
	assert_null(rooms.config);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
}

static void first_use_starts_with_the_defaults(void **state)
{
	(void)state;
	assert_true(kmm_boot_ensure());
	assert_null(rooms.config);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	assert_true(kmm_boot_ensure());
	assert_int_equal(rooms.nr_starts, 1);
	assert_int_equal(kmm_init(NULL), -EBUSY);
}

static void failed_init_may_be_repeated(void **state)
{
	(void)state;
	rooms.result = -ENOMEM;
	rooms.nr_cpus = 4;
	assert_int_equal(kmm_init(NULL), -ENOMEM);
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_int_equal(kmm_nr_cpu_ids, 1);
	rooms.result = -EINVAL;
	assert_int_equal(kmm_init(NULL), -EINVAL);
	rooms.result = 0;
	assert_int_equal(kmm_init(NULL), 0);
	assert_int_equal(rooms.nr_starts, 3);
	assert_int_equal(rooms.nr_stops, 0); /* a start that fails has cleaned up behind itself */
}

static void failed_first_use_is_reported_once_until_a_start_succeeds(void **state)
{
	(void)state;
	rooms.result = -ENOMEM;
	assert_false(kmm_boot_ensure());
	assert_int_equal(capture.nr, 1);
	assert_int_equal(capture.last_level, KMM_REPORT_ERR);
	assert_non_null(strstr(capture.last, "cannot start"));
	assert_false(kmm_boot_ensure());
	assert_int_equal(capture.nr, 1);
	assert_int_equal(rooms.nr_starts, 2); /* it is tried again each time: memory may be there now */
	rooms.result = 0;
	assert_true(kmm_boot_ensure());
	assert_int_equal(capture.nr, 1);
}

static void errno_is_left_alone(void **state)
{
	(void)state;
	rooms.result = -ENOMEM;
	errno = ERANGE;
	assert_false(kmm_boot_ensure());
	assert_int_equal(errno, ERANGE);
	assert_int_equal(kmm_init(NULL), -ENOMEM);
	assert_int_equal(errno, ERANGE);
	kmm_exit();
	assert_int_equal(errno, ERANGE);
}

enum { THREADS = 8 };

struct outcomes {
	unsigned int nr_true, nr_payload, nr_zero, nr_busy;
};

static void ensure_and_look(unsigned int index, void *arg)
{
	struct outcomes *o = arg;

	(void)index;
	if (!kmm_boot_ensure())
		return;
	__atomic_add_fetch(&o->nr_true, 1, __ATOMIC_RELAXED);
	if (rooms.payload == 4711)
		__atomic_add_fetch(&o->nr_payload, 1, __ATOMIC_RELAXED);
}

static void threads_that_come_together_wait_for_the_one_that_starts(void **state)
{
	struct outcomes o = { 0 };

	(void)state;
	rooms.takes = 50000;
	run_threads(THREADS, ensure_and_look, &o);
	assert_int_equal(rooms.nr_starts, 1);
	assert_int_equal(o.nr_true, THREADS);
	assert_int_equal(o.nr_payload, THREADS);
}

static void init_and_count(unsigned int index, void *arg)
{
	struct outcomes *o = arg;
	int err;

	(void)index;
	err = kmm_init(NULL);
	if (!err)
		__atomic_add_fetch(&o->nr_zero, 1, __ATOMIC_RELAXED);
	else if (err == -EBUSY)
		__atomic_add_fetch(&o->nr_busy, 1, __ATOMIC_RELAXED);
}

static void only_one_of_many_inits_wins(void **state)
{
	struct outcomes o = { 0 };

	(void)state;
	rooms.takes = 20000;
	run_threads(THREADS, init_and_count, &o);
	assert_int_equal(o.nr_zero, 1);
	assert_int_equal(o.nr_busy, THREADS - 1);
	assert_int_equal(rooms.nr_starts, 1);
}

static struct {
	bool ensured;
	int init_result;
	enum kmm_boot_state state;
} inside;

static void look_inside(void)
{
	inside.state = kmm_boot_state();
	inside.ensured = kmm_boot_ensure();
	inside.init_result = kmm_init(NULL);
	kmm_exit(); /* ignored: it would stop what is half there */
}

static void thread_that_starts_may_go_on_itself(void **state)
{
	(void)state;
	rooms.inside = look_inside;
	assert_int_equal(kmm_init(NULL), 0);
	rooms.inside = NULL;
	assert_int_equal(inside.state, KMM_STARTING);
	assert_true(inside.ensured);
	assert_int_equal(inside.init_result, -EBUSY);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	assert_int_equal(rooms.nr_starts, 1);
}

static void exit_is_final(void **state)
{
	(void)state;
	assert_int_equal(kmm_init(NULL), 0);
	kmm_exit();
	assert_int_equal(kmm_boot_state(), KMM_DEAD);
	assert_int_equal(rooms.nr_stops, 1);
	assert_true(rooms.last_final);
	assert_false(kmm_boot_ensure());
	assert_int_equal(kmm_init(NULL), -ESHUTDOWN);
	kmm_exit();
	assert_int_equal(rooms.nr_stops, 1);
	assert_int_equal(rooms.nr_starts, 1);
	assert_int_equal(capture.nr, 0);
}

static void exit_before_any_start_is_final_too(void **state)
{
	(void)state;
	kmm_exit();
	assert_int_equal(kmm_boot_state(), KMM_DEAD);
	assert_false(kmm_boot_ensure());
	assert_int_equal(kmm_init(NULL), -ESHUTDOWN);
	assert_int_equal(rooms.nr_starts, 0);
	assert_int_equal(rooms.nr_stops, 0);
	assert_int_equal(capture.nr, 0);
}

static void room_that_stops_cannot_start_the_library_again(void **state)
{
	(void)state;
	assert_int_equal(kmm_init(NULL), 0);
	rooms.inside = look_inside;
	kmm_exit();
	rooms.inside = NULL;
	assert_int_equal(inside.state, KMM_DEAD);
	assert_false(inside.ensured);
	assert_int_not_equal(inside.init_result, 0);
	assert_int_equal(rooms.nr_starts, 1);
	assert_int_equal(rooms.nr_stops, 1);
}

static void test_reset_unmaps_once_from_every_state(void **state)
{
	(void)state;
	kmm_boot_reset_for_test(); /* cold */
	assert_int_equal(rooms.nr_stops, 0);

	assert_int_equal(kmm_init(NULL), 0);
	kmm_boot_reset_for_test(); /* running */
	assert_int_equal(rooms.nr_stops, 1);
	assert_false(rooms.last_final);
	assert_int_equal(kmm_boot_state(), KMM_COLD);

	assert_int_equal(kmm_init(NULL), 0);
	kmm_exit();
	kmm_boot_reset_for_test(); /* dead, still mapped */
	assert_int_equal(rooms.nr_stops, 3);
	assert_false(rooms.last_final);

	kmm_exit();
	kmm_boot_reset_for_test(); /* dead, never mapped */
	assert_int_equal(rooms.nr_stops, 3);
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_true(kmm_boot_ensure());
}

static void running_library_may_be_asked_for_under_inner_locks(void **state)
{
	static struct kmm_lock zone_lock = KMM_LOCK_INIT(KMM_RANK_ZONE, "zone lock");

	(void)state;
	assert_int_equal(kmm_init(NULL), 0);
	kmm_lock(&zone_lock);
	assert_true(kmm_boot_ensure());
	kmm_unlock(&zone_lock);
	assert_int_equal(capture.nr, 0);
}

static void start_may_make_reports_and_wants_no_other_lock_free(void **state)
{
	(void)state;
	rooms.inside = kmm_assert_none_held; /* the boot lock does not count */
	assert_int_equal(kmm_init(NULL), 0);
	rooms.inside = NULL;
	assert_int_equal(capture.nr, 0);
}

static void *guess_on_cpu_3(void *arg)
{
	cpu_id_pin(3);
	*(unsigned int *)arg = raw_cpu_id();
	return NULL;
}

static unsigned int guess_of_other;

static void let_another_thread_guess(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, guess_on_cpu_3, &guess_of_other), 0);
	pthread_join(thread, NULL);
}

/* The next start may have fewer CPUs, and the thread would go on where they have no memory. */
static void cpu_is_not_guessed_among_those_of_a_start_that_may_fail(void **state)
{
	(void)state;
	guess_of_other = 4;
	rooms.nr_cpus = 4;
	rooms.inside = let_another_thread_guess;
	rooms.result = -ENOMEM;
	assert_int_equal(kmm_init(NULL), -ENOMEM);
	assert_int_equal(guess_of_other, 0);
	rooms.inside = NULL;
	rooms.result = 0;
	assert_int_equal(kmm_init(NULL), 0);
	let_another_thread_guess();
	assert_int_equal(guess_of_other, 3);
}

static void cpu_guess_is_renewed_when_the_count_is_known(void **state)
{
	(void)state;
	cpu_id_pin(3);
	assert_int_equal(raw_cpu_id(), 0);
	rooms.nr_cpus = 4;
	assert_int_equal(kmm_init(NULL), 0);
	assert_int_equal(kmm_nr_cpu_ids, 4);
	assert_int_equal(raw_cpu_id(), 3);
	kmm_boot_reset_for_test();
	assert_int_equal(kmm_nr_cpu_ids, 1);
	assert_int_equal(raw_cpu_id(), 0);
}

#define boot_test(name) cmocka_unit_test_setup_teardown(name, cold, cold_again)

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(init_starts_once_and_is_busy_then),
		boot_test(init_takes_null_for_the_defaults),
		boot_test(first_use_starts_with_the_defaults),
		boot_test(failed_init_may_be_repeated),
		boot_test(failed_first_use_is_reported_once_until_a_start_succeeds),
		boot_test(errno_is_left_alone),
		boot_test(threads_that_come_together_wait_for_the_one_that_starts),
		boot_test(only_one_of_many_inits_wins),
		boot_test(thread_that_starts_may_go_on_itself),
		boot_test(exit_is_final),
		boot_test(exit_before_any_start_is_final_too),
		boot_test(room_that_stops_cannot_start_the_library_again),
		boot_test(test_reset_unmaps_once_from_every_state),
		boot_test(running_library_may_be_asked_for_under_inner_locks),
		boot_test(start_may_make_reports_and_wants_no_other_lock_free),
		boot_test(cpu_is_not_guessed_among_those_of_a_start_that_may_fail),
		boot_test(cpu_guess_is_renewed_when_the_count_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
