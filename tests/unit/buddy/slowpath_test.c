/* SPDX-License-Identifier: MIT
 * slowpath_test.c - requests that the first look does not serve: which steps are taken for whom, in which order, how often,
 * and how they end. The room that would free memory is a fake.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <kmm/memalloc.h>

#include "support/pcp_world.h"
#include "support/reclaim_fake.h"

/* In place of libc's, to see who gives up the CPU. */
static __thread unsigned int nr_waits;
static __thread long last_wait_ns;

int sched_yield(void)
{
	nr_waits++;
	return (int)syscall(SYS_sched_yield);
}

int nanosleep(const struct timespec *requested_time, struct timespec *remaining)
{
	nr_waits++;
	last_wait_ns = requested_time->tv_nsec;
	return clock_nanosleep(CLOCK_MONOTONIC, 0, requested_time, remaining);
}

#define NOWARN __GFP_NOWARN

static struct page *taken[pageblock_nr_pages + 1];
static unsigned int nr_taken;

/* Everything but @left single pages of the world, which has no room to grow. */
static void use_up(unsigned int left)
{
	pcp_limits(1, 0, 0);
	while (zone_nr_free(&kmm_zone) > left) {
		taken[nr_taken] = alloc_page(GFP_KERNEL | NOWARN);
		assert_non_null(taken[nr_taken]);
		nr_taken++;
	}
	fake_reclaim_forget();
}

static void give_one(void)
{
	assert_true(nr_taken > 0);
	__free_page(taken[--nr_taken]);
}

static void give_all(void)
{
	while (nr_taken)
		give_one();
}

static int setup(void **state)
{
	setup_pcp_one_block(state);
	fake_reclaim_install();
	nr_taken = 0;
	return 0;
}

static int teardown(void **state)
{
	give_all();
	fake_reclaim_remove();
	return teardown_pcp(state);
}

/* A pageblock for DMA and one for all others. */
static int setup_dma(void **state)
{
	arena_set_boot_pfn(pageblock_nr_pages);
	pcp_world_with(2 * PAGEBLOCK_SIZE, 1, PAGEBLOCK_SIZE);
	arena_set_boot_pfn(0);
	(void)state;
	buddy_start_late();
	fake_reclaim_install();
	nr_taken = 0;
	return 0;
}

static void expect_failure(gfp_t gfp, unsigned int order, const char *steps)
{
	fake_reclaim_forget();
	assert_null(alloc_pages(gfp | NOWARN, order));
	assert_string_equal(fake_reclaim.log, steps);
}

static void the_steps_come_in_the_order_of_the_kernel(void **state)
{
	(void)state;
	use_up(0);
	expect_failure(GFP_KERNEL, 1, "krco");
	expect_failure(GFP_KERNEL, 0, "kro"); /* a single page is in one piece */
	expect_failure(GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM, 0, "ro");
	reclaim_ops.try_to_free_pages = NULL;
	expect_failure(GFP_KERNEL, 1, "kco");
	reclaim_ops = (struct reclaim_ops){ .wakeup_kswapd = NULL };
	expect_failure(GFP_KERNEL, 1, "");
	assert_silent();
}

static void requests_that_may_not_wait_wake_kswapd_and_no_more(void **state)
{
	(void)state;
	use_up(0);
	/* Not even for pages that will be there in a moment. */
	pcp_make_busy(1);
	kmm_zone.moves++;
	kmm_zone.nr_isolated++;
	nr_waits = 0;
	expect_failure(GFP_ATOMIC, 0, "k");
	expect_failure(GFP_NOWAIT, 2, "k");
	expect_failure(0, 0, "");
	expect_failure(GFP_ATOMIC | __GFP_MEMALLOC, 0, "k");
	assert_int_equal(nr_waits, 0);
	kmm_zone.moves--;
	kmm_zone.nr_isolated--;
	pcp_end_busy(1);
	assert_silent();
}

static void whoever_frees_memory_does_not_wait_for_itself(void **state)
{
	unsigned int flags;

	(void)state;
	use_up(0);
	flags = memalloc_noreclaim_save();
	expect_failure(GFP_KERNEL, 1, "k");
	memalloc_noreclaim_restore(flags);
	expect_failure(GFP_KERNEL, 1, "krco");
}

