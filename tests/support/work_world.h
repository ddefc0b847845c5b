/* SPDX-License-Identifier: MIT
 * work_world.h - works that tell what happens to them, and what the library does with threads meanwhile.
 *
 * Owns:   the queue of delayed works, between setup and teardown.
 * Rules:  one file of a test program includes this. The program is linked with --wrap of pthread_create,
 *         pthread_cond_wait and pthread_cond_timedwait, so that a test sees (and stops, and fails) the creation of the
 *         worker, and sees who waits how.
 */
#ifndef KMM_TESTS_SUPPORT_WORK_WORLD_H
#define KMM_TESTS_SUPPORT_WORK_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/work.h"
#include "support/threads.h"

enum { HOUR = 3600 * 1000 };

/* A work that tells what happens to it. */
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

/* Another thread that does one thing with a work and tells when it is back. */
struct helper {
	pthread_t thread;
	void (*call)(struct kmm_work *work);
	struct counted *c;
	bool saw_finished;
};

static inline void *helper_main(void *arg)
{
	struct helper *h = arg;

	h->call(&h->c->work);
	h->saw_finished = h->c->finished;
	return NULL;
}

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
	int error_once;             /* by the next attempt only */
	void (*before)(void);       /* called in place of what an allocation may do */
	thread_main_fn *run;
} workers;

static struct {
	unsigned int worker, worker_timed, others;
} waits;

static __thread bool is_worker;

static inline void *worker_start(void *arg)
{
	is_worker = true;
	workers.run(arg);
	atomic_sub_relaxed(&workers.nr_live, 1);
	return NULL;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main_fn *run, void *arg)
{
	int err;

	if (run == test_thread_main || run == helper_main)
		return __real_pthread_create(thread, attr, run, arg);
	workers.nr_tried++;
	if (workers.before)
		workers.before();
	err = workers.error ? workers.error : attr ? workers.error_with_attr : 0;
	if (workers.error_once) {
		err = workers.error_once;
		workers.error_once = 0;
	}
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

/* What works do */

static inline void counted_fn(struct kmm_work *work)
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

static inline struct counted *new_counted(void)
{
	struct counted *c = &counted_works[nr_counted++];

	if (nr_counted > ARRAY_SIZE(counted_works))
		abort();
	*c = (struct counted){ .work = KMM_WORK_INIT(counted_fn) };
	return c;
}

static inline void wait_at_gate(struct counted *c)
{
	smp_store_release(&c->started, true);
	wait_until(smp_load_acquire(&c->gate_open));
}

static inline void wait_at_gate_and_finish(struct counted *c)
{
	wait_at_gate(c);
	c->finished = true;
}

static inline void schedule_again(struct counted *c)
{
	c->scheduled = kmm_work_schedule(&c->work, c->again_ms);
}

static inline void open_gate(struct counted *c)
{
	smp_store_release(&c->gate_open, true);
}

/* Scheduled, and stopped inside its fn. */
static inline void start_gated(struct counted *c)
{
	assert_true(kmm_work_schedule(&c->work, 0));
	wait_until(smp_load_acquire(&c->started));
}

static inline unsigned int runs_of(const struct counted *c)
{
	return READ_ONCE(c->nr_runs);
}

static inline void helper_start(struct helper *h, void (*call)(struct kmm_work *work), struct counted *c)
{
	*h = (struct helper){ .call = call, .c = c };
	if (pthread_create(&h->thread, NULL, helper_main, h))
		abort();
}

static inline void helper_join(struct helper *h)
{
	pthread_join(h->thread, NULL);
}

static inline int queue_is_stopped(void **state)
{
	(void)state;
	kmm_work_stop();
	memset(&workers, 0, sizeof(workers));
	memset(&waits, 0, sizeof(waits));
	nr_counted = 0;
	return 0;
}

static inline int queue_is_started(void **state)
{
	queue_is_stopped(state);
	kmm_work_start();
	return 0;
}

static inline int worker_is_gone(void **state)
{
	(void)state;
	kmm_work_stop();
	return READ_ONCE(workers.nr_live) ? -1 : 0;
}

#endif /* KMM_TESTS_SUPPORT_WORK_WORLD_H */
