/* SPDX-License-Identifier: MIT
 * percpu_model_test.c - random operations on per-CPU memory against a shadow model.
 *
 * Usage: percpu_model_test [seed [steps]]. The seed is printed; the same seed makes the same run. Seed 0 is the time.
 *
 * Two layers: the map of one chunk, after each step compared with a scan of the bitmap that the test keeps; and the whole
 * allocator, its areas filled with patterns on every CPU, its invariants proven.
 */
#include <stdlib.h>
#include <time.h>

#include "percpu/percpu_internal.h"
#include "support/random.h"
#include "support/world.h"

#define LONG_BITS ((int)(8 * sizeof(long)))
#define BLOCK_BITS PCPU_BITMAP_BLOCK_BITS
#define MAX_PAGES 64
#define MAX_BITS (MAX_PAGES * BLOCK_BITS)
#define MAX_WORDS (MAX_BITS / LONG_BITS)
#define MAX_AREAS 16384

static uint64_t seed;
static unsigned long steps = 1000000;

/* What a scan of the bitmap says of one block, or of all. */
struct scanned {
	int longest, left, right, first;
	bool contig_found, scan_found, scan_topped;
};

struct map_world {
	struct pcpu_map map;
	struct pcpu_block_md blocks[MAX_PAGES];
	unsigned long alloc[MAX_WORDS];
	unsigned long bound[MAX_WORDS + 1];
	unsigned long populated[MAX_PAGES / LONG_BITS + 1];
	/* the shadow: where areas lie, begin, and end, and the length of each at its first unit */
	unsigned long taken[MAX_WORDS], begins[MAX_WORDS + 1], ends[MAX_WORDS + 1];
	int length[MAX_BITS];
	int areas[MAX_AREAS];
	int nr_areas, nr_bits, free_bits;
	bool is_populated[MAX_PAGES];
	unsigned long orders; /* of the sizes of areas, for random_bits() */
	struct test_random random;
};

static void map_world_init(struct map_world *w, int nr_pages)
{
	memset(w, 0, sizeof(*w));
	w->nr_bits = w->free_bits = nr_pages * BLOCK_BITS;
	w->map.nr_pages = nr_pages;
	w->map.blocks = w->blocks;
	w->map.alloc = w->alloc;
	w->map.bound = w->bound;
	w->map.populated = w->populated;
	pcpu_map_init(&w->map);
	w->random.state = seed + (uint64_t)nr_pages;
}

static bool shadow_test(const unsigned long *words, int bit)
{
	return words[bit / LONG_BITS] >> (bit % LONG_BITS) & 1;
}

static void shadow_flip(unsigned long *words, int bit)
{
	words[bit / LONG_BITS] ^= 1UL << (bit % LONG_BITS);
}

/* Flips [@off, @off + @bits), all of which must be @was. */
static void shadow_flip_run(unsigned long *words, int off, int bits, bool was)
{
	int end = off + bits;

	while (off < end) {
		int in_word = off % LONG_BITS, nr = min_of(LONG_BITS - in_word, end - off);
		unsigned long mask = (nr == LONG_BITS ? ~0UL : (1UL << nr) - 1) << in_word;

		assert_int_equal(words[off / LONG_BITS] & mask, was ? mask : 0);
		words[off / LONG_BITS] ^= mask;
		off += nr;
	}
}

/* Mostly small, sometimes up to 2^(@orders - 1), but never more than @max. */
static int random_bits(struct test_random *random, unsigned long orders, int max)
{
	int limit = 1 << test_random_below(random, orders);

	return 1 + (int)test_random_below(random, (unsigned long)(limit < max ? limit : max));
}

static int random_align(struct test_random *random)
{
	return test_random_below(random, 2) ? 1 : 1 << test_random_below(random, 11);
}

