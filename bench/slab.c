/* SPDX-License-Identifier: MIT
 * slab.c - object caches and kmalloc, and the same for glibc's malloc.
 *
 * The compiler must neither know that malloc() gives fresh memory nor drop a pair whose memory nobody uses: every
 * pointer goes through bench_keep(). "Touched" means that the allocation is followed by a store into the object, as a
 * program would do; a slab allocator has the line in the cache then, one with its data elsewhere has not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kmm/kmm.h>

#include "bench.h"

#define OBJECT_SIZE 64
#define NR_CACHES 64 /* made and destroyed at once */
#define NR_TURNS 9

static struct kmem_cache *cache;
static void *objects[BULK];
static double stamps[BULK];
static volatile size_t runtime_size = OBJECT_SIZE;

typedef void *(*take_fn)(void);
typedef void (*give_fn)(void *object);

/* Always inlined with constant functions, so that no pointer is called. */
#define inlined static inline __attribute__((always_inline))

inlined void *cache_take(void)
{
	return kmem_cache_alloc(cache, GFP_KERNEL);
}

inlined void cache_give(void *object)
{
	kmem_cache_free(cache, object);
}

inlined void *kmalloc_take(void)
{
	return kmalloc(OBJECT_SIZE, GFP_KERNEL);
}

inlined void *kmalloc_take_runtime(void)
{
	return kmalloc(runtime_size, GFP_KERNEL);
}

inlined void kmalloc_give(void *object)
{
	kfree(object);
}

inlined void *malloc_take(void)
{
	return malloc(OBJECT_SIZE);
}

inlined void *malloc_take_runtime(void)
{
	return malloc(runtime_size);
}

inlined void malloc_give(void *object)
{
	free(object);
}

inlined void *checked(void *object, bool touch)
{
	if (!object)
		bench_fail("out of memory");
	if (touch)
		*(volatile long *)object = 1;
	bench_keep(object);
	return object;
}

inlined double pair_ns(take_fn take, give_fn give, bool touch, unsigned long pairs)
{
	const double start = bench_now();

	for (unsigned long i = 0; i < pairs; i++)
		give(checked(take(), touch));
	return (bench_now() - start) / (double)pairs;
}

inlined double pair(take_fn take, give_fn give, bool touch)
{
	return pair_ns(take, give, touch, bench_repeat(20));
}

/* The two rows that are divided by each other take turns within the round: a neighbour on the same core that comes or
 * goes would otherwise hit one of them only. */
static void ratio_round(void)
{
	const unsigned long pairs = bench_repeat(20.0 * NR_TURNS);
	double cas[NR_TURNS], cache_pair[NR_TURNS];

	for (int i = 0; i < NR_TURNS; i++) {
		cas[i] = cas_pair_ns(pairs);
		cache_pair[i] = pair_ns(cache_take, cache_give, false, pairs);
	}
	record(ROW_CAS_PAIR, REFERENCE, bench_median(cas, NR_TURNS));
	record(ROW_CACHE_PAIR, KMM, bench_median(cache_pair, NR_TURNS));
}

static void pair_round(void)
{
	record(ROW_CACHE_PAIR, GLIBC, pair(malloc_take, malloc_give, false));
	record("the same pair, object touched", KMM, pair(cache_take, cache_give, true));
	record("the same pair, object touched", GLIBC, pair(malloc_take, malloc_give, true));
	record("kmalloc + kfree, 64 known to the compiler", KMM, pair(kmalloc_take, kmalloc_give, false));
	record("kmalloc + kfree, 64 known to the compiler", GLIBC, pair(malloc_take, malloc_give, false));
	record("kmalloc + kfree, 64 known at run time", KMM, pair(kmalloc_take_runtime, kmalloc_give, false));
	record("kmalloc + kfree, 64 known at run time", GLIBC, pair(malloc_take_runtime, malloc_give, false));
}

enum order { IN_ORDER, REVERSE, RANDOM, NR_ORDERS };

inlined unsigned int nth(enum order order, unsigned int i)
{
	return order == IN_ORDER ? i : order == REVERSE ? BULK - 1 - i : random_order[i];
}

/* Adds the ns of one bulk to *alloc_ns and *free_ns. */
inlined void bulk_once(take_fn take, give_fn give, bool touch, enum order order, double *alloc_ns, double *free_ns)
{
	const double start = bench_now();
	double middle;

	for (unsigned int i = 0; i < BULK; i++)
		objects[i] = checked(take(), touch);
	middle = bench_now();
	for (unsigned int i = 0; i < BULK; i++)
		give(objects[nth(order, i)]);
	*free_ns += bench_now() - middle;
	*alloc_ns += middle - start;
}

/* What a free in one order leaves behind is what the next allocations find: each order has rounds of its own. */
inlined void bulk(take_fn take, give_fn give, bool touch, enum subject subject, const char *const rows[][2])
{
	const unsigned long times = bench_repeat(BULK * 25.0);

	for (int order = 0; order < NR_ORDERS; order++) {
		double alloc_ns = 0, free_ns = 0, unused = 0;

		bulk_once(take, give, touch, (enum order)order, &unused, &unused);
		for (unsigned long i = 0; i < times; i++)
			bulk_once(take, give, touch, (enum order)order, &alloc_ns, &free_ns);
		record(rows[order][0], subject, alloc_ns / (double)(times * BULK));
		record(rows[order][1], subject, free_ns / (double)(times * BULK));
	}
}

