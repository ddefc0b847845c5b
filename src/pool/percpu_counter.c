/* SPDX-License-Identifier: MIT
 * percpu_counter.c - counters in two parts: what each CPU has collected, and a common count.
 *
 * Owns:       the words of all counters' CPUs, fbc->count, percpu_counter_batch.
 * Locks:      one of a few counter locks (rank 97), chosen by the counter's address so that the public struct holds no
 *             lock that a fork could leave taken. It guards count and the closing of words. A leaf.
 * Lock-free:  a CPU's word is {value, version}. Any thread may add to an open word, by a CAS from what it has read, if
 *             the value stays below the batch. Everything else closes the word first: takes its value and makes the version
 *             odd, under the lock. Opening it again gives it the next even version.
 *             ABA: an addition that only adds does not care what happened in between, as long as the word is the same now.
 *             One with a limit has looked at count as well; it fails if its word was closed meanwhile, unless that
 *             happened exactly 2^31 times within those few instructions.
 * Invariants: N1  the value is count + the values of all open words; while words are closed, what they held is in count,
 *                 or about to be, and nobody else changes either
 *             N2  |value of a word| < the batch of whoever changed it last, so it fits 32 bits
 *             N3  whoever sees a word's new version sees count as it was when the word was opened, or later
 * No atomic 8 bytes (a 32-bit machine in portable form): words stay 0, and every call takes the lock.
 * Source:     lib/percpu_counter.c, Linux 6.1; limited adds: Linux 6.7. Differs: there the word is its CPU's alone.
 */
#include <errno.h>

#include <kmm/percpu.h>
#include <kmm/percpu_counter.h>

#include "arch/arch.h"
#include "base/fork.h"
#include "base/lock.h"
#include "base/race.h"
#include "base/report.h"
#include "percpu/percpu.h"
#include "pool/pool.h"

#define NR_LOCKS POOL_HASH_VALUES /* counters that hand on at the same time seldom meet */

/* Without atomic 8 bytes there are only hashed locks, which are taken before ours by fork. */
#define HAS_WORDS (KMM_ARCH_ATOMIC_MAX >= sizeof(uint64_t))

struct percpu_counter_cpu {
	uint64_t word; /* value: the lower half, signed; version: the upper half, odd while closed */
};

int percpu_counter_batch = 32;

static struct counter_lock {
	struct kmm_lock lock;
} cacheline_aligned locks[NR_LOCKS] = {
	[0 ... NR_LOCKS - 1] = { KMM_LOCK_INIT(KMM_RANK_COUNTER, "percpu_counter lock") },
};

static struct kmm_lock *lock_of(const struct percpu_counter *fbc)
{
	return &locks[pool_hash(fbc)].lock;
}

static struct kmm_lock *lock_at(unsigned int i)
{
	return i < NR_LOCKS ? &locks[i].lock : NULL;
}

static const struct kmm_fork_handler fork_handler = { .rank = KMM_RANK_COUNTER, .lock_at = lock_at };

void percpu_counter_start(void)
{
	kmm_fork_register(&fork_handler);
	percpu_counter_batch = (int)max_of(32u, 2 * kmm_nr_cpu_ids);
}

/* Words */

static int32_t value_of(uint64_t word)
{
	return (int32_t)(uint32_t)word;
}

