/* SPDX-License-Identifier: MIT
 * pool.h - front header of the room for what is made from the allocators: counters, references, local locks, pools.
 *
 * Owns:   nothing; what each part has to do when the library starts and ends.
 */
#ifndef KMM_POOL_POOL_H
#define KMM_POOL_POOL_H

/* The start of the library, when memory can be had and kmm_nr_cpu_ids is set. Cannot fail. */
void percpu_counter_start(void);
void percpu_ref_start(void);
void mempool_start(void);

/* Its end, when delayed work is stopped and the memory goes. Touches none of it. */
void percpu_ref_stop(void);

#endif /* KMM_POOL_POOL_H */
