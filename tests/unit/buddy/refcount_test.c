/* SPDX-License-Identifier: MIT
 * refcount_test.c - references are taken and dropped; the last one frees the whole; what cannot be is refused.
 */
#include <limits.h>

#include <kmm/kmm.h>

#include "base/boot.h"
#include "support/refused.h"
#include "support/threads.h"

#define NO_REFERENCE "VM_BUG_ON_PAGE(page_ref_count(page) == 0)"
#define TOO_MANY "VM_BUG_ON_PAGE(page_ref_count(page) <= nr)"
#define ZERO_OR_OVERFLOW "VM_BUG_ON_PAGE(page_ref_zero_or_close_to_overflow(page))"

static void the_last_put_frees_the_page(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_int_equal(page_ref_count(page), 1);
	get_page(page);
	get_page(page);
	assert_int_equal(page_ref_count(page), 3);
	put_page(page);
	put_page(page);
	assert_int_equal(buddy_nr_free(), 1023);
	kmm_validate_pages();
	put_page(page);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void the_last_put_frees_all_of_any_order(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		put_page(alloc_pages(GFP_KERNEL, order));
		assert_int_equal(buddy_nr_free(), 1024);
		put_page(alloc_pages(GFP_KERNEL | __GFP_COMP, order));
		assert_int_equal(buddy_nr_free(), 1024);
		kmm_validate_pages();
	}
	assert_silent();
}

static void the_head_counts_for_all_of_a_compound_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		get_page(page + i);
	assert_int_equal(page_ref_count(page), 9);
	assert_int_equal(page_ref_count(page + 5), 0);
	assert_true(try_get_page(page + 7));
	assert_false(get_page_unless_zero(page + 7)); /* a tail page has none of its own */
	for (unsigned int i = 0; i < 8; i++)
		put_page(page + i);
	assert_int_equal(page_ref_count(page), 2);
	put_page(page + 3);
	assert_int_equal(buddy_nr_free(), 1016);
	put_page(page + 6);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void a_reference_on_what_nobody_holds_is_refused(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	(void)state;
	expect_refused(get_page(page + 1), ZERO_OR_OVERFLOW);
	expect_refused(page_ref_inc(page + 1), ZERO_OR_OVERFLOW);
	expect_refused(page_ref_add(page + 3, 7), ZERO_OR_OVERFLOW);
	expect_refused(get_page(pfn_to_page(700)), ZERO_OR_OVERFLOW);
	expect_refused(get_page(NULL), "no page of the arena");
	expect_refused(get_page((struct page *)(void *)state), "no page of the arena");
	assert_false(get_page_unless_zero(page + 1));
	assert_false(get_page_unless_zero(pfn_to_page(700)));
	assert_silent();
	__free_pages(page, 2);
	expect_refused(get_page(page), ZERO_OR_OVERFLOW);
	assert_false(get_page_unless_zero(page));
	assert_silent();
}

static void try_get_page_of_a_free_page_is_reported_once(void **state)
{
	struct page *page = pfn_to_page(700);

	(void)state;
	assert_false(try_get_page(page));
	assert_int_equal(capture.nr, 1);
	assert_reported("WARNING: try_get_page");
	assert_false(try_get_page(page));
	assert_int_equal(capture.nr, 1);
	assert_int_equal(page_ref_count(page), 0);
	capture_clear();
}

