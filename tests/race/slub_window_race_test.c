/* SPDX-License-Identifier: MIT
 * slub_window_race_test.c - at every race point that an operation passes without a lock, everything that others might do there.
 *
 * usage: slub_window_race_test [SEED]
 *
 * How:    an operation runs, and at its n-th point one intrusion is done, by the same thread in the place of another one: the
 *         locks do not know the difference, for none is held. So for all n, all operations and all intrusions, on slabs in all
 *         states; and for some of the many ways in which several can come. Then every object has to be there once.
 * Owns:   kmm_race_hook.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "slub_window_scene.h"

#include "base/race.h"
#include "slub/alloc.h"
#include "support/random.h"

static struct test_random dice;

/* What is done: by the thread itself, or by others in the middle of it. Operations begin on CPU 0. */

static void alloc_one(void)
{
	put(&taken, kmem_cache_alloc(cache, GFP_KERNEL));
}

static void alloc_on_the_other_node(void)
{
	put(&taken, cache_alloc_node(cache, GFP_KERNEL, 1));
}

static void alloc_bulk(void)
{
	void *objects[NR + 4];

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, NR + 4, objects), NR + 4);
	for (unsigned int i = 0; i < NR + 4; i++)
		put(&taken, objects[i]);
}

static void alloc_few(void)
{
	void *objects[3];

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3, objects), 3);
	for (unsigned int i = 0; i < 3; i++)
		put(&taken, objects[i]);
}

static void use_up_the_slab_at_hand(void)
{
	fill(&taken, NR);
}

static void free_at_hand(void)
{
	kmem_cache_free(cache, pop(&at_hand));
}

static void free_at_hand_from_cpu_1(void)
{
	cpu_id_pin(1);
	kmem_cache_free(cache, pop(&at_hand));
	cpu_id_pin(0);
}

static void free_all_at_hand(void)
{
	while (at_hand.nr)
		free_at_hand();
}

static void free_partial(void)
{
	kmem_cache_free(cache, pop(&partial));
}

static void free_full(void)
{
	kmem_cache_free(cache, pop(&full));
}

static void free_full_from_cpu_3(void)
{
	cpu_id_pin(3);
	free_full();
	cpu_id_pin(0);
}

/* Empty now, or near it. */
static void free_listed(void)
{
	kmem_cache_free(cache, pop(&listed));
}

static void free_bulk(void)
{
	void *objects[] = { pop(&full), pop(&at_hand), pop(&at_hand), pop(&listed),
			    pop(&full), pop(&full),    pop(&partial) };

	kmem_cache_free_bulk(cache, ARRAY_SIZE(objects), objects);
}

static void flush_cpu_0(void)
{
	flush_cpu_slab(cache, 0);
}

static void flush_and_come_back(void)
{
	flush_cpu_slab(cache, 0);
	alloc_one();
}

static void shrink(void)
{
	kmem_cache_shrink(cache);
}

static void go_to_cpu_2(void)
{
	cpu_id_pin(2);
}

static void (*const operations[])(void) = {
	alloc_one, alloc_on_the_other_node, alloc_bulk,  alloc_few, free_at_hand, free_at_hand_from_cpu_1, free_partial,
	free_full, free_full_from_cpu_3,    free_listed, free_bulk,
};

static void (*const intrusions[])(void) = {
	alloc_one,
	alloc_on_the_other_node,
	alloc_bulk,
	alloc_few,
	use_up_the_slab_at_hand,
	free_at_hand,
	free_at_hand_from_cpu_1,
	free_all_at_hand,
	free_partial,
	free_full,
	free_full_from_cpu_3,
	free_listed,
	free_bulk,
	flush_cpu_0,
	flush_and_come_back,
	shrink,
	go_to_cpu_2,
};

/* What happens next, and how many points of the operation, or of what happened last, are passed before. */
struct intrusion {
	void (*what)(void);
	unsigned int points;
};

static struct intrusion plan[3];
static unsigned int planned, done;

static bool no_lock_is_held(void)
{
	struct kmem_cache_node *n;
	bool busy = false;

	for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++) {
		pthread_mutex_t *mutex = &cpu_lock(cpu)->mutex;

		if (pthread_mutex_trylock(mutex))
			busy = true;
		else
			pthread_mutex_unlock(mutex);
	}
	for_each_kmem_cache_node(cache, nid, n) {
		if (kmm_spin_trylock_raw(&n->list_lock))
			smp_store_release(&n->list_lock.locked, 0U);
		else
			busy = true;
	}
	return !busy;
}

