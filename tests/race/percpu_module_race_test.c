/* SPDX-License-Identifier: MIT
 * percpu_module_race_test.c - lookups of static per-CPU variables while the table changes between two of their reads.
 *
 * The hook changes it in the looking thread itself, which is as good as another one: lookups hold no lock.
 */
#include "base/race.h"
#include "percpu/module.h"
#include "support/world.h"

static char templates[0x8000] __attribute__((aligned(4096)));

static struct kmm_percpu_module first, second, wanted;
static void (*act)(void); /* once */
static unsigned int acted;

static void load(struct kmm_percpu_module *module, size_t start, size_t size)
{
	*module = (struct kmm_percpu_module){ .size = 0 };
	kmm_percpu_module_register(module, templates + start, templates + start + size, NULL, NULL);
}

static void hook(const char *point)
{
	void (*now)(void) = act;

	if (strcmp(point, "pcpu_module:read") != 0 || !now)
		return;
	act = NULL;
	acted++;
	now();
}

static int setup(void **state)
{
	if (world_setup(state))
		return -1;
	acted = 0;
	kmm_race_hook = hook;
	return 0;
}

static int teardown(void **state)
{
	kmm_race_hook = NULL;
	act = NULL;
	return world_teardown(state);
}

/* Another, larger object takes the entry of the one whose start was just read. */
static void replace_first(void)
{
	kmm_percpu_module_unregister(&first);
	load(&second, 0x4000, 0x1000);
}

static void the_start_of_one_object_and_the_size_of_another_match_nothing(void **state)
{
	char *instance;

	(void)state;
	load(&first, 0, 16);
	load(&wanted, 0x800, 64);
	instance = per_cpu_ptr(templates + 0x810, 1);
	assert_non_null(instance);
	act = replace_first;
	/* Past the shortcut of the object itself. */
	assert_ptr_equal(kmm_per_cpu_ptr_slow(templates + 0x810, 1), instance);
	assert_int_equal(acted, 1);
	kmm_percpu_module_unregister(&second);
	kmm_percpu_module_unregister(&wanted);
	world_expect_silence();
}

/* The entry looked for changes, as when another thread makes its instances. */
static void rewrite_wanted(void)
{
	struct pcpu_module *entry, val;

	kmm_lock(&pcpu_module_lock);
	entry = pcpu_module_of_locked(wanted.start);
	val = *entry;
	pcpu_module_write_locked(entry, &val);
	kmm_unlock(&pcpu_module_lock);
}

static void an_object_that_changes_meanwhile_is_found_by_a_second_look(void **state)
{
	char *instance;

	(void)state;
	load(&wanted, 0, 64);
	instance = per_cpu_ptr(templates + 8, 2);
	act = rewrite_wanted;
	assert_ptr_equal(kmm_per_cpu_ptr_slow(templates + 8, 2), instance);
	assert_int_equal(acted, 1);
	kmm_percpu_module_unregister(&wanted);
	world_expect_silence();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_start_of_one_object_and_the_size_of_another_match_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_object_that_changes_meanwhile_is_found_by_a_second_look, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
