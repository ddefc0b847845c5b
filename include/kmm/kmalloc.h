/* SPDX-License-Identifier: MIT
 * kmm/kmalloc.h - memory by size.
 *
 * Owns:   kmalloc() and its family, ZERO_SIZE_PTR.
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

/** Sizes, in bytes: the largest object of a kmalloc cache, and the largest kmalloc() at all. */
#define KMALLOC_MIN_SIZE 8
#define KMALLOC_MAX_CACHE_SIZE 8192
#define KMALLOC_MAX_SIZE (4UL << 20)

/**
 * kmalloc - allocate @size bytes.
 * @size: bytes. 0 gives ZERO_SIZE_PTR.    @gfp: GFP_*; without __GFP_DIRECT_RECLAIM it never waits.
 *
 * Sizes up to KMALLOC_MAX_CACHE_SIZE come from the cache of the next size class, larger ones are whole pages. Memory is
 * aligned to 8 bytes, and to its size where that is a power of two. The caller owns it until kfree().
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. The fast path takes no lock.
 * Return:  the memory, or NULL when it ran out (reported as by kmem_cache_alloc()) or @size is above KMALLOC_MAX_SIZE
 *          (reported once unless __GFP_NOWARN); errno is left alone.
 * Source:  kmalloc(), include/linux/slab.h; __kmalloc(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(1) void *kmalloc(size_t size, gfp_t gfp);

/**
 * kzalloc - kmalloc() of @size bytes that are all zero. @gfp, and a @size of 0: as for kmalloc().
 * Ownership, context and return: as kmalloc(). Source: kzalloc(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(1) void *kzalloc(size_t size, gfp_t gfp);

/**
 * kmalloc_array - kmalloc() of @n elements of @size bytes each. @gfp, and 0 bytes in all: as for kmalloc().
 * Ownership and context: as kmalloc(). Return: as kmalloc(); NULL also when @n * @size overflows.
 * Source:  kmalloc_array(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(1, 2) void *kmalloc_array(size_t n, size_t size, gfp_t gfp);

/**
 * kcalloc - kmalloc_array() of memory that is all zero.
 * Ownership, context and return: as kmalloc_array(). Source: kcalloc(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(1, 2) void *kcalloc(size_t n, size_t size, gfp_t gfp);

/**
 * kmalloc_large - kmalloc() from whole pages, whatever the size.
 * @size: bytes, rounded up to a power of two of pages; the memory is aligned to that.    @gfp: as for kmalloc().
 * Ownership, context and return: as kmalloc(); kfree() takes it back.
 * Source:  kmalloc_large(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(1) void *kmalloc_large(size_t size, gfp_t gfp);

/**
 * krealloc - change the size of an allocation, keeping its contents.
 * @p:    from kmalloc() and its family, or NULL: then it is kmalloc().
 * @size: new bytes; 0 frees @p and gives ZERO_SIZE_PTR.      @gfp: as for kmalloc(). With __GFP_ZERO the bytes beyond the
 *        old ksize() are zero.
 *
 * Context: as kmalloc().
 * Return:  the memory, the caller's until kfree(); if it moved, @p is freed. NULL when memory ran out, or for a @p that is
 *          not an allocation (reported): @p is then untouched.
 * Source:  krealloc(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK KMM_ALLOC_SIZE(2) void *krealloc(const void *p, size_t size, gfp_t gfp);

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
 * ksize - bytes usable in an allocation, at least those asked for.
 * @p: the start of an allocation of kmalloc(), its family or kmem_cache_alloc(); NULL or ZERO_SIZE_PTR have 0 bytes. Any
 *     other pointer is reported and has 0 bytes too.
 * Context: any thread, not a signal handler; takes no lock.
 * Return:  bytes; all of them may be used.
 * Source:  ksize(), mm/slab_common.c, Linux 6.1.
 */
KMM_API size_t ksize(const void *p);

KMM_END_DECLS

#endif /* KMM_KMALLOC_H */
