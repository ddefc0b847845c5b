/* SPDX-License-Identifier: MIT
 * module.c - the static per-CPU variables of the program and its shared objects: who has some, where their instances are.
 *
 * Owns:       the table below; kmm_percpu_module.delta of every object.
 * Locks:      module_lock (rank 18) for every change. Under it memory is neither asked for nor given back, nothing is
 *             reported, and the loader is not asked, under whose own lock constructors run. Fork takes it also while the
 *             library does not run.
 * Lock-free:  lookups read entries one by one. An entry's words are valid together if its sequence count is even and the same
 *             before (ACQUIRE) and after (a read barrier); the writer makes it odd, a write barrier, the words, then even
 *             (RELEASE). An entry that changes meanwhile is passed over, not waited for: it is not the one looked for,
 *             since who uses a variable keeps its object loaded. The exceptions, an object that gets its instances just
 *             then, are found by a second look under the lock.
 *             kmm_percpu_module.delta is stored RELEASE after the initial values; see KMM_PCPU_DEPENDS.
 * Invariants: M1  ranges of templates do not overlap, nor do areas
 *             M2  an entry with instances has an area around them: in the static part, or allocated
 *             M3  a module's delta is 0, or that of its first entry
 *             M4  nr_late counts the entries whose area is allocated
 *
 * The deltas of what is there at the start are not stored by the start, which may still fail and take the slices away, but by
 * the first access of each object: kmm_per_cpu_ptr_slow() knows that the library runs.
 *
 * Source:     percpu_modalloc(), percpu_modcopy(), percpu_modfree(), kernel/module/main.c; setup_per_cpu_areas(),
 *             mm/percpu.c, Linux 6.1.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "percpu/module.h"
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/boot.h"
#include "base/fork.h"
#include "base/report.h"

#define PCPU_MAX_MODULES 1024
#define PCPU_NO_OFF SIZE_MAX

/* A range of templates. It is free when size and room are 0; when only the owner is gone, its area is kept. */
struct pcpu_module {
	unsigned int seq; /* odd while the words below change */
	uintptr_t start;
	size_t size;
	size_t off;        /* of the instance, from the start of each slice; PCPU_NO_OFF: there is none */
	size_t area, room; /* what holds it: [area, area + room) of each slice; room 0: nothing */
	bool late;         /* the area is allocated, not in the static part */
	struct kmm_percpu_module *owner;
	size_t align; /* module_lock: what the templates are aligned to, at most a page */
};

/* What a constructor tells: both sections of an object, or one. */
struct pcpu_span {
	uintptr_t start;
	size_t size;
	size_t align;
};

static struct kmm_lock module_lock = KMM_LOCK_INIT(KMM_RANK_PCPU_MODULE, "pcpu module lock");

/* Untouched parts cost no memory. Entries up to nr_modules were used at some time. */
static struct pcpu_module modules[PCPU_MAX_MODULES];
static unsigned int nr_modules; /* RELEASE behind a new entry's words, ACQUIRE by lookups; never less */
static unsigned int nr_late;    /* written under module_lock, read RELAXED: a hint for who frees */

/* The library's own module has no variables; users' objects each bring one, see <kmm/percpu_defs.h>. */
struct kmm_percpu_module kmm_percpu_this_module;

static const struct kmm_fork_handler fork_handler = { .rank = KMM_RANK_PCPU_MODULE,
						      .lock = &module_lock,
						      .always = true };

/* Before the handlers of fork() are installed, so that nobody looks at their table meanwhile. */
__attribute__((constructor(101))) static void register_fork_handler(void)
{
	kmm_fork_register(&fork_handler);
}

/* Entries */

