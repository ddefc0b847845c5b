/* SPDX-License-Identifier: MIT
 * mempool_test.c - the reserve is there when the function has nothing, is filled first, and who waits is served in turn.
 */
#include <errno.h>
#include <limits.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/mempool_source.h"
#include "support/threads.h"
#include "support/timed_waits.h"
#include "support/world.h"

#define wait_until(cond)                    \
	do {                                \
		unsigned int turns_ = 0;    \
		while (!(cond))             \
			spin_turn(&turns_); \
	} while (0)

/* A thread that takes one element. */
struct taker {
	pthread_t thread;
	mempool_t *pool;
	void *element;
	unsigned int done;
};

static void *taker_main(void *arg)
{
	struct taker *t = arg;

	t->element = mempool_alloc(t->pool, GFP_KERNEL);
	atomic_add_release(&t->done, 1);
	return NULL;
}

/* Returns when it waits. */
static void taker_start(struct taker *t, mempool_t *from)
{
	const unsigned int nr = nr_waits();

	*t = (struct taker){ .pool = from };
	if (pthread_create(&t->thread, NULL, taker_main, t))
		abort();
	wait_until(nr_waits() > nr);
}

static void *taker_join(struct taker *t)
{
	pthread_join(t->thread, NULL);
	return t->element;
}

static bool is_done(struct taker *t)
{
	return smp_load_acquire(&t->done);
}

/* The world of most tests: a source, and a pool that begins with a full reserve of 2. */

enum { RESERVE = 2 };

static struct source source;
static mempool_t pool;

static int pool_setup(void **state)
{
	(void)state;
	source_init(&source, SOURCE_ELEMENTS);
	if (timed_waits_setup())
		return -1;
	return mempool_init(&pool, RESERVE, source_alloc, source_free, &source);
}

static int pool_teardown(void **state)
{
	mempool_exit(&pool);
	if (source.nr_given || source.nr_mistakes) {
		print_error("%u elements are lost, %u mistakes\n", source.nr_given, source.nr_mistakes);
		return -1;
	}
	return world_teardown(state);
}

/* The function has nothing, and the reserve is with the caller. */
static void empty_the_pool(void *elements[RESERVE])
{
	source_refill(&source, 0);
	for (unsigned int i = 0; i < RESERVE; i++) {
		elements[i] = mempool_alloc(&pool, GFP_NOWAIT);
		assert_non_null(elements[i]);
	}
	assert_null(mempool_alloc(&pool, GFP_NOWAIT));
}

/* Life */

static void a_new_pool_has_its_reserve(void **state)
{
	(void)state;
	assert_true(mempool_initialized(&pool));
	assert_int_equal(source.nr_given, RESERVE);
	assert_int_equal(source.gfp[0], GFP_KERNEL);
	mempool_exit(&pool);
	assert_false(mempool_initialized(&pool));
	assert_int_equal(source.nr_given, 0);
	world_expect_silence();
}

static void exit_again_or_of_nothing_does_nothing(void **state)
{
	mempool_t nothing;

	(void)state;
	memset(&nothing, 0, sizeof(nothing));
	mempool_exit(&nothing);
	mempool_exit(&pool);
	mempool_exit(&pool);
	mempool_destroy(NULL);
	world_expect_silence();
	assert_int_equal(mempool_init(&pool, 3, source_alloc, source_free, &source), 0);
	assert_int_equal(source.nr_given, 3);
}

static void create_makes_the_pool_too(void **state)
{
	unsigned long before;
	mempool_t *made;

	(void)state;
	kmm_trim();
	before = nr_free_pages();
	made = mempool_create(5, source_alloc, source_free, &source);
	assert_non_null(made);
	assert_int_equal(source.nr_given, RESERVE + 5);
	assert_int_equal(source.gfp[0], GFP_KERNEL);
	mempool_destroy(made);
	made = mempool_create_node(7, source_alloc, source_free, &source, GFP_NOWAIT, 0);
	assert_non_null(made);
	assert_int_equal(source.nr_given, RESERVE + 7);
	assert_int_equal(source.gfp[0], GFP_NOWAIT);
	mempool_destroy(made);
	kmm_trim();
	assert_int_equal(nr_free_pages(), before);
	world_expect_silence();
}

