/* SPDX-License-Identifier: MIT
 * slub_hotplug.h - what SLUB does when CPUs and memory go and come.
 */
#ifndef KMM_SLUB_HOTPLUG_H
#define KMM_SLUB_HOTPLUG_H

/* Registers SLUB's handlers for this start of the library; boot.c. */
void slub_hotplug_register(void);

#endif /* KMM_SLUB_HOTPLUG_H */
