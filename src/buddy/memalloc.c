/* SPDX-License-Identifier: MIT
 * memalloc.c - what a thread says about all its requests for a while.
 *
 * Owns:       the flags of each thread: the only memory of a thread in this room.
 * Source:     memalloc_noreclaim_save() and its kin, include/linux/sched/mm.h, Linux 6.1.
 */
#include <kmm/memalloc.h>

#include "buddy/buddy_internal.h"

__thread unsigned int kmm_task_flags;

static unsigned int save(unsigned int flag)
{
	const unsigned int before = kmm_task_flags & flag;

	kmm_task_flags |= flag;
	return before;
}

static void restore(unsigned int flag, unsigned int before)
{
	kmm_task_flags = (kmm_task_flags & ~flag) | (before & flag);
}

unsigned int memalloc_noreclaim_save(void)
{
	return save(PF_MEMALLOC);
}

void memalloc_noreclaim_restore(unsigned int flags)
{
	restore(PF_MEMALLOC, flags);
}

unsigned int memalloc_nofs_save(void)
{
	return save(PF_MEMALLOC_NOFS);
}

void memalloc_nofs_restore(unsigned int flags)
{
	restore(PF_MEMALLOC_NOFS, flags);
}

unsigned int memalloc_noio_save(void)
{
	return save(PF_MEMALLOC_NOIO);
}

void memalloc_noio_restore(unsigned int flags)
{
	restore(PF_MEMALLOC_NOIO, flags);
}

unsigned int memalloc_pin_save(void)
{
	return save(PF_MEMALLOC_PIN);
}

void memalloc_pin_restore(unsigned int flags)
{
	restore(PF_MEMALLOC_PIN, flags);
}
