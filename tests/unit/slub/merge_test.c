/* SPDX-License-Identifier: MIT
 * merge_test.c - which caches are one, and what that means for their names, sizes and end.
 */
#include "slub_world.h"

#include "base/report.h"
#include "slub/merge.h"

static void ctor(void *object)
{
	*(char *)object = 1;
}

static struct kmem_cache *plain(const char *name, unsigned int size)
{
	struct kmem_cache *s = kmem_cache_create(name, size, 0, 0, NULL);

	assert_non_null(s);
	return s;
}

/* The names of @s, newest first, in one string. */
static const char *names(const struct kmem_cache *s)
{
	static char text[256];

	text[0] = '\0';
	for (const struct cache_alias *alias = s->aliases; alias; alias = alias->next) {
		strncat(text, alias->name, sizeof(text) - strlen(text) - 1);
		strncat(text, " ", sizeof(text) - strlen(text) - 1);
	}
	return text;
}

static void caches_of_the_same_size_are_one(void **state)
{
	struct kmem_cache *a = plain("a", 200), *b = plain("b", 200);

	(void)state;
	assert_ptr_equal(a, b);
	assert_int_equal(a->refcount, 2);
	assert_string_equal(a->name, "a");
	assert_string_equal(names(a), "b a ");
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	world_expect_silence();
}

static void what_must_be_alone_is_not_merged(void **state)
{
	static const slab_flags_t never[] = { SLAB_NO_MERGE, SLAB_TYPESAFE_BY_RCU, SLAB_NOLEAKTRACE, SLAB_FAILSLAB };
	static const slab_flags_t other_kind[] = { SLAB_RECLAIM_ACCOUNT, SLAB_CACHE_DMA, SLAB_CACHE_DMA32,
						   SLAB_ACCOUNT };
	struct kmem_cache *a = plain("a", 200), *b, *c;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(never); i++) {
		b = kmem_cache_create("b", 200, 0, never[i], NULL);
		c = kmem_cache_create("c", 200, 0, never[i], NULL);
		assert_ptr_not_equal(a, b);
		assert_ptr_not_equal(b, c);
		kmem_cache_destroy(b);
		kmem_cache_destroy(c);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(other_kind); i++) {
		b = kmem_cache_create("b", 200, 0, other_kind[i], NULL);
		c = kmem_cache_create("c", 200, 0, other_kind[i], NULL);
		assert_ptr_not_equal(a, b);
		assert_ptr_equal(b, c);
		kmem_cache_destroy(b);
		kmem_cache_destroy(c);
	}
	b = kmem_cache_create("b", 200, 0, 0, ctor);
	assert_ptr_not_equal(a, b);
	kmem_cache_destroy(b);
	b = kmem_cache_create_usercopy("b", 200, 0, 0, 8, 16, NULL);
	assert_ptr_not_equal(a, b);
	kmem_cache_destroy(b);
	/* Nor into one that is alone. */
	b = kmem_cache_create_usercopy("b", 304, 0, 0, 8, 16, NULL);
	c = plain("c", 304);
	assert_ptr_not_equal(b, c);
	kmem_cache_destroy(b);
	kmem_cache_destroy(c);
	kmem_cache_destroy(a);
	world_expect_silence();
}

static void checks_that_are_not_built_do_not_keep_caches_apart(void **state)
{
	const slab_flags_t checks = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER |
				    SLAB_TRACE;
	struct kmem_cache *a = plain("a", 200);

	(void)state;
	assert_ptr_equal(kmem_cache_create("b", 200, 0, checks | SLAB_MEM_SPREAD, NULL), a);
	assert_int_equal(a->flags, 0);
	kmem_cache_destroy(a);
	kmem_cache_destroy(a);
	world_expect_silence();
}

