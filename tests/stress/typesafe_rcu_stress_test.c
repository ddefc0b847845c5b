/* SPDX-License-Identifier: MIT
 * typesafe_rcu_stress_test.c - readers of objects that are freed and taken again under them; in three flavours of liburcu.
 *
 * usage: typesafe_rcu_stress_test [SECONDS [RECYCLINGS]]
 *
 * Writers put objects into slots and free what was there: at once, where the cache is SLAB_TYPESAFE_BY_RCU, or by kfree_rcu().
 * Now and then they empty their slots and shrink the cache, so that slabs go, and fill free pages with garbage. Readers look at
 * what they find in a slot as long as their section lasts. Each test ends after so many recyclings, or seconds; a hang ends by
 * an alarm.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/rcu_defer.h"
#include "support/random.h"
#include "support/rcu_flavors.h"
#include "support/threads.h"
#include "support/world.h"

#include "slub/slub_internal.h"

#define NR_SLOTS 2048
#define NR_WRITERS 2
#define NR_READERS 2
#define LOOKS 32          /* objects of one section */
#define EMPTY_EVERY 10000 /* recyclings of one writer */

#define MAGIC 0x7e57ab1eUL

struct typed {
	unsigned long magic; /* of the constructor, or of who has taken it */
	unsigned long key;   /* of the owner */
	struct rcu_head rcu;
};

static unsigned int seconds = 17;                          /* for all tests */
static unsigned long nr_recyclings = 10 * 1000UL * 1000UL; /* of the first test; the others make do with a third */

static struct world_of_readers {
	const struct rcu_flavor_struct *real, *flavor;
	struct kmem_cache *cache, *eater;
	bool typesafe;
	unsigned long target;                /* recyclings */
	time_t until;                        /* see seconds */
	struct typed *slots[NR_SLOTS];       /* atomic */
	unsigned long done, looks, recycled; /* atomic: recyclings; objects looked at; those that changed meanwhile */
	unsigned long shrinks, mistakes;     /* atomic */
	bool stop;                           /* atomic */
} w;

static void mistake(const char *what, unsigned long value)
{
	if (atomic_add_relaxed(&w.mistakes, 1) <= 5)
		fprintf(stderr, "%s: %#lx\n", what, value);
	WRITE_ONCE(w.stop, true);
}

static void construct(void *object)
{
	struct typed *t = object;

	WRITE_ONCE(t->magic, MAGIC);
	WRITE_ONCE(t->key, 0);
}

/* A reader */

struct seen {
	struct typed *object;
	unsigned long key;
};

static void look_again(const struct seen *seen)
{
	const unsigned long magic = READ_ONCE(seen->object->magic), key = READ_ONCE(seen->object->key);

	if (magic != MAGIC)
		mistake("not of the type any more, magic", magic);
	if (key == seen->key)
		return;
	atomic_add_relaxed(&w.recycled, 1);
	/* Nobody takes an object again that waits for this section. */
	if (!w.typesafe)
		mistake("recycled under a reader, key", key);
}

/* One section: what it finds in a few slots is looked at again later. */
static unsigned int look_at_slots(struct test_random *random)
{
	struct seen seen[LOOKS];
	unsigned int nr = 0;
	unsigned long rest;

	w.flavor->read_lock();
	for (unsigned int i = 0; i < LOOKS; i++) {
		seen[nr].object = smp_load_acquire(&w.slots[test_random_below(random, NR_SLOTS)]);
		if (seen[nr].object) {
			seen[nr].key = READ_ONCE(seen[nr].object->key);
			nr++;
		}
	}
	/* The writers need this CPU, too; and some sections last longer than what is queued waits for others. */
	rest = test_random_below(random, 4096);
	if (rest == 0)
		usleep(15000);
	else if (rest % 16 == 0)
		sched_yield();
	for (unsigned int i = 0; i < nr; i++)
		look_again(&seen[i]);
	w.flavor->read_unlock();
	return nr;
}

static void read_slots(struct test_random *random)
{
	while (!READ_ONCE(w.stop)) {
		atomic_add_relaxed(&w.looks, look_at_slots(random));
		w.flavor->read_quiescent_state();
	}
}

/* A writer */
static void free_typed(struct typed *t, unsigned int how)
{
	if (!t)
		return;
	if (w.typesafe)
		kmem_cache_free(w.cache, t);
	else if (how % 64)
		kfree_rcu(t, rcu);
	else
		kfree_rcu_mightsleep(t);
}

static void replace(struct typed **slot, struct test_random *random, bool empty)
{
	struct typed *t = NULL;
	const uint64_t r = test_random_next(random);

	if (!empty) {
		t = kmem_cache_alloc(w.cache, GFP_KERNEL | __GFP_NOWARN);
		if (!t) {
			mistake("no memory", 0);
			return;
		}
		if (!w.typesafe)
			WRITE_ONCE(t->magic, MAGIC);
		else if (READ_ONCE(t->magic) != MAGIC)
			mistake("not constructed, magic", t->magic);
		WRITE_ONCE(t->key, (unsigned long)r);
	}
	free_typed(__atomic_exchange_n(slot, t, __ATOMIC_ACQ_REL), (unsigned int)r);
}

