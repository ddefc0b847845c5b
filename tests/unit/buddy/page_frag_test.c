/* SPDX-License-Identifier: MIT
 * page_frag_test.c - pieces of pages: they never overlap, keep their block alive, and the block starts over when all are back.
 */
#include <kmm/kmm.h>

#include "support/random.h"
#include "support/refused.h"
#include "support/threads.h"

#define BLOCK PAGE_FRAG_CACHE_MAX_SIZE

static void pieces_are_cut_from_the_end_of_a_block(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	char *first = page_frag_alloc(&nc, 100, GFP_KERNEL), *second = page_frag_alloc(&nc, 60, GFP_KERNEL);

	(void)state;
	assert_non_null(first);
	assert_ptr_equal(second, first - 60);
	assert_ptr_equal(first + 100, (char *)page_address(compound_head(virt_to_page(first))) + BLOCK);
	assert_int_equal(compound_order(compound_head(virt_to_page(first))), PAGE_FRAG_CACHE_MAX_ORDER);
	assert_int_equal(buddy_nr_free(), 1024 - 8);
	kmm_validate_pages();
	page_frag_free(first);
	page_frag_free(second);
	assert_int_equal(buddy_nr_free(), 1024 - 8); /* the cache still has it */
	page_frag_cache_drain(&nc);
	assert_null(nc.va);
	assert_int_equal(buddy_nr_free(), 1024);
	page_frag_cache_drain(&nc);
	assert_silent();
}

static void an_aligned_piece_starts_at_a_multiple(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	char *pieces[40];

	(void)state;
	for (unsigned int i = 0; i < 40; i++) {
		pieces[i] = page_frag_alloc_align(&nc, 1 + i * 3, GFP_KERNEL, -256u);
		assert_int_equal((uintptr_t)pieces[i] % 256, 0);
		if (i)
			assert_true(pieces[i] + 1 + i * 3 <= pieces[i - 1]);
	}
	page_frag_cache_drain(&nc);
	for (unsigned int i = 0; i < 40; i++)
		page_frag_free(pieces[i]);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void each_piece_keeps_its_block(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	char *pieces[8];

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		pieces[i] = page_frag_alloc(&nc, BLOCK / 8, GFP_KERNEL);
		memset(pieces[i], (int)i, BLOCK / 8);
	}
	page_frag_cache_drain(&nc);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(buddy_nr_free(), 1024 - 8);
		kmm_validate_pages();
		assert_int_equal(pieces[i][0], i);
		assert_int_equal(pieces[i][BLOCK / 8 - 1], i);
		page_frag_free(pieces[i] + 77); /* any address in it */
	}
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void a_block_that_came_back_whole_starts_over(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	char *block = NULL, *kept;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		char *piece = page_frag_alloc(&nc, 1000, GFP_KERNEL);

		if (!block)
			block = nc.va;
		assert_ptr_equal(nc.va, block);
		page_frag_free(piece);
	}
	assert_int_equal(buddy_nr_free(), 1024 - 8);
	/* One piece in use: the next block is another one, and the first goes with the piece. */
	kept = page_frag_alloc(&nc, 1000, GFP_KERNEL);
	while (nc.va == block)
		page_frag_free(page_frag_alloc(&nc, 1000, GFP_KERNEL));
	assert_int_equal(buddy_nr_free(), 1024 - 16);
	kmm_validate_pages();
	page_frag_free(kept);
	assert_int_equal(buddy_nr_free(), 1024 - 8);
	page_frag_cache_drain(&nc);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

