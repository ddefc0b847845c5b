/* SPDX-License-Identifier: MIT
 * boot.h - is the library there? The state of its life and the way any slow path starts it.
 *
 * Owns:   kmm_boot_state and the boot lock (rank 5).
 * Rules:  fast paths never look here: before the start, and after the end, every per-CPU state and every list is empty
 *         and leads to a slow path, which calls kmm_boot_ensure(). What the start consists of is known at the top only:
 *         src/start.c implements kmm_start_rooms() and kmm_stop_rooms().
 */
#ifndef KMM_BASE_BOOT_H
#define KMM_BASE_BOOT_H

#include <stdbool.h>

#include <kmm/init.h>

enum kmm_boot_state {
	KMM_COLD,     /* not started, or a start failed and was undone */
	KMM_STARTING, /* one thread is inside kmm_start_rooms() */
	KMM_RUNNING,
	KMM_DEAD, /* after kmm_exit() */
};

/*
 * Starts the library with the defaults if it is cold. True when the caller may go on: it runs, or the caller is the
 * thread that is starting it. False: dead, or it cannot be started now (reported once).
 * Context: no lock held, unless the library is known to run.
 */
bool kmm_boot_ensure(void);

/* RELAXED read: a hint, except for the thread that set it. */
enum kmm_boot_state kmm_boot_state(void);

/* Calls kmm_start_rooms(@config) once under the boot lock; the return value of kmm_init(). */
int kmm_boot_start(const struct kmm_config *config);

/* Calls kmm_stop_rooms() once and leaves KMM_DEAD; or, for tests, KMM_COLD with everything unmapped. */
void kmm_boot_stop(void);
void kmm_boot_reset_for_test(void);

/* The boot lock around fork(): taken first, released last. For fork.c only. */
void kmm_boot_fork_prepare(void);
void kmm_boot_fork_parent(void);
void kmm_boot_fork_child(void);

/* Implemented by src/start.c. Undoes everything before it returns an error (-EINVAL, -ENOMEM). */
int kmm_start_rooms(const struct kmm_config *config);
/* @final: mappings stay, emptied, so that a late call reads zeros. Otherwise everything is unmapped. */
void kmm_stop_rooms(bool final);

#endif /* KMM_BASE_BOOT_H */
