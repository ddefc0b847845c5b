/* SPDX-License-Identifier: MIT
 * slub_race_test.c - one thread stopped inside each window of the lock-free paths while another acts on the same state.
 *
 * Each test ends with the proof of all invariants and a cache that can be destroyed: no object was lost or doubled.
 */
#include <errno.h>
#include <unistd.h>

#include "slub_race_world.h"

static struct slab *slab_of(const void *object)
{
	return page_slab(page_head(arena_addr_to_page(object)));
}

static void pop_that_loses_to_a_pop_takes_another_object(void **state)
{
	void *first = take_one(NULL), *mine, *theirs;

	(void)state;
	gate_stop_at("alloc:fast:seen", 0, 0, take_one, NULL);
	mine = take_one(NULL);
	theirs = gate_open();
	assert_ptr_not_equal(mine, theirs);
	give((void *[]){ first, mine, theirs }, 3);
}

static void pop_is_not_fooled_by_the_same_freelist_head(void **state)
{
	void *objects[4], *theirs;

	(void)state;
	take(objects, 4);
	give(objects, 4);
	/* The list is 3 2 1 0. The victim has seen 3 and its successor 2. Then 3, 2 and 1 are taken and 3 comes back: the
	 * same head, another successor. Only the tid tells. */
	gate_stop_at("cpu_slab:cas", 0, 0, take_one, NULL);
	take(objects, 3);
	kmem_cache_free(cache, objects[0]);
	assert_ptr_equal(cpu_slab_of(cache, 0)->freelist, objects[0]);
	theirs = gate_open();
	assert_ptr_equal(theirs, objects[0]);
	/* Had the stale successor been installed, objects[1] would be handed out a second time here. */
	objects[0] = take_one(NULL);
	assert_ptr_not_equal(objects[0], objects[1]);
	assert_ptr_not_equal(objects[0], objects[2]);
	give(objects, 3);
	kmem_cache_free(cache, theirs);
}

static void pop_that_loses_to_a_flush_refills(void **state)
{
	void *first = take_one(NULL), *theirs;

	(void)state;
	gate_stop_at("alloc:fast:seen", 0, 0, take_one, NULL);
	flush_cpu_slab(cache, 0);
	assert_null(cpu_slab_of(cache, 0)->slab);
	theirs = gate_open();
	assert_non_null(theirs);
	assert_ptr_not_equal(theirs, first);
	give((void *[]){ first, theirs }, 2);
}

static void push_that_loses_to_a_flush_goes_to_the_slab(void **state)
{
	void *objects[2];
	struct slab *slab;

	(void)state;
	take(objects, 2);
	slab = slab_of(objects[0]);
	gate_stop_at("free:fast:seen", 0, 0, give_one, objects[0]);
	flush_cpu_slab(cache, 0);
	gate_open();
	assert_int_equal(slab_word_read(slab).inuse, 1);
	assert_ptr_equal(slab_word_read(slab).freelist, objects[0]);
	kmem_cache_free(cache, objects[1]);
}

static void push_that_loses_to_flush_and_reinstall_of_the_same_slab_tries_again(void **state)
{
	void *objects[3];

	(void)state;
	take(objects, 2);
	gate_stop_at("cpu_slab:cas", 0, 0, give_one, objects[0]);
	flush_cpu_slab(cache, 0);
	/* The same slab comes back to the same CPU: same address, other tid. */
	objects[2] = take_one(NULL);
	assert_ptr_equal(cpu_slab_of(cache, 0)->slab, slab_of(objects[0]));
	gate_open();
	assert_ptr_equal(cpu_slab_of(cache, 0)->freelist, objects[0]);
	give(objects + 1, 2);
}

static void push_that_loses_to_a_pop_links_to_the_new_head(void **state)
{
	void *objects[2], *mine;

	(void)state;
	take(objects, 2);
	gate_stop_at("cpu_slab:cas", 0, 0, give_one, objects[0]);
	mine = take_one(NULL);
	gate_open();
	assert_ptr_equal(cpu_slab_of(cache, 0)->freelist, objects[0]);
	assert_ptr_not_equal(freeptr_get(cache, objects[0]), mine);
	give((void *[]){ objects[1], mine }, 2);
}

