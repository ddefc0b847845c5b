/* SPDX-License-Identifier: MIT
 * local_lock.c - a lock of one word whose waiters sleep in the kernel.
 *
 * Owns:   the words of all local locks; each thread's list of those it holds (checking builds).
 * Locks:  the word itself. It is the program's lock: it has no rank, and nothing of the library is taken under it here.
 *
 *              lock             a waiter sets this before it sleeps
 *         0 -----------> 1 -------------------------------------------> 2
 *         ^              |                                              |
 *         +--- unlock ---+---------------- unlock, wakes one -----------+
 *
 * Order:  taking is ACQUIRE, dropping is RELEASE, so each holder sees what the one before it wrote.
 *         ABA: the word names no owner; whatever happened before, 0 is a free lock.
 * Source: the three states are those of many a futex lock; see Drepper, "Futexes Are Tricky".
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <kmm/local_lock.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/compiler.h"
#include "base/report.h"

#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

enum { FREE, HELD, WAITED_FOR };

enum {
	TURNS_RELAXED = 64, /* as long as a holder that runs may need */
	TURNS_YIELDED = 8,  /* it is preempted, perhaps on our CPU */
};

/* Sleeps while the word is @value. A signal, a wake that was not for us and a change just now all end it: look again. */
static void sleep_while(unsigned int *word, unsigned int value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/* The lock is free, and perhaps freed; a wake of somebody else who came to the address is a wake for nothing. */
static void wake_one(unsigned int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool try_lock(local_lock_t *lock)
{
	unsigned int state = FREE;

	/* RELAXED hint: it leaves the line shared while the lock is busy. */
	return READ_ONCE(lock->state) == FREE && atomic_cmpxchg_acquire(&lock->state, &state, (unsigned int)HELD);
}

static noinline void wait_and_lock(local_lock_t *lock)
{
	const int saved_errno = errno;
	unsigned int turn;

	for (turn = 0; turn < TURNS_RELAXED + TURNS_YIELDED; turn++) {
		if (turn < TURNS_RELAXED)
			cpu_relax();
		else
			sched_yield();
		if (try_lock(lock))
			return;
	}
	/* Whoever slept leaves WAITED_FOR behind: there may be others, and a wake for nothing is cheap. */
	while (atomic_xchg_acquire(&lock->state, (unsigned int)WAITED_FOR) != FREE)
		sleep_while(&lock->state, WAITED_FOR);
	errno = saved_errno;
}

#if KMM_CONFIG_CHECK

/* Locks that this thread holds; of more than fit the rest is only counted. */
static __thread struct {
	const local_lock_t *locks[16];
	unsigned int nr, nr_more;
} held;

static unsigned int index_of(const local_lock_t *lock)
{
	unsigned int i = 0;

	while (i < held.nr && held.locks[i] != lock)
		i++;
	return i;
}

static void check_before_lock(const local_lock_t *lock)
{
	if (likely(index_of(lock) == held.nr))
		return;
	cpu_id_let_go(); /* a handler may leave for good */
	kmm_report(KMM_REPORT_BUG, "BUG: local lock %p is already held by this thread\n", (const void *)lock);
	abort(); /* one that returns would leave us to wait for ourselves */
}

static void note_locked(const local_lock_t *lock)
{
	if (held.nr < ARRAY_SIZE(held.locks))
		held.locks[held.nr++] = lock;
	else
		held.nr_more++;
}

/* False, and reported, if this thread does not hold it. */
static bool note_unlocked(const local_lock_t *lock)
{
	const unsigned int i = index_of(lock);

	if (i < held.nr) {
		held.locks[i] = held.locks[--held.nr];
		return true;
	}
	if (KMM_WARN_AS("local_unlock", !held.nr_more, "lock %p is not held by this thread", (const void *)lock))
		return false;
	held.nr_more--;
	return true;
}

#else

static void check_before_lock(const local_lock_t *lock)
{
	(void)lock;
}

static void note_locked(const local_lock_t *lock)
{
	(void)lock;
}

static bool note_unlocked(const local_lock_t *lock)
{
	(void)lock;
	return true;
}

#endif

void kmm_local_lock(local_lock_t *lock)
{
	check_before_lock(lock);
	if (unlikely(!try_lock(lock)))
		wait_and_lock(lock);
	note_locked(lock);
}

void kmm_local_unlock(local_lock_t *lock)
{
	unsigned int state;
	int saved_errno;

	if (!note_unlocked(lock))
		return;
	state = atomic_xchg_release(&lock->state, (unsigned int)FREE);
	if (KMM_WARN_AS("local_unlock", state == FREE, "lock %p is not locked", (void *)lock))
		return;
	if (unlikely(state == WAITED_FOR)) {
		saved_errno = errno;
		wake_one(&lock->state);
		errno = saved_errno;
	}
	cpu_id_let_go();
}
