/* SPDX-License-Identifier: MIT
 * options.h - the kernel's boot parameters: "slub_max_order=1 mem=64M quiet".
 *
 * Owns:   the syntax. Each room owns its table of parameters and the variables behind it.
 * Syntax: words separated by blanks; word = name[=value]; a value in double quotes may hold blanks; '-' and '_' in a
 *         name are one; sizes take K, M, G, T. As in the kernel (kernel/params.c, lib/cmdline.c, Linux 6.1).
 */
#ifndef KMM_BASE_OPTIONS_H
#define KMM_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Longest name and value, bytes with the final NUL. */
#define KMM_PARAM_NAME_MAX 64
#define KMM_PARAM_VALUE_MAX 1024

struct kmm_param {
	const char *name; /* NULL ends a table */
	/* Sets the value; @value is NULL for a bare word, and valid during the call only. Returns 0 or -EINVAL (the parser
	 * reports it). */
	int (*set)(const char *value, const struct kmm_param *param);
	void *target;           /* for the setters below */
	unsigned long min, max; /* inclusive, for the number setters; a max of 0 is no limit */
};

/* Setters: a size in bytes into size_t; an unsigned int; a bool (bare word, y/n, 1/0, on/off). */
int kmm_param_set_size(const char *value, const struct kmm_param *param);
int kmm_param_set_uint(const char *value, const struct kmm_param *param);
int kmm_param_set_bool(const char *value, const struct kmm_param *param);

/*
 * Applies every word of @line, looked up in @tables (NULL-terminated). Unknown words and bad values are reported by
 * name. Strict: the first one ends the call with -EINVAL and nothing was applied (the line is checked first by a dry
 * run of the names; values are checked by the setters in order). Lenient: it is skipped. Returns 0 or -EINVAL.
 */
int kmm_options_parse(const char *line, const struct kmm_param *const tables[], bool strict);

#endif /* KMM_BASE_OPTIONS_H */
