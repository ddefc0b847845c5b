/* SPDX-License-Identifier: MIT
 * rcu.h - the read-side sections and grace periods that the library uses: those of liburcu.
 *
 * Owns:   which flavour of liburcu it is, and what fork does with it.
 * Rules:  the flavour is chosen by the start and stays until the next one. By default it is the bulletproof one, whose
 *         threads register by themselves; the threads of a program that names another are registered by the program.
 *         A read-side section of ours is a few instructions long and never sleeps. Nobody waits for a grace period with a
 *         lock of the library held. call_rcu() is never used: liburcu aborts if it cannot make its thread.
 * Fork:   the default flavour is paused around it, before any lock of ours is taken: who waits for a grace period holds
 *         liburcu's locks, and readers whom it waits for may want ours. Only once the library has used it, and not with
 *         rcu_fork=off, for programs that do it themselves. Other flavours are always the program's business.
 */
#ifndef KMM_BASE_RCU_H
#define KMM_BASE_RCU_H

#include <stdbool.h>

#include <urcu/flavor.h>

#include "base/options.h"

extern const struct rcu_flavor_struct *kmm_rcu;

extern const struct kmm_param rcu_params[];
void rcu_options_reset(void);

/* @flavor: what the program named, or NULL. Part of the start. */
void kmm_rcu_choose(const struct rcu_flavor_struct *flavor);

/* Before the first read-side section for a new purpose: from now on fork pauses the default flavour. The first of all waits
 * for a fork that is under way; no lock of the library is held. */
void kmm_rcu_use(void);

static inline void kmm_rcu_read_lock(void)
{
	kmm_rcu->read_lock();
}

static inline void kmm_rcu_read_unlock(void)
{
	kmm_rcu->read_unlock();
}

/* Waits until all read-side sections that have begun are over. No lock of the library is held; see kmm_rcu_may_wait(). */
void kmm_synchronize_rcu(void);

/* False: this thread is inside a read-side section and would wait for itself. qsbr cannot tell. */
bool kmm_rcu_may_wait(void);

/* Around a wait for somebody who may be waiting for a grace period, which in a flavour that has idle threads say so waits for this
 * thread. _end() is told what _begin() returned. */
bool kmm_rcu_wait_begin(void);
void kmm_rcu_wait_end(bool was_online);

/* Around what the library's own thread calls back: a program's flavour wants to know it. */
void kmm_rcu_thread_begin(void);
void kmm_rcu_thread_end(void);

/* For fork.c only: before all locks of the library, and after them one of the others. */
void kmm_rcu_fork_prepare(void);
void kmm_rcu_fork_parent(void);
void kmm_rcu_fork_child(void);

#endif /* KMM_BASE_RCU_H */
