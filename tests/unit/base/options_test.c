/* SPDX-License-Identifier: MIT
 * options_test.c - the kernel's boot syntax: what is taken, what is refused, and what is said about it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/options.h"
#include "support/capture.h"

static size_t mem, bounded_mem;
static unsigned int order, bounded;
static bool quiet;
static char text[KMM_PARAM_VALUE_MAX];
static unsigned int text_sets, bare_text_sets;

static int set_text(const char *value, const struct kmm_param *param)
{
	text_sets++;
	if (!value) {
		bare_text_sets++;
		return 0;
	}
	strcpy(param->target, value);
	return 0;
}

static const struct kmm_param first_table[] = {
	{ .name = "mem", .set = kmm_param_set_size, .target = &mem },
	{ .name = "bounded_mem", .set = kmm_param_set_size, .target = &bounded_mem, .min = 4096, .max = 1 << 20 },
	{ .name = NULL },
};

static const struct kmm_param second_table[] = {
	{ .name = "slub_max_order", .set = kmm_param_set_uint, .target = &order },
	{ .name = "bounded", .set = kmm_param_set_uint, .target = &bounded, .min = 2, .max = 10 },
	{ .name = "quiet", .set = kmm_param_set_bool, .target = &quiet },
	{ .name = "text", .set = set_text, .target = text },
	{ .name = NULL },
};

static const struct kmm_param *const tables[] = { first_table, second_table, NULL };

static int everything_unset(void **state)
{
	(void)state;
	mem = bounded_mem = 1111;
	order = bounded = 2222;
	quiet = false;
	strcpy(text, "unset");
	text_sets = bare_text_sets = 0;
	capture_start();
	return 0;
}

static int capture_ended(void **state)
{
	(void)state;
	capture_stop();
	return 0;
}

static int strict(const char *line)
{
	return kmm_options_parse(line, tables, true);
}

static int lenient(const char *line)
{
	return kmm_options_parse(line, tables, false);
}

static void assert_all_unset(void)
{
	assert_int_equal(mem, 1111);
	assert_int_equal(bounded_mem, 1111);
	assert_int_equal(order, 2222);
	assert_int_equal(bounded, 2222);
	assert_false(quiet);
	assert_string_equal(text, "unset");
	assert_int_equal(text_sets, 0);
}

static void words_of_all_tables_are_applied_in_order(void **state)
{
	(void)state;
	assert_int_equal(strict("slub_max_order=1 mem=64M quiet slub_max_order=3"), 0);
	assert_int_equal(order, 3);
	assert_int_equal(mem, 64UL << 20);
	assert_true(quiet);
	assert_int_equal(capture.nr, 0);
}

static void nothing_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(strict(""), 0);
	assert_int_equal(strict(NULL), 0);
	assert_int_equal(strict("  \t\n "), 0);
	assert_int_equal(capture.nr, 0);
	assert_all_unset();
}

static void any_blanks_separate_words(void **state)
{
	(void)state;
	assert_int_equal(strict("\tmem=1K   quiet\nslub_max_order=0  "), 0);
	assert_int_equal(mem, 1024);
	assert_true(quiet);
	assert_int_equal(order, 0);
}

static void dash_and_underscore_are_one_in_a_name(void **state)
{
	(void)state;
	assert_int_equal(strict("slub-max-order=2 bounded-mem=4096"), 0);
	assert_int_equal(order, 2);
	assert_int_equal(bounded_mem, 4096);
}

static void but_names_are_equal_to_the_end(void **state)
{
	(void)state;
	assert_int_equal(strict("me=1"), -EINVAL);
	assert_int_equal(strict("memo=1"), -EINVAL);
	assert_int_equal(strict("MEM=1"), -EINVAL);
	assert_all_unset();
}

static void sizes_take_units(void **state)
{
	static const struct {
		const char *word;
		uint64_t size;
	} cases[] = {
		{ "mem=0", 0 },
		{ "mem=4096", 4096 },
		{ "mem=1k", 1024 },
		{ "mem=3K", 3072 },
		{ "mem=2m", 2u << 20 },
		{ "mem=2M", 2u << 20 },
		{ "mem=1g", 1u << 30 },
		{ "mem=3G", 3u << 30 },
		{ "mem=0x1000", 4096 },
		{ "mem=0X10k", 16 << 10 },
		{ "mem=010", 8 },
		{ "mem=5G", (uint64_t)5 << 30 },
		{ "mem=2T", (uint64_t)2 << 40 },
		{ "mem=1P", (uint64_t)1 << 50 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		mem = 1111;
		if (cases[i].size <= SIZE_MAX) {
			assert_int_equal(strict(cases[i].word), 0);
			assert_int_equal(mem, cases[i].size);
		} else {
			assert_int_equal(strict(cases[i].word), -EINVAL); /* larger than the address space */
			assert_int_equal(mem, 1111);
		}
	}
}

