/* SPDX-License-Identifier: MIT
 * race.c - the hook behind KMM_RACE_POINT().
 *
 * Owns: kmm_race_hook, in builds that have race points.
 */
#include "base/race.h"

#if KMM_CONFIG_RACE_POINTS
void (*kmm_race_hook)(const char *point);
#endif
