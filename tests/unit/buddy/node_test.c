/* SPDX-License-Identifier: MIT
 * node_test.c - how the limit is split over nodes and zones, which CPU is near which node, and memory bound to nodes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw() */
#endif
#include <errno.h>
#include <limits.h>

#include <kmm/kmm.h>

#include "arena/os.h"
#include "base/boot.h"
#include "node_world.h"
#include "support/numa_dir.h"

#define BLOCK PAGEBLOCK_SIZE
#define MIB ((size_t)1 << 20)
#define MOST_KIB (ULONG_MAX - 6)

/* Where a node ends before its room. */
static unsigned long zones_end(unsigned int nid)
{
	return kmm_nodes[nid].node_zones[MAX_NR_ZONES - 1].end_pfn;
}

/* What holds for every layout. */
static void assert_layout(unsigned long nr_blocks)
{
	unsigned long pfn = 0, nr_pages = 0;

	assert_int_equal(totalram_pages(), nr_blocks * pageblock_nr_pages);
	for_each_node(nid) {
		const struct pglist_data *node = NODE_DATA(nid);

		assert_int_equal(node->node_id, nid);
		assert_int_equal(node->start_pfn, pfn);
		for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++) {
			const struct zone *zone = &node->node_zones[idx];

			assert_int_equal(zone->start_pfn, pfn);
			assert_int_equal(zone->start_pfn % pageblock_nr_pages, 0);
			assert_int_equal(zone->end_pfn - pfn, zone->present_pages);
			assert_int_equal(zone->present_pages % pageblock_nr_pages, 0);
			assert_int_equal(zone->idx, idx);
			assert_ptr_equal(zone->zone_pgdat, node);
			assert_ptr_equal(kmm_zones[zone->index], zone);
			pfn = zone->end_pfn;
			nr_pages += zone->present_pages;
		}
		assert_true(node->node_zones[ZONE_NORMAL].present_pages >= pageblock_nr_pages);
		assert_true(nid == 0 || !populated_zone(DMA_OF(nid)));
		assert_true(node->end_pfn >= pfn);
		pfn = node->end_pfn;
	}
	assert_int_equal(nr_pages, kmm_arena.nr_limit);
	assert_int_equal(pfn, kmm_arena.nr_pages);
	kmm_validate_pages();
}

/* Each pageblock can be had, once, and knows the zone whose range it lies in. */
static void assert_all_can_be_had(unsigned long nr_blocks)
{
	struct taken *taken = taken_by_test(MAX_ORDER - 1);

	take_all(taken, MOVABLE_ANYWHERE, 0);
	assert_int_equal(taken->nr, nr_blocks);
	for (unsigned int i = 0; i < taken->nr; i++) {
		const unsigned long pfn = page_to_pfn(taken->pages[i]);
		const struct zone *zone = page_zone(taken->pages[i]);

		assert_true(zone->start_pfn <= pfn && pfn < zone->end_pfn);
		assert_int_equal(page_to_nid(taken->pages[i]), zone->zone_pgdat->node_id);
	}
	assert_int_equal(nr_free_pages(), 0);
	give_back_all(taken);
	assert_int_equal(nr_free_pages(), nr_blocks * pageblock_nr_pages);
}

static unsigned long zones_of(enum zone_type idx)
{
	unsigned long nr = 0;

	for_each_node(nid)
		nr += blocks_of(&kmm_nodes[nid].node_zones[idx]);
	return nr;
}

/* Who did not get what he asked for is told, and nobody else. */
static void assert_only_changes_are_reported(unsigned int nr_nodes)
{
	assert_int_equal(capture.nr, (num_online_nodes() < (int)nr_nodes) +
					     (zones_of(ZONE_DMA) * BLOCK < buddy_options.dma) +
					     (zones_of(ZONE_MOVABLE) * BLOCK < buddy_options.movable));
	if (capture.nr)
		assert_int_equal(capture.last_level, KMM_REPORT_WARN);
	capture_clear();
}

