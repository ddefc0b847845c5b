/* SPDX-License-Identifier: MIT
 * rodata.c - what is constant for the whole life of the process.
 *
 * Owns:   the table of read-only segments. It is made by the first who asks and never changes.
 * Why so: a string counts as constant from kstrdup_const() to kfree_const(). The program itself cannot be unloaded, nor can
 *         this library (-z nodelete); what another object holds may be gone after a dlclose(), and which of them are
 *         never closed the loader does not say. Segments that are written to while the program is loaded (PT_GNU_RELRO)
 *         are writable ones here.
 * Source: is_kernel_rodata(), include/asm-generic/sections.h, Linux 6.1, where modules are not constant either.
 */
#include "slub/rodata.h"

#include <link.h>

#include "base/atomic.h"
#include "base/compiler.h"

/* More than any linker makes of two objects; one that found no room would not count as constant. */
#define MAX_SEGMENTS 16

struct rodata {
	unsigned int nr_objects; /* looked at */
	unsigned int nr_segments;
	struct {
		uintptr_t start;
		size_t size;
	} segment[MAX_SEGMENTS];
};

enum { UNKNOWN, BEING_STORED, KNOWN };
static struct rodata rodata;
static int rodata_state;

static bool object_holds(const struct dl_phdr_info *info, uintptr_t addr)
{
	for (unsigned int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && addr - (info->dlpi_addr + ph->p_vaddr) < ph->p_memsz)
			return true;
	}
	return false;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct rodata *r = arg;

	(void)size;
	/* The main program comes first. */
	if (r->nr_objects++ && !object_holds(info, (uintptr_t)&rodata))
		return 0;
	for (unsigned int i = 0; i < info->dlpi_phnum && r->nr_segments < MAX_SEGMENTS; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && !(ph->p_flags & PF_W)) {
			r->segment[r->nr_segments].start = info->dlpi_addr + ph->p_vaddr;
			r->segment[r->nr_segments++].size = ph->p_memsz;
		}
	}
	return 0;
}

static bool rodata_holds(const struct rodata *r, const void *p)
{
	for (unsigned int i = 0; i < r->nr_segments; i++)
		if ((uintptr_t)p - r->segment[i].start < r->segment[i].size)
			return true;
	return false;
}

bool is_program_rodata(const void *p)
{
	struct rodata found = { 0 };
	int unknown = UNKNOWN;

	/* ACQUIRE pairs with the RELEASE below: who sees KNOWN sees the table. */
	if (likely(smp_load_acquire(&rodata_state) == KNOWN))
		return rodata_holds(&rodata, p);
	/* Nobody waits for another thread, which a fork() may have left behind: each has a table of its own, all alike, and one
	 * of them is stored. */
	dl_iterate_phdr(add_object, &found);
	if (__atomic_compare_exchange_n(&rodata_state, &unknown, BEING_STORED, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED)) {
		rodata = found;
		smp_store_release(&rodata_state, KNOWN);
	}
	return rodata_holds(&found, p);
}
