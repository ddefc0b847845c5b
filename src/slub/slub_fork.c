/* SPDX-License-Identifier: MIT
 * slub_fork.c - SLUB's locks across fork(): all taken before, released in the parent, made new in the child.
 *
 * What another thread held in its hands at the fork - a detached list, a slab it was installing - is consistent in memory
 * because it was changed under L[X], which the forking thread holds by then; objects such a thread had taken stay
 * allocated in the child for ever.
 * Locks: within rank 40 the order does not matter: who takes several holds slab_mutex.
 */
#include "slub/cache.h"

#include "base/fork.h"

bool slub_forked;

static struct kmm_lock *cpu_lock_at(unsigned int cpu)
{
	return cpu < kmm_nr_cpu_ids ? cpu_lock(cpu) : NULL;
}

static void for_each_list_lock(void (*act)(struct kmm_spin *))
{
	struct kmem_cache *s;

	cds_list_for_each_entry(s, &slab_caches, list) {
		struct kmem_cache_node *n;

		for_each_kmem_cache_node(s, nid, n)
			act(&n->list_lock);
	}
}

static void lock_lists(void)
{
	for_each_list_lock(kmm_spin_lock_same_rank);
}

static void unlock_lists(void)
{
	for_each_list_lock(kmm_spin_unlock);
}

static void reset_lists(void)
{
	slub_forked = true;
	for_each_list_lock(kmm_spin_reset);
}

static const struct kmm_fork_handler handlers[] = {
	{ .rank = KMM_RANK_SLAB_MUTEX, .lock = &slab_mutex },
	{ .rank = KMM_RANK_CPU, .lock_at = cpu_lock_at },
	{ .rank = KMM_RANK_NODE_LIST, .lock_all = lock_lists, .unlock_all = unlock_lists, .reset_all = reset_lists },
};

void slub_fork_register(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(handlers); i++)
		kmm_fork_register(&handlers[i]);
}
