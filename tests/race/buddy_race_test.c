/* SPDX-License-Identifier: MIT
 * buddy_race_test.c - the moments in which pages are on nobody's list: on their way between a zone and the list of a CPU. What
 * drains, requests, changes of type, other CPUs and fork do just then.
 *
 * Neither lock is held in such a moment, so one thread can be its own opponent: in_the_moment runs inside it, once. A gate
 * stops a second thread where one has to wait for another.
 */
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kmm/kmm.h>

#include "base/boot.h"
#include "gate.h"
#include "support/pcp_world.h"

static struct page *pages[pageblock_nr_pages];
static unsigned int nr_pages_held;

static struct {
	const char *point;
	void (*run)(void);
} in_the_moment;

static void moment_hook(const char *point)
{
	void (*run)(void) = in_the_moment.run;

	if (!run || strcmp(point, in_the_moment.point) != 0)
		return;
	in_the_moment.run = NULL;
	run();
}

static void at(const char *point, void (*run)(void))
{
	in_the_moment.point = point;
	in_the_moment.run = run;
	kmm_race_hook = moment_hook;
}

#define REFILLED "pcp:put_list"
#define FLUSHED "pcp:free_list_to_zone"

static unsigned long unused_before;

static int setup(void **state)
{
	setup_pcp_one_block(state);
	nr_pages_held = 0;
	unused_before = pages_unused();
	return 0;
}

/* Whatever happened, every page is there again, once. */
static int teardown(void **state)
{
	kmm_race_hook = NULL;
	in_the_moment.run = NULL;
	while (nr_pages_held)
		__free_page(pages[--nr_pages_held]);
	drain_all_pages(NULL);
	assert_int_equal(zone_nr_free(&kmm_zone), unused_before);
	assert_int_equal(zone_nr_pcp(&kmm_zone), 0);
	assert_int_equal(kmm_zone.moves & ZONE_MOVERS_MASK, 0);
	assert_silent();
	return teardown_pcp(state);
}

static struct page *hold(struct page *page)
{
	assert_non_null(page);
	pages[nr_pages_held++] = page;
	return page;
}

static void hold_all_but(unsigned long left)
{
	pcp_limits(1, 0, 0);
	while (zone_nr_free(&kmm_zone) > left)
		hold(alloc_page(GFP_KERNEL));
}

static int count_then;

static void drain_cpu_0(void)
{
	count_then = pcp_on(0)->count;
	drain_pages_zone(&kmm_zone, 0);
	assert_int_equal(pcp_on(0)->count, 0);
}

static void a_drain_misses_a_refill_in_flight_and_loses_nothing(void **state)
{
	(void)state;
	pcp_limits(16, 64, 64);
	at(REFILLED, drain_cpu_0);
	hold(alloc_page(GFP_KERNEL));
	assert_null(in_the_moment.run);
	assert_int_equal(count_then, 0);
	assert_int_equal(pcp_on(0)->count, 15);
	kmm_validate_pages();
}

static void drain_all(void)
{
	drain_all_pages(NULL);
}

static void drains_can_meet(void **state)
{
	(void)state;
	pcp_limits(16, 64, 64);
	hold(alloc_page(GFP_KERNEL));
	at(FLUSHED, drain_all);
	assert_int_equal(drain_all_pages(NULL), 15);
	assert_null(in_the_moment.run);
	assert_int_equal(zone_nr_free(&kmm_zone), unused_before - 1);
	kmm_validate_pages();
}

static void free_one(void)
{
	__free_page(pages[--nr_pages_held]);
}

static void a_page_freed_during_a_drain_stays_on_the_list(void **state)
{
	(void)state;
	pcp_limits(16, 64, 64);
	hold(alloc_page(GFP_KERNEL));
	at(FLUSHED, free_one);
	assert_int_equal(drain_all_pages(NULL), 15);
	assert_int_equal(pcp_on(0)->count, 1);
	kmm_validate_pages();
}

static void refill_as_well(void)
{
	hold(alloc_page(GFP_KERNEL));
	assert_int_equal(pcp_on(0)->count, 15);
}

static void two_refills_of_one_cpu_both_stay_and_the_next_free_trims_them(void **state)
{
	(void)state;
	pcp_limits(16, 20, 20);
	at(REFILLED, refill_as_well);
	hold(alloc_page(GFP_KERNEL));
	assert_null(in_the_moment.run);
	assert_int_equal(pcp_on(0)->count, 30); /* more than they should hold */
	kmm_validate_pages();
	free_one();
	assert_int_equal(pcp_on(0)->count, 31 - 16);
	kmm_validate_pages();
}

static void move_to_cpu_2(void)
{
	cpu_id_pin(2);
}