static void a_cpu_in_the_middle_of_detach_is_bypassed(void **state)
{
	void *objects[NR], *mine, *theirs;

	(void)state;
	take(objects, NR);
	/* The victim holds the CPU's lock, the slab pointer is gone, the freelist not yet. */
	gate_stop_at("cpu_slab:detach:slab-gone", 0, 0, take_one, NULL);
	kmem_cache_free(cache, objects[0]);
	mine = take_one(NULL);
	assert_non_null(mine);
	theirs = gate_open();
	assert_ptr_not_equal(mine, theirs);
	give(objects + 1, NR - 1);
	give((void *[]){ mine, theirs }, 2);
}

static void detach_takes_what_was_pushed_before_the_slab_was_gone(void **state)
{
	void *objects[3];
	struct slab *slab;

	(void)state;
	take(objects, 3);
	slab = slab_of(objects[0]);
	/* The victim is about to swap the pair; the push here still sees no slab and must go to the slab word. */
	gate_stop_at("cpu_slab:cas", 0, 1, flush_cpu_0, NULL);
	kmem_cache_free(cache, objects[0]);
	assert_ptr_equal(slab_word_read(slab).freelist, objects[0]);
	gate_open();
	assert_int_equal(slab_word_read(slab).inuse, 2);
	give(objects + 1, 2);
}

static void a_cpu_in_the_middle_of_install_is_bypassed(void **state)
{
	void *mine, *theirs;

	(void)state;
	gate_stop_at("cpu_slab:install:no-slab-yet", 0, 0, take_one, NULL);
	assert_null(cpu_slab_of(cache, 0)->slab);
	assert_non_null(cpu_slab_of(cache, 0)->freelist);
	mine = take_one(NULL);
	assert_non_null(mine);
	/* A free to the slab being installed finds no slab on the CPU and uses the slab word. */
	theirs = gate_open();
	assert_ptr_not_equal(mine, theirs);
	give((void *[]){ mine, theirs }, 2);
}

static void two_first_frees_into_a_full_slab_adopt_it_once(void **state)
{
	void *objects[NR], *next;
	struct slab *slab;

	(void)state;
	take(objects, NR);
	next = take_one(NULL);
	slab = slab_of(objects[0]);
	gate_stop_at("free:slow:seen", 0, 1, give_one, objects[0]);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[1]);
	assert_ptr_equal(cpu_slab_of(cache, 2)->partial, slab);
	gate_open();
	assert_ptr_equal(cpu_slab_of(cache, 2)->partial, slab);
	assert_null(cpu_slab_of(cache, 1)->partial);
	assert_int_equal(slab_word_read(slab).inuse, NR - 2);
	give(objects + 2, NR - 2);
	kmem_cache_free(cache, next);
}

static void last_free_that_loses_to_an_acquire_gives_to_the_frozen_slab(void **state)
{
	void *object = take_one(NULL), *mine;
	struct slab *slab = slab_of(object);

	(void)state;
	flush_cpu_slab(cache, 0);
	gate_stop_at("free:slow:seen", 0, 1, give_one, object);
	mine = take_one(NULL);
	assert_ptr_equal(slab_of(mine), slab);
	gate_open();
	assert_true(slab_word_read(slab).frozen);
	assert_ptr_equal(slab_word_read(slab).freelist, object);
	kmem_cache_free(cache, mine);
}

static void last_free_under_the_list_lock_that_loses_to_a_free_tries_again(void **state)
{
	void *objects[2];
	struct slab *slab;

	(void)state;
	take(objects, 2);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	kmem_cache_free(cache, objects[0]);
	/* One object in use: its free takes list_lock, and stands before its compare-and-swap. */
	gate_stop_at("slab_word:cas", 0, 1, give_one, objects[1]);
	assert_int_equal(slab_word_read(slab).inuse, 1);
	gate_open();
	assert_int_equal(slab_word_read(slab).inuse, 0);
}

