/* SPDX-License-Identifier: MIT
 * slab_stat.c - the attributes that show and clear statistics, in builds with KMM_CONFIG_SLUB_STATS.
 *
 * Lock-free: counters are read, and cleared, RELAXED while their CPUs count on: two threads that count on one CPU at once may
 *            lose a count (stat()), and a counter that is cleared at that moment may keep its value.
 * Source:    show_stat(), clear_stat(), STAT_ATTR(), mm/slub.c, Linux 6.1.
 */
#include <errno.h>

#include "slub/attr.h"

#if KMM_CONFIG_SLUB_STATS

static unsigned int *counter_of(const struct kmem_cache *s, const struct slab_attr *attr, unsigned int cpu)
{
	return &cpu_slab_of(s, cpu)->stat[attr->arg];
}

static void show_stat(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	unsigned int cpus[ATTR_MAX_CPUS] = { 0 };
	unsigned long sum = 0;

	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		cpus[cpu] = READ_ONCE(*counter_of(s, attr, cpu));
		sum += cpus[cpu];
	}
	view_add(text, "%lu", sum);
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids && kmm_nr_cpu_ids > 1; cpu++)
		if (cpus[cpu])
			view_add(text, " C%u=%u", cpu, cpus[cpu]);
	view_add(text, "\n");
}

static int clear_stat(struct kmem_cache *s, const struct slab_attr *attr, const char *value)
{
	if (value[0] != '0')
		return -EINVAL;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		WRITE_ONCE(*counter_of(s, attr, cpu), 0);
	return 0;
}

#define STAT_ATTR(item, text) { .file = (text), .show = show_stat, .set = clear_stat, .arg = (item) },
const struct slab_attr slab_stat_attrs[] = { SLUB_STAT_ITEMS(STAT_ATTR) };
const unsigned int nr_slab_stat_attrs = NR_SLUB_STAT_ITEMS;

#else

const struct slab_attr slab_stat_attrs[1] = { { .file = NULL } };
const unsigned int nr_slab_stat_attrs = 0;

#endif
