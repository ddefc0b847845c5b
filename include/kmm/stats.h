/* SPDX-License-Identifier: MIT
 * kmm/stats.h - what the library holds, as numbers and as the kernel's own text.
 *
 * Owns: the text views, some counters, and the proofs that pages, per-CPU memory and caches are in order. The views have the format of /proc and
 *       debugfs of Linux 6.1, so that tools written for it can read them. What a process has nothing of is there as 0.
 */
#ifndef KMM_STATS_H
#define KMM_STATS_H

#include <stdio.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * kmm_slabinfo - write /proc/slabinfo of this process: one line a cache, the newest first.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * Counts are those of all nodes. As in the kernel, free objects of slabs that CPUs have count as active. A cache that others
 * were merged into has one line, under its first name. kmm/slab_attr.h has more of one cache.
 *
 * Context: any thread, not a signal handler; may sleep. Needs memory for a page or more. No lock is held while @file is written,
 *          and no cache comes or goes between two lines; but others may allocate between two numbers.
 * Return:  0; -EIO when writing failed; -ENOMEM, and nothing is written.
 * Source:  slab_show() and print_slabinfo_header(), mm/slab_common.c, Linux 6.1.
 */
KMM_API int kmm_slabinfo(FILE *file);

/**
 * kmm_buddyinfo - write /proc/buddyinfo of this process: free blocks by node, zone and order.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * One line for each zone that has pages. Free pages that a CPU keeps for itself are in no block, and neither are pages
 * of the limit that were never needed yet; kmm_zoneinfo() shows both.
 *
 * Context: any thread, not a signal handler; may sleep. No lock is held while @file is written.
 * Return:  0, or -EIO when writing failed.
 * Source:  frag_show_print(), mm/vmstat.c, Linux 6.1.
 */
KMM_API int kmm_buddyinfo(FILE *file);

/**
 * kmm_pagetypeinfo - write /proc/pagetypeinfo of this process: free blocks and pageblocks by mobility.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * The columns CMA and Isolate are there when some zone has CMA pages. Only pageblocks that are online are counted. A
 * list is counted up to 100000 blocks; more are shown as ">100000".
 *
 * Context: any thread, not a signal handler; may sleep. No lock is held while @file is written, and others may allocate
 *          between two numbers.
 * Return:  0, or -EIO when writing failed.
 * Source:  pagetypeinfo_show(), mm/vmstat.c, Linux 6.1. Differs: no count of mixed blocks, which page_owner adds.
 */
KMM_API int kmm_pagetypeinfo(FILE *file);

/**
 * kmm_zoneinfo - write /proc/zoneinfo of this process: sizes, watermarks, counters and per-CPU lists of each zone.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * All in pages. min, low and high include boost. free and nr_free_pages are the same number: the free pages of the
 * zone, and the pages of the limit that are not online yet, which are as good as free. nr_free_pages() is the sum of
 * them and of the counts under pagesets. A zone kind without pages has a short entry; DMA is left out when no node has
 * such pages.
 *
 * Context: any thread, not a signal handler; may sleep. No lock is held while @file is written.
 * Return:  0, or -EIO when writing failed.
 * Source:  zoneinfo_show_print(), mm/vmstat.c, Linux 6.1. Differs: as a kernel for one CPU it has no line of the
 *          threshold up to which counters stay with a CPU, and counters include what CPUs have not handed in yet.
 */
KMM_API int kmm_zoneinfo(FILE *file);

/**
 * kmm_vmstat - write /proc/vmstat of this process: counters of all zones and nodes, and events since the start.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * One name and number a line. nr_free_pages is the sum of those of kmm_zoneinfo(). pgalloc_dma, allocstall_dma and
 * pgskip_dma are left out when no node has DMA pages.
 *
 * Context: any thread, not a signal handler; may sleep. Each number is of its own moment.
 * Return:  0, or -EIO when writing failed.
 * Source:  vmstat_show(), mm/vmstat.c, Linux 6.1.
 */
KMM_API int kmm_vmstat(FILE *file);

/**
 * kmm_unusable_index - write extfrag/unusable_index of debugfs: how much of the free memory a request cannot use.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * One line for each zone that has pages, one number for each order: the share of the zone's free memory that lies in
 * smaller blocks, from 0.000, none, to 1.000, all. Where nothing is free it is 1.000. Pages of the limit that are not
 * online yet count as free blocks of the largest order.
 *
 * Context: any thread, not a signal handler; may sleep. No lock is held while @file is written.
 * Return:  0, or -EIO when writing failed.
 * Source:  unusable_show_print(), mm/vmstat.c, Linux 6.1.
 */
KMM_API int kmm_unusable_index(FILE *file);

/**
 * kmm_extfrag_index - write extfrag/extfrag_index of debugfs: why a request would fail.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * One line for each zone that has pages, one number for each order: -1.000 when a block of that order or a larger one
 * is free; else towards 0.000 when memory is short, and towards 1.000 when it is there in pieces. Where nothing is free
 * it is 0.000. Pages of the limit that are not online yet count as free blocks of the largest order. With very few free
 * blocks the formula can end below 0, which is written as the kernel writes it: 0.-500 for minus a half.
 *
 * Context: any thread, not a signal handler; may sleep. No lock is held while @file is written.
 * Return:  0, or -EIO when writing failed.
 * Source:  extfrag_show_print(), mm/vmstat.c, Linux 6.1.
 */
