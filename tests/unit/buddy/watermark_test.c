/* SPDX-License-Identifier: MIT
 * watermark_test.c - how much each zone keeps back, from whom, and who may dig how deep.
 *
 * Numbers are worked out by hand from the rules of Linux 6.1; those of one machine were read there.
 */
#include <limits.h>

#include <kmm/memalloc.h>

#include "node_world.h"

/* The numbers of a zone */

/* Sets the marks as for a zone of @managed pages. Such a world need not be there. */
static void set_marks_for(unsigned long managed)
{
	struct zone *normal = NORMAL_OF(0);
	const unsigned long present = normal->present_pages;

	normal->present_pages = managed;
	setup_watermarks();
	normal->present_pages = present;
}

static void assert_marks(const struct zone *zone, unsigned long min, unsigned long low, unsigned long high)
{
	assert_int_equal(zone->watermark[WMARK_MIN], min);
	assert_int_equal(zone->watermark[WMARK_LOW], low);
	assert_int_equal(zone->watermark[WMARK_HIGH], high);
	for (enum zone_watermarks mark = WMARK_MIN; mark < NR_WMARK; mark++)
		assert_int_equal(wmark_pages(zone, mark), zone->watermark[mark]);
}

/* managed:2051200kB min:5728kB low:7776kB high:9824kB, where the whole machine is one zone. */
static void a_machine_of_2051200_kib_has_the_marks_that_were_recorded_there(void **state)
{
	(void)state;
	buddy_options.min_free_kbytes = UINT_MAX;
	world_open(1);
	set_marks_for(2051200 / 4);
	assert_marks(NORMAL_OF(0), 1432, 1944, 2456);
}

/* The square root of 16 times the KiB, in KiB, from 128 to 262144; a quarter of it, or a thousandth of the zone, between
 * the marks. */
static void the_reserve_grows_with_the_root_of_the_memory(void **state)
{
	static const struct {
		unsigned long mib, min, low, high;
	} cases[] = {
		{ 1, 32, 40, 48 },          /* 128 KiB: the least */
		{ 4, 64, 80, 96 },          /* 256 KiB */
		{ 16, 128, 160, 192 },      /* 512 */
		{ 32, 181, 226, 271 },      /* 724 */
		{ 64, 256, 320, 384 },      /* 1024 */
		{ 128, 362, 452, 542 },     /* 1448 */
		{ 256, 512, 640, 768 },     /* 2048 */
		{ 512, 724, 905, 1086 },    /* 2896: a quarter is 181, a thousandth 131 */
		{ 1024, 1024, 1286, 1548 }, /* 4096: a quarter is 256, a thousandth 262 */
		{ 2048, 1448, 1972, 2496 }, /* 5792 */
#if __SIZEOF_POINTER__ == 8
		{ 16384, 4096, 8290, 12484 },                            /* 16384 */
		{ 4UL << 20, 65536, 65536 + 1073741, 65536 + 2147482 },  /* 262144 */
		{ 16UL << 20, 65536, 65536 + 4294967, 65536 + 8589934 }, /* the most: the root would be twice as much */
#endif
	};

	(void)state;
	buddy_options.min_free_kbytes = UINT_MAX;
	world_open(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		set_marks_for(cases[i].mib << (20 - PAGE_SHIFT));
		assert_marks(NORMAL_OF(0), cases[i].min, cases[i].low, cases[i].high);
	}
	set_marks_for(10);
	assert_marks(NORMAL_OF(0), 32, 40, 48);
}

static void a_reserve_that_was_asked_for_is_taken_as_it_is(void **state)
{
	static const struct {
		unsigned int kib;
		unsigned long min, low, high;
	} cases[] = {
		{ 0, 0, 0, 0 },             /* the last page can be had */
		{ 3, 0, 0, 0 },             /* less than a page */
		{ 4, 1, 5, 9 },             /* a thousandth of 4096 pages is 4 */
		{ 40, 10, 14, 18 },         /* more than a quarter of the mark */
		{ 100, 25, 31, 37 },        /* less */
		{ 4096, 1024, 1280, 1536 }, /* a quarter of all, which is the most */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		world_options();
		buddy_options.min_free_kbytes = cases[i].kib;
		world_open(4);
		assert_marks(NORMAL_OF(0), cases[i].min, cases[i].low, cases[i].high);
		world_close();
	}
}

