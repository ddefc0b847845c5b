/* SPDX-License-Identifier: MIT
 * pcp_test.c - the lists of each CPU: how much they fetch, keep and give back, and which pages.
 */
#include "support/pcp_world.h"

#define NR_PAGES 512

static struct page *pages[NR_PAGES];

static void take(unsigned int nr, gfp_t gfp)
{
	for (unsigned int i = 0; i < nr; i++) {
		pages[i] = alloc_page(gfp);
		assert_non_null(pages[i]);
	}
}

static void give(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		__free_page(pages[i]);
}

static struct per_cpu_pages *here(void)
{
	return pcp_on(0);
}

static void at_boot_each_request_fetches_one_and_nothing_is_kept(void **state)
{
	const unsigned long before = zone_nr_free(&kmm_zone);

	(void)state;
	assert_int_equal(here()->batch, 1);
	assert_int_equal(here()->high, 0);
	for (unsigned int order = 0; order <= pageblock_order; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		assert_non_null(page);
		assert_int_equal(here()->count, 0);
		assert_int_equal(zone_nr_free(&kmm_zone), before - (1UL << order));
		__free_pages(page, order);
		assert_int_equal(here()->count, 0);
		assert_int_equal(zone_nr_free(&kmm_zone), before);
	}
	take(40, GFP_KERNEL);
	assert_int_equal(here()->count, 0);
	assert_int_equal(zone_nr_free(&kmm_zone), before - 40);
	give(40);
	assert_int_equal(here()->count, 0);
	kmm_validate_pages();
	assert_silent();
}

/* What the kernel computes for zones of some sizes and low marks. */
static void batch_and_high_follow_the_size_of_the_zone(void **state)
{
	static const struct {
		unsigned long managed, low; /* pages */
		int batch, high_min, high_max;
	} expected[] = {
		{ 512800, 16000, 63, 4000, 16025 }, /* two gigabytes */
		{ 512800, 0, 63, 252, 16025 },      /* not less than four batches */
		{ 512800, 800000, 63, 200000, 200000 },
		{ 262144, 1000, 63, 252, 8192 }, /* a batch is not more than a quarter of a mebibyte */
		{ 131072, 1000, 31, 250, 4096 },
		{ 65536, 1000, 15, 250, 2048 },
		{ 16384, 100, 3, 25, 512 },
		{ 8192, 100, 1, 25, 256 },
		{ 1024, 10, 1, 4, 32 },
		{ 0, 0, 1, 4, 4 },
	};
	const unsigned long present = kmm_zone.present_pages, low = kmm_zone.watermark[WMARK_LOW];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(expected); i++) {
		kmm_zone.present_pages = expected[i].managed + kmm_zone.nr_reserved;
		kmm_zone.watermark[WMARK_LOW] = expected[i].low;
		setup_zone_pageset(&kmm_zone);
		for (unsigned int cpu = 0; cpu < PCP_CPUS; cpu++) {
			assert_int_equal(pcp_on(cpu)->batch, expected[i].batch);
			assert_int_equal(pcp_on(cpu)->high_min, expected[i].high_min);
			assert_int_equal(pcp_on(cpu)->high, expected[i].high_min);
			assert_int_equal(pcp_on(cpu)->high_max, expected[i].high_max);
		}
	}
	/* percpu_pagelist_high_fraction=: fixed, whatever the marks say. */
	kmm_zone.present_pages = 512800 + kmm_zone.nr_reserved;
	buddy_options.pcp_high_fraction = 100;
	setup_zone_pageset(&kmm_zone);
	assert_int_equal(here()->high_min, 1282);
	assert_int_equal(here()->high_max, 1282);
	/* But four batches at least. */
	buddy_options.pcp_high_fraction = 1000000000;
	setup_zone_pageset(&kmm_zone);
	assert_int_equal(here()->high_min, 4 * here()->batch);
	assert_int_equal(here()->high_max, 4 * here()->batch);
	buddy_options.pcp_high_fraction = 0;
	kmm_zone.present_pages = present;
	kmm_zone.watermark[WMARK_LOW] = low;
}

static void small_orders_and_whole_pageblocks_are_kept(void **state)
{
	(void)state;
	pcp_limits(1, 4096, 4096);
	for (unsigned int order = 0; order <= pageblock_order; order++) {
		const bool kept = order <= 3 || order == pageblock_order;
		struct page *page;
		int count;

		drain_all_pages(NULL);
		page = alloc_pages(GFP_KERNEL, order);
		drain_all_pages(NULL);
		__free_pages(page, order);
		count = here()->count;
		assert_int_equal(count, kept ? 1 << order : 0);
		assert_int_equal(pcp_listed(0, order, MIGRATE_UNMOVABLE), kept);
		kmm_validate_pages();
		if (kept) {
			assert_ptr_equal(alloc_pages(GFP_KERNEL, order), page);
			assert_int_equal(page_alloc_order(page), order);
			__free_pages(page, order);
		}
	}
	assert_silent();
}

