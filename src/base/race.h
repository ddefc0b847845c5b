/* SPDX-License-Identifier: MIT
 * race.h - named points inside lock-free code where a test can stop a thread.
 *
 * Compiled to nothing unless KMM_CONFIG_RACE_POINTS is 1: only test builds of the library have them.
 */
#ifndef KMM_BASE_RACE_H
#define KMM_BASE_RACE_H

#include "base/config.h"

#if KMM_CONFIG_RACE_POINTS
/* NULL, or called with the point's name by every thread that passes one. Set while no other thread runs. */
extern void (*kmm_race_hook)(const char *point);
#define KMM_RACE_POINT(point)                 \
	do {                                  \
		if (kmm_race_hook)            \
			kmm_race_hook(point); \
	} while (0)
#else
#define KMM_RACE_POINT(point) ((void)0)
#endif

#endif /* KMM_BASE_RACE_H */
