/* SPDX-License-Identifier: MIT
 * memory_notify.c - the list of those who are told when memory comes and goes.
 *
 * Owns:       the list, in the order of registration.
 * Locks:      none: it is written while the library starts, before a second thread can be inside, and read afterwards. Events
 *             are hotplug.c's, one operation at a time.
 * Source:     register_memory_notifier(), memory_notify(), drivers/base/memory.c, Linux 6.1. Differs: the order of
 *             registration takes the place of priorities.
 */
#include "buddy/memory_notify.h"

#include <stddef.h>

#include "buddy/buddy_internal.h"

static struct memory_notifier *notifiers;

void memory_notify_start(void)
{
	notifiers = NULL;
}

void register_memory_notifier(struct memory_notifier *notifier)
{
	struct memory_notifier **end = &notifiers;

	while (*end)
		end = &(*end)->next;
	notifier->next = NULL;
	*end = notifier;
}

int memory_notify(enum memory_event event, const struct memory_notify *change)
{
	const bool may_refuse = event & (MEM_GOING_ONLINE | MEM_GOING_OFFLINE);

	for (const struct memory_notifier *notifier = notifiers; notifier; notifier = notifier->next) {
		const int err = notifier->call(event, change);

		if (err && may_refuse)
			return err;
	}
	return 0;
}
