/* SPDX-License-Identifier: MIT
 * populate_test.c - pages of chunks: paid for on demand, taken back when nothing uses them.
 */
#include "arena/os.h"
#include "support/percpu_world.h"

#define UNIT 0x8000

/* Of the first chunk that is created; later ones share pages with their neighbours. */
static unsigned long meta_pages(void)
{
	return 1;
}

static void a_page_is_paid_for_on_every_cpu_when_first_used(void **state)
{
	unsigned long nr_free = nr_free_pages();
	char __percpu *ptr;

	(void)state;
	/* No chunk has 28 KiB in one piece yet. */
	ptr = __alloc_percpu(UNIT - PAGE_SIZE, 4);
	assert_int_equal(nr_free - nr_free_pages(), 7 * WORLD_CPUS + meta_pages());
	assert_int_equal(chunk_of(ptr)->map.populated[0], 0x7f);
	assert_int_equal(chunk_of(ptr)->nr_populated, 7);
	free_percpu(ptr);
}

static void an_area_populates_just_the_pages_that_it_touches(void **state)
{
	char __percpu *filler = __alloc_percpu(UNIT - PAGE_SIZE - 8, 4), __percpu * ptr;
	struct pcpu_chunk *chunk = chunk_of(filler);

	(void)state;
	assert_int_equal(chunk->map.populated[0], 0x7f);
	/* 8 bytes are left of page 6; 16 reach into page 7. Fill up whatever serves small requests before this chunk. */
	do {
		ptr = __alloc_percpu(PAGE_SIZE + 8, 4);
	} while (chunk_of(ptr) != chunk);
	assert_int_equal(ptr - filler, UNIT - PAGE_SIZE - 8);
	assert_int_equal(chunk->map.populated[0], 0xff);
}

static void pages_stay_populated_until_trimmed(void **state)
{
	unsigned long nr_free = nr_free_pages();
	char __percpu *ptr = __alloc_percpu(UNIT, 4);

	(void)state;
	free_percpu(ptr);
	assert_int_equal(nr_free - nr_free_pages(), 8 * WORLD_CPUS + meta_pages());
	assert_int_equal(percpu_trim(), (8 * WORLD_CPUS + meta_pages()) * PAGE_SIZE);
	assert_int_equal(nr_free_pages(), nr_free);
	assert_int_equal(percpu_trim(), 0);
}

static void trimming_takes_the_empty_pages_of_a_chunk_in_use(void **state)
{
	char __percpu *low = __alloc_percpu(UNIT - PAGE_SIZE, PAGE_SIZE), __percpu * high;
	struct pcpu_chunk *chunk = chunk_of(low);
	unsigned int cpu;

	(void)state;
	do {
		high = __alloc_percpu(PAGE_SIZE, PAGE_SIZE);
	} while (chunk_of(high) != chunk);
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(high, cpu), 0x40 + (int)cpu, PAGE_SIZE);
	free_percpu(low);
	assert_int_equal(percpu_trim(), 7UL * WORLD_CPUS * PAGE_SIZE);
	assert_int_equal(chunk->map.populated[0], 0x80);
	for_each_possible_cpu(cpu)
		assert_int_equal(*per_cpu_ptr(high, cpu), 0x40 + (int)cpu);
	kmm_validate_percpu();
	/* And they come back, zeroed. */
	low = __alloc_percpu(UNIT - PAGE_SIZE, PAGE_SIZE);
	assert_ptr_equal(chunk_of(low), chunk);
	for_each_possible_cpu(cpu)
		assert_int_equal(*per_cpu_ptr(low, cpu), 0);
}

static void the_first_chunk_is_never_trimmed(void **state)
{
	void __percpu *ptr = __alloc_percpu(16, 4);

	(void)state;
	free_percpu(ptr);
	percpu_trim();
	assert_int_equal(pcpu_first_chunk->map.populated[0], 0xff);
	assert_int_equal(pcpu_reserved_chunk->map.populated[0], 0xff);
	ptr = __alloc_percpu_gfp(16, 4, GFP_ATOMIC);
	assert_non_null(ptr);
	free_percpu(ptr);
}

static void a_refused_mapping_fails_the_request_and_leaves_nothing(void **state)
{
	unsigned long nr_free;
	unsigned int n;
	void __percpu *ptr = NULL;

	(void)state;
	percpu_trim();
	nr_free = nr_free_pages();
	/* The n-th system call of the population fails: those that give frames back are harmless, those that map not. */
	for (n = 1; n < 200; n++) {
		os_inject_failure(n);
		ptr = __alloc_percpu_gfp(UNIT, 4, GFP_KERNEL | __GFP_NOWARN);
		os_inject_failure(0);
		if (ptr) {
			free_percpu(ptr);
		} else {
			assert_int_equal(nr_free_pages(), nr_free);
		}
		kmm_validate_percpu();
		percpu_trim();
		assert_int_equal(nr_free_pages(), nr_free);
	}
	world_expect_silence();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_quiet_world(a_page_is_paid_for_on_every_cpu_when_first_used),
		in_quiet_world(an_area_populates_just_the_pages_that_it_touches),
		in_quiet_world(pages_stay_populated_until_trimmed),
		in_quiet_world(trimming_takes_the_empty_pages_of_a_chunk_in_use),
		in_quiet_world(the_first_chunk_is_never_trimmed),
		in_quiet_world(a_refused_mapping_fails_the_request_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
