/* SPDX-License-Identifier: MIT
 * module.c - an object with static per-CPU variables comes, is used and goes.
 *
 * Owns:   kmm_percpu_module of every object.
 * Locks, lock-free accesses, invariants: see module.h.
 *
 * The deltas of what is there at the start are not stored by the start, which may still fail and take the slices away, but by
 * the first access of each object: kmm_per_cpu_ptr_slow() knows that the library runs.
 *
 * Source: percpu_modalloc(), percpu_modfree(), kernel/module/main.c, Linux 6.1.
 */
#include <dlfcn.h>
#include <errno.h>

#include "percpu/module.h"
#include "percpu/percpu.h"
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/boot.h"
#include "base/report.h"

/* What a constructor tells: both sections of an object, or one. */
struct pcpu_span {
	uintptr_t start;
	size_t size;
	size_t align;
};

/* The library's own module has no variables; users' objects each bring one, see <kmm/percpu_defs.h>. */
struct kmm_percpu_module kmm_percpu_this_module;

/* The second section of an object may have an entry of its own, whose delta is another one. */
static void publish(const struct pcpu_module *entry)
{
	const uintptr_t delta = pcpu_module_delta(entry);

	if (!entry->owner || entry->owner->start != entry->start)
		return;
	/* Others' accesses come here each time, and the object's own read the same line. RELAXED: it is only compared. */
	if (READ_ONCE(entry->owner->delta) != delta)
		smp_store_release(&entry->owner->delta, delta);
}

/* Instances of what was registered while the library runs */

/* Takes the place of an object that was unloaded, if one is large enough. */
static bool inherit_locked(struct pcpu_module *val)
{
	struct pcpu_module *entry;

	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		size_t off = pcpu_place_in(entry->area, val->start, val->align);

		if (entry->owner || off + val->size > entry->area + entry->room)
			continue;
		val->off = off;
		val->area = entry->area;
		val->room = entry->room;
		pcpu_module_clear_locked(entry);
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
	val->off = pcpu_place_in(val->area, val->start, val->align);
	return true;
}

/* Enters what @val got, unless another thread was faster. */
static bool enter_instances_locked(const struct pcpu_module *val)
{
	struct pcpu_module *entry = pcpu_module_of_locked(val->start);

	if (!entry || entry->off != PCPU_NO_OFF)
		return false;
	pcpu_module_write_locked(entry, val);
	return true;
}

/* Instances for the templates at @start, which have none. The library runs. False: no memory. */
static bool make_instances(uintptr_t start)
{
	struct pcpu_module *entry, val;
	bool entered;

	kmm_lock(&pcpu_module_lock);
	entry = pcpu_module_of_locked(start);
	if (!entry || entry->off != PCPU_NO_OFF) {
		kmm_unlock(&pcpu_module_lock);
		return entry;
	}
	val = *entry;
	if (inherit_locked(&val)) {
		pcpu_copy_templates(val.start, val.size, val.off);
		enter_instances_locked(&val);
		kmm_unlock(&pcpu_module_lock);
		return true;
	}
	kmm_unlock(&pcpu_module_lock);

	if (!allocate(&val))
		return false;
	pcpu_copy_templates(val.start, val.size, val.off);
	kmm_lock(&pcpu_module_lock);
	entered = enter_instances_locked(&val);
	if (entered)
		WRITE_ONCE(pcpu_nr_late, pcpu_nr_late + 1);
	kmm_unlock(&pcpu_module_lock);
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

	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		if (!entry->owner && entry->size && entry->start < span->start + span->size &&
		    span->start < entry->start + entry->size) {
			struct pcpu_module kept = *entry;

			kept.size = 0;
			pcpu_module_write_locked(entry, &kept);
		}
		if (!free_entry && !entry->owner && !entry->size && !entry->room)
			free_entry = entry;
	}
	if (!free_entry && pcpu_nr_modules < PCPU_MAX_MODULES)
		free_entry = &pcpu_modules[pcpu_nr_modules];
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
	pcpu_module_write_locked(entry, &val);
	if (entry == &pcpu_modules[pcpu_nr_modules])
		smp_store_release(&pcpu_nr_modules, pcpu_nr_modules + 1);
	return true;
}

/* Makes the instances of an object that is loaded while the library runs. */
static void make_instances_now(const struct pcpu_span *span)
{
	struct pcpu_module entry;

	if (!make_instances(span->start))
		report_no_memory(span->start, span->size);
	else if (pcpu_find_template(span->start, &entry))
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
	kmm_lock(&pcpu_module_lock);
	while (nr_entered < nr && enter_span_locked(module, &spans[nr_entered]))
		nr_entered++;
	kmm_unlock(&pcpu_module_lock);
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

	kmm_lock(&pcpu_module_lock);
	for_each_pcpu_module(entry, pcpu_nr_modules)
	{
		if (entry->owner != module)
			continue;
		val = *entry;
		val.owner = NULL;
		if (entry->off != PCPU_NO_OFF && !entry->late) {
			pcpu_module_write_locked(entry, &val);
			continue;
		}
		if (entry->late) {
			areas[nr++] = pcpu_slices.base + entry->area;
			WRITE_ONCE(pcpu_nr_late, pcpu_nr_late - 1);
		}
		pcpu_module_clear_locked(entry);
		*module = (struct kmm_percpu_module){ .size = 0 };
	}
	kmm_unlock(&pcpu_module_lock);
	for (i = 0; i < nr; i++)
		free_percpu(areas[i]);
	errno = saved_errno;
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
			    "build with -fPIC",
			    (const void *)ptr, info.dli_sname ? info.dli_sname : "?", object);
}

static void *instance_of(const struct pcpu_module *entry, uintptr_t addr, unsigned int cpu)
{
	const uintptr_t base = (uintptr_t)percpu_instance(pcpu_slices.base, cpu) + entry->off;

	return (void *)pcpu_ptr_to_addr(addr, base, entry->start);
}

/* The entry of the template at *@addr, which is changed if it is in a copy of the linker's. */
static bool find_variable(uintptr_t *addr, struct pcpu_module *entry)
{
	*addr = pcpu_original_of(*addr);
	if (likely(pcpu_find_template(*addr, entry)))
		return true;
	if (!pcpu_find_copy(*addr))
		return false;
	*addr = pcpu_original_of(*addr);
	return pcpu_find_template(*addr, entry);
}

static void *find_instance(const volatile void *ptr, unsigned int cpu)
{
	const bool started = kmm_boot_ensure(); /* or this thread is starting it */
	const bool runs = started && kmm_boot_state() == KMM_RUNNING;
	uintptr_t addr = (uintptr_t)ptr;
	struct pcpu_module entry;

	/* The caller saw a kmm_pcpu_base of before the start, but a pointer of after it. */
	if (percpu_is_dynamic((const void *)addr))
		return (char *)addr + ((size_t)cpu << KMM_PCPU_SLICE_SHIFT);
	if (!find_variable(&addr, &entry)) {
		report_stranger(ptr);
		return NULL;
	}
	if (entry.off == PCPU_NO_OFF && runs) {
		if (!make_instances(entry.start) || !pcpu_find_template(addr, &entry)) {
			report_no_memory(entry.start, entry.size);
			return NULL;
		}
	}
	/* There is no memory for instances: not yet, not any more, or not at all. */
	if (entry.off == PCPU_NO_OFF)
		return (void *)(uintptr_t)ptr;
	/* Another thread's start may still fail and take the slices away; those of the dead library stay. */
	if (!started && kmm_boot_state() != KMM_DEAD)
		return (void *)(uintptr_t)ptr;
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
