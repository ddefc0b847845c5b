/* SPDX-License-Identifier: MIT
 * percpu_world.h - the usual world, in which per-CPU memory is balanced only when the test says so.
 */
#ifndef KMM_TESTS_PERCPU_WORLD_H
#define KMM_TESTS_PERCPU_WORLD_H

#include "percpu/percpu_internal.h"
#include "support/world.h"

/* The chunk that @ptr points into; the reserved one only by its pointer. */
static __attribute__((unused)) struct pcpu_chunk *chunk_of(const char __percpu *ptr)
{
	struct pcpu_chunk *chunk;

	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_of_locked((size_t)(ptr - pcpu_slices.base));
	kmm_spin_unlock(&pcpu_lock);
	return chunk;
}

#define UNIT_PAGES 8

/* A whole page, or NULL without a report. */
static __attribute__((unused)) char __percpu *page_area(gfp_t gfp)
{
	return __alloc_percpu_gfp(PAGE_SIZE, PAGE_SIZE, gfp | __GFP_NOWARN);
}

/* Afterwards only @left pages are idle, and with none the next page_area() makes a chunk. No request fails for it. */
static __attribute__((unused)) void use_up_idle_pages(int left)
{
	while (pcpu_nr_empty_pop_pages > left)
		assert_non_null(page_area(GFP_NOWAIT));
}

/* A chunk of areas of one page each. Nothing is idle before. */
struct paged {
	struct pcpu_chunk *chunk;
	char __percpu *areas[UNIT_PAGES];
};

static __attribute__((unused)) void make_paged(struct paged *p)
{
	int i;

	for (i = 0; i < UNIT_PAGES; i++) {
		p->areas[i] = page_area(GFP_KERNEL);
		assert_non_null(p->areas[i]);
	}
	p->chunk = chunk_of(p->areas[0]);
	assert_ptr_equal(chunk_of(p->areas[UNIT_PAGES - 1]), p->chunk);
}

/* Frees each second page: no two idle ones touch. */
static __attribute__((unused)) void free_even_pages(struct paged *p)
{
	int i;

	for (i = 0; i < UNIT_PAGES; i += 2)
		free_percpu(p->areas[i]);
}

/* Three chunks, of which the first two have four idle pages each. Nothing else is idle. */
static __attribute__((unused)) void make_three(struct paged *p)
{
	int i;

	use_up_idle_pages(0);
	for (i = 0; i < 3; i++)
		make_paged(&p[i]);
	free_even_pages(&p[0]);
	free_even_pages(&p[1]);
	assert_int_equal(pcpu_nr_empty_pop_pages, 8);
}

/* The third becomes one to depopulate by the second page of it that is idle. */
static __attribute__((unused)) void make_one_to_depopulate(struct paged *p)
{
	make_three(p);
	free_percpu(p[2].areas[0]);
	assert_true(p[2].chunk->slot < pcpu_free_slot);
	free_percpu(p[2].areas[2]);
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
	free_percpu(p[2].areas[4]);
	free_percpu(p[2].areas[6]);
	assert_int_equal(pcpu_nr_empty_pop_pages, 8);
}

/* cmocka setup. world_teardown() goes with it. */
static __attribute__((unused)) int quiet_world_setup(void **state)
{
	if (world_setup(state))
		return -1;
	pcpu_balance_suspend_for_test(true);
	return 0;
}

/* cmocka setup: the usual world without a thread of the library's. */
static __attribute__((unused)) int no_thread_setup(void **state)
{
	(void)state;
	if (world_start("background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

#define in_quiet_world(test) cmocka_unit_test_setup_teardown(test, quiet_world_setup, world_teardown)

#endif /* KMM_TESTS_PERCPU_WORLD_H */