static void a_function_with_too_little_makes_no_pool(void **state)
{
	mempool_t small;

	(void)state;
	source_refill(&source, 4);
	assert_int_equal(mempool_init(&small, 5, source_alloc, source_free, &source), -ENOMEM);
	assert_false(mempool_initialized(&small));
	assert_int_equal(source.nr_given, RESERVE);
	assert_null(mempool_create(1, source_alloc, source_free, &source));
	assert_int_equal(source.nr_given, RESERVE);
	source_refill(&source, SOURCE_ELEMENTS);
	assert_int_equal(mempool_init_node(&small, 1, source_alloc, source_free, &source, GFP_NOWAIT, NUMA_NO_NODE), 0);
	mempool_exit(&small);
	world_expect_silence();
}

static void bad_arguments_are_refused(void **state)
{
	mempool_t bad;

	(void)state;
	assert_int_equal(mempool_init(&bad, -1, source_alloc, source_free, &source), -EINVAL);
	world_expect_report("WARNING: mempool_init_node: min_nr -1 is negative");
	assert_false(mempool_initialized(&bad));
	assert_int_equal(mempool_init(&bad, 1, NULL, source_free, &source), -EINVAL);
	world_expect_report("WARNING: mempool_init_node: a function is missing");
	assert_int_equal(mempool_init(&bad, 1, source_alloc, NULL, &source), -EINVAL);
	world_expect_report("a function is missing");
	assert_false(mempool_initialized(&bad));
	assert_null(mempool_create(-5, source_alloc, source_free, &source));
	world_expect_report("min_nr -5 is negative");
	assert_null(mempool_create(1, NULL, NULL, NULL));
	world_expect_report("a function is missing");
	/* More than any list has room for. */
	assert_int_equal(mempool_init(&bad, INT_MAX, source_alloc, source_free, &source), -ENOMEM);
	world_forget_reports();
	assert_int_equal(source.nr_given, RESERVE);
}

static void a_pool_that_is_not_there_is_reported(void **state)
{
	mempool_t nothing;
	struct element e;

	(void)state;
	memset(&nothing, 0, sizeof(nothing));
	assert_null(mempool_alloc(&nothing, GFP_KERNEL));
	world_expect_report("WARNING: mempool_alloc: pool");
	mempool_free(&e, &nothing);
	world_expect_report("WARNING: mempool_free: pool");
	assert_int_equal(mempool_resize(&nothing, 5), -EINVAL);
	world_expect_report("is not initialised");
	mempool_free(NULL, &nothing);
	world_expect_silence();
}

/* In and out */

static void the_function_is_asked_before_the_reserve(void **state)
{
	void *element;

	(void)state;
	element = mempool_alloc(&pool, GFP_KERNEL);
	assert_non_null(element);
	assert_int_equal(source.nr_given, RESERVE + 1);
	/* Once, in a way that neither waits nor takes the last pages nor complains. */
	assert_int_equal(source.nr_calls, RESERVE + 1);
	assert_int_equal(source.gfp[0], (GFP_KERNEL & ~(__GFP_DIRECT_RECLAIM | __GFP_IO)) | __GFP_NOMEMALLOC |
						__GFP_NORETRY | __GFP_NOWARN);
	/* The reserve is full, so it is freed. */
	mempool_free(element, &pool);
	assert_int_equal(source.nr_given, RESERVE);
	world_expect_silence();
}

static void the_reserve_is_there_when_the_function_has_nothing(void **state)
{
	void *elements[RESERVE];

	(void)state;
	source_refill(&source, 0);
	for (unsigned int i = 0; i < RESERVE; i++) {
		const unsigned int nr_calls = source.nr_calls;

		elements[i] = mempool_alloc(&pool, GFP_KERNEL);
		assert_non_null(elements[i]);
		/* Nobody waits for memory while there is a reserve. */
		assert_int_equal(source.nr_calls, nr_calls + 1);
	}
	assert_ptr_not_equal(elements[0], elements[1]);
	assert_null(mempool_alloc(&pool, GFP_NOWAIT));
	assert_null(mempool_alloc(&pool, GFP_ATOMIC));
	mempool_free(elements[0], &pool);
	assert_ptr_equal(mempool_alloc(&pool, GFP_ATOMIC), elements[0]);
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	assert_int_equal(source.nr_given, RESERVE);
	world_expect_silence();
}

