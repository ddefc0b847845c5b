/* SPDX-License-Identifier: MIT
 * slub_report.c - what is said when memory runs out, or is asked for in a way that cannot be. See slub_report.h.
 */
#include "slub/slub_report.h"

#include "base/rate.h"
#include "slub/slab_pages.h"

static struct kmm_rate slub_oom_rate = { .burst = 10, .seconds = 5 };

void slub_oom_rate_reset(void)
{
	rate_reset(&slub_oom_rate);
}

noinline void slab_out_of_memory(const struct kmem_cache *s, gfp_t gfp, int node)
{
	unsigned int missed;

	if ((gfp & __GFP_NOWARN) || !rate_allows(&slub_oom_rate, &missed))
		return;
	if (missed)
		kmm_report(KMM_REPORT_ERR, "slab_out_of_memory: %u callbacks suppressed\n", missed);
	kmm_report(KMM_REPORT_ERR,
		   "SLUB: Unable to allocate memory on node %d, gfp=%#x\n"
		   "  cache: %s, object size: %u, buffer size: %u, default order: %u, min order: %u\n",
		   node, gfp, s->name, s->object_size, s->size, oo_order(s->oo), oo_order(s->min));
}

noinline gfp_t kmalloc_fix_flags(gfp_t flags)
{
	const gfp_t invalid = flags & GFP_SLAB_BUG_MASK;

	flags &= ~GFP_SLAB_BUG_MASK;
	kmm_report(KMM_REPORT_WARN, "Unexpected gfp: %#x. Fixing up to gfp: %#x. Fix your code!\n", invalid, flags);
	return flags;
}
