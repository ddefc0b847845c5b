/* SPDX-License-Identifier: MIT
 * cache.c - the life of a cache: create, destroy, and the calls on a live one.
 *
 * Owns:   slab_caches, slab_mutex, refcount.
 * Locks:  slab_mutex (rank 10) around the registry. Memory for a new cache is taken before it, so that pages are never
 *         waited for under it.
 * Source: kmem_cache_create_usercopy(), kmem_cache_destroy(), mm/slab_common.c; kmem_cache_open(),
 *         __kmem_cache_shutdown(), mm/slub.c, Linux 6.1.
 */
#include "slub/cache.h"

#include <errno.h>

#include "base/boot.h"
#include "slub/alloc.h"
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

int kmem_cache_open(struct kmem_cache *s)
{
	int err = calculate_sizes(s);

	if (err)
		return err;
	calculate_partials(s);
	s->remote_node_defrag_ratio = REMOTE_NODE_DEFRAG_RATIO;
	err = init_kmem_cache_nodes(s);
	if (!err)
		err = alloc_kmem_cache_cpus(s);
	if (err && slab_state != DOWN)
		kmem_cache_release(s);
	return err;
}

void kmem_cache_release(struct kmem_cache *s)
{
	free_percpu(s->swept_tid);
	free_percpu(s->cpu_slab);
	free_kmem_cache_nodes(s);
}

/* What the kernel checks in debug builds only; a library has other callers. Returns what is wrong, or NULL. */
static const char *cache_args_fault(const char *name, unsigned int size, unsigned int align, slab_flags_t flags)
{
	if (!name)
		return "no name";
	if (!size || size > KMALLOC_MAX_SIZE)
		return "size out of range";
	if (align & (align - 1))
		return "align is not a power of two";
	if (align > PAGE_SIZE)
		return "align above a page";
	if (flags & ~SLAB_PUBLIC_FLAGS)
		return "unknown flags";
	return NULL;
}

/* Into the registry, from where on everybody can find it. */
static int enter_cache(struct kmem_cache *s)
{
	int err;

	kmm_lock(&slab_mutex);
	err = complete_kmem_cache_nodes_locked(s);
	if (!err)
		cds_list_add(&s->list, &slab_caches);
	kmm_unlock(&slab_mutex);
	return err;
}

/* NULL with *@err set. */
static struct kmem_cache *create_cache(const char *name, unsigned int size, unsigned int align, slab_flags_t flags,
				       void (*ctor)(void *), int *err)
{
	struct kmem_cache *s = cache_alloc(kmem_cache, GFP_KERNEL | __GFP_ZERO);

	*err = -ENOMEM;
	if (!s)
		return NULL;
	s->name = kstrdup(name, GFP_KERNEL);
	if (!s->name)
		goto free_cache;
	s->object_size = size;
	s->align = calculate_alignment(flags, align, size);
	s->flags = flags;
	s->ctor = ctor;
	s->refcount = 1;
	*err = kmem_cache_open(s);
	if (!*err) {
		*err = enter_cache(s);
		if (!*err)
			return s;
		kmem_cache_release(s);
	}
	kfree(s->name);
free_cache:
	kmem_cache_free(kmem_cache, s);
	return NULL;
}

KMM_API struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
					     slab_flags_t flags, void (*ctor)(void *object))
{
	const char *shown = name ? name : "(null)";
	const char *fault = cache_args_fault(name, size, align, flags);
	struct kmem_cache *s = NULL;
	int err = -EINVAL;

	if (fault)
		kmm_report(KMM_REPORT_WARN,
			   "kmem_cache_create(%s) integrity check failed: %s (size %u, align %u, flags %#x)\n", shown,
			   fault, size, align, flags);
	else if (!kmm_boot_ensure())
		err = kmm_boot_state() == KMM_DEAD ? -ESHUTDOWN : -ENOMEM;
	else
		s = create_cache(name, size, align, flags, ctor, &err);

	if (!s) {
		/* The one abort that callers can ask for. */
		if (flags & SLAB_PANIC)
			kmm_report(
				KMM_REPORT_BUG,
				"Kernel panic - not syncing: kmem_cache_create: Failed to create slab '%s'. Error %d\n",
				shown, err);
		if (err != -ESHUTDOWN)
			kmm_report(KMM_REPORT_WARN, "kmem_cache_create(%s) failed with error %d\n", shown, err);
		return NULL;
	}
	return s;
}

static void free_cache(struct kmem_cache *s)
{
	kmem_cache_release(s);
	kfree(s->name);
	kmem_cache_free(kmem_cache, s);
}

static void rcu_free_cache(struct kmm_rcu_head *head)
{
	free_cache(caa_container_of(head, struct kmem_cache, rcu));
}

KMM_API void kmem_cache_destroy(struct kmem_cache *s)
{
	unsigned long nr_slabs;

	if (!s || kmm_boot_state() != KMM_RUNNING)
		return;
	/* A trim that has collected empty slabs of this cache and not freed them yet holds the mutex: without it, its
	 * slabs would look like slabs with objects. What is left otherwise holds objects that their owner forgot. */
	kmm_lock(&slab_mutex);
	nr_slabs = shrink_cache(s);
	if (!nr_slabs)
		cds_list_del(&s->list);
	kmm_unlock(&slab_mutex);
	if (nr_slabs) {
		kmm_report(KMM_REPORT_WARN,
			   "=============================================================================\n"
			   "BUG %s (Not tainted): Objects remaining in %s on __kmem_cache_shutdown(), slabs=%lu\n"
			   "-----------------------------------------------------------------------------\n"
			   "kmem_cache_destroy %s: Slab cache still has objects when called from %p\n",
			   s->name, s->name, nr_slabs, s->name, __builtin_return_address(0));
		return;
	}
	/* Its last slabs are waiting for a grace period; behind them in the queue, they are gone when it goes. */
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		kmm_call_rcu(&s->rcu, rcu_free_cache);
	else
		free_cache(s);
}

KMM_API void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return cache_alloc(s, gfp);
}

KMM_API void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp)
{
	return cache_alloc(s, gfp | __GFP_ZERO);
}

static noinline void report_wrong_cache(const struct kmem_cache *s, const struct page *page, const void *object)
{
	if (kmm_boot_state() == KMM_DEAD)
		return;
	if (page && page_flag_test(page, PG_slab))
		kmm_report(KMM_REPORT_WARN, "WARNING: cache_from_obj: Wrong slab cache. %s but object %p is from %s\n",
			   s->name, object, page->slab_cache->name);
	else
		kmm_report(KMM_REPORT_WARN, "WARNING: kmem_cache_free(%s): object pointer: %p is not in a slab\n",
			   s->name, object);
}

KMM_API void kmem_cache_free(struct kmem_cache *s, void *object)
{
	struct page *page;

	if (unlikely(!object))
		return;
	page = arena_addr_to_page(object);
	if (likely(page != NULL)) {
		page = page_head(page);
		if (likely(page_flag_test(page, PG_slab) && page->slab_cache == s)) {
			cache_free(s, page_slab(page), object);
			return;
		}
	}
	report_wrong_cache(s, page, object);
}

KMM_API unsigned int kmem_cache_size(struct kmem_cache *s)
{
	return s->object_size;
}
