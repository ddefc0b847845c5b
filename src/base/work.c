/* SPDX-License-Identifier: MIT
 * work.c - the queue of delayed works and the thread that runs them.
 *
 * Owns:       the queue, the worker thread, what is known of works that run or are being cancelled.
 * Locks:      queue.lock (rank 95) guards all of it. It is dropped around every fn, and around the creation and the join
 *             of the thread: pthread_create() may allocate, and that may come back here.
 * Lock-free:  kmm_work_schedule() looks at work->pending first; see there.
 * Invariants: W1  a work is in the queue exactly when work->pending; the queue ascends by due
 *             W2  while something is pending there is a worker, or one being created
 *             W3  queue.runs has every fn that is being called, at most one thread's for one work
 *             W4  while it sleeps, the worker wakes by itself at queue.wakes_at, which is no later than the first due work
 *                 that does not run
 *
 *               schedule              created             stop
 *         NONE ---------> CREATING ----------> RUNNING ---------> ENDING
 *           ^                |                                       |
 *           +---- failed ----+                                       |
 *           +---------------- joined; or: child of a fork -----------+
 *
 * Source:     queue_delayed_work(), cancel_delayed_work_sync(), flush_delayed_work(), kernel/workqueue.c, Linux 6.1.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "base/fork.h"
#include "base/rcu.h"
#include "base/report.h"
#include "base/work.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define FOREVER UINT64_MAX
#define ANY_RUN UINT64_MAX

/* Enough for a report and its callback: what is not used is not there. */
#define STACK_SIZE (256UL << 10)

enum worker_state {
	WORKER_NONE,
	WORKER_CREATING, /* one thread is inside create_worker() */
	WORKER_RUNNING,  /* queue.thread is valid */
	WORKER_ENDING,   /* one thread is joining it */
};

/* A thread that runs a work, or cancels one. It lies on that thread's stack and is not part of the work: the work may go
 * away under its fn, and the child of a fork forgets all of them at once. */
struct actor {
	const struct kmm_work *work;
	struct actor *next;
	pthread_t thread;
	uint64_t run; /* number of the run, ascending */
};

static struct {
	struct kmm_lock lock;
	pthread_cond_t changed; /* to the worker: look again what to do */
	pthread_cond_t done; /* to all others: a run is over, works were dropped, the worker's state is another one */
	bool monotonic;      /* changed has its clock */
	bool open;           /* works may be scheduled */
	unsigned int paused; /* callers between pause and resume: the worker runs nothing */
	enum worker_state worker;
	uintptr_t generation; /* of the latest worker: one of an older number is none of ours, or the child of a fork */
	pthread_t thread;
	uint64_t wakes_at; /* ns of the queue's clock; 0 while the worker does not sleep */
	uint64_t ahead;    /* ns by which the queue's clock is ahead of CLOCK_MONOTONIC */
	struct kmm_work *first;
	struct actor *runs, *cancels;
	uint64_t last_run;
} queue = {
	.lock = KMM_LOCK_INIT(KMM_RANK_WORK, "work queue lock"),
	.changed = PTHREAD_COND_INITIALIZER,
	.done = PTHREAD_COND_INITIALIZER,
};

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec + queue.ahead;
}

static void make_changed(void)
{
	pthread_condattr_t attr;

	/* None of these can fail: no memory is taken and the clock is known. */
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue.changed, &attr);
	pthread_condattr_destroy(&attr);
	queue.monotonic = true;
}

/* The queue */

static void enqueue_locked(struct kmm_work *work, unsigned int delay_ms)
{
	struct kmm_work **link;

	work->due = clock_now() + delay_ms * NSEC_PER_MSEC;
	for (link = &queue.first; *link && (*link)->due <= work->due; link = &(*link)->next)
		;
	work->next = *link;
	*link = work;
	WRITE_ONCE(work->pending, true);
	if (work->due < queue.wakes_at)
		pthread_cond_signal(&queue.changed);
}

/* False if it was not there. */
static bool dequeue_locked(struct kmm_work *work)
{
	struct kmm_work **link = &queue.first;

	if (!work->pending)
		return false;
	while (*link != work)
		link = &(*link)->next;
	*link = work->next;
	WRITE_ONCE(work->pending, false);
	return true;
}

static void drop_all_locked(void)
{
	while (queue.first)
		dequeue_locked(queue.first);
	pthread_cond_broadcast(&queue.done);
}

/* Who runs and who cancels */

static void actor_add(struct actor **list, struct actor *actor)
{
	actor->next = *list;
	*list = actor;
}

/* In the child of a fork it may be gone already. */
static void actor_remove(struct actor **list, const struct actor *actor)
{
	while (*list && *list != actor)
		list = &(*list)->next;
	if (*list)
		*list = actor->next;
}