static void reclaim_sees_what_the_thread_may_do(void **state)
{
	const nodemask_t nodes = { .bits = 1 };
	unsigned int flags;

	(void)state;
	use_up(0);
	expect_failure(GFP_KERNEL, 0, "kro");
	assert_true(fake_reclaim.task_flags & PF_MEMALLOC);
	assert_int_equal(fake_reclaim.gfp, GFP_KERNEL | NOWARN);
	assert_null(fake_reclaim.nodes);
	assert_int_equal(kmm_task_flags, 0);
	flags = memalloc_nofs_save();
	expect_failure(GFP_KERNEL, 1, "krco");
	assert_true(fake_reclaim.task_flags & PF_MEMALLOC);
	assert_int_equal(fake_reclaim.gfp, GFP_NOFS | NOWARN);
	assert_int_equal(kmm_task_flags, PF_MEMALLOC_NOFS);
	memalloc_nofs_restore(flags);
	flags = memalloc_noio_save();
	expect_failure(GFP_KERNEL, 1, "krco");
	assert_int_equal(fake_reclaim.gfp, GFP_NOIO | NOWARN);
	memalloc_noio_restore(flags);
	assert_null(__alloc_pages(GFP_KERNEL | NOWARN, 0, 0, &nodes));
	assert_ptr_equal(fake_reclaim.nodes, &nodes);
}

static void free_at_reclaim(char step)
{
	if (step == 'r')
		give_one();
}

static void free_elsewhere_at_reclaim(char step)
{
	if (step != 'r')
		return;
	cpu_id_pin(3);
	give_one();
	cpu_id_pin(0);
	assert_int_equal(pcp_on(3)->count, 1);
}

static void what_reclaim_freed_is_found_wherever_it_lies(void **state)
{
	unsigned long before[NR_VM_EVENT_ITEMS], after[NR_VM_EVENT_ITEMS];

	(void)state;
	use_up(0);
	all_vm_events(before);
	fake_reclaim.freed = 1;
	fake_reclaim.act = free_at_reclaim;
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL));
	nr_taken++;
	assert_string_equal(fake_reclaim.log, "kr");
	all_vm_events(after);
	assert_int_equal(after[ALLOCSTALL_NORMAL] - before[ALLOCSTALL_NORMAL], 1);
	assert_int_equal(after[COMPACTSTALL], before[COMPACTSTALL]);
	/* On the list of a CPU, from which the zone must get it back first. */
	pcp_limits(1, 16, 16);
	fake_reclaim_forget();
	fake_reclaim.act = free_elsewhere_at_reclaim;
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL));
	nr_taken++;
	assert_string_equal(fake_reclaim.log, "kr");
	assert_silent();
}

static void compactions_are_counted(void **state)
{
	unsigned long before[NR_VM_EVENT_ITEMS], after[NR_VM_EVENT_ITEMS];

	(void)state;
	use_up(0);
	all_vm_events(before);
	expect_failure(GFP_KERNEL, 2, "krco");
	all_vm_events(after);
	assert_int_equal(after[COMPACTSTALL] - before[COMPACTSTALL], 1);
}

static void without_retries_one_round_is_all(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.freed = 1; /* it says so */
	expect_failure(GFP_KERNEL | __GFP_NORETRY, 1, "krc");
	fake_reclaim.oom_helps = true;
	expect_failure(GFP_KERNEL | __GFP_NORETRY, 0, "kr");
}

static void costly_orders_are_retried_only_when_asked_for(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.freed = 1;
	expect_failure(GFP_KERNEL, 4, "krc");
	fake_reclaim_forget();
	assert_null(alloc_pages(GFP_KERNEL | __GFP_RETRY_MAYFAIL | NOWARN, 4));
	assert_int_equal(fake_reclaim_count('r'), 17); /* progress does not count: it may never come to such a block */
	assert_int_equal(fake_reclaim_count('o'), 0);
}

static void rounds_without_progress_are_counted(void **state)
{
	(void)state;
	use_up(0);
	/* So much could be freed, if only somebody let go of it. */
	mod_zone_page_state(&kmm_zone, NR_ZONE_INACTIVE_FILE, 500);
	fake_reclaim_forget();
	assert_null(alloc_page(GFP_KERNEL | NOWARN));
	assert_int_equal(fake_reclaim_count('r'), 17);
	assert_int_equal(fake_reclaim_count('o'), 1);
	/* No such hope. */
	mod_zone_page_state(&kmm_zone, NR_ZONE_INACTIVE_FILE, -500);
	expect_failure(GFP_KERNEL, 0, "kro");
}

