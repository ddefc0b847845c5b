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
	if (drain && oldslab && oldslab->pobjects > s->cpu_partial) {
		unfreeze_partials_locked(s, c, discard);
		oldslab = NULL;
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
	struct kmem_cache_node *n = get_node(s, 0);
	struct slab *slab = c->partial;

	cpu_slab_assert_held(c);
	if (!slab)
		return;
	WRITE_ONCE(c->partial, NULL);

	kmm_lock(&n->list_lock);
	while (slab) {
		struct slab *next = slab->next;

		unfreeze_slab_locked(s, n, slab, NULL, NULL, 0, DEACTIVATE_TO_TAIL, discard);
		slab = next;
	}
	kmm_unlock(&n->list_lock);
}
