/* SPDX-License-Identifier: MIT
 * work_test.c - delayed work runs once and never twice at once, ends when it is told to, and survives a fork.
 *
 * Linked with --wrap, so that the test sees (and stops, and fails) the creation of the thread, and sees who waits how.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/boot.h"
#include "base/work.h"
#include "support/capture.h"
#include "support/random.h"
#include "support/threads.h"

/* The child of a process with threads can have threads, but not under ThreadSanitizer and not under qemu-arm: both keep
 * the books of the parent's threads in it. There the library's attempt has to do. */
#define CHILD_HAS_THREADS (!KMM_ARCH_TSAN && !EMULATED)

enum { HOUR = 3600 * 1000 };

/* What the library does with threads */

typedef void *thread_main_fn(void *arg);

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main_fn *run, void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main_fn *run, void *arg);
int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);

static struct {
	unsigned int nr_tried, nr_created, nr_live;
	int error, error_with_attr; /* returned in place of creating */
	void (*before)(void);       /* called in place of what an allocation may do */
	thread_main_fn *run;
	void *arg;
} workers;

static struct {
	unsigned int worker, worker_timed, others;
} waits;

static __thread bool is_worker;

static void *worker_start(void *arg)
{
	is_worker = true;
	workers.run(arg);
	atomic_sub_relaxed(&workers.nr_live, 1);
	return NULL;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main_fn *run, void *arg)
{
	int err;

	if (run == test_thread_main)
		return __real_pthread_create(thread, attr, run, arg);
	workers.nr_tried++;
	if (workers.before)
		workers.before();
	err = workers.error ? workers.error : attr ? workers.error_with_attr : 0;
	if (err) {
		errno = err;
		return err;
	}
	workers.nr_created++;
	atomic_add_relaxed(&workers.nr_live, 1);
	workers.run = run;
	return __real_pthread_create(thread, attr, worker_start, arg);
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	atomic_add_relaxed(is_worker ? &waits.worker : &waits.others, 1);
	return __real_pthread_cond_wait(cond, mutex);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	atomic_add_relaxed(&waits.worker_timed, 1);
	return __real_pthread_cond_timedwait(cond, mutex, until);
}

#define wait_until(cond)                    \
	do {                                \
		unsigned int turns_ = 0;    \
		while (!(cond))             \
			spin_turn(&turns_); \
	} while (0)

/* Works that tell what happens to them */

struct counted {
	struct kmm_work work;
	unsigned int nr_runs;              /* begun and ended */
	void (*inside)(struct counted *c); /* what a run does */
	bool started, gate_open;           /* see wait_at_gate() */
	bool finished;                     /* not atomic: whoever waited for the run may read it */
	bool by_worker;                    /* who the last run was */
	bool running;                      /* not atomic: runs exclude each other */
	unsigned int nr_overlaps;
	bool scheduled; /* what schedule said, from inside */
	unsigned int again_ms;
};

static void counted_fn(struct kmm_work *work)
{
	struct counted *c = container_of_const(work, struct counted, work);

	c->nr_overlaps += c->running;
	c->running = true;
	c->by_worker = is_worker;
	if (c->inside)
		c->inside(c);
	c->running = false;
	atomic_add_relaxed(&c->nr_runs, 1);
}

/* Static, because what a failed test leaves in the queue has to last until the queue is stopped. */
static struct counted counted_works[8];
static unsigned int nr_counted;

static struct counted *new_counted(void)
{
	struct counted *c = &counted_works[nr_counted++];

	if (nr_counted > ARRAY_SIZE(counted_works))
		abort();
	*c = (struct counted){ .work = KMM_WORK_INIT(counted_fn) };
	return c;
}

static void wait_at_gate(struct counted *c)
{
	smp_store_release(&c->started, true);
	wait_until(smp_load_acquire(&c->gate_open));
	c->finished = true;
}

static void schedule_again(struct counted *c)
{
	c->scheduled = kmm_work_schedule(&c->work, c->again_ms);
}

static void wait_at_gate_and_schedule_again(struct counted *c)
{
	wait_at_gate(c);
	schedule_again(c);
}

static void open_gate(struct counted *c)
{
	smp_store_release(&c->gate_open, true);
}

/* Scheduled, and stopped inside its fn. */
static void start_gated(struct counted *c)
{
	assert_true(kmm_work_schedule(&c->work, 0));
	wait_until(smp_load_acquire(&c->started));
}

static unsigned int runs_of(const struct counted *c)
{
	return READ_ONCE(c->nr_runs);
}

/* Another thread that does one thing with a work and tells when it is back. */
struct helper {
	struct test_thread thread;
	pthread_barrier_t start;
	void (*call)(struct kmm_work *work);
	struct counted *c;
	bool saw_finished;
};

