/* SPDX-License-Identifier: MIT
 * hotplug_test.c - what SLUB keeps for a CPU goes with it, and empty slabs do not hold memory that is to go.
 */
#include "slub_world.h"

#include <errno.h>

#include <kmm/hotplug.h>

#include "arena/arena.h"
#include "buddy/hotplug_internal.h"
#include "support/threads.h"

#define NR 200 /* objects of 256 bytes: a dozen slabs */
#define PPS PAGES_PER_SECTION

static struct kmem_cache *cache;

static int setup(void **state)
{
	if (world_setup(state))
		return -1;
	cache = kmem_cache_create("hotplug", 256, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	kmm_validate_cache(cache);
	kmem_cache_destroy(cache);
	return world_teardown(state);
}

static bool cpu_holds_something(struct kmem_cache *s, unsigned int cpu)
{
	const struct kmem_cache_cpu *c = cpu_slab_of(s, cpu);

	return c->slab || c->partial || c->freelist;
}

static bool any_cache_on(unsigned int cpu)
{
	struct kmem_cache *s;

	cds_list_for_each_entry(s, &slab_caches, list)
		if (cpu_holds_something(s, cpu))
			return true;
	return false;
}

/* Leaves slabs of the test's cache and of kmalloc with the CPU: one to allocate from, and partial ones. */
static void use_cpu(unsigned int index, void *arg)
{
	void *objects[NR];

	(void)arg;
	cpu_id_pin((int)index);
	take(cache, objects, NR);
	give_all(cache, objects, NR);
	kfree(kmalloc(100, GFP_KERNEL));
}

static void a_removed_cpu_gives_its_slabs_back(void **state)
{
	void *object;
	struct slab *slab;

	(void)state;
	run_threads(WORLD_CPUS, use_cpu, NULL);
	for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++) {
		assert_non_null(cpu_slab_of(cache, cpu)->slab);
		assert_non_null(cpu_slab_of(cache, cpu)->partial);
		assert_true(any_cache_on(cpu));
	}
	assert_int_equal(remove_cpu(1), 0);
	assert_false(any_cache_on(1));
	assert_non_null(cpu_slab_of(cache, 0)->slab);
	assert_non_null(cpu_slab_of(cache, 2)->slab);

	/* A slab in use goes to the node, and serves the other CPUs. */
	kmem_cache_shrink(cache);
	cpu_id_pin(2);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	slab = slab_of(object);
	assert_int_equal(slab_place(cache, slab), PLACE_CPU);
	assert_int_equal(remove_cpu(2), 0);
	assert_int_equal(slab_place(cache, slab), PLACE_NODE_PARTIAL);
	kmem_cache_free(cache, object);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_ptr_equal(slab_of(object), slab);
	assert_false(any_cache_on(1));
	assert_false(any_cache_on(2));
	assert_ptr_equal(cpu_slab_of(cache, 3)->slab, slab);
	kmem_cache_free(cache, object);

	assert_int_equal(add_cpu(2), 0);
	cpu_id_refresh();
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_true(cpu_holds_something(cache, 2));
	kmem_cache_free(cache, object);
	world_expect_silence();
}

/* Empty slabs beyond what the node keeps are pages again. */
static void pages_of_empty_slabs_are_free_again(void **state)
{
	unsigned long free, partial = 0;

	(void)state;
	run_threads(2, use_cpu, NULL);
	/* The node has all that it keeps. */
	assert_int_equal(remove_cpu(0), 0);
	free = nr_free_pages();
	for (struct slab *slab = cpu_slab_of(cache, 1)->partial; slab; slab = slab->next)
		partial++;
	assert_true(partial > 0);
	assert_int_equal(remove_cpu(1), 0);
	assert_true(nr_free_pages() >= free + partial);
	kmem_cache_shrink(cache);
	world_expect_silence();
}

static void a_thread_that_keeps_the_number_goes_on(void **state)
{
	void *objects[NR];

	(void)state;
	cpu_id_pin(3);
	migrate_disable();
	assert_int_equal(remove_cpu(3), 0);
	take(cache, objects, NR);
	assert_true(cpu_holds_something(cache, 3));
	give_all(cache, objects, NR);
	/* Whoever looks for slabs looks there, too. */
	kmem_cache_shrink(cache);
	assert_false(cpu_holds_something(cache, 3));
	migrate_enable();
	world_expect_silence();
}

/* Pages that keep others from the first section. */
static struct {
	struct page *page;
	unsigned int order;
} hog[2 * MAX_ORDER + PPS];
static unsigned int nr_hog;

/* The next slab is in the second section. */
static void fill_first_section(void)
{
	for (unsigned int order = MAX_ORDER; order-- > 0;) {
		for (;;) {
			struct page *page = alloc_pages(GFP_KERNEL, order);

			assert_non_null(page);
			if (page_to_pfn(page) >= PPS) {
				__free_pages(page, order);
				break;
			}
			hog[nr_hog].page = page;
			hog[nr_hog++].order = order;
		}
	}
}

static void free_first_section(void)
{
	for (; nr_hog; nr_hog--)
		__free_pages(hog[nr_hog - 1].page, hog[nr_hog - 1].order);
}

static void take_from_second_section(void **objects)
{
	fill_first_section();
	take(cache, objects, NR);
	free_first_section();
	for (unsigned int i = 0; i < NR; i++) {
		assert_int_equal(page_to_pfn(virt_to_page(objects[i])) / PPS, 1);
		memset(objects[i], (int)i, 256);
	}
}

static void assert_intact(void **objects, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		for (unsigned int j = 0; j < 256; j++)
			assert_int_equal(((unsigned char *)objects[i])[j], i & 0xff);
}

