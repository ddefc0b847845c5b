/* SPDX-License-Identifier: MIT
 * prep_world.h - pages_world.h with options for what is done to pages, with or without the lists of two CPUs.
 *
 * Owns:  kmm_nr_cpu_ids and the CPU of this thread, where there are lists.
 */
#ifndef KMM_TESTS_UNIT_BUDDY_PREP_WORLD_H
#define KMM_TESTS_UNIT_BUDDY_PREP_WORLD_H

#include "support/pages_world.h"

/* @options: what differs from the defaults. Nothing is given back to the system behind a test's back. */
static inline void prep_world_options(struct buddy_options options)
{
	buddy_options_reset();
	options.min_free_kbytes = 0;
	options.reporting_delay = 3600 * 1000;
	options.numa_off = true;
	options.watermark_scale_factor = buddy_options.watermark_scale_factor;
	options.watermark_boost_factor = buddy_options.watermark_boost_factor;
	buddy_options = options;
}

static inline void prep_world_start(struct buddy_options options, size_t limit)
{
	capture_start();
	prep_world_options(options);
	assert_int_equal(arena_start(limit), 0);
	assert_int_equal(buddy_start(), 0);
}

static inline void prep_world_start_lists(struct buddy_options options, size_t limit)
{
	capture_start();
	prep_world_options(options);
	kmm_nr_cpu_ids = 2;
	cpu_id_pin(0);
	assert_int_equal(arena_start(limit), 0);
	assert_int_equal(buddy_reserve(), 0);
	assert_int_equal(buddy_start(), 0);
	buddy_start_late();
}

static inline int teardown_lists(void **state)
{
	const int ret = teardown_pages(state);

	cpu_id_pin(-1);
	kmm_nr_cpu_ids = 1;
	return ret;
}

/* Is every byte of @page's block of @order @value? */
static inline bool block_is_filled(const struct page *page, unsigned int order, unsigned char value)
{
	const unsigned char *memory = arena_page_address(page);

	for (size_t i = 0; i < PAGE_SIZE << order; i++)
		if (memory[i] != value)
			return false;
	return true;
}

static inline void fill_block(const struct page *page, unsigned int order, unsigned char value)
{
	memset(arena_page_address(page), value, PAGE_SIZE << order);
}

#endif /* KMM_TESTS_UNIT_BUDDY_PREP_WORLD_H */
