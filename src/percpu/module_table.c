/* SPDX-License-Identifier: MIT
 * module_table.c - the table of objects with static per-CPU variables: lookups, and the start and end of the library.
 *
 * Owns:   the table and its lock.
 * Locks, lock-free accesses, invariants: see module.h.
 * Source: setup_per_cpu_areas(), mm/percpu.c; percpu_modcopy(), kernel/module/main.c, Linux 6.1.
 */
#include "percpu/module.h"

#include <stdio.h>
#include <string.h>

#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/fork.h"
#include "base/race.h"
#include "base/report.h"

struct kmm_lock pcpu_module_lock = KMM_LOCK_INIT(KMM_RANK_PCPU_MODULE, "pcpu module lock");
struct pcpu_module pcpu_modules[PCPU_MAX_MODULES];
unsigned int pcpu_nr_modules;
unsigned int pcpu_nr_late;

static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_PCPU_MODULE,
	.lock = &pcpu_module_lock,
	.always = true,
};

/* Before the handlers of fork() are installed, so that nobody looks at their table meanwhile. */
__attribute__((constructor(101))) static void register_fork_handler(void)
{
	kmm_fork_register(&fork_handler);
}

void pcpu_module_write_locked(struct pcpu_module *entry, const struct pcpu_module *val)
{
	unsigned int seq = entry->seq;

	kmm_assert_held(&pcpu_module_lock);
	WRITE_ONCE(entry->seq, seq + 1);
	smp_wmb();
	WRITE_ONCE(entry->start, val->start);
	WRITE_ONCE(entry->size, val->size);
	WRITE_ONCE(entry->off, val->off);
	WRITE_ONCE(entry->area, val->area);
	WRITE_ONCE(entry->room, val->room);
	WRITE_ONCE(entry->late, val->late);
	WRITE_ONCE(entry->owner, val->owner);
	entry->align = val->align;
	smp_store_release(&entry->seq, seq + 2);
}

void pcpu_module_clear_locked(struct pcpu_module *entry)
{
	pcpu_module_write_locked(entry, &(struct pcpu_module){ .off = PCPU_NO_OFF });
}

/* False while it changes. */
bool pcpu_module_read(const struct pcpu_module *entry, struct pcpu_module *val)
{
	unsigned int seq = smp_load_acquire(&entry->seq);

	val->start = READ_ONCE(entry->start);
	KMM_RACE_POINT("pcpu_module:read");
	val->size = READ_ONCE(entry->size);
	val->off = READ_ONCE(entry->off);
	val->area = READ_ONCE(entry->area);
	val->room = READ_ONCE(entry->room);
	val->late = READ_ONCE(entry->late);
	val->owner = READ_ONCE(entry->owner);
	smp_rmb();
	return !(seq & 1) && READ_ONCE(entry->seq) == seq;
}

uintptr_t pcpu_module_delta(const struct pcpu_module *entry)
{
	return (uintptr_t)pcpu_slices.base + entry->off - entry->start;
}

/* A place for an instance of the templates at @start in [@area, ...): the first that is as well aligned as they are. */
size_t pcpu_place_in(size_t area, uintptr_t start, size_t align)
{
	return area + ((start - area) & (align - 1));
}

void pcpu_copy_templates(uintptr_t start, size_t size, size_t off)
{
	char *instance = pcpu_slices.base + off;
	unsigned int cpu;

	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++, instance += PCPU_SLICE_SIZE)
		memcpy(instance, (const void *)start, size);
}

/* Lookups */

static bool find_in(uintptr_t addr, struct pcpu_module *found)
{
	const struct pcpu_module *entry;
	const unsigned int nr = smp_load_acquire(&pcpu_nr_modules);

	for_each_pcpu_module(entry, nr)
	{
		if (pcpu_module_read(entry, found) && addr - found->start < found->size)
			return true;
	}
	return false;
}

/* The entry of the template at @addr, as it is now. */
bool pcpu_find_template(uintptr_t addr, struct pcpu_module *found)
{
	bool known = find_in(addr, found);

	if (likely(known))
		return true;
	kmm_lock(&pcpu_module_lock);
	known = find_in(addr, found);
	kmm_unlock(&pcpu_module_lock);
	return known;
}

struct pcpu_module *pcpu_module_of_locked(uintptr_t start)
{
	struct pcpu_module *entry;

	kmm_assert_held(&pcpu_module_lock);
	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		if (entry->owner && entry->start == start)
			return entry;
	}
	return NULL;
}

/* The start and the end of the library */

