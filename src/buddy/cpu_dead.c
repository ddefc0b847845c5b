/* SPDX-License-Identifier: MIT
 * cpu_dead.c - what the page allocator does when a CPU goes offline or comes back.
 *
 * Owns:       nothing.
 * Locks:      pcp->lock and zone->lock, one after the other, in what it calls.
 * How:        the lists of the CPU are emptied and what CPUs have counted is folded. The lists of the others may hold more, and
 *             counters are a little less coarse: both follow the number of CPUs online. Events are not moved to another
 *             CPU: they are added up over all possible ones.
 * Source:     page_alloc_cpu_dead(), page_alloc_cpu_online(), mm/page_alloc.c; vmstat_cpu_dead(), mm/vmstat.c, Linux 6.1.
 */
#include "base/cpu_hotplug.h"
#include "buddy/buddy_internal.h"

static void number_of_cpus_has_changed(unsigned int cpu)
{
	(void)cpu;
	for_each_populated_zone(zone)
		setup_zone_pageset(zone);
	refresh_vm_stats();
}

static void page_alloc_cpu_dead(unsigned int cpu)
{
	for_each_populated_zone(zone)
		drain_pages_zone(zone, cpu);
	number_of_cpus_has_changed(cpu);
}

void cpu_dead_start(void)
{
	static const struct cpu_hotplug_handler handler = {
		.state = CPUHP_PAGE_ALLOC,
		.dead = page_alloc_cpu_dead,
		.online = number_of_cpus_has_changed,
	};

	cpu_hotplug_set_nodes(buddy_node_of_cpu);
	cpu_hotplug_register(&handler);
}
