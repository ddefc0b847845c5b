/* SPDX-License-Identifier: MIT
 * macros_user.c - every macro of <kmm/percpu.h> as a user writes it: no warning as C11, GNU C11 and C++17.
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
	free_percpu(counters);
	free_percpu(number);
	free_percpu(bytes);
	return sum;
}
