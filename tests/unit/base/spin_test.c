/* SPDX-License-Identifier: MIT
 * spin_test.c - spins exclude, waiting for one ends in sleep, and checking builds watch their ranks like those of locks.
 *
 * Built twice: as the preset says, and with the checks on. Linked with --wrap=nanosleep, to see who sleeps.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/spin.h"
#include "support/capture.h"
#include "support/threads.h"

int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

static unsigned int nr_sleeps;

/* Every sleep is one that a signal ended. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	__real_nanosleep(time, left);
	atomic_add_relaxed(&nr_sleeps, 1);
	errno = EINTR;
	return -1;
}

static struct kmm_spin pcp_spin, other_pcp_spin, zone_spin;
static struct kmm_lock cpu_lock = KMM_LOCK_INIT(KMM_RANK_CPU, "cpu lock");
static struct kmm_lock zone_lock = KMM_LOCK_INIT(KMM_RANK_ZONE, "zone lock");

static unsigned int held_rank(void)
{
#if KMM_CONFIG_CHECK
	return kmm_lock_held_rank();
#else
	return 0;
#endif
}

static void skip_without_checks(void)
{
	if (!KMM_CONFIG_CHECK)
		skip();
}

static int spins_are_made(void **state)
{
	(void)state;
	kmm_spin_init(&pcp_spin, KMM_RANK_PCP, "pcp spin");
	kmm_spin_init(&other_pcp_spin, KMM_RANK_PCP, "other pcp spin");
	kmm_spin_init(&zone_spin, KMM_RANK_ZONE, "zone spin");
	nr_sleeps = 0;
	capture_start();
	return 0;
}

/* Every test gives back what it took. */
static int nothing_is_held(void **state)
{
	(void)state;
	capture_stop();
	return held_rank() || pcp_spin.locked || other_pcp_spin.locked || zone_spin.locked ? -1 : 0;
}

enum { THREADS = 8, ROUNDS = 20000 };

/* Not atomic: only the spin keeps the threads from losing each other's steps. */
static unsigned long count;

static void count_under_spin(unsigned int index, void *arg)
{
	unsigned int i, turns = 0;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		if (index % 2) {
			kmm_spin_lock(&pcp_spin);
		} else {
			while (!kmm_spin_trylock(&pcp_spin))
				spin_turn(&turns);
		}
		count++;
		kmm_spin_unlock(&pcp_spin);
	}
}

static void one_thread_at_a_time_holds_a_spin(void **state)
{
	(void)state;
	count = 0;
	run_threads(THREADS, count_under_spin, NULL);
	assert_int_equal(count, THREADS * ROUNDS);
}

static void without_checks_a_spin_is_one_word(void **state)
{
	(void)state;
	if (KMM_CONFIG_CHECK)
		skip();
	assert_int_equal(sizeof(struct kmm_spin), sizeof(unsigned int));
}

static void try_pcp_spin(unsigned int index, void *arg)
{
	bool *taken = arg;

	(void)index;
	*taken = kmm_spin_trylock(&pcp_spin);
	if (*taken)
		kmm_spin_unlock(&pcp_spin);
}

static void trylock_gives_up_on_a_spin_of_another_thread(void **state)
{
	bool taken = true;

	(void)state;
	assert_true(kmm_spin_trylock(&pcp_spin));
	run_threads(1, try_pcp_spin, &taken);
	kmm_spin_unlock(&pcp_spin);
	assert_false(taken);
	run_threads(1, try_pcp_spin, &taken);
	assert_true(taken);
	assert_int_equal(nr_sleeps, 0);
}

struct waiter {
	pthread_t thread;
	bool got_it;
	int errno_after;
};

static void *wait_for_pcp_spin(void *arg)
{
	struct waiter *w = arg;

	errno = ERANGE;
	kmm_spin_lock(&pcp_spin);
	w->errno_after = errno;
	WRITE_ONCE(w->got_it, true);
	kmm_spin_unlock(&pcp_spin);
	pthread_testcancel();
	return NULL;
}

/* Lets another thread wait for the spin, which this one holds, until it has slept. */
static void let_wait(struct waiter *w)
{
	unsigned int turns = 0;

	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_pcp_spin, w), 0);
	while (READ_ONCE(nr_sleeps) < 3)
		spin_turn(&turns);
}

static void who_waits_for_a_stopped_holder_sleeps(void **state)
{
	struct waiter w = { .got_it = false };
	bool early;

	(void)state;
	kmm_spin_lock(&pcp_spin);
	let_wait(&w);
	early = READ_ONCE(w.got_it);
	kmm_spin_unlock(&pcp_spin);
	pthread_join(w.thread, NULL);
	assert_false(early);
	assert_true(w.got_it);
	assert_int_equal(w.errno_after, ERANGE);
}

static void who_waits_is_not_cancelled(void **state)
{
	struct waiter w = { .got_it = false };
	void *result;

	(void)state;
	kmm_spin_lock(&pcp_spin);
	let_wait(&w);
	pthread_cancel(w.thread);
	kmm_spin_unlock(&pcp_spin);
	pthread_join(w.thread, &result);
	assert_true(w.got_it);
	assert_ptr_equal(result, PTHREAD_CANCELED); /* later, where it may be */
}