/* A run of @work, or of any for NULL, that another thread is in, of those numbered up to @last. */
static const struct actor *run_elsewhere(const struct kmm_work *work, uint64_t last)
{
	const struct actor *run;

	for (run = queue.runs; run; run = run->next) {
		if ((!work || run->work == work) && run->run <= last && !pthread_equal(run->thread, pthread_self()))
			return run;
	}
	return NULL;
}

/* The run may be one that waits for a grace period. */
static void wait_for_runs_locked(const struct kmm_work *work, uint64_t last)
{
	bool was_online;

	if (!run_elsewhere(work, last))
		return;
	was_online = kmm_rcu_wait_begin();
	while (run_elsewhere(work, last))
		kmm_lock_wait(&queue.lock, &queue.done, NULL);
	kmm_rcu_wait_end(was_online);
}

static bool is_cancelled(const struct kmm_work *work)
{
	const struct actor *cancel = queue.cancels;

	while (cancel && cancel->work != work)
		cancel = cancel->next;
	return cancel;
}

/* @work is not in the queue. Drops the lock while fn runs, after which @work may be no more. */
static void run_locked(struct kmm_work *work)
{
	struct actor run = { .work = work, .thread = pthread_self(), .run = ++queue.last_run };
	int saved_errno = errno, cancel_state;

	actor_add(&queue.runs, &run);
	kmm_unlock(&queue.lock);
	/* A thread that is cancelled would take @run with it. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	work->fn(work);
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;
	kmm_assert_none_held();
	kmm_lock(&queue.lock);
	actor_remove(&queue.runs, &run);
	pthread_cond_broadcast(&queue.done);
	/* The worker passed it over if it was scheduled again meanwhile. */
	if (queue.first)
		pthread_cond_signal(&queue.changed);
}

/* The worker */

/* The first work that may run: one that another thread is flushing has to wait for that. */
static struct kmm_work *next_work_locked(void)
{
	struct kmm_work *work = queue.paused ? NULL : queue.first;

	while (work && run_elsewhere(work, ANY_RUN))
		work = work->next;
	return work;
}

/* @work: the next one, or NULL. */
static void sleep_locked(const struct kmm_work *work)
{
	struct timespec until;
	uint64_t ns;

	if (work) {
		ns = work->due - queue.ahead; /* not below 0: it is not due */
		until = (struct timespec){ .tv_sec = (time_t)(ns / NSEC_PER_SEC),
					   .tv_nsec = (long)(ns % NSEC_PER_SEC) };
	}
	queue.wakes_at = work ? work->due : FOREVER;
	kmm_lock_wait(&queue.lock, &queue.changed, work ? &until : NULL);
	queue.wakes_at = 0;
}

/* The CPUs that the process was given at its start. A thread that asks for work may have bound itself to one CPU since, and
 * the worker shall not be on that one's heels. */
static cpu_set_t process_cpus;
static bool process_cpus_known;

__attribute__((constructor)) static void note_process_cpus(void)
{
	int saved_errno = errno;

	process_cpus_known = sched_getaffinity(0, sizeof(process_cpus), &process_cpus) == 0;
	errno = saved_errno;
}

static void *worker_main(void *arg)
{
	const uintptr_t generation = (uintptr_t)arg;
	struct kmm_work *work;

	pthread_setname_np(pthread_self(), "kmm_worker");
	if (process_cpus_known)
		sched_setaffinity(0, sizeof(process_cpus), &process_cpus);
	kmm_lock(&queue.lock);
	/* In the child of a fork that fn made, this is no worker any more. */
	while (queue.generation == generation && queue.worker != WORKER_ENDING) {
		work = next_work_locked();
		if (!work || work->due > clock_now()) {
			sleep_locked(work);
			continue;
		}
		dequeue_locked(work);
		run_locked(work);
	}
	kmm_unlock(&queue.lock);
	return NULL;
}

/* With all signals blocked: their handlers belong to the program's threads. */
static int create_thread(pthread_t *thread, uintptr_t generation)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	err = pthread_create(thread, &attr, worker_main, (void *)generation);
	/* The program's own thread-local data may be too large for it. */
	if (err == EINVAL)
		err = pthread_create(thread, NULL, worker_main, (void *)generation);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/* The state is CREATING, by the caller, who holds no lock. */
static bool create_worker(uintptr_t generation)
{
	pthread_t thread;
	bool created = !create_thread(&thread, generation);

	kmm_lock(&queue.lock);
	if (created) {
		queue.thread = thread;
		queue.worker = WORKER_RUNNING;
	} else {
		queue.worker = WORKER_NONE;
		drop_all_locked();
	}
	pthread_cond_broadcast(&queue.done);
	kmm_unlock(&queue.lock);
	return created;
}

/* What others call */

