/* SPDX-License-Identifier: MIT
 * text_zoneinfo_test.c - zoneinfo: line by line what /proc/zoneinfo looks like, and where its numbers come from.
 */
#include "text_world.h"

/* What a kernel for one CPU, with the zones Normal and Movable and all memory in the first, prints. */
static const char kernel_skeleton[] = "Node #, zone   Normal\n"
				      "  per-node stats\n"
				      "      nr_inactive_anon #\n"
				      "      nr_active_anon #\n"
				      "      nr_inactive_file #\n"
				      "      nr_active_file #\n"
				      "      nr_unevictable #\n"
				      "      nr_slab_reclaimable #\n"
				      "      nr_slab_unreclaimable #\n"
				      "      nr_isolated_anon #\n"
				      "      nr_isolated_file #\n"
				      "      workingset_nodes #\n"
				      "      workingset_refault_anon #\n"
				      "      workingset_refault_file #\n"
				      "      workingset_activate_anon #\n"
				      "      workingset_activate_file #\n"
				      "      workingset_restore_anon #\n"
				      "      workingset_restore_file #\n"
				      "      workingset_nodereclaim #\n"
				      "      nr_anon_pages #\n"
				      "      nr_mapped    #\n"
				      "      nr_file_pages #\n"
				      "      nr_dirty     #\n"
				      "      nr_writeback #\n"
				      "      nr_writeback_temp #\n"
				      "      nr_shmem     #\n"
				      "      nr_shmem_hugepages #\n"
				      "      nr_shmem_pmdmapped #\n"
				      "      nr_file_hugepages #\n"
				      "      nr_file_pmdmapped #\n"
				      "      nr_anon_transparent_hugepages #\n"
				      "      nr_vmscan_write #\n"
				      "      nr_vmscan_immediate_reclaim #\n"
				      "      nr_dirtied   #\n"
				      "      nr_written   #\n"
				      "      nr_throttled_written #\n"
				      "      nr_kernel_misc_reclaimable #\n"
				      "      nr_foll_pin_acquired #\n"
				      "      nr_foll_pin_released #\n"
				      "      nr_kernel_stack #\n"
				      "      nr_page_table_pages #\n"
				      "      nr_sec_page_table_pages #\n"
				      "      nr_swapcached #\n"
				      "  pages free     #\n"
				      "        boost    #\n"
				      "        min      #\n"
				      "        low      #\n"
				      "        high     #\n"
				      "        spanned  #\n"
				      "        present  #\n"
				      "        managed  #\n"
				      "        cma      #\n"
				      "        protection: (#, #)\n"
				      "      nr_free_pages #\n"
				      "      nr_zone_inactive_anon #\n"
				      "      nr_zone_active_anon #\n"
				      "      nr_zone_inactive_file #\n"
				      "      nr_zone_active_file #\n"
				      "      nr_zone_unevictable #\n"
				      "      nr_zone_write_pending #\n"
				      "      nr_mlock     #\n"
				      "      nr_bounce    #\n"
				      "      nr_free_cma  #\n"
				      "  pagesets\n"
				      "    cpu: #\n"
				      "              count: #\n"
				      "              high:  #\n"
				      "              batch: #\n"
				      "  node_unreclaimable:  #\n"
				      "  start_pfn:           #\n"
				      "Node #, zone  Movable\n"
				      "  pages free     #\n"
				      "        boost    #\n"
				      "        min      #\n"
				      "        low      #\n"
				      "        high     #\n"
				      "        spanned  #\n"
				      "        present  #\n"
				      "        managed  #\n"
				      "        cma      #\n"
				      "        protection: (#, #)\n";

static void the_lines_are_those_of_the_kernel(void **state)
{
	(void)state;
	assert_string_equal(skeleton_of(text_of(kmm_zoneinfo), false), kernel_skeleton);
}

/* The entry of zone Normal, in the text of the last view. */
static const char *normal_entry(void)
{
	const char *entry = strstr(text_of(kmm_zoneinfo), "Node 0, zone   Normal\n");

	assert_non_null(entry);
	return entry;
}

static unsigned long number_of(const char *label)
{
	return number_behind(normal_entry(), label);
}

