/* SPDX-License-Identifier: MIT
 * slub_bulk_model_test.c - random bulk and single calls against a model: the set of objects that are in use.
 *
 * usage: slub_bulk_model_test [SEED [STEPS]]
 *
 * How:    an object that comes must not be in the set, and one that goes leaves it; the caches must count as many as the set. The
 *         arrays of bulk frees are of one cache, or of many and of kmalloc(), shuffled, with NULLs in between.
 */
#include <stdlib.h>
#include <time.h>

#include "support/random.h"
#include "support/slub_objects.h"
#include "support/world.h"

#include <kmm/kmalloc.h>

#include "slub/alloc.h"

#define MAX_LIVE 3000
#define MAX_BULK 120

struct live {
	void *object;
	unsigned int kind; /* index of caches[], or NR_CACHES: kmalloc */
	uint64_t stamp;
};

static const unsigned int sizes[] = { 8, 64, 256, 1000, 4096 };
#define NR_CACHES ARRAY_SIZE(sizes)

static const char *const names[NR_CACHES] = { "model-8", "model-64", "model-256", "model-1000", "model-4096" };
static struct kmem_cache *caches[NR_CACHES];
static struct live live[MAX_LIVE];
static unsigned int nr_live;
static struct test_random dice;
static uint64_t seed;
static unsigned long steps = 20000;

static unsigned int below(unsigned int limit)
{
	return (unsigned int)test_random_below(&dice, limit);
}

/* Its first eight bytes are the object's mark: who shares them is found out by the next one who looks. */
static void add(void *object, unsigned int kind)
{
	assert_non_null(object);
	live[nr_live] = (struct live){ object, kind, test_random_next(&dice) };
	memcpy(object, &live[nr_live].stamp, sizeof(uint64_t));
	nr_live++;
}

static void *remove_at(unsigned int i)
{
	const struct live l = live[i];

	live[i] = live[--nr_live];
	if (memcmp(l.object, &l.stamp, sizeof(l.stamp)) != 0)
		fail_msg("object %p of kind %u was given to another, too", l.object, l.kind);
	return l.object;
}

static void alloc_one(void)
{
	const unsigned int kind = below(NR_CACHES + 1);

	if (kind == NR_CACHES)
		add(kmalloc(8 + below(20000), GFP_KERNEL), kind);
	else
		add(cache_alloc_node(caches[kind], GFP_KERNEL, (int)below(4) - 1), kind);
}

static void alloc_many(void)
{
	const unsigned int kind = below(NR_CACHES), nr = below(MAX_BULK);
	void *objects[MAX_BULK];

	assert_int_equal(kmem_cache_alloc_bulk(caches[kind], GFP_KERNEL, nr, objects), nr);
	for (unsigned int i = 0; i < nr; i++)
		add(objects[i], kind);
}

static void free_one(void)
{
	const unsigned int i = below(nr_live), kind = live[i].kind;

	if (kind == NR_CACHES || below(2))
		kfree(remove_at(i));
	else
		kmem_cache_free(caches[kind], remove_at(i));
}

/* The newest, which are neighbours, or any; of one kind, or mixed. */
static void free_many(void)
{
	const unsigned int wanted = below(MAX_BULK), kind = below(NR_CACHES);
	const bool mixed = below(2), newest = below(2);
	void *objects[MAX_BULK];
	unsigned int nr = 0;

	for (unsigned int tries = 0; tries < wanted && nr_live; tries++) {
		const unsigned int i = newest ? nr_live - 1 : below(nr_live);

		if (!below(10))
			objects[nr++] = NULL;
		else if (mixed || live[i].kind == kind)
			objects[nr++] = remove_at(i);
	}
	if (mixed)
		kfree_bulk(nr, objects);
	else
		kmem_cache_free_bulk(caches[kind], nr, objects);
}

static void disturb(void)
{
	struct kmem_cache *s = caches[below(NR_CACHES)];

	switch (below(3)) {
	case 0:
		cpu_id_pin((int)below(WORLD_CPUS));
		break;
	case 1:
		flush_cpu_slab(s, below(WORLD_CPUS));
		break;
	default:
		kmem_cache_shrink(s);
	}
}

static void compare_counts(void)
{
	unsigned long want[NR_CACHES + 1] = { 0 };

	for (unsigned int i = 0; i < nr_live; i++)
		want[live[i].kind]++;
	for (unsigned int i = 0; i < NR_CACHES; i++) {
		kmm_validate_cache(caches[i]);
		assert_int_equal(objects_in_use(caches[i]), want[i]);
	}
}

static void step(void)
{
	const unsigned int what = below(100);

	if (what < 3)
		disturb();
	else if (nr_live + MAX_BULK > MAX_LIVE || (nr_live && what < 20))
		free_many();
	else if (what < 35)
		alloc_many();
	else if (nr_live && what < 65)
		free_one();
	else
		alloc_one();
}

static void run(const char *options)
{
	dice.state = seed;
	assert_int_equal(world_start(options, WORLD_LIMIT, WORLD_CPUS), 0);
	cpu_id_pin(0);
	for (unsigned int i = 0; i < NR_CACHES; i++) {
		caches[i] = kmem_cache_create(names[i], sizes[i], 0,
					      SLAB_NO_MERGE | (i == 2 ? SLAB_TYPESAFE_BY_RCU : 0), NULL);
		assert_non_null(caches[i]);
	}
	caches[1]->cpu_partial = 0;
	caches[3]->min_partial = 0;
	for (unsigned long i = 0; i < steps; i++) {
		step();
		if (i % 1000 == 0)
			compare_counts();
	}
	while (nr_live)
		kfree(remove_at(nr_live - 1));
	compare_counts();
	for (unsigned int i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(caches[i]);
	world_expect_silence();
}

static void one_node(void **state)
{
	(void)state;
	run("background=off");
}

static void two_nodes(void **state)
{
	(void)state;
	run("background=off numa=fake=2");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_node, world_teardown),
		cmocka_unit_test_teardown(two_nodes, world_teardown),
	};

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	if (argc > 2)
		steps = strtoul(argv[2], NULL, 0);
	printf("seed %llu, %lu steps\n", (unsigned long long)seed, steps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
