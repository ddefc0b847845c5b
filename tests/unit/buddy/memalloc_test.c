/* SPDX-License-Identifier: MIT
 * memalloc_test.c - scopes: they nest, they are the thread's own, and requests inside them are what they say.
 */
#include <pthread.h>

#include <kmm/memalloc.h>

#include "support/pcp_world.h"
#include "support/reclaim_fake.h"

static const struct scope {
	unsigned int (*save)(void);
	void (*restore)(unsigned int flags);
	unsigned int flag;
} scopes[] = {
	{ memalloc_noreclaim_save, memalloc_noreclaim_restore, PF_MEMALLOC },
	{ memalloc_nofs_save, memalloc_nofs_restore, PF_MEMALLOC_NOFS },
	{ memalloc_noio_save, memalloc_noio_restore, PF_MEMALLOC_NOIO },
	{ memalloc_pin_save, memalloc_pin_restore, PF_MEMALLOC_PIN },
};

static void scopes_nest(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(scopes); i++) {
		unsigned int outer, inner;

		outer = scopes[i].save();
		assert_int_equal(kmm_task_flags, scopes[i].flag);
		inner = scopes[i].save();
		assert_int_equal(kmm_task_flags, scopes[i].flag);
		scopes[i].restore(inner);
		assert_int_equal(kmm_task_flags, scopes[i].flag);
		scopes[i].restore(outer);
		assert_int_equal(kmm_task_flags, 0);
	}
}

static void scopes_of_different_kinds_do_not_touch_each_other(void **state)
{
	unsigned int flags[ARRAY_SIZE(scopes)], all = 0;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(scopes); i++) {
		flags[i] = scopes[i].save();
		all |= scopes[i].flag;
		assert_int_equal(kmm_task_flags, all);
	}
	/* In the order they were opened: not the reverse. */
	for (unsigned int i = 0; i < ARRAY_SIZE(scopes); i++) {
		scopes[i].restore(flags[i]);
		all &= ~scopes[i].flag;
		assert_int_equal(kmm_task_flags, all);
	}
}

static void *look_at_flags(void *arg)
{
	*(unsigned int *)arg = kmm_task_flags;
	memalloc_noio_save(); /* ends with the thread */
	return NULL;
}

static void a_scope_is_the_thread_s_own(void **state)
{
	const unsigned int flags = memalloc_nofs_save();
	unsigned int seen = 1;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, look_at_flags, &seen), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen, 0);
	assert_int_equal(kmm_task_flags, PF_MEMALLOC_NOFS);
	memalloc_nofs_restore(flags);
}

static void requests_lose_what_the_scope_forbids(void **state)
{
	unsigned int fs, io;

	(void)state;
	assert_int_equal(current_gfp_context(GFP_KERNEL), GFP_KERNEL);
	fs = memalloc_nofs_save();
	assert_int_equal(current_gfp_context(GFP_KERNEL), GFP_NOFS);
	assert_int_equal(current_gfp_context(GFP_ATOMIC | __GFP_ZERO), GFP_ATOMIC | __GFP_ZERO);
	io = memalloc_noio_save();
	assert_int_equal(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_nofs_restore(fs);
	assert_int_equal(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(io);
	assert_int_equal(current_gfp_context(GFP_KERNEL), GFP_KERNEL);
}

static void in_a_scope_without_reclaim_the_reserves_are_open(void **state)
{
	const unsigned long mark = zone_nr_free(&kmm_zone) + kmm_zone.nr_offline + 1;
	unsigned int flags;
	struct page *page;

	(void)state;
	fake_reclaim_install();
	pcp_limits(1, 0, 0);
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = mark;
	assert_null(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	assert_string_equal(fake_reclaim.log, "kro");
	fake_reclaim_forget();
	flags = memalloc_noreclaim_save();
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	assert_non_null(page);
	assert_string_equal(fake_reclaim.log, "k");
	assert_null(alloc_page(GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NOWARN));
	memalloc_noreclaim_restore(flags);
	assert_null(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = 0;
	__free_page(page);
	fake_reclaim_remove();
	assert_silent();
}

/* Makes a whole pageblock CMA's, as far as it is free. */
static void lend(struct page *page)
{
	kmm_lock(&kmm_zone.lock);
	pageblock_move_free(&kmm_zone, page, MIGRATE_CMA);
	kmm_zone.cma_pages += pageblock_nr_pages;
	kmm_unlock(&kmm_zone.lock);
}

static void end_lease(struct page *page)
{
	kmm_lock(&kmm_zone.lock);
	pageblock_move_free(&kmm_zone, page, MIGRATE_MOVABLE);
	kmm_zone.cma_pages -= pageblock_nr_pages;
	kmm_unlock(&kmm_zone.lock);
}

static void pages_that_will_stay_do_not_come_from_cma(void **state)
{
	struct page *lent, *page;
	unsigned int flags;

	(void)state;
	pcp_limits(1, 64, 64);
	lent = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	lend(lent);
	/* The page waits with the movable ones, and is the next to go. */
	__free_page(lent);
	assert_int_equal(pcp_listed(0, 0, MIGRATE_MOVABLE), 1);
	flags = memalloc_pin_save();
	page = alloc_page(GFP_KERNEL | __GFP_MOVABLE);
	assert_non_null(page);
	assert_int_not_equal(pageblock_type(page), MIGRATE_CMA);
	memalloc_pin_restore(flags);
	assert_ptr_equal(alloc_page(GFP_KERNEL | __GFP_MOVABLE), lent);
	__free_page(page);
	__free_page(lent);
	/* Nor from the zone, where everything else is in use. */
	drain_all_pages(NULL);
	flags = memalloc_pin_save();
	for (unsigned int i = 0; i < 10; i++) {
		page = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, 4);
		assert_non_null(page);
		assert_int_not_equal(pageblock_type(page), MIGRATE_CMA);
		__free_pages(page, 4);
	}
	memalloc_pin_restore(flags);
	drain_all_pages(NULL);
	end_lease(lent);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_pcp, teardown_pcp)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_nest),
		cmocka_unit_test(scopes_of_different_kinds_do_not_touch_each_other),
		cmocka_unit_test(a_scope_is_the_thread_s_own),
		cmocka_unit_test(requests_lose_what_the_scope_forbids),
		TEST(in_a_scope_without_reclaim_the_reserves_are_open),
		TEST(pages_that_will_stay_do_not_come_from_cma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
