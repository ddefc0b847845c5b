/* SPDX-License-Identifier: MIT
 * text_stats_test.c - percpu_stats: the kernel's bytes, the truth of every figure, and streams that call back.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fopencookie() */
#endif

#include <errno.h>
#include <limits.h>

#include "small_world.h"
#include "stats_reader.h"
#include "support/random.h"
#include "support/reclaim_fake.h"
#include "support/threads.h"

#define UNIT 0x8000
/* Where the first chunk's dynamic part starts, bits of the maps. */
#define FIRST_BIT ((EXACT_STATIC + EXACT_RESERVED) / 4)

static int setup(void **state)
{
	if (small_world_setup(state))
		return -1;
	pcpu_balance_suspend_for_test(true);
	return 0;
}

static int teardown(void **state)
{
	fake_reclaim_remove();
	return small_world_teardown(state);
}

static char text[1 << 16];

static const char *stats_text(void)
{
	FILE *file = fmemopen(text, sizeof(text), "w");

	assert_non_null(file);
	assert_int_equal(kmm_percpu_stats(file), 0);
	assert_true(ftell(file) < (long)sizeof(text));
	assert_int_equal(fclose(file), 0);
	return text;
}

static const struct read_stats *stats_read(void)
{
	static struct read_stats stats;

	read_stats(stats_text(), &stats);
	return &stats;
}

static char __percpu *alloc(size_t size)
{
	char __percpu *ptr = __alloc_percpu(size, 4);

	assert_non_null(ptr);
	return ptr;
}

#define INFO                                         \
	"Percpu Memory Statistics\n"                 \
	"Allocation Info:\n"                         \
	"----------------------------------------\n" \
	"  unit_size           :        32768\n"     \
	"  static_size         :         7424\n"     \
	"  reserved_size       :         8192\n"     \
	"  dyn_size            :        12288\n"     \
	"  atom_size           :         4096\n"     \
	"  alloc_size          :        32768\n"     \
	"\n"                                         \
	"Global Stats:\n"                            \
	"----------------------------------------\n"

#define PER_CHUNK            \
	"\n"                 \
	"Per Chunk Stats:\n" \
	"----------------------------------------\n"

static void a_world_without_an_area(void **state)
{
	(void)state;
	assert_string_equal(stats_text(),
			    INFO "  nr_alloc            :            0\n"
				 "  nr_dealloc          :            0\n"
				 "  nr_cur_alloc        :            0\n"
				 "  nr_max_alloc        :            0\n"
				 "  nr_chunks           :            1\n"
				 "  nr_max_chunks       :            1\n"
				 "  min_alloc_size      :            0\n"
				 "  max_alloc_size      :            0\n"
				 "  empty_pop_pages     :            2\n" PER_CHUNK "Chunk: <- Reserved Chunk\n"
				 "  nr_alloc            :            0\n"
				 "  max_alloc_size      :            0\n"
				 "  empty_pop_pages     :            1\n"
				 "  first_bit           :         1856\n"
				 "  free_bytes          :         8192\n"
				 "  contig_bytes        :         8192\n"
				 "  sum_frag            :            0\n"
				 "  max_frag            :            0\n"
				 "  cur_min_alloc       :            0\n"
				 "  cur_med_alloc       :            0\n"
				 "  cur_max_alloc       :            0\n"
				 "\n"
				 "Chunk: <- First Chunk\n"
				 "  nr_alloc            :            0\n"
				 "  max_alloc_size      :            0\n"
				 "  empty_pop_pages     :            2\n"
				 "  first_bit           :         3904\n"
				 "  free_bytes          :        12288\n"
				 "  contig_bytes        :        12288\n"
				 "  sum_frag            :            0\n"
				 "  max_frag            :            0\n"
				 "  cur_min_alloc       :            0\n"
				 "  cur_med_alloc       :            0\n"
				 "  cur_max_alloc       :            0\n"
				 "\n");
}

/* Areas of 16, 64 and 256 bytes with 4 and 8 bytes free between them, behind 32 bytes of the reserved part. */
static void make_holes(void)
{
	char __percpu *hole[2];

	assert_non_null(__alloc_reserved_percpu(32, 4));
	alloc(16);
	hole[0] = alloc(4);
	alloc(64);
	hole[1] = alloc(8);
	alloc(256);
	free_percpu(hole[0]);
	free_percpu(hole[1]);
}

