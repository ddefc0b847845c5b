/* SPDX-License-Identifier: MIT
 * symbol.c - the address of a function, as the kernel's %pS shows it. See symbol.h.
 *
 * Source: sprint_symbol(), kernel/kallsyms.c, Linux 6.1.
 */
#include "slub/symbol.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __GLIBC__ /* which has dladdr1() */
#include <link.h>

/* Bytes of the function at which @info was found. */
static size_t symbol_size(const void *address, Dl_info *info)
{
	const ElfW(Sym) * symbol;

	return dladdr1(address, info, (void **)&symbol, RTLD_DL_SYMENT) && symbol ? symbol->st_size : 0;
}

/* The object of @address, or NULL for the program itself: it has no name in the linker's list. */
static const char *shared_object_of(const void *address, Dl_info *info)
{
	struct link_map *map;
	const char *slash;

	if (!dladdr1(address, info, (void **)&map, RTLD_DL_LINKMAP) || !map || !map->l_name || !map->l_name[0])
		return NULL;
	slash = strrchr(map->l_name, '/');
	return slash ? slash + 1 : map->l_name;
}
#else
static size_t symbol_size(const void *address, Dl_info *info)
{
	dladdr(address, info);
	return 0;
}

static const char *shared_object_of(const void *address, Dl_info *info)
{
	(void)address;
	(void)info;
	return NULL;
}
#endif

void symbol_text(char *buf, size_t size, const void *address)
{
	Dl_info info = { .dli_sname = NULL };
	const size_t bytes = symbol_size(address, &info);
	const char *object;

	if (!info.dli_sname) {
		snprintf(buf, size, "0x%lx", (unsigned long)address);
		return;
	}
	snprintf(buf, size, "%s+0x%lx/0x%zx", info.dli_sname, (unsigned long)address - (unsigned long)info.dli_saddr,
		 bytes);
	object = shared_object_of(address, &info);
	if (object)
		snprintf(buf + strlen(buf), size - strlen(buf), " [%s]", object);
}
