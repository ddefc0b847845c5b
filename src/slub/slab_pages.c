/* SPDX-License-Identifier: MIT
 * slab_pages.c - pages become a slab, and a slab becomes pages again. See slab_pages.h.
 */
#include "slub/slab_pages.h"

#include "base/atomic.h"
#include "buddy/buddy.h"
#include "slub/slub_report.h"

static struct slab *alloc_slab_page(gfp_t flags, int node, struct kmem_cache_order_objects oo)
{
	/* Without a wish the local lists are asked first, which is the shorter way. */
	struct page *page = node == NUMA_NO_NODE ? alloc_pages(flags, oo_order(oo)) :
						   alloc_pages_node(node, flags, oo_order(oo));

	if (!page)
		return NULL;
	page_flag_set(page, PG_slab);
	buddy_note_slab(page, oo_order(oo));
	return page_slab(page);
}

/* Links all objects in address order and runs the constructor on each. */
static void setup_objects(struct kmem_cache *s, struct slab *slab, unsigned int objects)
{
	char *object = slab_address(slab);

	for (unsigned int i = 0; i < objects; i++, object += s->size) {
		if (unlikely(s->ctor))
			s->ctor(object);
		freeptr_set(s, object, i + 1 < objects ? object + s->size : NULL);
	}
}

static bool is_reclaimable(const struct kmem_cache *s)
{
	return s->flags & SLAB_RECLAIM_ACCOUNT;
}

static void account_slab(struct kmem_cache *s, const struct slab *slab, unsigned int order, unsigned int objects)
{
	struct kmem_cache_node *n = slab_node(s, slab);

	buddy_mod_nr_slab((const struct page *)slab, 1L << order, is_reclaimable(s));
	/* The first slab of all has no node yet: early_kmem_cache_node_alloc() counts it. */
	if (n) {
		atomic_add_relaxed(&n->nr_slabs, 1);
		atomic_add_relaxed(&n->total_objects, objects);
	}
}

struct slab *allocate_slab(struct kmem_cache *s, gfp_t flags, int node)
{
	struct kmem_cache_order_objects oo = s->oo;
	gfp_t alloc_gfp;
	struct slab *slab;

	flags |= s->allocflags;
	alloc_gfp = slab_first_try_gfp(flags);
	/* A high order is a wish: do not wait for it when a smaller one will do. */
	if ((alloc_gfp & __GFP_DIRECT_RECLAIM) && oo_order(oo) > oo_order(s->min))
		alloc_gfp = (alloc_gfp | __GFP_NOMEMALLOC) & ~(gfp_t)__GFP_RECLAIM;

	slab = alloc_slab_page(alloc_gfp, node, oo);
	if (unlikely(!slab)) {
		oo = s->min;
		slab = alloc_slab_page(flags, node, oo);
		if (unlikely(!slab))
			return NULL;
		stat(s, ORDER_FALLBACK);
	}

	slab->slab_cache = s;
	slab->pobjects = 0;
	setup_objects(s, slab, oo_objects(oo));
	slab_word_init(slab, (struct slab_word){ .freelist = slab_address(slab), .objects = oo_objects(oo) });
	account_slab(s, slab, oo_order(oo), oo_objects(oo));
	return slab;
}

struct slab *new_slab(struct kmem_cache *s, gfp_t flags, int node, void **freelist)
{
	struct slab *slab;
	struct slab_word w;

	if (unlikely(flags & GFP_SLAB_BUG_MASK))
		flags = kmalloc_fix_flags(flags);
	slab = allocate_slab(s, flags & (GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK), node);
	if (!slab)
		return NULL;
	w = slab_word_read(slab);
	*freelist = w.freelist;
	w.freelist = NULL;
	w.inuse = w.objects;
	w.frozen = true;
	slab_word_init(slab, w);
	return slab;
}

/* The pages go back. The cache may be gone: its slabs are freed before it is, but nothing of it is needed here. */
static void free_slab_pages(struct slab *slab)
{
	struct page *page = slab_page(slab);

	slab->slab_cache = NULL;
	slab->pobjects = 0;
	slab->next = NULL;
	slab_word_init(slab, (struct slab_word){ .freelist = NULL });
	page_flag_clear(page, PG_slab);
	__free_pages(page, compound_order(page));
}

static void rcu_free_slab(struct kmm_rcu_head *head)
{
	free_slab_pages(caa_container_of(head, struct slab, rcu));
}

void slabs_collect(const struct kmem_cache *s, struct slab **list, struct slab *slab)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	const struct slab_word w = slab_word_read(slab);

	kmm_assert(!w.inuse && !w.frozen);
	atomic_sub_relaxed(&n->nr_slabs, 1);
	atomic_sub_relaxed(&n->total_objects, w.objects);
	slab->next = *list;
	*list = slab;
}

/* Until the grace period is over the slab is on no list, and counts for nothing. A reader who still has a pointer finds an
 * object of the type, free. */
static void discard_slab(struct kmem_cache *s, struct slab *slab)
{
	buddy_mod_nr_slab(slab_page(slab), -(1L << compound_order(slab_page(slab))), is_reclaimable(s));
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		kmm_call_rcu(&slab->rcu, rcu_free_slab);
	else
		free_slab_pages(slab);
}

void slabs_discard(struct kmem_cache *s, struct slab *list)
{
	for (const struct slab *slab = list; KMM_CONFIG_SLUB_STATS && slab; slab = slab->next)
		stat(s, FREE_SLAB);
	slabs_discard_shrunk(s, list);
}

void slabs_discard_shrunk(struct kmem_cache *s, struct slab *list)
{
	while (list) {
		struct slab *slab = list;

		list = slab->next;
		discard_slab(s, slab);
	}
}
