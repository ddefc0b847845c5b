/* SPDX-License-Identifier: MIT
 * text_world.h - a running library whose text views are read back, word by word.
 *
 * Owns:  the text of the last view. Worlds come from support/world.h, for a view starts the library when it has to.
 */
#ifndef KMM_TESTS_UNIT_BUDDY_TEXT_WORLD_H
#define KMM_TESTS_UNIT_BUDDY_TEXT_WORLD_H

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "support/world.h"
#include "buddy/buddy_internal.h"

typedef int (*view_fn)(FILE *file);

/* Nothing is given back to the system behind a test's back. */
#define QUIET " page_reporting_delay=3600000 "
#define ONE_NODE "numa=off" QUIET
#define TWO_NODES "numa=fake=2 dma=4M movablecore=16M" QUIET /* of 64 MiB: 4 + 20 + 8, and 24 + 8 */

static inline int text_world_start(const char *options, unsigned int nr_cpus)
{
	if (world_start(options, WORLD_LIMIT, nr_cpus))
		return -1;
	cpu_id_pin(0);
	return 0;
}

/* cmocka setups: the usual number of CPUs; one; several nodes and zones. */
static inline int setup_text(void **state)
{
	(void)state;
	return text_world_start(ONE_NODE, WORLD_CPUS);
}

static inline int setup_text_one_cpu(void **state)
{
	(void)state;
	return text_world_start(ONE_NODE, 1);
}

static inline int setup_text_two_nodes(void **state)
{
	(void)state;
	return text_world_start(TWO_NODES, WORLD_CPUS);
}

static char view_text[1 << 16], view_skeleton[1 << 16];

/* What @view writes; valid until the next call. */
static inline const char *text_of(view_fn view)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(view(file), 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(strlen(text), size);
	assert_true(size < sizeof(view_text));
	memcpy(view_text, text, size + 1);
	free(text);
	return view_text;
}

/*
 * @text with a # for each number. @columns: numbers stand in columns, so the blanks and digits in front of the last
 * digit are that many blanks, whatever the number.
 */
static inline const char *skeleton_of(const char *text, bool columns)
{
	char *to = view_skeleton;

	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			*to++ = *text;
		else if (!isdigit((unsigned char)text[1]))
			*to++ = '#';
		else if (columns)
			*to++ = ' ';
	}
	*to = 0;
	return view_skeleton;
}

/* The number behind the first @label in @text, after any blanks. */
static inline unsigned long number_behind(const char *text, const char *label)
{
	const char *at = strstr(text, label);
	char *end = NULL;
	unsigned long number = at ? strtoul(at + strlen(label), &end, 10) : 0;

	if (!at || end == at + strlen(label))
		fail_msg("no number behind \"%s\" in \"%s\"", label, text);
	return number;
}

static inline struct zone *normal_zone(void)
{
	return &NODE_DATA(0)->node_zones[ZONE_NORMAL];
}

/* Shows other numbers of free blocks than there are, as long as a view runs. */
static inline const char *text_with_free_blocks(view_fn view, const unsigned long nr_free[MAX_ORDER],
						unsigned long nr_offline)
{
	struct zone *zone = normal_zone();
	const unsigned long saved_offline = zone->nr_offline;
	unsigned long saved[MAX_ORDER];

	kmm_lock(&zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		saved[order] = zone->free_area[order].nr_free;
		zone->free_area[order].nr_free = nr_free[order];
	}
	zone->nr_offline = nr_offline;
	kmm_unlock(&zone->lock);
	text_of(view);
	kmm_lock(&zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		zone->free_area[order].nr_free = saved[order];
	zone->nr_offline = saved_offline;
	kmm_unlock(&zone->lock);
	return view_text;
}

/* What every view has to do besides. */
static inline void assert_failed_write_is_an_error(view_fn view)
{
	FILE *file = fopen("/dev/full", "w");

	if (!file)
		skip();
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(view(file), -EIO);
	fclose(file);
}

/* A cold library is started for it, and one that has ended has nothing to show but no error. Returns that text. */
static inline const char *assert_starts_and_outlives_the_library(view_fn view)
{
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
	assert_true(strlen(text_of(view)) > 0);
	assert_true(nr_free_pages() > 0);
	kmm_exit();
	return text_of(view);
}

#endif /* KMM_TESTS_UNIT_BUDDY_TEXT_WORLD_H */
