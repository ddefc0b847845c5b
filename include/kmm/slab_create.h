/* SPDX-License-Identifier: MIT
 * kmm/slab_create.h - how a cache is made: its flags, its arguments, and every form of kmem_cache_create().
 *
 * Owns:   the SLAB_* flags (values of Linux 6.1; SLAB_NO_MERGE of 6.5), struct kmem_cache_args.
 * Source: include/linux/slab.h, Linux 6.1; struct kmem_cache_args and the call with four arguments, Linux 6.12.
 */
#ifndef KMM_SLAB_CREATE_H
#define KMM_SLAB_CREATE_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

typedef unsigned int slab_flags_t;

/* How the objects lie, and what their memory is. */
#define SLAB_HWCACHE_ALIGN 0x00002000u   /* start objects on cache lines where that wastes little */
#define SLAB_CACHE_DMA 0x00004000u       /* slabs of zone DMA, where there is one */
#define SLAB_CACHE_DMA32 0x00008000u     /* accepted: there is no zone DMA32 */
#define SLAB_RECLAIM_ACCOUNT 0x00020000u /* a shrinker can free the objects: RECLAIMABLE pageblocks, counted as such */
#define SLAB_TEMPORARY SLAB_RECLAIM_ACCOUNT /* objects live for a short time: by the same means */
#define SLAB_TYPESAFE_BY_RCU \
	0x00080000u                 /* memory of a freed object stays one of its type until a grace period is over */
#define SLAB_MEM_SPREAD 0x00100000u /* accepted: SLUB never spread slabs over nodes by itself */
#define SLAB_ACCOUNT 0x04000000u    /* accepted: there are no groups to account to; not merged with what has it not */

/* How the cache is made. */
#define SLAB_PANIC 0x00040000u         /* report and abort when the cache cannot be created */
#define SLAB_NO_MERGE 0x01000000u      /* a cache of its own: see kmem_cache_create() */
#define SLAB_NO_USER_FLAGS 0x10000000u /* accepted: there are no debug options that could add to its flags */
#define SLAB_NOLEAKTRACE 0x00800000u   /* accepted: there is no leak detector; never merged */
#define SLAB_FAILSLAB 0x02000000u      /* accepted: no failures are injected; never merged */

/* Checks of objects. Accepted: no checks yet, so they change nothing, as in a kernel without CONFIG_SLUB_DEBUG. */
#define SLAB_CONSISTENCY_CHECKS 0x00000100u /* every object is checked when it comes and goes */
#define SLAB_RED_ZONE 0x00000400u           /* bytes around an object that nobody may write */
#define SLAB_POISON 0x00000800u             /* free objects are filled with a pattern */
#define SLAB_STORE_USER 0x00010000u         /* who took and who freed an object last */
#define SLAB_TRACE 0x00200000u              /* every object is reported when it comes and goes */

/* Flags of tools that do not exist here: nothing, as in a kernel that is built without them. */
#define SLAB_DEBUG_OBJECTS 0u
#define SLAB_KASAN 0u
#define SLAB_SKIP_KFENCE 0u

/** A named cache of objects of one size. */
struct kmem_cache;

/**
 * struct kmem_cache_args - what a cache may be told beside its name, the size of its objects, and flags. Zeros: the usual.
 * @align:              bytes, a power of two up to a page; 0: the natural one of a word.
 * @useroffset:         bytes from the start of an object to the part of it that check_object_size() lets through.
 * @usersize:           bytes of that part; 0: nothing of an object.
 * @freeptr_offset:     with @use_freeptr_offset, bytes from the start of an object to the word that links it while it is
 *                      free. Readers under RCU may look at such an object: the rest of it stays as it was. A multiple of
 *                      the size of a pointer, inside the object. Only for SLAB_TYPESAFE_BY_RCU.
 * @use_freeptr_offset: without it, the link of such a cache lies behind the object, which is a word larger then. A
 *                      constructor puts it there in any case.
 * @ctor:               see kmem_cache_create().
 * @sheaf_capacity:     accepted: there are no sheaves of objects yet.
 */