static void empty_slabs_leave_a_range_that_is_to_go(void **state)
{
	void *objects[NR];
	const unsigned long total = totalram_pages();

	(void)state;
	take_from_second_section(objects);
	give_all(cache, objects, NR);
	assert_true(cpu_holds_something(cache, 0));
	assert_true(on_node_partial(cache, slab_of(objects[NR / 2])) || on_cpu_partial(cache, slab_of(objects[1])));
	assert_int_equal(kmm_offline_memory(PPS, PPS), 0);
	assert_int_equal(totalram_pages(), total - PPS);
	world_expect_silence();
	take(cache, objects, NR);
	for (unsigned int i = 0; i < NR; i++)
		assert_int_not_equal(page_to_pfn(virt_to_page(objects[i])) / PPS, 1);
	give_all(cache, objects, NR);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	assert_int_equal(kmm_add_memory(0, SECTION_SIZE), 0);
	take_from_second_section(objects);
	give_all(cache, objects, NR);
}

static void an_object_in_use_keeps_its_memory(void **state)
{
	void *objects[NR];
	const unsigned long total = totalram_pages();

	(void)state;
	take_from_second_section(objects);
	assert_int_equal(kmm_offline_memory(PPS, PPS), -EBUSY);
	world_expect_report("unmovable page");
	assert_intact(objects, 0, NR);
	give_all(cache, objects, NR - 1);
	assert_int_equal(kmm_offline_memory(PPS, PPS), -EBUSY);
	world_expect_report("unmovable page");
	assert_intact(objects, NR - 1, NR);
	assert_int_equal(totalram_pages(), total);
	kmm_validate_slub();
	kmm_validate_pages();
	/* The other slabs are free. */
	take(cache, objects, NR - 1);
	give_all(cache, objects, NR);
	assert_int_equal(kmm_offline_memory(PPS, PPS), 0);
	world_expect_silence();
}

static int setup_two_nodes(void **state)
{
	(void)state;
	if (world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	cache = kmem_cache_create("hotplug", 256, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

/* Caches have something of theirs on each node. */
static void a_node_with_slabs_keeps_some_memory(void **state)
{
	const unsigned long half = (WORLD_LIMIT >> PAGE_SHIFT) / 2;
	void *objects[NR];

	(void)state;
	assert_int_equal(kmm_offline_memory(half, half), -EBUSY);
	world_expect_report("unmovable page");
	assert_true(slab_node_isset(1));
	use_cpu(3, NULL);
	take(cache, objects, NR);
	assert_int_equal(slab_nid(slab_of(objects[0])), 1);
	give_all(cache, objects, NR);
	world_expect_silence();
}

/* As if node 1 had lost its last memory and got some again. */
static void a_node_that_gets_memory_is_given_to_all_caches(void **state)
{
	struct memory_notify change = { .status_change_nid_normal = 1, .status_change_nid = 1 };
	struct kmem_cache *made_without;
	void *object, *nodes[2 * NR];
	unsigned int nr_nodes = 0;

	(void)state;
	assert_int_equal(memory_notify(MEM_OFFLINE, &change), 0);
	assert_false(slab_node_isset(1));
	assert_non_null(get_node(cache, 1));
	made_without = kmem_cache_create("made_without", 80, 0, SLAB_NO_MERGE, NULL);
	assert_null(get_node(made_without, 1));
	/* It does not come: there is no memory for what caches have of it. */
	buddy_inject_failure(1, true);
	while ((object = kmem_cache_alloc(kmem_cache_node, GFP_NOWAIT | __GFP_NOWARN))) {
		assert_true(nr_nodes < ARRAY_SIZE(nodes));
		nodes[nr_nodes++] = object;
	}
	assert_int_equal(memory_notify(MEM_GOING_ONLINE, &change), -ENOMEM);
	give_all(kmem_cache_node, nodes, nr_nodes);
	buddy_inject_failure(0, false);
	assert_int_equal(memory_notify(MEM_CANCEL_ONLINE, &change), 0);
	assert_false(slab_node_isset(1));
	/* It comes. */
	assert_int_equal(memory_notify(MEM_GOING_ONLINE, &change), 0);
	assert_int_equal(memory_notify(MEM_ONLINE, &change), 0);
	assert_true(slab_node_isset(1));
	assert_non_null(get_node(made_without, 1));
	cpu_id_pin(3);
	object = kmem_cache_alloc(made_without, GFP_KERNEL);
	assert_int_equal(slab_nid(slab_of(object)), 1);
	kmem_cache_free(made_without, object);
	kmem_cache_destroy(made_without);
}

/* Movable memory of a node is no memory for slabs. */
static void memory_that_slabs_cannot_use_changes_nothing(void **state)
{
	struct memory_notify change = { .status_change_nid_normal = NUMA_NO_NODE, .status_change_nid = 1 };

	(void)state;
	assert_int_equal(memory_notify(MEM_OFFLINE, &change), 0);
	assert_true(slab_node_isset(1));
	assert_int_equal(memory_notify(MEM_GOING_ONLINE, &change), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_TWO_NODES(name) cmocka_unit_test_setup_teardown(name, setup_two_nodes, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_removed_cpu_gives_its_slabs_back),
		TEST(pages_of_empty_slabs_are_free_again),
		TEST(a_thread_that_keeps_the_number_goes_on),
		TEST(empty_slabs_leave_a_range_that_is_to_go),
		TEST(an_object_in_use_keeps_its_memory),
		TEST_TWO_NODES(a_node_with_slabs_keeps_some_memory),
		TEST_TWO_NODES(a_node_that_gets_memory_is_given_to_all_caches),
		TEST_TWO_NODES(memory_that_slabs_cannot_use_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
