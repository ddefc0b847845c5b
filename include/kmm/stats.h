/* SPDX-License-Identifier: MIT
 * kmm/stats.h - what the library holds, as numbers and as the kernel's own text.
 *
 * Owns: the text views and two counters. The views have the format of /proc of Linux 6.1, so that tools written for it can read them.
 */
#ifndef KMM_STATS_H
#define KMM_STATS_H

#include <stdio.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * kmm_slabinfo - write /proc/slabinfo of this process: one line a cache.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * As in the kernel, the free objects of a slab that a CPU is allocating from count as active.
 *
 * Context: any thread, not a signal handler; may sleep.
 * Return:  0, or -EIO when writing failed.
 * Source:  slab_show() and print_slabinfo_header(), mm/slab_common.c, Linux 6.1.
 */
KMM_API int kmm_slabinfo(FILE *file);

/**
 * kmm_buddyinfo - write /proc/buddyinfo of this process: free blocks by node, zone and order.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * Context: any thread, not a signal handler; may sleep.
 * Return:  0, or -EIO when writing failed.
 * Source:  frag_show_print(), mm/vmstat.c, Linux 6.1.
 */
KMM_API int kmm_buddyinfo(FILE *file);

/**
 * nr_free_pages - pages that can still be had: free ones, and those of the limit that were never needed yet.
 *
 * Context: any; the value may be old when it returns.
 * Return:  pages; 0 before the start and after kmm_exit().
 * Source:  nr_free_pages(), include/linux/swap.h, Linux 6.1. Differs: a page below the limit counts as free before its
 *          section is online.
 */
KMM_API unsigned long nr_free_pages(void);

/**
 * totalram_pages - the size of the world.
 * Context: any.
 * Return:  pages, all below the limit; 0 before the start.
 * Source:  totalram_pages(), include/linux/mm.h, Linux 6.1.
 */
KMM_API unsigned long totalram_pages(void);

KMM_END_DECLS

#endif /* KMM_STATS_H */
