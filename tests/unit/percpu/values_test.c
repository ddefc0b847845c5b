/* SPDX-License-Identifier: MIT
 * values_test.c - the numbers that the allocator must show: those of a traced boot of a 32-bit ARM machine with 4 CPUs
 * and 4 KiB pages, and those of its interface. They hold on every build; pages of another size would change some.
 */
#include "small_world.h"

/* Allocates what that boot allocates first: 16 bytes aligned to 8. */
static size_t first_allocation(void)
{
	char __percpu *ptr = __alloc_percpu(16, 8);

	assert_non_null(ptr);
	return (size_t)(ptr - pcpu_slices.base);
}

static void size_15_is_in_slot_1(void **state)
{
	(void)state;
	assert_int_equal(pcpu_size_to_slot_raw(15), 1);
}

static void size_16_is_in_slot_2(void **state)
{
	(void)state;
	assert_int_equal(pcpu_size_to_slot_raw(16), 2);
}

static void size_0x3000_is_in_slot_11(void **state)
{
	(void)state;
	assert_int_equal(pcpu_size_to_slot_raw(0x3000), 11);
}

static void size_44_KiB_is_in_slot_13(void **state)
{
	(void)state;
	assert_int_equal(pcpu_size_to_slot_raw(44 << 10), 13);
}

static void units_of_0x8000_bytes_have_15_slots(void **state)
{
	(void)state;
	assert_int_equal(pcpu_nr_slots, 15);
}

static void the_last_slot_is_for_empty_chunks(void **state)
{
	(void)state;
	assert_int_equal(pcpu_free_slot, 14);
	assert_int_equal(pcpu_size_to_slot(0x8000), 14);
	assert_int_equal(pcpu_size_to_slot(0x7ffc), 12);
}

static void the_dynamic_chunk_is_in_slot_11_before_the_first_allocation(void **state)
{
	(void)state;
	assert_int_equal(pcpu_first_chunk->slot, 11);
	assert_ptr_equal(pcpu_chunk_lists[11].next, &pcpu_first_chunk->list);
}

static void the_dynamic_chunk_is_in_slot_11_after_the_first_allocation(void **state)
{
	(void)state;
	first_allocation();
	assert_int_equal(pcpu_first_chunk->slot, 11);
	assert_ptr_equal(pcpu_chunk_lists[11].next, &pcpu_first_chunk->list);
}

static void the_first_allocation_is_at_0x3d00_of_the_unit(void **state)
{
	(void)state;
	assert_int_equal(first_allocation(), 0x3d00);
}

static void the_first_allocation_leaves_a_hint_of_0x2ff0(void **state)
{
	(void)state;
	assert_int_equal(pcpu_first_chunk->map.chunk_md.contig_hint * PCPU_MIN_ALLOC_SIZE, 0x3000);
	first_allocation();
	assert_int_equal(pcpu_first_chunk->map.chunk_md.contig_hint * PCPU_MIN_ALLOC_SIZE, 0x2ff0);
}

static void the_first_allocation_leaves_0x2ff0_bytes_free(void **state)
{
	(void)state;
	assert_int_equal(pcpu_free_bytes(pcpu_first_chunk), 0x3000);
	first_allocation();
	assert_int_equal(pcpu_free_bytes(pcpu_first_chunk), 0x2ff0);
}

static void the_first_allocation_is_in_unit_pages_3_to_4(void **state)
{
	size_t off = first_allocation();

	(void)state;
	assert_int_equal(off >> PAGE_SHIFT, 3);
	assert_int_equal((off + 16 + PAGE_SIZE - 1) >> PAGE_SHIFT, 4);
}

static void those_pages_are_one_run_of_the_populated_bitmap(void **state)
{
	const unsigned long *populated = pcpu_first_chunk->map.populated;

	(void)state;
	assert_int_equal(find_next_bit(populated, 4, 3), 3);
	assert_int_equal(find_next_zero_bit(populated, 4, 4), 4);
}

static void the_first_pointer_is_0xc0502d00_when_sections_start_at_0xc04ff000(void **state)
{
	uintptr_t base = (uintptr_t)pcpu_slices.base, addr = base + first_allocation(), ptr;

	(void)state;
	ptr = pcpu_addr_to_ptr(addr, base, 0xc04ff000u);
	assert_true(ptr == 0xc0502d00u);
	assert_true(pcpu_ptr_to_addr(ptr, base, 0xc04ff000u) == addr);
}

static void the_first_allocation_is_zero_on_all_4_cpus(void **state)
{
	char *unit = pcpu_slices.base + 0x3d00;
	static const char zeros[16];
	unsigned int cpu;

	(void)state;
	for (cpu = 0; cpu < 4; cpu++)
		memset(per_cpu_ptr(unit, cpu), 0xa5, 16);
	assert_int_equal(first_allocation(), 0x3d00);
	for (cpu = 0; cpu < 4; cpu++)
		assert_memory_equal(per_cpu_ptr(unit, cpu), zeros, 16);
}

