/* SPDX-License-Identifier: MIT
 * kmalloc_string_test.c - constants that are shared, formatted strings, and what is left when memory runs out.
 */
#define _GNU_SOURCE /* dl_iterate_phdr() */
#include "slub_world.h"

#include <link.h>
#include <stdlib.h>
#include <wchar.h>

#include "support/threads.h"

static char *format(gfp_t gfp, const char *fmt, ...) KMM_PRINTF(2, 3);
static const char *format_const(gfp_t gfp, const char *fmt, ...) KMM_PRINTF(2, 3);

static char *format(gfp_t gfp, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = kvasprintf(gfp, fmt, ap);
	va_end(ap);
	return p;
}

static const char *format_const(gfp_t gfp, const char *fmt, ...)
{
	const char *p;
	va_list ap;

	va_start(ap, fmt);
	p = kvasprintf_const(gfp, fmt, ap);
	va_end(ap);
	return p;
}

#define NR_THREADS 8

struct first_calls {
	const char *constant;
	bool shared[NR_THREADS], copied[NR_THREADS];
};

static void call_first(unsigned int index, void *arg)
{
	struct first_calls *calls = arg;
	char local[] = "local";
	const char *copy = kstrdup_const(local, GFP_KERNEL);

	calls->shared[index] = kstrdup_const(calls->constant, GFP_KERNEL) == calls->constant;
	calls->copied[index] = copy && copy != local;
	kfree_const(copy);
}

/* The first test of this program: nobody knows yet what is constant. */
static void threads_that_ask_at_the_same_time_find_the_same(void **state)
{
	struct first_calls calls = { .constant = "constant" };

	(void)state;
	run_threads(NR_THREADS, call_first, &calls);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_true(calls.shared[i] && calls.copied[i]);
	world_expect_silence();
}

static void constants_of_the_program_are_shared(void **state)
{
	static const char constant[] = "constant";
	const char *literal = "literal";
	unsigned long before;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	assert_ptr_equal(kstrdup_const(constant, GFP_KERNEL), constant);
	assert_ptr_equal(kstrdup_const(literal, GFP_KERNEL), literal);
	kfree_const(constant);
	kfree_const(literal);
	assert_int_equal(nr_free_pages(), before);
	assert_string_equal(constant, "constant");
	world_expect_silence();
}

static void what_may_change_is_copied(void **state)
{
	static char written[] = "written";
	char local[] = "local", *own = kstrdup("own", GFP_KERNEL);
	const char *strings[] = { written, local, own };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(strings); i++) {
		const char *copy = kstrdup_const(strings[i], GFP_KERNEL);

		assert_string_equal(copy, strings[i]);
		assert_ptr_not_equal(copy, strings[i]);
		kfree_const(copy);
	}
	kfree_const(own);
	kfree_const(NULL);
	assert_null(kstrdup_const(NULL, GFP_KERNEL));
	world_expect_silence();
}

/* The ELF header of a shared object is in memory that is not written to, and ends in zeros: it is as good as any string. */
static int find_other_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **text = arg;

	(void)size;
	for (unsigned int i = 0; i < info->dlpi_phnum && strstr(info->dlpi_name, "libc"); i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && ph->p_offset == 0 && !(ph->p_flags & PF_W))
			*text = (const char *)(info->dlpi_addr + ph->p_vaddr);
	}
	return 0;
}

static void constants_of_other_objects_are_copied(void **state)
{
	const char *text = NULL, *copy;

	(void)state;
	dl_iterate_phdr(find_other_object, &text);
	if (!text)
		skip(); /* linked statically: there is no other object */
	copy = kstrdup_const(text, GFP_KERNEL);
	assert_string_equal(copy, text);
	assert_ptr_not_equal(copy, text);
	kfree_const(copy);
	world_expect_silence();
}

