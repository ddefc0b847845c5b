/* SPDX-License-Identifier: MIT
 * gfp_test.c - combinations of flags do what their names say.
 */
#include <kmm/kmm.h>

#include "support/pages_world.h"

static void the_flags_say_who_may_wait(void **state)
{
	static const gfp_t waiting[] = { GFP_KERNEL,           GFP_NOIO,           GFP_NOFS,     GFP_USER,
					 GFP_HIGHUSER_MOVABLE, GFP_KERNEL_ACCOUNT, GFP_TRANSHUGE };
	static const gfp_t not_waiting[] = { 0, GFP_ATOMIC, GFP_NOWAIT, GFP_TRANSHUGE_LIGHT, GFP_DMA };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		assert_true(gfpflags_allow_blocking(waiting[i]));
	for (size_t i = 0; i < ARRAY_SIZE(not_waiting); i++)
		assert_false(gfpflags_allow_blocking(not_waiting[i]));
}

static void huge_pages_are_compound_or_quietly_missing(void **state)
{
	static const gfp_t huge[] = { GFP_TRANSHUGE, GFP_TRANSHUGE_LIGHT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(huge); i++) {
		struct page *page = alloc_pages(huge[i], pageblock_order);

		assert_non_null(page);
		assert_int_equal(compound_order(page), pageblock_order);
		assert_null(alloc_pages(huge[i], pageblock_order));
		__free_pages(page, pageblock_order);
		assert_silent();
	}
}

/* Nobody but those who free memory may use the last pages, and of those a huge page has no need. */
static void huge_pages_leave_the_reserves_alone(void **state)
{
	unsigned int scope;
	struct page *page;

	(void)state;
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = 1024;
	scope = memalloc_noreclaim_save();
	assert_null(alloc_pages(GFP_TRANSHUGE, pageblock_order));
	assert_null(alloc_pages(GFP_TRANSHUGE_LIGHT, pageblock_order));
	page = alloc_pages(GFP_KERNEL, pageblock_order);
	assert_non_null(page);
	memalloc_noreclaim_restore(scope);
	__free_pages(page, pageblock_order);
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_one_block, teardown_pages)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_flags_say_who_may_wait),
		TEST(huge_pages_are_compound_or_quietly_missing),
		TEST(huge_pages_leave_the_reserves_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