static void help(unsigned int index, void *arg)
{
	struct helper *h = arg;

	(void)index;
	h->call(&h->c->work);
	h->saw_finished = h->c->finished;
}

static void helper_start(struct helper *h, void (*call)(struct kmm_work *work), struct counted *c)
{
	*h = (struct helper){ .call = call, .c = c };
	h->thread = (struct test_thread){ .start = &h->start, .run = help, .arg = h };
	pthread_barrier_init(&h->start, NULL, 1);
	if (pthread_create(&h->thread.thread, NULL, test_thread_main, &h->thread))
		abort();
}

static void helper_join(struct helper *h)
{
	pthread_join(h->thread.thread, NULL);
	pthread_barrier_destroy(&h->start);
}

static int queue_is_stopped(void **state)
{
	(void)state;
	kmm_work_stop();
	memset(&workers, 0, sizeof(workers));
	memset(&waits, 0, sizeof(waits));
	nr_counted = 0;
	return 0;
}

static int queue_is_started(void **state)
{
	queue_is_stopped(state);
	kmm_work_start();
	return 0;
}

static int worker_is_gone(void **state)
{
	(void)state;
	kmm_work_stop();
	return READ_ONCE(workers.nr_live) ? -1 : 0;
}

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
	c->inside = wait_at_gate;
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
	wait_at_gate(c);
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
	pthread_cancel(h.thread.thread);
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

static void work_is_scheduled_with_no_lock_held(void **state)
{
	static struct kmm_lock zone_lock = KMM_LOCK_INIT(KMM_RANK_ZONE, "zone lock");
	static struct kmm_lock boot_like_lock = KMM_LOCK_INIT(KMM_RANK_BOOT, "boot like lock");
	struct counted *c = new_counted();
	bool bug, bug_pending;

	(void)state;
	if (!KMM_CONFIG_CHECK)
		skip();
	capture_start();
	kmm_lock(&zone_lock);
	bug = capture_bug_in(kmm_work_schedule(&c->work, HOUR));
	kmm_unlock(&zone_lock);
	kmm_lock(&boot_like_lock);
	assert_true(kmm_work_schedule(&c->work, HOUR));
	kmm_unlock(&boot_like_lock);
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

/* Fork */

static struct counted *forked, *forked_other;

static int library_runs(void **state)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 64UL << 20, .nr_cpus = 2 };

	if (kmm_init(&config))
		return -1;
	queue_is_started(state);
	forked = new_counted();
	forked_other = new_counted();
	return 0;
}

static int library_is_cold(void **state)
{
	int err = worker_is_gone(state);

	kmm_boot_reset_for_test();
	return err;
}

/* A child that hangs ends soon, also one of the worker, which blocks all signals. */
static void set_alarm(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm(60);
}

/* The exit status of a child that runs @child; one that was ended by its alarm has none. */
static int status_of_child(int (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		set_alarm();
		_exit(child());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define child_check(cond)                                                                \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "line %d, in the child: %s\n", __LINE__, #cond); \
			return 1;                                                        \
		}                                                                        \
	} while (0)

/* Whatever the parent's threads were doing with them, both works are idle in the child, and can be used. */
static int works_are_idle_and_usable(void)
{
	const unsigned int nr_tried = workers.nr_tried;

	child_check(!forked->work.pending && !forked_other->work.pending);
	forked->nr_runs = 0;
	forked->inside = NULL;
	kmm_work_cancel_sync(&forked->work); /* does not wait */
	kmm_work_flush(&forked->work);
	child_check(!runs_of(forked));
	child_check(workers.nr_tried == nr_tried);
	workers.error = EAGAIN;
	child_check(!kmm_work_schedule(&forked->work, HOUR));
	child_check(workers.nr_tried == nr_tried + 1);
	if (!CHILD_HAS_THREADS)
		return 0;
	workers.error = 0;
	child_check(kmm_work_schedule(&forked->work, HOUR));
	kmm_work_advance_for_test(HOUR);
	child_check(runs_of(forked) == 1);
	child_check(forked->by_worker);
	child_check(kmm_work_schedule(&forked->work, HOUR));
	kmm_work_stop();
	child_check(!forked->work.pending);
	return 0;
}

static void child_s_pending_works_wait_to_be_scheduled_again(void **state)
{
	(void)state;
	assert_true(kmm_work_schedule(&forked->work, HOUR));
	assert_true(kmm_work_schedule(&forked_other->work, HOUR));
	assert_int_equal(status_of_child(works_are_idle_and_usable), 0);
	/* The parent's did not notice. */
	assert_true(forked->work.pending);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(forked), 1);
	assert_int_equal(runs_of(forked_other), 1);
	assert_int_equal(workers.nr_created, 1);
}

