/* SPDX-License-Identifier: MIT
 * stats.c - /proc/slabinfo of this process.
 *
 * Locks:  slab_mutex while the table is put together (view.h), so that no cache comes or goes between two lines; list_lock
 *         while a node is counted.
 * Source: print_slabinfo_header(), cache_show(), mm/slab_common.c; get_slabinfo(), mm/slub.c, Linux 6.1.
 */
#include <stdio.h>

#include <kmm/stats.h>

#include "slub/counts.h"
#include "slub/view.h"

static void add_cache_line(struct view_text *text, const struct kmem_cache *s)
{
	struct node_counts all = { .slabs = 0 };
	struct kmem_cache_node *n;

	for_each_kmem_cache_node(s, nid, n) {
		const struct node_counts node = count_node(n);

		all.slabs += node.slabs;
		all.objects += node.objects;
		all.free += node.free;
	}
	view_add(text, "%-17s %6lu %6lu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu\n", s->name,
		 all.objects - all.free, all.objects, s->size, oo_objects(s->oo), 1U << oo_order(s->oo), 0U, 0U, 0U,
		 all.slabs, all.slabs, 0UL);
}

static int fill_slabinfo(struct view_text *text, void *arg)
{
	const struct kmem_cache *s;

	(void)arg;
	cds_list_for_each_entry(s, &slab_caches, list)
		add_cache_line(text, s);
	return 0;
}

KMM_API int kmm_slabinfo(FILE *file)
{
	struct view_text text;
	const int err = view_collect(&text, fill_slabinfo, NULL);

	if (err)
		return err;
	fputs("slabinfo - version: 2.1\n"
	      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
	      " : tunables <limit> <batchcount> <sharedfactor>"
	      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n",
	      file);
	return view_print(file, &text);
}
