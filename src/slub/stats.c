/* SPDX-License-Identifier: MIT
 * stats.c - /proc/slabinfo of this process.
 *
 * Locks:  slab_mutex to find a cache and list_lock to count it; both are released before anything is written, because a
 *         FILE may call its owner back.
 * Source: print_slabinfo_header(), cache_show(), mm/slab_common.c; get_slabinfo(), mm/slub.c, Linux 6.1.
 */
#include <errno.h>
#include <stdio.h>

#include <kmm/stats.h>

#include "base/boot.h"
#include "slub/slab_word.h"

/* A line of the table. Longer names are cut, as no reader expects them. */
#define SLABINFO_LINE 256

static unsigned long count_free_on_node(struct kmem_cache_node *n)
{
	unsigned long nr_free = 0;
	struct slab *slab;

	kmm_lock(&n->list_lock);
	cds_list_for_each_entry(slab, &n->partial, slab_list) {
		struct slab_word w = slab_word_read(slab);

		nr_free += w.objects - w.inuse;
	}
	kmm_unlock(&n->list_lock);
	return nr_free;
}

static void cache_line(char *line, struct kmem_cache *s)
{
	unsigned long nr_free = 0, nr_slabs = 0, nr_objs = 0;
	struct kmem_cache_node *n;

	for_each_kmem_cache_node(s, nid, n)
	{
		nr_free += count_free_on_node(n);
		nr_slabs += READ_ONCE(n->nr_slabs);
		nr_objs += READ_ONCE(n->total_objects);
	}
	/* The counts are taken one after another while others allocate and free. */
	nr_free = min_of(nr_free, nr_objs);
	snprintf(line, SLABINFO_LINE,
		 "%-17.128s %6lu %6lu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu\n", s->name,
		 nr_objs - nr_free, nr_objs, s->size, oo_objects(s->oo), 1U << oo_order(s->oo), 0U, 0U, 0U, nr_slabs,
		 nr_slabs, 0UL);
}

/* The line of cache number @index in the registry; false when there are no more. */
static bool cache_line_at(char *line, unsigned int index)
{
	struct kmem_cache *s;
	bool found = false;

	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list) {
		if (index-- == 0) {
			cache_line(line, s);
			found = true;
			break;
		}
	}
	kmm_unlock(&slab_mutex);
	return found;
}

KMM_API int kmm_slabinfo(FILE *file)
{
	char line[SLABINFO_LINE];

	fputs("slabinfo - version: 2.1\n"
	      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
	      " : tunables <limit> <batchcount> <sharedfactor>"
	      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n",
	      file);
	if (kmm_boot_ensure()) {
		for (unsigned int i = 0; cache_line_at(line, i); i++)
			fputs(line, file);
	}
	return ferror(file) ? -EIO : 0;
}
