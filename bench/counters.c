/* SPDX-License-Identifier: MIT
 * counters.c - counting, holding and locking by CPU, beside the one atomic word or mutex that they replace.
 *
 * Alone, a thread shows what an operation costs; two threads show what it is for: they do the same work at once.
 */
#include <pthread.h>

#include <kmm/kmm.h>

#include "bench.h"

#define ADD_NS 8.0 /* about what the slowest of the operations takes */

struct locked {
	local_lock_t lock;
	unsigned long nr;
};

static struct percpu_counter counter;
static struct percpu_ref ref;
static struct locked __percpu *locked;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long word;

static void never_released(struct percpu_ref *unused)
{
	(void)unused;
}

static bool setup(void)
{
	locked = alloc_percpu(struct locked);
	return locked && !percpu_counter_init(&counter, 0, GFP_KERNEL) &&
	       !percpu_ref_init(&ref, never_released, 0, GFP_KERNEL);
}

static void teardown(void)
{
	percpu_ref_exit(&ref);
	percpu_counter_destroy(&counter);
	free_percpu(locked);
}

static void add_word(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++)
		__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
}

static void add_counter(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++)
		percpu_counter_add(&counter, 1);
}

static void add_limited(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++)
		if (!percpu_counter_limited_add(&counter, INT64_MAX / 2, 1))
			bench_fail("a limit that is far away refused");
}

static void get_and_put_word(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++) {
		__atomic_add_fetch(&word, 1, __ATOMIC_RELAXED);
		__atomic_sub_fetch(&word, 1, __ATOMIC_ACQ_REL);
	}
}

static void get_and_put_ref(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++) {
		percpu_ref_get(&ref);
		percpu_ref_put(&ref);
	}
}

static void lock_mutex(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++) {
		pthread_mutex_lock(&mutex);
		word++;
		pthread_mutex_unlock(&mutex);
	}
}

static void lock_local(unsigned long times)
{
	for (unsigned long i = 0; i < times; i++) {
		local_lock(&locked->lock);
		this_cpu_ptr(locked)->nr++;
		local_unlock(&locked->lock);
	}
}

static const struct {
	const char *alone, *together;
	enum subject subject;
	void (*run)(unsigned long times);
} rows[] = {
	{ "count one", "count one, two threads", REFERENCE, add_word },
	{ "count one", "count one, two threads", KMM, add_counter },
	{ "count one within a limit", "count one within a limit, two threads", KMM, add_limited },
	{ "get + put a reference, a pair", "get + put, two threads: a pair", REFERENCE, get_and_put_word },
	{ "get + put a reference, a pair", "get + put, two threads: a pair", KMM, get_and_put_ref },
	{ "lock + add + unlock", "lock + add + unlock, two threads", GLIBC, lock_mutex },
	{ "lock + add + unlock", "lock + add + unlock, two threads", KMM, lock_local },
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static void alone_round(void)
{
	const unsigned long times = bench_repeat(ADD_NS);

	for (unsigned int row = 0; row < NR_ROWS; row++) {
		const double start = bench_now();

		rows[row].run(times);
		record(rows[row].alone, rows[row].subject, (bench_now() - start) / (double)times);
	}
}

static void together_round(void)
{
	for (unsigned int row = 0; row < NR_ROWS; row++)
		record(rows[row].together, rows[row].subject,
		       bench_threads(2, rows[row].run, bench_repeat(2 * ADD_NS)));
}

const struct bench_case counter_cases[] = {
	{ setup, alone_round, teardown },
	{ NULL, NULL, NULL },
};

const struct bench_case counter_thread_cases[] = {
	{ setup, together_round, teardown },
	{ NULL, NULL, NULL },
};
