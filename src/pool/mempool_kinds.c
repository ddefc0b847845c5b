/* SPDX-License-Identifier: MIT
 * mempool_kinds.c - what the elements of most pools are: objects of a cache, memory of one size, pages.
 *
 * Owns:   nothing. A pool's data is the cache; the size in bytes; the order.
 * Source: mm/mempool.c, Linux 6.1.
 */
#include <kmm/mempool.h>
#include <kmm/mm.h>
#include <kmm/slab.h>

void *mempool_alloc_slab(gfp_t gfp_mask, void *pool_data)
{
	return kmem_cache_alloc(pool_data, gfp_mask);
}

void mempool_free_slab(void *element, void *pool_data)
{
	kmem_cache_free(pool_data, element);
}

void *mempool_kmalloc(gfp_t gfp_mask, void *pool_data)
{
	return kmalloc((size_t)pool_data, gfp_mask);
}

void mempool_kfree(void *element, void *pool_data)
{
	(void)pool_data;
	kfree(element);
}

static unsigned int order_of(const void *pool_data)
{
	return (unsigned int)(unsigned long)pool_data;
}

void *mempool_alloc_pages(gfp_t gfp_mask, void *pool_data)
{
	return alloc_pages(gfp_mask, order_of(pool_data));
}

void mempool_free_pages(void *element, void *pool_data)
{
	__free_pages(element, order_of(pool_data));
}
