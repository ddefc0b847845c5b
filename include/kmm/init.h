/* SPDX-License-Identifier: MIT
 * kmm/init.h - start, end and size of the library's world.
 *
 * Owns: struct kmm_config, the life cycle calls, the report callback.
 */
#ifndef KMM_INIT_H
#define KMM_INIT_H

#include <stddef.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/** How serious a report is. */
enum kmm_report_level {
	KMM_REPORT_INFO, /* something worth knowing */
	KMM_REPORT_WARN, /* a misuse that was refused; the library goes on unharmed */
	KMM_REPORT_ERR,  /* something failed that the caller will notice */
	KMM_REPORT_BUG,  /* corruption: the process is aborted after this report */
};

/**
 * kmm_report_fn - receives each report instead of stderr.
 * @level: how serious it is.      @text: one report, complete lines, NUL-terminated; valid during the call only.
 * @arg:   the pointer given with the callback.
 *
 * Context: any thread, with internal locks held: it must not call the library, and must not fork. It may allocate with
 *          malloc(). A good place for abort(), or for a breakpoint, to find out who is to blame.
 */
typedef void (*kmm_report_fn)(enum kmm_report_level level, const char *text, void *arg);

struct rcu_flavor_struct; /* <urcu/flavor.h> */

/** What kmm_init() can be told. Zero every field that is not set: zero means "the default". */
struct kmm_config {
	size_t size;  /* sizeof(struct kmm_config), so that the struct can grow */
	size_t limit; /* bytes the arena may ever use, 4 MiB or more, rounded down to a multiple of 4 MiB; goes before
				 the option mem=. Default: the machine's memory, 512 MiB on 32-bit */
	unsigned int
		nr_cpus; /* CPUs to keep apart, at most 256 (32 on 32-bit); a number given here is simulated. Default:
				 the machine's, as far as that goes */
	const char *options;  /* the kernel's boot syntax, "slub_max_order=1 mem=64M"; read after KMM_OPTIONS */
	kmm_report_fn report; /* where reports go; default: stderr */
	void *report_arg;     /* handed to @report */
	/* The flavour of liburcu whose read-side sections and grace periods the library uses, &urcu_memb_flavor for one
	 * (<urcu/urcu-memb.h>, <urcu/flavor.h>). Threads that call the library are then registered as it asks. Default: urcu-bp, which asks nothing. */
	const struct rcu_flavor_struct *rcu;
};

/**
 * kmm_init - start the library with a configuration.
 * @config: what to use, or NULL for the defaults. Not kept after the call.
 *
 * Nothing needs this call: the first allocation starts the library with the defaults and with the environment
 * variable KMM_OPTIONS. An option in @config that is unknown or malformed fails the call; one in KMM_OPTIONS is
 * reported and ignored. A failed call leaves nothing behind and may be repeated.
 *
 * Context: any thread; may sleep.
 * Return:  0; -EBUSY when the library already runs; -EINVAL for a bad option, a limit below 4 MiB or larger than the
 *          address space, too many CPUs, or another size of the config (each reported); -ENOMEM when the system refuses
 *          memory (reported); -ESHUTDOWN after kmm_exit().
 * Source:  start_kernel() and mm_init(), init/main.c, Linux 6.1.
 */
KMM_API int kmm_init(const struct kmm_config *config);

/**
 * kmm_exit - end the library for good and give its memory back to the system.
 *
 * Every later allocation returns NULL and every later free is ignored. Objects still in use become zeros: the
 * caller promises that no call is in flight and that nothing of the library is used again.
 *
 * Context: any thread; may sleep; no other thread is inside the library.
 * Source:  none: a kernel does not end.
 */
KMM_API void kmm_exit(void);

/**
 * kmm_trim - give back what is not in use.
 *
 * Flushes the CPU slabs of all caches, frees empty slabs and empty per-CPU chunks, and hands whole free pages
 * to the system.
 *
 * Context: any thread, not a signal handler; may sleep; hold no libkmm lock.
 * Return:  bytes handed back to the system; 0 before the start and after kmm_exit().
 * Source:  none in the kernel, whose shrinking and free page reporting it does on demand.
 */
KMM_API size_t kmm_trim(void);

KMM_END_DECLS

#endif /* KMM_INIT_H */