static void a_pageblock_that_would_not_stay_does_not_come_in(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, pageblock_order);

	(void)state;
	pcp_limits(1, 1023, 1023);
	take(8, GFP_KERNEL);
	drain_all_pages(NULL);
	give(8);
	__free_pages(page, pageblock_order);
	assert_int_equal(here()->count, 8); /* and what is there need not go for it */
	drain_all_pages(NULL);
	pcp_limits(1, 2048, 2048);
	page = alloc_pages(GFP_KERNEL, pageblock_order);
	__free_pages(page, pageblock_order);
	assert_int_equal(here()->count, 1024);
}

static void the_page_freed_last_is_handed_out_next_and_cold_ones_last(void **state)
{
	(void)state;
	pcp_limits(1, 64, 64);
	take(4, GFP_KERNEL);
	drain_all_pages(NULL);
	__free_page(pages[0]);
	__free_page(pages[1]);
	free_hot_cold_page(pages[2], false);
	free_hot_cold_page(pages[3], true);
	/* From hot to cold: 2 1 0 3. */
	assert_ptr_equal(alloc_page(GFP_KERNEL | __GFP_COLD), pages[3]);
	assert_ptr_equal(alloc_page(GFP_KERNEL), pages[2]);
	assert_ptr_equal(alloc_page(GFP_KERNEL | __GFP_COLD), pages[0]);
	assert_ptr_equal(alloc_page(GFP_KERNEL), pages[1]);
	assert_int_equal(here()->count, 0);
	give(4);
	assert_silent();
}

static void each_type_has_its_own_list(void **state)
{
	static const gfp_t gfp[MIGRATE_PCPTYPES] = {
		[MIGRATE_UNMOVABLE] = GFP_KERNEL,
		[MIGRATE_RECLAIMABLE] = GFP_KERNEL | __GFP_RECLAIMABLE,
		[MIGRATE_MOVABLE] = GFP_KERNEL | __GFP_MOVABLE,
	};
	struct page *page[MIGRATE_PCPTYPES];

	(void)state;
	pcp_limits(4, 64, 64);
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++)
		page[type] = alloc_page(gfp[type]);
	drain_all_pages(NULL);
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
		assert_int_equal(pageblock_type(page[type]), type);
		__free_page(page[type]);
		for (unsigned int other = 0; other < MIGRATE_PCPTYPES; other++)
			assert_int_equal(pcp_listed(0, 0, (enum migratetype)other), other <= type);
	}
	for (unsigned int type = MIGRATE_PCPTYPES; type-- > 0;) {
		assert_ptr_equal(alloc_page(gfp[type]), page[type]);
		__free_page(page[type]);
	}
	assert_silent();
}

/* Leaves the movable pages of one pageblock in use but for every second one, on the lists of the zone. */
static unsigned int fragment(void)
{
	static struct page *all[pageblock_nr_pages];
	unsigned int nr = 0;

	pcp_limits(1, 0, 0);
	while (nr < ARRAY_SIZE(all) && !kmm_zone.nr_offline) {
		all[nr] = alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_NOWARN);
		if (!all[nr])
			break;
		nr++;
	}
	for (unsigned int i = 0; i < nr; i++)
		if (page_to_pfn(all[i]) % 2)
			__free_page(all[i]);
	return nr;
}

static void free_the_even_ones(void)
{
	for (unsigned long pfn = 0; pfn < pageblock_nr_pages; pfn++) {
		struct page *page = pfn_to_page(pfn);

		if (page && page_refcount(page) && !page_flag_test(page, PG_reserved))
			__free_pages(page, page_alloc_order(page));
	}
}

static void a_refill_takes_more_than_asked_for_from_its_own_type_only(void **state)
{
	struct page *page;
	unsigned long free;

	(void)state;
	fragment();
	pcp_limits(16, 256, 256);
	free = zone_nr_free(&kmm_zone);
	page = alloc_page(GFP_KERNEL); /* there is no such pageblock */
	assert_int_equal(zone_nr_free(&kmm_zone), free - 1);
	assert_int_equal(here()->count, 0);
	assert_int_equal(pageblock_type(page), MIGRATE_MOVABLE);
	__free_page(page);
	assert_int_equal(pcp_listed(0, 0, MIGRATE_MOVABLE), 1);
	drain_all_pages(NULL);
	page = alloc_page(GFP_KERNEL | __GFP_MOVABLE); /* of these, there are many */
	assert_int_equal(zone_nr_free(&kmm_zone), free - 16);
	assert_int_equal(here()->count, 15);
	__free_page(page);
	drain_all_pages(NULL);
	free_the_even_ones();
	assert_silent();
}