static void an_empty_reserve_is_worth_a_second_try(void **state)
{
	void *elements[RESERVE];
	unsigned int nr_calls;

	(void)state;
	empty_the_pool(elements);
	nr_calls = source.nr_calls;
	/* Nothing more can be tried for who cannot wait. */
	assert_null(mempool_alloc(&pool, GFP_ATOMIC));
	assert_int_equal(source.nr_calls, nr_calls + 1);
	assert_int_equal(source.gfp[0], GFP_ATOMIC | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN);
	assert_null(mempool_alloc(&pool, GFP_NOWAIT | __GFP_IO));
	assert_int_equal(source.nr_calls, nr_calls + 3);
	assert_int_equal(source.gfp[0] & (__GFP_DIRECT_RECLAIM | __GFP_IO), __GFP_IO);
	assert_int_equal(source.gfp[1] & (__GFP_DIRECT_RECLAIM | __GFP_IO), 0);
	for (unsigned int i = 0; i < RESERVE; i++)
		mempool_free(elements[i], &pool);
	world_expect_silence();
}

static void *to_free_meanwhile;

/* Has nothing. Inside the second call somebody frees an element. */
static void *nothing_but_meanwhile(gfp_t gfp, void *pool_data)
{
	if (gfp & __GFP_IO)
		mempool_free(to_free_meanwhile, &pool);
	return source_alloc(gfp, pool_data);
}

static void the_reserve_is_looked_at_behind_the_second_try(void **state)
{
	void *elements[RESERVE];

	(void)state;
	mempool_exit(&pool);
	assert_int_equal(mempool_init(&pool, RESERVE, nothing_but_meanwhile, source_free, &source), 0);
	empty_the_pool(elements);
	to_free_meanwhile = elements[1];
	assert_ptr_equal(mempool_alloc(&pool, GFP_NOWAIT | __GFP_IO), elements[1]);
	assert_ptr_equal(mempool_alloc(&pool, GFP_NOIO | __GFP_IO), elements[1]);
	assert_int_equal(nr_waits(), 0);
	mempool_free(elements[0], &pool);
	to_free_meanwhile = NULL;
	mempool_free(elements[1], &pool);
	world_expect_silence();
}

static void what_is_freed_fills_the_reserve_first(void **state)
{
	void *elements[RESERVE], *more[3];

	(void)state;
	empty_the_pool(elements);
	source_refill(&source, 3);
	for (unsigned int i = 0; i < 3; i++)
		more[i] = mempool_alloc(&pool, GFP_KERNEL);
	assert_int_equal(source.nr_given, RESERVE + 3);
	mempool_free(more[0], &pool);
	mempool_free(more[1], &pool);
	assert_int_equal(source.nr_given, RESERVE + 3);
	mempool_free(more[2], &pool);
	assert_int_equal(source.nr_given, RESERVE + 2);
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	assert_int_equal(source.nr_given, RESERVE);
}

static void elements_are_not_zeroed(void **state)
{
	const unsigned int nr_calls = source.nr_calls;

	(void)state;
	assert_null(mempool_alloc(&pool, GFP_KERNEL | __GFP_ZERO));
	world_expect_report("WARNING: mempool_alloc: __GFP_ZERO");
	assert_int_equal(source.nr_calls, nr_calls);
}

/* Waits */

static void who_waits_gets_what_is_freed(void **state)
{
	void *elements[RESERVE];
	struct taker taker;

	(void)state;
	empty_the_pool(elements);
	taker_start(&taker, &pool);
	/* Before it waits it looks for memory with all its means. */
	assert_int_equal(source.gfp[0], GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN);
	assert_false(is_done(&taker));
	/* It is handed over at once: nobody else can have it. */
	mempool_free(elements[0], &pool);
	assert_null(mempool_alloc(&pool, GFP_NOWAIT));
	assert_ptr_equal(taker_join(&taker), elements[0]);
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	world_expect_silence();
}

