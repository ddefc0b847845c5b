/* SPDX-License-Identifier: MIT
 * hotplug_internal.h - how hotplug.c tells others of memory, and how its neighbours are started.
 */
#ifndef KMM_BUDDY_HOTPLUG_INTERNAL_H
#define KMM_BUDDY_HOTPLUG_INTERNAL_H

#include "buddy/memory_notify.h"

/* memory_notify.c: nobody is told of anything yet. */
void memory_notify_start(void);
/* Tells all. What the first one says who refuses, when @event is MEM_GOING_*; otherwise 0. */
int memory_notify(enum memory_event event, const struct memory_notify *change);

/* cpu_dead.c */
void cpu_dead_start(void);

#endif /* KMM_BUDDY_HOTPLUG_INTERNAL_H */
