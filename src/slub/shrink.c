/* SPDX-License-Identifier: MIT
 * shrink.c - empty slabs go back to the buddy, the fullest partial slabs to the head of the list.
 *
 * Locks:  each L[X] in turn (waits), then list_lock. Safe beside allocation and free.
 * Source: __kmem_cache_do_shrink(), mm/slub.c; kmem_cache_shrink(), mm/slab_common.c, Linux 6.1.
 */
#include "slub/cache.h"

#include "base/boot.h"
#include "slub/cpu_slab.h"
#include "slub/node_partial.h"
#include "slub/slab_pages.h"
#include "slub/slub.h"

/* Slabs with fewer free objects than this are sorted by that number; the others stay behind them. */
#define SHRINK_PROMOTE_MAX 32

/* One walk of the partial list: empty slabs off it, onto *@discard; the rest ordered by use. Caller: list_lock. */
static void sort_partial_locked(const struct kmem_cache *s, struct kmem_cache_node *n, struct slab **discard)
{
	struct cds_list_head promote[SHRINK_PROMOTE_MAX];
	struct slab *slab, *next;

	kmm_spin_assert_held(&n->list_lock);
	for (int i = 0; i < SHRINK_PROMOTE_MAX; i++)
		CDS_INIT_LIST_HEAD(&promote[i]);
	cds_list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		/* The counters are one word. A free may lower inuse meanwhile, but the last one waits for list_lock. */
		struct slab_word w = slab_word_read(slab);
		unsigned int nr_free = w.objects - w.inuse;

		if (!w.inuse) {
			remove_partial_locked(n, slab);
			slabs_collect(s, discard, slab);
		} else if (nr_free <= SHRINK_PROMOTE_MAX && nr_free > 0) {
			cds_list_del(&slab->slab_list);
			cds_list_add(&slab->slab_list, &promote[nr_free - 1]);
		}
	}
	/* Fullest last, so that they end up in front. */
	for (int i = SHRINK_PROMOTE_MAX - 1; i >= 0; i--)
		cds_list_splice(&promote[i], &n->partial);
}

unsigned long cache_nr_slabs(const struct kmem_cache *s)
{
	struct kmem_cache_node *n;
	unsigned long nr_slabs = 0;

	for_each_kmem_cache_node(s, nid, n)
		nr_slabs += READ_ONCE(n->nr_slabs);
	return nr_slabs;
}

unsigned long shrink_cache(struct kmem_cache *s)
{
	struct kmem_cache_node *n;
	struct slab *discard = NULL;

	flush_all(s);
	for_each_kmem_cache_node(s, nid, n) {
		kmm_spin_lock(&n->list_lock);
		sort_partial_locked(s, n, &discard);
		kmm_spin_unlock(&n->list_lock);
	}
	KMM_RACE_POINT("shrink:collected");
	slabs_discard_shrunk(s, discard);
	return cache_nr_slabs(s);
}

KMM_API int kmem_cache_shrink(struct kmem_cache *s)
{
	return kmm_boot_state() == KMM_RUNNING && shrink_cache(s) != 0;
}

void slub_trim(void)
{
	struct kmem_cache *s;

	/* Caches that wait for a grace period are objects, too; and slabs that go below wait for one. */
	kmm_rcu_expedite();
	/* The mutex keeps the registry still. Shrinking frees pages and never asks for any. */
	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list)
		shrink_cache(s);
	kmm_unlock(&slab_mutex);
	kmm_rcu_expedite();
}