/* @sure: not while it is open whether there will be a worker. */
static bool schedule(struct kmm_work *work, unsigned int delay_ms, bool sure)
{
	bool scheduled = false, create = false;
	int saved_errno = errno;
	uintptr_t generation = 0;

	kmm_lock(&queue.lock);
	while (sure && queue.worker == WORKER_CREATING)
		kmm_lock_wait(&queue.lock, &queue.done, NULL);
	if (work->pending) {
		scheduled = true;
	} else if (queue.open && !is_cancelled(work)) {
		enqueue_locked(work, delay_ms);
		scheduled = true;
		create = queue.worker == WORKER_NONE;
	}
	if (create) {
		queue.worker = WORKER_CREATING;
		generation = ++queue.generation;
	}
	kmm_unlock(&queue.lock);
	if (create)
		scheduled = create_worker(generation);
	errno = saved_errno;
	return scheduled;
}

bool kmm_work_schedule_slow(struct kmm_work *work, unsigned int delay_ms)
{
	return schedule(work, delay_ms, false);
}

bool kmm_work_schedule_sure(struct kmm_work *work, unsigned int delay_ms)
{
	kmm_assert_none_held();
	return schedule(work, delay_ms, true);
}

void kmm_work_cancel_sync(struct kmm_work *work)
{
	struct actor cancel = { .work = work };

	kmm_assert_none_held();
	kmm_lock(&queue.lock);
	/* From here on nobody can schedule it, so each run is the last. */
	actor_add(&queue.cancels, &cancel);
	dequeue_locked(work);
	wait_for_runs_locked(work, ANY_RUN);
	actor_remove(&queue.cancels, &cancel);
	kmm_unlock(&queue.lock);
}

void kmm_work_flush(struct kmm_work *work)
{
	const struct actor *later;
	bool was_pending;

	kmm_assert_none_held();
	kmm_lock(&queue.lock);
	/* It stays in the queue while we wait, where cancel and stop find it. */
	was_pending = work->pending;
	wait_for_runs_locked(work, queue.last_run);
	later = run_elsewhere(work, ANY_RUN);
	/* A run that began meanwhile is as good as our own. */
	if (was_pending && later)
		wait_for_runs_locked(work, later->run);
	else if (was_pending && dequeue_locked(work))
		run_locked(work);
	kmm_unlock(&queue.lock);
}

void kmm_work_pause(void)
{
	kmm_assert_none_held();
	kmm_lock(&queue.lock);
	queue.paused++;
	wait_for_runs_locked(NULL, queue.last_run);
	kmm_unlock(&queue.lock);
}

void kmm_work_resume(void)
{
	kmm_lock(&queue.lock);
	queue.paused--;
	pthread_cond_signal(&queue.changed);
	kmm_unlock(&queue.lock);
}

/* Fork holds the lock, and the child made it new. No thread but this one is there: no worker, nobody waits. */
static void fork_child(void)
{
	make_changed();
	pthread_cond_init(&queue.done, NULL);
	queue.worker = WORKER_NONE;
	queue.generation++;
	queue.wakes_at = 0;
	queue.paused = 0;
	queue.runs = NULL;
	queue.cancels = NULL;
	drop_all_locked();
}

static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_WORK,
	.lock = &queue.lock,
	.reset_all = fork_child,
};

void kmm_work_start(void)
{
	kmm_fork_register(&fork_handler);
	kmm_lock(&queue.lock);
	if (!queue.monotonic)
		make_changed();
	queue.open = true;
	kmm_unlock(&queue.lock);
}

/* The state is RUNNING. */
static void end_worker_locked(void)
{
	const pthread_t thread = queue.thread;
	bool was_online;

	queue.worker = WORKER_ENDING;
	pthread_cond_signal(&queue.changed);
	kmm_unlock(&queue.lock);
	was_online = kmm_rcu_wait_begin();
	pthread_join(thread, NULL);
	kmm_rcu_wait_end(was_online);
	kmm_lock(&queue.lock);
	queue.worker = WORKER_NONE;
	pthread_cond_broadcast(&queue.done);
}

void kmm_work_stop(void)
{
	int cancel_state;

	kmm_assert_none_held();
	/* The join is a place where a thread can be cancelled; not with a worker half ended. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	kmm_lock(&queue.lock);
	queue.open = false;
	drop_all_locked();
	while (queue.worker == WORKER_CREATING || queue.worker == WORKER_ENDING)
		kmm_lock_wait(&queue.lock, &queue.done, NULL);
	if (queue.worker == WORKER_RUNNING)
		end_worker_locked();
	wait_for_runs_locked(NULL, ANY_RUN); /* those in kmm_work_flush() */
	kmm_unlock(&queue.lock);
	pthread_setcancelstate(cancel_state, NULL);
}

void kmm_work_advance_for_test(unsigned int ms)
{
	uint64_t now;

	kmm_assert_none_held();
	kmm_lock(&queue.lock);
	queue.ahead += ms * NSEC_PER_MSEC;
	now = clock_now();
	pthread_cond_signal(&queue.changed);
	while (queue.first && queue.first->due <= now)
		kmm_lock_wait(&queue.lock, &queue.done, NULL);
	wait_for_runs_locked(NULL, queue.last_run);
	kmm_unlock(&queue.lock);
}
