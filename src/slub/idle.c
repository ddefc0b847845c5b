/* SPDX-License-Identifier: MIT
 * idle.c - CPU slabs that nobody uses go back to their nodes. See idle.h.
 *
 * Owns:   s->swept_tid; the delayed work, which is pending while some CPU may hold something.
 * How:    when CPUs have got SLUB_IDLE_SLABS slabs since the last time, a look is taken in SLUB_IDLE_MS, and again until
 *         none holds anything. A few slabs are not worth a thread, so a small program has none.
 *         Every change of a CPU's {freelist, tid} is a new tid. A CPU whose tid is the one of the last look has not been used
 *         since, and is flushed.
 * Locks:  slab_mutex around the walk, in it what flush_cpu_slab() takes. swept_tid is the work's own.
 */
#include "slub/idle.h"

#include "slub/cpu_slab.h"

#define SLUB_IDLE_MS 2000

static unsigned int slub_idle_ms = SLUB_IDLE_MS; /* 0: never */
unsigned int slub_idle_notes;

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

static struct kmm_work slub_idle_work = KMM_WORK_INIT(sweep_idle);

noinline void idle_schedule(void)
{
	WRITE_ONCE(slub_idle_notes, 0);
	if (slub_idle_ms)
		kmm_work_schedule(&slub_idle_work, slub_idle_ms);
}

const struct kmm_param slub_idle_params[] = {
	{ .name = "slub_idle_ms", .set = kmm_param_set_uint, .target = &slub_idle_ms, .max = 1000000 },
	{ .name = NULL },
};

void slub_idle_reset(void)
{
	slub_idle_ms = SLUB_IDLE_MS;
	slub_idle_notes = 0;
}