static void every_pageblock_is_in_one_zone_whatever_is_asked(void **state)
{
	static const unsigned int nodes[] = { 1, 2, 3, 4, 16 }, limits[] = { 1, 2, 3, 4, 5, 7, 9, 16 };
	static const size_t dma[] = { 0, 1, 3 * BLOCK - 1, 1000 * BLOCK };
	static const size_t movable[] = { 0, 1, 2 * BLOCK, 5 * BLOCK + 1, 1000 * BLOCK };

	(void)state;
	for (unsigned int n = 0; n < ARRAY_SIZE(nodes); n++)
		for (unsigned int l = 0; l < ARRAY_SIZE(limits); l++)
			for (unsigned int i = 0; i < ARRAY_SIZE(dma) * ARRAY_SIZE(movable); i++) {
				fake_nodes(nodes[n]);
				buddy_options.dma = dma[i % ARRAY_SIZE(dma)];
				buddy_options.movable = movable[i / ARRAY_SIZE(dma)];
				world_open(limits[l]);
				assert_int_equal(num_online_nodes(), min_of(nodes[n], limits[l]));
				assert_layout(limits[l]);
				assert_only_changes_are_reported(nodes[n]);
				assert_all_can_be_had(limits[l]);
				world_close();
			}
	assert_silent();
}

static void fake_nodes_are_of_one_size(void **state)
{
	(void)state;
	for (unsigned int limit = 4; limit < 20; limit++) {
		fake_nodes(4);
		world_open(limit);
		for (unsigned int nid = 0; nid < 4; nid++)
			assert_in_range(blocks_of_node(nid), limit / 4, (limit + 3) / 4);
		world_close();
	}
}

static void a_world_of_one_pageblock_is_one_node_with_one_zone(void **state)
{
	(void)state;
	fake_nodes(4);
	buddy_options.dma = BLOCK;
	buddy_options.movable = BLOCK;
	world_open(1);
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(blocks_of(NORMAL_OF(0)), 1);
	assert_false(populated_zone(DMA_OF(0)));
	assert_false(populated_zone(MOVABLE_OF(0)));
}

static void the_dma_zone_is_at_most_half_of_node_0(void **state)
{
	(void)state;
	fake_nodes(2);
	buddy_options.dma = 6 * BLOCK;
	world_open(16);
	assert_int_equal(blocks_of(DMA_OF(0)), 4);
	assert_int_equal(blocks_of(NORMAL_OF(0)), 4);
	assert_int_equal(blocks_of_node(1), 8);
}

static void a_movable_zone_larger_than_everything_leaves_a_pageblock_of_normal_in_each_node(void **state)
{
	(void)state;
	fake_nodes(2);
	buddy_options.dma = BLOCK;
	buddy_options.movable = 1000 * BLOCK;
	world_open(16);
	for (unsigned int nid = 0; nid < 2; nid++) {
		assert_int_equal(blocks_of(NORMAL_OF(nid)), 1);
		assert_int_equal(blocks_of(MOVABLE_OF(nid)), nid ? 7 : 6);
	}
}

static void movable_memory_is_split_over_the_nodes_in_whole_pageblocks(void **state)
{
	(void)state;
	fake_nodes(2);
	buddy_options.movable = 5 * BLOCK;
	world_open(16);
	assert_int_equal(blocks_of(MOVABLE_OF(0)), 3);
	assert_int_equal(blocks_of(MOVABLE_OF(1)), 3);
	assert_int_equal(MOVABLE_OF(0)->end_pfn, NORMAL_OF(1)->start_pfn);
}

/* The pages that memblock hands out are in use for ever: not in a small zone that others need. */
static void memblock_spares_the_dma_zone(void **state)
{
	static const struct {
		unsigned int nodes, limit;
		size_t dma;
	} cases[] = {
		{ 1, 8, BLOCK },        { 1, 8, 3 * BLOCK }, { 1, 8, 4 * BLOCK },
		{ 1, 8, 5 * BLOCK },    { 1, 8, 8 * BLOCK }, { 1, 2, BLOCK },
		{ 1, 3, 1000 * BLOCK }, { 4, 16, BLOCK },    { 4, 16, 1000 * BLOCK },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_nodes(cases[i].nodes);
		buddy_options.dma = cases[i].dma;
		arena_set_boot_pfn(buddy_boot_pfn());
		assert_int_equal(arena_start(cases[i].limit * BLOCK), 0);
		assert_non_null(memblock_alloc(3 * PAGE_SIZE, 1));
		assert_int_equal(buddy_start(), 0);
		assert_true(populated_zone(DMA_OF(0)));
		assert_int_equal(DMA_OF(0)->nr_reserved, 0);
		assert_int_equal(zone_managed_pages(DMA_OF(0)), DMA_OF(0)->present_pages);
		assert_layout(cases[i].limit);
		world_close();
	}
}

