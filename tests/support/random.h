/* SPDX-License-Identifier: MIT
 * random.h - numbers that are the same in every run with the same seed.
 */
#ifndef KMM_TESTS_SUPPORT_RANDOM_H
#define KMM_TESTS_SUPPORT_RANDOM_H

#include <stdint.h>

struct test_random {
	uint64_t state;
};

/* A full-period step of a 64-bit counter, mixed so that each bit of the result depends on each bit of it. */
static inline uint64_t test_random_next(struct test_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A word in which each bit is set with a chance of 1 in 2^@halvings. */
static inline unsigned long test_random_sparse(struct test_random *random, unsigned int halvings)
{
	unsigned long word = ~0UL;

	while (halvings--)
		word &= (unsigned long)test_random_next(random);
	return word;
}

/* 0 <= result < @limit. */
static inline unsigned long test_random_below(struct test_random *random, unsigned long limit)
{
	return (unsigned long)(test_random_next(random) % limit);
}

#endif /* KMM_TESTS_SUPPORT_RANDOM_H */
