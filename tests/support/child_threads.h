/* SPDX-License-Identifier: MIT
 * child_threads.h - can the forked child of a program with threads make threads?
 *
 * In general it can. ThreadSanitizer and qemu-arm keep the books of the parent's threads in it and end it. AddressSanitizer's
 * allocator may have been copied with a lock held, and the new thread waits for it for ever. There a test has to be content
 * with the library's attempt. EMULATED comes from the build.
 */
#ifndef KMM_TESTS_SUPPORT_CHILD_THREADS_H
#define KMM_TESTS_SUPPORT_CHILD_THREADS_H

#include "arch/arch.h"

#if defined(__SANITIZE_ADDRESS__)
#define CHILD_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHILD_UNDER_ASAN 1
#endif
#endif
#ifndef CHILD_UNDER_ASAN
#define CHILD_UNDER_ASAN 0
#endif

#define CHILD_HAS_THREADS (!KMM_ARCH_TSAN && !CHILD_UNDER_ASAN && !EMULATED)

#endif /* KMM_TESTS_SUPPORT_CHILD_THREADS_H */
