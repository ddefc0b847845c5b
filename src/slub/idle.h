/* SPDX-License-Identifier: MIT
 * idle.h - CPU slabs that nobody uses go back to their nodes, by the library's own thread.
 *
 * Source: flush_cpu_slab() as a work item, mm/slub.c, Linux 6.1; when it runs is this library's own, a kernel has no need.
 */
#ifndef KMM_SLUB_IDLE_H
#define KMM_SLUB_IDLE_H

#include "base/options.h"
#include "base/work.h"
#include "slub/slub_internal.h"

/* So many slabs in the hands of CPUs are worth a thread that wakes up for them. */
#define SLUB_IDLE_SLABS 32

extern unsigned int slub_idle_notes; /* slabs that CPUs got since the work was last scheduled, about */

void idle_schedule(void);

/* A CPU got a slab: if there are many, they are to be looked after. Called with no lock held. The count is RELAXED and a plain
 * one: to lose some only puts the work off. */
static inline void idle_notify(void)
{
	const unsigned int notes = READ_ONCE(slub_idle_notes) + 1;

	WRITE_ONCE(slub_idle_notes, notes);
	if (unlikely(notes >= SLUB_IDLE_SLABS))
		idle_schedule();
}

/* Boot parameter slub_idle_ms=. */
extern const struct kmm_param slub_idle_params[];
void slub_idle_reset(void);

#endif /* KMM_SLUB_IDLE_H */
