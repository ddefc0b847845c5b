/* SPDX-License-Identifier: MIT
 * create_test.c - every form of kmem_cache_create(), what its arguments mean, and what a cache costs.
 */
#include "slub_world.h"

#include "slub/cache.h"

static void ctor(void *object)
{
	*(char *)object = 'c';
}

static void both_forms_are_told_by_the_third_argument(void **state)
{
	struct kmem_cache_args args = { .align = 32, .ctor = ctor };
	const struct kmem_cache_args *const_args = &args;
	struct kmem_cache *s;

	(void)state;
	s = kmem_cache_create("args", 40, &args, SLAB_HWCACHE_ALIGN);
	assert_int_equal(s->align, 64);
	assert_ptr_equal(s->ctor, ctor);
	kmem_cache_destroy(s);
	s = kmem_cache_create("args", 40, const_args, 0);
	assert_int_equal(s->align, 32);
	kmem_cache_destroy(s);
	s = kmem_cache_create("args", 40, NULL, SLAB_NO_MERGE);
	assert_int_equal(s->align, 8);
	assert_int_equal(s->flags, SLAB_NO_MERGE);
	kmem_cache_destroy(s);
	s = kmem_cache_create("plain", 40, 0, 0, NULL);
	assert_int_equal(s->align, 8);
	kmem_cache_destroy(s);
	s = kmem_cache_create("plain", 40, sizeof(long) * 4, 0, ctor);
	assert_int_equal(s->align, sizeof(long) * 4);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void the_first_form_is_a_function(void **state)
{
	struct kmem_cache *(*create)(const char *, unsigned int, unsigned int, slab_flags_t, void (*)(void *)) =
		kmem_cache_create;
	struct kmem_cache *s = create("pointer", 40, 16, 0, NULL);

	(void)state;
	assert_int_equal(s->align, 16);
	kmem_cache_destroy(s);
}

static void arguments_of_a_structure_are_all_heard(void **state)
{
	struct kmem_cache_args args = { .align = 16, .useroffset = 8, .usersize = 24, .sheaf_capacity = 32 };
	struct kmem_cache *s = kmem_cache_create("args", 64, &args, 0);

	(void)state;
	assert_int_equal(s->align, 16);
	assert_int_equal(s->useroffset, 8);
	assert_int_equal(s->usersize, 24);
	assert_int_equal(s->offset, 32);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void free_pointer_at_a_place_of_choice_leaves_the_rest_alone(void **state)
{
	struct kmem_cache_args args = { .freeptr_offset = 3 * sizeof(void *), .use_freeptr_offset = true };
	struct kmem_cache *s = kmem_cache_create("typesafe", 10 * sizeof(void *), &args, SLAB_TYPESAFE_BY_RCU);
	unsigned long *objects[40];

	(void)state;
	assert_int_equal(s->size, ALIGN_UP(10 * sizeof(void *), 8));
	take(s, (void **)objects, 40);
	for (unsigned long i = 0; i < 40; i++)
		for (unsigned long j = 0; j < 10; j++)
			objects[i][j] = i * 100 + j;
	give_all(s, (void **)objects, 40);
	for (unsigned long i = 0; i < 40; i++)
		for (unsigned long j = 0; j < 10; j++)
			if (j != 3)
				assert_int_equal(objects[i][j], i * 100 + j);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void free_pointer_at_a_place_that_cannot_be_is_refused(void **state)
{
	static const struct {
		unsigned int offset;
		slab_flags_t flags;
	} rows[] = {
		{ 64, SLAB_TYPESAFE_BY_RCU }, { ~0U, SLAB_TYPESAFE_BY_RCU }, { 2, SLAB_TYPESAFE_BY_RCU }, { 8, 0 }
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmem_cache_args args = { .freeptr_offset = rows[i].offset, .use_freeptr_offset = true };

		assert_null(kmem_cache_create("place", 64, &args, rows[i].flags));
		world_expect_report("kmem_cache_create(place) failed with error -22");
	}
}

static void every_flag_of_the_kernel_is_taken(void **state)
{
	static const slab_flags_t kept[] = {
		SLAB_HWCACHE_ALIGN, SLAB_CACHE_DMA,       SLAB_CACHE_DMA32, SLAB_RECLAIM_ACCOUNT,
		SLAB_TEMPORARY,     SLAB_TYPESAFE_BY_RCU, SLAB_ACCOUNT,     SLAB_PANIC,
		SLAB_NO_MERGE,      SLAB_NO_USER_FLAGS,   SLAB_NOLEAKTRACE, SLAB_FAILSLAB,
	};
	static const slab_flags_t ignored[] = {
		SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE,      SLAB_POISON, SLAB_STORE_USER,  SLAB_TRACE,
		SLAB_MEM_SPREAD,         SLAB_DEBUG_OBJECTS, SLAB_KASAN,  SLAB_SKIP_KFENCE,
	};
	slab_flags_t known = SLAB_KMALLOC;
	struct kmem_cache *s;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++) {
		s = kmem_cache_create("flag", 64, 0, kept[i], NULL);
		assert_non_null(s);
		assert_int_equal(s->flags, kept[i]);
		kmem_cache_destroy(s);
		known |= kept[i];
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(ignored); i++) {
		s = kmem_cache_create("flag", 64, 0, ignored[i], NULL);
		assert_non_null(s);
		assert_int_equal(s->flags, 0);
		assert_int_equal(s->size, 64);
		kmem_cache_destroy(s);
		known |= ignored[i];
	}
	world_expect_silence();
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (known >> bit & 1)
			continue;
		assert_null(kmem_cache_create("flag", 64, 0, 1U << bit, NULL));
		world_expect_report("kmem_cache_create(flag) integrity check failed: unknown flags");
	}
}

static void a_name_with_blanks_is_reported_and_taken(void **state)
{
	struct kmem_cache *s = kmem_cache_create("two words", 64, 0, 0, NULL);

	(void)state;
	world_expect_report("two words: a name with blanks");
	assert_non_null(s);
	kmem_cache_destroy(s);
}

static void objects_come_from_the_node_that_is_asked_for(void **state)
{
	struct kmem_cache *s;
	void *near, *far, *any;

	(void)state;
	assert_int_equal(world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS), 0);
	cpu_id_pin(0);
	s = kmem_cache_create("node", 128, 0, SLAB_NO_MERGE, NULL);
	near = kmem_cache_alloc_node(s, GFP_KERNEL, 0);
	far = kmem_cache_alloc_node(s, GFP_KERNEL | __GFP_ZERO, 1);
	any = kmem_cache_alloc_node(s, GFP_KERNEL, NUMA_NO_NODE);
	assert_int_equal(slab_nid(slab_of(near)), 0);
	assert_int_equal(slab_nid(slab_of(far)), 1);
	for (int i = 0; i < 128; i++)
		assert_int_equal(((char *)far)[i], 0);
	assert_non_null(any);
	kmem_cache_free(s, near);
	kmem_cache_free(s, far);
	kmem_cache_free(s, any);
	/* One that does not exist is none. */
	near = kmem_cache_alloc_node(s, GFP_KERNEL, 9);
	assert_non_null(near);
	kmem_cache_free(s, near);
	any = kmem_cache_alloc_lru(s, NULL, GFP_KERNEL | __GFP_ZERO);
	assert_non_null(any);
	kmem_cache_free(s, any);
	kmem_cache_destroy(s);
	world_expect_silence();
	world_teardown(state);
}

