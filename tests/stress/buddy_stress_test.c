/* SPDX-License-Identifier: MIT
 * buddy_stress_test.c - eight threads take blocks of pages of all orders and types, hand them over and free them, on CPUs that
 * change, while a ninth drains the lists, gives memory back and folds the counters.
 *
 * usage: buddy_stress_test [SECONDS [SEED]]
 *
 * The first and the last word of each page of a block say whose it is. Whoever takes it over looks: a page given to two owners
 * shows. At the end every page is back, and the events say how many came and went.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "support/pcp_world.h"
#include "support/random.h"

#define NR_THREADS 8
#define HELD 48
#define NR_SLOTS 64 /* blocks on their way to whoever comes next */
#define NR_CPUS 4

struct worker {
	pthread_t thread;
	unsigned int number;
	struct test_random random;
	struct page *held[HELD];
	unsigned long allocations, pages, handed_over, refused;
};

static struct worker workers[NR_THREADS];
static struct page *slots[NR_SLOTS]; /* atomic */
static bool stop;                    /* atomic */
static unsigned int seconds = 5;
static uint64_t seed;

static const gfp_t kinds[] = {
	GFP_KERNEL,
	GFP_KERNEL | __GFP_MOVABLE,
	GFP_KERNEL | __GFP_RECLAIMABLE,
	GFP_ATOMIC,
	GFP_NOWAIT | __GFP_MOVABLE,
	GFP_KERNEL | __GFP_ZERO,
	GFP_KERNEL | __GFP_ZERO | __GFP_MOVABLE,
	GFP_KERNEL | __GFP_COLD,
	GFP_KERNEL | __GFP_NORETRY,
};

/* Mostly small ones, as in life. */
static const unsigned char orders[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 9, 10 };

/* Not cmocka's assertion: it may only fail in the main thread. */
static void check(bool ok, const struct page *page, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pfn %#lx: %s\n", page_to_pfn(page), what);
	abort();
}

static uintptr_t *last_word(const struct page *page)
{
	return (uintptr_t *)((char *)page_address(page) + PAGE_SIZE) - 1;
}

static void stamp(struct page *page, unsigned int order)
{
	for (struct page *p = page; p < page + (1UL << order); p++) {
		*(uintptr_t *)page_address(p) = (uintptr_t)page;
		*last_word(p) = ~(uintptr_t)page;
	}
}

static void release(struct page *page, bool cold)
{
	const unsigned int order = page_alloc_order(page);

	for (struct page *p = page; p < page + (1UL << order); p++) {
		check(*(uintptr_t *)page_address(p) == (uintptr_t)page, p, "has another owner");
		check(*last_word(p) == ~(uintptr_t)page, p, "has another owner at its end");
	}
	if (cold && !order)
		free_hot_cold_page(page, true);
	else
		__free_pages(page, order);
}

static struct page *take(struct worker *w)
{
	const unsigned int order = orders[test_random_below(&w->random, ARRAY_SIZE(orders))];
	gfp_t gfp = kinds[test_random_below(&w->random, ARRAY_SIZE(kinds))] | __GFP_NOWARN;
	struct page *page;

	if (order && test_random_below(&w->random, 2))
		gfp |= __GFP_COMP;
	page = alloc_pages(gfp, order);
	if (!page) {
		w->refused++;
		return NULL;
	}
	check(page_refcount(page) == 1 && page_alloc_order(page) == order, page, "is not as it was asked for");
	if (gfp & __GFP_ZERO)
		for (struct page *p = page; p < page + (1UL << order); p++)
			check(!*(uintptr_t *)page_address(p) && !*last_word(p), p, "is not zero");
	stamp(page, order);
	w->allocations++;
	w->pages += 1UL << order;
	return page;
}