static void entry_write_locked(struct pcpu_module *entry, const struct pcpu_module *val)
{
	unsigned int seq = entry->seq;

	kmm_assert_held(&module_lock);
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

static void entry_clear_locked(struct pcpu_module *entry)
{
	entry_write_locked(entry, &(struct pcpu_module){ .off = PCPU_NO_OFF });
}

/* False while it changes. */
static bool entry_read(const struct pcpu_module *entry, struct pcpu_module *val)
{
	unsigned int seq = smp_load_acquire(&entry->seq);

	val->start = READ_ONCE(entry->start);
	val->size = READ_ONCE(entry->size);
	val->off = READ_ONCE(entry->off);
	val->area = READ_ONCE(entry->area);
	val->room = READ_ONCE(entry->room);
	val->late = READ_ONCE(entry->late);
	val->owner = READ_ONCE(entry->owner);
	smp_rmb();
	return !(seq & 1) && READ_ONCE(entry->seq) == seq;
}

#define for_each_entry(entry, nr) for ((entry) = modules; (entry) < modules + (nr); (entry)++)

static uintptr_t entry_delta(const struct pcpu_module *entry)
{
	return (uintptr_t)pcpu_slices.base + entry->off - entry->start;
}

/* The second section of an object may have an entry of its own, whose delta is another one. */
static void publish(const struct pcpu_module *entry)
{
	if (entry->owner && entry->owner->start == entry->start)
		smp_store_release(&entry->owner->delta, entry_delta(entry));
}

/* A place for an instance of the templates at @start in [@area, ...): the first that is as well aligned as they are. */
static size_t place_in(size_t area, uintptr_t start, size_t align)
{
	return area + ((start - area) & (align - 1));
}

static void copy_templates(uintptr_t start, size_t size, size_t off)
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
	const unsigned int nr = smp_load_acquire(&nr_modules);

	for_each_entry(entry, nr)
	{
		if (entry_read(entry, found) && addr - found->start < found->size)
			return true;
	}
	return false;
}

/* The entry of the template at @addr, as it is now. */
static bool find_template(uintptr_t addr, struct pcpu_module *found)
{
	bool known = find_in(addr, found);

	if (likely(known))
		return true;
	kmm_lock(&module_lock);
	known = find_in(addr, found);
	kmm_unlock(&module_lock);
	return known;
}

static struct pcpu_module *entry_of_locked(uintptr_t start)
{
	struct pcpu_module *entry;

	kmm_assert_held(&module_lock);
	for_each_entry(entry, nr_modules)
	{
		if (entry->owner && entry->start == start)
			return entry;
	}
	return NULL;
}

/* Instances of what was registered while the library runs */

/* Takes the place of an object that was unloaded, if one is large enough. */
static bool inherit_locked(struct pcpu_module *val)
{
	struct pcpu_module *entry;

	for_each_entry(entry, nr_modules)
	{
		size_t off = place_in(entry->area, val->start, val->align);

		if (entry->owner || off + val->size > entry->area + entry->room)
			continue;
		val->off = off;
		val->area = entry->area;
		val->room = entry->room;
		entry_clear_locked(entry);
		return true;
	}
	return false;
}

/* A whole area for @val: of the reserved part, else of any chunk. */
static bool allocate(struct pcpu_module *val)
{
	const size_t lead = val->start & (val->align - 1), size = lead + val->size;
	char *area = pcpu_alloc_reserved(size, val->align, GFP_KERNEL | __GFP_NOWARN);

	if (!area)
		area = __alloc_percpu_gfp(size, val->align, GFP_KERNEL | __GFP_NOWARN);
	if (!area)
		return false;
	val->area = (size_t)(area - pcpu_slices.base);
	val->room = size;
	val->late = true;
	val->off = place_in(val->area, val->start, val->align);
	return true;
}

/* Enters what @val got, unless another thread was faster. */
static bool enter_instances_locked(const struct pcpu_module *val)
{
	struct pcpu_module *entry = entry_of_locked(val->start);

	if (!entry || entry->off != PCPU_NO_OFF)
		return false;
	entry_write_locked(entry, val);
	return true;
}

