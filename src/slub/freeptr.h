/* SPDX-License-Identifier: MIT
 * freeptr.h - the link inside a free object, and which addresses are objects.
 *
 * Owns:   the word at object + s->offset while the object is free.
 * Rules:  only the thread that holds an object, or the whole list it is on, writes its link. freeptr_peek() may read an
 *         object that another thread was just given: the value is garbage then, and the compare-and-swap that would use it
 *         fails. The memory stays readable because the arena is never unmapped.
 * Source: get_freepointer(), set_freepointer(), mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_FREEPTR_H
#define KMM_SLUB_FREEPTR_H

#include "arena/arena.h"
#include "slub/slub_internal.h"

/* The next free object; @object is on a list that the caller owns. */
static inline void *freeptr_get(const struct kmem_cache *s, const void *object)
{
	return READ_ONCE(*(void *const *)(const void *)((const char *)object + s->offset));
}

/* As freeptr_get(), but @object may be in use by now. */
#if KMM_ARCH_TSAN
/* The race is the point (see Rules); it is hidden from ThreadSanitizer here and nowhere else. */
__attribute__((no_sanitize("thread"), __noinline__))
#endif
static maybe_unused void *
freeptr_peek(const struct kmem_cache *s, const void *object)
{
	return *(void *const volatile *)(const void *)((const char *)object + s->offset);
}

static inline void freeptr_set(const struct kmem_cache *s, void *object, void *next)
{
	WRITE_ONCE(*(void **)(void *)((char *)object + s->offset), next);
}

/* Objects of a slab: does not change while one of them is in use. */
static inline unsigned int slab_objects(const struct slab *slab)
{
	return (READ_ONCE(slab->counters) >> 16) & 0x7fff;
}

/* A chain longer than its slab has objects: an object was freed twice, or written to after its free. BUG. */
void report_freechain_corrupt(const struct kmem_cache *s, const struct slab *slab);

/* The last object of a list that the caller owns, and its length in *@nr. NULL for an empty list. */
static inline void *freelist_tail(const struct kmem_cache *s, const struct slab *slab, void *freelist, unsigned int *nr)
{
	const unsigned int objects = slab_objects(slab);
	void *tail = NULL;

	*nr = 0;
	for (void *object = freelist; object; object = freeptr_get(s, object)) {
		if (unlikely(*nr == objects)) {
			report_freechain_corrupt(s, slab);
			break;
		}
		tail = object;
		++*nr;
	}
	return tail;
}

static inline struct page *slab_page(const struct slab *slab)
{
	return (struct page *)slab;
}

static inline struct slab *page_slab(const struct page *page)
{
	return (struct slab *)page;
}

/* The slab that an address lies in; NULL: in none. */
static force_inline struct slab *virt_to_slab(const void *addr)
{
	struct page *page = arena_addr_to_head(addr);

	return likely(page && page_flag_test(page, PG_slab)) ? page_slab(page) : NULL;
}

static inline char *slab_address(const struct slab *slab)
{
	return arena_page_address((const struct page *)slab);
}

/*
 * Is @object the start of an object of @slab? A multiple of the size is told without a division: for 32-bit n and d,
 * d divides n exactly when n * ceil(2^64 / d), modulo 2^64, is below ceil(2^64 / d).
 */
static inline bool object_start_ok(const struct kmem_cache *s, const struct slab *slab, const void *object)
{
	uint64_t off = (uint64_t)((const char *)object - slab_address(slab));

	return off * s->size_inverse < s->size_inverse && off < (uint64_t)slab_objects(slab) * s->size;
}

/* Which object of @slab an address lies in, from 0 on. */
static inline unsigned long obj_to_index(const struct kmem_cache *s, const struct slab *slab, const void *object)
{
	return (unsigned long)((const char *)object - slab_address(slab)) / s->size;
}

#endif /* KMM_SLUB_FREEPTR_H */
