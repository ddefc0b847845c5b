/* SPDX-License-Identifier: MIT
 * page_report_test.c - the words of the two reports, line by line, and how often they come.
 */
#include <sys/prctl.h>

#include "node_world.h"

static int setup(void **state)
{
	prctl(PR_SET_NAME, "page reports", 0, 0, 0);
	return setup_one_block(state);
}

static int setup_nodes(void **state)
{
	prctl(PR_SET_NAME, "page reports", 0, 0, 0);
	return world_reset(state);
}

static void bad_page_shows_the_state_of_the_page(void **state)
{
	struct page *page = pfn_to_page(5);
	char line[256];

	(void)state;
	bad_page(page, "a reason of the test");
	snprintf(line, sizeof(line),
		 "BUG: Bad page state in process page reports  pfn:00005\n"
		 "page:%0*lx refcount:0 mapcount:0 mapping:%0*lx index:0x0 pfn:0x5\n"
		 "flags: 0()\n"
		 "raw: ",
		 (int)(2 * sizeof(long)), (unsigned long)page, (int)(2 * sizeof(long)), 0UL);
	assert_int_equal(strncmp(capture.last, line, strlen(line)), 0);
	assert_non_null(strstr(capture.last, "\npage dumped because: a reason of the test\n"));
	assert_int_equal(capture.last_level, KMM_REPORT_WARN);
}

/* As in the kernel: 32 bytes a line, each word with all its digits. */
static void bad_page_shows_the_raw_words(void **state)
{
	const unsigned int per_line = 32 / sizeof(long);
	const char *p;

	(void)state;
	bad_page(pfn_to_page(5), "none");
	p = strstr(capture.last, "raw: ");
	for (unsigned int i = 0; i < sizeof(struct page) / sizeof(long); i++) {
		unsigned long word = ((unsigned long *)(void *)pfn_to_page(5))[i];
		char text[32];

		snprintf(text, sizeof(text), "%s%0*lx%s", i % per_line ? " " : "raw: ", (int)(2 * sizeof(long)), word,
			 (i + 1) % per_line ? "" : "\n");
		assert_int_equal(strncmp(p, text, strlen(text)), 0);
		p += strlen(text);
	}
	assert_int_equal(strncmp(p, "page dumped because: ", 21), 0);
}

static void bad_page_names_the_flags_and_the_head(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	char line[128];

	(void)state;
	bad_page(page + 3, "none");
	snprintf(line, sizeof(line), "head:%0*lx order:2 compound_mapcount:0 compound_pincount:0\n",
		 (int)(2 * sizeof(long)), (unsigned long)page);
	assert_reported(line);
	assert_reported("flags: 0x2000004(head)\n");
	assert_reported("refcount:1 mapcount:0");
	__free_pages(page, 2);
}

static void a_corrupt_link_does_not_lead_out_of_the_array(void **state)
{
	struct page *page = pfn_to_page(5);
	const unsigned long saved = page->compound_head;

	(void)state;
	page->compound_head = 0xdeadbeefUL | 1;
	bad_page(page, "none");
	assert_reported("pfn:00005");
	page->compound_head = saved;
}

static void sixty_bad_pages_a_minute_are_shown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 70; i++)
		bad_page(pfn_to_page(5), "none");
	assert_int_equal(capture.nr, 60);
	capture_clear();
	/* A new world begins with a new minute. */
	page_report_reset();
	bad_page(pfn_to_page(5), "none");
	assert_int_equal(capture.nr, 1);
}

static void allocation_failure_in_the_words_of_the_kernel(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	char line[512];

	(void)state;
	warn_alloc(GFP_KERNEL | __GFP_COMP | __GFP_NORETRY, NULL, 4);
	snprintf(line, sizeof(line),
		 "page reports: page allocation failure: order:4, mode:0x50cc0(GFP_KERNEL|__GFP_NORETRY|__GFP_COMP), "
		 "nodemask=(null),mems_allowed=0\n"
		 "Node 0 slab_reclaimable:0kB slab_unreclaimable:0kB\n"
		 "Node 0 Normal free:4092kB boost:0kB min:0kB low:0kB high:0kB reserved_highatomic:0kB present:4096kB "
		 "managed:4096kB offline:0kB free_pcp:0kB free_cma:0kB\n"
		 "lowmem_reserve[]: 0 0 0\n"
		 "Node 0 Normal: 1*4kB (U) 1*8kB (U) 1*16kB (U) 1*32kB (U) 1*64kB (U) 1*128kB (U) 1*256kB (U) "
		 "1*512kB (U) 1*1024kB (U) 1*2048kB (U) 0*4096kB = 4092kB\n");
	assert_string_equal(capture.last, line);
	__free_page(page);
}

