/* SPDX-License-Identifier: MIT
 * slub_internal.h - the structures of SLUB, its states, locks and invariants. Never included outside src/slub/.
 *
 * A slab is one block of pages cut into objects of one size. Its state is the slab word {freelist, counters} plus the
 * list it is on:
 *
 *            install            last object taken, nobody needs the slab
 *   (buddy) ---------> CPU ---------------------------------------------> FULL     frozen=1: CPU, CPU_PARTIAL
 *      ^               ^ | ^                                               |       on a list: CPU_PARTIAL (its CPU),
 *      |       acquire | | +----------- refill ---------+                  |                  NODE_PARTIAL (node)
 *      |               | v deactivate                   |                  v
 *      +-- discard -- NODE_PARTIAL <---- drain ---- CPU_PARTIAL <---- first free (adopt)
 *      |                   ^                                               |
 *      |                   +-------- first free, CPU lock busy ------------+
 *      +-- discard: an empty slab beyond min_partial, from NODE_PARTIAL, deactivate or drain
 *
 *   install      new_slab(): the caller alone knows the slab          cpu_slab.c
 *   acquire      list_lock and CAS frozen 0->1; may stock CPU_PARTIAL node_partial.c
 *   refill       the CPU lock                                         cpu_partial.c
 *   deactivate   the CPU lock, list_lock and CAS frozen 1->0          cpu_slab.c
 *   drain        the CPU lock, list_lock and CAS 1->0                 cpu_partial.c
 *   adopt        the CPU lock and CAS frozen 0->1, freelist NULL->obj free.c
 *   to FULL      the CPU lock and CAS frozen 1->0 with freelist NULL  slab_word_take_all()
 *
 * Locks (rank): slab_mutex (10) guards slab_caches; L[X] (30), one per CPU for all caches, guards c->slab and c->partial
 * of that CPU; n->list_lock (40) guards the node list. No page is asked for or freed under the last two: empty slabs
 * are collected on a local list and discarded after unlocking.
 *
 * Lock-free: {c->freelist, c->tid} changes by arch_cas2() only, under L[X] too. {slab->freelist, slab->counters} changes
 * by arch_cas2() only once others can see the slab.
 *
 * Invariants, proven by validate.c under these names:
 *   S1  objects = inuse + length(freelist), for every slab not in a CPU's hands; a CPU slab counts the objects on
 *       c->freelist as in use: inuse = objects - length(slab freelist)
 *   S2  frozen exactly for c->slab and the slabs on c->partial
 *   S3  not frozen: on its node's list exactly when freelist is not NULL
 *   S4  c->slab == NULL implies c->freelist == NULL, while L[X] is free
 *   S5  every object on c->freelist belongs to c->slab
 *   S6  n->nr_partial is the length of n->partial; slab->slabs and slab->pobjects of each slab on c->partial count the list from
 *       there on, the latter what was free in each when it was put there
 *   S7  n->nr_slabs and n->total_objects count all slabs of the cache
 *   S8  the geometry: an object and its link fit into s->size, which s->align divides; slabs of s->oo and s->min hold the
 *       objects they say
 *   S9  refcount is -1, or counts users; more than one only when the cache may be merged. s->name is the first of its names
 *   S10 the page of a slab has PG_slab and its cache, which is in the registry, and is of the order and the number of objects
 *       of s->oo or s->min. A slab that waits for a grace period is empty, counts for nothing and is on no list
 *
 * Source: mm/slub.c and mm/slab.h, Linux 6.1. What differs is in docs/design.md: the kernel's slow paths rely on disabled
 *         interrupts, which a process does not have.
 */
#ifndef KMM_SLUB_INTERNAL_H
#define KMM_SLUB_INTERNAL_H

#include <kmm/percpu.h>
#include <kmm/slab.h>

#include "arena/page_map.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "base/rcu_defer.h"
#include "base/report.h"
#include "base/spin.h"
#include "buddy/buddy.h"
#include "percpu/percpu.h"
#include "slub/slub_stat.h"

/* A cache line, on every build: the alignment that SLAB_HWCACHE_ALIGN asks for. */
#define SLAB_CACHE_BYTES 64
/* Every object is aligned to this at least; the kmalloc caches of a power of two to their size. */
#define ARCH_KMALLOC_MINALIGN KMALLOC_MIN_SIZE
#define ARCH_SLAB_MINALIGN ((unsigned int)sizeof(unsigned long long))

/* Internal, beside the public SLAB_*: a size class of kmalloc(). */
#define SLAB_KMALLOC 0x00001000u
/* What the kernel's slub_debug option means without a letter. */
#define DEBUG_DEFAULT_FLAGS (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* A slab keeps at least this many partial slabs per node, at most that many, whatever its size says. */
#define MIN_PARTIAL 5
#define MAX_PARTIAL 10

