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

extern const struct rcu_flavor_struct urcu_bp_flavor, urcu_memb_flavor, urcu_qsbr_flavor;

#endif /* KMM_TESTS_SUPPORT_RCU_FLAVORS_H */
