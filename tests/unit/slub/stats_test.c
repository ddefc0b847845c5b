/* SPDX-License-Identifier: MIT
 * stats_test.c - slabinfo: the kernel's shape, and the truth.
 */
#define _GNU_SOURCE /* fopencookie() */
#include "slub_world.h"

#include <errno.h>
#include <stdlib.h>

/* One data line of slabinfo, as a reader of the kernel's file would take it. */
struct row {
	char name[130];
	unsigned long active, total;
	unsigned int size, objects, pages;
	unsigned long active_slabs, slabs;
};

static char *slabinfo_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(kmm_slabinfo(file), 0);
	fclose(file);
	return text;
}

/* Finds the row of one cache; checks the shape of every line on the way. Returns the number of data lines. */
static unsigned int find_row(const char *name, struct row *found)
{
	char *text = slabinfo_text(), *save = NULL;
	char *line = strtok_r(text, "\n", &save);
	unsigned int rows = 0;

	memset(found, 0, sizeof(*found));
	assert_string_equal(line, "slabinfo - version: 2.1");
	line = strtok_r(NULL, "\n", &save);
	assert_string_equal(
		line, "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
		      "<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>");
	while ((line = strtok_r(NULL, "\n", &save))) {
		struct row row;
		char again[300];

		assert_int_equal(sscanf(line, "%129s %lu %lu %u %u %u : tunables 0 0 0 : slabdata %lu %lu 0", row.name,
					&row.active, &row.total, &row.size, &row.objects, &row.pages, &row.active_slabs,
					&row.slabs),
				 8);
		snprintf(again, sizeof(again),
			 "%-17s %6lu %6lu %6u %4u %4u : tunables    0    0    0 : slabdata %6lu %6lu      0", row.name,
			 row.active, row.total, row.size, row.objects, row.pages, row.active_slabs, row.slabs);
		assert_string_equal(line, again);
		if (!strcmp(row.name, name))
			*found = row;
		rows++;
	}
	free(text);
	return rows;
}

static void new_cache_is_the_first_row_and_empty(void **state)
{
	struct kmem_cache *s = kmem_cache_create("a_rather_long_cache_name", 100, 0, SLAB_NO_MERGE, NULL);
	struct row row;

	(void)state;
	assert_int_equal(find_row("a_rather_long_cache_name", &row), 42);
	assert_int_equal(row.active, 0);
	assert_int_equal(row.total, 0);
	assert_int_equal(row.size, s->size);
	assert_int_equal(row.objects, oo_objects(s->oo));
	assert_int_equal(row.pages, 1u << oo_order(s->oo));
	kmem_cache_destroy(s);
	assert_int_equal(find_row("a_rather_long_cache_name", &row), 41);
}

static void counts_are_the_truth_once_cpu_slabs_are_flushed(void **state)
{
	struct kmem_cache *s = kmem_cache_create("counted", 128, 0, SLAB_NO_MERGE, NULL);
	void *objects[1000];
	struct row row;

	(void)state;
	take(s, objects, 1000);
	for (int i = 0; i < 1000; i += 3)
		kmem_cache_free(s, objects[i]);
	kmem_cache_shrink(s);
	find_row("counted", &row);
	assert_int_equal(row.active, 1000 - 334);
	assert_int_equal(row.slabs, get_node(s, 0)->nr_slabs);
	assert_int_equal(row.total, row.slabs * row.objects);
	for (int i = 0; i < 1000; i++)
		if (i % 3)
			kmem_cache_free(s, objects[i]);
	kmem_cache_destroy(s);
}

