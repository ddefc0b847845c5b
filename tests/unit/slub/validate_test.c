/* SPDX-License-Identifier: MIT
 * validate_test.c - kmm_validate_cache() finds each invariant of slub_internal.h broken, by its name.
 */
#include "slub_world.h"

#include <errno.h>

#include "base/work.h"
#include "support/capture.h"

#define NR 16 /* objects of 256 bytes in a slab */

static struct kmem_cache *cache;
/* One slab at hand of CPU 0 with three objects taken, one full, one on the node's list, two on the list of CPU 1. */
static void *objects[4 * NR + 3];
static struct slab *at_hand, *full, *listed, *stocked;
static struct kmem_cache_cpu *cpu0;
static struct kmem_cache_node *node;

static int setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("validated", 256, 0, SLAB_NO_MERGE, NULL);
	if (!cache || oo_objects(cache->oo) != NR)
		return -1;
	take(cache, objects, 4 * NR + 3);
	cpu_id_pin(1);
	kmem_cache_free(cache, objects[NR]);
	flush_cpu_slab(cache, 1);
	kmem_cache_free(cache, objects[2 * NR]);
	kmem_cache_free(cache, objects[3 * NR]);
	cpu_id_pin(0);
	at_hand = slab_of(objects[4 * NR]);
	full = slab_of(objects[0]);
	listed = slab_of(objects[NR]);
	stocked = cpu_slab_of(cache, 1)->partial;
	cpu0 = cpu_slab_of(cache, 0);
	node = get_node(cache, 0);
	capture_start();
	return 0;
}

static int teardown(void **state)
{
	capture_stop();
	give_all(cache, objects, NR);
	for (int i = 1; i < 4; i++)
		give_all(cache, objects + i * NR + 1, NR - 1);
	give_all(cache, objects + 4 * NR, 3);
	kmem_cache_destroy(cache);
	return world_teardown(state);
}

static void expect_bug(bool hit, const char *words)
{
	assert_true(hit);
	assert_int_equal(capture.last_level, KMM_REPORT_BUG);
	if (!strstr(capture.last, words))
		fail_msg("\"%s\" is not in \"%s\"", words, capture.last);
	capture_clear();
}

/* Changes @field for one validation and puts it back. Both doors find it. */
#define broken(field, value, name)                                                                    \
	do {                                                                                          \
		const char words_[] = "kernel BUG in validate_cache(validated): " name;               \
		__typeof__(field) was_ = (field);                                                     \
		(field) = (value);                                                                    \
		expect_bug(capture_bug_in(kmm_validate_cache(cache)), words_);                        \
		expect_bug(capture_bug_in(kmm_validate_slub()), words_);                              \
		expect_bug(capture_bug_in(kmm_cache_attr_set("validated", "validate", "1")), words_); \
		(field) = was_;                                                                       \
		kmm_validate_cache(cache);                                                            \
		assert_int_equal(capture.nr, 0);                                                      \
	} while (0)

static void **link_of(void *object)
{
	return (void **)(void *)((char *)object + cache->offset);
}

static unsigned long counters_with(const struct slab *slab, int inuse, int more_objects, bool frozen)
{
	struct slab_word w = slab_word_read(slab);

	w.inuse = (unsigned int)((int)w.inuse + inuse);
	w.objects = (unsigned int)((int)w.objects + more_objects);
	w.frozen = frozen;
	return slab_word_counters(w);
}

static void all_is_in_order_at_first(void **state)
{
	(void)state;
	kmm_validate_cache(cache);
	kmm_validate_slub();
	assert_int_equal(kmm_cache_attr_set("validated", "validate", "1\n"), 0);
	assert_int_equal(capture.nr, 0);
	assert_int_equal(slab_place(cache, at_hand), PLACE_CPU);
	assert_int_equal(slab_place(cache, full), PLACE_FULL);
	assert_int_equal(slab_place(cache, listed), PLACE_NODE_PARTIAL);
	assert_int_equal(slab_place(cache, stocked), PLACE_CPU_PARTIAL);
	assert_int_equal(stocked->slabs, 2);
}

static void s1_a_wrong_count_of_objects_in_use_is_found(void **state)
{
	(void)state;
	broken(listed->counters, counters_with(listed, -1, 0, false), "S1 violated");
	broken(full->counters, counters_with(full, -1, 0, false), "S1 violated");
	broken(stocked->counters, counters_with(stocked, 1, 0, true), "S1 violated");
	broken(at_hand->counters, counters_with(at_hand, -1, 0, true), "S1 violated");
}

static void s1_an_object_that_is_free_twice_is_found(void **state)
{
	void *first = cpu0->freelist;

	(void)state;
	broken(*link_of(*link_of(first)), first, "S1 (an object that is free twice) violated");
	broken(at_hand->freelist, first, "S1");
}

static void s2_a_wrong_frozen_is_found(void **state)
{
	(void)state;
	broken(listed->counters, counters_with(listed, 0, 0, true), "S2 violated");
	broken(at_hand->counters, counters_with(at_hand, 0, 0, false), "S2 violated");
	broken(full->counters, counters_with(full, 0, 0, true), "S2 (a frozen slab that no CPU has) violated");
	broken(cpu_slab_of(cache, 1)->partial, NULL, "S2 (a frozen slab that no CPU has) violated");
}

static void s3_a_slab_on_the_wrong_list_is_found(void **state)
{
	struct cds_list_head *const head = &node->partial;

	(void)state;
	broken(listed->freelist, NULL, "S1");
	cds_list_del(&listed->slab_list);
	node->nr_partial--;
	expect_bug(capture_bug_in(kmm_validate_cache(cache)), "S3 (a slab that no list has) violated");
	/* Full, and listed all the same. */
	cds_list_add(&full->slab_list, head);
	expect_bug(capture_bug_in(kmm_validate_cache(cache)), "S3 violated");
	cds_list_del(&full->slab_list);
	cds_list_add(&listed->slab_list, head);
	node->nr_partial++;
	kmm_validate_cache(cache);
}