static void a_refill_does_not_grow_the_zone_for_more_than_asked_for(void **state)
{
	const unsigned long offline = kmm_zone.nr_offline;
	unsigned int nr = 0;

	(void)state;
	/* All of the first section in the largest blocks, the last one of them split: one page is left of it. */
	pcp_limits(1, 0, 0);
	while (zone_nr_free(&kmm_zone) > 1) {
		unsigned int order = MAX_ORDER;

		while (order-- > 0) {
			if (!free_area_first(&kmm_zone, order, MIGRATE_MOVABLE) ||
			    zone_nr_free(&kmm_zone) == 1UL << order)
				continue;
			pages[nr] = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, order);
			assert_non_null(pages[nr++]);
			break;
		}
		if (order == ~0U) { /* one block is left: all but its last page */
			pages[nr] = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
			assert_non_null(pages[nr++]);
		}
	}
	assert_int_equal(kmm_zone.nr_offline, offline);
	pcp_limits(16, 256, 256);
	pages[nr] = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	assert_non_null(pages[nr++]);
	assert_int_equal(zone_nr_free(&kmm_zone), 0);
	assert_int_equal(here()->count, 0);
	assert_int_equal(kmm_zone.nr_offline, offline);
	pages[nr] = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	assert_non_null(pages[nr++]);
	assert_int_equal(kmm_zone.nr_offline, offline - PAGES_PER_SECTION);
	assert_int_equal(here()->count, 15);
	for (unsigned int i = 0; i < nr; i++)
		__free_pages(pages[i], page_alloc_order(pages[i]));
	assert_silent();
}

/* Takes what is listed and one more; how many the refill fetched. */
static int refill_once(unsigned int *nr)
{
	const unsigned long free = zone_nr_free(&kmm_zone);

	do {
		assert_in_range(*nr, 0, NR_PAGES - 1);
		pages[*nr] = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
		assert_non_null(pages[(*nr)++]);
	} while (zone_nr_free(&kmm_zone) == free);
	return (int)(free - zone_nr_free(&kmm_zone));
}

static void refills_in_a_row_double_the_batch_and_frees_halve_it(void **state)
{
	static const int fetched[] = { 4, 8, 16, 32, 64, 128 };
	static const int high[] = { 20, 28, 44, 76, 140, 268 };
	unsigned int nr = 0;

	(void)state;
	pcp_limits(4, 16, 4096);
	for (unsigned int i = 0; i < ARRAY_SIZE(fetched); i++) {
		assert_int_equal(refill_once(&nr), fetched[i]);
		assert_int_equal(here()->high, high[i]);
		assert_int_equal(here()->count, fetched[i] - 1);
	}
	assert_int_equal(here()->alloc_factor, 5);
	__free_page(pages[--nr]);
	__free_page(pages[--nr]);
	assert_int_equal(here()->alloc_factor, 1);
	drain_all_pages(NULL);
	assert_int_equal(refill_once(&nr), 8);
	give(nr);
	assert_silent();
}

static void a_refill_leaves_room_for_a_batch_of_frees(void **state)
{
	unsigned int nr = 0;

	(void)state;
	pcp_limits(4, 16, 22);
	assert_int_equal(refill_once(&nr), 4);
	assert_int_equal(here()->high, 20);
	assert_int_equal(refill_once(&nr), 8);
	assert_int_equal(here()->high, 22); /* not more than its most */
	assert_int_equal(refill_once(&nr), 16);
	assert_int_equal(refill_once(&nr), 18); /* 22 - 4, not 32 */
	assert_int_equal(refill_once(&nr), 18);
	assert_int_equal(here()->high, 22);
	give(nr);
}

static void larger_orders_come_in_fewer_blocks(void **state)
{
	static const unsigned int blocks[] = { 16, 8, 4, 2 };

	(void)state;
	pcp_limits(16, 64, 4096);
	for (unsigned int order = 1; order <= 3; order++) {
		struct page *page;

		drain_all_pages(NULL);
		page = alloc_pages(GFP_KERNEL, order);
		assert_int_equal(pcp_listed(0, order, MIGRATE_UNMOVABLE), blocks[order] - 1);
		assert_int_equal(here()->count, (blocks[order] - 1) << order);
		kmm_validate_pages();
		__free_pages(page, order);
	}
	pcp_limits(4, 64, 4096);
	drain_all_pages(NULL);
	pages[0] = alloc_pages(GFP_KERNEL, 3);
	assert_int_equal(pcp_listed(0, 3, MIGRATE_UNMOVABLE), 1); /* two are the least */
	pages[1] = alloc_pages(GFP_KERNEL, pageblock_order);
	assert_int_equal(pcp_listed(0, pageblock_order, MIGRATE_UNMOVABLE), 0); /* and one of the largest the most */
	__free_pages(pages[0], 3);
	__free_pages(pages[1], pageblock_order);
}

static void with_a_fixed_high_the_batch_does_not_grow(void **state)
{
	unsigned int nr = 0;

	(void)state;
	pcp_limits(4, 64, 64);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(refill_once(&nr), 4);
	assert_int_equal(here()->high, 64);
	assert_int_equal(here()->alloc_factor, 0);
	give(nr);
}

static void while_memory_is_short_refills_do_not_let_the_lists_grow(void **state)
{
	unsigned int nr = 0;

	(void)state;
	pcp_limits(4, 16, 4096);
	zone_flag_set(&kmm_zone, ZONE_BELOW_HIGH);
	assert_int_equal(refill_once(&nr), 4);
	assert_int_equal(refill_once(&nr), 8);
	assert_int_equal(refill_once(&nr), 12); /* high - batch */
	assert_int_equal(here()->high, 16);
	give(nr);
}