/* Every byte of a block can be a piece: the references are enough. */
static void as_many_pieces_as_bytes(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	char *block, *piece;

	(void)state;
	piece = page_frag_alloc(&nc, 1, GFP_KERNEL);
	block = nc.va;
	for (unsigned int i = 1; i < BLOCK; i++) {
		/* A piece of nothing is one of a byte. */
		char *next = page_frag_alloc(&nc, i % 2, GFP_KERNEL);

		assert_ptr_equal(next, piece - 1);
		piece = next;
	}
	assert_ptr_equal(piece, block);
	piece = page_frag_alloc(&nc, 1, GFP_KERNEL);
	assert_ptr_not_equal(nc.va, block);
	assert_int_equal(page_ref_count(virt_to_page(block)), BLOCK);
	page_frag_free(piece);
	page_frag_cache_drain(&nc);
	for (unsigned int i = 0; i < BLOCK; i++)
		page_frag_free(block + i);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

/* Takes all memory but @nr_pages single ones. */
static struct page *use_all_but(unsigned int nr_pages)
{
	struct page *all = alloc_pages(GFP_KERNEL, 10);

	split_page(all, 10);
	for (unsigned int i = 0; i < nr_pages; i++)
		__free_page(all + 2 * i);
	return all;
}

static void free_the_others(struct page *all, unsigned int nr_pages)
{
	for (unsigned int i = 0; i < 1024; i++)
		if (i % 2 || i >= 2 * nr_pages)
			__free_page(all + i);
}

static void a_single_page_when_there_is_no_block(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	struct page *all = use_all_but(2);
	char *piece;

	(void)state;
	piece = page_frag_alloc(&nc, PAGE_SIZE, GFP_KERNEL);
	assert_non_null(piece);
	assert_ptr_equal(piece, nc.va);
	assert_int_equal(buddy_nr_free(), 1);
	/* Larger than a page: not from these, but the page is kept for smaller pieces. */
	assert_null(page_frag_alloc(&nc, PAGE_SIZE + 1, GFP_KERNEL));
	assert_non_null(nc.va);
	assert_int_equal(buddy_nr_free(), 0);
	page_frag_free(piece);
	assert_int_equal(buddy_nr_free(), 1);
	piece = page_frag_alloc(&nc, 16, GFP_KERNEL);
	assert_non_null(piece);
	kmm_validate_pages();
	page_frag_free(piece);
	page_frag_cache_drain(&nc);
	assert_int_equal(buddy_nr_free(), 2);
	free_the_others(all, 2);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void no_piece_without_memory(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	struct page *all = use_all_but(1);
	char *piece = page_frag_alloc(&nc, PAGE_SIZE, GFP_KERNEL);

	(void)state;
	assert_null(page_frag_alloc(&nc, 1, GFP_KERNEL | __GFP_NOWARN));
	assert_null(nc.va); /* the page is the piece's alone */
	assert_null(page_frag_alloc(&nc, 1, GFP_KERNEL | __GFP_NOWARN));
	page_frag_free(piece);
	assert_int_equal(buddy_nr_free(), 1);
	free_the_others(all, 1);
	assert_silent();
}

static void pieces_larger_than_a_block_do_not_exist(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	void *piece;

	(void)state;
	assert_null(page_frag_alloc(&nc, BLOCK + 1, GFP_KERNEL));
	assert_null(page_frag_alloc(&nc, ~0u, GFP_KERNEL));
	assert_int_equal(buddy_nr_free(), 1024 - 8);
	piece = page_frag_alloc(&nc, BLOCK, GFP_KERNEL);
	assert_ptr_equal(piece, nc.va);
	page_frag_cache_drain(&nc);
	page_frag_free(piece);
	assert_int_equal(buddy_nr_free(), 1024);
	assert_silent();
}

static void a_piece_freed_twice_is_refused(void **state)
{
	struct page_frag_cache nc = { .va = NULL };
	char *piece = page_frag_alloc(&nc, 10, GFP_KERNEL);

	page_frag_cache_drain(&nc);
	page_frag_free(piece);
	expect_refused(page_frag_free(piece), "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	expect_refused(__page_frag_cache_drain(virt_to_page(piece), 3), "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	page_frag_free(NULL);
	page_frag_free(state);
	assert_int_equal(capture.nr, 2);
	assert_reported("is not in the arena");
	capture_clear();
	/* While the cache has the block, it shows when the block is used up: the references are fewer than they should be. */
	piece = page_frag_alloc(&nc, BLOCK, GFP_KERNEL);
	page_frag_free(piece);
	page_frag_free(piece);
	assert_silent();
	piece = page_frag_alloc(&nc, 10, GFP_KERNEL);
	assert_reported("page dumped because: VM_BUG_ON_PAGE(page_ref_count(page) < nr)");
	assert_int_equal(buddy_nr_free(), 1024 - 16);
	capture_clear();
	page_frag_free(piece);
	page_frag_cache_drain(&nc);
}

struct pieces {
	struct page_frag_cache nc[4];
	unsigned char *piece[4][64]; /* atomic: handed from thread to thread */
	unsigned long nr_wrong, nr_failed;
};

/* Cuts pieces from a cache of its own and frees those of all threads. */
static void cut_and_free(unsigned int index, void *arg)
{
	struct pieces *p = arg;
	struct test_random random = { index + 1 };

	for (unsigned int i = 0; i < 5000; i++) {
		const unsigned int size = 2 + (unsigned int)test_random_below(&random, 3000);
		unsigned char **slot = &p->piece[test_random_below(&random, 4)][test_random_below(&random, 64)];
		unsigned char *piece = page_frag_alloc_align(&p->nc[index], size, GFP_KERNEL, -2u), *old;

		if (!piece) {
			__atomic_add_fetch(&p->nr_failed, 1, __ATOMIC_RELAXED);
			continue;
		}
		piece[0] = piece[1] = (unsigned char)(i + index);
		old = __atomic_exchange_n(slot, piece, __ATOMIC_ACQ_REL);
		if (old && old[0] != old[1])
			__atomic_add_fetch(&p->nr_wrong, 1, __ATOMIC_RELAXED);
		if (old)
			page_frag_free(old);
	}
}

static void pieces_are_freed_by_any_thread(void **state)
{
	static struct pieces pieces;
	unsigned long before = buddy_nr_free() + buddy_nr_offline();

	(void)state;
	memset(&pieces, 0, sizeof(pieces));
	run_threads(4, cut_and_free, &pieces);
	assert_int_equal(pieces.nr_wrong, 0);
	assert_int_equal(pieces.nr_failed, 0);
	kmm_validate_pages();
	for (unsigned int i = 0; i < 4; i++) {
		page_frag_cache_drain(&pieces.nc[i]);
		for (unsigned int j = 0; j < 64; j++)
			if (pieces.piece[i][j])
				page_frag_free(pieces.piece[i][j]);
	}
	assert_int_equal(buddy_nr_free() + buddy_nr_offline(), before);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(pieces_are_cut_from_the_end_of_a_block),
		TEST(an_aligned_piece_starts_at_a_multiple),
		TEST(each_piece_keeps_its_block),
		TEST(a_block_that_came_back_whole_starts_over),
		TEST(as_many_pieces_as_bytes),
		TEST(a_single_page_when_there_is_no_block),
		TEST(no_piece_without_memory),
		TEST(pieces_larger_than_a_block_do_not_exist),
		TEST(a_piece_freed_twice_is_refused),
		cmocka_unit_test_setup_teardown(pieces_are_freed_by_any_thread, setup_two_sections, teardown_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
