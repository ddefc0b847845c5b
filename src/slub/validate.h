/* SPDX-License-Identifier: MIT
 * validate.h - the proof of the invariants of slub_internal.h, for who holds slab_mutex.
 */
#ifndef KMM_SLUB_VALIDATE_H
#define KMM_SLUB_VALIDATE_H

#include "slub/slub_internal.h"

/* The first thing that was found wrong. */
struct slub_finding {
	const char *invariant; /* its name; NULL: nothing was found */
	const char *condition; /* what does not hold */
	char cache[64];        /* the beginning of its name */
};

/* Proves the invariants of one cache, unless something was found before. Nobody else is inside it, the library's own thread
 * included (kmm_work_pause()). Takes the locks of CPUs and nodes. */
void validate_cache(const struct kmem_cache *s, struct slub_finding *finding);

/* Reports what was found, if anything: a BUG. No lock is held, for the report may not return. */
void slub_finding_report(const struct slub_finding *finding);

#endif /* KMM_SLUB_VALIDATE_H */