/* The more so where nobody could have anything. */
static void a_reserve_is_at_most_a_quarter_of_the_memory(void **state)
{
	static const unsigned int cases[] = { 4097 + 3, 16384, 1000000, UINT_MAX / 2 };
	struct taken *taken = taken_by_test(0);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		char words[80];

		world_options();
		buddy_options.min_free_kbytes = cases[i];
		world_open(4);
		assert_marks(NORMAL_OF(0), 1024, 1280, 1536);
		snprintf(words, sizeof(words),
			 "min_free_kbytes=%u is more than a quarter of the memory, 4096 KiB are kept", cases[i]);
		assert_reported(words);
		assert_int_equal(capture.nr, 1);
		taken->nr = 0;
		take_all(taken, KERNEL_QUIET, 0);
		assert_int_equal(taken->nr, 4096 - 1024);
		give_back_all(taken);
		world_close();
		capture_clear();
	}
}

static void the_scale_factor_says_how_far_the_marks_are_apart(void **state)
{
	(void)state;
	buddy_options.min_free_kbytes = 4 * 40;
	buddy_options.watermark_scale_factor = 100; /* a hundredth of 4096 pages */
	world_open(4);
	assert_marks(NORMAL_OF(0), 40, 80, 120);
	world_close();
	buddy_options.watermark_scale_factor = 3000;
	world_open(4);
	assert_marks(NORMAL_OF(0), 40, 40 + 1228, 40 + 2 * 1228);
}

static void zones_share_the_reserve_by_their_size(void **state)
{
	(void)state;
	fake_nodes(2);
	buddy_options.min_free_kbytes = 4 * 1600;
	buddy_options.dma = PAGEBLOCK_SIZE;
	buddy_options.movable = 4 * PAGEBLOCK_SIZE;
	world_open(16);
	assert_marks(DMA_OF(0), 100, 125, 150);
	assert_marks(NORMAL_OF(0), 500, 625, 750);
	assert_marks(MOVABLE_OF(0), 200, 250, 300);
	assert_marks(NORMAL_OF(1), 600, 750, 900);
	assert_marks(MOVABLE_OF(1), 200, 250, 300);
	assert_marks(DMA_OF(1), 0, 0, 0);
}

/* Linux counts what requests for plain memory could use: not the movable zones. */
static void movable_zones_do_not_make_the_reserve_larger(void **state)
{
	(void)state;
	buddy_options.min_free_kbytes = UINT_MAX;
	buddy_options.movable = 48UL << 20;
	world_open((64UL << 20) / PAGEBLOCK_SIZE);
	/* 16 MiB keep 512 KiB back, which all zones share. */
	assert_marks(NORMAL_OF(0), 32, 40, 48);
	assert_marks(MOVABLE_OF(0), 96, 120, 144);
}

static void a_zone_keeps_pages_from_requests_for_higher_zones(void **state)
{
	(void)state;
	fake_nodes(2);
	buddy_options.min_free_kbytes = 4;
	buddy_options.dma = PAGEBLOCK_SIZE;
	buddy_options.movable = 4 * PAGEBLOCK_SIZE;
	world_open(16);
	/* Node 0: DMA 1024 pages, NORMAL 5 * 1024, MOVABLE 2 * 1024. */
	assert_int_equal(DMA_OF(0)->lowmem_reserve[ZONE_DMA], 0);
	assert_int_equal(DMA_OF(0)->lowmem_reserve[ZONE_NORMAL], 5 * 1024 / 256);
	assert_int_equal(DMA_OF(0)->lowmem_reserve[ZONE_MOVABLE], 7 * 1024 / 256);
	assert_int_equal(NORMAL_OF(0)->lowmem_reserve[ZONE_DMA], 0);
	assert_int_equal(NORMAL_OF(0)->lowmem_reserve[ZONE_NORMAL], 0);
	assert_int_equal(NORMAL_OF(0)->lowmem_reserve[ZONE_MOVABLE], 2 * 1024 / 32);
	for (enum zone_type idx = ZONE_DMA; idx < MAX_NR_ZONES; idx++) {
		assert_int_equal(MOVABLE_OF(0)->lowmem_reserve[idx], 0);
		assert_int_equal(DMA_OF(1)->lowmem_reserve[idx], 0); /* it has no pages */
	}
	assert_int_equal(NORMAL_OF(1)->lowmem_reserve[ZONE_MOVABLE], 2 * 1024 / 32);
}