static void holes_are_fragments_and_what_no_part_serves_is_nothing(void **state)
{
	(void)state;
	make_holes();
	assert_string_equal(stats_text(),
			    INFO "  nr_alloc            :            6\n"
				 "  nr_dealloc          :            2\n"
				 "  nr_cur_alloc        :            4\n"
				 "  nr_max_alloc        :            6\n"
				 "  nr_chunks           :            1\n"
				 "  nr_max_chunks       :            1\n"
				 "  min_alloc_size      :            4\n"
				 "  max_alloc_size      :          256\n"
				 "  empty_pop_pages     :            2\n" PER_CHUNK "Chunk: <- Reserved Chunk\n"
				 "  nr_alloc            :            1\n"
				 "  max_alloc_size      :           32\n"
				 "  empty_pop_pages     :            1\n"
				 "  first_bit           :         1864\n"
				 "  free_bytes          :         8160\n"
				 "  contig_bytes        :         8160\n"
				 "  sum_frag            :            0\n"
				 "  max_frag            :            0\n"
				 "  cur_min_alloc       :           32\n"
				 "  cur_med_alloc       :           32\n"
				 "  cur_max_alloc       :           32\n"
				 "\n"
				 "Chunk: <- First Chunk\n"
				 "  nr_alloc            :            3\n"
				 "  max_alloc_size      :          256\n"
				 "  empty_pop_pages     :            2\n"
				 "  first_bit           :         3908\n"
				 "  free_bytes          :        11952\n"
				 "  contig_bytes        :        11940\n"
				 "  sum_frag            :           12\n"
				 "  max_frag            :            8\n"
				 "  cur_min_alloc       :           16\n"
				 "  cur_med_alloc       :           64\n"
				 "  cur_max_alloc       :          256\n"
				 "\n");
}

/* Takes the chunk of @ptr out of the slots, onto the list of chunks to depopulate. */
static struct pcpu_chunk *isolate_chunk_of(const char __percpu *ptr)
{
	struct pcpu_chunk *chunk;

	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_of_locked((size_t)(ptr - pcpu_slices.base));
	pcpu_chunk_isolate_locked(chunk);
	kmm_spin_unlock(&pcpu_lock);
	return chunk;
}

static void sideline_chunk_of(const char __percpu *ptr)
{
	struct pcpu_chunk *chunk = isolate_chunk_of(ptr);

	kmm_spin_lock(&pcpu_lock);
	pcpu_chunk_sideline_locked(chunk);
	kmm_spin_unlock(&pcpu_lock);
}

static void chunks_have_their_titles_in_the_order_of_their_lists(void **state)
{
	static const struct read_chunk expected[] = {
		{ TITLE_RESERVED, { 0, 0, 1, 1856, 8192, 8192, 0, 0, 0, 0, 0 } },
		{ TITLE_PLAIN, { 1, 32768, 0, 8192, 0, 0, 0, 0, 32768, 32768, 32768 } },
		{ TITLE_FIRST, { 0, 0, 2, FIRST_BIT, 12288, 12288, 0, 0, 0, 0, 0 } },
		{ TITLE_PLAIN, { 1, 20480, 0, 5120, 12288, 12288, 0, 0, 20480, 20480, 20480 } },
		{ TITLE_SIDELINED, { 1, 28672, 0, 7168, 4096, 4096, 0, 0, 28672, 28672, 28672 } },
		{ TITLE_DEPOPULATE, { 0, 24576, 6, 0, 32768, 32768, 0, 0, 0, 0, 0 } },
	};
	char __percpu *sidelined, __percpu *depopulate;
	const struct read_stats *stats;

	(void)state;
	/* None has room for the next one. */
	sidelined = alloc(UNIT - PAGE_SIZE);
	depopulate = alloc(UNIT - 2 * PAGE_SIZE);
	alloc(UNIT);
	alloc(UNIT - 3 * PAGE_SIZE);
	sideline_chunk_of(sidelined);
	isolate_chunk_of(depopulate);
	free_percpu(depopulate);

	stats = stats_read();
	assert_int_equal(stats->nr_chunks, ARRAY_SIZE(expected));
	assert_memory_equal(stats->chunks, expected, sizeof(expected));
	assert_int_equal(stats->all[ALL_CHUNKS], 5);
	assert_int_equal(stats->all[ALL_EMPTY], 2);
}

