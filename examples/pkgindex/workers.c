/* SPDX-License-Identifier: MIT
 * workers.c - threads that may use RCU, and the clock.
 */
#include <time.h>

#include "pkgindex.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#if UNDER_TSAN
#include <sanitizer/tsan_interface.h>
static char grace_periods; /* only its address is used */

/* What liburcu itself allocates and frees looks like a race for the same reason. Callbacks are still watched. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:liburcu-memb\n";
}
#endif

static atomic_bool watchers_stopped;
static pthread_t watcher_threads[MAX_THREADS];
static unsigned int nr_watchers;

/* What a thread runs. The address of a function does not fit a void pointer in ISO C, that of this struct does. */
struct job {
	void (*fn)(void);
};

static void *run_registered(void *arg)
{
	const struct job *job = arg;

	rcu_register_thread();
	job->fn();
	rcu_unregister_thread();
	return NULL;
}

static unsigned int start_threads(pthread_t *threads, unsigned int count, struct job *job)
{
	unsigned int started = 0;

	while (started < count && pthread_create(&threads[started], NULL, run_registered, job) == 0)
		started++;
	return started;
}

static void join_threads(pthread_t *threads, unsigned int count)
{
	while (count > 0)
		pthread_join(threads[--count], NULL);
}

void workers_run(unsigned int count, void (*fn)(void))
{
	pthread_t threads[MAX_THREADS];
	struct job job = { fn };
	const unsigned int started = start_threads(threads, count - 1, &job);

	fn();
	join_threads(threads, started);
}

unsigned int watchers_start(unsigned int count, void (*fn)(void))
{
	static struct job job;

	job.fn = fn;
	atomic_store(&watchers_stopped, false);
	nr_watchers = start_threads(watcher_threads, count, &job);
	return nr_watchers;
}

bool watchers_should_stop(void)
{
	return atomic_load_explicit(&watchers_stopped, memory_order_relaxed);
}

void watchers_stop(void)
{
	atomic_store(&watchers_stopped, true);
	join_threads(watcher_threads, nr_watchers);
	nr_watchers = 0;
}

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void rcu_seen_release(void)
{
#if UNDER_TSAN
	__tsan_release(&grace_periods);
#endif
}

void rcu_seen_acquire(void)
{
#if UNDER_TSAN
	__tsan_acquire(&grace_periods);
#endif
}
