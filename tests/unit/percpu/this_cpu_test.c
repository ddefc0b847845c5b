/* SPDX-License-Identifier: MIT
 * this_cpu_test.c - the operations on this CPU's instance, for every size and as a user's compiler sees them.
 */
#include "base/report.h"
#include "fake_module.h"
#include "support/threads.h"
#include "support/world.h"

/* All operations on the lvalue @X, which is 0; @TOP is a value that uses its highest bit. */
#define CHECK_OPERATIONS(type, TOP, X)                                                  \
	do {                                                                            \
		unsigned int cpu;                                                       \
                                                                                        \
		assert_true(this_cpu_read(X) == 0);                                     \
		this_cpu_write(X, (type)(TOP));                                         \
		assert_true(this_cpu_read(X) == (type)(TOP));                           \
		this_cpu_add(X, 5);                                                     \
		assert_true(this_cpu_read(X) == (type)((TOP) + 5));                     \
		this_cpu_sub(X, 3);                                                     \
		assert_true(this_cpu_read(X) == (type)((TOP) + 2));                     \
		this_cpu_inc(X);                                                        \
		this_cpu_inc(X);                                                        \
		this_cpu_dec(X);                                                        \
		assert_true(this_cpu_read(X) == (type)((TOP) + 3));                     \
		this_cpu_or(X, 0x40);                                                   \
		assert_true(this_cpu_read(X) == (type)(((TOP) + 3) | 0x40));            \
		this_cpu_and(X, 0x41);                                                  \
		assert_true(this_cpu_read(X) == (type)(((((TOP) + 3) | 0x40) & 0x41))); \
		this_cpu_write(X, (type)(TOP));                                         \
		assert_true(this_cpu_add_return(X, 7) == (type)((TOP) + 7));            \
		assert_true(this_cpu_sub_return(X, 2) == (type)((TOP) + 5));            \
		assert_true(this_cpu_inc_return(X) == (type)((TOP) + 6));               \
		assert_true(this_cpu_dec_return(X) == (type)((TOP) + 5));               \
		assert_true(this_cpu_xchg(X, 9) == (type)((TOP) + 5));                  \
		assert_true(this_cpu_cmpxchg(X, 8, 1) == 9);                            \
		assert_true(this_cpu_read(X) == 9);                                     \
		assert_true(this_cpu_cmpxchg(X, 9, (type)(TOP)) == 9);                  \
		assert_true(this_cpu_read(X) == (type)(TOP));                           \
		/* Only the instance of CPU 2 was touched. */                           \
		for_each_possible_cpu(cpu)                                              \
			assert_true(per_cpu(X, cpu) == (cpu == 2 ? (type)(TOP) : 0));   \
	} while (0)

