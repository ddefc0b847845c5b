/* SPDX-License-Identifier: MIT
 * arch_types.h - the types and the build options of the arch contract (arch.h).
 */
#ifndef KMM_ARCH_TYPES_H
#define KMM_ARCH_TYPES_H

/* Two words that change together. */
typedef struct {
	unsigned long lo, hi;
} __attribute__((aligned(2 * sizeof(unsigned long)))) kmm_dword;

/*
 * n > 1: each thread's every n-th double-word store-exclusive loses its reservation just before it stores. For tests
 * on ARMv7, where an emulator never loses one by itself; the other architectures have nothing to lose. 0: never.
 */
#ifndef KMM_CONFIG_CLREX
#define KMM_CONFIG_CLREX 0
#endif
_Static_assert(KMM_CONFIG_CLREX != 1, "if every one is lost, no CAS ever succeeds");

#endif /* KMM_ARCH_TYPES_H */
