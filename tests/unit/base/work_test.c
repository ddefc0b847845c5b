/* SPDX-License-Identifier: MIT
 * work_test.c - delayed work runs once and never twice at once, and ends when it is told to.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/capture.h"
#include "support/random.h"
#include "support/work_world.h"

static void there_is_no_thread_before_the_first_work(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	kmm_work_cancel_sync(&c->work);
	kmm_work_flush(&c->work);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(workers.nr_created, 0);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	assert_int_equal(workers.nr_created, 1);
}

static void work_runs_once_when_its_delay_is_over(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	assert_true(kmm_work_schedule(&c->work, 2 * HOUR));
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 0);
	assert_true(c->work.pending);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 1);
	assert_false(c->work.pending);
	assert_true(c->by_worker);
	kmm_work_advance_for_test(3 * HOUR);
	assert_int_equal(runs_of(c), 1);
}

static cpu_set_t cpus_inside;

static void note_cpus(struct counted *c)
{
	(void)c;
	sched_getaffinity(0, sizeof(cpus_inside), &cpus_inside);
}

static void worker_runs_where_the_process_may_and_not_where_a_bound_thread_made_it(void **state)
{
	struct counted *c = new_counted();
	cpu_set_t before, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (unsigned int cpu = 0; !CPU_COUNT(&one); cpu++) {
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	c->inside = note_cpus;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_true(c->by_worker);
	assert_true(CPU_EQUAL(&cpus_inside, &before));
}

static void longest_delay_is_no_short_one(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	assert_true(kmm_work_schedule(&c->work, UINT32_MAX));
	kmm_work_advance_for_test(UINT32_MAX - HOUR);
	assert_int_equal(runs_of(c), 0);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 1);
}

static void time_passes_by_itself(void **state)
{
	struct counted *now = new_counted(), *soon = new_counted();

	(void)state;
	kmm_work_schedule(&soon->work, 5);
	kmm_work_schedule(&now->work, 0);
	wait_until(runs_of(now) && runs_of(soon));
}

static void pending_twice_is_once_at_the_first_time(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	assert_true(kmm_work_schedule(&c->work, 2 * HOUR));
	assert_true(kmm_work_schedule(&c->work, HOUR / 2));
	assert_true(kmm_work_schedule_slow(&c->work, HOUR / 2)); /* pending since the look at it */
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 0);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 1);
	kmm_work_advance_for_test(3 * HOUR);
	assert_int_equal(runs_of(c), 1);
}

static char order[8];

static void note_order(struct counted *c)
{
	const size_t len = strlen(order);

	order[len] = (char)('a' + c->again_ms);
}

static void works_run_in_the_order_of_their_times(void **state)
{
	struct counted *works[5];
	const unsigned int delays[5] = { 3, 1, 2, 1, 4 };
	unsigned int i;

	(void)state;
	memset(order, 0, sizeof(order));
	for (i = 0; i < 5; i++) {
		works[i] = new_counted();
		works[i]->inside = note_order;
		works[i]->again_ms = i;
		assert_true(kmm_work_schedule(&works[i]->work, delays[i] * HOUR));
	}
	kmm_work_advance_for_test(3 * HOUR);
	assert_string_equal(order, "bdca");
	kmm_work_cancel_sync(&works[4]->work);
	assert_int_equal(workers.nr_created, 1);
}

static void earlier_work_wakes_the_worker_that_sleeps_for_a_later_one(void **state)
{
	struct counted *late = new_counted(), *early = new_counted();

	(void)state;
	assert_true(kmm_work_schedule(&late->work, HOUR));
	wait_until(READ_ONCE(waits.worker_timed));
	assert_true(kmm_work_schedule(&early->work, 0));
	wait_until(runs_of(early));
	assert_int_equal(runs_of(late), 0);
	kmm_work_cancel_sync(&late->work);
}

