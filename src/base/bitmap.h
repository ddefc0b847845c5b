/* SPDX-License-Identifier: MIT
 * bitmap.h - runs of bits in arrays of unsigned long. Not atomic: the caller's lock guards the map.
 *
 * Source: lib/bitmap.c, Linux 6.1 (names and meaning).
 */
#ifndef KMM_BASE_BITMAP_H
#define KMM_BASE_BITMAP_H

#include <stdbool.h>

#define BITS_PER_LONG (8 * (unsigned int)sizeof(unsigned long))
#define BITS_TO_LONGS(nr) (((nr) + BITS_PER_LONG - 1) / BITS_PER_LONG)

void bitmap_set(unsigned long *map, unsigned long start, unsigned long nr);
void bitmap_clear(unsigned long *map, unsigned long start, unsigned long nr);
unsigned long bitmap_weight(const unsigned long *map, unsigned long nbits);

/* First bit of a run of @nr zeros at or after @start, aligned by @align_mask; @size or more when there is none. */
unsigned long bitmap_find_next_zero_area(const unsigned long *map, unsigned long size, unsigned long start,
					 unsigned long nr, unsigned long align_mask);

static inline bool bitmap_test(const unsigned long *map, unsigned long bit)
{
	return (map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG)) & 1;
}

#endif /* KMM_BASE_BITMAP_H */
