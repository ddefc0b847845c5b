/* SPDX-License-Identifier: MIT
 * cpu_hotplug_test.c - CPUs go offline and come back: who stands in, what is refused, when handlers run, and fork.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu_hotplug.h"
#include "base/lock.h"
#include "support/threads.h"
#include "support/world.h"

/* No thread of the library's, which some places cannot have in a forked child. */
static int setup_without_thread(void **state)
{
	(void)state;
	if (world_start("background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static unsigned int number_on(int cpu)
{
	cpu_id_pin(cpu);
	return raw_smp_processor_id();
}

static void all_possible_cpus_are_online(void **state)
{
	unsigned int cpu, nr = 0;

	(void)state;
	assert_int_equal(num_online_cpus(), WORLD_CPUS);
	for_each_online_cpu(cpu)
	{
		assert_true(cpu_online(cpu));
		nr++;
	}
	assert_int_equal(nr, WORLD_CPUS);
	assert_false(cpu_online(WORLD_CPUS));
	assert_false(cpu_online(~0u));
}

static void threads_move_to_another_cpu_and_back(void **state)
{
	unsigned int cpu, nr = 0;

	(void)state;
	cpu_id_pin(1);
	assert_int_equal(remove_cpu(1), 0);
	assert_false(cpu_online(1));
	assert_int_equal(num_online_cpus(), 3);
	for_each_online_cpu(cpu)
	{
		assert_int_not_equal(cpu, 1);
		nr++;
	}
	assert_int_equal(nr, 3);
	/* The caller at once, and always the same way. */
	assert_int_equal(raw_smp_processor_id(), 2);
	for (unsigned int i = 0; i < 300; i++)
		assert_int_equal(cpu_id_refresh(), 2);
	assert_int_equal(number_on(0), 0);
	assert_int_equal(number_on(1), 2);
	assert_int_equal(add_cpu(1), 0);
	assert_true(cpu_online(1));
	assert_int_equal(num_online_cpus(), 4);
	assert_int_equal(cpu_id_refresh(), 1);
	world_expect_silence();
}

/* CPUs 0 and 1 are node 0's, 2 and 3 node 1's. */
static void who_stands_in_is_of_the_same_node_while_there_is_one(void **state)
{
	(void)state;
	assert_int_equal(world_start("numa=fake=2", WORLD_LIMIT, 4), 0);
	assert_int_equal(cpu_to_node(1), 0);
	assert_int_equal(cpu_to_node(2), 1);
	assert_int_equal(remove_cpu(1), 0);
	assert_int_equal(number_on(1), 0);
	assert_int_equal(remove_cpu(3), 0);
	assert_int_equal(number_on(3), 2);
	/* The node is empty. */
	assert_int_equal(remove_cpu(2), 0);
	assert_int_equal(number_on(2), 0);
	assert_int_equal(number_on(3), 0);
	/* Somebody nearer comes. */
	assert_int_equal(add_cpu(3), 0);
	assert_int_equal(number_on(2), 3);
	assert_int_equal(number_on(1), 0);
	assert_int_equal(remove_cpu(0), 0);
	assert_int_equal(number_on(0), 3);
	assert_int_equal(number_on(1), 3);
	assert_int_equal(num_online_cpus(), 1);
	world_teardown(state);
}

static void the_last_cpu_stays(void **state)
{
	(void)state;
	assert_int_equal(remove_cpu(0), 0);
	assert_int_equal(remove_cpu(3), 0);
	assert_int_equal(remove_cpu(2), 0);
	assert_int_equal(remove_cpu(1), -EBUSY);
	assert_true(cpu_online(1));
	for (int cpu = 0; cpu < 4; cpu++)
		assert_int_equal(number_on(cpu), 1);
	assert_int_equal(add_cpu(2), 0);
	assert_int_equal(remove_cpu(1), 0);
	world_expect_silence();
}

static void what_is_so_already_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(add_cpu(1), 0);
	assert_int_equal(remove_cpu(1), 0);
	assert_int_equal(remove_cpu(1), 0);
	assert_int_equal(num_online_cpus(), 3);
	world_expect_silence();
}

static void a_cpu_that_does_not_exist_is_refused(void **state)
{
	(void)state;
	assert_int_equal(remove_cpu(WORLD_CPUS), -EINVAL);
	world_expect_report("WARNING: remove_cpu: there is no CPU 4: nr_cpu_ids is 4");
	assert_int_equal(add_cpu(~0u), -EINVAL);
	world_expect_report("WARNING: add_cpu: there is no CPU 4294967295");
	assert_int_equal(num_online_cpus(), WORLD_CPUS);
}

static void a_number_that_is_kept_is_kept(void **state)
{
	(void)state;
	cpu_id_pin(3);
	assert_int_equal(get_cpu(), 3);
	assert_int_equal(remove_cpu(3), 0);
	assert_int_equal(raw_smp_processor_id(), 3);
	assert_int_equal(cpu_id_refresh(), 3);
	/* All of it works. */
	kfree(kmalloc(100, GFP_KERNEL));
	__free_page(alloc_page(GFP_KERNEL));
	put_cpu();
	assert_int_equal(cpu_id_refresh(), 0);
	world_expect_silence();
}

static void sums_go_on_over_all_cpus(void **state)
{
	struct percpu_counter counter;

	(void)state;
	assert_int_equal(percpu_counter_init(&counter, 0, GFP_KERNEL), 0);
	for (int cpu = 0; cpu < WORLD_CPUS; cpu++) {
		cpu_id_pin(cpu);
		percpu_counter_add(&counter, 1 + cpu);
	}
	assert_int_equal(remove_cpu(3), 0);
	assert_int_equal(percpu_counter_sum(&counter), 10);
	percpu_counter_add(&counter, 5);
	assert_true(percpu_counter_limited_add(&counter, 16, 1));
	assert_false(percpu_counter_limited_add(&counter, 16, 1));
	assert_int_equal(add_cpu(3), 0);
	assert_int_equal(percpu_counter_sum(&counter), 16);
	percpu_counter_destroy(&counter);
}

/* What the handlers saw. */
static struct {
	char order[8];
	unsigned int cpu, nr_online, number;
	pid_t child;
} seen;

static void note(char what, unsigned int cpu)
{
	kmm_assert_none_held();
	seen.order[strlen(seen.order)] = what;
	seen.cpu = cpu;
	seen.nr_online = num_online_cpus();
	seen.number = raw_cpu_id();
}

static void slabs_dead(unsigned int cpu)
{
	note('s', cpu);
}

static void slabs_online(unsigned int cpu)
{
	note('S', cpu);
}

static void pages_dead(unsigned int cpu)
{
	note('p', cpu);
}

static void pages_online(unsigned int cpu)
{
	note('P', cpu);
}

static const struct cpu_hotplug_handler slabs = {
	.state = CPUHP_SLUB_DEAD,
	.dead = slabs_dead,
	.online = slabs_online,
};
static const struct cpu_hotplug_handler pages = {
	.state = CPUHP_PAGE_ALLOC,
	.dead = pages_dead,
	.online = pages_online,
};

static void handlers_run_down_and_up_the_states_without_a_lock(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	cpu_hotplug_register(&pages);
	cpu_hotplug_register(&slabs);
	cpu_id_pin(2);
	assert_int_equal(remove_cpu(2), 0);
	assert_string_equal(seen.order, "sp");
	assert_int_equal(seen.cpu, 2);
	/* It is offline by then, also for who asked. */
	assert_int_equal(seen.nr_online, 3);
	assert_int_equal(seen.number, 3);
	assert_int_equal(remove_cpu(2), 0);
	assert_string_equal(seen.order, "sp");
	assert_int_equal(add_cpu(2), 0);
	assert_string_equal(seen.order, "spPS");
	assert_int_equal(seen.nr_online, 4);
	assert_int_equal(add_cpu(2), 0);
	assert_string_equal(seen.order, "spPS");
}

/* The child's exit status says what it found. */
static int check_child(unsigned int cpu, bool online)
{
	if (cpu_online(cpu) != online || num_online_cpus() != (online ? 4 : 3))
		return 1;
	/* Nobody is in the midst of anything here. */
	if (remove_cpu(cpu) || add_cpu(cpu) || remove_cpu(0) || num_online_cpus() != 3 || !cpu_online(cpu))
		return 2;
	cpu_id_pin(0);
	if (raw_smp_processor_id() == 0)
		return 3;
	kfree(kmalloc(100, GFP_KERNEL));
	return 0;
}

static bool forked;

static void fork_once(unsigned int cpu, bool was_online)
{
	if (forked)
		return;
	forked = true;
	fflush(NULL);
	seen.child = fork();
	if (!seen.child)
		_exit(check_child(cpu, was_online));
}

static void fork_dead(unsigned int cpu)
{
	fork_once(cpu, true);
}

static void fork_online(unsigned int cpu)
{
	fork_once(cpu, false);
}

static void assert_child_is_well(void)
{
	int status;

	assert_true(seen.child > 0);
	assert_int_equal(waitpid(seen.child, &status, 0), seen.child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_child_forked_in_the_midst_finds_the_cpu_as_it_was(void **state)
{
	static const struct cpu_hotplug_handler forking = {
		.state = CPUHP_SLUB_DEAD,
		.dead = fork_dead,
		.online = fork_online,
	};

	(void)state;
	cpu_hotplug_register(&forking);
	forked = false;
	assert_int_equal(remove_cpu(1), 0);
	assert_child_is_well();
	assert_false(cpu_online(1));
	forked = false;
	assert_int_equal(add_cpu(1), 0);
	assert_child_is_well();
	assert_int_equal(num_online_cpus(), 4);
}

static void a_child_inherits_what_is_offline(void **state)
{
	(void)state;
	assert_int_equal(remove_cpu(2), 0);
	forked = false;
	fork_once(2, false);
	assert_child_is_well();
}

static void change_a_cpu_often(unsigned int index, void *arg)
{
	unsigned int *nr_bad = arg;

	for (unsigned int i = 0; i < 200; i++) {
		const int down = remove_cpu((index + i) % WORLD_CPUS), up = add_cpu((index + i) % WORLD_CPUS);

		if ((down && down != -EBUSY) || up || !num_online_cpus())
			__atomic_add_fetch(nr_bad, 1, __ATOMIC_RELAXED);
	}
}

static void changes_wait_for_each_other(void **state)
{
	unsigned int nr_bad = 0;

	(void)state;
	run_threads(4, change_a_cpu_often, &nr_bad);
	assert_int_equal(nr_bad, 0);
	assert_int_equal(num_online_cpus(), WORLD_CPUS);
	world_expect_silence();
}

static void the_next_start_has_all_cpus(void **state)
{
	(void)state;
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 4), 0);
	assert_int_equal(remove_cpu(3), 0);
	kmm_boot_reset_for_test();
	assert_int_equal(world_start(NULL, WORLD_LIMIT, 4), 0);
	assert_int_equal(num_online_cpus(), 4);
	assert_int_equal(remove_cpu(3), 0);
	kmm_exit();
	assert_int_equal(remove_cpu(2), -ESHUTDOWN);
	assert_int_equal(add_cpu(3), -ESHUTDOWN);
	assert_true(cpu_online(3));
	kmm_boot_reset_for_test();
}

static void the_first_call_starts_the_library(void **state)
{
	(void)state;
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_int_equal(add_cpu(0), 0);
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	assert_int_equal(num_online_cpus(), kmm_nr_cpus());
	kmm_boot_reset_for_test();
	assert_true(cpu_online(0));
	assert_int_equal(kmm_boot_state(), KMM_RUNNING);
	kmm_boot_reset_for_test();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define FORK_TEST(name) cmocka_unit_test_setup_teardown(name, setup_without_thread, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_possible_cpus_are_online),
		TEST(threads_move_to_another_cpu_and_back),
		TEST(the_last_cpu_stays),
		TEST(what_is_so_already_is_no_error),
		TEST(a_cpu_that_does_not_exist_is_refused),
		TEST(a_number_that_is_kept_is_kept),
		TEST(sums_go_on_over_all_cpus),
		TEST(handlers_run_down_and_up_the_states_without_a_lock),
		FORK_TEST(a_child_forked_in_the_midst_finds_the_cpu_as_it_was),
		FORK_TEST(a_child_inherits_what_is_offline),
		TEST(changes_wait_for_each_other),
		cmocka_unit_test(who_stands_in_is_of_the_same_node_while_there_is_one),
		cmocka_unit_test(the_next_start_has_all_cpus),
		cmocka_unit_test(the_first_call_starts_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
