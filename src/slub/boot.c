/* SPDX-License-Identifier: MIT
 * boot.c - how SLUB comes up: the two caches that must exist before any cache can.
 *
 * kmem_cache_node serves struct kmem_cache_node, and every cache needs one, itself included: its first comes out of its own
 * first slab. kmem_cache serves struct kmem_cache; both start as static structures and move into memory of their own.
 *
 * slab_state: DOWN -> PARTIAL (kmem_cache_node works) -> UP (kmalloc works) -> FULL.
 * Locks:  none are needed: one thread, before anybody else can know the library.
 * Source: kmem_cache_init(), create_boot_cache(), bootstrap(), early_kmem_cache_node_alloc(), mm/slub.c,
 *         mm/slab_common.c, Linux 6.1.
 */
#include <errno.h>
#include <string.h>

#include "arena/arena.h"
#include "arena/memblock.h"
#include "slub/alloc.h"
#include "slub/cache.h"
#include "slub/cpu_slab.h"
#include "slub/kfree_rcu.h"
#include "slub/kmalloc.h"
#include "slub/layout.h"
#include "slub/node_partial.h"
#include "slub/slab_pages.h"
#include "slub/slub.h"
#include "slub/slub_hotplug.h"
#include "slub/slub_report.h"

/* A lock a line: neighbours are other CPUs. */
struct cpu_lock_line {
	struct kmm_lock lock;
} cacheline_aligned;

static struct cpu_lock_line *cpu_locks; /* kmm_nr_cpu_ids of them */
static struct kmem_cache boot_kmem_cache, boot_kmem_cache_node;

void (*kmem_cache_init_trace)(const char *step, const struct kmem_cache *s);

struct kmm_lock *cpu_lock(unsigned int cpu)
{
	return &cpu_locks[cpu].lock;
}

static void trace(const char *step, const struct kmem_cache *s)
{
	if (kmem_cache_init_trace)
		kmem_cache_init_trace(step, s);
}

int slub_reserve(void)
{
	slub_oom_rate_reset();
	cpu_locks = memblock_alloc(kmm_nr_cpu_ids * sizeof(*cpu_locks), _Alignof(struct cpu_lock_line));
	if (!cpu_locks)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		kmm_lock_init(cpu_lock(cpu), KMM_RANK_CPU, "L[X]");
	slub_tid_step = kmm_nr_cpu_ids > 1 ? 1UL << fls(kmm_nr_cpu_ids - 1) : 1;
	return kfree_rcu_reserve();
}

int early_kmem_cache_node_alloc(struct kmem_cache *s, unsigned int nid)
{
	struct slab *slab = allocate_slab(s, GFP_NOWAIT, (int)nid);
	struct kmem_cache_node *n;
	struct slab_word w;

	if (!slab)
		return -ENOMEM;
	w = slab_word_read(slab);
	n = w.freelist;
	w.freelist = freeptr_get(s, n);
	w.inuse = 1;
	slab_word_init(slab, w);

	init_kmem_cache_node(n);
	s->node[nid] = n;
	/* A node may be given pages of another one, when it has none. Then that one counts the slab, now or when it comes. */
	n = get_node(s, slab_nid(slab));
	if (!n)
		return -ENOMEM;
	/* The slab came before the node that counts it. */
	n->nr_slabs++;
	n->total_objects += w.objects;
	kmm_spin_lock(&n->list_lock);
	add_partial_locked(n, slab, PLACE_AT_HEAD);
	kmm_spin_unlock(&n->list_lock);
	return 0;
}

/* @s is zero: an object of kmem_cache has no room for nodes that there are not, so it is not cleared here.
 * @usersize: bytes of an object, from its start, that check_object_size() lets through. */
static int create_boot_cache(struct kmem_cache *s, const char *name, unsigned int size, slab_flags_t flags,
			     unsigned int usersize)
{
	static const struct kmem_cache_args usual;
	unsigned int align = ARCH_KMALLOC_MINALIGN;
	int err;

	s->name = name;
	s->object_size = size;
	/* A power of two is aligned to itself, as callers of kmalloc() expect. */
	if (is_power_of_2(size))
		align = max_of(align, min_of(size, (unsigned int)PAGE_SIZE));
	s->align = calculate_alignment(flags, align, size);
	s->flags = flags;
	s->usersize = usersize;
	s->refcount = -1; /* exempt from merging */
	err = kmem_cache_open(s, &usual);
	if (!err)
		trace("create_boot_cache", s);
	return err;
}

/* Moves a static boot cache into an object of kmem_cache. */
static struct kmem_cache *bootstrap(struct kmem_cache *static_cache)
{
	struct kmem_cache *s = cache_alloc(kmem_cache, GFP_NOWAIT | __GFP_ZERO);
	struct kmem_cache_node *n;
	struct slab *slab;

	if (!s)
		return NULL;
	memcpy(s, static_cache, kmem_cache->object_size);
	/* Slabs name their cache. With the CPUs' slabs flushed, all that have a free object are on the node list, and no
	 * boot cache has filled a slab yet. */
	flush_all(s);
	for_each_kmem_cache_node(s, nid, n) {
		cds_list_for_each_entry(slab, &n->partial, slab_list)
			slab->slab_cache = s;
	}
	cds_list_add(&s->list, &slab_caches);
	trace("bootstrap", s);
	return s;
}

