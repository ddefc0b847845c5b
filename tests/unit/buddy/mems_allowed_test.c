/* SPDX-License-Identifier: MIT
 * mems_allowed_test.c - the nodes that the process may use, and requests that fail while they change.
 *
 * A request looks at one node after the other. It may find node 0 forbidden, and then, after a change, node 1, though one of
 * them was allowed at any time: the count of changes tells it to look again. The changes come at race points.
 */
#include <errno.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kmm/memalloc.h>

#include "base/race.h"
#include "buddy/buddy_internal.h"
#include "support/threads.h"
#include "support/world.h"

#define QUIET (GFP_KERNEL | __GFP_NOWARN)

/* What to do at which point, on which thread; once. */
static struct {
	const char *point;
	void (*run)(void);
	unsigned int skip; /* times the point is passed before */
	unsigned int nr_passed;
} at;
static __thread bool hooked;

static void hook(const char *point)
{
	void (*run)(void) = at.run;

	if (!hooked || !at.point || strcmp(point, at.point) != 0)
		return;
	if (at.nr_passed++ != at.skip || !run)
		return;
	at.run = NULL;
	run();
}

static void do_at(const char *point, unsigned int skip, void (*run)(void))
{
	memset(&at, 0, sizeof(at));
	at.point = point;
	at.skip = skip;
	at.run = run;
}

/* Two nodes of 32 MiB, four CPUs; the caller is on one of node 0. */
static int setup(void **state)
{
	(void)state;
	do_at(NULL, 0, NULL);
	hooked = true;
	kmm_race_hook = hook;
	if (world_start("numa=fake=2 min_free_kbytes=0 background=off", WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static int teardown(void **state)
{
	kmm_race_hook = NULL;
	return world_teardown(state);
}

static void allow(unsigned long bits)
{
	assert_int_equal(kmm_set_mems_allowed((nodemask_t){ bits }), 0);
}

static void allow_node_0(void)
{
	kmm_set_mems_allowed((nodemask_t){ 1 });
}

static void allow_node_1(void)
{
	kmm_set_mems_allowed((nodemask_t){ 2 });
}

static int node_of_request(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp, order);
	int nid = -1;

	if (page) {
		nid = page_to_nid(page);
		__free_pages(page, order);
	}
	return nid;
}

/* All of one node, so that nothing of it is left, or so it looks. */
static struct {
	unsigned int nr;
	struct page *pages[64 * 1024];
} all;

static void use_up_node(int nid)
{
	static const unsigned int orders[] = { MAX_ORDER - 1, 0 };
	struct page *page;

	all.nr = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++)
		while ((page = alloc_pages_node(nid, QUIET | __GFP_THISNODE, orders[i])))
			all.pages[all.nr++] = page;
}

static void give_back_node(void)
{
	while (all.nr) {
		struct page *page = all.pages[--all.nr];

		__free_pages(page, page_alloc_order(page));
	}
}

/* What the mask means */

static void requests_go_to_nodes_that_are_allowed(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		assert_int_equal(node_of_request(GFP_KERNEL, order), 0);
		allow(2);
		assert_int_equal(node_of_request(GFP_KERNEL, order), 1);
		assert_int_equal(node_of_request(GFP_HIGHUSER_MOVABLE, order), 1);
		assert_int_equal(node_of_request(GFP_ATOMIC, order), 1); /* there is enough of it */
		allow(3);
		assert_int_equal(node_of_request(GFP_KERNEL, order), 0);
		allow(1);
		assert_int_equal(node_of_request(GFP_KERNEL, order), 0);
		allow(~0UL);
	}
	world_expect_silence();
}

/* A CPU keeps pages of node 0 on its list; they were free before the mask changed. */
static void pages_on_lists_of_other_nodes_stay_there(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	allow(2);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(node_of_request(GFP_KERNEL, 0), 1);
	allow(~0UL);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 0);
}

static void a_named_node_has_to_be_allowed(void **state)
{
	struct page *page;

	(void)state;
	allow(2);
	page = alloc_pages_node(0, GFP_KERNEL, 0);
	assert_int_equal(page_to_nid(page), 1);
	__free_page(page);
	assert_null(alloc_pages_node(0, QUIET | __GFP_THISNODE, 0));
	world_expect_silence();
}

