/* SPDX-License-Identifier: MIT
 * boot.c - the life of the library: cold, starting, running, dead.
 *
 * Owns:       the state, the boot lock, kmm_init() and kmm_exit().
 * Locks:      boot_lock (rank 5) guards every change of the state and is held while the rooms start and stop.
 * Lock-free:  kmm_boot_ensure() reads the state ACQUIRE first, so that a caller with inner locks held never comes to
 *             the boot lock once the library runs. Pairs with the RELEASE in state_set().
 * Invariants: B1  STARTING is seen by others only while some thread holds boot_lock
 *             B2  whoever reads RUNNING sees everything the start wrote
 *
 *                 start            done
 *          COLD -------> STARTING -----> RUNNING -----> DEAD      exit
 *            ^               |              |             |
 *            +--- failed ----+              |             |
 *            +------- reset for test -------+-------------+
 */
#include <errno.h>

#include "arch/arch.h"
#include "base/boot.h"
#include "base/cpu_hotplug.h"
#include "base/fork.h"
#include "base/lock.h"
#include "base/report.h"
#include "base/work.h"

static struct kmm_lock boot_lock = KMM_LOCK_INIT(KMM_RANK_BOOT, "boot lock");
static int state = KMM_COLD;
static bool mapped;                 /* the rooms have memory mapped: from a start until a reset, boot_lock */
static bool told_failure;           /* kmm_boot_ensure() has reported a failed start; until one succeeds. boot_lock */
static __thread bool in_transition; /* this thread is inside kmm_start_rooms() or kmm_stop_rooms() */

static void state_set(enum kmm_boot_state new_state)
{
	smp_store_release(&state, (int)new_state);
}

enum kmm_boot_state kmm_boot_state(void)
{
	return (enum kmm_boot_state)READ_ONCE(state);
}

/* The boot lock is held. Returns as kmm_init(). */
static int start_locked(const struct kmm_config *config)
{
	int err;

	kmm_assert_held(&boot_lock);
	if (state == KMM_RUNNING)
		return -EBUSY;
	if (state == KMM_DEAD)
		return -ESHUTDOWN;
	state_set(KMM_STARTING);
	in_transition = true;
	err = kmm_start_rooms(config);
	in_transition = false;
	if (err)
		WRITE_ONCE(kmm_nr_cpu_ids, 1);
	cpu_id_set_count(kmm_nr_cpu_ids); /* all threads guessed among one CPU until now */
	mapped = !err;
	state_set(err ? KMM_COLD : KMM_RUNNING);
	return err;
}

int kmm_boot_start(const struct kmm_config *config)
{
	int err;

	if (in_transition)
		return -EBUSY;
	kmm_fork_init();
	kmm_lock(&boot_lock);
	err = start_locked(config);
	if (!err)
		told_failure = false;
	kmm_unlock(&boot_lock);
	return err;
}

static bool ensure_slow(void)
{
	bool tell = false;
	int err;

	kmm_fork_init();
	kmm_lock(&boot_lock);
	/* Each attempt fails in the same words, and every allocation of the program is an attempt. */
	kmm_report_quiet(told_failure);
	err = start_locked(NULL);
	kmm_report_quiet(false);
	if (err && err != -EBUSY && err != -ESHUTDOWN) {
		tell = !told_failure;
		told_failure = true;
	} else if (!err) {
		told_failure = false;
	}
	kmm_unlock(&boot_lock);
	if (tell)
		kmm_report(KMM_REPORT_ERR, "libkmm: cannot start: error %d\n", err);
	return !err || err == -EBUSY;
}

bool kmm_boot_ensure(void)
{
	int saved_errno;
	bool running;

	switch (smp_load_acquire(&state)) {
	case KMM_RUNNING:
		return true;
	case KMM_DEAD:
		return false;
	case KMM_STARTING:
		if (in_transition)
			return true;
		break;
	}
	/* A room that stops finds the library cold or dead; it must not start it again. */
	if (in_transition)
		return false;
	saved_errno = errno;
	running = ensure_slow();
	errno = saved_errno;
	return running;
}

/* The boot lock is held. The state changes first: a call that comes in meanwhile is turned away. */
static void stop_locked(enum kmm_boot_state next)
{
	kmm_assert_held(&boot_lock);
	state_set(KMM_DEAD);
	if (mapped) {
		in_transition = true;
		kmm_stop_rooms(next == KMM_DEAD);
		in_transition = false;
		mapped = next == KMM_DEAD;
	}
	cpu_hotplug_stop();
	state_set(next);
}

/* Takes the boot lock, with no delayed work running any more: one that forks waits for this lock, so whoever waits for a
 * work must not hold it. Once the library runs nobody starts it again, so the queue stays stopped. */
static void lock_to_stop(void)
{
	kmm_lock(&boot_lock);
	if (state != KMM_RUNNING)
		return;
	kmm_unlock(&boot_lock);
	kmm_work_stop();
	kmm_lock(&boot_lock);
}

void kmm_boot_stop(void)
{
	if (in_transition)
		return;
	lock_to_stop();
	if (state != KMM_DEAD)
		stop_locked(KMM_DEAD);
	kmm_unlock(&boot_lock);
}

void kmm_boot_reset_for_test(void)
{
	lock_to_stop();
	stop_locked(KMM_COLD);
	told_failure = false;
	cpu_id_pin(-1);
	cpu_id_set_count(1);
	kmm_unlock(&boot_lock);
}

void kmm_boot_fork_prepare(void)
{
	kmm_assert_none_held();
	kmm_lock(&boot_lock);
}

void kmm_boot_fork_parent(void)
{
	kmm_unlock(&boot_lock);
}

void kmm_boot_fork_child(void)
{
	kmm_lock_reset(&boot_lock);
}

KMM_API int kmm_init(const struct kmm_config *config)
{
	int saved_errno = errno, err = kmm_boot_start(config);

	errno = saved_errno;
	return err;
}

KMM_API void kmm_exit(void)
{
	int saved_errno = errno;

	kmm_boot_stop();
	errno = saved_errno;
}