static void map_alloc(struct map_world *w)
{
	int bits = random_bits(&w->random, w->orders, w->nr_bits), align = random_align(&w->random);
	bool pop_only = test_random_below(&w->random, 8) == 0;
	int start = pcpu_find_block_fit(&w->map, bits, align, pop_only), off, page;
	int last;

	if (start < 0) {
		/* The longest run, aligned, must really be too short; only the search for populated pages may miss. */
		if (!pop_only && align == 1)
			assert_true(w->map.chunk_md.contig_hint < bits);
		return;
	}
	if (w->nr_areas == MAX_AREAS)
		return;
	off = pcpu_alloc_area(&w->map, bits, align, start);
	assert_true(off >= 0 && off + bits <= w->nr_bits);
	assert_int_equal(off % align, 0);
	shadow_flip_run(w->taken, off, bits, false);
	shadow_flip(w->begins, off);
	shadow_flip(w->ends, off + bits);
	w->free_bits -= bits;
	w->length[off] = bits;
	w->areas[w->nr_areas++] = off;
	last = (off + bits - 1) / BLOCK_BITS;
	for (page = off / BLOCK_BITS; page <= last; page++) {
		assert_true(!pop_only || w->is_populated[page]);
		w->is_populated[page] = true;
	}
	/* As a request does. */
	if (!pop_only)
		pcpu_map_populated(&w->map, off / BLOCK_BITS, last + 1);
}

static void map_free(struct map_world *w)
{
	int which, off, bits;

	if (!w->nr_areas)
		return;
	which = (int)test_random_below(&w->random, (unsigned long)w->nr_areas);
	off = w->areas[which];
	bits = w->length[off];
	w->areas[which] = w->areas[--w->nr_areas];
	assert_int_equal(pcpu_area_bits(&w->map, off), bits);
	pcpu_free_area(&w->map, off);
	shadow_flip_run(w->taken, off, bits, true);
	shadow_flip(w->begins, off);
	shadow_flip(w->ends, off + bits);
	w->free_bits += bits;
}

/* Populates or depopulates some pages, in which no area lies. */
static void map_repopulate(struct map_world *w)
{
	int page = (int)test_random_below(&w->random, (unsigned long)w->map.nr_pages), end = page + 1;

	if (test_random_below(&w->random, 3) == 0) {
		end = page + 1 + (int)test_random_below(&w->random, (unsigned long)(w->map.nr_pages - page));
		pcpu_map_populated(&w->map, page, end);
		memset(w->is_populated + page, true, (size_t)(end - page));
	} else if (pcpu_page_is_idle(&w->map, page)) {
		pcpu_map_depopulated(&w->map, page, end);
		w->is_populated[page] = false;
	}
}

static void scan_start(struct scanned *s, const struct pcpu_block_md *md)
{
	*s = (struct scanned){ .first = md->nr_bits, .contig_found = !md->contig_hint, .scan_found = !md->scan_hint };
}

/* A free run, relative to what @md describes. Runs come in the order of their places. */
static void scan_run(struct scanned *s, const struct pcpu_block_md *md, int start, int end)
{
	int len = end - start;

	s->first = min_of(s->first, start);
	s->longest = max_of(s->longest, len);
	if (start == 0)
		s->left = len;
	if (end == md->nr_bits)
		s->right = len;
	s->contig_found |= start == md->contig_hint_start && len == md->contig_hint;
	s->scan_found |= start == md->scan_hint_start && len == md->scan_hint;
	s->scan_topped |= start < md->scan_hint_start && len > md->scan_hint;
}

static void scan_compare(const struct scanned *s, const struct pcpu_block_md *md, int index)
{
	bool scan_ok = !md->scan_hint ||
		       (s->scan_found && !s->scan_topped && md->scan_hint_start != md->contig_hint_start);

	if (md->contig_hint != s->longest || !s->contig_found)
		fail_msg("block %d: contig hint %d at %d, longest run is %d", index, md->contig_hint,
			 md->contig_hint_start, s->longest);
	if (md->left_free != s->left || md->right_free != s->right || md->first_free != s->first)
		fail_msg("block %d: left %d right %d first %d, really %d %d %d", index, md->left_free, md->right_free,
			 md->first_free, s->left, s->right, s->first);
	if (!scan_ok)
		fail_msg("block %d: scan hint %d at %d", index, md->scan_hint, md->scan_hint_start);
}