static void the_first_chunk_of_4_cpus_has_4_units(void **state)
{
	(void)state;
	assert_int_equal(kmm_nr_cpus(), 4);
	assert_int_equal(pcpu_slices.size >> KMM_PCPU_SLICE_SHIFT, 4);
}

static void the_first_chunk_of_4_cpus_is_128_KiB(void **state)
{
	(void)state;
	assert_int_equal(kmm_nr_cpus() * pcpu_unit_size(), 128 << 10);
}

static void a_unit_has_8_pages(void **state)
{
	(void)state;
	assert_int_equal(pcpu_unit_pages, 8);
	assert_int_equal(pcpu_first_chunk->map.nr_pages, 8);
}

static void the_populated_bitmap_of_the_first_chunk_is_0xff(void **state)
{
	(void)state;
	assert_int_equal(pcpu_first_chunk->map.populated[0], 0xff);
	assert_int_equal(pcpu_reserved_chunk->map.populated[0], 0xff);
}

static void thirty_two_bytes_are_8_bits(void **state)
{
	(void)state;
	assert_int_equal(pcpu_size_to_bits(32), 8);
}

static void an_alignment_of_4_bytes_is_1_bit(void **state)
{
	(void)state;
	assert_int_equal(pcpu_align_to_bits(4), 1);
}

static void a_block_has_1024_bits(void **state)
{
	(void)state;
	assert_int_equal(PCPU_BITMAP_BLOCK_BITS, 1024);
}

static void the_largest_request_is_0x8000_bytes(void **state)
{
	void __percpu *ptr = __alloc_percpu(0x8000, 4);

	(void)state;
	assert_non_null(ptr);
	free_percpu(ptr);
	assert_null(__alloc_percpu_gfp(0x8001, 4, GFP_KERNEL | __GFP_NOWARN));
}

static void a_request_of_44_KiB_is_refused(void **state)
{
	(void)state;
	assert_null(__alloc_percpu_gfp(44 << 10, 4, GFP_KERNEL | __GFP_NOWARN));
}

static void the_smallest_unit_is_4_bytes(void **state)
{
	char __percpu *first = __alloc_percpu(1, 1), __percpu *second = __alloc_percpu(1, 1);

	(void)state;
	assert_int_equal(PCPU_MIN_ALLOC_SIZE, 4);
	assert_int_equal(second - first, 4);
}

static void empty_populated_pages_are_kept_between_2_and_4(void **state)
{
	(void)state;
	assert_int_equal(PCPU_EMPTY_POP_PAGES_LOW, 2);
	assert_int_equal(PCPU_EMPTY_POP_PAGES_HIGH, 4);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, small_world_setup, small_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_15_is_in_slot_1),
		cmocka_unit_test(size_16_is_in_slot_2),
		cmocka_unit_test(size_0x3000_is_in_slot_11),
		cmocka_unit_test(size_44_KiB_is_in_slot_13),
		in_world(units_of_0x8000_bytes_have_15_slots),
		in_world(the_last_slot_is_for_empty_chunks),
		in_world(the_dynamic_chunk_is_in_slot_11_before_the_first_allocation),
		in_world(the_dynamic_chunk_is_in_slot_11_after_the_first_allocation),
		in_world(the_first_allocation_is_at_0x3d00_of_the_unit),
		in_world(the_first_allocation_leaves_a_hint_of_0x2ff0),
		in_world(the_first_allocation_leaves_0x2ff0_bytes_free),
		in_world(the_first_allocation_is_in_unit_pages_3_to_4),
		in_world(those_pages_are_one_run_of_the_populated_bitmap),
		in_world(the_first_pointer_is_0xc0502d00_when_sections_start_at_0xc04ff000),
		in_world(the_first_allocation_is_zero_on_all_4_cpus),
		in_world(the_first_chunk_of_4_cpus_has_4_units),
		in_world(the_first_chunk_of_4_cpus_is_128_KiB),
		in_world(a_unit_has_8_pages),
		in_world(the_populated_bitmap_of_the_first_chunk_is_0xff),
		cmocka_unit_test(thirty_two_bytes_are_8_bits),
		cmocka_unit_test(an_alignment_of_4_bytes_is_1_bit),
		cmocka_unit_test(a_block_has_1024_bits),
		in_world(the_largest_request_is_0x8000_bytes),
		in_world(a_request_of_44_KiB_is_refused),
		in_world(the_smallest_unit_is_4_bytes),
		cmocka_unit_test(empty_populated_pages_are_kept_between_2_and_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
