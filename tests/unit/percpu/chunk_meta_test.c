/* SPDX-License-Identifier: MIT
 * chunk_meta_test.c - the bookkeeping of chunks lies side by side: pages come and go with the positions that touch them.
 */
#include "arena/os.h"
#include "support/percpu_world.h"
#include "support/random.h"

/* Positions that are looked at: the lowest, and those at the end of the range. */
#define NR_LOW 24
#define NR_LAST 8
#define NR (NR_LOW + NR_LAST)

static size_t stride;
static struct pcpu_chunk *place[NR]; /* NULL: not in use */
static unsigned long nr_free;        /* without any of them */

static size_t position_of(unsigned int i)
{
	return i < NR_LOW ? 1 + i : pcpu_nr_positions - NR + i;
}

/* Pages of the range that the places in use touch. */
static unsigned long pages_touched(void)
{
	size_t page, next = 0;
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < NR; i++) {
		size_t off = (position_of(i) - 1) * stride;

		for (page = off / PAGE_SIZE; place[i] && page <= (off + stride - 1) / PAGE_SIZE; page++) {
			if (page < next)
				continue;
			next = page + 1;
			nr++;
		}
	}
	return nr;
}

static void check(void)
{
	const unsigned char *bytes;
	unsigned int i;
	size_t off;

	assert_int_equal(nr_free - nr_free_pages(), pages_touched());
	for (i = 0; i < NR; i++) {
		bytes = (const unsigned char *)place[i];
		for (off = 0; bytes && off < stride; off++)
			assert_int_equal(bytes[off], 1 + i);
	}
}

/* A place is zeroed, and stands where its position says. */
static bool get(unsigned int i)
{
	const unsigned char *bytes;
	size_t off;

	kmm_lock(&pcpu_alloc_mutex);
	place[i] = pcpu_meta_get(position_of(i), GFP_KERNEL & ~__GFP_DIRECT_RECLAIM);
	kmm_unlock(&pcpu_alloc_mutex);
	if (!place[i])
		return false;
	bytes = (const unsigned char *)place[i];
	for (off = 0; off < stride; off++)
		assert_int_equal(bytes[off], 0);
	memset(place[i], (int)(1 + i), stride);
	return true;
}

static void put(unsigned int i)
{
	const unsigned long before = pages_touched();
	size_t bytes;

	kmm_lock(&pcpu_alloc_mutex);
	bytes = pcpu_meta_put(position_of(i));
	kmm_unlock(&pcpu_alloc_mutex);
	place[i] = NULL;
	assert_int_equal(bytes, (before - pages_touched()) << PAGE_SHIFT);
}

static void put_all(void)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		if (place[i])
			put(i);
	}
	assert_int_equal(nr_free_pages(), nr_free);
}

static int setup(void **state)
{
	if (quiet_world_setup(state))
		return -1;
	percpu_trim();
	assert_int_equal(pcpu_stats.nr_chunks, 1);
	stride = ALIGN_UP(pcpu_chunk_meta_size(pcpu_unit_pages), (size_t)64);
	memset(place, 0, sizeof(place));
	nr_free = nr_free_pages();
	return 0;
}

static void neighbours_share_pages(void **state)
{
	unsigned int i;

	(void)state;
	assert_true(stride < PAGE_SIZE && PAGE_SIZE % stride);
	for (i = 0; i < NR; i++) {
		assert_true(get(i));
		check();
	}
	assert_true(nr_free - nr_free_pages() < NR);
	/* From the middle, and both ends. */
	for (i = 0; i < NR; i += 2) {
		put(i);
		check();
	}
	put_all();
}

static void the_last_position_has_a_place(void **state)
{
	(void)state;
	assert_true(get(NR - 1));
	check();
	put(NR - 1);
	assert_int_equal(nr_free_pages(), nr_free);
}

static void pages_come_and_go_at_random(void **state)
{
	struct test_random random = { .state = 7 };
	unsigned int step, i;

	(void)state;
	for (step = 0; step < 3000; step++) {
		i = (unsigned int)test_random_below(&random, NR);
		if (place[i])
			put(i);
		else
			assert_true(get(i));
		check();
	}
	put_all();
}

/* Some requests for pages and some system calls fail: the position has no place then, and nothing else changes. */
static void failures_at_random_lose_nothing(void **state)
{
	struct test_random random = { .state = 8 };
	unsigned int step, i, failed = 0;

	(void)state;
	for (step = 0; step < 3000; step++) {
		i = (unsigned int)test_random_below(&random, NR);
		if (place[i]) {
			put(i);
		} else {
			if (test_random_below(&random, 2))
				buddy_inject_failure(1 + test_random_below(&random, 2), false);
			else
				os_inject_failure((unsigned int)(1 + test_random_below(&random, 4)));
			failed += !get(i);
			buddy_inject_failure(0, false);
			os_inject_failure(0);
		}
		check();
	}
	assert_true(failed > 100);
	put_all();
	world_expect_silence();
}

#define in_meta_world(test) cmocka_unit_test_setup_teardown(test, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_meta_world(neighbours_share_pages),
		in_meta_world(the_last_position_has_a_place),
		in_meta_world(pages_come_and_go_at_random),
		in_meta_world(failures_at_random_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
