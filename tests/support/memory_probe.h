/* SPDX-License-Identifier: MIT
 * memory_probe.h - what the system says about memory, without touching it.
 */
#ifndef KMM_TESTS_SUPPORT_MEMORY_PROBE_H
#define KMM_TESTS_SUPPORT_MEMORY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/os.h"

/* Can the byte at @addr be read? A system call fails where the program would fault. */
static __attribute__((unused)) bool memory_is_readable(const void *addr)
{
	int fds[2];
	bool ok;

	if (pipe(fds))
		return false;
	ok = write(fds[1], addr, 1) == 1;
	close(fds[0]);
	close(fds[1]);
	return ok;
}

/* Pages of the system in the range that have memory. */
static __attribute__((unused)) size_t memory_nr_resident(const void *addr, size_t size)
{
	const size_t unit = (size_t)sysconf(_SC_PAGESIZE);
	size_t nr = 0;

	for (size_t off = 0; off < size; off += unit) {
		unsigned char resident = 0;

		if (mincore((void *)((uintptr_t)addr + off), unit, &resident) == 0)
			nr += resident & 1;
	}
	return nr;
}

#endif /* KMM_TESTS_SUPPORT_MEMORY_PROBE_H */
