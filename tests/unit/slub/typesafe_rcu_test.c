/* SPDX-License-Identifier: MIT
 * typesafe_rcu_test.c - SLAB_TYPESAFE_BY_RCU: the memory of a freed object stays one of its type until a grace period is over.
 *
 * Every test runs in three flavours of liburcu. The reader is a thread of its own, which stays in its section until told to
 * leave. A hang ends by an alarm.
 */
#include <pthread.h>
#include <unistd.h>

#include "arena/arena.h"
#include "base/atomic.h"
#include "base/rcu.h"
#include "base/rcu_defer.h"
#include "support/rcu_flavors.h"
#include "support/threads.h"
#include "support/world.h"

#include "slub/cache.h"

#define MAGIC 0x7e57ab1eUL
#define NR_OBJECTS 200

struct typed {
	unsigned long magic; /* the constructor's */
	unsigned long key;   /* the owner's */
	char text[48];
};

static struct typed *objects[NR_OBJECTS];

static const struct rcu_flavor_struct *flavor_of(void **state)
{
	return *state;
}

static int start(const struct rcu_flavor_struct *flavor, const char *options, unsigned int nr_cpus, size_t limit)
{
	const struct kmm_config config = { .size = sizeof(config),
					   .limit = limit,
					   .nr_cpus = nr_cpus,
					   .options = options,
					   .report = world_report,
					   .report_arg = &world_reports,
					   .rcu = flavor_for_library(flavor) };

	flavor_register_thread(flavor);
	world_forget_reports();
	if (kmm_init(&config))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static int quiet_world(void **state)
{
	return start(flavor_of(state), "background=off", 2, WORLD_LIMIT);
}

static int small_world(void **state)
{
	return start(flavor_of(state), "background=off", 1, 4UL << 20);
}

static int threaded_world(void **state)
{
	return start(flavor_of(state), NULL, 2, WORLD_LIMIT);
}

static int end(void **state)
{
	const struct rcu_flavor_struct *flavor = flavor_of(state);
	int err;

	world_expect_silence();
	kmm_rcu_barrier();
	err = world_teardown(state);
	flavor_unregister_thread(flavor);
	return err;
}

/* The reader */

static struct {
	pthread_t thread;
	const struct rcu_flavor_struct *flavor;
	bool inside, may_leave; /* atomic */
} reader;

static void wait_until_set(bool *flag)
{
	unsigned int turns = 0;

	while (!smp_load_acquire(flag))
		spin_turn(&turns);
}

static void *read_until_told(void *arg)
{
	flavor_register_thread(reader.flavor);
	kmm_rcu->read_lock();
	smp_store_release(&reader.inside, true);
	wait_until_set(&reader.may_leave);
	kmm_rcu->read_unlock();
	flavor_unregister_thread(reader.flavor);
	return arg;
}

static void reader_enters(void **state)
{
	reader.flavor = flavor_of(state);
	reader.inside = reader.may_leave = false;
	assert_int_equal(pthread_create(&reader.thread, NULL, read_until_told, NULL), 0);
	wait_until_set(&reader.inside);
}

static void reader_leaves(void)
{
	smp_store_release(&reader.may_leave, true);
	/* This thread may be one that the reader's end waits for. */
	reader.flavor->thread_offline();
	pthread_join(reader.thread, NULL);
	reader.flavor->thread_online();
}

/* Objects */

static void construct(void *object)
{
	struct typed *t = object;

	t->magic = MAGIC;
	t->key = 0;
}

static struct kmem_cache *new_cache(const char *name)
{
	return kmem_cache_create(name, sizeof(struct typed), 0, SLAB_TYPESAFE_BY_RCU, construct);
}

static void take_objects(struct kmem_cache *s)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		assert_non_null(objects[i]);
		objects[i]->key = i + 1;
	}
}

static void give_objects(struct kmem_cache *s)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		kmem_cache_free(s, objects[i]);
}

static struct page *page_of(const void *object)
{
	return page_head(arena_addr_to_page(object));
}

