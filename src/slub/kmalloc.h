/* SPDX-License-Identifier: MIT
 * kmalloc.h - the size classes behind kmalloc(), and its parts.
 *
 * Source: kmalloc_info[], kmalloc_type(), kmalloc_slab(), create_kmalloc_caches(), mm/slab_common.c, Linux 6.1.
 */
#ifndef KMM_SLUB_KMALLOC_H
#define KMM_SLUB_KMALLOC_H

#include "slub/slub_internal.h"

#define KMALLOC_SHIFT_LOW 3
#define KMALLOC_SHIFT_HIGH 13

enum kmalloc_cache_type {
	KMALLOC_NORMAL,
	KMALLOC_CGROUP,
	KMALLOC_RECLAIM,
	KMALLOC_DMA,
	NR_KMALLOC_TYPES,
};

/* By kind, and by index: 1 is 96 bytes, 2 is 192, any other i is 2^i. NULL before the start, and for KMALLOC_DMA where there
 * is no zone DMA. Those of KMALLOC_NORMAL are entered last: who sees one of them (ACQUIRE) sees all that there will be of the
 * same size. */
extern struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];

/* Memory without any of these flags is of kind KMALLOC_NORMAL. */
#define KMALLOC_NOT_NORMAL_BITS (__GFP_DMA | __GFP_RECLAIMABLE | __GFP_ACCOUNT)

/* The kind of memory that @gfp asks for. The library has been started. */
static inline enum kmalloc_cache_type kmalloc_type(gfp_t gfp)
{
	if (likely(!(gfp & KMALLOC_NOT_NORMAL_BITS)))
		return KMALLOC_NORMAL;
	if ((gfp & __GFP_DMA) && READ_ONCE(kmalloc_caches[KMALLOC_DMA][KMALLOC_SHIFT_LOW]))
		return KMALLOC_DMA;
	if (gfp & __GFP_RECLAIMABLE)
		return KMALLOC_RECLAIM;
	return gfp & __GFP_ACCOUNT ? KMALLOC_CGROUP : KMALLOC_NORMAL;
}

/* The index of the class for @size bytes, 1 to KMALLOC_MAX_CACHE_SIZE: kmalloc_index() for a size known at run time. */
unsigned int kmalloc_slab_index(size_t size);

/* Bytes of class @index; 0 for an index that is no class. */
unsigned int kmalloc_class_size(unsigned int index);

/* kmalloc_large.c: a block of kmalloc_large(), whose first page it is. */
void free_large_kmalloc(struct page *page);

/* krealloc.c: ksize() for the public function of that name; 0 for nothing, and, reported, for what is not an allocation. */
size_t ksize_as(const void *p, const char *function);

/* kfree.c: @p, given to the public function of that name, is not the start of an allocation. */
void report_bad_pointer(const char *function, const void *p);

#endif /* KMM_SLUB_KMALLOC_H */
