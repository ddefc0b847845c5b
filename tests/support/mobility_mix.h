/* SPDX-License-Identifier: MIT
 * mobility_mix.h - a long day of a world that is four fifths full: pages that stay for long among pages that soon leave.
 *
 * Owns:  the pages of the mix, and its figures. Only the public calls of the library are used.
 * How:   each step takes one block or gives one back. Movable pages belong to tasks, a few of which run at a time: a task
 *        grows to its size, loses single pages on the way, and later gives back everything it has. Unmovable pages (a
 *        quarter of them in blocks of a few pages) live several times as long, and are given back one by one, in no
 *        order; how many there are rises and falls slowly. Reclaimable pages grow until a shrinker frees half of them.
 *        When the world is full to its mark, whoever is due frees until a few hundred pages are free again.
 *        A page is of the type it was asked for; a pageblock is in use when a page of the mix is in it, and pure when all
 *        of those are of one type.
 */
#ifndef KMM_TESTS_SUPPORT_MOBILITY_MIX_H
#define KMM_TESTS_SUPPORT_MOBILITY_MIX_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <kmm/mm.h>
#include <kmm/stats.h>

#include "support/random.h"

/* What was asked for. */
enum mix_type { MIX_UNMOVABLE, MIX_RECLAIMABLE, MIX_MOVABLE, MIX_TYPES };

#define MIX_TASKS 256 /* most of them at a time */
#define MIX_RUNNING 4 /* tasks that grow at a time */
#define MIX_LARGE_ORDER 9
#define MIX_SLACK 256    /* pages that are freed in a row when the world is full to its mark */
#define MIX_SWING 500000 /* steps in which the unmovable pages rise and fall once */

/* Blocks of one owner, in no order. */
struct mix_set {
	struct mix_block {
		struct page *page;
		unsigned int order;
	} * blocks;
	unsigned long nr, room; /* blocks */
	unsigned long pages;
};

struct mix {
	struct test_random random;
	unsigned long world; /* pages */
	unsigned long mark;  /* pages in use when it is full */
	unsigned long used;  /* pages */
	unsigned long steps; /* so far */
	bool freeing;        /* down to a bit below the mark */
	bool shrinking;      /* reclaimable pages: down to half */
	struct mix_set kind[MIX_MOVABLE];
	struct mix_set task[MIX_TASKS];
	unsigned long goal[MIX_TASKS]; /* pages it grows to */
	unsigned int nr_tasks;
	unsigned int running[MIX_RUNNING]; /* tasks; one that has its size is replaced */
	int leaving;                       /* the task that gives all back; -1: none */
	unsigned char *mask;               /* for each pageblock, a bit for each type */
	/* Figures. */
	unsigned long nr_failed;            /* requests of the mix */
	unsigned long nr_samples, nr_large; /* looks at the world; those at which a large request succeeded */
	double worst_purity;
};

static inline unsigned long mix_below(struct mix *mix, unsigned long limit)
{
	return test_random_below(&mix->random, limit);
}

static inline bool mix_add(struct mix *mix, struct mix_set *set, gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp | __GFP_NOWARN, order);

	if (!page) {
		mix->nr_failed++;
		return false;
	}
	if (set->nr == set->room) {
		set->room = set->room ? 2 * set->room : 64;
		set->blocks = realloc(set->blocks, set->room * sizeof(*set->blocks));
		if (!set->blocks)
			abort();
	}
	set->blocks[set->nr++] = (struct mix_block){ page, order };
	set->pages += 1UL << order;
	mix->used += 1UL << order;
	return true;
}

/* Any block of it. */
static inline void mix_remove(struct mix *mix, struct mix_set *set)
{
	struct mix_block *block = &set->blocks[mix_below(mix, set->nr)];

	__free_pages(block->page, block->order);
	set->pages -= 1UL << block->order;
	mix->used -= 1UL << block->order;
	*block = set->blocks[--set->nr];
}

