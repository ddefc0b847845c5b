/* SPDX-License-Identifier: MIT
 * idle.c - CPU slabs that nobody uses go back to their nodes. See idle.h.
 *
 * Owns:   s->swept_tid; the delayed work, which is pending while some CPU may hold something.
 * How:    every change of a CPU's {freelist, tid} is a new tid. A CPU whose tid is the one of the last look has not been used
 *         since, and is flushed. When no CPU holds anything, nothing is scheduled any more.
 * Locks:  slab_mutex around the walk, in it what flush_cpu_slab() takes. swept_tid is the work's own.
 */
#include "slub/idle.h"

#include "slub/cpu_slab.h"

#define SLUB_IDLE_MS 2000

unsigned int slub_idle_ms = SLUB_IDLE_MS;

/* True when the CPU is to be looked at again. */
static bool sweep_cpu(struct kmem_cache *s, unsigned int cpu)
{
	unsigned long *swept = percpu_instance(s->swept_tid, cpu);
	const unsigned long tid = READ_ONCE(cpu_slab_of(s, cpu)->tid);

	if (!cpu_has_slabs(s, cpu))
		return false;
	if (*swept == tid) {
		flush_cpu_slab(s, cpu);
		return false;
	}
	*swept = tid;
	return true;
}

static void sweep_idle(struct kmm_work *work)
{
	struct kmem_cache *s;
	bool more = false;

	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list) {
		for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
			more |= sweep_cpu(s, cpu);
	}
	kmm_unlock(&slab_mutex);
	if (more && slub_idle_ms)
		kmm_work_schedule(work, slub_idle_ms);
}

struct kmm_work slub_idle_work = KMM_WORK_INIT(sweep_idle);