static void malformed_values_are_refused_by_name(void **state)
{
	static const char *const words[] = {
		"mem",
		"mem=",
		"mem=M",
		"mem=64Q",
		"mem=64MM",
		"mem=-1",
		"mem=0x",
		"mem=09",
		"mem=1.5G",
		"mem=64M,",
		"mem=99999999999999999999",
		"mem=18446744073709551616",
		"mem=16E",

		"slub_max_order",
		"slub_max_order=",
		"slub_max_order=abc",
		"slub_max_order=1x",
		"slub_max_order=-1",
		"slub_max_order=1K",
		"slub_max_order=4294967296",
		"slub_max_order=+1",
		"quiet=2",
		"quiet=",
		"quiet=maybe",
		"quiet=yess",
		"bounded=1",
		"bounded=11",
		"bounded_mem=4095",
		"bounded_mem=1048577",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		capture_clear();
		if (strict(words[i]) != -EINVAL)
			fail_msg("%s was taken", words[i]);
		assert_int_equal(capture.nr, 1);
		assert_int_equal(capture.last_level, KMM_REPORT_ERR);
		assert_non_null(strstr(capture.last, "invalid for parameter"));
		assert_all_unset();
	}
	assert_string_equal(capture.last, "libkmm: `1048577' invalid for parameter `bounded_mem'\n");
}

static void limits_are_inclusive(void **state)
{
	(void)state;
	assert_int_equal(strict("bounded=2 bounded_mem=4K"), 0);
	assert_int_equal(bounded, 2);
	assert_int_equal(bounded_mem, 4096);
	assert_int_equal(strict("bounded=10 bounded_mem=1M"), 0);
	assert_int_equal(bounded, 10);
	assert_int_equal(bounded_mem, 1 << 20);
	assert_int_equal(strict("slub_max_order=4294967295"), 0);
	assert_int_equal(order, 4294967295u);
}

static void booleans_have_many_names(void **state)
{
	static const char *const yes[] = { "quiet", "quiet=1", "quiet=y", "quiet=Y", "quiet=on", "quiet=yes" };
	static const char *const no[] = { "quiet=0", "quiet=n", "quiet=N", "quiet=off", "quiet=no" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(yes); i++) {
		quiet = false;
		assert_int_equal(strict(yes[i]), 0);
		assert_true(quiet);
	}
	for (i = 0; i < ARRAY_SIZE(no); i++) {
		quiet = true;
		assert_int_equal(strict(no[i]), 0);
		assert_false(quiet);
	}
}

static void quotes_hold_blanks_together(void **state)
{
	(void)state;
	assert_int_equal(strict("text=\"a b  c\" quiet"), 0);
	assert_string_equal(text, "a b  c");
	assert_true(quiet);
	assert_int_equal(strict("\"text=d e\" mem=1"), 0);
	assert_string_equal(text, "d e");
	assert_int_equal(mem, 1);
	assert_int_equal(strict("text=\"\""), 0);
	assert_string_equal(text, "");
	assert_int_equal(strict("\"quiet\""), 0);
	assert_int_equal(capture.nr, 0);
}

static void value_may_hold_commas_and_equal_signs(void **state)
{
	(void)state;
	assert_int_equal(strict("text=FZ,kmalloc-64;P,a=b"), 0);
	assert_string_equal(text, "FZ,kmalloc-64;P,a=b");
}

static void bare_word_and_empty_value_differ(void **state)
{
	(void)state;
	assert_int_equal(strict("text"), 0);
	assert_int_equal(bare_text_sets, 1);
	assert_int_equal(strict("text="), 0);
	assert_int_equal(bare_text_sets, 1);
	assert_string_equal(text, "");
}

static void missing_quote_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(strict("mem=1 text=\"a b quiet"), -EINVAL);
	assert_int_equal(capture.nr, 1);
	assert_string_equal(capture.last, "libkmm: missing closing quote in `text=\"a b quiet'\n");
	assert_all_unset();
	assert_int_equal(strict("\""), -EINVAL);
}

