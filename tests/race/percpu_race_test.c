/* SPDX-License-Identifier: MIT
 * percpu_race_test.c - a request, a free, a trim or a balance stands between two holds of pcpu_lock while others act.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "gate.h"
#include "support/percpu_world.h"

#define UNIT 0x8000

static void *alloc_page_area(void *gfp)
{
	return page_area(gfp ? GFP_NOWAIT : GFP_KERNEL);
}

static void *free_area(void *ptr)
{
	free_percpu(ptr);
	return NULL;
}

static void *trim(void *arg)
{
	(void)arg;
	percpu_trim();
	return NULL;
}

static void *balance(void *arg)
{
	(void)arg;
	pcpu_balance_for_test();
	return NULL;
}

/* A thread that has to wait for the victim. */
struct waiter {
	pthread_t thread;
	void *(*run)(void *);
	void *arg;
	unsigned int done;
};

static void *waiter_thread(void *arg)
{
	struct waiter *w = arg;
	void *result;

	cpu_id_pin(2);
	result = w->run(w->arg);
	smp_store_release(&w->done, 1);
	return result;
}

static void waiter_start(struct waiter *w, void *(*run)(void *), void *arg)
{
	*w = (struct waiter){ .run = run, .arg = arg };
	assert_int_equal(pthread_create(&w->thread, NULL, waiter_thread, w), 0);
	usleep(20000);
	assert_int_equal(smp_load_acquire(&w->done), 0);
}

static void *waiter_join(struct waiter *w)
{
	void *result;

	pthread_join(w->thread, &result);
	return result;
}

static void fill(char __percpu *area, int byte)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(area, cpu), byte, PAGE_SIZE);
}

static void expect_filled(char __percpu *area, int byte)
{
	unsigned int cpu;
	size_t i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < PAGE_SIZE; i++)
			assert_int_equal(per_cpu_ptr(area, cpu)[i], byte);
	}
}

/* An area lies in a page without memory for a moment; the mutex keeps the others away from it. */
static void a_trim_waits_for_a_request_that_has_its_area_and_no_memory(void **state)
{
	struct waiter trimmer;
	char *area;

	(void)state;
	use_up_idle_pages(0);
	gate_stop_at("percpu: area found", 0, 1, alloc_page_area, NULL);
	waiter_start(&trimmer, trim, NULL);
	/* The chunk is there, and nothing in it is for an atomic request. */
	assert_null(page_area(GFP_NOWAIT));
	gate_release(&gate);
	waiter_join(&trimmer);
	area = gate_close(&gate);
	assert_non_null(area);
	assert_int_equal(chunk_of(area)->nr_populated, 1);
	expect_filled(area, 0);
	fill(area, 0x11);
	kmm_validate_percpu();
	percpu_trim();
	expect_filled(area, 0x11);
	free_percpu(area);
	world_expect_silence();
}

static void a_chunk_made_for_one_request_is_not_trimmed_before_it_is_used(void **state)
{
	struct waiter trimmer, other;
	char *area, *second;

	(void)state;
	use_up_idle_pages(0);
	gate_stop_at("percpu: chunk created", 0, 1, alloc_page_area, NULL);
	waiter_start(&trimmer, trim, NULL);
	waiter_start(&other, alloc_page_area, NULL);
	assert_null(page_area(GFP_NOWAIT));
	assert_null(__alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT));
	gate_release(&gate);
	waiter_join(&trimmer);
	second = waiter_join(&other);
	area = gate_close(&gate);
	assert_non_null(area);
	assert_non_null(second);
	assert_ptr_equal(chunk_of(area), chunk_of(second));
	kmm_validate_percpu();
	world_expect_silence();
}

/* A chunk of which page 3 alone is idle, and dirty. */
static void make_one_idle_page(struct paged *p)
{
	use_up_idle_pages(0);
	make_paged(p);
	fill(p->areas[3], 0x22);
	free_percpu(p->areas[3]);
	assert_int_equal(pcpu_nr_empty_pop_pages, 1);
}

static void an_atomic_request_takes_an_idle_page_before_a_trim_does(void **state)
{
	struct paged p;
	char *area;

	(void)state;
	make_one_idle_page(&p);
	gate_stop_at("percpu: idle pages not taken", 0, 1, trim, NULL);
	area = page_area(GFP_NOWAIT);
	assert_ptr_equal(area, p.areas[3]);
	fill(area, 0x33);
	gate_open();
	assert_int_equal(p.chunk->map.populated[0], 0xff);
	expect_filled(area, 0x33);
}

static void an_idle_page_that_a_trim_has_taken_serves_who_waits_only(void **state)
{
	struct waiter waiter;
	struct paged p;
	char *area;

	(void)state;
	make_one_idle_page(&p);
	gate_stop_at("percpu: idle pages taken", 0, 1, trim, NULL);
	assert_null(page_area(GFP_NOWAIT));
	waiter_start(&waiter, alloc_page_area, NULL);
	/* A free beside it needs no mutex, and its page stays. */
	free_percpu(p.areas[4]);
	assert_int_equal(pcpu_nr_empty_pop_pages, 1);
	gate_release(&gate);
	area = waiter_join(&waiter);
	gate_close(&gate);
	assert_non_null(area);
	expect_filled(area, 0);
	kmm_validate_percpu();
	world_expect_silence();
}

static void an_area_served_from_an_idle_page_is_kept_by_trim_and_balance(void **state)
{
	struct paged p;
	char *area;

	(void)state;
	make_one_idle_page(&p);
	gate_stop_at("percpu: area not cleared", 0, 1, alloc_page_area, (void *)1);
	percpu_trim();
	pcpu_balance_for_test();
	kmm_validate_percpu();
	area = gate_open();
	assert_ptr_equal(area, p.areas[3]);
	expect_filled(area, 0);
}

