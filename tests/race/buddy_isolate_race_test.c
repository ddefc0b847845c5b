/* SPDX-License-Identifier: MIT
 * buddy_isolate_race_test.c - the windows around the isolation of pageblocks: pages whose free, refill or drain is under way
 * when their pageblock is isolated, memory that is being given back, removals that meet, and a fork in between.
 */
#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buddy/buddy_internal.h"
#include "race/gate.h"

#define MOVABLE (GFP_USER | __GFP_MOVABLE)
#define NORMAL (&kmm_nodes[0].node_zones[ZONE_NORMAL])

static unsigned long block; /* first pfn of a pageblock that is free but for the test's pages */

/* A whole free pageblock is what a request of its order gets. Single pages then come from it, because the rest of free
 * memory is in larger pieces. */
static int setup(void **state)
{
	struct page *page;

	if (world_setup(state))
		return -1;
	drain_all_pages(NULL);
	page = alloc_pages(MOVABLE, pageblock_order);
	if (!page)
		return -1;
	block = arena_page_to_pfn(page);
	__free_pages(page, pageblock_order);
	drain_all_pages(NULL);
	return 0;
}

/* A page of the pageblock, with all others of it free. */
static struct page *take_page_of_block(void)
{
	struct page *page;

	assert_int_equal(alloc_contig_range(block + 7, block + 8, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	page = arena_pfn_to_page(block + 7);
	drain_all_pages(NULL);
	return page;
}

static int take_block(void)
{
	return alloc_contig_range(block, block + pageblock_nr_pages, MIGRATE_MOVABLE, GFP_KERNEL);
}

static void free_block(void)
{
	free_contig_range(block, pageblock_nr_pages);
	drain_all_pages(NULL);
}

static void *run_free(void *page)
{
	free_hot_cold_page(page, true);
	return NULL;
}

static void *run_take_block(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)take_block();
}

static void wait_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&moment, NULL);
}

/* The free has read the type of before, and has the page. */
static void a_page_in_the_hands_of_a_free_makes_the_range_busy(void **state)
{
	const unsigned long nr_free = nr_free_pages();
	struct page *page = take_page_of_block();

	(void)state;
	gate_stop_at("free:type_read", 0, 1, run_free, page);
	assert_int_equal(take_block(), -EBUSY);
	assert_int_equal(NORMAL->nr_isolate_pageblock, 0);
	assert_int_equal(nr_free_pages(), nr_free - 1);
	gate_open();
	/* Now it is on a list of CPU 1. */
	assert_true(page_flag_test(page, PG_pcp));
	assert_int_equal(take_block(), 0);
	free_block();
}

/* The pageblock is isolated when the page gets onto the list of a type that it had before. */
static void a_page_freed_onto_a_list_while_its_block_is_isolated(void **state)
{
	struct page *page = take_page_of_block();

	(void)state;
	gate_stop_victim_at(&second_gate, "free:type_read", 0, 1, run_free, page);
	gate_stop_at("isolate:isolated", 0, 2, run_take_block, NULL);
	assert_int_equal(pageblock_type(page), MIGRATE_ISOLATE);
	gate_open_one(&second_gate);
	assert_true(page_flag_test(page, PG_pcp));
	assert_int_equal((intptr_t)gate_open(), 0);
	free_block();
}

/* The same, after the drain. */
static void a_page_freed_onto_a_list_after_the_drain(void **state)
{
	struct page *page = take_page_of_block();

	(void)state;
	gate_stop_victim_at(&second_gate, "free:type_read", 0, 1, run_free, page);
	gate_stop_at("isolate:drained", 0, 2, run_take_block, NULL);
	gate_open_one(&second_gate);
	assert_true(page_flag_test(page, PG_pcp));
	assert_int_equal((intptr_t)gate_open(), 0);
	free_block();
}

static void *run_drain(void *arg)
{
	(void)arg;
	drain_all_pages(NULL);
	return NULL;
}

