/* SPDX-License-Identifier: MIT
 * attr_table.c - the attributes of a cache by name: what is shown as it stands, and what can be set.
 *
 * Files that the kernel has only when it is built for it are there when the library is such a kernel: cache_dma with a zone DMA
 * (dma=), remote_node_defrag_ratio with several nodes, the statistics with KMM_CONFIG_SLUB_STATS.
 *
 * Source: the *_show() and *_store() functions of mm/slub.c, Linux 6.1.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "slub/attr.h"
#include "slub/cache.h"
#include "slub/cpu_slab.h"

#define UINT_OF(s, attr) ((const unsigned int *)(const void *)((const char *)(s) + (attr)->arg))

/* @attr->arg: where in struct kmem_cache. RELAXED: some of them may be set meanwhile. */
static void show_uint(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	view_add(text, "%u\n", READ_ONCE(*UINT_OF(s, attr)));
}

/* @attr->arg: SLAB_*. */
static void show_flag(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	view_add(text, "%d\n", (s->flags & attr->arg) != 0);
}

static void show_order(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	(void)attr;
	view_add(text, "%u\n", oo_order(s->oo));
}

static void show_objs_per_slab(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	(void)attr;
	view_add(text, "%u\n", oo_objects(s->oo));
}

static void show_aliases(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	(void)attr;
	view_add(text, "%d\n", s->refcount < 0 ? 0 : s->refcount - 1);
}

/* A decimal number as kstrtoul() takes it: a line of its own, or no line. 0, -EINVAL, or -ERANGE above @max. */
static int parse_number(const char *text, unsigned long max, unsigned long *number)
{
	const char *p = text + (*text == '+');
	const char *first = p;
	unsigned long n = 0;
	bool large = false;

	for (; *p >= '0' && *p <= '9'; p++) {
		const unsigned long digit = (unsigned long)(*p - '0');

		large |= n > max / 10 || n * 10 > max - digit;
		n = n * 10 + digit;
	}
	if (p == first || strcmp(p + (*p == '\n'), "") != 0)
		return -EINVAL;
	if (large)
		return -ERANGE;
	*number = n;
	return 0;
}

static void show_min_partial(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	(void)attr;
	view_add(text, "%lu\n", READ_ONCE(s->min_partial));
}

static int set_min_partial(struct kmem_cache *s, const struct slab_attr *attr, const char *value)
{
	unsigned long slabs;
	const int err = parse_number(value, ULONG_MAX, &slabs);

	(void)attr;
	if (err)
		return err;
	/* RELAXED: from now on, or soon. */
	WRITE_ONCE(s->min_partial, slabs);
	return 0;
}

/* A CPU's list is counted in half a word, and grows beyond the limit by a slab. */
#define CPU_PARTIAL_MAX ((half_word_t)~0U >> 1)
_Static_assert(CPU_PARTIAL_MAX + MAX_OBJS_PER_PAGE <= (half_word_t)~0U, "pobjects does not wrap");

static int set_cpu_partial(struct kmem_cache *s, const struct slab_attr *attr, const char *value)
{
	unsigned long objects;
	const int err = parse_number(value, CPU_PARTIAL_MAX, &objects);

	(void)attr;
	if (err)
		return err;
	/* Objects of a checked cache never wait on a CPU's list. */
	if (objects && (s->flags & DEBUG_DEFAULT_FLAGS))
		return -EINVAL;
	/* RELAXED: who has read the old limit a moment ago puts one more slab on its list. */
	WRITE_ONCE(s->cpu_partial, (unsigned int)objects);
	flush_all(s);
	return 0;
}

static int set_shrink(struct kmem_cache *s, const struct slab_attr *attr, const char *value)
{
	(void)attr;
	if (value[0] != '1')
		return -EINVAL;
	shrink_cache(s);
	return 0;
}

static bool is_numa(void)
{
	return slub_nr_nodes > 1;
}

/* In percent; the cache counts in tenths. */
static void show_defrag_ratio(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	(void)attr;
	view_add(text, "%u\n", READ_ONCE(s->remote_node_defrag_ratio) / 10);
}

