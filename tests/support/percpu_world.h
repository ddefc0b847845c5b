/* SPDX-License-Identifier: MIT
 * percpu_world.h - the usual world, in which per-CPU memory is balanced only when the test says so.
 */
#ifndef KMM_TESTS_PERCPU_WORLD_H
#define KMM_TESTS_PERCPU_WORLD_H

#include "percpu/percpu_internal.h"
#include "support/world.h"

/* The chunk that @ptr points into; the reserved one only by its pointer. */
static __attribute__((unused)) struct pcpu_chunk *chunk_of(const char __percpu *ptr)
{
	struct pcpu_chunk *chunk;

	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_of_locked((size_t)(ptr - pcpu_slices.base));
	kmm_spin_unlock(&pcpu_lock);
	return chunk;
}

/* cmocka setup. world_teardown() goes with it. */
static __attribute__((unused)) int quiet_world_setup(void **state)
{
	if (world_setup(state))
		return -1;
	pcpu_balance_suspend_for_test(true);
	return 0;
}

#define in_quiet_world(test) cmocka_unit_test_setup_teardown(test, quiet_world_setup, world_teardown)

#endif /* KMM_TESTS_PERCPU_WORLD_H */
