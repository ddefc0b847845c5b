/* SPDX-License-Identifier: MIT
 * kmm/gfp.h - the flags that say how an allocation may behave.
 *
 * Owns:   gfp_t and its bits. The bit values are those of Linux 6.1.
 * Source: include/linux/gfp_types.h, Linux 6.1.
 */
#ifndef KMM_GFP_H
#define KMM_GFP_H

#include <kmm/api.h>

typedef unsigned int gfp_t;

/* Where the memory may come from. */
#define __GFP_DMA 0x01u         /* ZONE_DMA, where that zone is configured */
#define __GFP_HIGHMEM 0x02u     /* accepted: a process has no high memory */
#define __GFP_DMA32 0x04u       /* accepted: means nothing here */
#define __GFP_MOVABLE 0x08u     /* the page can be migrated: MIGRATE_MOVABLE blocks */
#define __GFP_RECLAIMABLE 0x10u /* a shrinker can free it: MIGRATE_RECLAIMABLE blocks */

/* How hard to try, and what the caller tolerates. */
#define __GFP_HIGH 0x20u
#define __GFP_IO 0x40u
#define __GFP_FS 0x80u
#define __GFP_ZERO 0x100u /* return zeroed memory */
#define __GFP_ATOMIC 0x200u
#define __GFP_DIRECT_RECLAIM 0x400u /* the caller may wait */
#define __GFP_KSWAPD_RECLAIM 0x800u
#define __GFP_WRITE 0x1000u
#define __GFP_NOWARN 0x2000u /* fail silently */
#define __GFP_RETRY_MAYFAIL 0x4000u
#define __GFP_NOFAIL 0x8000u
#define __GFP_NORETRY 0x10000u
#define __GFP_MEMALLOC 0x20000u
#define __GFP_COMP 0x40000u /* a page of several orders is one compound page */
#define __GFP_NOMEMALLOC 0x80000u
#define __GFP_HARDWALL 0x100000u
#define __GFP_THISNODE 0x200000u
#define __GFP_ACCOUNT 0x400000u
#define __GFP_COLD 0x800000u /* the caller will not touch the page soon; as in Linux before 4.15, in a bit of our own */
#define __GFP_BITS_SHIFT 24
#define __GFP_BITS_MASK ((1u << __GFP_BITS_SHIFT) - 1)

#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)

/* The combinations callers use. */
#define GFP_ATOMIC (__GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM)
#define GFP_NOIO (__GFP_RECLAIM)
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_USER (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

#endif /* KMM_GFP_H */