static void a_refill_stays_on_the_cpu_that_its_thread_is_on_then(void **state)
{
	(void)state;
	pcp_limits(16, 64, 64);
	at(REFILLED, move_to_cpu_2);
	hold(alloc_page(GFP_KERNEL));
	cpu_id_pin(0);
	assert_int_equal(pcp_on(0)->count, 0);
	assert_int_equal(pcp_on(2)->count, 15);
	kmm_validate_pages();
}

static void make_busy(void)
{
	pcp_make_busy(0);
}

static void a_refill_whose_list_is_busy_goes_back_to_the_zone(void **state)
{
	(void)state;
	pcp_limits(16, 64, 64);
	at(REFILLED, make_busy);
	hold(alloc_page(GFP_KERNEL));
	pcp_end_busy(0);
	assert_int_equal(pcp_on(0)->count, 0);
	assert_int_equal(zone_nr_free(&kmm_zone), unused_before - 1);
	kmm_validate_pages();
}

static enum migratetype new_type;

/* Of the only pageblock, with the counters that go with it. */
static void set_type(enum migratetype type)
{
	kmm_lock(&kmm_zone.lock);
	pageblock_move_free(&kmm_zone, pages[0], type);
	kmm_unlock(&kmm_zone.lock);
}

static void change_type(void)
{
	set_type(new_type);
}

static void pages_follow_a_pageblock_that_changes_its_type_on_their_way(void **state)
{
	static const char *const points[] = { REFILLED, FLUSHED };

	(void)state;
	pcp_limits(16, 64, 64);
	hold(alloc_page(GFP_KERNEL));
	for (unsigned int i = 0; i < ARRAY_SIZE(points); i++) {
		for (new_type = MIGRATE_UNMOVABLE; new_type < MIGRATE_TYPES; new_type++) {
			set_type(MIGRATE_UNMOVABLE);
			drain_all_pages(NULL);
			if (i)
				hold(alloc_page(GFP_KERNEL));
			at(points[i], change_type);
			if (i)
				assert_int_equal(drain_all_pages(NULL), 15);
			else
				hold(alloc_page(GFP_KERNEL));
			assert_null(in_the_moment.run);
			assert_int_equal(pageblock_type(pages[0]), new_type);
			drain_all_pages(NULL);
			kmm_validate_pages(); /* B1: on the lists of the new type; B5: and counted there */
			assert_int_equal(zone_nr_free(&kmm_zone),
					 new_type == MIGRATE_ISOLATE ? 0 : unused_before - nr_pages_held);
		}
	}
	set_type(MIGRATE_UNMOVABLE);
}

static void take_what_waits_on_the_zone(void)
{
	/* The block the victim wants to free has no buddy yet: its neighbours come free just before it. */
	__free_page(pages[--nr_pages_held]);
	drain_all_pages(NULL);
}

static void pages_merge_with_what_came_free_meanwhile(void **state)
{
	(void)state;
	pcp_limits(1, 64, 64);
	for (unsigned int i = 0; i < 8; i++)
		hold(alloc_page(GFP_KERNEL));
	drain_all_pages(NULL);
	for (unsigned int i = 0; i < 4; i++)
		free_one();
	at(FLUSHED, take_what_waits_on_the_zone);
	drain_all_pages(NULL);
	assert_null(in_the_moment.run);
	kmm_validate_pages(); /* B4 */
}

/* The last pages of the world are in a victim's hands: a request that may wait gets one of them, another does not. */
static void *alloc_one(void *gfp)
{
	return alloc_page((gfp_t)(uintptr_t)gfp);
}

static void *drain(void *arg)
{
	drain_all_pages(NULL);
	return arg;
}

static void *free_many(void *arg)
{
	for (unsigned int i = 0; i < 16; i++)
		__free_page(pages[--nr_pages_held]);
	return arg;
}

