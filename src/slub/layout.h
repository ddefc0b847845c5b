/* SPDX-License-Identifier: MIT
 * layout.h - the geometry of a cache: sizes, alignments, offsets, orders. Pure arithmetic: no locks, no state.
 *
 * Source: calculate_alignment(), mm/slab_common.c; calculate_sizes(), calculate_order(), oo_make(), set_min_partial(),
 *         mm/slub.c, Linux 6.1; the cpu_partial table of the kernels before 5.16; a free pointer at a place that the
 *         caller names, Linux 6.12.
 */
#ifndef KMM_SLUB_LAYOUT_H
#define KMM_SLUB_LAYOUT_H

#include "base/options.h"
#include "slub/slub_internal.h"

/* Boot parameters slub_min_order=, slub_max_order=, slub_min_objects=; in the same table, those of merge.h. */
extern unsigned int slub_min_order, slub_max_order, slub_min_objects;
extern const struct kmm_param slub_params[];
/* Back to the defaults: options last for one start. */
void slub_options_reset(void);
/* What they mean together with options of other rooms. Before the first cache. */
void slub_options_settle(void);

/* Alignment, bytes, of objects of @size bytes asked for with @align. */
unsigned int calculate_alignment(slab_flags_t flags, unsigned int align, unsigned int size);

struct kmem_cache_order_objects oo_make(unsigned int order, unsigned int size);

/* Order of a slab of objects of @size bytes, or -ENOSYS when no order holds one. @nr_cpus: CPUs that can exist. */
int calculate_order(unsigned int size, unsigned int nr_cpus);

/* Fills size, inuse, offset, size_inverse, oo, min and allocflags from object_size, align, flags, ctor, and the wish for a
 * place of the free pointer in @args, which was checked. 0, or -EINVAL when no slab can hold an object. */
int calculate_sizes(struct kmem_cache *s, const struct kmem_cache_args *args);

/* Fills min_partial and cpu_partial from size. */
void calculate_partials(struct kmem_cache *s);

#endif /* KMM_SLUB_LAYOUT_H */
