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

/**
 * numa_node_id - the node of the CPU that the caller is thought to be on.
 * Context: any; the thread may be elsewhere when it returns.
 * Return:  0 to num_online_nodes() - 1; 0 before the start and after kmm_exit().
 * Source:  numa_node_id(), include/linux/topology.h, Linux 6.1.
 */
KMM_API int numa_node_id(void);

/**
 * num_online_nodes - how many nodes there are.
 * Context: any.
 * Return:  1 to 16; 1 before the start and after kmm_exit().
 * Source:  num_online_nodes(), include/linux/nodemask.h, Linux 6.1.
 */
KMM_API int num_online_nodes(void);

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