static void flags_are_named_in_the_order_of_the_kernel(void **state)
{
	static const struct {
		gfp_t gfp;
		const char *names;
	} cases[] = {
		{ 0, "mode:0(none)" },
		{ GFP_ATOMIC | __GFP_NOWARN, "(GFP_ATOMIC|__GFP_NOWARN)" },
		{ GFP_NOFS | __GFP_ZERO, "(GFP_NOFS|__GFP_ZERO)" },
		{ GFP_NOWAIT, "(GFP_NOWAIT)" },
		{ GFP_HIGHUSER_MOVABLE, "(GFP_HIGHUSER_MOVABLE)" },
		{ GFP_KERNEL | __GFP_RECLAIMABLE, "(GFP_KERNEL|__GFP_RECLAIMABLE)" },
		{ __GFP_DIRECT_RECLAIM, "(__GFP_DIRECT_RECLAIM)" },
		{ GFP_KERNEL_ACCOUNT, "(GFP_KERNEL_ACCOUNT)" },
		{ __GFP_ZERO | 0x80000000u, "(__GFP_ZERO|0x80000000)" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		page_report_reset();
		warn_alloc(cases[i].gfp, NULL, 0);
		assert_reported(cases[i].names);
	}
}

static void one_failure_in_ten_seconds_is_shown(void **state)
{
	struct page *all = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_null(alloc_page(GFP_KERNEL));
	assert_int_equal(capture.nr, 1);
	__free_pages(all, 10);
}

static void nodes_are_listed_as_the_kernel_lists_bits(void **state)
{
	static const struct {
		unsigned long bits;
		const char *list;
	} cases[] = {
		{ 0, "nodemask=,mems" },          { 0x1, "nodemask=0,mems" },           { 0xb, "nodemask=0-1,3,mems" },
		{ 0xffff, "nodemask=0-15,mems" }, { 0x8105, "nodemask=0,2,8,15,mems" }, { ~0UL, "nodemask=0-15,mems" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		page_report_reset();
		warn_alloc(GFP_KERNEL, &(nodemask_t){ .bits = cases[i].bits }, 0);
		assert_reported(cases[i].list);
	}
}

static struct {
	unsigned int nr, nr_nodes, nr_zones, nr_reserves, nr_lists;
} whole;

static unsigned int count(const char *text, const char *words)
{
	unsigned int nr = 0;

	for (; (text = strstr(text, words)); text++)
		nr++;
	return nr;
}

/* Each report on its own. */
static void count_whole_lines(enum kmm_report_level level, const char *text, void *arg)
{
	const size_t len = strlen(text);

	(void)arg;
	assert_int_equal(level, KMM_REPORT_ERR);
	assert_true(len && text[len - 1] == '\n' && len < KMM_REPORT_MAX - 1);
	assert_null(strstr(text, "..."));
	assert_true(whole.nr ? strncmp(text, "Node ", 5) == 0 || strncmp(text, "lowmem", 6) == 0 :
			       strncmp(text, "page reports: page allocation failure: ", 39) == 0);
	whole.nr++;
	whole.nr_nodes += count(text, " slab_reclaimable:");
	whole.nr_zones += count(text, " present:");
	whole.nr_reserves += count(text, "lowmem_reserve[]:");
	whole.nr_lists += count(text, " = ");
}

/* More than one report holds: none of it is lost. */
static void a_failure_among_many_nodes_is_told_in_whole_lines(void **state)
{
	(void)state;
	fake_nodes(MAX_NUMNODES);
	buddy_options.movable = MAX_NUMNODES * PAGEBLOCK_SIZE;
	buddy_options.dma = PAGEBLOCK_SIZE;
	world_open(3 * MAX_NUMNODES);
	memset(&whole, 0, sizeof(whole));
	kmm_report_callback_set(count_whole_lines, NULL);
	warn_alloc(GFP_KERNEL, NULL, 0);
	warn_alloc(GFP_KERNEL, NULL, 0); /* in the same ten seconds */
	capture_start();
	assert_int_equal(whole.nr_nodes, MAX_NUMNODES);
	assert_int_equal(whole.nr_zones, 2 * MAX_NUMNODES + 1);
	assert_int_equal(whole.nr_reserves, 2 * MAX_NUMNODES + 1);
	assert_int_equal(whole.nr_lists, 2 * MAX_NUMNODES + 1);
	assert_true(whole.nr > 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_pages)
	const struct CMUnitTest tests[] = {
		TEST(bad_page_shows_the_state_of_the_page),
		TEST(bad_page_shows_the_raw_words),
		TEST(bad_page_names_the_flags_and_the_head),
		TEST(a_corrupt_link_does_not_lead_out_of_the_array),
		TEST(sixty_bad_pages_a_minute_are_shown),
		TEST(allocation_failure_in_the_words_of_the_kernel),
		TEST(flags_are_named_in_the_order_of_the_kernel),
		TEST(one_failure_in_ten_seconds_is_shown),
		TEST(nodes_are_listed_as_the_kernel_lists_bits),
		cmocka_unit_test_setup_teardown(a_failure_among_many_nodes_is_told_in_whole_lines, setup_nodes,
						world_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