static void references_never_overflow(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	page_ref_add(page, INT_MAX - 1);
	assert_int_equal(page_ref_count(page), INT_MAX);
	expect_refused(get_page(page), ZERO_OR_OVERFLOW);
	expect_refused(page_ref_add(page, 2), ZERO_OR_OVERFLOW);
	expect_refused(page_ref_add(page, -INT_MAX), ZERO_OR_OVERFLOW); /* none would be left */
	assert_false(get_page_unless_zero(page));
	assert_int_equal(page_ref_count(page), INT_MAX);
	assert_false(page_ref_sub_and_test(page, INT_MAX - 1));
	put_page(page);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void changes_say_how_many_references_there_are(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	(void)state;
	assert_int_equal(page_ref_inc_return(page), 2);
	page_ref_add(page, 5);
	page_ref_dec(page);
	page_ref_sub(page, 2);
	assert_int_equal(page_ref_count(page), 4);
	assert_int_equal(page_ref_dec_return(page), 3);
	assert_int_equal(page_ref_sub_return(page, 2), 1);
	assert_silent();
	expect_refused(assert_int_equal(page_ref_sub_return(page, 2), -1), "VM_BUG_ON_PAGE(page_ref_count(page) < nr)");
	expect_refused(assert_int_equal(page_ref_sub_return(page, 0), -1), "VM_BUG_ON_PAGE(page_ref_count(page) < nr)");
	expect_refused(assert_int_equal(page_ref_dec_return(page + 1), -1), NO_REFERENCE);
	expect_refused(assert_int_equal(page_ref_dec_return(NULL), -1), "no page of the arena");
	assert_int_equal(page_ref_dec_return(page), 0);
	assert_int_equal(buddy_nr_free(), 1020);
	expect_refused(assert_int_equal(page_ref_inc_return(page), 0), ZERO_OR_OVERFLOW);
	expect_refused(assert_int_equal(page_ref_dec_return(page), -1), NO_REFERENCE);
	init_page_count(page);
	assert_int_equal(page_ref_count(page), 1);
	expect_refused(init_page_count(page), "VM_BUG_ON_PAGE(page_ref_count(page))");
	assert_int_equal(page_ref_sub_return(page, 1), 0);
	__folio_put((struct folio *)page);
	assert_int_equal(buddy_nr_free(), 1024);
	expect_refused(assert_int_equal(page_ref_inc_return(page), 0), ZERO_OR_OVERFLOW);
	expect_refused(assert_int_equal(page_ref_inc_return(NULL), 0), "no page of the arena");
}

static void who_does_not_free_the_page_cannot_drop_the_last_reference(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	expect_refused(page_ref_dec(page), TOO_MANY);
	expect_refused(page_ref_sub(page, 2), TOO_MANY);
	page_ref_add(page, 2);
	expect_refused(page_ref_sub(page, 3), TOO_MANY);
	expect_refused(page_ref_sub(page, INT_MAX), TOO_MANY);
	expect_refused(page_ref_sub(page, 0), TOO_MANY);
	expect_refused(page_ref_sub(page, INT_MIN), TOO_MANY);
	assert_int_equal(page_ref_count(page), 3);
	page_ref_sub(page, 2);
	put_page(page);
	assert_silent();
	expect_refused(page_ref_dec(page), TOO_MANY);
	expect_refused(page_ref_dec(NULL), "no page of the arena");
}

static void references_are_added_unless_there_are_so_many(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_true(page_ref_add_unless(page, 2, 0));
	assert_false(page_ref_add_unless(page, 2, 3));
	assert_true(page_ref_add_unless(page, -2, 2));
	assert_int_equal(page_ref_count(page), 1);
	assert_silent();
	expect_refused(assert_false(page_ref_add_unless(page, INT_MAX, 0)), ZERO_OR_OVERFLOW);
	expect_refused(assert_false(page_ref_add_unless(page, -1, 0)), ZERO_OR_OVERFLOW);
	assert_int_equal(page_ref_count(page), 1);
	put_page(page);
	assert_false(page_ref_add_unless(page, 1, 0));
	assert_false(page_ref_add_unless(NULL, 1, 0));
	assert_silent();
	expect_refused(assert_false(page_ref_add_unless(page, 1, 7)), ZERO_OR_OVERFLOW);
	expect_refused(assert_false(page_ref_add_unless(NULL, 1, 7)), "no page of the arena");
}

static void a_page_freezes_with_all_references_that_are_known(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 1);

	(void)state;
	get_page(page);
	assert_false(page_ref_freeze(page, 1));
	assert_false(page_ref_freeze(page, 3));
	assert_int_equal(page_ref_count(page), 2);
	assert_true(page_ref_freeze(page, 2));
	assert_int_equal(page_ref_count(page), 0);
	assert_false(get_page_unless_zero(page));
	assert_false(page_ref_freeze(page, 2));
	assert_int_equal(buddy_nr_free(), 1022);
	kmm_validate_pages();
	assert_silent();
	expect_refused(put_page(page), NO_REFERENCE);
	expect_refused(page_ref_unfreeze(page, 0), "VM_BUG_ON_PAGE(page_ref_count(page))");
	page_ref_unfreeze(page, 2);
	assert_int_equal(page_ref_count(page), 2);
	expect_refused(page_ref_unfreeze(page, 2), "VM_BUG_ON_PAGE(page_ref_count(page))");
	put_page(page);
	assert_true(page_ref_freeze(page, 1));
	__folio_put((struct folio *)page);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_false(page_ref_freeze(page, 1));
	assert_silent();
	expect_refused(assert_false(page_ref_freeze(page, 0)), "VM_BUG_ON_PAGE(count == 0)");
	expect_refused(assert_false(page_ref_freeze(NULL, 1)), "no page of the arena");
}