static void caches_of_nearly_the_same_size_are_one_and_zeroed_to_the_larger_end(void **state)
{
	const unsigned int word = sizeof(void *);
	struct kmem_cache *a = plain("a", 201 + 8 - word), *b, *c;
	unsigned char *object;

	(void)state;
	assert_int_equal(a->size, 208);
	b = plain("b", 208);
	assert_ptr_equal(a, b);
	assert_int_equal(kmem_cache_size(a), 208);
	assert_int_equal(a->inuse, 208);
	object = kmem_cache_alloc(b, GFP_KERNEL);
	memset(object, 0xff, 208);
	kmem_cache_free(b, object);
	object = kmem_cache_zalloc(b, GFP_KERNEL);
	for (int i = 0; i < 208; i++)
		assert_int_equal(object[i], 0);
	kmem_cache_free(b, object);

	/* A word of waste, and it is another one; so is what would not fit. */
	c = plain("c", 208 - 8);
	assert_ptr_not_equal(a, c);
	kmem_cache_destroy(c);
	c = plain("c", 209);
	assert_ptr_not_equal(a, c);
	kmem_cache_destroy(c);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

static void objects_keep_the_alignment_of_either(void **state)
{
	struct kmem_cache *a = plain("a", 192), *b = kmem_cache_create("b", 192, 0, SLAB_HWCACHE_ALIGN, NULL);
	struct kmem_cache *c = kmem_cache_create("c", 192, 128, 0, NULL);
	void *object = kmem_cache_alloc(b, GFP_KERNEL);

	(void)state;
	/* 192 is three lines: each object starts on one. It is no multiple of 128. */
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal((uintptr_t)object % 64, 0);
	kmem_cache_free(a, object);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	kmem_cache_destroy(c);
}

static void the_oldest_of_several_is_joined(void **state)
{
	struct kmem_cache *lone = kmem_cache_create("lone", 200, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache *a = plain("a", 200), *wide = plain("wide", 4096), *b = plain("b", 200);

	(void)state;
	assert_ptr_equal(b, a);
	kmem_cache_destroy(lone);
	kmem_cache_destroy(wide);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

static void kmalloc_and_boot_caches_stay_alone(void **state)
{
	struct kmem_cache *s;

	(void)state;
	cds_list_for_each_entry(s, &slab_caches, list)
		assert_true(slab_unmergeable(s));
	for (unsigned int size = 8; size <= 8192; size *= 2) {
		s = plain("plain", size);
		assert_string_equal(s->name, "plain");
		assert_int_equal(s->refcount, 1);
		kmem_cache_destroy(s);
	}
}

static void merged_cache_lives_until_its_last_user_is_gone(void **state)
{
	struct kmem_cache *a = plain("a", 200), *b = plain("b", 200);
	void *object = kmem_cache_alloc(a, GFP_KERNEL);

	(void)state;
	kmem_cache_destroy(a); /* with an object of it: it may be b's, as far as can be known */
	world_expect_silence();
	kmem_cache_free(b, object);
	object = kmem_cache_alloc(b, GFP_KERNEL);
	kmem_cache_destroy(b);
	world_expect_report("kmem_cache_destroy a: Slab cache still has objects");
	kmem_cache_free(b, object);
	kmem_cache_destroy(b);
	world_expect_silence();
}

static void a_name_in_use_is_reported_and_taken(void **state)
{
	struct kmem_cache *a = plain("a", 200), *alone, *merged;

	(void)state;
	alone = kmem_cache_create("a", 300, 0, SLAB_NO_MERGE, NULL);
	world_expect_report("kmem_cache of name 'a' already exists");
	assert_non_null(alone);
	merged = plain("a", 200);
	world_expect_report("kmem_cache of name 'a' already exists");
	assert_ptr_equal(merged, a);
	assert_string_equal(names(a), "a ");
	kmem_cache_destroy(merged);
	merged = plain("b", 200);
	world_expect_silence();
	kmem_cache_destroy(kmem_cache_create("b", 300, 0, 0, NULL));
	world_expect_report("kmem_cache of name 'b' already exists");
	kmem_cache_destroy(kmem_cache_create("kmalloc-64", 300, 0, 0, NULL));
	world_expect_report("kmem_cache of name 'kmalloc-64' already exists");
	kmem_cache_destroy(merged);
	kmem_cache_destroy(a);
	kmem_cache_destroy(alone);
	world_expect_silence();
}

static void a_name_that_may_have_ended_is_no_duplicate(void **state)
{
	struct kmem_cache *a = plain("a", 200), *b = plain("b", 200);

	(void)state;
	kmem_cache_destroy(a);
	kmem_cache_destroy(plain("a", 300));
	assert_ptr_equal(plain("a", 200), b);
	world_expect_silence();
	/* Now it is certain again. */
	kmem_cache_destroy(plain("a", 300));
	world_expect_report("kmem_cache of name 'a' already exists");
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

static void names_of_those_that_came_and_went_do_not_pile_up(void **state)
{
	struct kmem_cache *a = plain("a", 200), *b = plain("b", 200);
	char name[24];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "brief-%d", i);
		kmem_cache_destroy(plain(name, 200));
	}
	/* The newest makes room: those that were there first are likely to be there still. */
	assert_string_equal(names(a), "brief-99 b a ");
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	world_expect_silence();
}

static void slabinfo_has_a_merged_cache_once_under_its_first_name(void **state)
{
	struct kmem_cache *a = plain("first_name", 200), *b = plain("second_name", 200);
	static char text[16384];
	FILE *file = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_int_equal(kmm_slabinfo(file), 0);
	fclose(file);
	assert_non_null(strstr(text, "first_name"));
	assert_null(strstr(text, "second_name"));
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

static void unique_ids_are_the_kernels(void **state)
{
	static const struct {
		slab_flags_t flags;
		unsigned int size;
		const char *id;
	} rows[] = {
		{ 0, 64, ":0000064" },
		{ SLAB_RECLAIM_ACCOUNT, 104, ":a-0000104" },
		{ SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN, 1088, ":A-0001088" },
		{ SLAB_CACHE_DMA | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, 8, ":daA-0000008" },
		{ SLAB_CACHE_DMA32, 4194304, ":D-4194304" },
		{ SLAB_CONSISTENCY_CHECKS, 16, ":F-0000016" },
	};
	char id[ID_STR_LENGTH];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmem_cache s = { .flags = rows[i].flags, .size = rows[i].size };

		create_unique_id(&s, id);
		assert_string_equal(id, rows[i].id);
	}
}

static void expect_merging(const char *options, bool merging)
{
	struct kmem_cache *a, *b;

	assert_int_equal(world_start(options, WORLD_LIMIT, WORLD_CPUS), 0);
	a = plain("a", 200);
	b = plain("b", 200);
	assert_int_equal(a == b, merging);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	world_expect_silence();
	kmm_boot_reset_for_test();
}

static void options_turn_merging_off_and_on(void **state)
{
	(void)state;
	expect_merging(NULL, true);
	expect_merging("slab_nomerge", false);
	expect_merging("slub_nomerge", false);
	expect_merging("slub_nomerge slab_merge", true);
	expect_merging("slab_nomerge slub_merge", true);
	expect_merging("slab_merge=off", false);
	expect_merging("slab_nomerge=0", true);
}

#define MERGE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MERGE(caches_of_the_same_size_are_one),
		MERGE(what_must_be_alone_is_not_merged),
		MERGE(checks_that_are_not_built_do_not_keep_caches_apart),
		MERGE(caches_of_nearly_the_same_size_are_one_and_zeroed_to_the_larger_end),
		MERGE(objects_keep_the_alignment_of_either),
		MERGE(the_oldest_of_several_is_joined),
		MERGE(kmalloc_and_boot_caches_stay_alone),
		MERGE(merged_cache_lives_until_its_last_user_is_gone),
		MERGE(a_name_in_use_is_reported_and_taken),
		MERGE(a_name_that_may_have_ended_is_no_duplicate),
		MERGE(names_of_those_that_came_and_went_do_not_pile_up),
		MERGE(slabinfo_has_a_merged_cache_once_under_its_first_name),
		cmocka_unit_test(unique_ids_are_the_kernels),
		cmocka_unit_test(options_turn_merging_off_and_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