/* Instances for the templates at @start, which have none. The library runs. False: no memory. */
static bool make_instances(uintptr_t start)
{
	struct pcpu_module *entry, val;
	bool entered;

	kmm_lock(&module_lock);
	entry = entry_of_locked(start);
	if (!entry || entry->off != PCPU_NO_OFF) {
		kmm_unlock(&module_lock);
		return entry;
	}
	val = *entry;
	if (inherit_locked(&val)) {
		copy_templates(val.start, val.size, val.off);
		enter_instances_locked(&val);
		kmm_unlock(&module_lock);
		return true;
	}
	kmm_unlock(&module_lock);

	if (!allocate(&val))
		return false;
	copy_templates(val.start, val.size, val.off);
	kmm_lock(&module_lock);
	entered = enter_instances_locked(&val);
	if (entered)
		WRITE_ONCE(nr_late, nr_late + 1);
	kmm_unlock(&module_lock);
	if (!entered)
		free_percpu(pcpu_slices.base + val.area);
	return true;
}

static const char *object_name(uintptr_t addr, Dl_info *info)
{
	return dladdr((const void *)addr, info) && info->dli_fname ? info->dli_fname : "(unknown object)";
}

static void report_no_memory(uintptr_t start, size_t size)
{
	Dl_info info;

	kmm_report(KMM_REPORT_ERR, "%s: Could not allocate %zu bytes percpu data\n", object_name(start, &info), size);
}

/* Life of an object */

static size_t alignment_of(uintptr_t start)
{
	return min_of((size_t)(start & -start), (size_t)PAGE_SIZE);
}

static struct pcpu_span span_of(const char *start, const char *stop)
{
	return (struct pcpu_span){ (uintptr_t)start, (size_t)(stop - start), alignment_of((uintptr_t)start) };
}

/* The sections of an object as spans, one behind the other. One span if nothing but the alignment of the higher one keeps
 * them apart, as linkers do it; of two, only the first has the quick way to its instances. Returns how many. */
static unsigned int spans_of(const struct pcpu_span sections[2], struct pcpu_span spans[2])
{
	const bool turned = sections[1].start < sections[0].start;
	const struct pcpu_span *low = &sections[turned], *high = &sections[!turned];
	unsigned int nr = 0, i;

	if (low->size && high->size && high->start - (low->start + low->size) < high->align) {
		spans[0] = (struct pcpu_span){ low->start, high->start + high->size - low->start,
					       max_of(low->align, high->align) };
		return 1;
	}
	for (i = 0; i < 2; i++) {
		if (sections[i].size)
			spans[nr++] = sections[i];
	}
	return nr;
}

/* A place of the table for the templates at @start, or NULL. Who was there before and left its area behind, is forgotten;
 * so is the object that was unloaded from where this one lies now. */
static struct pcpu_module *new_entry_locked(const struct pcpu_span *span)
{
	struct pcpu_module *entry, *free_entry = NULL;

	for_each_entry(entry, nr_modules)
	{
		if (!entry->owner && entry->size && entry->start < span->start + span->size &&
		    span->start < entry->start + entry->size) {
			struct pcpu_module kept = *entry;

			kept.size = 0;
			entry_write_locked(entry, &kept);
		}
		if (!free_entry && !entry->owner && !entry->size && !entry->room)
			free_entry = entry;
	}
	if (!free_entry && nr_modules < PCPU_MAX_MODULES)
		free_entry = &modules[nr_modules];
	return free_entry;
}

static bool enter_span_locked(struct kmm_percpu_module *module, const struct pcpu_span *span)
{
	struct pcpu_module *entry = new_entry_locked(span);
	const struct pcpu_module val = {
		.start = span->start,
		.size = span->size,
		.align = span->align,
		.off = PCPU_NO_OFF,
		.owner = module,
	};

	if (!entry)
		return false;
	entry_write_locked(entry, &val);
	if (entry == &modules[nr_modules])
		smp_store_release(&nr_modules, nr_modules + 1);
	return true;
}

/* Makes the instances of an object that is loaded while the library runs. */
static void make_instances_now(const struct pcpu_span *span)
{
	struct pcpu_module entry;

	if (!make_instances(span->start))
		report_no_memory(span->start, span->size);
	else if (find_template(span->start, &entry))
		publish(&entry);
}

