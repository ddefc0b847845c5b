/* SPDX-License-Identifier: MIT
 * percpu_ref_test.c - references are neither lost nor doubled, release is called once, and every mode follows from the one
 * before.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "percpu/percpu_internal.h"
#include "ref_world.h"

static struct object object, other;

static int default_flavour(void **state)
{
	(void)state;
	return ref_world_start(NULL, NULL);
}

static int counting_flavour(void **state)
{
	(void)state;
	return ref_world_start(NULL, &test_flavor);
}

static int no_thread_and_counting(void **state)
{
	(void)state;
	return ref_world_start("background=off", &test_flavor);
}

static int no_thread(void **state)
{
	(void)state;
	return ref_world_start("background=off", NULL);
}

/* What is not killed shows as a leak; not that of a test that failed. */
static int teardown(void **state)
{
	grace_open();
	return world_teardown(state);
}

/* Life */

static void kill_of_the_only_reference_releases_once(void **state)
{
	(void)state;
	object_init(&object, 0);
	assert_true(is_percpu(&object));
	assert_false(percpu_ref_is_dying(&object.ref));
	assert_false(percpu_ref_is_zero(&object.ref));
	percpu_ref_kill(&object.ref);
	assert_true(percpu_ref_is_dying(&object.ref));
	wait_until(released(&object));
	assert_true(percpu_ref_is_zero(&object.ref));
	percpu_ref_exit(&object.ref);
	assert_true(percpu_ref_is_zero(&object.ref));
	percpu_ref_exit(&object.ref);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

static void last_put_after_the_kill_releases_at_once(void **state)
{
	(void)state;
	object_init(&object, 0);
	percpu_ref_get(&object.ref);
	cpu_id_pin(1);
	percpu_ref_get_many(&object.ref, 5);
	cpu_id_pin(2);
	percpu_ref_put_many(&object.ref, 4);
	object.payload = 7;
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	wait_until(confirmed(&object));
	percpu_ref_switch_to_atomic_sync(&object.ref);
	percpu_ref_put(&object.ref);
	assert_int_equal(released(&object), 0);
	assert_false(percpu_ref_is_zero(&object.ref));
	percpu_ref_put(&object.ref);
	assert_int_equal(released(&object), 1);
	assert_int_equal(object.payload_at_release, 7);
	assert_int_equal(confirmed(&object), 1);
	percpu_ref_exit(&object.ref);
	world_expect_silence();
}

static void exit_of_a_ref_that_lives_gives_its_memory_back(void **state)
{
	(void)state;
	object_init(&object, 0);
	percpu_ref_exit(&object.ref);
	object_init(&object, PERCPU_REF_INIT_ATOMIC);
	percpu_ref_get_many(&object.ref, 3);
	percpu_ref_exit(&object.ref);
	/* What is kept of the count. */
	assert_false(percpu_ref_is_zero(&object.ref));
	percpu_ref_exit(&object.ref);
	assert_false(percpu_ref_is_zero(&object.ref));
	world_expect_silence();
}

static void a_dead_start_is_brought_to_life_by_reinit(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_INIT_DEAD);
	assert_true(percpu_ref_is_dying(&object.ref));
	assert_true(percpu_ref_is_zero(&object.ref));
	assert_false(percpu_ref_tryget(&object.ref));
	percpu_ref_reinit(&object.ref);
	assert_false(percpu_ref_is_dying(&object.ref));
	/* It implies INIT_ATOMIC. */
	assert_false(is_percpu(&object));
	percpu_ref_switch_to_percpu(&object.ref);
	assert_true(is_percpu(&object));
	assert_int_equal(released(&object), 0);
	percpu_ref_kill(&object.ref);
	object_end(&object);
	world_expect_silence();
}

