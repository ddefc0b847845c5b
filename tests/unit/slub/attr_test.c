/* SPDX-License-Identifier: MIT
 * attr_test.c - the files of /sys/kernel/slab: the kernel's texts, the truth, and what can be set.
 */
#define _GNU_SOURCE /* fopencookie() */
#include "slub_world.h"

#include <errno.h>
#include <stdlib.h>

#include "slub/symbol.h"

#define NR 16 /* objects of 256 bytes in a slab */

static struct kmem_cache *cache;

static int cache_setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("attr", 256, 0, SLAB_NO_MERGE, NULL);
	return cache && oo_objects(cache->oo) == NR ? 0 : -1;
}

static int cache_teardown(void **state)
{
	kmem_cache_destroy(cache);
	world_expect_silence();
	return world_teardown(state);
}

/* Two nodes of 32 MiB, CPUs 0 and 1 on the first. */
static int nodes_setup(void **state)
{
	(void)state;
	if (world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("attr", 256, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static void expect_file(const char *name, const char *expected)
{
	char text[4096];
	int len = kmm_cache_attr_get("attr", name, text, sizeof(text));

	if (len < 0)
		fail_msg("%s: error %d", name, len);
	if (strcmp(text, expected) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", name, text, expected);
	assert_int_equal(len, strlen(expected));
}

static int set(const char *name, const char *value)
{
	return kmm_cache_attr_set("attr", name, value);
}

static char *text_of(int (*view)(FILE *, const char *), const char *arg)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(view(file, arg), 0);
	fclose(file);
	return text;
}

static int dir_view(FILE *file, const char *arg)
{
	(void)arg;
	return kmm_slab_dir(file);
}

/* As a kernel for several CPUs and one node shows a cache of which nothing is in use. */
static void a_new_cache_has_the_files_of_the_kernel(void **state)
{
	static const char expected[] = "=== aliases\n0\n=== align\n8\n"
#if KMM_CONFIG_SLUB_STATS
				       "=== alloc_fastpath\n0\n=== alloc_from_partial\n0\n"
				       "=== alloc_node_mismatch\n0\n=== alloc_refill\n0\n=== alloc_slab\n0\n"
				       "=== alloc_slowpath\n0\n=== cmpxchg_double_cpu_fail\n0\n"
				       "=== cmpxchg_double_fail\n0\n"
#endif
				       "=== cpu_partial\n13\n"
#if KMM_CONFIG_SLUB_STATS
				       "=== cpu_partial_alloc\n0\n=== cpu_partial_drain\n0\n"
				       "=== cpu_partial_free\n0\n=== cpu_partial_node\n0\n"
#endif
				       "=== cpu_slabs\n0\n"
#if KMM_CONFIG_SLUB_STATS
				       "=== cpuslab_flush\n0\n"
#endif
				       "=== ctor\n"
#if KMM_CONFIG_SLUB_STATS
				       "=== deactivate_bypass\n0\n=== deactivate_empty\n0\n"
				       "=== deactivate_full\n0\n=== deactivate_remote_frees\n0\n"
				       "=== deactivate_to_head\n0\n=== deactivate_to_tail\n0\n"
#endif
				       "=== destroy_by_rcu\n0\n"
#if KMM_CONFIG_SLUB_STATS
				       "=== free_add_partial\n0\n=== free_fastpath\n0\n=== free_frozen\n0\n"
				       "=== free_remove_partial\n0\n=== free_slab\n0\n=== free_slowpath\n0\n"
#endif
				       "=== hwcache_align\n0\n=== min_partial\n5\n=== object_size\n256\n"
				       "=== objects\n0\n=== objects_partial\n0\n=== objs_per_slab\n16\n"
				       "=== order\n0\n"
#if KMM_CONFIG_SLUB_STATS
				       "=== order_fallback\n0\n"
#endif
				       "=== partial\n0\n=== poison\n0\n=== reclaim_account\n0\n"
				       "=== red_zone\n0\n=== sanity_checks\n0\n=== shrink\n"
				       "=== slab_size\n256\n=== slabs\n0\n=== slabs_cpu_partial\n0(0)\n"
				       "=== store_user\n0\n=== total_objects\n0\n=== trace\n0\n"
				       "=== usersize\n0\n=== validate\n";
	char *text = text_of(kmm_cache_attrs, "attr");

	(void)state;
	assert_string_equal(text, expected);
	free(text);
}

static void flags_are_shown(void **state)
{
	struct kmem_cache *s = kmem_cache_create(
		"flags", 100, 32, SLAB_HWCACHE_ALIGN | SLAB_RECLAIM_ACCOUNT | SLAB_TYPESAFE_BY_RCU, NULL);
	char text[16];

	(void)state;
	assert_int_equal(kmm_cache_attr_get("flags", "hwcache_align", text, sizeof(text)), 2);
	assert_string_equal(text, "1\n");
	kmm_cache_attr_get("flags", "reclaim_account", text, sizeof(text));
	assert_string_equal(text, "1\n");
	kmm_cache_attr_get("flags", "destroy_by_rcu", text, sizeof(text));
	assert_string_equal(text, "1\n");
	kmm_cache_attr_get("flags", "align", text, sizeof(text));
	assert_string_equal(text, "64\n");
	kmm_cache_attr_get("flags", "object_size", text, sizeof(text));
	assert_string_equal(text, "100\n");
	kmm_cache_attr_get("flags", "slab_size", text, sizeof(text));
	assert_string_equal(text, "128\n");
	kmem_cache_destroy(s);
	assert_int_equal(kmm_cache_attr_get("flags", "align", text, sizeof(text)), -ENOENT);
}

/* One slab full, one on the list of CPU 1 with two free objects; on the node's list one with 15 and one with one. */
static void counts_are_the_truth(void **state)
{
	void *objects[3 * NR + 1];

	(void)state;
	take(cache, objects, 3 * NR + 1);
	assert_int_equal(set("cpu_partial", "0"), 0);
	kmem_cache_free(cache, objects[NR]);
	assert_int_equal(set("cpu_partial", "13"), 0);
	/* The slab that CPU 0 had at hand is on the node's list by now. */
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[2 * NR]);
	kmem_cache_free(cache, objects[2 * NR + 1]);
	expect_file("slabs", "4\n");
	expect_file("total_objects", "64\n");
	expect_file("partial", "2\n");
	expect_file("objects_partial", "16\n");
	/* What is free on the CPU's list counts as in use. */
	expect_file("objects", "48\n");
	expect_file("cpu_slabs", "1\n");
	expect_file("slabs_cpu_partial", "1(1) C1=1(1)\n");
	cpu_id_pin(0);
	give_all(cache, objects, NR);
	give_all(cache, objects + NR + 1, NR - 1);
	give_all(cache, objects + 2 * NR + 2, NR - 1);
}

static void slabs_of_cpus_are_counted(void **state)
{
	void *objects[3 * NR], *other;

	(void)state;
	take(cache, objects, 3 * NR);
	cpu_id_pin(2);
	other = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, objects[0]);
	kmem_cache_free(cache, objects[NR]);
	/* CPU 0 has one at hand, used up; CPU 2 one at hand and two listed. */
	expect_file("cpu_slabs", "4\n");
	expect_file("slabs_cpu_partial", "2(2) C2=2(2)\n");
	kmem_cache_free(cache, other);
	give_all(cache, objects + 1, NR - 1);
	give_all(cache, objects + NR + 1, 2 * NR - 1);
}

static void counts_of_several_nodes_are_told_apart(void **state)
{
	void *objects[3];

	(void)state;
	expect_file("slabs", "0\n");
	for (int i = 0; i < 3; i++) {
		objects[i] = kmem_cache_alloc_node(cache, GFP_KERNEL, i ? 1 : 0);
		assert_non_null(objects[i]);
	}
	expect_file("slabs", "2 N0=1 N1=1\n");
	expect_file("total_objects", "32 N0=16 N1=16\n");
	expect_file("cpu_slabs", "1 N1=1\n");
	expect_file("partial", "1 N0=1\n");
	expect_file("objects_partial", "1 N0=1\n");
	expect_file("objects", "17 N0=1 N1=16\n");
	give_all(cache, objects, 3);
}

static void reading_fails_as_said(void **state)
{
	char text[4] = "xyz";

	(void)state;
	assert_int_equal(kmm_cache_attr_get("attr", "no such file", text, sizeof(text)), -ENOENT);
	assert_int_equal(kmm_cache_attr_get("no such cache", "order", text, sizeof(text)), -ENOENT);
	assert_int_equal(kmm_cache_attr_get("attr", "slab_size", text, 4), -ENOSPC);
	assert_string_equal(text, "256");
	assert_int_equal(kmm_cache_attr_get("attr", "order", text, 3), 2);
	assert_int_equal(kmm_cache_attr_get("attr", "order", text, 2), -ENOSPC);
	assert_int_equal(kmm_cache_attr_get("attr", "order", text, 0), -ENOSPC);
	assert_int_equal(kmm_cache_attr_get("attr", "ctor", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(kmm_cache_attrs(stdout, "no such cache"), -ENOENT);
}

static void setting_fails_as_said(void **state)
{
	static const char *const no_numbers[] = { "", "\n", "x", "-1", "1x", "1\n\n", " 1", "+", "0x1" };

	(void)state;
	assert_int_equal(set("no such file", "1"), -ENOENT);
	assert_int_equal(kmm_cache_attr_set("no such cache", "shrink", "1"), -ENOENT);
	assert_int_equal(kmm_cache_attr_set("no such cache", "validate", "1"), -ENOENT);
	assert_int_equal(set("order", "1"), -EACCES);
	assert_int_equal(set("ctor", "1"), -EACCES);
	for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++) {
		assert_int_equal(set("min_partial", no_numbers[i]), -EINVAL);
		assert_int_equal(set("cpu_partial", no_numbers[i]), -EINVAL);
	}
	assert_int_equal(set("min_partial", "99999999999999999999"), -ERANGE);
	assert_int_equal(set("cpu_partial", "4294967295"), -ERANGE);
	assert_int_equal(set("shrink", "0"), -EINVAL);
	assert_int_equal(set("validate", "0"), -EINVAL);
	expect_file("min_partial", "5\n");
	expect_file("cpu_partial", "13\n");
}

static void numbers_have_limits(void **state)
{
	char most[32];

	(void)state;
	snprintf(most, sizeof(most), "%lu\n", ~0UL);
	assert_int_equal(set("min_partial", most), 0);
	expect_file("min_partial", most);
	assert_int_equal(set("min_partial", "+0007\n"), 0);
	expect_file("min_partial", "7\n");
	assert_int_equal(set("cpu_partial", "32767"), 0);
	expect_file("cpu_partial", "32767\n");
}

static void min_partial_decides_how_many_empty_slabs_stay(void **state)
{
	void *objects[8 * NR];

	(void)state;
	assert_int_equal(set("cpu_partial", "0"), 0);
	assert_int_equal(set("min_partial", "2"), 0);
	take(cache, objects, 8 * NR);
	flush_all(cache);
	/* A slab that becomes empty goes when, itself included, two are listed. */
	give_all(cache, objects, 8 * NR);
	expect_file("slabs", "1\n");
	expect_file("partial", "1\n");
}

static void a_new_cpu_partial_sends_lists_back(void **state)
{
	void *objects[2 * NR + 1];

	(void)state;
	take(cache, objects, 2 * NR + 1);
	kmem_cache_free(cache, objects[0]);
	expect_file("slabs_cpu_partial", "1(1) C0=1(1)\n");
	assert_int_equal(set("cpu_partial", "0"), 0);
	expect_file("slabs_cpu_partial", "0(0)\n");
	expect_file("cpu_slabs", "0\n");
	kmem_cache_free(cache, objects[NR]);
	expect_file("slabs_cpu_partial", "0(0)\n");
	give_all(cache, objects + 1, NR - 1);
	give_all(cache, objects + NR + 1, NR);
}

static void a_cache_with_checks_has_no_cpu_partial_lists(void **state)
{
	const slab_flags_t flags = cache->flags;
	int err, off;

	(void)state;
	cache->flags |= SLAB_STORE_USER;
	err = set("cpu_partial", "13");
	off = set("cpu_partial", "0");
	cache->flags = flags;
	assert_int_equal(err, -EINVAL);
	assert_int_equal(off, 0);
}

static void shrink_frees_empty_slabs(void **state)
{
	void *objects[2 * NR];

	(void)state;
	take(cache, objects, 2 * NR);
	give_all(cache, objects, 2 * NR);
	assert_int_equal(set("shrink", "1\n"), 0);
	expect_file("slabs", "0\n");
	expect_file("shrink", "");
}

static void the_ratio_of_far_looks_is_in_percent(void **state)
{
	(void)state;
	expect_file("remote_node_defrag_ratio", "100\n");
	assert_int_equal(set("remote_node_defrag_ratio", "37"), 0);
	expect_file("remote_node_defrag_ratio", "37\n");
	assert_int_equal(cache->remote_node_defrag_ratio, 370);
	assert_int_equal(set("remote_node_defrag_ratio", "101"), -ERANGE);
	assert_int_equal(set("remote_node_defrag_ratio", "x"), -EINVAL);
	expect_file("remote_node_defrag_ratio", "37\n");
}

static void files_of_what_is_not_there_do_not_exist(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(kmm_cache_attr_get("attr", "remote_node_defrag_ratio", text, sizeof(text)), -ENOENT);
	assert_int_equal(set("remote_node_defrag_ratio", "1"), -ENOENT);
	assert_int_equal(kmm_cache_attr_get("attr", "cache_dma", text, sizeof(text)), -ENOENT);
}

static void cache_dma_is_there_with_a_zone_dma(void **state)
{
	struct kmem_cache *s;
	char text[16];

	(void)state;
	assert_int_equal(world_start("dma=4M", WORLD_LIMIT, WORLD_CPUS), 0);
	s = kmem_cache_create("dma", 64, 0, SLAB_CACHE_DMA, NULL);
	assert_int_equal(kmm_cache_attr_get("dma", "cache_dma", text, sizeof(text)), 2);
	assert_string_equal(text, "1\n");
	assert_int_equal(kmm_cache_attr_get("kmalloc-64", "cache_dma", text, sizeof(text)), 2);
	assert_string_equal(text, "0\n");
	kmem_cache_destroy(s);
}

/* -rdynamic: it has a name that the dynamic linker knows. */
void attr_test_constructor(void *object);
void attr_test_constructor(void *object)
{
	*(char *)object = 1;
}

static void nameless_constructor(void *object)
{
	*(char *)object = 2;
}

static void constructors_are_shown_by_name(void **state)
{
	struct kmem_cache *s = kmem_cache_create("made", 64, 0, 0, attr_test_constructor);
	char text[300], expected[64];
	unsigned int size;
	int end = 0;

	(void)state;
	assert_true(kmm_cache_attr_get("made", "ctor", text, sizeof(text)) > 0);
	assert_int_equal(sscanf(text, "attr_test_constructor+0x0/0x%x%n", &size, &end), 1);
	assert_string_equal(text + end, "\n");
	assert_in_range(size, 1, 1000);
	kmem_cache_destroy(s);

	s = kmem_cache_create("made", 64, 0, 0, nameless_constructor);
	kmm_cache_attr_get("made", "ctor", text, sizeof(text));
	snprintf(expected, sizeof(expected), "0x%lx\n", (unsigned long)(uintptr_t)nameless_constructor);
	assert_string_equal(text, expected);
	kmem_cache_destroy(s);
}

static void symbols_of_shared_objects_name_the_object(void **state)
{
	char text[SYMBOL_TEXT_MAX];
	unsigned int offset, size;
	int end = 0;

	(void)state;
	symbol_text(text, sizeof(text), (const void *)((uintptr_t)strtoul + 2));
	/* The C library has several names for some of its functions. */
	assert_int_equal(sscanf(text, "%*[_a-z]+0x%x/0x%x %n", &offset, &size, &end), 2);
	assert_true(offset < size);
	assert_int_equal(strncmp(text + end, "[libc.so", 8), 0);
}

static void a_merged_cache_is_found_by_each_name(void **state)
{
	struct kmem_cache *a = kmem_cache_create("first_of_two", 904, 0, 0, NULL);
	struct kmem_cache *b = kmem_cache_create("second_of_two", 904, 0, 0, NULL);
	char text[16], *dir;

	(void)state;
	assert_ptr_equal(a, b);
	assert_int_equal(kmm_cache_attr_get("first_of_two", "aliases", text, sizeof(text)), 2);
	assert_string_equal(text, "1\n");
	assert_int_equal(kmm_cache_attr_get("second_of_two", "slab_size", text, sizeof(text)), 4);
	assert_string_equal(text, "904\n");
	assert_int_equal(kmm_cache_attr_get(":0000904", "slab_size", text, sizeof(text)), 4);
	dir = text_of(dir_view, NULL);
	assert_non_null(strstr(dir, ":0000904/\n"));
	assert_non_null(strstr(dir, "\nfirst_of_two -> :0000904\n"));
	assert_non_null(strstr(dir, "\nsecond_of_two -> :0000904\n"));
	assert_null(strstr(dir, "first_of_two/"));
	free(dir);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	assert_int_equal(kmm_cache_attr_get(":0000904", "slab_size", text, sizeof(text)), -ENOENT);
}

static void the_directory_is_sorted_and_names_every_cache_once(void **state)
{
	struct kmem_cache *twin = kmem_cache_create("attr", 512, 0, SLAB_NO_MERGE, NULL);
	char *dir = text_of(dir_view, NULL), *save = NULL, last[100] = "";
	unsigned int attrs = 0, kmallocs = 0;
	char text[16];

	(void)state;
	world_expect_report("'attr' already exists");
	for (char *line = strtok_r(dir, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "/ ")] = '\0';
		assert_true(strcmp(last, line) < 0);
		snprintf(last, sizeof(last), "%s", line);
		attrs += !strcmp(line, "attr");
		kmallocs += !strcmp(line, "kmalloc-64");
		assert_true(kmm_cache_attr_get(line, "order", text, sizeof(text)) == 2);
	}
	assert_int_equal(attrs, 1);
	assert_int_equal(kmallocs, 1);
	free(dir);
	/* Of two caches of one name the newest is meant. */
	expect_file("slab_size", "512\n");
	kmem_cache_destroy(twin);
	expect_file("slab_size", "256\n");
}

/* A FILE that calls back into the library. */
static ssize_t making_write(void *cookie, const char *buf, size_t size)
{
	struct kmem_cache *s = kmem_cache_create("made_while_written", 72, 0, SLAB_NO_MERGE, NULL);

	(void)cookie;
	(void)buf;
	kmem_cache_destroy(s);
	return (ssize_t)size;
}

static void nothing_is_locked_while_a_file_is_written(void **state)
{
	const cookie_io_functions_t functions = { .write = making_write };
	FILE *file = fopencookie(NULL, "w", functions);

	(void)state;
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(kmm_cache_attrs(file, "attr"), 0);
	assert_int_equal(kmm_slab_dir(file), 0);
	assert_int_equal(kmm_slabinfo(file), 0);
	fclose(file);
}

static void failures_of_views_are_errors(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(kmm_cache_attrs(full, "attr"), -EIO);
	assert_int_equal(kmm_slab_dir(full), -EIO);
	fclose(full);

	buddy_inject_failure(1, true);
	assert_int_equal(kmm_cache_attrs(file, "attr"), -ENOMEM);
	assert_int_equal(kmm_slab_dir(file), -ENOMEM);
	assert_int_equal(kmm_slabinfo(file), -ENOMEM);
	buddy_inject_failure(2, true);
	assert_int_equal(kmm_slab_dir(file), -ENOMEM);
	buddy_inject_failure(0, false);
	fclose(file);
	assert_int_equal(size, 0);
	free(text);
}

static void after_the_end_there_is_nothing(void **state)
{
	char text[16], *dir;

	(void)state;
	kmm_exit();
	assert_int_equal(kmm_cache_attr_get("kmalloc-64", "order", text, sizeof(text)), -ENOENT);
	assert_int_equal(kmm_cache_attr_set("kmalloc-64", "shrink", "1"), -ENOENT);
	assert_int_equal(kmm_cache_attrs(stdout, "kmalloc-64"), -ENOENT);
	dir = text_of(dir_view, NULL);
	assert_string_equal(dir, "");
	free(dir);
	dir = text_of(dir_view, NULL);
	free(dir);
	kmm_boot_reset_for_test();
}

static int empty_teardown(void **state)
{
	(void)state;
	cpu_id_pin(-1);
	return 0;
}

#define ATTR(test) cmocka_unit_test_setup_teardown(test, cache_setup, cache_teardown)
#define NODES(test) cmocka_unit_test_setup_teardown(test, nodes_setup, cache_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTR(a_new_cache_has_the_files_of_the_kernel),
		ATTR(flags_are_shown),
		ATTR(counts_are_the_truth),
		ATTR(slabs_of_cpus_are_counted),
		NODES(counts_of_several_nodes_are_told_apart),
		ATTR(reading_fails_as_said),
		ATTR(setting_fails_as_said),
		ATTR(numbers_have_limits),
		ATTR(min_partial_decides_how_many_empty_slabs_stay),
		ATTR(a_new_cpu_partial_sends_lists_back),
		ATTR(a_cache_with_checks_has_no_cpu_partial_lists),
		ATTR(shrink_frees_empty_slabs),
		NODES(the_ratio_of_far_looks_is_in_percent),
		ATTR(files_of_what_is_not_there_do_not_exist),
		cmocka_unit_test_teardown(cache_dma_is_there_with_a_zone_dma, world_teardown),
		ATTR(constructors_are_shown_by_name),
		ATTR(symbols_of_shared_objects_name_the_object),
		ATTR(a_merged_cache_is_found_by_each_name),
		ATTR(the_directory_is_sorted_and_names_every_cache_once),
		ATTR(nothing_is_locked_while_a_file_is_written),
		ATTR(failures_of_views_are_errors),
		cmocka_unit_test_setup_teardown(after_the_end_there_is_nothing, world_setup, empty_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
