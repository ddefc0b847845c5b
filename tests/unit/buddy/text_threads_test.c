/* SPDX-License-Identifier: MIT
 * text_threads_test.c - the views read what other threads change: nothing stops, and no race is reported under tsan.
 */
#include "text_world.h"
#include "support/threads.h"

static const view_fn views[] = { kmm_buddyinfo, kmm_pagetypeinfo,   kmm_zoneinfo,
				 kmm_vmstat,    kmm_unusable_index, kmm_extfrag_index };

static bool view_failed[ARRAY_SIZE(views)];

static void show_often(unsigned int view)
{
	for (unsigned int i = 0; i < 20; i++) {
		char *text = NULL;
		size_t size = 0;
		FILE *file = open_memstream(&text, &size);

		view_failed[view] |= !file || views[view](file) || fclose(file) || !size;
		free(text);
	}
}

/* Orders that CPUs keep and others, and what else is counted. */
static void allocate_often(unsigned int index)
{
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (unsigned int i = 0; i < 2000; i++) {
		struct page *page = alloc_pages(i % 3 ? GFP_KERNEL : GFP_KERNEL | __GFP_MOVABLE, i % 6);

		mod_node_page_state(NODE_DATA(0), NR_WRITTEN, 1);
		if (page)
			__free_pages(page, i % 6);
		if (i % 100 == 0)
			drain_all_pages(NULL);
	}
	cpu_id_pin(-1);
}

static void show_or_allocate(unsigned int index, void *arg)
{
	(void)arg;
	if (index < ARRAY_SIZE(views))
		show_often(index);
	else
		allocate_often(index);
}

static void views_can_be_written_while_others_allocate(void **state)
{
	(void)state;
	run_threads(ARRAY_SIZE(views) + 2, show_or_allocate, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(views); i++)
		assert_false(view_failed[i]);
	assert_int_equal(number_behind(text_of(kmm_vmstat), "\nnr_written "), 2 * 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(views_can_be_written_while_others_allocate, setup_text, world_teardown),
		cmocka_unit_test_setup_teardown(views_can_be_written_while_others_allocate, setup_text_two_nodes,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
