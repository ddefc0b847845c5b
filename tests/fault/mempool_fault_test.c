/* SPDX-License-Identifier: MIT
 * mempool_fault_test.c - a pool is made or it is not, whichever page is refused; and one that is made works on when there is
 * no page left at all.
 */
#include <errno.h>

#include "refusal.h"
#include "support/threads.h"

#include "buddy/buddy_internal.h"

static struct kmem_cache *cache;

static int fault_setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("pooled", 700, 0, 0, NULL);
	return cache ? 0 : -1;
}

static int fault_teardown(void **state)
{
	kmem_cache_destroy(cache);
	return world_teardown(state);
}

/* Each of the first pages, and ever fewer of those that only make the reserve larger. */
static void refuse_each_page(bool (*attempt)(void))
{
	for (unsigned int forever = 0; forever <= 1; forever++) {
		unsigned long n = 1, nr_failed = 0;

		/* One page may be made up for. Who can do without 20 of them in turn needs no more. */
		for (unsigned int without = 0; without < 20; n += 1 + n / 32) {
			const bool all = attempt_with_refusal(attempt, n, forever);

			without = all ? without + 1 : 0;
			nr_failed += !all;
			assert_true(n < 20000);
		}
		assert_true(nr_failed > 3 || !forever);
	}
	world_forget_reports();
}

static bool use_and_destroy(mempool_t *pool, int nr)
{
	void *elements[20];
	bool all;
	int i;

	if (!pool)
		return false;
	/* Larger: a list of more than a page. */
	all = mempool_resize(pool, 700) == 0 && pool->curr_nr == 700;
	assert_true(pool->curr_nr >= nr);
	for (i = 0; i < nr; i++) {
		elements[i] = mempool_alloc(pool, GFP_KERNEL);
		assert_non_null(elements[i]);
	}
	for (i = 0; i < nr; i++)
		mempool_free(elements[i], pool);
	assert_int_equal(mempool_resize(pool, 2), 0);
	assert_int_equal(pool->curr_nr, 2);
	mempool_destroy(pool);
	return all;
}

static bool of_slab(void)
{
	return use_and_destroy(mempool_create_slab_pool(8, cache), 8);
}

static bool of_kmalloc(void)
{
	return use_and_destroy(mempool_create_kmalloc_pool(20, 3000), 20);
}

static bool of_pages(void)
{
	return use_and_destroy(mempool_create_page_pool(10, 2), 10);
}

static void each_refused_page_of_a_slab_pool(void **state)
{
	(void)state;
	refuse_each_page(of_slab);
}

static void each_refused_page_of_a_kmalloc_pool(void **state)
{
	(void)state;
	refuse_each_page(of_kmalloc);
}

static void each_refused_page_of_a_page_pool(void **state)
{
	(void)state;
	refuse_each_page(of_pages);
}

static bool init_and_exit(void)
{
	mempool_t pool;
	int err = mempool_init_page_pool(&pool, 600, 0);

	assert_true(err == 0 || err == -ENOMEM);
	assert_int_equal(mempool_initialized(&pool), err == 0);
	if (!err)
		mempool_exit(&pool);
	return !err;
}

static void each_refused_page_of_an_embedded_pool(void **state)
{
	(void)state;
	refuse_each_page(init_and_exit);
}

/* The end of memory */

enum { NR_THREADS = 6, NR_TURNS = 300 };

static struct page *hoard; /* linked through the pages */

static void take_every_page(void)
{
	struct page *page;

	while ((page = alloc_page(GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN))) {
		*(struct page **)page_address(page) = hoard;
		hoard = page;
	}
}

static void give_every_page(void)
{
	while (hoard) {
		struct page *page = hoard;

		hoard = *(struct page **)page_address(page);
		__free_page(page);
	}
}

struct crowd {
	mempool_t *pool;
	unsigned int inside;      /* atomic: threads that hold an element */
	unsigned int nr_mistakes; /* atomic */
};

/* There is one element. */
static void take_turns(unsigned int index, void *arg)
{
	struct crowd *crowd = arg;

	cpu_id_pin((int)index % WORLD_CPUS);
	for (unsigned int i = 0; i < NR_TURNS; i++) {
		struct page *page = mempool_alloc(crowd->pool, GFP_KERNEL);

		if (!page || atomic_add_relaxed(&crowd->inside, 1) != 1) {
			atomic_add_relaxed(&crowd->nr_mistakes, 1);
			continue;
		}
		memset(page_address(page), (int)i, PAGE_SIZE);
		atomic_sub_relaxed(&crowd->inside, 1);
		mempool_free(page, crowd->pool);
	}
}

static void one_element_serves_all_when_memory_is_used_up(void **state)
{
	struct crowd crowd = { .pool = NULL };
	unsigned long before;

	(void)state;
	assert_int_equal(world_start(NULL, 4UL << 20, WORLD_CPUS), 0);
	cpu_id_pin(0);
	kmm_trim();
	before = nr_free_pages();
	crowd.pool = mempool_create_page_pool(1, 0);
	assert_non_null(crowd.pool);
	take_every_page();
	assert_null(alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	run_threads(NR_THREADS, take_turns, &crowd);
	assert_int_equal(crowd.nr_mistakes, 0);
	assert_null(alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	give_every_page();
	mempool_destroy(crowd.pool);
	world_expect_silence();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

#define FAULT(test) cmocka_unit_test_setup_teardown(test, fault_setup, fault_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULT(each_refused_page_of_a_slab_pool),
		FAULT(each_refused_page_of_a_kmalloc_pool),
		FAULT(each_refused_page_of_a_page_pool),
		FAULT(each_refused_page_of_an_embedded_pool),
		cmocka_unit_test_teardown(one_element_serves_all_when_memory_is_used_up, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