static unsigned int nr_in_slabs(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		nr += page_flag_test(page_of(objects[i]), PG_slab);
	return nr;
}

static void expect_objects_as_left(void)
{
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		assert_int_equal(objects[i]->magic, MAGIC);
		assert_int_equal(objects[i]->key, i + 1);
	}
}

/* All pages that are free, used for something else. */
static void use_all_memory_for_garbage(void)
{
	struct garbage {
		struct garbage *next;
	} *first = NULL, *g;

	while ((g = (struct garbage *)(uintptr_t)__get_free_page(GFP_NOWAIT | __GFP_NOWARN)) != NULL) {
		memset((void *)g, 0xa5, PAGE_SIZE);
		g->next = first;
		first = g;
	}
	while (first) {
		g = first->next;
		free_page((unsigned long)(uintptr_t)first);
		first = g;
	}
}

static void a_slab_is_kept_while_a_reader_may_see_it(void **state)
{
	struct kmem_cache *s = new_cache("typed");
	unsigned long nr_free;

	take_objects(s);
	reader_enters(state);
	give_objects(s);
	nr_free = nr_free_pages();
	assert_int_equal(kmem_cache_shrink(s), 0);
	assert_int_equal(cache_nr_slabs(s), 0);
	use_all_memory_for_garbage();
	assert_int_equal(nr_in_slabs(), NR_OBJECTS);
	assert_int_equal(nr_free_pages(), nr_free);
	for (unsigned int i = 0; i < NR_OBJECTS; i++)
		assert_ptr_equal(page_of(objects[i])->slab_cache, s);
	expect_objects_as_left();
	reader_leaves();
	/* Nobody has looked yet whether the grace period is over. */
	assert_int_equal(nr_in_slabs(), NR_OBJECTS);
	kmm_rcu_barrier();
	assert_int_equal(nr_in_slabs(), 0);
	assert_true(nr_free_pages() > nr_free);
	kmem_cache_destroy(s);
}

static void the_thread_gives_the_slab_back_when_the_reader_has_left(void **state)
{
	struct kmem_cache *s = new_cache("typed");
	unsigned int turns = 0;

	take_objects(s);
	reader_enters(state);
	give_objects(s);
	kmem_cache_shrink(s);
	usleep(50000);
	assert_int_equal(nr_in_slabs(), NR_OBJECTS);
	expect_objects_as_left();
	reader_leaves();
	flavor_of(state)->thread_offline();
	while (kmm_rcu_pending())
		spin_turn(&turns);
	flavor_of(state)->thread_online();
	kmm_rcu_barrier();
	assert_int_equal(nr_in_slabs(), 0);
	kmem_cache_destroy(s);
}

static void other_caches_do_not_wait(void **state)
{
	struct kmem_cache *s = kmem_cache_create("plain", sizeof(struct typed), 0, 0, construct);

	take_objects(s);
	reader_enters(state);
	give_objects(s);
	kmem_cache_shrink(s);
	assert_int_equal(nr_in_slabs(), 0);
	assert_false(kmm_rcu_pending());
	reader_leaves();
	kmem_cache_destroy(s);
}

static void an_object_taken_again_is_still_one(void **state)
{
	struct kmem_cache *s = new_cache("typed");
	struct typed *old = kmem_cache_alloc(s, GFP_KERNEL), *again;

	old->key = 7;
	reader_enters(state);
	kmem_cache_free(s, old);
	assert_int_equal(old->key, 7);
	again = kmem_cache_alloc(s, GFP_KERNEL);
	/* A reader sees another object of the type, which its key tells. No constructor ran in between. */
	assert_ptr_equal(again, old);
	assert_int_equal(again->magic, MAGIC);
	assert_int_equal(again->key, 7);
	again->key = 8;
	reader_leaves();
	kmem_cache_free(s, again);
	kmem_cache_destroy(s);
}

