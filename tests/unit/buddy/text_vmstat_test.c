/* SPDX-License-Identifier: MIT
 * text_vmstat_test.c - vmstat: the names of /proc/vmstat in their order, and where the numbers come from.
 */
#include "text_world.h"

/* What a kernel without a DMA zone prints. */
static const char *const kernel_names[] = {
	"nr_free_pages",
	"nr_zone_inactive_anon",
	"nr_zone_active_anon",
	"nr_zone_inactive_file",
	"nr_zone_active_file",
	"nr_zone_unevictable",
	"nr_zone_write_pending",
	"nr_mlock",
	"nr_bounce",
	"nr_free_cma",
	"nr_inactive_anon",
	"nr_active_anon",
	"nr_inactive_file",
	"nr_active_file",
	"nr_unevictable",
	"nr_slab_reclaimable",
	"nr_slab_unreclaimable",
	"nr_isolated_anon",
	"nr_isolated_file",
	"workingset_nodes",
	"workingset_refault_anon",
	"workingset_refault_file",
	"workingset_activate_anon",
	"workingset_activate_file",
	"workingset_restore_anon",
	"workingset_restore_file",
	"workingset_nodereclaim",
	"nr_anon_pages",
	"nr_mapped",
	"nr_file_pages",
	"nr_dirty",
	"nr_writeback",
	"nr_writeback_temp",
	"nr_shmem",
	"nr_shmem_hugepages",
	"nr_shmem_pmdmapped",
	"nr_file_hugepages",
	"nr_file_pmdmapped",
	"nr_anon_transparent_hugepages",
	"nr_vmscan_write",
	"nr_vmscan_immediate_reclaim",
	"nr_dirtied",
	"nr_written",
	"nr_throttled_written",
	"nr_kernel_misc_reclaimable",
	"nr_foll_pin_acquired",
	"nr_foll_pin_released",
	"nr_kernel_stack",
	"nr_page_table_pages",
	"nr_sec_page_table_pages",
	"nr_swapcached",
	"nr_dirty_threshold",
	"nr_dirty_background_threshold",
	"pgpgin",
	"pgpgout",
	"pswpin",
	"pswpout",
	"pgalloc_normal",
	"pgalloc_movable",
	"allocstall_normal",
	"allocstall_movable",
	"pgskip_normal",
	"pgskip_movable",
	"pgfree",
	"pgactivate",
	"pgdeactivate",
	"pglazyfree",
	"pgfault",
	"pgmajfault",
	"pglazyfreed",
	"pgrefill",
	"pgreuse",
	"pgsteal_kswapd",
	"pgsteal_direct",
	"pgdemote_kswapd",
	"pgdemote_direct",
	"pgscan_kswapd",
	"pgscan_direct",
	"pgscan_direct_throttle",
	"pgscan_anon",
	"pgscan_file",
	"pgsteal_anon",
	"pgsteal_file",
	"pginodesteal",
	"slabs_scanned",
	"kswapd_inodesteal",
	"kswapd_low_wmark_hit_quickly",
	"kswapd_high_wmark_hit_quickly",
	"pageoutrun",
	"pgrotated",
	"drop_pagecache",
	"drop_slab",
	"oom_kill",
	"pgmigrate_success",
	"pgmigrate_fail",
	"thp_migration_success",
	"thp_migration_fail",
	"thp_migration_split",
	"compact_migrate_scanned",
	"compact_free_scanned",
	"compact_isolated",
	"compact_stall",
	"compact_fail",
	"compact_success",
	"compact_daemon_wake",
	"compact_daemon_migrate_scanned",
	"compact_daemon_free_scanned",
	"unevictable_pgs_culled",
	"unevictable_pgs_scanned",
	"unevictable_pgs_rescued",
	"unevictable_pgs_mlocked",
	"unevictable_pgs_munlocked",
	"unevictable_pgs_cleared",
	"unevictable_pgs_stranded",
	"swap_ra",
	"swap_ra_hit",
	"nr_unstable",
};

static void the_names_are_those_of_the_kernel(void **state)
{
	const char *text = text_of(kmm_vmstat);
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kernel_names); i++) {
		const size_t len = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%s ", kernel_names[i]);
		if (strncmp(text, line, strlen(line)) ||
		    strspn(text + strlen(line), "0123456789") != len - strlen(line))
			fail_msg("not %s and a number: \"%.*s\"", kernel_names[i], (int)len, text);
		text += len + 1;
	}
	assert_string_equal(text, "");
}

static unsigned long number_in(const char *text, const char *name)
{
	char label[64];

	snprintf(label, sizeof(label), "\n%s ", name);
	return number_behind(text, label);
}

/* The first name has no line before it. */
static unsigned long free_pages_in(const char *text)
{
	assert_int_equal(strncmp(text, "nr_free_pages ", 14), 0);
	return number_behind(text, "nr_free_pages ");
}

/* The difference of two texts, name by name: all the same but @name, by @difference. */
static void assert_only_this_moved(const char *before, const char *after, const char *name, long difference)
{
	for (unsigned int i = 1; i < ARRAY_SIZE(kernel_names); i++) {
		const long moved = (long)(number_in(after, kernel_names[i]) - number_in(before, kernel_names[i]));

		if (moved != (strcmp(kernel_names[i], name) ? 0 : difference))
			fail_msg("%s moved by %ld when %s had to by %ld", kernel_names[i], moved, name, difference);
	}
}

