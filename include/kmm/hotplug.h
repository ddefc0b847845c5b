/* SPDX-License-Identifier: MIT
 * kmm/hotplug.h - memory that is added and taken away while the library runs.
 *
 * Owns:   the memory block: the unit of both. Address space for memory to add is reserved at start, by the option mem_max=.
 * Source: include/linux/memory_hotplug.h, Linux 6.1.
 */
#ifndef KMM_HOTPLUG_H
#define KMM_HOTPLUG_H

#include <stddef.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * kmm_memory_block_size - the unit in which memory is added and taken away.
 * Context: any.
 * Return:  bytes, a power of two: 16 MiB, 8 MiB on 32-bit.
 * Source:  memory_block_size_bytes(), drivers/base/memory.c, Linux 6.1.
 */
KMM_API size_t kmm_memory_block_size(void);

/**
 * kmm_add_memory - raise the limit.
 * @nid:   the node that the memory becomes part of; NUMA_NO_NODE: node 0.
 * @size:  bytes, a multiple of kmm_memory_block_size().
 *
 * What was taken away from the node comes back first, to the zone that it was in, then the room that mem_max= reserved, to
 * the node's last zone: with the option movablecore= that is zone Movable, where only movable pages come from, so that
 * GFP_KERNEL requests gain nothing. The room is split over the nodes in equal parts, and each node adds from its own only.
 * As the rest of the limit, the pages cost nothing until they are needed. totalram_pages(), nr_free_pages() and the
 * watermarks follow.
 *
 * Context: any thread, not a signal handler; hold no libkmm lock; may sleep. The first call starts the library.
 * Return:  0; -EINVAL (reported) for a node that does not exist or a size that is none; -ENOMEM (reported) when there is no room
 *          for all of it, or no memory for what the library needs to use it, or after kmm_exit(). Nothing has changed then.
 * Source:  add_memory(), mm/memory_hotplug.c, Linux 6.1. Differs: where it goes is not the caller's choice.
 */
KMM_API int kmm_add_memory(int nid, size_t size);

/**
 * kmm_offline_memory - take a range away: its memory goes back to the system, and the limit sinks by its size.
 * @pfn:   number of its first page.      @nr_pages: its pages. Both are multiples of a memory block.
 *
 * The range lies in one zone. Object caches free their empty slabs first. Pages in use are asked to move elsewhere where somebody
 * can do that; while the call is at work, no free page of the range is handed out. A range that was never needed can go as
 * well. A node may lose all its memory: requests for it are then served by other nodes, or fail if they insist on it
 * (__GFP_THISNODE). The address space stays readable and reads as zeros.
 *
 * Context: as kmm_add_memory().
 * Return:  0; -EINVAL (reported) for a range that is not whole memory blocks, lies outside the limit or in two zones, or
 *          is offline already; -EBUSY (reported, with the page) when a page is in use and cannot move; -ENOMEM (reported) when
 *          the system or the migration had no memory, or after kmm_exit(). Nothing has changed then.
 * Source:  offline_pages(), mm/memory_hotplug.c, Linux 6.1.
 */
KMM_API int kmm_offline_memory(unsigned long pfn, unsigned long nr_pages);

KMM_END_DECLS

#endif /* KMM_HOTPLUG_H */
