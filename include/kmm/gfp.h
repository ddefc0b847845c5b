/* SPDX-License-Identifier: MIT
 * kmm/gfp.h - the flags that say how an allocation may behave.
 *
 * Owns:   gfp_t and its bits. The bit values are those of Linux 6.1.
 * Source: include/linux/gfp_types.h, Linux 6.1.
 */
#ifndef KMM_GFP_H
#define KMM_GFP_H

#include <stdbool.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

typedef unsigned int gfp_t;

/*
 * Where the memory may come from.
 *
 * MOVABLE and RECLAIMABLE choose the kind of pageblock, so that pages that can go are not mixed with those that stay.
 * MOVABLE pages also come from the area of the option cma=, and with HIGHMEM from zone Movable (movablecore=).
 */
#define __GFP_DMA 0x01u         /* zone DMA, where the option dma= made one; otherwise it means nothing */
#define __GFP_HIGHMEM 0x02u     /* a process has no high memory: means nothing without __GFP_MOVABLE */
#define __GFP_DMA32 0x04u       /* accepted: means nothing here */
#define __GFP_MOVABLE 0x08u     /* the page can be migrated: MIGRATE_MOVABLE blocks */
#define __GFP_RECLAIMABLE 0x10u /* a shrinker can free it: MIGRATE_RECLAIMABLE blocks */

/*
 * How deep into the reserves. Requests without these bits leave each zone its min watermark (min_free_kbytes=).
 */
#define __GFP_HIGH 0x20u          /* down to a half of it */
#define __GFP_ATOMIC 0x200u       /* the caller cannot wait: a quarter less again, reserved blocks, nodes not allowed */
#define __GFP_MEMALLOC 0x20000u   /* the caller frees more memory than it takes: to the last page, on all nodes */
#define __GFP_NOMEMALLOC 0x80000u /* neither that, nor what __GFP_ATOMIC may: also inside memalloc_noreclaim_save() */

/*
 * How hard to try. Who may wait waits for pages that are on their way between CPUs and zones, and for reclaim,
 * compaction and what is done when memory ran out. None of these three exists yet, so such a request fails soon, too.
 */
#define __GFP_IO 0x40u              /* reclaim may start I/O */
#define __GFP_FS 0x80u              /* reclaim may call the file system */
#define __GFP_DIRECT_RECLAIM 0x400u /* the caller may wait, and may be set to reclaim */
#define __GFP_KSWAPD_RECLAIM 0x800u /* reclaim in the background may be woken */
#define __GFP_NORETRY 0x10000u      /* one round of reclaim, then NULL, and nothing is killed for it */
#define __GFP_RETRY_MAYFAIL 0x4000u /* rounds for large orders (above 3), too; then NULL, as before */
#define __GFP_NOFAIL 0x8000u        /* never NULL: waits until there are pages. Needs __GFP_DIRECT_RECLAIM */

/* What the pages are like, and the rest. */
#define __GFP_ZERO 0x100u        /* return zeroed memory */
#define __GFP_WRITE 0x1000u      /* accepted: means nothing here */
#define __GFP_NOWARN 0x2000u     /* fail silently */
#define __GFP_COMP 0x40000u      /* a page of several orders is one compound page */
#define __GFP_HARDWALL 0x100000u /* accepted: kmm_set_mems_allowed() holds with it and without */
#define __GFP_THISNODE 0x200000u /* from the node that is asked for, and from no other */
#define __GFP_ACCOUNT 0x400000u  /* accepted: there are no groups to account to */
#define __GFP_COLD 0x800000u /* the caller will not touch the page soon; as in Linux before 4.15, in a bit of our own */
#define __GFP_BITS_SHIFT 24
#define __GFP_BITS_MASK ((1u << __GFP_BITS_SHIFT) - 1)

#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)

/* The combinations callers use. */

/** GFP_KERNEL - the caller may wait, and nothing is special. The usual one. */
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
/** GFP_ATOMIC - the caller cannot wait, and gets what others leave: see __GFP_HIGH and __GFP_ATOMIC. */
#define GFP_ATOMIC (__GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM)
/** GFP_NOWAIT - the caller cannot wait, and has something else to do when there is no memory. */
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM)
/** GFP_NOIO, GFP_NOFS - GFP_KERNEL where reclaim must not come back in; see also memalloc_noio_save(), _nofs_save(). */
#define GFP_NOIO (__GFP_RECLAIM)
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
/** GFP_KERNEL_ACCOUNT - here the same as GFP_KERNEL. */
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
/** GFP_USER, GFP_HIGHUSER - here the same as GFP_KERNEL. */
#define GFP_USER (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
/** GFP_HIGHUSER_MOVABLE - pages that the caller can let go or move: zone Movable first, and the area of cma=. */
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)
/** GFP_TRANSHUGE_LIGHT - a large compound page, if there is one just now: no wait, no reserves, no report. */
#define GFP_TRANSHUGE_LIGHT \
	((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~(gfp_t)__GFP_RECLAIM)
/** GFP_TRANSHUGE - the same, and the caller may wait for it. */
#define GFP_TRANSHUGE (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM)
/** GFP_DMA, GFP_DMA32 - to be added to another one: see __GFP_DMA and __GFP_DMA32. */
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32

/**
 * gfpflags_allow_blocking - may a request with these flags wait? @gfp: GFP_*. Context: any.
 * Source:  gfpflags_allow_blocking(), include/linux/gfp.h, Linux 6.1.
 */
static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != 0;
}

KMM_END_DECLS

#endif /* KMM_GFP_H */
