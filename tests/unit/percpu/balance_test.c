/* SPDX-License-Identifier: MIT
 * balance_test.c - how much stays populated for nothing, which chunks are let go, and who does it where there is no thread.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "arena/os.h"
#include "base/work.h"
#include "support/percpu_world.h"

#define UNIT 0x8000

static void too_few_idle_pages_become_four(void **state)
{
	int idle;

	(void)state;
	for (idle = 0; idle < PCPU_EMPTY_POP_PAGES_HIGH; idle++) {
		use_up_idle_pages(idle);
		pcpu_balance_for_test();
		assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
		kmm_validate_percpu();
	}
}

static void four_idle_pages_stay_as_they_are(void **state)
{
	unsigned long nr_free;

	(void)state;
	use_up_idle_pages(0);
	pcpu_balance_for_test();
	nr_free = nr_free_pages();
	pcpu_balance_for_test();
	assert_int_equal(nr_free_pages(), nr_free);
	assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
}

static void holes_of_the_fullest_chunk_are_populated_first(void **state)
{
	struct paged p;
	char __percpu *low;

	(void)state;
	use_up_idle_pages(0);
	make_paged(&p);
	/* Another one with its last page only. */
	low = __alloc_percpu(UNIT - PAGE_SIZE, PAGE_SIZE);
	assert_ptr_not_equal(chunk_of(low), p.chunk);
	page_area(GFP_KERNEL);
	free_percpu(low);
	percpu_trim();
	free_percpu(p.areas[1]);
	free_percpu(p.areas[4]);
	free_percpu(p.areas[5]);
	percpu_trim();
	assert_int_equal(p.chunk->map.populated[0], 0xcd);
	assert_int_equal(chunk_of(low)->map.populated[0], 0x80);
	pcpu_balance_for_test();
	/* All three holes of it, and then one page of the emptier one. */
	assert_int_equal(p.chunk->map.populated[0], 0xff);
	assert_int_equal(chunk_of(low)->map.populated[0], 0x81);
}

static void a_failed_atomic_request_gets_four_pages_more_whatever_is_idle(void **state)
{
	char __percpu *ptr;

	(void)state;
	use_up_idle_pages(0);
	pcpu_balance_for_test();
	assert_null(__alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT));
	pcpu_balance_for_test();
	assert_int_equal(pcpu_nr_empty_pop_pages, 2 * PCPU_EMPTY_POP_PAGES_HIGH);
	/* It is asked for once. */
	pcpu_balance_for_test();
	assert_int_equal(pcpu_nr_empty_pop_pages, 2 * PCPU_EMPTY_POP_PAGES_HIGH);
	ptr = __alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT);
	assert_non_null(ptr);
	free_percpu(ptr);
}

static void of_wholly_free_chunks_one_stays(void **state)
{
	const unsigned int nr_chunks = pcpu_stats.nr_chunks;
	unsigned long nr_free = nr_free_pages();
	void __percpu *units[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		units[i] = __alloc_percpu(UNIT, 4);
	for (i = 0; i < 3; i++)
		free_percpu(units[i]);
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks + 3);
	pcpu_balance_for_test();
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks + 1);
	/* The last one freed is the first found by the next request; it is the one that stays, populated. */
	assert_ptr_equal(__alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT), units[2]);
	free_percpu(units[2]);
	kmm_validate_percpu();
	percpu_trim();
	assert_int_equal(nr_free_pages(), nr_free);
}

static void a_chunk_with_less_than_a_quarter_idle_is_left_alone(void **state)
{
	struct paged p[3];

	(void)state;
	make_three(p);
	free_percpu(p[2].areas[0]);
	assert_true(p[2].chunk->slot < pcpu_free_slot);
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->map.populated[0], 0xff);
	free_percpu(p[2].areas[2]);
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
}

