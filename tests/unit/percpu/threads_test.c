/* SPDX-License-Identifier: MIT
 * threads_test.c - many threads on simulated CPUs: no count is lost, no area is given to two, a fork finds no lock
 * in use.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "percpu/percpu_internal.h"
#include "support/child_threads.h"
#include "support/random.h"
#include "support/threads.h"
#include "support/world.h"

#define THREADS 8
#define COUNTS 20000
#define ROUNDS 3000
#define HELD 32

static uint64_t __percpu *counter;
static struct {
	unsigned long first, second;
} __attribute__((aligned(2 * sizeof(long)))) __percpu *pair;

static void count(unsigned int index, void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < COUNTS; i++) {
		/* Two threads on each CPU, and now and then all change places. */
		if (i % 1000 == 0)
			cpu_id_pin((int)((index + i / 1000) % WORLD_CPUS));
		this_cpu_add(*counter, (uint64_t)1 << 32 | 1);
		this_cpu_inc(*counter);
		this_cpu_dec(*counter);
		if (i % 3 == 0)
			this_cpu_add_return(*counter, 1);
	}
}

static void no_count_is_lost(void **state)
{
	uint64_t sum = 0, each = COUNTS + (COUNTS + 2) / 3;
	unsigned int cpu;

	(void)state;
	counter = alloc_percpu(uint64_t);
	run_threads(THREADS, count, NULL);
	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(counter, cpu);
	assert_true(sum == THREADS * (((uint64_t)COUNTS << 32) + each));
	free_percpu(counter);
}

static void count_in_pairs(unsigned int index, void *arg)
{
	unsigned long first, second;
	unsigned int i;

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < COUNTS / 10; i++) {
		do {
			first = this_cpu_read(pair->first);
			second = this_cpu_read(pair->second);
		} while (!this_cpu_cmpxchg_double(pair->first, pair->second, first, second, first + 1, second + 3));
	}
}

static void pairs_stay_pairs(void **state)
{
	unsigned long sum = 0;
	unsigned int cpu;

	(void)state;
	pair = __alloc_percpu(sizeof(*pair), sizeof(*pair));
	run_threads(THREADS, count_in_pairs, NULL);
	for_each_possible_cpu(cpu) {
		assert_int_equal(per_cpu_ptr(pair, cpu)->second, 3 * per_cpu_ptr(pair, cpu)->first);
		sum += per_cpu_ptr(pair, cpu)->first;
	}
	assert_int_equal(sum, THREADS * (COUNTS / 10));
	free_percpu(pair);
}

struct held {
	unsigned char __percpu *ptr;
	size_t size;
	unsigned char pattern;
};

static unsigned int errors[THREADS];

/* Fills every instance, or counts the bytes that are not what was written. */
static unsigned int touch(const struct held *h, bool fill)
{
	unsigned int cpu, bad = 0;
	size_t i;

	for (cpu = 0; cpu < WORLD_CPUS; cpu++) {
		unsigned char *p = per_cpu_ptr(h->ptr, cpu);

		for (i = 0; i < h->size; i++) {
			if (!fill)
				bad += p[i] != (unsigned char)(h->pattern + cpu);
			else if (p[i])
				bad++;
		}
		if (fill)
			memset(p, h->pattern + (int)cpu, h->size);
	}
	return bad;
}

static void allocate_and_free(unsigned int index, void *arg)
{
	struct test_random random = { .state = 1000 + index };
	struct held held[HELD];
	unsigned int i;

	(void)arg;
	memset(held, 0, sizeof(held));
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < ROUNDS; i++) {
		struct held *h = &held[test_random_below(&random, HELD)];

		if (h->ptr) {
			errors[index] += touch(h, false);
			free_percpu(h->ptr);
			h->ptr = NULL;
		} else {
			h->size = 1 + test_random_below(&random, i % 50 ? 200 : 3 * PAGE_SIZE);
			h->ptr = __alloc_percpu_gfp(h->size, 8, (i % 4 ? GFP_KERNEL : GFP_NOWAIT) | __GFP_NOWARN);
			h->pattern = (unsigned char)test_random_next(&random);
			if (h->ptr)
				errors[index] += touch(h, true);
		}
		if (index == 0 && i % 100 == 0)
			percpu_trim();
		if (index == 1 && i % 500 == 0)
			kmm_validate_percpu();
	}
	for (i = 0; i < HELD; i++) {
		if (held[i].ptr) {
			errors[index] += touch(&held[i], false);
			free_percpu(held[i].ptr);
		}
	}
}

static void no_area_has_two_owners(void **state)
{
	unsigned long nr_free = nr_free_pages();
	unsigned int i;

	(void)state;
	memset(errors, 0, sizeof(errors));
	run_threads(THREADS, allocate_and_free, NULL);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(errors[i], 0);
	kmm_validate_percpu();
	percpu_trim();
	assert_int_equal(nr_free_pages(), nr_free);
	world_expect_silence();
}

static bool stop;

static void fork_or_allocate(unsigned int index, void *arg)
{
	unsigned int i, *failed = arg;
	int status;

	if (index) {
		while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
			free_percpu(__alloc_percpu_gfp(64, 8, GFP_KERNEL | __GFP_NOWARN));
			if (index == 1)
				percpu_trim();
		}
		return;
	}
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			void __percpu *ptr;

			if (!CHILD_HAS_THREADS)
				pcpu_balance_suspend_for_test(true);
			/* The other threads are gone, whatever they held. */
			ptr = __alloc_percpu(0x8000, 8);
			free_percpu(ptr);
			percpu_trim();
			kmm_validate_percpu();
			_exit(ptr ? 0 : 1);
		}
		*failed += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
}

static void a_forked_child_can_go_on_at_once(void **state)
{
	unsigned int failed = 0;

	(void)state;
	run_threads(3, fork_or_allocate, &failed);
	assert_int_equal(failed, 0);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(no_count_is_lost),
		in_world(pairs_stay_pairs),
		in_world(no_area_has_two_owners),
		in_world(a_forked_child_can_go_on_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
