/* SPDX-License-Identifier: MIT
 * trace_boot.c - how the slab allocator comes up, step by step, for readers of the study notes.
 *
 * Every number here is read from the library while it starts, or from its own functions; the last column says what the
 * notes have, on a 32-bit ARMv7 machine with 4 CPUs. A 64-bit build differs where a size counts pointers.
 *
 * This is the one example that looks inside: it includes the headers of src/slub/ and links the static library.
 */
#include <stdio.h>
#include <string.h>

#include <kmm/kmm.h>

#include "arch/arch.h"
#include "percpu/percpu_internal.h"
#include "slub/cpu_slab.h"
#include "slub/kmalloc.h"
#include "slub/layout.h"
#include "slub/slab_pages.h"
#include "slub/slub.h"

#define NR_CPUS 4

static void show(const char *what, unsigned long value, const char *notes)
{
	printf("  %-46s %#12lx %12lu  %s\n", what, value, value, notes);
}

static void show_tids(const struct kmem_cache *s)
{
	char what[64];

	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		snprintf(what, sizeof(what), "tid on CPU %u", cpu);
		show(what, cpu_slab_of(s, cpu)->tid, "init_tid(cpu): the CPU's number");
	}
}

/* The geometry of a boot cache; the notes follow kmem_cache_node through all of it, and kmem_cache only by its size. */
static void show_geometry(const struct kmem_cache *s, bool followed)
{
	const unsigned int given = s->object_size;

	show("object_size", given, followed ? "44 with lock debugging; 33..64" : "132");
	show("calculate_alignment(flags, minalign, size)", calculate_alignment(s->flags, ARCH_KMALLOC_MINALIGN, given),
	     followed ? "64" : "");
	show("align", s->align, followed ? "64" : "");
	show("size", s->size, followed ? "64" : "");
	show("inuse", s->inuse, "");
	show("offset of the free pointer", s->offset, "");
	show("oo", s->oo.x, followed ? "0x40: order 0, 64 objects" : "");
	show("  oo_order(oo)", oo_order(s->oo), followed ? "0" : "");
	show("  oo_objects(oo)", oo_objects(s->oo), followed ? "64" : "");
	show("min", s->min.x, followed ? "0x40" : "");
	show("min_partial", s->min_partial, followed ? "5" : "");
	show("cpu_partial", s->cpu_partial, followed ? "30" : "");
	show("flags", s->flags, "0x2000: SLAB_HWCACHE_ALIGN");
	show("refcount, as unsigned", (unsigned int)s->refcount, "-1: never merged");
}

/* alloc_kmem_cache_cpus(): the first dynamic allocation of the per-CPU allocator. */
static void show_cpu_slabs(const struct kmem_cache *s)
{
	show("sizeof(struct kmem_cache_cpu)", sizeof(struct kmem_cache_cpu), "16: freelist, tid, page, partial");
	show("its alignment, 2 * sizeof(void *)", 2 * sizeof(void *), "8");
	show("offset of cpu_slab in a unit", (unsigned long)((uintptr_t)s->cpu_slab - (uintptr_t)pcpu_slices.base), "");
	show("from one CPU's instance to the next",
	     (unsigned long)((uintptr_t)cpu_slab_of(s, 1) - (uintptr_t)cpu_slab_of(s, 0)), "");
	show_tids(s);
}

/* early_kmem_cache_node_alloc(): the node of kmem_cache_node lies in the slab that it is the first to count. */
static void show_first_node(const struct kmem_cache *s)
{
	const struct kmem_cache_node *n = get_node(s, 0);
	const struct slab *slab = cds_list_first_entry(&n->partial, struct slab, slab_list);

	show("node 0: nr_slabs", n->nr_slabs, "1");
	show("node 0: total_objects", n->total_objects, "64");
	show("node 0: nr_partial", n->nr_partial, "1");
	show("  page frame of its slab", page_to_pfn((const struct page *)slab), "");
	show("  page frame of the node itself", page_to_pfn(virt_to_page(n)), "the slab's own");
	show("  slab word: counters", slab->counters, "64 objects, 1 in use: the node");
}

/* What the per-CPU allocator has ready for the first cache. */
static void show_first_chunk(void)
{
	show("per-CPU unit, bytes", pcpu_unit_size(), "0x8000");
	show("pages a unit", (unsigned long)pcpu_unit_pages, "8");
	show("all units, bytes", pcpu_unit_size() * kmm_nr_cpu_ids, "0x20000: 128 KiB");
	show("slots for chunks by free size", (unsigned long)pcpu_nr_slots, "15, for a unit of 0x8000");
	show("dynamic part starts at", pcpu_first_chunk->start_offset, "0x3d00: static 0x1d00, reserved 0x2000");
	show("its free bytes", pcpu_free_bytes(pcpu_first_chunk), "0x3000");
	show("its slot", (unsigned long)pcpu_first_chunk->slot, "11");
}

