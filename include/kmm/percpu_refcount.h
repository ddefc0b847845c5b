/* SPDX-License-Identifier: MIT
 * kmm/percpu_refcount.h - references that are taken and dropped often, and counted exactly only towards the end.
 *
 * Owns:   struct percpu_ref, which is embedded in what it counts, and its calls.
 *
 * While the object lives, each CPU counts its own gets and puts, and nobody can know whether the sum is zero; the initial
 * reference says that it is not. percpu_ref_kill() drops that one and makes all threads use a common count:
 *
 *                     percpu_ref_init                   INIT_ATOMIC                     INIT_DEAD
 *                           |                                |                              |
 *                           v       switch_to_atomic         v            kill              v
 *                        PERCPU ----- grace period -----> ATOMIC -----------------> ATOMIC, DEAD ---> release
 *                          ^ |                             | ^                           | |   ^   the count is 0
 *                          | |                             | +-- resurrect, reinit ------+ |   |
 *                          | +---------------------- kill - | - grace period --------------|---+
 *                          +-------- switch_to_percpu -----+                               |
 *                          +-------- resurrect, reinit (not where ATOMIC was asked for) ---+
 *
 * The grace period is RCU's: it ends when no thread is left that read "PERCPU" and has not counted yet. Nobody waits for it
 * in percpu_ref_kill(); a thread of the library does, once for all that wait at the time, then adds what the CPUs have to
 * the common count and goes on. Until then the common count is kept away from 0 by a large number (the bias), and the
 * switch holds a reference of its own.
 * If there can be no such thread (background=off, or the system refuses it) the caller waits itself and makes the
 * callbacks; it must not be inside a read-side section of liburcu then.
 *
 * Callbacks are made with no lock of the library held, by the library's thread or by whoever drops the last reference.
 * They may call everything here; in a callback a call that waits for another ref's switch makes that switch itself.
 *
 * fork(): a switch that was under way is taken up in the child by its next call about a ref that is not in PERCPU mode. A
 * callback that another thread was making at that moment is not made in the child. Not inside a read-side section.
 * kmm_exit(): what has not begun to wait for its grace period is dropped, and no callback is made for it.
 *
 * Threads that use a ref are readers of liburcu for a moment. By default that needs nothing; see rcu of struct kmm_config.
 * Its first use by a thread may have to get memory from the system, and liburcu aborts if it gets none.
 *
 * Source: include/linux/percpu-refcount.h, lib/percpu-refcount.c, Linux 6.1.
 */
#ifndef KMM_PERCPU_REFCOUNT_H
#define KMM_PERCPU_REFCOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

struct percpu_ref;
struct percpu_ref_data; /* private */

/** A callback: @ref is the one that it was given for. */
typedef void(percpu_ref_func_t)(struct percpu_ref *ref);

/** The lower bits of percpu_ref.percpu_count_ptr. */
enum {
	__PERCPU_REF_ATOMIC = 1 << 0,
	__PERCPU_REF_DEAD = 1 << 1,
	__PERCPU_REF_ATOMIC_DEAD = __PERCPU_REF_ATOMIC | __PERCPU_REF_DEAD,
	__PERCPU_REF_FLAG_BITS = 2,
};

/** Flags of percpu_ref_init(). */
enum {
	PERCPU_REF_INIT_ATOMIC = 1 << 0,  /* start in ATOMIC mode and stay there until told; implies ALLOW_REINIT */
	PERCPU_REF_INIT_DEAD = 1 << 1,    /* start dead, with no reference; implies both others */
	PERCPU_REF_ALLOW_REINIT = 1 << 2, /* it may come back to PERCPU mode, so keep the memory for that */
};

/** All private. */
struct percpu_ref {
	unsigned long percpu_count_ptr; /* per-CPU pointer to the counts, and flags; after exit the count, and flags */
	struct percpu_ref_data *data;   /* the rest, which quick calls do not need */
};