static void one_step(struct worker *w)
{
	struct page **held = &w->held[test_random_below(&w->random, HELD)];
	const unsigned long dice = test_random_below(&w->random, 100);

	if (dice < 2) {
		cpu_id_pin((int)test_random_below(&w->random, NR_CPUS));
	} else if (dice < 25) { /* what is there goes, what was left there comes */
		struct page **slot = &slots[test_random_below(&w->random, NR_SLOTS)];

		*held = __atomic_exchange_n(slot, *held, __ATOMIC_ACQ_REL);
		w->handed_over += *held != NULL;
	} else if (*held) {
		release(*held, dice < 35);
		*held = NULL;
	} else {
		*held = take(w);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	cpu_id_pin((int)(w->number % NR_CPUS));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		one_step(w);
	for (unsigned int i = 0; i < HELD; i++)
		if (w->held[i])
			release(w->held[i], false);
	return NULL;
}

/* What other CPUs, the background and users do at any time. */
static void *disturb(void *arg)
{
	const struct timespec pause = { .tv_nsec = 200 * 1000 };
	struct test_random random = { seed ^ 99 };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const unsigned int cpu = (unsigned int)test_random_below(&random, NR_CPUS);

		switch (test_random_below(&random, 8)) {
		case 0:
			drain_all_pages(NULL);
			break;
		case 1:
		case 2:
			drain_pages_zone(&kmm_zone, cpu);
			break;
		case 3:
			try_drain_all_pages();
			break;
		case 4:
			decay_pcp_high(&kmm_zone, cpu);
			break;
		case 5:
			refresh_vm_stats();
			break;
		case 6:
			buddy_trim();
			break;
		default:
			setup_zone_pageset(&kmm_zone);
			break;
		}
		nanosleep(&pause, NULL);
	}
	return arg;
}

static void eight_threads_hand_pages_over_and_lose_none(void **state)
{
	const unsigned long before = pages_unused();
	const struct timespec time = { .tv_sec = (time_t)seconds };
	unsigned long first[NR_VM_EVENT_ITEMS], last[NR_VM_EVENT_ITEMS];
	unsigned long allocations = 0, nr_pages = 0, handed_over = 0, refused = 0;
	pthread_t disturber;

	(void)state;
	all_vm_events(first);
	stop = false;
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){ .number = i, .random = { seed + i } };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	assert_int_equal(pthread_create(&disturber, NULL, disturb, NULL), 0);
	nanosleep(&time, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(disturber, NULL);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		allocations += workers[i].allocations;
		nr_pages += workers[i].pages;
		handed_over += workers[i].handed_over;
		refused += workers[i].refused;
	}
	kmm_validate_pages(); /* B9 among them, with what the threads left on the lists */
	for (unsigned int i = 0; i < NR_SLOTS; i++)
		if (slots[i])
			release(slots[i], false);
	memset(slots, 0, sizeof(slots));

	printf("%lu blocks, %lu pages, %lu handed over, %lu refused\n", allocations, nr_pages, handed_over, refused);
	assert_true(handed_over > 100);
	all_vm_events(last);
	assert_int_equal(last[PGALLOC_NORMAL] - first[PGALLOC_NORMAL], nr_pages);
	assert_int_equal(last[PGFREE] - first[PGFREE], nr_pages);
	assert_int_equal(pages_unused(), before);
	drain_all_pages(NULL);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	assert_int_equal(zone_nr_free(&kmm_zone) + buddy_nr_offline(), before);
	assert_int_equal(kmm_zone.moves & ZONE_MOVERS_MASK, 0);
	assert_silent();
}

/* Room enough, and half of what eight threads may come to hold. */
static int setup_large(void **state)
{
	(void)state;
	pcp_world_boot(8 * SECTION_SIZE, NR_CPUS);
	buddy_start_late();
	return 0;
}

static int setup_small(void **state)
{
	(void)state;
	pcp_world_boot(8 * PAGEBLOCK_SIZE, NR_CPUS);
	buddy_start_late();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(eight_threads_hand_pages_over_and_lose_none, setup_large, teardown_pcp),
		cmocka_unit_test_setup_teardown(eight_threads_hand_pages_over_and_lose_none, setup_small, teardown_pcp),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu, %u seconds\n", (unsigned long long)seed, seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
