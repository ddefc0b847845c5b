/* SPDX-License-Identifier: MIT
 * unit_map_test.c - the memory of each CPU's unit comes from the CPU's node, and the frames are found again by CPU.
 */
#include "buddy/buddy.h"
#include "support/percpu_world.h"

#define UNIT 0x8000

static void start_nodes(unsigned int nr_nodes, unsigned int nr_cpus)
{
	char options[32];

	snprintf(options, sizeof(options), "numa=fake=%u", nr_nodes);
	assert_int_equal(world_start(options, WORLD_LIMIT, nr_cpus), 0);
	cpu_id_pin(0);
	pcpu_balance_suspend_for_test(true);
}

static void check_groups(void)
{
	bool seen[PCPU_MAX_CPUS] = { false };
	unsigned int g, i, nr = 0;

	for (g = 0; g < pcpu_nr_groups; g++) {
		assert_int_equal(pcpu_groups[g].first, nr);
		assert_true(pcpu_groups[g].nr_units > 0);
		assert_true(!g || pcpu_groups[g].node > pcpu_groups[g - 1].node);
		for (i = 0; i < pcpu_groups[g].nr_units; i++, nr++) {
			assert_in_range(pcpu_units[nr], 0, kmm_nr_cpus() - 1);
			assert_false(seen[pcpu_units[nr]]);
			seen[pcpu_units[nr]] = true;
			assert_int_equal(buddy_node_of_cpu(pcpu_units[nr]), pcpu_groups[g].node);
		}
	}
	assert_int_equal(nr, kmm_nr_cpus());
}

/* The frames of the populated pages of @chunk are all different. Returns how many are not from their CPU's node. */
static unsigned int frames_from_elsewhere(const struct pcpu_chunk *chunk)
{
	struct page *seen[8 * 8], *frame;
	unsigned int cpu, nr = 0, i, elsewhere = 0;
	int page;

	for (page = 0; page < chunk->map.nr_pages; page++) {
		for_each_possible_cpu(cpu) {
			frame = pcpu_frame_of(chunk, page, cpu);
			assert_non_null(frame);
			for (i = 0; i < nr; i++)
				assert_ptr_not_equal(seen[i], frame);
			seen[nr++] = frame;
			elsewhere += (unsigned int)page_to_nid(frame) != buddy_node_of_cpu(cpu);
			assert_ptr_equal(kmm_per_cpu_ptr_to_page(pcpu_slices.base + pcpu_unit_off(chunk, cpu, 0) +
								 ((size_t)page << PAGE_SHIFT)),
					 frame);
		}
	}
	return elsewhere;
}

static void units_take_memory_from_the_nodes_of_their_cpus(void **state)
{
	unsigned int nr_nodes, nr_cpus;
	char __percpu *ptr;

	(void)state;
	for (nr_nodes = 1; nr_nodes <= 3; nr_nodes++) {
		for (nr_cpus = 1; nr_cpus <= 8; nr_cpus++) {
			start_nodes(nr_nodes, nr_cpus);
			check_groups();
			assert_int_equal(pcpu_nr_groups, min_of(nr_nodes, nr_cpus));
			ptr = __alloc_percpu(UNIT, 4);
			assert_non_null(ptr);
			assert_int_equal(frames_from_elsewhere(chunk_of(ptr)), 0);
			free_percpu(ptr);
			percpu_trim();
			world_expect_silence();
			world_teardown(NULL);
		}
	}
}

/* As many pages of @node as there are, in a list. */
static struct page *all_of_node(int node)
{
	struct page *page, *pages = NULL;

	while ((page = alloc_pages_node(node, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0))) {
		page->next = pages;
		pages = page;
	}
	return pages;
}

static void a_node_without_memory_is_helped_out_by_another(void **state)
{
	struct page *pages, *page;
	unsigned long nr_free;
	char __percpu *ptr;

	(void)state;
	start_nodes(2, 8);
	percpu_trim();
	nr_free = nr_free_pages();
	pages = all_of_node(1);
	assert_non_null(pages);
	ptr = __alloc_percpu(UNIT, 4);
	assert_non_null(ptr);
	/* Half of the CPUs are there. */
	assert_int_equal(frames_from_elsewhere(chunk_of(ptr)), 8 * 4);
	free_percpu(ptr);
	percpu_trim();
	while ((page = pages)) {
		pages = page->next;
		page->next = NULL;
		__free_page(page);
	}
	assert_int_equal(nr_free_pages(), nr_free);
	world_expect_silence();
	world_teardown(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_take_memory_from_the_nodes_of_their_cpus),
		cmocka_unit_test(a_node_without_memory_is_helped_out_by_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
