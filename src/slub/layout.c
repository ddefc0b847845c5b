/* SPDX-License-Identifier: MIT
 * layout.c - the geometry of a cache. See layout.h.
 */
#include "slub/layout.h"

#include <errno.h>

#include <kmm/mm.h>

#include "base/report.h"
#include "buddy/buddy.h"
#include "slub/merge.h"

/* Slabs above this order cost more to find than their packing is worth. */
#define PAGE_ALLOC_COSTLY_ORDER 3

unsigned int slub_min_order;
unsigned int slub_max_order = PAGE_ALLOC_COSTLY_ORDER;
unsigned int slub_min_objects;

const struct kmm_param slub_params[] = {
	{ .name = "slub_min_order", .set = kmm_param_set_uint, .target = &slub_min_order, .max = MAX_ORDER - 1 },
	{ .name = "slub_max_order", .set = kmm_param_set_uint, .target = &slub_max_order, .max = MAX_ORDER - 1 },
	{ .name = "slub_min_objects", .set = kmm_param_set_uint, .target = &slub_min_objects, .max = MAX_OBJS_PER_PAGE },
	{ .name = "slab_nomerge", .set = kmm_param_set_bool, .target = &slab_nomerge },
	{ .name = "slub_nomerge", .set = kmm_param_set_bool, .target = &slab_nomerge },
	{ .name = "slab_merge", .set = slab_merge_set, .target = &slab_nomerge },
	{ .name = "slub_merge", .set = slab_merge_set, .target = &slab_nomerge },
	{ .name = NULL },
};

void slub_options_reset(void)
{
	slub_min_order = 0;
	slub_max_order = PAGE_ALLOC_COSTLY_ORDER;
	slub_min_objects = 0;
	slab_nomerge = false;
}

/* Guards of the pages that a slab is made of would cost more than the slab, and objects of the same slab have none. */
static void settle_guards(void)
{
	if (slub_min_order || (slub_max_order != PAGE_ALLOC_COSTLY_ORDER && slub_max_order))
		kmm_report(KMM_REPORT_WARN,
			   "kmm: slub_min_order=%u slub_max_order=%u has no effect beside debug_guardpage_minorder=, "
			   "slabs are of order 0\n",
			   slub_min_order, slub_max_order);
	slub_min_order = slub_max_order = 0;
}

void slub_options_settle(void)
{
	if (debug_guardpage_minorder())
		settle_guards();
	if (slub_min_order > slub_max_order) {
		if (slub_max_order != PAGE_ALLOC_COSTLY_ORDER)
			kmm_report(KMM_REPORT_WARN,
				   "kmm: slub_max_order=%u is below slub_min_order=%u, which is used\n", slub_max_order,
				   slub_min_order);
		slub_max_order = slub_min_order;
	}
}

unsigned int calculate_alignment(slab_flags_t flags, unsigned int align, unsigned int size)
{
	if (flags & SLAB_HWCACHE_ALIGN) {
		unsigned int ralign = SLAB_CACHE_BYTES;

		/* Small objects may share a line, as long as none crosses one. */
		while (size <= ralign / 2)
			ralign /= 2;
		align = max_of(align, ralign);
	}
	align = max_of(align, ARCH_SLAB_MINALIGN);
	return ALIGN_UP(align, (unsigned int)sizeof(void *));
}

static unsigned int order_objects(unsigned int order, unsigned int size)
{
	return (unsigned int)(PAGE_SIZE << order) / size;
}

struct kmem_cache_order_objects oo_make(unsigned int order, unsigned int size)
{
	return (struct kmem_cache_order_objects){ (order << OO_SHIFT) + order_objects(order, size) };
}

/* The smallest order that holds @min_objects and wastes at most 1/@fract_leftover of itself; above @max_order if none. */
static unsigned int calc_slab_order(unsigned int size, unsigned int min_objects, unsigned int max_order,
				    unsigned int fract_leftover)
{
	unsigned int order;

	if (order_objects(slub_min_order, size) > MAX_OBJS_PER_PAGE)
		return get_order((unsigned long)size * MAX_OBJS_PER_PAGE) - 1;

	order = max_of(slub_min_order, get_order((unsigned long)min_objects * size));
	for (; order <= max_order; order++) {
		unsigned int slab_size = (unsigned int)PAGE_SIZE << order;

		if (slab_size % size <= slab_size / fract_leftover)
			break;
	}
	return order;
}

