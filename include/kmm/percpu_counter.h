/* SPDX-License-Identifier: MIT
 * kmm/percpu_counter.h - a number that many threads add to, and that is read roughly at once or exactly at a price.
 *
 * Owns:   struct percpu_counter, which is embedded where it is needed, and its calls.
 *
 * Each CPU collects small amounts of its own and hands them to the common count when they reach the batch. So the common
 * count is off by less than batch * CPUs, and the sum over all CPUs is exact whenever nobody adds. Nothing is ever lost.
 * All numbers are to stay far from the limits of 64 bits; beyond them they wrap.
 *
 * Source: include/linux/percpu_counter.h, lib/percpu_counter.c, Linux 6.1.
 */
#ifndef KMM_PERCPU_COUNTER_H
#define KMM_PERCPU_COUNTER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

/** The batch of percpu_counter_add_local(): as much as a CPU can hold. */
#define PERCPU_COUNTER_LOCAL_BATCH INT_MAX

/** What one CPU has collected; private. */
struct percpu_counter_cpu;

/** All private; zero is a counter that is not initialised. */
struct percpu_counter {
	int64_t count __attribute__((aligned(8))); /* the common count; counter lock, read without it */
	struct percpu_counter_cpu __percpu *counters;
};

/**
 * percpu_counter_batch - what a CPU collects before it hands it on, unless a call says otherwise.
 *
 * Twice the number of CPUs, at least 32; set by the start of the library. The program only reads it.
 *
 * Source: percpu_counter_batch, lib/percpu_counter.c, Linux 6.1.
 */
extern KMM_API int percpu_counter_batch;

/**
 * percpu_counter_init - make a counter.
 * @fbc: the caller's; not initialised, or destroyed.      @amount: its first value.
 * @gfp: how the memory for all CPUs may be found; see __alloc_percpu_gfp().
 *
 * Context: as __alloc_percpu_gfp().
 * Return:  0, or -ENOMEM: then @fbc counts as destroyed.
 * Source:  percpu_counter_init(), include/linux/percpu_counter.h, Linux 6.1. Differs: a function.
 */
KMM_API KMM_MUST_CHECK int percpu_counter_init(struct percpu_counter *fbc, int64_t amount, gfp_t gfp);

/**
 * percpu_counter_destroy - give back what percpu_counter_init() took. Again, or on a zeroed one: nothing happens.
 * @fbc: a counter that nobody uses at the same time. Afterwards only another init may be called, or destroy.
 * Context: any thread, not a signal handler. Source: percpu_counter_destroy(), lib/percpu_counter.c, Linux 6.1.
 */
KMM_API void percpu_counter_destroy(struct percpu_counter *fbc);

/**
 * percpu_counter_set - give the counter the value @amount, whatever CPUs have collected.
 * @fbc: initialised.      @amount: the value.
 * Context: any thread, not a signal handler; may wait for a lock.
 * Source:  percpu_counter_set(), lib/percpu_counter.c, Linux 6.1. Differs: one step for those who add meanwhile.
 */
KMM_API void percpu_counter_set(struct percpu_counter *fbc, int64_t amount);

/**
 * percpu_counter_add_batch - add @amount, which may be negative.
 * @fbc:   initialised.
 * @batch: what this CPU has collected stays below it, up or down; else it goes to the common count. 1 or less: at once.
 *
 * Who mixes batches on one counter has the accuracy of the largest.
 *
 * Context: any thread, not a signal handler. Takes a lock once in a batch.
 * Source:  percpu_counter_add_batch(), lib/percpu_counter.c, Linux 6.1.
 */
KMM_API void percpu_counter_add_batch(struct percpu_counter *fbc, int64_t amount, int32_t batch);

/**
 * percpu_counter_sync - hand on what this CPU has collected.
 * @fbc: initialised.
 * Context: any thread, not a signal handler; may wait for a lock.
 * Source:  percpu_counter_sync(), lib/percpu_counter.c, Linux 6.1.
 */
KMM_API void percpu_counter_sync(struct percpu_counter *fbc);

/**
 * __percpu_counter_sum - the exact value: the common count and what all CPUs have collected.
 * @fbc: initialised.
 * Context: any thread, not a signal handler; may wait for a lock. Looks at every CPU.
 * Return:  exact if nobody adds meanwhile; else each of those may be in it or not.
 * Source:  __percpu_counter_sum(), lib/percpu_counter.c, Linux 6.1.
 */
KMM_API int64_t __percpu_counter_sum(struct percpu_counter *fbc);

/**
 * percpu_counter_read - the common count alone: quick, and off by less than batch * CPUs.
 * @fbc: initialised.
 * Context: any. Return: the count, never a mixture of two. It can be negative where the exact value is not.
 * Source:  percpu_counter_read(), include/linux/percpu_counter.h, Linux 6.1. Differs: never torn on 32-bit.
 */
KMM_API int64_t percpu_counter_read(struct percpu_counter *fbc);

/**
 * __percpu_counter_compare - is the value above, at or below @rhs?
 * @fbc: initialised.      @batch: the largest with which it is changed.
 *
 * Looks at all CPUs only where the common count is too near to @rhs to tell.
 *
 * Context: any thread, not a signal handler; may wait for a lock.
 * Return:  1, 0 or -1; as exact as percpu_counter_sum().
 * Source:  __percpu_counter_compare(), lib/percpu_counter.c, Linux 6.1.
 */
