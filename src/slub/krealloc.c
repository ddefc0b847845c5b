/* SPDX-License-Identifier: MIT
 * krealloc.c - how large an allocation is, and how it gets another size.
 *
 * Source: __ksize(), kmalloc_size_roundup(), krealloc(), mm/slab_common.c; slab_ksize(), mm/slab.h, Linux 6.1.
 */
#include <string.h>

#include "arena/arena.h"
#include "slub/freeptr.h"
#include "slub/kmalloc.h"

/* Bytes of an object that its owner may use. */
static size_t slab_ksize(const struct kmem_cache *s)
{
	/* What is behind those asked for is checked. */
	if (s->flags & (SLAB_RED_ZONE | SLAB_POISON))
		return s->object_size;
	/* Behind the object are the link to the next free one or the names of its owners. */
	if (s->offset >= s->inuse || (s->flags & SLAB_STORE_USER))
		return s->inuse;
	return s->size;
}

size_t ksize_as(const void *p, const char *function)
{
	struct page *page;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	page = arena_addr_to_head(p);
	if (page) {
		if (page_flag_test(page, PG_slab) && object_start_ok(page->slab_cache, page_slab(page), p))
			return slab_ksize(page->slab_cache);
		if (page_flag_test(page, PG_large_kmalloc) && arena_page_address(page) == p)
			return PAGE_SIZE << compound_order(page);
	}
	report_bad_pointer(function, p);
	return 0;
}

KMM_API size_t ksize(const void *p)
{
	return ksize_as(p, "ksize");
}

KMM_API size_t kmalloc_size_roundup(size_t size)
{
	if (!size || size > KMALLOC_MAX_SIZE)
		return size;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return PAGE_SIZE << get_order(size);
	return kmalloc_class_size(kmalloc_slab_index(size));
}

static void *krealloc_as(const void *p, size_t size, gfp_t gfp, const char *function)
{
	size_t old_size = ksize_as(p, function);
	void *new;

	/* Not ours, and reported. */
	if (!old_size && !ZERO_OR_NULL_PTR(p))
		return size ? NULL : ZERO_SIZE_PTR;
	if (!size) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	if (old_size >= size)
		return (void *)(uintptr_t)p;
	new = kmalloc(size, gfp);
	if (new &&old_size) {
		memcpy(new, p, old_size);
		kfree(p);
	}
	return new;
}

KMM_API void *krealloc(const void *p, size_t size, gfp_t gfp)
{
	return krealloc_as(p, size, gfp, "krealloc");
}

KMM_API void *krealloc_array(void *p, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return NULL;
	return krealloc_as(p, bytes, gfp, "krealloc_array");
}