static void frees_in_a_row_let_the_lists_grow_up_to_their_most(void **state)
{
	(void)state;
	take(80, GFP_KERNEL);
	drain_all_pages(NULL);
	pcp_limits(4, 16, 64);
	here()->free_count = 0;
	for (int i = 1; i < 64; i++) {
		__free_page(pages[i]);
		assert_int_equal(here()->count, i);
		assert_true(here()->high > i && here()->high <= 64);
	}
	/* The 64th: all but a batch goes, the coldest first. */
	__free_page(pages[64]);
	assert_int_equal(here()->high, 64);
	assert_int_equal(here()->count, 4);
	for (unsigned int i = 1; i <= 64; i++)
		assert_int_equal(page_flag_test(pages[i], PG_pcp), i > 60);
	__free_page(pages[0]);
	for (unsigned int i = 65; i < 80; i++)
		__free_page(pages[i]);
	kmm_validate_pages();
	assert_silent();
}

static void a_single_free_gives_back_one_batch(void **state)
{
	(void)state;
	take(32, GFP_KERNEL);
	drain_all_pages(NULL);
	pcp_limits(4, 16, 16);
	for (unsigned int i = 0; i < 15; i++)
		__free_page(pages[i]);
	assert_int_equal(here()->count, 15);
	here()->free_count = 0; /* as after many requests */
	__free_page(pages[15]);
	assert_int_equal(here()->count, 12);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(page_flag_test(pages[i], PG_pcp), i >= 4);
	for (unsigned int i = 16; i < 32; i++)
		__free_page(pages[i]);
}

static void requests_halve_the_count_of_frees(void **state)
{
	(void)state;
	pcp_limits(4, 64, 64);
	take(40, GFP_KERNEL);
	drain_all_pages(NULL);
	here()->free_count = 0;
	give(40);
	assert_int_equal(here()->free_count, 40);
	pages[0] = alloc_page(GFP_KERNEL);
	assert_int_equal(here()->free_count, 20);
	pages[1] = alloc_page(GFP_KERNEL | __GFP_COLD);
	assert_int_equal(here()->free_count, 10);
	pages[2] = alloc_page(GFP_KERNEL | __GFP_RECLAIMABLE); /* by a refill */
	assert_int_equal(here()->free_count, 5);
	give(3);
}

static void while_memory_is_short_frees_shrink_the_lists(void **state)
{
	(void)state;
	take(200, GFP_KERNEL);
	drain_all_pages(NULL);
	pcp_limits(4, 16, 128);
	here()->high = 128;
	here()->free_count = 0;
	for (unsigned int i = 0; i < 127; i++)
		__free_page(pages[i]);
	assert_int_equal(here()->count, 127);
	zone_flag_set(&kmm_zone, ZONE_BELOW_HIGH);
	kmm_zone.watermark[WMARK_HIGH] = ~0UL / 4; /* still short afterwards */
	__free_page(pages[127]);
	assert_int_equal(here()->high, 16);
	assert_int_equal(here()->count, 16);
	assert_true(zone_flag_test(&kmm_zone, ZONE_BELOW_HIGH));
	/* And when there is enough again, the flag goes with the next batch. */
	kmm_zone.watermark[WMARK_HIGH] = 0;
	for (unsigned int i = 128; i < 132; i++)
		__free_page(pages[i]);
	assert_false(zone_flag_test(&kmm_zone, ZONE_BELOW_HIGH));
	for (unsigned int i = 132; i < 200; i++)
		__free_page(pages[i]);
	assert_silent();
}

static void lists_of_an_idle_cpu_are_emptied(void **state)
{
	(void)state;
	pcp_limits(4, 16, 4096);
	here()->high = 1000;
	take(200, GFP_KERNEL);
	give(200);
	here()->high = 1000;
	assert_true(here()->count >= 200);
	assert_true(decay_pcp_high(&kmm_zone, 0)); /* there was use since the last time: none before */
	assert_int_equal(here()->high, 1000 - 1000 / 8);
	assert_true(here()->count >= 200);
	assert_true(decay_pcp_high(&kmm_zone, 0)); /* nothing since then */
	assert_int_equal(here()->count, 0);
	assert_int_equal(here()->high, 875 - 875 / 8);
	for (unsigned int i = 0; decay_pcp_high(&kmm_zone, 0); i++)
		assert_in_range(i, 0, 100); /* it comes to an end */
	assert_int_equal(here()->high, 16);
	assert_false(decay_pcp_high(&kmm_zone, 0));
	kmm_validate_pages();
}

static void the_end_of_a_decay_is_reached_however_small_the_lists_are(void **state)
{
	(void)state;
	pcp_limits(1, 4, 64);
	here()->high = 7; /* an eighth of it is nothing */
	for (unsigned int i = 0; decay_pcp_high(&kmm_zone, 0); i++)
		assert_in_range(i, 0, 100);
	assert_int_equal(here()->high, 4);
}

