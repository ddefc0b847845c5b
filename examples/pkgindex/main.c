/* SPDX-License-Identifier: MIT
 * main.c - pkgindex [-t THREADS] [-w WATCHERS] [FILE|-]: the phases and what is printed.
 *
 * How it works: read, parse and index, look up, free; then every page has to be back. Exit code 0: all is well;
 * 1: bad input, no memory, or pages missing; 2: bad usage.
 *
 * Output: the lines between "--- result" and "--- end" are the same for one input on every machine. "time:" lines
 * measure, "pages:" lines count the arena's free pages. Errors go to stderr as "pkgindex: FILE:LINE: what".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pkgindex.h"

#define DEFAULT_FILE "/var/lib/dpkg/status"
#define RANGES_PER_THREAD 4 /* so that one slow thread does not keep the others waiting */
#define MAX_RANGES (MAX_THREADS * RANGES_PER_THREAD)
#define BUCKETS_AT_ONCE 256
#define NR_TOP 10

static const char *file_name = DEFAULT_FILE;
static unsigned int nr_threads, nr_watchers;
static double first_record; /* when the index started to fill */

/* What the threads of a phase share. */
static struct text ranges[MAX_RANGES];
static struct parse_error errors[MAX_RANGES];
static unsigned int nr_ranges;
static atomic_uint next_range;
static atomic_ulong next_bucket;
static atomic_bool out_of_memory, damaged;

static void parse_range(struct text *range, struct parse_error *error)
{
	struct record record;

	while (parse_record(range, &record, error) == PARSE_RECORD) {
		const int err = index_add(&record, error);

		if (err && !error->where) /* no memory: nobody needs to go on */
			atomic_store(&out_of_memory, true);
		if (err || atomic_load_explicit(&out_of_memory, memory_order_relaxed))
			return;
	}
}

static void parse_ranges(void)
{
	unsigned int i;

	while (!atomic_load_explicit(&out_of_memory, memory_order_relaxed) &&
	       (i = atomic_fetch_add(&next_range, 1)) < nr_ranges)
		parse_range(&ranges[i], &errors[i]);
}

/* Hands the buckets to the threads of a phase, some at a time. */
static void for_buckets(void (*fn)(unsigned long bucket))
{
	unsigned long start, bucket;

	while ((start = atomic_fetch_add(&next_bucket, BUCKETS_AT_ONCE)) < pkg_index.nr_buckets)
		for (bucket = start; bucket < start + BUCKETS_AT_ONCE; bucket++)
			fn(bucket); /* nr_buckets is a multiple of BUCKETS_AT_ONCE */
}

static void resolve_buckets(void)
{
	for_buckets(index_resolve);
}

static void remove_buckets(void)
{
	for_buckets(index_remove);
}

/* A watcher uses the index while it is filled and emptied, as a server would whose index is renewed. */
static void watch(void)
{
	unsigned long bucket = 0;

	while (!watchers_should_stop()) {
		if (!index_check(bucket))
			atomic_store(&damaged, true);
		bucket = (bucket * 5 + 12345) & (pkg_index.nr_buckets - 1);
	}
}

static void print_time(const char *phase, double seconds, unsigned long count, const char *unit)
{
	printf("time: %-12s %9.3f s", phase, seconds);
	if (unit)
		printf("  %10lu %s  %12.0f /s", count, unit, seconds > 0 ? (double)count / seconds : 0.0);
	putchar('\n');
}

static void print_views(const char *when)
{
	printf("\nslabinfo %s:\n", when);
	kmm_slabinfo(stdout);
	printf("\nbuddyinfo %s:\n", when);
	kmm_buddyinfo(stdout);
	putchar('\n');
}

static void print_result(const struct counters *counted)
{
	struct package *top[NR_TOP];
	const unsigned int count = index_top(top, NR_TOP);

	printf("\n--- result\npackages: %lu\ndependencies: %lu\nresolved: %lu\n", counted->packages, counted->edges,
	       counted->found);
	for (unsigned int i = 0; i < count; i++)
		printf("top %u: %s %lu\n", i + 1, top[i]->name, atomic_load(&top[i]->needed_by));
	printf("--- end\n");
}

static int fail(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "pkgindex: %s: %s\n", file_name, what);
	return 1;
}

static int fail_at(struct text text, const struct parse_error *error)
{
	fflush(stdout);
	fprintf(stderr, "pkgindex: %s:%lu: %s\n", file_name, input_line(text, error->where), error->what);
	return 1;
}

