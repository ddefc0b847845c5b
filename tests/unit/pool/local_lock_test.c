/* SPDX-License-Identifier: MIT
 * local_lock_test.c - one thread at a time has a CPU's instance, and keeps the CPU's number while it does.
 */
#include <errno.h>
#include <time.h>

#include "support/capture.h"
#include "support/threads.h"
#include "support/world.h"

struct account {
	local_lock_t lock;
	local_lock_t inner;
	long nr;               /* not atomic: lock */
	unsigned int nr_inner; /* not atomic: inner */
};

static struct account __percpu *accounts;

static int accounts_setup(void **state)
{
	if (world_setup(state))
		return -1;
	accounts = alloc_percpu(struct account);
	return accounts ? 0 : -1;
}

static int accounts_teardown(void **state)
{
	free_percpu(accounts);
	return world_teardown(state);
}

static void a_lock_is_of_this_cpu_alone(void **state)
{
	unsigned long flags = 1;

	(void)state;
	cpu_id_pin(1);
	local_lock(&accounts->lock);
	assert_int_equal(per_cpu_ptr(accounts, 1)->lock.state, 1);
	assert_int_equal(per_cpu_ptr(accounts, 0)->lock.state, 0);
	local_unlock(&accounts->lock);
	assert_int_equal(per_cpu_ptr(accounts, 1)->lock.state, 0);
	local_lock_irq(&accounts->lock);
	local_unlock_irq(&accounts->lock);
	local_lock_irqsave(&accounts->lock, flags);
	assert_int_equal(flags, 0);
	assert_int_equal(per_cpu_ptr(accounts, 1)->lock.state, 1);
	local_unlock_irqrestore(&accounts->lock, flags);
	assert_int_equal(per_cpu_ptr(accounts, 1)->lock.state, 0);
	world_expect_silence();
}

static void holder_keeps_its_cpu(void **state)
{
	int i;

	(void)state;
	local_lock(&accounts->lock);
	cpu_id_pin(3);
	for (i = 0; i < 1000; i++)
		assert_ptr_equal(this_cpu_ptr(accounts), per_cpu_ptr(accounts, 0));
	kfree(kmalloc(100, GFP_KERNEL));
	free_percpu(alloc_percpu(long));
	local_unlock(&accounts->lock);
	assert_int_equal(per_cpu_ptr(accounts, 0)->lock.state, 0);
	cpu_id_refresh();
	assert_ptr_equal(this_cpu_ptr(accounts), per_cpu_ptr(accounts, 3));
}

static void different_locks_nest_and_need_not_end_in_order(void **state)
{
	(void)state;
	local_lock(&accounts->lock);
	migrate_disable();
	local_lock(&accounts->inner);
	cpu_id_pin(2);
	local_unlock(&accounts->lock);
	assert_int_equal(per_cpu_ptr(accounts, 0)->lock.state, 0);
	assert_int_equal(per_cpu_ptr(accounts, 0)->inner.state, 1);
	assert_int_equal(raw_smp_processor_id(), 0);
	local_unlock(&accounts->inner);
	migrate_enable();
	cpu_id_refresh();
	assert_int_equal(raw_smp_processor_id(), 2);
	world_expect_silence();
}

static void more_locks_than_are_remembered_nest_as_well(void **state)
{
	local_lock_t __percpu *many = __alloc_percpu(20 * sizeof(local_lock_t), 4);
	int i;

	(void)state;
	assert_non_null(many);
	for (i = 0; i < 20; i++)
		local_lock(many + i);
	for (i = 0; i < 20; i++)
		assert_int_equal(this_cpu_ptr(many)[i].state, 1);
	for (i = 0; i < 20; i++)
		local_unlock(many + i);
	for (i = 0; i < 20; i++)
		assert_int_equal(this_cpu_ptr(many)[i].state, 0);
	world_expect_silence();
	free_percpu(many);
}

struct cache {
	local_lock_t lock;
	long hits;
};
static DEFINE_PER_CPU(struct cache, cache) = { .lock = INIT_LOCAL_LOCK(lock) };

static void static_variable_has_a_lock_for_each_cpu(void **state)
{
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu) {
		per_cpu(cache, cpu).hits = 0;
		cpu_id_pin((int)cpu);
		local_lock(&cache.lock);
		assert_int_equal(per_cpu(cache, cpu).lock.state, 1);
		this_cpu_ptr(&cache)->hits++;
		local_unlock(&cache.lock);
	}
	for_each_possible_cpu(cpu) {
		assert_int_equal(per_cpu(cache, cpu).lock.state, 0);
		assert_int_equal(per_cpu(cache, cpu).hits, 1);
	}
	world_expect_silence();
}

static void initial_locks_are_free(void **state)
{
	local_lock_t lock = INIT_LOCAL_LOCK(lock);

	(void)state;
	assert_int_equal(lock.state, 0);
	memset(&lock, 0xff, sizeof(lock));
	local_lock_init(&lock);
	assert_int_equal(lock.state, 0);
	/* The same in every build of the library. */
	assert_int_equal(sizeof(lock), sizeof(unsigned int));
}

