/* SPDX-License-Identifier: MIT
 * kmm/slab.h - object caches and kmalloc.
 *
 * Owns:   struct kmem_cache (opaque), the SLAB_* flags (values of Linux 6.1) and the calls on both.
 * Source: include/linux/slab.h, Linux 6.1.
 */
#ifndef KMM_SLAB_H
#define KMM_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

typedef unsigned int slab_flags_t;

#define SLAB_HWCACHE_ALIGN 0x00002000u /* start objects on cache lines where that wastes little */
#define SLAB_PANIC 0x00040000u         /* report and abort when the cache cannot be created */

/** A named cache of objects of one size. */
struct kmem_cache;

/** What kmalloc(0) returns: not NULL, not readable, and a valid argument of kfree(). */
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((unsigned long)(uintptr_t)(x) <= (unsigned long)(uintptr_t)ZERO_SIZE_PTR)

/** Sizes, in bytes: the largest object of a kmalloc cache, and the largest kmalloc() at all. */
#define KMALLOC_MIN_SIZE 8
#define KMALLOC_MAX_CACHE_SIZE 8192
#define KMALLOC_MAX_SIZE (4UL << 20)

/**
 * kmem_cache_create - make a cache of objects of one size.
 * @name:  shown in reports and slabinfo; copied.     @size: bytes an object, at most KMALLOC_MAX_SIZE.
 * @align: bytes, a power of two up to a page, or 0 for the natural one.    @flags: SLAB_*.
 * @ctor:  run once on each object when its slab is made, not on every allocation; or NULL. It must not call the
 *         library. An object must be freed in the state that the constructor left.
 *
 * The caller owns the cache until kmem_cache_destroy().
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback.
 * Return:  the cache; NULL with a report naming the cause when an argument is bad or memory ran out. With SLAB_PANIC
 *          the process is aborted instead.
 * Source:  kmem_cache_create(), mm/slab_common.c, Linux 6.1. Differs: the arguments are always checked.
 */
KMM_API KMM_MUST_CHECK struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
							    slab_flags_t flags, void (*ctor)(void *object));

/** KMEM_CACHE - a cache for objects of type struct @type. */
#define KMEM_CACHE(type, flags) kmem_cache_create(#type, sizeof(struct type), __alignof__(struct type), (flags), NULL)

/**
 * kmem_cache_destroy - end a cache. NULL is ignored.
 * @cache: nobody is using it or will use it again.
 *
 * While objects live the cache stays, whole and usable, and the misuse is reported; after the objects are freed it
 * can be destroyed. Objects that other threads had in their hands at a fork() live for ever in the child.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback.
 * Source:  kmem_cache_destroy(), mm/slab_common.c, Linux 6.1. Differs: the second attempt works.
 */
KMM_API void kmem_cache_destroy(struct kmem_cache *cache);

/**
 * kmem_cache_alloc - take one object.
 * @cache: live cache.      @gfp: GFP_*; without __GFP_DIRECT_RECLAIM it never waits.
 *
 * The object holds what the constructor left, or zeros with __GFP_ZERO. The caller owns it until kmem_cache_free().
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. The fast path takes no lock.
 * Return:  the object, or NULL when memory ran out (reported unless __GFP_NOWARN, ten times in five seconds at most);
 *          errno is left alone.
 * Source:  kmem_cache_alloc(), mm/slub.c, Linux 6.1.
 */
KMM_API KMM_MALLOC void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);

/**
 * kmem_cache_zalloc - kmem_cache_alloc() with __GFP_ZERO: all bytes of the object are zero.
 * Not for a cache with a constructor, whose work would be lost: that is reported once.
 * Ownership, context and return: as kmem_cache_alloc().
 * Source:  kmem_cache_zalloc(), include/linux/slab.h, Linux 6.1.
 */
KMM_API KMM_MALLOC void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp);

/**
 * kmem_cache_free - give an object back.
 * @cache: the cache it came from.      @object: the object, or NULL, which is ignored.
 *
 * A pointer that is not the start of an object of @cache is reported and left alone. So is the last object freed to its
 * slab, freed again; any other double free corrupts the slab's list, as in the kernel without slub_debug.
 *
 * Context: any thread, not a signal handler. The fast path takes no lock.
 * Source:  kmem_cache_free(), mm/slub.c, Linux 6.1. Differs: the pointer is always checked.
 */
KMM_API void kmem_cache_free(struct kmem_cache *cache, void *object);

/**
 * kmem_cache_shrink - free the empty slabs of a cache, those the CPUs hold included.
 * @cache: live cache.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback. Safe beside allocation and free.
 * Return:  0 when no slab is left, 1 when some are; 0 after kmm_exit().
 * Source:  kmem_cache_shrink(), mm/slab_common.c, Linux 6.1.
 */
KMM_API int kmem_cache_shrink(struct kmem_cache *cache);

/**
 * kmem_cache_size - the size of an object.
 * @cache: live cache.
 * Context: any, a signal handler too; takes no lock.
 * Return:  bytes, as given to kmem_cache_create().
 * Source:  kmem_cache_size(), mm/slab_common.c, Linux 6.1.
 */
KMM_API unsigned int kmem_cache_size(struct kmem_cache *cache);

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
 * ksize - bytes usable in an allocation, at least those asked for.
 * @p: the start of an allocation of kmalloc(), its family or kmem_cache_alloc(); NULL or ZERO_SIZE_PTR have 0 bytes. Any
 *     other pointer is reported and has 0 bytes too.
 * Context: any thread, not a signal handler; takes no lock.
 * Return:  bytes; all of them may be used.
 * Source:  ksize(), mm/slab_common.c, Linux 6.1.
 */
KMM_API size_t ksize(const void *p);

/**
 * kstrdup - a copy of the string @s in kmalloc() memory.
 * The caller owns the copy until kfree(). Context: as kmalloc().
 * Return:  the copy; NULL when memory ran out or @s is NULL.
 * Source:  kstrdup(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC char *kstrdup(const char *s, gfp_t gfp);

/**
 * kstrndup - kstrdup() of at most @max bytes of @s, and a NUL behind them.
 * @s need not end in NUL within @max bytes. Ownership, context and return: as kstrdup().
 * Source:  kstrndup(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC char *kstrndup(const char *s, size_t max, gfp_t gfp);

/**
 * kmemdup - a copy of the @len bytes at @src in kmalloc() memory.
 * The caller owns the copy until kfree(). Context and return: as kmalloc().
 * Source:  kmemdup(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(2) void *kmemdup(const void *src, size_t len, gfp_t gfp);

KMM_END_DECLS

#endif /* KMM_SLAB_H */
