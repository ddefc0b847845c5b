/* SPDX-License-Identifier: MIT
 * arch_generic.c - 256 hashed locks in place of a double-word instruction.
 *
 * Owns:       the lock table.
 * Locks:      the locks here are leaves (rank KMM_RANK_SLAB_BIT in the table of base/lock.h): nothing is called while
 *             one is held, so they need no rank check. They are taken together only around fork().
 * Lock-free:  readers load single words with READ_ONCE() or smp_load_acquire(); every store here is atomic for them.
 * Invariants: G1  two words that change together have the same lock: it is chosen by the address of the pair
 *             G2  with a new hi a reader that loaded it ACQUIRE finds the lo stored with it, or a later one
 * Source:     the slab_lock() fallback of cmpxchg_double_slab(), mm/slub.c, Linux 6.1. Differs: hashed, not in the page.
 */
#include <sched.h>
#include <string.h>

#include "arch/arch.h"

#define HASH_BITS 8
#define NR_LOCKS (1u << HASH_BITS)

/* Tries before a waiter gives up its CPU: the holder runs some twenty instructions, unless it was preempted. */
#define SPIN_TRIES 64

static struct hashed_lock {
	unsigned int taken; /* 0 or 1 */
} __attribute__((aligned(64))) locks[NR_LOCKS];

#if KMM_ARCH_TSAN
unsigned int generic_fence_word;
#endif

/* Fibonacci hashing: neighbours go to different locks, so that the per-CPU words of one array do not share one. */
static struct hashed_lock *lock_of(const void *p)
{
	uint32_t pair = (uint32_t)((uintptr_t)p / sizeof(kmm_dword));

	return &locks[(pair * 0x9e3779b1u) >> (32 - HASH_BITS)];
}

static void lock_take(struct hashed_lock *lock)
{
	unsigned int tries = 0;

	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)) {
		do {
			if (++tries % SPIN_TRIES)
				cpu_relax();
			else
				sched_yield();
		} while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED));
	}
}

static void lock_drop(struct hashed_lock *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

bool generic_cas2(kmm_dword *p, kmm_dword old, kmm_dword new)
{
	struct hashed_lock *lock = lock_of(p);
	bool same;

	lock_take(lock);
	same = READ_ONCE(p->lo) == old.lo && READ_ONCE(p->hi) == old.hi;
	if (same) {
		smp_store_release(&p->lo, new.lo);
		smp_store_release(&p->hi, new.hi); /* G2 */
	}
	lock_drop(lock);
	if (same)
		generic_smp_mb();
	return same;
}

/* 8 bytes, word by word and each word atomically, under the lock of their address. */
#define WORDS64 (sizeof(uint64_t) / sizeof(unsigned long))

static uint64_t load_locked(const void *p)
{
	const unsigned long *from = p;
	unsigned long words[WORDS64];
	uint64_t value;
	size_t i;

	for (i = 0; i < WORDS64; i++)
		words[i] = READ_ONCE(from[i]);
	memcpy(&value, words, sizeof(value));
	return value;
}

static void store_locked(void *p, uint64_t value)
{
	unsigned long *to = p, words[WORDS64];
	size_t i;

	memcpy(words, &value, sizeof(value));
	for (i = 0; i < WORDS64; i++)
		WRITE_ONCE(to[i], words[i]);
}

void generic_locked_read64(const void *p, void *value)
{
	struct hashed_lock *lock = lock_of(p);
	uint64_t now;

	lock_take(lock);
	now = load_locked(p);
	lock_drop(lock);
	memcpy(value, &now, sizeof(now));
}

void generic_locked_write64(void *p, const void *value)
{
	uint64_t found;

	generic_locked_xchg64(p, value, &found);
}

void generic_locked_xchg64(void *p, const void *value, void *found)
{
	struct hashed_lock *lock = lock_of(p);
	uint64_t now, next;

	memcpy(&next, value, sizeof(next));
	lock_take(lock);
	now = load_locked(p);
	store_locked(p, next);
	lock_drop(lock);
	memcpy(found, &now, sizeof(now));
}

void generic_locked_cmpxchg64(void *p, const void *old, const void *value, void *found)
{
	struct hashed_lock *lock = lock_of(p);
	uint64_t now, want, next;

	memcpy(&want, old, sizeof(want));
	memcpy(&next, value, sizeof(next));
	lock_take(lock);
	now = load_locked(p);
	if (now == want)
		store_locked(p, next);
	lock_drop(lock);
	memcpy(found, &now, sizeof(now));
}

uint64_t generic_locked_add_return64(void *p, uint64_t value)
{
	struct hashed_lock *lock = lock_of(p);
	uint64_t sum;

	lock_take(lock);
	sum = load_locked(p) + value;
	store_locked(p, sum);
	lock_drop(lock);
	return sum;
}

bool generic_locked_cas_pair64(void *p, const void *old, const void *value)
{
	struct hashed_lock *lock = lock_of(p);
	uint64_t *word = p, want[2], next[2];
	bool same;

	memcpy(want, old, sizeof(want));
	memcpy(next, value, sizeof(next));
	lock_take(lock);
	same = __atomic_load_n(&word[0], __ATOMIC_RELAXED) == want[0] &&
	       __atomic_load_n(&word[1], __ATOMIC_RELAXED) == want[1];
	if (same) {
		__atomic_store_n(&word[0], next[0], __ATOMIC_RELEASE);
		__atomic_store_n(&word[1], next[1], __ATOMIC_RELEASE);
	}
	lock_drop(lock);
	if (same)
		generic_smp_mb();
	return same;
}

void arch_fork_lock_all(void)
{
	unsigned int i;

	for (i = 0; i < NR_LOCKS; i++)
		lock_take(&locks[i]);
}

void arch_fork_unlock_all(void)
{
	unsigned int i;

	for (i = NR_LOCKS; i-- > 0;)
		lock_drop(&locks[i]);
}

void arch_fork_reset(void)
{
	arch_fork_unlock_all();
}