static void what_is_in_use_elsewhere_stays_there(void **state)
{
	char *object = kmalloc(3000, GFP_KERNEL);
	struct page *page = alloc_pages(GFP_KERNEL, 4);

	(void)state;
	memset(object, 0x5a, 3000);
	allow(2);
	for (unsigned int i = 0; i < 3000; i++)
		assert_int_equal(object[i], 0x5a);
	assert_int_equal(page_to_nid(page), 0);
	__free_pages(page, 4);
	kfree(object);
}

static void a_request_fails_when_the_allowed_nodes_are_full(void **state)
{
	struct page *page;

	(void)state;
	use_up_node(1);
	allow(2);
	assert_int_equal(node_of_request(QUIET, 0), -1);
	assert_int_equal(node_of_request(GFP_NOWAIT | __GFP_NOWARN, 0), -1);
	world_expect_silence();
	assert_int_equal(node_of_request(GFP_KERNEL, 0), -1);
	world_expect_report("page allocation failure");
	/* Who frees memory, and who cannot wait, may go elsewhere rather than fail. */
	assert_int_equal(node_of_request(GFP_ATOMIC, 0), 0);
	assert_int_equal(node_of_request(GFP_ATOMIC, 3), 0);
	page = alloc_page(GFP_KERNEL | __GFP_MEMALLOC);
	assert_int_equal(page_to_nid(page), 0);
	__free_page(page);
	allow(3);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 0);
	give_back_node();
}

static void a_mask_without_a_node_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	allow(2);
	assert_int_equal(kmm_set_mems_allowed((nodemask_t){ 0 }), -EINVAL);
	assert_int_equal(kmm_set_mems_allowed((nodemask_t){ 4 }), -EINVAL);
	assert_int_equal(kmm_set_mems_allowed((nodemask_t){ ~3UL }), -EINVAL);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 1);
	/* Nodes that do not exist do not matter beside one that does. */
	allow(~2UL);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 0);
	world_expect_silence();
}

static void a_mask_lasts_as_long_as_the_library(void **state)
{
	(void)state;
	allow(2);
	kmm_boot_reset_for_test();
	assert_int_equal(setup(NULL), 0);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 0);
	assert_int_equal(node_of_request(GFP_KERNEL, 5), 0);
}

/* The first call of all may be this one. */
static void a_mask_can_be_set_before_anything_else(void **state)
{
	(void)state;
	kmm_boot_reset_for_test();
	assert_int_equal(kmm_set_mems_allowed((nodemask_t){ 1 }), 0);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 0);
}