static void sizes_are_those_of_the_zone(void **state)
{
	struct zone *zone = normal_zone();

	(void)state;
	assert_int_equal(number_of("spanned  "), zone->end_pfn - zone->start_pfn);
	assert_int_equal(number_of("present  "), zone->present_pages);
	assert_int_equal(number_of("managed  "), zone->present_pages - zone->nr_reserved - zone->nr_bad);
	assert_true(zone->nr_reserved > 0);
	assert_int_equal(number_of("cma      "), zone->cma_pages);
	assert_int_equal(number_of("start_pfn:"), zone->start_pfn);
	assert_int_equal(number_of("node_unreclaimable:"), 0);
}

/* Most of the limit was never needed, and is free all the same. */
static void pages_that_are_not_online_yet_are_free(void **state)
{
	(void)state;
	assert_true(normal_zone()->nr_offline > 0);
	assert_int_equal(number_of("pages free "), nr_free_pages() - zone_nr_pcp(normal_zone()));
	assert_int_equal(number_of("nr_free_pages "), number_of("pages free "));
	assert_true(number_of("pages free ") <= number_of("managed  "));
}

/* Order 5 goes past the lists of the CPUs. */
static void allocated_pages_are_not_free(void **state)
{
	const unsigned long before = number_of("pages free ");
	struct page *page = alloc_pages(GFP_KERNEL, 5);

	(void)state;
	assert_non_null(page);
	assert_int_equal(number_of("pages free "), before - 32);
	__free_pages(page, 5);
	assert_int_equal(number_of("pages free "), before);
}

static void watermarks_include_the_boost(void **state)
{
	struct zone *zone = normal_zone();
	const unsigned long boost = zone->watermark_boost;

	(void)state;
	WRITE_ONCE(zone->watermark_boost, 512UL);
	assert_int_equal(number_of("boost    "), 512);
	assert_int_equal(number_of("min      "), zone->watermark[WMARK_MIN] + 512);
	assert_int_equal(number_of("low      "), zone->watermark[WMARK_LOW] + 512);
	assert_int_equal(number_of("high     "), zone->watermark[WMARK_HIGH] + 512);
	WRITE_ONCE(zone->watermark_boost, boost);
	assert_true(zone->watermark[WMARK_MIN] < zone->watermark[WMARK_LOW]);
}

/* Without a DMA zone its place in the reserve is left out. */
static void protection_is_what_the_zone_reserves(void **state)
{
	struct zone *zone = normal_zone();
	long saved[MAX_NR_ZONES];

	(void)state;
	memcpy(saved, zone->lowmem_reserve, sizeof(saved));
	zone->lowmem_reserve[ZONE_DMA] = 11;
	zone->lowmem_reserve[ZONE_NORMAL] = 22;
	zone->lowmem_reserve[ZONE_MOVABLE] = 33;
	normal_entry();
	memcpy(zone->lowmem_reserve, saved, sizeof(saved));
	assert_non_null(strstr(view_text, "        protection: (22, 33)\n"));
}

/* Each counter moves its own line and no other. */
static void counters_have_their_lines(void **state)
{
	char label[64];

	(void)state;
	for (unsigned int item = 0; item < NR_VM_NODE_STAT_ITEMS; item++) {
		unsigned long before;

		snprintf(label, sizeof(label), "\n      %-12s ", node_stat_names[item]);
		before = number_of(label);
		mod_node_page_state(NODE_DATA(0), item, 1); /* stays with the CPU */
		assert_int_equal(number_of(label), before + 1);
		mod_node_page_state(NODE_DATA(0), item, -1);
		assert_int_equal(number_of(label), before);
	}
	for (unsigned int item = 0; item < NR_VM_ZONE_STAT_TEXT_ITEMS; item++) {
		unsigned long before;

		if (item == NR_FREE_PAGES || item == NR_FREE_CMA_PAGES)
			continue;
		snprintf(label, sizeof(label), "\n      %-12s ", zone_stat_names[item]);
		before = number_of(label);
		mod_zone_page_state(normal_zone(), item, 1);
		assert_int_equal(number_of(label), before + 1);
		mod_zone_page_state(normal_zone(), item, -1);
	}
}

