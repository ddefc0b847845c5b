/* SPDX-License-Identifier: MIT
 * small_world.h - a library that ends at the per-CPU allocator, with a first chunk of exact parts.
 *
 * Owns:  kmm_start_rooms() and kmm_stop_rooms() of its test program, in place of those of src/start.c: there are pages
 *        and per-CPU memory, and nothing above, so that a test makes the very first allocation.
 */
#ifndef KMM_TESTS_PERCPU_SMALL_WORLD_H
#define KMM_TESTS_PERCPU_SMALL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kmm/stats.h>

#include "arch/arch.h"
#include "arena/arena.h"
#include "base/boot.h"
#include "buddy/buddy.h"
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

/* The parts that the boot of a 32-bit ARM machine with 4 CPUs has. */
#define EXACT_STATIC 0x1d00
#define EXACT_RESERVED 0x2000
#define EXACT_DYNAMIC 0x3000

static const struct pcpu_alloc_info exact_info = {
	.static_size = EXACT_STATIC,
	.reserved_size = EXACT_RESERVED,
	.dyn_size = EXACT_DYNAMIC,
	.unit_size = 0x8000,
};

static struct pcpu_alloc_info small_world_info;
static unsigned int small_world_cpus = 4;

int kmm_start_rooms(const struct kmm_config *config)
{
	int err = arena_start(64UL << 20);

	(void)config;
	if (err)
		return err;
	kmm_nr_cpu_ids = small_world_cpus;
	err = pcpu_setup_first_chunk(&small_world_info);
	if (!err)
		err = buddy_start();
	if (err) {
		percpu_stop(false);
		arena_stop(false);
	}
	return err;
}

void kmm_stop_rooms(bool final)
{
	percpu_stop(final);
	buddy_stop();
	arena_stop(final);
}

static __attribute__((unused)) int small_world_setup(void **state)
{
	(void)state;
	small_world_info = exact_info;
	return kmm_boot_start(NULL);
}

static __attribute__((unused)) int small_world_teardown(void **state)
{
	(void)state;
	kmm_validate_percpu();
	kmm_validate_pages();
	kmm_boot_reset_for_test();
	return 0;
}

#endif /* KMM_TESTS_PERCPU_SMALL_WORLD_H */
