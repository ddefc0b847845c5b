/* SPDX-License-Identifier: MIT
 * spin.h - a lock of one word for a few instructions, which fast paths only try.
 *
 * Owns:   struct kmm_spin. Taking it is one locked instruction, dropping it one store.
 * Rules:  a fast path uses kmm_spin_trylock() and has another way to go when that fails, because the holder may be
 *         preempted. Who must have the lock (drain, fork, validation, the maps of per-CPU memory) waits in kmm_spin_lock(),
 *         which sleeps before long; such a wait may cost a timer tick. Under the lock there is no system
 *         call, no other spin of the same rank, and nothing that can block.
 *         Ranks are those of lock.h: checking builds report an inversion, a second lock by the same thread, and an
 *         unlock by a thread that does not hold it.
 * Order:  taking is ACQUIRE, dropping is RELEASE: who takes the lock sees what every earlier holder wrote under it.
 */
#ifndef KMM_BASE_SPIN_H
#define KMM_BASE_SPIN_H

#include <stdbool.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/compiler.h"
#include "base/lock.h"

struct kmm_spin {
	unsigned int locked; /* 0 or 1 */
#if KMM_CONFIG_CHECK
	struct kmm_lock check; /* name, rank, owner; its mutex is unused, so it hides no missing order of ours */
#endif
};

#if KMM_CONFIG_CHECK
#define KMM_SPIN_INIT(lock_rank, lock_name)                               \
	{                                                                 \
		.locked = 0, .check = KMM_LOCK_INIT(lock_rank, lock_name) \
	}
#else
#define KMM_SPIN_INIT(lock_rank, lock_name) \
	{                                   \
		.locked = 0                 \
	}
#endif

/* @name must outlive it. */
void kmm_spin_init(struct kmm_spin *s, enum kmm_lock_rank rank, const char *name);

/* The wait of kmm_spin_lock(): turns, then yields, then sleeps until it has the word. */
void kmm_spin_wait(struct kmm_spin *s);

/* For fork: other locks of the rank may be held. */
void kmm_spin_lock_same_rank(struct kmm_spin *s);

/* In a forked child: free, whoever held it in the parent. */
void kmm_spin_reset(struct kmm_spin *s);

/* The word alone. The look before the exchange is RELAXED, a hint: it keeps the cache line shared while the lock is busy.
 * ACQUIRE pairs with the RELEASE in kmm_spin_unlock(). */
static inline bool kmm_spin_trylock_raw(struct kmm_spin *s)
{
	return !READ_ONCE(s->locked) && !atomic_xchg_acquire(&s->locked, 1U);
}

/* False when somebody holds it. */
static inline bool kmm_spin_trylock(struct kmm_spin *s)
{
#if KMM_CONFIG_CHECK
	kmm_lock_check_order(&s->check, false);
#endif
	if (!kmm_spin_trylock_raw(s))
		return false;
#if KMM_CONFIG_CHECK
	kmm_lock_note_taken(&s->check);
#endif
	return true;
}

/* Waits as long as it takes. errno is left alone. */
static inline void kmm_spin_lock(struct kmm_spin *s)
{
#if KMM_CONFIG_CHECK
	kmm_lock_check_order(&s->check, false);
#endif
	if (unlikely(!kmm_spin_trylock_raw(s)))
		kmm_spin_wait(s);
#if KMM_CONFIG_CHECK
	kmm_lock_note_taken(&s->check);
#endif
}

static inline void kmm_spin_unlock(struct kmm_spin *s)
{
#if KMM_CONFIG_CHECK
	if (!kmm_lock_note_dropped(&s->check))
		return;
#endif
	smp_store_release(&s->locked, 0U); /* pairs with kmm_spin_trylock_raw() */
}

/* Opens what is called with the lock held. */
static inline void kmm_spin_assert_held(const struct kmm_spin *s)
{
#if KMM_CONFIG_CHECK
	kmm_assert_held(&s->check);
#else
	(void)s;
#endif
}

#endif /* KMM_BASE_SPIN_H */
