/* SPDX-License-Identifier: MIT
 * rcu_defer_test.c - callbacks after a grace period: order, waiting, the thread, expedition, fork, start and end; in three
 * flavours of liburcu.
 *
 * A grace period is ours to stop and to count: the flavours are wrapped. A hang ends by an alarm.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/rcu.h"
#include "base/rcu_defer.h"
#include "base/work.h"
#include "support/child_threads.h"
#include "support/rcu_flavors.h"
#include "support/threads.h"
#include "support/world.h"

#define NR_HEADS 64

/* A callback that leaves its number behind. */
struct noted {
	struct kmm_rcu_head head;
	unsigned int number;
	void (*inside)(void);
};

static struct noted noted[NR_HEADS];
static unsigned int order[NR_HEADS], nr_called; /* atomic */
static pthread_t called_by;
static unsigned long nr_grace_periods; /* atomic */
static bool hold_grace, grace_held;    /* atomic: a grace period waits while told so, and says that it does */
static const struct rcu_flavor_struct *real;

static void wait_until_set(bool *flag)
{
	unsigned int turns = 0;

	while (!smp_load_acquire(flag))
		spin_turn(&turns);
}

static void grace_period(void)
{
	unsigned int turns = 0;

	atomic_add_relaxed(&nr_grace_periods, 1);
	while (smp_load_acquire(&hold_grace)) {
		smp_store_release(&grace_held, true);
		spin_turn(&turns);
	}
	real->update_synchronize_rcu();
}

static struct rcu_flavor_struct wrapped;

static const struct rcu_flavor_struct *wrap(const struct rcu_flavor_struct *flavor)
{
	real = flavor;
	wrapped = *flavor;
	wrapped.update_synchronize_rcu = grace_period;
	return &wrapped;
}

static int start_with(const char *options, const struct rcu_flavor_struct *flavor)
{
	const struct kmm_config config = { .size = sizeof(config),
					   .limit = WORLD_LIMIT,
					   .nr_cpus = 2,
					   .options = options,
					   .report = world_report,
					   .report_arg = &world_reports,
					   .rcu = flavor };

	memset(noted, 0, sizeof(noted));
	nr_called = 0;
	nr_grace_periods = 0;
	hold_grace = grace_held = false;
	world_forget_reports();
	return kmm_init(&config);
}

static int with_thread(void **state)
{
	(void)state;
	return start_with(NULL, wrap(&urcu_bp_flavor));
}

static int without_thread(void **state)
{
	(void)state;
	return start_with("background=off", wrap(&urcu_bp_flavor));
}

/* The default flavour as it is. */
static int default_world(void **state)
{
	(void)state;
	return start_with(NULL, NULL);
}

static int end(void **state)
{
	(void)state;
	world_expect_silence();
	smp_store_release(&hold_grace, false);
	kmm_boot_reset_for_test();
	return 0;
}

static void note(struct kmm_rcu_head *head)
{
	struct noted *n = caa_container_of(head, struct noted, head);

	called_by = pthread_self();
	order[READ_ONCE(nr_called)] = n->number;
	if (n->inside)
		n->inside();
	atomic_add_release(&nr_called, 1);
}

static void call_nr(unsigned int number)
{
	noted[number].number = number;
	kmm_call_rcu(&noted[number].head, note);
}

static void wait_until_called(unsigned int nr)
{
	unsigned int turns = 0;

	while (smp_load_acquire(&nr_called) < nr)
		spin_turn(&turns);
}

static void expect_order(unsigned int nr)
{
	assert_int_equal(nr_called, nr);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(order[i], i);
}

static void *barrier_thread(void *arg)
{
	kmm_rcu_barrier();
	smp_store_release((bool *)arg, true);
	return NULL;
}

static pthread_t start_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

static void callbacks_run_in_order_after_one_grace_period(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_HEADS; i++)
		call_nr(i);
	assert_true(kmm_rcu_pending());
	assert_int_equal(nr_called, 0);
	kmm_rcu_barrier();
	expect_order(NR_HEADS);
	assert_int_equal(nr_grace_periods, 1);
	assert_false(kmm_rcu_pending());
	/* Nothing waits: nobody does. */
	kmm_rcu_barrier();
	assert_int_equal(nr_grace_periods, 1);
}