static void unfreeze_that_loses_to_a_free_keeps_the_object(void **state)
{
	void *objects[4];
	struct slab *slab;

	(void)state;
	take(objects, 4);
	slab = slab_of(objects[0]);
	gate_stop_at("slab_word:cas", 0, 1, flush_cpu_0, NULL);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[0]);
	assert_true(slab_word_read(slab).frozen);
	gate_open();
	assert_false(slab_word_read(slab).frozen);
	assert_int_equal(slab_word_read(slab).inuse, 3);
	give(objects + 1, 3);
}

static void take_all_that_loses_to_a_free_takes_that_object_too(void **state)
{
	void *objects[NR], *theirs;

	(void)state;
	take(objects, NR);
	/* The victim found nothing on the CPU and is about to declare the slab FULL. */
	gate_stop_at("slab_word:cas", 0, 0, take_one, NULL);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[5]);
	theirs = gate_open();
	assert_ptr_equal(theirs, objects[5]);
	give(objects, NR);
}

static void acquire_that_loses_to_a_free_takes_that_object_too(void **state)
{
	void *objects[3], *theirs;
	struct slab *slab;

	(void)state;
	take(objects, 3);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	/* The victim holds list_lock, which a free needs for the last object only. */
	gate_stop_at("slab_word:cas", 0, 1, take_one, NULL);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[0]);
	assert_int_equal(slab_word_read(slab).inuse, 2);
	theirs = gate_open();
	assert_ptr_equal(theirs, objects[0]);
	assert_true(slab_word_read(slab).frozen);
	assert_int_equal(slab_word_read(slab).inuse, NR);
	give(objects, 3);
}

static void give_is_right_for_the_same_head_on_another_list(void **state)
{
	void *objects[NR], *third;
	struct slab *slab;

	(void)state;
	take(objects, NR);
	slab = slab_of(objects[0]);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[1]);
	kmem_cache_free(cache, objects[0]);
	/* The word is {0 -> 1, inuse 14}. The victim is about to push 2 onto head 0. */
	gate_stop_at("slab_word:cas", 0, 3, give_one, objects[2]);
	cpu_id_pin(0);
	take(objects, 2);
	third = objects[3];
	cpu_id_pin(2);
	/* Head 0 again, the same count, but 3 behind it in place of 1. */
	kmem_cache_free(cache, third);
	kmem_cache_free(cache, objects[0]);
	assert_ptr_equal(slab_word_read(slab).freelist, objects[0]);
	gate_open();
	assert_int_equal(slab_word_read(slab).inuse, NR - 3);
	assert_ptr_equal(freeptr_get(cache, objects[0]), third);
	kmem_cache_free(cache, objects[1]);
	give(objects + 4, NR - 4);
}

static void foreign_path_slab_stays_frozen_while_it_is_off_the_list(void **state)
{
	void *objects[2], *theirs;
	struct slab *slab;

	(void)state;
	take(objects, 2);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	/* CPU 0's lock is busy, so the victim takes one object from the node. */
	assert_int_equal(pthread_mutex_lock(&cpu_lock(0)->mutex), 0);
	gate_stop_at("node_partial:object:frozen", 0, 0, take_one, NULL);
	cpu_id_pin(2);
	kmem_cache_free(cache, objects[0]);
	assert_true(slab_word_read(slab).frozen);
	assert_null(cpu_slab_of(cache, 2)->partial);
	theirs = gate_open();
	pthread_mutex_unlock(&cpu_lock(0)->mutex);
	assert_false(slab_word_read(slab).frozen);
	assert_int_equal(slab_word_read(slab).inuse, 2);
	give((void *[]){ objects[1], theirs }, 2);
}

static void a_list_that_turned_up_during_page_allocation_is_used(void **state)
{
	unsigned long slabs;
	void *mine, *theirs;

	(void)state;
	gate_stop_at("alloc:slow:new-slab", 0, 0, take_one, NULL);
	mine = take_one(NULL);
	slabs = get_node(cache, 0)->nr_slabs;
	assert_int_equal(slabs, 2);
	theirs = gate_open();
	assert_ptr_equal(slab_of(mine), slab_of(theirs));
	assert_int_equal(get_node(cache, 0)->nr_slabs, 1);
	give((void *[]){ mine, theirs }, 2);
}

