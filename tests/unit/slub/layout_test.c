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

static void free_pointer_is_in_the_middle_or_behind(void **state)
{
	struct kmem_cache plain = { .object_size = 64, .align = 8 };
	struct kmem_cache constructed = { .object_size = 64, .align = 8, .ctor = (void (*)(void *))1 };

	(void)state;
	assert_int_equal(calculate_sizes(&plain), 0);
	assert_int_equal(plain.offset, 32);
	assert_int_equal(plain.size, 64);
	assert_int_equal(calculate_sizes(&constructed), 0);
	assert_int_equal(constructed.offset, 64);
	assert_int_equal(constructed.inuse, 64);
	assert_int_equal(constructed.size, 72);
}

static void flag_values_are_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(DEBUG_DEFAULT_FLAGS, 0x10d00);
	assert_int_equal(SLAB_HWCACHE_ALIGN, 0x2000);
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
