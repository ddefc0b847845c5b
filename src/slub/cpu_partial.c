/* SPDX-License-Identifier: MIT
 * cpu_partial.c - per-CPU lists of frozen, partly free slabs. See cpu_partial.h.
 */
#include "slub/cpu_partial.h"

#include "slub/cpu_slab.h"
#include "slub/node_partial.h"

void put_cpu_partial_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab *slab, bool drain,
			    struct slab **discard)
{
	struct slab_word w = slab_word_read(slab);
	struct slab *oldslab = c->partial;

	cpu_slab_assert_held(c);
	if (drain && oldslab && oldslab->pobjects > READ_ONCE(s->cpu_partial)) {
		unfreeze_partials_locked(s, c, discard);
		oldslab = NULL;
		stat(s, CPU_PARTIAL_DRAIN);
	}
	slab->next = oldslab;
	slab->slabs = (oldslab ? oldslab->slabs : 0) + 1;
	/* About: objects freed into listed slabs later are not counted, as in the kernel. */
	slab->pobjects = (oldslab ? oldslab->pobjects : 0) + (w.objects - w.inuse);
	WRITE_ONCE(c->partial, slab);
}

struct slab *cpu_partial_pop_locked(struct kmem_cache_cpu *c)
{
	struct slab *slab = c->partial;

	cpu_slab_assert_held(c);
	if (slab)
		WRITE_ONCE(c->partial, slab->next);
	return slab;
}

void unfreeze_partials_locked(struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab **discard)
{
	struct kmem_cache_node *locked = NULL;
	struct slab *slab = c->partial;

	cpu_slab_assert_held(c);
	WRITE_ONCE(c->partial, NULL);
	while (slab) {
		struct kmem_cache_node *n = slab_node(s, slab);
		struct slab *next = slab->next;

		/* Slabs of several nodes may be on the list; one list_lock at a time. */
		if (n != locked) {
			if (locked)
				kmm_spin_unlock(&locked->list_lock);
			kmm_spin_lock(&n->list_lock);
			locked = n;
		}
		switch (unfreeze_slab_locked(s, n, slab, NULL, NULL, 0, PLACE_AT_TAIL, discard)) {
		case M_FREE:
			stat(s, DEACTIVATE_EMPTY);
			break;
		case M_PARTIAL:
			stat(s, FREE_ADD_PARTIAL);
			break;
		default:
			break;
		}
		slab = next;
	}
	if (locked)
		kmm_spin_unlock(&locked->list_lock);
}
