/* SPDX-License-Identifier: MIT
 * reclaim_fake.h - a room that frees memory, for the tests of who asks it, when and how often.
 *
 * Owns:  reclaim_ops between fake_reclaim_install() and fake_reclaim_remove().
 * Rules: each call adds a letter to fake_reclaim.log: k wakeup_kswapd, r try_to_free_pages, c try_to_compact_pages,
 *        n node_reclaim, o out_of_memory, w wait_iff_congested. What the calls answer is in the other fields.
 */
#ifndef KMM_TESTS_SUPPORT_RECLAIM_FAKE_H
#define KMM_TESTS_SUPPORT_RECLAIM_FAKE_H

#include <string.h>

#include "buddy/buddy_internal.h"

static struct {
	char log[2048];
	unsigned int len;
	gfp_t gfp;               /* of the last call of r or c */
	unsigned int task_flags; /* of the thread during it */
	const nodemask_t *nodes; /* of r */
	enum compact_priority prio;
	unsigned long freed; /* the answer of r */
	enum compact_result compacted;
	bool oom_helps;
	unsigned int wait_ms;   /* what the last call of w was asked to wait */
	unsigned int wait_left; /* the answer of w */
	void (*act)(char step); /* NULL, or called after each entry in the log */
} fake_reclaim;

static inline void fake_reclaim_note(char step)
{
	if (fake_reclaim.len + 1 < sizeof(fake_reclaim.log))
		fake_reclaim.log[fake_reclaim.len++] = step;
	if (fake_reclaim.act)
		fake_reclaim.act(step);
}

static inline unsigned int fake_reclaim_count(char step)
{
	unsigned int nr = 0;

	for (const char *p = fake_reclaim.log; *p; p++)
		nr += *p == step;
	return nr;
}

static inline void fake_reclaim_forget(void)
{
	memset(fake_reclaim.log, 0, sizeof(fake_reclaim.log));
	fake_reclaim.len = 0;
}

static inline void fake_kswapd(struct zone *zone, gfp_t gfp, unsigned int order, unsigned int highest_zoneidx)
{
	(void)zone;
	(void)gfp;
	(void)order;
	(void)highest_zoneidx;
	fake_reclaim_note('k');
}

static inline unsigned long fake_try_to_free(struct zonelist *zonelist, unsigned int order, gfp_t gfp,
					     const nodemask_t *nodemask)
{
	(void)zonelist;
	(void)order;
	fake_reclaim.gfp = gfp;
	fake_reclaim.nodes = nodemask;
	fake_reclaim.task_flags = kmm_task_flags;
	fake_reclaim_note('r');
	return fake_reclaim.freed;
}

static inline enum compact_result fake_compact(gfp_t gfp, unsigned int order, unsigned int alloc_flags,
					       struct zonelist *zonelist, enum compact_priority prio)
{
	(void)order;
	(void)alloc_flags;
	(void)zonelist;
	fake_reclaim.gfp = gfp;
	fake_reclaim.prio = prio;
	fake_reclaim.task_flags = kmm_task_flags;
	fake_reclaim_note('c');
	return fake_reclaim.compacted;
}

static inline bool fake_oom(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	fake_reclaim_note('o');
	return fake_reclaim.oom_helps;
}

static inline unsigned int fake_wait(unsigned int ms)
{
	fake_reclaim.wait_ms = ms;
	fake_reclaim_note('w');
	return fake_reclaim.wait_left;
}

static inline void fake_reclaim_install(void)
{
	memset(&fake_reclaim, 0, sizeof(fake_reclaim));
	reclaim_ops = (struct reclaim_ops){
		.wakeup_kswapd = fake_kswapd,
		.try_to_free_pages = fake_try_to_free,
		.try_to_compact_pages = fake_compact,
		.out_of_memory = fake_oom,
		.wait_iff_congested = fake_wait,
	};
}

static inline void fake_reclaim_remove(void)
{
	reclaim_ops = (struct reclaim_ops){ .wakeup_kswapd = NULL };
}

#endif /* KMM_TESTS_SUPPORT_RECLAIM_FAKE_H */