int calculate_order(unsigned int size, unsigned int nr_cpus)
{
	unsigned int min_objects = slub_min_objects;
	unsigned int max_objects, order;

	/* More CPUs fight more for the list lock: give each refill more objects. */
	if (!min_objects)
		min_objects = 4 * ((unsigned int)fls(nr_cpus) + 1);
	max_objects = order_objects(slub_max_order, size);
	min_objects = min_of(min_objects, max_objects);

	for (; min_objects > 1; min_objects--) {
		for (unsigned int fraction = 16; fraction >= 4; fraction /= 2) {
			order = calc_slab_order(size, min_objects, slub_max_order, fraction);
			if (order <= slub_max_order)
				return (int)order;
		}
	}
	/* One object a slab, of whatever waste. */
	order = calc_slab_order(size, 1, slub_max_order, 1);
	if (order <= slub_max_order)
		return (int)order;
	order = calc_slab_order(size, 1, MAX_ORDER - 1, 1);
	if (order < MAX_ORDER)
		return (int)order;
	return -ENOSYS;
}

/* Where the link of a free object is; the bytes that an object takes with it. */
static unsigned int place_freeptr(struct kmem_cache *s, const struct kmem_cache_args *args, unsigned int size)
{
	const bool named = args->use_freeptr_offset && (s->flags & SLAB_TYPESAFE_BY_RCU);

	if (s->ctor || ((s->flags & SLAB_TYPESAFE_BY_RCU) && !named)) {
		/* What the constructor left, or what a reader still looks at, must survive in a free object: the link goes
		 * behind it. */
		s->offset = size;
		return size + (unsigned int)sizeof(void *);
	}
	/* The middle is the least likely to be hit by a write beyond a neighbour. */
	s->offset = named ? args->freeptr_offset : ALIGN_DOWN(s->object_size / 2, (unsigned int)sizeof(void *));
	return size;
}

/* What every request for a slab of @s says beside what the caller says. */
static gfp_t cache_allocflags(const struct kmem_cache *s)
{
	gfp_t gfp = oo_order(s->oo) || oo_order(s->min) ? __GFP_COMP : 0;

	if (s->flags & SLAB_CACHE_DMA)
		gfp |= GFP_DMA;
	if (s->flags & SLAB_CACHE_DMA32)
		gfp |= GFP_DMA32;
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		gfp |= __GFP_RECLAIMABLE;
	return gfp;
}

int calculate_sizes(struct kmem_cache *s, const struct kmem_cache_args *args)
{
	unsigned int size = ALIGN_UP(s->object_size, (unsigned int)sizeof(void *));
	int order;

	s->inuse = size;
	size = ALIGN_UP(place_freeptr(s, args, size), s->align);
	s->size = size;
	s->size_inverse = UINT64_MAX / size + 1;

	order = calculate_order(size, kmm_nr_cpu_ids);
	if (order < 0)
		return -EINVAL;
	s->oo = oo_make((unsigned int)order, size);
	s->min = oo_make(get_order(size), size);
	s->allocflags = cache_allocflags(s);
	return oo_objects(s->oo) ? 0 : -EINVAL;
}

void calculate_partials(struct kmem_cache *s)
{
	unsigned long min_partial = (unsigned long)ilog2(s->size) / 2;

	s->min_partial = max_of(min_of(min_partial, (unsigned long)MAX_PARTIAL), (unsigned long)MIN_PARTIAL);

	if (s->size >= PAGE_SIZE)
		s->cpu_partial = 2;
	else if (s->size >= 1024)
		s->cpu_partial = 6;
	else if (s->size >= 256)
		s->cpu_partial = 13;
	else
		s->cpu_partial = 30;
}
