/* SPDX-License-Identifier: MIT
 * kfree.c - giving memory back by its address alone.
 *
 * Owns:   the decision what an address is: an object of some cache, a block of kmalloc_large(), or nothing of ours, which
 *         is reported under the name of the function that was called, and left alone.
 * Source: kfree(), kfree_sensitive(), mm/slab_common.c; kfree_const(), mm/util.c, Linux 6.1.
 */
#include <string.h>

#include <kmm/string.h>

#include "arena/arena.h"
#include "base/boot.h"
#include "slub/free.h"
#include "slub/kmalloc.h"
#include "slub/rodata.h"

noinline void report_bad_pointer(const char *function, const void *p)
{
	/* After kmm_exit() every free is ignored. */
	if (kmm_boot_state() != KMM_DEAD)
		kmm_report(KMM_REPORT_WARN, "WARNING: %s: object pointer: %p: not the start of an allocation\n",
			   function, p);
}

static force_inline void kfree_as(const void *p, const char *function)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(p)))
		return;
	page = arena_addr_to_head(p);
	if (likely(page != NULL)) {
		if (likely(page_flag_test(page, PG_slab))) {
			cache_free(page->slab_cache, page_slab(page), (void *)(uintptr_t)p);
			return;
		}
		if (page_flag_test(page, PG_large_kmalloc) && arena_page_address(page) == p) {
			free_large_kmalloc(page);
			return;
		}
	}
	report_bad_pointer(function, p);
}

KMM_API void kfree(const void *p)
{
	kfree_as(p, "kfree");
}

KMM_API void kfree_const(const void *p)
{
	if (!is_program_rodata(p))
		kfree_as(p, "kfree_const");
}

KMM_API void kfree_sensitive(const void *p)
{
	void *object = (void *)(uintptr_t)p;
	size_t size = ksize_as(p, "kfree_sensitive");

	if (!size)
		return;
	memset(object, 0, size);
	/* Memory that is freed is read by nobody, as the compiler knows. */
	__asm__ __volatile__("" : : "r"(object) : "memory");
	kfree(object);
}
