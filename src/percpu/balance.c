/* SPDX-License-Identifier: MIT
 * balance.c - keeps a few populated pages ready for atomic requests, and gives back what is populated for nothing.
 *
 * Owns:       the balance work; the decision which chunks and pages to let go, and which to populate ahead.
 * Locks:      pcpu_alloc_mutex throughout, pcpu_lock for each decision.
 * Lock-free:  owed and atomic_failed are RELAXED hints: seen late, they cost one balance too late or too many.
 * Invariants: none of its own. Nothing that a request could not create again is taken; the first unit is immutable.
 *
 *                 free: too many idle pages              balance: idle pages taken away
 *   (in its slot) --------------------------> (to_depopulate) --------------------------> (sidelined)
 *        ^                                        |                                            |
 *        |   balance: few idle pages left, or     |              a request found room here,    |
 *        +---- the chunk is wholly free ----------+------------- where the slots had none -----+
 *   A sidelined chunk that gets idle pages by a free goes back to to_depopulate.
 *
 * Where the library has no thread, who wanted the balance leaves a note, and the next request that may wait does it.
 *
 * Source:     pcpu_balance_workfn() and what it calls, pcpu_should_reclaim_chunk(), mm/percpu.c, Linux 6.1. Differs: a page
 *             is taken out of the map before it is taken away, so nothing depends on its chunk being isolated meanwhile.
 */
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/bitmap.h"
#include "base/race.h"
#include "base/report.h"
#include "base/work.h"

/* Balancing takes nothing from reserves, waits for nobody, and fails in silence: the request that needs it will tell. */
#define BALANCE_GFP ((GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) | __GFP_NORETRY | __GFP_NOWARN)

static bool owed;          /* somebody wanted the work and there is no thread */
static bool atomic_failed; /* an atomic request found no populated page since the last balance */
static bool suspended;     /* a test looks at what happens without */

/* A wholly free chunk that can go, out of its slot, or NULL. One stays. @unpopulated: only such. */
static struct pcpu_chunk *pick_free_chunk(bool unpopulated)
{
	struct pcpu_chunk *chunk, *found = NULL;
	bool spare = true;

	kmm_spin_lock(&pcpu_lock);
	cds_list_for_each_entry(chunk, &pcpu_chunk_lists[pcpu_free_slot], list) {
		if (!spare && !chunk->immutable && !(unpopulated && chunk->map.nr_empty_pop_pages)) {
			found = chunk;
			pcpu_chunk_remove_locked(chunk);
			break;
		}
		spare = false;
	}
	kmm_spin_unlock(&pcpu_lock);
	return found;
}

static void free_chunks(bool unpopulated)
{
	struct pcpu_chunk *chunk;

	while ((chunk = pick_free_chunk(unpopulated))) {
		KMM_RACE_POINT("percpu: chunk removed");
		pcpu_chunk_destroy(chunk);
	}
}

/* The first chunk of @list, NULL for none. Nobody else takes it off while the mutex is held. */
static struct pcpu_chunk *first_on_list(int list)
{
	struct pcpu_chunk *chunk = NULL;

	kmm_spin_lock(&pcpu_lock);
	if (!cds_list_empty(&pcpu_chunk_lists[list]))
		chunk = cds_list_first_entry(&pcpu_chunk_lists[list], struct pcpu_chunk, list);
	kmm_spin_unlock(&pcpu_lock);
	return chunk;
}

static bool enough_idle_pages(void)
{
	bool enough;

	kmm_spin_lock(&pcpu_lock);
	enough = pcpu_nr_empty_pop_pages >= PCPU_EMPTY_POP_PAGES_HIGH;
	kmm_spin_unlock(&pcpu_lock);
	return enough;
}

/* Empties the list of chunks to depopulate. */
static void reclaim_populated(void)
{
	struct pcpu_chunk *chunk;

	while ((chunk = first_on_list(pcpu_to_depopulate_slot))) {
		int below = chunk->map.nr_pages;

		while (enough_idle_pages() && pcpu_depopulate_run(chunk, &below))
			;
		KMM_RACE_POINT("percpu: chunk depopulated");
		kmm_spin_lock(&pcpu_lock);
		/* Idle pages that are left are needed. */
		if (pcpu_chunk_is_free(chunk) ||
		    (chunk->map.nr_empty_pop_pages && pcpu_nr_empty_pop_pages < PCPU_EMPTY_POP_PAGES_HIGH))
			pcpu_chunk_reintegrate_locked(chunk);
		else if (!chunk->map.nr_empty_pop_pages)
			pcpu_chunk_sideline_locked(chunk);
		/* Else a page became idle behind the look at it: once more. */
		kmm_spin_unlock(&pcpu_lock);
	}
}

/* The fullest chunk that has room for a page and pages to populate: atomic requests shall not break up others. */
static struct pcpu_chunk *find_unpopulated(void)
{
	struct pcpu_chunk *chunk, *found = NULL;
	int slot;