static void progress_for_ten_rounds(char step)
{
	if (step == 'r')
		fake_reclaim.freed = fake_reclaim_count('r') <= 10;
}

static void progress_goes_on_and_starts_the_count_anew(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.act = progress_for_ten_rounds;
	expect_failure(GFP_KERNEL, 0, "krkrkrkrkrkrkrkrkrkrkro");
	mod_zone_page_state(&kmm_zone, NR_ZONE_INACTIVE_FILE, 500);
	fake_reclaim_forget();
	assert_null(alloc_page(GFP_KERNEL | NOWARN));
	assert_int_equal(fake_reclaim_count('r'), 10 + 17);
	mod_zone_page_state(&kmm_zone, NR_ZONE_INACTIVE_FILE, -500);
}

static void compaction_is_made_to_try_harder(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.act = progress_for_ten_rounds;
	fake_reclaim.compacted = COMPACT_COMPLETE;
	assert_null(alloc_pages(GFP_KERNEL | __GFP_RETRY_MAYFAIL | NOWARN, 1));
	assert_int_equal(fake_reclaim.prio, COMPACT_PRIO_SYNC_FULL);
	assert_int_equal(fake_reclaim_count('c'), 11);
	fake_reclaim.act = NULL;
	fake_reclaim.freed = 0;
	expect_failure(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 1, "krc");
	assert_int_equal(fake_reclaim.prio, COMPACT_PRIO_ASYNC);
}

static void free_at_third_oom(char step)
{
	if (step == 'o' && fake_reclaim_count('o') == 3)
		give_one();
}

static void the_last_resort_is_for_common_requests_only(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.oom_helps = true;
	fake_reclaim.act = free_at_third_oom;
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL));
	nr_taken++;
	assert_string_equal(fake_reclaim.log, "krokrokrok");
	expect_failure(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0, "kr");
	expect_failure(GFP_KERNEL | __GFP_THISNODE, 0, "kr");
	expect_failure(GFP_KERNEL, 4, "krc");
	expect_failure(GFP_NOWAIT, 0, "k");
}

static void nobody_is_killed_for_a_low_zone(void **state)
{
	(void)state;
	fake_reclaim.oom_helps = true;
	while ((taken[nr_taken] = alloc_page(GFP_KERNEL | GFP_DMA | __GFP_NORETRY | NOWARN)))
		nr_taken++;
	assert_true(nr_taken > 0 && zone_nr_free(&kmm_zone) + kmm_zone.nr_offline > 0);
	expect_failure(GFP_KERNEL | GFP_DMA, 0, "kr");
}

static void help_starts_the_count_of_rounds_anew(void **state)
{
	(void)state;
	use_up(0);
	mod_zone_page_state(&kmm_zone, NR_ZONE_INACTIVE_FILE, 500);
	fake_reclaim.oom_helps = true;
	fake_reclaim.act = free_at_third_oom;
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL));
	nr_taken++;
	assert_int_equal(fake_reclaim_count('r'), 3 * 17);
	mod_zone_page_state(&kmm_zone, NR_ZONE_INACTIVE_FILE, -500);
}

static void kswapd_is_not_woken_by_those_who_did_not_say_so(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.act = progress_for_ten_rounds;
	fake_reclaim_forget();
	assert_null(alloc_page(__GFP_DIRECT_RECLAIM | __GFP_MEMALLOC | NOWARN));
	assert_int_equal(fake_reclaim_count('r'), 11);
	assert_int_equal(fake_reclaim_count('k'), 0);
}

static void *free_after_a_while(void *arg)
{
	const struct timespec while_ = { .tv_nsec = 50 * 1000 * 1000 };

	(void)arg;
	nanosleep(&while_, NULL);
	__free_page(taken[0]);
	return NULL;
}

static void what_must_not_fail_waits_for_others(void **state)
{
	pthread_t thread;
	struct page *page;

	(void)state;
	use_up(0);
	fake_reclaim.wait_left = 20; /* nobody writes anything back: sleep */
	errno = 77;
	nr_waits = 0;
	assert_int_equal(pthread_create(&thread, NULL, free_after_a_while, NULL), 0);
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	pthread_join(thread, NULL);
	assert_non_null(page);
	assert_true(nr_waits > 0);
	assert_int_equal(errno, 77);
	taken[0] = page;
	assert_true(fake_reclaim_count('w') > 0);
	/* A fiftieth of a second a round: that is what the reclaim is asked for, and what is slept without its help. */
	assert_int_equal(fake_reclaim.wait_ms, 20);
	assert_int_equal(last_wait_ns, 20 * 1000 * 1000);
	assert_silent();
}