static void no_reserve_at_all_means_none_for_low_zones_either(void **state)
{
	(void)state;
	buddy_options.dma = PAGEBLOCK_SIZE;
	buddy_options.movable = PAGEBLOCK_SIZE;
	world_open(4);
	assert_int_equal(DMA_OF(0)->lowmem_reserve[ZONE_MOVABLE], 0);
	assert_int_equal(NORMAL_OF(0)->lowmem_reserve[ZONE_MOVABLE], 0);
}

/* As the notes and Linux 6.1 have them: who knows the kernel's dumps can read ours. */
static void flags_have_the_kernels_numbers(void **state)
{
	static const struct {
		unsigned int flags, number;
	} cases[] = {
		{ WMARK_MIN, 0 },
		{ WMARK_LOW, 1 },
		{ WMARK_HIGH, 2 },
		{ ALLOC_WMARK_MASK, 3 },
		{ ALLOC_NO_WATERMARKS, 4 },
		{ ALLOC_OOM, 8 },
		{ ALLOC_HARDER, 0x10 },
		{ ALLOC_HIGH, 0x20 },
		{ ALLOC_CPUSET, 0x40 },
		{ ALLOC_CMA, 0x80 },
		{ ALLOC_KSWAPD, 0x800 },
		{ __GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE | __GFP_RECLAIMABLE, 0x1f },
		{ __GFP_HIGH, 0x20 },
		{ __GFP_ZERO, 0x100 },
		{ __GFP_ATOMIC, 0x200 },
		{ __GFP_WRITE, 0x1000 },
		{ __GFP_NOWARN, 0x2000 },
		{ __GFP_RETRY_MAYFAIL, 0x4000 },
		{ __GFP_NOFAIL, 0x8000 },
		{ __GFP_NORETRY, 0x10000 },
		{ __GFP_MEMALLOC, 0x20000 },
		{ __GFP_COMP, 0x40000 },
		{ __GFP_NOMEMALLOC, 0x80000 },
		{ __GFP_THISNODE, 0x200000 },
		{ __GFP_ACCOUNT, 0x400000 },
		{ GFP_KERNEL, 0xcc0 },
		{ GFP_ATOMIC, 0xa20 },
		{ GFP_NOWAIT, 0x800 },
		{ GFP_NOIO, 0xc00 },
		{ GFP_NOFS, 0xc40 },
		{ GFP_USER, 0x100cc0 },
		{ GFP_HIGHUSER_MOVABLE, 0x100cca },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cases[i].flags, cases[i].number);
}

/* The check, by table: only the numbers and the heads of the lists of a zone of the test's own are looked at */

static struct zone zone;

/* A zone with @nr_free pages that look like one block of @order on the list of @type. */
static void make_zone(unsigned long nr_free, unsigned int order, enum migratetype type)
{
	static struct cds_list_head block;

	memset(&zone, 0, sizeof(zone));
	free_area_init(&zone);
	zone.vm_stat[NR_FREE_PAGES] = (long)nr_free;
	zone.free_area[order].nr_free = 1;
	cds_list_add(&block, &zone.free_area[order].free_list[type]);
}

static bool ok(unsigned int order, unsigned long mark, unsigned int alloc_flags)
{
	return zone_watermark_ok(&zone, order, mark, ZONE_NORMAL, alloc_flags);
}