static void a_chunk_is_left_alone_until_the_others_have_more_than_four(void **state)
{
	struct paged p[2];

	(void)state;
	use_up_idle_pages(0);
	make_paged(&p[0]);
	make_paged(&p[1]);
	free_even_pages(&p[0]);
	free_even_pages(&p[1]);
	/* Eight are not more than its own four and four. */
	assert_true(p[1].chunk->slot < pcpu_free_slot);
	free_percpu(p[0].areas[1]);
	/* Nor are nine more than five and four. */
	assert_true(p[0].chunk->slot < pcpu_free_slot);
	/* Ten are. */
	free_percpu(p[1].areas[1]);
	assert_int_equal(p[1].chunk->slot, pcpu_to_depopulate_slot);
	assert_int_equal(pcpu_nr_empty_pop_pages, 5);
	kmm_validate_percpu();
}

static void a_depopulated_chunk_is_the_last_resort_before_a_new_one(void **state)
{
	struct paged p[3];
	unsigned long before;
	unsigned int nr_chunks;
	char __percpu *ptr;
	int i;

	(void)state;
	make_one_to_depopulate(p);
	before = nr_free_pages();
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	assert_int_equal(p[2].chunk->map.populated[0], 0xaa);
	assert_int_equal(nr_free_pages() - before, 4 * WORLD_CPUS);
	kmm_validate_percpu();
	nr_chunks = pcpu_stats.nr_chunks;
	/* The idle pages of the others come first. */
	for (i = 0; i < 8; i++) {
		ptr = page_area(GFP_KERNEL);
		assert_ptr_not_equal(chunk_of(ptr), p[2].chunk);
	}
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	ptr = page_area(GFP_KERNEL);
	assert_ptr_equal(chunk_of(ptr), p[2].chunk);
	assert_true(p[2].chunk->slot < pcpu_free_slot);
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks);
	kmm_validate_percpu();
}

static void a_sidelined_chunk_that_gets_an_idle_page_is_depopulated_again(void **state)
{
	struct paged p[3];

	(void)state;
	make_one_to_depopulate(p);
	pcpu_balance_for_test();
	free_percpu(p[2].areas[3]);
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
	kmm_validate_percpu();
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	assert_int_equal(p[2].chunk->map.populated[0], 0xa2);
	/* In the end it is free, and goes as a whole. */
	free_percpu(p[2].areas[1]);
	free_percpu(p[2].areas[5]);
	free_percpu(p[2].areas[7]);
	kmm_validate_percpu();
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_free_slot);
	assert_int_equal(p[2].chunk->nr_populated, 0);
}

static void idle_pages_that_are_needed_come_back_with_their_chunk(void **state)
{
	struct paged p[3];

	(void)state;
	make_one_to_depopulate(p);
	use_up_idle_pages(1);
	/* Isolated, it serves nobody. */
	assert_int_equal(p[2].chunk->nr_alloc, 4);
	pcpu_balance_for_test();
	assert_true(p[2].chunk->slot < pcpu_free_slot);
	assert_int_equal(p[2].chunk->map.populated[0], 0xff);
	assert_int_equal(pcpu_nr_empty_pop_pages, 5);
	/* It is found first. */
	assert_ptr_equal(pcpu_chunk_lists[p[2].chunk->slot].next, &p[2].chunk->list);
	kmm_validate_percpu();
}

static void exactly_four_idle_pages_elsewhere_are_enough(void **state)
{
	struct paged p[3];

	(void)state;
	make_one_to_depopulate(p);
	use_up_idle_pages(PCPU_EMPTY_POP_PAGES_HIGH);
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	assert_int_equal(p[2].chunk->map.populated[0], 0xaa);
	assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
}

static void a_chunk_with_a_single_hole_is_populated_ahead(void **state)
{
	struct paged p;

	(void)state;
	use_up_idle_pages(0);
	make_paged(&p);
	free_percpu(p.areas[3]);
	percpu_trim();
	assert_int_equal(p.chunk->map.populated[0], 0xf7);
	pcpu_balance_for_test();
	assert_int_equal(p.chunk->map.populated[0], 0xff);
}

/* Two chunks to depopulate. */
static void make_two_to_depopulate(struct paged *p)
{
	int i;

	use_up_idle_pages(0);
	for (i = 0; i < 4; i++)
		make_paged(&p[i]);
	for (i = 0; i < 4; i++)
		free_even_pages(&p[i]);
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
	assert_int_equal(p[3].chunk->slot, pcpu_to_depopulate_slot);
}

