/* SPDX-License-Identifier: MIT
 * validate_test.c - the validator finds what it is there to find: each invariant is broken once and must be named.
 */
#include "support/pages_world.h"

static void expect_broken(const char *name)
{
	char words[32];

	snprintf(words, sizeof(words), "BUG: page allocator: %s: ", name);
	capture_clear();
	assert_true(capture_bug_in(kmm_validate_pages()));
	assert_int_equal(capture.last_level, KMM_REPORT_BUG);
	assert_reported(words);
	assert_int_equal(capture.nr, 1);
	capture_clear();
}

/* Sets @field to @value, expects the failure of invariant @name, and restores it. */
#define break_and_expect(field, value, name)        \
	do {                                        \
		__typeof__(field) saved_ = (field); \
		(field) = (value);                  \
		expect_broken(name);                \
		(field) = saved_;                   \
		kmm_validate_pages();               \
	} while (0)

/* In use: pfn 0, and 8-15 as a compound page, 16-31 as pages. Free: everything else of the pageblock. */
static struct page *one, *compound, *several;

static int setup(void **state)
{
	setup_one_block(state);
	one = alloc_page(GFP_KERNEL);
	compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	several = alloc_pages(GFP_KERNEL, 4);
	return page_to_pfn(one) == 0 && page_to_pfn(compound) == 8 && page_to_pfn(several) == 16 ? 0 : -1;
}

static int teardown(void **state)
{
	__free_page(one);
	__free_pages(compound, 3);
	__free_pages(several, 4);
	return teardown_pages(state);
}

static void b1_every_listed_block_is_what_its_list_says(void **state)
{
	struct page *block = pfn_to_page(4); /* of order 2 */

	(void)state;
	assert_int_equal(page_buddy_order(block), 2);
	break_and_expect(block->page_type, PAGE_TYPE_NONE, "B1");
	break_and_expect(block->private, 3, "B1");
	break_and_expect(block->refcount, 1, "B1");
	break_and_expect(block->flags, 1UL << PG_slab, "B1");
	/* Its pageblock gets another type, but the free pages stay where they were. */
	break_and_expect(kmm_arena.pageblock_flags[0], kmm_arena.pageblock_flags[0] ^ 1, "B1");
	/* A page that is not aligned to the order of its list. */
	cds_list_del(&block->lru);
	page_set_buddy(pfn_to_page(6), 2, false);
	free_area_add(&kmm_zone, pfn_to_page(6), 2, MIGRATE_UNMOVABLE, false);
	expect_broken("B1");
	free_area_del(&kmm_zone, pfn_to_page(6), 2);
	cds_list_add(&block->lru, &kmm_zone.free_area[2].free_list[MIGRATE_UNMOVABLE]);
}

static void b2_blocks_are_counted(void **state)
{
	(void)state;
	break_and_expect(kmm_zone.free_area[5].nr_free, 7, "B2");
	break_and_expect(kmm_zone.free_area[10].nr_free, 1, "B2");
	break_and_expect(kmm_zone.free_area[5].nr_reported, 7, "B2");
}

static void b3_a_free_block_is_on_exactly_one_list(void **state)
{
	struct page *block = pfn_to_page(4);

	(void)state;
	cds_list_del(&block->lru);
	kmm_zone.free_area[2].nr_free--;
	expect_broken("B3");
	kmm_zone.free_area[2].nr_free++;
	cds_list_add(&block->lru, &kmm_zone.free_area[2].free_list[MIGRATE_UNMOVABLE]);
	kmm_validate_pages();
	/* A list that never ends. */
	cds_list_del(&block->lru);
	kmm_zone.free_area[2].free_list[MIGRATE_UNMOVABLE].next = &block->lru;
	block->lru.next = &block->lru;
	expect_broken("B3");
	CDS_INIT_LIST_HEAD(&kmm_zone.free_area[2].free_list[MIGRATE_UNMOVABLE]);
	cds_list_add(&block->lru, &kmm_zone.free_area[2].free_list[MIGRATE_UNMOVABLE]);
}