static void a_thread_that_migrates_in_mid_operation_commits_on_the_old_cpu(void **state)
{
	void *first = take_one(NULL), *theirs;

	(void)state;
	/* The victim read CPU 0's state; whatever CPU it runs on afterwards, its pop is CPU 0's. */
	gate_stop_at("cpu_slab:cas", 0, 0, take_one, NULL);
	cpu_id_pin(1);
	theirs = gate_open();
	assert_ptr_equal(slab_of(theirs), slab_of(first));
	give((void *[]){ first, theirs }, 2);
}

static void detach_that_loses_to_a_pop_does_not_take_that_object(void **state)
{
	void *first = take_one(NULL), *theirs;

	(void)state;
	/* Both have read the same pair. The pop commits; the detach must notice. */
	gate_stop_at("cpu_slab:cas", 0, 0, take_one, NULL);
	gate_stop_victim_at(&second_gate, "cpu_slab:cas", 0, 1, flush_cpu_0, NULL);
	theirs = gate_open();
	gate_open_one(&second_gate);
	assert_int_equal(slab_word_read(slab_of(first)).inuse, 2);
	give((void *[]){ first, theirs }, 2);
}

static void detach_that_loses_to_a_push_takes_that_object_too(void **state)
{
	void *objects[2];

	(void)state;
	take(objects, 2);
	gate_stop_at("cpu_slab:cas", 0, 0, give_one, objects[0]);
	gate_stop_victim_at(&second_gate, "cpu_slab:cas", 0, 1, flush_cpu_0, NULL);
	gate_open();
	gate_open_one(&second_gate);
	assert_int_equal(slab_word_read(slab_of(objects[1])).inuse, 1);
	kmem_cache_free(cache, objects[1]);
}

static void push_is_not_fooled_by_a_list_that_is_empty_before_and_after_a_flush(void **state)
{
	void *objects[NR];

	(void)state;
	/* The used-up slab is still the CPU's. After the flush the list is as empty as before: only the tid tells. */
	take(objects, NR);
	gate_stop_at("cpu_slab:cas", 0, 0, give_one, objects[0]);
	flush_cpu_slab(cache, 0);
	gate_open();
	assert_null(cpu_slab_of(cache, 0)->freelist);
	assert_int_equal(slab_word_read(slab_of(objects[1])).inuse, NR - 1);
	give(objects + 1, NR - 1);
}

static void push_is_not_fooled_by_a_list_that_is_empty_before_and_after_an_exchange(void **state)
{
	void *objects[NR], *others[NR];

	(void)state;
	take(objects, NR);
	gate_stop_at("cpu_slab:cas", 0, 0, give_one, objects[0]);
	flush_cpu_slab(cache, 0);
	/* Another slab, used up as well. */
	take(others, NR);
	assert_null(cpu_slab_of(cache, 0)->freelist);
	gate_open();
	assert_null(cpu_slab_of(cache, 0)->freelist);
	assert_int_equal(slab_word_read(slab_of(objects[1])).inuse, NR - 1);
	give(objects + 1, NR - 1);
	give(others, NR);
}

/* A push that stands in the middle of reading the CPU's state, @skip reads behind the first, while another slab comes. */
static void push_while_the_slab_is_exchanged(unsigned int skip)
{
	void *objects[NR], *next;

	take(objects, NR);
	gate_stop_at("cpu_slab:snapshot", skip, 0, give_one, objects[0]);
	flush_cpu_slab(cache, 0);
	next = take_one(NULL);
	assert_ptr_not_equal(slab_of(next), slab_of(objects[0]));
	gate_open();
	/* Not onto the list of the new slab. */
	assert_ptr_equal(slab_of(cpu_slab_of(cache, 0)->freelist), slab_of(next));
	assert_int_equal(slab_word_read(slab_of(objects[0])).inuse, NR - 1);
	give(objects + 1, NR - 1);
	kmem_cache_free(cache, next);
}

static void push_that_read_the_tid_before_an_exchange_of_slabs_goes_to_its_slab(void **state)
{
	(void)state;
	push_while_the_slab_is_exchanged(0);
}

