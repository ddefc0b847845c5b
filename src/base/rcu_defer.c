/* SPDX-License-Identifier: MIT
 * rcu_defer.c - callbacks after a grace period. See rcu_defer.h.
 *
 * Owns:       the queue, oldest first, and the batch that is being run: what was queued before its grace period began.
 * Locks:      queue_lock (rank 94) guards all of it. It is not held while a grace period is waited for or a callback runs. One
 *             runner at a time: two would not keep the order.
 * Invariants: D1  nr_queued - nr_done callbacks are in the queue, in the batch, or running
 *             D2  while something is in the queue, somebody runs a batch and will look here again, or the work is pending;
 *                 unless there is no thread
 * Fork:       the batch stays in the queue's memory until each callback is called, so the child of a fork has lost at most the
 *             one that was running; the others go through another grace period there.
 */
#include "base/rcu_defer.h"

#include <errno.h>
#include <pthread.h>

#include "base/fork.h"
#include "base/lock.h"
#include "base/race.h"
#include "base/rcu.h"
#include "base/work.h"

/* What is queued within this time shares a grace period. */
#define BATCH_DELAY_MS 10

struct queue {
	struct kmm_rcu_head *first, **end;
};

static struct kmm_lock queue_lock = KMM_LOCK_INIT(KMM_RANK_RCU_QUEUE, "RCU queue lock");
static pthread_cond_t batch_done = PTHREAD_COND_INITIALIZER;
static struct queue waiting = { .end = &waiting.first };
static struct queue batch = { .end = &batch.first };
static bool running;                     /* somebody is at the batch */
static unsigned long nr_queued, nr_done; /* callbacks, ever; read RELAXED */
static const struct kmm_rcu_collector *collector;

static __thread bool is_runner; /* a callback must not wait for callbacks */

static void append(struct queue *to, struct queue *from)
{
	if (!from->first)
		return;
	*to->end = from->first;
	to->end = from->end;
	from->first = NULL;
	from->end = &from->first;
}

static struct kmm_rcu_head *pop(struct queue *from)
{
	struct kmm_rcu_head *head = from->first;

	if (head) {
		from->first = head->next;
		if (!from->first)
			from->end = &from->first;
	}
	return head;
}

static void run_callback(struct kmm_rcu_head *head)
{
	if (head->offset < KMM_RCU_OFFSETS)
		collector->free((char *)head - head->offset);
	else
		head->func(head);
}

/* One grace period for all that waits, and their callbacks. Drops the lock on the way. */
static void run_batch_locked(void)
{
	int saved_errno = errno, cancel_state;
	struct kmm_rcu_head *head;

	running = true;
	append(&batch, &waiting);
	kmm_unlock(&queue_lock);

	/* A thread that is cancelled would leave liburcu locked, and nobody to run callbacks. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	kmm_rcu_use();
	KMM_RACE_POINT("rcu_defer:before-grace-period");
	kmm_synchronize_rcu();
	is_runner = true;
	kmm_lock(&queue_lock);
	while ((head = pop(&batch))) {
		kmm_unlock(&queue_lock);
		KMM_RACE_POINT("rcu_defer:before-callback");
		run_callback(head);
		kmm_lock(&queue_lock);
		WRITE_ONCE(nr_done, nr_done + 1);
	}
	is_runner = false;
	running = false;
	pthread_cond_broadcast(&batch_done);
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;
}

static void run_queue(struct kmm_work *work)
{
	(void)work;
	kmm_lock(&queue_lock);
	/* Who runs a batch already looks whether there is more when it is done. */
	while (!running && waiting.first)
		run_batch_locked();
	kmm_unlock(&queue_lock);
}

static struct kmm_work queue_work = KMM_WORK_INIT(run_queue);

static void enqueue(struct kmm_rcu_head *head)
{
	head->next = NULL;
	kmm_lock(&queue_lock);
	*waiting.end = head;
	waiting.end = &head->next;
	WRITE_ONCE(nr_queued, nr_queued + 1);
	kmm_unlock(&queue_lock);
}

void kmm_rcu_enqueue(struct kmm_rcu_head *head, void (*func)(struct kmm_rcu_head *head))
{
	head->func = func;
	enqueue(head);
}

void kmm_rcu_enqueue_free(struct kmm_rcu_head *head, uintptr_t offset)
{
	head->offset = offset;
	enqueue(head);
}

/* Without a thread it waits for somebody who wants it done. */
void kmm_rcu_kick(void)
{
	kmm_work_schedule(&queue_work, BATCH_DELAY_MS);
}

void kmm_call_rcu(struct kmm_rcu_head *head, void (*func)(struct kmm_rcu_head *head))
{
	kmm_rcu_enqueue(head, func);
	kmm_rcu_kick();
}

static void wait_for_runner_locked(void)
{
	const bool online = kmm_rcu_wait_begin();

	while (running)
		kmm_lock_wait(&queue_lock, &batch_done, NULL);
	kmm_rcu_wait_end(online);
}

void kmm_rcu_barrier(void)
{
	unsigned long target;
	bool more;

	kmm_assert_none_held();
	if (collector)
		collector->flush();
	kmm_lock(&queue_lock);
	target = nr_queued;
	while ((long)(nr_done - target) < 0) {
		if (running)
			wait_for_runner_locked();
		else
			run_batch_locked();
	}
	/* The thread may have come by while we were at it, and left again. */
	more = waiting.first && !running;
	kmm_unlock(&queue_lock);
	if (more)
		kmm_rcu_kick();
}

bool kmm_rcu_pending(void)
{
	/* Both RELAXED: a caller who misses something has missed it as if it had come later. */
	return READ_ONCE(nr_done) != READ_ONCE(nr_queued) || (collector && collector->pending());
}

bool kmm_rcu_expedite(void)
{
	if (is_runner || !kmm_rcu_pending() || !kmm_rcu_may_wait())
		return false;
	kmm_rcu_barrier();
	return true;
}

void kmm_rcu_collector_set(const struct kmm_rcu_collector *new_collector)
{
	collector = new_collector;
}

/* The runner is gone, and perhaps one callback with it. What it had not called goes first, behind a new grace period. */
static void forget_runner(void)
{
	unsigned long left = 0;

	pthread_cond_init(&batch_done, NULL);
	append(&batch, &waiting);
	append(&waiting, &batch);
	running = false;
	for (const struct kmm_rcu_head *head = waiting.first; head; head = head->next)
		left++;
	nr_done = nr_queued - left;
}

void kmm_rcu_defer_start(void)
{
	static const struct kmm_fork_handler handler = {
		.rank = KMM_RANK_RCU_QUEUE,
		.lock = &queue_lock,
		.reset_all = forget_runner,
	};

	kmm_fork_register(&handler);
}

void kmm_rcu_defer_stop(void)
{
	kmm_lock(&queue_lock);
	waiting = (struct queue){ .end = &waiting.first };
	batch = (struct queue){ .end = &batch.first };
	nr_done = nr_queued;
	kmm_unlock(&queue_lock);
}
