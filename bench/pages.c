/* SPDX-License-Identifier: MIT
 * pages.c - the page allocator.
 */
#include <string.h>

#include <kmm/kmm.h>

#include "bench.h"

static struct page *pages[BULK];

static void page_pair(const char *row, unsigned int order, double guess_ns)
{
	const unsigned long pairs = bench_repeat(guess_ns);
	const double start = bench_now();

	for (unsigned long i = 0; i < pairs; i++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		if (!page)
			bench_fail("out of pages");
		bench_keep(page);
		__free_pages(page, order);
	}
	record(row, KMM, (bench_now() - start) / (double)pairs);
}

static void pair_round(void)
{
	page_pair("alloc_page + __free_page, a pair", 0, 40);
	page_pair("order 3, a pair", 3, 40);
	page_pair("order 9, a pair", 9, 200);
	page_pair("order 10, a pair", 10, 200);
}

static void bulk_round(void)
{
	const unsigned long times = bench_repeat(BULK * 60.0);
	double alloc_ns = 0, free_ns = 0;

	for (unsigned long t = 0; t < times; t++) {
		const double start = bench_now();
		double middle;

		for (unsigned int i = 0; i < BULK; i++) {
			pages[i] = alloc_page(GFP_KERNEL);
			if (!pages[i])
				bench_fail("out of pages");
		}
		middle = bench_now();
		for (unsigned int i = 0; i < BULK; i++)
			__free_page(pages[random_order[i]]);
		free_ns += bench_now() - middle;
		alloc_ns += middle - start;
	}
	record("10 000 pages: allocate", KMM, alloc_ns / (double)(times * BULK));
	record("10 000 pages: free in random order", KMM, free_ns / (double)(times * BULK));
}

/* Several parts in a row, so that the clock is not most of what is measured. */
#define PART 64
#define PARTS 4

static void part_round(void)
{
	const unsigned long times = bench_repeat(PARTS * PART * 10.0);
	struct page *parts[PARTS][PART];
	double alloc_ns = 0, free_ns = 0;

	for (unsigned long t = 0; t < times; t++) {
		double start, middle;

		memset(parts, 0, sizeof(parts));
		start = bench_now();
		for (unsigned int i = 0; i < PARTS; i++)
			if (alloc_pages_bulk(GFP_KERNEL, PART, parts[i]) != PART)
				bench_fail("out of pages");
		middle = bench_now();
		for (unsigned int i = 0; i < PARTS; i++)
			release_pages(parts[i], PART);
		free_ns += bench_now() - middle;
		alloc_ns += middle - start;
	}
	record("page bulk of 64: allocate", KMM, alloc_ns / (double)(times * PARTS * PART));
	record("page bulk of 64: release", KMM, free_ns / (double)(times * PARTS * PART));
}

const struct bench_case page_cases[] = {
	{ NULL, pair_round, NULL },
	{ NULL, bulk_round, NULL },
	{ NULL, part_round, NULL },
	{ NULL, NULL, NULL },
};