static void lists_of_a_cpu_in_use_shrink_to_what_it_needs(void **state)
{
	int count;

	(void)state;
	pcp_limits(1, 16, 4096);
	here()->high = 400;
	take(300, GFP_KERNEL);
	give(300);
	here()->high = count = here()->count;
	assert_true(count >= 300);
	assert_true(decay_pcp_high(&kmm_zone, 0));
	/* An eighth would be more than 32 batches, which is the most at a time. */
	assert_int_equal(here()->high, count - 32);
	assert_int_equal(here()->count, count - 32);
	__free_page(alloc_page(GFP_KERNEL));
	here()->high = 100;
	drain_all_pages(NULL);
	assert_true(decay_pcp_high(&kmm_zone, 0));
	assert_int_equal(here()->high, 100 - 12);
	kmm_validate_pages();
}

static void a_decay_never_lets_the_lists_grow(void **state)
{
	(void)state;
	pcp_limits(1, 500, 500);
	take(300, GFP_KERNEL);
	give(300);
	pcp_limits(1, 100, 100); /* more on the lists than they may hold, as after refills of several threads at once */
	decay_pcp_high(&kmm_zone, 0);
	assert_int_equal(here()->high, 100);
	assert_int_equal(here()->count, 100);
}

static void the_lists_of_other_cpus_can_be_drained(void **state)
{
	const unsigned long free = zone_nr_free(&kmm_zone);

	(void)state;
	pcp_limits(4, 64, 64);
	for (unsigned int cpu = 0; cpu < PCP_CPUS; cpu++) {
		cpu_id_pin((int)cpu);
		pages[cpu] = alloc_page(GFP_KERNEL);
		assert_int_equal(pcp_on(cpu)->count, 3);
	}
	cpu_id_pin(0);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 12);
	assert_int_equal(drain_pages_zone(&kmm_zone, 2), 3);
	assert_int_equal(pcp_on(2)->count, 0);
	assert_int_equal(drain_pages_zone(&kmm_zone, 2), 0);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 9);
	assert_int_equal(drain_all_pages(&kmm_nodes[0].node_zones[ZONE_MOVABLE]), 0);
	assert_int_equal(drain_all_pages(&kmm_zone), 9);
	assert_int_equal(zone_nr_free(&kmm_zone), free - 4);
	give(4);
	cpu_id_pin(3);
	__free_page(alloc_page(GFP_KERNEL));
	cpu_id_pin(0);
	assert_int_equal(drain_all_pages(NULL), 4 + 4);
	assert_int_equal(zone_nr_free(&kmm_zone), free);
	kmm_validate_pages();
}

static void what_may_not_wait_drains_all_lists_that_are_not_busy(void **state)
{
	(void)state;
	pcp_limits(4, 64, 64);
	for (unsigned int cpu = 0; cpu < PCP_CPUS; cpu++) {
		cpu_id_pin((int)cpu);
		pages[cpu] = alloc_page(GFP_KERNEL);
	}
	pcp_make_busy(1);
	try_drain_all_pages();
	pcp_end_busy(1);
	for (unsigned int cpu = 0; cpu < PCP_CPUS; cpu++)
		assert_int_equal(pcp_on(cpu)->count, cpu == 1 ? 3 : 0);
	give(4);
	kmm_validate_pages();
}

static void past_a_busy_list_pages_come_from_and_go_to_the_zone(void **state)
{
	unsigned long free;

	(void)state;
	pcp_limits(4, 64, 64);
	pages[0] = alloc_page(GFP_KERNEL);
	__free_page(pages[0]);
	assert_int_equal(here()->count, 4);
	free = zone_nr_free(&kmm_zone);
	pcp_make_busy(0);
	for (unsigned int order = 0; order <= 3; order++) {
		pages[order] = alloc_pages(GFP_KERNEL, order);
		assert_non_null(pages[order]);
		assert_false(page_flag_test(pages[order], PG_pcp));
	}
	assert_int_equal(zone_nr_free(&kmm_zone), free - 15);
	for (unsigned int order = 0; order <= 3; order++)
		__free_pages(pages[order], order);
	assert_int_equal(zone_nr_free(&kmm_zone), free);
	assert_int_equal(here()->count, 4);
	pcp_end_busy(0);
	kmm_validate_pages();
	assert_silent();
}

/* Gives the pageblock of @page another type, with the counters that go with that. */
static void set_type(struct page *page, enum migratetype type)
{
	kmm_lock(&kmm_zone.lock);
	pageblock_move_free(&kmm_zone, page, type);
	kmm_unlock(&kmm_zone.lock);
}

