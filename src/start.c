/* SPDX-License-Identifier: MIT
 * start.c - the start and the end of the library, room by room in the kernel's order. The only file above all rooms.
 *
 * Order:  options, CPUs, arena, nodes and zones, per-CPU first chunk, what SLUB needs of memblock, pages, SLUB, delayed
 *         work. A step that fails undoes the steps before it, in reverse.
 * Locks:  the boot lock (boot.c) is held throughout; nothing else runs yet.
 * Source: start_kernel(), mm_init(), init/main.c, Linux 6.1.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <kmm/init.h>

#include "arch/arch.h"
#include "arena/arena.h"
#include "arena/os.h"
#include "base/boot.h"
#include "base/options.h"
#include "base/rcu.h"
#include "base/rcu_defer.h"
#include "base/report.h"
#include "base/work.h"
#include "buddy/buddy.h"
#include "percpu/percpu.h"
#include "pool/pool.h"
#include "slub/idle.h"
#include "slub/layout.h"
#include "slub/slub.h"

#if __SIZEOF_POINTER__ == 8
#define NR_CPUS_MAX 256 /* the first chunk of so many takes half of the first section */
#else
#define NR_CPUS_MAX 32
#endif

static unsigned int option_nr_cpus; /* 0: the machine's */
static bool option_background;      /* the library may have a thread of its own */

static const struct kmm_param start_params[] = {
	{ .name = "nr_cpus", .set = kmm_param_set_uint, .target = &option_nr_cpus, .min = 1, .max = NR_CPUS_MAX },
	{ .name = "background", .set = kmm_param_set_bool, .target = &option_background },
	{ .name = NULL },
};

static const struct kmm_param *const all_params[] = {
	start_params, rcu_params, arena_params, percpu_params, buddy_params, slub_params, slub_idle_params, NULL,
};

/* The environment first, so that the program's own words win. What a user typed wrong there must not stop a program
 * that never asked for options; what the program itself says wrong is its bug. */
static int read_options(const struct kmm_config *config)
{
	const char *environment = getenv("KMM_OPTIONS");

	/* Options last for one start, also for one that fails. */
	option_nr_cpus = 0;
	option_background = true;
	rcu_options_reset();
	arena_options_reset();
	buddy_options_reset();
	slub_options_reset();
	slub_idle_reset();
	if (environment)
		kmm_options_parse(environment, all_params, false);
	if (config && config->options)
		return kmm_options_parse(config->options, all_params, true);
	return 0;
}

/* The machine's CPUs, as far as a quarter of the address space goes: each has a slice of it. CPUs beyond share. */
static long default_nr_cpus(void)
{
	const size_t slices = (os_address_space_size() / 4) >> KMM_PCPU_SLICE_SHIFT;
	const long most = (long)min_of(slices, (size_t)NR_CPUS_MAX);

	return max_of(min_of(sysconf(_SC_NPROCESSORS_CONF), most), 1L);
}

static int set_nr_cpus(const struct kmm_config *config)
{
	long nr = config && config->nr_cpus ? (long)config->nr_cpus : (long)option_nr_cpus;

	if (!nr)
		nr = default_nr_cpus();
	if (nr < 0 || nr > NR_CPUS_MAX) {
		kmm_report(KMM_REPORT_WARN, "kmm_init: nr_cpus %ld: must be 1 to %d\n", nr, NR_CPUS_MAX);
		return -EINVAL;
	}
	WRITE_ONCE(kmm_nr_cpu_ids, (unsigned int)nr);
	return 0;
}

static int check_config(const struct kmm_config *config)
{
	/* A larger one is from a newer header, with fields that this library does not know. */
	if (config && config->size != sizeof(*config)) {
		kmm_report(KMM_REPORT_WARN, "kmm_init: config->size is %zu, must be sizeof(struct kmm_config), %zu\n",
			   config->size, sizeof(*config));
		return -EINVAL;
	}
	return 0;
}

static int start_rooms(const struct kmm_config *config)
{
	int err = read_options(config);

	if (!err)
		err = set_nr_cpus(config);
	if (err)
		return err;

	kmm_rcu_choose(config ? config->rcu : NULL);
	arena_set_boot_pfn(buddy_boot_pfn());
	err = arena_start(config ? config->limit : 0);
	if (err)
		return err;
	err = buddy_reserve();
	if (err)
		goto stop_buddy;
	err = percpu_start();
	if (err)
		goto stop_buddy;
	err = slub_reserve();
	if (err)
		goto stop_percpu;
	err = buddy_start();
	if (err)
		goto stop_percpu;
	err = kmem_cache_init();
	if (err)
		goto stop_slub;
	kmem_cache_init_late();
	buddy_start_late();
	percpu_counter_start();
	percpu_ref_start();
	mempool_start();
	kmm_rcu_defer_start();
	/* What was freed so far waits for the next free. */
	if (option_background)
		kmm_work_start();
	return 0;

stop_slub:
	slub_stop();
stop_percpu:
	percpu_stop(false);
stop_buddy:
	buddy_stop();
	arena_stop(false);
	kmm_report(KMM_REPORT_ERR, "kmm_init: out of memory while starting, error %d\n", err);
	return err;
}

int kmm_start_rooms(const struct kmm_config *config)
{
	int err = check_config(config);

	if (err)
		return err;
	kmm_report_callback_set(config ? config->report : NULL, config ? config->report_arg : NULL);
	err = start_rooms(config);
	/* A start that failed leaves nothing behind, the callback included. */
	if (err)
		kmm_report_callback_set(NULL, NULL);
	return err;
}

/* Everything goes but the caches' own structures; see slub_page_outlives_exit(). */
static void give_back_arena(void)
{
	unsigned long start = 0, pfn;

	for (pfn = 0; (pfn = arena_next_online(pfn)) < kmm_arena.nr_pages; pfn++) {
		if (!slub_page_outlives_exit(pfn))
			continue;
		if (pfn > start)
			arena_give_back(start, pfn - start);
		start = pfn + 1;
	}
	if (pfn > start)
		arena_give_back(start, pfn - start);
}

void kmm_stop_rooms(bool final)
{
	/* Nobody works on what goes away now. */
	kmm_work_stop();
	percpu_ref_stop();
	kmm_rcu_defer_stop();
	/* The slices before the arena: it holds the bookkeeping that tells what to give back. */
	percpu_stop(final);
	if (final)
		give_back_arena();
	slub_stop();
	buddy_stop();
	arena_stop(final);
}

KMM_API size_t kmm_trim(void)
{
	size_t bytes;

	if (kmm_boot_state() != KMM_RUNNING)
		return 0;
	slub_trim();
	bytes = percpu_trim();
	/* What the rooms above freed lies in the buddy now. */
	return bytes + buddy_trim();
}