/* Between a twelfth and a sixth of the world, slowly up and down. */
static inline unsigned long mix_unmovable_goal(const struct mix *mix)
{
	const unsigned long phase = mix->steps % MIX_SWING, low = mix->world / 12;
	const unsigned long up = phase < MIX_SWING / 2 ? phase : MIX_SWING - phase;

	return low + (unsigned long)((uint64_t)low * up / (MIX_SWING / 2));
}

/* Tasks have between 64 and 4096 pages, more often few. */
static inline unsigned int mix_new_task(struct mix *mix)
{
	unsigned int task = 0;

	while (task < mix->nr_tasks && mix->goal[task])
		task++;
	if (task == MIX_TASKS)
		return (unsigned int)mix_below(mix, MIX_TASKS); /* enough of them: an old one grows on */
	if (task == mix->nr_tasks)
		mix->nr_tasks++;
	mix->goal[task] = 64 + mix_below(mix, 64UL << mix_below(mix, 7));
	return task;
}

static inline void mix_take(struct mix *mix)
{
	const unsigned long dice = mix_below(mix, 64);

	if (dice < 4 && mix->kind[MIX_UNMOVABLE].pages < mix_unmovable_goal(mix)) {
		const unsigned int order = mix_below(mix, 4) ? 0 : 1 + (unsigned int)mix_below(mix, 3);

		mix_add(mix, &mix->kind[MIX_UNMOVABLE], GFP_KERNEL, order);
	} else if (dice < 6 && !mix->shrinking) {
		mix_add(mix, &mix->kind[MIX_RECLAIMABLE], GFP_KERNEL | __GFP_RECLAIMABLE, 0);
		mix->shrinking = mix->kind[MIX_RECLAIMABLE].pages > mix->world / 16;
	} else {
		unsigned int *running = &mix->running[mix_below(mix, MIX_RUNNING)];

		if (mix->task[*running].pages >= mix->goal[*running])
			*running = mix_new_task(mix);
		mix_add(mix, &mix->task[*running], GFP_HIGHUSER_MOVABLE, mix_below(mix, 32) ? 0 : 2);
	}
}

static inline bool mix_is_running(const struct mix *mix, unsigned int task)
{
	for (unsigned int i = 0; i < MIX_RUNNING; i++)
		if (mix->running[i] == task)
			return true;
	return false;
}

static inline void mix_give(struct mix *mix)
{
	const unsigned long dice = mix_below(mix, 64);
	struct mix_set *unmovable = &mix->kind[MIX_UNMOVABLE], *reclaimable = &mix->kind[MIX_RECLAIMABLE];

	/* Now and then below the goal as well: none of them stays for ever. */
	if (unmovable->nr && (unmovable->pages > mix_unmovable_goal(mix) ? dice < 16 : dice < 1)) {
		mix_remove(mix, unmovable);
	} else if (mix->shrinking) {
		mix_remove(mix, reclaimable);
		mix->shrinking = reclaimable->pages > mix->world / 32;
	} else if (dice < 20) { /* a task lets go of a page */
		struct mix_set *task = &mix->task[mix_below(mix, mix->nr_tasks)];

		if (task->nr)
			mix_remove(mix, task);
	} else {
		struct mix_set *task;

		if (mix->leaving < 0) {
			const unsigned int victim = (unsigned int)mix_below(mix, mix->nr_tasks);

			if (mix_is_running(mix, victim))
				return;
			mix->leaving = (int)victim;
		}
		task = &mix->task[mix->leaving];
		if (task->nr) {
			mix_remove(mix, task);
		} else {
			mix->goal[mix->leaving] = 0;
			mix->leaving = -1;
		}
	}
}

static inline void mix_run(struct mix *mix, unsigned long steps)
{
	while (steps--) {
		if (mix->used >= mix->mark)
			mix->freeing = true;
		else if (mix->used + MIX_SLACK < mix->mark)
			mix->freeing = false;
		if (mix->freeing)
			mix_give(mix);
		else
			mix_take(mix);
		mix->steps++;
	}
}

