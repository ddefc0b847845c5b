/* SPDX-License-Identifier: MIT
 * slabinfo_stress_test.c - slabinfo and the files of caches are read while threads allocate and free, and are compared with
 * what the threads counted.
 *
 * usage: slabinfo_stress_test [SECONDS [SEED]]
 *
 * While it runs: every line is well-formed, no cache has two, active objects are not more than there are, and caches that come
 * and go meanwhile are whole or not there. Whenever the threads pause: with the slabs of the CPUs given back, exactly what they
 * hold is active.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "support/world.h"

#include "slub/slub_internal.h"

#define NR_THREADS 6
#define HELD 400 /* objects that a thread holds of a cache at most */

static const unsigned int sizes[] = { 16, 200, 700, 4096 };
#define NR_CACHES ARRAY_SIZE(sizes)

struct worker {
	pthread_t thread;
	uint64_t random;
	unsigned int nr_held[NR_CACHES];
	void *held[NR_CACHES][HELD];
};

static struct kmem_cache *caches[NR_CACHES];
static struct worker workers[NR_THREADS];
static pthread_barrier_t round_begins, round_ends;
static bool stop_round, stop;
static unsigned int seconds = 10;
static uint64_t seed;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void one_step(struct worker *w)
{
	const unsigned int i = (unsigned int)(next_random(&w->random) % NR_CACHES);
	const unsigned int what = (unsigned int)(next_random(&w->random) % 100);

	if (what == 0) {
		cpu_id_pin((int)(next_random(&w->random) % WORLD_CPUS));
	} else if (what < 52 && w->nr_held[i] < HELD) {
		void *object = kmem_cache_alloc(caches[i], GFP_KERNEL | __GFP_NOWARN);

		if (object)
			w->held[i][w->nr_held[i]++] = object;
	} else if (w->nr_held[i]) {
		const unsigned int victim = (unsigned int)(next_random(&w->random) % w->nr_held[i]);

		kmem_cache_free(caches[i], w->held[i][victim]);
		w->held[i][victim] = w->held[i][--w->nr_held[i]];
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		pthread_barrier_wait(&round_begins);
		if (__atomic_load_n(&stop, __ATOMIC_RELAXED))
			break;
		while (!__atomic_load_n(&stop_round, __ATOMIC_RELAXED))
			one_step(w);
		pthread_barrier_wait(&round_ends);
	}
	for (unsigned int i = 0; i < NR_CACHES; i++)
		while (w->nr_held[i])
			kmem_cache_free(caches[i], w->held[i][--w->nr_held[i]]);
	return NULL;
}

/* Caches that come and go while others read. */
static void *come_and_go(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct kmem_cache *s = kmem_cache_create("passing", 72, 0, SLAB_NO_MERGE, NULL);

		if (s) {
			kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
			kmem_cache_destroy(s);
		}
	}
	return NULL;
}

/* One data line, as a reader of the kernel's file would take it. */
struct row {
	char name[64];
	unsigned long active, total, slabs;
	unsigned int size, objects;
};

static void parse_row(const char *line, struct row *row)
{
	unsigned long active_slabs;
	unsigned int pages;
	int end = -1;

	sscanf(line, "%63s %lu %lu %u %u %u : tunables 0 0 0 : slabdata %lu %lu 0%n", row->name, &row->active,
	       &row->total, &row->size, &row->objects, &pages, &active_slabs, &row->slabs, &end);
	if (end < 0 || line[end])
		fail_msg("not a line of slabinfo: \"%s\"", line);
	assert_true(row->active <= row->total);
	assert_int_equal(active_slabs, row->slabs);
	assert_true((unsigned long)row->objects * row->size <= pages * PAGE_SIZE);
}

