/* SPDX-License-Identifier: MIT
 * slub_life_stress_test.c - starts, forks, and caches that come and go, each beside threads that allocate.
 *
 * usage: slub_life_stress_test [SECONDS [SEED]]
 *
 * A deadlock ends the program by an alarm; a child that hangs is ended by its own.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/child_threads.h"
#include "support/threads.h"
#include "support/world.h"

#include "slub/slub_internal.h"

#define NR_STARTERS 8
#define NR_TRAFFIC 3
#define HELD 200
#define CHILD_SECONDS 60
#define ALL_SECONDS 240

static unsigned int seconds = 3; /* for each test */
static uint64_t seed;
static bool stop;
static unsigned long mistakes; /* atomic; cmocka's assertions may only fail in the main thread */
static struct kmem_cache *shared;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void expect(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pid %d: %s\n", (int)getpid(), what);
	__atomic_fetch_add(&mistakes, 1, __ATOMIC_RELAXED);
}

static bool is_over(time_t end)
{
	return time(NULL) >= end || __atomic_load_n(&mistakes, __ATOMIC_RELAXED);
}

struct object {
	unsigned char *bytes;
	size_t size; /* 0: from the shared cache */
	unsigned char fill;
};

static size_t object_bytes(const struct object *o)
{
	return o->size ? o->size : kmem_cache_size(shared);
}

static struct object take_object(uint64_t *random)
{
	unsigned int what = (unsigned int)next_random(random);
	struct object o = { .fill = (unsigned char)(what >> 8) };

	if (what % 3)
		o.size = 1 + (what >> 16) % (what % 64 ? 1000 : 20000);
	o.bytes = o.size ? kmalloc(o.size, GFP_KERNEL) : kmem_cache_alloc(shared, GFP_KERNEL);
	expect(o.bytes, "no memory");
	if (o.bytes)
		memset(o.bytes, o.fill, object_bytes(&o));
	return o;
}

static void give_object(const struct object *o)
{
	size_t size = object_bytes(o);

	if (!o->bytes)
		return;
	expect(o->bytes[0] == o->fill && o->bytes[size / 2] == o->fill && o->bytes[size - 1] == o->fill, "two owners");
	if (o->size)
		kfree(o->bytes);
	else
		kmem_cache_free(shared, o->bytes);
}

/* Takes, holds and gives back until told to stop, on changing CPUs. */
static void *traffic(void *arg)
{
	uint64_t random = seed * 1000003 + (uintptr_t)arg + 1;
	struct object held[HELD];
	unsigned int nr = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		unsigned int what = (unsigned int)(next_random(&random) >> 20);

		if (what % 64 == 0)
			cpu_id_pin((int)(what % WORLD_CPUS));
		if (nr == HELD || (nr && what & 1)) {
			unsigned int i = what % nr;

			give_object(&held[i]);
			held[i] = held[--nr];
		} else {
			held[nr++] = take_object(&random);
		}
	}
	while (nr)
		give_object(&held[--nr]);
	return NULL;
}

static pthread_t traffic_threads[NR_TRAFFIC];

static void traffic_start(void)
{
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < NR_TRAFFIC; i++)
		assert_int_equal(pthread_create(&traffic_threads[i], NULL, traffic, (void *)(uintptr_t)i), 0);
}

static void traffic_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < NR_TRAFFIC; i++)
		pthread_join(traffic_threads[i], NULL);
}