static void waiters_are_served_in_the_order_they_came(void **state)
{
	struct taker takers[8];
	void *elements[RESERVE];

	(void)state;
	empty_the_pool(elements);
	for (unsigned int i = 0; i < ARRAY_SIZE(takers); i++)
		taker_start(&takers[i], &pool);
	for (unsigned int i = 0; i < ARRAY_SIZE(takers); i++) {
		mempool_free(elements[i % RESERVE], &pool);
		assert_ptr_equal(taker_join(&takers[i]), elements[i % RESERVE]);
		for (unsigned int later = i + 1; later < ARRAY_SIZE(takers); later++)
			assert_false(is_done(&takers[later]));
	}
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	assert_int_equal(source.nr_given, RESERVE);
}

static void who_waits_looks_for_memory_every_five_seconds(void **state)
{
	void *elements[RESERVE], *element;
	struct timespec before, after;
	unsigned int nr_calls;

	(void)state;
	empty_the_pool(elements);
	source_refill(&source, 1);
	nr_calls = source.nr_calls;
	source.nr_dry = 4;
	waits.in_vain = 3;
	clock_gettime(CLOCK_MONOTONIC, &before);
	element = mempool_alloc(&pool, GFP_NOIO);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_non_null(element);
	assert_int_equal(waits.nr, 3);
	assert_int_equal(source.nr_calls, nr_calls + 5);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(source.gfp[i], GFP_NOIO | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN);
	assert_true(waits.until.tv_sec >= before.tv_sec + 5 && waits.until.tv_sec <= after.tv_sec + 5);
	mempool_free(element, &pool);
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	assert_int_equal(source.nr_given, RESERVE);
}

static void who_looked_for_memory_in_vain_keeps_its_place(void **state)
{
	void *elements[RESERVE];
	pthread_cond_t *conds[3];
	struct taker takers[3];
	unsigned int nr;

	(void)state;
	empty_the_pool(elements);
	for (unsigned int i = 0; i < 3; i++) {
		taker_start(&takers[i], &pool);
		conds[i] = READ_ONCE(waits.cond);
	}
	/* Two of them wake for no reason. */
	for (unsigned int i = 0; i < 2; i++) {
		nr = nr_waits();
		pthread_cond_signal(conds[i]);
		wait_until(nr_waits() > nr);
	}
	for (unsigned int i = 0; i < 3; i++) {
		mempool_free(elements[0], &pool);
		assert_ptr_equal(taker_join(&takers[i]), elements[0]);
	}
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
}

static void a_pool_without_reserve_wakes_who_waits(void **state)
{
	mempool_t none;
	struct taker taker;
	void *element;

	(void)state;
	assert_int_equal(mempool_init(&none, 0, source_alloc, source_free, &source), 0);
	assert_int_equal(source.nr_given, RESERVE);
	element = mempool_alloc(&none, GFP_KERNEL);
	assert_non_null(element);
	source_refill(&source, 0);
	assert_null(mempool_alloc(&none, GFP_NOWAIT));
	taker_start(&taker, &none);
	mempool_free(element, &none);
	assert_ptr_equal(taker_join(&taker), element);
	/* It is kept for the next one, but not two of them. */
	mempool_free(element, &none);
	assert_ptr_equal(mempool_alloc(&none, GFP_NOWAIT), element);
	source_refill(&source, 1);
	mempool_free(mempool_alloc(&none, GFP_KERNEL), &none);
	mempool_free(element, &none);
	assert_int_equal(source.nr_given, RESERVE + 1);
	mempool_exit(&none);
	world_expect_silence();
}

/* There are fewer locks than pools here, so some of them have the same one. */
static void pools_are_strangers_to_each_other(void **state)
{
	static mempool_t pools[40];
	struct taker takers[ARRAY_SIZE(pools)];
	void *elements[ARRAY_SIZE(pools)];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(pools); i++) {
		assert_int_equal(mempool_init(&pools[i], 1, source_alloc, source_free, &source), 0);
		source_refill(&source, 0);
		elements[i] = mempool_alloc(&pools[i], GFP_KERNEL);
		source_refill(&source, SOURCE_ELEMENTS);
	}
	source_refill(&source, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(pools); i++)
		taker_start(&takers[i], &pools[i]);
	for (unsigned int i = ARRAY_SIZE(pools); i-- > 0;) {
		mempool_free(elements[i], &pools[i]);
		assert_ptr_equal(taker_join(&takers[i]), elements[i]);
		mempool_free(elements[i], &pools[i]);
		mempool_exit(&pools[i]);
	}
	assert_int_equal(source.nr_given, RESERVE);
	world_expect_silence();
}