/* The drain has the page of CPU 1 in its hands. */
static void a_page_on_its_way_from_a_list_to_the_zone(void **state)
{
	struct page *page = take_page_of_block();

	(void)state;
	cpu_id_pin(1);
	__free_page(page);
	cpu_id_pin(0);
	assert_true(page_flag_test(page, PG_pcp));
	gate_stop_victim_at(&second_gate, "pcp:free_list_to_zone", 0, 3, run_drain, NULL);
	assert_int_equal(take_block(), -EBUSY);
	gate_stop_at("isolate:isolated", 0, 2, run_take_block, NULL);
	gate_open_one(&second_gate);
	assert_int_equal((intptr_t)gate_open(), 0);
	free_block();
}

static void *run_alloc(void *arg)
{
	(void)arg;
	return alloc_page(MOVABLE);
}

/* The refill has taken a batch for CPU 1. All other lists are empty, so what is marked is of that batch. */
static void pages_on_their_way_from_the_zone_to_a_list(void **state)
{
	unsigned long pfn = 0;
	struct page *page;

	(void)state;
	gate_stop_at("pcp:put_list", 0, 1, run_alloc, NULL);
	assert_int_equal(zone_nr_pcp(NORMAL), 0);
	while (pfn < kmm_arena.nr_pages && !page_flag_test(arena_pfn_to_page(pfn), PG_pcp))
		pfn++;
	assert_true(pfn < kmm_arena.nr_pages);
	assert_int_equal(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL), -EBUSY);
	page = gate_open();
	assert_non_null(page);
	assert_true(page_flag_test(arena_pfn_to_page(pfn), PG_pcp));
	assert_int_equal(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	free_contig_range(pfn, 1);
	__free_page(page);
	drain_all_pages(NULL);
}

/* All other memory is used up by a type that steals pageblocks. */
static void nobody_steals_from_an_isolated_block(void **state)
{
	static struct page *pages[WORLD_LIMIT >> PAGE_SHIFT];
	unsigned long nr = 0;

	(void)state;
	gate_stop_at("isolate:isolated", 0, 2, run_take_block, NULL);
	for (unsigned int order = MAX_ORDER; order-- > 0;) {
		struct page *page;

		while ((page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order))) {
			assert_int_not_equal(ALIGN_DOWN(arena_page_to_pfn(page), pageblock_nr_pages), block);
			/* The order is in the flags. */
			pages[nr++] = page;
		}
	}
	assert_int_equal((intptr_t)gate_open(), 0);
	assert_int_equal(page_refcount(arena_pfn_to_page(block)), 1);
	kmm_validate_pages();
	while (nr--)
		__free_pages(pages[nr], page_alloc_order(pages[nr]));
	free_block();
}

static void *run_trim(void *arg)
{
	(void)arg;
	kmm_trim();
	return NULL;
}

/* The pageblock is off its list for the moment. */
static void a_block_that_is_away_is_waited_for(void **state)
{
	struct gate *trim = &second_gate;
	pthread_t thread;
	void *result;

	(void)state;
	assert_int_equal(take_block(), 0);
	memset(page_address(arena_pfn_to_page(block)), 1, PAGE_SIZE << pageblock_order);
	free_block();
	gate_stop_victim_at(trim, "buddy:report_order:isolated", 0, 1, run_trim, NULL);
	assert_true(page_flag_test(arena_pfn_to_page(block), PG_isolated));
	assert_int_equal(pthread_create(&thread, NULL, run_take_block, NULL), 0);
	wait_a_moment();
	assert_false(page_refcount(arena_pfn_to_page(block)));
	gate_release(trim);
	pthread_join(thread, &result);
	gate_close(trim);
	assert_int_equal((intptr_t)result, 0);
	free_block();
}

