/* SPDX-License-Identifier: MIT
 * slub_report.h - what is said when memory runs out, or is asked for in a way that cannot be.
 *
 * Source: slab_out_of_memory(), mm/slub.c; kmalloc_fix_flags(), mm/slab_common.c, Linux 6.1.
 */
#ifndef KMM_SLUB_SLUB_REPORT_H
#define KMM_SLUB_SLUB_REPORT_H

#include "slub/slub_internal.h"

/* No page for a slab of @s: says so, ten times in five seconds at most and not with __GFP_NOWARN. */
void slab_out_of_memory(const struct kmem_cache *s, gfp_t gfp, int node);

/* Forgets how many of these reports were shown; at the start. */
void slub_oom_rate_reset(void);

/* @flags ask for pages that no slab is made of: says so, and returns what is left of them. */
gfp_t kmalloc_fix_flags(gfp_t flags);

#endif /* KMM_SLUB_SLUB_REPORT_H */
