/* SPDX-License-Identifier: MIT
 * kmalloc_class_test.c - the class of a size: by the compiler, by the library and by what is got; and the kinds of memory.
 */
#include "slub_world.h"

#include "buddy/buddy_internal.h"
#include "buddy/vmstat.h"
#include "slub/kmalloc.h"
#include "support/threads.h"

static const char *cache_name(const void *p)
{
	return slab_of(p)->slab_cache->name;
}

static void expect_cache(void *p, const char *name)
{
	assert_non_null(p);
	assert_string_equal(cache_name(p), name);
	kfree(p);
}

static void the_compiler_and_the_library_agree_on_every_class(void **state)
{
	(void)state;
	assert_int_equal(kmalloc_index(0), 0);
	for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE; size++) {
		assert_int_equal(kmalloc_index(size), kmalloc_slab_index(size));
		assert_true(kmalloc_class_size(kmalloc_slab_index(size)) >= size);
	}
}

/* Sizes that the compiler knows: the class is in the code. */
static void constant_sizes_come_from_their_classes(void **state)
{
	(void)state;
	expect_cache(kmalloc(1, GFP_KERNEL), "kmalloc-8");
	expect_cache(kmalloc(8, GFP_KERNEL), "kmalloc-8");
	expect_cache(kmalloc(9, GFP_KERNEL), "kmalloc-16");
	expect_cache(kmalloc(64, GFP_KERNEL), "kmalloc-64");
	expect_cache(kmalloc(65, GFP_KERNEL), "kmalloc-96");
	expect_cache(kzalloc(97, GFP_KERNEL), "kmalloc-128");
	expect_cache(kmalloc(129, GFP_KERNEL), "kmalloc-192");
	expect_cache(kmalloc(193, GFP_KERNEL), "kmalloc-256");
	expect_cache(kmalloc_array(100, 10, GFP_KERNEL), "kmalloc-1k");
	expect_cache(kcalloc(2, 1024, GFP_KERNEL), "kmalloc-2k");
	expect_cache(kmalloc_node(4096, GFP_KERNEL, 0), "kmalloc-4k");
	expect_cache(kmalloc(8192, GFP_KERNEL), "kmalloc-8k");
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kcalloc_node(10, 0, GFP_KERNEL, 0), ZERO_SIZE_PTR);
	world_expect_silence();
}

