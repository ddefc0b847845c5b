/* SPDX-License-Identifier: MIT
 * kmalloc.c - memory by size from the class caches.
 *
 * Owns:   the table of size classes, kmalloc_caches.
 * Locks:  none. The table is written by the start, which publishes each cache when it is whole (boot.c).
 * Source: __do_kmalloc_node(), kmalloc_slab(), size_index[], mm/slab_common.c, Linux 6.1.
 */
#include "slub/kmalloc.h"

#include "base/boot.h"
#include "slub/alloc.h"

struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];

/* Up to 192 bytes the classes are not powers of two only: one entry for every 8 bytes. */
static const uint8_t size_index[192 / 8] = {
	3, 4, 5, 5, 6, 6, 6, 6, /* 8 to 64 */
	1, 1, 1, 1, 7, 7, 7, 7, /* 72 to 96: 96, to 128 */
	2, 2, 2, 2, 2, 2, 2, 2, /* 136 to 192 */
};

unsigned int kmalloc_slab_index(size_t size)
{
	if (size <= 192)
		return size_index[(size - 1) / 8];
	return (unsigned int)fls((unsigned int)(size - 1));
}

unsigned int kmalloc_class_size(unsigned int index)
{
	if (index == 1)
		return 96;
	if (index == 2)
		return 192;
	return index >= KMALLOC_SHIFT_LOW && index <= KMALLOC_SHIFT_HIGH ? 1u << index : 0;
}

/*
 * Memory that is not of kind KMALLOC_NORMAL, and the first of all: where there is no cache the library is started, or it has
 * ended. ACQUIRE pairs with the RELEASE in create_kmalloc_caches(): the other kinds are there before.
 */
static noinline void *kmalloc_special(unsigned int index, gfp_t gfp, int node)
{
	struct kmem_cache *s;

	if (!smp_load_acquire(&kmalloc_caches[KMALLOC_NORMAL][index]) &&
	    (kmm_boot_state() == KMM_DEAD || !kmm_boot_ensure()))
		return NULL;
	s = READ_ONCE(kmalloc_caches[kmalloc_type(gfp)][index]);
	return s ? cache_alloc_node(s, gfp, node) : NULL;
}

/* All that is read of the cache is read through its pointer, which every processor keeps in order behind the load;
 * ThreadSanitizer does not know, so it is told more. */
static force_inline void *kmalloc_from(unsigned int index, gfp_t gfp, int node)
{
	struct kmem_cache **class = &kmalloc_caches[KMALLOC_NORMAL][index];
	struct kmem_cache *s = KMM_ARCH_TSAN ? smp_load_acquire(class) : READ_ONCE(*class);

	if (unlikely(!s || (gfp & KMALLOC_NOT_NORMAL_BITS)))
		return kmalloc_special(index, gfp, node);
	return cache_alloc_node(s, gfp, node);
}

/* Everything that is not in a class: nothing, and too much. */
static noinline void *kmalloc_odd_size(size_t size, gfp_t gfp, int node)
{
	return size ? kmalloc_large_node(size, gfp, node) : ZERO_SIZE_PTR;
}

static force_inline void *kmalloc_any(size_t size, gfp_t gfp, int node)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_odd_size(size, gfp, node);
	return kmalloc_from(kmalloc_slab_index(size), gfp, node);
}

static force_inline void *kmalloc_many(size_t n, size_t size, gfp_t gfp, int node)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return NULL;
	return kmalloc_any(bytes, gfp, node);
}

KMM_API void *kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc_any(size, gfp, NUMA_NO_NODE);
}

KMM_API void *__kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc_any(size, gfp, NUMA_NO_NODE);
}

KMM_API void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc_any(size, gfp | __GFP_ZERO, NUMA_NO_NODE);
}

KMM_API void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_many(n, size, gfp, NUMA_NO_NODE);
}

KMM_API void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_many(n, size, gfp | __GFP_ZERO, NUMA_NO_NODE);
}

KMM_API void *kmm_kmalloc_class(unsigned int index, gfp_t gfp, size_t size)
{
	kmm_assert(size && index == kmalloc_slab_index(size));
	return kmalloc_from(index, gfp, NUMA_NO_NODE);
}

KMM_API void *__kmalloc_node(size_t size, gfp_t gfp, int node)
{
	return kmalloc_any(size, gfp, node);
}

KMM_API void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
	return __kmalloc_node(size, gfp, node);
}

KMM_API void *kzalloc_node(size_t size, gfp_t gfp, int node)
{
	return __kmalloc_node(size, gfp | __GFP_ZERO, node);
}

KMM_API void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
	return kmalloc_many(n, size, gfp, node);
}

KMM_API void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node)
{
	return kmalloc_array_node(n, size, gfp | __GFP_ZERO, node);
}

KMM_API void *kmm_kmalloc_class_node(unsigned int index, gfp_t gfp, int node, size_t size)
{
	kmm_assert(size && index == kmalloc_slab_index(size));
	return kmalloc_from(index, gfp, node);
}