static void trygets_say_what_they_may(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	assert_true(percpu_ref_tryget(&object.ref));
	assert_true(percpu_ref_tryget_live(&object.ref));
	urcu_bp_read_lock();
	assert_true(percpu_ref_tryget_live_rcu(&object.ref));
	urcu_bp_read_unlock();
	percpu_ref_kill(&object.ref);
	/* Dying, with three references. */
	assert_true(percpu_ref_tryget_many(&object.ref, 2));
	assert_false(percpu_ref_tryget_live(&object.ref));
	percpu_ref_put_many(&object.ref, 5);
	wait_until(released(&object));
	assert_false(percpu_ref_tryget(&object.ref));
	assert_false(percpu_ref_tryget_live(&object.ref));
	percpu_ref_reinit(&object.ref);
	assert_true(is_percpu(&object));
	percpu_ref_switch_to_atomic_sync(&object.ref);
	/* Alive in the other mode. */
	assert_true(percpu_ref_tryget_live(&object.ref));
	percpu_ref_put(&object.ref);
	percpu_ref_kill(&object.ref);
	wait_until(released(&object) == 2);
	percpu_ref_exit(&object.ref);
	world_expect_silence();
}

/* Modes */

static void atomic_mode_stays_through_kill_and_reinit(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	percpu_ref_switch_to_atomic(&object.ref, object_confirm);
	wait_until(confirmed(&object));
	percpu_ref_switch_to_atomic(&object.ref, object_confirm);
	assert_int_equal(confirmed(&object), 2);
	percpu_ref_get(&object.ref);
	percpu_ref_put(&object.ref);
	assert_int_equal(released(&object), 0);
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	assert_int_equal(confirmed(&object), 3);
	assert_int_equal(released(&object), 1);
	percpu_ref_reinit(&object.ref);
	assert_false(is_percpu(&object));
	percpu_ref_switch_to_percpu(&object.ref);
	assert_true(is_percpu(&object));
	percpu_ref_switch_to_percpu(&object.ref);
	percpu_ref_kill(&object.ref);
	/* Dead: takes effect when it lives again. */
	percpu_ref_switch_to_atomic_sync(&object.ref);
	percpu_ref_switch_to_percpu(&object.ref);
	assert_false(is_percpu(&object));
	percpu_ref_resurrect(&object.ref);
	assert_true(is_percpu(&object));
	percpu_ref_kill(&object.ref);
	wait_until(released(&object) == 3);
	percpu_ref_exit(&object.ref);
	world_expect_silence();
}

