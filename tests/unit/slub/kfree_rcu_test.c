/* SPDX-License-Identifier: MIT
 * kfree_rcu_test.c - objects that wait for a grace period: when they are freed, by whom, and what is refused.
 *
 * Grace periods are counted, and stopped, where the flavour is wrapped. A hang ends by an alarm.
 */
/* Before liburcu's headers, so that this order is seen to work; the other one is that of the consumer tests. */
#include <kmm/rcu.h>

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena/arena.h"
#include "base/atomic.h"
#include "base/rcu.h"
#include "base/rcu_defer.h"
#include "base/work.h"
#include "support/rcu_flavors.h"
#include "support/threads.h"
#include "support/world.h"

#include "slub/freeptr.h"
#include "slub/slab_word.h"

/* More than fit on a page of addresses. */
#define MANY 1100
/* Longer than anything is collected. */
#define LONG_MS 2000

struct item {
	unsigned long key;
	char text[100];
	struct rcu_head rcu;
};

static unsigned int nr_grace_periods;
static struct rcu_flavor_struct counting;

static void counted_grace_period(void)
{
	atomic_add_relaxed(&nr_grace_periods, 1);
	urcu_bp_synchronize_rcu();
}

static int start(const char *options, const struct rcu_flavor_struct *flavor, unsigned int nr_cpus, size_t limit)
{
	const struct kmm_config config = { .size = sizeof(config),
					   .limit = limit,
					   .nr_cpus = nr_cpus,
					   .options = options,
					   .report = world_report,
					   .report_arg = &world_reports,
					   .rcu = flavor };
	int err;

	nr_grace_periods = 0;
	world_forget_reports();
	err = kmm_init(&config);
	if (!err)
		cpu_id_pin(0);
	return err;
}

/* The flavour by default, which knows that a thread is inside a section; nothing happens by itself. */
static int quiet_world(void **state)
{
	(void)state;
	return start("background=off", NULL, 2, WORLD_LIMIT);
}

static int counting_world(void **state)
{
	(void)state;
	counting = urcu_bp_flavor;
	counting.update_synchronize_rcu = counted_grace_period;
	return start("background=off", &counting, 2, WORLD_LIMIT);
}

static int small_world(void **state)
{
	(void)state;
	return start("background=off", NULL, 1, 4UL << 20);
}

static int threaded_world(void **state)
{
	(void)state;
	return start(NULL, NULL, 2, WORLD_LIMIT);
}

static int end(void **state)
{
	(void)state;
	world_expect_silence();
	kvfree_rcu_barrier();
	world_expect_silence();
	return world_teardown(state);
}

static bool on_list(const struct kmem_cache *s, const void *list, const void *object)
{
	while (list && list != object)
		list = freeptr_get(s, (void *)(uintptr_t)list);
	return list;
}

/* Nobody else is at its cache meanwhile. */
static bool is_free(const void *object)
{
	const struct page *page = page_head(arena_addr_to_page(object));
	const struct kmem_cache *s;

	if (page_flag_test(page, PG_large_kmalloc))
		return false;
	if (!page_flag_test(page, PG_slab))
		return true;
	s = page->slab_cache;
	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++) {
		if (on_list(s, cpu_slab_of(s, cpu)->freelist, object))
			return true;
	}
	return on_list(s, slab_word_read((struct slab *)(uintptr_t)page).freelist, object);
}

static void no_text(void *object)
{
	((struct item *)object)->text[0] = '\0';
}

/* Of its own: a cache with a constructor is not merged with others. */
static struct kmem_cache *new_cache(void)
{
	return kmem_cache_create("items", sizeof(struct item), 0, 0, no_text);
}

static struct item *new_item(unsigned long key)
{
	struct item *item = kmalloc(sizeof(*item), GFP_KERNEL);

	assert_non_null(item);
	item->key = key;
	return item;
}