/* The inline forms have no code of their own: a pointer is one to the function of the library. */
static void functions_that_are_called_by_pointer_do_the_same(void **state)
{
	static const struct {
		void *(*one)(size_t, gfp_t), *(*one_node)(size_t, gfp_t, int);
		void *(*many)(size_t, size_t, gfp_t), *(*many_node)(size_t, size_t, gfp_t, int);
		bool zeroes;
	} forms[] = {
		{ kmalloc, kmalloc_node, kmalloc_array, kmalloc_array_node, false },
		{ kzalloc, kzalloc_node, kcalloc, kcalloc_node, true },
		{ __kmalloc, __kmalloc_node, kmalloc_array, kmalloc_array_node, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		for (unsigned int j = 0; j < 8; j++) {
			size_t size = j < 4 ? 100 : 10000;
			char *p = j % 4 == 0 ? forms[i].one(size, GFP_KERNEL) :
				  j % 4 == 1 ? forms[i].one_node(size, GFP_KERNEL, 0) :
				  j % 4 == 2 ? forms[i].many(size / 10, 10, GFP_KERNEL) :
					       forms[i].many_node(size / 10, 10, GFP_KERNEL, NUMA_NO_NODE);

			assert_int_equal(ksize(p), size == 100 ? 128 : 16384);
			for (size_t at = 0; forms[i].zeroes && at < size; at++)
				assert_int_equal(p[at], 0);
			memset(p, 0xff, size);
			kfree(p);
		}
		assert_ptr_equal(forms[i].one(0, GFP_KERNEL), ZERO_SIZE_PTR);
		assert_ptr_equal(forms[i].many_node(0, 8, GFP_KERNEL, 0), ZERO_SIZE_PTR);
		assert_null(forms[i].many(SIZE_MAX / 8, 9, GFP_KERNEL));
		assert_null(forms[i].many_node(SIZE_MAX / 8, 9, GFP_KERNEL, 0));
	}
	world_expect_silence();
}

static void the_first_flag_of_dma_reclaimable_account_decides(void **state)
{
	(void)state;
	expect_cache(kmalloc(100, GFP_KERNEL | __GFP_ACCOUNT), "kmalloc-cg-128");
	expect_cache(kmalloc(100, GFP_KERNEL | __GFP_RECLAIMABLE), "kmalloc-rcl-128");
	expect_cache(kmalloc(100, GFP_KERNEL | __GFP_RECLAIMABLE | __GFP_ACCOUNT), "kmalloc-rcl-128");
	expect_cache(kmalloc_node(3000, GFP_KERNEL_ACCOUNT, 0), "kmalloc-cg-4k");
	world_expect_silence();
}

static void without_a_zone_for_it_dma_memory_is_any_memory(void **state)
{
	(void)state;
	expect_cache(kmalloc(100, GFP_KERNEL | __GFP_DMA), "kmalloc-128");
	expect_cache(kmalloc(100, GFP_KERNEL | __GFP_DMA | __GFP_RECLAIMABLE), "kmalloc-rcl-128");
	expect_cache(kmalloc(100, GFP_KERNEL | __GFP_DMA | __GFP_ACCOUNT), "kmalloc-cg-128");
	for (unsigned int i = 0; i <= KMALLOC_SHIFT_HIGH; i++)
		assert_null(kmalloc_caches[KMALLOC_DMA][i]);
	world_expect_silence();
}

static void dma_memory_is_of_zone_dma(void **state)
{
	void *p, *large;

	(void)state;
	assert_int_equal(world_start("dma=16M", WORLD_LIMIT, WORLD_CPUS), 0);
	expect_cache(kmalloc(8192, GFP_KERNEL | __GFP_DMA | __GFP_RECLAIMABLE | __GFP_ACCOUNT), "dma-kmalloc-8k");
	expect_cache(kmalloc(8192, GFP_KERNEL), "kmalloc-8k");
	p = kmalloc(96, GFP_KERNEL | __GFP_DMA);
	large = kmalloc(9000, GFP_KERNEL | __GFP_DMA);
	assert_string_equal(cache_name(p), "dma-kmalloc-96");
	assert_ptr_equal(page_zone(virt_to_page(p)), &kmm_nodes[0].node_zones[ZONE_DMA]);
	assert_ptr_equal(page_zone(virt_to_page(large)), &kmm_nodes[0].node_zones[ZONE_DMA]);
	kfree(p);
	kfree(large);
	world_expect_silence();
	world_teardown(state);
}

static void *first_of_thread[8];

static gfp_t kind_of_thread(unsigned int index)
{
	static const gfp_t kinds[] = { 0, __GFP_DMA, __GFP_RECLAIMABLE, __GFP_ACCOUNT };

	return kinds[index % 4];
}

static void call_first(unsigned int index, void *arg)
{
	(void)arg;
	first_of_thread[index] = kmalloc(200, GFP_KERNEL | kind_of_thread(index));
}

/* Nobody gets normal memory because the caches of his kind are not there yet. */
static void the_first_calls_of_threads_get_memory_of_their_kinds(void **state)
{
	static const char *const names[] = { "kmalloc-256", "dma-kmalloc-256", "kmalloc-rcl-256", "kmalloc-cg-256" };

	(void)state;
	setenv("KMM_OPTIONS", "dma=16M", 1);
	for (unsigned int round = 0; round < 20; round++) {
		assert_int_equal(kmm_boot_state(), KMM_COLD);
		run_threads(ARRAY_SIZE(first_of_thread), call_first, NULL);
		for (unsigned int i = 0; i < ARRAY_SIZE(first_of_thread); i++)
			expect_cache(first_of_thread[i], names[i % 4]);
		kmm_boot_reset_for_test();
	}
	unsetenv("KMM_OPTIONS");
}

/* A page of one kind is not found among the pages of another. */
static void reclaimable_memory_lies_in_reclaimable_blocks(void **state)
{
	void *normal = kmalloc(512, GFP_KERNEL), *reclaimable = kmalloc(512, GFP_KERNEL | __GFP_RECLAIMABLE);

	(void)state;
	assert_int_equal(pageblock_type(virt_to_page(reclaimable)), MIGRATE_RECLAIMABLE);
	assert_int_equal(pageblock_type(virt_to_page(normal)), MIGRATE_UNMOVABLE);
	kfree(normal);
	kfree(reclaimable);
}

static void each_kind_has_the_flag_and_the_classes_of_it(void **state)
{
	static const slab_flags_t flags[] = { 0, SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT };
	const slab_flags_t all = SLAB_ACCOUNT | SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA;

	(void)state;
	for (unsigned int type = 0; type < KMALLOC_DMA; type++) {
		for (unsigned int i = 1; i <= KMALLOC_SHIFT_HIGH; i++) {
			const struct kmem_cache *s = kmalloc_caches[type][i];

			assert_int_equal(s->flags & all, flags[type]);
			assert_int_equal(s->object_size, kmalloc_class_size(i));
		}
	}
}

static void pages_of_large_memory_count_as_slab_pages(void **state)
{
	unsigned long before = global_node_page_state(NR_SLAB_UNRECLAIMABLE);
	void *p = kmalloc(20000, GFP_KERNEL), *q = kmalloc_large(1, GFP_KERNEL);

	(void)state;
	assert_int_equal(global_node_page_state(NR_SLAB_UNRECLAIMABLE), before + 8 + 1);
	kfree(p);
	kfree(q);
	assert_int_equal(global_node_page_state(NR_SLAB_UNRECLAIMABLE), before);
	kfree(q);
	world_expect_report("WARNING: kfree: object pointer:");
	assert_int_equal(global_node_page_state(NR_SLAB_UNRECLAIMABLE), before);
}

/* A process has no high memory that a pointer could not reach. */
static void large_memory_is_never_high_memory(void **state)
{
	void *p = kmalloc(20000, GFP_KERNEL | __GFP_HIGHMEM);

	(void)state;
	world_expect_report(
		"Unexpected gfp: 0x2 (__GFP_HIGHMEM). Fixing up to gfp: 0xcc0 (GFP_KERNEL). Fix your code!");
	assert_non_null(p);
	kfree(p);
}

static int two_nodes_setup(void **state)
{
	(void)state;
	if (world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static void memory_comes_from_the_node_that_is_asked_for(void **state)
{
	(void)state;
	for (int node = 0; node < 2; node++) {
		for (unsigned int i = 0; i < 40; i++) {
			gfp_t gfp = GFP_KERNEL | __GFP_THISNODE | (i & 1 ? __GFP_RECLAIMABLE : 0);
			size_t size = 16 + 300 * i;
			void *p[] = {
				kmalloc_node(size, gfp, node),    kzalloc_node(size, gfp, node),
				kcalloc_node(size, 2, gfp, node), kmalloc_array_node(2, size, gfp, node),
				kmalloc_node(100, gfp, node),     kmalloc_node(10000, gfp, node),
				kmalloc_large_node(1, gfp, node),
			};

			for (unsigned int j = 0; j < ARRAY_SIZE(p); j++) {
				assert_non_null(p[j]);
				assert_int_equal(page_to_nid(virt_to_page(p[j])), node);
				kfree(p[j]);
			}
		}
	}
	world_expect_silence();
}

static void a_node_that_does_not_exist_is_no_wish(void **state)
{
	void *p = kmalloc_node(100, GFP_KERNEL, 9);

	(void)state;
	assert_non_null(p);
	kfree(p);
	world_expect_silence();
	assert_null(kmalloc_large_node(100, GFP_KERNEL, 9));
	assert_int_equal(world_reports.count, 1);
	world_forget_reports();
}

#define MEMORY(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define NODES(test) cmocka_unit_test_setup_teardown(test, two_nodes_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_compiler_and_the_library_agree_on_every_class),
		MEMORY(constant_sizes_come_from_their_classes),
		MEMORY(functions_that_are_called_by_pointer_do_the_same),
		MEMORY(the_first_flag_of_dma_reclaimable_account_decides),
		MEMORY(without_a_zone_for_it_dma_memory_is_any_memory),
		cmocka_unit_test(dma_memory_is_of_zone_dma),
		cmocka_unit_test(the_first_calls_of_threads_get_memory_of_their_kinds),
		MEMORY(reclaimable_memory_lies_in_reclaimable_blocks),
		MEMORY(each_kind_has_the_flag_and_the_classes_of_it),
		MEMORY(pages_of_large_memory_count_as_slab_pages),
		MEMORY(large_memory_is_never_high_memory),
		NODES(memory_comes_from_the_node_that_is_asked_for),
		NODES(a_node_that_does_not_exist_is_no_wish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
