/* SPDX-License-Identifier: MIT
 * kmalloc.h - the size classes behind kmalloc().
 *
 * Source: kmalloc_info[], kmalloc_slab(), create_kmalloc_caches(), mm/slab_common.c, Linux 6.1.
 */
#ifndef KMM_SLUB_KMALLOC_H
#define KMM_SLUB_KMALLOC_H

#include "slub/slub_internal.h"

#define KMALLOC_SHIFT_LOW 3
#define KMALLOC_SHIFT_HIGH 13

enum kmalloc_cache_type {
	KMALLOC_NORMAL,
	NR_KMALLOC_TYPES,
};

/* By index: 1 is 96 bytes, 2 is 192, any other i is 2^i. NULL before the start. */
extern struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];

/* The index of the class for @size bytes, 1 to KMALLOC_MAX_CACHE_SIZE. */
unsigned int kmalloc_index(size_t size);

/* Bytes of class @index; 0 for an index that is no class. */
unsigned int kmalloc_class_size(unsigned int index);

#endif /* KMM_SLUB_KMALLOC_H */
