/* SPDX-License-Identifier: MIT
 * macros_user.c - every macro of <kmm/percpu.h> as a user writes it: no warning as C11, GNU C11 and C++17.
 *
 * With WRONG_OPERATION defined it must not compile, for a reason that is easy to read.
 */
#include <kmm/percpu.h>

struct counters {
	uint8_t bytes[4];
	int16_t small;
	unsigned int medium;
	uint64_t large;
	struct counters *link;
	struct {
		void *first;
		unsigned long second;
	} __attribute__((aligned(2 * sizeof(long)))) pair;
};

struct small_pair {
	uint16_t first, second;
} __attribute__((aligned(4)));

DECLARE_PER_CPU(struct counters, user_counters);
DECLARE_PER_CPU(int, user_int);
DEFINE_PER_CPU(struct counters, user_counters) = { { 1, 2, 3, 4 }, 5, 6, 7, NULL, { NULL, 0 } };
EXPORT_PER_CPU_SYMBOL(user_counters);
static DEFINE_PER_CPU(int[4], user_array);
DEFINE_PER_CPU(int, user_int) = 3;
EXPORT_PER_CPU_SYMBOL_GPL(user_int);
static DEFINE_PER_CPU_READ_MOSTLY(const char *, user_name) = "name";
static DEFINE_PER_CPU_ALIGNED(struct small_pair, user_pair);
static DEFINE_PER_CPU_SHARED_ALIGNED(long, user_long);
static DEFINE_PER_CPU_PAGE_ALIGNED(char[8], user_page);

static unsigned long use_static(void)
{
	static DEFINE_PER_CPU(uint8_t, byte) = 255;
	const char *const another = "another";
	unsigned long sum = 0;
	int cpu; /* as kernel code has it */

	for_each_possible_cpu(cpu) {
		per_cpu(user_array, cpu)[1] = 2;
		per_cpu(user_array[2], cpu) = 3;
		sum += (unsigned long)*per_cpu_ptr(user_array, cpu) + (unsigned long)per_cpu(user_int, cpu);
		sum += per_cpu(user_counters, cpu).medium + (unsigned long)(per_cpu(user_name, cpu)[0] == 'n');
	}
	this_cpu_inc(user_int);
	this_cpu_dec(user_array[1]);
	this_cpu_add(user_counters.large, 3u);
	this_cpu_sub(user_counters.bytes[3], 1);
	this_cpu_write(user_name, another);
	sum += this_cpu_inc_return(byte);
	sum += this_cpu_cmpxchg_double(user_pair.first, user_pair.second, 0, 0, 1, 2);
	get_cpu_var(user_long)++;
	put_cpu_var(user_long);
	get_cpu_ptr(&user_counters)->small++;
	put_cpu_ptr(&user_counters);
	this_cpu_ptr(user_page)[7] = 1;

	raw_cpu_write(user_int, 1);
	raw_cpu_add(user_int, 1);
	raw_cpu_sub(user_int, 1);
	raw_cpu_inc(user_int);
	raw_cpu_dec(user_int);
	raw_cpu_and(user_int, 3);
	raw_cpu_or(user_int, 4);
	sum += (unsigned long)(raw_cpu_read(user_int) + raw_cpu_add_return(user_int, 1));
	sum += (unsigned long)(raw_cpu_sub_return(user_int, 1) + raw_cpu_inc_return(user_int));
	sum += (unsigned long)(raw_cpu_dec_return(user_int) + raw_cpu_xchg(user_int, 1));
	sum += (unsigned long)raw_cpu_cmpxchg(user_int, 1, 2);
	sum += raw_cpu_cmpxchg_double(user_pair.first, user_pair.second, 1, 2, 3, 4);
	__this_cpu_write(user_int, 1);
	__this_cpu_add(user_int, 1);
	__this_cpu_sub(user_int, 1);
	__this_cpu_inc(user_int);
	__this_cpu_dec(user_int);
	__this_cpu_and(user_int, 3);
	__this_cpu_or(user_int, 4);
	sum += (unsigned long)(__this_cpu_read(user_int) + __this_cpu_add_return(user_int, 1));
	sum += (unsigned long)(__this_cpu_sub_return(user_int, 1) + __this_cpu_inc_return(user_int));
	sum += (unsigned long)(__this_cpu_dec_return(user_int) + __this_cpu_xchg(user_int, 1));
	sum += (unsigned long)__this_cpu_cmpxchg(user_int, 1, 2);
	sum += __this_cpu_cmpxchg_double(user_pair.first, user_pair.second, 3, 4, 5, 6);
#ifdef WRONG_OPERATION
	WRONG_OPERATION;
#endif
	return sum;
}

unsigned long use_everything(void);
unsigned long use_everything(void)
{
	struct counters __percpu *const counters = alloc_percpu(struct counters);
	int __percpu *number = alloc_percpu_gfp(int, GFP_NOWAIT | __GFP_NOWARN);
	void __percpu *bytes = __alloc_percpu(10, 2), *instance;
	const int __percpu *read_only = number;
	unsigned long sum = 0;
	unsigned int cpu;
	int signed_cpu;

	if (!counters || !number || !bytes)
		return 0;
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(counters, cpu)->medium = cpu;
		*per_cpu_ptr(number, cpu) = 1;
		sum += (unsigned long)*per_cpu_ptr(read_only, cpu);
		instance = per_cpu_ptr(bytes, cpu);
		sum += instance != NULL;
	}
	signed_cpu = (int)raw_smp_processor_id();
	sum += per_cpu_ptr(counters, signed_cpu)->medium + this_cpu_ptr(counters)->medium +
	       raw_cpu_ptr(counters)->medium;
	sum += (unsigned long)*get_cpu_ptr(number);
	put_cpu_ptr(number);

	this_cpu_write(counters->bytes[1], 3);
	this_cpu_add(counters->bytes[1], 3);
	this_cpu_sub(counters->small, 2);
	this_cpu_inc(counters->medium);
	this_cpu_dec(counters->large);
	this_cpu_and(counters->large, 0xffu);
	this_cpu_or(*number, 2);
	sum += this_cpu_read(counters->bytes[1]) + this_cpu_add_return(counters->medium, 4);
	sum += (unsigned long)this_cpu_sub_return(counters->small, 4) + this_cpu_inc_return(counters->medium);
	sum += (unsigned long)this_cpu_dec_return(*number) + (unsigned long)this_cpu_read(*read_only);
	sum += (unsigned long)this_cpu_xchg(counters->large, 7) +
	       (unsigned long)this_cpu_cmpxchg(counters->large, 7, 8);
	this_cpu_xchg(*number, 4);
	this_cpu_cmpxchg(*number, 4, 5);
	this_cpu_write(counters->link, this_cpu_ptr(counters));
	if (this_cpu_cmpxchg(counters->link, this_cpu_read(counters->link), NULL))
		sum++;
	if (this_cpu_cmpxchg_double(counters->pair.first, counters->pair.second, NULL, 0, bytes, 1))
		sum++;
	sum += use_static();
	free_percpu(counters);
	free_percpu(number);
	free_percpu(bytes);
	return sum;
}