KMM_API int __percpu_counter_compare(struct percpu_counter *fbc, int64_t rhs, int32_t batch);

/**
 * __percpu_counter_limited_add - add @amount, unless the value would leave the limit.
 * @fbc:   initialised.      @batch: as for percpu_counter_add_batch(), and the largest with which it is changed.
 * @limit: for a positive @amount the largest value allowed, for a negative one the smallest.
 *
 * Exact up to the edge, however many threads add: while every increase is made by this call, with one limit, the value
 * never exceeds that, and while decreases are made by it, the value never falls below theirs. Near the limit each call
 * looks at all CPUs.
 *
 * Context: any thread, not a signal handler; may wait for a lock.
 * Return:  true: added, or @amount is 0. false: nothing was changed.
 * Source:  __percpu_counter_limited_add(), lib/percpu_counter.c, Linux 6.7. Differs: exact among threads on other CPUs.
 */
KMM_API bool __percpu_counter_limited_add(struct percpu_counter *fbc, int64_t limit, int64_t amount, int32_t batch);

/**
 * percpu_counter_add, percpu_counter_sub - change the value by @amount, with the usual batch.
 * percpu_counter_inc, percpu_counter_dec - by one.
 * percpu_counter_add_local, percpu_counter_sub_local - with the largest batch: nearly nothing reaches the common count,
 *                         so that only percpu_counter_sum() tells something.
 * @fbc: initialised.
 * Context: as percpu_counter_add_batch(). Source: include/linux/percpu_counter.h, Linux 6.1.
 */
static inline void percpu_counter_add(struct percpu_counter *fbc, int64_t amount)
{
	percpu_counter_add_batch(fbc, amount, percpu_counter_batch);
}

static inline void percpu_counter_sub(struct percpu_counter *fbc, int64_t amount)
{
	percpu_counter_add(fbc, -amount);
}

static inline void percpu_counter_inc(struct percpu_counter *fbc)
{
	percpu_counter_add(fbc, 1);
}

static inline void percpu_counter_dec(struct percpu_counter *fbc)
{
	percpu_counter_add(fbc, -1);
}

static inline void percpu_counter_add_local(struct percpu_counter *fbc, int64_t amount)
{
	percpu_counter_add_batch(fbc, amount, PERCPU_COUNTER_LOCAL_BATCH);
}

static inline void percpu_counter_sub_local(struct percpu_counter *fbc, int64_t amount)
{
	percpu_counter_add_local(fbc, -amount);
}

/**
 * percpu_counter_sum - __percpu_counter_sum().
 * percpu_counter_sum_positive, percpu_counter_read_positive - the sum, or the common count; 0 where that is negative.
 * @fbc: initialised.
 * Context: as the calls they make. Source: include/linux/percpu_counter.h, Linux 6.1.
 */
static inline int64_t percpu_counter_sum(struct percpu_counter *fbc)
{
	return __percpu_counter_sum(fbc);
}

static inline int64_t percpu_counter_sum_positive(struct percpu_counter *fbc)
{
	int64_t sum = __percpu_counter_sum(fbc);

	return sum < 0 ? 0 : sum;
}

static inline int64_t percpu_counter_read_positive(struct percpu_counter *fbc)
{
	int64_t count = percpu_counter_read(fbc);

	return count < 0 ? 0 : count;
}

/**
 * percpu_counter_initialized - between init and destroy?
 * @fbc: initialised, destroyed or zeroed.
 * Context: any. Source: include/linux/percpu_counter.h, Linux 6.1.
 */
static inline bool percpu_counter_initialized(struct percpu_counter *fbc)
{
	return fbc->counters != NULL;
}

/**
 * percpu_counter_compare - __percpu_counter_compare() with the usual batch.
 * @fbc: initialised, and changed with the usual batch only.      @rhs: what to compare with.
 * Context and return: as __percpu_counter_compare(). Source: include/linux/percpu_counter.h, Linux 6.1.
 */
static inline int percpu_counter_compare(struct percpu_counter *fbc, int64_t rhs)
{
	return __percpu_counter_compare(fbc, rhs, percpu_counter_batch);
}

/**
 * percpu_counter_limited_add, percpu_counter_limited_sub - __percpu_counter_limited_add() with the usual batch; sub takes
 *         the amount away, and @limit is then the smallest value allowed.
 * @fbc: initialised, and changed with the usual batch only.      @limit, @amount: as there.
 * Context and return: as __percpu_counter_limited_add(). Source: include/linux/percpu_counter.h, Linux 6.7; sub is ours.
 */
static inline bool percpu_counter_limited_add(struct percpu_counter *fbc, int64_t limit, int64_t amount)
{
	return __percpu_counter_limited_add(fbc, limit, amount, percpu_counter_batch);
}

static inline bool percpu_counter_limited_sub(struct percpu_counter *fbc, int64_t limit, int64_t amount)
{
	return __percpu_counter_limited_add(fbc, limit, -amount, percpu_counter_batch);
}

KMM_END_DECLS

#endif /* KMM_PERCPU_COUNTER_H */
