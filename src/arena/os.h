/* SPDX-License-Identifier: MIT
 * os.h - every system call that touches memory goes through here.
 *
 * Owns:   mmap, mprotect, munmap, madvise and mbind; the fault injection that makes the n-th of them fail.
 * Rules:  errno is left as it was. Sizes and addresses are multiples of the system's page.
 */
#ifndef KMM_ARENA_OS_H
#define KMM_ARENA_OS_H

#include <stdbool.h>
#include <stddef.h>

size_t os_page_size(void);
/* For tests: a page size larger than the system's own, a multiple of it; 0 ends it. */
void os_page_size_override(size_t size);
/* Bytes of address space that RLIMIT_AS leaves the process, used ones included; SIZE_MAX without a limit. */
size_t os_address_space_size(void);
/* Bytes of memory in the machine. Where RLIMIT_AS is set, at most half of it: the program needs address space too. */
size_t os_memory_size(void);

/* Address space without memory, aligned to @align (a power of two); NULL when refused. */
void *os_reserve(size_t size, size_t align);
int os_release(void *addr, size_t size);
int os_make_readable(void *addr, size_t size);        /* reads as zeros, no memory: 0 or -ENOMEM */
int os_commit(void *addr, size_t size);               /* readable, writable, zero: 0 or -ENOMEM */
int os_protect(void *addr, size_t size);              /* no access, but the memory stays: 0 or -ENOMEM */
int os_decommit(void *addr, size_t size);             /* no memory, no access */
int os_give_back(void *addr, size_t size);            /* no memory, reads as zeros */
int os_advise_huge(void *addr, size_t size, bool on); /* a hint: -EINVAL where the system has no huge pages */

/* What the range gets from now on comes from the system's node @os_node, or from others when that one has none left.
 * Pages that are there already stay. Reserved memory can be bound, and stays bound when it is committed or given back;
 * os_decommit() makes a new mapping, which is not bound. 0; -EINVAL for a node that does not exist or that the process
 * may not use; -ENOSYS where the system has no such call, -EPERM where a sandbox forbids it; -ENOMEM. */
int os_bind_node(void *addr, size_t size, unsigned int os_node);
/* For tests: true when the memory at @addr is bound to a node. */
bool os_node_binding(const void *addr, unsigned int *os_node);

/* The @n-th call from now (1 = the next) fails as if refused, once; 0 turns it off. Each mmap, mprotect, munmap, madvise
 * and mbind is one call. For tests. */
void os_inject_failure(unsigned int n);
/* Calls made since the last os_inject_failure(). */
unsigned int os_calls(void);

#endif /* KMM_ARENA_OS_H */
