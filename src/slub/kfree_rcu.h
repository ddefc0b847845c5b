/* SPDX-License-Identifier: MIT
 * kfree_rcu.h - objects that are freed after a grace period: the parts of it that the start and fork need.
 */
#ifndef KMM_SLUB_KFREE_RCU_H
#define KMM_SLUB_KFREE_RCU_H

/* Takes what a CPU has from memblock. 0 or -ENOMEM. */
int kfree_rcu_reserve(void);

/* The end of the start, and the end: what waits is forgotten. */
void kfree_rcu_start(void);
void kfree_rcu_stop(void);

#endif /* KMM_SLUB_KFREE_RCU_H */