/* All of memblock's needs come from one stretch of pages, wherever that begins. */
static void a_dma_zone_does_not_make_memblock_smaller(void **state)
{
	(void)state;
	buddy_options.dma = SECTION_SIZE - BLOCK;
	arena_set_boot_pfn(buddy_boot_pfn());
	assert_int_equal(arena_start(4 * SECTION_SIZE), 0);
	assert_non_null(memblock_alloc(SECTION_SIZE - PAGE_SIZE, 1));
	assert_int_equal(buddy_start(), 0);
	assert_layout(4 * SECTION_SIZE / BLOCK);
	assert_int_equal(nr_free_pages(), 3 * PAGES_PER_SECTION + 1);
}

/* The first section holds pages of several nodes, and memblock's pages of the first ones. */
static void memblocks_pages_may_reach_over_nodes(void **state)
{
	(void)state;
	fake_nodes(2);
	assert_int_equal(arena_start(2 * BLOCK), 0);
	assert_non_null(memblock_alloc(BLOCK + 5 * PAGE_SIZE, 1));
	assert_int_equal(buddy_start(), 0);
	assert_layout(2);
	assert_int_equal(NORMAL_OF(0)->nr_reserved, pageblock_nr_pages);
	assert_int_equal(NORMAL_OF(1)->nr_reserved, 5);
	assert_int_equal(zone_managed_pages(NORMAL_OF(0)), 0);
	assert_int_equal(nr_free_pages(), pageblock_nr_pages - 5);
}

static void zones_have_the_kernels_names(void **state)
{
	(void)state;
	world_open(1);
	assert_string_equal(DMA_OF(0)->name, "DMA");
	assert_string_equal(NORMAL_OF(0)->name, "Normal");
	assert_string_equal(MOVABLE_OF(0)->name, "Movable");
}

/* A word of a page's flags that means nothing must not lead astray who reads it without a lock. */
static void an_index_of_no_zone_leads_to_the_first_zone(void **state)
{
	(void)state;
	fake_nodes(2);
	world_open(2);
	for (unsigned int i = 2 * MAX_NR_ZONES; i < ZONE_INDEX_MAX; i++)
		assert_ptr_equal(kmm_zones[i], DMA_OF(0));
}

static void after_the_end_there_is_one_node_again(void **state)
{
	(void)state;
	fake_nodes(4);
	world_open_per_cpu(8, 4);
	cpu_id_pin(3);
	assert_int_equal(numa_node_id(), 3);
	world_close();
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(numa_node_id(), 0);
	world_options();
	world_open(8);
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(numa_node_id(), 0);
	assert_all_can_be_had(8);
}

static void cpus_are_spread_over_fake_nodes(void **state)
{
	static const struct {
		unsigned int nodes, cpus;
		unsigned char node_of_cpu[8];
	} cases[] = {
		{ 4, 8, { 0, 0, 1, 1, 2, 2, 3, 3 } },
		{ 2, 5, { 0, 0, 0, 1, 1 } },
		{ 4, 2, { 0, 2 } },
		{ 4, 1, { 0 } },
		{ 1, 3, { 0, 0, 0 } },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int nr[MAX_NUMNODES] = { 0 };

		fake_nodes(cases[i].nodes);
		world_open_per_cpu(8, cases[i].cpus);
		for (unsigned int cpu = 0; cpu < cases[i].cpus; cpu++) {
			const unsigned int nid = cases[i].node_of_cpu[cpu];

			assert_int_equal(node_of_cpu(cpu), nid);
			assert_int_equal(cpu_to_node((int)cpu), nid);
			cpu_id_pin((int)cpu);
			assert_int_equal(numa_node_id(), nid);
			assert_int_equal(numa_mem_id(), nid);
			nr[nid]++;
		}
		for (unsigned int nid = 0; nid < cases[i].nodes; nid++)
			assert_int_equal(node_nr_cpus(nid), nr[nid]);
		assert_int_equal(node_of_cpu(OS_NUMA_MAX_CPUS - 1), 0);
		assert_int_equal(cpu_to_node(OS_NUMA_MAX_CPUS), 0);
		assert_int_equal(cpu_to_node(-1), 0);
		world_close();
		assert_int_equal(cpu_to_node((int)cases[i].cpus - 1), 0);
	}
}