static void an_object_is_freed_after_a_grace_period(void **state)
{
	struct item *item = new_item(1);

	(void)state;
	kfree_rcu(item, rcu);
	assert_false(is_free(item));
	assert_int_equal(item->key, 1);
	assert_int_equal(nr_grace_periods, 0);
	kvfree_rcu_barrier();
	assert_true(is_free(item));
	assert_int_equal(nr_grace_periods, 1);
	/* Nothing waits any more. */
	kvfree_rcu_barrier();
	assert_int_equal(nr_grace_periods, 1);
}

static void every_form_frees(void **state)
{
	struct kmem_cache *s = new_cache();
	struct item *items[] = { new_item(0),
				 new_item(1),
				 new_item(2),
				 new_item(3),
				 new_item(4),
				 new_item(5),
				 kmem_cache_alloc(s, GFP_KERNEL),
				 kmalloc(100000, GFP_KERNEL),
				 kzalloc(sizeof(struct item), GFP_KERNEL | __GFP_RECLAIMABLE) };
	const struct item *constant = items[5];

	(void)state;
	kfree_rcu(items[0], rcu);
	kvfree_rcu(items[1], rcu);
	kfree_rcu_mightsleep(items[2]);
	kvfree_rcu_mightsleep(items[3]);
	kfree_rcu(items[4]);
	kvfree_rcu(constant);
	for (unsigned int i = 6; i < ARRAY_SIZE(items); i++)
		kfree_rcu(items[i], rcu);
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++)
		assert_false(is_free(items[i]));
	kvfree_rcu_barrier();
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++)
		assert_true(is_free(items[i]));
	kmem_cache_destroy(s);
}

static void a_pointer_is_evaluated_once_and_may_be_null(void **state)
{
	struct item *items[3] = { new_item(0), NULL, ZERO_SIZE_PTR }, **next = items;

	(void)state;
	kfree_rcu(*next++, rcu);
	assert_ptr_equal(next, items + 1);
	kfree_rcu(*next++, rcu);
	kfree_rcu_mightsleep(items[1]);
	kfree_rcu(*next++, rcu);
	kfree_rcu_mightsleep(items[2]);
	kvfree_rcu_barrier();
	assert_int_equal(nr_grace_periods, 1);
}

static void a_member_of_a_member_will_do(void **state)
{
	struct outer {
		char bytes[4000];
		struct {
			struct rcu_head head;
		} inner;
	} *outer = kmalloc(sizeof(*outer), GFP_KERNEL);

	(void)state;
	kfree_rcu(outer, inner.head);
	kvfree_rcu_barrier();
	assert_true(is_free(outer));
}

static void a_full_page_of_objects_waits_no_longer(void **state)
{
	struct item *items[MANY];
	unsigned int nr_free = 0;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		items[i] = new_item(i);
		kfree_rcu(items[i], rcu);
	}
	/* Those of full pages are queued; the rest of them is not waited for here, but by the barrier below. */
	kmm_work_advance_for_test(100);
	for (unsigned int i = 0; i < MANY; i++)
		nr_free += is_free(items[i]);
	assert_true(nr_free >= MANY / 2 && nr_free < MANY);
	kvfree_rcu_barrier();
	for (unsigned int i = 0; i < MANY; i++)
		assert_true(is_free(items[i]));
}

static void the_thread_frees_a_few_objects_a_second_later(void **state)
{
	struct item *item = new_item(0), *other = new_item(1);

	(void)state;
	kfree_rcu(item, rcu);
	cpu_id_pin(1);
	kfree_rcu(other, rcu);
	kmm_work_advance_for_test(500);
	assert_false(is_free(item));
	kmm_work_advance_for_test(LONG_MS);
	kmm_work_advance_for_test(LONG_MS);
	assert_true(is_free(item));
	assert_true(is_free(other));
	assert_false(kmm_rcu_pending());
}

static void without_a_thread_objects_wait_for_somebody_who_asks(void **state)
{
	struct item *item = new_item(0);

	(void)state;
	kfree_rcu(item, rcu);
	usleep(20000);
	assert_true(kmm_rcu_pending());
	kmm_trim();
	assert_true(is_free(item));
	assert_false(kmm_rcu_pending());
}

