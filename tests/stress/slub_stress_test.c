/* SPDX-License-Identifier: MIT
 * slub_stress_test.c - eight threads allocate, write a pattern, hand over and free, while a ninth flushes their CPUs.
 *
 * usage: slub_stress_test [SECONDS [SEED]]
 *
 * Each object carries a pattern made of its own address and of a stamp. Whoever takes it over checks every byte: an object
 * given to two owners, or linked into a list while in use, shows. At the end nothing may be left.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "support/world.h"

#include "slub/slub_internal.h"

#define NR_THREADS 8
#define HELD 256    /* objects a thread holds at most */
#define MAILBOX 128 /* objects on their way to another thread */

static const unsigned int sizes[] = { 8, 32, 64, 192, 700, 4096 };
#define NR_SIZES ARRAY_SIZE(sizes)

struct object {
	unsigned char *bytes;
	unsigned int size_index;
	unsigned int stamp;
};

/* One ring per thread, filled by the others. */
struct mailbox {
	pthread_mutex_t lock;
	unsigned int count;
	struct object objects[MAILBOX];
} cacheline_aligned;

struct worker {
	pthread_t thread;
	unsigned int number;
	uint64_t random;
	unsigned long allocations, handed_over, failures;
	struct object held[HELD];
	unsigned int nr_held;
};

static struct kmem_cache *caches[NR_SIZES];
static struct mailbox mailboxes[NR_THREADS];
static struct worker workers[NR_THREADS];
static bool stop;
static unsigned int seconds = 10;
static uint64_t seed;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static unsigned char pattern(const struct object *o, unsigned int i)
{
	return (unsigned char)(((uintptr_t)o->bytes >> 3) + o->stamp * 31 + i * 7);
}

static void write_pattern(const struct object *o)
{
	for (unsigned int i = 0; i < sizes[o->size_index]; i++)
		o->bytes[i] = pattern(o, i);
}

/* Not cmocka's assertion: it may only fail in the main thread. */
static void check_pattern(const struct object *o)
{
	for (unsigned int i = 0; i < sizes[o->size_index]; i++) {
		if (o->bytes[i] != pattern(o, i)) {
			fprintf(stderr, "object %p of %u bytes: byte %u is %#x, not %#x: two owners\n",
				(void *)o->bytes, sizes[o->size_index], i, o->bytes[i], pattern(o, i));
			abort();
		}
	}
}

static void take_object(struct worker *w)
{
	struct object o = { .size_index = (unsigned int)(next_random(&w->random) % NR_SIZES) };

	o.stamp = (unsigned int)next_random(&w->random);
	/* Half through the named caches, half through kmalloc and its look-up of the cache on free. */
	if (o.stamp & 1)
		o.bytes = kmem_cache_alloc(caches[o.size_index], GFP_KERNEL | __GFP_NOWARN);
	else
		o.bytes = kmalloc(sizes[o.size_index], GFP_KERNEL | __GFP_NOWARN);
	if (!o.bytes) {
		w->failures++;
		return;
	}
	w->allocations++;
	write_pattern(&o);
	w->held[w->nr_held++] = o;
}

static void free_object(const struct object *o)
{
	check_pattern(o);
	if (o->stamp & 1)
		kmem_cache_free(caches[o->size_index], o->bytes);
	else
		kfree(o->bytes);
}

static struct object drop_one(struct worker *w)
{
	unsigned int i = (unsigned int)(next_random(&w->random) % w->nr_held);
	struct object o = w->held[i];

	w->held[i] = w->held[--w->nr_held];
	return o;
}

static void hand_over(struct worker *w)
{
	struct mailbox *box = &mailboxes[next_random(&w->random) % NR_THREADS];
	struct object o = drop_one(w);
	bool sent = false;

	pthread_mutex_lock(&box->lock);
	if (box->count < MAILBOX) {
		box->objects[box->count++] = o;
		sent = true;
	}
	pthread_mutex_unlock(&box->lock);
	if (!sent)
		free_object(&o);
	w->handed_over += sent;
}

static void empty_mailbox(struct mailbox *box)
{
	struct object objects[MAILBOX];
	unsigned int count;

	pthread_mutex_lock(&box->lock);
	count = box->count;
	memcpy(objects, box->objects, count * sizeof(objects[0]));
	box->count = 0;
	pthread_mutex_unlock(&box->lock);
	for (unsigned int i = 0; i < count; i++)
		free_object(&objects[i]);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		unsigned int what = (unsigned int)(next_random(&w->random) % 100);

		/* Threads move between CPUs in the middle of everything. */
		if (what == 0)
			cpu_id_pin((int)(next_random(&w->random) % WORLD_CPUS));
		if (what < 50 && w->nr_held < HELD) {
			take_object(w);
		} else if (w->nr_held && what < 75) {
			struct object o = drop_one(w);

			free_object(&o);
		} else if (w->nr_held && what < 97) {
			hand_over(w);
		} else {
			empty_mailbox(&mailboxes[w->number]);
		}
	}
	while (w->nr_held)
		free_object(&w->held[--w->nr_held]);
	return NULL;
}

/* Takes slabs away from CPUs that are using them. */
static void *flush(void *arg)
{
	unsigned int i = 0;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct timespec pause = { .tv_nsec = 200 * 1000 };

		kmem_cache_shrink(caches[i++ % NR_SIZES]);
		if (i % 64 == 0)
			kmm_trim();
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void eight_threads_hand_objects_over_and_lose_none(void **state)
{
	struct timespec time = { .tv_sec = seconds };
	unsigned long allocations = 0, handed_over = 0, failures = 0, before;
	pthread_t flusher;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	for (unsigned int i = 0; i < NR_SIZES; i++) {
		char name[24];

		snprintf(name, sizeof(name), "stress-%u", sizes[i]);
		caches[i] = kmem_cache_create(name, sizes[i], 0, SLAB_NO_MERGE, NULL);
		assert_non_null(caches[i]);
		/* Every edge of the state diagram is common somewhere: empty slabs that go at once, no CPU partial lists. */
		if (i % 3 == 1)
			caches[i]->min_partial = 0;
		if (i % 3 == 2)
			caches[i]->cpu_partial = 0;
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_mutex_init(&mailboxes[i].lock, NULL);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){ .number = i, .random = seed * 1000003 + i + 1 };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	assert_int_equal(pthread_create(&flusher, NULL, flush, NULL), 0);
	nanosleep(&time, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(flusher, NULL);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		allocations += workers[i].allocations;
		handed_over += workers[i].handed_over;
		failures += workers[i].failures;
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		empty_mailbox(&mailboxes[i]);

	printf("%lu allocations, %lu handed over, %lu refused\n", allocations, handed_over, failures);
	assert_true(handed_over > 100);
	assert_int_equal(failures, 0);
	for (unsigned int i = 0; i < NR_SIZES; i++) {
		kmm_validate_cache(caches[i]);
		kmem_cache_destroy(caches[i]);
	}
	world_expect_silence();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(eight_threads_hand_objects_over_and_lose_none, world_setup,
						world_teardown),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu, %u seconds\n", (unsigned long long)seed, seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
