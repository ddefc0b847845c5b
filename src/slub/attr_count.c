/* SPDX-License-Identifier: MIT
 * attr_count.c - the attributes that count slabs and objects, by node or by CPU.
 *
 * Locks:  list_lock of one node, or L[X] of one CPU, at a time: numbers of different ones are of different moments.
 * Source: show_slab_objects(), mm/slub.c, Linux 6.1; slabs_cpu_partial_show() of 5.15, whose lists are limited in objects, as
 *         here.
 */
#include "slub/attr.h"
#include "slub/counts.h"

/* Slabs in the hands of CPUs, by the node they are on; a CPU's list by the node of its first. */
static void count_cpu_slabs(const struct kmem_cache *s, unsigned long *nodes)
{
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		const struct kmem_cache_cpu *c = cpu_slab_of(s, cpu);

		kmm_lock(cpu_lock(cpu));
		if (c->slab)
			nodes[slab_nid(c->slab)]++;
		if (c->partial)
			nodes[slab_nid(c->partial)] += c->partial->slabs;
		kmm_unlock(cpu_lock(cpu));
	}
}

static unsigned long count_in_use(struct kmem_cache_node *n)
{
	const struct node_counts all = count_node(n);

	return all.objects - all.free;
}

static unsigned long count_on_node(struct kmem_cache_node *n, enum slab_count what)
{
	switch (what) {
	case COUNT_SLABS:
		return READ_ONCE(n->nr_slabs);
	case COUNT_TOTAL:
		return READ_ONCE(n->total_objects);
	case COUNT_OBJECTS:
		return count_in_use(n);
	case COUNT_PARTIAL:
		return READ_ONCE(n->nr_partial);
	case COUNT_OBJECTS_PARTIAL:
		return count_partial(n).inuse;
	case COUNT_CPU_SLABS:
		break;
	}
	return 0;
}

void show_slab_objects(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	const enum slab_count what = (enum slab_count)attr->arg;
	unsigned long nodes[KMM_MAX_NUMNODES] = { 0 }, total = 0;
	struct kmem_cache_node *n;

	if (what == COUNT_CPU_SLABS) {
		count_cpu_slabs(s, nodes);
	} else {
		for_each_kmem_cache_node(s, nid, n)
			nodes[nid] = count_on_node(n, what);
	}
	for (unsigned int nid = 0; nid < slub_nr_nodes; nid++)
		total += nodes[nid];
	view_add(text, "%lu", total);
	for (unsigned int nid = 0; nid < slub_nr_nodes && slub_nr_nodes > 1; nid++)
		if (nodes[nid])
			view_add(text, " N%u=%lu", nid, nodes[nid]);
	view_add(text, "\n");
}

/* What the list of one CPU holds. */
struct cpu_partial_counts {
	unsigned int slabs, objects;
};

static struct cpu_partial_counts count_cpu_partial(const struct kmem_cache *s, unsigned int cpu)
{
	const struct kmem_cache_cpu *c = cpu_slab_of(s, cpu);
	struct cpu_partial_counts counts = { .slabs = 0 };

	kmm_lock(cpu_lock(cpu));
	if (c->partial) {
		counts.slabs = c->partial->slabs;
		counts.objects = c->partial->pobjects;
	}
	kmm_unlock(cpu_lock(cpu));
	return counts;
}

void show_slabs_cpu_partial(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr)
{
	struct cpu_partial_counts all = { .slabs = 0 }, cpus[ATTR_MAX_CPUS] = { { 0 } };

	(void)attr;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		cpus[cpu] = count_cpu_partial(s, cpu);
		all.slabs += cpus[cpu].slabs;
		all.objects += cpus[cpu].objects;
	}
	view_add(text, "%u(%u)", all.objects, all.slabs);
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids && kmm_nr_cpu_ids > 1; cpu++)
		if (cpus[cpu].slabs)
			view_add(text, " C%u=%u(%u)", cpu, cpus[cpu].objects, cpus[cpu].slabs);
	view_add(text, "\n");
}