/* The file of a kernel for ARM with one CPU. */
static const char kernel_text[] = "Percpu Memory Statistics\n"
				  "Allocation Info:\n"
				  "----------------------------------------\n"
				  "  unit_size           :        32768\n"
				  "  static_size         :            0\n"
				  "  reserved_size       :            0\n"
				  "  dyn_size            :        32768\n"
				  "  atom_size           :        32768\n"
				  "  alloc_size          :        32768\n"
				  "\n"
				  "Global Stats:\n"
				  "----------------------------------------\n"
				  "  nr_alloc            :          215\n"
				  "  nr_dealloc          :            5\n"
				  "  nr_cur_alloc        :          210\n"
				  "  nr_max_alloc        :          210\n"
				  "  nr_chunks           :            1\n"
				  "  nr_max_chunks       :            1\n"
				  "  min_alloc_size      :            4\n"
				  "  max_alloc_size      :          256\n"
				  "  empty_pop_pages     :            4\n"
				  "\n"
				  "Per Chunk Stats:\n"
				  "----------------------------------------\n"
				  "Chunk: <- First Chunk\n"
				  "  nr_alloc            :          210\n"
				  "  max_alloc_size      :          256\n"
				  "  empty_pop_pages     :            4\n"
				  "  first_bit           :         3699\n"
				  "  free_bytes          :        17972\n"
				  "  contig_bytes        :        17872\n"
				  "  sum_frag            :            0\n"
				  "  max_frag            :            0\n"
				  "  cur_min_alloc       :            4\n"
				  "  cur_med_alloc       :            4\n"
				  "  cur_max_alloc       :          256\n"
				  "\n";

static void a_reader_of_the_kernels_file_reads_ours(void **state)
{
	struct read_stats kernels;
	const struct read_stats *ours;

	(void)state;
	read_stats(kernel_text, &kernels);
	assert_int_equal(kernels.info[INFO_UNIT], 32768);
	assert_int_equal(kernels.all[ALL_CUR], 210);
	assert_int_equal(kernels.nr_chunks, 1);
	assert_int_equal(kernels.chunks[0].title, TITLE_FIRST);
	assert_int_equal(kernels.chunks[0].val[CHUNK_FIRST_BIT], 3699);

	make_holes();
	ours = stats_read();
	assert_int_equal(ours->info[INFO_STATIC], EXACT_STATIC);
	assert_int_equal(ours->nr_chunks, 2);
	assert_int_equal(ours->chunks[1].val[CHUNK_SUM_FRAG], 12);
}

#define NR_RANDOM 300

struct area {
	char __percpu *ptr; /* NULL: freed */
	int size;
};

