/* SPDX-License-Identifier: MIT
 * layout_test.c - the geometry of caches, and the values of the kernel's boot that follow from it.
 */
#include "slub_world.h"

#include "slub/kmalloc.h"
#include "slub/layout.h"
#include "slub/slab_pages.h"

static void alignment_of_boot_cache_is_a_cache_line(void **state)
{
	(void)state;
	assert_int_equal(calculate_alignment(SLAB_HWCACHE_ALIGN, ARCH_KMALLOC_MINALIGN, 44), 64);
}

static void alignment_halves_for_small_objects(void **state)
{
	(void)state;
	assert_int_equal(calculate_alignment(SLAB_HWCACHE_ALIGN, 0, 33), 64);
	assert_int_equal(calculate_alignment(SLAB_HWCACHE_ALIGN, 0, 32), 32);
	assert_int_equal(calculate_alignment(SLAB_HWCACHE_ALIGN, 0, 16), 16);
	assert_int_equal(calculate_alignment(SLAB_HWCACHE_ALIGN, 0, 1), 8);
	assert_int_equal(calculate_alignment(0, 1, 1), 8);
	assert_int_equal(calculate_alignment(0, 4096, 1), 4096);
}

static void oo_packs_order_and_objects(void **state)
{
	struct kmem_cache_order_objects oo = oo_make(3, 8192);

	(void)state;
	assert_int_equal(OO_SHIFT, 16);
	assert_int_equal(oo_make(0, 64).x, 0x40);
	assert_int_equal(oo.x, 0x30004);
	assert_int_equal(oo_order(oo), 3);
	assert_int_equal(oo_objects(oo), 4);
}

static void order_wastes_little(void **state)
{
	(void)state;
	for (unsigned int size = 8; size <= 32768; size += 8) {
		int order = calculate_order(size, 4);
		unsigned int slab = 4096u << order;

		assert_in_range(order, 0, 3);
		assert_true(slab >= size);
		/* A quarter at most, unless no order up to the largest holds several with so little waste. */
		if (slab / size > 1)
			assert_true(slab % size <= slab / 4);
	}
	assert_int_equal(calculate_order(KMALLOC_MAX_SIZE, 4), 10);
	assert_true(calculate_order(KMALLOC_MAX_SIZE + 8, 4) < 0);
}

static void size_inverse_tells_multiples(void **state)
{
	static const unsigned int sizes[] = { 8, 24, 40, 96, 104, 192, 328, 4096, 5000, 65536, 4194304 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t inverse = UINT64_MAX / sizes[i] + 1;

		for (uint64_t off = 0; off < 70000; off++)
			assert_int_equal(off * inverse < inverse, off % sizes[i] == 0);
		for (uint64_t off = 4194304 - 5000; off <= 4194304; off++)
			assert_int_equal(off * inverse < inverse, off % sizes[i] == 0);
	}
}

