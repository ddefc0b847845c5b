/* SPDX-License-Identifier: MIT
 * consumer.cpp - the installed library used from C++: its macros and inline functions, and a standard container on it.
 */
#include <cstdio>
#include <new>
#include <thread>
#include <vector>

#include <kmm/kmm.h>

template <typename T> struct kmm_allocator {
	using value_type = T;

	kmm_allocator() = default;
	template <typename U> kmm_allocator(const kmm_allocator<U> &)
	{
	}

	T *allocate(std::size_t n)
	{
		void *p = kmalloc_array(n, sizeof(T), GFP_KERNEL);

		if (!p)
			throw std::bad_alloc();
		return static_cast<T *>(p);
	}

	void deallocate(T *p, std::size_t)
	{
		kfree(p);
	}

	bool operator==(const kmm_allocator &) const
	{
		return true;
	}

	bool operator!=(const kmm_allocator &) const
	{
		return false;
	}
};

struct point {
	double x, y;
};

static bool use_cache()
{
	struct kmem_cache *cache = KMEM_CACHE(point, SLAB_HWCACHE_ALIGN);
	bool ok = true;

	if (!cache)
		return false;
	for (int i = 0; i < 100 && ok; i++) {
		auto *p = static_cast<point *>(kmem_cache_zalloc(cache, GFP_KERNEL));

		ok = p && p->x == 0 && p->y == 0;
		kmem_cache_free(cache, p);
	}
	kmem_cache_destroy(cache);
	return ok;
}

/* Both forms of kmem_cache_create(), told apart by overloading. */
static bool use_cache_args()
{
	struct kmem_cache_args args = {};
	struct kmem_cache *caches[3];
	bool ok;

	args.align = 64;
	caches[0] = kmem_cache_create("cxx_args", 100, &args, SLAB_NO_MERGE);
	caches[1] = kmem_cache_create("cxx_usual", 100, nullptr, SLAB_NO_MERGE);
	caches[2] = kmem_cache_create("cxx_classic", 100, 0, SLAB_NO_MERGE, nullptr);
	ok = caches[0] && caches[1] && caches[2];
	for (auto *cache : caches)
		kmem_cache_destroy(cache);
	return ok;
}

struct shape {
	unsigned int nr;
	point corners[1]; /* and more: C++ has no flexible arrays */
};

/* Memory by type: the pointers need no cast, also from a reference and in a template. */
template <typename T> static T *make()
{
	return kzalloc_obj(T);
}

static bool use_objects()
{
	void *(*by_pointer)(size_t, gfp_t) = kmalloc;
	point *one = kmalloc_obj(point), *two = make<point>(), &ref = *two;
	point *copy = kmalloc_obj(ref, GFP_NOWAIT), *many = kzalloc_objs(*one, 10);
	shape *square = kzalloc_flex(*square, corners, 4, GFP_KERNEL);
	void *bytes = by_pointer(100, GFP_KERNEL), *constant = kmalloc(100, GFP_KERNEL);
	bool ok = one && two && copy && many && square && bytes && constant;

	ok = ok && two->x == 0 && many[9].y == 0 && ksize(square) >= sizeof(shape) + 4 * sizeof(point) &&
	     ksize(bytes) == ksize(constant) && !kmalloc_objs(point, SIZE_MAX / 2, GFP_KERNEL | __GFP_NOWARN);
	kfree(one);
	kfree(two);
	kfree(copy);
	kfree(many);
	kfree(square);
	kfree(bytes);
	kfree(constant);
	return ok;
}

struct hits {
	unsigned long nr = 4; /* constant, so the template holds it */
	point where = { 1, 2 };
};

static DEFINE_PER_CPU(hits, own_hits);
static DEFINE_PER_CPU(unsigned long[2], own_counters) = { 0, 3 };

static bool use_static()
{
	unsigned long sum = 0;
	unsigned int cpu;

	this_cpu_inc(own_hits.nr);
	this_cpu_add(own_counters[1], 2);
	get_cpu_var(own_hits).where.y = 2;
	put_cpu_var(own_hits);
	for_each_possible_cpu(cpu) {
		sum += per_cpu(own_hits, cpu).nr + per_cpu(own_counters, cpu)[1];
		if (per_cpu_ptr(&own_hits, cpu)->where.y != 2 || *per_cpu_ptr(own_counters, cpu) != 0)
			return false;
	}
	return sum == 7UL * kmm_nr_cpus() + 3;
}

static bool use_percpu()
{
	auto *counter = alloc_percpu(unsigned long);
	unsigned int cpu;
	unsigned long sum = 0;

	if (!counter)
		return false;
	for_each_possible_cpu(cpu)
		*per_cpu_ptr(counter, cpu) += 2;
	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(counter, cpu);
	free_percpu(counter);
	return sum == 2UL * kmm_nr_cpus();
}

static bool use_container()
{
	std::vector<int, kmm_allocator<int>> numbers;
	long sum = 0;

	for (int i = 0; i < 10000; i++)
		numbers.push_back(i);
	for (int i : numbers)
		sum += i;
	return sum == 49995000;
}

int main()
{
	bool thread_ok = false;
	struct page *page = alloc_pages(GFP_KERNEL, get_order(3 * PAGE_SIZE));

	if (!page || virt_to_page(page_address(page)) != page)
		return 1;
	__free_pages(page, 2);

	std::thread thread([&] { thread_ok = use_container(); });
	thread.join();
	if (!thread_ok || !use_container() || !use_cache() || !use_cache_args() || !use_objects() || !use_percpu() ||
	    !use_static() || kmm_slabinfo(stdout) != 0) {
		std::fputs("consumer from C++: failed\n", stderr);
		return 1;
	}
	std::puts("consumer: ok");
	return 0;
}