static void bytes_become_a_string(void **state)
{
	char *p = kmemdup_nul("ab\0cd", 5, GFP_KERNEL);

	(void)state;
	assert_memory_equal(p, "ab\0cd\0", 6);
	kfree(p);
	p = kmemdup_nul("", 0, GFP_KERNEL);
	assert_string_equal(p, "");
	kfree(p);
	assert_null(kmemdup_nul(NULL, 3, GFP_KERNEL));
	assert_null(kmemdup_nul("x", SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
	world_expect_silence();
}

static void text_of_any_length_is_formatted(void **state)
{
	(void)state;
	for (int width = 0; width <= 20000; width += width < 300 ? 1 : 977) {
		char *p = kasprintf(GFP_KERNEL, "%*s|%d", width, "", width), *q;

		assert_int_equal((int)strspn(p, " "), width);
		assert_int_equal(atoi(p + width + 1), width);
		q = format(GFP_KERNEL, "%s", p);
		assert_string_equal(p, q);
		kfree(p);
		kfree(q);
	}
	world_expect_silence();
}

static void what_printf_refuses_is_null(void **state)
{
	/* No character of the C locale. */
	static const wchar_t wide[] = { 0x4e2d, 0 };

	(void)state;
	assert_null(kasprintf(GFP_KERNEL, "%ls", wide));
	assert_null(kasprintf(GFP_KERNEL | __GFP_NOWARN, "%*d", (int)KMALLOC_MAX_SIZE, 1));
	world_expect_silence();
}

/* The text is printed twice, and %n changes an argument in between. */
static void arguments_that_change_meanwhile_are_reported_and_the_text_is_cut(void **state)
{
	union {
		char text[8];
		int printed;
	} shorter = { "long" };
	char longer[] = "x\0yy", *p = kasprintf(GFP_KERNEL, "%s%n", shorter.text, &shorter.printed);

	(void)state;
	world_expect_report("WARNING: kvasprintf: different return values (4 and 1) from vsnprintf(\"%s%n\", ...)");
	assert_string_equal(p, "\4");
	kfree(p);
	p = kasprintf(GFP_KERNEL, "%s%hhn", longer, (signed char *)&longer[1]);
	world_expect_report("different return values (1 and 4)");
	assert_string_equal(p, "x");
	kfree(p);
}

static void a_text_without_work_is_not_copied(void **state)
{
	static const char plain[] = "plain";
	char local[] = "local";
	const char *p;

	(void)state;
	assert_ptr_equal(format_const(GFP_KERNEL, plain), plain);
	assert_ptr_equal(format_const(GFP_KERNEL, "%s", plain), plain);
	p = format_const(GFP_KERNEL, "%s", local);
	assert_string_equal(p, "local");
	assert_ptr_not_equal(p, local);
	kfree_const(p);
	p = format_const(GFP_KERNEL, "%s-%d", local, 7);
	assert_string_equal(p, "local-7");
	kfree_const(p);
	world_expect_silence();
}

/* Each kind of copy when there is no page for it: NULL, and nothing is lost. */
static void *copy_of_kind(unsigned int kind)
{
	static char text[] = "a text that is not a constant of the program";

	switch (kind) {
	case 0:
		return kasprintf(GFP_KERNEL, "%s, and %d", text, 1);
	case 1:
		return format(GFP_KERNEL, "%s!", text);
	case 2:
		return (void *)(uintptr_t)format_const(GFP_KERNEL, "%s", text);
	case 3:
		return kstrdup(text, GFP_KERNEL);
	case 4:
		return (void *)(uintptr_t)kstrdup_const(text, GFP_KERNEL);
	case 5:
		return kstrndup(text, 10, GFP_KERNEL);
	case 6:
		return kmemdup(text, sizeof(text), GFP_KERNEL);
	case 7:
		return kmemdup_nul(text, 12, GFP_KERNEL);
	case 8:
		return kmalloc_node(100, GFP_KERNEL | __GFP_RECLAIMABLE, 0);
	case 9:
		return krealloc_array(NULL, 100, 100, GFP_KERNEL);
	default:
		return NULL;
	}
}

static void without_memory_every_copy_is_null_and_nothing_is_lost(void **state)
{
	unsigned int kind;

	(void)state;
	for (kind = 0; kind < 10; kind++) {
		unsigned long before;

		/* An empty library: the next object of any size needs a page. */
		kmm_trim();
		before = nr_free_pages();
		buddy_inject_failure(1, true);
		assert_null(copy_of_kind(kind));
		buddy_inject_failure(0, false);
		assert_int_equal(nr_free_pages(), before);
		world_forget_reports();
		kfree(copy_of_kind(kind));
		kmm_trim();
		assert_int_equal(nr_free_pages(), before);
		world_expect_silence();
	}
	assert_null(copy_of_kind(kind));
}

#define MEMORY(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY(threads_that_ask_at_the_same_time_find_the_same),
		MEMORY(constants_of_the_program_are_shared),
		MEMORY(what_may_change_is_copied),
		MEMORY(constants_of_other_objects_are_copied),
		MEMORY(bytes_become_a_string),
		MEMORY(text_of_any_length_is_formatted),
		MEMORY(what_printf_refuses_is_null),
		MEMORY(arguments_that_change_meanwhile_are_reported_and_the_text_is_cut),
		MEMORY(a_text_without_work_is_not_copied),
		MEMORY(without_memory_every_copy_is_null_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