static void the_thread_runs_them_by_itself(void **state)
{
	(void)state;
	call_nr(0);
	wait_until_called(1);
	assert_false(pthread_equal(called_by, pthread_self()));
}

static void without_a_thread_nothing_runs_until_somebody_waits(void **state)
{
	(void)state;
	call_nr(0);
	usleep(50000);
	assert_int_equal(nr_called, 0);
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 1);
	assert_true(pthread_equal(called_by, pthread_self()));
}

static void queue_five_more(void)
{
	if (order[nr_called] == 0) {
		for (unsigned int i = 1; i <= 5; i++)
			call_nr(i);
	}
}

static void a_callback_may_queue_others(void **state)
{
	(void)state;
	noted[0].inside = queue_five_more;
	call_nr(0);
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 1);
	assert_true(kmm_rcu_pending());
	kmm_rcu_barrier();
	expect_order(6);
	assert_int_equal(nr_grace_periods, 2);
}

static void queue_itself(void)
{
	if (READ_ONCE(nr_called) < 3)
		kmm_call_rcu(&noted[0].head, note);
}

static void a_callback_that_queues_itself_has_a_grace_period_each_time(void **state)
{
	(void)state;
	noted[0].inside = queue_itself;
	call_nr(0);
	wait_until_called(4);
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 4);
	assert_int_equal(nr_grace_periods, 4);
}

static void a_barrier_waits_for_a_batch_that_another_thread_runs(void **state)
{
	bool other_done = false, own_done = false;
	pthread_t other, own;

	(void)state;
	hold_grace = true;
	call_nr(0);
	other = start_thread(barrier_thread, &other_done);
	wait_until_set(&grace_held);
	own = start_thread(barrier_thread, &own_done);
	usleep(30000);
	assert_false(smp_load_acquire(&own_done));
	assert_int_equal(nr_called, 0);
	smp_store_release(&hold_grace, false);
	pthread_join(own, NULL);
	assert_int_equal(smp_load_acquire(&nr_called), 1);
	pthread_join(other, NULL);
	assert_int_equal(nr_grace_periods, 1);
}

/* The thread comes by while somebody else runs a batch; what was queued meanwhile must not lie there for ever. */
static void what_is_queued_while_a_waiter_runs_a_batch_is_run_by_the_thread(void **state)
{
	bool done = false;
	pthread_t waiter;

	(void)state;
	kmm_work_pause();
	hold_grace = true;
	call_nr(0);
	waiter = start_thread(barrier_thread, &done);
	wait_until_set(&grace_held);
	call_nr(1);
	kmm_work_resume();
	kmm_work_advance_for_test(1000);
	assert_int_equal(nr_called, 0);
	smp_store_release(&hold_grace, false);
	pthread_join(waiter, NULL);
	wait_until_called(2);
	expect_order(2);
	assert_int_equal(nr_grace_periods, 2);
}

static void a_barrier_does_not_wait_for_what_comes_later(void **state)
{
	bool done = false;
	pthread_t waiter;

	(void)state;
	hold_grace = true;
	call_nr(0);
	waiter = start_thread(barrier_thread, &done);
	wait_until_set(&grace_held);
	call_nr(1);
	smp_store_release(&hold_grace, false);
	pthread_join(waiter, NULL);
	assert_int_equal(nr_called, 1);
	assert_true(kmm_rcu_pending());
	kmm_rcu_barrier();
	expect_order(2);
}

static void expedition_runs_what_waits_and_says_so(void **state)
{
	(void)state;
	assert_false(kmm_rcu_expedite());
	call_nr(0);
	assert_true(kmm_rcu_expedite());
	assert_int_equal(nr_called, 1);
	assert_false(kmm_rcu_expedite());
	assert_int_equal(nr_grace_periods, 1);
}

static void a_reader_of_the_default_flavour_is_not_made_to_wait(void **state)
{
	(void)state;
	kmm_rcu_read_lock();
	call_nr(0);
	assert_false(kmm_rcu_expedite());
	assert_int_equal(nr_called, 0);
	kmm_rcu_read_unlock();
	assert_true(kmm_rcu_expedite());
	assert_int_equal(nr_called, 1);
}

