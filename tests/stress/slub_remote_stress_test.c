/* SPDX-License-Identifier: MIT
 * slub_remote_stress_test.c - what some threads allocate others free, singly and by the batch, on two nodes, while CPUs are flushed,
 * idle ones swept and caches shrunk.
 *
 * usage: slub_remote_stress_test [SECONDS [SEED]]
 *
 * Every object carries the sum of its address and a number that is told beside it; whoever gets it next looks whether it is still
 * there, in its first and last word.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "support/random.h"
#include "support/threads.h"
#include "support/world.h"

#include "base/work.h"
#include "slub/alloc.h"
#include "slub/idle.h"

#define NR_PRODUCERS 3
#define NR_CONSUMERS 3
#define BATCH 40
#define RING 64 /* batches on their way */

/* What one producer sends at once. */
struct batch {
	unsigned int cache, nr;
	uintptr_t stamp;
	void *objects[BATCH];
};

static const unsigned int sizes[] = { 64, 256, 1024 };
static const char *const names[ARRAY_SIZE(sizes)] = { "remote-64", "remote-256", "remote-1024" };
static struct kmem_cache *caches[ARRAY_SIZE(sizes)];

static struct {
	pthread_mutex_t lock;
	struct batch ring[RING];
	unsigned long head, tail; /* taken, put */
} mail = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool stop;
static unsigned int seconds = 3;
static uint64_t seed;
static unsigned long nr_sent, nr_refused;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static uintptr_t *last_word(const struct batch *b, unsigned int i)
{
	return (uintptr_t *)b->objects[i] + sizes[b->cache] / sizeof(uintptr_t) - 1;
}

static void mark(const struct batch *b)
{
	for (unsigned int i = 0; i < b->nr; i++) {
		*(uintptr_t *)b->objects[i] = (uintptr_t)b->objects[i] + b->stamp;
		*last_word(b, i) = (uintptr_t)b->objects[i] + b->stamp;
	}
}

/* Not cmocka's assertion: it may only fail in the main thread. */
static void check_marks(const struct batch *b)
{
	for (unsigned int i = 0; i < b->nr; i++) {
		const uintptr_t want = (uintptr_t)b->objects[i] + b->stamp;

		if (*(uintptr_t *)b->objects[i] != want || *last_word(b, i) != want) {
			fprintf(stderr, "object %p of %u bytes has two owners\n", b->objects[i], sizes[b->cache]);
			abort();
		}
	}
}

static bool send(const struct batch *b)
{
	bool sent = false;

	pthread_mutex_lock(&mail.lock);
	if (mail.tail - mail.head < RING) {
		mail.ring[mail.tail++ % RING] = *b;
		sent = true;
	}
	pthread_mutex_unlock(&mail.lock);
	return sent;
}

static bool receive(struct batch *b)
{
	bool got = false;

	pthread_mutex_lock(&mail.lock);
	if (mail.head != mail.tail) {
		*b = mail.ring[mail.head++ % RING];
		got = true;
	}
	pthread_mutex_unlock(&mail.lock);
	return got;
}

/* Singly, in one call, or of a node. */
static bool fill_batch(struct batch *b, struct test_random *random)
{
	struct kmem_cache *s;
	const unsigned long how = test_random_below(random, 4);

	b->cache = (unsigned int)test_random_below(random, ARRAY_SIZE(caches));
	b->stamp = (uintptr_t)test_random_next(random);
	b->nr = 1 + (unsigned int)test_random_below(random, BATCH);
	s = caches[b->cache];
	if (how < 2)
		return kmem_cache_alloc_bulk(s, GFP_KERNEL, b->nr, b->objects);
	for (unsigned int i = 0; i < b->nr; i++) {
		b->objects[i] = cache_alloc_node(s, GFP_KERNEL, how == 2 ? NUMA_NO_NODE : (int)(i / 16 % 2));
		if (!b->objects[i]) {
			b->nr = i;
			kmem_cache_free_bulk(s, i, b->objects);
			return false;
		}
	}
	return true;
}

