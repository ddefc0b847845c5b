/* SPDX-License-Identifier: MIT
 * slub_hotplug.c - what SLUB does when CPUs and memory go and come.
 *
 * Locks:  slab_mutex, which keeps the registry still and guards slab_nodes; the locks of a flush inside it.
 * How:    the slabs of a CPU that goes are given up, and the empty slabs of all caches before memory goes, for each would hold
 *         its range. A node that gets its first memory is given to all caches before; one that lost its last keeps what they
 *         have for it, but caches made from then on do without. (Caches put what they have for a node into memory of that
 *         node, which therefore seldom loses its last.)
 * Source: slub_cpu_dead(), slab_memory_callback(), mm/slub.c, Linux 6.1.
 */
#include "slub/slub_hotplug.h"

#include "base/cpu_hotplug.h"
#include "buddy/memory_notify.h"
#include "slub/cache.h"
#include "slub/cpu_slab.h"
#include "slub/slub.h"

static void slub_cpu_dead(unsigned int cpu)
{
	struct kmem_cache *s;

	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list)
		flush_cpu_slab(s, cpu);
	kmm_unlock(&slab_mutex);
}

static int slab_mem_going_online(int nid)
{
	return nid == NUMA_NO_NODE ? 0 : kmem_cache_node_online((unsigned int)nid);
}

static void slab_mem_offline(int nid)
{
	if (nid == NUMA_NO_NODE)
		return;
	kmm_lock(&slab_mutex);
	slab_node_set((unsigned int)nid, false);
	kmm_unlock(&slab_mutex);
}

/* Slabs are never movable, so memory that only movable pages can use does not count. */
static int slab_memory_callback(enum memory_event event, const struct memory_notify *change)
{
	switch (event) {
	case MEM_GOING_ONLINE:
		return slab_mem_going_online(change->status_change_nid_normal);
	case MEM_GOING_OFFLINE:
		slub_trim();
		break;
	case MEM_OFFLINE:
	case MEM_CANCEL_ONLINE:
		slab_mem_offline(change->status_change_nid_normal);
		break;
	case MEM_ONLINE:
	case MEM_CANCEL_OFFLINE:
		break;
	}
	return 0;
}

void slub_hotplug_register(void)
{
	static const struct cpu_hotplug_handler cpu_handler = { .state = CPUHP_SLUB_DEAD, .dead = slub_cpu_dead };
	static struct memory_notifier memory_notifier = { .call = slab_memory_callback };

	cpu_hotplug_register(&cpu_handler);
	register_memory_notifier(&memory_notifier);
}
