/* SPDX-License-Identifier: MIT
 * parse.c - Debian's control format: records of fields, and the relations in a Depends field.
 *
 * Nothing is copied here: a field is a piece of the input, its continuation lines included.
 * Source: Debian policy, sections 5.1 (syntax) and 7.1 (relations).
 */
#include <string.h>

#include "pkgindex.h"

static const struct {
	const char *name;
	size_t offset; /* of the struct text in struct record */
} known_fields[] = {
	{ "Package", offsetof(struct record, package) },           { "Version", offsetof(struct record, version) },
	{ "Architecture", offsetof(struct record, architecture) }, { "Section", offsetof(struct record, section) },
	{ "Description", offsetof(struct record, description) },   { "Depends", offsetof(struct record, depends) },
	{ "Pre-Depends", offsetof(struct record, pre_depends) },
};

static enum parse_result bad(struct parse_error *error, const char *where, const char *what)
{
	error->where = where;
	error->what = what;
	return PARSE_BAD;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static struct text trim(struct text text)
{
	while (text.start < text.end && is_blank(*text.start))
		text.start++;
	while (text.start < text.end && is_blank(text.end[-1]))
		text.end--;
	return text;
}

/* Where the record keeps the field @name; NULL for one that the index has no use for. */
static struct text *field_slot(struct record *record, struct text name)
{
	const size_t length = (size_t)(name.end - name.start);

	for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++)
		if (strlen(known_fields[i].name) == length && memcmp(known_fields[i].name, name.start, length) == 0)
			return (struct text *)((char *)record + known_fields[i].offset);
	return NULL;
}

/* The name before the colon of a field line: printable, without blanks; end is the colon. Start NULL: it is none. */
static struct text field_name(struct text line)
{
	struct text name = { line.start, line.start };

	while (name.end<line.end && * name.end> ' ' && *name.end < 0x7f && *name.end != ':')
		name.end++;
	if (name.end == name.start || name.end == line.end || *name.end != ':' || *name.start == '#' ||
	    *name.start == '-')
		name.start = NULL;
	return name;
}

/* A package name is one word; the rest of the index takes it as it is. */
static bool is_package_name(struct text name)
{
	for (const char *c = name.start; c < name.end; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return name.start < name.end;
}

enum parse_result parse_record(struct text *range, struct record *record, struct parse_error *error)
{
	static struct text unused; /* only its address matters: "a field before, but none that is kept" */
	struct text *field = NULL;
	const char *first = NULL;

	memset(record, 0, sizeof(*record));
	while (range->start < range->end) {
		const char *next, *nul;
		struct text line = input_next_line(*range, range->start, &next), name;

		nul = memchr(line.start, '\0', (size_t)(line.end - line.start));
		if (nul)
			return bad(error, nul, "a NUL byte, so this is no text");
		range->start = next;
		if (line_is_blank(line)) {
			if (first)
				break;
			continue;
		}
		if (is_blank(*line.start)) {
			if (!field)
				return bad(error, line.start, "a continuation line without a field before it");
			if (field != &unused)
				field->end = line.end;
			first = first ? first : line.start;
			continue;
		}
		name = field_name(line);
		if (!name.start)
			return bad(error, line.start, "neither a field (\"Name: value\") nor a continuation line");
		first = first ? first : line.start;
		field = field_slot(record, name);
		if (field && field->start)
			return bad(error, line.start, "the second field of this name in one record");
		if (field)
			*field = (struct text){ name.end + 1, line.end };
		else
			field = &unused;
	}
	if (!first)
		return PARSE_END;
	if (!record->package.start)
		return bad(error, first, "the record that starts here has no Package field");
	record->package = trim(record->package);
	if (!is_package_name(record->package))
		return bad(error, record->package.start, "the Package field is not one name");
	record->version = trim(record->version);
	record->architecture = trim(record->architecture);
	record->section = trim(record->section);
	if (record->description.start) /* the first line is the synopsis, the rest is not kept */
		record->description = trim(input_next_line(record->description, record->description.start, &first));
	return PARSE_RECORD;
}

/* Skips what may follow a name: an architecture, "(>= version)", "[architectures]", "<profiles>". */
static enum parse_result skip_qualifiers(struct text *relations, struct parse_error *error)
{
	static const char open[] = "([<", close[] = ")]>";

	while (relations->start < relations->end) {
		const char *kind;
		const char *const where = relations->start;
		const char *end;

		if (is_blank(*where)) {
			relations->start++;
			continue;
		}
		if (*where == ',' || *where == '|')
			return PARSE_RECORD;
		kind = strchr(open, *where);
		if (!kind || !*kind)
			return bad(error, where,
				   "a dependency followed by something that is neither a version nor a separator");
		end = memchr(where, close[kind - open], (size_t)(relations->end - where));
		if (!end)
			return bad(error, where, "a bracket that is not closed in a dependency");
		relations->start = end + 1;
	}
	return PARSE_RECORD;
}

enum parse_result parse_relation(struct text *relations, struct text *name, struct parse_error *error)
{
	const char *pos;

	/* Separators and blanks before the name. An empty alternative or a comma too many harms nobody. */
	while (relations->start < relations->end &&
	       (is_blank(*relations->start) || *relations->start == ',' || *relations->start == '|'))
		relations->start++;
	if (relations->start == relations->end)
		return PARSE_END;

	for (pos = relations->start; pos < relations->end && !is_blank(*pos) && !strchr(",|:([<", *pos); pos++)
		;
	*name = (struct text){ relations->start, pos };
	if (!is_package_name(*name))
		return bad(error, name->start, "a dependency without a name");
	if (pos < relations->end && *pos == ':') /* ":any", ":native" or an architecture */
		while (pos < relations->end && !is_blank(*pos) && !strchr(",|([<", *pos))
			pos++;
	relations->start = pos;
	return skip_qualifiers(relations, error);
}