static int shared_setup(void **state)
{
	(void)state;
	/* In a child that can have no threads the library must not try to have one. */
	if (world_start(CHILD_HAS_THREADS ? NULL : "background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	shared = kmem_cache_create("shared", 120, 0, SLAB_NO_MERGE, NULL);
	return shared ? 0 : -1;
}

static int shared_teardown(void **state)
{
	kmem_cache_destroy(shared);
	world_expect_silence();
	return world_teardown(state);
}

/* All that a child may want, without the parent's threads. */
static void live_in_child(uint64_t random)
{
	struct kmem_cache *own = kmem_cache_create("own", 300, 0, 0, NULL);
	struct object objects[HELD];
	void *own_objects[50];

	expect(own, "no cache in the child");
	for (unsigned int i = 0; own && i < ARRAY_SIZE(own_objects); i++)
		own_objects[i] = kmem_cache_alloc(own, GFP_KERNEL);
	for (unsigned int i = 0; i < HELD; i++) {
		cpu_id_pin((int)(i % WORLD_CPUS));
		objects[i] = take_object(&random);
	}
	for (unsigned int i = 0; own && i < ARRAY_SIZE(own_objects); i++)
		kmem_cache_free(own, own_objects[i]);
	kmm_trim();
	for (unsigned int i = 0; i < HELD; i++)
		give_object(&objects[i]);
	kmm_trim();
	kmem_cache_destroy(own);
	expect(!world_reports.count, "a report in the child");
}

static void live_in_grandchild(uint64_t random)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(CHILD_SECONDS);
		live_in_child(random);
		_exit(mistakes ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	expect(status == 0, "a grandchild failed");
}

static void a_child_works_whatever_the_other_threads_were_doing(void **state)
{
	time_t end = time(NULL) + seconds;
	uint64_t random = seed + 77;
	unsigned int children = 0;

	(void)state;
	traffic_start();
	do {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			alarm(CHILD_SECONDS);
			live_in_child(random);
			if (children % 8 == 0)
				live_in_grandchild(random + 1);
			_exit(mistakes ? 1 : 0);
		}
		next_random(&random);
		/* The parent goes on meanwhile. */
		kmm_trim();
		waitpid(pid, &status, 0);
		expect(status == 0, "a child failed");
		children++;
	} while (!is_over(end));
	traffic_stop();
	printf("%u children\n", children);
	assert_int_equal(mistakes, 0);
}

/* Every kind of call that may be the first one. */
static void first_call(unsigned int index, void *arg)
{
	unsigned int turn = *(unsigned int *)arg;
	struct kmem_cache *s;
	void __percpu *counter;
	char name[24];
	void *p;
	int err;

	switch ((index + turn) % 6) {
	case 0:
	case 1:
		p = kmalloc(8 + 100 * index, GFP_KERNEL);
		expect(p, "kmalloc");
		kfree(p);
		break;
	case 2:
		snprintf(name, sizeof(name), "first-%u", index);
		s = kmem_cache_create(name, 64, 0, 0, NULL);
		expect(s, "kmem_cache_create");
		p = s ? kmem_cache_alloc(s, GFP_KERNEL) : NULL;
		expect(p, "kmem_cache_alloc");
		kmem_cache_free(s, p);
		kmem_cache_destroy(s);
		break;
	case 3:
		counter = __alloc_percpu(sizeof(long), sizeof(long));
		expect(counter, "__alloc_percpu");
		free_percpu(counter);
		break;
	case 4:
		p = (void *)__get_free_pages(GFP_KERNEL, 1);
		expect(p, "__get_free_pages");
		free_pages((unsigned long)p, 1);
		break;
	default:
		err = kmm_init(NULL);
		expect(err == 0 || err == -EBUSY, "kmm_init");
		kfree(kmalloc(5000, GFP_KERNEL));
		kmm_trim();
	}
}

static void eight_threads_start_the_library_once(void **state)
{
	time_t end = time(NULL) + seconds;
	unsigned int turn = 0;

	(void)state;
	setenv("KMM_OPTIONS", "mem=32M nr_cpus=4", 1);
	do {
		run_threads(NR_STARTERS, first_call, &turn);
		assert_int_equal(kmm_boot_state(), KMM_RUNNING);
		kmm_validate_slub();
		kmm_validate_percpu();
		kmm_validate_pages();
		kmm_boot_reset_for_test();
		turn++;
	} while (!is_over(end));
	unsetenv("KMM_OPTIONS");
	printf("%u starts\n", turn);
	assert_int_equal(mistakes, 0);
}

static void *trim_again_and_again(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		kmm_trim();
		sched_yield();
	}
	return NULL;
}

/* Creates, fills, empties and destroys caches, some of which are those of other threads as well. */
static void *come_and_go(void *arg)
{
	uint64_t random = seed * 31 + (uintptr_t)arg + 1;
	unsigned long *caches = calloc(1, sizeof(*caches));

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		unsigned int size = 8 + (unsigned int)(next_random(&random) % (next_random(&random) % 2 ? 2000 : 100));
		struct kmem_cache *s;
		void *objects[64];
		char name[24];
		unsigned int nr = (unsigned int)(next_random(&random) % ARRAY_SIZE(objects));

		snprintf(name, sizeof(name), "brief-%u", (unsigned int)(uintptr_t)arg);
		s = kmem_cache_create(name, size, 0, 0, NULL);
		expect(s, "kmem_cache_create");
		if (!s)
			break;
		for (unsigned int i = 0; i < nr; i++) {
			cpu_id_pin((int)(next_random(&random) % WORLD_CPUS));
			objects[i] = kmem_cache_zalloc(s, GFP_KERNEL);
			expect(objects[i], "kmem_cache_zalloc");
		}
		for (unsigned int i = 0; i < nr; i++)
			kmem_cache_free(s, objects[i]);
		kmem_cache_destroy(s);
		++*caches;
	}
	return caches;
}

static void caches_come_and_go_beside_traffic_and_trims(void **state)
{
	struct timespec time_left = { .tv_sec = seconds };
	pthread_t trimmer, owners[2];
	unsigned long total = 0, *caches;
	unsigned long before;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	traffic_start();
	assert_int_equal(pthread_create(&trimmer, NULL, trim_again_and_again, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(owners); i++)
		assert_int_equal(pthread_create(&owners[i], NULL, come_and_go, (void *)(uintptr_t)i), 0);
	nanosleep(&time_left, NULL);
	traffic_stop();
	pthread_join(trimmer, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(owners); i++) {
		pthread_join(owners[i], (void **)&caches);
		total += *caches;
		free(caches);
	}
	printf("%lu caches\n", total);
	assert_int_equal(mistakes, 0);
	/* A cache that could not be destroyed was reported. */
	world_expect_silence();
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_threads_start_the_library_once),
		cmocka_unit_test_setup_teardown(caches_come_and_go_beside_traffic_and_trims, shared_setup,
						shared_teardown),
		cmocka_unit_test_setup_teardown(a_child_works_whatever_the_other_threads_were_doing, shared_setup,
						shared_teardown),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu, %u seconds each\n", (unsigned long long)seed, seconds);
	alarm(ALL_SECONDS + 3 * seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
