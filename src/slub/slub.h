/* SPDX-License-Identifier: MIT
 * slub.h - front header of SLUB: what src/start.c, the trimming and the boot trace need.
 */
#ifndef KMM_SLUB_SLUB_H
#define KMM_SLUB_SLUB_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/slab.h>
#include <kmm/stats.h>

/* Takes from memblock what SLUB needs beside its own caches: the CPU locks. Before buddy_start(). 0 or -ENOMEM. */
int slub_reserve(void);
/* From slab_state DOWN to UP; the last step of the start makes it FULL. 0 or -ENOMEM. */
int kmem_cache_init(void);
void kmem_cache_init_late(void);
/* Forgets everything: the memory below is about to go. */
void slub_stop(void);

/* Frees the empty slabs of every cache. Part of kmm_trim(). */
void slub_trim(void);

/* Is the page with this number part of a slab that holds struct kmem_cache? Such pages outlive kmm_exit(), so that a
 * late call finds an empty cache and not zeros. */
bool slub_page_outlives_exit(unsigned long pfn);

/* Called after each step of kmem_cache_init() with what it made; NULL, or set before the start. For readers. */
extern void (*kmem_cache_init_trace)(const char *step, const struct kmem_cache *s);

#endif /* KMM_SLUB_SLUB_H */
