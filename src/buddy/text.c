/* SPDX-License-Identifier: MIT
 * text.c - the zone as text, in the format of /proc.
 *
 * Owns:       kmm_buddyinfo().
 * Locks:      zone->lock while the numbers are copied; it is not held while they are written.
 * Source:     frag_show_print(), mm/vmstat.c, Linux 6.1. Differs: the numbers of one line belong to one moment.
 */
#include <errno.h>

#include <kmm/stats.h>

#include "base/boot.h"
#include "buddy/buddy_internal.h"

int kmm_buddyinfo(FILE *file)
{
	struct zone *zone = &kmm_zone;
	unsigned long nr[MAX_ORDER];
	bool ok;

	kmm_boot_ensure(); /* after the end there is still a zone, an empty one */
	kmm_lock(&zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		nr[order] = zone->free_area[order].nr_free;
	kmm_unlock(&zone->lock);
	ok = fprintf(file, "Node %d, zone %8s ", 0, zone->name) > 0;
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		ok &= fprintf(file, "%6lu ", nr[order]) > 0;
	ok &= fputc('\n', file) != EOF;
	return ok ? 0 : -EIO;
}