static void a_request_is_served_by_the_node_of_its_cpu(void **state)
{
	(void)state;
	fake_nodes(4);
	world_open_per_cpu(16, 4);
	for (int cpu = 3; cpu >= 0; cpu--) {
		struct page *page;

		cpu_id_pin(cpu);
		page = alloc_pages(GFP_KERNEL, 4);
		assert_int_equal(page_to_nid(page), cpu);
		__free_pages(page, 4);
		page = alloc_page(GFP_KERNEL);
		assert_int_equal(page_to_nid(page), cpu);
		__free_page(page);
	}
}

/* Machines */

static int machine_reset(void **state)
{
	world_reset(state);
	buddy_options.numa_off = false;
	return numa_dir_start();
}

static int machine_end(void **state)
{
	world_end(state);
	return numa_dir_stop();
}

static void write_machine(unsigned long kib0, unsigned long kib1)
{
	numa_dir_write("online", "0-1\n");
	numa_dir_write("has_memory", "0-1\n");
	numa_dir_write_node(0, "0,2\n", "10 17\n", kib0);
	numa_dir_write_node(1, "1,3\n", "28 10\n", kib1);
}

static void a_machines_nodes_get_their_part_of_the_limit(void **state)
{
	(void)state;
	write_machine(1UL << 20, 3UL << 20);
	world_open_per_cpu(16, 6);
	assert_int_equal(num_online_nodes(), 2);
	assert_layout(16);
	assert_int_equal(blocks_of_node(0), 4);
	assert_int_equal(blocks_of_node(1), 12);
	assert_int_equal(node_distance(0, 0), 10);
	assert_int_equal(node_distance(0, 1), 17);
	assert_int_equal(node_distance(1, 0), 28);
	assert_int_equal(node_of_cpu(0), 0);
	assert_int_equal(node_of_cpu(1), 1);
	assert_int_equal(node_of_cpu(2), 0);
	assert_int_equal(node_of_cpu(3), 1);
	assert_int_equal(node_of_cpu(4), 0); /* the machine has no such CPU */
	assert_int_equal(node_nr_cpus(0), 4);
	assert_silent();
}