static const struct read_chunk *first_chunk_read(void)
{
	const struct read_chunk *chunk = stats_read()->chunks;

	while (chunk->title != TITLE_FIRST)
		chunk++;
	return chunk;
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int compare_areas(const void *a, const void *b)
{
	const struct area *left = a, *right = b;

	return left->ptr < right->ptr ? -1 : left->ptr > right->ptr;
}

/* What the view must say of the first chunk when @areas, sorted by address, are all that is in it. */
static void expect_first_chunk(const struct area *areas, unsigned int nr)
{
	const unsigned long long *val = first_chunk_read()->val;
	char __percpu *end = pcpu_slices.base + EXACT_STATIC + EXACT_RESERVED;
	unsigned long long sum = 0, widest = 0;
	int sizes[NR_RANDOM] = { 0 };
	unsigned int i, live = 0;

	for (i = 0; i < nr; i++) {
		if (!areas[i].ptr)
			continue;
		sum += (unsigned long long)(areas[i].ptr - end);
		widest = max_of(widest, (unsigned long long)(areas[i].ptr - end));
		end = areas[i].ptr + areas[i].size;
		sizes[live++] = areas[i].size;
	}
	qsort(sizes, live, sizeof(sizes[0]), compare_ints);
	assert_int_equal(val[CHUNK_NR], live);
	assert_int_equal(val[CHUNK_SUM_FRAG], sum);
	assert_int_equal(val[CHUNK_MAX_FRAG], widest);
	assert_int_equal(val[CHUNK_CUR_MIN], sizes[0]);
	assert_int_equal(val[CHUNK_CUR_MED], sizes[(live - 1) / 2]);
	assert_int_equal(val[CHUNK_CUR_MAX], sizes[live - 1]);
}

static void figures_of_many_areas_are_those_of_sorting_them(void **state)
{
	struct test_random random = { 1 };
	struct area areas[NR_RANDOM];
	unsigned int nr = 0, live, victim;

	(void)state;
	/* As many as the first chunk holds. */
	while (nr < NR_RANDOM) {
		int size = 4 * (1 + (int)test_random_below(&random, 1UL << test_random_below(&random, 6)));
		char __percpu *ptr = alloc((size_t)size);

		if (ptr - pcpu_slices.base >= UNIT)
			break;
		areas[nr++] = (struct area){ ptr, size };
	}
	assert_true(nr > 100);
	qsort(areas, nr, sizeof(areas[0]), compare_areas);
	for (live = nr; live > 0; live--) {
		expect_first_chunk(areas, nr);
		do
			victim = (unsigned int)test_random_below(&random, nr);
		while (!areas[victim].ptr);
		free_percpu(areas[victim].ptr);
		areas[victim].ptr = NULL;
	}
}

static void a_failed_write_is_an_error(void **state)
{
	FILE *file = fopen("/dev/full", "w");

	(void)state;
	if (!file)
		skip();
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(kmm_percpu_stats(file), -EIO);
	fclose(file);
}

static void without_memory_nothing_is_written(void **state)
{
	const unsigned long nr_free = nr_free_pages();
	unsigned long n;
	int err = -ENOMEM;

	(void)state;
	for (n = 1; err; n++) {
		FILE *file = fmemopen(text, sizeof(text), "w");

		assert_non_null(file);
		buddy_inject_failure(n, false);
		err = kmm_percpu_stats(file);
		buddy_inject_failure(0, false);
		assert_int_equal(ftell(file) == 0, err != 0);
		if (err)
			assert_int_equal(err, -ENOMEM);
		fclose(file);
		assert_int_equal(nr_free_pages(), nr_free);
	}
	/* A copy of maps, and room for the figures. */
	assert_int_equal(n - 2, 2);
}

struct callback {
	unsigned int nr;
	char __percpu *last;
};

/* A chunk is made, one is proven, and what the call before got is freed: whichever lock the view held, it would show. */
static ssize_t write_and_allocate(void *cookie, const char *buf, size_t size)
{
	struct callback *callback = cookie;
	char __percpu *ptr = __alloc_percpu(UNIT, 4);

	(void)buf;
	kmm_validate_percpu();
	free_percpu(callback->last);
	callback->last = ptr;
	callback->nr++;
	return ptr ? (ssize_t)size : 0;
}

static void a_stream_may_call_the_library(void **state)
{
	struct callback callback = { .nr = 0 };
	FILE *file = fopencookie(&callback, "w", (cookie_io_functions_t){ .write = write_and_allocate });

	(void)state;
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(kmm_percpu_stats(file), 0);
	fclose(file);
	assert_true(callback.nr > 10);
	free_percpu(callback.last);
}

static struct page *hoard;
static unsigned int nr_reclaims, nr_units;
static unsigned long nr_free_then; /* when the units were there and the view had one page */

static void give_back_hoard(unsigned int nr)
{
	while (hoard && nr--) {
		struct page *page = hoard;

		hoard = page->next;
		__free_page(page);
	}
}

/* The view's first request gets a page and no more. While the second waits for memory, chunks are created. */
static void reclaim_and_create(char step)
{
	if (step != 'r')
		return;
	if (nr_reclaims++ == 0) {
		give_back_hoard(1);
		return;
	}
	give_back_hoard(UINT_MAX);
	for (; nr_units < 60; nr_units++)
		alloc(UNIT);
	nr_free_then = nr_free_pages();
}

static void chunks_that_come_while_room_is_made_for_them_are_written_too(void **state)
{
	const struct read_stats *stats;
	struct page *page;

	(void)state;
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		page->next = hoard;
		hoard = page;
	}
	fake_reclaim_install();
	fake_reclaim.act = reclaim_and_create;
	fake_reclaim.freed = 1;
	nr_reclaims = nr_units = 0;
	stats = stats_read();
	assert_int_equal(nr_reclaims, 2);
	assert_int_equal(stats->nr_chunks, 2 + 60);
	assert_int_equal(stats->all[ALL_CHUNKS], 1 + 60);
	assert_int_equal(nr_free_pages(), nr_free_then + 1);
}

