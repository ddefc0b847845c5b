/* SPDX-License-Identifier: MIT
 * rcu.c - which flavour of liburcu, and how fork and the library's thread treat it.
 *
 * Owns:   kmm_rcu, the option rcu_fork=.
 * Locks:  none of ours. liburcu's own are taken around fork.
 */
#include <urcu/urcu-bp.h>

#include "arch/arch.h"
#include "base/lock.h"
#include "base/rcu.h"

const struct rcu_flavor_struct *kmm_rcu = &urcu_bp_flavor;

static bool option_rcu_fork = true;
static bool used; /* set before the first use, and never cleared: threads stay registered */

const struct kmm_param rcu_params[] = {
	{ .name = "rcu_fork", .set = kmm_param_set_bool, .target = &option_rcu_fork },
	{ .name = NULL },
};

void rcu_options_reset(void)
{
	option_rcu_fork = true;
}

void kmm_rcu_choose(const struct rcu_flavor_struct *flavor)
{
	kmm_rcu = flavor ? flavor : &urcu_bp_flavor;
}

void kmm_rcu_use(void)
{
	WRITE_ONCE(used, true);
}

void kmm_synchronize_rcu(void)
{
	kmm_assert_none_held();
	kmm_rcu->update_synchronize_rcu();
}

bool kmm_rcu_may_wait(void)
{
	return kmm_rcu != &urcu_bp_flavor || !kmm_rcu->read_ongoing();
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

/* A thread that uses RCU for the first time just now is not registered yet: liburcu has no state that a fork could harm. */
bool kmm_rcu_fork_prepare(void)
{
	if (!READ_ONCE(used) || !option_rcu_fork || kmm_rcu != &urcu_bp_flavor)
		return false;
	urcu_bp_before_fork();
	return true;
}

void kmm_rcu_fork_parent(void)
{
	urcu_bp_after_fork_parent();
}

void kmm_rcu_fork_child(void)
{
	urcu_bp_after_fork_child();
}