static uint32_t version_of(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static uint64_t make_word(int32_t value, uint32_t version)
{
	return (uint64_t)version << 32 | (uint32_t)value;
}

static bool is_closed(uint64_t word)
{
	return version_of(word) & 1;
}

/* RELAXED: who also looks at count orders that with a barrier. */
static uint64_t read_word(struct percpu_counter_cpu *c)
{
	return arch_this_cpu_read(&c->word);
}

/* The counter lock is held. Wraps like unsigned numbers. */
static void count_add_locked(struct percpu_counter *fbc, int64_t amount)
{
	kmm_assert_held(lock_of(fbc));
	if (HAS_WORDS)
		arch_this_cpu_write(&fbc->count, (int64_t)((uint64_t)fbc->count + (uint64_t)amount));
	else
		fbc->count = (int64_t)((uint64_t)fbc->count + (uint64_t)amount);
}

/* From now on nobody adds to the word. Its value is the caller's, who adds it to count. The word is 0 and stays so. */
static int32_t close_locked(struct percpu_counter_cpu *c)
{
	uint64_t found, word;

	if (!HAS_WORDS)
		return 0;
	for (word = read_word(c);; word = found) {
		found = arch_this_cpu_cmpxchg(&c->word, word, make_word(0, version_of(word) + 1));
		if (found == word)
			return value_of(word);
	}
}

/* RELEASE: who sees the new version sees count as it is now (N3); pairs with the smp_rmb() in add_far_from(). Nobody else
 * writes a closed word. */
static void open_locked(struct percpu_counter_cpu *c)
{
	if (!HAS_WORDS)
		return;
	smp_wmb();
	arch_this_cpu_write(&c->word, make_word(0, version_of(read_word(c)) + 1));
}

/* Hands on what the word has. */
static void fold_locked(struct percpu_counter *fbc, struct percpu_counter_cpu *c)
{
	count_add_locked(fbc, close_locked(c));
	open_locked(c);
}

/* Can @amount be added to @word with the value staying below @batch? *@sum is the word then. */
static bool fits(uint64_t word, int64_t amount, int32_t batch, uint64_t *sum)
{
	int64_t value;

	if (is_closed(word) || __builtin_add_overflow(value_of(word), amount, &value) || value >= batch ||
	    value <= -batch)
		return false;
	*sum = make_word((int32_t)value, version_of(word));
	return true;
}

static bool is_initialised(const char *caller, const struct percpu_counter *fbc)
{
	return !KMM_WARN_AS(caller, !fbc->counters, "counter %p is not initialised", (const void *)fbc);
}

/* Without a lock: RELAXED, because a sum orders nothing. */
static bool add_quick(struct percpu_counter_cpu *c, int64_t amount, int32_t batch)
{
	uint64_t word, found, sum;

	if (!HAS_WORDS)
		return false;
	for (word = read_word(c); fits(word, amount, batch, &sum); word = found) {
		KMM_RACE_POINT("percpu_counter: word read");
		found = arch_this_cpu_cmpxchg(&c->word, word, sum);
		if (found == word)
			return true;
	}
	return false;
}

/* Limits */

/* By how much count can be off. */
static uint64_t unknown_of(int32_t batch)
{
	return batch > 0 ? (uint64_t)batch * kmm_nr_cpu_ids : 0;
}

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* Is @value beyond @limit, seen in the direction of @amount? */
static bool is_beyond(int64_t value, int64_t limit, int64_t amount)
{
	return amount > 0 ? value > limit : value < limit;
}

/*
 * Adds without a lock where count is so far from @limit that what CPUs have collected cannot matter.
 * Why that is exact: every exact decision closes this word, so the CAS succeeds only if there was none since @word was read,
 * and count was looked at after that (the CAS waits for the look: it is made only if the look said so). Without exact
 * decisions count passes limit - unknown only by what words are closed for, and who looks after that adds nothing. So
 * each CPU brings less than one batch across, in its word or out of it, and together they have less than unknown.
 */
static bool add_far_from(struct percpu_counter *fbc, struct percpu_counter_cpu *c, int64_t limit, int64_t amount,
			 int32_t batch)
{
	uint64_t word, found, sum;
	int64_t count;

	if (!HAS_WORDS)
		return false;
	for (word = read_word(c); fits(word, amount, batch, &sum); word = found) {
		smp_rmb(); /* N3; pairs with open_locked() */
		count = arch_this_cpu_read(&fbc->count);
		if (is_beyond(count, limit, amount) || distance(count, limit) < unknown_of(batch))
			return false;
		KMM_RACE_POINT("percpu_counter: limit checked");
		found = arch_this_cpu_cmpxchg(&c->word, word, sum);
		if (found == word)
			return true;
	}
	return false;
}

/* The counter lock is held. Stops all CPUs to know the value. */
static bool add_exact_locked(struct percpu_counter *fbc, int64_t limit, int64_t amount)
{
	int64_t sum;
	bool allowed;
	unsigned int cpu;

	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		count_add_locked(fbc, close_locked(percpu_instance(fbc->counters, cpu)));
	allowed = !__builtin_add_overflow(fbc->count, amount, &sum) && !is_beyond(sum, limit, amount);
	if (allowed)
		count_add_locked(fbc, amount);
	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		open_locked(percpu_instance(fbc->counters, cpu));
	return allowed;
}

static bool add_limited_locked(struct percpu_counter *fbc, struct percpu_counter_cpu *c, int64_t limit, int64_t amount,
			       int32_t batch)
{
	int64_t sum;

	if (__builtin_add_overflow(fbc->count, amount, &sum) || distance(sum, limit) < unknown_of(batch))
		return add_exact_locked(fbc, limit, amount);
	if (is_beyond(sum, limit, amount))
		return false;
	count_add_locked(fbc, amount);
	fold_locked(fbc, c);
	return true;
}

/* What others call */

int percpu_counter_init(struct percpu_counter *fbc, int64_t amount, gfp_t gfp)
{
	fbc->count = amount;
	fbc->counters = alloc_percpu_gfp(struct percpu_counter_cpu, gfp);
	return fbc->counters ? 0 : -ENOMEM;
}

void percpu_counter_destroy(struct percpu_counter *fbc)
{
	free_percpu(fbc->counters);
	fbc->counters = NULL;
}

void percpu_counter_set(struct percpu_counter *fbc, int64_t amount)
{
	struct kmm_lock *lock = lock_of(fbc);
	unsigned int cpu;

	if (!is_initialised(__func__, fbc))
		return;
	kmm_lock(lock);
	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		close_locked(percpu_instance(fbc->counters, cpu));
	count_add_locked(fbc, (int64_t)((uint64_t)amount - (uint64_t)fbc->count));
	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		open_locked(percpu_instance(fbc->counters, cpu));
	kmm_unlock(lock);
}

void percpu_counter_add_batch(struct percpu_counter *fbc, int64_t amount, int32_t batch)
{
	struct kmm_lock *lock = lock_of(fbc);
	struct percpu_counter_cpu *c;

	if (!is_initialised(__func__, fbc))
		return;
	c = percpu_instance(fbc->counters, raw_smp_processor_id());
	if (likely(add_quick(c, amount, batch)))
		return;
	kmm_lock(lock);
	count_add_locked(fbc, amount);
	fold_locked(fbc, c);
	kmm_unlock(lock);
}

void percpu_counter_sync(struct percpu_counter *fbc)
{
	struct kmm_lock *lock = lock_of(fbc);

	if (!is_initialised(__func__, fbc))
		return;
	kmm_lock(lock);
	fold_locked(fbc, percpu_instance(fbc->counters, raw_smp_processor_id()));
	kmm_unlock(lock);
}

int64_t __percpu_counter_sum(struct percpu_counter *fbc)
{
	struct kmm_lock *lock = lock_of(fbc);
	unsigned int cpu;
	uint64_t sum;

	if (!is_initialised(__func__, fbc))
		return 0;
	kmm_lock(lock);
	sum = (uint64_t)fbc->count;
	for (cpu = 0; HAS_WORDS && cpu < kmm_nr_cpu_ids; cpu++)
		sum += (uint64_t)value_of(read_word(percpu_instance(fbc->counters, cpu)));
	kmm_unlock(lock);
	return (int64_t)sum;
}

int64_t percpu_counter_read(struct percpu_counter *fbc)
{
	int64_t count;

	if (HAS_WORDS)
		return arch_this_cpu_read(&fbc->count);
	kmm_lock(lock_of(fbc));
	count = fbc->count;
	kmm_unlock(lock_of(fbc));
	return count;
}

int __percpu_counter_compare(struct percpu_counter *fbc, int64_t rhs, int32_t batch)
{
	int64_t value = percpu_counter_read(fbc);

	if (distance(value, rhs) <= unknown_of(batch))
		value = __percpu_counter_sum(fbc);
	return value > rhs ? 1 : value < rhs ? -1 : 0;
}

bool __percpu_counter_limited_add(struct percpu_counter *fbc, int64_t limit, int64_t amount, int32_t batch)
{
	struct kmm_lock *lock = lock_of(fbc);
	struct percpu_counter_cpu *c;
	bool added;

	if (!is_initialised(__func__, fbc))
		return false;
	if (!amount)
		return true;
	c = percpu_instance(fbc->counters, raw_smp_processor_id());
	if (likely(add_far_from(fbc, c, limit, amount, batch)))
		return true;
	kmm_lock(lock);
	added = add_limited_locked(fbc, c, limit, amount, batch);
	kmm_unlock(lock);
	return added;
}
