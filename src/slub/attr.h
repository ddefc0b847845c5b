/* SPDX-License-Identifier: MIT
 * attr.h - the files of /sys/kernel/slab/<cache>: what each shows, and what can be set.
 *
 * Owns:   struct slab_attr; the tables are in attr_table.c and slab_stat.c.
 * Rules:  show and set are called under slab_mutex, with a cache of the registry. They take the locks of CPUs and nodes, and
 *         neither ask for memory nor take a lock of others.
 * Source: struct slab_attribute, slab_attrs[], mm/slub.c, Linux 6.1.
 */
#ifndef KMM_SLUB_ATTR_H
#define KMM_SLUB_ATTR_H

#include "slub/view.h"

struct slab_attr {
	const char *file; /* its name */
	/* What the file holds; NULL: nothing, or what attr.c adds itself. */
	void (*show)(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr);
	/* 0, or an error with nothing changed; NULL: read only, unless attr.c does it itself. */
	int (*set)(struct kmem_cache *s, const struct slab_attr *attr, const char *value);
	unsigned long arg;    /* of show and set */
	bool (*exists)(void); /* NULL: always */
};

/* CPUs that there can be, as src/start.c limits them. */
#define ATTR_MAX_CPUS 256

/* The attribute of that file name, or NULL. */
const struct slab_attr *slab_attr_find(const char *file);
/* The attribute whose file name comes next after @file in the order of the letters; the first for "". NULL: there is none. */
const struct slab_attr *slab_attr_next(const char *file);

/* What attr.c does itself: see there. */
extern const struct slab_attr slab_attr_ctor, slab_attr_validate;

/* slab_stat.c: the items of enum stat_item. */
extern const struct slab_attr slab_stat_attrs[];
extern const unsigned int nr_slab_stat_attrs;

/* attr_count.c: @attr->arg is an enum slab_count. */
enum slab_count { COUNT_SLABS, COUNT_OBJECTS, COUNT_TOTAL, COUNT_PARTIAL, COUNT_OBJECTS_PARTIAL, COUNT_CPU_SLABS };
void show_slab_objects(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr);
void show_slabs_cpu_partial(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr);

#endif /* KMM_SLUB_ATTR_H */
