/* SPDX-License-Identifier: MIT
 * alloc.c - the slow path of allocation: refill a CPU's slab.
 *
 * Locks:  tries L[X] and never waits for it: a holder can be preempted. A busy lock means the foreign path, which takes
 *         one object from a node and leaves the CPU alone.
 * Order:  the slab at hand, unless it is of the wrong node or out of the reserves; what is left on it, objects freed to it
 *         by others, the CPU's partial list, its node's, other nodes', new pages.
 * Source: ___slab_alloc(), get_partial(), mm/slub.c, Linux 6.1.
 */
#include "slub/alloc.h"

#include <string.h>

#include "base/boot.h"
#include "slub/cpu_partial.h"
#include "slub/idle.h"
#include "slub/node_partial.h"
#include "slub/slab_pages.h"
#include "slub/slub_report.h"

/* Rounds of 20 ms after which a request that must not fail says that it is stuck. */
#define NOFAIL_REPORT_ROUNDS 500

static bool slab_suits(const struct kmem_cache *s, const struct slab *slab, const struct partial_context *pc)
{
	if (unlikely(!node_match(slab, pc->node))) {
		stat(s, ALLOC_NODE_MISMATCH);
		return false;
	}
	return likely(!slab_from_reserves(slab));
}

/* The slab at hand, and what is left of it or was freed to it. When nothing is, take_all leaves it FULL and it is not the CPU's
 * any more. A slab that does not suit goes to its node. Returns the objects, and the slab detached. Caller: L[X]. */
static void *use_up_cpu_slab_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, const struct partial_context *pc,
				    struct slab **slab, struct slab **discard)
{
	struct cpu_slab_taken taken = cpu_slab_detach_locked(s, c);

	*slab = taken.slab;
	if (!taken.slab)
		return NULL;
	if (unlikely(!slab_suits(s, taken.slab, pc))) {
		deactivate_slab_locked(s, taken, discard);
		return NULL;
	}
	if (taken.freelist)
		return taken.freelist;
	taken.freelist = slab_word_take_all(s, taken.slab);
	stat(s, taken.freelist ? ALLOC_REFILL : DEACTIVATE_BYPASS);
	return taken.freelist;
}

/* The slabs of the CPU's partial list, one after the other, as if each had been at hand. Caller: L[X]. */
static void *use_cpu_partial_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, const struct partial_context *pc,
				    struct slab **slab, struct slab **discard)
{
	void *freelist = NULL;

	while (!freelist && (*slab = cpu_partial_pop_locked(c))) {
		const struct cpu_slab_taken taken = { .slab = *slab };

		stat(s, CPU_PARTIAL_ALLOC);
		if (unlikely(!slab_suits(s, *slab, pc))) {
			deactivate_slab_locked(s, taken, discard);
			continue;
		}
		freelist = slab_word_take_all(s, *slab);
		stat(s, freelist ? ALLOC_REFILL : DEACTIVATE_BYPASS);
	}
	return freelist;
}

/*
 * Finds a slab with free objects, takes the first and gives the rest to the CPU. NULL: only new pages can help, and the
 * CPU then has no slab. Caller: L[X].
 */
static void *refill_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, const struct partial_context *pc,
			   struct slab **discard)
{
	struct slab *slab;
	void *freelist = use_up_cpu_slab_locked(s, c, pc, &slab, discard);

	if (!freelist)
		freelist = use_cpu_partial_locked(s, c, pc, &slab, discard);
	if (!freelist)
		slab = get_partial_locked(s, pc, c, &freelist);
	if (!slab)
		return NULL;
	cpu_slab_install_locked(s, c, slab, freeptr_get(s, freelist));
	return freelist;
}

/* Gives a new slab to the CPU and takes its first object. If a list turned up while we had no lock, that is used and the
 * new slab goes to *@discard, to be freed: one thread's wait for memory must not pile up slabs. Caller: L[X]. */
static void *install_new_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, const struct partial_context *pc,
				struct slab *slab, void *freelist, struct slab **discard)
{
	/* What is far away was looked at before. Now there is something near. */
	const struct partial_context near = { .gfp = pc->gfp | __GFP_THISNODE, .node = pc->node };
	void *object = refill_locked(s, c, &near, discard);

	if (object) {
		slab_word_init(slab, (struct slab_word){ .freelist = freelist, .objects = slab_objects(slab) });
		slabs_collect(s, discard, slab);
		return object;
	}
	cpu_slab_install_locked(s, c, slab, freeptr_get(s, freelist));
	return freelist;
}

/* From what there is, without new pages. */
static void *alloc_from_slabs(struct kmem_cache *s, const struct partial_context *pc)
{
	const unsigned int cpu = cpu_id_refresh();
	struct slab *discard = NULL;
	void *object;

	KMM_RACE_POINT("alloc:slow:enter");
	if (unlikely(!kmm_trylock(cpu_lock(cpu))))
		return get_partial_object(s, pc);
	object = refill_locked(s, cpu_slab_of(s, cpu), pc, &discard);
	kmm_unlock(cpu_lock(cpu));
	slabs_discard(s, discard);
	if (unlikely(!object && gfp_pfmemalloc_allowed(pc->gfp)))
		object = get_partial_object(s, pc);
	return object;
}