struct kmem_cache_args {
	unsigned int align;
	unsigned int useroffset;
	unsigned int usersize;
	unsigned int freeptr_offset;
	bool use_freeptr_offset;
	void (*ctor)(void *object);
	unsigned int sheaf_capacity;
};

/**
 * kmem_cache_create - make a cache of objects of one size.
 * @name:  shown in reports and slabinfo; copied.     @size: bytes an object, at most KMALLOC_MAX_SIZE.
 * @align: bytes, a power of two up to a page, or 0 for the natural one.    @flags: SLAB_*.
 * @ctor:  run once on each object when its slab is made, not on every allocation; or NULL. It must not call the
 *         library. An object must be freed in the state that the constructor left.
 *
 * It has a second form, by the type of the third argument: kmem_cache_create(@name, @size, @args, @flags) with a pointer to
 * struct kmem_cache_args, or NULL for the usual. In C that is a macro, in C++ an overload; the function is the first form.
 *
 * The caller owns the cache until kmem_cache_destroy().
 *
 * Caches of the same size, alignment and kind of memory are merged: they are one, under the first one's name, and share
 * slabs and figures. Never merged: a cache with a constructor, a part for check_object_size(), SLAB_TYPESAFE_BY_RCU,
 * SLAB_NO_MERGE, SLAB_NOLEAKTRACE or SLAB_FAILSLAB. The option slab_nomerge stops it for all.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback.
 * Return:  the cache; NULL with a report naming the cause when an argument is bad or memory ran out. With SLAB_PANIC
 *          the process is aborted instead. A name that is in use, or has blanks, is reported and taken.
 * Source:  kmem_cache_create(), mm/slab_common.c, Linux 6.1; 6.12 for the second form and names in use. Differs: the
 *          arguments are always checked.
 */
KMM_API KMM_MUST_CHECK struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
							    slab_flags_t flags, void (*ctor)(void *object));

/**
 * kmem_cache_create_usercopy - kmem_cache_create() for objects of which a part may be copied to and from outside.
 * @useroffset: bytes from the start of an object to that part.      @usersize: its bytes.
 *
 * What that means is said at check_object_size(). A part that does not lie in the object is reported, and is none.
 * Other arguments, ownership, context and return: as kmem_cache_create().
 * Source:  kmem_cache_create_usercopy(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
								     unsigned int align, slab_flags_t flags,
								     unsigned int useroffset, unsigned int usersize,
								     void (*ctor)(void *object));

/**
 * __kmem_cache_create_args - the second form of kmem_cache_create(), as a function.
 * @args: what is said at struct kmem_cache_args; NULL: the usual. Not used after the call.
 * Other arguments, ownership, context and return: as kmem_cache_create().
 * Source:  __kmem_cache_create_args(), mm/slab_common.c, Linux 6.12.
 */
KMM_API KMM_MUST_CHECK struct kmem_cache *
__kmem_cache_create_args(const char *name, unsigned int size, const struct kmem_cache_args *args, slab_flags_t flags);

KMM_END_DECLS

#ifdef __cplusplus
KMM_MUST_CHECK inline struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
							   const struct kmem_cache_args *args, slab_flags_t flags)
{
	return __kmem_cache_create_args(name, size, args, flags);
}
#else
#define kmem_cache_create(name, size, align_or_args, ...) \
	_Generic((align_or_args),                                                   \
		struct kmem_cache_args *: __kmem_cache_create_args,                 \
		const struct kmem_cache_args *: __kmem_cache_create_args,           \
		void *: __kmem_cache_create_args,                                   \
		default: kmem_cache_create)(name, size, align_or_args, __VA_ARGS__)
#endif

/** KMEM_CACHE - a cache for objects of type struct @type. */
#define KMEM_CACHE(type, flags) kmem_cache_create(#type, sizeof(struct type), __alignof__(struct type), (flags), NULL)

/** KMEM_CACHE_USERCOPY - the same, and @field of an object may be copied: see kmem_cache_create_usercopy(). */
#define KMEM_CACHE_USERCOPY(type, flags, field)                                                   \
	kmem_cache_create_usercopy(#type, sizeof(struct type), __alignof__(struct type), (flags), \
				   offsetof(struct type, field), sizeof(((struct type *)0)->field), NULL)

#endif /* KMM_SLAB_CREATE_H */
