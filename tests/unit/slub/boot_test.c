/* SPDX-License-Identifier: MIT
 * boot_test.c - the boot sequence, and the values the notes on a 32-bit machine with 4 CPUs have for it.
 */
#include "slub_world.h"

#include "slub/kmalloc.h"
#include "slub/slab_pages.h"
#include "support/slub_objects.h"

/* What the trace hook saw, in order. */
#define MAX_STEPS 64
static struct {
	char step[24];
	char name[24];
	enum slab_state state;
	struct kmem_cache copy;
	unsigned long node_objects, node_partial, node_inuse;
} steps[MAX_STEPS];
static unsigned int nr_steps;

static void record(const char *step, const struct kmem_cache *s)
{
	if (nr_steps == MAX_STEPS)
		return;
	snprintf(steps[nr_steps].step, sizeof(steps[0].step), "%s", step);
	snprintf(steps[nr_steps].name, sizeof(steps[0].name), "%s", s ? s->name : "");
	steps[nr_steps].state = slab_state;
	if (s) {
		struct kmem_cache_node *n = get_node(s, 0);

		steps[nr_steps].copy = *s;
		steps[nr_steps].node_objects = n->total_objects;
		steps[nr_steps].node_partial = n->nr_partial;
		if (n->nr_partial)
			steps[nr_steps].node_inuse =
				slab_word_read(cds_list_first_entry(&n->partial, struct slab, slab_list)).inuse;
	}
	nr_steps++;
}

static int traced_setup(void **state)
{
	nr_steps = 0;
	kmem_cache_init_trace = record;
	if (world_setup(state))
		return -1;
	kmem_cache_init_trace = NULL;
	return 0;
}

static int find_step(const char *step, const char *name)
{
	for (unsigned int i = 0; i < nr_steps; i++)
		if (!strcmp(steps[i].step, step) && !strcmp(steps[i].name, name))
			return (int)i;
	fail_msg("no step %s %s", step, name);
	return -1;
}

