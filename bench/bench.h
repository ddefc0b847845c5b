/* SPDX-License-Identifier: MIT
 * bench.h - how the benchmarks measure and where a figure goes.
 *
 * How it works: a case is set up once, then measured once a round, and the rounds of all cases are interleaved: what
 * disturbs the machine for a while disturbs a round of everything, and the median forgets it. A round reports each of
 * its figures by record(); figures of one row and different subjects are printed side by side.
 */
#ifndef KMM_BENCH_H
#define KMM_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define BULK 10000 /* objects in the rows that take many before they free any */

/* Whose figure it is. REFERENCE: neither allocates, but says what the machine can do. */
enum subject { KMM, GLIBC, REFERENCE, NR_SUBJECTS };

struct bench_case {
	bool (*setup)(void);    /* once, before the first round; false: no memory. May be NULL */
	void (*round)(void);    /* measures once */
	void (*teardown)(void); /* once, after the last round. May be NULL */
};

/* The cases of each file; ends with a case whose round is NULL. */
extern const struct bench_case slab_cases[], bulk_cases[], page_cases[], page_thread_cases[], percpu_cases[],
	percpu_thread_cases[], add_cases[];
extern const struct bench_case counter_cases[], counter_thread_cases[];

/* The two rows whose ratio is printed. */
#define ROW_CAS_PAIR "double-word CAS, two of them"
#define ROW_CACHE_PAIR "kmem_cache_alloc + free, 64 B, a pair"

/* One figure of this round, in ns an operation. @row is a string constant that stays the same in all rounds. */
void record(const char *row, enum subject subject, double ns);

/* reference.c: ns of two double-word CAS that nobody disturbs, measured over @pairs. */
double cas_pair_ns(unsigned long pairs);

/* The median of @count samples, which are sorted. */
double bench_median(double *samples, unsigned int count);

/* threads.c: ns of the wall clock for one of the operations of @work, which does @times of them, in @nr_threads at once. */
double bench_threads(unsigned int nr_threads, void (*work)(unsigned long times), unsigned long times);

/* A round that cannot go on says so and ends the program. */
void bench_fail(const char *what) __attribute__((noreturn));

/* How often a row repeats an operation of about @ns nanoseconds in a round, or the whole of a bulk row. */
unsigned long bench_repeat(double ns);

/* A random order of 0..BULK-1, the same in every run. */
extern unsigned int random_order[BULK];

static inline double bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The compiler has to have made the value, and has to read memory again after this. No instruction. */
static inline void bench_keep(const void *value)
{
	__asm__ __volatile__("" : : "r"(value) : "memory");
}

#endif /* KMM_BENCH_H */
