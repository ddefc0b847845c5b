/* SPDX-License-Identifier: MIT
 * balance.c - gives back what is populated and not used.
 *
 * Owns:       the decision which chunks and pages to let go.
 * Locks:      pcpu_alloc_mutex throughout, pcpu_lock for each decision.
 * Invariants: none of its own. Nothing that a request could not create again is taken; the first unit is immutable.
 *
 * Between PCPU_EMPTY_POP_PAGES_LOW and _HIGH empty populated pages are what balancing by itself leaves to atomic
 * requests; a trim leaves none.
 *
 * Source:     pcpu_balance_free(), pcpu_reclaim_populated(), mm/percpu.c, Linux 6.1. Differs: a page is taken out of
 *             the map before it is taken away, so that its chunk need not be isolated meanwhile.
 */
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"

/* A wholly free chunk that can go, out of its slot, or NULL. */
static struct pcpu_chunk *pick_free_chunk(void)
{
	struct pcpu_chunk *chunk, *found = NULL;

	kmm_lock(&pcpu_lock);
	cds_list_for_each_entry(chunk, &pcpu_chunk_lists[pcpu_free_slot], list) {
		if (!chunk->immutable) {
			found = chunk;
			pcpu_chunk_remove_locked(chunk);
			break;
		}
	}
	kmm_unlock(&pcpu_lock);
	return found;
}

size_t percpu_trim(void)
{
	size_t position, bytes = 0;
	struct pcpu_chunk *chunk;

	if (!pcpu_first_chunk)
		return 0;
	kmm_lock(&pcpu_alloc_mutex);
	while ((chunk = pick_free_chunk()))
		bytes += pcpu_chunk_destroy(chunk);
	for (position = 0; position < pcpu_nr_positions; position++) {
		chunk = pcpu_chunk_table[position];
		if (chunk && !chunk->immutable)
			bytes += (size_t)pcpu_depopulate_idle(chunk) * kmm_nr_cpu_ids << PAGE_SHIFT;
	}
	kmm_unlock(&pcpu_alloc_mutex);
	return bytes;
}
