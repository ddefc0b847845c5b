/* SPDX-License-Identifier: MIT
 * slab_pages.c - pages become a slab, and a slab becomes pages again. See slab_pages.h.
 */
#include "slub/slab_pages.h"

#include "base/atomic.h"
#include "buddy/buddy.h"

static struct slab *alloc_slab_page(gfp_t flags, struct kmem_cache_order_objects oo)
{
	struct page *page = alloc_pages(flags, oo_order(oo));

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

struct slab *allocate_slab(struct kmem_cache *s, gfp_t flags)
{
	struct kmem_cache_order_objects oo = s->oo;
	struct kmem_cache_node *n = get_node(s, 0);
	gfp_t alloc_gfp;
	struct slab *slab;

	flags |= s->allocflags;
	alloc_gfp = slab_first_try_gfp(flags);
	/* A high order is a wish: do not wait for it when a smaller one will do. */
	if ((alloc_gfp & __GFP_DIRECT_RECLAIM) && oo_order(oo) > oo_order(s->min))
		alloc_gfp = (alloc_gfp | __GFP_NOMEMALLOC) & ~(gfp_t)__GFP_RECLAIM;

	slab = alloc_slab_page(alloc_gfp, oo);
	if (unlikely(!slab)) {
		oo = s->min;
		slab = alloc_slab_page(flags, oo);
		if (unlikely(!slab))
			return NULL;
	}

	slab->slab_cache = s;
	slab->pobjects = 0;
	setup_objects(s, slab, oo_objects(oo));
	slab_word_init(slab, (struct slab_word){ .freelist = slab_address(slab), .objects = oo_objects(oo) });

	buddy_mod_nr_slab(slab_page(slab), 1L << oo_order(oo));
	/* The first slab of all has no node yet: early_kmem_cache_node_alloc() counts it. */
	if (n) {
		atomic_add_relaxed(&n->nr_slabs, 1);
		atomic_add_relaxed(&n->total_objects, oo_objects(oo));
	}
	return slab;
}

struct slab *new_slab(struct kmem_cache *s, gfp_t flags, void **freelist)
{
	struct slab *slab;
	struct slab_word w;

	if (unlikely(flags & GFP_SLAB_BUG_MASK)) {
		gfp_t invalid = flags & GFP_SLAB_BUG_MASK;

		flags &= ~GFP_SLAB_BUG_MASK;
		kmm_report(KMM_REPORT_WARN, "Unexpected gfp: %#x. Fixing up to gfp: %#x. Fix your code!\n", invalid,
			   flags);
	}
	slab = allocate_slab(s, flags & (GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK));
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

void slabs_discard(struct kmem_cache *s, struct slab *list)
{
	struct kmem_cache_node *n = get_node(s, 0);

	while (list) {
		struct slab *slab = list;
		struct page *page = slab_page(slab);
		unsigned int order = compound_order(page);
		struct slab_word w = slab_word_read(slab);

		list = slab->next;
		kmm_assert(!w.inuse && !w.frozen);
		atomic_sub_relaxed(&n->nr_slabs, 1);
		atomic_sub_relaxed(&n->total_objects, w.objects);
		buddy_mod_nr_slab(page, -(1L << order));

		slab->slab_cache = NULL;
		slab->pobjects = 0;
		slab->next = NULL;
		slab_word_init(slab, (struct slab_word){ .freelist = NULL });
		page_flag_clear(page, PG_slab);
		__free_pages(page, order);
	}
}