static void states_come_in_the_kernels_order(void **state)
{
	static const char *const expected[][2] = {
		{ "slab_state DOWN", "" },
		{ "create_boot_cache", "kmem_cache_node" },
		{ "slab_state PARTIAL", "" },
		{ "create_boot_cache", "kmem_cache" },
		{ "bootstrap", "kmem_cache" },
		{ "bootstrap", "kmem_cache_node" },
		{ "create_boot_cache", "kmalloc-8" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_string_equal(steps[i].step, expected[i][0]);
		assert_string_equal(steps[i].name, expected[i][1]);
	}
	assert_string_equal(steps[nr_steps - 2].step, "slab_state UP");
	assert_string_equal(steps[nr_steps - 1].step, "slab_state FULL");
	assert_int_equal(DOWN, 0);
	assert_int_equal(steps[1].state, DOWN);
	assert_int_equal(slab_state, FULL);
}

static void node_cache_alignment_size_objects_oo(void **state)
{
	const struct kmem_cache *s = &steps[find_step("create_boot_cache", "kmem_cache_node")].copy;

	(void)state;
	/* What checks add to the lock makes it two lines, and a power of two is aligned to itself. */
	assert_int_equal(s->align, KMM_CONFIG_CHECK ? ALIGN_UP(sizeof(struct kmem_cache_node), 64) : 64);
	assert_int_equal(oo_order(s->oo), 0);
	if (sizeof(void *) == 4 && !KMM_CONFIG_CHECK) {
		assert_int_equal(s->size, 64);
		assert_int_equal(oo_objects(s->oo), 64);
		assert_int_equal(s->oo.x, 0x40);
	}
}

static void node_cache_object_size_fits_one_line_on_32_bit(void **state)
{
	(void)state;
	if (sizeof(void *) == 4 && !KMM_CONFIG_CHECK)
		assert_in_range(kmem_cache_size(kmem_cache_node), 33, 64);
	assert_int_equal(kmem_cache_size(kmem_cache_node), sizeof(struct kmem_cache_node));
}

static void node_cache_partials(void **state)
{
	const struct kmem_cache *s = &steps[find_step("create_boot_cache", "kmem_cache_node")].copy;

	(void)state;
	assert_int_equal(s->min_partial, 5);
	assert_int_equal(s->cpu_partial, 30);
}

static void boot_caches_are_exempt_from_merging(void **state)
{
	(void)state;
	assert_int_equal(kmem_cache->refcount, -1);
	assert_int_equal(kmem_cache_node->refcount, -1);
	assert_int_equal(kmalloc_caches[KMALLOC_NORMAL][6]->refcount, -1);
	assert_int_equal(kmalloc_caches[KMALLOC_RECLAIM][6]->refcount, 1);
}

static void first_node_comes_out_of_its_own_first_slab(void **state)
{
	int i = find_step("create_boot_cache", "kmem_cache_node");

	(void)state;
	assert_int_equal(steps[i].node_partial, 1);
	assert_int_equal(steps[i].node_inuse, 1);
	assert_int_equal(steps[i].node_objects, oo_objects(steps[i].copy.oo));
	assert_ptr_equal(slab_of(get_node(kmem_cache_node, 0))->slab_cache, kmem_cache_node);
}

static void boot_caches_moved_into_their_own_memory(void **state)
{
	(void)state;
	assert_ptr_equal(slab_of(kmem_cache)->slab_cache, kmem_cache);
	assert_ptr_equal(slab_of(kmem_cache_node)->slab_cache, kmem_cache);
}

static void cpu_slab_is_four_words(void **state)
{
	(void)state;
	/* Statistics are behind it. */
	if (KMM_CONFIG_SLUB_STATS)
		skip();
	assert_int_equal(sizeof(struct kmem_cache_cpu), 4 * sizeof(void *));
	if (sizeof(void *) == 4)
		assert_int_equal(sizeof(struct kmem_cache_cpu), 16);
}

static void tid_starts_as_the_cpu_number(void **state)
{
	struct kmem_cache *s = kmem_cache_create("tid", 64, 0, SLAB_NO_MERGE, NULL);
	unsigned int cpu;

	(void)state;
	for_each_possible_cpu(cpu) {
		assert_int_equal(init_tid(cpu), cpu);
		assert_int_equal(cpu_slab_of(s, cpu)->tid, cpu);
	}
	kmem_cache_destroy(s);
}

static void next_tid_of_0_is_4_with_4_cpus(void **state)
{
	(void)state;
	assert_int_equal(next_tid(0), 4);
}

static void tid_7_is_cpu_3_event_1(void **state)
{
	(void)state;
	assert_int_equal(tid_to_cpu(7), 3);
	assert_int_equal(tid_to_event(7), 1);
}

/* Each object of the two is a cache's, or free: nothing was lost on the way. */
static void every_cache_is_an_object_and_every_object_a_cache(void **state)
{
	struct kmem_cache *const holders[] = { kmem_cache, kmem_cache_node };
	unsigned long nr_caches = 0;
	struct kmem_cache *s;

	(void)state;
	cds_list_for_each_entry(s, &slab_caches, list)
		nr_caches++;
	for (unsigned int i = 0; i < ARRAY_SIZE(holders); i++)
		assert_int_equal(objects_in_use(holders[i]), nr_caches);
}

static void slab_word_after_allocate_slab(void **state)
{
	struct kmem_cache *s = kmem_cache_create("word", 64, 0, SLAB_NO_MERGE, NULL);
	struct slab *slab = allocate_slab(s, GFP_KERNEL, NUMA_NO_NODE);
	struct slab *list = NULL;

	(void)state;
	assert_int_equal(oo_objects(s->oo), 64);
	assert_int_equal(slab->counters, 0x00400000);
	slabs_collect(s, &list, slab);
	slabs_discard(s, list);
	kmem_cache_destroy(s);
}

static void slab_word_after_new_slab_installs_it(void **state)
{
	struct kmem_cache *s = kmem_cache_create("word", 64, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	assert_int_equal(slab_of(object)->counters, 0x80400040);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_come_in_the_kernels_order),
		cmocka_unit_test(node_cache_alignment_size_objects_oo),
		cmocka_unit_test(node_cache_object_size_fits_one_line_on_32_bit),
		cmocka_unit_test(node_cache_partials),
		cmocka_unit_test(boot_caches_are_exempt_from_merging),
		cmocka_unit_test(first_node_comes_out_of_its_own_first_slab),
		cmocka_unit_test(boot_caches_moved_into_their_own_memory),
		cmocka_unit_test(cpu_slab_is_four_words),
		cmocka_unit_test(tid_starts_as_the_cpu_number),
		cmocka_unit_test(next_tid_of_0_is_4_with_4_cpus),
		cmocka_unit_test(tid_7_is_cpu_3_event_1),
		cmocka_unit_test(every_cache_is_an_object_and_every_object_a_cache),
		cmocka_unit_test(slab_word_after_allocate_slab),
		cmocka_unit_test(slab_word_after_new_slab_installs_it),
	};

	return cmocka_run_group_tests(tests, traced_setup, world_teardown);
}