static void a_slab_does_not_freeze(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	page_flag_set(page, PG_slab);
	expect_refused(assert_false(page_ref_freeze(page, 1)), "PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
	assert_int_equal(page_ref_count(page), 1);
	page_flag_clear(page, PG_slab);
	put_page(page);
	assert_silent();
}

static void a_put_too_many_is_refused(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2), *other;

	(void)state;
	expect_refused(put_page(page + 2), NO_REFERENCE);
	expect_refused((void)!put_page_testzero(page + 2), NO_REFERENCE);
	put_page(page);
	expect_refused(put_page(page), NO_REFERENCE);
	expect_refused(assert_false(page_ref_dec_and_test(page)), NO_REFERENCE);
	expect_refused(put_page(NULL), "no page of the arena");
	expect_refused(put_page((struct page *)((char *)page + 8)), "no page of the arena");
	other = alloc_page(GFP_KERNEL);
	page_ref_inc(other);
	expect_refused(assert_false(page_ref_sub_and_test(other, 3)), "VM_BUG_ON_PAGE(page_ref_count(page) < nr)");
	expect_refused(assert_false(page_ref_sub_and_test(other, 0)), "VM_BUG_ON_PAGE(page_ref_count(page) < nr)");
	assert_int_equal(page_ref_count(other), 2);
	put_page(other);
	put_page(other);
	assert_int_equal(buddy_nr_free(), 1024);
}

/* A slab holds its pages by itself: a reference that somebody else takes may go, but not the last one. */
static void the_last_reference_of_a_slab_cannot_be_dropped(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	page_flag_set(page, PG_slab);
	get_page(page);
	put_page(page);
	assert_silent();
	expect_refused(put_page(page), "PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
	assert_int_equal(page_ref_count(page), 1);
	page_flag_clear(page, PG_slab);
	put_page(page);
	assert_silent();
}

static void a_frozen_page_belongs_to_who_dropped_the_last_reference(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	(void)state;
	get_page(page);
	assert_false(put_page_testzero(page));
	assert_true(put_page_testzero(page));
	assert_int_equal(page_ref_count(page), 0);
	assert_int_equal(buddy_nr_free(), 1020);
	kmm_validate_pages();
	assert_false(get_page_unless_zero(page));
	expect_refused(get_page(page), ZERO_OR_OVERFLOW);
	expect_refused(put_page(page), NO_REFERENCE);
	expect_refused(__free_pages(page, 2), "zero _refcount");
	/* Back in use, with as many references as its owner likes. */
	expect_refused(set_page_count(page, 0), "VM_BUG_ON_PAGE(page_ref_count(page))");
	set_page_count(page, 5);
	assert_int_equal(page_ref_count(page), 5);
	expect_refused(set_page_count(page, 6), "VM_BUG_ON_PAGE(page_ref_count(page))");
	assert_true(page_ref_sub_and_test(page, 5));
	__folio_put((struct folio *)page);
	assert_int_equal(buddy_nr_free(), 1024);
	expect_refused(__folio_put((struct folio *)page), "VM_BUG_ON_PAGE(page_ref_count(page))");
	expect_refused(set_page_count(page, 1), "VM_BUG_ON_PAGE(page_ref_count(page))");
	expect_refused(__folio_put(NULL), "no page of the arena");
	page = alloc_page(GFP_KERNEL);
	expect_refused(__folio_put((struct folio *)page), "VM_BUG_ON_PAGE(page_ref_count(page))");
	put_page(page);
}

static void a_shared_block_is_freed_but_for_its_first_page(void **state)
{
	(void)state;
	for (unsigned int order = 1; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		get_page(page);
		__free_pages(page, order);
		assert_int_equal(buddy_nr_free(), 1023);
		kmm_validate_pages();
		assert_int_equal(page_ref_count(page), 1);
		/* The block is no more. */
		expect_refused(__free_pages(page, order), "wrong order");
		assert_int_equal(page_ref_count(page), 1);
		put_page(page);
		assert_int_equal(buddy_nr_free(), 1024);
	}
	assert_silent();
}

static void a_shared_compound_page_stays_whole(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);

	(void)state;
	get_page(page + 9);
	__free_pages(page, 4);
	assert_int_equal(buddy_nr_free(), 1008);
	kmm_validate_pages();
	put_page(page + 1);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

/* One thread holds a page for a moment again and again, as others allocate and free the block that it is the first of. */
struct shared {
	struct page *page; /* the first one of all blocks: nothing else is taken from this world */
	unsigned int stop; /* atomic */
	unsigned long nr_gets, nr_lost;
};

static void hold_for_a_moment_or_free(unsigned int index, void *arg)
{
	struct shared *shared = arg;

	if (index == 0) {
		for (unsigned int i = 0; i < 20000; i++) {
			struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | (i % 3 ? 0 : __GFP_COMP), 4);

			/* Whose rest is still held may not have merged into a block of this order yet. */
			shared->nr_lost += !page;
			if (!page)
				continue;
			if (i % 2)
				put_page(page);
			else
				__free_pages(page, 4);
		}
		__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
		return;
	}
	while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE)) {
		if (!get_page_unless_zero(shared->page))
			continue;
		shared->nr_gets++;
		put_page(shared->page);
	}
}

