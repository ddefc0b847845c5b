/* SPDX-License-Identifier: MIT
 * lock.c - making locks, and in checking builds watching the order in which they are taken.
 *
 * Owns:       each thread's stack of held locks (checking builds).
 * Locks:      all of them; see the rank table in lock.h.
 * Invariants: L1  ranks on a thread's stack ascend, so the top one is the highest
 *             L2  lock->owner is the address of the holder's stack while it is held, NULL otherwise
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "arch/arch.h"
#include "base/lock.h"
#include "base/report.h"

/* PTHREAD_MUTEX_ADAPTIVE_NP is an enumerator, invisible to the preprocessor; its initializer comes with it. */
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define MUTEX_TYPE PTHREAD_MUTEX_ADAPTIVE_NP
#else
#define MUTEX_TYPE PTHREAD_MUTEX_DEFAULT
#endif

static void mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	/* None of these can fail: no memory is taken and the type is known. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, MUTEX_TYPE);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

void kmm_lock_init(struct kmm_lock *lock, enum kmm_lock_rank rank, const char *name)
{
	mutex_init(&lock->mutex);
	lock->rank = rank;
#if KMM_CONFIG_CHECK
	lock->name = name;
	lock->owner = NULL;
#else
	(void)name;
#endif
}

#if KMM_CONFIG_CHECK

/* More ranks than there are, for fork takes nearly all of them: each entry has a rank of its own. */
#define MAX_HELD 32

struct held_lock {
	const struct kmm_lock *lock; /* the first one of its rank */
	unsigned int more;           /* locks of the same rank held beside it, by kmm_lock_same_rank() */
};

static __thread struct held_stack {
	struct held_lock locks[MAX_HELD];
	unsigned int nr;
} held;

unsigned int kmm_lock_held_rank(void)
{
	return held.nr ? held.locks[held.nr - 1].lock->rank : 0;
}

static bool held_here(const struct kmm_lock *lock)
{
	return READ_ONCE(lock->owner) == &held;
}

void kmm_lock_check_order(const struct kmm_lock *lock, bool same_allowed)
{
	const struct kmm_lock *top;

	if (unlikely(held_here(lock))) {
		kmm_report(KMM_REPORT_BUG, "BUG: lock %s (rank %u) is already held by this thread\n", lock->name,
			   lock->rank);
		abort(); /* a handler that returns would leave us to wait for ourselves */
	}
	if (!held.nr)
		return;
	top = held.locks[held.nr - 1].lock;
	if (unlikely(lock->rank < top->rank || (lock->rank == top->rank && !same_allowed)))
		kmm_report(KMM_REPORT_BUG, "BUG: lock order: taking %s (rank %u) while holding %s (rank %u)\n",
			   lock->name, lock->rank, top->name, top->rank);
	/* The last place is for the lock of the report that says so. */
	if (unlikely(held.nr >= MAX_HELD - (lock->rank != KMM_RANK_REPORT) && lock->rank != top->rank)) {
		kmm_report(KMM_REPORT_BUG, "BUG: lock order: more than %d locks held, taking %s\n", MAX_HELD - 1,
			   lock->name);
		abort();
	}
}

void kmm_lock_note_taken(struct kmm_lock *lock)
{
	WRITE_ONCE(lock->owner, &held);
	if (held.nr && held.locks[held.nr - 1].lock->rank == lock->rank)
		held.locks[held.nr - 1].more++;
	else
		held.locks[held.nr++] = (struct held_lock){ .lock = lock };
}

/* Locks need not be dropped in the reverse order, so the entry can be anywhere. */
static void note_dropped(struct kmm_lock *lock)
{
	unsigned int i;

	WRITE_ONCE(lock->owner, NULL);
	for (i = held.nr; i-- > 0;) {
		if (held.locks[i].lock->rank != lock->rank)
			continue;
		if (held.locks[i].more) {
			held.locks[i].more--;
			return;
		}
		held.nr--;
		for (; i < held.nr; i++)
			held.locks[i] = held.locks[i + 1];
		return;
	}
}

bool kmm_lock_note_dropped(struct kmm_lock *lock)
{
	if (unlikely(!held_here(lock))) {
		kmm_report(KMM_REPORT_BUG, "BUG: unlocking %s (rank %u), which this thread does not hold\n", lock->name,
			   lock->rank);
		return false;
	}
	note_dropped(lock);
	return true;
}

void kmm_lock_checked(struct kmm_lock *lock)
{
	kmm_lock_check_order(lock, false);
	pthread_mutex_lock(&lock->mutex);
	kmm_lock_note_taken(lock);
}

bool kmm_trylock_checked(struct kmm_lock *lock)
{
	kmm_lock_check_order(lock, false);
	if (pthread_mutex_trylock(&lock->mutex))
		return false;
	kmm_lock_note_taken(lock);
	return true;
}

void kmm_unlock_checked(struct kmm_lock *lock)
{
	if (kmm_lock_note_dropped(lock))
		pthread_mutex_unlock(&lock->mutex);
}

void kmm_assert_held(const struct kmm_lock *lock)
{
	if (unlikely(!held_here(lock)))
		kmm_report(KMM_REPORT_BUG, "BUG: lock %s (rank %u) should be held here\n", lock->name, lock->rank);
}

void kmm_assert_rank_free(enum kmm_lock_rank rank_low, enum kmm_lock_rank rank_high)
{
	const struct kmm_lock *lock;
	unsigned int i;

	for (i = 0; i < held.nr; i++) {
		lock = held.locks[i].lock;
		if (unlikely(lock->rank >= rank_low && lock->rank <= rank_high))
			kmm_report(KMM_REPORT_BUG, "BUG: lock %s (rank %u) must not be held here\n", lock->name,
				   lock->rank);
	}
}

void kmm_lock_same_rank(struct kmm_lock *lock)
{
	kmm_lock_check_order(lock, true);
	pthread_mutex_lock(&lock->mutex);
	kmm_lock_note_taken(lock);
}

void kmm_lock_reset(struct kmm_lock *lock)
{
	if (held_here(lock))
		note_dropped(lock);
	lock->owner = NULL; /* a thread that does not exist in the child may have held it */
	mutex_init(&lock->mutex);
}

#else /* !KMM_CONFIG_CHECK */

void kmm_assert_rank_free(enum kmm_lock_rank rank_low, enum kmm_lock_rank rank_high)
{
	(void)rank_low;
	(void)rank_high;
}

void kmm_lock_same_rank(struct kmm_lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

void kmm_lock_reset(struct kmm_lock *lock)
{
	mutex_init(&lock->mutex);
}

#endif /* KMM_CONFIG_CHECK */

void kmm_lock_wait(struct kmm_lock *lock, pthread_cond_t *cond, const struct timespec *until)
{
	int cancel_state;

#if KMM_CONFIG_CHECK
	if (!kmm_lock_note_dropped(lock))
		return;
#endif
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	if (until)
		pthread_cond_timedwait(cond, &lock->mutex, until);
	else
		pthread_cond_wait(cond, &lock->mutex);
	pthread_setcancelstate(cancel_state, NULL);
#if KMM_CONFIG_CHECK
	kmm_lock_note_taken(lock);
#endif
}

/* All but the boot lock: the whole start runs under that one. */
void kmm_assert_none_held(void)
{
	kmm_assert_rank_free(KMM_RANK_BOOT + 1, KMM_RANK_REPORT);
}