static void *alloc_from_new_slab(struct kmem_cache *s, const struct partial_context *pc)
{
	struct slab *slab, *discard = NULL;
	void *object, *freelist;
	unsigned int cpu;

	slab = new_slab(s, pc->gfp, pc->node, &freelist);
	if (unlikely(!slab)) {
		slab_out_of_memory(s, pc->gfp, pc->node);
		return NULL;
	}
	stat(s, ALLOC_SLAB);

	/* Waiting for pages may have moved us. A slab out of the reserves does not become the one that everybody uses next. */
	cpu = cpu_id_refresh();
	KMM_RACE_POINT("alloc:slow:new-slab");
	if (likely(!slab_from_reserves(slab) && kmm_trylock(cpu_lock(cpu)))) {
		object = install_new_locked(s, cpu_slab_of(s, cpu), pc, slab, freelist, &discard);
		kmm_unlock(cpu_lock(cpu));
		slabs_discard(s, discard);
		return object;
	}
	node_partial_adopt_new(s, slab, freeptr_get(s, freelist));
	return freelist;
}

/* One try at everything: the page allocator hurries what waits for a grace period, and what that frees may be objects of slabs
 * that keep others. */
static void *alloc_once(struct kmem_cache *s, const struct partial_context *pc)
{
	const struct partial_context once = { .gfp = (pc->gfp | __GFP_NOWARN) & ~(gfp_t)__GFP_NOFAIL,
					      .node = pc->node };
	void *object = alloc_from_new_slab(s, &once);

	return object ? object : alloc_from_slabs(s, pc);
}

/* A request that must not fail looks at slabs and pages in turn: only one of the two may ever have something. Slabs of other CPUs
 * come to their nodes for it. */
static void *alloc_nofail(struct kmem_cache *s, gfp_t gfp, int node)
{
	const struct partial_context pc = { .gfp = gfp | __GFP_HIGH, .node = node };
	void *object;

	for (unsigned int round = 1; !(object = alloc_once(s, &pc)); round++) {
		if (round % NOFAIL_REPORT_ROUNDS == 0)
			slab_out_of_memory(s, gfp, node);
		buddy_wait_for_others();
		flush_all(s);
	}
	return object;
}

static void *alloc_patiently(struct kmem_cache *s, const struct partial_context *pc)
{
	void *object = NULL;

	if (likely(!gfpflags_allow_blocking(pc->gfp)))
		return alloc_from_new_slab(s, pc);
	if (unlikely(pc->gfp & __GFP_NOFAIL))
		return alloc_nofail(s, pc->gfp, pc->node);
	if (unlikely(kmm_rcu_pending()))
		object = alloc_once(s, pc);
	return object ? object : alloc_from_new_slab(s, pc);
}

/* A wish for a node, when its slabs are used up: its pages, if they are at hand, then slabs of any node. Else each object for
 * a node that is full would be the first of a new slab elsewhere. */
static void *alloc_near(struct kmem_cache *s, const struct partial_context *pc)
{
	const struct partial_context there = {
		.gfp = ((pc->gfp | __GFP_THISNODE | __GFP_NOWARN) & ~(gfp_t)(__GFP_RECLAIM | __GFP_NOFAIL)) |
		       GFP_NOWAIT,
		.node = pc->node,
	};
	const struct partial_context anywhere = { .gfp = pc->gfp, .node = NUMA_NO_NODE };
	void *object = alloc_from_new_slab(s, &there);

	return object ? object : alloc_from_slabs(s, &anywhere);
}

noinline void *cache_alloc_slow(struct kmem_cache *s, gfp_t gfp, int node)
{
	struct partial_context pc = { .gfp = gfp, .node = node };
	void *object;

	/* A cache exists, so the library was started; it may have ended since. */
	if (unlikely(!kmm_boot_ensure()))
		return NULL;
	stat(s, ALLOC_SLOWPATH);
	/* A node without memory is no reason to fail. */
	if (node != NUMA_NO_NODE && !slab_node_isset(node))
		pc.node = NUMA_NO_NODE;

	object = alloc_from_slabs(s, &pc);
	if (unlikely(!object && pc.node != NUMA_NO_NODE && slub_nr_nodes > 1 && !(gfp & __GFP_THISNODE)))
		object = alloc_near(s, &pc);
	if (!object)
		object = alloc_patiently(s, &pc);
	idle_notify();
	return object;
}

void zero_object(const struct kmem_cache *s, void *object)
{
	KMM_WARN_ONCE_AS("kmem_cache_alloc", s->ctor, "%s: a constructor and __GFP_ZERO: the object will be zero",
			 s->name);
	/* RELAXED: it grows with each new user of a merged cache, who was told of the cache after that. */
	memset(object, 0, READ_ONCE(s->object_size));
}

void *cache_alloc_zeroed(struct kmem_cache *s, gfp_t gfp, int node)
{
	void *object = cache_alloc_fast(s, gfp, node);

	if (likely(object))
		zero_object(s, object);
	return object;
}