void kmm_percpu_module_register(struct kmm_percpu_module *module, const char *start, const char *stop,
				const char *read_mostly_start, const char *read_mostly_stop)
{
	const struct pcpu_span sections[2] = { span_of(start, stop), span_of(read_mostly_start, read_mostly_stop) };
	unsigned int nr, nr_entered = 0, i;
	struct pcpu_span spans[2];
	int saved_errno = errno;
	Dl_info info;

	nr = spans_of(sections, spans);
	if (module->size || !nr)
		return;
	kmm_lock(&module_lock);
	while (nr_entered < nr && enter_span_locked(module, &spans[nr_entered]))
		nr_entered++;
	kmm_unlock(&module_lock);
	if (nr_entered < nr)
		kmm_report(KMM_REPORT_ERR, "%s: more than %d objects with percpu data\n",
			   object_name(spans[0].start, &info), PCPU_MAX_MODULES);
	if (nr_entered) {
		module->start = spans[0].start;
		module->size = spans[0].size;
	}
	/* While another thread starts the library, the first access makes the instances. */
	for (i = 0; i < nr_entered && kmm_boot_state() == KMM_RUNNING; i++)
		make_instances_now(&spans[i]);
	errno = saved_errno;
}

/*
 * The instances of the static part stay as they are, with the entry that leads to them: at the end of a process
 * destructors run before those of others that may still come here. Only another object takes the place.
 */
void kmm_percpu_module_unregister(struct kmm_percpu_module *module)
{
	struct pcpu_module *entry, val;
	void __percpu *areas[2];
	unsigned int nr = 0, i;
	int saved_errno = errno;

	kmm_lock(&module_lock);
	for_each_entry(entry, nr_modules)
	{
		if (entry->owner != module)
			continue;
		val = *entry;
		val.owner = NULL;
		if (entry->off != PCPU_NO_OFF && !entry->late) {
			entry_write_locked(entry, &val);
			continue;
		}
		if (entry->late) {
			areas[nr++] = pcpu_slices.base + entry->area;
			WRITE_ONCE(nr_late, nr_late - 1);
		}
		entry_clear_locked(entry);
		*module = (struct kmm_percpu_module){ .size = 0 };
	}
	kmm_unlock(&module_lock);
	for (i = 0; i < nr; i++)
		free_percpu(areas[i]);
	errno = saved_errno;
}

/* The start and the end of the library */

size_t pcpu_modules_layout(void)
{
	struct pcpu_module *entry, val;
	size_t end = 0;

	kmm_lock(&module_lock);
	for_each_entry(entry, nr_modules)
	{
		if (!entry->owner)
			continue;
		val = *entry;
		val.area = place_in(end, entry->start, entry->align);
		val.room = entry->size;
		val.late = false;
		entry_write_locked(entry, &val);
		end = val.area + val.room;
	}
	kmm_unlock(&module_lock);
	return end;
}

void pcpu_modules_fill(void)
{
	struct pcpu_module *entry, val;

	kmm_lock(&module_lock);
	for_each_entry(entry, nr_modules)
	{
		if (!entry->owner || !entry->room)
			continue;
		val = *entry;
		val.off = entry->area;
		copy_templates(val.start, val.size, val.off);
		entry_write_locked(entry, &val);
	}
	kmm_unlock(&module_lock);
}

void pcpu_modules_stop(void)
{
	struct pcpu_module *entry, val;

	kmm_lock(&module_lock);
	for_each_entry(entry, nr_modules)
	{
		val = *entry;
		val.off = PCPU_NO_OFF;
		val.area = 0;
		val.room = 0;
		val.late = false;
		if (entry->owner) {
			entry_write_locked(entry, &val);
			WRITE_ONCE(entry->owner->delta, 0);
		} else {
			entry_clear_locked(entry);
		}
	}
	WRITE_ONCE(nr_late, 0);
	kmm_unlock(&module_lock);
}

/* Accesses */

