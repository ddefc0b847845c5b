/* SPDX-License-Identifier: MIT
 * arch_isa.h (x86_64) - the double-word CAS in one instruction.
 *
 * Everything else is left to arch_generic.h on purpose: the compiler's builtins already become tzcnt and bsr, lock xadd
 * and lock cmpxchg, and the machine's own order makes acquire and release free.
 */
#ifndef KMM_ARCH_ISA_H
#define KMM_ARCH_ISA_H

#include <stdbool.h>

#include "arch/arch_types.h"

#define KMM_ARCH_NAME "x86_64"
#define KMM_ARCH_CAS2_LOCKED 0

/* Written as asm because a compiler without -mcx16 turns the builtin into a call, and with it may still pick a lock.
 * A locked instruction is a full barrier, on failure too. */
static inline bool arch_cas2(kmm_dword *p, kmm_dword old, kmm_dword new)
{
	bool done;

	__asm__ __volatile__("lock cmpxchg16b %[word]"
			     : [done] "=@ccz"(done), [word] "+m"(*p), "+a"(old.lo), "+d"(old.hi)
			     : "b"(new.lo), "c"(new.hi)
			     : "memory");
	return done;
}
#define arch_cas2 arch_cas2

static inline void cpu_relax(void)
{
	__asm__ __volatile__("pause" ::: "memory");
}
#define cpu_relax cpu_relax

#endif /* KMM_ARCH_ISA_H */
