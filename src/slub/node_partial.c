/* SPDX-License-Identifier: MIT
 * node_partial.c - a node's list of partly free slabs that no CPU has. See node_partial.h.
 */
#include "slub/node_partial.h"

#include "slub/cpu_partial.h"
#include "slub/cpu_slab.h"
#include "slub/slab_pages.h"

void init_kmem_cache_node(struct kmem_cache_node *n)
{
	kmm_spin_init(&n->list_lock, KMM_RANK_NODE_LIST, "node->list_lock");
	n->nr_partial = 0;
	n->nr_slabs = 0;
	n->total_objects = 0;
	CDS_INIT_LIST_HEAD(&n->partial);
}

void add_partial_locked(struct kmem_cache_node *n, struct slab *slab, enum partial_place place)
{
	kmm_spin_assert_held(&n->list_lock);
	WRITE_ONCE(n->nr_partial, n->nr_partial + 1);
	if (place == PLACE_AT_TAIL)
		cds_list_add_tail(&slab->slab_list, &n->partial);
	else
		cds_list_add(&slab->slab_list, &n->partial);
}

void remove_partial_locked(struct kmem_cache_node *n, struct slab *slab)
{
	kmm_spin_assert_held(&n->list_lock);
	cds_list_del(&slab->slab_list);
	WRITE_ONCE(n->nr_partial, n->nr_partial - 1);
}

/* Freezes a listed slab and takes it off the list. */
static void *acquire_slab_locked(const struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab, bool take,
				 unsigned int *nr_free)
{
	void *freelist = slab_word_freeze(s, slab, take, nr_free);

	remove_partial_locked(n, slab);
	return freelist;
}

/* The node that @pc is served from first. */
static unsigned int first_node_of(const struct partial_context *pc)
{
	if (pc->node != NUMA_NO_NODE)
		return (unsigned int)pc->node;
	return slub_nr_nodes == 1 ? 0 : buddy_node_of_cpu(raw_cpu_id());
}

/* Slabs out of the reserves are passed over: see get_partial_object(). */
static struct slab *get_partial_node_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct kmem_cache_cpu *c,
					    void **freelist)
{
	struct slab *slab, *next, *first = NULL;
	const unsigned int cpu_partial = READ_ONCE(s->cpu_partial);
	unsigned int available = 0, nr_free;

	/* A hint: a slab missed here costs a new slab, no more. */
	if (!n || !READ_ONCE(n->nr_partial))
		return NULL;

	kmm_spin_lock(&n->list_lock);
	cds_list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		void *list;

		if (slab_from_reserves(slab))
			continue;
		list = acquire_slab_locked(s, n, slab, !first, &nr_free);
		available += nr_free;
		if (!first) {
			first = slab;
			*freelist = list;
			stat(s, ALLOC_FROM_PARTIAL);
		} else {
			put_cpu_partial_locked(s, c, slab, false, NULL);
			stat(s, CPU_PARTIAL_NODE);
		}
		if (!cpu_partial || available > cpu_partial / 2)
			break;
	}
	kmm_spin_unlock(&n->list_lock);
	return first;
}