static void *must_not_fail(void *arg)
{
	(void)arg;
	return alloc_page(GFP_KERNEL | __GFP_NOFAIL);
}

static int nr_waiting; /* atomic */

static void note_waiting(char step)
{
	if (step == 'w')
		__atomic_add_fetch(&nr_waiting, 1, __ATOMIC_RELAXED);
}

static void a_thread_that_waits_is_not_cancelled(void **state)
{
	pthread_t thread;
	void *page;

	(void)state;
	use_up(0);
	fake_reclaim.wait_left = 20;
	fake_reclaim.act = note_waiting;
	__atomic_store_n(&nr_waiting, 0, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&thread, NULL, must_not_fail, NULL), 0);
	while (!__atomic_load_n(&nr_waiting, __ATOMIC_RELAXED))
		sched_yield();
	pthread_cancel(thread);
	while (__atomic_load_n(&nr_waiting, __ATOMIC_RELAXED) < 4)
		sched_yield();
	give_one();
	pthread_join(thread, &page);
	assert_ptr_not_equal(page, PTHREAD_CANCELED);
	assert_non_null(page);
	taken[nr_taken++] = page;
	assert_silent();
}

static void free_at_1200th_wait(char step)
{
	static unsigned int nr;

	if (step == 'w' && ++nr % 1200 == 0)
		give_one();
}

static void one_that_is_stuck_says_so_now_and_then(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim.act = free_at_1200th_wait; /* what is waited for takes no time here */
	nr_waits = 0;
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL | __GFP_NOFAIL | NOWARN));
	nr_taken++;
	assert_int_equal(nr_waits, 0);
	assert_silent();
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL | __GFP_NOFAIL));
	nr_taken++;
	assert_int_equal(capture.nr, 1); /* of two, in ten seconds */
	assert_reported("page allocation failure: order:0");
}

static void what_must_not_fail_gets_what_is_kept_for_others(void **state)
{
	(void)state;
	use_up(40);
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = 100; /* with half of it and a quarter of that */
	expect_failure(GFP_KERNEL, 0, "kro");
	nr_waits = 0;
	fake_reclaim_forget();
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL | __GFP_NOFAIL));
	nr_taken++;
	assert_int_equal(nr_waits, 0);
	assert_int_equal(fake_reclaim_count('w'), 0);
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = 0;
}

static void what_must_not_fail_comes_from_any_node_in_the_end(void **state)
{
	const nodemask_t none = { .bits = 0 };

	(void)state;
	assert_null(__alloc_pages(GFP_KERNEL | NOWARN, 0, 0, &none));
	nr_waits = 0;
	taken[nr_taken] = __alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 0, 0, &none);
	assert_non_null(taken[nr_taken++]);
	assert_int_equal(nr_waits, 0);
}

static void what_must_not_fail_is_not_made_to(void **state)
{
	(void)state;
	buddy_inject_failure(1, true);
	assert_non_null(taken[nr_taken] = alloc_page(GFP_KERNEL | __GFP_NOFAIL));
	nr_taken++;
	assert_null(alloc_page(GFP_KERNEL));
	buddy_inject_failure(0, false);
}

static void contradictions_are_reported_once(void **state)
{
	(void)state;
	use_up(0);
	fake_reclaim_forget();
	assert_null(alloc_page(GFP_NOWAIT | __GFP_NOFAIL | NOWARN));
	assert_string_equal(fake_reclaim.log, "k");
	assert_int_equal(capture.nr, 1);
	assert_reported("WARNING: __alloc_pages: a request that may not wait can fail");
	assert_null(alloc_page(GFP_NOWAIT | __GFP_NOFAIL | NOWARN));
	assert_int_equal(capture.nr, 1);
	capture_clear();
	expect_failure(GFP_ATOMIC | __GFP_DIRECT_RECLAIM, 0, "kro");
	assert_int_equal(capture.nr, 1);
	assert_reported("WARNING: __alloc_pages: a request that may wait is not atomic");
	expect_failure(GFP_ATOMIC | __GFP_DIRECT_RECLAIM, 0, "kro");
	assert_int_equal(capture.nr, 1);
}

