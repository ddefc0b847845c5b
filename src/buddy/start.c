/* SPDX-License-Identifier: MIT
 * start.c - the page allocator's start and end, its options, its fork handlers and what it says of itself in one number.
 *
 * Owns:       buddy_options, the flag that says whether there is anything to allocate from.
 * Locks:      start and end run alone, under the boot lock.
 * Source:     build_all_zonelists(), page_alloc_init_late(), setup_per_cpu_pageset(), mm/page_alloc.c, Linux 6.1.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <kmm/stats.h>

#include "arena/memblock.h"
#include "base/boot.h"
#include "base/report.h"
#include "buddy/prep_hooks.h"

#define DEFAULT_OPTIONS                                                                                     \
	{                                                                                                   \
		.min_free_kbytes = UINT_MAX, .watermark_scale_factor = 10, .watermark_boost_factor = 15000, \
		.reporting_delay = 2000, .mobility = true                                                   \
	}

struct buddy_options buddy_options = DEFAULT_OPTIONS;
bool buddy_fair_zones;
unsigned int buddy_special = SPECIAL_COLD;
gfp_t buddy_ungrouped;

static bool reserved; /* nodes, zones and per-CPU parts are there */
static bool started;  /* RELEASE when set: pairs with buddy_is_started() */

/* numa=off, numa=fake=N, as the kernel's x86. The last word counts, as with every option, but who says both is told. */
static int set_numa(const char *value, const struct kmm_param *param)
{
	const struct kmm_param fake = { .target = &buddy_options.fake_nodes, .min = 1, .max = MAX_NUMNODES };
	const bool off = value && strcmp(value, "off") == 0;

	(void)param;
	if (!off && (!value || strncmp(value, "fake=", 5) != 0 || kmm_param_set_uint(value + 5, &fake)))
		return -EINVAL;
	if (off ? buddy_options.fake_nodes != 0 : buddy_options.numa_off)
		kmm_report(KMM_REPORT_WARN, "kmm: numa=off and numa=fake= contradict each other, numa=%s counts\n",
			   value);
	buddy_options.numa_off = off;
	if (off)
		buddy_options.fake_nodes = 0;
	return 0;
}

/* As in the kernel not less than 8: a CPU that keeps more starves the others. 0: tuned by use. */
static int set_high_fraction(const char *value, const struct kmm_param *param)
{
	unsigned int fraction = 0;
	const struct kmm_param any = { .target = &fraction };

	if (kmm_param_set_uint(value, &any) || (fraction && fraction < 8))
		return -EINVAL;
	*(unsigned int *)param->target = fraction;
	return 0;
}

const struct kmm_param buddy_params[] = {
	{ .name = "numa", .set = set_numa },
	{ .name = "dma", .set = kmm_param_set_size, .target = &buddy_options.dma },
	{ .name = "cma", .set = kmm_param_set_size, .target = &buddy_options.cma },
	{ .name = "movablecore", .set = kmm_param_set_size, .target = &buddy_options.movable },
	{ .name = "min_free_kbytes",
	  .set = kmm_param_set_uint,
	  .target = &buddy_options.min_free_kbytes,
	  .min = 0,
	  .max = UINT_MAX / 2 },
	{ .name = "watermark_scale_factor",
	  .set = kmm_param_set_uint,
	  .target = &buddy_options.watermark_scale_factor,
	  .min = 1,
	  .max = 3000 },
	{ .name = "watermark_boost_factor",
	  .set = kmm_param_set_uint,
	  .target = &buddy_options.watermark_boost_factor,
	  .min = 0,
	  .max = 0 },
	{ .name = "percpu_pagelist_high_fraction",
	  .set = set_high_fraction,
	  .target = &buddy_options.pcp_high_fraction },
	{ .name = "zone_reclaim_mode",
	  .set = kmm_param_set_uint,
	  .target = &buddy_options.zone_reclaim_mode,
	  .min = 0,
	  .max = 7 },
	{ .name = "page_reporting_delay",
	  .set = kmm_param_set_uint,
	  .target = &buddy_options.reporting_delay,
	  .min = 0,
	  .max = 3600 * 1000 },
	{ .name = "debug_guardpage_minorder",
	  .set = kmm_param_set_uint,
	  .target = &buddy_options.guard_minorder,
	  .min = 0,
	  .max = MAX_ORDER / 2 },
	{ .name = "check_pages", .set = kmm_param_set_bool, .target = &buddy_options.check_pages },
	{ .name = "init_on_alloc", .set = kmm_param_set_bool, .target = &buddy_options.init_on_alloc },
	{ .name = "init_on_free", .set = kmm_param_set_bool, .target = &buddy_options.init_on_free },
	{ .name = "page_poison", .set = kmm_param_set_bool, .target = &buddy_options.page_poison },
	{ .name = "debug_pagealloc", .set = kmm_param_set_bool, .target = &buddy_options.debug_pagealloc },
	{ .name = "page_mobility", .set = kmm_param_set_bool, .target = &buddy_options.mobility },
	{ .name = NULL },
};

