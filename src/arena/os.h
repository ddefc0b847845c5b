/* SPDX-License-Identifier: MIT
 * os.h - every system call that touches memory goes through here.
 *
 * Owns:   mmap, mprotect, munmap and madvise; the fault injection that makes the n-th of them fail.
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
int os_commit(void *addr, size_t size);               /* readable, writable, zero: 0 or -ENOMEM */
int os_decommit(void *addr, size_t size);             /* no memory, no access */
int os_give_back(void *addr, size_t size);            /* no memory, reads as zeros */
int os_advise_huge(void *addr, size_t size, bool on); /* a hint: -EINVAL where the system has no huge pages */

/* The @n-th call from now (1 = the next) fails as if refused, once; 0 turns it off. Each mmap, mprotect, munmap and
 * madvise is one call. For tests. */
void os_inject_failure(unsigned int n);
/* Calls made since the last os_inject_failure(). */
unsigned int os_calls(void);

#endif /* KMM_ARENA_OS_H */