static void show_step(const char *step, const struct kmem_cache *s)
{
	static bool boot_caches_done;

	if (!s) {
		printf("\n%s\n", step);
		if (slab_state == DOWN)
			show_first_chunk();
		return;
	}
	if (boot_caches_done && strcmp(step, "create_boot_cache") == 0) {
		/* The kmalloc caches follow the same way; a line each will do. */
		printf("  %-15s size %5u  align %5u  oo %#8x  min_partial %2lu  cpu_partial %2u\n", s->name, s->size,
		       s->align, s->oo.x, s->min_partial, s->cpu_partial);
		return;
	}
	printf("\n%s: %s\n", step, s->name);
	if (strcmp(step, "bootstrap") == 0) {
		show("its struct kmem_cache: page frame now", page_to_pfn(virt_to_page(s)), "no longer the static one");
		show("node 0: nr_slabs", get_node(s, 0)->nr_slabs, "");
		boot_caches_done = strcmp(s->name, "kmem_cache_node") == 0;
		if (boot_caches_done)
			printf("\ncreate_kmalloc_caches\n");
		return;
	}
	show_geometry(s, strcmp(s->name, "kmem_cache_node") == 0);
	show_cpu_slabs(s);
	if (get_node(s, 0)->nr_slabs > 0)
		show_first_node(s);
}

/* The word {freelist, counters} of one slab on its way to a CPU. */
static int show_slab_words(void)
{
	struct kmem_cache *s = kmem_cache_create("trace-64", 64, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache_cpu *c;
	struct slab *slab, *list = NULL;
	void *object;

	slab = s ? allocate_slab(s, GFP_KERNEL, NUMA_NO_NODE) : NULL;
	if (!slab)
		return 1;
	printf("\na slab of 64 objects of 64 bytes, from the page allocator to a CPU\n");
	show("counters after allocate_slab()", slab->counters, "0x00400000");
	slabs_collect(s, &list, slab);
	slabs_discard(s, list);

	show("tid of this CPU", cpu_slab_of(s, raw_cpu_id())->tid, "");
	object = kmem_cache_alloc(s, GFP_KERNEL);
	c = cpu_slab_of(s, raw_cpu_id());
	if (!object || !c->slab)
		return 1;
	show("counters once new_slab() has installed it", c->slab->counters, "0x80400040");
	show("tid of this CPU after its first allocation", c->tid, "");
	show("  tid_to_cpu(tid)", tid_to_cpu(c->tid), "the CPU");
	show("  tid_to_event(tid)", tid_to_event(c->tid), "");
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	return 0;
}

static void show_functions(void)
{
	static const size_t sizes[] = { 193, 256, 257, 8192 };
	static const char *const notes[] = { "8", "8", "9", "13" };
	char what[64];

	printf("\nfunctions\n");
	show("TID_STEP", TID_STEP, "4");
	show("next_tid(0)", next_tid(0), "4");
	show("tid_to_cpu(7)", tid_to_cpu(7), "3");
	show("tid_to_event(7)", tid_to_event(7), "1");
	for (int i = 0; i < 4; i++) {
		snprintf(what, sizeof(what), "kmalloc_index(%zu)", sizes[i]);
		show(what, kmalloc_index(sizes[i]), notes[i]);
	}
	show("SLAB_HWCACHE_ALIGN", SLAB_HWCACHE_ALIGN, "0x2000");
	show("DEBUG_DEFAULT_FLAGS", DEBUG_DEFAULT_FLAGS, "0x10d00");
}

int main(void)
{
	const struct kmm_config config = { .size = sizeof(config), .nr_cpus = NR_CPUS };
	int err;

	printf("%zu-bit build, src/arch/%s, %d simulated CPUs\n", sizeof(void *) * 8, KMM_ARCH_NAME, NR_CPUS);
	printf("  %-46s %12s %12s  %s\n", "", "hex", "decimal", "in the notes");
	kmem_cache_init_trace = show_step;
	err = kmm_init(&config);
	if (err) {
		fprintf(stderr, "trace_boot: the library does not start: %s\n", strerror(-err));
		return 1;
	}
	cpu_id_pin(0); /* one CPU's words from here on */
	err = show_slab_words();
	show_functions();
	return err || fflush(stdout) || ferror(stdout) ? 1 : 0;
}
