/* SPDX-License-Identifier: MIT
 * pages_world.h - an arena and a zone without the rooms above them, for the tests of these two rooms.
 *
 * Owns:  the reports of a test, through capture.h.
 * Rules: nothing comes out of memblock unless a test asks, so that the arena starts as whole free pageblocks.
 */
#ifndef KMM_TESTS_SUPPORT_PAGES_WORLD_H
#define KMM_TESTS_SUPPORT_PAGES_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <kmm/mm.h>
#include <kmm/stats.h>

#include "arena/arena.h"
#include "arena/memblock.h"
#include "arena/os.h"
#include "buddy/buddy_internal.h"
#include "support/capture.h"

#define PAGEBLOCK_SIZE ((size_t)PAGE_SIZE << pageblock_order)

/* The zone of a world that has only one. */
#define kmm_zone (kmm_nodes[0].node_zones[ZONE_NORMAL])

/* No per-CPU lists and no reserves, unless a test asks: every page goes to its zone, and the last one can be had. */
static inline void pages_world_start(size_t limit)
{
	capture_start();
	buddy_options_reset();
	buddy_options.min_free_kbytes = 0;
	assert_int_equal(arena_start(limit), 0);
	assert_int_equal(buddy_start(), 0);
}

static inline void pages_world_stop(void)
{
	kmm_validate_pages();
	buddy_stop();
	arena_stop(false);
	assert_null(kmm_arena.base);
	capture_stop();
}

/* cmocka setups: one pageblock and no room to grow; two; one section and one more to grow into. */
static inline int setup_one_block(void **state)
{
	(void)state;
	pages_world_start(PAGEBLOCK_SIZE);
	return 0;
}

static inline int setup_two_blocks(void **state)
{
	(void)state;
	pages_world_start(2 * PAGEBLOCK_SIZE);
	return 0;
}

static inline int setup_two_sections(void **state)
{
	(void)state;
	pages_world_start(2 * SECTION_SIZE);
	return 0;
}

static inline int teardown_pages(void **state)
{
	(void)state;
	pages_world_stop();
	return 0;
}

/* Blocks of @order on the list of @type. */
static inline unsigned long blocks_listed(unsigned int order, enum migratetype type)
{
	unsigned long nr = 0;
	struct cds_list_head *pos;

	cds_list_for_each(pos, &kmm_zone.free_area[order].free_list[type])
		nr++;
	return nr;
}

/* Says what the reports hold when the words are missing. */
static inline void assert_reported(const char *words)
{
	if (!strstr(capture.all, words))
		fail_msg("no report with \"%s\" in \"%s\"", words, capture.all);
}

static inline void assert_silent(void)
{
	if (capture.nr)
		fail_msg("unexpected report \"%s\"", capture.all);
}

#endif /* KMM_TESTS_SUPPORT_PAGES_WORLD_H */
