/* SPDX-License-Identifier: MIT
 * kmm/string.h - copies in kmalloc() memory.
 *
 * Owns:   kstrdup(), kmemdup() and their like.
 * Source: include/linux/string.h, Linux 6.1.
 */
#ifndef KMM_STRING_H
#define KMM_STRING_H

#include <stddef.h>

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

/**
 * kstrdup - a copy of the string @s in kmalloc() memory.
 * The caller owns the copy until kfree(). Context: as kmalloc().
 * Return:  the copy; NULL when memory ran out or @s is NULL.
 * Source:  kstrdup(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC char *kstrdup(const char *s, gfp_t gfp);

/**
 * kstrndup - kstrdup() of at most @max bytes of @s, and a NUL behind them.
 * @s need not end in NUL within @max bytes. Ownership, context and return: as kstrdup().
 * Source:  kstrndup(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC char *kstrndup(const char *s, size_t max, gfp_t gfp);

/**
 * kmemdup - a copy of the @len bytes at @src in kmalloc() memory.
 * The caller owns the copy until kfree(). Context and return: as kmalloc().
 * Source:  kmemdup(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_ALLOC_SIZE(2) void *kmemdup(const void *src, size_t len, gfp_t gfp);

KMM_END_DECLS

#endif /* KMM_STRING_H */
