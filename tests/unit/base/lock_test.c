/* SPDX-License-Identifier: MIT
 * lock_test.c - locks exclude, and checking builds notice a wrong order before it becomes a deadlock.
 *
 * Built twice: as the preset says, and with the checks on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/lock.h"
#include "support/capture.h"
#include "support/threads.h"

static struct kmm_lock list_lock = KMM_LOCK_INIT(KMM_RANK_NODE_LIST, "list lock");
static struct kmm_lock other_list_lock = KMM_LOCK_INIT(KMM_RANK_NODE_LIST, "other list lock");
static struct kmm_lock cpu_lock = KMM_LOCK_INIT(KMM_RANK_CPU, "cpu lock");
static struct kmm_lock zone_lock = KMM_LOCK_INIT(KMM_RANK_ZONE, "zone lock");
static struct kmm_lock boot_like_lock = KMM_LOCK_INIT(KMM_RANK_BOOT, "boot like lock");

static void skip_without_checks(void)
{
	if (!KMM_CONFIG_CHECK)
		skip();
}

static unsigned int held_rank(void)
{
#if KMM_CONFIG_CHECK
	return kmm_lock_held_rank();
#else
	return 0;
#endif
}

static int reports_captured(void **state)
{
	(void)state;
	capture_start();
	return 0;
}

/* Every test gives back what it took. */
static int nothing_is_held(void **state)
{
	(void)state;
	capture_stop();
	return held_rank() ? -1 : 0;
}

enum { THREADS = 8, ROUNDS = 20000 };

struct shared_count {
	struct kmm_lock lock;
	unsigned long count;
};

static void count_under_lock(unsigned int index, void *arg)
{
	struct shared_count *s = arg;
	unsigned int i, turns = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (index % 2) {
			kmm_lock(&s->lock);
		} else {
			while (!kmm_trylock(&s->lock))
				spin_turn(&turns);
		}
		s->count++;
		kmm_unlock(&s->lock);
	}
}

static void one_thread_at_a_time_holds_a_lock(void **state)
{
	struct shared_count s = { .lock = KMM_LOCK_INIT(KMM_RANK_CPU, "counted"), .count = 0 };

	(void)state;
	run_threads(THREADS, count_under_lock, &s);
	assert_int_equal(s.count, THREADS * ROUNDS);
}

static void lock_made_at_run_time_is_like_a_static_one(void **state)
{
	struct shared_count s = { .count = 0 };

	(void)state;
	kmm_lock_init(&s.lock, KMM_RANK_CPU, "made");
	assert_int_equal(s.lock.rank, KMM_RANK_CPU);
	run_threads(THREADS, count_under_lock, &s);
	assert_int_equal(s.count, THREADS * ROUNDS);
}

static void try_list_lock(unsigned int index, void *arg)
{
	bool *taken = arg;

	(void)index;
	*taken = kmm_trylock(&list_lock);
	if (*taken)
		kmm_unlock(&list_lock);
}

static void trylock_gives_up_on_a_lock_of_another_thread(void **state)
{
	bool taken = true;

	(void)state;
	kmm_lock(&list_lock);
	run_threads(1, try_list_lock, &taken);
	kmm_unlock(&list_lock);
	assert_false(taken);
	run_threads(1, try_list_lock, &taken);
	assert_true(taken);
}

static void ascending_ranks_are_silent(void **state)
{
	(void)state;
	kmm_lock(&boot_like_lock);
	kmm_lock(&cpu_lock);
	assert_true(kmm_trylock(&list_lock));
	kmm_lock(&zone_lock);
	kmm_assert_held(&list_lock);
	if (KMM_CONFIG_CHECK)
		assert_int_equal(held_rank(), KMM_RANK_ZONE);
	kmm_unlock(&zone_lock);
	kmm_unlock(&list_lock);
	kmm_unlock(&cpu_lock);
	kmm_unlock(&boot_like_lock);
	assert_int_equal(capture.nr, 0);
}

static void locks_may_be_dropped_in_any_order(void **state)
{
	(void)state;
	kmm_lock(&cpu_lock);
	kmm_lock(&list_lock);
	kmm_lock(&zone_lock);
	kmm_unlock(&list_lock);
	if (KMM_CONFIG_CHECK)
		assert_int_equal(held_rank(), KMM_RANK_ZONE);
	kmm_unlock(&zone_lock);
	if (KMM_CONFIG_CHECK)
		assert_int_equal(held_rank(), KMM_RANK_CPU);
	kmm_lock(&list_lock);
	kmm_unlock(&cpu_lock);
	kmm_unlock(&list_lock);
	assert_int_equal(capture.nr, 0);
}