static void push_that_read_the_slab_before_an_exchange_of_slabs_goes_to_its_slab(void **state)
{
	(void)state;
	push_while_the_slab_is_exchanged(1);
}

/* The next tests hold a lock past the rank checks, as another thread would, and look at what does not happen. */
static pthread_t waiter;

static void start_waiter(void *(*run)(void *), void *arg)
{
	assert_int_equal(pthread_create(&waiter, NULL, run, arg), 0);
	usleep(20000);
}

static void wait_behind(struct kmm_spin *lock, void *(*run)(void *), void *arg)
{
	assert_true(kmm_spin_trylock_raw(lock));
	start_waiter(run, arg);
}

static void drop_raw(struct kmm_spin *lock)
{
	smp_store_release(&lock->locked, 0U);
}

static void let_go(struct kmm_spin *lock)
{
	drop_raw(lock);
	pthread_join(waiter, NULL);
}

static void last_object_is_not_given_before_the_list_lock_is_held(void **state)
{
	struct kmm_spin *list_lock = &get_node(cache, 0)->list_lock;
	void *object = take_one(NULL);
	struct slab *slab = slab_of(object);

	(void)state;
	flush_cpu_slab(cache, 0);
	wait_behind(list_lock, give_one, object);
	assert_int_equal(slab_word_read(slab).inuse, 1);
	let_go(list_lock);
	assert_int_equal(slab_word_read(slab).inuse, 0);
}

static void full_slab_is_not_given_to_before_the_list_lock_is_held(void **state)
{
	struct kmm_spin *list_lock = &get_node(cache, 0)->list_lock;
	void *objects[NR];
	struct slab *slab;

	(void)state;
	take(objects, NR);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	cache->cpu_partial = 0;
	wait_behind(list_lock, give_one, objects[0]);
	assert_null(slab_word_read(slab).freelist);
	let_go(list_lock);
	assert_int_equal(slab_word_read(slab).inuse, NR - 1);
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	give(objects + 1, NR - 1);
}

static void slab_stays_frozen_until_the_list_lock_is_held(void **state)
{
	struct kmm_spin *list_lock = &get_node(cache, 0)->list_lock;
	void *object = take_one(NULL);
	struct slab *slab = slab_of(object);

	(void)state;
	wait_behind(list_lock, flush_cpu_0, NULL);
	assert_true(slab_word_read(slab).frozen);
	let_go(list_lock);
	assert_false(slab_word_read(slab).frozen);
	kmem_cache_free(cache, object);
}

static void drained_slab_stays_frozen_until_the_list_lock_is_held(void **state)
{
	struct kmm_spin *list_lock = &get_node(cache, 0)->list_lock;
	void *objects[NR];
	struct slab *slab;

	(void)state;
	take(objects, NR);
	slab = slab_of(objects[0]);
	flush_cpu_slab(cache, 0);
	kmem_cache_free(cache, objects[0]);
	assert_ptr_equal(cpu_slab_of(cache, 0)->partial, slab);
	wait_behind(list_lock, flush_cpu_0, NULL);
	assert_true(slab_word_read(slab).frozen);
	let_go(list_lock);
	assert_false(slab_word_read(slab).frozen);
	give(objects + 1, NR - 1);
}

static void foreign_path_unfreezes_under_the_list_lock(void **state)
{
	struct kmm_spin *list_lock = &get_node(cache, 0)->list_lock;
	void *objects[2], *theirs;
	bool was_free;

	(void)state;
	take(objects, 2);
	flush_cpu_slab(cache, 0);
	assert_int_equal(pthread_mutex_lock(&cpu_lock(0)->mutex), 0);
	/* The first compare-and-swap freezes, the second puts the rest back and unfreezes. */
	gate_stop_at("slab_word:cas", 1, 0, take_one, NULL);
	assert_true(slab_word_read(slab_of(objects[0])).frozen);
	was_free = kmm_spin_trylock_raw(list_lock);
	if (was_free)
		drop_raw(list_lock);
	theirs = gate_open();
	pthread_mutex_unlock(&cpu_lock(0)->mutex);
	assert_false(was_free);
	give(objects, 2);
	kmem_cache_free(cache, theirs);
}