static void a_cache_waits_for_its_objects_when_it_is_destroyed(void **state)
{
	struct kmem_cache *s = new_cache();

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		struct item *item = kmem_cache_alloc(s, GFP_KERNEL);

		kfree_rcu(item, rcu);
	}
	kmem_cache_destroy(s);
	world_expect_silence();
	assert_false(kmm_rcu_pending());
}

static void a_cache_that_cannot_wait_is_busy(void **state)
{
	struct kmem_cache *s = new_cache();
	struct item *item = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	urcu_bp_read_lock();
	kfree_rcu(item, rcu);
	kmem_cache_destroy(s);
	world_expect_report("Objects remaining in items");
	assert_false(is_free(item));
	urcu_bp_read_unlock();
	kmem_cache_destroy(s);
}

static void readers_may_give_objects_and_keep_them(void **state)
{
	struct item *item = new_item(42);

	(void)state;
	urcu_bp_read_lock();
	kfree_rcu(item, rcu);
	assert_true(kmm_rcu_pending());
	/* Neither a trim nor an allocation frees it under us. */
	kmm_trim();
	kfree(kmalloc(3000, GFP_KERNEL));
	assert_false(is_free(item));
	assert_int_equal(item->key, 42);
	urcu_bp_read_unlock();
	kvfree_rcu_barrier();
	assert_true(is_free(item));
}

static void a_reader_cannot_wait(void **state)
{
	struct item *item = new_item(1);

	(void)state;
	urcu_bp_read_lock();
	kfree_rcu_mightsleep(item);
	world_expect_report("WARNING: kvfree_call_rcu: sleeping function called inside a read-side section");
	assert_false(kmm_rcu_pending());
	kvfree_rcu_barrier();
	world_expect_report("WARNING: kvfree_rcu_barrier: sleeping function called inside a read-side section");
	urcu_bp_read_unlock();
	kvfree_rcu_barrier();
	assert_false(is_free(item));
	kfree(item);
}

static void what_is_not_an_object_is_reported_when_it_would_be_freed(void **state)
{
	struct item *item = new_item(1);

	(void)state;
	kvfree_call_rcu(&item->rcu, (char *)item + 8);
	world_expect_silence();
	kvfree_rcu_barrier();
	world_expect_report("Invalid object pointer");
	assert_false(is_free(item));
	kfree_rcu(item, rcu);
	kvfree_rcu_barrier();
	kfree_rcu_mightsleep(item);
	kvfree_rcu_barrier();
	world_expect_report("Object already free");
}

static void a_head_that_is_not_inside_the_object_is_refused(void **state)
{
	struct item *item = new_item(1), *other = new_item(2);

	(void)state;
	kvfree_call_rcu((struct rcu_head *)(void *)((char *)item + 4096), item);
	world_expect_report("WARNING: kvfree_call_rcu: rcu_head");
	kvfree_call_rcu((struct rcu_head *)(void *)((char *)item - 8), item);
	world_expect_report("is not inside object");
	assert_false(kmm_rcu_pending());
	kfree(item);
	kfree(other);
}

/* Memory */

/* Until no page is left for those who cannot wait. Linked by their first word. */
static void *take_all_pages(void)
{
	void *first = NULL, **page;

	while ((page = (void **)__get_free_page(GFP_NOWAIT | __GFP_NOWARN)) != NULL) {
		*page = first;
		first = page;
	}
	return first;
}

static void free_all_pages(void *first)
{
	while (first) {
		void *next = *(void **)first;

		free_page((unsigned long)(uintptr_t)first);
		first = next;
	}
}

static void without_a_page_each_object_is_queued_by_its_own_head(void **state)
{
	struct item *items[20];
	void *pages;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = new_item(i);
	pages = take_all_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++)
		kfree_rcu(items[i], rcu);
	assert_true(kmm_rcu_pending());
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++) {
		assert_false(is_free(items[i]));
		assert_int_equal(items[i]->key, i);
	}
	kvfree_rcu_barrier();
	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++)
		assert_true(is_free(items[i]));
	free_all_pages(pages);
}

