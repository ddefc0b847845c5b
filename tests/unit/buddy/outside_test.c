/* SPDX-License-Identifier: MIT
 * outside_test.c - calls that come before the library was started, or after it ended: none of them crashes, and what they
 * say of a world that is not there is 0.
 */
#include <errno.h>

#include <kmm/contig.h>
#include <kmm/folio.h>
#include <kmm/hotplug.h>
#include <kmm/page_frag.h>

#include "support/world.h"

static const nodemask_t node_0 = { .bits = 1 };

static int no_world(void **state)
{
	(void)state;
	kmm_boot_reset_for_test();
	return 0;
}

/* Two nodes, for they are gone when it ends; what was in use there stays in the hands of the test. */
static struct page *ended_world(unsigned int order)
{
	struct page *page;

	assert_int_equal(world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS), 0);
	page = alloc_pages_node(1, GFP_KERNEL | __GFP_COMP, order);
	assert_non_null(page);
	assert_int_equal(page_to_nid(page), 1);
	kmm_exit();
	return page;
}

static void assert_there_is_nothing(void)
{
	assert_int_equal(nr_free_pages(), 0);
	assert_int_equal(totalram_pages(), 0);
	assert_int_equal(kmm_nr_reported_pages(), 0);
	assert_int_equal(numa_node_id(), 0);
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(kmm_trim(), 0);
}

static void before_the_start_there_is_nothing(void **state)
{
	int not_a_page = 0;

	(void)state;
	assert_there_is_nothing();
	assert_int_equal(page_to_nid(NULL), 0);
	assert_int_equal(page_to_nid((struct page *)(void *)&not_a_page), 0);
	kmm_validate_pages();
	assert_int_equal(kmm_boot_state(), KMM_COLD); /* nothing of this needed the library */
}

static void references_before_the_start_are_refused(void **state)
{
	void *not_a_page[16] = { NULL };
	struct page *page = (struct page *)(void *)not_a_page;
	struct folio *folio = (struct folio *)(void *)not_a_page;

	(void)state;
	get_page(page);
	put_page(page);
	assert_false(try_get_page(page));
	assert_false(get_page_unless_zero(page));
	assert_false(put_page_testzero(page));
	folio_get(folio);
	folio_put(folio);
	assert_false(folio_try_get(folio));
	__folio_put(folio);
	release_pages(&page, 1);
	page_frag_free(not_a_page);
	free_contig_range(0, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(not_a_page); i++)
		assert_null(not_a_page[i]);
}

/* Each is the first call of all. */
static void calls_that_need_the_library_start_it(void **state)
{
	struct page_frag_cache cache = { .va = NULL };
	struct page *page;
	void *piece;

	(void)state;
	assert_int_equal(kmm_set_mems_allowed(node_0), 0);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);

	kmm_boot_reset_for_test();
	assert_int_not_equal(kmm_add_memory(0, 1), 0); /* no whole section */
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);

	kmm_boot_reset_for_test();
	assert_int_not_equal(kmm_offline_memory(1, 1), 0);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);

	kmm_boot_reset_for_test();
	assert_int_equal(alloc_contig_range(1, 1, MIGRATE_MOVABLE, GFP_KERNEL), -EINVAL);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);

	kmm_boot_reset_for_test();
	page = alloc_contig_pages(3, GFP_KERNEL, NUMA_NO_NODE, NULL);
	assert_non_null(page);
	free_contig_range(page_to_pfn(page), 3);

	kmm_boot_reset_for_test();
	piece = page_frag_alloc(&cache, 100, GFP_KERNEL);
	assert_non_null(piece);
	page_frag_free(piece);
	page_frag_cache_drain(&cache);
}

static void after_the_end_there_is_nothing(void **state)
{
	struct page *page = ended_world(3);

	(void)state;
	assert_there_is_nothing();
	assert_int_equal(page_to_nid(page), 0);
	assert_int_equal(page_to_nid(page + 1), 0);
	kmm_validate_pages();
	world_expect_silence();
}

