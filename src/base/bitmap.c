/* SPDX-License-Identifier: MIT
 * bitmap.c - runs of bits, a word at a time.
 *
 * Owns:   nothing: the map and its lock are the caller's.
 * Source: lib/bitmap.c, Linux 6.1.
 */
#include "arch/arch.h"
#include "base/bitmap.h"
#include "base/compiler.h"

/* Bits [from, to) of one word, 0 <= from < to <= BITS_PER_LONG. */
static unsigned long word_mask(unsigned long from, unsigned long to)
{
	return (~0UL << from) & (~0UL >> (BITS_PER_LONG - to));
}

/* Sets or clears a run: a mask for each word it touches. */
static void bitmap_fill(unsigned long *map, unsigned long start, unsigned long nr, bool value)
{
	unsigned long end = start + nr, word_end, mask;

	while (start < end) {
		word_end = min_of(end, ALIGN_DOWN(start, (unsigned long)BITS_PER_LONG) + BITS_PER_LONG);
		mask = word_mask(start % BITS_PER_LONG, (word_end - 1) % BITS_PER_LONG + 1);
		if (value)
			map[start / BITS_PER_LONG] |= mask;
		else
			map[start / BITS_PER_LONG] &= ~mask;
		start = word_end;
	}
}

void bitmap_set(unsigned long *map, unsigned long start, unsigned long nr)
{
	bitmap_fill(map, start, nr, true);
}

void bitmap_clear(unsigned long *map, unsigned long start, unsigned long nr)
{
	bitmap_fill(map, start, nr, false);
}

unsigned long bitmap_weight(const unsigned long *map, unsigned long nbits)
{
	unsigned long i, weight = 0;

	for (i = 0; i < nbits / BITS_PER_LONG; i++)
		weight += (unsigned long)__builtin_popcountl(map[i]);
	if (nbits % BITS_PER_LONG)
		weight += (unsigned long)__builtin_popcountl(map[i] & word_mask(0, nbits % BITS_PER_LONG));
	return weight;
}

unsigned long bitmap_find_next_zero_area(const unsigned long *map, unsigned long size, unsigned long start,
					 unsigned long nr, unsigned long align_mask)
{
	unsigned long used;

	for (;;) {
		start = (find_next_zero_bit(map, size, start) + align_mask) & ~align_mask;
		/* Not start + nr > size, which could wrap. */
		if (start >= size || nr > size - start)
			return size;
		used = find_next_bit(map, start + nr, start);
		if (used >= start + nr)
			return start;
		start = used + 1;
	}
}