static void blocks_that_others_look_at_are_freed_once(void **state)
{
	struct shared shared = { .page = pfn_to_page(0) };

	(void)state;
	run_threads(2, hold_for_a_moment_or_free, &shared);
	assert_int_equal(shared.nr_lost, 0); /* there are 63 other blocks of the order */
	assert_int_equal(buddy_nr_free(), 1024);
	assert_int_equal(kmm_zone.free_area[10].nr_free, 1);
	kmm_validate_pages();
	assert_silent();
}

/* Two threads hold a page and freeze it in turn: whoever has it frozen has it alone. */
struct freezers {
	struct page *page;
	unsigned long nr_frozen; /* by who has it frozen */
};

static void freeze_and_count(unsigned int index, void *arg)
{
	struct freezers *freezers = arg;
	unsigned int turns = 0;

	(void)index;
	for (unsigned int i = 0; i < 20000;) {
		if (!page_ref_freeze(freezers->page, 2)) {
			spin_turn(&turns);
			continue;
		}
		freezers->nr_frozen++;
		page_ref_unfreeze(freezers->page, 2);
		i++;
	}
}

static void a_page_that_many_want_is_frozen_by_one_at_a_time(void **state)
{
	struct freezers freezers = { .page = alloc_page(GFP_KERNEL) };

	(void)state;
	get_page(freezers.page);
	run_threads(2, freeze_and_count, &freezers);
	assert_int_equal(freezers.nr_frozen, 40000);
	page_ref_dec(freezers.page);
	put_page(freezers.page);
	assert_silent();
}

static void after_the_end_nothing_is_reported(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	capture_start();
	kmm_exit();
	get_page(page);
	put_page(page);
	page_ref_inc(page);
	assert_false(try_get_page(page));
	assert_false(get_page_unless_zero(page));
	assert_false(put_page_testzero(page));
	set_page_count(page, 1);
	page_ref_sub(page, 1);
	assert_int_equal(page_ref_inc_return(page), 0);
	assert_int_equal(page_ref_dec_return(page), -1);
	assert_false(page_ref_add_unless(page, 1, 2));
	assert_false(page_ref_freeze(page, 1));
	page_ref_unfreeze(page, 1);
	split_page(page, 0);
	assert_int_equal(page_ref_count(page), 0);
	assert_silent();
	kmm_boot_reset_for_test();
	capture_stop();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(the_last_put_frees_the_page),
		TEST(the_last_put_frees_all_of_any_order),
		TEST(the_head_counts_for_all_of_a_compound_page),
		TEST(a_reference_on_what_nobody_holds_is_refused),
		TEST(try_get_page_of_a_free_page_is_reported_once),
		TEST(references_never_overflow),
		TEST(changes_say_how_many_references_there_are),
		TEST(who_does_not_free_the_page_cannot_drop_the_last_reference),
		TEST(references_are_added_unless_there_are_so_many),
		TEST(a_page_freezes_with_all_references_that_are_known),
		TEST(a_slab_does_not_freeze),
		TEST(a_page_that_many_want_is_frozen_by_one_at_a_time),
		TEST(a_put_too_many_is_refused),
		TEST(the_last_reference_of_a_slab_cannot_be_dropped),
		TEST(a_frozen_page_belongs_to_who_dropped_the_last_reference),
		TEST(a_shared_block_is_freed_but_for_its_first_page),
		TEST(a_shared_compound_page_stays_whole),
		TEST(blocks_that_others_look_at_are_freed_once),
		cmocka_unit_test(after_the_end_nothing_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
