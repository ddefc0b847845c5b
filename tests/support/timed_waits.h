/* SPDX-License-Identifier: MIT
 * timed_waits.h - sees the waits of the library that have an end, and lets some of them be over at once, or never.
 *
 * Owns:   the waits of the test program.
 * Rules:  one file of a test program includes this. The program is linked with --wrap of pthread_cond_timedwait. The last
 *         wait is told only where one thread at a time begins one. The library has no thread of its own: it would be among
 *         those who wait.
 */
#ifndef KMM_TESTS_SUPPORT_TIMED_WAITS_H
#define KMM_TESTS_SUPPORT_TIMED_WAITS_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/atomic.h"
#include "support/world.h"

int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);

static struct {
	bool endless;          /* a wake that is lost is a hang, and nothing is told of the last wait */
	unsigned int in_vain;  /* so many are over at once */
	unsigned int nr;       /* begun; who sees it and takes the lock of the wait finds the thread asleep */
	struct timespec until; /* of the last one */
	pthread_cond_t *cond;  /* of the last one */
} waits;

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	bool in_vain;

	if (waits.endless) {
		atomic_add_relaxed(&waits.nr, 1);
		return pthread_cond_wait(cond, mutex);
	}
	in_vain = waits.in_vain;
	waits.in_vain -= in_vain;
	waits.until = *until;
	WRITE_ONCE(waits.cond, cond);
	atomic_add_release(&waits.nr, 1);
	return in_vain ? ETIMEDOUT : __real_pthread_cond_timedwait(cond, mutex, until);
}

/* As world_setup(), without a thread of the library. */
static inline int timed_waits_setup(void)
{
	memset(&waits, 0, sizeof(waits));
	if (world_start("background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static inline unsigned int nr_waits(void)
{
	return smp_load_acquire(&waits.nr);
}

#endif /* KMM_TESTS_SUPPORT_TIMED_WAITS_H */
