/* SPDX-License-Identifier: MIT
 * kmm/local_lock.h - a lock for each CPU, for what lies beside it in per-CPU memory.
 *
 * Owns:   local_lock_t and its calls.
 *
 * In the kernel whoever is on a CPU with preemption off has its instance alone, and a local lock gives that a name. Here it
 * is a real lock: local_lock() keeps the thread's CPU number and takes that CPU's instance; until local_unlock() the thread
 * is the only one that has it, and this_cpu_ptr() of all variables means the same CPU. Holders can be preempted and may
 * sleep; who waits for them sleeps before long.
 *
 *	struct cache { local_lock_t lock; long hits; };
 *	static DEFINE_PER_CPU(struct cache, cache) = { .lock = INIT_LOCAL_LOCK(lock) };
 *
 *	local_lock(&cache.lock);
 *	this_cpu_ptr(&cache)->hits++;
 *	local_unlock(&cache.lock);
 *
 * Other locks may be taken inside, local ones too if all threads take them in one order. Of threads that fork, one keeps
 * what it holds in the child; what other threads held stays taken there, as with every mutex.
 *
 * Source: include/linux/local_lock.h, Linux 6.1 (with PREEMPT_RT, where they are locks as well).
 */
#ifndef KMM_LOCAL_LOCK_H
#define KMM_LOCAL_LOCK_H

#include <kmm/api.h>
#include <kmm/percpu.h>
#include <kmm/smp.h>

KMM_BEGIN_DECLS

/** One CPU's instance; private. Zero is a free lock. */
typedef struct {
	unsigned int state; /* 0 free, 1 held, 2 held and perhaps waited for */
} local_lock_t;

/**
 * INIT_LOCAL_LOCK - the initial value of a lock: a free one. So is zeroed memory.
 * @lockname: the lock's name, not used.
 * Source: include/linux/local_lock_internal.h, Linux 6.1.
 */
#define INIT_LOCAL_LOCK(lockname) \
	{                         \
		0                 \
	}

/**
 * local_lock_init - make one instance a free lock.
 * @lock: an instance, as per_cpu_ptr() gives it, that nobody uses.
 * Context: any. Source: include/linux/local_lock.h, Linux 6.1.
 */
static inline void local_lock_init(local_lock_t *lock)
{
	lock->state = 0;
}

/**
 * kmm_local_lock, kmm_local_unlock - what local_lock() and local_unlock() call.
 * @lock: this CPU's instance. The first is called with migration disabled; the second enables it when it has unlocked.
 * Context: as those. Source: none; they are in the macros there.
 */
KMM_API void kmm_local_lock(local_lock_t *lock);
KMM_API void kmm_local_unlock(local_lock_t *lock);

KMM_END_DECLS

/**
 * local_lock - take this CPU's instance, and keep the CPU's number.
 * local_lock_irq     - the same: there are no interrupts here.
 * local_lock_irqsave - the same.
 * @lock:  per-CPU pointer to a local_lock_t: &variable.lock, &ptr->lock.
 * @flags: unsigned long variable of the caller's, for the unlock.
 *
 * A library with KMM_CONFIG_CHECK reports who takes a lock again that it holds, which could never end, and aborts.
 *
 * Context: any thread, not a signal handler; may sleep. The library may be called with it held.
 * Source:  include/linux/local_lock.h, Linux 6.1. Differs: preemption and interrupts go on.
 */
#define local_lock(lock) (migrate_disable(), kmm_local_lock(this_cpu_ptr(lock)))
#define local_lock_irq(lock) local_lock(lock)
#define local_lock_irqsave(lock, flags)               \
	do {                                          \
		unsigned long *kmm_flags_ = &(flags); \
		*kmm_flags_ = 0;                      \
		local_lock(lock);                     \
	} while (0)

/**
 * local_unlock - let go of the instance that this thread took.
 * local_unlock_irq        - the same.
 * local_unlock_irqrestore - the same.
 * @lock:  as for the lock.      @flags: what the lock left there.
 *
 * A lock that is free, and with KMM_CONFIG_CHECK one that this thread does not hold, is reported and left alone.
 *
 * Context: the thread that took it. Source: include/linux/local_lock.h, Linux 6.1.
 */
#define local_unlock(lock) kmm_local_unlock(this_cpu_ptr(lock))
#define local_unlock_irq(lock) local_unlock(lock)
#define local_unlock_irqrestore(lock, flags) ((void)(flags), local_unlock(lock))

#endif /* KMM_LOCAL_LOCK_H */