static void a_small_node_of_a_machine_gets_a_pageblock_at_least(void **state)
{
	static const struct {
		unsigned long kib0, kib1;
		unsigned int blocks0;
	} cases[] = {
		{ 1, 1UL << 20, 1 }, { 1UL << 20, 1, 7 }, { 0, 0, 4 }, { 64, MOST_KIB, 1 }, { MOST_KIB, MOST_KIB, 4 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		write_machine(cases[i].kib0, cases[i].kib1);
		buddy_options.dma = BLOCK;
		buddy_options.movable = 2 * BLOCK;
		world_open(8);
		assert_int_equal(num_online_nodes(), 2);
		assert_layout(8);
		assert_int_equal(blocks_of_node(0), cases[i].blocks0);
		assert_only_changes_are_reported(2);
		assert_all_can_be_had(8);
		world_close();
		assert_int_equal(numa_dir_remove(), 0);
		assert_int_equal(mkdir(numa_dir, 0700), 0);
	}
}

static void a_limit_of_one_pageblock_is_one_node_on_any_machine(void **state)
{
	(void)state;
	write_machine(1UL << 20, 3UL << 20);
	world_open_per_cpu(1, 4);
	assert_int_equal(num_online_nodes(), 1);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		assert_int_equal(node_of_cpu(cpu), 0);
	assert_layout(1);
}

static void numa_off_is_one_node_on_any_machine(void **state)
{
	(void)state;
	write_machine(1UL << 20, 3UL << 20);
	buddy_options.numa_off = true;
	world_open_per_cpu(8, 4);
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(node_nr_cpus(0), 4);
	assert_layout(8);
}

static void fake_nodes_do_not_look_at_the_machines(void **state)
{
	(void)state;
	write_machine(1UL << 20, 3UL << 20);
	fake_nodes(3);
	world_open_per_cpu(9, 3);
	assert_int_equal(num_online_nodes(), 3);
	for (unsigned int from = 0; from < 3; from++) {
		assert_int_equal(blocks_of_node(from), 3);
		assert_int_equal(node_of_cpu(from), from);
		for (unsigned int to = 0; to < 3; to++)
			assert_int_equal(node_distance(from, to), from == to ? 10 : 20);
	}
}

/* Binding */

/* Can memory be bound here at all? qemu-user has no such call, and a container may forbid it. */
static bool binding_works(unsigned int os_node)
{
	char *range = os_reserve(MIB, os_page_size());
	const int ret = os_bind_node(range, MIB, os_node);

	os_release(range, MIB);
	if (ret)
		print_message("mbind: %s\n", strerror(-ret));
	assert_true(ret == 0 || ret == -ENOSYS || ret == -EPERM);
	return ret == 0;
}

static void assert_bound(void)
{
	for_each_node(nid) {
		const struct pglist_data *node = NODE_DATA(nid);
		const unsigned long pfns[] = { node->start_pfn, (node->start_pfn + node->end_pfn) / 2,
					       node->end_pfn - 1 };

		for (unsigned int i = 0; i < ARRAY_SIZE(pfns); i++) {
			unsigned int found = 4711;

			assert_true(os_node_binding(kmm_arena.base + (pfns[i] << PAGE_SHIFT), &found));
			assert_int_equal(found, node->os_node);
		}
	}
}

static void the_memory_of_each_node_is_bound_and_stays_bound(void **state)
{
	struct taken *taken = taken_by_test(MAX_ORDER - 1);
	struct os_numa_map map;

	(void)state;
	os_numa_read(&map);
	if (!binding_works(map.os_id[0])) {
		skip();
		return;
	}
	fake_nodes(2);
	world_open(2 * SECTION_SIZE / BLOCK);
	assert_int_equal(NODE_DATA(0)->os_node, map.os_id[0]);
	assert_int_equal(NODE_DATA(1)->os_node, map.os_id[1 % map.nr_nodes]);
	assert_bound();
	take_all(taken, MOVABLE_ANYWHERE, 0);
	assert_int_equal(kmm_arena.nr_online, kmm_arena.nr_limit);
	assert_bound();
	for (unsigned int i = 0; i < taken->nr; i++)
		memset(page_address(taken->pages[i]), 0x5a, BLOCK);
	give_back_all(taken);
	assert_int_equal(buddy_trim(), 2 * SECTION_SIZE);
	assert_bound();
}

static void the_memory_of_a_single_node_is_left_unbound(void **state)
{
	unsigned int found;

	(void)state;
	world_open(2);
	assert_false(os_node_binding(kmm_arena.base, &found));
}

/* The system's word is a wish: what cannot be bound is used all the same. */
static void a_refused_binding_changes_nothing(void **state)
{
	(void)state;
	fake_nodes(2);
	assert_int_equal(arena_start(2 * BLOCK), 0);
	os_inject_failure(1);
	assert_int_equal(buddy_start(), 0);
	assert_int_equal(os_calls(), 2);
	os_inject_failure(0);
	assert_layout(2);
	assert_all_can_be_had(2);
	assert_silent();
}

/* The whole library */

static unsigned int nr_library_reports;

static void count_report(enum kmm_report_level level, const char *text, void *arg)
{
	(void)level, (void)text, (void)arg;
	nr_library_reports++;
}

static int library_start(const char *options, unsigned int nr_cpus)
{
	struct kmm_config config = { .size = sizeof(config),
				     .limit = 64 * MIB,
				     .nr_cpus = nr_cpus,
				     .options = options,
				     .report = count_report };

	nr_library_reports = 0;
	return kmm_init(&config);
}

static int library_end(void **state)
{
	(void)state;
	kmm_validate_pages();
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
	buddy_options_reset();
	return nr_library_reports ? -1 : 0;
}

static void a_library_with_nodes_and_zones_serves_from_each(void **state)
{
	struct page *pages[5];
	void *object;

	(void)state;
	assert_int_equal(library_start("numa=fake=4 dma=4M movablecore=16M mem_max=128M", 4), 0);
	assert_int_equal(num_online_nodes(), 4);
	assert_layout(64 * MIB / BLOCK);
	assert_int_equal(blocks_of(DMA_OF(0)), 1);
	assert_int_equal(DMA_OF(0)->nr_reserved, 0);
	for (unsigned int nid = 0; nid < 4; nid++) {
		assert_int_equal(blocks_of(MOVABLE_OF(nid)), 1);
		/* A quarter of the room follows each. */
		assert_int_equal(NODE_DATA(nid)->end_pfn - zones_end(nid), 16 * MIB >> PAGE_SHIFT);
		pages[nid] = alloc_pages_node((int)nid, GFP_KERNEL, 0);
		assert_int_equal(page_to_nid(pages[nid]), nid);
		assert_int_equal(page_zone(pages[nid])->idx, ZONE_NORMAL);
	}
	pages[4] = alloc_page(GFP_KERNEL | GFP_DMA);
	assert_ptr_equal(page_zone(pages[4]), DMA_OF(0));
	for (unsigned int i = 0; i < 5; i++)
		__free_page(pages[i]);
	cpu_id_pin(2);
	object = kmalloc(100, GFP_KERNEL);
	assert_int_equal(page_to_nid(virt_to_page(object)), 2);
	memset(object, 0x5a, 100);
	kfree(object);
	kmm_trim();
	assert_layout(64 * MIB / BLOCK);
}

static void the_last_word_on_numa_counts(void **state)
{
	(void)state;
	assert_int_equal(library_start("numa=fake=4 numa=off", 4), 0);
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(nr_library_reports, 1); /* who says both is told */
	kmm_boot_reset_for_test();
	assert_int_equal(library_start("numa=off numa=fake=4", 4), 0);
	assert_int_equal(num_online_nodes(), 4);
	assert_int_equal(nr_library_reports, 1);
	nr_library_reports = 0;
}

static void a_number_of_nodes_that_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = { "numa=fake=0", "numa=fake=17", "numa=fake=", "numa=fake", "numa=on", "numa" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(library_start(bad[i], 4), -EINVAL);
		assert_int_equal(nr_library_reports, 1);
	}
	assert_int_equal(library_start("numa=fake=16", 4), 0);
	assert_int_equal(num_online_nodes(), 16);
}

