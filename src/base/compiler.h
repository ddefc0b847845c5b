/* SPDX-License-Identifier: MIT
 * compiler.h - the small words that every room uses.
 */
#ifndef KMM_BASE_COMPILER_H
#define KMM_BASE_COMPILER_H

#include <stddef.h>

#include "base/config.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noinline __attribute__((__noinline__))
#define force_inline inline __attribute__((__always_inline__))
#define maybe_unused __attribute__((unused))
#define cacheline_aligned __attribute__((aligned(64)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))

#define container_of_const(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline int is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

#endif /* KMM_BASE_COMPILER_H */