static void pages_of_the_reserve_and_of_cma_wait_with_the_movable_ones(void **state)
{
	static const enum migratetype types[] = { MIGRATE_RESERVE, MIGRATE_CMA };

	(void)state;
	pcp_limits(1, 64, 64);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		struct page *page = alloc_page(GFP_KERNEL);
		unsigned long inside;

		drain_all_pages(NULL);
		set_type(page, types[i]);
		inside = pageblock_nr_free(page);
		__free_page(page);
		assert_int_equal(pcp_listed(0, 0, MIGRATE_MOVABLE), 1);
		kmm_validate_pages();
		/* Back it goes to the list of its block. */
		assert_int_equal(drain_all_pages(NULL), 1);
		assert_int_equal(pageblock_nr_free(page), inside + 1);
		kmm_validate_pages();
		set_type(page, MIGRATE_UNMOVABLE);
	}
	assert_silent();
}

static void pages_of_an_isolated_block_are_not_kept(void **state)
{
	struct page *page, *listed;
	unsigned long free;

	(void)state;
	pcp_limits(1, 64, 64);
	page = alloc_page(GFP_KERNEL);
	listed = alloc_page(GFP_KERNEL);
	__free_page(listed);
	set_type(page, MIGRATE_ISOLATE);
	free = zone_nr_free(&kmm_zone);
	__free_page(page);
	assert_int_equal(here()->count, 1);
	drain_all_pages(NULL);
	assert_int_equal(zone_nr_free(&kmm_zone), free); /* free pages there do not count */
	kmm_validate_pages();
	set_type(page, MIGRATE_UNMOVABLE);
	assert_true(zone_nr_free(&kmm_zone) > free);
	kmm_validate_pages();
	assert_silent();
}

static void a_page_changes_lists_with_its_block(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	pcp_limits(1, 64, 64);
	drain_all_pages(NULL);
	__free_page(page);
	set_type(page, MIGRATE_RECLAIMABLE); /* while it waits with the unmovable ones */
	assert_int_equal(pcp_listed(0, 0, MIGRATE_UNMOVABLE), 1);
	drain_all_pages(NULL);
	kmm_validate_pages(); /* B1: the lists of the block's type */
	set_type(page, MIGRATE_UNMOVABLE);
	assert_silent();
}

static void a_page_known_to_be_zero_stays_so_on_the_lists(void **state)
{
	struct page *listed;
	char *p;

	(void)state;
	pcp_limits(8, 64, 64);
	pages[0] = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	listed = cds_list_entry(here()->lists[MIGRATE_MOVABLE].next, struct page, lru);
	assert_true(page_flag_test(listed, PG_reported));
	/* Nobody clears it again: what is written behind the allocator's back shows that. */
	p = page_address(listed);
	*p = 0x5a;
	assert_ptr_equal(alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_ZERO), listed);
	assert_int_equal(*p, 0x5a);
	/* But once it was in use, it is not known any more. */
	__free_page(listed);
	assert_false(page_flag_test(listed, PG_reported));
	assert_ptr_equal(alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_ZERO), listed);
	assert_int_equal(*p, 0);
	*p = 0x5a;
	free_hot_cold_page(listed, true); /* by the general way */
	assert_false(page_flag_test(listed, PG_reported));
	assert_ptr_equal(alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_ZERO | __GFP_COLD), listed);
	assert_int_equal(*p, 0);
	__free_page(listed);
	__free_page(pages[0]);
}

static void a_zero_page_goes_back_as_one(void **state)
{
	struct page *page;

	(void)state;
	pcp_limits(8, 64, 64);
	page = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	drain_all_pages(NULL);
	/* The next one was on a list for a moment, and is still known to be zero. */
	assert_true(PageBuddy(page + 1));
	assert_true(page_flag_test(page + 1, PG_reported));
	__free_page(page);
}

static void a_page_on_a_list_cannot_be_freed_again(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2), *single = alloc_page(GFP_KERNEL);
	int count;

	(void)state;
	pcp_limits(1, 64, 64);
	__free_pages(page, 2);
	__free_page(single);
	count = here()->count;
	__free_pages(page, 2);
	assert_int_equal(capture.nr, 1);
	assert_reported("BUG: Bad page state in process");
	assert_reported("page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
	__free_page(page);
	__free_page(single);
	free_hot_cold_page(single, true);
	assert_int_equal(capture.nr, 4);
	assert_int_equal(here()->count, count);
	kmm_validate_pages();
	assert_ptr_equal(alloc_pages(GFP_KERNEL, 2), page);
	__free_pages(page, 2);
}

static void expect_broken(const char *words)
{
	capture_clear();
	assert_true(capture_bug_in(kmm_validate_pages()));
	assert_reported(words);
	capture_clear();
}

static void b9_lists_hold_what_they_count_and_say(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL), *lost;

	(void)state;
	pcp_limits(1, 64, 64);
	drain_all_pages(NULL);
	__free_page(page);
	here()->count++;
	expect_broken("B9: ");
	here()->count--;
	page_flag_clear(page, PG_pcp);
	expect_broken("B6: ");
	page_flag_set(page, PG_pcp);
	cds_list_del(&page->lru);
	cds_list_add(&page->lru, &here()->lists[MIGRATE_PCPTYPES]); /* of order 1 */
	expect_broken("B9: ");
	cds_list_del(&page->lru);
	cds_list_add(&page->lru, &here()->lists[MIGRATE_UNMOVABLE]);
	page_ref_set(page, 1);
	expect_broken("B9: ");
	page_ref_set(page, 0);
	/* One that is on no list. */
	lost = alloc_page(GFP_KERNEL);
	page_ref_set(lost, 0);
	page_flag_set(lost, PG_pcp);
	expect_broken("B9: ");
	page_flag_clear(lost, PG_pcp);
	page_ref_set(lost, 1);
	__free_page(lost);
	kmm_validate_pages();
}