static void objects_that_remain_are_listed(void **state)
{
	struct kmem_cache *s = kmem_cache_create("remain", 100, 0, 0, NULL);
	void *objects[200];
	char words[64];
	unsigned int lines = 0;

	(void)state;
	take(s, objects, 200);
	for (unsigned int i = 0; i < 200; i++)
		if (i != 3 && i != 30)
			kmem_cache_free(s, objects[i]);
	kmem_cache_destroy(s);
	assert_non_null(strstr(world_reports.text,
			       "BUG remain (Not tainted): Objects remaining in remain on __kmem_cache_shutdown()"));
	for (const char *p = world_reports.text; (p = strstr(p, "@offset=")); p++)
		lines++;
	assert_int_equal(lines, 2);
	snprintf(words, sizeof(words), "Object %p @offset=%lu\n", objects[30],
		 (unsigned long)((char *)objects[30] - slab_address(slab_of(objects[30]))));
	assert_non_null(strstr(world_reports.text, words));
	snprintf(words, sizeof(words), "Object %p @offset=", objects[3]);
	world_expect_report(words);
	kmem_cache_free(s, objects[3]);
	kmem_cache_free(s, objects[30]);
	kmem_cache_destroy(s);
	world_expect_silence();
}

static void only_so_many_objects_that_remain_are_listed(void **state)
{
	struct kmem_cache *s = kmem_cache_create("remain", 8, 0, SLAB_NO_MERGE, NULL);
	void *objects[1000];
	unsigned int lines = 0;

	(void)state;
	take(s, objects, 1000);
	kmem_cache_destroy(s);
	for (const char *p = world_reports.text; (p = strstr(p, "@offset=")); p++)
		lines++;
	assert_int_equal(lines, 10);
	world_expect_report("kmem_cache_destroy remain: Slab cache still has objects when called from 0x");
	give_all(s, objects, 1000);
	kmem_cache_destroy(s);
}

/*
 * What a cache takes before its first object, with four CPUs. The kernel's: rows kmem_cache (256) and kmem_cache_node (64) of
 * the slabinfo of a 6.1 kernel, and four times struct kmem_cache_cpu (four words). Its directory in sysfs is left out, and
 * so is the name in both. Of ours, what checks and statistics add.
 */
static void a_cache_takes_no_more_memory_than_the_kernels(void **state)
{
	const size_t cpu = sizeof(struct kmem_cache_cpu), kernel_cpu = 4 * sizeof(void *);
	const size_t ours = kmem_cache->size + kmem_cache_node->size + WORLD_CPUS * (cpu + sizeof(unsigned long));
	const size_t kernels = 256 + 64 + WORLD_CPUS * kernel_cpu;
	const size_t statistics = KMM_CONFIG_SLUB_STATS ? WORLD_CPUS * (cpu - kernel_cpu) : 0;
	const size_t checks = KMM_CONFIG_CHECK ? sizeof(struct kmm_lock) : 0;

	(void)state;
	print_message("a cache: %zu bytes, the kernel's %zu\n", ours, kernels);
	assert_true(ours <= kernels + statistics + checks);
}

#define CREATE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CREATE(both_forms_are_told_by_the_third_argument),
		CREATE(the_first_form_is_a_function),
		CREATE(arguments_of_a_structure_are_all_heard),
		CREATE(free_pointer_at_a_place_of_choice_leaves_the_rest_alone),
		CREATE(free_pointer_at_a_place_that_cannot_be_is_refused),
		CREATE(every_flag_of_the_kernel_is_taken),
		CREATE(a_name_with_blanks_is_reported_and_taken),
		cmocka_unit_test(objects_come_from_the_node_that_is_asked_for),
		CREATE(objects_that_remain_are_listed),
		CREATE(only_so_many_objects_that_remain_are_listed),
		CREATE(a_cache_takes_no_more_memory_than_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
