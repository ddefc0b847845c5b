/* SPDX-License-Identifier: MIT
 * module_copy.c - per-CPU variables that the linker moved.
 *
 * A program that is not compiled with -fPIC and uses a variable of a shared object may have it moved by the linker into the
 * program (a copy relocation): from then on every object means the copy when it says &variable, and the copy is in no
 * section of ours. The original is still where it was, and so are its instances. Here the way back is found: by the name
 * of the variable, in the objects that have per-CPU variables. It costs a look at a list for each access.
 *
 * gcc has an attribute against such copies, nodirect_extern_access, but an object file with it forbids the linker to copy
 * any variable, and programs need that for stderr.
 *
 * Owns:       the list below.
 * Locks:      pcpu_module_lock to add. The loader is asked without it.
 * Lock-free:  an entry does not change once nr_copies counts it (RELEASE, ACQUIRE by readers): a program's copy and the
 *             original in what it is linked with are there until the end.
 * Source:     none; what the kernel loads has no copy relocations.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "percpu/module.h"

#include "arch/arch.h"
#include "base/report.h"

#define PCPU_MAX_COPIES 256

struct pcpu_copy {
	uintptr_t start;
	size_t size;
	uintptr_t original;
};

static struct pcpu_copy copies[PCPU_MAX_COPIES];
static unsigned int nr_copies; /* RELEASE behind a new entry, ACQUIRE by readers */

uintptr_t pcpu_original_of(uintptr_t addr)
{
	const unsigned int nr = smp_load_acquire(&nr_copies);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (addr - copies[i].start < copies[i].size)
			return copies[i].original + (addr - copies[i].start);
	}
	return addr;
}

/* False when the list is full. */
static bool enter(const struct pcpu_copy *copy)
{
	bool entered = true;

	kmm_lock(&pcpu_module_lock);
	/* Another thread may have found it meanwhile. */
	if (pcpu_original_of(copy->start) == copy->start) {
		entered = nr_copies < PCPU_MAX_COPIES;
		if (entered) {
			copies[nr_copies] = *copy;
			smp_store_release(&nr_copies, nr_copies + 1);
		}
	}
	kmm_unlock(&pcpu_module_lock);
	return entered;
}

#ifdef __GLIBC__ /* which has dladdr1() */
/* A program that is linked statically has no copies, and should not be told by its linker that it calls dlopen(). */
#pragma weak dlopen
#pragma weak dlsym
#pragma weak dlclose

/* The definition of @name in the object that @inside is in; 0: it has none. */
static uintptr_t definition_in(uintptr_t inside, const char *name)
{
	uintptr_t definition = 0;
	Dl_info object;
	void *handle;

	if (!dladdr((const void *)inside, &object) || !object.dli_fname)
		return 0;
	handle = dlopen(object.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (handle) {
		definition = (uintptr_t)dlsym(handle, name);
		dlclose(handle);
	}
	return definition;
}

bool pcpu_find_copy(uintptr_t addr)
{
	const unsigned int nr = smp_load_acquire(&pcpu_nr_modules);
	const struct pcpu_module *entry;
	struct pcpu_module val;
	struct pcpu_copy copy;
	const ElfW(Sym) * symbol;
	Dl_info info;

	if (!dlopen || !dladdr1((const void *)addr, &info, (void **)&symbol, RTLD_DL_SYMENT) || !info.dli_sname ||
	    !symbol)
		return false;
	copy.start = (uintptr_t)info.dli_saddr;
	copy.size = symbol->st_size;
	if (addr - copy.start >= copy.size)
		return false;
	for_each_pcpu_module(entry, nr)
	{
		if (!pcpu_module_read(entry, &val) || !val.owner)
			continue;
		copy.original = definition_in(val.start, info.dli_sname);
		if (copy.original - val.start >= val.size)
			continue;
		if (!enter(&copy))
			return false;
		kmm_report(KMM_REPORT_INFO,
			   "percpu: %s is reached through a copy made by the linker, which takes longer; build %s with "
			   "-fPIC\n",
			   info.dli_sname, info.dli_fname);
		return true;
	}
	return false;
}
#else
bool pcpu_find_copy(uintptr_t addr)
{
	(void)addr;
	(void)enter;
	return false;
}
#endif
