/* SPDX-License-Identifier: MIT
 * arch_types.h - the types of the arch contract (arch.h).
 */
#ifndef KMM_ARCH_TYPES_H
#define KMM_ARCH_TYPES_H

/* Two words that change together. */
typedef struct {
	unsigned long lo, hi;
} __attribute__((aligned(2 * sizeof(unsigned long)))) kmm_dword;

#endif /* KMM_ARCH_TYPES_H */
