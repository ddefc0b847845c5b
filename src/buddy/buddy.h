/* SPDX-License-Identifier: MIT
 * buddy.h - front header of the page allocator, for the rooms above it.
 *
 * Owns:   what rooms above may call besides the public headers.
 */
#ifndef KMM_BUDDY_BUDDY_H
#define KMM_BUDDY_BUDDY_H

#include <stdio.h>

#include <kmm/mm.h>
#include <kmm/numa.h>
#include <kmm/stats.h>

#include "arena/arena.h"
#include "base/compiler.h"
#include "base/options.h"

extern const struct kmm_param buddy_params[];

/* Back to the defaults, before the options of a new start are read. */
void buddy_options_reset(void);

/* Where memblock's pages should be, by the options: for arena_set_boot_pfn(). */
unsigned long buddy_boot_pfn(void);

/* Lays out nodes and zones and takes from memblock what they need for each CPU. After arena_start(), kmm_nr_cpu_ids is set.
 * 0 or -ENOMEM. */
int buddy_reserve(void);
/* Gives the buddy all that memblock did not hand out. 0 or -ENOMEM. After buddy_reserve() and all other users of memblock. */
int buddy_start(void);
/* The per-CPU page lists grow from their boot size to that of use. After everything else is up. */
void buddy_start_late(void);
void buddy_stop(void);

/* The node of @cpu; after buddy_reserve() (before it, 0). */
unsigned int buddy_node_of_cpu(unsigned int cpu);
/* The node that is @i-th nearest to @nid, which is its own 0th; -1 when there are not so many. */
int buddy_nearest_node(unsigned int nid, unsigned int i);
/* The node of a page that is online, or was: slabs ask for it without owning the page. */
unsigned int buddy_page_nid(const struct page *page);
/* Is there a zone DMA (dma=)? Without one __GFP_DMA means nothing. After buddy_start(). */
bool buddy_has_zone_dma(void);
/* Has the node any memory? One whose blocks were all taken away (kmm_offline_memory()) has none. A hint. */
bool buddy_node_has_memory(unsigned int nid);
/* Is the node in mems_allowed, a mask of the process that may change at any time? */
bool node_allowed(unsigned int nid);
/* Asks the system to take the memory of an address range from node @nid. Nothing where there is one node; a refusal only
 * costs locality. */
void buddy_bind_to_node(void *addr, size_t size, unsigned int nid);

/* memalloc.c: what the thread has said about all its requests. */
extern __thread unsigned int kmm_task_flags __attribute__((tls_model("initial-exec")));
enum task_flags {
	PF_MEMALLOC = 0x800,          /* frees memory: may use all reserves */
	PF_MEMALLOC_NOFS = 0x40000,   /* requests are without __GFP_FS */
	PF_MEMALLOC_NOIO = 0x80000,   /* and without __GFP_IO */
	PF_MEMALLOC_PIN = 0x10000000, /* pages will stay: not from CMA */
};
static inline gfp_t current_gfp_context(gfp_t gfp)
{
	const unsigned int flags = kmm_task_flags;

	if (likely(!(flags & (PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS))))
		return gfp;
	return gfp & ~(flags & PF_MEMALLOC_NOIO ? __GFP_IO | __GFP_FS : __GFP_FS);
}

/* May a request of this thread take from the reserves whatever it needs? */
bool gfp_pfmemalloc_allowed(gfp_t gfp);

/* Between two tries of a request that must not fail: 20 ms for others to free something. */
void buddy_wait_for_others(void);

/* debug_guardpage_minorder=: halves of a smaller order become guards; 0: none do. */
unsigned int debug_guardpage_minorder(void);

/* Hands the memory of free blocks back to the system; the blocks stay free. Returns bytes. Part of kmm_trim(). */
size_t buddy_trim(void);

/* Pages that were given back, ever, by demand or by themselves. */
unsigned long buddy_nr_given_back(void);

/* Free pages in the zones and on CPUs' lists; and pages of the limit that are not online yet. */
unsigned long buddy_nr_free(void);
unsigned long buddy_nr_offline(void);

/* A slab of @page came or went: the node's counter NR_SLAB_RECLAIMABLE or NR_SLAB_UNRECLAIMABLE. */
void buddy_mod_nr_slab(const struct page *page, long nr_pages, bool reclaimable);
/* @page becomes a slab, whose memory lock-free readers may look at even after it was freed: it stays accessible. */
void buddy_note_slab(const struct page *page, unsigned int order);

/* page_report.c: flags as the kernel's %pGg shows them, the usual combinations first, into @buf, which is returned. "none"
 * for no flag. All of them fit into GFP_NAMES_MAX bytes. */
const char *gfp_names(char *buf, size_t size, gfp_t gfp);
#define GFP_NAMES_MAX 400

/* Makes alloc_pages() fail: the @n-th call from now (1 = the next), and every later one too when @forever. 0 turns it
 * off. For tests. */
void buddy_inject_failure(unsigned long n, bool forever);

#endif /* KMM_BUDDY_BUDDY_H */