static void b4_two_buddies_are_merged(void **state)
{
	struct page *half = pfn_to_page(6);

	(void)state;
	/* 4-7 as 4-5 and 6-7. */
	free_area_del(&kmm_zone, pfn_to_page(4), 2);
	page_set_buddy(pfn_to_page(4), 1, false);
	free_area_add(&kmm_zone, pfn_to_page(4), 1, MIGRATE_UNMOVABLE, false);
	page_set_buddy(half, 1, false);
	free_area_add(&kmm_zone, half, 1, MIGRATE_UNMOVABLE, false);
	expect_broken("B4");
	free_area_del(&kmm_zone, half, 1);
	free_area_merge(&kmm_zone, half, 1, MIGRATE_UNMOVABLE, false);
}

static void b5_free_pages_are_counted(void **state)
{
	(void)state;
	break_and_expect(kmm_zone.vm_stat[NR_FREE_PAGES], kmm_zone.vm_stat[NR_FREE_PAGES] + 1, "B5");
	break_and_expect(kmm_zone.vm_stat[NR_FREE_CMA_PAGES], 1, "B5");
	break_and_expect(kmm_zone.nr_free_highatomic, 1, "B5");
	break_and_expect(kmm_zone.nr_isolated, 4, "B5");
}

static void b6_every_page_is_in_one_state(void **state)
{
	(void)state;
	break_and_expect(one->refcount, 0, "B6");                        /* lost: neither free nor in use */
	break_and_expect(several[3].refcount, 1, "B6");                  /* somebody holds the inside of a block */
	break_and_expect(several->flags, 3UL << PAGE_ORDER_SHIFT, "B6"); /* the second half belongs to nobody */
	break_and_expect(compound[1].compound_order, 2, "B6");
	break_and_expect(compound[5].compound_head, 0, "B6");
	break_and_expect(several[5].compound_head, (unsigned long)several + 1, "B6");
	break_and_expect(pfn_to_page(40)->refcount, 1, "B6"); /* inside a free block */
	break_and_expect(pfn_to_page(40)->page_type, ~0u, "B6");
	break_and_expect(pfn_to_page(40)->flags, 1UL << PG_slab, "B6");
	break_and_expect(pfn_to_page(40)->slab_cache, (struct kmem_cache *)(void *)state, "B6");
	break_and_expect(kmm_zone.nr_bad, 1, "B6");
	break_and_expect(kmm_zone.nr_guard, 1, "B6");
	break_and_expect(several[4].page_type, PAGE_TYPE_BUDDY, "B6");
}

static void b7_every_pageblock_has_a_type(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	assert_null(page); /* in use: no free list can contradict the type below */
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		while ((page = free_area_first(&kmm_zone, order, MIGRATE_UNMOVABLE))) {
			free_area_del(&kmm_zone, page, order);
			page->flags = (unsigned long)order << PAGE_ORDER_SHIFT;
			page->refcount = 1;
			zone_account(&kmm_zone, MIGRATE_UNMOVABLE, -(1L << order));
		}
	break_and_expect(kmm_arena.pageblock_flags[0],
			 (unsigned short)(kmm_arena.pageblock_flags[0] | PAGEBLOCK_TYPE_MASK), "B7");
	break_and_expect(kmm_arena.pageblock_flags[0],
			 (unsigned short)(kmm_arena.pageblock_flags[0] ^ 1u << PAGEBLOCK_ZONE_SHIFT), "B7");
	break_and_expect(kmm_zone.nr_isolate_pageblock, 1, "B7");
	for (unsigned long pfn = 0; pfn < 1024; pfn += 1UL << page_alloc_order(pfn_to_page(pfn)))
		if (pfn_to_page(pfn) != one && pfn_to_page(pfn) != compound && pfn_to_page(pfn) != several)
			__free_pages(pfn_to_page(pfn), page_alloc_order(pfn_to_page(pfn)));
}

static void b8_the_pages_of_the_zone_are_all_accounted_for(void **state)
{
	(void)state;
	break_and_expect(kmm_zone.present_pages, 1023, "B8");
	break_and_expect(kmm_zone.nr_offline, 1024, "B8");
	break_and_expect(kmm_zone.nr_reserved, 1, "B8");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(b1_every_listed_block_is_what_its_list_says),
		TEST(b2_blocks_are_counted),
		TEST(b3_a_free_block_is_on_exactly_one_list),
		TEST(b4_two_buddies_are_merged),
		TEST(b5_free_pages_are_counted),
		TEST(b6_every_page_is_in_one_state),
		TEST(b7_every_pageblock_has_a_type),
		TEST(b8_the_pages_of_the_zone_are_all_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