static void a_chunk_that_is_going_is_found_by_nobody(void **state)
{
	void __percpu *one, *two, *again;
	size_t position;

	(void)state;
	one = __alloc_percpu(UNIT, 4);
	two = __alloc_percpu(UNIT, 4);
	free_percpu(two);
	free_percpu(one);
	position = chunk_of(two)->base_off >> pcpu_unit_shift;
	gate_stop_at("percpu: chunk removed", 0, 1, balance, NULL);
	assert_null(pcpu_chunk_table[position]);
	free_percpu(two);
	world_expect_report("not a dynamic per-CPU pointer");
	/* The one that stays serves, once. */
	again = __alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT);
	assert_ptr_equal(again, one);
	assert_null(__alloc_percpu_gfp(UNIT, 4, GFP_NOWAIT));
	free_percpu(again);
	gate_open();
	kmm_validate_percpu();
	/* And its position serves again. */
	assert_ptr_equal(__alloc_percpu(UNIT, 4), one);
	assert_ptr_equal(__alloc_percpu(UNIT, 4), two);
	world_expect_silence();
}

static void a_page_that_becomes_idle_behind_the_balance_is_taken_too(void **state)
{
	struct paged p[3];

	(void)state;
	make_one_to_depopulate(p);
	gate_stop_at("percpu: chunk depopulated", 0, 1, balance, NULL);
	assert_int_equal(p[2].chunk->map.populated[0], 0xaa);
	free_percpu(p[2].areas[5]);
	gate_open();
	assert_int_equal(p[2].chunk->map.populated[0], 0x8a);
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	kmm_validate_percpu();
}

static void a_chunk_that_becomes_free_while_it_is_depopulated_is_a_free_chunk(void **state)
{
	struct paged p[3];
	int i;

	(void)state;
	make_one_to_depopulate(p);
	gate_stop_at("percpu: chunk depopulated", 0, 1, balance, NULL);
	for (i = 1; i < UNIT_PAGES; i += 2)
		free_percpu(p[2].areas[i]);
	gate_open();
	assert_int_equal(p[2].chunk->slot, pcpu_free_slot);
	kmm_validate_percpu();
}

static void idle_pages_used_up_meanwhile_end_the_depopulation(void **state)
{
	struct paged p[3];

	(void)state;
	make_one_to_depopulate(p);
	/* Its four idle pages are four runs. */
	gate_stop_at("percpu: idle pages taken", 1, 1, balance, NULL);
	use_up_idle_pages(3);
	gate_open();
	/* Two runs are gone, and the other two are needed. */
	assert_int_equal(p[2].chunk->map.populated[0], 0xaf);
	assert_true(p[2].chunk->slot < pcpu_free_slot);
	assert_int_equal(pcpu_nr_empty_pop_pages, 5);
	kmm_validate_percpu();
}

static void a_chunk_isolated_by_a_free_is_balanced_before_the_free_asks_for_it(void **state)
{
	struct paged p[3];

	(void)state;
	make_three(p);
	free_percpu(p[2].areas[0]);
	gate_stop_at("percpu: balance not scheduled", 0, 1, free_area, p[2].areas[2]);
	assert_int_equal(p[2].chunk->slot, pcpu_to_depopulate_slot);
	kmm_validate_percpu();
	pcpu_balance_for_test();
	assert_int_equal(p[2].chunk->slot, pcpu_sidelined_slot);
	percpu_trim();
	gate_open();
	pcpu_balance_for_test();
	kmm_validate_percpu();
}

static unsigned int fork_and_wait(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		void __percpu *ptr = __alloc_percpu(UNIT, 4), __percpu *page = page_area(GFP_NOWAIT);

		free_percpu(page);
		free_percpu(ptr);
		pcpu_balance_for_test();
		percpu_trim();
		kmm_validate_percpu();
		_exit(ptr && !world_reports.count ? 0 : 1);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

static void a_child_forked_between_two_holds_can_go_on(void **state)
{
	struct paged p[3];
	unsigned int bad;

	(void)state;
	make_three(p);
	gate_stop_at("percpu: area not cleared", 0, 1, alloc_page_area, (void *)1);
	bad = fork_and_wait();
	gate_open();
	assert_int_equal(bad, 0);
	gate_stop_at("percpu: balance not scheduled", 0, 1, free_area, p[2].areas[2]);
	bad = fork_and_wait();
	gate_open();
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_quiet_world(a_trim_waits_for_a_request_that_has_its_area_and_no_memory),
		in_quiet_world(a_chunk_made_for_one_request_is_not_trimmed_before_it_is_used),
		in_quiet_world(an_atomic_request_takes_an_idle_page_before_a_trim_does),
		in_quiet_world(an_idle_page_that_a_trim_has_taken_serves_who_waits_only),
		in_quiet_world(an_area_served_from_an_idle_page_is_kept_by_trim_and_balance),
		in_quiet_world(a_chunk_that_is_going_is_found_by_nobody),
		in_quiet_world(a_page_that_becomes_idle_behind_the_balance_is_taken_too),
		in_quiet_world(a_chunk_that_becomes_free_while_it_is_depopulated_is_a_free_chunk),
		in_quiet_world(idle_pages_used_up_meanwhile_end_the_depopulation),
		in_quiet_world(a_chunk_isolated_by_a_free_is_balanced_before_the_free_asks_for_it),
		in_quiet_world(a_child_forked_between_two_holds_can_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