/**
 * percpu_ref_init - make a reference count.
 * @ref:     the caller's; not initialised, or after percpu_ref_exit().
 * @release: called once whenever the count comes to 0. Usually it calls percpu_ref_exit() and frees the object.
 * @flags:   PERCPU_REF_*; 0: PERCPU mode, one reference, and for good once it is killed.
 * @gfp:     how memory may be found; see __alloc_percpu_gfp().
 *
 * Context: as __alloc_percpu_gfp().
 * Return:  0, or -ENOMEM: then percpu_ref_exit() may be called, and nothing else.
 * Source:  percpu_ref_init(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK int percpu_ref_init(struct percpu_ref *ref, percpu_ref_func_t *release, unsigned int flags,
					   gfp_t gfp);

/**
 * percpu_ref_exit - give back what percpu_ref_init() took. Again: nothing happens.
 * @ref: nobody uses it but percpu_ref_is_zero(), which goes on to tell what it told before. A switch that is under way is
 *       reported, and then nothing is given back.
 * Context: any thread, not a signal handler; the usual place is the release callback.
 * Source:  percpu_ref_exit(), lib/percpu-refcount.c, Linux 6.1. Differs: refuses where the kernel only warns.
 */
KMM_API void percpu_ref_exit(struct percpu_ref *ref);

/**
 * percpu_ref_switch_to_atomic - make all threads use the common count, and stay so through kill and reinit.
 * @ref:            between init and exit.
 * @confirm_switch: called when they do; may be NULL. If they do already: called at once.
 *
 * Context: any thread, not a signal handler. Waits if a switch of @ref is under way.
 * Source:  percpu_ref_switch_to_atomic(), lib/percpu-refcount.c, Linux 6.1. Differs: a ref without ALLOW_REINIT is not
 *          dead afterwards.
 */
KMM_API void percpu_ref_switch_to_atomic(struct percpu_ref *ref, percpu_ref_func_t *confirm_switch);

/**
 * percpu_ref_switch_to_atomic_sync - percpu_ref_switch_to_atomic(), and wait until it is done.
 * @ref: between init and exit; nobody switches it back meanwhile.
 * Context: any thread, not a signal handler, not inside a read-side section. May sleep.
 * Source:  percpu_ref_switch_to_atomic_sync(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API void percpu_ref_switch_to_atomic_sync(struct percpu_ref *ref);

/**
 * percpu_ref_switch_to_percpu - let each CPU count again: the end of switch_to_atomic and INIT_ATOMIC.
 * @ref: between init and exit, with ALLOW_REINIT; else it is reported and left as it is. A dead one switches when it is
 *       brought back.
 * Context: any thread, not a signal handler. Waits if a switch of @ref is under way.
 * Source:  percpu_ref_switch_to_percpu(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API void percpu_ref_switch_to_percpu(struct percpu_ref *ref);

/**
 * percpu_ref_kill_and_confirm - drop the initial reference; from now on the count can come to 0.
 * @ref:          alive. A second kill is reported and ignored.
 * @confirm_kill: called when no thread can get a reference by percpu_ref_tryget_live() any more; may be NULL.
 *
 * Context: any thread, not a signal handler. Waits if a percpu_ref_switch_to_atomic() of @ref is under way, and else
 *          only where the library can have no thread.
 * Source:  percpu_ref_kill_and_confirm(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API void percpu_ref_kill_and_confirm(struct percpu_ref *ref, percpu_ref_func_t *confirm_kill);

/**
 * percpu_ref_resurrect - undo percpu_ref_kill(): the ref is alive, with one more reference, the initial one.
 * @ref: killed, and not released meanwhile; else it is reported and left as it is.
 * Context: any thread, not a signal handler. Waits if a switch of @ref is under way.
 * Source:  percpu_ref_resurrect(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API void percpu_ref_resurrect(struct percpu_ref *ref);

/**
 * percpu_ref_reinit - percpu_ref_resurrect() of a ref whose count is 0.
 * @ref: killed and released, not exited; one that has references is reported and left as it is.
 * Context: as percpu_ref_resurrect(). Source: percpu_ref_reinit(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API void percpu_ref_reinit(struct percpu_ref *ref);

/**
 * percpu_ref_is_zero - is the count 0?
 * @ref: after init; also after exit.
 * Context: any thread, not a signal handler. Return: false in PERCPU mode, where nobody knows.
 * Source:  percpu_ref_is_zero(), lib/percpu-refcount.c, Linux 6.1.
 */
