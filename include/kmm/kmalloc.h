/* SPDX-License-Identifier: MIT
 * kmm/kmalloc.h - memory by size.
 *
 * Owns:   kmalloc() and its family, ZERO_SIZE_PTR. In <kmm/kmalloc_class.h> the compiler looks up the cache of a size that
 *         it knows; in <kmm/kmalloc_obj.h> it finds the size of a type.
 * Source: include/linux/slab.h, Linux 6.1.
 */
#ifndef KMM_KMALLOC_H
#define KMM_KMALLOC_H

#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

/** What kmalloc(0) returns: not NULL, not readable, and a valid argument of kfree(). */
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((unsigned long)(uintptr_t)(x) <= (unsigned long)(uintptr_t)ZERO_SIZE_PTR)

/** Sizes, in bytes: the smallest and the largest object of a kmalloc cache, and the largest kmalloc() at all. */
#define KMALLOC_MIN_SIZE 8
#define KMALLOC_MAX_CACHE_SIZE 8192
#define KMALLOC_MAX_SIZE (4UL << 20)

/* As <kmm/api.h>'s KMM_MALLOC; and every address is a multiple of KMALLOC_MIN_SIZE, ZERO_SIZE_PTR too. */
#define KMM_KMALLOC KMM_MALLOC __attribute__((assume_aligned(8)))

/**
 * kmalloc - allocate @size bytes.
 * @size: bytes. 0 gives ZERO_SIZE_PTR.    @gfp: GFP_*; without __GFP_DIRECT_RECLAIM it never waits.
 *
 * Sizes up to KMALLOC_MAX_CACHE_SIZE come from the cache of the next size class, larger ones are whole pages. Memory is
 * aligned to 8 bytes, and to its size where that is a power of two. The caller owns it until kfree().
 *
 * Each class has several caches, so that memory of one kind shares no page with another. Of these flags the first decides:
 *         __GFP_DMA           dma-kmalloc-*, in zone DMA; means nothing where the option dma= made no such zone
 *         __GFP_RECLAIMABLE   kmalloc-rcl-*, in blocks of pages that can be freed: the caller has a way to give it up
 *         __GFP_ACCOUNT       kmalloc-cg-*; else kmalloc-*
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. The fast path takes no lock.
 * Return:  the memory, or NULL when it ran out (reported as by kmem_cache_alloc()) or @size is above KMALLOC_MAX_SIZE
 *          (reported once unless __GFP_NOWARN); errno is left alone.
 * Source:  kmalloc(), include/linux/slab.h; __kmalloc(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *kmalloc(size_t size, gfp_t gfp);

/**
 * kzalloc - kmalloc() of @size bytes that are all zero. @gfp, and a @size of 0: as for kmalloc().
 * Ownership, context and return: as kmalloc(). Source: kzalloc(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *kzalloc(size_t size, gfp_t gfp);

/**
 * kmalloc_array - kmalloc() of @n elements of @size bytes each. @gfp, and 0 bytes in all: as for kmalloc().
 * Ownership and context: as kmalloc(). Return: as kmalloc(); NULL also when @n * @size overflows.
 * Source:  kmalloc_array(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1, 2) void *kmalloc_array(size_t n, size_t size, gfp_t gfp);

/**
 * kcalloc - kmalloc_array() of memory that is all zero.
 * Ownership, context and return: as kmalloc_array(). Source: kcalloc(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1, 2) void *kcalloc(size_t n, size_t size, gfp_t gfp);

/**
 * kmalloc_node, kzalloc_node, kmalloc_array_node, kcalloc_node - the same four from a node, or from those nearest to it.
 * @size, @n, @gfp: as there. With __GFP_THISNODE: from no other node.      @node: a node, or NUMA_NO_NODE for the caller's.
 * Ownership, context and return: as there. A @node that does not exist or has no memory is ignored up to
 * KMALLOC_MAX_CACHE_SIZE; beyond it, see alloc_pages_node().
 * Source:  the same, include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *kmalloc_node(size_t size, gfp_t gfp, int node);
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *kzalloc_node(size_t size, gfp_t gfp, int node);
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1, 2) void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node);
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1, 2) void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node);

/**
 * __kmalloc, __kmalloc_node - kmalloc() and kmalloc_node() where the compiler does not know the size.
 * Callers use those: see <kmm/kmalloc_class.h>. Arguments, ownership, context and return: as there.
 * Source:  the same, mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *__kmalloc(size_t size, gfp_t gfp);
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *__kmalloc_node(size_t size, gfp_t gfp, int node);

/**
 * kmalloc_large - kmalloc() from whole pages, whatever the size.
 * @size: bytes, rounded up to a power of two of pages; the memory is aligned to that.    @gfp: as for kmalloc().
 * Ownership, context and return: as kmalloc(); kfree() takes it back. Its pages are counted as nr_slab_unreclaimable.
 * Source:  kmalloc_large(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *kmalloc_large(size_t size, gfp_t gfp);

/**
 * kmalloc_large_node - kmalloc_large() from a node, or from those nearest to it.
 * @size, @gfp: as there.      @node: as for alloc_pages_node().
 * Ownership, context and return: as kmalloc_large(). Source: kmalloc_large_node(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(1) void *kmalloc_large_node(size_t size, gfp_t gfp, int node);

/**
 * krealloc - change the size of an allocation, keeping its contents.
 * @p:    from kmalloc() and its family, or NULL: then it is kmalloc().
 * @size: new bytes; 0 frees @p and gives ZERO_SIZE_PTR, as kfree(@p) would.      @gfp: as for kmalloc(). With __GFP_ZERO the bytes beyond the
 *        old ksize() are zero.
 *
 * Context: as kmalloc().
 * Return:  the memory, the caller's until kfree(); if it moved, @p is freed. NULL when memory ran out, or for a @p that is
 *          not an allocation (reported), unless @size is 0: @p is then untouched.
 * Source:  krealloc(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK KMM_ALLOC_SIZE(2) void *krealloc(const void *p, size_t size, gfp_t gfp);

/**
 * krealloc_array - krealloc() to @n elements of @size bytes each. @p, @gfp, and 0 bytes in all: as for krealloc().
 * Context: as kmalloc(). Return: as krealloc(); NULL, and @p untouched, also when @n * @size overflows.
 * Source:  krealloc_array(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK KMM_ALLOC_SIZE(2, 3) void *krealloc_array(void *p, size_t n, size_t size, gfp_t gfp);

/**
 * kfree - give back what kmalloc(), its family or kmem_cache_alloc() returned.
 * @p: the memory. NULL and ZERO_SIZE_PTR, and what lies between them, are ignored; any other pointer that is not the
 *     start of an allocation is reported and left alone. For double frees see kmem_cache_free().
 *
 * Context: any thread, not a signal handler. The fast path takes no lock.
 * Source:  kfree(), mm/slab_common.c, Linux 6.1. Differs: the pointer is always checked.
 */