static bool expedited;

static void expedite_inside(void)
{
	expedited = kmm_rcu_expedite();
}

static void a_callback_does_not_wait_for_callbacks(void **state)
{
	(void)state;
	expedited = true;
	noted[0].inside = expedite_inside;
	call_nr(0);
	call_nr(1);
	kmm_rcu_barrier();
	assert_false(expedited);
	expect_order(2);
}

static void errno_and_the_cancel_state_stay(void **state)
{
	int cancel_state;

	(void)state;
	errno = E2BIG;
	call_nr(0);
	kmm_rcu_barrier();
	assert_int_equal(errno, E2BIG);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancel_state);
	assert_int_equal(cancel_state, PTHREAD_CANCEL_ENABLE);
}

static bool cancelled_in_vain;

static void ask_for_cancellation(void)
{
	pthread_testcancel();
	smp_store_release(&cancelled_in_vain, true);
}

static void who_is_cancelled_first_ends_the_batch(void **state)
{
	bool done = false;
	pthread_t waiter;
	void *result;

	(void)state;
	cancelled_in_vain = false;
	noted[0].inside = ask_for_cancellation;
	hold_grace = true;
	call_nr(0);
	waiter = start_thread(barrier_thread, &done);
	wait_until_set(&grace_held);
	pthread_cancel(waiter);
	smp_store_release(&hold_grace, false);
	pthread_join(waiter, &result);
	assert_true(cancelled_in_vain);
	call_nr(1);
	kmm_rcu_barrier();
	expect_order(2);
}

/* The collector */

static bool collected;
static void *freed;

static bool collector_pending(void)
{
	return collected;
}

static void collector_flush(void)
{
	if (collected)
		call_nr(7);
	collected = false;
}

static void collector_free(void *object)
{
	freed = object;
	atomic_add_release(&nr_called, 1);
}

static const struct kmm_rcu_collector test_collector = {
	.pending = collector_pending,
	.flush = collector_flush,
	.free = collector_free,
};

static void what_is_collected_counts_as_queued(void **state)
{
	(void)state;
	kmm_rcu_collector_set(&test_collector);
	collected = true;
	assert_true(kmm_rcu_pending());
	assert_true(kmm_rcu_expedite());
	assert_int_equal(nr_called, 1);
	assert_int_equal(order[0], 7);
	collected = true;
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 2);
	assert_false(kmm_rcu_pending());
}

static void a_head_with_an_offset_is_an_object_to_free(void **state)
{
	static struct {
		char bytes[4000];
		struct kmm_rcu_head head;
	} object;

	(void)state;
	kmm_rcu_collector_set(&test_collector);
	kmm_rcu_enqueue_free(&object.head, offsetof(__typeof__(object), head));
	kmm_rcu_kick();
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 1);
	assert_ptr_equal(freed, &object);
	kmm_rcu_enqueue_free((struct kmm_rcu_head *)(void *)object.bytes, 0);
	kmm_rcu_kick();
	kmm_rcu_barrier();
	assert_ptr_equal(freed, &object);
	assert_int_equal(nr_called, 2);
}

/* Start and end */

static void the_end_forgets_what_waits(void **state)
{
	call_nr(0);
	end(state);
	assert_int_equal(nr_called, 0);
	with_thread(state);
	assert_false(kmm_rcu_pending());
	kmm_rcu_barrier();
	assert_int_equal(nr_grace_periods, 0);
	call_nr(0);
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 1);
}

static void flavours_change_between_starts(void **state)
{
	const struct rcu_flavor_struct *const flavors[] = { &urcu_memb_flavor, &urcu_qsbr_flavor, &urcu_bp_flavor };

	for (unsigned int i = 0; i < ARRAY_SIZE(flavors); i++) {
		end(state);
		assert_int_equal(start_with(NULL, flavors[i]), 0);
		call_nr(0);
		kmm_rcu_barrier();
		assert_int_equal(nr_called, 1);
	}
}

/* Fork */