static void worker_with_nothing_to_do_sleeps_without_a_timeout(void **state)
{
	struct counted *c = new_counted();
	unsigned int nr_timed;

	(void)state;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	wait_until(READ_ONCE(waits.worker_timed));
	assert_int_equal(READ_ONCE(waits.worker), 0);
	kmm_work_advance_for_test(HOUR);
	nr_timed = READ_ONCE(waits.worker_timed);
	wait_until(READ_ONCE(waits.worker));
	assert_int_equal(READ_ONCE(waits.worker_timed), nr_timed);
}

static void fn_may_schedule_its_own_work(void **state)
{
	struct counted *c = new_counted();
	unsigned int i;

	(void)state;
	c->inside = schedule_again;
	c->again_ms = HOUR;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	for (i = 1; i <= 3; i++) {
		kmm_work_advance_for_test(HOUR);
		assert_int_equal(runs_of(c), i);
		assert_true(c->scheduled);
	}
	kmm_work_cancel_sync(&c->work);
	kmm_work_advance_for_test(3 * HOUR);
	assert_int_equal(runs_of(c), 3);
}

static unsigned int nr_freed;

static void free_work(struct kmm_work *work)
{
	free(work);
	atomic_add_relaxed(&nr_freed, 1);
}

static void fn_may_free_its_own_work(void **state)
{
	struct kmm_work *work = malloc(sizeof(*work));

	(void)state;
	*work = (struct kmm_work)KMM_WORK_INIT(free_work);
	nr_freed = 0;
	assert_true(kmm_work_schedule(work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(READ_ONCE(nr_freed), 1);
}

static struct {
	bool blocked[65];
	char name[16];
	int signal_max;
} seen;

static void look_at_thread(struct counted *c)
{
	sigset_t set;
	int sig;

	(void)c;
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	for (sig = 1; sig <= seen.signal_max; sig++)
		seen.blocked[sig] = sigismember(&set, sig) == 1;
	pthread_getname_np(pthread_self(), seen.name, sizeof(seen.name));
}

static void worker_has_a_name_and_takes_no_signals(void **state)
{
	struct counted *c = new_counted();
	sigset_t before, after;
	int sig;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.signal_max = SIGRTMIN + 8; /* an emulator keeps the last ones */
	c->inside = look_at_thread;
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	assert_true(kmm_work_schedule(&c->work, 0));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	kmm_work_advance_for_test(1);
	assert_string_equal(seen.name, "kmm_worker");
	for (sig = 1; sig <= seen.signal_max; sig++) {
		/* Two cannot be blocked, and some below SIGRTMIN are the C library's own. */
		if (sig != SIGKILL && sig != SIGSTOP && (sig < 32 || sig >= SIGRTMIN) && !seen.blocked[sig])
			fail_msg("signal %d is not blocked", sig);
		assert_int_equal(sigismember(&before, sig), sigismember(&after, sig)); /* here */
	}
}

static void cancelled_work_does_not_run(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_work_cancel_sync(&c->work);
	assert_false(c->work.pending);
	kmm_work_advance_for_test(2 * HOUR);
	assert_int_equal(runs_of(c), 0);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_work_advance_for_test(2 * HOUR);
	assert_int_equal(runs_of(c), 1);
}

static void wait_at_gate_and_schedule_again(struct counted *c)
{
	wait_at_gate_and_finish(c);
	schedule_again(c);
}

static void cancel_waits_for_a_running_fn_that_cannot_schedule_again(void **state)
{
	struct counted *c = new_counted();
	struct helper h;

	(void)state;
	c->inside = wait_at_gate_and_schedule_again;
	start_gated(c);
	helper_start(&h, kmm_work_cancel_sync, c);
	wait_until(READ_ONCE(waits.others));
	assert_false(kmm_work_schedule(&c->work, 0)); /* it is being cancelled */
	open_gate(c);
	helper_join(&h);
	assert_true(h.saw_finished);
	assert_false(c->scheduled);
	assert_false(c->work.pending);
	assert_int_equal(runs_of(c), 1);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_work_cancel_sync(&c->work);
}

static void schedule_and_cancel_here(struct counted *c)
{
	schedule_again(c);
	kmm_work_cancel_sync(&c->work);
}

static void fn_that_cancels_its_own_work_does_not_wait_for_itself(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	c->inside = schedule_and_cancel_here;
	assert_true(kmm_work_schedule(&c->work, 0));
	kmm_work_advance_for_test(HOUR);
	assert_true(c->scheduled);
	assert_false(c->work.pending);
	assert_int_equal(runs_of(c), 1);
}

static void flush_runs_a_pending_work_at_once(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	kmm_work_flush(&c->work);
	assert_int_equal(runs_of(c), 0);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	errno = ERANGE;
	kmm_work_flush(&c->work);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(runs_of(c), 1);
	assert_false(c->work.pending);
	kmm_work_advance_for_test(2 * HOUR);
	assert_int_equal(runs_of(c), 1);
}

static void flush_waits_for_a_running_fn(void **state)
{
	struct counted *c = new_counted();
	struct helper h;

	(void)state;
	c->inside = wait_at_gate_and_finish;
	start_gated(c);
	helper_start(&h, kmm_work_flush, c);
	wait_until(READ_ONCE(waits.others));
	open_gate(c);
	helper_join(&h);
	assert_true(h.saw_finished);
	assert_int_equal(runs_of(c), 1);
}

static void flush_of_a_running_and_pending_work_runs_it_again_after_that(void **state)
{
	struct counted *c = new_counted();
	struct helper h;

	(void)state;
	c->inside = wait_at_gate;
	start_gated(c);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	helper_start(&h, kmm_work_flush, c);
	wait_until(READ_ONCE(waits.others));
	assert_int_equal(runs_of(c), 0);
	open_gate(c);
	helper_join(&h);
	assert_int_equal(runs_of(c), 2);
	assert_int_equal(c->nr_overlaps, 0);
	assert_false(c->by_worker);
}

static void flush_that_waits_does_not_run_what_was_cancelled_meanwhile(void **state)
{
	struct counted *c = new_counted();
	struct helper flusher, canceller;

	(void)state;
	c->inside = wait_at_gate;
	start_gated(c);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	helper_start(&flusher, kmm_work_flush, c);
	wait_until(READ_ONCE(waits.others) == 1);
	helper_start(&canceller, kmm_work_cancel_sync, c);
	wait_until(READ_ONCE(waits.others) == 2);
	assert_false(READ_ONCE(c->work.pending));
	open_gate(c);
	helper_join(&flusher);
	helper_join(&canceller);
	assert_int_equal(runs_of(c), 1);
}

static void worker_passes_over_a_work_that_is_being_flushed(void **state)
{
	struct counted *c = new_counted(), *other = new_counted();
	struct helper h;

	(void)state;
	c->inside = wait_at_gate;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	helper_start(&h, kmm_work_flush, c);
	wait_until(smp_load_acquire(&c->started));
	assert_true(kmm_work_schedule(&c->work, 0));
	assert_true(kmm_work_schedule(&other->work, 0));
	wait_until(runs_of(other));
	assert_int_equal(runs_of(c), 0);
	open_gate(c);
	helper_join(&h);
	/* Not forgotten either. */
	wait_until(runs_of(c) == 2);
	kmm_work_cancel_sync(&c->work);
	assert_int_equal(c->nr_overlaps, 0);
	assert_true(c->by_worker);
}

static void wait_at_gate_and_be_cancelled(struct counted *c)
{
	wait_at_gate_and_finish(c);
	pthread_testcancel();
}

static void thread_cancelled_in_a_flush_ends_after_the_run(void **state)
{
	struct counted *c = new_counted();
	struct helper h;

	(void)state;
	c->inside = wait_at_gate_and_be_cancelled;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	helper_start(&h, kmm_work_flush, c);
	wait_until(smp_load_acquire(&c->started));
	pthread_cancel(h.thread);
	open_gate(c);
	kmm_work_cancel_sync(&c->work);
	assert_true(c->finished);
	helper_join(&h);
	assert_int_equal(runs_of(c), 1);
}

static void nothing_can_be_scheduled_before_the_start_or_after_the_stop(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	assert_false(kmm_work_schedule(&c->work, 0));
	kmm_work_start();
	assert_int_equal(workers.nr_created, 0);
	kmm_work_stop();
	assert_false(kmm_work_schedule(&c->work, 0));
	assert_int_equal(workers.nr_created, 0);
}

static void stop_drops_what_is_pending_and_a_start_begins_anew(void **state)
{
	struct counted *c = new_counted();
	unsigned int i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		kmm_work_start();
		assert_true(kmm_work_schedule(&c->work, HOUR));
		assert_int_equal(workers.nr_created, i);
		kmm_work_stop();
		kmm_work_stop();
		assert_false(c->work.pending);
		assert_int_equal(READ_ONCE(workers.nr_live), 0);
		kmm_work_advance_for_test(2 * HOUR);
		assert_int_equal(runs_of(c), 0);
	}
	kmm_work_start();
	kmm_work_start();
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 1);
}

