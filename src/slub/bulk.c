/* SPDX-License-Identifier: MIT
 * bulk.c - many objects in one call.
 *
 * How:     allocation takes the CPU's whole list by one compare-and-swap, hands out of it what is wanted, and puts the rest
 *          back by another. A free links the objects of one slab into a chain and gives that as a whole.
 * Meanwhile: who finds the CPU's list gone refills it as if it were used up. The objects out of it count as in use, as
 *          ever, so their slab cannot go away; if the rest cannot be put back any more, it is freed like any other chain.
 * No ABA:  the rest goes back only if {NULL, tid} is still what the taking wrote: no detach and no push lies between, so
 *          c->slab is the slab that the objects belong to.
 * Source:  kmem_cache_alloc_bulk(), kmem_cache_free_bulk(), build_detached_freelist(), mm/slub.c, Linux 6.1. Differs: the kernel
 *          pops one by one with interrupts off.
 */
#include <kmm/kmalloc.h>

#include "base/boot.h"
#include "slub/alloc.h"
#include "slub/free.h"
#include "slub/kmalloc.h"

/* How far behind an object of another slab the array is searched for more of the same slab. */
#define BULK_LOOKAHEAD 3

/* The CPU's list as the caller's own. */
struct taken_list {
	struct kmem_cache_cpu *c;
	struct cpu_view left; /* what the taking wrote */
	void *freelist;
};

static force_inline bool take_cpu_list(const struct kmem_cache *s, struct taken_list *taken)
{
	struct kmem_cache_cpu *c = cpu_slab_of(s, raw_cpu_id());
	struct cpu_view v;

	do {
		v = cpu_slab_snapshot(c);
		if (!v.freelist || !v.slab)
			return false;
	} while (unlikely(!cpu_slab_cas(s, c, v, NULL)));
	taken->c = c;
	taken->freelist = v.freelist;
	taken->left = (struct cpu_view){ .tid = next_tid(v.tid), .slab = v.slab };
	return true;
}

static noinline void free_rest(struct kmem_cache *s, const struct taken_list *taken)
{
	unsigned int nr;
	void *tail = freelist_tail(s, taken->left.slab, taken->freelist, &nr);

	slab_free_slow(s, taken->left.slab, taken->freelist, tail, nr);
}

static force_inline void put_back_rest(struct kmem_cache *s, const struct taken_list *taken)
{
	if (!taken->freelist)
		return;
	KMM_RACE_POINT("bulk:list-taken");
	if (unlikely(!cpu_slab_cas(s, taken->c, taken->left, taken->freelist)))
		free_rest(s, taken);
}

/* Up to @nr objects of the CPU's list. */
static force_inline size_t alloc_from_cpu_list(struct kmem_cache *s, size_t nr, void **objects)
{
	struct taken_list taken;
	size_t i;

	if (!take_cpu_list(s, &taken))
		return 0;
	for (i = 0; i < nr && taken.freelist; i++) {
		objects[i] = taken.freelist;
		taken.freelist = freeptr_get(s, taken.freelist);
	}
	put_back_rest(s, &taken);
	return i;
}

KMM_API int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t nr, void **objects)
{
	size_t done = 0;

	while (done < nr) {
		done += alloc_from_cpu_list(s, nr - done, objects + done);
		if (done == nr)
			break;
		/* One object, and a new list for the CPU. */
		objects[done] = cache_alloc_slow(s, gfp, NUMA_NO_NODE);
		if (unlikely(!objects[done])) {
			kmem_cache_free_bulk(s, done, objects);
			return 0;
		}
		done++;
	}
	if (unlikely(gfp & __GFP_ZERO)) {
		for (size_t i = 0; i < nr; i++)
			zero_object(s, objects[i]);
	}
	return (int)nr;
}

/* Objects of one slab, linked. */
struct detached_freelist {
	struct kmem_cache *s;
	struct slab *slab;
	void *head, *tail;
	unsigned int nr;
	const void *cpu_free; /* what the CPU would hand out next: free already. A hint */
};

/* An object that no chain is made of: of no slab, of another cache, or none at all. The single calls know what to do. */
static noinline void free_odd(struct kmem_cache *s, void *object)
{
	if (s)
		kmem_cache_free(s, object);
	else
		kfree(object);
}

/* Is it free already? As far as that can be seen: given twice in a row, or the last one freed to its slab. Asked before the object
 * is linked, for the link of a free object is its list's. */
static force_inline bool was_freed_last(const struct detached_freelist *df, const void *object)
{
	return object == df->head || object == df->cpu_free || object == READ_ONCE(df->slab->freelist);
}

/* Off the array and into the chain, if @object is of its slab. */
static force_inline bool link_object(struct detached_freelist *df, void *object)
{
	if (virt_to_slab(object) != df->slab || unlikely(!object_start_ok(df->s, df->slab, object)))
		return false;
	if (unlikely(was_freed_last(df, object))) {
		report_double_free(df->s, df->slab, object);
		return true;
	}
	freeptr_set(df->s, object, df->head);
	df->head = object;
	df->nr++;
	return true;
}

/*
 * Takes the last object of the array, and those before it that are of the same slab, off the array and into *@df; the others
 * that were looked at stay, in another order. Returns how many are left.
 */
static force_inline size_t build_detached_freelist(struct kmem_cache *s, size_t nr, void **objects,
						   struct detached_freelist *df)
{
	unsigned int lookahead = BULK_LOOKAHEAD;
	void *object = objects[--nr];
	size_t left = nr;

	df->nr = 0;
	df->slab = virt_to_slab(object);
	df->s = df->slab ? df->slab->slab_cache : NULL;
	if (unlikely(!df->slab || (s && df->s != s) || !object_start_ok(df->s, df->slab, object))) {
		if (object)
			free_odd(s, object);
		return nr;
	}
	df->head = NULL;
	df->cpu_free = READ_ONCE(cpu_slab_of(df->s, raw_cpu_id())->freelist);
	if (unlikely(was_freed_last(df, object))) {
		report_double_free(df->s, df->slab, object);
		return nr;
	}
	df->head = df->tail = object;
	df->nr = 1;
	for (size_t i = nr; i-- > 0;) {
		if (likely(link_object(df, objects[i])))
			objects[i] = objects[--left];
		else if (!--lookahead)
			break;
	}
	return left;
}

/* As cache_free(), for a chain whose objects were checked. */
static force_inline void free_chain(const struct detached_freelist *df)
{
	struct kmem_cache_cpu *c = cpu_slab_of(df->s, raw_cpu_id());
	struct cpu_view v;

	do {
		v = cpu_slab_snapshot(c);
		if (unlikely(v.slab != df->slab)) {
			slab_free_slow(df->s, df->slab, df->head, df->tail, df->nr);
			return;
		}
		if (unlikely(v.freelist == df->tail || v.freelist == df->head)) {
			free_singly(df->s, df->slab, df->head, df->nr, v.freelist);
			return;
		}
		KMM_RACE_POINT("bulk:free:seen");
		freeptr_set(df->s, df->tail, v.freelist);
	} while (unlikely(!cpu_slab_cas(df->s, c, v, df->head)));
	stat(df->s, FREE_FASTPATH);
}

KMM_API void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **objects)
{
	while (nr) {
		struct detached_freelist df;

		nr = build_detached_freelist(s, nr, objects, &df);
		if (likely(df.nr))
			free_chain(&df);
	}
}

KMM_API void kfree_bulk(size_t nr, void **objects)
{
	kmem_cache_free_bulk(NULL, nr, objects);
}