/* Tells @blocks of the parts of the free run [@start, @end) that they hold. */
static void scan_run_in_blocks(struct scanned *blocks, const struct map_world *w, int start, int end)
{
	while (start < end) {
		int index = start / BLOCK_BITS, base = index * BLOCK_BITS, to = min_of(end, base + BLOCK_BITS);

		scan_run(&blocks[index], &w->blocks[index], start - base, to - base);
		start = to;
	}
}

/* The first bit at or behind @bit that is @set, or @end: by words, with nothing of the library. */
static int shadow_next(const unsigned long *words, int bit, int end, bool set)
{
	while (bit < end) {
		unsigned long word = (set ? words[bit / LONG_BITS] : ~words[bit / LONG_BITS]) >> (bit % LONG_BITS);

		if (word)
			return min_of(bit + __builtin_ctzl(word), end);
		bit += LONG_BITS - bit % LONG_BITS;
	}
	return end;
}

static void compare_hints(const struct map_world *w)
{
	struct scanned blocks[MAX_PAGES], whole;
	int i, start, end, idle = 0;

	scan_start(&whole, &w->map.chunk_md);
	for (i = 0; i < w->map.nr_pages; i++)
		scan_start(&blocks[i], &w->blocks[i]);
	for (start = shadow_next(w->taken, 0, w->nr_bits, false); start < w->nr_bits;
	     start = shadow_next(w->taken, end, w->nr_bits, false)) {
		end = shadow_next(w->taken, start, w->nr_bits, true);
		scan_run(&whole, &w->map.chunk_md, start, end);
		scan_run_in_blocks(blocks, w, start, end);
	}
	scan_compare(&whole, &w->map.chunk_md, -1);
	for (i = 0; i < w->map.nr_pages; i++) {
		scan_compare(&blocks[i], &w->blocks[i], i);
		if (shadow_test(w->populated, i) != w->is_populated[i])
			fail_msg("page %d populated: %d", i, !w->is_populated[i]);
		idle += w->is_populated[i] && blocks[i].longest == BLOCK_BITS;
	}
	assert_int_equal(w->map.nr_empty_pop_pages, idle);
	assert_int_equal(w->map.free_bits, w->free_bits);
}

static void compare_bitmaps(const struct map_world *w)
{
	int i;

	/* A boundary inside an area is its start; there is one behind each end. */
	for (i = 0; i < w->nr_bits / LONG_BITS; i++) {
		if (w->alloc[i] != w->taken[i] || ((w->bound[i] ^ w->begins[i]) & w->taken[i]) ||
		    (w->ends[i] & ~w->bound[i]))
			fail_msg("bitmaps differ in word %d", i);
	}
	if (w->ends[i] & ~w->bound[i])
		fail_msg("no boundary at the end");
}

static void random_operations(int nr_pages, unsigned long nr_steps)
{
	struct map_world *w = malloc(sizeof(*w));
	unsigned long step, left = 0, frees = 60;

	assert_non_null(w);
	map_world_init(w, nr_pages);
	for (step = 0; step < nr_steps; step++) {
		unsigned long op = test_random_below(&w->random, 100);

		/* It fills, then it empties, over and over, with areas of other sizes each time. */
		if (!left--) {
			left = 512 + test_random_below(&w->random, 4096);
			w->orders = 3 + test_random_below(&w->random, 12);
			frees = 100 - frees;
		}
		if (op < 3)
			map_repopulate(w);
		else if (op < frees)
			map_free(w);
		else
			map_alloc(w);
		compare_hints(w);
		compare_bitmaps(w);
	}
	while (w->nr_areas)
		map_free(w);
	compare_hints(w);
	assert_int_equal(w->map.chunk_md.contig_hint, w->nr_bits);
	assert_int_equal(w->map.chunk_md.first_free, 0);
	free(w);
}

static void hints_of_the_smallest_unit_stay_exact_under_random_operations(void **state)
{
	(void)state;
	random_operations(8, steps);
}

