/* SPDX-License-Identifier: MIT
 * kmm/slab_attr.h - one cache in detail: the files of /sys/kernel/slab, read and written by name.
 *
 * Owns:   the names of caches as a directory, and of each cache's files. A process has no /sys: here they are calls.
 * Names:  a cache is found by any name that kmm_slab_dir() lists: that of kmem_cache_create(), also when the cache was merged
 *         into another one, or what it is merged under, as ":0000064". Of several caches of one name it is the newest. The cache
 *         may be destroyed by others meanwhile: then it is there, whole, until the call is over, or is not found.
 * Files:  texts are those of Linux 6.1, which end in a newline.
 *           aliases align cache_dma destroy_by_rcu hwcache_align object_size objs_per_slab order poison reclaim_account red_zone
 *           sanity_checks slab_size store_user trace usersize          as the cache was made; cache_dma where there is a zone DMA
 *           ctor                                                       the constructor, "name+0x0/0x20 [object]"; its address, where the
 *                                       program does not export its name; or empty
 *           objects total_objects slabs partial objects_partial cpu_slabs
 *                                       counts; with more than one node "125 N0=100 N1=25", by node. As in slabinfo, free
 *                                       objects of a slab that a CPU has are not free
 *           slabs_cpu_partial           free objects, about, and slabs on the lists of CPUs, and by CPU: "60(2) C0=60(2)"
 *         and, to be set:
 *           min_partial                 empty slabs that a node keeps: any number
 *           cpu_partial                 free objects, about, that a CPU keeps on its list: up to 32767 on 32-bit, to 2^31-1 else;
 *                                       not for a cache with checks. Lists go back to the nodes
 *           remote_node_defrag_ratio    of 100 refills that find nothing on their node, so many look at others: 0 to 100. With more
 *                                       than one node
 *           shrink                      "1" frees empty slabs; empty when read
 *           validate                    "1" proves that the cache is in order, as kmm_validate_cache(); empty when read
 *           alloc_fastpath ...          with a library built with KMM_CONFIG_SLUB_STATS: each event of enum stat_item, in all
 *                                       and, where there are several CPUs, by CPU: "15 C0=12 C1=3"; "0" clears
 * Source: mm/slub.c, Documentation/ABI/testing/sysfs-kernel-slab, Linux 6.1.
 */
#ifndef KMM_SLAB_ATTR_H
#define KMM_SLAB_ATTR_H

#include <stddef.h>
#include <stdio.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * kmm_cache_attr_get - read one file of a cache.
 * @cache: name of the cache.      @name: of the file.
 * @buf:   gets the text, with a final NUL; has room for @size bytes.
 *
 * Context: any thread, not a signal handler; may sleep; not from a constructor or report callback. Others may use the cache.
 * Return:  bytes of the text, without the NUL, which may be 0; -ENOENT: there is no such cache or file; -ENOSPC: @buf has the
 *          beginning only.
 * Source:  slab_attr_show(), mm/slub.c, Linux 6.1.
 */
KMM_API int kmm_cache_attr_get(const char *cache, const char *name, char *buf, size_t size);

/**
 * kmm_cache_attr_set - write one file of a cache.
 * @cache: name of the cache.      @name: of the file.
 * @value: text; a number is decimal, and one newline may follow.
 *
 * Takes effect at once for new requests; who is inside the cache may still go by the old value.
 *
 * Context: as kmm_cache_attr_get(); but for validate nobody else may be using the cache.
 * Return:  0; -ENOENT: there is no such cache or file; -EACCES: it is read only; -EINVAL: not a value for it; -ERANGE: a number
 *          out of range.
 * Source:  slab_attr_store(), mm/slub.c, Linux 6.1. Differs: validate needs no debugged cache, but quiet.
 */
KMM_API int kmm_cache_attr_set(const char *cache, const char *name, const char *value);

/**
 * kmm_cache_attrs - write all files of a cache: before each a line "=== " and its name, in the order of names.
 * @file:  open for writing; stays the caller's, and is not flushed.      @cache: name of the cache.
 *
 * Context: as kmm_cache_attr_get(). No lock is held while @file is written.
 * Return:  0; -EIO when writing failed; -ENOENT: there is no such cache, or -ENOMEM, and nothing is written.
 */
KMM_API int kmm_cache_attrs(FILE *file, const char *cache);

/**
 * kmm_slab_dir - write the listing of /sys/kernel/slab: one name a line, in the order of names.
 * @file:  open for writing; stays the caller's, and is not flushed.
 *
 * "name/" is a cache. A cache that others may be merged with is listed by what they have in common, ":0000064/", and each name
 * for it as "name -> :0000064".
 *
 * Context: as kmm_cache_attr_get(). No lock is held while @file is written.
 * Return:  0; -EIO when writing failed; -ENOMEM, and nothing is written.
 * Source:  sysfs_slab_add(), sysfs_slab_alias(), mm/slub.c, Linux 6.1.
 */
KMM_API int kmm_slab_dir(FILE *file);

KMM_END_DECLS

#endif /* KMM_SLAB_ATTR_H */