#if KMM_CONFIG_CHECK
static void taking_ones_own_lock_again_is_a_bug(void **state)
{
	bool bug;

	(void)state;
	capture_start();
	local_lock(&accounts->lock);
	bug = capture_bug_in(local_lock(&accounts->lock));
	assert_true(bug);
	assert_non_null(strstr(capture.last, "BUG: local lock "));
	assert_non_null(strstr(capture.last, "is already held by this thread\n"));
	/* As if the second call had not been. */
	local_unlock(&accounts->lock);
	assert_int_equal(per_cpu_ptr(accounts, 0)->lock.state, 0);
	assert_int_equal(kmm_cpu_held, 0);
	capture_stop();
}

static void *unlock_that_of_another(void *arg)
{
	(void)arg;
	cpu_id_pin(0);
	migrate_disable();
	local_unlock(&accounts->lock);
	migrate_enable();
	return NULL;
}

static void unlocking_what_another_thread_holds_is_refused(void **state)
{
	pthread_t thread;

	(void)state;
	local_lock(&accounts->lock);
	assert_int_equal(pthread_create(&thread, NULL, unlock_that_of_another, NULL), 0);
	pthread_join(thread, NULL);
	world_expect_report("WARNING: local_unlock: lock ");
	assert_int_equal(per_cpu_ptr(accounts, 0)->lock.state, 1);
	local_unlock(&accounts->lock);
	world_expect_silence();
}
#endif

static void unlocking_a_free_lock_is_refused(void **state)
{
	(void)state;
	migrate_disable();
	local_unlock(&accounts->lock);
	world_expect_report("WARNING: local_unlock: lock ");
	assert_int_equal(kmm_cpu_held, 1);
	migrate_enable();
	local_lock(&accounts->lock);
	local_unlock(&accounts->lock);
	world_expect_silence();
}

/* Threads */

#define NR_THREADS 12 /* three times the CPUs of the world, six times those of a small machine */
#define NR_TURNS 3000

static void count_under_lock(unsigned int index, void *arg)
{
	unsigned int *nr_bad = arg, i, cpu;
	struct account *mine;

	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < NR_TURNS; i++) {
		local_lock(&accounts->lock);
		cpu = raw_smp_processor_id();
		/* As if the system moved us. */
		cpu_id_pin((int)((index + i) % WORLD_CPUS));
		mine = this_cpu_ptr(accounts);
		mine->nr++;
		if (i % 64 == 0)
			sched_yield();
		local_lock(&accounts->inner);
		this_cpu_ptr(accounts)->nr_inner++;
		local_unlock(&accounts->inner);
		if (raw_smp_processor_id() != cpu || this_cpu_ptr(accounts) != mine)
			__atomic_add_fetch(nr_bad, 1, __ATOMIC_RELAXED);
		local_unlock(&accounts->lock);
	}
}

static void threads_exclude_each_other(void **state)
{
	unsigned int nr_bad = 0, cpu, nr_inner = 0;
	long sum = 0;

	(void)state;
	run_threads(NR_THREADS, count_under_lock, &nr_bad);
	for_each_possible_cpu(cpu) {
		sum += per_cpu_ptr(accounts, cpu)->nr;
		nr_inner += per_cpu_ptr(accounts, cpu)->nr_inner;
		assert_int_equal(per_cpu_ptr(accounts, cpu)->lock.state, 0);
	}
	assert_int_equal(sum, NR_THREADS * NR_TURNS);
	assert_int_equal(nr_inner, NR_THREADS * NR_TURNS);
	assert_int_equal(nr_bad, 0);
}

static unsigned int nr_errno_changed;

static void hold_for_long(unsigned int index, void *arg)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int i;

	(void)arg;
	(void)index;
	cpu_id_pin(0);
	for (i = 0; i < 10; i++) {
		errno = EDOM;
		local_lock(&accounts->lock);
		if (errno != EDOM)
			__atomic_add_fetch(&nr_errno_changed, 1, __ATOMIC_RELAXED);
		this_cpu_ptr(accounts)->nr++;
		nanosleep(&ms, NULL);
		errno = EDOM;
		local_unlock(&accounts->lock);
		if (errno != EDOM)
			__atomic_add_fetch(&nr_errno_changed, 1, __ATOMIC_RELAXED);
	}
}

static void who_waits_for_a_holder_that_sleeps_sleeps_and_is_woken(void **state)
{
	(void)state;
	nr_errno_changed = 0;
	run_threads(6, hold_for_long, NULL);
	assert_int_equal(per_cpu_ptr(accounts, 0)->nr, 60);
	assert_int_equal(per_cpu_ptr(accounts, 0)->lock.state, 0);
	assert_int_equal(nr_errno_changed, 0);
}

#define lock_test(name) cmocka_unit_test_setup_teardown(name, accounts_setup, accounts_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lock_test(a_lock_is_of_this_cpu_alone),
		lock_test(holder_keeps_its_cpu),
		lock_test(different_locks_nest_and_need_not_end_in_order),
		lock_test(more_locks_than_are_remembered_nest_as_well),
		lock_test(static_variable_has_a_lock_for_each_cpu),
		lock_test(initial_locks_are_free),
#if KMM_CONFIG_CHECK
		lock_test(taking_ones_own_lock_again_is_a_bug),
		lock_test(unlocking_what_another_thread_holds_is_refused),
#endif
		lock_test(unlocking_a_free_lock_is_refused),
		lock_test(threads_exclude_each_other),
		lock_test(who_waits_for_a_holder_that_sleeps_sleeps_and_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
