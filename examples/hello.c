/* SPDX-License-Identifier: MIT
 * hello.c - the library in thirty lines: an object cache, kmalloc, per-CPU counters, whole pages.
 */
#include <stdio.h>
#include <string.h>

#include <kmm/kmm.h>

struct greeting {
	int number;
	char text[40];
};

/* A static variable that every CPU has one of. */
static DEFINE_PER_CPU(unsigned long, greetings);

int main(void)
{
	/* Nothing has to be started: the first call that needs memory starts the library with its defaults. */
	struct kmem_cache *cache = KMEM_CACHE(greeting, SLAB_HWCACHE_ALIGN);
	unsigned long __percpu *calls = alloc_percpu(unsigned long); /* one counter for each CPU, all zero */
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2); /* four pages side by side */
	struct greeting *hello = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	char *copy = kstrdup("hello from kmalloc", GFP_KERNEL); /* the kmalloc family; ksize() says what it got */
	unsigned long total = 0;
	unsigned int cpu;
	int done = 0;

	if (hello && calls && page && copy) { /* out of memory is always NULL, never an abort */
		hello->number = 1;
		strcpy(hello->text, "hello from a cache of our own");
		this_cpu_inc(*calls); /* no lock: whichever CPU this is, its counter is the one that grows */
		this_cpu_inc(greetings);
		strcpy(page_address(page), "hello from page frame");
		this_cpu_add(*calls, 2);
		for_each_possible_cpu(cpu)
			total += *per_cpu_ptr(calls, cpu) + per_cpu(greetings, cpu);

		printf("%s, object %d of %u bytes\n", hello->text, hello->number, kmem_cache_size(cache));
		printf("%s, %zu bytes usable\n", copy, ksize(copy));
		printf("%s %lu\n", (char *)page_address(page), page_to_pfn(page));
		printf("counted %lu on %u CPUs; %lu pages free\n", total, kmm_nr_cpus(), nr_free_pages());
		done = kmm_slabinfo(stdout) == 0 && kmm_buddyinfo(stdout) == 0; /* the kernel's own text views */
	}
	kfree(copy); /* NULL is fine for kfree(), free_percpu() and kmem_cache_destroy() */
	if (hello)
		kmem_cache_free(cache, hello);
	if (page)
		__free_pages(page, 2);
	free_percpu(calls);
	kmem_cache_destroy(cache); /* reports objects that are still out */
	return done ? 0 : 1;
}
