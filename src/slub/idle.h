/* SPDX-License-Identifier: MIT
 * idle.h - CPU slabs that nobody uses go back to their nodes, by the library's own thread.
 *
 * Source: flush_cpu_slab() as a work item, mm/slub.c, Linux 6.1; when it runs is this library's own, a kernel has no need.
 */
#ifndef KMM_SLUB_IDLE_H
#define KMM_SLUB_IDLE_H

#include "base/work.h"
#include "slub/slub_internal.h"

extern struct kmm_work slub_idle_work;
extern unsigned int slub_idle_ms; /* 0: never */

/* A CPU got a slab: it is to be looked after. Called with no lock held; one load when it is known already. */
static inline void idle_notify(void)
{
	if (likely(READ_ONCE(slub_idle_ms)))
		kmm_work_schedule(&slub_idle_work, slub_idle_ms);
}

#endif /* KMM_SLUB_IDLE_H */
