/* SPDX-License-Identifier: MIT
 * object_report.c - what is said about an object that is not what its caller thinks.
 *
 * Rules:  the misuse was refused before the report, so nothing is damaged: these are warnings. No lock is held.
 * Source: slab_err(), slab_bug(), print_slab_info(), mm/slub.c, Linux 6.1 (the shape of the text).
 */
#include "slub/free.h"

#include "base/boot.h"

static void slab_err(const struct kmem_cache *s, const struct slab *slab, const char *what, const void *object)
{
	struct slab_word w = slab_word_read(slab);

	/* After kmm_exit() every free is ignored. */
	if (kmm_boot_state() == KMM_DEAD)
		return;
	kmm_report(KMM_REPORT_WARN,
		   "=============================================================================\n"
		   "BUG %s (Not tainted): %s %p\n"
		   "-----------------------------------------------------------------------------\n\n"
		   "Slab %p objects=%u used=%u fp=%p flags=%#lx\n",
		   s->name, what, object, (const void *)slab, w.objects, w.inuse, w.freelist, slab->page_flags);
}

noinline void report_invalid_object(const struct kmem_cache *s, const struct slab *slab, const void *object)
{
	slab_err(s, slab, "Invalid object pointer", object);
}

noinline void report_double_free(const struct kmem_cache *s, const struct slab *slab, const void *object)
{
	slab_err(s, slab, "Object already free", object);
}

noinline void report_freechain_corrupt(const struct kmem_cache *s, const struct slab *slab)
{
	kmm_report(KMM_REPORT_BUG,
		   "=============================================================================\n"
		   "BUG %s (Not tainted): Freechain corrupt\n"
		   "-----------------------------------------------------------------------------\n\n"
		   "Slab %p: an object of it was freed twice, or written to after it was freed\n",
		   s->name, (const void *)slab);
}
