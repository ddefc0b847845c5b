/* SPDX-License-Identifier: MIT
 * rcu_defer.h - what is done when a grace period is over, by the library's own thread: its call_rcu().
 *
 * Owns:   the queue of callbacks. liburcu's call_rcu() is not used: it aborts when it cannot make its thread.
 * Rules:  callbacks run in the order they were queued, with no lock held, in the library's thread or in who waits for them; a
 *         callback may queue another one, and may free its own memory.
 *         Without a thread (background=off, or none could be made) they wait for kmm_rcu_barrier(), or for
 *         kmm_rcu_expedite() of somebody who is short of memory.
 * Source: call_rcu(), rcu_barrier(), kernel/rcu/tree.c, Linux 6.1 (what they promise).
 */
#ifndef KMM_BASE_RCU_DEFER_H
#define KMM_BASE_RCU_DEFER_H

#include <stdbool.h>

/* Two words, in the memory that waits. */
struct kmm_rcu_head {
	struct kmm_rcu_head *next;               /* in the queue; queue lock */
	void (*func)(struct kmm_rcu_head *head); /* called after the grace period */
};

/* @func(@head) runs after all read-side sections that have begun are over. Under any lock of a rank below KMM_RANK_CPU, never
 * waits, never fails. */
void kmm_call_rcu(struct kmm_rcu_head *head, void (*func)(struct kmm_rcu_head *head));

/* Waits until all callbacks queued before have run; runs them itself if nobody does. No lock held; not in a read-side section
 * of the flavour in use, not from a callback. */
void kmm_rcu_barrier(void);

/* kmm_rcu_barrier() where this thread may wait (kmm_rcu_may_wait()) and something is queued; false if not. */
bool kmm_rcu_expedite(void);

/* Callbacks that are queued now, about. */
unsigned long kmm_rcu_pending(void);

/* Part of the start; and of the end, after the library's thread is gone: what waits is forgotten, its memory goes too. */
void kmm_rcu_defer_start(void);
void kmm_rcu_defer_stop(void);

#endif /* KMM_BASE_RCU_DEFER_H */
