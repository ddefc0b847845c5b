/* SPDX-License-Identifier: MIT
 * text_pagetypeinfo_test.c - pagetypeinfo: what /proc/pagetypeinfo looks like, and that it counts lists and pageblocks.
 */
#include "text_world.h"

/* Numbers as in skeleton_of(). The widths are the kernel's. */
#define LISTS "      #      #      #      #      #      #      #      #      #      #      # \n"
#define ROW(type) "Node    #, zone   Normal, type " type LISTS
#define HEADINGS                     \
	"Page block order:  #\n"     \
	"Pages per block:     #\n\n" \
	"Free pages count per migrate type at order " LISTS
#define BLOCKS "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic "
#define BLOCK_COUNTS "Node #, zone   Normal            #            #            #            # "

static const char kernel_skeleton[] = HEADINGS ROW("   Unmovable") ROW("     Movable") ROW(" Reclaimable")
	ROW("  HighAtomic") "\n" BLOCKS "\n" BLOCK_COUNTS "\n";

static const char kernel_skeleton_with_cma[] = HEADINGS ROW("   Unmovable") ROW("     Movable") ROW(" Reclaimable")
	ROW("  HighAtomic") ROW("         CMA") ROW("     Isolate") "\n" BLOCKS
								    "         CMA      Isolate \n" BLOCK_COUNTS
								    "           #            # \n";

static void the_lines_are_those_of_the_kernel(void **state)
{
	(void)state;
	assert_string_equal(skeleton_of(text_of(kmm_pagetypeinfo), true), kernel_skeleton);
	assert_int_equal(number_behind(view_text, "Page block order:"), pageblock_order);
	assert_int_equal(number_behind(view_text, "Pages per block:"), pageblock_nr_pages);
}

static void cma_brings_two_columns(void **state)
{
	struct zone *zone = normal_zone();
	const unsigned long cma_pages = zone->cma_pages;

	(void)state;
	WRITE_ONCE(zone->cma_pages, 1024UL);
	text_of(kmm_pagetypeinfo);
	WRITE_ONCE(zone->cma_pages, cma_pages);
	assert_string_equal(skeleton_of(view_text, true), kernel_skeleton_with_cma);
}

static const char *const names[MIGRATE_TYPES] = {
	[MIGRATE_UNMOVABLE] = "Unmovable", [MIGRATE_MOVABLE] = "Movable", [MIGRATE_RECLAIMABLE] = "Reclaimable",
	[MIGRATE_RESERVE] = "HighAtomic",  [MIGRATE_CMA] = "CMA",         [MIGRATE_ISOLATE] = "Isolate",
};

/* Of zone Normal, in the text of the last view. */
static void read_row(enum migratetype type, unsigned long nr[MAX_ORDER])
{
	char label[64], *p;

	snprintf(label, sizeof(label), "Node    0, zone   Normal, type %12s ", names[type]);
	p = strstr(view_text, label);
	assert_non_null(p);
	p += strlen(label);
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		nr[order] = strtoul(p, &p, 10);
}

static unsigned long blocks_listed(unsigned int order, enum migratetype type)
{
	struct cds_list_head *pos;
	unsigned long nr = 0;

	cds_list_for_each(pos, &normal_zone()->free_area[order].free_list[type])
		nr++;
	return nr;
}

static void rows_are_the_lists_of_the_zone(void **state)
{
	static const enum migratetype shown[] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE,
						  MIGRATE_RESERVE };
	unsigned long nr[MAX_ORDER], listed[MAX_ORDER] = { 0 };
	/* Of orders that go past the lists of the CPUs; each splits a larger block. */
	struct page *pages[] = { alloc_pages(GFP_KERNEL, 5), alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 6),
				 alloc_pages(GFP_KERNEL | __GFP_MOVABLE, 7) };
	unsigned long splits = 0;

	(void)state;
	text_of(kmm_pagetypeinfo);
	for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++) {
		read_row(shown[i], nr);
		for (unsigned int order = 0; order < MAX_ORDER; order++) {
			assert_int_equal(nr[order], blocks_listed(order, shown[i]));
			listed[order] += nr[order];
			splits += order < MAX_ORDER - 1 && nr[order];
		}
	}
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		assert_int_equal(listed[order], normal_zone()->free_area[order].nr_free);
	assert_true(splits >= 3);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_non_null(pages[i]);
		__free_pages(pages[i], 5 + i);
	}
}

