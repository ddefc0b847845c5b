/* SPDX-License-Identifier: MIT
 * kmm/string.h - copies and formatted strings in kmalloc() memory.
 *
 * Owns:   kstrdup(), kmemdup(), kasprintf() and their like.
 * Source: include/linux/string.h, include/linux/kernel.h, Linux 6.1.
 */
#ifndef KMM_STRING_H
#define KMM_STRING_H

#include <stdarg.h>
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
 * kstrdup_const - kstrdup() of a string that may be a constant of the program: then it is itself the copy.
 * @s: the string, or NULL.      @gfp: as for kmalloc().
 *
 * A constant is what lies in a read-only segment of the main program or of this library, as the kernel's are those of the
 * kernel itself. Constants of other shared objects are copied, for they can be unloaded, as the kernel's modules can.
 *
 * The caller owns the copy until kfree_const(), and may not write to it.
 *
 * Context: as kmalloc(). The first call of all waits for the lock of the dynamic loader.
 * Return:  as kstrdup().
 * Source:  kstrdup_const(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK const char *kstrdup_const(const char *s, gfp_t gfp);

/**
 * kfree_const - give back what kstrdup_const() or kvasprintf_const() returned.
 * @p: nothing happens to a constant of the program (see there); anything else is for kfree().
 * Context: as kfree().
 * Source:  kfree_const(), mm/util.c, Linux 6.1.
 */
KMM_API void kfree_const(const void *p);

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

/**
 * kmemdup_nul - a string in kmalloc() memory, of @len bytes and a NUL behind them.
 * @s: the bytes, whatever is in them; or NULL.      @gfp: as for kmalloc().
 * Ownership, context and return: as kstrdup(). Source: kmemdup_nul(), mm/util.c, Linux 6.1.
 */
KMM_API KMM_MALLOC char *kmemdup_nul(const char *s, size_t len, gfp_t gfp);

/**
 * kasprintf  - a string as printf() would print it, in kmalloc() memory.
 * kvasprintf - the same, with the arguments that vprintf() takes.
 * @gfp: as for kmalloc().      @fmt, @ap: of the C library's printf(), not the kernel's.
 *
 * The text is made twice, first to know its length: arguments that change meanwhile are reported, and the text is cut.
 *
 * The caller owns the string until kfree(). Context: as kmalloc().
 * Return:  the string; NULL when memory ran out or printf() could not print it.
 * Source:  kasprintf(), kvasprintf(), lib/kasprintf.c, Linux 6.1.
 */
KMM_API KMM_MALLOC KMM_PRINTF(2, 3) char *kasprintf(gfp_t gfp, const char *fmt, ...);
KMM_API KMM_MALLOC KMM_PRINTF(2, 0) char *kvasprintf(gfp_t gfp, const char *fmt, va_list ap);

/**
 * kvasprintf_const - kvasprintf(), but kstrdup_const() where there is nothing to print, or one string by "%s".
 * @gfp, @fmt, @ap: as there.
 * The caller owns the string until kfree_const(), and may not write to it. Context and return: as kvasprintf().
 * Source:  kvasprintf_const(), lib/kasprintf.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK KMM_PRINTF(2, 0) const char *kvasprintf_const(gfp_t gfp, const char *fmt, va_list ap);

KMM_END_DECLS

#endif /* KMM_STRING_H */
