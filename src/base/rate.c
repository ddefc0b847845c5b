/* SPDX-License-Identifier: MIT
 * rate.c - how often a report is shown. See rate.h.
 */
#include "base/rate.h"

#include <time.h>

#include "arch/arch.h"

static unsigned int now(void)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned int)ts.tv_sec;
}

bool rate_allows(struct kmm_rate *rate, unsigned int *missed)
{
	const unsigned int time = now();
	unsigned int shown = READ_ONCE(rate->nr_shown);

	if (!shown || time - READ_ONCE(rate->begin) >= rate->seconds) {
		WRITE_ONCE(rate->begin, time);
		shown = 0;
	}
	*missed = READ_ONCE(rate->nr_suppressed);
	if (shown >= rate->burst) {
		WRITE_ONCE(rate->nr_suppressed, *missed + 1);
		return false;
	}
	WRITE_ONCE(rate->nr_shown, shown + 1);
	WRITE_ONCE(rate->nr_suppressed, 0u);
	return true;
}

void rate_reset(struct kmm_rate *rate)
{
	WRITE_ONCE(rate->nr_shown, 0u);
	WRITE_ONCE(rate->nr_suppressed, 0u);
}