static void inversion_is_reported_with_both_names_and_ranks(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&zone_lock);
	assert_true(capture_bug_in(kmm_lock(&list_lock)));
	assert_int_equal(capture.last_level, KMM_REPORT_BUG);
	assert_string_equal(capture.last,
			    "BUG: lock order: taking list lock (rank 40) while holding zone lock (rank 80)\n");
	/* It was reported before it was taken. */
	kmm_unlock(&zone_lock);
	kmm_lock(&list_lock);
	kmm_unlock(&list_lock);
}

static void inversion_is_judged_by_the_highest_lock_held(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&cpu_lock);
	kmm_lock(&zone_lock);
	assert_true(capture_bug_in(kmm_lock(&list_lock)));
	assert_non_null(strstr(capture.last, "zone lock"));
	kmm_unlock(&zone_lock);
	kmm_lock(&list_lock);
	kmm_unlock(&list_lock);
	kmm_unlock(&cpu_lock);
	assert_int_equal(capture.nr, 1);
}

static void trylock_obeys_the_ranks_too(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&zone_lock);
	assert_true(capture_bug_in(kmm_trylock(&list_lock)));
	assert_non_null(strstr(capture.last, "taking list lock (rank 40) while holding zone lock (rank 80)"));
	kmm_unlock(&zone_lock);
}

static void two_locks_of_one_rank_are_an_inversion(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&list_lock);
	assert_true(capture_bug_in(kmm_lock(&other_list_lock)));
	assert_non_null(strstr(capture.last, "taking other list lock (rank 40) while holding list lock (rank 40)"));
	kmm_unlock(&list_lock);
}

static void second_lock_of_one_thread_is_told_from_an_inversion(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&list_lock);
	assert_true(capture_bug_in(kmm_lock(&list_lock)));
	assert_string_equal(capture.last, "BUG: lock list lock (rank 40) is already held by this thread\n");
	assert_true(capture_bug_in(kmm_trylock(&list_lock)));
	kmm_unlock(&list_lock);
}

static void more_locks_than_can_be_remembered_are_reported(void **state)
{
	static struct kmm_lock chain[64];
	volatile unsigned int nr = 0;
	bool reported = false;

	(void)state;
	skip_without_checks();
	while (nr < 64 && !reported) {
		kmm_lock_init(&chain[nr], (enum kmm_lock_rank)(nr + 1), "chain lock");
		reported = capture_bug_in(kmm_lock(&chain[nr]));
		nr += !reported;
	}
	assert_true(reported);
	assert_non_null(strstr(capture.last, "locks held, taking chain lock"));
	assert_true(nr > 20); /* fork takes locks of nearly all ranks */
	while (nr)
		kmm_unlock(&chain[--nr]);
}

static void unlocking_what_is_not_held_is_reported(void **state)
{
	(void)state;
	skip_without_checks();
	assert_true(capture_bug_in(kmm_unlock(&list_lock)));
	assert_string_equal(capture.last, "BUG: unlocking list lock (rank 40), which this thread does not hold\n");
	/* The mutex itself was left alone. */
	kmm_lock(&list_lock);
	kmm_unlock(&list_lock);
}

static void unlock_list_lock(unsigned int index, void *arg)
{
	(void)index;
	*(bool *)arg = capture_bug_in(kmm_unlock(&list_lock));
}

static void unlocking_for_another_thread_is_reported(void **state)
{
	bool bug = false;

	(void)state;
	skip_without_checks();
	kmm_lock(&list_lock);
	run_threads(1, unlock_list_lock, &bug);
	assert_true(bug);
	kmm_assert_held(&list_lock);
	kmm_unlock(&list_lock);
}

static void assert_held_wants_the_lock_of_this_thread(void **state)
{
	(void)state;
	skip_without_checks();
	assert_true(capture_bug_in(kmm_assert_held(&list_lock)));
	assert_string_equal(capture.last, "BUG: lock list lock (rank 40) should be held here\n");
	kmm_lock(&list_lock);
	assert_false(capture_bug_in(kmm_assert_held(&list_lock)));
	kmm_unlock(&list_lock);
}

static void where_no_lock_may_be_held_only_the_boot_lock_may(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_assert_none_held();
	kmm_lock(&boot_like_lock);
	assert_false(capture_bug_in(kmm_assert_none_held()));
	kmm_lock(&cpu_lock);
	assert_true(capture_bug_in(kmm_assert_none_held()));
	assert_string_equal(capture.last, "BUG: lock cpu lock (rank 30) must not be held here\n");
	kmm_unlock(&cpu_lock);
	kmm_unlock(&boot_like_lock);
}

