/* SPDX-License-Identifier: MIT
 * cache_node.c - what each cache has of each node with memory: its kmem_cache_node.
 *
 * Owns:   s->node[], slab_nodes.
 * Rules:  a node that was there once stays until the cache goes, as in the kernel: objects of it may still live. A node that
 *         comes later is given to all caches, also those that are being made: they are made for the nodes in slab_nodes, and
 *         that set changes together with the registry.
 * Locks:  slab_mutex; for a cache that is not in the registry yet, none.
 * Source: init_kmem_cache_nodes(), free_kmem_cache_nodes(), slab_mem_going_online_callback(), mm/slub.c, Linux 6.1.
 */
#include <errno.h>

#include "slub/alloc.h"
#include "slub/cache.h"
#include "slub/free.h"
#include "slub/node_partial.h"

unsigned int slub_nr_nodes = 1;
nodemask_t slab_nodes;

void slab_nodes_init(void)
{
	slub_nr_nodes = (unsigned int)num_online_nodes();
	slab_nodes.bits = 0;
	for (unsigned int nid = 0; nid < slub_nr_nodes; nid++)
		if (buddy_node_has_memory(nid))
			slab_node_set(nid, true);
}

void slab_node_set(unsigned int nid, bool online)
{
	const unsigned long bit = nodemask_of_node((int)nid).bits;

	WRITE_ONCE(slab_nodes.bits, online ? slab_nodes.bits | bit : slab_nodes.bits & ~bit);
}

/* In memory of the node itself where that can be had. */
static int add_node(struct kmem_cache *s, unsigned int nid, gfp_t gfp)
{
	struct kmem_cache_node *n = cache_alloc_node(kmem_cache_node, gfp, (int)nid);

	if (!n)
		return -ENOMEM;
	init_kmem_cache_node(n);
	/* RELEASE: who finds the node finds it set up. */
	smp_store_release(&s->node[nid], n);
	return 0;
}

void free_kmem_cache_nodes(struct kmem_cache *s)
{
	struct kmem_cache_node *n;

	for_each_kmem_cache_node(s, nid, n) {
		s->node[nid] = NULL;
		kmem_cache_free(kmem_cache_node, n);
	}
}

int init_kmem_cache_nodes(struct kmem_cache *s)
{
	for (unsigned int nid = 0; nid < slub_nr_nodes; nid++) {
		int err;

		if (!slab_node_isset((int)nid))
			continue;
		if (slab_state == DOWN)
			err = early_kmem_cache_node_alloc(s, nid);
		else
			err = add_node(s, nid, GFP_KERNEL);
		if (err)
			return err;
	}
	return 0;
}

int complete_kmem_cache_nodes_locked(struct kmem_cache *s)
{
	kmm_assert_held(&slab_mutex);
	for (unsigned int nid = 0; nid < slub_nr_nodes; nid++) {
		if (!slab_node_isset((int)nid) || get_node(s, nid))
			continue;
		/* Nobody waits for memory under the mutex. */
		if (add_node(s, nid, GFP_NOWAIT))
			return -ENOMEM;
	}
	return 0;
}

int kmem_cache_node_online(unsigned int nid)
{
	struct kmem_cache *s;
	int err = 0;

	kmm_lock(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list) {
		if (!get_node(s, nid))
			err = add_node(s, nid, GFP_NOWAIT);
		if (err)
			break;
	}
	/* From now on caches are made with it; those that are made just now look again when they are entered. */
	if (!err)
		slab_node_set(nid, true);
	kmm_unlock(&slab_mutex);
	return err;
}