static pid_t fork_with_alarm(void)
{
	pid_t pid = fork();

	if (!pid)
		alarm(60);
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In the child: all @nr are called in order, and more can be queued. */
static int child_calls(unsigned int nr)
{
	kmm_rcu_barrier();
	if (nr_called != nr || kmm_rcu_pending())
		return 1;
	for (unsigned int i = 0; i < nr; i++) {
		if (order[i] != i)
			return 2;
	}
	noted[nr].number = nr;
	kmm_rcu_enqueue(&noted[nr].head, note); /* without a thread, which not every child can have */
	kmm_rcu_barrier();
	return nr_called == nr + 1 ? 0 : 3;
}

static void the_child_of_a_fork_has_what_was_queued(void **state)
{
	pid_t pid;

	(void)state;
	kmm_work_pause();
	for (unsigned int i = 0; i < 10; i++)
		call_nr(i);
	pid = fork_with_alarm();
	if (!pid)
		_exit(child_calls(10));
	assert_int_equal(status_of(pid), 0);
	kmm_work_resume();
	kmm_rcu_barrier();
	expect_order(10);
}

/* The runner is in the grace period, and is not in the child. */
static void the_child_of_a_fork_in_a_grace_period_has_what_was_in_the_batch(void **state)
{
	bool done = false;
	pthread_t runner;
	pid_t pid;

	(void)state;
	kmm_work_pause();
	hold_grace = true;
	for (unsigned int i = 0; i < 5; i++)
		call_nr(i);
	runner = start_thread(barrier_thread, &done);
	wait_until_set(&grace_held);
	for (unsigned int i = 5; i < 10; i++)
		call_nr(i);
	pid = fork_with_alarm();
	if (!pid) {
		hold_grace = false;
		_exit(child_calls(10));
	}
	smp_store_release(&hold_grace, false);
	assert_int_equal(status_of(pid), 0);
	pthread_join(runner, NULL);
	kmm_work_resume();
	kmm_rcu_barrier();
	expect_order(10);
}

static bool callback_stands, callback_may_go;

static void stand(void)
{
	smp_store_release(&callback_stands, true);
	wait_until_set(&callback_may_go);
}

static void the_child_of_a_fork_in_a_callback_has_lost_that_one(void **state)
{
	bool done = false;
	pthread_t runner;
	pid_t pid;

	(void)state;
	kmm_work_pause();
	callback_stands = callback_may_go = false;
	noted[3].inside = stand;
	for (unsigned int i = 0; i < 10; i++)
		call_nr(i);
	runner = start_thread(barrier_thread, &done);
	wait_until_set(&callback_stands);
	pid = fork_with_alarm();
	if (!pid) {
		kmm_rcu_barrier();
		/* 0 to 2 ran before, 3 is lost; order[3] has its number. */
		_exit(nr_called == 9 && order[2] == 2 && order[3] == 4 && order[8] == 9 && !kmm_rcu_pending() ? 0 : 1);
	}
	smp_store_release(&callback_may_go, true);
	assert_int_equal(status_of(pid), 0);
	pthread_join(runner, NULL);
	kmm_work_resume();
	expect_order(10);
}

/* A signal handler may fork while this thread is in the grace period: the child comes back into the batch. */
static bool fork_in_grace;
static pid_t forked_in_grace;

static void grace_period_that_forks(void)
{
	if (fork_in_grace) {
		fork_in_grace = false;
		forked_in_grace = fork_with_alarm();
	}
	grace_period();
}

static void the_runner_may_be_the_one_that_forks(void **state)
{
	(void)state;
	wrapped.update_synchronize_rcu = grace_period_that_forks;
	kmm_work_pause();
	for (unsigned int i = 0; i < 10; i++)
		call_nr(i);
	fork_in_grace = true;
	kmm_rcu_barrier();
	if (!forked_in_grace)
		_exit(nr_called == 10 && order[9] == 9 && !kmm_rcu_pending() ? 0 : 1);
	kmm_work_resume();
	assert_int_equal(status_of(forked_in_grace), 0);
	expect_order(10);
}

static void the_child_of_a_fork_has_a_thread_for_what_it_queues(void **state)
{
	pid_t pid;

	(void)state;
	if (!CHILD_HAS_THREADS)
		skip();
	kmm_work_pause();
	call_nr(0);
	pid = fork_with_alarm();
	if (!pid) {
		call_nr(1);
		wait_until_called(2);
		_exit(order[0] == 0 && order[1] == 1 ? 0 : 1);
	}
	assert_int_equal(status_of(pid), 0);
	kmm_work_resume();
}

/* Flavours */

static int memb_world(void **state)
{
	(void)state;
	urcu_memb_register_thread();
	return start_with(NULL, wrap(&urcu_memb_flavor));
}

static int memb_end(void **state)
{
	int err = end(state);

	urcu_memb_unregister_thread();
	return err;
}

static int qsbr_world(void **state)
{
	(void)state;
	urcu_qsbr_register_thread();
	return start_with(NULL, wrap(&urcu_qsbr_flavor));
}

static int qsbr_end(void **state)
{
	int err = end(state);

	urcu_qsbr_unregister_thread();
	return err;
}

static void *memb_reader(void *arg)
{
	bool *flags = arg; /* inside, may leave */

	urcu_memb_register_thread();
	urcu_memb_read_lock();
	smp_store_release(&flags[0], true);
	wait_until_set(&flags[1]);
	urcu_memb_read_unlock();
	urcu_memb_unregister_thread();
	return NULL;
}

static void a_reader_of_memb_is_waited_for(void **state)
{
	bool flags[2] = { false, false };
	pthread_t reader;

	(void)state;
	reader = start_thread(memb_reader, flags);
	wait_until_set(&flags[0]);
	call_nr(0);
	usleep(50000);
	assert_int_equal(smp_load_acquire(&nr_called), 0);
	smp_store_release(&flags[1], true);
	kmm_rcu_barrier();
	assert_int_equal(nr_called, 1);
	pthread_join(reader, NULL);
}

static void *qsbr_barrier_thread(void *arg)
{
	urcu_qsbr_register_thread();
	kmm_rcu_barrier();
	smp_store_release((bool *)arg, urcu_qsbr_read_ongoing());
	urcu_qsbr_unregister_thread();
	return NULL;
}

/* Both are online, and the grace period of one would wait for the other. */
static void a_thread_of_qsbr_that_waits_for_the_runner_does_not_block_it(void **state)
{
	bool other_online = false;
	pthread_t other;

	(void)state;
	kmm_work_pause();
	hold_grace = true;
	call_nr(0);
	other = start_thread(qsbr_barrier_thread, &other_online);
	wait_until_set(&grace_held);
	smp_store_release(&hold_grace, false);
	kmm_rcu_barrier();
	assert_true(urcu_qsbr_read_ongoing());
	assert_int_equal(nr_called, 1);
	urcu_qsbr_thread_offline();
	pthread_join(other, NULL);
	urcu_qsbr_thread_online();
	assert_true(other_online);
	kmm_work_resume();
}

/* So it is with the library's thread: this one ends it, or waits for its work, while it is in a grace period. */
static void a_thread_of_qsbr_may_wait_for_the_library(void **state)
{
	(void)state;
	hold_grace = true;
	call_nr(0);
	wait_until_set(&grace_held);
	smp_store_release(&hold_grace, false);
	kmm_work_pause();
	assert_true(urcu_qsbr_read_ongoing());
	kmm_work_resume();
	assert_int_equal(nr_called, 1);
}

static void a_thread_of_qsbr_may_end_the_library(void **state)
{
	(void)state;
	hold_grace = true;
	call_nr(0);
	wait_until_set(&grace_held);
	smp_store_release(&hold_grace, false);
	kmm_boot_reset_for_test();
	assert_true(urcu_qsbr_read_ongoing());
	assert_int_equal(nr_called, 1);
}

/* Many at once */

struct crowd {
	struct kmm_rcu_head head;
	unsigned int thread, number;
};

#define CROWD_THREADS 4
#define CROWD_CALLS 2000

static unsigned int crowd_last[CROWD_THREADS], crowd_mistakes;

static void crowd_called(struct kmm_rcu_head *head)
{
	struct crowd *c = caa_container_of(head, struct crowd, head);

	if (c->number != ++crowd_last[c->thread])
		crowd_mistakes++;
	kfree(c);
}

static void crowd_run(unsigned int index, void *arg)
{
	(void)arg;
	for (unsigned int i = 1; i <= CROWD_CALLS; i++) {
		struct crowd *c = kmalloc(sizeof(*c), GFP_KERNEL);

		if (!c)
			abort();
		c->thread = index;
		c->number = i;
		kmm_call_rcu(&c->head, crowd_called);
		if (i % 500 == 0) {
			kmm_rcu_barrier();
			/* What this thread queued has been called. */
			if (READ_ONCE(crowd_last[index]) != i)
				atomic_add_relaxed(&crowd_mistakes, 1);
		} else if (i % 97 == 0) {
			kmm_rcu_read_lock();
			kmm_rcu_expedite();
			kmm_rcu_read_unlock();
		}
	}
}

static void many_threads_queue_and_wait(void **state)
{
	(void)state;
	memset(crowd_last, 0, sizeof(crowd_last));
	crowd_mistakes = 0;
	run_threads(CROWD_THREADS, crowd_run, NULL);
	kmm_rcu_barrier();
	assert_int_equal(crowd_mistakes, 0);
	for (unsigned int i = 0; i < CROWD_THREADS; i++)
		assert_int_equal(crowd_last[i], CROWD_CALLS);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, with_thread, end)
#define WITHOUT_THREAD(test) cmocka_unit_test_setup_teardown(test, without_thread, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT_THREAD(callbacks_run_in_order_after_one_grace_period),
		IN_WORLD(the_thread_runs_them_by_itself),
		WITHOUT_THREAD(without_a_thread_nothing_runs_until_somebody_waits),
		WITHOUT_THREAD(a_callback_may_queue_others),
		IN_WORLD(a_callback_that_queues_itself_has_a_grace_period_each_time),
		WITHOUT_THREAD(a_barrier_waits_for_a_batch_that_another_thread_runs),
		IN_WORLD(what_is_queued_while_a_waiter_runs_a_batch_is_run_by_the_thread),
		WITHOUT_THREAD(a_barrier_does_not_wait_for_what_comes_later),
		WITHOUT_THREAD(expedition_runs_what_waits_and_says_so),
		WITHOUT_THREAD(a_callback_does_not_wait_for_callbacks),
		WITHOUT_THREAD(errno_and_the_cancel_state_stay),
		WITHOUT_THREAD(who_is_cancelled_first_ends_the_batch),
		WITHOUT_THREAD(what_is_collected_counts_as_queued),
		WITHOUT_THREAD(a_head_with_an_offset_is_an_object_to_free),
		IN_WORLD(the_end_forgets_what_waits),
		IN_WORLD(flavours_change_between_starts),
		IN_WORLD(the_child_of_a_fork_has_what_was_queued),
		IN_WORLD(the_child_of_a_fork_in_a_grace_period_has_what_was_in_the_batch),
		IN_WORLD(the_child_of_a_fork_in_a_callback_has_lost_that_one),
		IN_WORLD(the_runner_may_be_the_one_that_forks),
		IN_WORLD(the_child_of_a_fork_has_a_thread_for_what_it_queues),
		cmocka_unit_test_setup_teardown(a_reader_of_memb_is_waited_for, memb_world, memb_end),
		cmocka_unit_test_setup_teardown(a_thread_of_qsbr_that_waits_for_the_runner_does_not_block_it,
						qsbr_world, qsbr_end),
		cmocka_unit_test_setup_teardown(a_thread_of_qsbr_may_wait_for_the_library, qsbr_world, qsbr_end),
		cmocka_unit_test_setup_teardown(a_thread_of_qsbr_may_end_the_library, qsbr_world, qsbr_end),
		cmocka_unit_test_setup_teardown(many_threads_queue_and_wait, default_world, end),
		cmocka_unit_test_setup_teardown(a_reader_of_the_default_flavour_is_not_made_to_wait, default_world,
						end),
	};

	alarm(200);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