static void the_chunk_that_was_sidelined_first_serves_first(void **state)
{
	struct paged p[4];
	char __percpu *ptr;
	int i;

	(void)state;
	make_two_to_depopulate(p);
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	assert_int_equal(p[3].chunk->slot, pcpu_sidelined_slot);
	use_up_idle_pages(0);
	/* The one isolated last was depopulated first. */
	for (i = 0; i < 4; i++) {
		ptr = page_area(GFP_KERNEL);
		assert_ptr_equal(chunk_of(ptr), p[3].chunk);
	}
	assert_ptr_equal(chunk_of(page_area(GFP_KERNEL)), p[2].chunk);
}

static void free_odd_pages(struct paged *p)
{
	int i;

	for (i = 1; i < UNIT_PAGES; i += 2)
		free_percpu(p->areas[i]);
}

static void of_chunks_that_were_depopulated_whole_one_stays(void **state)
{
	struct paged p[4];
	unsigned int nr_chunks;

	(void)state;
	make_two_to_depopulate(p);
	free_odd_pages(&p[2]);
	free_odd_pages(&p[3]);
	nr_chunks = pcpu_stats.nr_chunks;
	pcpu_balance_for_test();
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks - 1);
	kmm_validate_percpu();
}

static void a_free_chunk_that_is_populated_is_not_given_for_one_that_is_not(void **state)
{
	void __percpu *unit;
	struct paged p[3];
	int i;

	(void)state;
	use_up_idle_pages(0);
	unit = __alloc_percpu(UNIT, 4);
	make_one_to_depopulate(p);
	for (i = 1; i < UNIT_PAGES; i += 2)
		free_percpu(p[2].areas[i]);
	free_percpu(unit);
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_free_slot);
	assert_int_equal(p[2].chunk->nr_populated, 0);
	assert_ptr_equal(__alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT), unit);
}

static void a_trim_takes_an_isolated_chunk_that_is_free(void **state)
{
	struct paged p[3];
	unsigned int nr_chunks;

	(void)state;
	make_one_to_depopulate(p);
	free_odd_pages(&p[2]);
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
	nr_chunks = pcpu_stats.nr_chunks;
	percpu_trim();
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks - 1);
	assert_int_equal(pcpu_nr_empty_pop_pages, 0);
	kmm_validate_percpu();
}

static void the_first_and_the_reserved_chunk_keep_their_pages(void **state)
{
	char __percpu *mine[UNIT_PAGES], __percpu *reserved;
	struct paged p[3];
	int nr = 0;

	(void)state;
	while (nr < UNIT_PAGES && (mine[nr] = page_area(GFP_NOWAIT)))
		nr++;
	assert_true(nr >= 2);
	reserved = __alloc_reserved_percpu(PAGE_SIZE, 4);
	assert_non_null(reserved);
	make_one_to_depopulate(p);
	while (nr--) {
		assert_ptr_equal(chunk_of(mine[nr]), pcpu_first_chunk);
		free_percpu(mine[nr]);
	}
	free_percpu(reserved);
	assert_true(pcpu_first_chunk->slot < pcpu_free_slot);
	pcpu_balance_for_test();
	percpu_trim();
	assert_int_equal(pcpu_first_chunk->map.populated[0], 0xff);
	assert_int_equal(pcpu_reserved_chunk->map.populated[0], 0xff);
	assert_int_equal(pcpu_reserved_chunk->slot, -1);
}

/* Calls balance() with each failure of @inject in turn; it may do less, but breaks nothing. */
static void fail_each_in_balance(void (*inject)(unsigned int n), unsigned int nr)
{
	unsigned long nr_free;
	unsigned int n;

	use_up_idle_pages(0);
	percpu_trim();
	nr_free = nr_free_pages();
	for (n = 1; n <= nr; n++) {
		inject(n);
		pcpu_balance_for_test();
		inject(0);
		kmm_validate_percpu();
		percpu_trim();
		assert_int_equal(nr_free_pages(), nr_free);
		assert_int_equal(pcpu_nr_empty_pop_pages, 0);
	}
	pcpu_balance_for_test();
	assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
	world_expect_silence();
}

static void fail_page(unsigned int n)
{
	buddy_inject_failure(n, false);
}