#define KMALLOC_NAMES(size)                                                                  \
	{                                                                                    \
		[KMALLOC_NORMAL] = "kmalloc-" size, [KMALLOC_CGROUP] = "kmalloc-cg-" size,   \
		[KMALLOC_RECLAIM] = "kmalloc-rcl-" size, [KMALLOC_DMA] = "dma-kmalloc-" size \
	}

static const char *const kmalloc_names[KMALLOC_SHIFT_HIGH + 1][NR_KMALLOC_TYPES] = {
	[1] = KMALLOC_NAMES("96"),  [2] = KMALLOC_NAMES("192"), [3] = KMALLOC_NAMES("8"),   [4] = KMALLOC_NAMES("16"),
	[5] = KMALLOC_NAMES("32"),  [6] = KMALLOC_NAMES("64"),  [7] = KMALLOC_NAMES("128"), [8] = KMALLOC_NAMES("256"),
	[9] = KMALLOC_NAMES("512"), [10] = KMALLOC_NAMES("1k"), [11] = KMALLOC_NAMES("2k"), [12] = KMALLOC_NAMES("4k"),
	[13] = KMALLOC_NAMES("8k"),
};

static const slab_flags_t kmalloc_flags[NR_KMALLOC_TYPES] = {
	[KMALLOC_NORMAL] = SLAB_KMALLOC,
	[KMALLOC_CGROUP] = SLAB_KMALLOC | SLAB_ACCOUNT,
	[KMALLOC_RECLAIM] = SLAB_KMALLOC | SLAB_RECLAIM_ACCOUNT,
	[KMALLOC_DMA] = SLAB_KMALLOC | SLAB_CACHE_DMA,
};

static int create_kmalloc_cache(struct kmem_cache **made, unsigned int type, unsigned int index)
{
	struct kmem_cache *s = cache_alloc(kmem_cache, GFP_NOWAIT | __GFP_ZERO);
	int err;

	if (!s)
		return -ENOMEM;
	err = create_boot_cache(s, kmalloc_names[index][type], kmalloc_class_size(index), kmalloc_flags[type],
				kmalloc_class_size(index));
	if (err)
		return err;
	/* As in the kernel; none of them is ever merged, for each has a window that may be copied out. */
	if (type != KMALLOC_NORMAL)
		s->refcount = 1;
	cds_list_add(&s->list, &slab_caches);
	*made = s;
	return 0;
}

static int create_kmalloc_caches(void)
{
	static const uint8_t by_size[] = { 3, 4, 5, 6, 1, 7, 2, 8, 9, 10, 11, 12, 13 };
	struct kmem_cache *made[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1] = { { NULL } };
	unsigned int nr_types = buddy_has_zone_dma() ? NR_KMALLOC_TYPES : KMALLOC_DMA;

	for (unsigned int type = 0; type < nr_types; type++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(by_size); i++) {
			int err = create_kmalloc_cache(&made[type][by_size[i]], type, by_size[i]);

			if (err)
				return err;
		}
	}
	/* Other threads may be inside kmalloc() while we start, and look here without a lock. They find nothing, or all of a
	 * cache that no failure takes away again; and a normal one only when the others of its size are there. RELEASE pairs
	 * with kmalloc_from() and kmalloc_special(). */
	for (unsigned int type = nr_types; type-- > 0;)
		for (unsigned int i = 1; i <= KMALLOC_SHIFT_HIGH; i++)
			smp_store_release(&kmalloc_caches[type][i], made[type][i]);
	return 0;
}

int kmem_cache_init(void)
{
	int err;

	slub_options_settle();
	slab_nodes_init();
	slab_state = DOWN;
	trace("slab_state DOWN", NULL);
	memset(&boot_kmem_cache_node, 0, sizeof(boot_kmem_cache_node));
	memset(&boot_kmem_cache, 0, sizeof(boot_kmem_cache));
	kmem_cache_node = &boot_kmem_cache_node;
	kmem_cache = &boot_kmem_cache;

	err = create_boot_cache(kmem_cache_node, "kmem_cache_node", sizeof(struct kmem_cache_node), SLAB_HWCACHE_ALIGN,
				0);
	if (err)
		return err;
	slab_state = PARTIAL;
	trace("slab_state PARTIAL", NULL);

	err = create_boot_cache(kmem_cache, "kmem_cache",
				offsetof(struct kmem_cache, node) + slub_nr_nodes * sizeof(struct kmem_cache_node *),
				SLAB_HWCACHE_ALIGN, 0);
	if (err)
		return err;

	kmem_cache = bootstrap(&boot_kmem_cache);
	if (!kmem_cache)
		return -ENOMEM;
	kmem_cache_node = bootstrap(&boot_kmem_cache_node);
	if (!kmem_cache_node)
		return -ENOMEM;

	err = create_kmalloc_caches();
	if (err)
		return err;
	slab_state = UP;
	trace("slab_state UP", NULL);
	slub_fork_register();
	slub_hotplug_register();
	return 0;
}

void kmem_cache_init_late(void)
{
	slab_state = FULL;
	trace("slab_state FULL", NULL);
	kfree_rcu_start();
}

void slub_stop(void)
{
	kfree_rcu_stop();
	memset(kmalloc_caches, 0, sizeof(kmalloc_caches));
	CDS_INIT_LIST_HEAD(&slab_caches);
	kmem_cache = NULL;
	kmem_cache_node = NULL;
	cpu_locks = NULL;
	slab_state = DOWN;
}

bool slub_page_outlives_exit(unsigned long pfn)
{
	struct page *page = page_head(arena_pfn_to_page(pfn));

	return kmem_cache && page_flag_test(page, PG_slab) && page->slab_cache == kmem_cache;
}
