/* SPDX-License-Identifier: MIT
 * split.h - a block that was handed out becomes pages of their own.
 *
 * Owns: nothing; see split.c. All for a block of 2^@order pages that is not compound and is the caller's.
 */
#ifndef KMM_BUDDY_SPLIT_H
#define KMM_BUDDY_SPLIT_H

#include "buddy/buddy_internal.h"

/* Its first @nr_kept pages become pages of order 0 with a reference each, at least one; the others are given back. */
void split_block(struct page *page, unsigned int order, unsigned long nr_kept);

/* All pages from number @nr_kept on, at least 1, are given back. The pages before are not touched. */
void free_block_rest(struct page *page, unsigned int order, unsigned long nr_kept);

#endif /* KMM_BUDDY_SPLIT_H */