static void range_of_ranks_is_free_or_not(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock(&list_lock);
	assert_false(capture_bug_in(kmm_assert_rank_free(KMM_RANK_SLAB_BIT, KMM_RANK_REPORT)));
	assert_false(capture_bug_in(kmm_assert_rank_free(KMM_RANK_BOOT, KMM_RANK_CPU)));
	assert_true(capture_bug_in(kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_NODE_LIST)));
	assert_true(capture_bug_in(kmm_assert_rank_free(KMM_RANK_NODE_LIST, KMM_RANK_SLAB_BIT)));
	kmm_lock(&zone_lock); /* one below the top counts too */
	assert_true(capture_bug_in(kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_SLAB_BIT)));
	kmm_unlock(&zone_lock);
	kmm_unlock(&list_lock);
}

static void fork_may_take_many_locks_of_one_rank(void **state)
{
	enum { MANY = 40 };
	static struct kmm_lock locks[MANY];
	unsigned int i;

	(void)state;
	for (i = 0; i < MANY; i++)
		kmm_lock_init(&locks[i], KMM_RANK_CPU, "one of many");
	kmm_lock(&boot_like_lock);
	for (i = 0; i < MANY; i++)
		kmm_lock_same_rank(&locks[i]);
	kmm_lock(&list_lock);
	kmm_lock_same_rank(&other_list_lock);
	kmm_unlock(&list_lock);
	if (KMM_CONFIG_CHECK)
		assert_int_equal(held_rank(), KMM_RANK_NODE_LIST);
	kmm_unlock(&other_list_lock);
	for (i = 0; i < MANY; i++) {
		kmm_assert_held(&locks[i]);
		if (KMM_CONFIG_CHECK)
			assert_int_equal(held_rank(), KMM_RANK_CPU);
		kmm_unlock(&locks[i]);
	}
	kmm_unlock(&boot_like_lock);
	assert_int_equal(capture.nr, 0);
}

static void even_fork_takes_ranks_in_order(void **state)
{
	(void)state;
	skip_without_checks();
	kmm_lock_same_rank(&zone_lock);
	assert_true(capture_bug_in(kmm_lock_same_rank(&list_lock)));
	assert_true(capture_bug_in(kmm_lock_same_rank(&zone_lock)));
	kmm_unlock(&zone_lock);
}

static void reset_makes_a_held_lock_new(void **state)
{
	struct kmm_lock locks[2];
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		kmm_lock_init(&locks[i], KMM_RANK_CPU, "reset");
		kmm_lock_same_rank(&locks[i]);
	}
	for (i = 0; i < 2; i++)
		kmm_lock_reset(&locks[i]);
	assert_int_equal(held_rank(), 0);
	assert_int_equal(locks[0].rank, KMM_RANK_CPU);
	kmm_lock(&locks[0]);
	kmm_unlock(&locks[0]);
	assert_true(kmm_trylock(&locks[1]));
	kmm_unlock(&locks[1]);
}

#define lock_test(name) cmocka_unit_test_setup_teardown(name, reports_captured, nothing_is_held)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lock_test(one_thread_at_a_time_holds_a_lock),
		lock_test(lock_made_at_run_time_is_like_a_static_one),
		lock_test(trylock_gives_up_on_a_lock_of_another_thread),
		lock_test(ascending_ranks_are_silent),
		lock_test(locks_may_be_dropped_in_any_order),
		lock_test(inversion_is_reported_with_both_names_and_ranks),
		lock_test(inversion_is_judged_by_the_highest_lock_held),
		lock_test(trylock_obeys_the_ranks_too),
		lock_test(two_locks_of_one_rank_are_an_inversion),
		lock_test(second_lock_of_one_thread_is_told_from_an_inversion),
		lock_test(more_locks_than_can_be_remembered_are_reported),
		lock_test(unlocking_what_is_not_held_is_reported),
		lock_test(unlocking_for_another_thread_is_reported),
		lock_test(assert_held_wants_the_lock_of_this_thread),
		lock_test(where_no_lock_may_be_held_only_the_boot_lock_may),
		lock_test(range_of_ranks_is_free_or_not),
		lock_test(fork_may_take_many_locks_of_one_rank),
		lock_test(even_fork_takes_ranks_in_order),
		lock_test(reset_makes_a_held_lock_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