/* How far the mark sinks for whom: the least number of free pages that is enough for one page at a mark of 1000. */
static void who_may_dig_how_deep(void **state)
{
	static const struct {
		unsigned int alloc_flags;
		unsigned long least;
	} cases[] = {
		{ 0, 1001 },
		{ ALLOC_CPUSET | ALLOC_KSWAPD | ALLOC_FAIR, 1001 },
		{ ALLOC_HIGH, 501 },                /* half */
		{ ALLOC_HARDER, 751 },              /* a quarter */
		{ ALLOC_HIGH | ALLOC_HARDER, 376 }, /* half, and a quarter of what is left: GFP_ATOMIC */
		{ ALLOC_OOM, 501 },                 /* half */
		{ ALLOC_OOM | ALLOC_HARDER, 501 },  /* not both */
		{ ALLOC_OOM | ALLOC_HIGH, 251 },    /* half of the half */
		{ ALLOC_OOM | ALLOC_HIGH | ALLOC_HARDER, 251 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		make_zone(cases[i].least, 0, MIGRATE_MOVABLE);
		assert_true(ok(0, 1000, cases[i].alloc_flags));
		make_zone(cases[i].least - 1, 0, MIGRATE_MOVABLE);
		assert_false(ok(0, 1000, cases[i].alloc_flags));
	}
}

/* Halves and quarters of small marks, rounded as the kernel does. */
static void small_marks_are_rounded_up(void **state)
{
	static const struct {
		unsigned long mark, high, harder, both, oom_high;
	} cases[] = {
		{ 0, 0, 0, 0, 0 }, { 1, 1, 1, 1, 1 }, { 3, 2, 3, 2, 1 }, { 7, 4, 6, 3, 2 }, { 9, 5, 7, 4, 3 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const unsigned long mark = cases[i].mark;

		for (unsigned long nr_free = 0; nr_free < 16; nr_free++) {
			make_zone(nr_free, 0, MIGRATE_MOVABLE);
			assert_int_equal(ok(0, mark, ALLOC_HIGH), nr_free > cases[i].high);
			assert_int_equal(ok(0, mark, ALLOC_HARDER), nr_free > cases[i].harder);
			assert_int_equal(ok(0, mark, ALLOC_HIGH | ALLOC_HARDER), nr_free > cases[i].both);
			assert_int_equal(ok(0, mark, ALLOC_HIGH | ALLOC_OOM), nr_free > cases[i].oom_high);
		}
	}
}

/* A block of 2^order pages must leave the mark behind but for one page: 2^order - 1 of the free pages do not count. */
static void the_other_pages_of_the_block_do_not_count(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		make_zone(100 + (1UL << order), MAX_ORDER - 1, MIGRATE_MOVABLE);
		assert_true(ok(order, 100, 0));
		make_zone(99 + (1UL << order), MAX_ORDER - 1, MIGRATE_MOVABLE);
		assert_false(ok(order, 100, 0));
		make_zone(0, MAX_ORDER - 1, MIGRATE_MOVABLE);
		assert_false(ok(order, 0, ALLOC_HIGH));
	}
}

static void a_block_of_the_order_or_a_larger_one_must_be_there(void **state)
{
	(void)state;
	for (unsigned int there = 0; there < MAX_ORDER; there++) {
		make_zone(100000, there, MIGRATE_UNMOVABLE);
		for (unsigned int order = 0; order < MAX_ORDER; order++)
			assert_int_equal(ok(order, 0, 0), order == 0 || there >= order);
	}
}

static void the_block_must_be_on_a_list_that_the_request_may_use(void **state)
{
	static const struct {
		enum migratetype type;
		unsigned int alloc_flags;
		bool ok;
	} cases[] = {
		{ MIGRATE_UNMOVABLE, 0, true },
		{ MIGRATE_RECLAIMABLE, 0, true },
		{ MIGRATE_MOVABLE, 0, true },
		{ MIGRATE_RESERVE, 0, false },
		{ MIGRATE_RESERVE, ALLOC_HIGH, false },
		{ MIGRATE_RESERVE, ALLOC_CMA, false },
		{ MIGRATE_RESERVE, ALLOC_HARDER, true },
		{ MIGRATE_RESERVE, ALLOC_OOM, true },
		{ MIGRATE_CMA, 0, false },
		{ MIGRATE_CMA, ALLOC_HARDER | ALLOC_OOM | ALLOC_HIGH, false },
		{ MIGRATE_CMA, ALLOC_CMA, true },
		{ MIGRATE_ISOLATE, ~0u & ~ALLOC_WMARK_MASK, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		make_zone(100000, 5, cases[i].type);
		assert_int_equal(ok(5, 0, cases[i].alloc_flags), cases[i].ok);
		assert_int_equal(ok(1, 0, cases[i].alloc_flags), cases[i].ok);
		/* A single page may always come: from what CPUs keep, for one. */
		assert_true(ok(0, 0, cases[i].alloc_flags));
	}
}

static void pages_kept_for_others_do_not_count(void **state)
{
	static const struct {
		unsigned int alloc_flags;
		unsigned long unusable;
	} cases[] = {
		{ 0, 300 + 50 },      { ALLOC_HIGH, 300 + 50 }, { ALLOC_CMA, 300 },
		{ ALLOC_HARDER, 50 }, { ALLOC_OOM, 50 },        { ALLOC_HARDER | ALLOC_CMA, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		make_zone(1 + cases[i].unusable, 0, MIGRATE_MOVABLE);
		zone.nr_free_highatomic = 300;
		zone.vm_stat[NR_FREE_CMA_PAGES] = 50;
		assert_true(ok(0, 0, cases[i].alloc_flags));
		zone.vm_stat[NR_FREE_PAGES]--;
		assert_false(ok(0, 0, cases[i].alloc_flags));
	}
}

static void what_a_zone_keeps_from_higher_requests_comes_on_top(void **state)
{
	static const unsigned long reserve[MAX_NR_ZONES] = { 0, 20, 30 };

	(void)state;
	for (enum zone_type highest = ZONE_DMA; highest < MAX_NR_ZONES; highest++) {
		for (unsigned int i = 0; i < 2; i++) {
			/* It is not divided for those who may dig deeper. */
			const unsigned int alloc_flags = i ? ALLOC_HIGH : 0;
			const unsigned long mark = i ? 50 : 100;

			make_zone(1 + mark + reserve[highest], 0, MIGRATE_MOVABLE);
			memcpy(zone.lowmem_reserve, reserve, sizeof(reserve));
			assert_true(zone_watermark_ok(&zone, 0, 100, highest, alloc_flags));
			zone.vm_stat[NR_FREE_PAGES]--;
			assert_false(zone_watermark_ok(&zone, 0, 100, highest, alloc_flags));
		}
	}
}

/* What is not online yet can be had at once, in blocks of any order. */
static void pages_that_are_not_online_yet_are_free(void **state)
{
	(void)state;
	make_zone(10, 0, MIGRATE_MOVABLE);
	assert_false(ok(0, 1000, 0));
	assert_false(ok(10, 0, 0));
	zone.nr_offline = pageblock_nr_pages;
	assert_true(ok(0, 1000, 0));
	assert_true(ok(0, 1033, 0));
	assert_false(ok(0, 1034, 0));
	assert_true(ok(10, 0, 0));
	assert_true(ok(10, 10, 0));
	assert_false(ok(10, 11, 0));
}

/* Requests */

#define RESERVE 100ul /* pages */

/* One node, one zone of two pageblocks; min 100, low 125, high 150 pages. */
static int setup_reserve(void **state)
{
	world_reset(state);
	buddy_options.min_free_kbytes = 4 * RESERVE;
	world_open(2);
	assert_marks(NORMAL_OF(0), 100, 125, 150);
	return 0;
}

/* Takes single pages until there are none for such a request: what is left then. */
static unsigned long left_by(gfp_t gfp)
{
	struct taken *taken = taken_by_test(0);
	unsigned long left;

	take_all(taken, gfp | __GFP_NOWARN, 0);
	left = nr_free_pages();
	give_back_all(taken);
	return left;
}

static void requests_stop_at_the_marks_that_are_theirs(void **state)
{
	static const struct {
		gfp_t gfp;
		unsigned long left;
	} cases[] = {
		{ GFP_KERNEL, 100 },
		{ GFP_NOWAIT, 100 },
		{ GFP_USER | __GFP_MOVABLE, 100 },
		{ GFP_KERNEL | __GFP_HIGH, 50 },
		{ GFP_ATOMIC, 38 },                    /* 100 - 50 - 12 */
		{ __GFP_ATOMIC, 75 },                  /* 100 - 25 */
		{ GFP_ATOMIC | __GFP_NOMEMALLOC, 50 }, /* as __GFP_HIGH alone */
		{ GFP_KERNEL | __GFP_MEMALLOC, 0 },
		{ GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 100 }, /* NOMEMALLOC wins */
		{ GFP_KERNEL | __GFP_NORETRY, 100 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(left_by(cases[i].gfp), cases[i].left);
	assert_silent();
}

static void who_frees_memory_may_use_all_of_it(void **state)
{
	const unsigned int saved = memalloc_noreclaim_save();

	(void)state;
	assert_int_equal(left_by(GFP_KERNEL), 0);
	assert_int_equal(left_by(GFP_ATOMIC), 0);
	assert_int_equal(left_by(GFP_KERNEL | __GFP_NOMEMALLOC), 100);
	memalloc_noreclaim_restore(saved);
	assert_int_equal(left_by(GFP_KERNEL), 100);
}

/* Node 0 is down to its min mark, node 1 is between low and min: there is memory without touching any reserve. */
static void a_reserve_is_kept_while_another_node_has_memory(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	world_reset(NULL);
	buddy_options.min_free_kbytes = 4 * 200;
	fake_nodes(2);
	world_open(4);
	take_all(taken, KERNEL_QUIET | __GFP_THISNODE, 0);
	assert_int_equal(zone_nr_free(NORMAL_OF(0)), 100);
	while (zone_nr_free(NORMAL_OF(1)) > 110)
		assert_non_null(take(taken, GFP_KERNEL | __GFP_THISNODE, 1));
	page = __alloc_pages(GFP_KERNEL | __GFP_MEMALLOC, 0, 0, NULL);
	assert_int_equal(page_to_nid(page), 1);
	__free_page(page);
	take_all(taken, KERNEL_QUIET, 0);
	page = __alloc_pages(GFP_KERNEL | __GFP_MEMALLOC, 0, 0, NULL);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	give_back_all(taken);
}

static unsigned int nr_woken;

static void count_wakeup(struct zone *woken, gfp_t gfp, unsigned int order, unsigned int highest_zoneidx)
{
	assert_ptr_equal(woken, NORMAL_OF(0));
	assert_int_equal(gfp & ~(__GFP_ATOMIC | __GFP_HIGH), GFP_KERNEL);
	assert_int_equal(order, 0);
	assert_int_equal(highest_zoneidx, ZONE_NORMAL);
	nr_woken++;
}

/* Down to the low mark nobody is woken; below it every request does. */
static void reclaim_is_woken_below_the_low_mark(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	nr_woken = 0;
	reclaim_ops.wakeup_kswapd = count_wakeup;
	while (nr_free_pages() > 125)
		assert_non_null(take(taken, GFP_KERNEL, 0));
	assert_int_equal(nr_woken, 0);
	assert_non_null(take(taken, GFP_KERNEL, 0));
	assert_int_equal(nr_woken, 1);
	assert_non_null(take(taken, GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM, 0));
	assert_int_equal(nr_woken, 1);
	assert_non_null(take(taken, GFP_KERNEL, 0));
	assert_int_equal(nr_woken, 2);
	give_back_all(taken);
}

/* 1024 pages of one pageblock are in use, all of the other one is free; or 16 of it, in pieces. */
static void a_large_block_is_weighed_without_its_other_pages(void **state)
{
	struct taken *taken = taken_by_test(MAX_ORDER - 1);
	struct page *page;

	(void)state;
	assert_non_null(take(taken, GFP_KERNEL, 0));
	/* 1024 free: 1 + 1023 would be left of the mark of 125, and of 100. */
	assert_null(alloc_pages(KERNEL_QUIET, MAX_ORDER - 1));
	page = alloc_pages(KERNEL_QUIET, MAX_ORDER - 2); /* 512 */
	assert_non_null(page);
	__free_pages(page, MAX_ORDER - 2);
	page = alloc_pages(GFP_KERNEL | __GFP_MEMALLOC, MAX_ORDER - 1);
	assert_non_null(page);
	__free_pages(page, MAX_ORDER - 1);
	give_back_all(taken);
}

/* All of the first section is in use but a few pages: the second one, which is not online yet, makes up for them. */
static void a_large_block_is_found_in_a_zone_that_can_still_grow(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *page;

	(void)state;
	world_reset(NULL);
	buddy_options.min_free_kbytes = 4 * RESERVE;
	world_open(2 * SECTION_SIZE / PAGEBLOCK_SIZE);
	while (buddy_nr_free() > 8)
		assert_non_null(take(taken, GFP_KERNEL, 0));
	assert_int_equal(kmm_arena.nr_online, PAGES_PER_SECTION);
	page = alloc_pages(KERNEL_QUIET, MAX_ORDER - 1);
	assert_non_null(page);
	assert_int_equal(kmm_arena.nr_online, 2 * PAGES_PER_SECTION);
	__free_pages(page, MAX_ORDER - 1);
	give_back_all(taken);
}

/* NORMAL keeps 1/32 of the movable pages from movable requests. */
static void a_movable_request_leaves_normal_memory_to_those_who_need_it(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	world_reset(NULL);
	buddy_options.min_free_kbytes = 4 * 60;
	buddy_options.movable = 2 * PAGEBLOCK_SIZE;
	world_open(3);
	assert_int_equal(NORMAL_OF(0)->watermark[WMARK_MIN], 20);
	take_all(taken, MOVABLE_ANYWHERE, 0);
	assert_int_equal(zone_nr_free(MOVABLE_OF(0)), 40);
	assert_int_equal(zone_nr_free(NORMAL_OF(0)), 20 + 2048 / 32);
	take_all(taken, KERNEL_QUIET, 0);
	assert_int_equal(zone_nr_free(NORMAL_OF(0)), 20);
	give_back_all(taken);
}

/* The boost */

static void ignore_wakeup(struct zone *woken, gfp_t gfp, unsigned int order, unsigned int highest_zoneidx)
{
	(void)woken, (void)gfp, (void)order, (void)highest_zoneidx;
}

/* Of a world that reclaims, with a boost of at most 1.5 times the high mark. */
static void open_boosted(unsigned int nr_blocks, unsigned int min_pages)
{
	world_reset(NULL);
	buddy_options.min_free_kbytes = 4 * min_pages;
	reclaim_ops.wakeup_kswapd = ignore_wakeup;
	world_open(nr_blocks);
}

static void boost(void)
{
	kmm_lock(&NORMAL_OF(0)->lock);
	boost_watermark(NORMAL_OF(0));
	kmm_unlock(&NORMAL_OF(0)->lock);
}

static void a_boost_lifts_all_marks_up_to_a_most(void **state)
{
	(void)state;
	open_boosted(16, 2000); /* high: 3000 */
	assert_false(zone_flag_test(NORMAL_OF(0), ZONE_BOOSTED_WATERMARK));
	for (unsigned int i = 1; i < 8; i++) {
		const unsigned long boosted = min_of(i * pageblock_nr_pages, 4500ul);

		boost();
		assert_true(zone_flag_test(NORMAL_OF(0), ZONE_BOOSTED_WATERMARK));
		assert_int_equal(wmark_pages(NORMAL_OF(0), WMARK_MIN), 2000 + boosted);
		assert_int_equal(wmark_pages(NORMAL_OF(0), WMARK_LOW), 2500 + boosted);
		assert_int_equal(wmark_pages(NORMAL_OF(0), WMARK_HIGH), 3000 + boosted);
	}
}

static void a_boost_is_a_pageblock_at_least(void **state)
{
	(void)state;
	open_boosted(4, 10);
	boost();
	boost();
	assert_int_equal(NORMAL_OF(0)->watermark_boost, pageblock_nr_pages);
}

static void there_is_no_boost_where_it_could_not_be_taken_back(void **state)
{
	(void)state;
	open_boosted(3, 100); /* less than four pageblocks */
	boost();
	assert_int_equal(NORMAL_OF(0)->watermark_boost, 0);
	world_close();
	open_boosted(4, 0); /* no marks */
	boost();
	assert_int_equal(NORMAL_OF(0)->watermark_boost, 0);
	world_close();
	open_boosted(4, 100);
	buddy_options.watermark_boost_factor = 0;
	boost();
	assert_int_equal(NORMAL_OF(0)->watermark_boost, 0);
	buddy_options.watermark_boost_factor = 15000;
	reclaim_ops.wakeup_kswapd = NULL;
	boost();
	assert_int_equal(NORMAL_OF(0)->watermark_boost, 0);
	assert_false(zone_flag_test(NORMAL_OF(0), ZONE_BOOSTED_WATERMARK));
	reclaim_ops.wakeup_kswapd = ignore_wakeup;
	boost();
	assert_int_equal(NORMAL_OF(0)->watermark_boost, pageblock_nr_pages);
}

static struct {
	unsigned int nr, order;
	const struct zone *zone;
} woken;

static void note_wakeup(struct zone *which, gfp_t gfp, unsigned int order, unsigned int highest_zoneidx)
{
	(void)gfp, (void)highest_zoneidx;
	woken.nr++;
	woken.zone = which;
	woken.order = order;
}

/* Every pageblock is mostly in use by movable pages, so that an UNMOVABLE one has to mix. That wakes reclaim at once, and
 * once; a request that must not wake anybody leaves it to the next one. */
static void mixing_types_boosts_and_wakes_reclaim(void **state)
{
	struct taken *taken = taken_by_test(0);
	struct page *pages[3];

	(void)state;
	open_boosted(4, 100);
	memset(&woken, 0, sizeof(woken));
	reclaim_ops.wakeup_kswapd = note_wakeup;
	while (nr_free_pages() > 200)
		assert_non_null(take(taken, GFP_USER | __GFP_MOVABLE, 0));
	for (unsigned int i = 0; i < taken->nr; i++) {
		if (page_to_pfn(taken->pages[i]) % 4 == 0) {
			__free_page(taken->pages[i]);
			taken->pages[i--] = taken->pages[--taken->nr];
		}
	}
	assert_int_equal(woken.nr, 0);
	pages[0] = alloc_page(GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM);
	assert_int_equal(pageblock_type(pages[0]), MIGRATE_MOVABLE);
	assert_int_equal(NORMAL_OF(0)->watermark_boost, pageblock_nr_pages);
	assert_int_equal(woken.nr, 0);
	pages[1] = alloc_page(GFP_KERNEL);
	assert_int_equal(woken.nr, 1);
	assert_ptr_equal(woken.zone, NORMAL_OF(0));
	assert_int_equal(woken.order, 0);
	assert_false(zone_flag_test(NORMAL_OF(0), ZONE_BOOSTED_WATERMARK));
	pages[2] = alloc_page(GFP_USER | __GFP_MOVABLE); /* no mixing */
	assert_int_equal(woken.nr, 1);
	for (unsigned int i = 0; i < 3; i++)
		__free_page(pages[i]);
	give_back_all(taken);
}

/* The boost is for reclaim to work towards: it must not make single pages fail for those who cannot wait. */
static void an_atomic_request_for_a_page_does_not_mind_the_boost(void **state)
{
	struct taken *taken = taken_by_test(0);

	(void)state;
	open_boosted(4, 100);
	NORMAL_OF(0)->watermark_boost = pageblock_nr_pages;
	take_all(taken, KERNEL_QUIET, 0);
	assert_int_equal(nr_free_pages(), 100 + pageblock_nr_pages);
	while (nr_free_pages() > 400)
		assert_non_null(take(taken, GFP_ATOMIC, 0));
	/* A block of several pages does: half of 1124 is 562, less a quarter 422. */
	assert_null(alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 1));
	take_all(taken, GFP_ATOMIC | __GFP_NOWARN, 0);
	assert_int_equal(nr_free_pages(), 38);
	give_back_all(taken);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_reset, world_end)
#define TABLE(name) cmocka_unit_test(name)
#define REQUEST(name) cmocka_unit_test_setup_teardown(name, setup_reserve, world_end)
	const struct CMUnitTest tests[] = {
		TEST(a_machine_of_2051200_kib_has_the_marks_that_were_recorded_there),
		TEST(the_reserve_grows_with_the_root_of_the_memory),
		TEST(a_reserve_that_was_asked_for_is_taken_as_it_is),
		TEST(a_reserve_is_at_most_a_quarter_of_the_memory),
		TEST(the_scale_factor_says_how_far_the_marks_are_apart),
		TEST(zones_share_the_reserve_by_their_size),
		TEST(movable_zones_do_not_make_the_reserve_larger),
		TEST(a_zone_keeps_pages_from_requests_for_higher_zones),
		TEST(no_reserve_at_all_means_none_for_low_zones_either),
		TABLE(flags_have_the_kernels_numbers),
		TABLE(who_may_dig_how_deep),
		TABLE(small_marks_are_rounded_up),
		TABLE(the_other_pages_of_the_block_do_not_count),
		TABLE(a_block_of_the_order_or_a_larger_one_must_be_there),
		TABLE(the_block_must_be_on_a_list_that_the_request_may_use),
		TABLE(pages_kept_for_others_do_not_count),
		TABLE(what_a_zone_keeps_from_higher_requests_comes_on_top),
		TABLE(pages_that_are_not_online_yet_are_free),
		REQUEST(requests_stop_at_the_marks_that_are_theirs),
		REQUEST(who_frees_memory_may_use_all_of_it),
		TEST(a_reserve_is_kept_while_another_node_has_memory),
		REQUEST(reclaim_is_woken_below_the_low_mark),
		REQUEST(a_large_block_is_weighed_without_its_other_pages),
		TEST(a_large_block_is_found_in_a_zone_that_can_still_grow),
		TEST(a_movable_request_leaves_normal_memory_to_those_who_need_it),
		TEST(a_boost_lifts_all_marks_up_to_a_most),
		TEST(a_boost_is_a_pageblock_at_least),
		TEST(there_is_no_boost_where_it_could_not_be_taken_back),
		TEST(mixing_types_boosts_and_wakes_reclaim),
		TEST(an_atomic_request_for_a_page_does_not_mind_the_boost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
