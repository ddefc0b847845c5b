/* SPDX-License-Identifier: MIT
 * kmalloc_copy.c - copies in kmalloc memory.
 *
 * Source: kstrdup(), kstrdup_const(), kstrndup(), kmemdup(), kmemdup_nul(), mm/util.c, Linux 6.1.
 */
#include <string.h>

#include <kmm/kmalloc.h>
#include <kmm/string.h>

#include "slub/rodata.h"

KMM_API void *kmemdup(const void *src, size_t len, gfp_t gfp)
{
	void *p = kmalloc(len, gfp);

	/* ZERO_SIZE_PTR is not writable, and zero bytes are not written. */
	if (p && len)
		memcpy(p, src, len);
	return p;
}

KMM_API char *kmemdup_nul(const char *s, size_t len, gfp_t gfp)
{
	char *p = s ? kmalloc(size_add(len, 1), gfp) : NULL;

	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

KMM_API char *kstrndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? kmemdup_nul(s, strnlen(s, max), gfp) : NULL;
}

KMM_API char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? kmemdup(s, strlen(s) + 1, gfp) : NULL;
}

KMM_API const char *kstrdup_const(const char *s, gfp_t gfp)
{
	return is_program_rodata(s) ? s : kstrdup(s, gfp);
}