static void resurrect_takes_a_kill_back(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	percpu_ref_get(&object.ref);
	percpu_ref_kill(&object.ref);
	percpu_ref_resurrect(&object.ref); /* waits for the switch */
	assert_true(is_percpu(&object));
	assert_true(percpu_ref_tryget_live(&object.ref));
	percpu_ref_put_many(&object.ref, 2);
	assert_int_equal(released(&object), 0);
	percpu_ref_kill(&object.ref);
	object_end(&object);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

static void without_reinit_the_counts_go_with_the_switch(void **state)
{
	(void)state;
	object_init(&object, 0);
	percpu_ref_get(&object.ref);
	percpu_ref_switch_to_atomic_sync(&object.ref);
	assert_int_equal(object.ref.percpu_count_ptr, __PERCPU_REF_ATOMIC);
	assert_true(percpu_ref_tryget_live(&object.ref));
	percpu_ref_switch_to_percpu(&object.ref);
	world_expect_report("WARNING: percpu_ref_switch_to_percpu: ref ");
	assert_false(is_percpu(&object));
	percpu_ref_kill(&object.ref);
	percpu_ref_resurrect(&object.ref);
	world_expect_report("WARNING: percpu_ref_resurrect: ref ");
	percpu_ref_put_many(&object.ref, 2);
	assert_int_equal(released(&object), 0);
	percpu_ref_kill(&object.ref);
	assert_int_equal(released(&object), 1);
	percpu_ref_exit(&object.ref);
	world_expect_silence();
}

/* Grace periods */

static void kill_does_not_wait_and_one_grace_period_serves_all(void **state)
{
	static struct object many[20];
	unsigned int i;

	(void)state;
	grace_close();
	for (i = 0; i < 20; i++) {
		object_init(&many[i], 0);
		percpu_ref_kill(&many[i].ref);
		if (i == 0)
			wait_until(READ_ONCE(grace.nr_begun));
	}
	assert_int_equal(READ_ONCE(grace.nr_begun), 1);
	for (i = 0; i < 20; i++)
		assert_int_equal(released(&many[i]), 0);
	grace_open();
	for (i = 0; i < 20; i++)
		wait_until(released(&many[i]));
	kmm_work_stop(); /* its end is behind the last callback */
	assert_int_equal(grace.nr_over, 2);
	assert_true(grace.nr_registered > 0);
	assert_int_equal(grace.nr_registered, grace.nr_unregistered);
	for (i = 0; i < 20; i++)
		percpu_ref_exit(&many[i].ref);
	world_expect_silence();
}

static void switch_waits_for_a_long_reader(void **state)
{
	(void)state;
	object_init(&object, 0);
	urcu_bp_read_lock();
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	usleep(30000);
	assert_int_equal(confirmed(&object), 0);
	/* What it still counts is not lost. */
	percpu_ref_get(&object.ref);
	percpu_ref_put(&object.ref);
	urcu_bp_read_unlock();
	object_end(&object);
	assert_int_equal(confirmed(&object), 1);
	world_expect_silence();
}

static bool thread_is_back;

static void *kill_in_thread(void *arg)
{
	percpu_ref_kill(arg);
	WRITE_ONCE(thread_is_back, true);
	return NULL;
}

static void *resurrect_in_thread(void *arg)
{
	percpu_ref_resurrect(arg);
	WRITE_ONCE(thread_is_back, true);
	return NULL;
}

/* @call has to wait for the grace period that stands at the gate. */
static void waits_at_gate(void *(*call)(void *))
{
	pthread_t thread;

	WRITE_ONCE(thread_is_back, false);
	assert_int_equal(pthread_create(&thread, NULL, call, &object.ref), 0);
	usleep(20000);
	assert_false(READ_ONCE(thread_is_back));
	grace_open();
	pthread_join(thread, NULL);
	assert_true(thread_is_back);
}

static void who_needs_the_mode_waits_for_the_switch(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	percpu_ref_get(&object.ref);
	grace_close();
	percpu_ref_switch_to_atomic(&object.ref, object_confirm);
	waits_at_gate(kill_in_thread);
	assert_int_equal(confirmed(&object), 1);
	percpu_ref_resurrect(&object.ref);
	percpu_ref_switch_to_percpu(&object.ref);
	grace_close();
	percpu_ref_kill(&object.ref);
	waits_at_gate(resurrect_in_thread);
	assert_true(is_percpu(&object));
	percpu_ref_put(&object.ref);
	percpu_ref_kill(&object.ref);
	object_end(&object);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

/* Callbacks */

static void kill_it(struct object *o)
{
	percpu_ref_kill(&o->ref);
}

static void kill_inside_the_confirmation_of_a_switch(void **state)
{
	(void)state;
	object_init(&object, 0);
	object.at_confirm = kill_it;
	percpu_ref_switch_to_atomic(&object.ref, object_confirm);
	object_end(&object);
	assert_int_equal(confirmed(&object), 1);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

static void kill_inside_the_confirmation_of_a_kill_is_one_too_many(void **state)
{
	(void)state;
	object_init(&object, 0);
	object.at_confirm = kill_it;
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	object_end(&object);
	assert_int_equal(released(&object), 1);
	world_expect_report("WARNING: percpu_ref_kill_and_confirm: called more than once on ref ");
}

static void to_percpu_and_back(struct object *o)
{
	o->at_confirm = NULL;
	percpu_ref_switch_to_percpu(&o->ref);
	percpu_ref_switch_to_atomic(&o->ref, object_confirm);
	percpu_ref_get(&o->ref);
}

static void confirmation_may_begin_the_next_switch(void **state)
{
	(void)state;
	object_init(&other, 0);
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	object.at_confirm = to_percpu_and_back;
	grace_close();
	percpu_ref_switch_to_atomic(&object.ref, object_confirm);
	percpu_ref_kill(&other.ref); /* stands behind it */
	grace_open();
	wait_until(confirmed(&object) == 2);
	object_end(&other);
	percpu_ref_kill(&object.ref);
	assert_int_equal(released(&object), 0);
	percpu_ref_put(&object.ref);
	object_end(&object);
	world_expect_silence();
}

static void wait_for_the_other(struct object *o)
{
	percpu_ref_switch_to_atomic_sync(&o->other->ref);
	percpu_ref_kill(&o->other->ref);
}

/* Both wait for one grace period; then the other is queued when the first is called back. */
static void callback_makes_the_switch_that_it_waits_for(void **state)
{
	(void)state;
	object_init(&other, 0);
	object_init(&object, 0);
	object.other = &other;
	object.at_confirm = wait_for_the_other;
	grace_close();
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	percpu_ref_switch_to_atomic(&other.ref, object_confirm);
	grace_open();
	object_end(&object);
	object_end(&other);
	assert_int_equal(confirmed(&other), 1);

	object_init(&other, 0);
	object_init(&object, 0);
	object.other = &other;
	object.at_confirm = wait_for_the_other;
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	object_end(&object);
	object_end(&other);
	world_expect_silence();
}

static void free_the_object(struct percpu_ref *ref)
{
	percpu_ref_exit(ref);
	kfree(object_of(ref));
	atomic_add_release(&object.nr_released, 1);
}

static void release_may_free_the_object(void **state)
{
	struct object *o;
	unsigned int i;

	(void)state;
	memset(&object, 0, sizeof(object));
	for (i = 0; i < 100; i++) {
		o = kzalloc(sizeof(*o), GFP_KERNEL);
		assert_non_null(o);
		assert_int_equal(
			percpu_ref_init(&o->ref, free_the_object, i % 2 ? PERCPU_REF_ALLOW_REINIT : 0, GFP_KERNEL), 0);
		percpu_ref_get(&o->ref);
		percpu_ref_kill(&o->ref);
		percpu_ref_put(&o->ref);
	}
	wait_until(released(&object) == 100);
	world_expect_silence();
}

/* Without a thread */

static void without_a_thread_the_caller_does_it_all(void **state)
{
	(void)state;
	object_init(&object, 0);
	percpu_ref_get(&object.ref);
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	assert_int_equal(confirmed(&object), 1);
	assert_int_equal(released(&object), 0);
	percpu_ref_put(&object.ref);
	assert_int_equal(released(&object), 1);
	percpu_ref_exit(&object.ref);

	/* Its callback kills another one: no deadlock, and no recursion. */
	object_init(&other, 0);
	object_init(&object, 0);
	object.other = &other;
	object.at_confirm = wait_for_the_other;
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	assert_int_equal(released(&object), 1);
	assert_int_equal(released(&other), 1);
	percpu_ref_exit(&object.ref);
	percpu_ref_exit(&other.ref);
	world_expect_silence();
}

static void *kill_other(void *arg)
{
	percpu_ref_kill(&other.ref);
	return arg;
}

static void who_waits_already_takes_on_what_others_kill(void **state)
{
	pthread_t thread;

	(void)state;
	object_init(&object, 0);
	object_init(&other, 0);
	grace_close();
	assert_int_equal(pthread_create(&thread, NULL, kill_other, NULL), 0);
	wait_until(READ_ONCE(grace.nr_begun));
	percpu_ref_kill(&object.ref); /* does not wait */
	assert_int_equal(READ_ONCE(grace.nr_begun), 1);
	assert_int_equal(released(&object), 0);
	grace_open();
	pthread_join(thread, NULL);
	assert_int_equal(released(&object), 1);
	assert_int_equal(released(&other), 1);
	/* Not the one that had begun before the kill. */
	assert_int_equal(grace.nr_over, 2);
	percpu_ref_exit(&object.ref);
	percpu_ref_exit(&other.ref);
	world_expect_silence();
}

static void without_a_thread_a_reader_cannot_switch_and_the_next_call_does(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	urcu_bp_read_lock();
	percpu_ref_kill(&object.ref);
	world_expect_report("WARNING: percpu_ref: without a thread of the library");
	percpu_ref_get(&object.ref);
	percpu_ref_put(&object.ref);
	world_expect_silence();
	urcu_bp_read_unlock();
	assert_int_equal(released(&object), 0);
	assert_true(percpu_ref_tryget(&object.ref));
	assert_int_equal(released(&object), 0);
	percpu_ref_put(&object.ref);
	assert_int_equal(released(&object), 1);

	percpu_ref_reinit(&object.ref);
	urcu_bp_read_lock();
	percpu_ref_kill(&object.ref);
	urcu_bp_read_unlock();
	percpu_ref_resurrect(&object.ref); /* the one who waits takes it up */
	assert_true(is_percpu(&object));
	percpu_ref_kill(&object.ref);
	assert_int_equal(released(&object), 2);
	percpu_ref_exit(&object.ref);
}

/* What goes wrong */

static void out_of_memory_is_enomem(void **state)
{
	unsigned int n;
	int err = -ENOMEM;

	(void)state;
	pcpu_balance_suspend_for_test(true);
	while (__alloc_percpu_gfp(PAGE_SIZE, 8, GFP_NOWAIT | __GFP_NOWARN))
		;
	while (__alloc_percpu_gfp(sizeof(long), sizeof(long), GFP_NOWAIT | __GFP_NOWARN))
		;
	while (kmalloc(sizeof(struct object), GFP_NOWAIT | __GFP_NOWARN)) {
		buddy_inject_failure(1, true); /* the objects of the pages that there are */
	}
	buddy_inject_failure(0, false);
	for (n = 1; err; n++) {
		assert_true(n < 1000);
		buddy_inject_failure(n, false);
		err = percpu_ref_init(&object.ref, object_release, 0, GFP_KERNEL | __GFP_NOWARN);
		buddy_inject_failure(0, false);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			percpu_ref_exit(&object.ref);
		}
	}
	assert_true(n > 2);
	object.nr_released = 0;
	percpu_ref_kill(&object.ref);
	object_end(&object);
}

static void misuse_is_reported_and_refused(void **state)
{
	(void)state;
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	percpu_ref_resurrect(&object.ref);
	world_expect_report("WARNING: percpu_ref_resurrect: ref ");
	percpu_ref_reinit(&object.ref);
	world_expect_report("has references\n");
	grace_close();
	percpu_ref_kill(&object.ref);
	percpu_ref_exit(&object.ref);
	world_expect_report("WARNING: percpu_ref_exit: a switch of ref ");
	percpu_ref_kill(&object.ref);
	world_expect_report("WARNING: percpu_ref_kill_and_confirm: called more than once on ref ");
	grace_open();
	object_end(&object);
	assert_int_equal(released(&object), 1);
	world_expect_silence();
}

static void a_ref_that_is_gone_is_reported_and_not_touched(void **state)
{
	struct object gone;

	(void)state;
	object_init(&gone, 0);
	percpu_ref_exit(&gone.ref);
	percpu_ref_get(&gone.ref);
	world_expect_report("WARNING: percpu_ref_get_many: ref ");
	percpu_ref_put(&gone.ref);
	world_expect_report("WARNING: percpu_ref_put_many: ref ");
	assert_false(percpu_ref_tryget(&gone.ref));
	world_expect_report("WARNING: percpu_ref_tryget_many: ref ");
	assert_false(percpu_ref_tryget_live(&gone.ref));
	world_expect_report("WARNING: percpu_ref_tryget_live: ref ");
	percpu_ref_switch_to_atomic_sync(&gone.ref);
	world_expect_report("WARNING: percpu_ref_switch_to_atomic_sync: ref ");
	percpu_ref_kill(&gone.ref);
	world_expect_report("WARNING: percpu_ref_kill_and_confirm: ref ");
	memset(&gone, 0, sizeof(gone));
	percpu_ref_get(&gone.ref);
	world_expect_report("is not initialised, or gone\n");
	percpu_ref_resurrect(&gone.ref);
	world_expect_report("WARNING: percpu_ref_resurrect: ref ");
	percpu_ref_switch_to_percpu(&gone.ref);
	world_expect_report("WARNING: percpu_ref_switch_to_percpu: ref ");
}

static void more_puts_than_references_are_reported(void **state)
{
	(void)state;
	object_init(&object, 0);
	percpu_ref_put_many(&object.ref, 3);
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	wait_until(confirmed(&object));
	percpu_ref_switch_to_atomic_sync(&object.ref);
	world_expect_report("references after switching to atomic");
	percpu_ref_exit(&object.ref);
}

#if KMM_CONFIG_CHECK
static void tryget_live_rcu_wants_a_read_side_section(void **state)
{
	(void)state;
	object_init(&object, 0);
	assert_true(percpu_ref_tryget_live_rcu(&object.ref));
	world_expect_report("WARNING: percpu_ref_tryget_live_rcu: not inside a read-side section");
	percpu_ref_kill(&object.ref);
	percpu_ref_put(&object.ref);
	object_end(&object);
}
#endif

static void exit_of_the_library_drops_what_waits(void **state)
{
	(void)state;
	object_init(&object, 0);
	object_init(&other, 0);
	kmm_work_stop();
	urcu_bp_read_lock();
	percpu_ref_kill_and_confirm(&object.ref, object_confirm);
	urcu_bp_read_unlock();
	kmm_boot_reset_for_test();
	assert_int_equal(confirmed(&object), 0);
	/* The next world knows nothing of it. */
	assert_int_equal(ref_world_start(NULL, NULL), 0);
	object_init(&other, 0);
	percpu_ref_kill(&other.ref);
	object_end(&other);
	world_expect_silence();
}

/* Threads */

enum { NR_USERS = 4 };

static struct {
	bool stop;
	unsigned int nr_live; /* trygets that succeeded, for the test to have tested something */
	unsigned int nr_after_release;
} users;

/* Holds two references at a time now and then, and drops them on another CPU. */
static void use_refs(unsigned int index)
{
	unsigned int turn = index, nr_live = 0;

	while (!READ_ONCE(users.stop)) {
		cpu_id_pin((int)(turn++ % WORLD_CPUS));
		if (!percpu_ref_tryget_live(&object.ref))
			continue;
		nr_live++;
		if (percpu_ref_is_zero(&object.ref))
			atomic_add_relaxed(&users.nr_after_release, 1);
		percpu_ref_get_many(&object.ref, 3);
		cpu_id_pin((int)(turn++ % WORLD_CPUS));
		percpu_ref_put_many(&object.ref, 2);
		percpu_ref_put(&object.ref);
		if (percpu_ref_tryget(&object.ref))
			percpu_ref_put(&object.ref);
		percpu_ref_put(&object.ref);
		if (turn % 64 == 0)
			sched_yield();
	}
	atomic_add_relaxed(&users.nr_live, nr_live);
}

static void kill_and_revive(unsigned int nr_cycles)
{
	unsigned int i, nr_dead = 0;

	for (i = 0; i < nr_cycles; i++) {
		switch (i % 4) {
		case 0: /* to the end */
			percpu_ref_kill(&object.ref);
			wait_until(released(&object) > nr_dead);
			nr_dead++;
			percpu_ref_reinit(&object.ref);
			break;
		case 1: /* half way, unless nobody holds it */
			percpu_ref_get(&object.ref);
			percpu_ref_kill(&object.ref);
			percpu_ref_resurrect(&object.ref);
			percpu_ref_put(&object.ref);
			break;
		case 2:
			percpu_ref_switch_to_atomic_sync(&object.ref);
			percpu_ref_switch_to_percpu(&object.ref);
			break;
		default: /* no confirmation is missed */
			percpu_ref_get(&object.ref);
			percpu_ref_kill_and_confirm(&object.ref, object_confirm);
			percpu_ref_resurrect(&object.ref);
			percpu_ref_put(&object.ref);
		}
	}
	WRITE_ONCE(users.stop, true);
}

static void use_or_kill(unsigned int index, void *arg)
{
	if (index < NR_USERS)
		use_refs(index);
	else
		kill_and_revive(*(const unsigned int *)arg);
}

static void no_reference_is_lost_or_doubled(unsigned int nr_cycles)
{
	memset(&users, 0, sizeof(users));
	object_init(&object, PERCPU_REF_ALLOW_REINIT);
	run_threads(NR_USERS + 1, use_or_kill, &nr_cycles);
	assert_int_equal(released(&object), (nr_cycles + 3) / 4);
	assert_int_equal(confirmed(&object), nr_cycles / 4);
	assert_int_equal(users.nr_after_release, 0);
	assert_true(users.nr_live > 0);
	assert_true(is_percpu(&object));
	percpu_ref_switch_to_atomic_sync(&object.ref);
	percpu_ref_put(&object.ref); /* the only one */
	assert_int_equal(released(&object), (nr_cycles + 3) / 4 + 1);
	percpu_ref_exit(&object.ref);
	world_expect_silence();
}

#define NR_CYCLES (KMM_ARCH_TSAN || EMULATED ? 500 : 10000)

static void threads_use_a_ref_while_it_is_killed_and_revived(void **state)
{
	(void)state;
	no_reference_is_lost_or_doubled(NR_CYCLES / 5); /* its thread has to be woken each time */
}

static void the_same_without_a_thread_of_the_library(void **state)
{
	(void)state;
	no_reference_is_lost_or_doubled(NR_CYCLES);
}

static void be_cancelled(struct object *o)
{
	(void)o;
	pthread_testcancel();
}

static void *kill_and_be_cancelled(void *arg)
{
	struct object *o = arg;

	pthread_cancel(pthread_self());
	percpu_ref_kill_and_confirm(&o->ref, object_confirm);
	return o;
}

static void who_is_cancelled_ends_the_switches_first(void **state)
{
	pthread_t thread;

	(void)state;
	object_init(&object, 0);
	object_init(&other, 0);
	object.at_confirm = be_cancelled;
	assert_int_equal(pthread_create(&thread, NULL, kill_and_be_cancelled, &object), 0);
	pthread_join(thread, NULL);
	assert_int_equal(confirmed(&object), 1);
	assert_int_equal(released(&object), 1);
	percpu_ref_kill(&other.ref);
	assert_int_equal(released(&other), 1);
	percpu_ref_exit(&object.ref);
	percpu_ref_exit(&other.ref);
	world_expect_silence();
}

static struct object crowd[8];

static void kill_many(unsigned int index, void *arg)
{
	unsigned int i;

	(void)arg;
	cpu_id_pin((int)(index % WORLD_CPUS));
	for (i = 0; i < 200; i++) {
		percpu_ref_get(&crowd[index].ref);
		percpu_ref_kill(&crowd[index].ref);
		percpu_ref_put(&crowd[index].ref);
		wait_until(released(&crowd[index]) == i + 1);
		percpu_ref_reinit(&crowd[index].ref);
	}
}

static void refs_of_many_threads_switch_together(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 8; i++)
		object_init(&crowd[i], PERCPU_REF_ALLOW_REINIT);
	run_threads(8, kill_many, NULL);
	for (i = 0; i < 8; i++) {
		percpu_ref_kill(&crowd[i].ref);
		wait_until(released(&crowd[i]) == 201);
		percpu_ref_exit(&crowd[i].ref);
	}
	world_expect_silence();
}

#define ref_test(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ref_test(kill_of_the_only_reference_releases_once, default_flavour),
		ref_test(last_put_after_the_kill_releases_at_once, default_flavour),
		ref_test(exit_of_a_ref_that_lives_gives_its_memory_back, default_flavour),
		ref_test(a_dead_start_is_brought_to_life_by_reinit, default_flavour),
		ref_test(trygets_say_what_they_may, default_flavour),
		ref_test(atomic_mode_stays_through_kill_and_reinit, default_flavour),
		ref_test(resurrect_takes_a_kill_back, default_flavour),
		ref_test(without_reinit_the_counts_go_with_the_switch, default_flavour),
		ref_test(kill_does_not_wait_and_one_grace_period_serves_all, counting_flavour),
		ref_test(switch_waits_for_a_long_reader, default_flavour),
		ref_test(who_needs_the_mode_waits_for_the_switch, counting_flavour),
		ref_test(kill_inside_the_confirmation_of_a_switch, default_flavour),
		ref_test(kill_inside_the_confirmation_of_a_kill_is_one_too_many, default_flavour),
		ref_test(confirmation_may_begin_the_next_switch, counting_flavour),
		ref_test(callback_makes_the_switch_that_it_waits_for, counting_flavour),
		ref_test(release_may_free_the_object, default_flavour),
		ref_test(without_a_thread_the_caller_does_it_all, no_thread),
		ref_test(who_is_cancelled_ends_the_switches_first, no_thread),
		ref_test(who_waits_already_takes_on_what_others_kill, no_thread_and_counting),
		ref_test(without_a_thread_a_reader_cannot_switch_and_the_next_call_does, no_thread),
		ref_test(out_of_memory_is_enomem, no_thread),
		ref_test(misuse_is_reported_and_refused, counting_flavour),
		ref_test(a_ref_that_is_gone_is_reported_and_not_touched, default_flavour),
		ref_test(more_puts_than_references_are_reported, default_flavour),
#if KMM_CONFIG_CHECK
		ref_test(tryget_live_rcu_wants_a_read_side_section, default_flavour),
#endif
		ref_test(exit_of_the_library_drops_what_waits, default_flavour),
		ref_test(threads_use_a_ref_while_it_is_killed_and_revived, default_flavour),
		ref_test(the_same_without_a_thread_of_the_library, no_thread),
		ref_test(refs_of_many_threads_switch_together, default_flavour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