static void a_destroyed_cache_lasts_as_long_as_its_slabs(void **state)
{
	struct kmem_cache *s = new_cache("typed"), *next;

	take_objects(s);
	reader_enters(state);
	give_objects(s);
	kmem_cache_destroy(s);
	use_all_memory_for_garbage();
	assert_int_equal(nr_in_slabs(), NR_OBJECTS);
	expect_objects_as_left();
	assert_ptr_equal(page_of(objects[0])->slab_cache, s);
	assert_string_equal(s->name, "typed");
	/* The name is free already. */
	next = new_cache("typed");
	assert_ptr_not_equal(next, s);
	reader_leaves();
	kmm_rcu_barrier();
	assert_int_equal(nr_in_slabs(), 0);
	kmem_cache_destroy(next);
}

static void a_cache_may_be_destroyed_by_a_reader(void **state)
{
	struct kmem_cache *s = new_cache("typed"), *other = new_cache("other");
	bool section_is_known;

	(void)state;
	take_objects(s);
	give_objects(s);
	kmm_rcu->read_lock();
	kmem_cache_destroy(s);
	/* But for qsbr also while something waits, which this thread cannot wait for. */
	section_is_known = !kmm_rcu_may_wait();
	if (section_is_known)
		kmem_cache_destroy(other);
	expect_objects_as_left();
	assert_int_equal(nr_in_slabs(), NR_OBJECTS);
	kmm_rcu->read_unlock();
	if (!section_is_known)
		kmem_cache_destroy(other);
	kmm_rcu_barrier();
	assert_int_equal(nr_in_slabs(), 0);
}

/* All memory is in slabs that wait. */
static void slabs_that_wait_are_memory_for_who_may_wait(void **state)
{
	struct kmem_cache *s = new_cache("typed");
	struct typed *first = NULL, *t;
	void *memory;

	(void)state;
	while ((t = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN)) != NULL) {
		t->key = (unsigned long)(uintptr_t)first;
		first = t;
	}
	while (first) {
		t = first;
		first = (struct typed *)(uintptr_t)t->key;
		kmem_cache_free(s, t);
	}
	kmem_cache_shrink(s);
	assert_null(kmalloc(2000, GFP_NOWAIT | __GFP_NOWARN));
	memory = kmalloc(2000, GFP_KERNEL);
	assert_non_null(memory);
	assert_false(kmm_rcu_pending());
	kfree(memory);
	kmem_cache_destroy(s);
}

static void kfree_rcu_of_such_an_object_waits_twice(void **state)
{
	struct kmem_cache *s = kmem_cache_create("typed", sizeof(struct typed), 0, SLAB_TYPESAFE_BY_RCU, NULL);

	take_objects(s);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		objects[i]->magic = MAGIC;
		kfree_rcu_mightsleep(objects[i]);
	}
	kvfree_rcu_barrier();
	reader_enters(state);
	kmem_cache_destroy(s);
	expect_objects_as_left();
	assert_int_equal(nr_in_slabs(), NR_OBJECTS);
	reader_leaves();
	kmm_rcu_barrier();
	assert_int_equal(nr_in_slabs(), 0);
}

#define IN_FLAVOR(test, world, flavor)                                                               \
	{                                                                                            \
#test " (" #flavor ")", test, world, end, (void *)(uintptr_t)&urcu_##flavor##_flavor \
	}
#define IN_ALL(test, world) IN_FLAVOR(test, world, bp), IN_FLAVOR(test, world, memb), IN_FLAVOR(test, world, qsbr)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ALL(a_slab_is_kept_while_a_reader_may_see_it, quiet_world),
		IN_ALL(the_thread_gives_the_slab_back_when_the_reader_has_left, threaded_world),
		IN_ALL(other_caches_do_not_wait, quiet_world),
		IN_ALL(an_object_taken_again_is_still_one, quiet_world),
		IN_ALL(a_destroyed_cache_lasts_as_long_as_its_slabs, quiet_world),
		IN_ALL(a_cache_may_be_destroyed_by_a_reader, quiet_world),
		IN_ALL(slabs_that_wait_are_memory_for_who_may_wait, small_world),
		IN_ALL(kfree_rcu_of_such_an_object_waits_twice, quiet_world),
	};

	alarm(200);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