static void a_request_waits_for_the_victim(unsigned long in_flight)
{
	void *const kernel = (void *)(uintptr_t)(GFP_KERNEL | __GFP_NOWARN);
	struct page *page;

	assert_int_equal(zone_nr_free(&kmm_zone) + zone_nr_pcp(&kmm_zone), 0);
	assert_int_equal(kmm_zone.moves & ZONE_MOVERS_MASK, 1);
	assert_null(alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	/* It has failed once when it comes to the second drain. */
	gate_stop_victim_at(&second_gate, "slowpath:drain", 1, 2, alloc_one, kernel);
	page = gate_open();
	if (page) /* the victim's own */
		hold(page);
	assert_int_equal(kmm_zone.moves & ZONE_MOVERS_MASK, 0);
	page = gate_open_one(&second_gate);
	hold(page);
	assert_int_equal(zone_nr_free(&kmm_zone) + zone_nr_pcp(&kmm_zone), in_flight - 1);
	kmm_validate_pages();
}

static void a_request_waits_for_a_refill(void **state)
{
	(void)state;
	hold_all_but(16);
	pcp_limits(16, 64, 64);
	gate_stop_at(REFILLED, 0, 1, alloc_one, (void *)(uintptr_t)GFP_KERNEL);
	a_request_waits_for_the_victim(15);
}

static void a_request_waits_for_a_flush(void **state)
{
	(void)state;
	hold_all_but(0);
	pcp_limits(16, 16, 16);
	gate_stop_at(FLUSHED, 0, 1, free_many, NULL);
	a_request_waits_for_the_victim(16);
}

static void a_request_waits_for_a_drain_by_others(void **state)
{
	(void)state;
	hold_all_but(16);
	pcp_limits(16, 64, 64);
	hold(alloc_page(GFP_KERNEL));
	gate_stop_at(FLUSHED, 0, 1, drain, NULL);
	a_request_waits_for_the_victim(15);
}

/* It searched while the last pages were in somebody's hands, who has put them back when it looks whether anybody has some. */
static void a_request_looks_again_when_a_move_ended_meanwhile(void **state)
{
	(void)state;
	hold_all_but(16);
	pcp_limits(16, 64, 64);
	hold(alloc_page(GFP_KERNEL)); /* 15 are listed */
	gate_stop_at(FLUSHED, 0, 1, drain, NULL);
	gate_stop_victim_at(&second_gate, "slowpath:looked", 0, 2, alloc_one,
			    (void *)(uintptr_t)(GFP_KERNEL | __GFP_NOWARN));
	gate_open();
	assert_int_equal(kmm_zone.moves & ZONE_MOVERS_MASK, 0);
	hold(gate_open_one(&second_gate));
	kmm_validate_pages();
}

/*
 * A child is forked while a victim has pages in its hands. These are lost to the child, as everything is that a vanished thread
 * owned; but nobody waits for them, and all other pages can be had, once each.
 */
static int child(unsigned long at_least)
{
	unsigned long nr = 0, given = 0;
	struct page *page, *list = NULL;

	alarm(120); /* for ever is a failure */
	kmm_race_hook = NULL;
	if (kmm_zone.moves)
		return 2;
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		struct page **link = page_address(page);

		*link = list;
		list = page;
		nr++;
	}
	while (list) {
		page = list;
		list = *(struct page **)page_address(page);
		__free_page(page);
		given++;
	}
	page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4);
	if (page)
		__free_pages(page, 4);
	return nr >= at_least && given == nr && page ? 0 : 3;
}

static int fork_and_wait(unsigned long at_least)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child(at_least));
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static void *use_pages(void *arg)
{
	struct page *mine[200];

	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(mine); i++)
			mine[i] = alloc_page(GFP_KERNEL);
		for (unsigned int i = 0; i < ARRAY_SIZE(mine); i++)
			if (mine[i])
				__free_page(mine[i]);
		drain_all_pages(NULL);
	}
	return arg;
}

static void a_child_forked_in_the_middle_can_use_pages(void **state)
{
	static const char *const points[] = { REFILLED, FLUSHED };
	struct kmm_config config = {
		.size = sizeof(config), .limit = 2 * SECTION_SIZE, .nr_cpus = PCP_CPUS, .options = "background=off"
	}; /* a child must not need a thread under TSan */
	int bad = 0;

	(void)state;
	assert_int_equal(kmm_init(&config), 0);
	cpu_id_pin(0);
	for (unsigned int i = 0; i < ARRAY_SIZE(points); i++) {
		for (unsigned int skip = 0; skip < 3; skip++) {
			gate_stop_at(points[i], skip, 1, use_pages, NULL);
			/* The most that a victim holds is what it asked for and 32 batches. */
			bad |= fork_and_wait(pages_unused() - 1000);
			gate_open();
			assert_int_equal(bad, 0);
		}
	}
	kmm_validate_pages();
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_drain_misses_a_refill_in_flight_and_loses_nothing),
		TEST(drains_can_meet),
		TEST(a_page_freed_during_a_drain_stays_on_the_list),
		TEST(two_refills_of_one_cpu_both_stay_and_the_next_free_trims_them),
		TEST(a_refill_stays_on_the_cpu_that_its_thread_is_on_then),
		TEST(a_refill_whose_list_is_busy_goes_back_to_the_zone),
		TEST(pages_follow_a_pageblock_that_changes_its_type_on_their_way),
		TEST(pages_merge_with_what_came_free_meanwhile),
		TEST(a_request_waits_for_a_refill),
		TEST(a_request_waits_for_a_flush),
		TEST(a_request_waits_for_a_drain_by_others),
		TEST(a_request_looks_again_when_a_move_ended_meanwhile),
		cmocka_unit_test(a_child_forked_in_the_middle_can_use_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