	kmm_spin_lock(&pcpu_lock);
	for (slot = pcpu_size_to_slot(PAGE_SIZE); !found && slot <= pcpu_free_slot; slot++) {
		cds_list_for_each_entry(chunk, &pcpu_chunk_lists[slot], list) {
			if (chunk->nr_populated < chunk->map.nr_pages) {
				found = chunk;
				break;
			}
		}
	}
	kmm_spin_unlock(&pcpu_lock);
	return found;
}

/* Populates up to @nr pages of @chunk, the first holes first. Returns how many, 0 for no memory. */
static int populate_holes(struct pcpu_chunk *chunk, int nr)
{
	const unsigned long end = (unsigned long)chunk->map.nr_pages;
	const unsigned long start = find_first_zero_bit(chunk->map.populated, end);
	const unsigned long hole_end = find_next_bit(chunk->map.populated, end, start);

	nr = min_of(nr, (int)(hole_end - start));
	return pcpu_populate_pages(chunk, (int)start, (int)start + nr, BALANCE_GFP) ? 0 : nr;
}

static int missing_idle_pages(void)
{
	int nr;

	kmm_spin_lock(&pcpu_lock);
	nr = PCPU_EMPTY_POP_PAGES_HIGH - pcpu_nr_empty_pop_pages;
	kmm_spin_unlock(&pcpu_lock);
	/* A request larger than what is free in one piece would fail for ever if its failure changed nothing. */
	if (READ_ONCE(atomic_failed)) {
		WRITE_ONCE(atomic_failed, false);
		nr = PCPU_EMPTY_POP_PAGES_HIGH;
	}
	return nr;
}

static void populate_ahead(void)
{
	int missing = missing_idle_pages(), nr;

	for (; missing > 0; missing -= nr) {
		struct pcpu_chunk *chunk = find_unpopulated();

		if (!chunk)
			chunk = pcpu_chunk_create(BALANCE_GFP);
		nr = chunk ? populate_holes(chunk, missing) : 0;
		if (!nr)
			return;
	}
}

static void balance(void)
{
	kmm_lock(&pcpu_alloc_mutex);
	free_chunks(false);
	reclaim_populated();
	populate_ahead();
	/* What became free meanwhile, unless it was populated ahead. */
	free_chunks(true);
	kmm_unlock(&pcpu_alloc_mutex);
}

static void balance_fn(struct kmm_work *work)
{
	(void)work;
	balance();
}

static struct kmm_work balance_work = KMM_WORK_INIT(balance_fn);

/* Balancing soon. The caller has changed something under pcpu_lock, and holds no lock of a higher rank than
 * pcpu_alloc_mutex now. */
void pcpu_balance_schedule(void)
{
	if (!READ_ONCE(suspended) && unlikely(!kmm_work_schedule(&balance_work, 0)))
		WRITE_ONCE(owed, true);
}

/* For a request that may wait, with no lock held: does what no thread could be found for. */
void pcpu_balance_owed(void)
{
	if (likely(!READ_ONCE(owed)))
		return;
	WRITE_ONCE(owed, false);
	balance();
}

void pcpu_note_atomic_failure(void)
{
	WRITE_ONCE(atomic_failed, true);
	pcpu_balance_schedule();
}

/* In the child of a fork, where a balance that was scheduled is none any more. The locks are held or new. */
void pcpu_balance_fork_child(void)
{
	if (!cds_list_empty(&pcpu_chunk_lists[pcpu_to_depopulate_slot]))
		WRITE_ONCE(owed, true);
}

void pcpu_balance_reset(void)
{
	owed = false;
	atomic_failed = false;
	suspended = false;
}

/* Afterwards no balance runs or is pending, unless the test asks for one. */
void pcpu_balance_suspend_for_test(bool suspend)
{
	WRITE_ONCE(suspended, suspend);
	kmm_work_cancel_sync(&balance_work);
	WRITE_ONCE(owed, false);
}

/* Balances now, on this thread. */
void pcpu_balance_for_test(void)
{
	balance();
}

/* The chunk at @position, out of its list if it can go as a whole. NULL: none, or one that stays as it is. */
static struct pcpu_chunk *pick_for_trim(size_t position, bool *whole)
{
	struct pcpu_chunk *chunk;

	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_table[position];
	if (chunk && chunk->immutable)
		chunk = NULL;
	*whole = chunk && pcpu_chunk_is_free(chunk);
	if (*whole)
		pcpu_chunk_remove_locked(chunk);
	kmm_spin_unlock(&pcpu_lock);
	return chunk;
}

size_t percpu_trim(void)
{
	size_t position, bytes = 0;
	struct pcpu_chunk *chunk;
	bool whole;

	if (!pcpu_first_chunk)
		return 0;
	kmm_lock(&pcpu_alloc_mutex);
	for (position = 0; position < pcpu_nr_positions; position++) {
		chunk = pick_for_trim(position, &whole);
		if (whole)
			bytes += pcpu_chunk_destroy(chunk);
		else if (chunk)
			bytes += (size_t)pcpu_depopulate_idle(chunk) * kmm_nr_cpu_ids << PAGE_SHIFT;
	}
	kmm_unlock(&pcpu_alloc_mutex);
	return bytes;
}
