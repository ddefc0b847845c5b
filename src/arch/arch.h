/* SPDX-License-Identifier: MIT
 * arch.h - the contract of every architecture primitive. The only header of this room that others include.
 *
 * How it works: the build puts src/arch/<isa>/ on the include path as "arch_isa.h". That header defines the primitives
 * it does better than C11 can, each with a macro of the same name. generic/arch_generic.h then defines what is missing.
 * No other file of the library tests for an architecture, and none but arch/ holds asm.
 *
 * Words
 *   kmm_dword                 two unsigned longs, aligned to their size: {lo, hi}. lo is at the lower address.
 *
 * Double-word compare-and-swap
 *   bool arch_cas2(kmm_dword *p, kmm_dword old, kmm_dword new)
 *       If *p equals old, stores new, as one atomic step. Success orders like a full barrier (ACQUIRE and RELEASE);
 *       failure orders nothing. A failure is real: it does not fail spuriously. Every writer of a word that is
 *       changed by arch_cas2() uses arch_cas2(), unless nobody else can see the word.
 *       Readers may load one word of the pair, or both one after the other. The words appear lo first: whoever loads
 *       hi ACQUIRE and then lo never pairs a new hi with a lo older than the one stored with it. The other pairing, an
 *       old hi with a new lo, is possible, and a later arch_cas2() that expects it fails.
 *   KMM_ARCH_CAS2_LOCKED      1 where arch_cas2() is a hashed lock (generic), else 0
 *   arch_fork_lock_all()  arch_fork_unlock_all()  arch_fork_reset()     those locks around fork(): base/fork.c calls them
 *   KMM_ARCH_NAME             "x86_64", "armv7", "generic"
 *
 * Plain and ordered access to one naturally aligned word of 1, 2, 4 or sizeof(long) bytes
 *   READ_ONCE(x)  WRITE_ONCE(x, v)                relaxed, never torn, never merged
 *   smp_load_acquire(p)  smp_store_release(p, v)
 *   smp_mb()  smp_rmb()  smp_wmb()                barriers between this CPU and others
 *   cpu_relax()                                   in a spin loop
 *
 * This-CPU operations, atomic mode: @p is this CPU's instance as far as we know, and any thread may act on it.
 * All are relaxed and lock-free for 1, 2, 4 and sizeof(long) bytes (8 bytes on 32-bit: atomic, by arch_cas2 or better).
 *   arch_this_cpu_read(p)  arch_this_cpu_write(p, v)  arch_this_cpu_add(p, v)
 *   arch_this_cpu_add_return(p, v)  arch_this_cpu_xchg(p, v)  arch_this_cpu_cmpxchg(p, old, new) -> the value found
 *   bool arch_this_cpu_cmpxchg_double(unsigned long *p, o1, o2, n1, n2)      p aligned to two longs; as arch_cas2()
 *
 * Bits (sizes in bits, maps of unsigned long, bit 0 is the lowest of word 0; @size when there is none)
 *   find_first_bit(map, size)   find_next_bit(map, size, start)
 *   find_first_zero_bit(map, size)   find_next_zero_bit(map, size, start)
 *   int fls(unsigned int x)     1 + index of the highest set bit; fls(0) = 0
 *   int fls_long(unsigned long x)
 *   int ffs_long(unsigned long x)     1 + index of the lowest set bit; 0 for 0
 *   ilog2(x)                    index of the highest set bit of x > 0
 *
 * CPU number
 *   unsigned int kmm_nr_cpu_ids       CPUs that can exist, at least 1; set once at start
 *   unsigned int raw_cpu_id(void)     this thread's guess, below kmm_nr_cpu_ids; one thread-local load. Any value is
 *                                     correct to use: in atomic mode a wrong guess costs a contended line, no more
 *   unsigned int cpu_id_refresh(void) asks the system and renews the guess, unless it is held; slow paths call it
 *   unsigned int cpu_id_stand_in(cpu) who threads on @cpu are thought to be on: another one while it is offline
 *   bool cpu_id_online(cpu)           nobody stands in for it
 *   void cpu_id_hold(void)            the guess does not change from now on
 *   bool cpu_id_let_go(void)          undoes one hold of this thread; false if it has none
 *   void cpu_id_pin(int cpu)          test override: this thread is on @cpu (modulo the count) from now on; -1 ends it
 *   void cpu_id_set_stand_in(cpu, other)   @cpu is offline; or with itself, online
 *   void cpu_id_set_count(nr)         sets kmm_nr_cpu_ids and renews the caller's guess
 */
#ifndef KMM_ARCH_H
#define KMM_ARCH_H

#include <stdbool.h>
#include <stdint.h>

/* IWYU pragma: begin_exports */
#include "arch/arch_types.h"
#include "arch_isa.h"
#include "arch/generic/arch_generic.h"
#include "arch/cpu_id.h"
/* IWYU pragma: end_exports */

#endif /* KMM_ARCH_H */