/* Every bit of the result hangs on every bit of @x: the refills of a loop come at regular distances. */
static unsigned int mix(unsigned int x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

/* One refill in so many looks beyond its own node: by the number of the CPU's operations, well mixed, which needs no clock. */
static bool time_to_look_far(const struct kmem_cache *s)
{
	const unsigned int ratio = READ_ONCE(s->remote_node_defrag_ratio);
	const unsigned int event = (unsigned int)tid_to_event(READ_ONCE(cpu_slab_of(s, raw_cpu_id())->tid));

	return ratio && mix(event) >> 22 <= ratio;
}

static bool may_look_far(const struct kmem_cache *s, const struct partial_context *pc)
{
	return slub_nr_nodes > 1 && pc->node == NUMA_NO_NODE && !(pc->gfp & __GFP_THISNODE) && time_to_look_far(s);
}

/* A node that keeps more partial slabs than it has to, and that the caller may use; nearest first. */
static struct kmem_cache_node *next_rich_node(const struct kmem_cache *s, gfp_t gfp, unsigned int from, unsigned int *i)
{
	int nid;

	while ((nid = buddy_nearest_node(from, ++*i)) >= 0) {
		struct kmem_cache_node *n = get_node(s, (unsigned int)nid);

		if (n && READ_ONCE(n->nr_partial) > READ_ONCE(s->min_partial) &&
		    ((gfp & __GFP_ATOMIC) || node_allowed((unsigned int)nid)))
			return n;
	}
	return NULL;
}

static struct slab *get_any_partial_locked(struct kmem_cache *s, gfp_t gfp, struct kmem_cache_cpu *c, unsigned int from,
					   void **freelist)
{
	struct kmem_cache_node *n;
	struct slab *slab;
	unsigned int i = 0;

	/* Whoever changes mems_allowed meanwhile may stand: nobody waits for that under L[X]. A miss costs new pages. */
	while ((n = next_rich_node(s, gfp, from, &i))) {
		slab = get_partial_node_locked(s, n, c, freelist);
		if (slab)
			return slab;
	}
	return NULL;
}

struct slab *get_partial_locked(struct kmem_cache *s, const struct partial_context *pc, struct kmem_cache_cpu *c,
				void **freelist)
{
	const unsigned int nid = first_node_of(pc);
	struct slab *slab = get_partial_node_locked(s, get_node(s, nid), c, freelist);

	if (slab || !may_look_far(s, pc))
		return slab;
	return get_any_partial_locked(s, pc->gfp, c, nid, freelist);
}

enum slab_modes unfreeze_slab_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab, void *head,
				     void *tail, unsigned int nr, enum partial_place place, struct slab **discard)
{
	struct slab_word now;
	bool remote;

	kmm_spin_assert_held(&n->list_lock);
	now = slab_word_unfreeze(s, slab, head, tail, nr, &remote);
	if (place == PLACE_BY_USE && remote)
		stat(s, DEACTIVATE_REMOTE_FREES);
	if (!now.inuse && n->nr_partial >= READ_ONCE(s->min_partial)) {
		slabs_collect(s, discard, slab);
		return M_FREE;
	}
	if (!now.freelist)
		return M_FULL;
	if (place == PLACE_BY_USE) {
		place = remote ? PLACE_AT_TAIL : PLACE_AT_HEAD;
		stat(s, remote ? DEACTIVATE_TO_TAIL : DEACTIVATE_TO_HEAD);
	}
	add_partial_locked(n, slab, place);
	return M_PARTIAL;
}

/*
 * Puts @rest back, unfreezes and lists: the end of both paths that use a slab without a CPU. The slab has at least one
 * object in use, so it is never empty here and nothing is discarded.
 */
static enum slab_modes unfreeze_and_list_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab,
						void *rest, enum partial_place place)
{
	unsigned int nr;
	void *tail = freelist_tail(s, slab, rest, &nr);
	struct slab *empty = NULL;
	const enum slab_modes mode = unfreeze_slab_locked(s, n, slab, rest, tail, nr, place, &empty);

	kmm_assert(!empty);
	return mode;
}

static struct slab *first_partial_locked(struct kmem_cache_node *n, gfp_t gfp)
{
	struct slab *slab;

	cds_list_for_each_entry(slab, &n->partial, slab_list) {
		if (pfmemalloc_match(slab, gfp))
			return slab;
	}
	return NULL;
}

static void *get_node_object(struct kmem_cache *s, struct kmem_cache_node *n, gfp_t gfp)
{
	void *object = NULL;
	unsigned int nr_free;
	struct slab *slab;

	if (!n || !READ_ONCE(n->nr_partial))
		return NULL;
	kmm_spin_lock(&n->list_lock);
	slab = first_partial_locked(n, gfp);
	if (slab) {
		/* Frozen while it is off the list, so that a free in between does not adopt it. Nobody pops one object
		 * from a shared list (slab_word.h): all are taken, and all but one given back. */
		object = acquire_slab_locked(s, n, slab, true, &nr_free);
		KMM_RACE_POINT("node_partial:object:frozen");
		unfreeze_and_list_locked(s, n, slab, freeptr_get(s, object), PLACE_AT_HEAD);
	}
	kmm_spin_unlock(&n->list_lock);
	return object;
}

void *get_partial_object(struct kmem_cache *s, const struct partial_context *pc)
{
	const unsigned int nid = first_node_of(pc);
	struct kmem_cache_node *n = get_node(s, nid);
	void *object = get_node_object(s, n, pc->gfp);
	unsigned int i = 0;

	if (object || !may_look_far(s, pc))
		return object;
	while (!object && (n = next_rich_node(s, pc->gfp, nid, &i)))
		object = get_node_object(s, n, pc->gfp);
	return object;
}

void node_partial_adopt_new(struct kmem_cache *s, struct slab *slab, void *rest)
{
	struct kmem_cache_node *n = slab_node(s, slab);

	/* As if a CPU had used it and let it go at once. */
	kmm_spin_lock(&n->list_lock);
	if (unfreeze_and_list_locked(s, n, slab, rest, PLACE_BY_USE) == M_FULL)
		stat(s, DEACTIVATE_FULL);
	kmm_spin_unlock(&n->list_lock);
}
