/* SPDX-License-Identifier: MIT
 * work.h - delayed work: what is done later, by a thread of the library's own.
 *
 * Owns:   struct kmm_work; the one worker thread, which exists from the first work scheduled to kmm_work_stop(), and in a
 *         forked child from the first work scheduled there. It sleeps without a timeout while nothing is pending.
 * Rules:  fn runs with no lock held, on the worker or in kmm_work_flush(), and never twice at once for one work. It may
 *         schedule its own work again, and may free it. It must not flush its own work or call kmm_work_stop(). The child
 *         of a fork that fn makes has no worker: to return from fn there ends the thread.
 *         Scheduling may create the thread, which may allocate, so it is allowed under the locks under which pages may be
 *         asked for: those of a rank below KMM_RANK_CPU. The others wait for a fn, and are called with no lock of the
 *         library held but the boot lock, and that one only if no fn forks.
 * Source: struct delayed_work, kernel/workqueue.c, Linux 6.1.
 */
#ifndef KMM_BASE_WORK_H
#define KMM_BASE_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "base/lock.h"

struct kmm_work {
	void (*fn)(struct kmm_work *work);
	struct kmm_work *next; /* in the queue; queue lock */
	uint64_t due;          /* ns of the queue's clock; queue lock */
	bool pending;          /* it is in the queue; written under the queue lock */
};

#define KMM_WORK_INIT(function)                                            \
	{                                                                  \
		.fn = (function), .next = NULL, .due = 0, .pending = false \
	}

/* kmm_work_schedule() of a work that did not look pending. */
bool kmm_work_schedule_slow(struct kmm_work *work, unsigned int delay_ms);

/*
 * Makes @work run once in @delay_ms. One that is pending already stays as it is. True: it is pending now, or was a moment
 * ago. False: the queue is stopped, there can be no thread now, or somebody is cancelling @work; the next call tries
 * again. errno is left alone.
 *
 * The look at pending is RELAXED, a hint: a run that begins just now may miss what the caller wrote before. Who cannot
 * live with that until the next time has to order it by a lock that fn takes too.
 * When the thread cannot be created, all that became pending meanwhile is dropped, also for others that were told true.
 */
static inline bool kmm_work_schedule(struct kmm_work *work, unsigned int delay_ms)
{
	if (KMM_CONFIG_CHECK)
		kmm_assert_rank_free(KMM_RANK_CPU, KMM_RANK_REPORT);
	return READ_ONCE(work->pending) || kmm_work_schedule_slow(work, delay_ms);
}

/*
 * As kmm_work_schedule(), and true is final: only kmm_work_stop() and fork, in the child, drop the work. So it waits while
 * another thread is creating the worker. Called with no lock of the library held.
 */
bool kmm_work_schedule_sure(struct kmm_work *work, unsigned int delay_ms);

/* Afterwards @work is neither pending nor running, until somebody schedules it again. From its own fn: not pending. */
void kmm_work_cancel_sync(struct kmm_work *work);

/* If @work is pending it runs now, in this thread. Then, or if it is running already, waits until that run is over. */
void kmm_work_flush(struct kmm_work *work);

/* Afterwards no work runs, and the worker begins none until as many resumes; kmm_work_flush() still runs them. For who
 * has to look at the library while nobody is inside it. Not from a fn. */
void kmm_work_pause(void);
void kmm_work_resume(void);

/* Lets works be scheduled, from the end of the library's start on. Creates nothing. */
void kmm_work_start(void);

/* Drops what is pending, waits for what runs, ends the thread and joins it; from now on nothing can be scheduled. Not
 * at the same time as kmm_work_start(): the boot lock sees to that. */
void kmm_work_stop(void);

/* The queue's clock jumps ahead by @ms. Returns when what is due then has run. Not from a fn. */
void kmm_work_advance_for_test(unsigned int ms);

#endif /* KMM_BASE_WORK_H */
