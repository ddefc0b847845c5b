/* SPDX-License-Identifier: MIT
 * this_cpu_test.c - the operations on this CPU's instance, for every size and as a user's compiler sees them.
 */
#include "base/report.h"
#include "support/world.h"

/* All operations on one type; @TOP is a value that uses its highest bit. */
#define DEFINE_OPERATIONS_TEST(type, name, TOP)                                            \
	static void operations_on_##name(void **state)                                     \
	{                                                                                  \
		type __percpu *p = alloc_percpu(type);                                     \
		unsigned int cpu;                                                          \
                                                                                           \
		(void)state;                                                               \
		assert_non_null(p);                                                        \
		cpu_id_pin(2);                                                             \
		assert_true(this_cpu_read(*p) == 0);                                       \
		this_cpu_write(*p, (type)(TOP));                                           \
		assert_true(this_cpu_read(*p) == (type)(TOP));                             \
		this_cpu_add(*p, 5);                                                       \
		assert_true(this_cpu_read(*p) == (type)((TOP) + 5));                       \
		this_cpu_sub(*p, 3);                                                       \
		assert_true(this_cpu_read(*p) == (type)((TOP) + 2));                       \
		this_cpu_inc(*p);                                                          \
		this_cpu_inc(*p);                                                          \
		this_cpu_dec(*p);                                                          \
		assert_true(this_cpu_read(*p) == (type)((TOP) + 3));                       \
		this_cpu_or(*p, 0x40);                                                     \
		assert_true(this_cpu_read(*p) == (type)(((TOP) + 3) | 0x40));              \
		this_cpu_and(*p, 0x41);                                                    \
		assert_true(this_cpu_read(*p) == (type)(((((TOP) + 3) | 0x40) & 0x41)));   \
		this_cpu_write(*p, (type)(TOP));                                           \
		assert_true(this_cpu_add_return(*p, 7) == (type)((TOP) + 7));              \
		assert_true(this_cpu_sub_return(*p, 2) == (type)((TOP) + 5));              \
		assert_true(this_cpu_inc_return(*p) == (type)((TOP) + 6));                 \
		assert_true(this_cpu_dec_return(*p) == (type)((TOP) + 5));                 \
		assert_true(this_cpu_xchg(*p, 9) == (type)((TOP) + 5));                    \
		assert_true(this_cpu_cmpxchg(*p, 8, 1) == 9);                              \
		assert_true(this_cpu_read(*p) == 9);                                       \
		assert_true(this_cpu_cmpxchg(*p, 9, (type)(TOP)) == 9);                    \
		assert_true(this_cpu_read(*p) == (type)(TOP));                             \
		/* Only the instance of CPU 2 was touched. */                              \
		for_each_possible_cpu(cpu)                                                 \
			assert_true(*per_cpu_ptr(p, cpu) == (cpu == 2 ? (type)(TOP) : 0)); \
		free_percpu(p);                                                            \
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
		in_world(words_that_are_no_pair_are_reported),
		in_world(an_instance_is_a_fixed_distance_away),
		in_world(a_thread_that_only_counts_learns_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
