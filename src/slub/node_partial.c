/* SPDX-License-Identifier: MIT
 * node_partial.c - the node's list of partly free slabs that no CPU has. See node_partial.h.
 */
#include "slub/node_partial.h"

#include "slub/cpu_partial.h"
#include "slub/slab_pages.h"

void init_kmem_cache_node(struct kmem_cache_node *n)
{
	kmm_lock_init(&n->list_lock, KMM_RANK_NODE_LIST, "node->list_lock");
	n->nr_partial = 0;
	n->nr_slabs = 0;
	n->total_objects = 0;
	CDS_INIT_LIST_HEAD(&n->partial);
}

void add_partial_locked(struct kmem_cache_node *n, struct slab *slab, enum partial_place place)
{
	kmm_assert_held(&n->list_lock);
	WRITE_ONCE(n->nr_partial, n->nr_partial + 1);
	if (place == DEACTIVATE_TO_TAIL)
		cds_list_add_tail(&slab->slab_list, &n->partial);
	else
		cds_list_add(&slab->slab_list, &n->partial);
}

void remove_partial_locked(struct kmem_cache_node *n, struct slab *slab)
{
	kmm_assert_held(&n->list_lock);
	cds_list_del(&slab->slab_list);
	WRITE_ONCE(n->nr_partial, n->nr_partial - 1);
}

/* Freezes a listed slab and takes it off the list. */
static void *acquire_slab_locked(struct kmem_cache_node *n, struct slab *slab, bool take, unsigned int *nr_free)
{
	void *freelist = slab_word_freeze(slab, take, nr_free);

	remove_partial_locked(n, slab);
	return freelist;
}

struct slab *get_partial_node_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct kmem_cache_cpu *c,
				     void **freelist)
{
	struct slab *slab, *next, *first = NULL;
	unsigned int available = 0, nr_free;

	/* A hint: a slab missed here costs a new slab, no more. */
	if (!READ_ONCE(n->nr_partial))
		return NULL;

	kmm_lock(&n->list_lock);
	cds_list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		void *list = acquire_slab_locked(n, slab, !first, &nr_free);

		available += nr_free;
		if (!first) {
			first = slab;
			*freelist = list;
		} else {
			put_cpu_partial_locked(s, c, slab, false, NULL);
		}
		if (available > s->cpu_partial / 2)
			break;
	}
	kmm_unlock(&n->list_lock);
	return first;
}

void unfreeze_slab_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab, void *head, void *tail,
			  unsigned int nr, enum partial_place place, struct slab **discard)
{
	struct slab_word now;

	kmm_assert_held(&n->list_lock);
	now = slab_word_unfreeze(s, slab, head, tail, nr);
	if (!now.inuse && n->nr_partial >= s->min_partial)
		slabs_collect(discard, slab);
	else if (now.freelist)
		add_partial_locked(n, slab, place);
}

/*
 * Puts @rest back, unfreezes and lists: the end of both paths that use a slab without a CPU. The slab has at least one
 * object in use, so it is never empty here and nothing is discarded.
 */
static void unfreeze_and_list_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab, void *rest)
{
	unsigned int nr;
	void *tail = freelist_tail(s, slab, rest, &nr);
	struct slab *empty = NULL;

	unfreeze_slab_locked(s, n, slab, rest, tail, nr, DEACTIVATE_TO_HEAD, &empty);
	kmm_assert(!empty);
}

void *get_partial_object(struct kmem_cache *s, struct kmem_cache_node *n)
{
	void *object = NULL;
	unsigned int nr_free;

	if (!READ_ONCE(n->nr_partial))
		return NULL;
	kmm_lock(&n->list_lock);
	if (!cds_list_empty(&n->partial)) {
		struct slab *slab = cds_list_first_entry(&n->partial, struct slab, slab_list);

		/* Frozen while it is off the list, so that a free in between does not adopt it. Nobody pops one object
		 * from a shared list (slab_word.h): all are taken, and all but one given back. */
		object = acquire_slab_locked(n, slab, true, &nr_free);
		KMM_RACE_POINT("node_partial:object:frozen");
		unfreeze_and_list_locked(s, n, slab, freeptr_get(s, object));
	}
	kmm_unlock(&n->list_lock);
	return object;
}

void node_partial_adopt_new(struct kmem_cache *s, struct slab *slab, void *rest)
{
	struct kmem_cache_node *n = get_node(s, 0);

	kmm_lock(&n->list_lock);
	unfreeze_and_list_locked(s, n, slab, rest);
	kmm_unlock(&n->list_lock);
}
