/* SPDX-License-Identifier: MIT
 * slub_report.c - what is said when memory runs out, or is asked for in a way that cannot be. See slub_report.h.
 */
#include "slub/slub_report.h"

#include "base/rate.h"
#include "slub/counts.h"
#include "slub/slab_pages.h"
#include "slub/view.h"

/* The longest line of a node: all numbers of 20 digits. */
#define NODE_LINE_MAX 100

static struct kmm_rate slub_oom_rate = { .burst = 10, .seconds = 5 };

void slub_oom_rate_reset(void)
{
	rate_reset(&slub_oom_rate);
}

static void report_nodes(const struct kmem_cache *s)
{
	char buf[KMM_MAX_NUMNODES * NODE_LINE_MAX];
	struct view_text text = { .buf = buf, .size = sizeof(buf) };
	struct kmem_cache_node *n;

	for_each_kmem_cache_node(s, nid, n) {
		const struct node_counts counts = count_node(n);

		view_add(&text, "  node %u: slabs: %lu, objs: %lu, free: %lu\n", nid, counts.slabs, counts.objects,
			 counts.free);
	}
	kmm_report(KMM_REPORT_ERR, "%s", text.buf);
}

noinline void slab_out_of_memory(const struct kmem_cache *s, gfp_t gfp, int node)
{
	char names[GFP_NAMES_MAX];
	unsigned int missed;

	if ((gfp & __GFP_NOWARN) || !rate_allows(&slub_oom_rate, &missed))
		return;
	if (missed)
		kmm_report(KMM_REPORT_ERR, "slab_out_of_memory: %u callbacks suppressed\n", missed);
	kmm_report(KMM_REPORT_ERR,
		   "SLUB: Unable to allocate memory on node %d, gfp=%#x(%s)\n"
		   "  cache: %s, object size: %u, buffer size: %u, default order: %u, min order: %u\n",
		   node, gfp, gfp_names(names, sizeof(names), gfp), s->name, s->object_size, s->size, oo_order(s->oo),
		   oo_order(s->min));
	/* What the checks of a debugged cache add to an object. */
	if (oo_order(s->min) > get_order(s->object_size))
		kmm_report(KMM_REPORT_ERR, "  %s debugging increased min order, use slub_debug=O to disable.\n",
			   s->name);
	report_nodes(s);
}

noinline gfp_t kmalloc_fix_flags(gfp_t flags)
{
	const gfp_t invalid = flags & GFP_SLAB_BUG_MASK;
	char bad[GFP_NAMES_MAX], good[GFP_NAMES_MAX];

	flags &= ~GFP_SLAB_BUG_MASK;
	kmm_report(KMM_REPORT_WARN, "Unexpected gfp: %#x (%s). Fixing up to gfp: %#x (%s). Fix your code!\n", invalid,
		   gfp_names(bad, sizeof(bad), invalid), flags, gfp_names(good, sizeof(good), flags));
	return flags;
}
