/* SPDX-License-Identifier: MIT
 * cache.c - the life of a cache: opened, used, destroyed. How it is made: cache_create.c.
 *
 * Owns:   slab_caches, slab_mutex.
 * Locks:  slab_mutex (rank 10) around the registry.
 * Source: kmem_cache_destroy(), slab_kmem_cache_release(), mm/slab_common.c; kmem_cache_open(), __kmem_cache_shutdown(),
 *         mm/slub.c, Linux 6.1.
 */
#include "slub/cache.h"

#include <errno.h>

#include "base/boot.h"
#include "slub/alloc.h"
#include "slub/cache_name.h"
#include "slub/cpu_slab.h"
#include "slub/free.h"
#include "slub/layout.h"
#include "slub/node_partial.h"

struct kmm_lock slab_mutex = KMM_LOCK_INIT(KMM_RANK_SLAB_MUTEX, "slab_mutex");
CDS_LIST_HEAD(slab_caches);
enum slab_state slab_state;

struct kmem_cache *kmem_cache;
struct kmem_cache *kmem_cache_node;

static int alloc_kmem_cache_cpus(struct kmem_cache *s)
{
	s->cpu_slab = __alloc_percpu(sizeof(struct kmem_cache_cpu), 2 * sizeof(void *));
	s->swept_tid = alloc_percpu(unsigned long);
	if (!s->cpu_slab || !s->swept_tid)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		cpu_slab_of(s, cpu)->tid = init_tid(cpu);
	return 0;
}

int kmem_cache_open(struct kmem_cache *s, const struct kmem_cache_args *args)
{
	int err = calculate_sizes(s, args);

	if (err)
		return err;
	calculate_partials(s);
	s->remote_node_defrag_ratio = REMOTE_NODE_DEFRAG_RATIO;
	err = init_kmem_cache_nodes(s);
	return err ? err : alloc_kmem_cache_cpus(s);
}

void slab_kmem_cache_release(struct kmem_cache *s)
{
	free_percpu(s->swept_tid);
	free_percpu(s->cpu_slab);
	free_kmem_cache_nodes(s);
	cache_aliases_free(s);
	kmem_cache_free(kmem_cache, s);
}

static void rcu_free_cache(struct kmm_rcu_head *head)
{
	slab_kmem_cache_release(caa_container_of(head, struct kmem_cache, rcu));
}

/* One user less. The last one takes the cache out of the registry, if all its slabs can be freed: true, and else *@nr_slabs are
 * left, and the cache is as it was. */
static bool shutdown_cache(struct kmem_cache *s, unsigned long *nr_slabs)
{
	bool last;

	*nr_slabs = 0;
	/* A trim that has collected empty slabs of this cache and not freed them yet holds the mutex: without it, its
	 * slabs would look like slabs with objects. What is left otherwise holds objects that their owner forgot. */
	kmm_lock(&slab_mutex);
	last = s->refcount == 1;
	if (last) {
		*nr_slabs = shrink_cache(s);
		if (!*nr_slabs)
			cds_list_del(&s->list);
	} else if (s->refcount > 1) {
		s->refcount--;
		cache_aliases_doubt_locked(s);
	}
	kmm_unlock(&slab_mutex);
	return last && !*nr_slabs;
}

KMM_API void kmem_cache_destroy(struct kmem_cache *s)
{
	unsigned long nr_slabs;

	if (!s || kmm_boot_state() != KMM_RUNNING)
		return;
	/* Objects given to kfree_rcu() are on their way; where this thread cannot wait for them, they are objects. */
	kmm_rcu_expedite();
	if (!shutdown_cache(s, &nr_slabs)) {
		if (nr_slabs)
			report_objects_remain(s, nr_slabs, __builtin_return_address(0));
		return;
	}
	/* Its last slabs are waiting for a grace period; behind them in the queue, they are gone when it goes. */
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		kmm_call_rcu(&s->rcu, rcu_free_cache);
	else
		slab_kmem_cache_release(s);
}

KMM_API void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return cache_alloc(s, gfp);
}

KMM_API void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp)
{
	return cache_alloc(s, gfp | __GFP_ZERO);
}

KMM_API void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int node)
{
	return cache_alloc_node(s, gfp, node);
}

KMM_API void *kmem_cache_alloc_lru(struct kmem_cache *s, struct list_lru *lru, gfp_t gfp)
{
	(void)lru;
	return cache_alloc(s, gfp);
}

/* @slab: of another cache, or NULL. */
static noinline void report_wrong_cache(const struct kmem_cache *s, const struct slab *slab, const void *object)
{
	if (kmm_boot_state() == KMM_DEAD)
		return;
	if (slab)
		kmm_report(KMM_REPORT_WARN, "WARNING: cache_from_obj: Wrong slab cache. %s but object %p is from %s\n",
			   s->name, object, slab->slab_cache->name);
	else
		kmm_report(KMM_REPORT_WARN, "WARNING: kmem_cache_free(%s): object pointer: %p is not in a slab\n",
			   s->name, object);
}

KMM_API void kmem_cache_free(struct kmem_cache *s, void *object)
{
	struct slab *slab;

	if (unlikely(!object))
		return;
	slab = virt_to_slab(object);
	if (likely(slab && slab->slab_cache == s))
		cache_free(s, slab, object);
	else
		report_wrong_cache(s, slab, object);
}

KMM_API unsigned int kmem_cache_size(struct kmem_cache *s)
{
	return READ_ONCE(s->object_size);
}
