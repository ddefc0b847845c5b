/* SPDX-License-Identifier: MIT
 * kmalloc_obj_test.c - memory by type, and sizes that do not wrap around.
 */
#include "slub_world.h"

struct pair {
	long first, second;
};

struct set {
	unsigned int nr;
	uint16_t members[];
};

/* Read at run time, so that the compiler does not refuse what the test is about. */
static volatile size_t largest = SIZE_MAX;

static void sizes_stop_at_the_largest(void **state)
{
	struct set *set = NULL;

	(void)state;
	assert_int_equal(size_mul(3, 5), 15);
	assert_int_equal(size_mul(largest / 2, 3), SIZE_MAX);
	assert_int_equal(size_mul(largest, 0), 0);
	assert_int_equal(size_add(3, 5), 8);
	assert_int_equal(size_add(largest, 1), SIZE_MAX);
	assert_int_equal(size_add(largest - 1, 1), SIZE_MAX);
	assert_int_equal(size_sub(5, 3), 2);
	assert_int_equal(size_sub(3, 5), SIZE_MAX);
	assert_int_equal(size_sub(largest, 5), SIZE_MAX);
	assert_int_equal(size_sub(5, largest), SIZE_MAX);
	assert_int_equal(array_size(4, 6), 24);
	assert_int_equal(array3_size(2, 3, 4), 24);
	assert_int_equal(array3_size(largest, 2, 1), SIZE_MAX);
	assert_int_equal(flex_array_size(set, members, 9), 18);
	assert_int_equal(struct_size(set, members, 9), sizeof(*set) + 18);
	assert_int_equal(struct_size_t(struct set, members, 9), sizeof(*set) + 18);
	assert_int_equal(struct_size(set, members, largest / 2), SIZE_MAX);
	assert_int_equal(struct_size(set, members, largest / 2 - 1), SIZE_MAX);
}

static void the_pointer_has_the_type_and_the_memory_its_size(void **state)
{
	struct pair *pair = kmalloc_obj(*pair), *zeroed = kzalloc_obj(struct pair, GFP_NOWAIT);
	uint16_t *words = kmalloc_objs(*words, 100), *zeroed_words = kzalloc_objs(uint16_t, 50, GFP_NOWAIT);
	struct set *set = kmalloc_flex(*set, members, 30),
		   *zeroed_set = kzalloc_flex(struct set, members, 62, GFP_NOWAIT);

	(void)state;
	_Static_assert(_Generic(kmalloc_obj(struct pair), struct pair * : 1, default : 0), "typed");
	_Static_assert(_Generic(kmalloc_objs(words[0], 3), uint16_t * : 1, default : 0), "typed");
	_Static_assert(_Generic(kzalloc_flex(*set, members, 3, GFP_ATOMIC), struct set * : 1, default : 0), "typed");
	assert_int_equal(ksize(pair), kmalloc_size_roundup(sizeof(struct pair)));
	assert_true(zeroed->first == 0 && zeroed->second == 0);
	assert_int_equal(ksize(words), 256);
	for (int i = 0; i < 50; i++)
		assert_int_equal(zeroed_words[i], 0);
	assert_int_equal(ksize(set), 64);
	assert_int_equal(ksize(zeroed_set), 128);
	for (int i = 0; i < 62; i++)
		assert_int_equal(zeroed_set->members[i], 0);
	kfree(pair);
	kfree(zeroed);
	kfree(words);
	kfree(zeroed_words);
	kfree(set);
	kfree(zeroed_set);
	world_expect_silence();
}

static void an_expression_is_not_evaluated_but_the_count_is_once(void **state)
{
	struct pair *none = NULL;
	size_t count = 3;
	struct pair *pairs = kmalloc_objs(none[count++], count++);

	(void)state;
	assert_int_equal(count, 4);
	assert_int_equal(ksize(pairs), kmalloc_size_roundup(3 * sizeof(struct pair)));
	kfree(pairs);
}

static void too_many_objects_are_null(void **state)
{
	(void)state;
	assert_null(kmalloc_objs(struct pair, largest / 8, GFP_KERNEL | __GFP_NOWARN));
	assert_null(kzalloc_objs(struct pair, largest, GFP_KERNEL | __GFP_NOWARN));
	assert_null(kmalloc_flex(struct set, members, largest / 2, GFP_KERNEL | __GFP_NOWARN));
	assert_null(kzalloc_flex(struct set, members, largest / 2 - 1, GFP_KERNEL | __GFP_NOWARN));
	world_expect_silence();
}

/* No flags at all are flags too, and not GFP_KERNEL. */
static void the_flags_are_those_that_are_given(void **state)
{
	struct pair *pair;

	(void)state;
	buddy_inject_failure(1, true);
	assert_null(kmalloc_obj(struct pair, __GFP_NOWARN));
	world_expect_silence();
	assert_null(kmalloc_obj(struct pair, 0));
	world_expect_report("gfp=0");
	assert_null(kmalloc_obj(struct pair));
	world_expect_report("gfp=0xcc0");
	buddy_inject_failure(0, false);
	pair = kmalloc_obj(struct pair, GFP_KERNEL | __GFP_RECLAIMABLE);
	assert_non_null(strstr(slab_of(pair)->slab_cache->name, "kmalloc-rcl-"));
	kfree(pair);
}

#define MEMORY(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_stop_at_the_largest),
		MEMORY(the_pointer_has_the_type_and_the_memory_its_size),
		MEMORY(an_expression_is_not_evaluated_but_the_count_is_once),
		MEMORY(too_many_objects_are_null),
		MEMORY(the_flags_are_those_that_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