static void after_the_end_nothing_can_be_had_nor_changed(void **state)
{
	struct page *page = ended_world(3), *array[4] = { NULL };
	const unsigned long pfn = page_to_pfn(page);
	struct page_frag_cache cache = { .va = NULL };

	(void)state;
	assert_int_equal(kmm_add_memory(0, kmm_memory_block_size()), -ENOMEM);
	assert_int_equal(kmm_offline_memory(0, kmm_memory_block_size() / PAGE_SIZE), -ENOMEM);
	assert_int_equal(alloc_contig_range(pfn, pfn + 8, MIGRATE_MOVABLE, GFP_KERNEL), -ENOMEM);
	assert_null(alloc_contig_pages(8, GFP_KERNEL, NUMA_NO_NODE, NULL));
	assert_null(alloc_contig_pages(8, GFP_KERNEL, 1, &node_0));
	assert_int_equal(kmm_set_mems_allowed(node_0), -EINVAL);
	assert_null(alloc_pages_node(0, GFP_KERNEL, 0));
	assert_null(__alloc_pages(GFP_KERNEL, 0, NUMA_NO_NODE, &node_0));
	assert_null(alloc_pages_exact(10000, GFP_KERNEL));
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 4, array), 0);
	assert_null(folio_alloc(GFP_KERNEL, 2));
	assert_null(page_frag_alloc(&cache, 100, GFP_KERNEL));
	page_frag_cache_drain(&cache);
	world_expect_silence();
}

static void after_the_end_what_was_in_use_can_be_let_go_of(void **state)
{
	struct page *page = ended_world(3);
	struct folio *folio = (struct folio *)(void *)page;

	(void)state;
	get_page(page);
	put_page(page);
	put_page(page + 1);
	folio_get(folio);
	folio_put(folio);
	assert_false(folio_try_get(folio));
	assert_false(folio_put_testzero(folio));
	assert_int_equal(folio_order(folio), 0);
	assert_non_null(compound_head(page + 1));
	split_page(page, 3);
	release_pages(&page, 1);
	free_contig_range(page_to_pfn(page), 8);
	page_frag_free(page_address(page));
	free_pages_exact(page_address(page), 8 * PAGE_SIZE);
	assert_int_equal(page_ref_count(page), 0);
	world_expect_silence();
}

/* The cache of the program knows nothing of the end. */
static void a_cache_of_pieces_outlives_the_library(void **state)
{
	struct page_frag_cache cache = { .va = NULL };
	void *piece;

	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, WORLD_CPUS), 0);
	piece = page_frag_alloc(&cache, 100, GFP_KERNEL);
	assert_non_null(piece);
	kmm_exit();
	while (piece) {
		page_frag_free(piece);
		piece = page_frag_alloc(&cache, 1000, GFP_KERNEL);
	}
	page_frag_cache_drain(&cache);
	assert_null(cache.va);
	world_expect_silence();
}

static void views_after_the_end_have_nothing_to_show(void **state)
{
	static int (*const views[])(FILE *) = { kmm_buddyinfo, kmm_pagetypeinfo,   kmm_zoneinfo,
						kmm_vmstat,    kmm_unusable_index, kmm_extfrag_index };

	(void)state;
	ended_world(0);
	for (unsigned int i = 0; i < ARRAY_SIZE(views); i++) {
		FILE *file = tmpfile();

		assert_non_null(file);
		assert_int_equal(views[i](file), 0);
		fclose(file);
	}
	world_expect_silence();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, no_world, no_world)
	const struct CMUnitTest tests[] = {
		TEST(before_the_start_there_is_nothing),
		TEST(references_before_the_start_are_refused),
		TEST(calls_that_need_the_library_start_it),
		TEST(after_the_end_there_is_nothing),
		TEST(after_the_end_nothing_can_be_had_nor_changed),
		TEST(after_the_end_what_was_in_use_can_be_let_go_of),
		TEST(a_cache_of_pieces_outlives_the_library),
		TEST(views_after_the_end_have_nothing_to_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
