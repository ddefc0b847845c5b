/* SPDX-License-Identifier: MIT
 * percpu_main.c - a program with per-CPU variables of its own, of a shared object, and of one that it opens.
 *
 * Usage: percpu_main OBJECT, which is opened. What it says on stderr is the library's, or a failure.
 */
#include <dlfcn.h>
#include <stdio.h>

#include <kmm/kmm.h>

static DEFINE_PER_CPU(int, own) = 5;
static DEFINE_PER_CPU(char[3], name) = "me";
static DEFINE_PER_CPU_READ_MOSTLY(int, rare) = 6;
static DEFINE_PER_CPU_PAGE_ALIGNED(char, page) = 'p';
static int plain;
static DEFINE_PER_CPU(int *, pointer) = &plain;
DECLARE_PER_CPU(long, object_counter);

long *object_counter_on(unsigned int cpu);
void object_count(void);

static int check(int right, const char *what)
{
	if (!right)
		fprintf(stderr, "percpu_main: %s\n", what);
	return right;
}

static int check_own(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		if (!check(per_cpu(own, cpu) == 5 && per_cpu(rare, cpu) == 6 && per_cpu(page, cpu) == 'p', "a value") ||
		    !check(per_cpu(name, cpu)[1] == 'e' && per_cpu(pointer, cpu) == &plain, "an array or a pointer") ||
		    !check((uintptr_t)per_cpu_ptr(&page, cpu) % PAGE_SIZE == 0, "an alignment"))
			return 0;
	}
	return 1;
}

static int check_shared(void)
{
	unsigned int cpu;
	long sum = 0;

	object_count();
	this_cpu_inc(object_counter);
	for_each_possible_cpu(cpu) {
		if (!check(per_cpu_ptr(&object_counter, cpu) == object_counter_on(cpu),
			   "two instances of one variable"))
			return 0;
		sum += per_cpu(object_counter, cpu) - 7;
	}
	return check(sum == 4, "a sum");
}

static int check_opened(const char *path)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	long *(*counter_on)(unsigned int cpu);
	int right;

	if (!object)
		return check(0, "dlopen");
	*(void **)&counter_on = dlsym(object, "object_counter_on");
	right = counter_on && *counter_on(1) == 7 && counter_on(0) != counter_on(1);
	return check(dlclose(object) == 0, "dlclose") && check(right, "an opened object");
}

int main(int argc, char **argv)
{
	struct kmm_config config = { .size = sizeof(config), .nr_cpus = 4 };

	if (argc != 2 || !check(kmm_init(&config) == 0, "kmm_init"))
		return 2;
	return !check_own() || !check_shared() || !check_opened(argv[1]);
}
