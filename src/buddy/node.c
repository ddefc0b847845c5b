/* SPDX-License-Identifier: MIT
 * node.c - nodes and their zones: which pages belong where, and which CPU is near.
 *
 * Owns:       kmm_nodes, kmm_zones, nr_online_nodes, the node of each CPU.
 * Locks:      none: set at start, before a second thread can be inside.
 * How:        the limit is split over the nodes, and each node's part over its zones, in whole pageblocks: DMA at the start
 *             of node 0, MOVABLE at the end of each node, NORMAL between. Room for memory added later follows each node's
 *             part, and extends its last zone.
 * Source:     numa_emulation(), arch/x86/mm/numa_emulation.c; free_area_init(), find_zone_movable_pfns_for_nodes(),
 *             mm/page_alloc.c, Linux 6.1.
 */
#include <stdint.h>
#include <string.h>

#include <kmm/numa.h>

#include "arena/os.h"
#include "arena/os_numa.h"
#include "buddy/buddy_internal.h"

struct pglist_data kmm_nodes[MAX_NUMNODES];
struct zone *kmm_zones[ZONE_INDEX_MAX];
unsigned int nr_online_nodes = 1;

static const char *const zone_names[MAX_NR_ZONES] = { "DMA", "Normal", "Movable" };
unsigned char kmm_node_of_cpu[OS_NUMA_MAX_CPUS];

unsigned int node_nr_cpus(unsigned int nid)
{
	unsigned int nr = 0;

	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		nr += cpu_id_online(cpu) && node_of_cpu(cpu) == nid;
	return nr;
}

int numa_node_id(void)
{
	return buddy_is_started() && many_nodes() ? (int)node_of_cpu(raw_cpu_id()) : 0;
}

int cpu_to_node(int cpu)
{
	return buddy_is_started() && cpu >= 0 && cpu < OS_NUMA_MAX_CPUS ? (int)node_of_cpu((unsigned int)cpu) : 0;
}

int num_online_nodes(void)
{
	return buddy_is_started() ? (int)nr_online_nodes : 1;
}

int page_to_nid(const struct page *page)
{
	/* Before the start and after the end no page is of any node. */
	return buddy_is_started() && page_exists(page) ? page_pgdat(page)->node_id : 0;
}

unsigned int buddy_page_nid(const struct page *page)
{
	return (unsigned int)page_pgdat(page)->node_id;
}

int buddy_nearest_node(unsigned int nid, unsigned int i)
{
	const struct zoneref *ref = NODE_DATA(nid)->node_zonelists[ZONELIST_FALLBACK].refs;

	for (int last = -1; ref->zone; ref++) {
		if (ref->zone->zone_pgdat->node_id == last)
			continue;
		last = ref->zone->zone_pgdat->node_id;
		if (!i--)
			return last;
	}
	return -1;
}

bool buddy_node_has_memory(unsigned int nid)
{
	for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++)
		if (READ_ONCE(NODE_DATA(nid)->node_zones[idx].present_pages))
			return true;
	return false;
}

static unsigned long to_blocks(size_t bytes)
{
	return ALIGN_UP(bytes >> PAGE_SHIFT, pageblock_nr_pages);
}

/* Zones of one node from @start on. Returns the first pfn behind them. */
static unsigned long setup_zones(struct pglist_data *node, unsigned long start, unsigned long nr_pages)
{
	unsigned long size[MAX_NR_ZONES], end = start + nr_pages;

	/* NORMAL keeps at least one pageblock, where there is one: not every request can be served elsewhere. */
	size[ZONE_DMA] = node->node_id ? 0 : min_of(to_blocks(buddy_options.dma), nr_pages / 2);
	size[ZONE_DMA] = ALIGN_DOWN(size[ZONE_DMA], pageblock_nr_pages);
	size[ZONE_MOVABLE] = to_blocks(buddy_options.movable / nr_online_nodes);
	if (nr_pages)
		size[ZONE_MOVABLE] = min_of(size[ZONE_MOVABLE], nr_pages - size[ZONE_DMA] - pageblock_nr_pages);
	else
		size[ZONE_MOVABLE] = 0;
	size[ZONE_NORMAL] = nr_pages - size[ZONE_DMA] - size[ZONE_MOVABLE];
	for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++) {
		struct zone *zone = &node->node_zones[idx];

		zone->zone_pgdat = node;
		zone->idx = (enum zone_type)idx;
		zone->index = (unsigned char)(node->node_id * MAX_NR_ZONES + (int)idx);
		zone->name = zone_names[idx];
		kmm_lock_init(&zone->lock, KMM_RANK_ZONE, "zone->lock");
		kmm_zones[zone->index] = zone;
		zone_setup(zone, start, start + size[idx]);
		start += size[idx];
	}
	return end;
}

