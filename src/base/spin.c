/* SPDX-License-Identifier: MIT
 * spin.c - what is rare about a spin: making one, waiting for one, and fork.
 *
 * Locks: none of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "base/spin.h"

enum {
	TURNS_RELAXED = 64,  /* as long as a holder that runs needs */
	TURNS_YIELDED = 16,  /* after that it is preempted, perhaps on our CPU */
	SLEEP_FIRST = 20000, /* ns; doubled up to the longest: a holder of lower priority gets no CPU from a yield */
	SLEEP_LONGEST = 1000000,
};

void kmm_spin_init(struct kmm_spin *s, enum kmm_lock_rank rank, const char *name)
{
	s->locked = 0;
#if KMM_CONFIG_CHECK
	kmm_lock_init(&s->check, rank, name);
#else
	(void)rank;
	(void)name;
#endif
}

static void sleep_ns(long ns)
{
	const struct timespec time = { .tv_sec = 0, .tv_nsec = ns };

	nanosleep(&time, NULL); /* a signal that ends it early does no harm */
}

void kmm_spin_wait(struct kmm_spin *s)
{
	int saved_errno = errno, cancel_state;
	unsigned int turn = 0;
	long ns = SLEEP_FIRST;

	/* The sleep is a place where a thread can be cancelled; not with the locks its caller may hold. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	while (!kmm_spin_trylock_raw(s)) {
		if (turn < TURNS_RELAXED) {
			turn++;
			cpu_relax();
		} else if (turn < TURNS_RELAXED + TURNS_YIELDED) {
			turn++;
			sched_yield();
		} else {
			sleep_ns(ns);
			ns = min_of(2 * ns, (long)SLEEP_LONGEST);
		}
	}
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;
}

void kmm_spin_lock_same_rank(struct kmm_spin *s)
{
#if KMM_CONFIG_CHECK
	kmm_lock_check_order(&s->check, true);
#endif
	if (!kmm_spin_trylock_raw(s))
		kmm_spin_wait(s);
#if KMM_CONFIG_CHECK
	kmm_lock_note_taken(&s->check);
#endif
}

void kmm_spin_reset(struct kmm_spin *s)
{
#if KMM_CONFIG_CHECK
	kmm_lock_reset(&s->check);
#endif
	WRITE_ONCE(s->locked, 0U);
}
