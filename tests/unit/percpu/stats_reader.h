/* SPDX-License-Identifier: MIT
 * stats_reader.h - reads the text of percpu_stats, the kernel's or ours, and fails the test where its shape is another.
 *
 * Owns: nothing; what was read is in a struct of the caller's.
 */
#ifndef KMM_TESTS_PERCPU_STATS_READER_H
#define KMM_TESTS_PERCPU_STATS_READER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INFO_UNIT, INFO_STATIC, INFO_RESERVED, INFO_DYN, INFO_ATOM, INFO_ALLOC, NR_INFO };
enum {
	ALL_ALLOC,
	ALL_DEALLOC,
	ALL_CUR,
	ALL_MAX,
	ALL_CHUNKS,
	ALL_MAX_CHUNKS,
	ALL_MIN_SIZE,
	ALL_MAX_SIZE,
	ALL_EMPTY,
	NR_ALL
};
enum {
	CHUNK_NR,
	CHUNK_MAX_SIZE,
	CHUNK_EMPTY,
	CHUNK_FIRST_BIT,
	CHUNK_FREE,
	CHUNK_CONTIG,
	CHUNK_SUM_FRAG,
	CHUNK_MAX_FRAG,
	CHUNK_CUR_MIN,
	CHUNK_CUR_MED,
	CHUNK_CUR_MAX,
	NR_CHUNK
};
enum chunk_title { TITLE_RESERVED, TITLE_FIRST, TITLE_DEPOPULATE, TITLE_SIDELINED, TITLE_PLAIN, NR_TITLES };

static const char *const info_names[NR_INFO] = { "unit_size", "static_size", "reserved_size",
						 "dyn_size",  "atom_size",   "alloc_size" };
static const char *const all_names[NR_ALL] = { "nr_alloc",       "nr_dealloc",     "nr_cur_alloc",
					       "nr_max_alloc",   "nr_chunks",      "nr_max_chunks",
					       "min_alloc_size", "max_alloc_size", "empty_pop_pages" };
static const char *const chunk_names[NR_CHUNK] = { "nr_alloc",      "max_alloc_size", "empty_pop_pages", "first_bit",
						   "free_bytes",    "contig_bytes",   "sum_frag",        "max_frag",
						   "cur_min_alloc", "cur_med_alloc",  "cur_max_alloc" };
static const char *const chunk_titles[NR_TITLES] = { "Chunk: <- Reserved Chunk", "Chunk: <- First Chunk",
						     "Chunk (to_depopulate)", "Chunk (sidelined):", "Chunk:" };

#define READER_CHUNKS 256

struct read_chunk {
	enum chunk_title title;
	unsigned long long val[NR_CHUNK];
};

struct read_stats {
	unsigned long long info[NR_INFO], all[NR_ALL];
	unsigned int nr_chunks;
	struct read_chunk chunks[READER_CHUNKS];
};

/* The next line, without its end, which there must be. */
static inline const char *reader_line(const char **text)
{
	static char line[128];
	const char *end = strchr(*text, '\n');

	if (!end || (size_t)(end - *text) >= sizeof(line))
		fail_msg("no line: \"%.60s\"", *text);
	memcpy(line, *text, (size_t)(end - *text));
	line[end - *text] = 0;
	*text = end + 1;
	return line;
}

static inline void reader_expect(const char **text, const char *line)
{
	assert_string_equal(reader_line(text), line);
}

/* Lines of @names, in the kernel's columns, and the empty line behind them. */
static inline void reader_fields(const char **text, const char *const *names, unsigned int nr, unsigned long long *val)
{
	for (unsigned int i = 0; i < nr; i++) {
		const char *line = reader_line(text), *colon = strchr(line, ':');
		char again[128];

		assert_non_null(colon);
		val[i] = strtoull(colon + 1, NULL, 10);
		snprintf(again, sizeof(again), "  %-20s: %12llu", names[i], val[i]);
		assert_string_equal(line, again);
	}
	reader_expect(text, "");
}

static inline enum chunk_title reader_title(const char **text)
{
	const char *line = reader_line(text);

	for (int i = 0; i < NR_TITLES; i++)
		if (!strcmp(line, chunk_titles[i]))
			return (enum chunk_title)i;
	fail_msg("no title of a chunk: \"%s\"", line);
	return NR_TITLES;
}

static inline void read_stats(const char *text, struct read_stats *stats)
{
	static const char rule[] = "----------------------------------------";

	memset(stats, 0, sizeof(*stats));
	reader_expect(&text, "Percpu Memory Statistics");
	reader_expect(&text, "Allocation Info:");
	reader_expect(&text, rule);
	reader_fields(&text, info_names, NR_INFO, stats->info);
	reader_expect(&text, "Global Stats:");
	reader_expect(&text, rule);
	reader_fields(&text, all_names, NR_ALL, stats->all);
	reader_expect(&text, "Per Chunk Stats:");
	reader_expect(&text, rule);
	while (*text) {
		struct read_chunk *chunk = &stats->chunks[stats->nr_chunks++];

		assert_true(stats->nr_chunks <= READER_CHUNKS);
		chunk->title = reader_title(&text);
		reader_fields(&text, chunk_names, NR_CHUNK, chunk->val);
	}
}

#endif /* KMM_TESTS_PERCPU_STATS_READER_H */