static char text_before[1 << 13];

static void remember(void)
{
	text_of(kmm_vmstat);
	assert_true(strlen(view_text) < sizeof(text_before));
	strcpy(text_before, view_text);
}

static void each_counter_has_its_line(void **state)
{
	(void)state;
	for (unsigned int item = NR_FREE_PAGES + 1; item < NR_FREE_CMA_PAGES; item++) {
		remember();
		mod_zone_page_state(normal_zone(), item, 1);
		assert_only_this_moved(text_before, text_of(kmm_vmstat), zone_stat_names[item], 1);
		mod_zone_page_state(normal_zone(), item, -1);
	}
	for (unsigned int item = 0; item < NR_VM_NODE_STAT_ITEMS; item++) {
		remember();
		mod_node_page_state(NODE_DATA(0), item, 1);
		assert_only_this_moved(text_before, text_of(kmm_vmstat), node_stat_names[item], 1);
		mod_node_page_state(NODE_DATA(0), item, -1);
	}
}

static bool is_shown(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kernel_names); i++)
		if (!strcmp(kernel_names[i], name))
			return true;
	return false;
}

static void each_event_has_its_line_but_those_of_dma(void **state)
{
	unsigned int nr_hidden = 0;

	(void)state;
	for (unsigned int item = 0; item < NR_VM_EVENT_ITEMS; item++) {
		remember();
		count_vm_events(item, 7);
		assert_only_this_moved(text_before, text_of(kmm_vmstat), vm_event_names[item], 7);
		nr_hidden += !is_shown(vm_event_names[item]);
	}
	assert_int_equal(nr_hidden, 3);
	assert_false(is_shown("pgalloc_dma"));
}

/* Order 5 goes past the lists of the CPUs. */
static void pages_are_counted_on_their_way_out_and_in(void **state)
{
	unsigned long free, taken, freed;
	struct page *page;

	(void)state;
	free = free_pages_in(text_of(kmm_vmstat));
	taken = number_in(view_text, "pgalloc_normal");
	freed = number_in(view_text, "pgfree");
	assert_int_equal(free, nr_free_pages() - zone_nr_pcp(normal_zone()));
	page = alloc_pages(GFP_KERNEL, 5);
	assert_non_null(page);
	assert_int_equal(free_pages_in(text_of(kmm_vmstat)), free - 32);
	assert_int_equal(number_in(view_text, "pgalloc_normal"), taken + 32);
	assert_int_equal(number_in(view_text, "pgfree"), freed);
	__free_pages(page, 5);
	assert_int_equal(free_pages_in(text_of(kmm_vmstat)), free);
	assert_int_equal(number_in(view_text, "pgalloc_normal"), taken + 32);
	assert_int_equal(number_in(view_text, "pgfree"), freed + 32);
}

static void lines_of_dma_are_there_with_a_dma_zone(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | GFP_DMA, 5);
	unsigned long taken;

	(void)state;
	assert_non_null(page);
	text_of(kmm_vmstat);
	taken = number_in(view_text, "pgalloc_dma");
	assert_true(taken >= 32);
	assert_non_null(strstr(view_text, "\npgalloc_dma "));
	number_in(view_text, "allocstall_dma");
	number_in(view_text, "pgskip_dma");
	assert_true(strstr(view_text, "\npgalloc_dma ") < strstr(view_text, "\npgalloc_normal "));
	__free_pages(page, 5);
	assert_int_equal(number_in(text_of(kmm_vmstat), "pgalloc_dma"), taken);
}

/* One line for all nodes. */
static void counters_of_nodes_and_zones_are_added_up(void **state)
{
	(void)state;
	for (unsigned int nid = 0; nid < 2; nid++) {
		mod_node_page_state(NODE_DATA(nid), NR_WRITTEN, 3 + nid);
		mod_zone_page_state(&NODE_DATA(nid)->node_zones[ZONE_MOVABLE], NR_MLOCK, 5 + nid);
	}
	text_of(kmm_vmstat);
	assert_int_equal(number_in(view_text, "nr_written"), 7);
	assert_int_equal(number_in(view_text, "nr_mlock"), 11);
}

static void a_failed_write_is_an_error(void **state)
{
	(void)state;
	assert_failed_write_is_an_error(kmm_vmstat);
}

static void it_starts_the_library_and_outlives_it(void **state)
{
	(void)state;
	assert_starts_and_outlives_the_library(kmm_vmstat);
	assert_int_equal(free_pages_in(view_text), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_text, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_names_are_those_of_the_kernel),
		TEST(each_counter_has_its_line),
		TEST(each_event_has_its_line_but_those_of_dma),
		TEST(pages_are_counted_on_their_way_out_and_in),
		cmocka_unit_test_setup_teardown(lines_of_dma_are_there_with_a_dma_zone, setup_text_two_nodes,
						world_teardown),
		cmocka_unit_test_setup_teardown(counters_of_nodes_and_zones_are_added_up, setup_text_two_nodes,
						world_teardown),
		TEST(a_failed_write_is_an_error),
		TEST(it_starts_the_library_and_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
