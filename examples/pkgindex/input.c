/* SPDX-License-Identifier: MIT
 * input.c - the input as one piece of memory, its lines, and the cut into ranges.
 *
 * The text is the one thing that does not live in libkmm: it is read once, before the index, and no longer needed when
 * the records are in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgindex.h"

#define READ_AT_ONCE ((size_t)1 << 20)

/* Reads to the end of @fd into memory that is doubled when it is full. @room is the first guess, in bytes. */
static int read_all(int fd, size_t room, struct text *text)
{
	char *buffer = malloc(room);
	size_t used = 0;
	ssize_t got = 0;
	int err = 0;

	while (buffer) {
		if (used == room) {
			char *more = room <= SIZE_MAX / 2 ? realloc(buffer, room * 2) : NULL;

			if (!more)
				break;
			buffer = more;
			room *= 2;
		}
		got = read(fd, buffer + used, room - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (!buffer || got > 0)
		err = -ENOMEM;
	else if (got < 0)
		err = -errno;
	if (err) {
		free(buffer);
		return err;
	}
	text->start = buffer;
	text->end = buffer + used;
	return 0;
}

int input_read(const char *path, struct text *text)
{
	size_t room = READ_AT_ONCE;
	struct stat info;
	int fd, err;

	fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* One byte more than the file has, so that its end is seen without doubling. */
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
		room = (uint64_t)info.st_size < SIZE_MAX / 2 ? (size_t)info.st_size + 1 : SIZE_MAX / 2;
	err = read_all(fd, room, text);
	if (fd != STDIN_FILENO)
		close(fd);
	return err;
}

void input_release(struct text *text)
{
	free((void *)(uintptr_t)text->start);
	text->start = text->end = NULL;
}

struct text input_next_line(struct text text, const char *pos, const char **next)
{
	const char *newline = memchr(pos, '\n', (size_t)(text.end - pos));

	*next = newline ? newline + 1 : text.end;
	return (struct text){ pos, newline ? newline : text.end };
}

/* Parsers may take a line of blanks for an empty one (Debian policy, section 5.1). */
bool line_is_blank(struct text line)
{
	while (line.start < line.end && (*line.start == ' ' || *line.start == '\t'))
		line.start++;
	return line.start == line.end;
}

/* The first place at or after @pos where a record can start: the start of the text or behind a blank line. */
static const char *record_border(struct text text, const char *pos)
{
	const char *next;

	if (pos <= text.start)
		return text.start;
	pos--; /* if a line starts at pos itself, this is its predecessor's end */
	input_next_line(text, pos, &pos);
	while (pos < text.end) {
		struct text line = input_next_line(text, pos, &next);

		pos = next;
		if (line_is_blank(line))
			return pos;
	}
	return text.end;
}

void input_split(struct text text, struct text *ranges, unsigned int count)
{
	const size_t share = (size_t)(text.end - text.start) / count;
	const char *border = text.start;

	for (unsigned int i = 0; i < count; i++) {
		const char *wanted = text.start + share * (i + 1);

		ranges[i].start = border;
		if (i + 1 == count)
			border = text.end;
		else if (wanted > border) /* a record longer than a share has already moved the border on */
			border = record_border(text, wanted);
		ranges[i].end = border;
	}
}

unsigned long input_line(struct text text, const char *where)
{
	unsigned long line = 1;
	const char *pos = text.start;

	while ((pos = memchr(pos, '\n', (size_t)(where - pos)))) {
		line++;
		pos++;
	}
	return line;
}