static void bulk_round(void)
{
	static const char *const rows[NR_ORDERS][2] = {
		{ "10 000 of 64 B, in order: allocate", "10 000 of 64 B, in order: free" },
		{ "10 000 of 64 B, reverse: allocate", "10 000 of 64 B, reverse: free" },
		{ "10 000 of 64 B, random: allocate", "10 000 of 64 B, random: free" },
	};
	static const char *const touched_rows[NR_ORDERS][2] = {
		{ "10 000 of 64 B touched, in order: allocate", "10 000 of 64 B touched, in order: free" },
		{ "10 000 of 64 B touched, reverse: allocate", "10 000 of 64 B touched, reverse: free" },
		{ "10 000 of 64 B touched, random: allocate", "10 000 of 64 B touched, random: free" },
	};

	bulk(cache_take, cache_give, false, KMM, rows);
	bulk(malloc_take, malloc_give, false, GLIBC, rows);
	bulk(cache_take, cache_give, true, KMM, touched_rows);
	bulk(malloc_take, malloc_give, true, GLIBC, touched_rows);
}

/* What reading the clock twice in a row says, usually. */
static double clock_cost(void)
{
	double before = bench_now();

	for (unsigned int i = 0; i < BULK; i++) {
		const double now = bench_now();

		stamps[i] = now - before;
		before = now;
	}
	return bench_median(stamps, BULK);
}

/* Each of 10 000 allocations on its own clock, less what the clock costs: good to a few ns, no better. */
inlined void latency(take_fn take, give_fn give, enum subject subject)
{
	const double cost = clock_cost();
	double before = bench_now();

	for (unsigned int i = 0; i < BULK; i++) {
		double now;

		objects[i] = checked(take(), false);
		now = bench_now();
		stamps[i] = now - before;
		before = now;
	}
	for (unsigned int i = 0; i < BULK; i++)
		give(objects[i]);
	record("one allocation of 10 000: p50", subject, bench_median(stamps, BULK) - cost); /* sorts */
	record("one allocation of 10 000: p99", subject, stamps[BULK / 100 * 99] - cost);
	record("one allocation of 10 000: p99.9", subject, stamps[BULK / 1000 * 999] - cost);
}

static void latency_round(void)
{
	latency(cache_take, cache_give, KMM);
	latency(malloc_take, malloc_give, GLIBC);
}

/* @nr caches of size after size, which are there while others come and go. */
static struct kmem_cache **make_others(unsigned int nr)
{
	struct kmem_cache **others = kcalloc(nr, sizeof(*others), GFP_KERNEL);
	char name[24];

	for (unsigned int i = 0; others && i < nr; i++) {
		snprintf(name, sizeof(name), "bench-other-%u", i);
		others[i] = kmem_cache_create(name, 8 * (i % 500 + 1), 0, SLAB_NO_MERGE, NULL);
		if (!others[i])
			bench_fail("out of memory");
	}
	return others;
}

static void destroy_others(struct kmem_cache **others, unsigned int nr)
{
	for (unsigned int i = 0; others && i < nr; i++)
		kmem_cache_destroy(others[i]);
	kfree(others);
}

/* NR_CACHES caches, never merged, so that each is really made; among @nr_others and those of the library itself. */
static void create_among(unsigned int nr_others, const char *create_row, const char *destroy_row)
{
	const unsigned long times = bench_repeat(NR_CACHES * (4000.0 + 20 * nr_others));
	struct kmem_cache **others = make_others(nr_others), *caches[NR_CACHES];
	char names[NR_CACHES][24];
	double create_ns = 0, destroy_ns = 0;

	for (int i = 0; i < NR_CACHES; i++)
		snprintf(names[i], sizeof(names[i]), "bench-%d", i);
	for (unsigned long t = 0; t < times; t++) {
		double start, middle;

		start = bench_now();
		for (int i = 0; i < NR_CACHES; i++) {
			caches[i] = kmem_cache_create(names[i], OBJECT_SIZE, 0, SLAB_NO_MERGE, NULL);
			if (!caches[i])
				bench_fail("out of memory");
		}
		middle = bench_now();
		for (int i = 0; i < NR_CACHES; i++)
			kmem_cache_destroy(caches[i]);
		destroy_ns += bench_now() - middle;
		create_ns += middle - start;
	}
	destroy_others(others, nr_others);
	record(create_row, KMM, create_ns / (double)(times * NR_CACHES));
	record(destroy_row, KMM, destroy_ns / (double)(times * NR_CACHES));
}

static void create_round(void)
{
	create_among(40, "kmem_cache_create", "kmem_cache_destroy");
	create_among(1000, "kmem_cache_create, 1000 others", "kmem_cache_destroy, 1000 others");
}

static bool cache_setup(void)
{
	cache = kmem_cache_create("bench-64", OBJECT_SIZE, 0, SLAB_NO_MERGE, NULL);
	return cache;
}

static void cache_teardown(void)
{
	kmem_cache_destroy(cache);
}

const struct bench_case slab_cases[] = {
	{ cache_setup, ratio_round, NULL },     /* and the cache is there for the following */
	{ NULL, pair_round, NULL },             /* an object at once given back */
	{ NULL, bulk_round, NULL },             /* many before one goes back */
	{ NULL, latency_round, NULL },          /* each on its own clock */
	{ NULL, create_round, cache_teardown }, /* caches themselves */
	{ NULL, NULL, NULL },
};
