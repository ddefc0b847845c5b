/* SPDX-License-Identifier: MIT
 * atomic.h - the few read-modify-write operations on one word that rooms need beside locks.
 *
 * Owns:   nothing: each works on a word of the caller's. The order is in the name; plain loads and stores of such words
 *         are READ_ONCE(), WRITE_ONCE(), smp_load_acquire() and smp_store_release() of arch.h.
 * Source: include/linux/atomic.h, Linux 6.1 (the idea; words here are plain integers, as this_cpu operations take them).
 */
#ifndef KMM_BASE_ATOMIC_H
#define KMM_BASE_ATOMIC_H

#include <stdbool.h>

#include "arch/arch.h"

/* Statistics: nothing is ordered by them. The value is the new one. */
#define atomic_add_relaxed(p, nr) __atomic_add_fetch(p, nr, __ATOMIC_RELAXED)
#define atomic_add_release(p, nr) __atomic_add_fetch(p, nr, __ATOMIC_RELEASE)
#define atomic_sub_relaxed(p, nr) __atomic_sub_fetch(p, nr, __ATOMIC_RELAXED)
#define atomic_sub_release(p, nr) ((void)__atomic_fetch_sub(p, nr, __ATOMIC_RELEASE))

/* A count of users: who comes to 0 sees what all others did before they left. The value is the new one. */
#define atomic_sub_acq_rel(p, nr) __atomic_sub_fetch(p, nr, __ATOMIC_ACQ_REL)

/* Stores @v and returns true if the word is *@old; else puts the word found into *@old. Never fails without cause.
 * Success: ACQUIRE and RELEASE; failure: RELAXED. */
#define atomic_cmpxchg_acq_rel(p, old, v) \
	__atomic_compare_exchange_n(p, old, v, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

/* The same, ACQUIRE only: what the word's last writer released is seen. */
#define atomic_cmpxchg_acquire(p, old, v) \
	__atomic_compare_exchange_n(p, old, v, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)

/* Bits that say something by themselves: nothing is ordered by them. */
#define atomic_or_relaxed(p, bits) ((void)__atomic_fetch_or(p, bits, __ATOMIC_RELAXED))
#define atomic_fetch_or_relaxed(p, bits) __atomic_fetch_or(p, bits, __ATOMIC_RELAXED) /* the old ones */
#define atomic_and_relaxed(p, bits) ((void)__atomic_fetch_and(p, bits, __ATOMIC_RELAXED))

/* Stores @v; the value is the one found. ACQUIRE: what its writer released is seen. */
#define atomic_xchg_acquire(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)

/* RELEASE: who acquires @v sees what was written before. */
#define atomic_xchg_release(p, v) __atomic_exchange_n(p, v, __ATOMIC_RELEASE)

/* True for the first caller with this flag, which starts as false. Orders nothing. */
#define atomic_first_time(flag) (!READ_ONCE(*(flag)) && !__atomic_exchange_n(flag, true, __ATOMIC_RELAXED))

#endif /* KMM_BASE_ATOMIC_H */
