/* SPDX-License-Identifier: MIT
 * pages_fault_test.c - the first, second, ... n-th page fails for the calls around pages: what was not had is NULL, nothing is
 * lost, and everything can be given back.
 */
#include "support/world.h"

#define NR_PAGES 300

/* All that one run takes; what could not be had is NULL. */
struct haul {
	struct page *bulk[100];
	void *exact[8];
	void *frags[60];
	struct folio *folios[4];
	struct page *split[8];
	struct page_frag_cache nc;
	unsigned int nr_missing;
};

static size_t exact_size(unsigned int i)
{
	return (3 * i + 1) * PAGE_SIZE - i * 100;
}

static void take(struct haul *haul)
{
	struct page *block;

	memset(haul, 0, sizeof(*haul));
	haul->nr_missing += 100 - (unsigned int)alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, 100, haul->bulk);
	for (unsigned int i = 0; i < 8; i++) {
		haul->exact[i] = alloc_pages_exact(exact_size(i), GFP_KERNEL | __GFP_NOWARN);
		haul->nr_missing += !haul->exact[i];
		if (haul->exact[i])
			memset(haul->exact[i], 0x5a, exact_size(i));
	}
	for (unsigned int i = 0; i < 60; i++) {
		haul->frags[i] = page_frag_alloc(&haul->nc, 1 + i * 97, GFP_KERNEL | __GFP_NOWARN);
		haul->nr_missing += !haul->frags[i];
		if (haul->frags[i])
			memset(haul->frags[i], 0x5a, 1 + i * 97);
	}
	for (unsigned int i = 0; i < 4; i++) {
		haul->folios[i] = folio_alloc(GFP_KERNEL | __GFP_NOWARN, i);
		haul->nr_missing += !haul->folios[i];
	}
	block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 3);
	haul->nr_missing += !block;
	if (block)
		split_page(block, 3);
	for (unsigned int i = 0; block && i < 8; i++)
		haul->split[i] = block + i;
}

static void give_back(struct haul *haul)
{
	for (unsigned int i = 0; i < 100 && haul->bulk[i]; i++)
		put_page(haul->bulk[i]);
	for (unsigned int i = 0; i < 8; i++)
		free_pages_exact(haul->exact[i], exact_size(i));
	for (unsigned int i = 0; i < 60; i++)
		if (haul->frags[i])
			page_frag_free(haul->frags[i]);
	page_frag_cache_drain(&haul->nc);
	for (unsigned int i = 0; i < 4; i++)
		if (haul->folios[i])
			folio_put(haul->folios[i]);
	if (haul->split[0])
		release_pages(haul->split, 8);
}

static void every_nth_page_fails(void **state)
{
	const unsigned long before = nr_free_pages();
	unsigned int nr_runs = 0;
	static struct haul haul;

	(void)state;
	for (unsigned int n = 1; n < NR_PAGES; n++) {
		buddy_inject_failure(n, false);
		take(&haul);
		buddy_inject_failure(0, false);
		kmm_validate_pages();
		give_back(&haul);
		kmm_validate_pages();
		assert_int_equal(nr_free_pages(), before);
		nr_runs += haul.nr_missing != 0;
		if (!haul.nr_missing && n > 130) /* more than are ever asked for */
			break;
	}
	assert_true(nr_runs > 100);
	world_expect_silence();
}

static void every_page_from_the_nth_on_fails(void **state)
{
	const unsigned long before = nr_free_pages();
	static struct haul haul;

	(void)state;
	for (unsigned int n = 1; n < 130; n++) {
		buddy_inject_failure(n, true);
		take(&haul);
		buddy_inject_failure(0, false);
		kmm_validate_pages();
		give_back(&haul);
		assert_int_equal(nr_free_pages(), before);
		if (n == 1)
			assert_int_equal(haul.nr_missing, 100 + 8 + 60 + 4 + 1);
	}
	kmm_validate_pages();
	world_expect_silence();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_nth_page_fails),
		TEST(every_page_from_the_nth_on_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
