/* SPDX-License-Identifier: MIT
 * usercopy.c - may this much be copied from here, or to here? See kmm/usercopy.h.
 *
 * Locks:  none. The caller holds the object, so its slab, and what it says of its cache, stays.
 * Source: __check_object_size(), check_heap_object(), usercopy_abort(), mm/usercopy.c; __check_heap_object(), mm/slub.c,
 *         Linux 6.1.
 */
#include <kmm/usercopy.h>

#include "arena/arena.h"
#include "slub/freeptr.h"

/* @detail: which cache, or NULL. */
static noinline void usercopy_abort(const char *name, const char *detail, bool to_user, unsigned long offset,
				    unsigned long len)
{
	kmm_report(KMM_REPORT_BUG, "usercopy: Kernel memory %s attempt detected %s %s%s%s%s (offset %lu, size %lu)!\n",
		   to_user ? "exposure" : "overwrite", to_user ? "from" : "to", name, detail ? " '" : "",
		   detail ? detail : "", detail ? "'" : "", offset, len);
}

static void check_slab_object(const struct slab *slab, const void *ptr, unsigned long n, bool to_user)
{
	const struct kmem_cache *s = slab->slab_cache;
	const unsigned int in_slab = (unsigned int)((const char *)ptr - slab_address(slab));
	const unsigned int offset = in_slab % s->size;

	if (in_slab >= slab_objects(slab) * s->size)
		usercopy_abort("SLUB object not in SLUB page?!", NULL, to_user, 0, n);
	else if (offset < s->useroffset || offset - s->useroffset > s->usersize ||
		 n > s->useroffset + s->usersize - offset)
		usercopy_abort("SLUB object", s->name, to_user, offset, n);
}

static void check_compound_page(const struct page *page, const void *ptr, unsigned long n, bool to_user)
{
	const unsigned long offset = (unsigned long)((const char *)ptr - (char *)arena_page_address(page));

	if (n > (PAGE_SIZE << compound_order(page)) - offset)
		usercopy_abort("page alloc", NULL, to_user, offset, n);
}

KMM_API void check_object_size(const void *ptr, unsigned long n, bool to_user)
{
	const uintptr_t start = (uintptr_t)ptr;
	const struct page *page;

	if (!n)
		return;
	if (start + (n - 1) < start) {
		usercopy_abort("wrapped address", NULL, to_user, 0, start + n);
		return;
	}
	if (ZERO_OR_NULL_PTR(ptr)) {
		usercopy_abort("null address", NULL, to_user, start, n);
		return;
	}
	page = arena_addr_to_head(ptr);
	if (!page)
		return;
	if (page_flag_test(page, PG_slab))
		check_slab_object(page_slab(page), ptr, n, to_user);
	else if (compound_order(page))
		check_compound_page(page, ptr, n, to_user);
}