KMM_API void kfree(const void *p);

/**
 * kfree_bulk - kfree() of @nr pointers in one call.
 * @nr:    count of pointers, any.      @p: the pointers; the array is used for sorting, and holds nothing afterwards.
 *
 * Context: as kfree(). Source: kfree_bulk(), include/linux/slab.h, Linux 6.1. Differs: as kfree().
 */
KMM_API void kfree_bulk(size_t nr, void **p);

/**
 * kfree_sensitive - overwrite an allocation with zeros, and kfree() it.
 * @p: as for kfree(). All ksize() bytes of it are overwritten; what krealloc() left behind elsewhere is not.
 * Context: any thread, not a signal handler.
 * Source:  kfree_sensitive(), mm/slab_common.c, Linux 6.1. Differs: the pointer is always checked.
 */
KMM_API void kfree_sensitive(const void *p);

/**
 * ksize - bytes usable in an allocation, at least those asked for.
 * @p: the start of an allocation of kmalloc(), its family or kmem_cache_alloc(); NULL or ZERO_SIZE_PTR have 0 bytes. Any
 *     other pointer is reported and has 0 bytes too.
 *
 * The compiler may believe that there are only as many as were asked for: a caller who wants them all asks
 * kmalloc_size_roundup() first and allocates that.
 *
 * Context: any thread, not a signal handler; takes no lock.
 * Return:  bytes; all of them may be used.
 * Source:  ksize(), mm/slab_common.c, Linux 6.1.
 */
KMM_API size_t ksize(const void *p);

/**
 * kmalloc_size_roundup - the ksize() of a kmalloc() of @size bytes. @size: bytes, any.
 * Context: any, a signal handler too; does not start the library.
 * Return:  bytes; 0 for 0, and @size itself above KMALLOC_MAX_SIZE, where kmalloc() fails.
 * Source:  kmalloc_size_roundup(), mm/slab_common.c, Linux 6.6. Differs from 6.1 above KMALLOC_MAX_SIZE, where that wraps.
 */
KMM_API size_t kmalloc_size_roundup(size_t size);

KMM_END_DECLS

#include <kmm/kmalloc_class.h>
#include <kmm/kmalloc_obj.h>

#endif /* KMM_KMALLOC_H */
