/* SPDX-License-Identifier: MIT
 * validate_test.c - kmm_validate_percpu() finds each invariant broken, by its name.
 */
#include "support/capture.h"
#include "support/percpu_world.h"

static struct pcpu_chunk *chunk;
static char __percpu *area;

/* A chunk with 64 bytes in use at its start, one page populated. */
static int setup(void **state)
{
	char __percpu *ptr;

	if (world_setup(state))
		return -1;
	ptr = __alloc_percpu(0x8000, 4);
	chunk = pcpu_chunk_table[(size_t)(ptr - pcpu_slices.base) >> pcpu_unit_shift];
	free_percpu(ptr);
	do {
		area = __alloc_percpu(0x1000 + 64, 4);
	} while (pcpu_chunk_table[(size_t)(area - pcpu_slices.base) >> pcpu_unit_shift] != chunk);
	capture_start();
	return 0;
}

static int teardown(void **state)
{
	capture_stop();
	return world_teardown(state);
}

static void expect_bug(const char *words)
{
	bool hit = capture_bug_in(kmm_validate_percpu());

	assert_true(hit);
	assert_int_equal(capture.last_level, KMM_REPORT_BUG);
	if (!strstr(capture.last, words))
		fail_msg("\"%s\" is not in \"%s\"", words, capture.last);
	capture_clear();
}

/* Changes @field for one validation and puts it back. */
#define broken(field, value, words)               \
	do {                                      \
		__typeof__(field) was_ = (field); \
		(field) = (value);                \
		expect_bug(words);                \
		(field) = was_;                   \
		kmm_validate_percpu();            \
		assert_int_equal(capture.nr, 0);  \
	} while (0)

static void a_lost_boundary_is_found(void **state)
{
	(void)state;
	broken(chunk->map.bound[0], chunk->map.bound[0] & ~1UL, "A1: no boundary at bit 0");
}

static void a_wrong_contig_hint_is_found(void **state)
{
	(void)state;
	broken(chunk->map.chunk_md.contig_hint, chunk->map.chunk_md.contig_hint - 1, "H1: chunk at bit 0");
	broken(chunk->map.blocks[1].contig_hint, 1024, "H1: block at bit 1024");
	broken(chunk->map.blocks[1].contig_hint_start, 4, "H1: block at bit 1024");
}

static void a_wrong_edge_is_found(void **state)
{
	(void)state;
	broken(chunk->map.blocks[2].left_free, 7, "H2: block at bit 2048");
	broken(chunk->map.blocks[2].right_free, 7, "H2: block at bit 2048");
	broken(chunk->map.chunk_md.first_free, 0, "H2: chunk at bit 0");
}

static void a_scan_hint_that_is_no_run_is_found(void **state)
{
	(void)state;
	broken(chunk->map.chunk_md.scan_hint, 5, "H3: chunk at bit 0");
}

static void wrong_counts_are_found(void **state)
{
	(void)state;
	broken(chunk->map.free_bits, chunk->map.free_bits + 1, "C1: ");
	broken(chunk->map.nr_empty_pop_pages, chunk->map.nr_empty_pop_pages + 1, "C1: ");
	broken(pcpu_nr_empty_pop_pages, pcpu_nr_empty_pop_pages + 1, "C1: ");
	broken(chunk->nr_populated, chunk->nr_populated - 1, "P1: ");
}

static void a_chunk_in_a_wrong_slot_is_found(void **state)
{
	(void)state;
	broken(chunk->slot, chunk->slot - 1, "C2: ");
}

static void a_chunk_missing_in_the_table_is_found(void **state)
{
	struct pcpu_chunk **entry = &pcpu_chunk_table[chunk->base_off >> pcpu_unit_shift];

	(void)state;
	broken(*entry, NULL, "C3: ");
}

static void a_lost_frame_is_found(void **state)
{
	(void)state;
	broken(chunk->frames[0], chunk->frames[0]->next, "P1: page 0");
	broken(chunk->map.populated[0], chunk->map.populated[0] & ~1UL, "P1: page 0");
}

#define with_chunk(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_chunk(a_lost_boundary_is_found),
		with_chunk(a_wrong_contig_hint_is_found),
		with_chunk(a_wrong_edge_is_found),
		with_chunk(a_scan_hint_that_is_no_run_is_found),
		with_chunk(wrong_counts_are_found),
		with_chunk(a_chunk_in_a_wrong_slot_is_found),
		with_chunk(a_chunk_missing_in_the_table_is_found),
		with_chunk(a_lost_frame_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
