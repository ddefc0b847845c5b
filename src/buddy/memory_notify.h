/* SPDX-License-Identifier: MIT
 * memory_notify.h - who wants to know when memory is added and taken away. For the rooms above, too.
 *
 * Owns:  the events, and the list of those who are told.
 * Rules: notifiers are called with no lock held, one event at a time; they may take locks, allocate and free, and must
 *        not add or take away memory themselves. The order is that in which they registered. GOING_* may be refused; then,
 *        and when the change fails later, all are told CANCEL_*, those too that were not asked yet.
 *        Adding memory may bring several ranges: each is announced before the first comes.
 * Source: include/linux/memory.h, Linux 6.1.
 */
#ifndef KMM_BUDDY_MEMORY_NOTIFY_H
#define KMM_BUDDY_MEMORY_NOTIFY_H

enum memory_event {
	MEM_ONLINE = 1 << 0,         /* the pages are there */
	MEM_GOING_OFFLINE = 1 << 1,  /* they may go: what is not needed of them should be free */
	MEM_OFFLINE = 1 << 2,        /* they are gone */
	MEM_GOING_ONLINE = 1 << 3,   /* they will come: what they need has to be there */
	MEM_CANCEL_ONLINE = 1 << 4,  /* they do not come */
	MEM_CANCEL_OFFLINE = 1 << 5, /* they stay */
};

struct memory_notify {
	unsigned long start_pfn, nr_pages;
	/* The node, when it has had no memory and gets some, or loses its last; NUMA_NO_NODE otherwise. The first one looks at
	 * zones that serve any request only, that is, not at Movable. */
	int status_change_nid_normal, status_change_nid;
};

struct memory_notifier {
	/* 0, or for MEM_GOING_* a reason to refuse: -ENOMEM, -EBUSY. */
	int (*call)(enum memory_event event, const struct memory_notify *change);
	struct memory_notifier *next; /* the list's */
};

/* For this start of the library; the notifier is static. While the library starts. */
void register_memory_notifier(struct memory_notifier *notifier);

#endif /* KMM_BUDDY_MEMORY_NOTIFY_H */
