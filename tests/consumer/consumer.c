/* SPDX-License-Identifier: MIT
 * consumer.c - a program of somebody else that uses the installed library: each allocator once, and one text view.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <kmm/kmm.h>

struct job {
	int id;
	char name[40];
};

static void job_init(void *object)
{
	struct job *job = object;

	job->id = -1;
}

static DEFINE_PER_CPU(long, own_counter) = 1;

static int fail(const char *what)
{
	fprintf(stderr, "consumer: %s\n", what);
	return 1;
}

static int use_cache(void)
{
	struct kmem_cache *cache = kmem_cache_create("job", sizeof(struct job), 0, SLAB_HWCACHE_ALIGN, job_init);
	struct job *jobs[100];
	int i;

	if (!cache)
		return fail("kmem_cache_create");
	for (i = 0; i < 100; i++) {
		jobs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!jobs[i] || jobs[i]->id != -1)
			return fail("kmem_cache_alloc: no object, or not constructed");
		jobs[i]->id = i;
	}
	if (kmm_slabinfo(stdout) != 0)
		return fail("kmm_slabinfo");
	for (i = 0; i < 100; i++) {
		if (jobs[i]->id != i)
			return fail("an object was overwritten");
		jobs[i]->id = -1;
		kmem_cache_free(cache, jobs[i]);
	}
	kmem_cache_destroy(cache);
	return 0;
}

static int use_percpu(void)
{
	long __percpu *counter = alloc_percpu(long);
	unsigned int cpu;
	long sum = 0;

	if (!counter)
		return fail("alloc_percpu");
	for_each_possible_cpu(cpu) {
		if (*per_cpu_ptr(counter, cpu) != 0)
			return fail("per-CPU memory is not zero");
		*per_cpu_ptr(counter, cpu) = 3;
	}
	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(counter, cpu);
	free_percpu(counter);
	this_cpu_add(own_counter, 2);
	for_each_possible_cpu(cpu)
		sum += per_cpu(own_counter, cpu);
	return sum == 4 * (long)kmm_nr_cpus() + 2 ? 0 : fail("a per-CPU sum is wrong");
}

static int use_pages(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
	char *bytes;

	if (!page)
		return fail("alloc_pages");
	bytes = page_address(page);
	if (bytes[0] != 0 || bytes[4 * PAGE_SIZE - 1] != 0 || virt_to_page(bytes) != page)
		return fail("pages are not zero, or have no address");
	memset(bytes, 0x5a, 4 * PAGE_SIZE);
	__free_pages(page, 2);
	kmm_validate_pages();
	return kmm_nr_reported_pages() <= nr_free_pages() ? 0 : fail("more pages without memory than free ones");
}

int main(void)
{
	struct kmm_config config = { .size = sizeof(config), .limit = 64UL << 20 };
	char *text;

	if (kmm_init(&config) != 0 || kmm_init(&config) != -EBUSY)
		return fail("kmm_init");
	if (use_cache() || use_percpu() || use_pages())
		return 1;
	text = kstrdup("libkmm", GFP_KERNEL);
	if (!text || strcmp(text, "libkmm") != 0)
		return fail("kstrdup");
	kfree(text);
	puts("consumer: ok");
	return 0;
}
