/* SPDX-License-Identifier: MIT
 * slub_stat.h - what a cache counts, in builds with KMM_CONFIG_SLUB_STATS.
 *
 * Owns:   enum stat_item and the names of its items.
 * Source: enum stat_item, include/linux/slub_def.h, Linux 6.1.
 */
#ifndef KMM_SLUB_SLUB_STAT_H
#define KMM_SLUB_SLUB_STAT_H

/* In the order of the kernel; the names are those of the files in /sys/kernel/slab/<cache>. */
#define SLUB_STAT_ITEMS(X)                                                                                     \
	X(ALLOC_FASTPATH, "alloc_fastpath")                   /* allocation from the CPU's slab */             \
	X(ALLOC_SLOWPATH, "alloc_slowpath")                   /* allocation that had to look elsewhere */      \
	X(FREE_FASTPATH, "free_fastpath")                     /* free to the CPU's slab */                     \
	X(FREE_SLOWPATH, "free_slowpath")                     /* free to another slab */                       \
	X(FREE_FROZEN, "free_frozen")                         /* to a slab that a CPU has */                   \
	X(FREE_ADD_PARTIAL, "free_add_partial")               /* moved a slab to a node's list */              \
	X(FREE_REMOVE_PARTIAL, "free_remove_partial")         /* freed the last object of a listed slab */     \
	X(ALLOC_FROM_PARTIAL, "alloc_from_partial")           /* CPU slab taken from a node's list */          \
	X(ALLOC_SLAB, "alloc_slab")                           /* CPU slab made of new pages */                 \
	X(ALLOC_REFILL, "alloc_refill")                       /* CPU slab used on, with what others freed */   \
	X(ALLOC_NODE_MISMATCH, "alloc_node_mismatch")         /* CPU slab given up: wrong node */              \
	X(FREE_SLAB, "free_slab")                             /* pages of a slab given back */                 \
	X(CPUSLAB_FLUSH, "cpuslab_flush")                     /* CPU slab taken away by others */              \
	X(DEACTIVATE_FULL, "deactivate_full")                 /* CPU slab was full when it was given up */     \
	X(DEACTIVATE_EMPTY, "deactivate_empty")               /* was empty */                                  \
	X(DEACTIVATE_TO_HEAD, "deactivate_to_head")           /* went to the head of the node's list */        \
	X(DEACTIVATE_TO_TAIL, "deactivate_to_tail")           /* to its tail */                                \
	X(DEACTIVATE_REMOTE_FREES, "deactivate_remote_frees") /* had objects that others freed */              \
	X(DEACTIVATE_BYPASS, "deactivate_bypass")             /* was used up and simply left */                \
	X(ORDER_FALLBACK, "order_fallback")                   /* slab of the least order: memory was short */  \
	X(CMPXCHG_DOUBLE_CPU_FAIL, "cmpxchg_double_cpu_fail") /* {freelist, tid} had changed meanwhile */      \
	X(CMPXCHG_DOUBLE_FAIL, "cmpxchg_double_fail")         /* {freelist, counters} had changed meanwhile */ \
	X(CPU_PARTIAL_ALLOC, "cpu_partial_alloc")             /* CPU slab taken from the CPU's list */         \
	X(CPU_PARTIAL_FREE, "cpu_partial_free")               /* full slab put on it by a free */              \
	X(CPU_PARTIAL_NODE, "cpu_partial_node")               /* put on it from a node's list */               \
	X(CPU_PARTIAL_DRAIN, "cpu_partial_drain")             /* the list was drained to the nodes */

#define SLUB_STAT_ENUM(item, name) item,
enum stat_item { SLUB_STAT_ITEMS(SLUB_STAT_ENUM) NR_SLUB_STAT_ITEMS };
#undef SLUB_STAT_ENUM

#endif /* KMM_SLUB_SLUB_STAT_H */
