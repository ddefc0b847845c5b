/* SPDX-License-Identifier: MIT
 * kmm/numa.h - memory nodes: which there are, which is near, and which may be used.
 *
 * Owns:   nodemask_t, the calls that name a node.
 * Source: include/linux/nodemask.h, include/linux/topology.h, include/linux/cpuset.h, Linux 6.1.
 */
#ifndef KMM_NUMA_H
#define KMM_NUMA_H

#include <kmm/api.h>
#include <kmm/gfp.h>

KMM_BEGIN_DECLS

struct page;

/** No node in particular: that of the caller's CPU. */
#define NUMA_NO_NODE (-1)

/** A set of nodes: bit n stands for node n. */
typedef struct {
	unsigned long bits;
} nodemask_t;

/** Nodes have numbers from 0 to KMM_MAX_NUMNODES - 1; the kernel's MAX_NUMNODES. */
#define KMM_MAX_NUMNODES 16

/** All nodes, whether they exist or not; none. */
#ifdef __cplusplus
#define NODE_MASK_ALL (nodemask_t{ (1UL << KMM_MAX_NUMNODES) - 1 })
#define NODE_MASK_NONE (nodemask_t{ 0 })
#else
#define NODE_MASK_ALL ((nodemask_t){ (1UL << KMM_MAX_NUMNODES) - 1 })
#define NODE_MASK_NONE ((nodemask_t){ 0 })
#endif

/**
 * nodemask_of_node - the set of one node. @node: its number. Context: any.
 * Return:  the set; the empty one for a number that no node can have, as NUMA_NO_NODE.
 * Source:  nodemask_of_node(), include/linux/nodemask.h, Linux 6.1.
 */
static inline nodemask_t nodemask_of_node(int node)
{
	nodemask_t mask;

	mask.bits = node >= 0 && node < KMM_MAX_NUMNODES ? 1UL << node : 0;
	return mask;
}

/**
 * node_set, node_clear - put a node into a set, take it out.
 * @node:  its number; one that no node can have changes nothing.      @mask: a variable of type nodemask_t, by its name.
 * Context: any; they are not atomic.
 * Source:  node_set(), node_clear(), include/linux/nodemask.h, Linux 6.1. Differs: not atomic.
 */
#define node_set(node, mask) ((void)((mask).bits |= nodemask_of_node(node).bits))
#define node_clear(node, mask) ((void)((mask).bits &= ~nodemask_of_node(node).bits))

/**
 * node_isset - is a node in a set? @node: its number. @mask: the set. Context: any.
 * Return:  1 or 0; 0 for a number that no node can have.
 * Source:  node_isset(), include/linux/nodemask.h, Linux 6.1.
 */
static inline int node_isset(int node, nodemask_t mask)
{
	return (mask.bits & nodemask_of_node(node).bits) != 0;
}

/**
 * nodes_empty - is there no node in a set? @mask: the set. Context: any.
 * Source:  nodes_empty(), include/linux/nodemask.h, Linux 6.1.
 */
static inline int nodes_empty(nodemask_t mask)
{
	return !(mask.bits & ((1UL << KMM_MAX_NUMNODES) - 1));
}

/**
 * next_node - the first node of a set behind another one. @node: from -1 on. @mask: the set. Context: any.
 * Return:  its number; KMM_MAX_NUMNODES when there is none.
 * Source:  next_node(), include/linux/nodemask.h, Linux 6.1.
 */
static inline int next_node(int node, nodemask_t mask)
{
	do {
		node++;
	} while (node < KMM_MAX_NUMNODES && !node_isset(node, mask));
	return node;
}

/**
 * first_node - the first node of a set. @mask: the set. Context: any.
 * Return:  its number; KMM_MAX_NUMNODES when the set is empty.
 * Source:  first_node(), include/linux/nodemask.h, Linux 6.1.
 */
static inline int first_node(nodemask_t mask)
{
	return next_node(-1, mask);
}