static void what_the_lists_hand_out_counts_against_the_share_of_the_zone(void **state)
{
	unsigned long share;

	(void)state;
	mod_zone_page_state(&kmm_zone, NR_ALLOC_BATCH, 10000);
	share = zone_page_state_snapshot(&kmm_zone, NR_ALLOC_BATCH);
	pcp_limits(4, 64, 64);
	take(10, GFP_KERNEL);
	assert_int_equal(zone_page_state_snapshot(&kmm_zone, NR_ALLOC_BATCH), share - 10);
	/* Folded with each refill: at the first, the fifth and the ninth request. */
	assert_int_equal(here()->batch_used, 1);
	pages[10] = alloc_pages(GFP_KERNEL, 7);
	pages[11] = alloc_pages(GFP_KERNEL, 2);
	assert_int_equal(zone_page_state_snapshot(&kmm_zone, NR_ALLOC_BATCH), share - 10 - 128 - 4);
	/* A request for one node plays no part. */
	pages[12] = alloc_pages(GFP_KERNEL | __GFP_THISNODE, 7);
	pages[13] = alloc_pages(GFP_KERNEL | __GFP_THISNODE, 0);
	pages[14] = alloc_pages(GFP_KERNEL | __GFP_THISNODE, 1);
	assert_int_equal(zone_page_state_snapshot(&kmm_zone, NR_ALLOC_BATCH), share - 10 - 128 - 4);
	__free_pages(pages[12], 7);
	__free_pages(pages[13], 0);
	__free_pages(pages[14], 1);
	__free_pages(pages[10], 7);
	__free_pages(pages[11], 2);
	give(10);
}

static void a_refill_that_fails_forgets_nothing_that_was_handed_out(void **state)
{
	unsigned long share;

	(void)state;
	mod_zone_page_state(&kmm_zone, NR_ALLOC_BATCH, 10000);
	share = zone_page_state_snapshot(&kmm_zone, NR_ALLOC_BATCH);
	pcp_limits(8, 64, 64);
	take(6, GFP_KERNEL);
	assert_int_equal(here()->batch_used, 5);
	kmm_zone.started = false; /* as if others had taken the rest since the watermark was looked at */
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 2));
	kmm_zone.started = true;
	assert_int_equal(zone_page_state_snapshot(&kmm_zone, NR_ALLOC_BATCH), share - 6);
	give(6);
}

static void every_page_that_comes_or_goes_is_one_event(void **state)
{
	unsigned long before[NR_VM_EVENT_ITEMS], after[NR_VM_EVENT_ITEMS], nr = 0;

	(void)state;
	pcp_limits(4, 16, 256);
	all_vm_events(before);
	for (unsigned int i = 0; i < 60; i++) {
		const unsigned int order = i % 5;

		if (i == 30)
			pcp_make_busy(0);
		pages[i] = alloc_pages(i % 2 ? GFP_KERNEL : GFP_KERNEL | __GFP_MOVABLE, order);
		assert_non_null(pages[i]);
		nr += 1UL << order;
	}
	pcp_end_busy(0);
	all_vm_events(after);
	assert_int_equal(after[PGALLOC_NORMAL] - before[PGALLOC_NORMAL], nr);
	assert_int_equal(after[PGFREE], before[PGFREE]);
	for (unsigned int i = 0; i < 60; i++) {
		if (i == 30)
			pcp_make_busy(0);
		__free_pages(pages[i], i % 5);
	}
	pcp_end_busy(0);
	drain_all_pages(NULL); /* not another event */
	all_vm_events(after);
	assert_int_equal(after[PGALLOC_NORMAL] - before[PGALLOC_NORMAL], nr);
	assert_int_equal(after[PGFREE] - before[PGFREE], nr);
}

static void hits_without_end_do_not_overflow_the_share(void **state)
{
	(void)state;
	pcp_limits(4, 64, 64);
	pages[0] = alloc_page(GFP_KERNEL);
	__free_page(pages[0]);
	/* As after 2^31 - 2 requests that the lists served. */
	here()->batch_used = (unsigned int)INT32_MAX - 1;
	for (unsigned int i = 0; i < 3; i++)
		__free_page(alloc_page(GFP_KERNEL));
	take(8, GFP_KERNEL); /* a refill folds it */
	assert_in_range(here()->batch_used, 0, 8);
	assert_true(READ_ONCE(kmm_zone.vm_stat[NR_ALLOC_BATCH]) <= 0);
	give(8);
}