static void take_a_while(struct counted *c)
{
	smp_store_release(&c->started, true);
	usleep(50000);
	c->finished = true;
	schedule_again(c);
}

static void stop_waits_for_the_worker_s_fn_which_cannot_schedule_again(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	c->inside = take_a_while;
	start_gated(c);
	kmm_work_stop();
	assert_true(c->finished);
	assert_false(c->scheduled);
	assert_false(c->work.pending);
}

static void pause_waits_for_the_worker_s_fn_and_holds_the_next_one_back(void **state)
{
	struct counted *c = new_counted(), *next = new_counted();

	(void)state;
	c->inside = take_a_while;
	start_gated(c);
	kmm_work_pause();
	assert_true(c->finished);
	kmm_work_pause();
	assert_true(kmm_work_schedule(&next->work, 0));
	kmm_work_resume();
	usleep(20000);
	assert_int_equal(runs_of(next), 0);
	kmm_work_resume();
	wait_until(runs_of(next));
	kmm_work_cancel_sync(&c->work);
}

static void stop_waits_for_a_fn_in_flush(void **state)
{
	struct counted *c = new_counted();
	struct helper h;

	(void)state;
	c->inside = take_a_while;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	helper_start(&h, kmm_work_flush, c);
	wait_until(smp_load_acquire(&c->started));
	kmm_work_stop();
	assert_true(c->finished);
	assert_false(c->scheduled);
	helper_join(&h);
}