static void s4_objects_without_a_slab_are_found(void **state)
{
	(void)state;
	broken(cpu0->slab, NULL, "S4 violated");
	broken(cpu0->tid, cpu0->tid ^ 1, "S4 (the tid of another CPU) violated");
}

static void s5_a_link_that_leads_out_of_the_slab_is_found(void **state)
{
	(void)state;
	broken(*link_of(objects[NR]), objects[0], "S5 violated");
	broken(*link_of(cpu0->freelist), objects[0], "S5 violated");
	broken(*link_of(cpu0->freelist), (char *)cpu0->freelist + 8, "S5 violated");
	broken(cpu0->freelist, (void *)16, "S5 violated");
}

static void s6_wrong_counts_of_lists_are_found(void **state)
{
	(void)state;
	broken(node->nr_partial, node->nr_partial + 1, "S6 violated");
	broken(stocked->slabs, 3, "S6 violated");
	broken(stocked->pobjects, 1, "S6 violated");
	broken(stocked->pobjects, 3, "S6 violated");
	broken(stocked->next->pobjects, 0, "S6 violated");
}

static void s6_a_list_without_end_is_found(void **state)
{
	(void)state;
	broken(stocked->next->next, stocked, "S6");
}

static void s7_wrong_counts_of_a_node_are_found(void **state)
{
	(void)state;
	broken(node->nr_slabs, node->nr_slabs + 1, "S7 violated");
	broken(node->total_objects, node->total_objects - 1, "S7 violated");
}

static void s8_a_geometry_that_cannot_be_is_found(void **state)
{
	(void)state;
	broken(cache->inuse, 257, "S8 violated");
	broken(cache->object_size, 257, "S8 violated");
	broken(cache->offset, 256, "S8 violated");
	broken(cache->offset, 1, "S8 violated");
	broken(cache->align, 3, "S8 violated");
	broken(cache->size_inverse, cache->size_inverse + 1, "S8 violated");
	broken(cache->oo.x, cache->oo.x + 1, "S8 violated");
	broken(cache->min.x, cache->min.x + (1 << OO_SHIFT), "S8 violated");
	broken(cache->usersize, 257, "S8 violated");
}

static void s9_wrong_users_and_names_are_found(void **state)
{
	(void)state;
	broken(cache->refcount, 0, "S9 violated");
	broken(cache->refcount, 2, "S9 violated");
	broken(cache->name, "validated", "S9 violated");
}

static void s10_a_page_that_is_no_slab_of_the_cache_is_found(void **state)
{
	(void)state;
	broken(listed->slab_cache, NULL, "S10 violated");
	broken(at_hand->page_flags, at_hand->page_flags & ~(1UL << PG_slab), "S10 violated");
	broken(full->counters, counters_with(full, -1, -1, false), "S10 violated");
	broken(stocked->next, (struct slab *)(void *)objects[0], "S10 violated");
}

static void s10_a_slab_of_no_cache_is_found(void **state)
{
	struct kmem_cache *s = kmem_cache_create("other", 512, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	flush_all(s);
	cds_list_del(&s->list);
	expect_bug(capture_bug_in(kmm_validate_slub()), "validate_cache((unknown)): S10 violated");
	cds_list_add(&s->list, &slab_caches);
	kmm_validate_slub();
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

/* Its empty slabs wait, as pages see it, and belong nowhere. */
static void slabs_that_wait_for_a_grace_period_are_in_order(void **state)
{
	struct kmem_cache *s = kmem_cache_create("typesafe", 256, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	struct slab *slab;
	void *object;

	(void)state;
	assert_int_equal(kmm_cache_attr_set("typesafe", "min_partial", "0"), 0);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	slab = slab_of(object);
	/* The grace period ends in this thread, and not before the end of this test. */
	kmm_work_pause();
	kmem_cache_free(s, object);
	flush_all(s);
	assert_true(page_flag_test(slab_page(slab), PG_slab));
	assert_int_equal(get_node(s, 0)->nr_slabs, 0);
	kmm_validate_cache(s);
	kmm_validate_slub();
	/* But one that is in use and on no list does not wait. */
	slab->counters++;
	expect_bug(capture_bug_in(kmm_validate_cache(s)), "S3 (a slab that no list has) violated");
	slab->counters--;
	kmm_work_resume();
	kmem_cache_destroy(s);
}

#define BREAK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BREAK(all_is_in_order_at_first),
		BREAK(s1_a_wrong_count_of_objects_in_use_is_found),
		BREAK(s1_an_object_that_is_free_twice_is_found),
		BREAK(s2_a_wrong_frozen_is_found),
		BREAK(s3_a_slab_on_the_wrong_list_is_found),
		BREAK(s4_objects_without_a_slab_are_found),
		BREAK(s5_a_link_that_leads_out_of_the_slab_is_found),
		BREAK(s6_wrong_counts_of_lists_are_found),
		BREAK(s6_a_list_without_end_is_found),
		BREAK(s7_wrong_counts_of_a_node_are_found),
		BREAK(s8_a_geometry_that_cannot_be_is_found),
		BREAK(s9_wrong_users_and_names_are_found),
		BREAK(s10_a_page_that_is_no_slab_of_the_cache_is_found),
		BREAK(s10_a_slab_of_no_cache_is_found),
		BREAK(slabs_that_wait_for_a_grace_period_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
