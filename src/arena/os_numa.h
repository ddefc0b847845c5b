/* SPDX-License-Identifier: MIT
 * os_numa.h - what the system says of its memory nodes: which there are, how far apart, and which CPU is near which.
 *
 * Owns:   the reading of /sys/devices/system/node. The calls that bind memory to a node are in os.h.
 * Rules:  a node has two names: the system's number, which may leave gaps, and its index here, 0 to nr_nodes - 1, in the
 *         order of the numbers. Distances and CPUs speak of indexes, os_bind_node() of the system's numbers.
 *         Reading allocates nothing, leaves errno alone and is no place where a thread can be cancelled.
 * Source: numa_init(), arch/x86/mm/numa.c; the files as drivers/base/node.c writes them, Linux 6.1.
 */
#ifndef KMM_ARENA_OS_NUMA_H
#define KMM_ARENA_OS_NUMA_H

#include <stddef.h>

#define OS_NUMA_MAX_NODES 16
#define OS_NUMA_MAX_CPUS 1024
#define OS_NUMA_LOCAL 10 /* a node's distance to itself; 20 is twice as far */

struct os_numa_map {
	unsigned int nr_nodes;                       /* nodes with memory; 1 where the system says nothing */
	unsigned int os_id[OS_NUMA_MAX_NODES];       /* by index: the system's number */
	size_t mem_size[OS_NUMA_MAX_NODES];          /* by index: bytes; SIZE_MAX where there are more */
	unsigned char cpu_to_node[OS_NUMA_MAX_CPUS]; /* by the system's CPU number: index of the nearest node,
							    0 for a CPU that the system does not name */
	unsigned char distance[OS_NUMA_MAX_NODES][OS_NUMA_MAX_NODES]; /* from index to index: 10 to 255 */
};

/* Fills @map. One node, number 0, with all memory and all CPUs, where the system has no nodes to speak of, or where a
 * file of it is missing or makes no sense, which is reported. Nodes beyond OS_NUMA_MAX_NODES are left out and reported;
 * their CPUs, and those of nodes without memory, go to the nearest node that is there. */
void os_numa_read(struct os_numa_map *map);

/* For tests: reads @dir in place of /sys/devices/system/node; NULL ends it. The string is not copied. */
void os_numa_root_override(const char *dir);

#endif /* KMM_ARENA_OS_NUMA_H */