/** for_each_node_mask - a loop over a set. @node: an int. @mask: the set, which may change on the way. */
#define for_each_node_mask(node, mask) \
	for ((node) = first_node(mask); (node) < KMM_MAX_NUMNODES; (node) = next_node((node), (mask)))

/**
 * numa_node_id - the node of the CPU that the caller is thought to be on.
 * Context: any; the thread may be elsewhere when it returns.
 * Return:  0 to num_online_nodes() - 1; 0 before the start and after kmm_exit().
 * Source:  numa_node_id(), include/linux/topology.h, Linux 6.1.
 */
KMM_API int numa_node_id(void);

/**
 * numa_mem_id - the nearest node that has memory: numa_node_id(), because each node here has some. Context, Return: as there.
 * Source:  numa_mem_id(), include/linux/topology.h, Linux 6.1.
 */
static inline int numa_mem_id(void)
{
	return numa_node_id();
}

/**
 * num_online_nodes - how many nodes there are.
 * Context: any.
 * Return:  1 to 16; 1 before the start and after kmm_exit().
 * Source:  num_online_nodes(), include/linux/nodemask.h, Linux 6.1.
 */
KMM_API int num_online_nodes(void);

/** for_each_online_node - a loop over the nodes that there are. @node: an int. */
#define for_each_online_node(node) for ((node) = 0; (node) < num_online_nodes(); (node)++)

/**
 * cpu_to_node - the node that a CPU is near to.
 * @cpu:   its number, as raw_smp_processor_id() says it.
 * Context: any.
 * Return:  0 to num_online_nodes() - 1; 0 for a CPU that does not exist, before the start and after kmm_exit().
 * Source:  cpu_to_node(), include/linux/topology.h, Linux 6.1.
 */
KMM_API int cpu_to_node(int cpu);

/**
 * page_to_nid - the node of a page.
 * @page:  a page that the caller owns.
 * Context: any.
 * Return:  its node's number; 0 before the start and after kmm_exit().
 * Source:  page_to_nid(), include/linux/mm.h, Linux 6.1.
 */
KMM_API int page_to_nid(const struct page *page);

/**
 * alloc_pages_node - alloc_pages() from a node, or from the nodes nearest to it.
 * @nid:   a node, or NUMA_NO_NODE for the caller's.      @gfp: as for alloc_pages(). __GFP_THISNODE: from no other node.
 * @order: 0 to MAX_ORDER - 1.
 *
 * Context: as alloc_pages().
 * Return:  as alloc_pages(). NULL also for a node that does not exist (reported).
 * Source:  alloc_pages_node(), include/linux/gfp.h, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order);

/**
 * __alloc_pages - alloc_pages() from some nodes, the nearest to @preferred_nid first.
 * @gfp:   as for alloc_pages().      @order: 0 to MAX_ORDER - 1.
 * @preferred_nid: where to look first, or NUMA_NO_NODE.      @nodemask: where to look at all; NULL: on all nodes.
 *
 * A request that may use all reserves (see memalloc_noreclaim_save()) goes beyond the mask, as in the kernel.
 *
 * Context: as alloc_pages().
 * Return:  as alloc_pages_node().
 * Source:  __alloc_pages(), mm/page_alloc.c, Linux 6.1.
 */
KMM_API KMM_MUST_CHECK struct page *__alloc_pages(gfp_t gfp, unsigned int order, int preferred_nid,
						  const nodemask_t *nodemask);

/**
 * kmm_set_mems_allowed - the nodes that the process may take memory from, from now on.
 * @nodes: a mask; nodes that do not exist are ignored.
 *
 * What is in use elsewhere stays there. A request that would fail while the mask changes looks again. Requests that can
 * not wait (GFP_ATOMIC) may use other nodes, as in the kernel.
 *
 * Context: any thread, not a signal handler.
 * Return:  0; -EINVAL when no node would be left, and nothing has changed.
 * Source:  set_mems_allowed(), include/linux/cpuset.h, Linux 6.1: a cpuset of the whole process.
 */
KMM_API int kmm_set_mems_allowed(nodemask_t nodes);

KMM_END_DECLS

#endif /* KMM_NUMA_H */
