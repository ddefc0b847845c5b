/* SPDX-License-Identifier: MIT
 * kmm/memalloc.h - scopes: what holds for every request of this thread until the scope ends.
 *
 * Owns:   the memalloc_*_save() and _restore() pairs. Scopes nest; each restore is given what its save returned.
 * Source: include/linux/sched/mm.h, Linux 6.1.
 */
#ifndef KMM_MEMALLOC_H
#define KMM_MEMALLOC_H

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * memalloc_noreclaim_save - from here on this thread's requests may use all reserves, and never reclaim.
 *
 * For a thread that is about to free more memory than it takes.
 *
 * Context: any thread; the scope is the thread's own.
 * Return:  what memalloc_noreclaim_restore() needs to end the scope.
 * Source:  memalloc_noreclaim_save(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API unsigned int memalloc_noreclaim_save(void);
/**
 * memalloc_noreclaim_restore - ends the scope. @flags: what its save returned. Context: as the save.
 * Source:  memalloc_noreclaim_restore(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API void memalloc_noreclaim_restore(unsigned int flags);

/**
 * memalloc_nofs_save - from here on this thread's requests are without __GFP_FS.
 * Context: any thread; the scope is the thread's own.
 * Return:  what memalloc_nofs_restore() needs to end the scope.
 * Source:  memalloc_nofs_save(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API unsigned int memalloc_nofs_save(void);
/**
 * memalloc_nofs_restore - ends the scope. @flags: what its save returned. Context: as the save.
 * Source:  memalloc_nofs_restore(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API void memalloc_nofs_restore(unsigned int flags);

/**
 * memalloc_noio_save - from here on this thread's requests are without __GFP_IO and __GFP_FS.
 * Context: any thread; the scope is the thread's own.
 * Return:  what memalloc_noio_restore() needs to end the scope.
 * Source:  memalloc_noio_save(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API unsigned int memalloc_noio_save(void);
/**
 * memalloc_noio_restore - ends the scope. @flags: what its save returned. Context: as the save.
 * Source:  memalloc_noio_restore(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API void memalloc_noio_restore(unsigned int flags);

/**
 * memalloc_pin_save - from here on this thread's movable requests are not served from CMA: the pages will stay for long.
 * Context: any thread; the scope is the thread's own.
 * Return:  what memalloc_pin_restore() needs to end the scope.
 * Source:  memalloc_pin_save(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API unsigned int memalloc_pin_save(void);
/**
 * memalloc_pin_restore - ends the scope. @flags: what its save returned. Context: as the save.
 * Source:  memalloc_pin_restore(), include/linux/sched/mm.h, Linux 6.1.
 */
KMM_API void memalloc_pin_restore(unsigned int flags);

KMM_END_DECLS

#endif /* KMM_MEMALLOC_H */