static void free_objects_of_a_cpu_slab_count_as_active(void **state)
{
	struct kmem_cache *s = kmem_cache_create("held", 64, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);
	struct row row;

	(void)state;
	find_row("held", &row);
	assert_int_equal(row.active, 64);
	assert_int_equal(row.total, 64);
	assert_int_equal(row.slabs, 1);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

static void counts_are_those_of_all_nodes(void **state)
{
	struct kmem_cache *s;
	void *objects[2];
	struct row row;

	(void)state;
	assert_int_equal(world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS), 0);
	cpu_id_pin(0);
	s = kmem_cache_create("nodes", 256, 0, SLAB_NO_MERGE, NULL);
	for (int node = 0; node < 2; node++) {
		objects[node] = kmem_cache_alloc_node(s, GFP_KERNEL, node);
		assert_int_equal(page_to_nid(virt_to_page(objects[node])), node);
	}
	flush_all(s);
	find_row("nodes", &row);
	assert_int_equal(row.active, 2);
	assert_int_equal(row.total, 2 * row.objects);
	assert_int_equal(row.slabs, 2);
	give_all(s, objects, 2);
	kmem_cache_destroy(s);
}

static void a_merged_cache_has_one_row_under_its_first_name(void **state)
{
	struct kmem_cache *a = kmem_cache_create("first_name", 904, 0, 0, NULL);
	unsigned int rows;
	struct kmem_cache *b;
	struct row row;

	(void)state;
	rows = find_row("first_name", &row);
	assert_int_equal(row.size, 904);
	b = kmem_cache_create("second_name", 904, 0, 0, NULL);
	assert_ptr_equal(a, b);
	assert_int_equal(find_row("first_name", &row), rows);
	assert_int_equal(row.size, 904);
	find_row("second_name", &row);
	assert_int_equal(row.size, 0);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

static void a_long_name_is_not_cut(void **state)
{
	char name[301], *text;
	struct kmem_cache *s;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	s = kmem_cache_create(name, 40, 0, SLAB_NO_MERGE, NULL);
	text = slabinfo_text();
	assert_non_null(strstr(text, name));
	free(text);
	kmem_cache_destroy(s);
}

/* Makes caches while it is written to: as a seq_file that reads line by line, the view would see some of them. */
static unsigned int nr_made;
static struct kmem_cache *made[8];
static size_t nr_lines;

static ssize_t making_write(void *cookie, const char *buf, size_t size)
{
	(void)cookie;
	for (size_t i = 0; i < size; i++)
		nr_lines += buf[i] == '\n';
	if (nr_made < ARRAY_SIZE(made))
		made[nr_made++] = kmem_cache_create("made_meanwhile", 72, 0, SLAB_NO_MERGE, NULL);
	return (ssize_t)size;
}

static void the_table_is_of_one_moment_of_the_registry(void **state)
{
	const cookie_io_functions_t functions = { .write = making_write };
	FILE *file = fopencookie(NULL, "w", functions);
	struct row row;
	const unsigned int rows = find_row("none", &row);

	(void)state;
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(kmm_slabinfo(file), 0);
	fclose(file);
	assert_true(nr_made > 1);
	assert_int_equal(nr_lines, 2 + rows);
	for (unsigned int i = 0; i < nr_made; i++)
		kmem_cache_destroy(made[i]);
}

/* The text of very many caches takes more memory than it was first given. */
static void a_table_of_any_length_is_whole(void **state)
{
	struct kmem_cache *many[200];
	struct row row;
	char name[16];
	const unsigned int rows = find_row("none", &row);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
		snprintf(name, sizeof(name), "many_%u", i);
		many[i] = kmem_cache_create(name, 64, 0, SLAB_NO_MERGE, NULL);
		assert_non_null(many[i]);
	}
	assert_int_equal(find_row("many_0", &row), rows + ARRAY_SIZE(many));
	assert_int_equal(row.size, 64);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		kmem_cache_destroy(many[i]);
}

static void a_file_that_cannot_be_written_is_an_error(void **state)
{
	FILE *file = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(kmm_slabinfo(file), -EIO);
	fclose(file);
}

#define VIEW(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIEW(new_cache_is_the_first_row_and_empty),
		VIEW(counts_are_the_truth_once_cpu_slabs_are_flushed),
		VIEW(free_objects_of_a_cpu_slab_count_as_active),
		cmocka_unit_test_teardown(counts_are_those_of_all_nodes, world_teardown),
		VIEW(a_merged_cache_has_one_row_under_its_first_name),
		VIEW(a_long_name_is_not_cut),
		VIEW(the_table_is_of_one_moment_of_the_registry),
		VIEW(a_table_of_any_length_is_whole),
		VIEW(a_file_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
