/* SPDX-License-Identifier: MIT
 * mobility_mix_test.c - grouping by mobility keeps pageblocks pure in a world that is four fifths full for long, so that large
 * blocks are to be had; and without it they are not.
 *
 * The seed is printed, and the first argument sets it; the second sets the number of steps. The threads of the mix are
 * on CPUs that change all the time, so the lists of all CPUs take part.
 */
#include <stdlib.h>

#include "support/mobility_mix.h"
#include "support/pages_world.h"

#define WORLD (256UL << 20)
#define NR_CPUS 4
#define CHUNK 100   /* steps on one CPU */
#define SAMPLES 100 /* looks at the world in a run */

static uint64_t seed = 1;
static unsigned long nr_steps = 1000000;
static struct mix mix;

/* With watermarks and per-CPU lists as they are in use, but memory stays with the library: no thread but ours. */
static void world_start(bool mobility)
{
	cpu_id_set_count(NR_CPUS);
	cpu_id_pin(0);
	capture_start();
	buddy_options_reset();
	buddy_options.numa_off = true;
	buddy_options.mobility = mobility;
	buddy_options.reporting_delay = 3600 * 1000;
	assert_int_equal(arena_start(WORLD), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	buddy_start_late();
}

static int teardown(void **state)
{
	(void)state;
	pages_world_stop();
	cpu_id_pin(-1);
	cpu_id_set_count(1);
	return 0;
}

/* The figures at the end of the mix. */
struct figures {
	double purity, large_share; /* percent */
};

static struct figures run_mix(void)
{
	struct figures figures;
	unsigned long free_before;

	free_before = nr_free_pages();
	mix_start(&mix, seed);
	while (mix.steps < nr_steps) {
		mix_run(&mix, CHUNK);
		cpu_id_pin((int)mix_below(&mix, NR_CPUS));
		if (mix.steps % (nr_steps / SAMPLES / CHUNK * CHUNK) == 0)
			mix_sample(&mix);
	}
	kmm_validate_pages();
	assert_true(mix.used > mix.mark - 2 * MIX_SLACK); /* four fifths */
	assert_true(mix.nr_samples >= SAMPLES);
	figures.purity = mix_purity(&mix);
	figures.large_share = mix_large_share(&mix);
	print_message(
		"%.1f %% pure, %.1f %% at worst; order 9 at once %lu of %lu times; %.1f %% of free memory in such blocks "
		"without the movable pages\n",
		figures.purity, mix.worst_purity, mix.nr_large, mix.nr_samples, figures.large_share);
	mix_end(&mix);
	assert_int_equal(nr_free_pages(), free_before);
	assert_silent();
	return figures;
}

static void grouped_pageblocks_stay_pure_and_large_requests_succeed(void **state)
{
	struct figures figures;

	(void)state;
	world_start(true);
	figures = run_mix();
	assert_int_equal(mix.nr_failed, 0);
	assert_true(figures.purity >= 95);
	assert_true(mix.worst_purity >= 95);
	assert_int_equal(mix.nr_large, mix.nr_samples);
	assert_true(figures.large_share >= 75);
}

/* The same mix shows that it is the grouping that does it. */
static void ungrouped_pageblocks_are_mixed(void **state)
{
	struct figures figures;

	(void)state;
	world_start(false);
	figures = run_mix();
	assert_int_equal(mix.nr_failed, 0);
	assert_true(figures.purity < 50);
	assert_true(figures.large_share < 50);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(grouped_pageblocks_stay_pure_and_large_requests_succeed, teardown),
		cmocka_unit_test_teardown(ungrouped_pageblocks_are_mixed, teardown),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		nr_steps = max_of(strtoul(argv[2], NULL, 0), 100000UL);
	printf("seed %llu, %lu steps\n", (unsigned long long)seed, nr_steps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