size_t pcpu_modules_layout(void)
{
	struct pcpu_module *entry, val;
	size_t end = 0;

	kmm_lock(&pcpu_module_lock);
	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		if (!entry->owner)
			continue;
		val = *entry;
		val.area = pcpu_place_in(end, entry->start, entry->align);
		val.room = entry->size;
		val.late = false;
		pcpu_module_write_locked(entry, &val);
		end = val.area + val.room;
	}
	kmm_unlock(&pcpu_module_lock);
	return end;
}

void pcpu_modules_fill(void)
{
	struct pcpu_module *entry, val;

	kmm_lock(&pcpu_module_lock);
	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		if (!entry->owner || !entry->room)
			continue;
		val = *entry;
		val.off = entry->area;
		pcpu_copy_templates(val.start, val.size, val.off);
		pcpu_module_write_locked(entry, &val);
	}
	kmm_unlock(&pcpu_module_lock);
}

void pcpu_modules_stop(void)
{
	struct pcpu_module *entry, val;

	kmm_lock(&pcpu_module_lock);
	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		val = *entry;
		val.off = PCPU_NO_OFF;
		val.area = 0;
		val.room = 0;
		val.late = false;
		if (entry->owner) {
			pcpu_module_write_locked(entry, &val);
			WRITE_ONCE(entry->owner->delta, 0);
		} else {
			pcpu_module_clear_locked(entry);
		}
	}
	WRITE_ONCE(pcpu_nr_late, 0);
	kmm_unlock(&pcpu_module_lock);
}

bool pcpu_module_owns(size_t off)
{
	const struct pcpu_module *entry;
	struct pcpu_module val;

	if (likely(!READ_ONCE(pcpu_nr_late)))
		return false;
	for_each_pcpu_module(entry, smp_load_acquire(&pcpu_nr_modules))
	{
		if (pcpu_module_read(entry, &val) && val.late && off - val.area < val.room)
			return true;
	}
	return false;
}

/* Proof of M1 to M4 */

static bool overlap(uintptr_t a, size_t a_size, uintptr_t b, size_t b_size)
{
	return a_size && b_size && a < b + b_size && b < a + a_size;
}

static bool area_is_allocated(const struct pcpu_module *entry)
{
	const struct pcpu_chunk *chunk;
	bool allocated = false;
	int bit;

	kmm_spin_lock(&pcpu_lock);
	chunk = pcpu_chunk_of_locked(entry->area);
	if (chunk) {
		bit = (int)((entry->area - chunk->base_off) >> PCPU_MIN_ALLOC_SHIFT);
		allocated = bitmap_test(chunk->map.alloc, (unsigned long)bit) &&
			    bitmap_test(chunk->map.bound, (unsigned long)bit) &&
			    pcpu_area_bits(&chunk->map, bit) == pcpu_size_to_bits(entry->room);
	}
	kmm_spin_unlock(&pcpu_lock);
	return allocated;
}

static bool area_is_right(const struct pcpu_module *entry)
{
	if (entry->off != PCPU_NO_OFF &&
	    (entry->off < entry->area || entry->off + entry->size > entry->area + entry->room))
		return false;
	if (entry->late)
		return area_is_allocated(entry);
	return !entry->room || entry->area + entry->room <= pcpu_unit_info.static_size;
}

const char *pcpu_modules_check(char *why, size_t size)
{
	const struct pcpu_module *entry, *other;
	const char *wrong = NULL;
	unsigned int late = 0;

	kmm_lock(&pcpu_module_lock);
	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		late += entry->late;
		for (other = pcpu_modules; other < entry; other++) {
			if (overlap(entry->start, entry->size, other->start, other->size) ||
			    overlap(entry->area, entry->room, other->area, other->room))
				wrong = "M1: overlaps another module";
		}
		if (!area_is_right(entry))
			wrong = "M2: instances outside their area";
		if (entry->owner && entry->owner->start == entry->start && entry->owner->delta &&
		    entry->owner->delta != pcpu_module_delta(entry))
			wrong = "M3: wrong delta";
		if (wrong) {
			snprintf(why, size, "%s: %zu bytes of templates at %#lx", wrong, entry->size,
				 (unsigned long)entry->start);
			break;
		}
	}
	if (!wrong && late != pcpu_nr_late) {
		wrong = "M4";
		snprintf(why, size, "M4: %u late pcpu_modules counted as %u", late, pcpu_nr_late);
	}
	kmm_unlock(&pcpu_module_lock);
	return wrong ? why : NULL;
}
