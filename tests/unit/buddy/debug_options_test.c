/* SPDX-License-Identifier: MIT
 * debug_options_test.c - the whole library with all that can be done to pages: slabs, large objects, per-CPU memory, trim,
 * the end.
 */
#include <sys/wait.h>

#include "buddy/buddy_internal.h"
#include "support/memory_probe.h"
#include "support/world.h"

#define DEBUG "page_reporting_delay=3600000 debug_pagealloc=1 page_poison=1"

static int start(const char *options)
{
	if (world_start(options, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static int setup_debug(void **state)
{
	(void)state;
	return start(DEBUG);
}

static int setup_debug_guards(void **state)
{
	(void)state;
	return start(DEBUG " debug_guardpage_minorder=2 check_pages=1");
}

static int setup_init(void **state)
{
	(void)state;
	return start("page_reporting_delay=3600000 init_on_alloc=1 init_on_free=1 page_mobility=0");
}

/* Some of everything, several times over. */
static void all_rooms_work(void **state)
{
	void *objects[64], *large[4];
	int *counters[8];

	(void)state;
	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = kmalloc(24u << i % 8, GFP_KERNEL);
			assert_non_null(objects[i]);
			memset(objects[i], 0x5a, 24u << i % 8);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(large); i++) {
			large[i] = kzalloc((64u << 10) << i, GFP_KERNEL);
			assert_non_null(large[i]);
			for (size_t off = 0; off < (64u << 10) << i; off += 1024)
				assert_int_equal(((char *)large[i])[off], 0);
			memset(large[i], 0x5a, (64u << 10) << i);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(counters); i++) {
			counters[i] = __alloc_percpu(16384, 8);
			assert_non_null(counters[i]);
			for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++)
				(*per_cpu_ptr(counters[i], cpu))++;
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
			kfree(objects[i]);
		for (unsigned int i = 0; i < ARRAY_SIZE(large); i++)
			kfree(large[i]);
		for (unsigned int i = 0; i < ARRAY_SIZE(counters); i++)
			free_percpu(counters[i]);
		if (round % 2)
			kmm_trim();
		kmm_validate_pages();
	}
	world_expect_silence();
}

static void pages_of_slabs_can_be_read_after_the_slab_is_gone(void **state)
{
	struct kmem_cache *s = kmem_cache_create("peeked", 512, 0, SLAB_NO_MERGE, NULL);
	struct page *page;
	void *object;

	(void)state;
	object = kmem_cache_alloc(s, GFP_KERNEL);
	assert_non_null(object);
	page = virt_to_page(object);
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	assert_int_equal(page_refcount(compound_head(page)), 0);
	assert_true(memory_is_readable(object));
	kmm_trim();
	assert_true(memory_is_readable(object));
	world_expect_silence();
}

static void a_freed_large_object_cannot_be_read(void **state)
{
	char *object = kmalloc(100000, GFP_KERNEL);

	(void)state;
	assert_true(memory_is_readable(object + 99999));
	kfree(object);
	for (size_t off = 0; off < 100000; off += os_page_size())
		assert_false(memory_is_readable(object + off));
}

static void a_write_to_a_slab_that_is_gone_is_noticed(void **state)
{
	struct kmem_cache *s = kmem_cache_create("written", 512, 0, SLAB_NO_MERGE, NULL);
	char *object = kmem_cache_alloc(s, GFP_KERNEL);
	struct page *pages[64];

	(void)state;
	kmem_cache_free(s, object);
	kmem_cache_destroy(s);
	drain_all_pages(NULL);
	object[100] = 'x';
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
	world_expect_report("pagealloc: memory corruption");
}

static void everything_can_be_read_after_the_end(void **state)
{
	char *object, *base;
	unsigned long nr_online;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (!child) {
		object = kmalloc(100000, GFP_KERNEL);
		kfree(object);
		base = kmm_arena.base;
		nr_online = kmm_arena.nr_online;
		if (memory_is_readable(object))
			_exit(2);
		kmm_exit();
		for (unsigned long pfn = 0; pfn < nr_online; pfn++)
			if (!memory_is_readable(base + (pfn << PAGE_SHIFT)))
				_exit(3);
		kfree(object); /* ignored */
		_exit(0);
	}
	assert_true(waitpid(child, &status, 0) == child);
	assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_rooms_work, setup_debug),
		TEST(all_rooms_work, setup_debug_guards),
		TEST(all_rooms_work, setup_init),
		TEST(pages_of_slabs_can_be_read_after_the_slab_is_gone, setup_debug),
		TEST(a_freed_large_object_cannot_be_read, setup_debug),
		TEST(a_write_to_a_slab_that_is_gone_is_noticed, setup_debug),
		TEST(everything_can_be_read_after_the_end, setup_debug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
