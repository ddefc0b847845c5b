/* SPDX-License-Identifier: MIT
 * percpu_model_test.c - random operations on per-CPU memory against a shadow model.
 *
 * Usage: percpu_model_test [seed [steps]]. The seed is printed; the same seed makes the same run.
 *
 * Two layers: the map of one chunk, after each step compared bit by bit with what its hints say; and the whole
 * allocator, its areas filled with patterns on every CPU, its invariants proven.
 */
#include <stdlib.h>
#include <time.h>

#include "percpu/percpu_internal.h"
#include "support/random.h"
#include "support/world.h"

#define MAP_PAGES 8
#define MAP_BITS (MAP_PAGES * PCPU_BITMAP_BLOCK_BITS)
#define MAX_AREAS 4096

static uint64_t seed;
static unsigned long steps = 20000;

struct map_world {
	struct pcpu_map map;
	struct pcpu_block_md blocks[MAP_PAGES];
	unsigned long alloc[MAP_BITS / (8 * sizeof(long))];
	unsigned long bound[MAP_BITS / (8 * sizeof(long)) + 1];
	unsigned long populated[1];
	/* the shadow: 0 for free, else the length of the area at its first unit and -1 in the others */
	int shadow[MAP_BITS];
	int areas[MAX_AREAS];
	int nr_areas;
	struct test_random random;
};

static void map_world_init(struct map_world *w)
{
	memset(w, 0, sizeof(*w));
	w->map.nr_pages = MAP_PAGES;
	w->map.blocks = w->blocks;
	w->map.alloc = w->alloc;
	w->map.bound = w->bound;
	w->map.populated = w->populated;
	pcpu_map_init(&w->map);
	w->random.state = seed;
}

/* Mostly small, sometimes up to a whole map. */
static int random_bits(struct test_random *random, int max)
{
	int limit = 1 << test_random_below(random, 14);

	return 1 + (int)test_random_below(random, (unsigned long)(limit < max ? limit : max));
}

static int random_align(struct test_random *random)
{
	return test_random_below(random, 2) ? 1 : 1 << test_random_below(random, 11);
}

static void map_alloc(struct map_world *w)
{
	int bits = random_bits(&w->random, MAP_BITS), align = random_align(&w->random);
	bool pop_only = test_random_below(&w->random, 8) == 0;
	int start = pcpu_find_block_fit(&w->map, bits, align, pop_only), off, i;

	if (start < 0) {
		/* The longest run, aligned, must really be too short; only the search for populated pages may miss. */
		const struct pcpu_block_md *md = &w->map.chunk_md;

		if (!pop_only && align == 1)
			assert_true(md->contig_hint < bits);
		return;
	}
	off = pcpu_alloc_area(&w->map, bits, align, start);
	assert_true(off >= 0 && off + bits <= MAP_BITS);
	assert_int_equal(off % align, 0);
	for (i = off; i < off + bits; i++) {
		assert_int_equal(w->shadow[i], 0);
		w->shadow[i] = -1;
		if (pop_only)
			assert_true(bitmap_test(w->populated, (unsigned long)(i / PCPU_BITMAP_BLOCK_BITS)));
	}
	w->shadow[off] = bits;
	assert_true(w->nr_areas < MAX_AREAS);
	w->areas[w->nr_areas++] = off;
	/* As a request does. */
	if (!pop_only)
		pcpu_map_populated(&w->map, off / PCPU_BITMAP_BLOCK_BITS,
				   (off + bits - 1) / PCPU_BITMAP_BLOCK_BITS + 1);
}

static void map_free(struct map_world *w)
{
	int which, off, bits, i;

	if (!w->nr_areas)
		return;
	which = (int)test_random_below(&w->random, (unsigned long)w->nr_areas);
	off = w->areas[which];
	bits = w->shadow[off];
	w->areas[which] = w->areas[--w->nr_areas];
	assert_int_equal(pcpu_area_bits(&w->map, off), bits);
	pcpu_free_area(&w->map, off);
	for (i = off; i < off + bits; i++)
		w->shadow[i] = 0;
}

static void map_depopulate(struct map_world *w)
{
	int page = (int)test_random_below(&w->random, MAP_PAGES);

	if (pcpu_page_is_idle(&w->map, page))
		pcpu_map_depopulated(&w->map, page, page + 1);
}

static void map_compare(const struct map_world *w)
{
	char why[200];
	int i, inside = 0;

	if (pcpu_map_check(&w->map, why, sizeof(why)))
		fail_msg("%s", why);
	for (i = 0; i < MAP_BITS; i++) {
		if (w->shadow[i] > 0) {
			assert_true(bitmap_test(w->bound, (unsigned long)i));
			assert_true(bitmap_test(w->bound, (unsigned long)(i + w->shadow[i])));
			inside = w->shadow[i];
		} else if (inside) {
			assert_false(bitmap_test(w->bound, (unsigned long)i));
		}
		assert_int_equal(bitmap_test(w->alloc, (unsigned long)i), w->shadow[i] != 0);
		inside -= inside > 0;
	}
}

static void hints_stay_exact_under_random_operations(void **state)
{
	struct map_world *w = malloc(sizeof(*w));
	unsigned long step;

	(void)state;
	assert_non_null(w);
	map_world_init(w);
	for (step = 0; step < steps; step++) {
		/* It fills, then it empties, over and over. */
		unsigned long frees = step / 512 % 2 ? 60 : 40;
		unsigned long op = test_random_below(&w->random, 100);

		if (op < 3)
			map_depopulate(w);
		else if (op < frees)
			map_free(w);
		else
			map_alloc(w);
		map_compare(w);
	}
	while (w->nr_areas)
		map_free(w);
	map_compare(w);
	assert_int_equal(w->map.chunk_md.contig_hint, MAP_BITS);
	assert_int_equal(w->map.chunk_md.first_free, 0);
	free(w);
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
	area->size = (size_t)random_bits(random, (int)(PCPU_MIN_UNIT_SIZE / PCPU_MIN_ALLOC_SIZE)) * 4 -
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
	for (step = 0; step < steps / 10; step++) {
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
		cmocka_unit_test(hints_stay_exact_under_random_operations),
		cmocka_unit_test_setup_teardown(allocator_keeps_areas_apart_and_invariants_true, world_setup,
						world_teardown),
	};

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	if (argc > 2)
		steps = strtoul(argv[2], NULL, 0);
	printf("seed %llu, %lu steps\n", (unsigned long long)seed, steps);
	fflush(stdout);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