static void a_pool_that_is_waited_for_stays(void **state)
{
	mempool_t *made = mempool_create(1, source_alloc, source_free, &source);
	struct taker taker;
	void *element;

	(void)state;
	source_refill(&source, 0);
	element = mempool_alloc(made, GFP_KERNEL);
	taker_start(&taker, made);
	mempool_exit(made);
	world_expect_report("WARNING: mempool_exit: threads wait for pool");
	mempool_destroy(made);
	world_expect_report("WARNING: mempool_destroy: threads wait for pool");
	assert_true(mempool_initialized(made));
	mempool_free(element, made);
	assert_ptr_equal(taker_join(&taker), element);
	mempool_free(element, made);
	mempool_destroy(made);
	assert_int_equal(source.nr_given, RESERVE);
	world_expect_silence();
}

/* Resize */

/* The function has nothing: how many are in the reserve? They are put back. */
static unsigned int nr_in_reserve(void)
{
	void *elements[SOURCE_ELEMENTS];
	const unsigned int nr_left = source.nr_left;
	unsigned int nr = 0, i;

	source_refill(&source, 0);
	while ((elements[nr] = mempool_alloc(&pool, GFP_NOWAIT)))
		nr++;
	for (i = 0; i < nr; i++)
		mempool_free(elements[i], &pool);
	source_refill(&source, nr_left);
	return nr;
}

static void a_larger_reserve_is_filled_at_once(void **state)
{
	(void)state;
	assert_int_equal(mempool_resize(&pool, 50), 0);
	assert_int_equal(source.nr_given, 50);
	assert_int_equal(source.gfp[0], GFP_KERNEL);
	assert_int_equal(nr_in_reserve(), 50);
	assert_int_equal(source.nr_given, 50);
	assert_int_equal(mempool_resize(&pool, 50), 0);
	assert_int_equal(source.nr_given, 50);
	world_expect_silence();
}

static void a_smaller_reserve_frees_what_is_too_much(void **state)
{
	(void)state;
	assert_int_equal(mempool_resize(&pool, 50), 0);
	assert_int_equal(mempool_resize(&pool, 7), 0);
	assert_int_equal(source.nr_given, 7);
	assert_int_equal(nr_in_reserve(), 7);
	/* Its list is long enough for this one, and not for the next one. */
	assert_int_equal(mempool_resize(&pool, 30), 0);
	assert_int_equal(nr_in_reserve(), 30);
	assert_int_equal(mempool_resize(&pool, 90), 0);
	assert_int_equal(nr_in_reserve(), 90);
	assert_int_equal(mempool_resize(&pool, 1), 0);
	assert_int_equal(nr_in_reserve(), 1);
	assert_int_equal(source.nr_given, 1);
	world_expect_silence();
}

static void what_a_larger_reserve_lacks_comes_with_frees(void **state)
{
	void *elements[3];

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		elements[i] = mempool_alloc(&pool, GFP_KERNEL);
	source_refill(&source, 1);
	assert_int_equal(mempool_resize(&pool, 5), 0);
	assert_int_equal(nr_in_reserve(), 3);
	for (unsigned int i = 0; i < 3; i++)
		mempool_free(elements[i], &pool);
	assert_int_equal(nr_in_reserve(), 5);
	assert_int_equal(source.nr_given, 5);
	world_expect_silence();
}

static void what_a_resize_allocates_goes_to_who_waits(void **state)
{
	void *elements[RESERVE], *element;
	struct taker taker;

	(void)state;
	empty_the_pool(elements);
	taker_start(&taker, &pool);
	source_refill(&source, 1);
	assert_int_equal(mempool_resize(&pool, RESERVE + 1), 0);
	element = taker_join(&taker);
	assert_non_null(element);
	assert_int_equal(source.nr_given, RESERVE + 1);
	mempool_free(element, &pool);
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	assert_int_equal(nr_in_reserve(), RESERVE + 1);
	world_expect_silence();
}

