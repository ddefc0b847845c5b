/* SPDX-License-Identifier: MIT
 * contract_test.c - every primitive of arch.h keeps its contract, in the architecture's own form and in the portable
 * one, alone and among threads.
 *
 * On ARMv7 this file is built a second time with reservations that get lost (KMM_CONFIG_CLREX).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "support/random.h"
#include "support/threads.h"

#define THREADS 8 /* a multiple of 4 */
#define ROUNDS 50000u
#define WATCHED 200000u
#define SB_SLOTS 20000

struct contended {
	kmm_dword pair;
	unsigned long word, by_cmpxchg, ticket, plain;
	uint64_t word64;
	uint32_t word32;
	uint16_t halves[2];
	uint8_t bytes[4];
	unsigned int nr_bad;
	unsigned long out[THREADS]; /* each its thread's */
};

/* Each flag fills a cache line: the store has to wait for its line, and without a barrier the load does not. */
struct store_buffering {
	struct {
		unsigned int value, seen;
		char pad[56];
	} flag[SB_SLOTS][2], arrived[2];
};

/* @nr_words words that end where a page begins that nobody may touch. */
static unsigned long *map_before_a_wall(size_t nr_words)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
	return (unsigned long *)(void *)(pages + page) - nr_words;
}

static void unmap_wall(unsigned long *map, size_t nr_words)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap((char *)(map + nr_words) - page, 2 * page);
}

/* One macro more, so that the test's name in the output is the expanded one. */
#define CONTRACT_TEST(test) cmocka_unit_test(test)

#define FORM(test) native_##test
#define OP(x) arch_##x
#define BITS(x) x
#define FENCE() smp_mb()
#include "contract_form.h"

#define FORM(test) portable_##test
#define OP(x) generic_##x
#define BITS(x) generic_##x
#define FENCE() generic_smp_mb()
#include "contract_form.h"

static void fls_and_ffs_number_bits_from_1_and_0_has_none(void **state)
{
	unsigned int bit;

	(void)state;
	assert_int_equal(fls(0), 0);
	assert_int_equal(fls_long(0), 0);
	assert_int_equal(ffs_long(0), 0);
	for (bit = 0; bit < 32; bit++) {
		assert_int_equal(fls(1u << bit), bit + 1);
		assert_int_equal(fls((1u << bit) | 1), bit + 1);
	}
	for (bit = 0; bit < KMM_ARCH_WORD_BITS; bit++) {
		assert_int_equal(fls_long(1UL << bit), bit + 1);
		assert_int_equal(fls_long(~0UL >> bit), KMM_ARCH_WORD_BITS - bit);
		assert_int_equal(ffs_long(1UL << bit), bit + 1);
		assert_int_equal(ffs_long(~0UL << bit), bit + 1);
		assert_int_equal(ilog2(1UL << bit), bit);
		assert_int_equal(ilog2(~0UL >> bit), KMM_ARCH_WORD_BITS - 1 - bit);
	}
}

static void ilog2_of_a_constant_is_a_constant(void **state)
{
	static const int log2_of_page = ilog2(4096);

	(void)state;
	assert_int_equal(log2_of_page, 12);
}

static void double_word_is_aligned_to_its_size(void **state)
{
	(void)state;
	assert_int_equal(sizeof(kmm_dword), 2 * sizeof(long));
	assert_int_equal(_Alignof(kmm_dword), sizeof(kmm_dword));
	assert_int_equal(offsetof(kmm_dword, lo), 0);
}

struct mailbox {
	unsigned long plain, ready;
	unsigned int nr_bad;
};

static void send_or_receive(unsigned int index, void *arg)
{
	struct mailbox *box = arg;
	unsigned int turns = 0;
	unsigned long i;

	for (i = 1; i <= ROUNDS; i++) {
		/* ready is odd while a letter is in the box. */
		while (smp_load_acquire(&box->ready) % 2 != index)
			spin_turn(&turns);
		if (index == 0)
			box->plain = i;
		else if (box->plain != i)
			box->nr_bad++;
		smp_store_release(&box->ready, READ_ONCE(box->ready) + 1);
	}
}

static void release_hands_plain_writes_to_acquire(void **state)
{
	struct mailbox box = { 0, 0, 0 };

	(void)state;
	run_threads(2, send_or_receive, &box);
	assert_int_equal(box.nr_bad, 0);
	assert_int_equal(box.ready, 2 * ROUNDS);
}

/* The same through the two one-sided barriers. */
static void send_or_receive_by_barriers(unsigned int index, void *arg)
{
	struct mailbox *box = arg;
	unsigned int turns = 0;
	unsigned long i;

	for (i = 1; i <= ROUNDS; i++) {
		while (READ_ONCE(box->ready) % 2 != index)
			spin_turn(&turns);
		if (index == 0) {
			smp_mb(); /* the receiver has read the last letter before this one replaces it */
			WRITE_ONCE(box->plain, i);
			smp_wmb();
		} else {
			smp_rmb();
			if (READ_ONCE(box->plain) != i)
				box->nr_bad++;
			smp_mb();
		}
		WRITE_ONCE(box->ready, READ_ONCE(box->ready) + 1);
	}
}

static void write_barrier_pairs_with_read_barrier(void **state)
{
	struct mailbox box = { 0, 0, 0 };

	(void)state;
	run_threads(2, send_or_receive_by_barriers, &box);
	assert_int_equal(box.nr_bad, 0);
	assert_int_equal(box.ready, 2 * ROUNDS);
}

int main(void)
{
	const struct CMUnitTest common_tests[] = {
		cmocka_unit_test(fls_and_ffs_number_bits_from_1_and_0_has_none),
		cmocka_unit_test(ilog2_of_a_constant_is_a_constant),
		cmocka_unit_test(double_word_is_aligned_to_its_size),
		cmocka_unit_test(release_hands_plain_writes_to_acquire),
		cmocka_unit_test(write_barrier_pairs_with_read_barrier),
	};
	int failed;

	print_message("native form: %s\n", KMM_ARCH_NAME);
	failed = cmocka_run_group_tests(native_tests, NULL, NULL);
	failed += cmocka_run_group_tests(portable_tests, NULL, NULL);
	failed += cmocka_run_group_tests(common_tests, NULL, NULL);
	return failed;
}