static void failed_creation_leaves_nothing_pending_and_is_tried_again(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	workers.error = EAGAIN;
	errno = ERANGE;
	assert_false(kmm_work_schedule(&c->work, 0));
	assert_int_equal(errno, ERANGE);
	assert_false(c->work.pending);
	kmm_work_advance_for_test(1);
	assert_int_equal(runs_of(c), 0);
	workers.error = 0;
	assert_true(kmm_work_schedule(&c->work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(runs_of(c), 1);
}

static void worker_gets_a_larger_stack_where_the_small_one_is_refused(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	workers.error_with_attr = EINVAL;
	assert_true(kmm_work_schedule(&c->work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(runs_of(c), 1);
}

static struct counted *from_inside;

static void schedule_from_inside(void)
{
	workers.before = NULL;
	from_inside->scheduled = kmm_work_schedule(&from_inside->work, 0);
}

static void what_is_scheduled_while_the_thread_is_created_shares_its_fate(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	from_inside = new_counted();
	workers.before = schedule_from_inside;
	workers.error = EAGAIN;
	assert_false(kmm_work_schedule(&c->work, HOUR));
	assert_true(from_inside->scheduled);
	assert_false(from_inside->work.pending);
	workers.before = schedule_from_inside;
	workers.error = 0;
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_work_advance_for_test(1);
	assert_int_equal(runs_of(from_inside), 1);
	assert_int_equal(workers.nr_created, 1);
}

static struct helper sure_helper;

static void schedule_for_sure(struct kmm_work *work)
{
	container_of_const(work, struct counted, work)->scheduled = kmm_work_schedule_sure(work, 0);
}

/* Returns when another thread waits for what becomes of the creation. */
static void schedule_from_another_thread(void)
{
	workers.before = NULL;
	helper_start(&sure_helper, schedule_for_sure, from_inside);
	wait_until(READ_ONCE(waits.others));
}

static void what_is_scheduled_for_sure_waits_for_the_creation(void **state)
{
	struct counted *c = NULL;
	int error;

	(void)state;
	for (error = 0; error <= EAGAIN; error += EAGAIN) {
		queue_is_stopped(state);
		kmm_work_start();
		c = new_counted();
		from_inside = new_counted();
		workers.before = schedule_from_another_thread;
		workers.error_once = error;
		assert_int_equal(kmm_work_schedule(&c->work, HOUR), !error);
		helper_join(&sure_helper);
		assert_true(from_inside->scheduled);
		kmm_work_advance_for_test(1);
		assert_int_equal(runs_of(from_inside), 1);
		assert_int_equal(workers.nr_created, 1);
	}
	kmm_work_stop();
	assert_false(kmm_work_schedule_sure(&c->work, 0));
}

static struct helper stopper;

static void stop_anyway(struct kmm_work *work)
{
	(void)work;
	kmm_work_stop();
}

/* Returns when another thread is inside kmm_work_stop(). */
static void stop_from_another_thread(void)
{
	workers.before = NULL;
	helper_start(&stopper, stop_anyway, from_inside);
	wait_until(READ_ONCE(waits.others));
}

static void thread_that_is_created_during_stop_ends_with_it(void **state)
{
	struct counted *c = new_counted();
	int error;

	(void)state;
	for (error = 0; error <= EAGAIN; error += EAGAIN) {
		queue_is_started(state);
		workers.before = stop_from_another_thread;
		workers.error = error;
		kmm_work_schedule(&c->work, 0);
		helper_join(&stopper);
		assert_int_equal(READ_ONCE(workers.nr_live), 0);
		assert_false(c->work.pending);
		assert_int_equal(runs_of(c), 0);
		assert_false(kmm_work_schedule(&c->work, 0));
	}
}

static void work_is_scheduled_where_pages_may_be_asked_for(void **state)
{
	static struct kmm_lock zone_lock = KMM_LOCK_INIT(KMM_RANK_ZONE, "zone lock");
	static struct kmm_lock mutex = KMM_LOCK_INIT(KMM_RANK_PCPU_ALLOC, "mutex");
	struct counted *c = new_counted();
	bool bug, bug_pending;

	(void)state;
	if (!KMM_CONFIG_CHECK)
		skip();
	capture_start();
	kmm_lock(&zone_lock);
	bug = capture_bug_in(kmm_work_schedule(&c->work, HOUR));
	kmm_unlock(&zone_lock);
	kmm_lock(&mutex);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_unlock(&mutex);
	kmm_lock(&zone_lock);
	bug_pending = capture_bug_in(kmm_work_schedule(&c->work, HOUR));
	kmm_unlock(&zone_lock);
	capture_stop();
	assert_true(bug);
	assert_true(bug_pending);
}

/* Many threads */

enum { THREADS = 8, WORKS = 3, RUNS = 2000 };

static void schedule_one(unsigned int index, void *arg)
{
	struct counted *c = arg;

	(void)index;
	if (!kmm_work_schedule(&c->work, HOUR))
		abort();
}

static void threads_that_schedule_one_work_together_make_one_run_and_one_thread(void **state)
{
	struct counted *c = new_counted();

	(void)state;
	run_threads(THREADS, schedule_one, c);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(c), 1);
	assert_int_equal(workers.nr_created, 1);
}

static struct {
	struct counted *works[WORKS];
	unsigned int nr_inside, nr_runs;
	unsigned int nr_late; /* runs that were seen where there can be none */
} busy;

static void be_inside(struct counted *c)
{
	atomic_add_relaxed(&busy.nr_inside, 1);
	if (c->again_ms)
		kmm_work_schedule(&c->work, c->again_ms);
	sched_yield();
	atomic_add_relaxed(&busy.nr_runs, 1);
	atomic_sub_relaxed(&busy.nr_inside, 1);
}

/* Thread 0 stops and starts, the others do everything else. */
static void use_works(unsigned int index, void *arg)
{
	struct test_random random = { index };
	struct kmm_work *work;

	(void)arg;
	while (READ_ONCE(busy.nr_runs) < RUNS) {
		work = &busy.works[test_random_below(&random, WORKS)]->work;
		if (!index) {
			kmm_work_stop();
			busy.nr_late += READ_ONCE(busy.nr_inside) != 0;
			kmm_work_start();
			usleep(200);
			continue;
		}
		switch (test_random_below(&random, 4)) {
		case 0:
			kmm_work_cancel_sync(work);
			break;
		case 1:
			kmm_work_flush(work);
			break;
		default:
			kmm_work_schedule(work, (unsigned int)test_random_below(&random, 2));
			break;
		}
	}
}

static void no_work_runs_twice_at_once_or_after_a_stop_whatever_threads_do(void **state)
{
	unsigned int i;

	(void)state;
	memset(&busy, 0, sizeof(busy));
	for (i = 0; i < WORKS; i++) {
		busy.works[i] = new_counted();
		busy.works[i]->inside = be_inside;
		busy.works[i]->again_ms = i;
	}
	run_threads(THREADS, use_works, NULL);
	kmm_work_stop();
	for (i = 0; i < WORKS; i++) {
		assert_int_equal(busy.works[i]->nr_overlaps, 0);
		assert_false(busy.works[i]->work.pending);
	}
	assert_int_equal(busy.nr_late, 0);
}

#define work_test(name) cmocka_unit_test_setup_teardown(name, queue_is_started, worker_is_gone)
#define stopped_test(name) cmocka_unit_test_setup_teardown(name, queue_is_stopped, worker_is_gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		work_test(there_is_no_thread_before_the_first_work),
		work_test(work_runs_once_when_its_delay_is_over),
		work_test(longest_delay_is_no_short_one),
		work_test(time_passes_by_itself),
		work_test(pending_twice_is_once_at_the_first_time),
		work_test(worker_runs_where_the_process_may_and_not_where_a_bound_thread_made_it),
		work_test(works_run_in_the_order_of_their_times),
		work_test(earlier_work_wakes_the_worker_that_sleeps_for_a_later_one),
		work_test(worker_with_nothing_to_do_sleeps_without_a_timeout),
		work_test(fn_may_schedule_its_own_work),
		work_test(fn_may_free_its_own_work),
		work_test(worker_has_a_name_and_takes_no_signals),
		work_test(cancelled_work_does_not_run),
		work_test(cancel_waits_for_a_running_fn_that_cannot_schedule_again),
		work_test(fn_that_cancels_its_own_work_does_not_wait_for_itself),
		work_test(flush_runs_a_pending_work_at_once),
		work_test(flush_waits_for_a_running_fn),
		work_test(flush_of_a_running_and_pending_work_runs_it_again_after_that),
		work_test(flush_that_waits_does_not_run_what_was_cancelled_meanwhile),
		work_test(worker_passes_over_a_work_that_is_being_flushed),
		work_test(thread_cancelled_in_a_flush_ends_after_the_run),
		stopped_test(nothing_can_be_scheduled_before_the_start_or_after_the_stop),
		stopped_test(stop_drops_what_is_pending_and_a_start_begins_anew),
		work_test(stop_waits_for_the_worker_s_fn_which_cannot_schedule_again),
		work_test(pause_waits_for_the_worker_s_fn_and_holds_the_next_one_back),
		work_test(stop_waits_for_a_fn_in_flush),
		work_test(failed_creation_leaves_nothing_pending_and_is_tried_again),
		work_test(worker_gets_a_larger_stack_where_the_small_one_is_refused),
		work_test(what_is_scheduled_while_the_thread_is_created_shares_its_fate),
		work_test(what_is_scheduled_for_sure_waits_for_the_creation),
		stopped_test(thread_that_is_created_during_stop_ends_with_it),
		work_test(work_is_scheduled_where_pages_may_be_asked_for),
		work_test(threads_that_schedule_one_work_together_make_one_run_and_one_thread),
		work_test(no_work_runs_twice_at_once_or_after_a_stop_whatever_threads_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