static void partials_follow_the_size(void **state)
{
	static const struct {
		unsigned int size;
		unsigned long min_partial;
		unsigned int cpu_partial;
	} rows[] = {
		{ 8, 5, 30 },   { 64, 5, 30 },  { 248, 5, 30 }, { 256, 5, 13 },  { 1016, 5, 13 },
		{ 1024, 5, 6 }, { 4088, 5, 6 }, { 4096, 6, 2 }, { 65536, 8, 2 }, { 4194304, 10, 2 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmem_cache s = { .size = rows[i].size };

		calculate_partials(&s);
		assert_int_equal(s.min_partial, rows[i].min_partial);
		assert_int_equal(s.cpu_partial, rows[i].cpu_partial);
	}
}

static const struct kmem_cache_args no_wishes;

static void free_pointer_is_in_the_middle_or_behind(void **state)
{
	struct kmem_cache plain = { .object_size = 64, .align = 8 };
	struct kmem_cache constructed = { .object_size = 64, .align = 8, .ctor = (void (*)(void *))1 };
	struct kmem_cache typesafe = { .object_size = 64, .align = 8, .flags = SLAB_TYPESAFE_BY_RCU };

	(void)state;
	assert_int_equal(calculate_sizes(&plain, &no_wishes), 0);
	assert_int_equal(plain.offset, 32);
	assert_int_equal(plain.size, 64);
	assert_int_equal(calculate_sizes(&constructed, &no_wishes), 0);
	assert_int_equal(constructed.offset, 64);
	assert_int_equal(constructed.inuse, 64);
	assert_int_equal(constructed.size, 72);
	assert_int_equal(calculate_sizes(&typesafe, &no_wishes), 0);
	assert_int_equal(typesafe.offset, 64);
	assert_int_equal(typesafe.size, 72);
}

static void free_pointer_is_where_an_rcu_cache_asks_for_it(void **state)
{
	const struct kmem_cache_args wish = { .freeptr_offset = 16, .use_freeptr_offset = true };
	const struct kmem_cache_args no_use = { .freeptr_offset = 16 };
	struct kmem_cache typesafe = { .object_size = 64, .align = 8, .flags = SLAB_TYPESAFE_BY_RCU };
	struct kmem_cache constructed = {
		.object_size = 64, .align = 8, .flags = SLAB_TYPESAFE_BY_RCU, .ctor = (void (*)(void *))1
	};

	(void)state;
	assert_int_equal(calculate_sizes(&typesafe, &wish), 0);
	assert_int_equal(typesafe.offset, 16);
	assert_int_equal(typesafe.size, 64);
	assert_int_equal(calculate_sizes(&typesafe, &no_use), 0);
	assert_int_equal(typesafe.offset, 64);
	assert_int_equal(typesafe.size, 72);
	assert_int_equal(calculate_sizes(&constructed, &wish), 0);
	assert_int_equal(constructed.offset, 64);
}

static void pages_are_asked_for_as_the_flags_say(void **state)
{
	static const struct {
		slab_flags_t flags;
		unsigned int object_size;
		gfp_t gfp;
	} rows[] = {
		{ 0, 64, 0 },
		{ 0, 1024, __GFP_COMP },
		{ SLAB_CACHE_DMA, 64, __GFP_DMA },
		{ SLAB_CACHE_DMA32, 64, __GFP_DMA32 },
		{ SLAB_RECLAIM_ACCOUNT, 64, __GFP_RECLAIMABLE },
		{ SLAB_TEMPORARY | SLAB_HWCACHE_ALIGN, 8192, __GFP_RECLAIMABLE | __GFP_COMP },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmem_cache s = { .object_size = rows[i].object_size, .align = 8, .flags = rows[i].flags };

		assert_int_equal(calculate_sizes(&s, &no_wishes), 0);
		assert_int_equal(s.allocflags, rows[i].gfp);
	}
}

/* Rows of /proc/slabinfo of a 6.1 kernel with one CPU: objsize, objperslab, pagesperslab. Each size once. */
static void slabs_are_cut_as_by_a_running_kernel(void **state)
{
	static const struct {
		unsigned int size, objects, pages;
	} rows[] = {
		{ 8, 512, 1 },  { 16, 256, 1 }, { 32, 128, 1 },  { 40, 102, 1 }, { 48, 85, 1 },   { 64, 64, 1 },
		{ 72, 56, 1 },  { 80, 51, 1 },  { 96, 42, 1 },   { 104, 39, 1 }, { 112, 36, 1 },  { 128, 32, 1 },
		{ 136, 30, 1 }, { 192, 21, 1 }, { 208, 19, 1 },  { 248, 16, 1 }, { 256, 16, 1 },  { 320, 12, 1 },
		{ 328, 12, 1 }, { 432, 9, 1 },  { 512, 8, 1 },   { 560, 14, 2 }, { 576, 14, 2 },  { 584, 14, 2 },
		{ 616, 13, 2 }, { 632, 25, 4 }, { 640, 12, 2 },  { 680, 12, 2 }, { 840, 19, 4 },  { 928, 17, 4 },
		{ 960, 8, 2 },  { 1024, 8, 2 }, { 1408, 11, 4 }, { 2048, 8, 4 }, { 2112, 15, 8 }, { 4096, 8, 8 },
		{ 4800, 6, 8 }, { 4864, 6, 8 }, { 8192, 4, 8 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		int order = calculate_order(rows[i].size, 1);

		assert_int_equal(1 << order, rows[i].pages);
		assert_int_equal(oo_objects(oo_make((unsigned int)order, rows[i].size)), rows[i].objects);
	}
}

/* The same, from what the caches are made of, where that is known: struct sizes of a 64-bit kernel. */
static void objects_take_what_they_take_in_a_running_kernel(void **state)
{
	static const struct {
		const char *name;
		unsigned int object_size, align;
		slab_flags_t flags;
		bool ctor;
		unsigned int size, objsize_align;
	} rows[] = {
		{ "kmalloc-96", 96, 8, 0, false, 96, 8 },
		{ "kmalloc-192", 192, 8, 0, false, 192, 8 },
		{ "kmalloc-8k", 8192, 4096, 0, false, 8192, 4096 },
		{ "buffer_head", 104, 8, SLAB_RECLAIM_ACCOUNT | SLAB_PANIC | SLAB_MEM_SPREAD, false, 104, 8 },
		{ "radix_tree_node", 576, 0, SLAB_PANIC | SLAB_RECLAIM_ACCOUNT, true, 584, 8 },
		{ "names_cache", 4096, 0, SLAB_HWCACHE_ALIGN | SLAB_PANIC, false, 4096, 64 },
		{ "maple_node", 256, 256, SLAB_PANIC, false, 256, 256 },
		{ "biovec-64", 1024, 0, SLAB_HWCACHE_ALIGN | SLAB_PANIC, false, 1024, 64 },
		{ "bio-184", 184, 0, SLAB_HWCACHE_ALIGN, false, 192, 64 },
		{ "bio-160", 160, 0, SLAB_HWCACHE_ALIGN | SLAB_TYPESAFE_BY_RCU, false, 192, 64 },
		{ "ep_head", 16, 0, SLAB_PANIC | SLAB_ACCOUNT, false, 16, 8 },
		{ "kmem_cache_node", 64, 8, SLAB_HWCACHE_ALIGN, false, 64, 64 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmem_cache s = {
			.name = rows[i].name,
			.object_size = rows[i].object_size,
			.align = calculate_alignment(rows[i].flags, rows[i].align, rows[i].object_size),
			.flags = rows[i].flags,
			.ctor = rows[i].ctor ? (void (*)(void *))1 : NULL,
		};

		assert_int_equal(calculate_sizes(&s, &no_wishes), 0);
		assert_int_equal(s.align, rows[i].objsize_align);
		assert_int_equal(s.size, rows[i].size);
	}
}

static void options_of_order_move_it(void **state)
{
	(void)state;
	slub_max_order = 0;
	assert_int_equal(calculate_order(1024, 4), 0);
	assert_int_equal(calculate_order(8192, 4), 1); /* no smaller one holds an object */
	slub_options_reset();
	slub_min_order = 2;
	assert_int_equal(calculate_order(8, 4), 2);
	slub_options_reset();
	assert_int_equal(calculate_order(512, 1), 0);
	slub_min_objects = 32;
	assert_int_equal(calculate_order(512, 1), 2);
	slub_options_reset();
}

static void flag_values_are_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(DEBUG_DEFAULT_FLAGS, 0x10d00);
	assert_int_equal(SLAB_HWCACHE_ALIGN, 0x2000);
	assert_int_equal(SLAB_CACHE_DMA, 0x4000);
	assert_int_equal(SLAB_CACHE_DMA32, 0x8000);
	assert_int_equal(SLAB_RECLAIM_ACCOUNT, 0x20000);
	assert_int_equal(SLAB_TEMPORARY, SLAB_RECLAIM_ACCOUNT);
	assert_int_equal(SLAB_PANIC, 0x40000);
	assert_int_equal(SLAB_TYPESAFE_BY_RCU, 0x80000);
	assert_int_equal(SLAB_MEM_SPREAD, 0x100000);
	assert_int_equal(SLAB_TRACE, 0x200000);
	assert_int_equal(SLAB_NOLEAKTRACE, 0x800000);
	assert_int_equal(SLAB_NO_MERGE, 0x1000000);
	assert_int_equal(SLAB_FAILSLAB, 0x2000000);
	assert_int_equal(SLAB_ACCOUNT, 0x4000000);
	assert_int_equal(SLAB_NO_USER_FLAGS, 0x10000000);
}

static void first_try_for_a_slab_page_is_quiet(void **state)
{
	gfp_t gfp = slab_first_try_gfp(GFP_KERNEL | __GFP_NOFAIL);

	(void)state;
	assert_true(gfp & __GFP_NOWARN);
	assert_true(gfp & __GFP_NORETRY);
	assert_false(gfp & __GFP_NOFAIL);
	assert_int_equal(gfp & GFP_KERNEL, GFP_KERNEL);
}

static void kmalloc_index_of_193(void **state)
{
	(void)state;
	assert_int_equal(kmalloc_index(193), 8);
}

static void kmalloc_index_of_256(void **state)
{
	(void)state;
	assert_int_equal(kmalloc_index(256), 8);
}

static void kmalloc_index_of_257(void **state)
{
	(void)state;
	assert_int_equal(kmalloc_index(257), 9);
}

static void kmalloc_index_of_8192(void **state)
{
	(void)state;
	assert_int_equal(kmalloc_index(8192), 13);
}

static void kmalloc_class_is_the_smallest_that_fits(void **state)
{
	(void)state;
	for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE; size++) {
		unsigned int index = kmalloc_index(size), best = 0;

		for (unsigned int i = 1; i <= KMALLOC_SHIFT_HIGH; i++) {
			unsigned int bytes = kmalloc_class_size(i);

			if (bytes >= size && (!best || bytes < kmalloc_class_size(best)))
				best = i;
		}
		assert_int_equal(index, best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alignment_of_boot_cache_is_a_cache_line),
		cmocka_unit_test(alignment_halves_for_small_objects),
		cmocka_unit_test(oo_packs_order_and_objects),
		cmocka_unit_test(order_wastes_little),
		cmocka_unit_test(size_inverse_tells_multiples),
		cmocka_unit_test(partials_follow_the_size),
		cmocka_unit_test(free_pointer_is_in_the_middle_or_behind),
		cmocka_unit_test(free_pointer_is_where_an_rcu_cache_asks_for_it),
		cmocka_unit_test(pages_are_asked_for_as_the_flags_say),
		cmocka_unit_test(slabs_are_cut_as_by_a_running_kernel),
		cmocka_unit_test(objects_take_what_they_take_in_a_running_kernel),
		cmocka_unit_test(options_of_order_move_it),
		cmocka_unit_test(flag_values_are_the_kernels),
		cmocka_unit_test(first_try_for_a_slab_page_is_quiet),
		cmocka_unit_test(kmalloc_index_of_193),
		cmocka_unit_test(kmalloc_index_of_256),
		cmocka_unit_test(kmalloc_index_of_257),
		cmocka_unit_test(kmalloc_index_of_8192),
		cmocka_unit_test(kmalloc_class_is_the_smallest_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
