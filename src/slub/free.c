/* SPDX-License-Identifier: MIT
 * free.c - the slow path of free: the object's slab is not the one this CPU allocates from.
 *
 * The slab word says where the slab is, and so what else must happen:
 *   frozen                    a CPU has it: push, nothing more
 *   not frozen, has a list    the node has it: push; the one who empties it holds list_lock while pushing
 *   not frozen, no list       FULL, on no list: the one whose compare-and-swap succeeds lists it
 *
 * Locks:  L[X] is only tried; busy means the node list. list_lock may be waited for.
 * Source: __slab_free(), mm/slub.c, Linux 6.1.
 */
#include "slub/free.h"

#include "slub/cpu_partial.h"
#include "slub/idle.h"
#include "slub/node_partial.h"
#include "slub/slab_pages.h"

/* Pushes the chain onto @old's list. Fails when the word is no longer @old. */
static bool give(const struct kmem_cache *s, struct slab *slab, struct slab_word old, struct slab_word new, void *head,
		 void *tail)
{
	freeptr_set(s, tail, old.freelist);
	new.freelist = head;
	return slab_word_cas(s, slab, old, new);
}

/* FULL, and wanted for the list of the CPU that frees. */
static bool give_to_cpu_partial_locked(struct kmem_cache *s, unsigned int cpu, struct slab *slab, struct slab_word old,
				       struct slab_word new, void *head, void *tail, struct slab **discard)
{
	new.frozen = true;
	if (!give(s, slab, old, new, head, tail))
		return false;
	put_cpu_partial_locked(s, cpu_slab_of(s, cpu), slab, true, discard);
	stat(s, CPU_PARTIAL_FREE);
	return true;
}

/* FULL, and for the node's list; or, if its one object was this one and the node has enough, for nobody. */
static bool give_to_node_locked(struct kmem_cache *s, struct kmem_cache_node *n, struct slab *slab,
				struct slab_word old, struct slab_word new, void *head, void *tail,
				struct slab **discard)
{
	if (!give(s, slab, old, new, head, tail))
		return false;
	if (!new.inuse && n->nr_partial >= READ_ONCE(s->min_partial)) {
		slabs_collect(s, discard, slab);
	} else {
		add_partial_locked(n, slab, PLACE_AT_TAIL);
		stat(s, FREE_ADD_PARTIAL);
	}
	return true;
}

/* FULL: the first free makes the slab useful again, for the CPU that frees or, if that is busy, for the node. */
static bool give_to_full_slab(struct kmem_cache *s, struct slab *slab, struct slab_word old, struct slab_word new,
			      void *head, void *tail)
{
	const unsigned int cpu = cpu_id_refresh();
	struct slab *discard = NULL;
	bool given;

	if (READ_ONCE(s->cpu_partial) && kmm_trylock(cpu_lock(cpu))) {
		given = give_to_cpu_partial_locked(s, cpu, slab, old, new, head, tail, &discard);
		kmm_unlock(cpu_lock(cpu));
		idle_notify();
	} else {
		struct kmem_cache_node *n = slab_node(s, slab);

		kmm_spin_lock(&n->list_lock);
		given = give_to_node_locked(s, n, slab, old, new, head, tail, &discard);
		kmm_spin_unlock(&n->list_lock);
	}
	slabs_discard(s, discard);
	return given;
}

/* On a node's list, and empty after this free: the list lock is taken first, so that the slab cannot be acquired, or
 * freed by another, between the push and the decision. */
static bool give_last_object(struct kmem_cache *s, struct slab *slab, struct slab_word old, struct slab_word new,
			     void *head, void *tail)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	struct slab *discard = NULL;
	bool given;

	kmm_spin_lock(&n->list_lock);
	given = give(s, slab, old, new, head, tail);
	if (given && n->nr_partial >= READ_ONCE(s->min_partial)) {
		remove_partial_locked(n, slab);
		slabs_collect(s, &discard, slab);
		stat(s, FREE_REMOVE_PARTIAL);
	}
	kmm_spin_unlock(&n->list_lock);
	slabs_discard(s, discard);
	return given;
}

noinline void slab_free_slow(struct kmem_cache *s, struct slab *slab, void *head, void *tail, unsigned int nr)
{
	bool given;

	stat(s, FREE_SLOWPATH);
	do {
		struct slab_word old = slab_word_read(slab), new = old;

		/* The last object freed, freed again; or more frees than allocations. Neither word is torn by itself. */
		if (unlikely(old.freelist == head || old.freelist == tail)) {
			free_singly(s, slab, head, nr, old.freelist);
			return;
		}
		if (unlikely(old.inuse < nr)) {
			report_double_free(s, slab, head);
			return;
		}
		new.inuse = old.inuse - nr;
		KMM_RACE_POINT("free:slow:seen");

		if (old.frozen || (old.freelist && new.inuse)) {
			given = give(s, slab, old, new, head, tail);
			if (given && old.frozen)
				stat(s, FREE_FROZEN);
		} else if (!old.freelist) {
			given = give_to_full_slab(s, slab, old, new, head, tail);
		} else {
			given = give_last_object(s, slab, old, new, head, tail);
		}
	} while (!given);
}

noinline void free_singly(struct kmem_cache *s, struct slab *slab, void *head, unsigned int nr, const void *freed)
{
	while (nr--) {
		void *object = head;

		/* Read before the object is freed; the last one leads nowhere. */
		head = nr ? freeptr_get(s, object) : NULL;
		if (object == freed)
			report_double_free(s, slab, object);
		else
			cache_free(s, slab, object);
	}
}