static void a_failure_is_shown_once_and_leaves_errno_alone(void **state)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, GFP_KERNEL | __GFP_NORETRY };

	(void)state;
	use_up(0);
	errno = 77;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		page_report_reset();
		capture_clear();
		assert_null(alloc_pages(kinds[i], 2));
		assert_int_equal(capture.nr, 1);
		assert_reported("page allocation failure: order:2");
		assert_null(alloc_pages(kinds[i] | NOWARN, 2));
		assert_int_equal(capture.nr, 1);
	}
	assert_int_equal(errno, 77);
}

/* How far down requests of one kind can use the zone. */
static unsigned long floor_of(gfp_t gfp)
{
	const unsigned int first = nr_taken;
	unsigned long left;

	while ((taken[nr_taken] = alloc_page(gfp | NOWARN)))
		nr_taken++;
	left = zone_nr_free(&kmm_zone);
	while (nr_taken > first)
		give_one();
	return left;
}

static void listed_pages_are_not_for_those_below_their_mark(void **state)
{
	(void)state;
	pcp_limits(8, 64, 64);
	taken[nr_taken] = alloc_page(GFP_KERNEL);
	assert_non_null(taken[nr_taken++]);
	assert_int_equal(pcp_on(0)->count, 7);
	fake_reclaim_forget();
	/* Above the lowest mark kswapd has to know. */
	kmm_zone.watermark[WMARK_LOW] = kmm_zone.watermark[WMARK_HIGH] = pageblock_nr_pages;
	taken[nr_taken] = alloc_page(GFP_KERNEL);
	assert_non_null(taken[nr_taken++]);
	assert_string_equal(fake_reclaim.log, "k");
	assert_int_equal(pcp_on(0)->count, 6);
	kmm_zone.watermark[WMARK_MIN] = pageblock_nr_pages;
	expect_failure(GFP_KERNEL, 0, "kro");
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = kmm_zone.watermark[WMARK_HIGH] = 0;
}

static void each_kind_digs_as_deep_as_it_is_entitled_to(void **state)
{
	unsigned int flags;

	(void)state;
	pcp_limits(1, 0, 0);
	fake_reclaim_remove();
	kmm_zone.watermark[WMARK_MIN] = 100;
	kmm_zone.watermark[WMARK_LOW] = 125;
	kmm_zone.watermark[WMARK_HIGH] = 150;
	assert_int_equal(floor_of(GFP_KERNEL), 100);
	assert_int_equal(floor_of(GFP_NOWAIT), 100);
	assert_int_equal(floor_of(GFP_NOWAIT | __GFP_HIGH), 50);
	assert_int_equal(floor_of(GFP_ATOMIC), 50 - 50 / 4);
	assert_int_equal(floor_of(GFP_ATOMIC | __GFP_NOMEMALLOC), 50);
	assert_int_equal(floor_of(GFP_KERNEL | __GFP_MEMALLOC), 0);
	assert_int_equal(floor_of(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC), 100);
	flags = memalloc_noreclaim_save();
	assert_int_equal(floor_of(GFP_KERNEL), 0);
	assert_int_equal(floor_of(GFP_KERNEL | __GFP_NOMEMALLOC), 100);
	memalloc_noreclaim_restore(flags);
	kmm_zone.watermark[WMARK_MIN] = kmm_zone.watermark[WMARK_LOW] = kmm_zone.watermark[WMARK_HIGH] = 0;
}

static void the_lists_of_all_cpus_are_emptied_before_a_request_fails(void **state)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC, GFP_KERNEL | __GFP_NORETRY };

	(void)state;
	use_up(0);
	pcp_limits(1, 64, 64);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		cpu_id_pin(2);
		give_one();
		cpu_id_pin(0);
		assert_int_equal(pcp_on(2)->count, 1);
		taken[nr_taken] = alloc_page(kinds[i]);
		assert_non_null(taken[nr_taken++]);
		assert_int_equal(pcp_on(2)->count, 0);
	}
	/* Of another type, and in pieces that fit together. */
	cpu_id_pin(3);
	while (nr_taken > 0)
		give_one();
	cpu_id_pin(1);
	taken[0] = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, 8);
	assert_non_null(taken[0]);
	__free_pages(taken[0], 8);
	cpu_id_pin(0);
	assert_silent();
}

