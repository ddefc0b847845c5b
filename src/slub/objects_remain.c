/* SPDX-License-Identifier: MIT
 * objects_remain.c - what is said when a cache is to be destroyed and still has objects: which ones.
 *
 * Rules:  only slabs on node lists are looked at: on no list are slabs that are full, and they are only counted. No other lock
 *         is held.
 * Locks:  list_lock: slabs stay on the list, and of the free objects of each only the newest change.
 * Source: list_slab_objects(), free_partial(), mm/slub.c; kmem_cache_destroy(), mm/slab_common.c, Linux 6.1.
 */
#include "base/bitmap.h"
#include "slub/cache.h"
#include "slub/slab_word.h"
#include "slub/symbol.h"
#include "slub/view.h"

/* Objects that are shown. */
#define REMAIN_MAX 10
/* The longest line of one. */
#define REMAIN_LINE_MAX 64

/* Marks the free objects of @slab in @free, which has a bit for each object. */
static void mark_free(const struct kmem_cache *s, const struct slab *slab, struct slab_word w, unsigned long *free)
{
	const void *object = w.freelist;

	bitmap_clear(free, 0, w.objects);
	for (unsigned int i = 0; i < w.objects && object && object_start_ok(s, slab, object); i++) {
		bitmap_set(free, obj_to_index(s, slab, object), 1);
		object = freeptr_get(s, object);
	}
}

/* *@nr: objects in @text. */
static void list_slab_objects(const struct kmem_cache *s, const struct slab *slab, struct view_text *text,
			      unsigned int *nr)
{
	unsigned long free[(MAX_OBJS_PER_PAGE + 1) / (8 * sizeof(unsigned long))];
	const struct slab_word w = slab_word_read(slab);

	mark_free(s, slab, w, free);
	for (unsigned int i = 0; i < w.objects && *nr < REMAIN_MAX; i++) {
		if (bitmap_test(free, i))
			continue;
		++*nr;
		view_add(text, "Object %p @offset=%lu\n", (const void *)(slab_address(slab) + (size_t)i * s->size),
			 (unsigned long)i * s->size);
	}
}

static void list_objects(struct kmem_cache *s, struct view_text *text)
{
	struct kmem_cache_node *n;
	const struct slab *slab;
	unsigned int nr = 0;

	for_each_kmem_cache_node(s, nid, n) {
		kmm_spin_lock(&n->list_lock);
		cds_list_for_each_entry(slab, &n->partial, slab_list) {
			if (nr == REMAIN_MAX)
				break;
			list_slab_objects(s, slab, text, &nr);
		}
		kmm_spin_unlock(&n->list_lock);
	}
}

noinline void report_objects_remain(struct kmem_cache *s, unsigned long nr_slabs, const void *caller)
{
	char buf[REMAIN_MAX * REMAIN_LINE_MAX] = "";
	struct view_text text = { .buf = buf, .size = sizeof(buf) };
	char where[SYMBOL_TEXT_MAX];

	list_objects(s, &text);
	symbol_text(where, sizeof(where), caller);
	kmm_report(KMM_REPORT_WARN,
		   "=============================================================================\n"
		   "BUG %s (Not tainted): Objects remaining in %s on __kmem_cache_shutdown(), slabs=%lu\n"
		   "-----------------------------------------------------------------------------\n"
		   "%s"
		   "kmem_cache_destroy %s: Slab cache still has objects when called from %s\n",
		   s->name, s->name, nr_slabs, buf, s->name, where);
}