static void report_stranger(const volatile void *ptr)
{
	const size_t off = (size_t)((uintptr_t)ptr - (uintptr_t)pcpu_slices.base);
	Dl_info info = { .dli_fname = NULL };
	const char *object;

	if (pcpu_slices.base && off < pcpu_slices.size) {
		KMM_WARN_AS("per_cpu_ptr", true, "%p is an instance, of CPU %zu: not a per-CPU pointer or variable",
			    (const void *)ptr, off >> KMM_PCPU_SLICE_SHIFT);
		return;
	}
	object = object_name((uintptr_t)ptr, &info);
	if (!info.dli_fname)
		KMM_WARN_AS("per_cpu_ptr", true, "%p is not a per-CPU pointer or variable", (const void *)ptr);
	else
		KMM_WARN_AS("per_cpu_ptr", true,
			    "%p (%s in %s) is not a per-CPU pointer or variable; a copy made by the linker? "
			    "build with -fPIE",
			    (const void *)ptr, info.dli_sname ? info.dli_sname : "?", object);
}

static void *instance_of(const struct pcpu_module *entry, uintptr_t addr, unsigned int cpu)
{
	return pcpu_slices.base + ((size_t)cpu << KMM_PCPU_SLICE_SHIFT) + entry->off + (addr - entry->start);
}

static void *find_instance(const volatile void *ptr, unsigned int cpu)
{
	const uintptr_t addr = (uintptr_t)ptr;
	const bool runs = kmm_boot_ensure() && kmm_boot_state() == KMM_RUNNING;
	struct pcpu_module entry;

	/* The caller saw a kmm_pcpu_base of before the start, but a pointer of after it. */
	if (percpu_is_dynamic((const void *)addr))
		return percpu_instance((void *)addr, cpu);
	if (!find_template(addr, &entry)) {
		report_stranger(ptr);
		return NULL;
	}
	if (entry.off == PCPU_NO_OFF && runs) {
		if (!make_instances(entry.start) || !find_template(addr, &entry)) {
			report_no_memory(entry.start, entry.size);
			return NULL;
		}
	}
	/* There is no memory for instances: not yet, not any more, or not at all. */
	if (entry.off == PCPU_NO_OFF)
		return (void *)addr;
	if (runs)
		publish(&entry);
	return instance_of(&entry, addr, cpu);
}

void *kmm_per_cpu_ptr_slow(const volatile void *ptr, unsigned int cpu)
{
	int saved_errno = errno;
	void *instance = find_instance(ptr, cpu);

	errno = saved_errno;
	return instance;
}

void *kmm_per_cpu_ptr_checked(const volatile void *ptr, unsigned int cpu)
{
	if (KMM_WARN_AS("per_cpu_ptr", cpu >= kmm_nr_cpus(), "there is no CPU %d: nr_cpu_ids is %u", (int)cpu,
			kmm_nr_cpu_ids))
		return NULL;
	return kmm_per_cpu_addr(ptr, cpu);
}

bool pcpu_module_owns(size_t off)
{
	const struct pcpu_module *entry;
	struct pcpu_module val;

	if (likely(!READ_ONCE(nr_late)))
		return false;
	for_each_entry(entry, smp_load_acquire(&nr_modules))
	{
		if (entry_read(entry, &val) && val.late && off - val.area < val.room)
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

	kmm_lock(&module_lock);
	for_each_entry(entry, nr_modules)
	{
		late += entry->late;
		for (other = modules; other < entry; other++) {
			if (overlap(entry->start, entry->size, other->start, other->size) ||
			    overlap(entry->area, entry->room, other->area, other->room))
				wrong = "M1: overlaps another module";
		}
		if (!area_is_right(entry))
			wrong = "M2: instances outside their area";
		if (entry->owner && entry->owner->start == entry->start && entry->owner->delta &&
		    entry->owner->delta != entry_delta(entry))
			wrong = "M3: wrong delta";
		if (wrong) {
			snprintf(why, size, "%s: %zu bytes of templates at %#lx", wrong, entry->size,
				 (unsigned long)entry->start);
			break;
		}
	}
	if (!wrong && late != nr_late) {
		wrong = "M4";
		snprintf(why, size, "M4: %u late modules counted as %u", late, nr_late);
	}
	kmm_unlock(&module_lock);
	return wrong ? why : NULL;
}
