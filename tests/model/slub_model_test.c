/* SPDX-License-Identifier: MIT
 * slub_model_test.c - random calls on caches and kmalloc against a shadow of what must be true.
 *
 * usage: slub_model_test [SEED [STEPS]]
 *
 * The shadow knows every live object: its bytes, its size, its fill. Objects must not overlap, keep their bytes, hold zeros
 * or the constructor's state when new, and be counted right by slabinfo's numbers. All invariants are proven on the way.
 */
#include <stdlib.h>
#include <time.h>

#include "support/world.h"

#include "slub/slub_internal.h"

#define NR_CACHES 6
#define MAX_LIVE 3000

struct live {
	unsigned char *bytes;
	size_t size;
	unsigned char fill;
	int cache; /* -1: kmalloc */
};

static struct {
	struct kmem_cache *s;
	unsigned int size;
	bool constructed;
	unsigned long live;
} caches[NR_CACHES];

static struct live live[MAX_LIVE];
static unsigned int nr_live;
static uint64_t seed;
static unsigned long nr_steps = 200000;

static uint64_t rnd_state;

static unsigned int rnd(unsigned int below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (unsigned int)(rnd_state >> 16) % below;
}

#define CONSTRUCTED 0xc7

static void ctor(void *object)
{
	memset(object, CONSTRUCTED, 16);
}

static void expect_fill(const struct live *o, unsigned char fill, const char *what)
{
	for (size_t i = 0; i < o->size; i++)
		if (o->bytes[i] != fill)
			fail_msg("seed %llu: object %p: byte %zu is %#x, not %s %#x", (unsigned long long)seed,
				 (void *)o->bytes, i, o->bytes[i], what, fill);
}

static void make_cache(int i)
{
	static const unsigned int aligns[] = { 0, 8, 64, 1024 };
	char name[24];

	caches[i].constructed = rnd(3) == 0;
	caches[i].size = 16 + rnd(rnd(4) ? 500 : 6000);
	/* Often enough the objects of another cache will do. */
	if (rnd(2) && caches[(i + 1) % NR_CACHES].size)
		caches[i].size = caches[(i + 1) % NR_CACHES].size;
	caches[i].live = 0;
	snprintf(name, sizeof(name), "model-%d", i);
	caches[i].s = kmem_cache_create(name, caches[i].size, aligns[rnd(4)], rnd(2) ? SLAB_HWCACHE_ALIGN : 0,
					caches[i].constructed ? ctor : NULL);
	assert_non_null(caches[i].s);
}

static void add_live(struct live o)
{
	o.fill = (unsigned char)rnd(256);
	memset(o.bytes, o.fill, o.size);
	live[nr_live++] = o;
}

static void step_cache_alloc(void)
{
	int i = (int)rnd(NR_CACHES);
	struct live o = { .cache = i, .size = caches[i].size };
	bool zero = !caches[i].constructed && rnd(2);

	o.bytes = zero ? kmem_cache_zalloc(caches[i].s, GFP_KERNEL) : kmem_cache_alloc(caches[i].s, GFP_KERNEL);
	assert_non_null(o.bytes);
	if (zero)
		expect_fill(&o, 0, "zero");
	if (caches[i].constructed) {
		struct live head = o;

		head.size = 16;
		expect_fill(&head, CONSTRUCTED, "constructed");
	}
	caches[i].live++;
	add_live(o);
}

static void step_kmalloc(void)
{
	struct live o = { .cache = -1, .size = 1 + rnd(rnd(8) ? 600 : 40000) };
	bool zero = rnd(2);

	o.bytes = zero ? kzalloc(o.size, GFP_KERNEL) : kmalloc(o.size, GFP_KERNEL);
	assert_non_null(o.bytes);
	assert_true(ksize(o.bytes) >= o.size);
	if (zero)
		expect_fill(&o, 0, "zero");
	add_live(o);
}

static void step_free(void)
{
	unsigned int i = rnd(nr_live);
	struct live o = live[i];

	expect_fill(&o, o.fill, "its fill");
	live[i] = live[--nr_live];
	if (o.cache < 0) {
		kfree(o.bytes);
		return;
	}
	if (caches[o.cache].constructed)
		memset(o.bytes, CONSTRUCTED, 16);
	caches[o.cache].live--;
	kmem_cache_free(caches[o.cache].s, o.bytes);
}

static void step_krealloc(void)
{
	struct live *o = &live[rnd(nr_live)];
	size_t size = 1 + rnd(20000), kept = size < o->size ? size : o->size;
	struct live old;

	if (o->cache >= 0)
		return;
	o->bytes = krealloc(o->bytes, size, GFP_KERNEL);
	assert_non_null(o->bytes);
	old = *o;
	old.size = kept;
	expect_fill(&old, o->fill, "its old fill");
	o->size = size;
	memset(o->bytes, o->fill, size);
}

static int by_address(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static void prove_all(void)
{
	static struct live sorted[MAX_LIVE];

	memcpy(sorted, live, nr_live * sizeof(live[0]));
	qsort(sorted, nr_live, sizeof(sorted[0]), by_address);
	for (unsigned int i = 0; i < nr_live; i++) {
		expect_fill(&sorted[i], sorted[i].fill, "its fill");
		if (i && sorted[i - 1].bytes + sorted[i - 1].size > sorted[i].bytes)
			fail_msg("seed %llu: %p and %p overlap", (unsigned long long)seed, (void *)sorted[i - 1].bytes,
				 (void *)sorted[i].bytes);
	}
	kmm_validate_slub();
	kmm_validate_pages();
	for (int i = 0; i < NR_CACHES; i++) {
		struct kmem_cache_node *n = get_node(caches[i].s, 0);

		assert_true(n->total_objects >= caches[i].live);
		if (!caches[i].live && rnd(2)) {
			kmem_cache_destroy(caches[i].s);
			make_cache(i);
		}
	}
	world_expect_silence();
}

static void random_calls_agree_with_the_shadow(void **state)
{
	unsigned long before;
	unsigned int target = MAX_LIVE / 2;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	for (int i = 0; i < NR_CACHES; i++)
		make_cache(i);
	for (unsigned long step = 0; step < nr_steps; step++) {
		unsigned int what = rnd(100);

		if (step % 5000 == 0)
			target = 1 + rnd(MAX_LIVE - 1);
		if (step % 20000 == 0)
			prove_all();
		if (what < 5)
			cpu_id_pin((int)rnd(WORLD_CPUS));
		if (what == 5)
			kmem_cache_shrink(caches[rnd(NR_CACHES)].s);
		else if (nr_live && what < 12)
			step_krealloc();
		else if (nr_live && (nr_live >= target ? what < 70 : what < 40))
			step_free();
		else if (nr_live < MAX_LIVE)
			rnd(2) ? step_cache_alloc() : step_kmalloc();
	}
	prove_all();
	while (nr_live)
		step_free();
	for (int i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(caches[i].s);
	world_expect_silence();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_calls_agree_with_the_shadow, world_setup, world_teardown),
	};

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	if (argc > 2)
		nr_steps = strtoul(argv[2], NULL, 0);
	printf("seed %llu, %lu steps\n", (unsigned long long)seed, nr_steps);
	rnd_state = seed * 2654435761u + 88172645463325252u;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
