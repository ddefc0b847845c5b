/* SPDX-License-Identifier: MIT
 * slub_life_race_test.c - a cache destroyed, or the process forked, while a thread stands in the middle of something.
 *
 * What needs a lock that the victim holds runs on a second thread, the other; it gets a moment to go wrong before the
 * victim goes on.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "slub_race_world.h"

#include "support/child_threads.h"

#define MOMENT_US 30000
#define CHILD_SECONDS 60 /* a child that takes longer hangs */

static void *trim(void *arg)
{
	(void)arg;
	kmm_trim();
	return NULL;
}

static pthread_t other;

static void other_start(void *(*run)(void *), void *arg)
{
	assert_int_equal(pthread_create(&other, NULL, run, arg), 0);
	usleep(MOMENT_US);
}

static void *other_join(void)
{
	void *result;

	pthread_join(other, &result);
	return result;
}

static void *destroy(void *s)
{
	kmem_cache_destroy(s);
	return NULL;
}

/* The trim has the empty slab in its hands: it is on no list, and still counted. */
static void destroy_waits_for_a_trim_that_frees_slabs_of_the_cache(void **state)
{
	struct kmem_cache *doomed = kmem_cache_create("doomed", 256, 0, SLAB_NO_MERGE, NULL);

	(void)state;
	assert_non_null(doomed);
	kmem_cache_free(doomed, kmem_cache_alloc(doomed, GFP_KERNEL));
	gate_stop_at("shrink:collected", 0, 1, trim, NULL);
	assert_int_equal(get_node(doomed, 0)->nr_partial, 0);
	other_start(destroy, doomed);
	gate_release(&gate);
	other_join();
	gate_close(&gate);
	/* No word about objects that are left. */
	world_expect_silence();
}

/* The trim has taken the CPU's slab off, and not put it anywhere yet. */
static void destroy_waits_for_a_trim_that_flushes_a_cpu_of_the_cache(void **state)
{
	struct kmem_cache *doomed = kmem_cache_create("doomed", 256, 0, SLAB_NO_MERGE, NULL);

	(void)state;
	assert_non_null(doomed);
	kmem_cache_free(doomed, kmem_cache_alloc(doomed, GFP_KERNEL));
	gate_stop_at("slab_word:cas", 0, 1, trim, NULL);
	assert_null(cpu_slab_of(doomed, 0)->slab);
	other_start(destroy, doomed);
	gate_release(&gate);
	other_join();
	gate_close(&gate);
	world_expect_silence();
}

/* What every child must be able to do, whatever the parent's threads were doing. Returns its exit status. */
static int live_on(void)
{
	struct kmem_cache *own;
	void *objects[3 * NR];

	for (unsigned int cpu = 0; cpu < WORLD_CPUS; cpu++) {
		cpu_id_pin((int)cpu);
		take(objects, ARRAY_SIZE(objects));
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			if (!objects[i])
				return 1;
			memset(objects[i], (int)i, 256);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
			if (((unsigned char *)objects[i])[255] != i)
				return 2;
		give(objects, ARRAY_SIZE(objects));
	}
	own = kmem_cache_create("own", 700, 0, SLAB_NO_MERGE, NULL);
	if (!own)
		return 3;
	objects[0] = kmem_cache_alloc(own, GFP_KERNEL);
	kmem_cache_free(own, objects[0]);
	kmm_trim();
	kmm_validate_cache(own);
	kmem_cache_destroy(own);
	kfree(kmalloc(5000, GFP_KERNEL));
	return world_reports.count ? 4 : 0;
}

static int (*child_life)(void); /* of the next child: its exit status */

/* Returns the child's wait status. */
static void *fork_child(void *arg)
{
	int status = -1;
	pid_t pid;

	(void)arg;
	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		_exit(child_life());
	}
	waitpid(pid, &status, 0);
	return (void *)(intptr_t)status;
}