static inline void mix_mark(struct mix *mix, const struct mix_set *set, enum mix_type type)
{
	for (unsigned long i = 0; i < set->nr; i++)
		mix->mask[page_to_pfn(set->blocks[i].page) >> pageblock_order] |= (unsigned char)(1U << type);
}

/* The pure pageblocks among those in use, in percent. */
static inline double mix_purity(struct mix *mix)
{
	unsigned long in_use = 0, pure = 0;

	memset(mix->mask, 0, mix->world >> pageblock_order);
	mix_mark(mix, &mix->kind[MIX_UNMOVABLE], MIX_UNMOVABLE);
	mix_mark(mix, &mix->kind[MIX_RECLAIMABLE], MIX_RECLAIMABLE);
	for (unsigned int task = 0; task < mix->nr_tasks; task++)
		mix_mark(mix, &mix->task[task], MIX_MOVABLE);
	for (unsigned long block = 0; block < mix->world >> pageblock_order; block++) {
		in_use += mix->mask[block] != 0;
		pure += mix->mask[block] && !(mix->mask[block] & (mix->mask[block] - 1));
	}
	return in_use ? 100.0 * (double)pure / (double)in_use : 100.0;
}

/* Looks at the world: how pure it is, and whether 2^9 pages are to be had at once by somebody who cannot wait. */
static inline void mix_sample(struct mix *mix)
{
	const double purity = mix_purity(mix);
	const gfp_t type = mix->nr_samples % 2 ? __GFP_MOVABLE : 0;
	struct page *page = alloc_pages(GFP_NOWAIT | type | __GFP_NOWARN, MIX_LARGE_ORDER);

	if (!mix->nr_samples || purity < mix->worst_purity)
		mix->worst_purity = purity;
	mix->nr_samples++;
	if (page) {
		mix->nr_large++;
		__free_pages(page, MIX_LARGE_ORDER);
	}
}

static inline void mix_start(struct mix *mix, uint64_t seed)
{
	memset(mix, 0, sizeof(*mix));
	mix->random.state = seed;
	mix->world = totalram_pages();
	mix->mark = mix->world / 5 * 4;
	mix->leaving = -1;
	mix->mask = malloc(mix->world >> pageblock_order);
	if (!mix->mask)
		abort();
	for (unsigned int i = 0; i < MIX_RUNNING; i++)
		mix->running[i] = mix_new_task(mix);
}

static inline void mix_empty(struct mix *mix, struct mix_set *set)
{
	while (set->nr)
		mix_remove(mix, set);
}

/* All movable pages leave. Returns the share of the then free memory that is to be had in large blocks, in percent: what the
 * pages that stay have spared. */
static inline double mix_large_share(struct mix *mix)
{
	struct mix_set large = { .nr = 0 };
	unsigned long nr_free;
	double share;

	for (unsigned int task = 0; task < MIX_TASKS; task++)
		mix_empty(mix, &mix->task[task]);
	nr_free = nr_free_pages();
	while (mix_add(mix, &large, GFP_NOWAIT | __GFP_MOVABLE, MIX_LARGE_ORDER))
		;
	mix->nr_failed--; /* the last one was to fail */
	share = 100.0 * (double)large.pages / (double)nr_free;
	mix_empty(mix, &large);
	free(large.blocks);
	return share;
}

static inline void mix_free_set(struct mix *mix, struct mix_set *set)
{
	mix_empty(mix, set);
	free(set->blocks);
}

/* All pages go back. */
static inline void mix_end(struct mix *mix)
{
	for (unsigned int type = 0; type < MIX_MOVABLE; type++)
		mix_free_set(mix, &mix->kind[type]);
	for (unsigned int task = 0; task < MIX_TASKS; task++)
		mix_free_set(mix, &mix->task[task]);
	free(mix->mask);
}

#endif /* KMM_TESTS_SUPPORT_MOBILITY_MIX_H */