/* The counts of pageblocks, in the order of the text. */
static void read_block_counts(unsigned long nr[4])
{
	static const char head[] = "\nNode 0, zone   Normal ";
	char *p = strstr(text_of(kmm_pagetypeinfo), head);

	assert_non_null(p);
	p += strlen(head);
	for (unsigned int i = 0; i < 4; i++)
		nr[i] = strtoul(p, &p, 10);
}

static void a_pageblock_is_counted_by_its_type(void **state)
{
	unsigned long before[4], after[4], sum = 0;
	enum migratetype type;
	struct page *page;

	(void)state;
	page = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, 10); /* a whole pageblock */
	assert_non_null(page);
	type = pageblock_type(page);
	assert_int_equal(type, MIGRATE_MOVABLE);
	read_block_counts(before);
	kmm_lock(&normal_zone()->lock);
	pageblock_set_type(page, MIGRATE_RECLAIMABLE);
	kmm_unlock(&normal_zone()->lock);
	read_block_counts(after);
	kmm_lock(&normal_zone()->lock);
	pageblock_set_type(page, type);
	kmm_unlock(&normal_zone()->lock);
	__free_pages(page, 10);
	assert_int_equal(after[0], before[0]);
	assert_int_equal(after[1], before[1] - 1);
	assert_int_equal(after[2], before[2] + 1);
	assert_int_equal(after[3], before[3]);
	for (unsigned int i = 0; i < 4; i++)
		sum += after[i];
	/* Those that are not online yet have no type. */
	assert_int_equal(sum, (normal_zone()->present_pages - normal_zone()->nr_offline) >> pageblock_order);
	assert_true(normal_zone()->nr_offline > 0);
}

/* Links @nr heads of nothing into a list, for as long as the view runs. */
static unsigned long row_with_long_list(unsigned long nr)
{
	struct cds_list_head *nodes = calloc(nr, sizeof(*nodes));
	struct cds_list_head *list = &normal_zone()->free_area[3].free_list[MIGRATE_RECLAIMABLE];
	unsigned long counts[MAX_ORDER];

	assert_non_null(nodes);
	assert_true(cds_list_empty(list));
	for (unsigned long i = 0; i < nr; i++)
		cds_list_add(&nodes[i], list);
	text_of(kmm_pagetypeinfo);
	CDS_INIT_LIST_HEAD(list);
	free(nodes);
	if (strchr(view_text, '>'))
		*strchr(view_text, '>') = ' ';
	else
		assert_true(nr < 100000);
	read_row(MIGRATE_RECLAIMABLE, counts);
	return counts[3];
}

static void a_long_list_is_counted_up_to_a_limit(void **state)
{
	(void)state;
	assert_int_equal(row_with_long_list(99999), 99999);
	assert_int_equal(row_with_long_list(100000), 100000);
	assert_int_equal(row_with_long_list(250000), 100000);
}

/* As in the kernel, which writes the text anew for each node. */
static void each_node_has_its_headings(void **state)
{
	const char *second;

	(void)state;
	text_of(kmm_pagetypeinfo);
	second = strstr(view_text + 1, "Page block order: ");
	assert_non_null(second);
	assert_true(strstr(view_text, "Node    0, zone      DMA, type    Unmovable ") < second);
	assert_true(strstr(view_text, "\nNode 0, zone  Movable ") < second);
	assert_null(strstr(second, "zone      DMA"));
	assert_true(strstr(second, "\nNode 1, zone   Normal ") < strstr(second, "\nNode 1, zone  Movable "));
	assert_null(strstr(second + 1, "Page block order: "));
}

static void a_failed_write_is_an_error(void **state)
{
	(void)state;
	assert_failed_write_is_an_error(kmm_pagetypeinfo);
}

static void it_starts_the_library_and_outlives_it(void **state)
{
	(void)state;
	assert_string_equal(assert_starts_and_outlives_the_library(kmm_pagetypeinfo), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_text, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_lines_are_those_of_the_kernel),
		TEST(cma_brings_two_columns),
		TEST(rows_are_the_lists_of_the_zone),
		TEST(a_pageblock_is_counted_by_its_type),
		TEST(a_long_list_is_counted_up_to_a_limit),
		cmocka_unit_test_setup_teardown(each_node_has_its_headings, setup_text_two_nodes, world_teardown),
		TEST(a_failed_write_is_an_error),
		TEST(it_starts_the_library_and_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