/* Before the first call nothing is known of nodes; the call that names one starts the library. */
static void a_node_may_be_named_by_the_first_call_of_all(void **state)
{
	struct page *page;

	(void)state;
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(numa_node_id(), 0);
	page = alloc_pages_node(0, GFP_KERNEL, 0);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_reset, world_end)
#define MACHINE(name) cmocka_unit_test_setup_teardown(name, machine_reset, machine_end)
#define LIBRARY(name) cmocka_unit_test_teardown(name, library_end)
	const struct CMUnitTest tests[] = {
		TEST(every_pageblock_is_in_one_zone_whatever_is_asked),
		TEST(fake_nodes_are_of_one_size),
		TEST(a_world_of_one_pageblock_is_one_node_with_one_zone),
		TEST(the_dma_zone_is_at_most_half_of_node_0),
		TEST(a_movable_zone_larger_than_everything_leaves_a_pageblock_of_normal_in_each_node),
		TEST(movable_memory_is_split_over_the_nodes_in_whole_pageblocks),
		TEST(memblock_spares_the_dma_zone),
		TEST(a_dma_zone_does_not_make_memblock_smaller),
		TEST(memblocks_pages_may_reach_over_nodes),
		TEST(zones_have_the_kernels_names),
		TEST(an_index_of_no_zone_leads_to_the_first_zone),
		TEST(after_the_end_there_is_one_node_again),
		TEST(cpus_are_spread_over_fake_nodes),
		TEST(a_request_is_served_by_the_node_of_its_cpu),
		MACHINE(a_machines_nodes_get_their_part_of_the_limit),
		MACHINE(a_small_node_of_a_machine_gets_a_pageblock_at_least),
		MACHINE(a_limit_of_one_pageblock_is_one_node_on_any_machine),
		MACHINE(numa_off_is_one_node_on_any_machine),
		MACHINE(fake_nodes_do_not_look_at_the_machines),
		TEST(the_memory_of_each_node_is_bound_and_stays_bound),
		TEST(the_memory_of_a_single_node_is_left_unbound),
		TEST(a_refused_binding_changes_nothing),
		LIBRARY(a_library_with_nodes_and_zones_serves_from_each),
		LIBRARY(the_last_word_on_numa_counts),
		LIBRARY(a_number_of_nodes_that_cannot_be_is_refused),
		LIBRARY(a_node_may_be_named_by_the_first_call_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
