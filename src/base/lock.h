/* SPDX-License-Identifier: MIT
 * lock.h - ranked locks: what a spinlock or a mutex of the kernel becomes here.
 *
 * Owns:   struct kmm_lock, the rank table, the per-thread stack of held ranks (checking builds only).
 * Rules:  a lock may be taken only while every lock the thread holds has a lower rank; checking builds report both
 *         names and abort. A holder can be preempted, so a waiter sleeps: the lock is an adaptive mutex.
 *         kmm_trylock() obeys the same ranks. Two locks of one rank are taken together only by fork, through
 *         kmm_lock_same_rank(), in address order.
 */
#ifndef KMM_BASE_LOCK_H
#define KMM_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/compiler.h"

enum kmm_lock_rank {
	KMM_RANK_RCU_USE = 3,      /* whether RCU is used; held across fork */
	KMM_RANK_BOOT = 5,         /* start and end of the library */
	KMM_RANK_CPU_HOTPLUG = 8,  /* one CPU that goes offline or comes back */
	KMM_RANK_SLAB_MUTEX = 10,  /* cache registry, create and destroy */
	KMM_RANK_LISTS = 15,       /* mapping, shrinker list, vmalloc areas */
	KMM_RANK_PCPU_MODULE = 18, /* objects with static per-CPU variables */
	KMM_RANK_PCPU_ALLOC = 20,  /* chunk create, populate */
	KMM_RANK_CPU = 30,         /* L[X]: slab and partial list of one CPU in all caches */
	KMM_RANK_NODE_LIST = 40,   /* node->list_lock */
	KMM_RANK_SLAB_BIT = 50,    /* the hashed locks of the generic double-word CAS; never held across a call */
	KMM_RANK_PCPU = 60,        /* chunk maps */
	KMM_RANK_LRU = 65,         /* LRU lists of a node */
	KMM_RANK_PCP = 70,         /* per-CPU pages */
	KMM_RANK_ZONE = 80,        /* free areas */
	KMM_RANK_ACCESS = 85,      /* which free pages cannot be accessed (debug_pagealloc=) */
	KMM_RANK_ARENA = 90,       /* commit frontier, sections, charged ranges */
	KMM_RANK_KFREE_RCU = 93,   /* objects of one CPU that wait for a grace period */
	KMM_RANK_RCU_QUEUE = 94,   /* callbacks that wait for a grace period */
	KMM_RANK_WORK = 95,        /* delayed work: the queue and its thread */
	KMM_RANK_REF = 96,         /* percpu_ref: modes, and refs that switch */
	KMM_RANK_COUNTER = 97,     /* percpu_counter: the common counts */
	KMM_RANK_MEMPOOL = 98,     /* mempools: the reserves, and who waits */
	KMM_RANK_REPORT = 99,      /* one report at a time */
};

struct kmm_lock {
	pthread_mutex_t mutex;
	unsigned int rank; /* enum kmm_lock_rank; set once */
#if KMM_CONFIG_CHECK
	const char *name;
	const void *owner; /* identity of the holding thread; written by the holder only */
#endif
};

#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define KMM_MUTEX_INIT PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#else
#define KMM_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#endif

#if KMM_CONFIG_CHECK
#define KMM_LOCK_INIT(lock_rank, lock_name)                                                      \
	{                                                                                        \
		.mutex = KMM_MUTEX_INIT, .rank = (lock_rank), .name = (lock_name), .owner = NULL \
	}
#else
#define KMM_LOCK_INIT(lock_rank, lock_name)                  \
	{                                                    \
		.mutex = KMM_MUTEX_INIT, .rank = (lock_rank) \
	}
#endif

/* For a lock that lives in allocated memory. @name must outlive it. Also resets a lock in a forked child. */
void kmm_lock_init(struct kmm_lock *lock, enum kmm_lock_rank rank, const char *name);

#if KMM_CONFIG_CHECK
void kmm_lock_checked(struct kmm_lock *lock);
bool kmm_trylock_checked(struct kmm_lock *lock);
void kmm_unlock_checked(struct kmm_lock *lock);
void kmm_assert_held(const struct kmm_lock *lock);
/* Highest rank this thread holds, 0 for none. */
unsigned int kmm_lock_held_rank(void);

/* The bookkeeping alone, for spin.h, which excludes by a word of its own. Before the lock is tried: a BUG if the order is
 * wrong; @same_allowed when fork takes all locks of one rank. Then after it is taken, and before it is dropped: false
 * and a BUG when this thread does not hold it. */
void kmm_lock_check_order(const struct kmm_lock *lock, bool same_allowed);
void kmm_lock_note_taken(struct kmm_lock *lock);
bool kmm_lock_note_dropped(struct kmm_lock *lock);
#endif

static inline void kmm_lock(struct kmm_lock *lock)
{
#if KMM_CONFIG_CHECK
	kmm_lock_checked(lock);
#else
	pthread_mutex_lock(&lock->mutex);
#endif
}

/* False when another thread holds it. */
static inline bool kmm_trylock(struct kmm_lock *lock)
{
#if KMM_CONFIG_CHECK
	return kmm_trylock_checked(lock);
#else
	return pthread_mutex_trylock(&lock->mutex) == 0;
#endif
}

static inline void kmm_unlock(struct kmm_lock *lock)
{
#if KMM_CONFIG_CHECK
	kmm_unlock_checked(lock);
#else
	pthread_mutex_unlock(&lock->mutex);
#endif
}

#if !KMM_CONFIG_CHECK
static inline void kmm_assert_held(const struct kmm_lock *lock)
{
	(void)lock;
}
#endif

/* Drops @lock while it waits for @cond, until @until on the condition's clock, or without end for NULL; then takes it
 * again. It may return for no reason, so the caller looks again at what it waits for. A thread is not cancelled here. */
void kmm_lock_wait(struct kmm_lock *lock, pthread_cond_t *cond, const struct timespec *until);

/* Reports a BUG when this thread holds any libkmm lock but the boot lock, under which the whole start runs: opens what
 * may sleep, call back or free pages. */
void kmm_assert_none_held(void);

/* Reports a BUG when this thread holds a lock of rank @rank_low to @rank_high: pages may not be asked for there. */
void kmm_assert_rank_free(enum kmm_lock_rank rank_low, enum kmm_lock_rank rank_high);

/* For fork.c and the rooms' fork handlers: lock without the rank check, and make a lock new in the child. */
void kmm_lock_same_rank(struct kmm_lock *lock);
void kmm_lock_reset(struct kmm_lock *lock);

#endif /* KMM_BASE_LOCK_H */