static void spins_and_locks_share_the_ranks(void **state)
{
	(void)state;
	kmm_lock(&cpu_lock);
	kmm_spin_lock(&pcp_spin);
	kmm_spin_assert_held(&pcp_spin);
	kmm_lock(&zone_lock);
	if (KMM_CONFIG_CHECK)
		assert_int_equal(held_rank(), KMM_RANK_ZONE);
	kmm_spin_unlock(&pcp_spin);
	kmm_unlock(&zone_lock);
	kmm_unlock(&cpu_lock);
	assert_int_equal(capture.nr, 0);
}

static void inversion_is_reported_and_nothing_taken(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&zone_lock);
	assert_true(capture_bug_in(kmm_spin_lock(&pcp_spin)));
	assert_string_equal(capture.last,
			    "BUG: lock order: taking pcp spin (rank 70) while holding zone lock (rank 80)\n");
	assert_true(capture_bug_in(kmm_spin_trylock(&pcp_spin)));
	assert_true(capture_bug_in(kmm_spin_trylock(&zone_spin)));
	kmm_unlock(&zone_lock);
	assert_true(kmm_spin_trylock(&pcp_spin));
	assert_true(capture_bug_in(kmm_lock(&cpu_lock)));
	assert_non_null(strstr(capture.last, "taking cpu lock (rank 30) while holding pcp spin (rank 70)"));
	kmm_spin_unlock(&pcp_spin);
	assert_int_equal(capture.nr, 4);
}

static void second_spin_of_one_thread_is_told_from_a_busy_one(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_spin_lock(&pcp_spin);
	assert_true(capture_bug_in(kmm_spin_lock(&pcp_spin)));
	assert_string_equal(capture.last, "BUG: lock pcp spin (rank 70) is already held by this thread\n");
	assert_true(capture_bug_in(kmm_spin_trylock(&pcp_spin)));
	kmm_spin_unlock(&pcp_spin);
}

static void unlock_pcp_spin(unsigned int index, void *arg)
{
	(void)index;
	*(bool *)arg = capture_bug_in(kmm_spin_unlock(&pcp_spin));
}

static void unlocking_for_another_thread_is_reported_and_not_done(void **state)
{
	bool bug = false, taken = true;

	(void)state;
	skip_without_checks();
	kmm_spin_lock(&pcp_spin);
	run_threads(1, unlock_pcp_spin, &bug);
	assert_true(bug);
	run_threads(1, try_pcp_spin, &taken);
	assert_false(taken);
	kmm_spin_unlock(&pcp_spin);
	assert_true(capture_bug_in(kmm_spin_unlock(&pcp_spin)));
	assert_string_equal(capture.last, "BUG: unlocking pcp spin (rank 70), which this thread does not hold\n");
}

static void assert_held_wants_the_spin_of_this_thread(void **state)
{
	(void)state;
	skip_without_checks();
	assert_true(capture_bug_in(kmm_spin_assert_held(&pcp_spin)));
	assert_string_equal(capture.last, "BUG: lock pcp spin (rank 70) should be held here\n");
}

static void fork_may_take_many_spins_of_one_rank_but_no_lower_one(void **state)
{
	(void)state;
	kmm_spin_lock_same_rank(&pcp_spin);
	kmm_spin_lock_same_rank(&other_pcp_spin);
	kmm_spin_assert_held(&pcp_spin);
	kmm_spin_assert_held(&other_pcp_spin);
	assert_int_equal(capture.nr, 0);
	if (KMM_CONFIG_CHECK)
		assert_true(capture_bug_in(kmm_lock_same_rank(&cpu_lock)));
	kmm_spin_unlock(&pcp_spin);
	kmm_spin_unlock(&other_pcp_spin);
}

static void leave_pcp_spin_locked(unsigned int index, void *arg)
{
	(void)index;
	(void)arg;
	kmm_spin_lock(&pcp_spin);
}

static void reset_frees_a_spin_of_this_thread_or_of_one_that_is_no_more(void **state)
{
	(void)state;
	kmm_spin_lock(&other_pcp_spin);
	kmm_spin_reset(&other_pcp_spin);
	assert_int_equal(held_rank(), 0);
	assert_true(kmm_spin_trylock(&other_pcp_spin));
	kmm_spin_unlock(&other_pcp_spin);

	run_threads(1, leave_pcp_spin_locked, NULL);
	kmm_spin_reset(&pcp_spin);
	assert_true(kmm_spin_trylock(&pcp_spin));
	kmm_spin_unlock(&pcp_spin);
	assert_int_equal(capture.nr, 0);
}

#define spin_test(name) cmocka_unit_test_setup_teardown(name, spins_are_made, nothing_is_held)

int main(void)
{
	const struct CMUnitTest tests[] = {
		spin_test(one_thread_at_a_time_holds_a_spin),
		spin_test(without_checks_a_spin_is_one_word),
		spin_test(trylock_gives_up_on_a_spin_of_another_thread),
		spin_test(who_waits_for_a_stopped_holder_sleeps),
		spin_test(who_waits_is_not_cancelled),
		spin_test(spins_and_locks_share_the_ranks),
		spin_test(inversion_is_reported_and_nothing_taken),
		spin_test(second_spin_of_one_thread_is_told_from_a_busy_one),
		spin_test(unlocking_for_another_thread_is_reported_and_not_done),
		spin_test(assert_held_wants_the_spin_of_this_thread),
		spin_test(fork_may_take_many_spins_of_one_rank_but_no_lower_one),
		spin_test(reset_frees_a_spin_of_this_thread_or_of_one_that_is_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