/* Of 1024 refills that find nothing on their own node, so many look at others. */
#define REMOTE_NODE_DEFRAG_RATIO 1000

/* slab->objects has 15 bits. */
#define MAX_OBJS_PER_PAGE 32767
#define OO_SHIFT 16
#define OO_MASK ((1u << OO_SHIFT) - 1)

/* Pages of a slab as slub sees them: the same memory as the first page's struct page. */
struct slab {
	unsigned long page_flags;
	union {
		struct cds_list_head slab_list; /* NODE_PARTIAL; list_lock */
		struct {
			struct slab *next;    /* CPU_PARTIAL (L[X]), or a local list of slabs to discard */
			half_word_t slabs;    /* CPU_PARTIAL: slabs from this one to the tail; L[X] */
			half_word_t pobjects; /* CPU_PARTIAL: free objects from this one to the tail, about; L[X] */
		};
		struct kmm_rcu_head rcu; /* discarded, and waiting for its grace period: SLAB_TYPESAFE_BY_RCU */
	};
	struct kmem_cache *slab_cache; /* fixed while an object is in use */
	union {
		kmm_dword word; /* changed by slab_word.h only */
		struct {
			void *freelist;
			unsigned long counters; /* inuse:16 objects:15 frozen:1, see slab_word.h */
		};
	};
	unsigned int page_type;
	int page_refcount;
};

#define SLAB_MATCHES_PAGE(sf, pf) \
	_Static_assert(offsetof(struct slab, sf) == offsetof(struct page, pf), "struct slab overlays struct page")
SLAB_MATCHES_PAGE(page_flags, flags);
SLAB_MATCHES_PAGE(slab_list, lru);
SLAB_MATCHES_PAGE(next, compound_head);
SLAB_MATCHES_PAGE(slab_cache, slab_cache);
SLAB_MATCHES_PAGE(word, slab_word);
SLAB_MATCHES_PAGE(slabs, slabs);
SLAB_MATCHES_PAGE(pobjects, pobjects);
SLAB_MATCHES_PAGE(page_type, page_type);
SLAB_MATCHES_PAGE(page_refcount, refcount);
_Static_assert(sizeof(struct slab) == sizeof(struct page), "struct slab overlays struct page");

/* What one CPU has of one cache. The first two words change together, by arch_cas2() only. */
struct kmem_cache_cpu {
	union {
		kmm_dword word;
		struct {
			void *freelist;    /* next object to hand out */
			unsigned long tid; /* transaction id: changes with every change of the pair */
		};
	};
	struct slab *slab;    /* where the objects of freelist are from; written under L[X], read lock-free */
	struct slab *partial; /* frozen slabs with free objects; L[X] */
#if KMM_CONFIG_SLUB_STATS
	unsigned int stat[NR_SLUB_STAT_ITEMS]; /* see stat() */
#endif
};
#if !KMM_CONFIG_SLUB_STATS
_Static_assert(sizeof(struct kmem_cache_cpu) == 4 * sizeof(void *), "16 bytes on 32-bit");
#endif
_Static_assert(offsetof(struct kmem_cache_cpu, word.hi) == offsetof(struct kmem_cache_cpu, tid),
	       "tid is the high word");

/* Order of a slab's pages and the objects in it, in one number: order << OO_SHIFT | objects. */
struct kmem_cache_order_objects {
	unsigned int x;
};

/* A line each: its neighbour is another cache's, and as busy. */
struct kmem_cache_node {
	struct kmm_spin list_lock;
	struct cds_list_head partial; /* where the head of it, taken for a slab, would be aligned: loops end there */
	unsigned long nr_partial;     /* slabs on @partial; list_lock */
	unsigned long nr_slabs;       /* atomic */
	unsigned long total_objects;  /* atomic */
} cacheline_aligned;

struct kmem_cache {
	struct kmem_cache_cpu __percpu *cpu_slab;
	/* What the fast paths read follows in the first cache line. */
	slab_flags_t flags;
	unsigned int size;        /* bytes an object takes, with its metadata */
	unsigned int object_size; /* bytes asked for; grows with a user of a merged cache: slab_mutex, read RELAXED */
	unsigned int offset;      /* bytes from the object's start to its free pointer */
	uint64_t size_inverse;    /* 2^64 / size, rounded up: tells multiples of size, see object_start_ok() */
	void (*ctor)(void *object);