static void *end_busy_after_a_while(void *arg)
{
	const struct timespec while_ = { .tv_nsec = 20 * 1000 * 1000 };

	(void)arg;
	nanosleep(&while_, NULL);
	pcp_end_busy(2);
	return NULL;
}

static void a_busy_list_is_waited_for_by_those_who_may(void **state)
{
	pthread_t thread;

	(void)state;
	use_up(0);
	pcp_limits(1, 64, 64);
	cpu_id_pin(2);
	give_one();
	cpu_id_pin(0);
	pcp_make_busy(2);
	nr_waits = 0;
	assert_null(alloc_page(GFP_ATOMIC | NOWARN));
	assert_int_equal(nr_waits, 0);
	assert_int_equal(pthread_create(&thread, NULL, end_busy_after_a_while, NULL), 0);
	taken[nr_taken] = alloc_page(GFP_KERNEL | NOWARN);
	pthread_join(thread, NULL);
	assert_non_null(taken[nr_taken++]);
	assert_true(nr_waits > 0);
}

static void pages_in_the_hands_of_others_are_waited_for_but_not_for_ever(void **state)
{
	(void)state;
	use_up(0);
	kmm_zone.moves++; /* a mover that never comes to an end */
	nr_waits = 0;
	expect_failure(GFP_KERNEL | __GFP_NORETRY, 0, "kr");
	assert_int_equal(nr_waits, 100);
	kmm_zone.moves--;
	nr_waits = 0;
	expect_failure(GFP_KERNEL | __GFP_NORETRY, 0, "kr");
	assert_int_equal(nr_waits, 0);
}

static void no_matter_which_request_fails_nothing_is_lost(void **state)
{
	const unsigned long unused = pages_unused();
	struct page *pages[24];

	(void)state;
	pcp_limits(4, 16, 64);
	for (unsigned int n = 1; n <= ARRAY_SIZE(pages); n++) {
		buddy_inject_failure(n, n % 2);
		for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
			pages[i] = alloc_pages(i % 3 ? GFP_KERNEL : GFP_ATOMIC | __GFP_ZERO, i % 6);
			assert_int_equal(!pages[i], n % 2 ? i + 1 >= n : i + 1 == n);
		}
		buddy_inject_failure(0, false);
		for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
			if (pages[i])
				__free_pages(pages[i], i % 6);
		assert_int_equal(pages_unused(), unused);
		kmm_validate_pages();
	}
	assert_silent();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_steps_come_in_the_order_of_the_kernel),
		TEST(requests_that_may_not_wait_wake_kswapd_and_no_more),
		TEST(whoever_frees_memory_does_not_wait_for_itself),
		TEST(reclaim_sees_what_the_thread_may_do),
		TEST(what_reclaim_freed_is_found_wherever_it_lies),
		TEST(compactions_are_counted),
		TEST(without_retries_one_round_is_all),
		TEST(costly_orders_are_retried_only_when_asked_for),
		TEST(rounds_without_progress_are_counted),
		TEST(progress_goes_on_and_starts_the_count_anew),
		TEST(compaction_is_made_to_try_harder),
		TEST(the_last_resort_is_for_common_requests_only),
		cmocka_unit_test_setup_teardown(nobody_is_killed_for_a_low_zone, setup_dma, teardown),
		TEST(help_starts_the_count_of_rounds_anew),
		TEST(kswapd_is_not_woken_by_those_who_did_not_say_so),
		TEST(what_must_not_fail_waits_for_others),
		TEST(a_thread_that_waits_is_not_cancelled),
		TEST(one_that_is_stuck_says_so_now_and_then),
		TEST(what_must_not_fail_gets_what_is_kept_for_others),
		TEST(what_must_not_fail_comes_from_any_node_in_the_end),
		TEST(what_must_not_fail_is_not_made_to),
		TEST(contradictions_are_reported_once),
		TEST(a_failure_is_shown_once_and_leaves_errno_alone),
		TEST(listed_pages_are_not_for_those_below_their_mark),
		TEST(each_kind_digs_as_deep_as_it_is_entitled_to),
		TEST(the_lists_of_all_cpus_are_emptied_before_a_request_fails),
		TEST(a_busy_list_is_waited_for_by_those_who_may),
		TEST(pages_in_the_hands_of_others_are_waited_for_but_not_for_ever),
		TEST(no_matter_which_request_fails_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
