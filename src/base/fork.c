/* SPDX-License-Identifier: MIT
 * fork.c - every lock is held across fork(), so that the child finds consistent state behind new locks.
 *
 * Owns:       the handlers, sorted by rank.
 * Locks:      RCU is paused before all locks. Then the boot lock (through boot.h), which makes the table stand still:
 *             handlers are registered only while it is held, or before fork() knows of us. Then all of the table in
 *             order, then the report lock.
 * Invariants: F1  handlers[0 .. nr_handlers) ascend by rank
 */
#include <pthread.h>

#include "arch/arch.h"
#include "base/boot.h"
#include "base/fork.h"
#include "base/rcu.h"
#include "base/report.h"

#define MAX_HANDLERS 24

static const struct kmm_fork_handler *handlers[MAX_HANDLERS];
static unsigned int nr_handlers;
static bool running; /* the library ran at the last prepare; valid until its parent or child, boot lock */

static const struct kmm_fork_handler arch_handler = {
	.rank = KMM_RANK_SLAB_BIT,
	.always = true,
	.lock_all = arch_fork_lock_all,
	.unlock_all = arch_fork_unlock_all,
	.reset_all = arch_fork_reset,
};

void kmm_fork_register(const struct kmm_fork_handler *handler)
{
	unsigned int i;

	for (i = 0; i < nr_handlers; i++) {
		if (handlers[i] == handler)
			return;
	}
	if (nr_handlers == MAX_HANDLERS) {
		kmm_report(KMM_REPORT_BUG, "BUG: more than %d fork handlers\n", MAX_HANDLERS);
		return;
	}
	for (i = nr_handlers++; i && handlers[i - 1]->rank > handler->rank; i--)
		handlers[i] = handlers[i - 1];
	handlers[i] = handler;
}

/* Cold or dead, most rooms have no locks worth taking, and perhaps no memory that these were in. */
static bool takes_part(const struct kmm_fork_handler *handler)
{
	return running || handler->always;
}

/* The locks that a handler leaves to us. */
static void for_each_lock(const struct kmm_fork_handler *handler, void (*act)(struct kmm_lock *))
{
	struct kmm_lock *lock;

	if (handler->lock)
		act(handler->lock);
	for (unsigned int i = 0; handler->lock_at && (lock = handler->lock_at(i)); i++)
		act(lock);
}

static void handler_lock(const struct kmm_fork_handler *handler)
{
	for_each_lock(handler, kmm_lock_same_rank);
	if (handler->lock_all)
		handler->lock_all();
}

static void handler_unlock(const struct kmm_fork_handler *handler)
{
	for_each_lock(handler, kmm_unlock);
	if (handler->unlock_all)
		handler->unlock_all();
}

static void handler_reset(const struct kmm_fork_handler *handler)
{
	for_each_lock(handler, kmm_lock_reset);
	if (handler->reset_all)
		handler->reset_all();
}

static void fork_prepare(void)
{
	unsigned int i;

	kmm_rcu_fork_prepare();
	kmm_boot_fork_prepare();
	running = kmm_boot_state() == KMM_RUNNING;
	for (i = 0; i < nr_handlers; i++) {
		if (takes_part(handlers[i]))
			handler_lock(handlers[i]);
	}
	kmm_report_fork_prepare();
}

static void fork_parent(void)
{
	unsigned int i;

	kmm_report_fork_parent();
	for (i = nr_handlers; i-- > 0;) {
		if (takes_part(handlers[i]))
			handler_unlock(handlers[i]);
	}
	kmm_boot_fork_parent();
	kmm_rcu_fork_parent();
}

static void fork_child(void)
{
	unsigned int i;

	kmm_report_fork_child();
	for (i = nr_handlers; i-- > 0;) {
		if (takes_part(handlers[i]))
			handler_reset(handlers[i]);
	}
	kmm_boot_fork_child();
	kmm_rcu_fork_child();
}

static void install(void)
{
	/* Pairs of 8-byte words take these locks on a 32-bit machine. */
	if (KMM_ARCH_CAS2_LOCKED || sizeof(long) < sizeof(uint64_t))
		kmm_fork_register(&arch_handler);
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

/*
 * As a constructor: prepare handlers run in the reverse order of their installation, so the earlier ours is there, the
 * more of the others' handlers, which may allocate, run before we lock.
 */
__attribute__((constructor)) static void install_early(void)
{
	kmm_fork_init();
}

void kmm_fork_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
}