static void empty_name_is_an_error(void **state)
{
	static const char *const lines[] = { "=5", "\"\"", "\"=5\"", "mem=1 = quiet" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		capture_clear();
		assert_int_equal(strict(lines[i]), -EINVAL);
		assert_non_null(strstr(capture.last, "malformed parameter"));
		assert_all_unset();
	}
}

static void unknown_word_is_named(void **state)
{
	(void)state;
	assert_int_equal(strict("nonsense=5"), -EINVAL);
	assert_int_equal(capture.nr, 1);
	assert_int_equal(capture.last_level, KMM_REPORT_ERR);
	assert_string_equal(capture.last, "libkmm: Unknown parameter `nonsense'\n");
}

static void strict_parser_applies_nothing_of_a_line_with_an_unknown_word(void **state)
{
	(void)state;
	assert_int_equal(strict("mem=1 quiet text=x nonsense slub_max_order=1"), -EINVAL);
	assert_int_equal(capture.nr, 1);
	assert_all_unset();
}

static void strict_parser_stops_at_the_first_bad_value(void **state)
{
	(void)state;
	assert_int_equal(strict("mem=1 slub_max_order=x quiet"), -EINVAL);
	assert_int_equal(capture.nr, 1);
	assert_false(quiet);
}

static void lenient_parser_skips_what_it_cannot_use(void **state)
{
	(void)state;
	assert_int_equal(lenient("nonsense=1 mem=8K slub_max_order=x =7 quiet bounded=11"), -EINVAL);
	assert_int_equal(capture.nr, 4);
	assert_int_equal(mem, 8192);
	assert_true(quiet);
	assert_int_equal(order, 2222);
	assert_int_equal(bounded, 2222);
	capture_clear();
	assert_int_equal(lenient("mem=4K"), 0);
	assert_int_equal(mem, 4096);
	assert_int_equal(capture.nr, 0);
}

static void value_that_is_too_long_is_refused_whole(void **state)
{
	char line[2 * KMM_PARAM_VALUE_MAX];
	int head = sprintf(line, "text=");

	(void)state;
	memset(line + head, 'v', KMM_PARAM_VALUE_MAX - 1);
	line[head + KMM_PARAM_VALUE_MAX - 1] = '\0';
	assert_int_equal(strict(line), 0);
	assert_int_equal(strlen(text), KMM_PARAM_VALUE_MAX - 1);

	strcpy(text, "unset");
	strcat(line, "v");
	assert_int_equal(strict(line), -EINVAL);
	assert_string_equal(text, "unset");
	assert_non_null(strstr(capture.last, "too large for parameter `text'"));
}

static void name_that_is_too_long_is_refused(void **state)
{
	char line[4 * KMM_PARAM_NAME_MAX];

	(void)state;
	memset(line, 'n', sizeof(line));
	strcpy(line + 2 * KMM_PARAM_NAME_MAX, "=1");
	assert_int_equal(strict(line), -EINVAL);
	assert_int_equal(capture.nr, 1);
	assert_non_null(strstr(capture.last, "malformed parameter `nnn"));
}

#define option_test(name) cmocka_unit_test_setup_teardown(name, everything_unset, capture_ended)

int main(void)
{
	const struct CMUnitTest tests[] = {
		option_test(words_of_all_tables_are_applied_in_order),
		option_test(nothing_is_nothing),
		option_test(any_blanks_separate_words),
		option_test(dash_and_underscore_are_one_in_a_name),
		option_test(but_names_are_equal_to_the_end),
		option_test(sizes_take_units),
		option_test(malformed_values_are_refused_by_name),
		option_test(limits_are_inclusive),
		option_test(booleans_have_many_names),
		option_test(quotes_hold_blanks_together),
		option_test(value_may_hold_commas_and_equal_signs),
		option_test(bare_word_and_empty_value_differ),
		option_test(missing_quote_is_an_error),
		option_test(empty_name_is_an_error),
		option_test(unknown_word_is_named),
		option_test(strict_parser_applies_nothing_of_a_line_with_an_unknown_word),
		option_test(strict_parser_stops_at_the_first_bad_value),
		option_test(lenient_parser_skips_what_it_cannot_use),
		option_test(value_that_is_too_long_is_refused_whole),
		option_test(name_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