static int set_defrag_ratio(struct kmem_cache *s, const struct slab_attr *attr, const char *value)
{
	unsigned long ratio;
	const int err = parse_number(value, 100, &ratio);

	(void)attr;
	if (err)
		return err;
	WRITE_ONCE(s->remote_node_defrag_ratio, (unsigned int)ratio * 10);
	return 0;
}

#define FIELD(f) .show = show_uint, .arg = offsetof(struct kmem_cache, f)
#define FLAG(flag) .show = show_flag, .arg = (flag)
#define COUNT(what) .show = show_slab_objects, .arg = (what)

const struct slab_attr slab_attr_ctor = { .file = "ctor" };
const struct slab_attr slab_attr_validate = { .file = "validate" };

static const struct slab_attr attrs[] = {
	{ .file = "aliases", .show = show_aliases },
	{ .file = "align", FIELD(align) },
	{ .file = "cache_dma", FLAG(SLAB_CACHE_DMA), .exists = buddy_has_zone_dma },
	{ .file = "cpu_partial", FIELD(cpu_partial), .set = set_cpu_partial },
	{ .file = "cpu_slabs", COUNT(COUNT_CPU_SLABS) },
	{ .file = "destroy_by_rcu", FLAG(SLAB_TYPESAFE_BY_RCU) },
	{ .file = "hwcache_align", FLAG(SLAB_HWCACHE_ALIGN) },
	{ .file = "min_partial", .show = show_min_partial, .set = set_min_partial },
	{ .file = "object_size", FIELD(object_size) },
	{ .file = "objects", COUNT(COUNT_OBJECTS) },
	{ .file = "objects_partial", COUNT(COUNT_OBJECTS_PARTIAL) },
	{ .file = "objs_per_slab", .show = show_objs_per_slab },
	{ .file = "order", .show = show_order },
	{ .file = "partial", COUNT(COUNT_PARTIAL) },
	{ .file = "poison", FLAG(SLAB_POISON) },
	{ .file = "reclaim_account", FLAG(SLAB_RECLAIM_ACCOUNT) },
	{ .file = "red_zone", FLAG(SLAB_RED_ZONE) },
	{ .file = "remote_node_defrag_ratio", .show = show_defrag_ratio, .set = set_defrag_ratio, .exists = is_numa },
	{ .file = "sanity_checks", FLAG(SLAB_CONSISTENCY_CHECKS) },
	{ .file = "shrink", .set = set_shrink },
	{ .file = "slab_size", FIELD(size) },
	{ .file = "slabs", COUNT(COUNT_SLABS) },
	{ .file = "slabs_cpu_partial", .show = show_slabs_cpu_partial },
	{ .file = "store_user", FLAG(SLAB_STORE_USER) },
	{ .file = "total_objects", COUNT(COUNT_TOTAL) },
	{ .file = "trace", FLAG(SLAB_TRACE) },
	{ .file = "usersize", FIELD(usersize) },
};

/* All there are, in no order; NULL behind the last. */
static const struct slab_attr *attr_at(unsigned int i)
{
	if (i < ARRAY_SIZE(attrs))
		return &attrs[i];
	i -= (unsigned int)ARRAY_SIZE(attrs);
	if (i < nr_slab_stat_attrs)
		return &slab_stat_attrs[i];
	i -= nr_slab_stat_attrs;
	if (i == 0)
		return &slab_attr_ctor;
	return i == 1 ? &slab_attr_validate : NULL;
}

static bool attr_exists(const struct slab_attr *attr)
{
	return !attr->exists || attr->exists();
}

const struct slab_attr *slab_attr_find(const char *file)
{
	const struct slab_attr *attr;

	for (unsigned int i = 0; (attr = attr_at(i)); i++)
		if (strcmp(attr->file, file) == 0 && attr_exists(attr))
			return attr;
	return NULL;
}

const struct slab_attr *slab_attr_next(const char *file)
{
	const struct slab_attr *attr, *next = NULL;

	for (unsigned int i = 0; (attr = attr_at(i)); i++)
		if (strcmp(attr->file, file) > 0 && (!next || strcmp(attr->file, next->file) < 0) && attr_exists(attr))
			next = attr;
	return next;
}