static void a_cold_library_is_started_and_one_that_has_ended_has_nothing(void **state)
{
	static const struct read_stats nothing;

	(void)state;
	make_holes();
	kmm_boot_reset_for_test();
	assert_int_equal(stats_read()->nr_chunks, 2);
	assert_int_equal(stats_read()->all[ALL_ALLOC], 0);
	kmm_exit();
	assert_memory_equal(stats_read(), &nothing, sizeof(nothing));
	kmm_validate_percpu();
}

#define NR_THREADS 4

#define NR_THREADS 4
#define NR_READS 50

static char *read_texts[NR_READS];

static void read_often(void)
{
	size_t size;

	for (int i = 0; i < NR_READS; i++) {
		FILE *file = open_memstream(&read_texts[i], &size);

		if (!file || kmm_percpu_stats(file) || fclose(file))
			abort();
	}
}

/* Areas of many sizes, so that chunks come and go. */
static void allocate_and_free(unsigned int seed, const bool *stop)
{
	struct test_random random = { seed };
	char __percpu *kept[16] = { NULL };
	unsigned int i;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		char __percpu **slot = &kept[test_random_below(&random, ARRAY_SIZE(kept))];

		free_percpu(*slot);
		*slot = __alloc_percpu(1 + test_random_below(&random, 0x4000), 4);
		if (test_random_below(&random, 64) == 0)
			percpu_trim();
	}
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		free_percpu(kept[i]);
}

static void read_or_allocate(unsigned int index, void *stop)
{
	if (index) {
		allocate_and_free(index, stop);
		return;
	}
	read_often();
	__atomic_store_n((bool *)stop, true, __ATOMIC_RELAXED);
}

static void expect_one_moment(const struct read_chunk *chunk)
{
	const unsigned long long *val = chunk->val, nr = val[CHUNK_NR];
	unsigned long long size = UNIT, used;

	if (chunk->title == TITLE_RESERVED)
		size = EXACT_RESERVED;
	else if (chunk->title == TITLE_FIRST)
		size = EXACT_DYNAMIC;
	used = size - val[CHUNK_FREE];
	assert_true(nr * val[CHUNK_CUR_MIN] <= used && used <= nr * val[CHUNK_CUR_MAX]);
	assert_true(val[CHUNK_CUR_MIN] <= val[CHUNK_CUR_MED] && val[CHUNK_CUR_MED] <= val[CHUNK_CUR_MAX]);
	assert_true(val[CHUNK_CUR_MAX] <= val[CHUNK_MAX_SIZE]);
	assert_true(val[CHUNK_SUM_FRAG] <= val[CHUNK_FREE] && val[CHUNK_MAX_FRAG] <= val[CHUNK_CONTIG]);
}

static void figures_of_a_chunk_are_of_one_moment(void **state)
{
	struct read_stats stats;
	bool stop = false;

	(void)state;
	run_threads(NR_THREADS, read_or_allocate, &stop);
	for (int i = 0; i < NR_READS; i++) {
		read_stats(read_texts[i], &stats);
		for (unsigned int nr = 0; nr < stats.nr_chunks; nr++)
			expect_one_moment(&stats.chunks[nr]);
		free(read_texts[i]);
	}
	assert_int_equal(stats_read()->all[ALL_CUR], 0);
}

#define in_small_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_small_world(a_world_without_an_area),
		in_small_world(holes_are_fragments_and_what_no_part_serves_is_nothing),
		in_small_world(chunks_have_their_titles_in_the_order_of_their_lists),
		in_small_world(a_reader_of_the_kernels_file_reads_ours),
		in_small_world(figures_of_many_areas_are_those_of_sorting_them),
		in_small_world(a_failed_write_is_an_error),
		in_small_world(without_memory_nothing_is_written),
		in_small_world(a_stream_may_call_the_library),
		in_small_world(chunks_that_come_while_room_is_made_for_them_are_written_too),
		in_small_world(figures_of_a_chunk_are_of_one_moment),
		in_small_world(a_cold_library_is_started_and_one_that_has_ended_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
