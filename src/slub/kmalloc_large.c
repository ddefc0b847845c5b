/* SPDX-License-Identifier: MIT
 * kmalloc_large.c - memory by size from whole pages.
 *
 * Owns:   pages marked PG_large_kmalloc: compound where there are several, and counted as slabs that cannot be reclaimed.
 * Source: __kmalloc_large_node(), free_large_kmalloc(), mm/slab_common.c, Linux 6.1.
 */
#include "arena/arena.h"
#include "buddy/buddy.h"
#include "slub/kmalloc.h"
#include "slub/slab_pages.h"
#include "slub/slub_report.h"

KMM_API void *kmalloc_large_node(size_t size, gfp_t gfp, int node)
{
	unsigned int order;
	struct page *page;

	if (!size)
		return ZERO_SIZE_PTR;
	if (KMM_WARN_ONCE_AS("kmalloc", size > KMALLOC_MAX_SIZE && !(gfp & __GFP_NOWARN),
			     "size %zu: above KMALLOC_MAX_SIZE, no order holds it", size) ||
	    size > KMALLOC_MAX_SIZE)
		return NULL;
	if (unlikely(gfp & GFP_SLAB_BUG_MASK))
		gfp = kmalloc_fix_flags(gfp);
	order = get_order(size);
	page = alloc_pages_node(node, gfp | __GFP_COMP, order);
	if (!page)
		return NULL;
	page_flag_set(page, PG_large_kmalloc);
	buddy_mod_nr_slab(page, 1L << order, false);
	return arena_page_address(page);
}

KMM_API void *kmalloc_large(size_t size, gfp_t gfp)
{
	return kmalloc_large_node(size, gfp, NUMA_NO_NODE);
}

void free_large_kmalloc(struct page *page)
{
	unsigned int order = compound_order(page);

	page_flag_clear(page, PG_large_kmalloc);
	buddy_mod_nr_slab(page, -(1L << order), false);
	__free_pages(page, order);
}
