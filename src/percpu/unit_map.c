/* SPDX-License-Identifier: MIT
 * unit_map.c - which CPUs have a unit, and from which node its memory comes.
 *
 * Owns:   pcpu_groups and pcpu_units: the possible CPUs, sorted by node. Computed once, at the start.
 * Locks:  none: constant afterwards.
 *
 * Where a unit lies needs no map: that of a CPU starts at the same offset of its slice, cpu << KMM_PCPU_SLICE_SHIFT. The
 * groups say whose memory backs it: frames are charged to the CPU's node, and the system is asked to take the slice's
 * memory from there.
 *
 * Source: pcpu_build_alloc_info(), struct pcpu_group_info, mm/percpu.c, Linux 6.1.
 */
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/report.h"
#include "buddy/buddy.h"

struct pcpu_group pcpu_groups[KMM_MAX_NUMNODES];
unsigned int pcpu_nr_groups;
unsigned short pcpu_units[PCPU_MAX_CPUS];

/* After buddy_reserve(), which knows the nodes. */
void pcpu_setup_groups(void)
{
	unsigned int node, cpu, nr = 0;

	pcpu_nr_groups = 0;
	for (node = 0; node < KMM_MAX_NUMNODES; node++) {
		struct pcpu_group *group = &pcpu_groups[pcpu_nr_groups];

		group->node = node;
		group->first = nr;
		for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
			if (buddy_node_of_cpu(cpu) == node)
				pcpu_units[nr++] = (unsigned short)cpu;
		}
		group->nr_units = nr - group->first;
		pcpu_nr_groups += group->nr_units != 0;
	}
	kmm_assert(nr == kmm_nr_cpu_ids);
}

/* The slices' memory comes from the nodes of their CPUs, where the system can do that. Nothing is mapped yet. */
void pcpu_bind_groups(void)
{
	unsigned int g, i;

	for (g = 0; g < pcpu_nr_groups; g++) {
		for (i = 0; i < pcpu_groups[g].nr_units; i++) {
			const size_t cpu = pcpu_units[pcpu_groups[g].first + i];

			buddy_bind_to_node(pcpu_slices.base + (cpu << KMM_PCPU_SLICE_SHIFT), PCPU_SLICE_SIZE,
					   pcpu_groups[g].node);
		}
	}
}