/* On a dynamic variable, a static one, and one of another object, which stands behind a neighbour. */
#define DEFINE_OPERATIONS_TEST(type, name, TOP)                            \
	static DEFINE_PER_CPU(type, static_##name);                        \
	static type foreign_##name[2];                                     \
	static void operations_on_##name(void **state)                     \
	{                                                                  \
		static struct fake_module other;                           \
		type __percpu *p = alloc_percpu(type);                     \
                                                                           \
		(void)state;                                               \
		assert_non_null(p);                                        \
		cpu_id_pin(2);                                             \
		CHECK_OPERATIONS(type, TOP, *p);                           \
		CHECK_OPERATIONS(type, TOP, static_##name);                \
		fake_load(&other, foreign_##name, sizeof(foreign_##name)); \
		CHECK_OPERATIONS(type, TOP, foreign_##name[1]);            \
		assert_true(this_cpu_read(foreign_##name[0]) == 0);        \
		fake_unload(&other);                                       \
		assert_true(static_##name == 0 && foreign_##name[1] == 0); \
		free_percpu(p);                                            \
	}

DEFINE_OPERATIONS_TEST(uint8_t, uint8, 0x80)
DEFINE_OPERATIONS_TEST(int8_t, int8, 0x10)
DEFINE_OPERATIONS_TEST(uint16_t, uint16, 0x8100)
DEFINE_OPERATIONS_TEST(int16_t, int16, 0x1100)
DEFINE_OPERATIONS_TEST(uint32_t, uint32, 0x81000000u)
DEFINE_OPERATIONS_TEST(int32_t, int32, 0x11000000)
DEFINE_OPERATIONS_TEST(uint64_t, uint64, UINT64_C(0x8100000000000000))
DEFINE_OPERATIONS_TEST(int64_t, int64, INT64_C(0x1100000000000000))
DEFINE_OPERATIONS_TEST(unsigned long, unsigned_long, ~0UL / 2 + 1)

/* macros_user.c, which is also compiled as C++. */
unsigned long use_everything(void);

static void every_macro_links_and_runs(void **state)
{
	(void)state;
	assert_true(use_everything() > 0);
}

struct record {
	char *name;
	unsigned short counts[3];
	struct {
		unsigned long first, second;
	} __attribute__((aligned(2 * sizeof(long)))) pair;
};

static void members_and_elements_are_operands_too(void **state)
{
	struct record __percpu *p = alloc_percpu(struct record);
	static char a[] = "a", b[] = "b";
	int i = 1;

	(void)state;
	cpu_id_pin(3);
	this_cpu_inc(p->counts[i]);
	this_cpu_add(p->counts[i++], 4);
	assert_int_equal(i, 2);
	assert_int_equal(this_cpu_read(p->counts[1]), 5);
	assert_int_equal(per_cpu_ptr(p, 3)->counts[1], 5);
	this_cpu_write(p->name, a);
	assert_ptr_equal(this_cpu_xchg(p->name, b), a);
	assert_ptr_equal(this_cpu_cmpxchg(p->name, b, NULL), b);
	assert_null(this_cpu_read(p->name));
	free_percpu(p);
}

static void a_value_is_evaluated_once(void **state)
{
	int __percpu *p = alloc_percpu(int);
	int n = 1;

	(void)state;
	this_cpu_add(*p, n++);
	this_cpu_write(*p, n++);
	this_cpu_xchg(*p, n++);
	this_cpu_cmpxchg(*p, n++, n);
	assert_int_equal(n, 5);
	free_percpu(p);
}

static void two_words_change_together_or_not_at_all(void **state)
{
	struct record __percpu *p = alloc_percpu(struct record);

	(void)state;
	cpu_id_pin(1);
	assert_true(this_cpu_cmpxchg_double(p->pair.first, p->pair.second, 0, 0, 1, 2));
	assert_false(this_cpu_cmpxchg_double(p->pair.first, p->pair.second, 1, 0, 3, 4));
	assert_false(this_cpu_cmpxchg_double(p->pair.first, p->pair.second, 0, 2, 3, 4));
	assert_int_equal(this_cpu_read(p->pair.first), 1);
	assert_int_equal(this_cpu_read(p->pair.second), 2);
	assert_true(this_cpu_cmpxchg_double(p->pair.first, p->pair.second, 1, 2, ~0UL, 5));
	assert_true(per_cpu_ptr(p, 1)->pair.first == ~0UL);
	assert_int_equal(per_cpu_ptr(p, 1)->pair.second, 5);
	assert_int_equal(per_cpu_ptr(p, 0)->pair.second, 0);
	free_percpu(p);
}

/* Pairs of words of @type: dynamic, static and of another object. */
#define CHECK_PAIR(type, P)                                                                      \
	do {                                                                                     \
		assert_true(this_cpu_cmpxchg_double((P).first, (P).second, 0, 0, (type)~0, 2));  \
		assert_false(this_cpu_cmpxchg_double((P).first, (P).second, 0, 2, 3, 4));        \
		assert_false(this_cpu_cmpxchg_double((P).first, (P).second, (type)~0, 3, 3, 4)); \
		assert_true(this_cpu_read((P).first) == (type)~0);                               \
		assert_true(this_cpu_read((P).second) == 2);                                     \
		assert_true(this_cpu_cmpxchg_double((P).first, (P).second, (type)~0, 2, 5, 6));  \
		assert_true(per_cpu((P).first, 1) == 5 && per_cpu((P).second, 1) == 6);          \
		assert_true(per_cpu((P).first, 0) == 0 && per_cpu((P).second, 0) == 0);          \
	} while (0)

#define DEFINE_PAIR_TEST(type, name)                                                        \
	struct pair_of_##name {                                                             \
		type first, second;                                                         \
	} __attribute__((aligned(2 * sizeof(type))));                                       \
	static DEFINE_PER_CPU(struct pair_of_##name, static_pair_of_##name);                \
	static struct pair_of_##name foreign_pair_of_##name;                                \
	static void two_words_of_##name##_change_together(void **state)                     \
	{                                                                                   \
		struct pair_of_##name __percpu *p = alloc_percpu(struct pair_of_##name);    \
		static struct fake_module other;                                            \
                                                                                            \
		(void)state;                                                                \
		cpu_id_pin(1);                                                              \
		CHECK_PAIR(type, *p);                                                       \
		CHECK_PAIR(type, static_pair_of_##name);                                    \
		fake_load(&other, &foreign_pair_of_##name, sizeof(foreign_pair_of_##name)); \
		CHECK_PAIR(type, foreign_pair_of_##name);                                   \
		fake_unload(&other);                                                        \
		free_percpu(p);                                                             \
	}

DEFINE_PAIR_TEST(uint8_t, uint8)
DEFINE_PAIR_TEST(uint16_t, uint16)
DEFINE_PAIR_TEST(uint32_t, uint32)
DEFINE_PAIR_TEST(uint64_t, uint64)

#define PAIR_THREADS 3
#define PAIR_ROUNDS 5000

/* Both words count the same, in one instance. */
#define DEFINE_PAIR_RACE(type, name)                                                                                 \
	static void count_pairs_of_##name(unsigned int index, void *arg)                                             \
	{                                                                                                            \
		type first, second;                                                                                  \
                                                                                                                     \
		(void)arg;                                                                                           \
		cpu_id_pin(1);                                                                                       \
		for (int i = 0; i < PAIR_ROUNDS; i++) {                                                              \
			do {                                                                                         \
				first = this_cpu_read(static_pair_of_##name.first);                                  \
				second = this_cpu_read(static_pair_of_##name.second);                                \
			} while (!this_cpu_cmpxchg_double(static_pair_of_##name.first, static_pair_of_##name.second, \
							  first, second, (type)(first + 1),                          \
							  (type)(second + 1 + index % 2)));                          \
		}                                                                                                    \
	}                                                                                                            \
	static void pairs_of_##name##_lose_nothing_among_threads(void **state)                                       \
	{                                                                                                            \
		(void)state;                                                                                         \
		run_threads(PAIR_THREADS, count_pairs_of_##name, NULL);                                              \
		assert_true(per_cpu(static_pair_of_##name.first, 1) == (type)(PAIR_THREADS * PAIR_ROUNDS));          \
		assert_true(per_cpu(static_pair_of_##name.second, 1) ==                                              \
			    (type)((PAIR_THREADS + PAIR_THREADS / 2) * PAIR_ROUNDS));                                \
	}

DEFINE_PAIR_RACE(uint8_t, uint8)
DEFINE_PAIR_RACE(uint16_t, uint16)
DEFINE_PAIR_RACE(uint32_t, uint32)
DEFINE_PAIR_RACE(uint64_t, uint64)

static void words_that_are_no_pair_are_reported(void **state)
{
	unsigned long __percpu *p = __alloc_percpu(4 * sizeof(long), 2 * sizeof(long));

	(void)state;
	assert_false(this_cpu_cmpxchg_double(p[0], p[2], 0, 0, 1, 1));
	world_expect_report("not two words side by side");
	assert_false(this_cpu_cmpxchg_double(p[1], p[2], 0, 0, 1, 1));
	world_expect_report("not two words side by side");
	assert_false(this_cpu_cmpxchg_double(p[1], p[0], 0, 0, 1, 1));
	world_expect_report("not two words side by side");
	free_percpu(p);
}

static void an_instance_is_a_fixed_distance_away(void **state)
{
	char __percpu *p = alloc_percpu(char);
	unsigned int cpu, nr = 0;

	(void)state;
	for_each_possible_cpu(cpu) {
		assert_true(per_cpu_ptr(p, cpu) == p + ((uintptr_t)cpu << KMM_PCPU_SLICE_SHIFT));
		nr++;
	}
	assert_int_equal(nr, WORLD_CPUS);
	cpu_id_pin(2);
	assert_int_equal(raw_smp_processor_id(), 2);
	assert_ptr_equal(this_cpu_ptr(p), per_cpu_ptr(p, 2));
	assert_ptr_equal(raw_cpu_ptr(p), per_cpu_ptr(p, 2));
	assert_ptr_equal(get_cpu_ptr(p), per_cpu_ptr(p, 2));
	put_cpu_ptr(p);
	free_percpu(p);
}

static void a_thread_that_only_counts_learns_where_it_is(void **state)
{
	unsigned int i, seen = 0;

	(void)state;
	/* A pin takes effect at once. Make the guess wrong behind its back, as a migration does. */
	cpu_id_pin(2);
	kmm_cpu_guess = 1;
	for (i = 0; i < 1000; i++)
		seen |= 1u << raw_smp_processor_id();
	assert_int_equal(raw_smp_processor_id(), 2);
	assert_true(seen & 1u << 2);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(operations_on_uint8),
		in_world(operations_on_int8),
		in_world(operations_on_uint16),
		in_world(operations_on_int16),
		in_world(operations_on_uint32),
		in_world(operations_on_int32),
		in_world(operations_on_uint64),
		in_world(operations_on_int64),
		in_world(operations_on_unsigned_long),
		in_world(every_macro_links_and_runs),
		in_world(members_and_elements_are_operands_too),
		in_world(a_value_is_evaluated_once),
		in_world(two_words_change_together_or_not_at_all),
		in_world(two_words_of_uint8_change_together),
		in_world(two_words_of_uint16_change_together),
		in_world(two_words_of_uint32_change_together),
		in_world(two_words_of_uint64_change_together),
		in_world(pairs_of_uint8_lose_nothing_among_threads),
		in_world(pairs_of_uint16_lose_nothing_among_threads),
		in_world(pairs_of_uint32_lose_nothing_among_threads),
		in_world(pairs_of_uint64_lose_nothing_among_threads),
		in_world(words_that_are_no_pair_are_reported),
		in_world(an_instance_is_a_fixed_distance_away),
		in_world(a_thread_that_only_counts_learns_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