static void without_a_page_and_a_head_the_caller_waits(void **state)
{
	struct item *item = new_item(1);
	void *pages = take_all_pages();

	(void)state;
	errno = E2BIG;
	kfree_rcu_mightsleep(item);
	assert_int_equal(errno, E2BIG);
	assert_true(is_free(item));
	assert_int_equal(nr_grace_periods, 1);
	assert_false(kmm_rcu_pending());
	free_all_pages(pages);
}

/* All memory is in objects that wait. */
static struct item *fill_memory(struct kmem_cache *s, unsigned int keep_one_in)
{
	struct item *item, *kept = NULL;
	unsigned int i = 0;

	while ((item = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN)) != NULL) {
		if (keep_one_in && i++ % keep_one_in == 0) {
			item->key = (unsigned long)(uintptr_t)kept;
			kept = item;
		} else {
			kfree_rcu(item, rcu);
		}
	}
	return kept;
}

static void who_may_wait_for_memory_gets_what_waits(void **state)
{
	struct kmem_cache *s = new_cache();
	struct item *item;

	(void)state;
	fill_memory(s, 0);
	assert_null(kmalloc(2000, GFP_NOWAIT | __GFP_NOWARN));
	urcu_bp_read_lock();
	assert_null(kmalloc(2000, GFP_KERNEL | __GFP_NOWARN)); /* it may, but not now */
	urcu_bp_read_unlock();
	item = kmalloc(2000, GFP_KERNEL);
	assert_non_null(item);
	assert_false(kmm_rcu_pending());
	kfree(item);
	kmem_cache_destroy(s);
}

/* No slab becomes empty, so that there is no page even then; but objects are free. */
static void objects_that_waited_in_slabs_that_stay_are_found(void **state)
{
	struct kmem_cache *s = new_cache();
	struct item *kept = fill_memory(s, 8), *item;

	(void)state;
	assert_non_null(kept);
	item = kmem_cache_alloc(s, GFP_KERNEL);
	assert_non_null(item);
	kmem_cache_free(s, item);
	while (kept) {
		item = kept;
		kept = (struct item *)(uintptr_t)item->key;
		kmem_cache_free(s, item);
	}
	kmem_cache_destroy(s);
}

static void the_end_forgets_what_waits(void **state)
{
	kfree_rcu_mightsleep(new_item(1));
	end(state);
	quiet_world(state);
	assert_false(kmm_rcu_pending());
	kfree_rcu_mightsleep(new_item(1));
	assert_true(kmm_rcu_pending());
}

/* Fork */

static int child_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_child_of_a_fork_keeps_what_was_given(void **state)
{
	struct item *items[MANY];
	pid_t pid;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		items[i] = new_item(i);
		cpu_id_pin(i % 2);
		kfree_rcu(items[i], rcu);
	}
	pid = fork();
	if (!pid) {
		unsigned int nr_free = 0;
		struct item *more = new_item(0);

		alarm(60);
		kfree_rcu(more, rcu);
		kvfree_rcu_barrier();
		for (unsigned int i = 0; i < MANY; i++)
			nr_free += is_free(items[i]);
		_exit(nr_free == MANY && is_free(more) && !world_reports.count ? 0 : 1);
	}
	assert_int_equal(child_status(pid), 0);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(items[i]->key, i);
	kvfree_rcu_barrier();
	for (unsigned int i = 0; i < MANY; i++)
		assert_true(is_free(items[i]));
}

static void after_the_end_nothing_happens(void **state)
{
	struct item *item = new_item(1);
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		alarm(60);
		kfree_rcu(item, rcu);
		kmm_exit();
		kvfree_call_rcu(&item->rcu, item);
		kfree_rcu_mightsleep(item);
		kvfree_rcu_barrier();
		_exit(world_reports.count ? 1 : 0);
	}
	assert_int_equal(child_status(pid), 0);
	kfree(item);
}

static void before_the_start_nothing_can_be_an_object(void **state)
{
	static struct item item;

	kmm_boot_reset_for_test();
	kfree_rcu(&item, rcu);
	kvfree_rcu_barrier();
	assert_int_equal(kmm_boot_state(), KMM_COLD);
	assert_int_equal(quiet_world(state), 0);
}

/* Flavours */

