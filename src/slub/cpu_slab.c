/* SPDX-License-Identifier: MIT
 * cpu_slab.c - detach, install, deactivate and flush the slab of one CPU. See cpu_slab.h for the protocol.
 */
#include "slub/cpu_slab.h"

#include "slub/cpu_partial.h"
#include "slub/node_partial.h"
#include "slub/slab_pages.h"

unsigned long slub_tid_step = 1;

struct cpu_slab_taken cpu_slab_detach_locked(const struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct cpu_slab_taken taken = { .slab = READ_ONCE(c->slab) };
	struct cpu_view v;

	cpu_slab_assert_held(c);
	/* RELEASE: whoever ACQUIREs a tid from the step below sees that the slab is gone. */
	smp_store_release(&c->slab, NULL);
	KMM_RACE_POINT("cpu_slab:detach:slab-gone");
	do {
		v = cpu_slab_snapshot(c);
	} while (!cpu_slab_cas(s, c, v, NULL));
	taken.freelist = v.freelist;
	kmm_assert(taken.slab || !taken.freelist);
	return taken;
}

void cpu_slab_install_locked(const struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab *slab, void *freelist)
{
	struct cpu_view v;

	cpu_slab_assert_held(c);
	kmm_assert(!READ_ONCE(c->slab));
	/* Nobody can push while there is no slab, so this fails only against a step that read before the detach and is
	 * about to fail itself on the tid; the loop is for the rule, not for a case. */
	do {
		v = cpu_slab_snapshot(c);
		kmm_assert(!v.freelist);
	} while (!cpu_slab_cas(s, c, v, freelist));
	KMM_RACE_POINT("cpu_slab:install:no-slab-yet");
	/* RELEASE: who sees the slab sees its list, or a later one. */
	smp_store_release(&c->slab, slab);
}

void deactivate_slab_locked(struct kmem_cache *s, struct cpu_slab_taken taken, struct slab **discard)
{
	struct kmem_cache_node *n;
	enum slab_modes mode;
	unsigned int nr;
	void *tail;

	if (!taken.slab)
		return;
	n = slab_node(s, taken.slab);
	/* Stage one: what the CPU held back, which nobody else can reach. */
	tail = freelist_tail(s, taken.slab, taken.freelist, &nr);

	/* Stage two: list, unfreeze and place, in one hold of the lock. */
	kmm_spin_lock(&n->list_lock);
	mode = unfreeze_slab_locked(s, n, taken.slab, taken.freelist, tail, nr, PLACE_BY_USE, discard);
	kmm_spin_unlock(&n->list_lock);
	if (mode == M_FULL)
		stat(s, DEACTIVATE_FULL);
	else if (mode == M_FREE)
		stat(s, DEACTIVATE_EMPTY);
}

void flush_cpu_slab(struct kmem_cache *s, unsigned int cpu)
{
	struct kmem_cache_cpu *c = cpu_slab_of(s, cpu);
	struct cpu_slab_taken taken;
	struct slab *discard = NULL;

	kmm_lock(cpu_lock(cpu));
	taken = cpu_slab_detach_locked(s, c);
	if (taken.slab)
		stat(s, CPUSLAB_FLUSH);
	deactivate_slab_locked(s, taken, &discard);
	unfreeze_partials_locked(s, c, &discard);
	kmm_unlock(cpu_lock(cpu));
	slabs_discard(s, discard);
}

bool cpu_has_slabs(const struct kmem_cache *s, unsigned int cpu)
{
	const struct kmem_cache_cpu *c = cpu_slab_of(s, cpu);

	/* A hint: a slab that arrives a moment later is no different from one that arrives after a flush. */
	return READ_ONCE(c->slab) || READ_ONCE(c->partial);
}

void flush_all(struct kmem_cache *s)
{
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		if (cpu_has_slabs(s, cpu))
			flush_cpu_slab(s, cpu);
}