static void parent_s_running_work_does_not_run_in_the_child(void **state)
{
	(void)state;
	forked->inside = wait_at_gate;
	start_gated(forked);
	assert_true(kmm_work_schedule(&forked->work, HOUR));
	assert_int_equal(status_of_child(works_are_idle_and_usable), 0);
	assert_true(forked->work.pending);
	open_gate(forked);
	kmm_work_advance_for_test(HOUR);
	assert_int_equal(runs_of(forked), 2);
}

static void nobody_cancels_or_flushes_in_the_child(void **state)
{
	struct helper canceller, flusher;

	(void)state;
	forked->inside = wait_at_gate;
	forked_other->inside = wait_at_gate;
	start_gated(forked);
	helper_start(&canceller, kmm_work_cancel_sync, forked);
	assert_true(kmm_work_schedule(&forked_other->work, HOUR));
	helper_start(&flusher, kmm_work_flush, forked_other);
	wait_until(READ_ONCE(waits.others) && smp_load_acquire(&forked_other->started));
	assert_int_equal(status_of_child(works_are_idle_and_usable), 0);
	open_gate(forked);
	open_gate(forked_other);
	helper_join(&canceller);
	helper_join(&flusher);
	assert_true(canceller.saw_finished);
	assert_true(flusher.saw_finished);
}

static int child_status;

static void fork_in_fn(struct counted *c)
{
	(void)c;
	child_status = status_of_child(works_are_idle_and_usable);
}

static void fn_may_fork(void **state)
{
	(void)state;
	forked_other->inside = fork_in_fn;
	child_status = -1;
	assert_true(kmm_work_schedule(&forked->work, HOUR));
	assert_true(kmm_work_schedule(&forked_other->work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(child_status, 0);
	assert_int_equal(runs_of(forked), 0);
	/* And in a thread that flushes. */
	child_status = -1;
	assert_true(kmm_work_schedule(&forked_other->work, HOUR));
	kmm_work_flush(&forked_other->work);
	assert_int_equal(child_status, 0);
	assert_true(forked->work.pending);
}

static void leave_with_7(void)
{
	_exit(7);
}

/* The child returns from fn, with nothing that waits for it there. */
static void fork_in_fn_and_go_on(struct counted *c)
{
	int status;
	pid_t pid = fork();

	(void)c;
	if (!pid) {
		set_alarm();
		atexit(leave_with_7);
		return;
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		child_status = WEXITSTATUS(status);
}

static void child_of_the_worker_ends_as_a_process_does_with_its_last_thread(void **state)
{
	(void)state;
	forked->inside = fork_in_fn_and_go_on;
	child_status = -1;
	assert_true(kmm_work_schedule(&forked->work, 0));
	kmm_work_advance_for_test(1);
	assert_int_equal(child_status, 7);
	assert_int_equal(runs_of(forked), 1);
}

static int flush_in_grandchild(void)
{
	child_check(kmm_work_schedule(&forked->work, HOUR));
	child_check(status_of_child(works_are_idle_and_usable) == 0);
	child_check(forked->work.pending);
	kmm_work_flush(&forked->work);
	child_check(runs_of(forked) == 1);
	return 0;
}

static void child_can_fork_too(void **state)
{
	(void)state;
	if (!CHILD_HAS_THREADS)
		skip();
	assert_int_equal(status_of_child(flush_in_grandchild), 0);
}

#define work_test(name) cmocka_unit_test_setup_teardown(name, queue_is_started, worker_is_gone)
#define stopped_test(name) cmocka_unit_test_setup_teardown(name, queue_is_stopped, worker_is_gone)
#define fork_test(name) cmocka_unit_test_setup_teardown(name, library_runs, library_is_cold)

int main(void)
{
	const struct CMUnitTest tests[] = {
		work_test(there_is_no_thread_before_the_first_work),
		work_test(work_runs_once_when_its_delay_is_over),
		work_test(longest_delay_is_no_short_one),
		work_test(time_passes_by_itself),
		work_test(pending_twice_is_once_at_the_first_time),
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
		work_test(stop_waits_for_a_fn_in_flush),
		work_test(failed_creation_leaves_nothing_pending_and_is_tried_again),
		work_test(worker_gets_a_larger_stack_where_the_small_one_is_refused),
		work_test(what_is_scheduled_while_the_thread_is_created_shares_its_fate),
		stopped_test(thread_that_is_created_during_stop_ends_with_it),
		work_test(work_is_scheduled_with_no_lock_held),
		work_test(threads_that_schedule_one_work_together_make_one_run_and_one_thread),
		work_test(no_work_runs_twice_at_once_or_after_a_stop_whatever_threads_do),
		fork_test(child_s_pending_works_wait_to_be_scheduled_again),
		fork_test(parent_s_running_work_does_not_run_in_the_child),
		fork_test(nobody_cancels_or_flushes_in_the_child),
		fork_test(fn_may_fork),
		fork_test(child_of_the_worker_ends_as_a_process_does_with_its_last_thread),
		fork_test(child_can_fork_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
