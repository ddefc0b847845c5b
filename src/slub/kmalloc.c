/* SPDX-License-Identifier: MIT
 * kmalloc.c - memory by size: the class caches, and whole pages above them.
 *
 * Owns:   the table of size classes, kmalloc_caches, pages marked PG_large_kmalloc.
 * Source: __kmalloc(), kfree(), kmalloc_large(), __ksize(), krealloc(), mm/slab_common.c, Linux 6.1.
 */
#include "slub/kmalloc.h"

#include "arena/arena.h"
#include "base/boot.h"
#include "slub/alloc.h"
#include "slub/free.h"

struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];

/* Up to 192 bytes the classes are not powers of two only: one entry for every 8 bytes. */
static const uint8_t size_index[192 / 8] = {
	3, 4, 5, 5, 6, 6, 6, 6, /* 8 to 64 */
	1, 1, 1, 1, 7, 7, 7, 7, /* 72 to 96: 96, to 128 */
	2, 2, 2, 2, 2, 2, 2, 2, /* 136 to 192 */
};

unsigned int kmalloc_index(size_t size)
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

/* NULL before the start. All that is read of the cache is read through this pointer, which every processor keeps in order
 * behind the load; ThreadSanitizer does not know, so it is told more. */
static force_inline struct kmem_cache *kmalloc_class(size_t size)
{
	struct kmem_cache **class = &kmalloc_caches[KMALLOC_NORMAL][kmalloc_index(size)];

	return KMM_ARCH_TSAN ? smp_load_acquire(class) : READ_ONCE(*class);
}

/* The class caches do not exist: start the library and try again, or fail. */
static noinline void *kmalloc_cold(size_t size, gfp_t gfp)
{
	if (kmm_boot_state() != KMM_DEAD && kmm_boot_ensure()) {
		struct kmem_cache *s = kmalloc_class(size);

		if (s)
			return cache_alloc(s, gfp);
	}
	return NULL;
}

/* Everything that is not in a class: nothing, and too much. */
static noinline void *kmalloc_odd_size(size_t size, gfp_t gfp)
{
	return size ? kmalloc_large(size, gfp) : ZERO_SIZE_PTR;
}

static force_inline void *kmalloc_any(size_t size, gfp_t gfp)
{
	struct kmem_cache *s;

	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_odd_size(size, gfp);
	s = kmalloc_class(size);
	if (unlikely(!s))
		return kmalloc_cold(size, gfp);
	return cache_alloc(s, gfp);
}

KMM_API void *kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc_any(size, gfp);
}

KMM_API void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc_any(size, gfp | __GFP_ZERO);
}

KMM_API void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return NULL;
	return kmalloc_any(bytes, gfp);
}

KMM_API void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}

KMM_API void *kmalloc_large(size_t size, gfp_t gfp)
{
	struct page *page;

	if (KMM_WARN_ONCE(size > KMALLOC_MAX_SIZE && !(gfp & __GFP_NOWARN),
			  "size %zu: above KMALLOC_MAX_SIZE, no order holds it", size) ||
	    size > KMALLOC_MAX_SIZE)
		return NULL;
	if (!size)
		return ZERO_SIZE_PTR;
	page = alloc_pages(gfp | __GFP_COMP, get_order(size));
	if (!page)
		return NULL;
	page_flag_set(page, PG_large_kmalloc);
	return arena_page_address(page);
}

static void free_large_kmalloc(struct page *page)
{
	page_flag_clear(page, PG_large_kmalloc);
	__free_pages(page, compound_order(page));
}

static noinline void report_bad_pointer(const char *function, const void *p)
{
	/* After kmm_exit() every free is ignored. */
	if (kmm_boot_state() != KMM_DEAD)
		kmm_report(KMM_REPORT_WARN, "WARNING: %s: object pointer: %p: not the start of an allocation\n",
			   function, p);
}

KMM_API void kfree(const void *p)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(p)))
		return;
	page = arena_addr_to_page(p);
	if (likely(page != NULL)) {
		page = page_head(page);
		if (likely(page_flag_test(page, PG_slab))) {
			cache_free(page->slab_cache, page_slab(page), (void *)(uintptr_t)p);
			return;
		}
		if (page_flag_test(page, PG_large_kmalloc) && arena_page_address(page) == p) {
			free_large_kmalloc(page);
			return;
		}
	}
	report_bad_pointer("kfree", p);
}

KMM_API size_t ksize(const void *p)
{
	struct page *page;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	page = arena_addr_to_page(p);
	if (page) {
		page = page_head(page);
		/* All of a slot is usable, but a constructor's objects keep their link behind the object. */
		if (page_flag_test(page, PG_slab) && object_start_ok(page->slab_cache, page_slab(page), p))
			return page->slab_cache->ctor ? page->slab_cache->object_size : page->slab_cache->size;
		if (page_flag_test(page, PG_large_kmalloc) && arena_page_address(page) == p)
			return PAGE_SIZE << compound_order(page);
	}
	report_bad_pointer("ksize", p);
	return 0;
}

KMM_API void *krealloc(const void *p, size_t size, gfp_t gfp)
{
	size_t old_size;
	void *new;

	if (!size) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	old_size = ksize(p);
	if (!ZERO_OR_NULL_PTR(p)) {
		/* Not ours, and reported. */
		if (!old_size)
			return NULL;
		if (old_size >= size)
			return (void *)(uintptr_t)p;
	}
	new = kmalloc_any(size, gfp);
	if (new &&old_size) {
		memcpy(new, p, old_size);
		kfree(p);
	}
	return new;
}