static void *shrink(void *arg)
{
	(void)arg;
	kmem_cache_shrink(cache);
	return NULL;
}

static void shrink_leaves_the_list_alone_until_the_list_lock_is_held(void **state)
{
	struct kmm_spin *list_lock = &get_node(cache, 0)->list_lock;

	(void)state;
	kmem_cache_free(cache, take_one(NULL));
	flush_cpu_slab(cache, 0);
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	wait_behind(list_lock, shrink, NULL);
	assert_int_equal(get_node(cache, 0)->nr_partial, 1);
	let_go(list_lock);
	assert_int_equal(get_node(cache, 0)->nr_slabs, 0);
}

static void flush_leaves_the_cpu_alone_until_its_lock_is_held(void **state)
{
	void *object = take_one(NULL);

	(void)state;
	assert_int_equal(pthread_mutex_lock(&cpu_lock(0)->mutex), 0);
	start_waiter(flush_cpu_0, NULL);
	assert_ptr_equal(cpu_slab_of(cache, 0)->slab, slab_of(object));
	pthread_mutex_unlock(&cpu_lock(0)->mutex);
	pthread_join(waiter, NULL);
	assert_null(cpu_slab_of(cache, 0)->slab);
	kmem_cache_free(cache, object);
}

#define WINDOW(test) cmocka_unit_test_setup_teardown(test, race_setup, race_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WINDOW(pop_that_loses_to_a_pop_takes_another_object),
		WINDOW(pop_is_not_fooled_by_the_same_freelist_head),
		WINDOW(pop_that_loses_to_a_flush_refills),
		WINDOW(push_that_loses_to_a_flush_goes_to_the_slab),
		WINDOW(push_that_loses_to_flush_and_reinstall_of_the_same_slab_tries_again),
		WINDOW(push_that_loses_to_a_pop_links_to_the_new_head),
		WINDOW(a_cpu_in_the_middle_of_detach_is_bypassed),
		WINDOW(detach_takes_what_was_pushed_before_the_slab_was_gone),
		WINDOW(a_cpu_in_the_middle_of_install_is_bypassed),
		WINDOW(two_first_frees_into_a_full_slab_adopt_it_once),
		WINDOW(last_free_that_loses_to_an_acquire_gives_to_the_frozen_slab),
		WINDOW(last_free_under_the_list_lock_that_loses_to_a_free_tries_again),
		WINDOW(unfreeze_that_loses_to_a_free_keeps_the_object),
		WINDOW(take_all_that_loses_to_a_free_takes_that_object_too),
		WINDOW(acquire_that_loses_to_a_free_takes_that_object_too),
		WINDOW(give_is_right_for_the_same_head_on_another_list),
		WINDOW(foreign_path_slab_stays_frozen_while_it_is_off_the_list),
		WINDOW(a_list_that_turned_up_during_page_allocation_is_used),
		WINDOW(a_thread_that_migrates_in_mid_operation_commits_on_the_old_cpu),
		WINDOW(detach_that_loses_to_a_pop_does_not_take_that_object),
		WINDOW(detach_that_loses_to_a_push_takes_that_object_too),
		WINDOW(push_is_not_fooled_by_a_list_that_is_empty_before_and_after_a_flush),
		WINDOW(push_is_not_fooled_by_a_list_that_is_empty_before_and_after_an_exchange),
		WINDOW(push_that_read_the_tid_before_an_exchange_of_slabs_goes_to_its_slab),
		WINDOW(push_that_read_the_slab_before_an_exchange_of_slabs_goes_to_its_slab),
		WINDOW(last_object_is_not_given_before_the_list_lock_is_held),
		WINDOW(full_slab_is_not_given_to_before_the_list_lock_is_held),
		WINDOW(slab_stays_frozen_until_the_list_lock_is_held),
		WINDOW(drained_slab_stays_frozen_until_the_list_lock_is_held),
		WINDOW(foreign_path_unfreezes_under_the_list_lock),
		WINDOW(shrink_leaves_the_list_alone_until_the_list_lock_is_held),
		WINDOW(flush_leaves_the_cpu_alone_until_its_lock_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