	/* These two, and remote_node_defrag_ratio, are set at any time (slab_attr.h): written under slab_mutex, read RELAXED. */
	unsigned long min_partial;             /* slabs */
	unsigned int cpu_partial;              /* objects to keep on a CPU's partial list, about; 0: no such lists */
	struct kmem_cache_order_objects oo;    /* what a slab should be */
	struct kmem_cache_order_objects min;   /* what it is when memory is short */
	gfp_t allocflags;                      /* added to every request for a slab's pages */
	int refcount;                          /* users of a merged cache; -1: exempt from merging; slab_mutex */
	unsigned int inuse;                    /* bytes: offset of the metadata behind the object; as object_size */
	unsigned int align;                    /* bytes */
	unsigned int useroffset, usersize;     /* bytes: the part of an object that may be copied out, see usercopy.c */
	unsigned int remote_node_defrag_ratio; /* of 1024 refills that find nothing near, so many look far */
	const char *name;                      /* the first one; in aliases, but for the boot caches */
	struct cds_list_head list;             /* slab_caches; slab_mutex */
	struct cache_alias *aliases;           /* all names, newest first: cache_name.h; slab_mutex */
	unsigned long __percpu *swept_tid;     /* what tid was when the CPU was last looked after, see idle.c */
	struct kmm_rcu_head rcu;               /* destroyed, and waiting for its slabs: SLAB_TYPESAFE_BY_RCU */
	struct kmem_cache_node *node[KMM_MAX_NUMNODES]; /* as many as there are nodes; NULL: the node has no memory */
};

enum slab_state {
	DOWN,    /* nothing works yet */
	PARTIAL, /* kmem_cache_node works */
	UP,      /* caches and kmalloc work */
	FULL,    /* everything works */
};

/* The registry: every cache, newest first. */
extern struct kmm_lock slab_mutex;
extern struct cds_list_head slab_caches;
extern enum slab_state slab_state; /* written during the start only */

extern struct kmem_cache *kmem_cache;      /* the cache of struct kmem_cache */
extern struct kmem_cache *kmem_cache_node; /* the cache of struct kmem_cache_node */

/* This process is the child of a fork: empty slabs may be in nobody's hands. */
extern bool slub_forked;

/* Nodes that there are; set once at start, for then it is known how large a struct kmem_cache has to be. */
extern unsigned int slub_nr_nodes;
/* Nodes with memory: every cache has a kmem_cache_node for each. slab_mutex; read RELAXED. */
extern nodemask_t slab_nodes;

static inline bool slab_node_isset(int nid)
{
	return READ_ONCE(slab_nodes.bits) & nodemask_of_node(nid).bits;
}

/* RELAXED: a node comes with its cache, or before the first slab on it. It goes with the cache. */
static inline struct kmem_cache_node *get_node(const struct kmem_cache *s, unsigned int node)
{
	return READ_ONCE(s->node[node]);
}

#define for_each_kmem_cache_node(s, nid, n)                         \
	for (unsigned int(nid) = 0; (nid) < slub_nr_nodes; (nid)++) \
		if (((n) = get_node(s, nid)) != NULL)

static inline unsigned int slab_nid(const struct slab *slab)
{
	return slub_nr_nodes == 1 ? 0 : buddy_page_nid((const struct page *)slab);
}

static inline struct kmem_cache_node *slab_node(const struct kmem_cache *s, const struct slab *slab)
{
	return get_node(s, slab_nid(slab));
}

/* Is @slab from the node that the caller asks for? It may be gone; then the step that relies on the answer fails. */
static inline bool node_match(const struct slab *slab, int node)
{
	return node == NUMA_NO_NODE || slub_nr_nodes == 1 || slab_nid(slab) == (unsigned int)node;
}

static inline bool slab_from_reserves(const struct slab *slab)
{
	return READ_ONCE(slab->page_flags) >> PG_pfmemalloc & 1;
}

/* A slab out of the reserves serves only those who may use them, and no CPU has it at hand: there it would serve all. */
static inline bool pfmemalloc_match(const struct slab *slab, gfp_t gfp)
{
	return likely(!slab_from_reserves(slab)) || gfp_pfmemalloc_allowed(gfp);
}

static inline unsigned int oo_order(struct kmem_cache_order_objects x)
{
	return x.x >> OO_SHIFT;
}

static inline unsigned int oo_objects(struct kmem_cache_order_objects x)
{
	return x.x & OO_MASK;
}

/*
 * One cpu's instance. @cpu may be a guess: any thread may act on any CPU's state.
 */
static inline struct kmem_cache_cpu *cpu_slab_of(const struct kmem_cache *s, unsigned int cpu)
{
	return percpu_instance(s->cpu_slab, cpu);
}

/* Statistics of the CPU that the thread is thought to be on. A plain add: two threads on one CPU may lose a count. */
static inline void stat(const struct kmem_cache *s, enum stat_item item)
{
#if KMM_CONFIG_SLUB_STATS
	unsigned int *count = &cpu_slab_of(s, raw_cpu_id())->stat[item];

	WRITE_ONCE(*count, READ_ONCE(*count) + 1);
#else
	(void)s;
	(void)item;
#endif
}

/* L[X]: one per CPU, for all caches; beside per-CPU memory because it outlives every cache. */
struct kmm_lock *cpu_lock(unsigned int cpu);

#endif /* KMM_SLUB_INTERNAL_H */
