/* SPDX-License-Identifier: MIT
 * alloc.c - the slow path of allocation: refill a CPU's slab.
 *
 * Locks:  tries L[X] and never waits for it: a holder can be preempted. A busy lock means the foreign path, which takes
 *         one object from the node and leaves the CPU alone.
 * Order:  what is left on the CPU, objects freed to its slab by others, its partial list, the node's, new pages.
 * Source: ___slab_alloc(), get_partial(), slab_out_of_memory(), mm/slub.c, Linux 6.1.
 */
#include "slub/alloc.h"

#include "base/boot.h"
#include "base/rate.h"
#include "slub/cpu_partial.h"
#include "slub/node_partial.h"
#include "slub/slab_pages.h"

/*
 * Finds a slab with free objects, takes the first and gives the rest to the CPU. NULL: only new pages can help, and the
 * CPU then has no slab. Caller: L[X].
 */
static void *refill_locked(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct cpu_slab_taken taken = cpu_slab_detach_locked(c);
	struct slab *slab = taken.slab;
	void *freelist = taken.freelist;

	/* Others may have freed into the slab we were using up. If not, take_all left it FULL and it is not ours. */
	if (slab && !freelist)
		freelist = slab_word_take_all(slab);

	while (!freelist) {
		slab = cpu_partial_pop_locked(c);
		if (!slab)
			break;
		freelist = slab_word_take_all(slab);
	}
	if (!freelist)
		slab = get_partial_node_locked(s, get_node(s, 0), c, &freelist);
	if (!slab)
		return NULL;

	cpu_slab_install_locked(c, slab, freeptr_get(s, freelist));
	return freelist;
}

/* Gives a new slab to the CPU and takes its first object. If a list turned up while we had no lock, that is used and the
 * new slab goes to *@spare, to be freed: one thread's wait for memory must not pile up slabs. Caller: L[X]. */
static void *install_new_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab *slab, void *freelist,
				struct slab **spare)
{
	void *object = refill_locked(s, c);

	if (object) {
		slab_word_init(slab, (struct slab_word){ .freelist = freelist, .objects = slab_objects(slab) });
		slabs_collect(spare, slab);
		return object;
	}
	cpu_slab_install_locked(c, slab, freeptr_get(s, freelist));
	return freelist;
}

static struct kmm_rate slub_oom_rate = { .burst = 10, .seconds = 5 };

void slub_oom_rate_reset(void)
{
	rate_reset(&slub_oom_rate);
}

static void slab_out_of_memory(struct kmem_cache *s, gfp_t gfp)
{
	struct kmem_cache_node *n = get_node(s, 0);
	unsigned int missed;

	if ((gfp & __GFP_NOWARN) || !rate_allows(&slub_oom_rate, &missed))
		return;
	if (missed)
		kmm_report(KMM_REPORT_ERR, "slab_out_of_memory: %u callbacks suppressed\n", missed);
	kmm_report(KMM_REPORT_ERR,
		   "SLUB: Unable to allocate memory on node %d, gfp=%#x\n"
		   "  cache: %s, object size: %u, buffer size: %u, default order: %u, min order: %u\n"
		   "  node 0: slabs: %lu, objs: %lu\n",
		   NUMA_NO_NODE, gfp, s->name, s->object_size, s->size, oo_order(s->oo), oo_order(s->min),
		   READ_ONCE(n->nr_slabs), READ_ONCE(n->total_objects));
}

noinline void *cache_alloc_slow(struct kmem_cache *s, gfp_t gfp)
{
	struct slab *slab, *spare = NULL;
	unsigned int cpu;
	void *object, *freelist;

	/* A cache exists, so the library was started; it may have ended since. */
	if (unlikely(!kmm_boot_ensure()))
		return NULL;

	cpu = cpu_id_refresh();
	KMM_RACE_POINT("alloc:slow:enter");
	if (likely(kmm_trylock(cpu_lock(cpu)))) {
		object = refill_locked(s, cpu_slab_of(s, cpu));
		kmm_unlock(cpu_lock(cpu));
	} else {
		object = get_partial_object(s, get_node(s, 0));
	}
	if (object)
		return object;

	slab = new_slab(s, gfp, &freelist);
	if (unlikely(!slab)) {
		slab_out_of_memory(s, gfp);
		return NULL;
	}

	/* Waiting for pages may have moved us. */
	cpu = cpu_id_refresh();
	KMM_RACE_POINT("alloc:slow:new-slab");
	if (likely(kmm_trylock(cpu_lock(cpu)))) {
		object = install_new_locked(s, cpu_slab_of(s, cpu), slab, freelist, &spare);
		kmm_unlock(cpu_lock(cpu));
		slabs_discard(s, spare);
		return object;
	}
	node_partial_adopt_new(s, slab, freeptr_get(s, freelist));
	return freelist;
}