/* Pages of the limit for each node: by its memory where the system says so, else all the same; at least one pageblock. */
static void split_limit(const struct os_numa_map *map, bool fake, unsigned long nr_pages[])
{
	uint64_t left = kmm_arena.nr_limit >> pageblock_order, weight[MAX_NUMNODES], rest = 0;

	for (unsigned int nid = 0; nid < nr_online_nodes; nid++) {
		/* So many bits of pageblocks are enough for any machine, and the product below has room for them. */
		const uint64_t size = min_of((uint64_t)(map->mem_size[nid] / ARENA_MIN_SIZE), (uint64_t)INT32_MAX);

		weight[nid] = fake ? 1 : max_of(size, (uint64_t)1);
		rest += weight[nid];
	}
	for (unsigned int nid = 0; nid < nr_online_nodes; nid++) {
		const uint64_t for_others = nr_online_nodes - nid - 1;
		uint64_t blocks = left * weight[nid] / rest;

		blocks = max_of(min_of(blocks, left - for_others), (uint64_t)1);
		nr_pages[nid] = (unsigned long)blocks << pageblock_order;
		left -= blocks;
		rest -= weight[nid];
	}
}

static void setup_cpus(const struct os_numa_map *map, bool fake)
{
	for (unsigned int cpu = 0; cpu < min_of(kmm_nr_cpu_ids, (unsigned int)OS_NUMA_MAX_CPUS); cpu++)
		kmm_node_of_cpu[cpu] = (unsigned char)(fake ? cpu * nr_online_nodes / kmm_nr_cpu_ids :
							      min_of(map->cpu_to_node[cpu], nr_online_nodes - 1));
}

static void setup_distances(const struct os_numa_map *map, bool fake)
{
	for (unsigned int from = 0; from < nr_online_nodes; from++)
		for (unsigned int to = 0; to < nr_online_nodes; to++)
			node_set_distance(from, to, !fake ? map->distance[from][to] : from == to ? 10 : 20);
}

unsigned int buddy_node_of_cpu(unsigned int cpu)
{
	return node_of_cpu(cpu);
}

void buddy_bind_to_node(void *addr, size_t size, unsigned int nid)
{
	if (nr_online_nodes > 1 && size)
		os_bind_node(addr, size, kmm_nodes[nid].os_node);
}

/* The memory of each node comes from the system's node, where the system can do that. */
static void bind_memory(const struct pglist_data *node)
{
	buddy_bind_to_node(kmm_arena.base + (node->start_pfn << PAGE_SHIFT),
			   (node->end_pfn - node->start_pfn) << PAGE_SHIFT, (unsigned int)node->node_id);
}

void nodes_setup(void)
{
	struct os_numa_map map;
	unsigned long nr_pages[MAX_NUMNODES] = { 0 }, start = 0, room = kmm_arena.nr_pages - kmm_arena.nr_limit;
	const bool fake = buddy_options.fake_nodes != 0;

	_Static_assert(MAX_NUMNODES == OS_NUMA_MAX_NODES, "one map");
	_Static_assert(MAX_NUMNODES == KMM_MAX_NUMNODES, "one range of numbers");
	memset(kmm_nodes, 0, sizeof(kmm_nodes));
	memset(kmm_node_of_cpu, 0, sizeof(kmm_node_of_cpu));
	for (unsigned int i = 0; i < ZONE_INDEX_MAX; i++)
		kmm_zones[i] = &kmm_nodes[0].node_zones[0];
	os_numa_read(&map);
	nr_online_nodes = fake ? buddy_options.fake_nodes : buddy_options.numa_off ? 1 : map.nr_nodes;
	/* A node has at least a pageblock. */
	nr_online_nodes = (unsigned int)min_of((unsigned long)nr_online_nodes, kmm_arena.nr_limit >> pageblock_order);
	split_limit(&map, fake, nr_pages);
	setup_cpus(&map, fake || nr_online_nodes == 1);
	setup_distances(&map, fake);
	for (unsigned int nid = 0; nid < nr_online_nodes; nid++) {
		struct pglist_data *node = NODE_DATA(nid);
		unsigned long own_room = ALIGN_DOWN(room / (nr_online_nodes - nid), pageblock_nr_pages);

		node->node_id = (int)nid;
		node->os_node = map.os_id[nid % map.nr_nodes];
		node->start_pfn = start;
		start = setup_zones(node, start, nr_pages[nid]);
		start += own_room;
		room -= own_room;
		node->end_pfn = start;
		bind_memory(node);
	}
}