/* Forks while the victim, running @run(@arg), stands at @point; the victim may hold locks there. The child does @life. */
static void *fork_into(int (*life)(void), const char *point, void *(*run)(void *), void *arg)
{
	child_life = life;
	gate_stop_at(point, 0, 0, run, arg);
	other_start(fork_child, NULL);
	gate_release(&gate);
	assert_int_equal((intptr_t)other_join(), 0);
	return gate_close(&gate);
}

static void *fork_while_stopped_at(const char *point, void *(*run)(void *), void *arg)
{
	return fork_into(live_on, point, run, arg);
}

static void a_child_lives_on_without_the_thread_that_was_popping(void **state)
{
	void *objects[2];

	(void)state;
	objects[0] = take_one(NULL);
	objects[1] = fork_while_stopped_at("cpu_slab:cas", take_one, NULL);
	give(objects, 2);
}

static void a_child_lives_on_without_the_thread_that_was_detaching(void **state)
{
	void *object = take_one(NULL);

	(void)state;
	fork_while_stopped_at("cpu_slab:detach:slab-gone", flush_cpu_0, NULL);
	give_one(object);
}

static void a_child_lives_on_without_the_thread_that_was_installing(void **state)
{
	(void)state;
	give_one(fork_while_stopped_at("cpu_slab:install:no-slab-yet", take_one, NULL));
}

static void a_child_lives_on_without_the_thread_that_held_new_pages(void **state)
{
	(void)state;
	give_one(fork_while_stopped_at("alloc:slow:new-slab", take_one, NULL));
}

static void a_child_lives_on_without_the_thread_that_was_freeing(void **state)
{
	void *objects[2];

	(void)state;
	take(objects, 2);
	flush_cpu_slab(cache, 0);
	fork_while_stopped_at("free:slow:seen", give_one, objects[0]);
	give_one(objects[1]);
}

static void a_child_lives_on_without_the_thread_that_held_the_list_lock(void **state)
{
	void *object = take_one(NULL);

	(void)state;
	flush_cpu_slab(cache, 0);
	fork_while_stopped_at("slab_word:cas", give_one, object);
}

static void a_child_lives_on_without_the_thread_that_was_trimming(void **state)
{
	(void)state;
	give_one(take_one(NULL));
	fork_while_stopped_at("shrink:collected", trim, NULL);
}

static int destroy_the_cache(void)
{
	kmem_cache_destroy(cache);
	kmm_validate_slub();
	return world_reports.count ? 1 : 0;
}

/* Its empty slabs are pages that are away in the child, and no objects. */
static void a_child_destroys_a_cache_whose_slabs_vanished(void **state)
{
	(void)state;
	give_one(take_one(NULL));
	fork_into(destroy_the_cache, "shrink:collected", trim, NULL);
}

/* Without the library's thread where a child cannot have one. */
static int setup(void **state)
{
	(void)state;
	return race_start(CHILD_HAS_THREADS ? NULL : "background=off");
}

#define WINDOW(test) cmocka_unit_test_setup_teardown(test, setup, race_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WINDOW(destroy_waits_for_a_trim_that_frees_slabs_of_the_cache),
		WINDOW(destroy_waits_for_a_trim_that_flushes_a_cpu_of_the_cache),
		WINDOW(a_child_lives_on_without_the_thread_that_was_popping),
		WINDOW(a_child_lives_on_without_the_thread_that_was_detaching),
		WINDOW(a_child_lives_on_without_the_thread_that_was_installing),
		WINDOW(a_child_lives_on_without_the_thread_that_held_new_pages),
		WINDOW(a_child_lives_on_without_the_thread_that_was_freeing),
		WINDOW(a_child_lives_on_without_the_thread_that_held_the_list_lock),
		WINDOW(a_child_lives_on_without_the_thread_that_was_trimming),
		WINDOW(a_child_destroys_a_cache_whose_slabs_vanished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
