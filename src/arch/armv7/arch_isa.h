/* SPDX-License-Identifier: MIT
 * arch_isa.h (armv7) - ldrexd/strexd, barriers by hand, bit search by clz.
 *
 * The exclusive monitor: a store-exclusive may fail although nobody touched the word (an interrupt, a context switch
 * or a neighbour in the same granule takes the reservation), so a failed store tries again from the load. Between the
 * two there is no other memory access and no compiler-made code: both are in one asm statement.
 * Order: the exclusive instructions order nothing by themselves, so the barriers of the contract are written out.
 */
#ifndef KMM_ARCH_ISA_H
#define KMM_ARCH_ISA_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch_types.h"

#define KMM_ARCH_NAME "armv7"
#define KMM_ARCH_CAS2_LOCKED 0

/* The compiler's own 8-byte atomics are ldrexd/strexd here. */
#define KMM_ARCH_ATOMIC_MAX 8

#define smp_mb() __asm__ __volatile__("dmb ish" ::: "memory")
#define smp_rmb() __asm__ __volatile__("dmb ish" ::: "memory")
#define smp_wmb() __asm__ __volatile__("dmb ishst" ::: "memory")

#if KMM_CONFIG_CLREX
/* True for every n-th attempt of this thread. Counted per file that includes this, which is as good. */
static inline bool armv7_clrex_due(void)
{
	static __thread unsigned int attempts;

	return ++attempts % KMM_CONFIG_CLREX == 0;
}
#define ARMV7_CLREX_IF_DUE "cmp %[clear], #0\n\tbeq 0f\n\tclrex\n0:\n\t"
#define ARMV7_CLREX_OPERAND , [clear] "r"(armv7_clrex_due())
#else
#define ARMV7_CLREX_IF_DUE
#define ARMV7_CLREX_OPERAND
#endif

enum armv7_try {
	ARMV7_STORED = 0, /* strexd's own result */
	ARMV7_LOST = 1,   /* strexd's own result: the reservation was gone, nothing is known about the word */
	ARMV7_DIFFERENT = 2,
};

/* One load-exclusive and at most one store-exclusive. The unions give the words to the register pair in the order in
 * which they lie in memory, which is what the two instructions use whatever the byte order is. */
static inline int armv7_cas2_try(kmm_dword *p, kmm_dword old, kmm_dword new)
{
	union {
		kmm_dword word;
		uint64_t pair;
	} want = { .word = old }, store = { .word = new };
	uint64_t found;
	int result;

	__asm__ __volatile__("ldrexd %[found], %H[found], [%[p]]\n\t"
			     "teq %[found], %[want]\n\t"
			     "it eq\n\t"
			     "teqeq %H[found], %H[want]\n\t"
			     "bne 1f\n\t" ARMV7_CLREX_IF_DUE "strexd %[result], %[store], %H[store], [%[p]]\n\t"
			     "b 2f\n"
			     "1:\n\t"
			     "clrex\n\t" /* leave no reservation behind */
			     "mov %[result], #2\n"
			     "2:"
			     : [result] "=&r"(result), [found] "=&r"(found)
			     : [p] "r"(p), [want] "r"(want.pair), [store] "r"(store.pair)ARMV7_CLREX_OPERAND
			     : "cc", "memory");
	return result;
}

static inline bool arch_cas2(kmm_dword *p, kmm_dword old, kmm_dword new)
{
	int result;

	smp_mb();
	do {
		result = armv7_cas2_try(p, old, new);
	} while (__builtin_expect(result == ARMV7_LOST, 0)); /* no ABA: compared afresh each time */
	if (result == ARMV7_DIFFERENT)
		return false;
	smp_mb();
	return true;
}
#define arch_cas2 arch_cas2

/* clz counts from the top: keep only the lowest set bit, then its distance from the top gives its index. */
static inline unsigned int arch_lowest_bit(unsigned long word)
{
	unsigned long lowest = word & -word;
	unsigned int above;

	__asm__("clz %0, %1" : "=r"(above) : "r"(lowest));
	return 31 - above;
}
#define arch_lowest_bit arch_lowest_bit

static inline void cpu_relax(void)
{
	__asm__ __volatile__("yield" ::: "memory");
}
#define cpu_relax cpu_relax

#endif /* KMM_ARCH_ISA_H */
