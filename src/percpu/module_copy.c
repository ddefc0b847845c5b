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
 * Locks:      pcpu_module_lock to add. The loader is asked without it. Objects are read under the loader's lock of
 *             dl_iterate_phdr(): another thread may be unloading any of them.
 * Lock-free:  an entry does not change once nr_copies counts it (RELEASE, ACQUIRE by readers): a program's copy and the
 *             original in what it is linked with are there until the end.
 * Source:     none; what the kernel loads has no copy relocations.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

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
/* What an object exports, as the loader has it in memory. */
struct exports {
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Word) * hash; /* nbucket, nchain, ...: as many symbols as chains */
	const uint32_t *gnu_hash;
};

static const ElfW(Dyn) * dynamic_of(const struct dl_phdr_info *object)
{
	unsigned int i;

	for (i = 0; i < object->dlpi_phnum; i++) {
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			return (const void *)(uintptr_t)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
	}
	return NULL;
}

static struct exports exports_of(const struct dl_phdr_info *object)
{
	struct exports e = { .symbols = NULL };
	const ElfW(Dyn) * dyn;

	for (dyn = dynamic_of(object); dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *at = (const void *)(uintptr_t)dyn->d_un.d_ptr;

		if (dyn->d_tag == DT_SYMTAB)
			e.symbols = at;
		else if (dyn->d_tag == DT_STRTAB)
			e.names = at;
		else if (dyn->d_tag == DT_HASH)
			e.hash = at;
		else if (dyn->d_tag == DT_GNU_HASH)
			e.gnu_hash = at;
	}
	return e;
}

/* The table itself does not say how long it is. */
static uint32_t nr_symbols(const struct exports *e)
{
	const uint32_t *buckets, *chains;
	uint32_t last = 0, i;

	if (e->hash)
		return (uint32_t)e->hash[1];
	if (!e->gnu_hash)
		return 0;
	/* nbuckets, the first symbol with a hash, words of the filter, its shift; filter; buckets; chains */
	buckets = e->gnu_hash + 4 + e->gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	chains = buckets + e->gnu_hash[0] - e->gnu_hash[1];
	for (i = 0; i < e->gnu_hash[0]; i++)
		last = max_of(last, buckets[i]);
	/* The lowest bit ends a chain. */
	while (last && !(chains[last] & 1))
		last++;
	return last ? last + 1 : 0;
}

/* The definition of @name in @object; 0: it has none. Looked for by hand: dlsym() takes only what dlopen() gave, and static
 * links warn of that. */
static uintptr_t definition_of(const char *name, const struct dl_phdr_info *object)
{
	const struct exports e = exports_of(object);
	uint32_t nr, i;

	if (!e.symbols || !e.names)
		return 0;
	nr = nr_symbols(&e);
	for (i = 1; i < nr; i++) {
		const ElfW(Sym) *symbol = &e.symbols[i];

		if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT &&
		    strcmp(e.names + symbol->st_name, name) == 0)
			return (uintptr_t)object->dlpi_addr + (uintptr_t)symbol->st_value;
	}
	return 0;
}

static bool is_inside(uintptr_t addr, const struct dl_phdr_info *object)
{
	unsigned int i;

	for (i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && addr - (uintptr_t)(object->dlpi_addr + part->p_vaddr) < part->p_memsz)
			return true;
	}
	return false;
}

struct search {
	uintptr_t inside; /* of the object */
	const char *name;
	uintptr_t definition; /* 0: none */
};

static int search_object(struct dl_phdr_info *object, size_t size, void *arg)
{
	struct search *search = arg;

	(void)size;
	if (!is_inside(search->inside, object))
		return 0;
	search->definition = definition_of(search->name, object);
	return 1;
}

/* The definition of @name in the object that @inside is in; 0: it has none, or is gone. */
static uintptr_t definition_in(uintptr_t inside, const char *name)
{
	struct search search = { .inside = inside, .name = name };

	dl_iterate_phdr(search_object, &search);
	return search.definition;
}

bool pcpu_find_copy(uintptr_t addr)
{
	const unsigned int nr = smp_load_acquire(&pcpu_nr_modules);
	const struct pcpu_module *entry;
	struct pcpu_module val;
	struct pcpu_copy copy;
	const ElfW(Sym) * symbol;
	Dl_info info;

	if (!dladdr1((const void *)addr, &info, (void **)&symbol, RTLD_DL_SYMENT) || !info.dli_sname || !symbol)
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
