/* SPDX-License-Identifier: MIT
 * options.c - splits a line of boot parameters and hands each value to its setter.
 *
 * Owns:   nothing that outlives a call.
 * Source: next_arg(), parse_one(), kernel/params.c; memparse(), lib/cmdline.c, Linux 6.1. Differs: a missing quote, an
 *         empty name and text behind a number are errors.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/options.h"
#include "base/report.h"

/* One word cut out of the line. The value is unquoted: quotes are only around it, never in it. */
struct option_word {
	char name[KMM_PARAM_NAME_MAX];
	char value[KMM_PARAM_VALUE_MAX];
	bool has_value;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Copies [from, to) as a string; false when it is too long. */
static bool copy_part(char *buf, size_t size, const char *from, const char *to)
{
	size_t len = (size_t)(to - from);

	if (len >= size)
		return false;
	memcpy(buf, from, len);
	buf[len] = '\0';
	return true;
}

/* Takes the quotes off [*from, *to) where there is one at the start, and one at the end too. */
static void strip_quotes(const char **from, const char **to)
{
	if (*from == *to || **from != '"')
		return;
	++*from;
	if (*from != *to && (*to)[-1] == '"')
		--*to;
}

/*
 * Reads the next word at *@line and moves *@line behind it. Returns 1, 0 at the end of the line, or -EINVAL for a word
 * that is malformed (reported).
 */
static int next_word(const char **line, struct option_word *word)
{
	const char *p = *line, *start, *end, *equals = NULL, *value_start, *value_end;
	bool quoted = false;

	while (is_blank(*p))
		p++;
	if (!*p) {
		*line = p;
		return 0;
	}
	start = p;
	for (; *p && (quoted || !is_blank(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '=' && !equals)
			equals = p;
	}
	end = p;
	*line = p;

	if (quoted) {
		kmm_report(KMM_REPORT_ERR, "libkmm: missing closing quote in `%.80s'\n", start);
		return -EINVAL;
	}
	/* "name=a value" as a whole in quotes means the same as name="a value". */
	strip_quotes(&start, &end);
	word->has_value = equals != NULL;
	word->value[0] = '\0';
	if (!copy_part(word->name, sizeof(word->name), start, equals ? equals : end) || !word->name[0]) {
		kmm_report(KMM_REPORT_ERR, "libkmm: malformed parameter `%.*s'\n", (int)min_of(end - start, 80), start);
		return -EINVAL;
	}
	if (!equals)
		return 1;
	value_start = equals + 1;
	value_end = end;
	strip_quotes(&value_start, &value_end);
	if (!copy_part(word->value, sizeof(word->value), value_start, value_end)) {
		kmm_report(KMM_REPORT_ERR, "libkmm: `%.80s...' too large for parameter `%s'\n", value_start,
			   word->name);
		return -EINVAL;
	}
	return 1;
}

static bool names_equal(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	}
	return *a == *b;
}

static const struct kmm_param *find_param(const char *name, const struct kmm_param *const tables[])
{
	const struct kmm_param *param;

	for (; *tables; tables++) {
		for (param = *tables; param->name; param++) {
			if (names_equal(name, param->name))
				return param;
		}
	}
	return NULL;
}

/* One pass over the line. With @apply false only words and names are checked. */
static int parse_pass(const char *line, const struct kmm_param *const tables[], bool strict, bool apply)
{
	const struct kmm_param *param;
	struct option_word word;
	int got, result = 0;

	while ((got = next_word(&line, &word)) != 0) {
		if (got < 0)
			goto bad;
		param = find_param(word.name, tables);
		if (!param) {
			kmm_report(KMM_REPORT_ERR, "libkmm: Unknown parameter `%s'\n", word.name);
			goto bad;
		}
		if (!apply || param->set(word.has_value ? word.value : NULL, param) == 0)
			continue;
		kmm_report(KMM_REPORT_ERR, "libkmm: `%s' invalid for parameter `%s'\n", word.value, word.name);
bad:
		result = -EINVAL;
		if (strict)
			break;
	}
	return result;
}

int kmm_options_parse(const char *line, const struct kmm_param *const tables[], bool strict)
{
	if (!line)
		return 0;
	if (strict && parse_pass(line, tables, true, false))
		return -EINVAL;
	return parse_pass(line, tables, strict, true);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* A number in C's notation, at *@text, which moves behind it. No sign. False without a digit or on overflow. */
static bool parse_number(const char **text, uint64_t *value)
{
	const char *p = *text;
	int base = 10;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_value(p[2]) < 16) {
		base = 16;
		p += 2;
	} else if (p[0] == '0') {
		base = 8;
	}
	if (digit_value(*p) >= base)
		return false;
	for (*value = 0; digit_value(*p) < base; p++) {
		if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)digit_value(*p), value))
			return false;
	}
	*text = p;
	return true;
}

static bool in_range(uint64_t value, const struct kmm_param *param)
{
	return value >= param->min && (!param->max || value <= param->max);
}

int kmm_param_set_size(const char *value, const struct kmm_param *param)
{
	static const char units[] = "kmgtpe";
	const char *unit;
	uint64_t size;

	if (!value || !parse_number(&value, &size))
		return -EINVAL;
	unit = *value ? strchr(units, *value | 0x20) : NULL;
	if (unit) {
		if (__builtin_mul_overflow(size, (uint64_t)1 << (10 * (unit - units + 1)), &size))
			return -EINVAL;
		value++;
	}
	if (*value || size > SIZE_MAX || !in_range(size, param))
		return -EINVAL;
	*(size_t *)param->target = (size_t)size;
	return 0;
}

int kmm_param_set_uint(const char *value, const struct kmm_param *param)
{
	uint64_t number;

	if (!value || !parse_number(&value, &number) || *value || number > UINT_MAX || !in_range(number, param))
		return -EINVAL;
	*(unsigned int *)param->target = (unsigned int)number;
	return 0;
}

int kmm_param_set_bool(const char *value, const struct kmm_param *param)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "y", true },  { "Y", true },  { "1", true },  { "on", true },   { "yes", true },
		      { "n", false }, { "N", false }, { "0", false }, { "off", false }, { "no", false } };
	size_t i;

	if (!value) {
		*(bool *)param->target = true;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(value, words[i].word) == 0) {
			*(bool *)param->target = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}
