/* SPDX-License-Identifier: MIT
 * pool.h - front header of the room for what is made from the allocators: counters, references, local locks, pools.
 *
 * Owns:   nothing; what each part has to do when the library starts and ends, and how a public structure, which holds no
 *         lock that a fork could leave taken, finds one of a few.
 */
#ifndef KMM_POOL_POOL_H
#define KMM_POOL_POOL_H

#include <stdint.h>

#define POOL_HASH_BITS 4
#define POOL_HASH_VALUES (1u << POOL_HASH_BITS)

/* A number below POOL_HASH_VALUES by the address of a structure: always the same, for neighbours different ones. */
static inline unsigned int pool_hash(const void *address)
{
	return ((uint32_t)((uintptr_t)address / 16) * 0x9e3779b1u) >> (32 - POOL_HASH_BITS);
}

/* The start of the library, when memory can be had and kmm_nr_cpu_ids is set. Cannot fail. */
void percpu_counter_start(void);
void percpu_ref_start(void);
void mempool_start(void);

/* Its end, when delayed work is stopped and the memory goes. Touches none of it. */
void percpu_ref_stop(void);

#endif /* KMM_POOL_POOL_H */