/* Pages that were slabs a moment ago become another cache's, and ours again. */
static void eat_pages(struct kmem_cache *eater)
{
	void *eaten[1024];
	unsigned int nr = 0;

	while (nr < ARRAY_SIZE(eaten) && (eaten[nr] = kmem_cache_alloc(eater, GFP_NOWAIT | __GFP_NOWARN)) != NULL)
		memset(eaten[nr++], 0xa5, kmem_cache_size(eater));
	while (nr)
		kmem_cache_free(eater, eaten[--nr]);
	kmem_cache_shrink(eater);
}

static void write_slots(unsigned int index, struct test_random *random)
{
	struct typed **own = &w.slots[index * (NR_SLOTS / NR_WRITERS)];
	unsigned int since = 0;

	while (!READ_ONCE(w.stop)) {
		for (unsigned int i = 0; i < 256; i++)
			replace(&own[test_random_next(random) % (NR_SLOTS / NR_WRITERS)], random, false);
		w.flavor->read_quiescent_state();
		since += 256;
		if (since >= EMPTY_EVERY) {
			since = 0;
			for (unsigned int i = 0; i < NR_SLOTS / NR_WRITERS; i++)
				replace(&own[i], random, true);
			kmem_cache_shrink(w.cache);
			atomic_add_relaxed(&w.shrinks, 1);
			eat_pages(w.eater);
		}
		if (atomic_add_relaxed(&w.done, 256) >= w.target || time(NULL) >= w.until)
			WRITE_ONCE(w.stop, true);
	}
	for (unsigned int i = 0; i < NR_SLOTS / NR_WRITERS; i++)
		replace(&own[i], random, true);
}

static void run(unsigned int index, void *arg)
{
	struct test_random random = { .state = index };

	(void)arg;
	flavor_register_thread(w.real);
	cpu_id_pin((int)index % WORLD_CPUS);
	if (index < NR_WRITERS)
		write_slots(index, &random);
	else
		read_slots(&random);
	flavor_unregister_thread(w.real);
}

static void run_world(const struct rcu_flavor_struct *flavor, bool typesafe, unsigned long target)
{
	struct kmm_config config = { .size = sizeof(config),
				     .limit = WORLD_LIMIT,
				     .nr_cpus = WORLD_CPUS,
				     .report = world_report,
				     .report_arg = &world_reports };

	memset(&w, 0, sizeof(w));
	w.real = flavor;
	w.flavor = flavor_for_library(flavor);
	w.typesafe = typesafe;
	w.target = target;
	w.until = time(NULL) + 1 + (time_t)(target == nr_recyclings ? seconds / 2 : seconds / 10);
	config.rcu = w.flavor;
	world_forget_reports();
	assert_int_equal(kmm_init(&config), 0);
	w.cache = kmem_cache_create("typed", sizeof(struct typed), 0,
				    SLAB_NO_MERGE | (typesafe ? SLAB_TYPESAFE_BY_RCU : 0), typesafe ? construct : NULL);
	w.eater = kmem_cache_create("eater", 256, 0, SLAB_NO_MERGE, NULL);
	run_threads(NR_WRITERS + NR_READERS, run, NULL);
	print_message("%lu recycled, %lu looked at, %lu of them changed meanwhile, %lu shrinks\n", w.done, w.looks,
		      w.recycled, w.shrinks);
	assert_int_equal(w.mistakes, 0);
	assert_true(w.done && w.looks);
	kmem_cache_destroy(w.eater);
	kmem_cache_destroy(w.cache);
	kmm_rcu_barrier();
	world_expect_silence();
	assert_false(kmm_rcu_pending());
	kmm_validate_slub();
	kmm_validate_pages();
	kmm_boot_reset_for_test();
}

static void readers_see_objects_of_the_type_only(void **state)
{
	(void)state;
	run_world(&urcu_bp_flavor, true, nr_recyclings);
}

static void so_do_readers_of_memb(void **state)
{
	(void)state;
	run_world(&urcu_memb_flavor, true, nr_recyclings / 3);
}

static void so_do_readers_of_qsbr(void **state)
{
	(void)state;
	run_world(&urcu_qsbr_flavor, true, nr_recyclings / 3);
}

static void readers_see_objects_that_do_not_change_before_kfree_rcu_is_through(void **state)
{
	(void)state;
	run_world(&urcu_bp_flavor, false, nr_recyclings / 3);
}

static void so_do_readers_of_memb_under_kfree_rcu(void **state)
{
	(void)state;
	run_world(&urcu_memb_flavor, false, nr_recyclings / 3);
}

static void so_do_readers_of_qsbr_under_kfree_rcu(void **state)
{
	(void)state;
	run_world(&urcu_qsbr_flavor, false, nr_recyclings / 3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_objects_of_the_type_only),
		cmocka_unit_test(so_do_readers_of_memb),
		cmocka_unit_test(so_do_readers_of_qsbr),
		cmocka_unit_test(readers_see_objects_that_do_not_change_before_kfree_rcu_is_through),
		cmocka_unit_test(so_do_readers_of_memb_under_kfree_rcu),
		cmocka_unit_test(so_do_readers_of_qsbr_under_kfree_rcu),
	};

	if (argc > 1)
		seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		nr_recyclings = strtoul(argv[2], NULL, 0);
	alarm(seconds + 240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
