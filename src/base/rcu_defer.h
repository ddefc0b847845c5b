/* SPDX-License-Identifier: MIT
 * rcu_defer.h - what is done when a grace period is over, by the library's own thread: its call_rcu().
 *
 * Owns:   the queue of callbacks. liburcu's call_rcu() is not used: it aborts when it cannot make its thread.
 * Rules:  callbacks run in the order they were queued, with no lock held, in the library's thread or in who waits for them; a
 *         callback may queue another one, and may free its own memory. It must not fork, and not wait for callbacks.
 *         Without a thread (background=off, or none could be made) they wait for kmm_rcu_barrier(), or for
 *         kmm_rcu_expedite() of somebody who is short of memory. So do, in the child of a fork, those that the parent had
 *         queued, until something is queued there.
 *         A room above may collect what waits before it queues it, and says so with kmm_rcu_collector_set(): what it has
 *         collected counts here as queued.
 * Source: call_rcu(), rcu_barrier(), __is_kvfree_rcu_offset(), kernel/rcu/tree.c, Linux 6.1 (what they promise).
 */
#ifndef KMM_BASE_RCU_DEFER_H
#define KMM_BASE_RCU_DEFER_H

#include <stdbool.h>
#include <stdint.h>

/* Two words, in the memory that waits. */
struct kmm_rcu_head {
	struct kmm_rcu_head *next; /* in the queue; queue lock */
	union {
		void (*func)(struct kmm_rcu_head *head); /* called after the grace period */
		uintptr_t offset; /* below KMM_RCU_OFFSETS: nothing to call, but an object to free that begins so many
				     bytes before this head. No function is there */
	};
};

#define KMM_RCU_OFFSETS 4096

/* Who collects objects before they are queued. */
struct kmm_rcu_collector {
	bool (*pending)(void);      /* something is collected; a hint */
	void (*flush)(void);        /* queues all that was collected before; called with no lock held */
	void (*free)(void *object); /* at the end of kmm_rcu_enqueue_free(); as a callback */
};

/* There is one, or none for NULL. It is changed during the start and the end only. */
void kmm_rcu_collector_set(const struct kmm_rcu_collector *collector);

/*
 * The parts of kmm_call_rcu(), for who holds a lock of a rank below KMM_RANK_RCU_QUEUE: @func(@head) is queued, or an object
 * that begins @offset bytes, less than KMM_RCU_OFFSETS, before @head, which the collector will free. Whoever has done so calls
 * kmm_rcu_kick() when it holds no lock of rank KMM_RANK_CPU or higher any more.
 */
void kmm_rcu_enqueue(struct kmm_rcu_head *head, void (*func)(struct kmm_rcu_head *head));
void kmm_rcu_enqueue_free(struct kmm_rcu_head *head, uintptr_t offset);
void kmm_rcu_kick(void);

/* @func(@head) runs after all read-side sections that have begun are over. Under any lock of a rank below KMM_RANK_CPU, never
 * waits, never fails. */
void kmm_call_rcu(struct kmm_rcu_head *head, void (*func)(struct kmm_rcu_head *head));

/* Waits until all callbacks queued before have run, and all that was collected before is free; does it itself if nobody does.
 * No lock held; not in a read-side section of the flavour in use, not from a callback. errno is left alone. */
void kmm_rcu_barrier(void);

/* kmm_rcu_barrier() where this thread may wait (kmm_rcu_may_wait()) and something is queued or collected; false if not. */
bool kmm_rcu_expedite(void);

/* Is something queued, running or collected? A hint. */
bool kmm_rcu_pending(void);

/* Part of the start; and of the end, after the library's thread is gone: what waits is forgotten, its memory goes too. */
void kmm_rcu_defer_start(void);
void kmm_rcu_defer_stop(void);

#endif /* KMM_BASE_RCU_DEFER_H */