static void hook(const char *point)
{
	(void)point;
	if (done < planned && no_lock_is_held() && !plan[done].points--)
		plan[done++].what();
}

static int start(const char *options)
{
	if (world_start(options, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("windows", 256, 0, SLAB_NO_MERGE, NULL);
	kmm_race_hook = hook;
	return cache && oo_objects(cache->oo) == NR ? 0 : -1;
}

static int setup(void **state)
{
	(void)state;
	return start("background=off");
}

static int setup_two_nodes(void **state)
{
	(void)state;
	return start("background=off numa=fake=2");
}

static int teardown(void **state)
{
	kmm_race_hook = NULL;
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

/* Carries out the first @nr of the plan. Returns whether all had their points. */
static bool intrude(void (*operation)(void), unsigned int nr, unsigned int in_listed, unsigned int left_at_hand)
{
	set_scene(in_listed, left_at_hand);
	done = 0;
	planned = nr;
	operation();
	planned = 0;
	cpu_id_pin(0);
	check_and_clear();
	return done == nr;
}

static void all_windows(unsigned int in_listed, unsigned int left_at_hand)
{
	unsigned int nr = 0;

	for (unsigned int o = 0; o < ARRAY_SIZE(operations); o++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(intrusions); i++) {
			const unsigned int before = nr;

			do
				plan[0] = (struct intrusion){ intrusions[i], nr++ - before };
			while (intrude(operations[o], 1, in_listed, left_at_hand));
			assert_true(nr - before > 1);
		}
	}
	printf("%u windows\n", nr);
}

static void nothing_is_lost_or_doubled_in_any_window(void **state)
{
	(void)state;
	all_windows(1, 5);
}

static void nor_when_the_slab_at_hand_is_used_up(void **state)
{
	(void)state;
	all_windows(2, 0);
}

static void nor_when_its_last_object_is_next(void **state)
{
	(void)state;
	all_windows(2, 1);
}

static void nor_without_partial_slabs_of_the_cpu(void **state)
{
	(void)state;
	cache->cpu_partial = 0;
	all_windows(1, 5);
}

static void nor_when_the_node_keeps_no_empty_slab(void **state)
{
	(void)state;
	cache->min_partial = 0;
	all_windows(1, 3);
}

/* Up to three, in the operation or in each other. */
static void nor_when_several_come_at_once(void **state)
{
	unsigned int nr = 0;

	(void)state;
	for (unsigned int i = 0; i < 4000; i++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(plan); k++)
			plan[k] = (struct intrusion){ intrusions[test_random_below(&dice, ARRAY_SIZE(intrusions))],
						      (unsigned int)test_random_below(&dice, 6) };
		cache->cpu_partial = test_random_below(&dice, 2) ? 13 : 0;
		cache->min_partial = test_random_below(&dice, 2) ? 5 : 0;
		nr += intrude(operations[test_random_below(&dice, ARRAY_SIZE(operations))], ARRAY_SIZE(plan),
			      1 + (unsigned int)test_random_below(&dice, 3), (unsigned int)test_random_below(&dice, 6));
	}
	assert_true(nr > 1000);
}

#define WINDOWS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WINDOWS_OF_NODES(test) cmocka_unit_test_setup_teardown(test, setup_two_nodes, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WINDOWS(nothing_is_lost_or_doubled_in_any_window),
		WINDOWS(nor_when_the_slab_at_hand_is_used_up),
		WINDOWS(nor_when_its_last_object_is_next),
		WINDOWS(nor_without_partial_slabs_of_the_cpu),
		WINDOWS(nor_when_the_node_keeps_no_empty_slab),
		WINDOWS_OF_NODES(nothing_is_lost_or_doubled_in_any_window),
		WINDOWS_OF_NODES(nor_when_the_slab_at_hand_is_used_up),
		WINDOWS_OF_NODES(nor_when_the_node_keeps_no_empty_slab),
		WINDOWS_OF_NODES(nor_when_several_come_at_once),
	};

	dice.state = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)dice.state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