static void a_balance_without_memory_breaks_nothing(void **state)
{
	(void)state;
	/* A chunk's metadata, and four pages. */
	fail_each_in_balance(fail_page, 1 + 4 * WORLD_CPUS);
}

static void a_balance_for_which_there_is_no_memory_at_all_ends(void **state)
{
	(void)state;
	use_up_idle_pages(0);
	buddy_inject_failure(1, true);
	pcpu_balance_for_test();
	buddy_inject_failure(0, false);
	assert_int_equal(pcpu_nr_empty_pop_pages, 0);
	world_expect_silence();
}

static void a_balance_without_system_calls_breaks_nothing(void **state)
{
	(void)state;
	fail_each_in_balance(os_inject_failure, 60);
}

static void without_a_thread_the_next_request_that_may_wait_balances(void **state)
{
	char __percpu *ptr, __percpu *mine[16];
	int i;

	(void)state;
	use_up_idle_pages(0);
	/* Not an atomic one, and not a free. */
	ptr = __alloc_percpu_gfp(16, 4, GFP_NOWAIT);
	assert_non_null(ptr);
	free_percpu(ptr);
	assert_int_equal(pcpu_nr_empty_pop_pages, 0);
	ptr = __alloc_percpu(16, 4);
	assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
	for (i = 0; i < PCPU_EMPTY_POP_PAGES_HIGH; i++)
		assert_non_null(mine[i] = page_area(GFP_NOWAIT));
	free_percpu(ptr);
	for (i = 0; i < PCPU_EMPTY_POP_PAGES_HIGH; i++)
		free_percpu(mine[i]);
}

static void less_than_two_idle_pages_are_owed_a_balance_once(void **state)
{
	(void)state;
	use_up_idle_pages(0);
	free_percpu(__alloc_percpu(16, 4));
	assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
	use_up_idle_pages(2);
	free_percpu(__alloc_percpu(16, 4));
	assert_int_equal(pcpu_nr_empty_pop_pages, 2);
	use_up_idle_pages(1);
	free_percpu(__alloc_percpu(16, 4));
	assert_int_equal(pcpu_nr_empty_pop_pages, PCPU_EMPTY_POP_PAGES_HIGH);
}

static void without_a_thread_the_next_request_ends_free_chunks(void **state)
{
	const unsigned int nr_chunks = pcpu_stats.nr_chunks;
	void __percpu *units[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		units[i] = __alloc_percpu(UNIT, 4);
	for (i = 0; i < 3; i++)
		free_percpu(units[i]);
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks + 3);
	free_percpu(__alloc_percpu(4, 4));
	assert_int_equal(pcpu_stats.nr_chunks, nr_chunks + 1);
}

/* What the owed balance gives back may be just what the request lacks. */
static void without_a_thread_a_request_balances_before_it_gives_up(void **state)
{
	struct page *page, *pages = NULL;
	struct paged p[3];
	char __percpu *ptr;

	(void)state;
	pcpu_balance_suspend_for_test(true);
	make_three(p);
	pcpu_balance_suspend_for_test(false);
	free_percpu(p[2].areas[0]);
	free_percpu(p[2].areas[2]);
	free_percpu(p[2].areas[4]);
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN))) {
		page->next = pages;
		pages = page;
	}
	/* No two idle pages touch, and there is no memory for more but that of the chunk to be depopulated. */
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
	ptr = __alloc_percpu(2 * PAGE_SIZE, PAGE_SIZE);
	assert_non_null(ptr);
	free_percpu(ptr);
	while ((page = pages)) {
		pages = page->next;
		page->next = NULL;
		__free_page(page);
	}
	world_expect_silence();
}

