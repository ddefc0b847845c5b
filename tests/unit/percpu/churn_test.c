/* SPDX-License-Identifier: MIT
 * churn_test.c - threads allocate, count and free while one trims, balances and proves, and one reads sums, all the time.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "support/child_threads.h"
#include "support/percpu_world.h"
#include "support/random.h"
#include "support/threads.h"

#define WORKERS 5
#define ROUNDS 3000
#define HELD 12

static unsigned long __percpu *counter;
static unsigned int nr_working, nr_wrong;
static bool forks; /* the first worker forks now and then */

struct held {
	unsigned long __percpu *ptr; /* an array */
	size_t nr;
	unsigned long expected; /* the sum of its last elements */
};

static unsigned long sum_of(unsigned long __percpu *ptr)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(ptr, cpu));
	return sum;
}

static void wrong_if(bool is_wrong)
{
	if (is_wrong)
		__atomic_fetch_add(&nr_wrong, 1, __ATOMIC_RELAXED);
}

static void take(struct held *h, struct test_random *random)
{
	const gfp_t gfp = test_random_below(random, 3) ? GFP_KERNEL : GFP_NOWAIT;
	size_t i;

	h->nr = 1 + test_random_below(random, test_random_below(random, 20) ? 40 : 3 * PAGE_SIZE / sizeof(long));
	h->expected = 0;
	h->ptr = __alloc_percpu_gfp(h->nr * sizeof(long), sizeof(long), gfp | __GFP_NOWARN);
	for (i = 0; h->ptr && i < h->nr; i++)
		wrong_if(sum_of(h->ptr + i) != 0);
}

static void give(struct held *h)
{
	wrong_if(sum_of(h->ptr + h->nr - 1) != h->expected);
	free_percpu(h->ptr);
	h->ptr = NULL;
}

static void fork_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		void __percpu *ptr;

		if (!CHILD_HAS_THREADS)
			pcpu_balance_suspend_for_test(true);
		ptr = __alloc_percpu(PCPU_MIN_UNIT_SIZE, 4);

		free_percpu(__alloc_percpu_gfp(16, 4, GFP_NOWAIT | __GFP_NOWARN));
		free_percpu(ptr);
		kmm_validate_percpu();
		percpu_trim();
		_exit(ptr && !world_reports.count ? 0 : 1);
	}
	wrong_if(pid < 0 || waitpid(pid, &status, 0) != pid || status != 0);
}

static void work(unsigned int index)
{
	struct test_random random = { .state = 77 + index };
	struct held held[HELD] = { 0 };
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		struct held *h = &held[test_random_below(&random, HELD)];

		if (i % 16 == 0)
			cpu_id_pin((int)test_random_below(&random, WORLD_CPUS));
		this_cpu_inc(*counter);
		if (!h->ptr) {
			take(h, &random);
		} else if (test_random_below(&random, 3)) {
			this_cpu_add(h->ptr[h->nr - 1], i);
			h->expected += i;
		} else {
			give(h);
		}
		if (forks && index == 0 && i % 300 == 0)
			fork_child();
	}
	for (i = 0; i < HELD; i++) {
		if (held[i].ptr)
			give(&held[i]);
	}
	__atomic_fetch_sub(&nr_working, 1, __ATOMIC_RELAXED);
}

static void disturb(void)
{
	unsigned int i, turns = 0;

	for (i = 0; READ_ONCE(nr_working); i++) {
		if (i % 2)
			percpu_trim();
		else
			pcpu_balance_for_test();
		if (i % 32 == 0)
			kmm_validate_percpu();
		spin_turn(&turns);
	}
}

/* Each CPU's count only grows, and so does the sum that one thread reads. */
static void read_sums(void)
{
	unsigned long sum, last = 0;
	unsigned int turns = 0;

	while (READ_ONCE(nr_working)) {
		sum = sum_of(counter);
		wrong_if(sum < last || sum > (unsigned long)WORKERS * ROUNDS);
		last = sum;
		spin_turn(&turns);
	}
}

static void run(unsigned int index, void *arg)
{
	(void)arg;
	if (index < WORKERS)
		work(index);
	else if (index == WORKERS)
		disturb();
	else
		read_sums();
	cpu_id_pin(-1);
}

static void churn(void)
{
	unsigned long nr_free;
	uint64_t in_use;

	/* Nothing is populated ahead while pages are counted. */
	pcpu_balance_suspend_for_test(true);
	percpu_trim();
	counter = alloc_percpu(unsigned long);
	nr_free = nr_free_pages();
	in_use = pcpu_stats.nr_alloc - pcpu_stats.nr_dealloc;
	pcpu_balance_suspend_for_test(false);
	nr_working = WORKERS;
	nr_wrong = 0;
	run_threads(WORKERS + 2, run, NULL);
	assert_int_equal(nr_wrong, 0);
	assert_int_equal(sum_of(counter), WORKERS * ROUNDS);
	pcpu_balance_suspend_for_test(true);
	assert_int_equal(pcpu_stats.nr_alloc - pcpu_stats.nr_dealloc, in_use);
	percpu_trim();
	assert_int_equal(nr_free_pages(), nr_free);
	free_percpu(counter);
	world_expect_silence();
}

static void every_count_is_exact(void **state)
{
	(void)state;
	forks = false;
	churn();
}

static void every_count_is_exact_while_a_thread_forks(void **state)
{
	(void)state;
	forks = true;
	churn();
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define without_thread(test)                                                           \
	{                                                                              \
#test "_without_a_thread", test, no_thread_setup, world_teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(every_count_is_exact),
		in_world(every_count_is_exact_while_a_thread_forks),
		without_thread(every_count_is_exact),
		without_thread(every_count_is_exact_while_a_thread_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