void buddy_options_reset(void)
{
	buddy_options = (struct buddy_options)DEFAULT_OPTIONS;
}

unsigned long buddy_boot_pfn(void)
{
	return ALIGN_UP(buddy_options.dma >> PAGE_SHIFT, pageblock_nr_pages);
}

unsigned int debug_guardpage_minorder(void)
{
	return buddy_options.guard_minorder;
}

bool buddy_is_started(void)
{
	return smp_load_acquire(&started);
}

bool buddy_ensure_started(void)
{
	return buddy_is_started() || (kmm_boot_ensure() && buddy_is_started());
}

/* Does a node have several zones to be fair between? */
static bool has_fair_zones(void)
{
	for_each_node(nid) {
		unsigned int nr = 0;

		for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++)
			nr += populated_zone(&NODE_DATA(nid)->node_zones[idx]);
		if (nr > 1)
			return true;
	}
	return false;
}

/* Opens the fast paths, where this world allows them. */
static void set_special(void)
{
	unsigned int special = READ_ONCE(buddy_special) & SPECIAL_INJECT;

	for_each_populated_zone(zone) {
		if (zone->idx != ZONE_NORMAL)
			special |= SPECIAL_ZONES;
		if (!zone->pageset)
			special |= SPECIAL_NO_LISTS;
	}
	if (buddy_prep_hooks)
		special |= SPECIAL_OPTIONS;
	smp_store_release(&buddy_special, special); /* pairs with alloc_pages() and __free_pages() */
}

int buddy_reserve(void)
{
	int err;

	if (!kmm_arena.nr_online)
		return -ENOMEM;
	nodes_setup();
	reserved = true;
	err = pcp_reserve();
	return err ? err : vmstat_reserve();
}

int buddy_start(void)
{
	unsigned long reserved_end;
	int err;

	if (!kmm_arena.nr_online)
		return -ENOMEM;
	/* Without per-CPU parts every request goes to its zone: for tests that look at the lists. */
	if (!reserved)
		nodes_setup();
	reserved = true;
	reserved_end = memblock_free_all();
	err = init_mem_debugging_and_hardening();
	if (err)
		return err;
	buddy_ungrouped = buddy_options.mobility ? 0 : __GFP_MOVABLE;
	for_each_zone(zone)
		zone_start(zone, reserved_end);
	cma_start(reserved_end);
	setup_watermarks();
	report_changed_options();
	buddy_fair_zones = has_fair_zones();
	zonelist_start();
	page_report_reset();
	buddy_fork_register();
	hotplug_start();
	smp_store_release(&started, true);
	set_special();
	return 0;
}

void buddy_start_late(void)
{
	for_each_populated_zone(zone)
		setup_zone_pageset(zone);
}

void buddy_stop(void)
{
	smp_store_release(&buddy_special, SPECIAL_COLD);
	smp_store_release(&started, false);
	reserved = false;
	prep_hooks_stop();
	vmstat_stop();
	/* Empty zonelists lead every request to the slow path, which turns it away. */
	memset(kmm_nodes, 0, sizeof(kmm_nodes));
	nr_online_nodes = 1;
	buddy_inject_failure(0, false);
}

unsigned long buddy_nr_offline(void)
{
	unsigned long nr = 0;

	if (!buddy_is_started())
		return 0;
	for_each_populated_zone(zone)
		nr += READ_ONCE(zone->nr_offline);
	return nr;
}

unsigned long buddy_nr_free(void)
{
	unsigned long nr = 0;

	if (!buddy_is_started())
		return 0;
	for_each_populated_zone(zone)
		nr += zone_nr_free(zone) + zone_nr_pcp(zone);
	return nr;
}

void buddy_mod_nr_slab(const struct page *page, long nr_pages, bool reclaimable)
{
	mod_node_page_state(page_pgdat(page), reclaimable ? NR_SLAB_RECLAIMABLE : NR_SLAB_UNRECLAIMABLE, nr_pages);
}

unsigned long nr_free_pages(void)
{
	/* After the end there is no page to be had. */
	return kmm_boot_state() == KMM_DEAD ? 0 : buddy_nr_offline() + buddy_nr_free();
}

unsigned long totalram_pages(void)
{
	unsigned long nr = 0;

	if (!buddy_is_started())
		return kmm_boot_state() == KMM_DEAD ? 0 : kmm_arena.nr_limit;
	for_each_populated_zone(zone)
		nr += READ_ONCE(zone->present_pages);
	return nr;
}
