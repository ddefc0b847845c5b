/* SPDX-License-Identifier: MIT
 * rcu.c - which flavour of liburcu, and how fork and the library's thread treat it.
 *
 * Owns:   kmm_rcu, the option rcu_fork=.
 * Locks:  use_lock (rank 3) guards the first use and is held across fork, so that it comes before or after. liburcu's own
 *         are taken around fork, too.
 */
#include <urcu/urcu-bp.h>

#include "arch/arch.h"
#include "base/lock.h"
#include "base/rcu.h"
#include "base/report.h"

const struct rcu_flavor_struct *kmm_rcu = &urcu_bp_flavor;

static bool tells_sections = true; /* of kmm_rcu, see sections_show(); fixed by the start */
static bool option_rcu_fork = true;
static struct kmm_lock use_lock = KMM_LOCK_INIT(KMM_RANK_RCU_USE, "RCU use lock");
static bool used;   /* set before the first use, and never cleared: threads stay registered; use_lock, read RELAXED */
static bool paused; /* by the fork that holds use_lock */

const struct kmm_param rcu_params[] = {
	{ .name = "rcu_fork", .set = kmm_param_set_bool, .target = &option_rcu_fork },
	{ .name = NULL },
};

void rcu_options_reset(void)
{
	option_rcu_fork = true;
}

/* Does read_ongoing() tell whether a thread is in a section? That of qsbr tells whether it is online. */
static bool sections_show(const struct rcu_flavor_struct *flavor)
{
	bool outside, inside;

	if (flavor == &urcu_bp_flavor)
		return true;
	outside = !flavor->read_ongoing();
	flavor->read_lock();
	inside = flavor->read_ongoing();
	flavor->read_unlock();
	return outside && inside;
}

void kmm_rcu_choose(const struct rcu_flavor_struct *flavor)
{
	kmm_rcu = flavor ? flavor : &urcu_bp_flavor;
	tells_sections = sections_show(kmm_rcu);
}

/* The first waits for a fork that has decided already: liburcu's state would be copied as it is then. */
void kmm_rcu_use(void)
{
	if (READ_ONCE(used))
		return;
	kmm_lock(&use_lock);
	WRITE_ONCE(used, true);
	kmm_unlock(&use_lock);
}

void kmm_synchronize_rcu(void)
{
	kmm_assert_none_held();
	kmm_rcu->update_synchronize_rcu();
}

bool kmm_rcu_may_wait(void)
{
	return !tells_sections || !kmm_rcu->read_ongoing();
}

bool kmm_rcu_wait_begin(void)
{
	const bool online = kmm_rcu != &urcu_bp_flavor && kmm_rcu->read_ongoing();

	if (online)
		kmm_rcu->thread_offline();
	return online;
}

void kmm_rcu_wait_end(bool was_online)
{
	if (was_online)
		kmm_rcu->thread_online();
}

void kmm_rcu_thread_begin(void)
{
	if (kmm_rcu != &urcu_bp_flavor)
		kmm_rcu->register_thread();
}

void kmm_rcu_thread_end(void)
{
	if (kmm_rcu != &urcu_bp_flavor)
		kmm_rcu->unregister_thread();
}

void kmm_rcu_fork_prepare(void)
{
	kmm_lock(&use_lock);
	paused = used && option_rcu_fork && kmm_rcu == &urcu_bp_flavor;
	/* Somebody who waits for this thread's section would have to end before. */
	if (paused && kmm_rcu->read_ongoing()) {
		paused = false;
		kmm_report(
			KMM_REPORT_WARN,
			"kmm: fork() inside an RCU read-side section: the child may wait for a grace period for ever\n");
	}
	if (paused)
		urcu_bp_before_fork();
}

/* A signal that liburcu held back may fork: nothing of ours is held then. */
void kmm_rcu_fork_parent(void)
{
	const bool was_paused = paused;

	kmm_unlock(&use_lock);
	if (was_paused)
		urcu_bp_after_fork_parent();
}

void kmm_rcu_fork_child(void)
{
	const bool was_paused = paused;

	kmm_lock_reset(&use_lock);
	if (was_paused)
		urcu_bp_after_fork_child();
}
