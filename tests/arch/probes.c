/* SPDX-License-Identifier: MIT
 * probes.c - one small function for each primitive, for check_disassembly.sh to look at. Never run.
 */
#include "arch/arch.h"

bool probe_cas2(kmm_dword *p, const kmm_dword *old, const kmm_dword *new);
bool probe_cas2(kmm_dword *p, const kmm_dword *old, const kmm_dword *new)
{
	return arch_cas2(p, *old, *new);
}

bool probe_cmpxchg_double(unsigned long *p, unsigned long tid);
bool probe_cmpxchg_double(unsigned long *p, unsigned long tid)
{
	return arch_this_cpu_cmpxchg_double(p, 0, tid, 0, tid + 4);
}

void probe_full_barrier(void);
void probe_full_barrier(void)
{
	smp_mb();
}

void probe_read_barrier(void);
void probe_read_barrier(void)
{
	smp_rmb();
}

void probe_write_barrier(void);
void probe_write_barrier(void)
{
	smp_wmb();
}

unsigned long probe_acquire(const unsigned long *p);
unsigned long probe_acquire(const unsigned long *p)
{
	return smp_load_acquire(p);
}

void probe_release(kmm_dword *p, unsigned long v);
void probe_release(kmm_dword *p, unsigned long v)
{
	smp_store_release(&p->lo, v);
}

unsigned long probe_read_once(const unsigned long *p);
unsigned long probe_read_once(const unsigned long *p)
{
	return READ_ONCE(*p);
}

void probe_this_cpu_add(unsigned long *p, unsigned long v);
void probe_this_cpu_add(unsigned long *p, unsigned long v)
{
	arch_this_cpu_add(p, v);
}

void probe_this_cpu_add64(uint64_t *p, uint64_t v);
void probe_this_cpu_add64(uint64_t *p, uint64_t v)
{
	arch_this_cpu_add(p, v);
}

int probe_lowest_bit(unsigned long word);
int probe_lowest_bit(unsigned long word)
{
	return ffs_long(word);
}

int probe_highest_bit(unsigned int word);
int probe_highest_bit(unsigned int word)
{
	return fls(word);
}

unsigned int probe_cpu_id(void);
unsigned int probe_cpu_id(void)
{
	return raw_cpu_id();
}