static void give_back(struct batch *b, struct test_random *random)
{
	check_marks(b);
	switch (test_random_below(random, 3)) {
	case 0:
		kmem_cache_free_bulk(caches[b->cache], b->nr, b->objects);
		break;
	case 1:
		kfree_bulk(b->nr, b->objects);
		break;
	default:
		for (unsigned int i = 0; i < b->nr; i++)
			kmem_cache_free(caches[b->cache], b->objects[i]);
	}
}

static void move_sometimes(struct test_random *random)
{
	if (!test_random_below(random, 16))
		cpu_id_pin((int)test_random_below(random, WORLD_CPUS));
}

static void produce(struct test_random *random)
{
	struct batch b;

	while (!stopped()) {
		move_sometimes(random);
		if (!fill_batch(&b, random)) {
			__atomic_fetch_add(&nr_refused, 1, __ATOMIC_RELAXED);
			continue;
		}
		mark(&b);
		if (send(&b))
			__atomic_fetch_add(&nr_sent, b.nr, __ATOMIC_RELAXED);
		else
			give_back(&b, random);
	}
}

static void consume(struct test_random *random)
{
	struct batch b;

	while (!stopped()) {
		move_sometimes(random);
		if (receive(&b))
			give_back(&b, random);
		else
			sched_yield();
	}
}

/* Takes away from CPUs what they use. */
static void disturb(struct test_random *random)
{
	while (!stopped()) {
		const struct timespec pause = { .tv_nsec = 100 * 1000 };
		struct kmem_cache *s = caches[test_random_below(random, ARRAY_SIZE(caches))];

		switch (test_random_below(random, 4)) {
		case 0:
			kmem_cache_shrink(s);
			break;
		case 1:
			flush_cpu_slab(s, (unsigned int)test_random_below(random, WORLD_CPUS));
			break;
		case 2:
			idle_schedule();
			kmm_work_advance_for_test(2000);
			break;
		default:
			nanosleep(&pause, NULL);
		}
	}
}

static void run(unsigned int index, void *arg)
{
	struct test_random random = { .state = seed + index };
	const struct timespec time = { .tv_sec = seconds };

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	if (index < NR_PRODUCERS) {
		produce(&random);
	} else if (index < NR_PRODUCERS + NR_CONSUMERS) {
		consume(&random);
	} else if (index == NR_PRODUCERS + NR_CONSUMERS) {
		disturb(&random);
	} else {
		nanosleep(&time, NULL);
		__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	}
}

static void what_others_allocated_comes_back_whole(const char *options)
{
	struct test_random random = { .state = seed };
	unsigned long before;
	struct batch b;

	assert_int_equal(world_start(options, WORLD_LIMIT, WORLD_CPUS), 0);
	stop = false;
	nr_sent = nr_refused = 0;
	kmm_trim();
	before = nr_free_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++) {
		caches[i] = kmem_cache_create(names[i], sizes[i], 0,
					      SLAB_NO_MERGE | (i == 2 ? SLAB_TYPESAFE_BY_RCU : 0), NULL);
		assert_non_null(caches[i]);
	}
	caches[0]->min_partial = 0;
	caches[1]->cpu_partial = 0;
	run_threads(NR_PRODUCERS + NR_CONSUMERS + 2, run, NULL);
	while (receive(&b))
		give_back(&b, &random);
	printf("%lu objects handed over, %lu requests refused\n", nr_sent, nr_refused);
	assert_true(nr_sent > 1000);
	assert_int_equal(nr_refused, 0);
	kmm_validate_slub();
	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++)
		kmem_cache_destroy(caches[i]);
	world_expect_silence();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

static void one_node(void **state)
{
	(void)state;
	what_others_allocated_comes_back_whole(NULL);
}

static void two_nodes(void **state)
{
	(void)state;
	what_others_allocated_comes_back_whole("numa=fake=2");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_node, world_teardown),
		cmocka_unit_test_teardown(two_nodes, world_teardown),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu, %u seconds\n", (unsigned long long)seed, seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
