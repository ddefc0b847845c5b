/* SPDX-License-Identifier: MIT
 * rcu_flavors.h - three flavours of liburcu in one program.
 *
 * Rules: the program is linked with the three libraries. The tables are declared here: liburcu declares one in a file.
 */
#ifndef KMM_TESTS_SUPPORT_RCU_FLAVORS_H
#define KMM_TESTS_SUPPORT_RCU_FLAVORS_H

#include <urcu/urcu-bp.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "arch/arch.h"
#include "base/atomic.h"

extern const struct rcu_flavor_struct urcu_bp_flavor, urcu_memb_flavor, urcu_qsbr_flavor;

/* bp wants its threads to register once at most, and does it by itself. */
static inline void flavor_register_thread(const struct rcu_flavor_struct *flavor)
{
	if (flavor != &urcu_bp_flavor)
		flavor->register_thread();
}

static inline void flavor_unregister_thread(const struct rcu_flavor_struct *flavor)
{
	if (flavor != &urcu_bp_flavor)
		flavor->unregister_thread();
}

/* ThreadSanitizer does not know liburcu: what a grace period orders it is told here. The library does not know the default
 * flavour then, which it tells by its address. */
static struct {
	const struct rcu_flavor_struct *real;
	struct rcu_flavor_struct told;
	unsigned long order;
} flavor_tsan;

static inline void flavor_order(void)
{
	(void)atomic_sub_acq_rel(&flavor_tsan.order, 1);
}

static inline void flavor_told_read_lock(void)
{
	flavor_tsan.real->read_lock();
	flavor_order();
}

static inline void flavor_told_read_unlock(void)
{
	flavor_order();
	flavor_tsan.real->read_unlock();
}

static inline void flavor_told_grace_period(void)
{
	flavor_order();
	flavor_tsan.real->update_synchronize_rcu();
	flavor_order();
}

/* What the library, and readers, are to use for @flavor. One at a time. */
static inline const struct rcu_flavor_struct *flavor_for_library(const struct rcu_flavor_struct *flavor)
{
	if (!KMM_ARCH_TSAN)
		return flavor;
	flavor_tsan.real = flavor;
	flavor_tsan.told = *flavor;
	flavor_tsan.told.read_lock = flavor_told_read_lock;
	flavor_tsan.told.read_unlock = flavor_told_read_unlock;
	flavor_tsan.told.update_synchronize_rcu = flavor_told_grace_period;
	return &flavor_tsan.told;
}

#endif /* KMM_TESTS_SUPPORT_RCU_FLAVORS_H */
