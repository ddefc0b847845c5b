/* SPDX-License-Identifier: MIT
 * os.c - every system call that touches memory.
 *
 * Owns:       the calls themselves, and the injection of failures for tests.
 * Locks:      none; the system serialises the calls, the counters are atomic.
 * Invariants: O1  errno is what it was before the call
 *             O2  a refused call changes nothing, except that a refused os_decommit() may have emptied the range
 */
#include "arena/os.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/bitmap.h"
#include "base/compiler.h"

static unsigned int nr_calls; /* calls since the last os_inject_failure(); atomic */
static unsigned int fail_at;  /* number of the call that is refused, 0 for none */

void os_inject_failure(unsigned int n)
{
	WRITE_ONCE(fail_at, n);
	WRITE_ONCE(nr_calls, 0);
}

unsigned int os_calls(void)
{
	return READ_ONCE(nr_calls);
}

/* Counts a call. True when it is to be refused. */
static bool os_call_refused(void)
{
	unsigned int nr = (unsigned int)arch_this_cpu_add_return(&nr_calls, 1);

	return unlikely(nr == READ_ONCE(fail_at));
}

static void *map_memory(void *addr, size_t size, int flags)
{
	void *ptr;

	if (os_call_refused())
		return MAP_FAILED;
	ptr = mmap(addr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
	return ptr;
}

/* Nothing to unmap is counted as well, so that the n-th call of a start is the same one wherever its ranges lie. */
static int unmap_memory(void *addr, size_t size)
{
	if (os_call_refused())
		return -ENOMEM;
	return size && munmap(addr, size) ? -ENOMEM : 0;
}

static int advise_memory(void *addr, size_t size, int advice)
{
	if (os_call_refused())
		return -EINVAL;
	return madvise(addr, size, advice) ? -EINVAL : 0;
}

static size_t page_size_override; /* 0: none */

static size_t system_page_size(void)
{
	static size_t cached; /* every thread would store the same */
	size_t size = READ_ONCE(cached);

	if (unlikely(!size)) {
		long value = sysconf(_SC_PAGESIZE);

		size = value > 0 ? (size_t)value : 4096;
		WRITE_ONCE(cached, size);
	}
	return size;
}

size_t os_page_size(void)
{
	size_t size = READ_ONCE(page_size_override);

	return likely(!size) ? system_page_size() : size;
}

void os_page_size_override(size_t size)
{
	WRITE_ONCE(page_size_override, size);
}

size_t os_address_space_size(void)
{
	const int saved = errno;
	struct rlimit limit;
	size_t size = SIZE_MAX;

	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		size = (size_t)min_of((uint64_t)limit.rlim_cur, (uint64_t)SIZE_MAX);
	errno = saved;
	return size;
}

size_t os_memory_size(void)
{
	const int saved = errno;
	const long pages = sysconf(_SC_PHYS_PAGES);
	const uint64_t size = pages > 0 ? (uint64_t)pages * system_page_size() : UINT64_C(1) << 30;
	const size_t space = os_address_space_size();

	errno = saved;
	if (space < SIZE_MAX)
		return (size_t)min_of(size, (uint64_t)space / 2);
	return (size_t)min_of(size, (uint64_t)SIZE_MAX);
}

void *os_reserve(size_t size, size_t align)
{
	const int saved = errno;
	const size_t spare = align > system_page_size() ? align - system_page_size() : 0;
	char *start, *aligned, *end;

	if (size + spare < size)
		return NULL;
	start = map_memory(NULL, size + spare, 0);
	if (start == MAP_FAILED) {
		errno = saved;
		return NULL;
	}
	aligned = (char *)ALIGN_UP((uintptr_t)start, (uintptr_t)(spare ? align : 1));
	end = start + size + spare;
	if (spare) {
		/* A refused trim leaves a little address space behind, which costs no memory. */
		unmap_memory(start, (size_t)(aligned - start));
		unmap_memory(aligned + size, (size_t)(end - aligned) - size);
	}
	errno = saved;
	return aligned;
}

int os_release(void *addr, size_t size)
{
	const int saved = errno;
	const int ret = unmap_memory(addr, size);

	errno = saved;
	return ret;
}

static int protect_memory(void *addr, size_t size, int prot)
{
	const int saved = errno;
	int ret = -ENOMEM;

	if (!os_call_refused() && mprotect(addr, size, prot) == 0)
		ret = 0;
	errno = saved;
	return ret;
}

int os_make_readable(void *addr, size_t size)
{
	return protect_memory(addr, size, PROT_READ);
}

int os_commit(void *addr, size_t size)
{
	return protect_memory(addr, size, PROT_READ | PROT_WRITE);
}

int os_protect(void *addr, size_t size)
{
	return protect_memory(addr, size, PROT_NONE);
}

int os_decommit(void *addr, size_t size)
{
	const int saved = errno;
	int ret = 0;

	/* A new mapping in place of the old one also returns what strict overcommit had charged; mprotect() would not. */
	if (map_memory(addr, size, MAP_FIXED) == MAP_FAILED)
		ret = -ENOMEM;
	errno = saved;
	return ret;
}

int os_give_back(void *addr, size_t size)
{
	const int saved = errno;
	const int ret = advise_memory(addr, size, MADV_DONTNEED);

	errno = saved;
	return ret;
}

int os_advise_huge(void *addr, size_t size, bool on)
{
	const int saved = errno;
	const int ret = advise_memory(addr, size, on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);

	errno = saved;
	return ret;
}

/* Bits of a node mask: as many as a kernel can have nodes. The system is told one more, and takes one off. */
#define NODE_MASK_BITS 1024

/* By number: the C library has no function for it, and libnuma would be a dependency for two calls. */
static int bind_memory(void *addr, size_t size, const unsigned long *mask)
{
	if (os_call_refused())
		return -ENOMEM;
	if (syscall(SYS_mbind, addr, size, (unsigned long)MPOL_PREFERRED, mask, NODE_MASK_BITS + 1UL, 0UL) == 0)
		return 0;
	return -errno;
}

int os_bind_node(void *addr, size_t size, unsigned int os_node)
{
	unsigned long mask[BITS_TO_LONGS(NODE_MASK_BITS)] = { 0 };
	const int saved = errno;
	int ret;

	if (os_node >= NODE_MASK_BITS)
		return -EINVAL;
	bitmap_set(mask, os_node, 1);
	ret = bind_memory(addr, size, mask);
	errno = saved;
	return ret;
}

bool os_node_binding(const void *addr, unsigned int *os_node)
{
	unsigned long mask[BITS_TO_LONGS(NODE_MASK_BITS)] = { 0 };
	const int saved = errno;
	unsigned int node = 0;
	int mode = MPOL_DEFAULT;

	if (syscall(SYS_get_mempolicy, &mode, mask, NODE_MASK_BITS + 1UL, addr, (unsigned long)MPOL_F_ADDR))
		mode = MPOL_DEFAULT;
	errno = saved;
	if (mode != MPOL_PREFERRED || bitmap_weight(mask, NODE_MASK_BITS) != 1)
		return false;
	while (!bitmap_test(mask, node))
		node++;
	*os_node = node;
	return true;
}