/* What is away is counted with its pageblock. */
static void a_block_that_is_away_changes_its_type(void **state)
{
	unsigned long busy;

	(void)state;
	assert_int_equal(take_block(), 0);
	memset(page_address(arena_pfn_to_page(block)), 1, PAGE_SIZE << pageblock_order);
	free_block();
	gate_stop_at("buddy:report_order:isolated", 0, 1, run_trim, NULL);
	assert_int_equal(start_isolate_page_range(NORMAL, block, block + pageblock_nr_pages, MIGRATE_MOVABLE, 0,
						  GFP_KERNEL, &busy),
			 0);
	kmm_validate_pages();
	gate_open();
	kmm_validate_pages();
	undo_isolate_page_range(NORMAL, block, block + pageblock_nr_pages);
	kmm_validate_pages();
}

static int result_of_child(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		const bool restored = !NORMAL->nr_isolate_pageblock;

		kmm_race_hook = NULL;
		kmm_validate_pages();
		/* What the other thread was at can be done again. */
		_exit(restored && totalram_pages() == WORLD_LIMIT >> PAGE_SHIFT && !take_block() &&
				      !kmm_offline_memory(totalram_pages() - PAGES_PER_SECTION, PAGES_PER_SECTION) ?
			      0 :
			      1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void a_child_finds_nothing_isolated(void **state)
{
	(void)state;
	gate_stop_at("isolate:isolated", 0, 2, run_take_block, NULL);
	assert_int_equal(result_of_child(), 0);
	assert_int_equal((intptr_t)gate_open(), 0);
	free_block();
}

/* The last two sections: never online. */
static void *run_offline(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)kmm_offline_memory((WORLD_LIMIT >> PAGE_SHIFT) - 2 * PAGES_PER_SECTION,
						    2 * PAGES_PER_SECTION);
}

static void a_child_finds_the_memory_that_was_about_to_go(void **state)
{
	(void)state;
	gate_stop_at("isolate:drained", 0, 2, run_offline, NULL);
	assert_int_equal(totalram_pages(), (WORLD_LIMIT >> PAGE_SHIFT) - 2 * PAGES_PER_SECTION);
	assert_int_equal(result_of_child(), 0);
	assert_int_equal((intptr_t)gate_open(), 0);
	kmm_validate_pages();
	assert_int_equal(kmm_add_memory(0, 2 * SECTION_SIZE), 0);
}

static int add_result;

static void *run_add(void *arg)
{
	(void)arg;
	WRITE_ONCE(add_result, kmm_add_memory(0, SECTION_SIZE));
	return NULL;
}

static void one_change_of_memory_at_a_time(void **state)
{
	pthread_t thread;

	(void)state;
	add_result = 1;
	gate_stop_at("isolate:drained", 0, 2, run_offline, NULL);
	assert_int_equal(pthread_create(&thread, NULL, run_add, NULL), 0);
	wait_a_moment();
	assert_int_equal(READ_ONCE(add_result), 1);
	gate_release(&gate);
	pthread_join(thread, NULL);
	assert_int_equal((intptr_t)gate_close(&gate), 0);
	assert_int_equal(add_result, 0);
	assert_int_equal(totalram_pages(), (WORLD_LIMIT >> PAGE_SHIFT) - PAGES_PER_SECTION);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_page_in_the_hands_of_a_free_makes_the_range_busy),
		TEST(a_page_freed_onto_a_list_while_its_block_is_isolated),
		TEST(a_page_freed_onto_a_list_after_the_drain),
		TEST(a_page_on_its_way_from_a_list_to_the_zone),
		TEST(pages_on_their_way_from_the_zone_to_a_list),
		TEST(nobody_steals_from_an_isolated_block),
		TEST(a_block_that_is_away_is_waited_for),
		TEST(a_block_that_is_away_changes_its_type),
		TEST(a_child_finds_nothing_isolated),
		TEST(a_child_finds_the_memory_that_was_about_to_go),
		TEST(one_change_of_memory_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