static int memb_world(void **state)
{
	(void)state;
	urcu_memb_register_thread();
	return start(NULL, &urcu_memb_flavor, 2, WORLD_LIMIT);
}

static int memb_end(void **state)
{
	int err = end(state);

	urcu_memb_unregister_thread();
	return err;
}

static int qsbr_world(void **state)
{
	(void)state;
	urcu_qsbr_register_thread();
	return start(NULL, &urcu_qsbr_flavor, 2, WORLD_LIMIT);
}

static int qsbr_end(void **state)
{
	int err = end(state);

	urcu_qsbr_unregister_thread();
	return err;
}

/* In the flavour of the world. */
static void reader_and_writer_of_any_flavour(void **state)
{
	struct item *item = new_item(7);

	(void)state;
	kmm_rcu_read_lock();
	kfree_rcu(item, rcu);
	assert_int_equal(item->key, 7);
	kmm_rcu_read_unlock();
	kfree_rcu_mightsleep(new_item(8));
	kvfree_rcu_barrier();
	assert_true(is_free(item));
	/* By the thread, while this one waits for it. */
	item = new_item(9);
	kfree_rcu(item, rcu);
	kmm_rcu->thread_offline();
	kmm_work_advance_for_test(LONG_MS);
	kmm_work_advance_for_test(LONG_MS);
	kmm_rcu->thread_online();
	assert_true(is_free(item));
}

/* Many at once */

static void give_many(unsigned int index, void *arg)
{
	struct kmem_cache *s = arg;

	cpu_id_pin((int)index % 2);
	for (unsigned int i = 0; i < 3000; i++) {
		struct item *item = kmem_cache_alloc(s, GFP_KERNEL);

		if (!item)
			abort();
		if (i % 16 == 0)
			kfree_rcu_mightsleep(item);
		else
			kfree_rcu(item, rcu);
		if (i % 1000 == 0)
			kvfree_rcu_barrier();
	}
}

static void many_threads_give_objects(void **state)
{
	struct kmem_cache *s = new_cache();

	(void)state;
	run_threads(6, give_many, s);
	kmem_cache_destroy(s);
	world_expect_silence();
}

#define QUIET(test) cmocka_unit_test_setup_teardown(test, quiet_world, end)
#define COUNTING(test) cmocka_unit_test_setup_teardown(test, counting_world, end)
#define SMALL(test) cmocka_unit_test_setup_teardown(test, small_world, end)
#define THREADED(test) cmocka_unit_test_setup_teardown(test, threaded_world, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COUNTING(an_object_is_freed_after_a_grace_period),
		QUIET(every_form_frees),
		COUNTING(a_pointer_is_evaluated_once_and_may_be_null),
		QUIET(a_member_of_a_member_will_do),
		THREADED(a_full_page_of_objects_waits_no_longer),
		THREADED(the_thread_frees_a_few_objects_a_second_later),
		QUIET(without_a_thread_objects_wait_for_somebody_who_asks),
		QUIET(a_cache_waits_for_its_objects_when_it_is_destroyed),
		QUIET(a_cache_that_cannot_wait_is_busy),
		QUIET(readers_may_give_objects_and_keep_them),
		QUIET(a_reader_cannot_wait),
		QUIET(what_is_not_an_object_is_reported_when_it_would_be_freed),
		QUIET(a_head_that_is_not_inside_the_object_is_refused),
		SMALL(without_a_page_each_object_is_queued_by_its_own_head),
		COUNTING(without_a_page_and_a_head_the_caller_waits),
		SMALL(who_may_wait_for_memory_gets_what_waits),
		SMALL(objects_that_waited_in_slabs_that_stay_are_found),
		QUIET(the_end_forgets_what_waits),
		QUIET(the_child_of_a_fork_keeps_what_was_given),
		QUIET(after_the_end_nothing_happens),
		QUIET(before_the_start_nothing_can_be_an_object),
		cmocka_unit_test_setup_teardown(reader_and_writer_of_any_flavour, memb_world, memb_end),
		cmocka_unit_test_setup_teardown(reader_and_writer_of_any_flavour, qsbr_world, qsbr_end),
		THREADED(many_threads_give_objects),
	};

	alarm(200);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