static void hints_of_a_unit_of_16_pages_stay_exact_under_random_operations(void **state)
{
	(void)state;
	random_operations(16, steps / 2);
}

static void hints_of_a_unit_of_64_pages_stay_exact_under_random_operations(void **state)
{
	(void)state;
	random_operations(MAX_PAGES, steps / 5);
}

struct area {
	unsigned char __percpu *ptr;
	size_t size;
	unsigned char pattern;
};

static struct area areas[MAX_AREAS];
static unsigned int nr_areas;

static void area_check(const struct area *area, unsigned char expected, bool also_fill, unsigned char fill)
{
	unsigned int cpu;
	size_t i;

	for_each_possible_cpu(cpu) {
		unsigned char *p = per_cpu_ptr(area->ptr, cpu);

		for (i = 0; i < area->size; i++) {
			if (p[i] != (unsigned char)(expected ? expected + cpu : 0))
				fail_msg("byte %zu of %zu on CPU %u is %#x, wrote %#x", i, area->size, cpu, p[i],
					 expected);
		}
		if (also_fill)
			memset(p, (unsigned char)(fill + cpu), area->size);
	}
}

static void whole_alloc(struct test_random *random)
{
	struct area *area = &areas[nr_areas];
	size_t align = (size_t)1 << test_random_below(random, PAGE_SHIFT + 1);
	gfp_t gfp = test_random_below(random, 4) ? GFP_KERNEL : GFP_NOWAIT;

	if (nr_areas == MAX_AREAS)
		return;
	area->size = (size_t)random_bits(random, 14, (int)(PCPU_MIN_UNIT_SIZE / PCPU_MIN_ALLOC_SIZE)) * 4 -
		     test_random_below(random, 4);
	if (test_random_below(random, 3))
		align = 1;
	area->ptr = __alloc_percpu_gfp(area->size, align, gfp | __GFP_NOWARN);
	if (!area->ptr)
		return;
	assert_int_equal((uintptr_t)area->ptr % align, 0);
	assert_true(percpu_is_dynamic(area->ptr));
	area->pattern = (unsigned char)(1 + test_random_below(random, 200));
	area_check(area, 0, true, area->pattern);
	nr_areas++;
}

static void whole_free(struct test_random *random)
{
	unsigned int which;

	if (!nr_areas)
		return;
	which = (unsigned int)test_random_below(random, nr_areas);
	area_check(&areas[which], areas[which].pattern, false, 0);
	free_percpu(areas[which].ptr);
	areas[which] = areas[--nr_areas];
}

static void allocator_keeps_areas_apart_and_invariants_true(void **state)
{
	struct test_random random = { .state = seed };
	unsigned long step, free_before;

	(void)state;
	percpu_trim();
	free_before = nr_free_pages();
	nr_areas = 0;
	for (step = 0; step < steps / 500; step++) {
		unsigned long frees = step / 256 % 2 ? 60 : 35, op = test_random_below(&random, 200);

		if (op == 0)
			percpu_trim();
		else if (op / 2 < frees)
			whole_free(&random);
		else
			whole_alloc(&random);
		kmm_validate_percpu();
	}
	while (nr_areas)
		whole_free(&random);
	/* What would be populated ahead now is not lost. */
	pcpu_balance_suspend_for_test(true);
	percpu_trim();
	kmm_validate_percpu();
	assert_int_equal(nr_free_pages(), free_before);
	world_expect_silence();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hints_of_the_smallest_unit_stay_exact_under_random_operations),
		cmocka_unit_test(hints_of_a_unit_of_16_pages_stay_exact_under_random_operations),
		cmocka_unit_test(hints_of_a_unit_of_64_pages_stay_exact_under_random_operations),
		cmocka_unit_test_setup_teardown(allocator_keeps_areas_apart_and_invariants_true, world_setup,
						world_teardown),
	};

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	if (!seed)
		seed = (uint64_t)time(NULL);
	if (argc > 2)
		steps = strtoul(argv[2], NULL, 0);
	printf("seed %llu, %lu steps\n", (unsigned long long)seed, steps);
	fflush(stdout);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
