/* SPDX-License-Identifier: MIT
 * view.c - memory for the text of a view. See view.h.
 *
 * Locks:  slab_mutex around the filling only.
 * Source: seq_file, fs/seq_file.c, Linux 6.1 (the idea of measuring first and filling again).
 */
#include "slub/view.h"

#include <errno.h>

#include "base/boot.h"

void view_add(struct view_text *text, const char *fmt, ...)
{
	const size_t room = text->len < text->size ? text->size - text->len : 0;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(room ? text->buf + text->len : NULL, room, fmt, args);
	va_end(args);
	if (len > 0)
		text->len += (size_t)len;
}

static int view_fill(struct view_text *text, view_fill_fn fill, void *arg)
{
	int err;

	text->len = 0;
	kmm_lock(&slab_mutex);
	err = fill(text, arg);
	kmm_unlock(&slab_mutex);
	return err;
}

int view_collect(struct view_text *text, view_fill_fn fill, void *arg)
{
	size_t size = PAGE_SIZE;

	*text = (struct view_text){ .buf = NULL };
	if (!kmm_boot_ensure())
		return 0;
	for (;;) {
		int err;

		text->size = size;
		text->buf = alloc_pages_exact(size, GFP_KERNEL | __GFP_NOWARN);
		if (!text->buf)
			return -ENOMEM;
		err = view_fill(text, fill, arg);
		if (!err && text->len < text->size)
			return 0;
		free_pages_exact(text->buf, text->size);
		if (err)
			return err;
		/* More may come until the next try. */
		size = ALIGN_UP(text->len + PAGE_SIZE, PAGE_SIZE);
	}
}

void view_release(struct view_text *text)
{
	if (text->buf)
		free_pages_exact(text->buf, text->size);
}

int view_print(FILE *file, struct view_text *text)
{
	if (text->len)
		fwrite(text->buf, 1, text->len, file);
	view_release(text);
	return ferror(file) ? -EIO : 0;
}