KMM_API bool percpu_ref_is_zero(struct percpu_ref *ref);

/**
 * percpu_ref_get_many - take @nr references. The caller has one, or keeps the ref from being killed.
 * @ref: between init and exit.      @nr: how many.
 * Context: any thread, not a signal handler. Source: include/linux/percpu-refcount.h, Linux 6.1.
 */
KMM_API void percpu_ref_get_many(struct percpu_ref *ref, unsigned long nr);

/**
 * percpu_ref_put_many - drop @nr references; calls release if they were the last.
 * @ref: between init and exit; after it the caller may not touch it.      @nr: how many, not more than the caller has.
 *
 * What a thread wrote before it dropped its reference is seen by release.
 *
 * Context: any thread, not a signal handler; release is called by it.
 * Source:  include/linux/percpu-refcount.h, Linux 6.1. Differs: release is called outside the read-side section.
 */
KMM_API void percpu_ref_put_many(struct percpu_ref *ref, unsigned long nr);

/**
 * percpu_ref_tryget_many - take @nr references, unless the count is 0.
 * @ref: between init and exit; no reference needed.      @nr: how many.
 * Context: any thread, not a signal handler. Return: whether they were taken.
 * Source:  include/linux/percpu-refcount.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool percpu_ref_tryget_many(struct percpu_ref *ref, unsigned long nr);

/**
 * percpu_ref_tryget_live - take a reference, unless the ref was killed.
 * percpu_ref_tryget_live_rcu - the same for a caller inside a read-side section of the library's flavour; others are
 *                              reported where the flavour can tell and the library has KMM_CONFIG_CHECK.
 * @ref: between init and exit; no reference needed.
 *
 * A call that began before percpu_ref_kill() was done may still succeed; after confirm_kill none does.
 *
 * Context: any thread, not a signal handler. Return: whether it was taken.
 * Source:  include/linux/percpu-refcount.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK bool percpu_ref_tryget_live(struct percpu_ref *ref);
KMM_API KMM_MUST_CHECK bool percpu_ref_tryget_live_rcu(struct percpu_ref *ref);

/**
 * percpu_ref_kill   - percpu_ref_kill_and_confirm() without a confirmation.
 * percpu_ref_get    - percpu_ref_get_many() of one.
 * percpu_ref_put    - percpu_ref_put_many() of one.
 * percpu_ref_tryget - percpu_ref_tryget_many() of one.
 * Context and return: as those. Source: include/linux/percpu-refcount.h, Linux 6.1.
 */
static inline void percpu_ref_kill(struct percpu_ref *ref)
{
	percpu_ref_kill_and_confirm(ref, NULL);
}

static inline void percpu_ref_get(struct percpu_ref *ref)
{
	percpu_ref_get_many(ref, 1);
}

static inline void percpu_ref_put(struct percpu_ref *ref)
{
	percpu_ref_put_many(ref, 1);
}

static inline KMM_MUST_CHECK bool percpu_ref_tryget(struct percpu_ref *ref)
{
	return percpu_ref_tryget_many(ref, 1);
}

/**
 * percpu_ref_is_dying - was it killed, and not brought back?
 * @ref: after init; the caller keeps others from changing that, or is content with a moment's answer.
 * Context: any. Source: include/linux/percpu-refcount.h, Linux 6.1.
 */
static inline bool percpu_ref_is_dying(struct percpu_ref *ref)
{
	return __atomic_load_n(&ref->percpu_count_ptr, __ATOMIC_RELAXED) & __PERCPU_REF_DEAD;
}

KMM_END_DECLS

#endif /* KMM_PERCPU_REFCOUNT_H */