static void a_resize_to_nothing_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mempool_resize(&pool, 0), -EINVAL);
	world_expect_report("WARNING: mempool_resize: min_nr 0 is below 1");
	assert_int_equal(mempool_resize(&pool, -3), -EINVAL);
	world_expect_report("min_nr -3 is below 1");
	assert_int_equal(nr_in_reserve(), RESERVE);
	assert_int_equal(mempool_resize(&pool, INT_MAX), -ENOMEM);
	world_forget_reports();
	assert_int_equal(nr_in_reserve(), RESERVE);
	assert_int_equal(source.nr_given, RESERVE);
}

/* Kinds */

/* Its elements are @size bytes that can be written, and come back. */
static void use_pool(mempool_t *p, size_t size, void *(*memory)(void *element))
{
	void *elements[5];

	for (unsigned int i = 0; i < ARRAY_SIZE(elements); i++) {
		elements[i] = mempool_alloc(p, GFP_KERNEL);
		assert_non_null(elements[i]);
		memset(memory(elements[i]), (int)i + 1, size);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(elements); i++) {
		const unsigned char *bytes = memory(elements[i]);

		assert_true(bytes[0] == i + 1 && bytes[size - 1] == i + 1);
		mempool_free(elements[i], p);
	}
}

static void *itself(void *element)
{
	return element;
}

static void *of_page(void *element)
{
	return page_address(element);
}

static unsigned long free_before;

static void note_free_pages(void)
{
	kmm_trim();
	free_before = nr_free_pages();
}

static void expect_free_pages(void)
{
	kmm_trim();
	assert_int_equal(nr_free_pages(), free_before);
	world_expect_silence();
}

static void a_pool_of_objects_of_a_cache(void **state)
{
	struct kmem_cache *cache = kmem_cache_create("pooled", 120, 0, 0, NULL);
	mempool_t *made, own;

	(void)state;
	note_free_pages();
	made = mempool_create_slab_pool(3, cache);
	assert_int_equal(mempool_init_slab_pool(&own, 2, cache), 0);
	use_pool(made, 120, itself);
	use_pool(&own, 120, itself);
	mempool_destroy(made);
	mempool_exit(&own);
	expect_free_pages();
	/* Reported if an object were left. */
	kmem_cache_destroy(cache);
	world_expect_silence();
}

static void a_pool_of_memory_of_one_size(void **state)
{
	mempool_t *made, own;
	void *element;

	(void)state;
	note_free_pages();
	made = mempool_create_kmalloc_pool(3, 1000);
	assert_int_equal(mempool_init_kmalloc_pool(&own, 2, 20000), 0);
	element = mempool_alloc(made, GFP_KERNEL);
	assert_in_range(ksize(element), 1000, 1024);
	mempool_free(element, made);
	use_pool(made, 1000, itself);
	use_pool(&own, 20000, itself);
	mempool_destroy(made);
	mempool_exit(&own);
	expect_free_pages();
}

static void a_pool_of_pages(void **state)
{
	mempool_t *made, own;

	(void)state;
	note_free_pages();
	made = mempool_create_page_pool(3, 0);
	assert_int_equal(mempool_init_page_pool(&own, 2, 3), 0);
	assert_true(nr_free_pages() <= free_before - 3 - 2 * 8);
	use_pool(made, PAGE_SIZE, of_page);
	use_pool(&own, PAGE_SIZE << 3, of_page);
	mempool_destroy(made);
	mempool_exit(&own);
	expect_free_pages();
}

/* Nodes */

static void a_pool_comes_from_the_node_that_is_asked_for(void **state)
{
	mempool_t *made;

	(void)state;
	source_init(&source, SOURCE_ELEMENTS);
	assert_int_equal(world_start("numa=fake=2", WORLD_LIMIT, WORLD_CPUS), 0);
	cpu_id_pin(0);
	for (int node = 0; node < 2; node++) {
		made = mempool_create_node(100, source_alloc, source_free, &source, GFP_KERNEL, node);
		assert_non_null(made);
		assert_int_equal(page_to_nid(virt_to_page(made)), node);
		assert_int_equal(page_to_nid(virt_to_page(made->elements)), node);
		mempool_destroy(made);
	}
	world_expect_silence();
}