static void each_cpu_has_its_pageset(void **state)
{
	struct per_cpu_pages *pcp = normal_zone()->pageset;
	struct page *page;
	char label[16];

	(void)state;
	cpu_id_pin(2);
	page = alloc_page(GFP_KERNEL); /* fetches a batch */
	assert_non_null(page);
	normal_entry();
	for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++) {
		const char *entry;

		snprintf(label, sizeof(label), "    cpu: %u\n", cpu);
		entry = strstr(view_text, label);
		assert_non_null(entry);
		assert_int_equal(number_behind(entry, "count: "), pcp[cpu].count);
		assert_int_equal(number_behind(entry, "high:  "), pcp[cpu].high);
		assert_int_equal(number_behind(entry, "batch: "), pcp[cpu].batch);
	}
	assert_null(strstr(view_text, "    cpu: 4\n"));
	assert_true(pcp[2].count > 0);
	assert_true(pcp[2].batch > 0);
	__free_page(page);
}

/* Zones without pages are there too, but no DMA zone would be there if no node had one. */
static void every_zone_of_every_node_has_an_entry(void **state)
{
	static const char *const heads[] = {
		"Node 0, zone      DMA\n  per-node stats\n", "Node 0, zone   Normal\n  pages free ",
		"Node 0, zone  Movable\n  pages free ",      "Node 1, zone      DMA\n  pages free     0\n",
		"Node 1, zone   Normal\n  per-node stats\n", "Node 1, zone  Movable\n  pages free ",
	};
	const char *at = text_of(kmm_zoneinfo), *dma;
	char protection[128];

	(void)state;
	assert_ptr_equal(strstr(at, heads[0]), at);
	for (unsigned int i = 1; at && i < ARRAY_SIZE(heads); i++)
		at = strstr(at, heads[i]);
	if (!at)
		fail_msg("an entry is not in its place in %s", view_text);
	else
		assert_int_equal(number_behind(at, "start_pfn:"), NODE_DATA(1)->node_zones[ZONE_MOVABLE].start_pfn);
	dma = strstr(view_text, "        protection: (");
	snprintf(protection, sizeof(protection), "        protection: (%ld, %ld, %ld)\n",
		 NODE_DATA(0)->node_zones[ZONE_DMA].lowmem_reserve[0],
		 NODE_DATA(0)->node_zones[ZONE_DMA].lowmem_reserve[1],
		 NODE_DATA(0)->node_zones[ZONE_DMA].lowmem_reserve[2]);
	assert_int_equal(strncmp(dma, protection, strlen(protection)), 0);
}

/* Counters of a node are shown once, with its first zone that has pages. */
static void a_node_has_its_own_counters(void **state)
{
	const char *node1;

	(void)state;
	mod_node_page_state(NODE_DATA(1), NR_KERNEL_MISC_RECLAIMABLE, 7);
	node1 = strstr(text_of(kmm_zoneinfo), "Node 1, ");
	assert_int_equal(number_behind(view_text, "nr_kernel_misc_reclaimable "), 0);
	assert_int_equal(number_behind(node1, "nr_kernel_misc_reclaimable "), 7);
	mod_node_page_state(NODE_DATA(1), NR_KERNEL_MISC_RECLAIMABLE, -7);
}

static void a_failed_write_is_an_error(void **state)
{
	(void)state;
	assert_failed_write_is_an_error(kmm_zoneinfo);
}

static void it_starts_the_library_and_outlives_it(void **state)
{
	(void)state;
	assert_string_equal(assert_starts_and_outlives_the_library(kmm_zoneinfo), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_text, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_lines_are_those_of_the_kernel, setup_text_one_cpu, world_teardown),
		TEST(sizes_are_those_of_the_zone),
		TEST(pages_that_are_not_online_yet_are_free),
		TEST(allocated_pages_are_not_free),
		TEST(watermarks_include_the_boost),
		TEST(protection_is_what_the_zone_reserves),
		TEST(counters_have_their_lines),
		TEST(each_cpu_has_its_pageset),
		cmocka_unit_test_setup_teardown(every_zone_of_every_node_has_an_entry, setup_text_two_nodes,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_node_has_its_own_counters, setup_text_two_nodes, world_teardown),
		TEST(a_failed_write_is_an_error),
		TEST(it_starts_the_library_and_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
