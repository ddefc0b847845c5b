/* SPDX-License-Identifier: MIT
 * config.h - every build option, always defined, so that code writes `if (KMM_CONFIG_X)`.
 */
#ifndef KMM_BASE_CONFIG_H
#define KMM_BASE_CONFIG_H

/* 0: none; 1: O(1) checks; 2: list walks; 3: whole-cache validation. */
#ifndef KMM_CONFIG_CHECK
#define KMM_CONFIG_CHECK 0
#endif

/* KMM_RACE_POINT() calls the hook of a race test. Never on in an installed library. */
#ifndef KMM_CONFIG_RACE_POINTS
#define KMM_CONFIG_RACE_POINTS 0
#endif

#endif /* KMM_BASE_CONFIG_H */
