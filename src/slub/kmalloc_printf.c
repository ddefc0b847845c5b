/* SPDX-License-Identifier: MIT
 * kmalloc_printf.c - formatted strings in kmalloc memory.
 *
 * Source: kvasprintf(), kvasprintf_const(), kasprintf(), lib/kasprintf.c, Linux 6.1.
 */
#include <stdio.h>
#include <string.h>

#include <kmm/kmalloc.h>
#include <kmm/string.h>

#include "base/report.h"

KMM_API char *kvasprintf(gfp_t gfp, const char *fmt, va_list ap)
{
	int expected, length;
	va_list again;
	char *p;

	va_copy(again, ap);
	expected = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (expected < 0)
		return NULL;
	p = kmalloc((size_t)expected + 1, gfp);
	if (!p)
		return NULL;
	length = vsnprintf(p, (size_t)expected + 1, fmt, ap);
	if (length < 0) {
		kfree(p);
		return NULL;
	}
	KMM_WARN(length != expected, "different return values (%d and %d) from vsnprintf(\"%s\", ...)", expected,
		 length, fmt);
	return p;
}

KMM_API const char *kvasprintf_const(gfp_t gfp, const char *fmt, va_list ap)
{
	if (!strchr(fmt, '%'))
		return kstrdup_const(fmt, gfp);
	if (strcmp(fmt, "%s") == 0)
		return kstrdup_const(va_arg(ap, const char *), gfp);
	return kvasprintf(gfp, fmt, ap);
}

KMM_API char *kasprintf(gfp_t gfp, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = kvasprintf(gfp, fmt, ap);
	va_end(ap);
	return p;
}