/* Waits until the library's thread has brought about what is asked for. */
#define wait_for(cond)                                           \
	do {                                                     \
		int turns_;                                      \
		for (turns_ = 0; turns_ < 5000; turns_++) {      \
			bool done_;                              \
			kmm_spin_lock(&pcpu_lock);               \
			done_ = (cond);                          \
			kmm_spin_unlock(&pcpu_lock);             \
			if (done_)                               \
				break;                           \
			usleep(1000);                            \
		}                                                \
		if (turns_ == 5000)                              \
			fail_msg("never came about: %s", #cond); \
	} while (0)

static void the_thread_does_it_by_itself(void **state)
{
	unsigned int nr_chunks;
	void __percpu *units[3];
	int i;

	(void)state;
	use_up_idle_pages(PCPU_EMPTY_POP_PAGES_LOW);
	/* From here on the thread is at work. */
	page_area(GFP_NOWAIT);
	wait_for(pcpu_nr_empty_pop_pages >= PCPU_EMPTY_POP_PAGES_HIGH);
	kmm_spin_lock(&pcpu_lock);
	nr_chunks = pcpu_stats.nr_chunks;
	kmm_spin_unlock(&pcpu_lock);
	for (i = 0; i < 3; i++)
		units[i] = __alloc_percpu(UNIT, 4);
	for (i = 0; i < 3; i++)
		free_percpu(units[i]);
	wait_for(pcpu_stats.nr_chunks <= nr_chunks + 1);
}

#define without_thread(test) cmocka_unit_test_setup_teardown(test, no_thread_setup, world_teardown)

/* 0 or what is wrong. */
static int child_gets_what_the_balance_gives_back(const struct paged *p)
{
	int turn;

	kmm_work_stop(); /* no thread in this child */
	if (p->chunk->slot != pcpu_to_depopulate_slot)
		return 1;
	while (alloc_page(GFP_NOWAIT | __GFP_NOWARN))
		;
	/* Nowhere else are two pages side by side. */
	for (turn = 0; turn < 2; turn++) {
		if (__alloc_percpu_gfp(2 * PAGE_SIZE, PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN))
			return 0;
	}
	return 2;
}

static void a_child_does_the_balance_that_its_parent_had_scheduled(void **state)
{
	struct paged p[3];
	int status;
	pid_t pid;

	(void)state;
	kmm_work_pause();
	make_one_to_depopulate(p);
	free_percpu(p[2].areas[1]);
	pid = fork();
	if (!pid)
		_exit(child_gets_what_the_balance_gives_back(&p[2]));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	kmm_work_resume();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_quiet_world(too_few_idle_pages_become_four),
		in_quiet_world(four_idle_pages_stay_as_they_are),
		in_quiet_world(holes_of_the_fullest_chunk_are_populated_first),
		in_quiet_world(a_failed_atomic_request_gets_four_pages_more_whatever_is_idle),
		in_quiet_world(of_wholly_free_chunks_one_stays),
		in_quiet_world(a_chunk_with_less_than_a_quarter_idle_is_left_alone),
		in_quiet_world(a_chunk_is_left_alone_until_the_others_have_more_than_four),
		in_quiet_world(a_depopulated_chunk_is_the_last_resort_before_a_new_one),
		in_quiet_world(a_sidelined_chunk_that_gets_an_idle_page_is_depopulated_again),
		in_quiet_world(idle_pages_that_are_needed_come_back_with_their_chunk),
		in_quiet_world(exactly_four_idle_pages_elsewhere_are_enough),
		in_quiet_world(a_chunk_with_a_single_hole_is_populated_ahead),
		in_quiet_world(the_chunk_that_was_sidelined_first_serves_first),
		in_quiet_world(of_chunks_that_were_depopulated_whole_one_stays),
		in_quiet_world(a_free_chunk_that_is_populated_is_not_given_for_one_that_is_not),
		in_quiet_world(a_trim_takes_an_isolated_chunk_that_is_free),
		in_quiet_world(the_first_and_the_reserved_chunk_keep_their_pages),
		in_quiet_world(a_balance_without_memory_breaks_nothing),
		in_quiet_world(a_balance_for_which_there_is_no_memory_at_all_ends),
		in_quiet_world(a_balance_without_system_calls_breaks_nothing),
		without_thread(without_a_thread_the_next_request_that_may_wait_balances),
		without_thread(less_than_two_idle_pages_are_owed_a_balance_once),
		without_thread(without_a_thread_the_next_request_ends_free_chunks),
		without_thread(without_a_thread_a_request_balances_before_it_gives_up),
		cmocka_unit_test_setup_teardown(the_thread_does_it_by_itself, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_child_does_the_balance_that_its_parent_had_scheduled, world_setup,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