/* Fills the index. 0, or 1 after saying why not; of several errors the first one in the text counts. */
static int parse_phase(struct text text)
{
	const double start = seconds_now();
	struct counters count;

	nr_ranges = nr_threads * RANGES_PER_THREAD;
	input_split(text, ranges, nr_ranges);
	workers_run(nr_threads, parse_ranges);

	count = index_counters();
	print_time("parse+index", seconds_now() - start, count.packages, "records");
	for (unsigned int i = 0; i < nr_ranges; i++)
		if (errors[i].where)
			return fail_at(text, &errors[i]);
	if (atomic_load(&out_of_memory)) {
		fflush(stdout);
		fprintf(stderr, "pkgindex: %s: out of memory after %lu records\n", file_name, count.packages);
		return 1;
	}
	if (count.packages == 0)
		return fail_at(text, &(struct parse_error){ text.end, "the input ends without a single record" });
	return 0;
}

static void look_up_phase(void)
{
	const double start = seconds_now();
	struct counters count;

	atomic_store(&next_bucket, 0);
	workers_run(nr_threads, resolve_buckets);

	count = index_counters();
	print_time("look-ups", seconds_now() - start, count.looked_up, "look-ups");
	print_result(&count);
	printf("\nstrings: %lu, %lu bytes\n", count.strings, count.string_bytes);
	print_views("at the peak");
}

static void free_phase(void)
{
	const double start = seconds_now();
	struct counters count;

	atomic_store(&next_bucket, 0);
	workers_run(nr_threads, remove_buckets);
	watchers_stop();
	count = index_counters();
	rcu_barrier(); /* the last callback has run: all objects are free, none is read any more */
	rcu_seen_acquire();
	print_time("free", seconds_now() - start, count.packages + count.edges + count.strings, "objects");
	if (nr_watchers)
		print_time("watchers", seconds_now() - first_record, count.watched, "look-ups");
}

static int run(struct text *text)
{
	int failed;

	if (index_create((size_t)(text->end - text->start))) {
		index_destroy();
		return fail("out of memory before the first record");
	}
	first_record = seconds_now();
	if (watchers_start(nr_watchers, watch) < nr_watchers)
		fprintf(stderr, "pkgindex: fewer than %u watchers could be started\n", nr_watchers);
	failed = parse_phase(*text);
	input_release(text); /* the index has copies of all it needs */
	if (!failed)
		look_up_phase();
	free_phase();
	index_destroy();
	if (atomic_load(&damaged))
		failed = fail("a watcher met a damaged package");
	return failed;
}

static int usage(void)
{
	fprintf(stderr, "usage: pkgindex [-t THREADS] [-w WATCHERS] [FILE|-]\n"
			"  indexes Debian package records, " DEFAULT_FILE " if no file is named; - is standard input\n"
			"  -t THREADS   threads that parse, look up and free (default: one a CPU)\n"
			"  -w WATCHERS  threads that read the index all the time (default: none)\n");
	return 2;
}

static bool parse_number(const char *text, unsigned int min, unsigned int *number)
{
	char *end;
	const unsigned long value = strtoul(text, &end, 10);

	*number = (unsigned int)value;
	return *text >= '0' && *text <= '9' && !*end && value >= min && value <= MAX_THREADS;
}

static bool parse_arguments(int argc, char **argv)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int option;

	nr_threads = cpus < 1 ? 1 : cpus > MAX_THREADS ? MAX_THREADS : (unsigned int)cpus;
	while ((option = getopt(argc, argv, "t:w:")) != -1) {
		if (option == 't' && parse_number(optarg, 1, &nr_threads))
			continue;
		if (option == 'w' && parse_number(optarg, 0, &nr_watchers))
			continue;
		return false;
	}
	if (optind < argc)
		file_name = argv[optind++];
	return optind == argc;
}

int main(int argc, char **argv)
{
	unsigned long free_at_start, free_at_end;
	struct text text;
	double start;
	int err, failed;

	if (!parse_arguments(argc, argv))
		return usage();
	start = seconds_now();
	err = input_read(file_name, &text);
	if (err)
		return fail(strerror(-err));
	print_time("read", seconds_now() - start, (unsigned long)(text.end - text.start), "bytes");

	err = kmm_init(NULL);
	if (err) {
		input_release(&text);
		fprintf(stderr, "pkgindex: the library does not start: %s\n", strerror(-err));
		return 1;
	}
	free_at_start = nr_free_pages();

	rcu_register_thread();
	failed = run(&text);
	rcu_unregister_thread();

	start = seconds_now();
	kmm_trim();
	print_time("trim", seconds_now() - start, 0, NULL);
	free_at_end = nr_free_pages();
	print_views("at the end");
	printf("pages: %lu free after kmm_init(), %lu free at the end\n", free_at_start, free_at_end);
	if (free_at_end != free_at_start)
		failed = fail("pages are missing at the end");
	if (fflush(stdout) || ferror(stdout))
		failed = fail("writing the output failed");
	return failed;
}