/* Reads the whole table; the rows of our caches go to @ours. */
static void read_slabinfo(struct row *ours)
{
	unsigned int seen[NR_CACHES] = { 0 }, passing = 0;
	char *text = NULL, *save = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(kmm_slabinfo(file), 0);
	fclose(file);
	strtok_r(text, "\n", &save);
	strtok_r(NULL, "\n", &save);
	for (char *line = strtok_r(NULL, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct row row;
		unsigned int i;

		parse_row(line, &row);
		passing += !strcmp(row.name, "passing");
		if (sscanf(row.name, "stress_%u", &i) != 1)
			continue;
		seen[i]++;
		ours[i] = row;
	}
	free(text);
	for (unsigned int i = 0; i < NR_CACHES; i++)
		assert_int_equal(seen[i], 1);
	assert_true(passing <= 1);
}

static unsigned long attr(const char *cache, const char *name)
{
	char text[256];

	if (kmm_cache_attr_get(cache, name, text, sizeof(text)) <= 0)
		fail_msg("%s of %s cannot be read", name, cache);
	return strtoul(text, NULL, 10);
}

/* A number of a file of a cache may be of any moment, but none can be absurd. */
static void read_attrs(void)
{
	static const char *const names[] = { "objects", "objects_partial", "total_objects",    "slabs",
					     "partial", "cpu_slabs",       "slabs_cpu_partial" };
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	const int err = kmm_cache_attrs(file, "passing");

	fclose(file);
	assert_true(err == 0 || err == -ENOENT);
	assert_int_equal(size == 0, err != 0);
	free(text);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(attr("stress_1", names[i]) <= 10 * NR_THREADS * HELD);
}

static unsigned long nr_held(unsigned int cache)
{
	unsigned long nr = 0;

	for (unsigned int i = 0; i < NR_THREADS; i++)
		nr += workers[i].nr_held[cache];
	return nr;
}

/* Nobody allocates or frees in our caches. */
static void compare_with_the_truth(void)
{
	struct row rows[NR_CACHES];
	char name[16];

	read_slabinfo(rows);
	/* CPUs hold some free objects, which count as active. */
	for (unsigned int i = 0; i < NR_CACHES; i++)
		assert_true(rows[i].active >= nr_held(i));
	for (unsigned int i = 0; i < NR_CACHES; i++) {
		snprintf(name, sizeof(name), "stress_%u", i);
		assert_int_equal(kmm_cache_attr_set(name, "shrink", "1"), 0);
	}
	read_slabinfo(rows);
	for (unsigned int i = 0; i < NR_CACHES; i++) {
		snprintf(name, sizeof(name), "stress_%u", i);
		assert_int_equal(rows[i].active, nr_held(i));
		assert_int_equal(rows[i].total, rows[i].slabs * rows[i].objects);
		assert_int_equal(attr(name, "objects"), nr_held(i));
		assert_int_equal(attr(name, "total_objects"), rows[i].total);
		assert_int_equal(attr(name, "slabs"), rows[i].slabs);
		assert_int_equal(attr(name, "cpu_slabs"), 0);
		assert_int_equal(attr(name, "slabs_cpu_partial"), 0);
	}
}

static void start(void)
{
	char name[16];

	pthread_barrier_init(&round_begins, NULL, NR_THREADS + 1);
	pthread_barrier_init(&round_ends, NULL, NR_THREADS + 1);
	for (unsigned int i = 0; i < NR_CACHES; i++) {
		snprintf(name, sizeof(name), "stress_%u", i);
		caches[i] = kmem_cache_create(name, sizes[i], 0, SLAB_NO_MERGE, NULL);
		assert_non_null(caches[i]);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		workers[i].random = seed * 1000003 + i + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
}

/* One round: reads under load, then compares. */
static unsigned long one_round(void)
{
	struct row rows[NR_CACHES];
	unsigned long reads = 0;

	__atomic_store_n(&stop_round, false, __ATOMIC_RELAXED);
	pthread_barrier_wait(&round_begins);
	for (; reads < 50; reads++) {
		read_slabinfo(rows);
		read_attrs();
	}
	__atomic_store_n(&stop_round, true, __ATOMIC_RELAXED);
	pthread_barrier_wait(&round_ends);
	compare_with_the_truth();
	return reads;
}

static void what_is_shown_is_the_truth_under_load(void **state)
{
	const time_t end = time(NULL) + (time_t)seconds;
	unsigned long rounds = 0, reads = 0;
	pthread_t passing;

	(void)state;
	start();
	assert_int_equal(pthread_create(&passing, NULL, come_and_go, NULL), 0);
	do {
		reads += one_round();
		rounds++;
	} while (time(NULL) < end);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_barrier_wait(&round_begins);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_join(passing, NULL);
	printf("%lu rounds, %lu reads\n", rounds, reads);
	for (unsigned int i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(caches[i]);
	world_expect_silence();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_shown_is_the_truth_under_load, world_setup, world_teardown),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu, %u seconds\n", (unsigned long long)seed, seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
