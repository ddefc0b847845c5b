/* SPDX-License-Identifier: MIT
 * pcp_world.h - pages_world.h with per-CPU lists and counters.
 *
 * Owns:  the number of CPUs and this thread's pin while a test runs.
 * Rules: no reserves, so that the last page can be had; what memblock took lies at the start of the first pageblock.
 */
#ifndef KMM_TESTS_SUPPORT_PCP_WORLD_H
#define KMM_TESTS_SUPPORT_PCP_WORLD_H

#include "support/pages_world.h"

#define PCP_CPUS 4

/* @dma: bytes of the DMA zone. The boot values hold until buddy_start_late(). */
static inline void pcp_world_with(size_t limit, unsigned int nr_cpus, size_t dma)
{
	cpu_id_set_count(nr_cpus);
	cpu_id_pin(0);
	capture_start();
	buddy_options_reset();
	buddy_options.numa_off = true;
	buddy_options.min_free_kbytes = 0;
	buddy_options.dma = dma;
	assert_int_equal(arena_start(limit), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
}

static inline void pcp_world_boot(size_t limit, unsigned int nr_cpus)
{
	pcp_world_with(limit, nr_cpus, 0);
}

static inline void pcp_world_stop(void)
{
	pages_world_stop();
	cpu_id_pin(-1);
	cpu_id_set_count(1);
}

static inline int teardown_pcp(void **state)
{
	(void)state;
	pcp_world_stop();
	return 0;
}

static inline int setup_pcp_boot(void **state)
{
	(void)state;
	pcp_world_boot(2 * SECTION_SIZE, PCP_CPUS);
	return 0;
}

static inline int setup_pcp(void **state)
{
	setup_pcp_boot(state);
	buddy_start_late();
	return 0;
}

/* One pageblock and no room to grow. */
static inline int setup_pcp_one_block(void **state)
{
	(void)state;
	pcp_world_boot(PAGEBLOCK_SIZE, PCP_CPUS);
	buddy_start_late();
	return 0;
}

static inline struct per_cpu_pages *pcp_on(unsigned int cpu)
{
	return kmm_zone.pageset + cpu;
}

/* Other limits than the size of the world asks for, on all CPUs. */
static inline void pcp_limits(int batch, int high_min, int high_max)
{
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		pcp_on(cpu)->batch = batch;
		pcp_on(cpu)->high = pcp_on(cpu)->high_min = high_min;
		pcp_on(cpu)->high_max = high_max;
	}
}

/* Blocks on one list. */
static inline unsigned int pcp_listed(unsigned int cpu, unsigned int order, enum migratetype type)
{
	const struct cds_list_head *list =
		&pcp_on(cpu)->lists[min_of(order, PCP_MAX_LOW_ORDER + 1u) * MIGRATE_PCPTYPES + (unsigned int)type];
	unsigned int nr = 0;

	for (const struct cds_list_head *pos = list->next; pos != list; pos = pos->next)
		nr++;
	return nr;
}

/* As if a holder of the lock had been preempted. */
static inline void pcp_make_busy(unsigned int cpu)
{
	assert_true(kmm_spin_trylock_raw(&pcp_on(cpu)->lock));
}

static inline void pcp_end_busy(unsigned int cpu)
{
	smp_store_release(&pcp_on(cpu)->lock.locked, 0U);
}

/* Everything that is free: listed in the zone, on lists of CPUs, or not online yet. */
static inline unsigned long pages_unused(void)
{
	return buddy_nr_free() + buddy_nr_offline();
}

#endif /* KMM_TESTS_SUPPORT_PCP_WORLD_H */