/* The process */

static void nobody_waits_in_the_child_of_a_fork(void **state)
{
	void *elements[RESERVE];
	struct taker taker;
	int status = -1;
	pid_t pid;

	(void)state;
	empty_the_pool(elements);
	taker_start(&taker, &pool);
	pid = fork();
	if (!pid) {
		/* Into the reserve, and out of it again. */
		mempool_free(elements[0], &pool);
		if (mempool_alloc(&pool, GFP_NOWAIT) != elements[0])
			_exit(1);
		mempool_free(elements[0], &pool);
		mempool_exit(&pool);
		_exit(mempool_initialized(&pool) || world_reports.count ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mempool_free(elements[0], &pool);
	assert_ptr_equal(taker_join(&taker), elements[0]);
	mempool_free(elements[0], &pool);
	mempool_free(elements[1], &pool);
	world_expect_silence();
}

static int world_only_teardown(void **state)
{
	(void)state;
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
	return 0;
}

static void after_the_end_nothing_is_done(void **state)
{
	mempool_t *made = mempool_create_kmalloc_pool(3, 100);
	mempool_t own;
	void *element, *other;

	(void)state;
	assert_int_equal(mempool_init_kmalloc_pool(&own, 3, 100), 0);
	element = mempool_alloc(made, GFP_KERNEL);
	other = mempool_alloc(&own, GFP_KERNEL);
	assert_non_null(element);
	assert_non_null(other);
	kmm_exit();
	assert_null(mempool_alloc(made, GFP_KERNEL));
	assert_null(mempool_alloc(&own, GFP_KERNEL));
	mempool_free(element, made);
	mempool_free(other, &own);
	assert_int_equal(mempool_resize(&own, 2), -ENOMEM);
	assert_int_equal(mempool_resize(&own, 20), -ENOMEM);
	mempool_exit(&own);
	assert_false(mempool_initialized(&own));
	mempool_destroy(made);
	world_expect_silence();
	assert_int_equal(mempool_init_kmalloc_pool(&own, 3, 100), -ENOMEM);
	assert_null(mempool_create_kmalloc_pool(3, 100));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_pool_has_its_reserve),
		TEST(exit_again_or_of_nothing_does_nothing),
		TEST(create_makes_the_pool_too),
		TEST(a_function_with_too_little_makes_no_pool),
		TEST(bad_arguments_are_refused),
		TEST(a_pool_that_is_not_there_is_reported),
		TEST(the_function_is_asked_before_the_reserve),
		TEST(the_reserve_is_there_when_the_function_has_nothing),
		TEST(an_empty_reserve_is_worth_a_second_try),
		TEST(the_reserve_is_looked_at_behind_the_second_try),
		TEST(what_is_freed_fills_the_reserve_first),
		TEST(elements_are_not_zeroed),
		TEST(who_waits_gets_what_is_freed),
		TEST(waiters_are_served_in_the_order_they_came),
		TEST(who_waits_looks_for_memory_every_five_seconds),
		TEST(who_looked_for_memory_in_vain_keeps_its_place),
		TEST(a_pool_without_reserve_wakes_who_waits),
		TEST(pools_are_strangers_to_each_other),
		TEST(a_pool_that_is_waited_for_stays),
		TEST(a_larger_reserve_is_filled_at_once),
		TEST(a_smaller_reserve_frees_what_is_too_much),
		TEST(what_a_larger_reserve_lacks_comes_with_frees),
		TEST(what_a_resize_allocates_goes_to_who_waits),
		TEST(a_resize_to_nothing_is_refused),
		TEST(a_pool_of_objects_of_a_cache),
		TEST(a_pool_of_memory_of_one_size),
		TEST(a_pool_of_pages),
		cmocka_unit_test_teardown(a_pool_comes_from_the_node_that_is_asked_for, world_teardown),
		TEST(nobody_waits_in_the_child_of_a_fork),
		cmocka_unit_test_setup_teardown(after_the_end_nothing_is_done, world_setup, world_only_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
