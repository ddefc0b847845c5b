/* SPDX-License-Identifier: MIT
 * fork.h - takes every lock before fork() and makes them new in the child.
 *
 * Owns:  the list of handlers, in rank order.
 * Rules: RCU is paused before the first handler; see rcu.h. Handlers run only while the library runs: in a cold or dead one
 *        nobody is inside a room. Those of locks that are taken then, too, say @always.
 *        A rank with one lock names it in @lock, one with a table of them tells each by @lock_at. For any other, @lock_all takes
 *        all locks of the rank in address order with kmm_lock_same_rank(); @unlock_all releases them in the parent; @reset_all
 *        makes them new in the child, where no other thread exists. Handlers allocate nothing.
 */
#ifndef KMM_BASE_FORK_H
#define KMM_BASE_FORK_H

#include <stdbool.h>

#include "base/lock.h"

struct kmm_fork_handler {
	unsigned int rank;                           /* ascending order of locking, descending of the others */
	bool always;                                 /* also while the library does not run */
	struct kmm_lock *lock;                       /* taken, released and made new by fork.c, */
	struct kmm_lock *(*lock_at)(unsigned int i); /* as are these, by ascending address; NULL: there are no more */
	void (*lock_all)(void);                      /* without either the functions do it */
	void (*unlock_all)(void);
	void (*reset_all)(
		void); /* with @lock or @lock_at, or NULL: what else the child puts right, after the locks are new */
};

/* Registers at start, or in a constructor that comes before fork.c's; the handler is static and stays. At most 24.
 * Registering one twice does nothing. */
void kmm_fork_register(const struct kmm_fork_handler *handler);

/* Installs pthread_atfork once per process. */
void kmm_fork_init(void);

#endif /* KMM_BASE_FORK_H */