static void below_the_high_mark_the_next_refill_notices(void **state)
{
	(void)state;
	pcp_limits(4, 16, 4096);
	pages[0] = alloc_page(GFP_KERNEL);
	assert_false(zone_flag_test(&kmm_zone, ZONE_BELOW_HIGH));
	kmm_zone.watermark[WMARK_HIGH] = zone_nr_free(&kmm_zone) + kmm_zone.nr_offline - 16;
	for (unsigned int i = 1; i < 8; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	assert_false(zone_flag_test(&kmm_zone, ZONE_BELOW_HIGH));
	for (unsigned int i = 8; i < 32; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	assert_true(zone_flag_test(&kmm_zone, ZONE_BELOW_HIGH));
	kmm_zone.watermark[WMARK_HIGH] = 0;
	give(32);
	drain_all_pages(NULL);
	assert_false(zone_flag_test(&kmm_zone, ZONE_BELOW_HIGH));
}

#if KMM_CONFIG_CHECK
static void under_a_lock_of_the_slab_level_the_lists_are_no_way_out(void **state)
{
	struct kmm_lock list_lock;

	(void)state;
	pcp_limits(4, 64, 64);
	kmm_lock_init(&list_lock, KMM_RANK_NODE_LIST, "node->list_lock");
	pages[0] = alloc_page(GFP_KERNEL); /* the next ones are listed */
	kmm_lock(&list_lock);
	assert_true(capture_bug_in(pages[1] = alloc_page(GFP_KERNEL)));
	assert_true(capture_bug_in(__free_page(pages[0])));
	kmm_unlock(&list_lock);
	assert_reported("lock node->list_lock (rank 40) must not be held here");
	assert_int_equal(here()->count, 3);
	give(1);
}
#endif

static void without_per_cpu_lists_pages_come_from_the_zone(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_null(kmm_zone.pageset);
	assert_int_equal(buddy_nr_free(), 1023);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	assert_int_equal(drain_all_pages(NULL), 0);
	assert_false(decay_pcp_high(&kmm_zone, 0));
	try_drain_all_pages();
	__free_page(page);
	assert_int_equal(zone_nr_free(&kmm_zone), 1024);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_pcp, teardown_pcp)
#define TEST_ONE_BLOCK(name) cmocka_unit_test_setup_teardown(name, setup_pcp_one_block, teardown_pcp)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_boot_each_request_fetches_one_and_nothing_is_kept, setup_pcp_boot,
						teardown_pcp),
		TEST(batch_and_high_follow_the_size_of_the_zone),
		TEST(small_orders_and_whole_pageblocks_are_kept),
		TEST(a_pageblock_that_would_not_stay_does_not_come_in),
		TEST(the_page_freed_last_is_handed_out_next_and_cold_ones_last),
		TEST(each_type_has_its_own_list),
		TEST_ONE_BLOCK(a_refill_takes_more_than_asked_for_from_its_own_type_only),
		TEST(a_refill_does_not_grow_the_zone_for_more_than_asked_for),
		TEST(refills_in_a_row_double_the_batch_and_frees_halve_it),
		TEST(a_refill_leaves_room_for_a_batch_of_frees),
		TEST(larger_orders_come_in_fewer_blocks),
		TEST(with_a_fixed_high_the_batch_does_not_grow),
		TEST(while_memory_is_short_refills_do_not_let_the_lists_grow),
		TEST(frees_in_a_row_let_the_lists_grow_up_to_their_most),
		TEST(a_single_free_gives_back_one_batch),
		TEST(requests_halve_the_count_of_frees),
		TEST(while_memory_is_short_frees_shrink_the_lists),
		TEST(lists_of_an_idle_cpu_are_emptied),
		TEST(the_end_of_a_decay_is_reached_however_small_the_lists_are),
		TEST(lists_of_a_cpu_in_use_shrink_to_what_it_needs),
		TEST(a_decay_never_lets_the_lists_grow),
		TEST(the_lists_of_other_cpus_can_be_drained),
		TEST(what_may_not_wait_drains_all_lists_that_are_not_busy),
		TEST(past_a_busy_list_pages_come_from_and_go_to_the_zone),
		TEST(pages_of_the_reserve_and_of_cma_wait_with_the_movable_ones),
		TEST(pages_of_an_isolated_block_are_not_kept),
		TEST(a_page_changes_lists_with_its_block),
		TEST(a_page_known_to_be_zero_stays_so_on_the_lists),
		TEST(a_zero_page_goes_back_as_one),
		TEST(a_page_on_a_list_cannot_be_freed_again),
		TEST(b9_lists_hold_what_they_count_and_say),
		TEST(what_the_lists_hand_out_counts_against_the_share_of_the_zone),
		TEST(a_refill_that_fails_forgets_nothing_that_was_handed_out),
		TEST(every_page_that_comes_or_goes_is_one_event),
		TEST(below_the_high_mark_the_next_refill_notices),
#if KMM_CONFIG_CHECK
		TEST(under_a_lock_of_the_slab_level_the_lists_are_no_way_out),
#endif
		TEST(hits_without_end_do_not_overflow_the_share),
		cmocka_unit_test_setup_teardown(without_per_cpu_lists_pages_come_from_the_zone, setup_one_block,
						teardown_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
