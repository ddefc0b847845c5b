/* SPDX-License-Identifier: MIT
 * buddy_fork.c - the page allocator around fork().
 *
 * Owns:       the two fork handlers of this room's ranks.
 * Locks:      all of rank 70, then all of rank 80.
 * How:        what other threads have in their hands is lost in the child. Pages on their way between a zone and a CPU's list
 *             are many and on their way for microseconds, so fork waits for them, with the lists locked, so that no more
 *             set out: but not for ever, for their thread may be stopped by a debugger. A single page between such a list
 *             and its user is not waited for, since nothing marks it. In the child, such pages stay in no state at all.
 * Source:     none: a kernel does not fork.
 */
#include <sched.h>
#include <time.h>

#include "base/fork.h"
#include "buddy/buddy_internal.h"

/* How long fork waits for pages on their way: some yields, then sleeps of 0.2 ms, 20 ms in all. */
#define FORK_YIELDS 16
#define FORK_SLEEPS 100
#define FORK_SLEEP_NS 200000L

bool buddy_forked;

static bool pages_are_on_their_way(void)
{
	for_each_zone(zone) {
		/* Movers end their move under zone->lock, which is ours. */
		if (READ_ONCE(zone->moves) & ZONE_MOVERS_MASK)
			return true;
	}
	return false;
}

static void zones_lock(void)
{
	for_each_zone(zone)
		kmm_lock_same_rank(&zone->lock);
}

static void zones_unlock_all(void)
{
	for_each_zone(zone)
		kmm_unlock(&zone->lock);
}

/* The lists are locked already: a mover that comes from a zone finds them busy, and goes back there. */
static void zones_lock_all(void)
{
	const struct timespec time = { .tv_nsec = FORK_SLEEP_NS };

	zones_lock();
	for (unsigned int turn = 0; turn < FORK_YIELDS + FORK_SLEEPS && pages_are_on_their_way(); turn++) {
		zones_unlock_all();
		if (turn < FORK_YIELDS)
			sched_yield();
		else
			nanosleep(&time, NULL);
		zones_lock();
	}
}

/* The threads that were giving memory back, or isolating a range, are gone in the child. */
static void zones_reset(void)
{
	buddy_forked = true;
	for_each_zone(zone)
		kmm_lock_reset(&zone->lock);
	for_each_zone(zone) {
		kmm_lock(&zone->lock);
		reporting_restore(zone);
		isolate_restore(zone);
		kmm_unlock(&zone->lock);
	}
}

void buddy_fork_register(void)
{
	static const struct kmm_fork_handler zones = {
		.rank = KMM_RANK_ZONE,
		.lock_all = zones_lock_all,
		.unlock_all = zones_unlock_all,
		.reset_all = zones_reset,
	};
	static const struct kmm_fork_handler lists = {
		.rank = KMM_RANK_PCP,
		.lock_all = pcp_fork_lock_all,
		.unlock_all = pcp_fork_unlock_all,
		.reset_all = pcp_fork_reset,
	};

	buddy_forked = false;
	kmm_fork_register(&zones);
	kmm_fork_register(&lists);
}
