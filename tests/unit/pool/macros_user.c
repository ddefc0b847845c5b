/* SPDX-License-Identifier: MIT
 * macros_user.c - the macros and inline functions of the headers for per-CPU memory's users, as strict C and as C++.
 *
 * It is only compiled.
 */
#include <kmm/kmm.h>

struct cache {
	local_lock_t lock;
	long hits;
};

static DEFINE_PER_CPU(struct cache, cache) = { INIT_LOCAL_LOCK(lock), 0 };

static void release(struct percpu_ref *ref)
{
	percpu_ref_exit(ref);
}

int use_pools(struct kmem_cache *objects);
int use_pools(struct kmem_cache *objects)
{
	mempool_t pools[3];
	mempool_t *const made[3] = { mempool_create_slab_pool(1, objects), mempool_create_kmalloc_pool(1, 100),
				     mempool_create_page_pool(1, 2) };
	unsigned int i;

	if (mempool_init_slab_pool(&pools[0], 1, objects) || mempool_init_kmalloc_pool(&pools[1], 1, 100) ||
	    mempool_init_page_pool(&pools[2], 1, 0))
		return -1;
	for (i = 0; i < 3; i++) {
		mempool_destroy(made[i]);
		mempool_exit(&pools[i]);
	}
	return mempool_initialized(&pools[0]);
}

long use_locks(struct cache __percpu *dynamic);
long use_locks(struct cache __percpu *dynamic)
{
	unsigned long flags;
	unsigned int cpu;
	long hits;

	for_each_possible_cpu(cpu)
		local_lock_init(&per_cpu_ptr(dynamic, cpu)->lock);
	local_lock(&cache.lock);
	hits = this_cpu_ptr(&cache)->hits++;
	local_unlock(&cache.lock);
	local_lock_irq(&dynamic->lock);
	local_unlock_irq(&dynamic->lock);
	local_lock_irqsave(&dynamic->lock, flags);
	local_unlock_irqrestore(&dynamic->lock, flags);
	migrate_disable();
	hits += (long)smp_processor_id();
	migrate_enable();
	return hits;
}

bool use_counter(struct percpu_counter *fbc);
bool use_counter(struct percpu_counter *fbc)
{
	if (percpu_counter_initialized(fbc) || percpu_counter_init(fbc, 1, GFP_KERNEL))
		return false;
	percpu_counter_inc(fbc);
	percpu_counter_dec(fbc);
	percpu_counter_sub(fbc, percpu_counter_batch);
	percpu_counter_add_local(fbc, 1);
	percpu_counter_sub_local(fbc, PERCPU_COUNTER_LOCAL_BATCH);
	return percpu_counter_limited_add(fbc, 100, 1) && percpu_counter_limited_sub(fbc, 0, 1) &&
	       percpu_counter_compare(fbc, 7) > 0 &&
	       percpu_counter_sum_positive(fbc) > percpu_counter_read_positive(fbc);
}

bool use_ref(struct percpu_ref *ref);
bool use_ref(struct percpu_ref *ref)
{
	if (percpu_ref_init(ref, release, PERCPU_REF_INIT_ATOMIC | PERCPU_REF_ALLOW_REINIT, GFP_KERNEL))
		return false;
	percpu_ref_get(ref);
	percpu_ref_put(ref);
	if (!percpu_ref_tryget(ref))
		return false;
	percpu_ref_kill(ref);
	return percpu_ref_is_dying(ref);
}
