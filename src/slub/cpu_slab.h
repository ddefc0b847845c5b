/* SPDX-License-Identifier: MIT
 * cpu_slab.h - the slab that one CPU allocates from: {freelist, tid} and the slab behind it.
 *
 * Owns:      c->freelist, c->tid, c->slab.
 * Locks:     L[X] for detach, install and flush. Pops and pushes are lock-free, by any thread on any CPU's state.
 * Protocol:  freelist and tid change together, by arch_cas2() only, and every change is a new tid.
 *            detach: slab = NULL, then the pair becomes {NULL, next tid}: the objects found belong to the old slab.
 *            install: the pair becomes {list, next tid}, then slab = S.
 *            pop and push read tid, then slab, then freelist. If the slab they saw is not the one that freelist belongs
 *            to, a detach lies between, so the tid they hold is old and their compare-and-swap fails.
 * No ABA:    a tid does not come back before 2^(bits of long) / TID_STEP operations on one CPU's state of one cache. On
 *            32-bit with 4 CPUs that is 2^30: a thread would have to sleep between its read and its compare-and-swap for
 *            exactly that many operations and find the same freelist again.
 * Why the plain stores of the kernel's slow path will not do: they rely on disabled interrupts; here a pop of another
 *            thread would fall between them, and its object would be handed out twice.
 * Source:    slab_alloc_node(), ___slab_alloc(), deactivate_slab(), flush_slab(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_CPU_SLAB_H
#define KMM_SLUB_CPU_SLAB_H

#include "slub/slab_word.h"

/* CPUs rounded up to a power of two; set once at start. */
extern unsigned long slub_tid_step;
#define TID_STEP slub_tid_step

static inline unsigned long next_tid(unsigned long tid)
{
	return tid + TID_STEP;
}

static inline unsigned int tid_to_cpu(unsigned long tid)
{
	return (unsigned int)(tid & (TID_STEP - 1));
}

static inline unsigned long tid_to_event(unsigned long tid)
{
	return tid / TID_STEP;
}

static inline unsigned long init_tid(unsigned int cpu)
{
	return cpu;
}

/* What a lock-free step saw. A set of three that never was fails in the compare-and-swap. */
struct cpu_view {
	unsigned long tid;
	struct slab *slab;
	void *freelist;
};

/* tid ACQUIRE, pairs with the compare-and-swap of whoever wrote it: slab and freelist are then no older than the tid. */
static inline struct cpu_view cpu_slab_snapshot(struct kmem_cache_cpu *c)
{
	struct cpu_view v;

	v.tid = smp_load_acquire(&c->tid);
	KMM_RACE_POINT("cpu_slab:snapshot");
	v.slab = READ_ONCE(c->slab);
	KMM_RACE_POINT("cpu_slab:snapshot");
	v.freelist = READ_ONCE(c->freelist);
	return v;
}

/* One step {freelist, tid} -> {head, next tid}; a full barrier on success. */
static inline bool cpu_slab_cas(const struct kmem_cache *s, struct kmem_cache_cpu *c, struct cpu_view v, void *head)
{
	kmm_dword old = { (unsigned long)v.freelist, v.tid };
	kmm_dword new = { (unsigned long)head, next_tid(v.tid) };

	KMM_RACE_POINT("cpu_slab:cas");
	if (likely(arch_cas2(&c->word, old, new)))
		return true;
	stat(s, CMPXCHG_DOUBLE_CPU_FAIL);
	return false;
}

/* Opens what needs L[X] of the CPU that @c belongs to: the tid says which. */
static inline void cpu_slab_assert_held(const struct kmem_cache_cpu *c)
{
	if (KMM_CONFIG_CHECK)
		kmm_assert_held(cpu_lock(tid_to_cpu(READ_ONCE(c->tid))));
}

/* A detached CPU slab: the objects on @freelist belong to @slab, which is frozen and on no list. */
struct cpu_slab_taken {
	struct slab *slab;
	void *freelist;
};

/* Takes slab and freelist away from the CPU. Caller: L[X]. Afterwards c->slab and c->freelist are NULL. */
struct cpu_slab_taken cpu_slab_detach_locked(const struct kmem_cache *s, struct kmem_cache_cpu *c);

/* Gives the CPU a frozen slab whose objects are all taken, with @freelist of them to hand out. Caller: L[X], and the CPU
 * has no slab. */
void cpu_slab_install_locked(const struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab *slab, void *freelist);

/* Puts a detached slab back where it belongs by what is free in it: the node list, FULL, or the head of *@discard, to be
 * given to slabs_discard() after unlocking. Caller: L[X]. */
void deactivate_slab_locked(struct kmem_cache *s, struct cpu_slab_taken taken, struct slab **discard);

/* Takes everything that one CPU holds of one cache. Waits for L[@cpu]. Frees pages. Any thread may do it to any CPU. */
void flush_cpu_slab(struct kmem_cache *s, unsigned int cpu);

/* Does one CPU hold anything of one cache? A hint. */
bool cpu_has_slabs(const struct kmem_cache *s, unsigned int cpu);

/* flush_cpu_slab() for every CPU that holds something. */
void flush_all(struct kmem_cache *s);

#endif /* KMM_SLUB_CPU_SLAB_H */