static void a_child_has_its_parents_mask_and_may_change_it(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	allow(2);
	child = fork();
	if (!child) {
		if (node_of_request(GFP_KERNEL, 0) != 1 || kmm_set_mems_allowed((nodemask_t){ 1 }))
			_exit(1);
		_exit(node_of_request(GFP_KERNEL, 0) == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(node_of_request(GFP_KERNEL, 0), 1);
}

/* The cookie */

/* Node 1 is full, and the only one allowed until the request has failed. */
static void a_request_that_failed_while_the_mask_changed_looks_again(void **state)
{
	static const gfp_t gfps[] = { QUIET, QUIET | __GFP_NORETRY, GFP_NOWAIT | __GFP_NOWARN };

	(void)state;
	use_up_node(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++) {
		allow(2);
		do_at("slowpath:cookie", 0, allow_node_0);
		assert_int_equal(node_of_request(gfps[i], 0), 0);
		assert_int_equal(at.nr_passed, 2);
	}
	world_expect_silence();
	give_back_node();
}

static void a_request_that_failed_for_good_does_not(void **state)
{
	(void)state;
	use_up_node(1);
	allow(2);
	do_at("slowpath:cookie", 0, NULL);
	assert_int_equal(node_of_request(QUIET, 0), -1);
	assert_int_equal(at.nr_passed, 1);
	/* The change helped nobody: it looks once more, and fails. */
	do_at("slowpath:cookie", 0, allow_node_1);
	assert_int_equal(node_of_request(QUIET, 0), -1);
	assert_int_equal(at.nr_passed, 2);
	give_back_node();
}

static unsigned int changes_left;

static void change_again(void)
{
	if (--changes_left) {
		allow_node_1();
		at.run = change_again;
		at.skip = at.nr_passed;
	} else {
		allow_node_0();
	}
}

static void it_looks_again_as_often_as_the_mask_changes(void **state)
{
	(void)state;
	use_up_node(1);
	allow(2);
	changes_left = 5;
	do_at("slowpath:cookie", 0, change_again);
	assert_int_equal(node_of_request(QUIET, 3), 0);
	assert_int_equal(changes_left, 0);
	assert_int_equal(at.nr_passed, 6);
	give_back_node();
}

/* Another thread stands in the middle of a change: whoever fails meanwhile cannot know what it has seen. */

static struct {
	pthread_t thread;
	sem_t reached, go;
} writer;

static __thread bool is_writer;

static void let_the_writer_go_on(void)
{
	sem_post(&writer.go);
}

static void hook_with_writer(const char *point)
{
	if (is_writer && strcmp(point, "mems_allowed:odd") == 0) {
		sem_post(&writer.reached);
		sem_wait(&writer.go);
	}
	hook(point);
}

static void *writer_main(void *arg)
{
	is_writer = true;
	kmm_set_mems_allowed((nodemask_t){ 1 });
	return arg;
}

static void a_request_that_failed_in_the_middle_of_a_change_waits_for_its_end(void **state)
{
	(void)state;
	use_up_node(1);
	allow(2);
	kmm_race_hook = hook_with_writer;
	sem_init(&writer.reached, 0, 0);
	sem_init(&writer.go, 0, 0);
	assert_int_equal(pthread_create(&writer.thread, NULL, writer_main, NULL), 0);
	sem_wait(&writer.reached);
	do_at("slowpath:cookie", 9, let_the_writer_go_on);
	assert_int_equal(node_of_request(QUIET, 0), 0);
	assert_true(at.nr_passed >= 10);
	pthread_join(writer.thread, NULL);
	give_back_node();
}

/* Threads */

#define NR_READERS 3
#define NR_CHANGES 20000

static struct {
	unsigned int nr_changes; /* by the last thread */
	unsigned long nr_failed, nr_done;
} race;

/* One node is always allowed, and both have memory: no request may fail. */
static void ask_or_change(unsigned int index, void *arg)
{
	(void)arg;
	cpu_id_pin((int)index);
	if (index == NR_READERS) {
		for (unsigned int i = 0; i < NR_CHANGES; i++) {
			if (kmm_set_mems_allowed((nodemask_t){ 1UL << i % 2 }))
				abort();
			WRITE_ONCE(race.nr_changes, i + 1);
			if (i % 64 == 0)
				sched_yield();
		}
		return;
	}
	for (unsigned int i = 0; READ_ONCE(race.nr_changes) < NR_CHANGES; i++) {
		struct page *page = alloc_pages(QUIET, i % 6);

		if (page)
			__free_pages(page, i % 6);
		atomic_add_relaxed(page ? &race.nr_done : &race.nr_failed, 1);
	}
}

static void no_request_fails_because_the_mask_changes(void **state)
{
	(void)state;
	memset(&race, 0, sizeof(race));
	kmm_race_hook = NULL;
	run_threads(NR_READERS + 1, ask_or_change, NULL);
	assert_int_equal(race.nr_failed, 0);
	assert_true(race.nr_done > 0);
	world_expect_silence();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(requests_go_to_nodes_that_are_allowed),
		TEST(pages_on_lists_of_other_nodes_stay_there),
		TEST(a_named_node_has_to_be_allowed),
		TEST(what_is_in_use_elsewhere_stays_there),
		TEST(a_request_fails_when_the_allowed_nodes_are_full),
		TEST(a_mask_without_a_node_is_refused_and_changes_nothing),
		TEST(a_mask_lasts_as_long_as_the_library),
		TEST(a_mask_can_be_set_before_anything_else),
		TEST(a_child_has_its_parents_mask_and_may_change_it),
		TEST(a_request_that_failed_while_the_mask_changed_looks_again),
		TEST(a_request_that_failed_for_good_does_not),
		TEST(it_looks_again_as_often_as_the_mask_changes),
		TEST(a_request_that_failed_in_the_middle_of_a_change_waits_for_its_end),
		TEST(no_request_fails_because_the_mask_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
