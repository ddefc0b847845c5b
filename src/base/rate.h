/* SPDX-License-Identifier: MIT
 * rate.h - reports that could come by the thousand are shown a few times a while, and counted for the rest.
 *
 * Owns:      struct kmm_rate, which is static where it is used.
 * Lock-free: all reads and writes are RELAXED. Two threads may show one report too many; nothing hangs on it.
 * Source:    include/linux/ratelimit.h, Linux 6.1 (the idea).
 */
#ifndef KMM_BASE_RATE_H
#define KMM_BASE_RATE_H

#include <stdbool.h>

/* At most @burst reports in @seconds. */
struct kmm_rate {
	unsigned int burst, seconds;
	unsigned int nr_shown;      /* since @begin */
	unsigned int nr_suppressed; /* since the last one shown */
	unsigned int begin;         /* seconds of the monotonic clock */
};

/* May one more be shown? @missed: how many were not, since the last time. */
bool rate_allows(struct kmm_rate *rate, unsigned int *missed);

/* For a new start of the library. */
void rate_reset(struct kmm_rate *rate);

#endif /* KMM_BASE_RATE_H */