KMM_API int kmm_extfrag_index(FILE *file);

/**
 * kmm_percpu_stats - write percpu_stats of debugfs: how per-CPU memory was cut, used, and is in use, chunk by chunk.
 * @file: open for writing; stays the caller's, and is not flushed.
 *
 * All in bytes but what counts: areas (nr_alloc), chunks, pages, and first_bit, the first 4 free bytes of the chunk's unit
 * in units of 4. Bytes are those of one CPU; each CPU has as many. min_alloc_size and max_alloc_size are of all areas there
 * ever were, cur_min_alloc, cur_med_alloc and cur_max_alloc of those there are now. sum_frag and max_frag are of the free
 * bytes in front of the last area of a chunk. The library's own counters and lists are areas like any other. The reserved
 * chunk, which the static variables of objects loaded later come from, counts neither in nr_chunks nor in empty_pop_pages.
 * Of the latter the library keeps 2 to 4 ready; there are more while the first chunk, which is populated as a whole, is empty.
 *
 * Context: any thread, not a signal handler; may sleep. Needs memory for some pages. No lock is held while @file is written.
 *          Numbers of one chunk belong to one moment, chunks do not.
 * Return:  0; -EIO when writing failed; -ENOMEM, and nothing is written.
 * Source:  percpu_stats_show(), mm/percpu-stats.c, Linux 6.1. Differs: atom_size is a page, which is what chunks are
 *          populated by. first_bit counts from the start of the unit also for the parts of the first chunk.
 */
KMM_API int kmm_percpu_stats(FILE *file);

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
 * Return:  pages, all below the limit; 0 before the start and after kmm_exit().
 * Source:  totalram_pages(), include/linux/mm.h, Linux 6.1.
 */
KMM_API unsigned long totalram_pages(void);

/**
 * kmm_nr_reported_pages - free pages that cost the system nothing: memory that was given back, or was never touched.
 *
 * What kmm_trim() and the library's thread (background=, page_reporting_delay=) have given back is here until it is
 * handed out again. Pages of the limit that were never needed at all are not.
 *
 * Context: any; the value may be old when it returns.
 * Return:  pages, all of them part of nr_free_pages(); 0 before the start and after kmm_exit().
 * Source:  page_reporting, mm/page_reporting.c, Linux 6.1, which counts nothing.
 */
KMM_API unsigned long kmm_nr_reported_pages(void);

/**
 * kmm_validate_pages - proves that the page allocator is in order: every page, every free list, every counter.
 *
 * For tests of programs, at the end of each: a write through a stale pointer or a block that was freed twice shows here
 * rather than an hour later. It takes as long as there are pages, and the lock of each zone for its pages. Where
 * something is wrong a BUG is reported, "BUG: page allocator:", with the invariant and the page, and the program ends.
 * The invariants are B1 to B9 of src/buddy/buddy_internal.h. Before the start and after kmm_exit() all is in order.
 *
 * Context: any thread, not a signal handler. No other thread is inside the library: a page between two lists would be
 *          found on neither.
 */
KMM_API void kmm_validate_pages(void);

/**
 * kmm_validate_percpu - proves that per-CPU memory is in order: every bit of every chunk, every hint, every counter.
 *
 * For tests of programs, like kmm_validate_pages(). Where something is wrong a BUG is reported, "BUG: percpu:", with the
 * invariant and the place, and the program ends. The invariants are those of src/percpu/percpu_internal.h, and of module.h
 * there for static variables. Before the start and after kmm_exit() all is in order.
 *
 * Context: any thread, not a signal handler; may sleep. Other threads may be inside the library; who allocates or frees
 *          per-CPU memory waits meanwhile, some 100 us a chunk.
 */
KMM_API void kmm_validate_percpu(void);

struct kmem_cache;

/**
 * kmm_validate_cache - proves that a cache is in order: every slab, every free object, every counter.
 * @cache: live cache.
 *
 * For tests of programs, like kmm_validate_pages(): a write to a freed object, or an object freed twice, mostly shows here.
 * Where something is wrong a BUG is reported, "kernel BUG in validate_cache(name):", with the invariant, and the program ends.
 * The invariants are S1 to S10 of src/slub/slub_internal.h. It takes as long as there are pages.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback. No other thread is using
 *          @cache; others may be used.
 * Source:  validate_slab_cache(), mm/slub.c, Linux 6.1.
 */
KMM_API void kmm_validate_cache(struct kmem_cache *cache);

/**
 * kmm_validate_slub - kmm_validate_cache() of all caches, those of kmalloc() included; and no slab is left of another.
 *
 * Before the start and after kmm_exit() all is in order.
 *
 * Context: as kmm_validate_cache(); no other thread is inside the library.
 */
KMM_API void kmm_validate_slub(void);

KMM_END_DECLS

#endif /* KMM_STATS_H */
