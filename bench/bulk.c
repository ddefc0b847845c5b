/* SPDX-License-Identifier: MIT
 * bulk.c - objects by the batch: one call that takes many, one that gives them back.
 */
#include <kmm/kmm.h>
#include <stdlib.h>

#include "bench.h"

#define BATCH_MAX 64

static struct kmem_cache *cache;
static void *batch[BATCH_MAX];

static bool bulk_setup(void)
{
	cache = kmem_cache_create("bench-bulk", 64, 0, SLAB_NO_MERGE, NULL);
	return cache;
}

static void bulk_teardown(void)
{
	kmem_cache_destroy(cache);
}

static double bulk_ns(size_t nr)
{
	const unsigned long times = bench_repeat(10.0 * (double)nr);
	const double start = bench_now();

	for (unsigned long i = 0; i < times; i++) {
		if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, nr, batch))
			bench_fail("out of memory");
		kmem_cache_free_bulk(cache, nr, batch);
	}
	return (bench_now() - start) / (double)(times * nr);
}

static double malloc_ns(size_t nr)
{
	const unsigned long times = bench_repeat(10.0 * (double)nr);
	const double start = bench_now();

	for (unsigned long i = 0; i < times; i++) {
		for (size_t j = 0; j < nr; j++) {
			batch[j] = malloc(64);
			if (!batch[j])
				bench_fail("out of memory");
		}
		for (size_t j = 0; j < nr; j++)
			free(batch[j]);
	}
	return (bench_now() - start) / (double)(times * nr);
}

static void bulk_round(void)
{
	record("bulk of 16, 64 B, alloc + free, an object", KMM, bulk_ns(16));
	record("bulk of 16, 64 B, alloc + free, an object", GLIBC, malloc_ns(16));
	record("bulk of 64, 64 B, alloc + free, an object", KMM, bulk_ns(64));
	record("bulk of 64, 64 B, alloc + free, an object", GLIBC, malloc_ns(64));
}

const struct bench_case bulk_cases[] = {
	{ bulk_setup, bulk_round, bulk_teardown },
	{ NULL, NULL, NULL },
};
