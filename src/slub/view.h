/* SPDX-License-Identifier: MIT
 * view.h - the text of a view: put together in memory while the registry stands still, written when nothing is held.
 *
 * Rules:  a FILE may call its owner back, who may call the library: nothing is written under a lock. No memory is asked for
 *         under slab_mutex either: the text is measured, memory is found for it, and it is put together again.
 */
#ifndef KMM_SLUB_VIEW_H
#define KMM_SLUB_VIEW_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "slub/slub_internal.h"

struct view_text {
	char *buf;
	size_t size; /* bytes of buf */
	size_t len;  /* bytes that the text takes, without a NUL; when that is size or more, buf has the beginning */
};

/* Adds to the text, as printf() would. */
void view_add(struct view_text *text, const char *fmt, ...) KMM_PRINTF(2, 3);

/* Puts a text together; called under slab_mutex, perhaps several times, each time to begin anew. 0 or an error. */
typedef int (*view_fill_fn)(struct view_text *text, void *arg);

/* Has @fill put the whole text together, in memory for view_release(). 0, -ENOMEM, or what @fill returned. A library that has
 * ended has no caches: there is no text then, and @fill is not called. */
int view_collect(struct view_text *text, view_fill_fn fill, void *arg);
void view_release(struct view_text *text);

/* Writes what was collected, and releases it. 0, or -EIO when writing failed, now or before. */
int view_print(FILE *file, struct view_text *text);

#endif /* KMM_SLUB_VIEW_H */
