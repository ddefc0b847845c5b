/* SPDX-License-Identifier: MIT
 * vmstat.h - what is counted: the items of /proc/vmstat, of each zone and of each node.
 *
 * Owns:       the item lists, which are the one place that knows name and order; the calls that count.
 * Lock-free:  a change goes to this CPU's difference by an atomic add; the thread that brings it beyond the threshold takes
 *             it out by an exchange and adds it to the zone or node. No difference is lost or counted twice, whichever
 *             CPU a thread thinks it is on. All RELAXED: nothing is ordered by a counter.
 *             NR_FREE_PAGES and NR_FREE_CMA_PAGES change under zone->lock instead, and are exact there.
 * Source:     include/linux/vmstat.h, include/linux/mmzone.h, include/linux/vm_event_item.h, mm/vmstat.c, Linux 6.1.
 */
#ifndef KMM_BUDDY_VMSTAT_H
#define KMM_BUDDY_VMSTAT_H

#include "arch/arch.h"
#include "base/atomic.h"

struct zone;
struct pglist_data;

/* In the order of the kernel's text. X(enumerator, name) */
#define ZONE_STAT_ITEMS(X)                                \
	X(NR_FREE_PAGES, "nr_free_pages")                 \
	X(NR_ZONE_INACTIVE_ANON, "nr_zone_inactive_anon") \
	X(NR_ZONE_ACTIVE_ANON, "nr_zone_active_anon")     \
	X(NR_ZONE_INACTIVE_FILE, "nr_zone_inactive_file") \
	X(NR_ZONE_ACTIVE_FILE, "nr_zone_active_file")     \
	X(NR_ZONE_UNEVICTABLE, "nr_zone_unevictable")     \
	X(NR_ZONE_WRITE_PENDING, "nr_zone_write_pending") \
	X(NR_MLOCK, "nr_mlock")                           \
	X(NR_BOUNCE, "nr_bounce")                         \
	X(NR_FREE_CMA_PAGES, "nr_free_cma")

#define NODE_STAT_ITEMS(X)                                          \
	X(NR_INACTIVE_ANON, "nr_inactive_anon")                     \
	X(NR_ACTIVE_ANON, "nr_active_anon")                         \
	X(NR_INACTIVE_FILE, "nr_inactive_file")                     \
	X(NR_ACTIVE_FILE, "nr_active_file")                         \
	X(NR_UNEVICTABLE, "nr_unevictable")                         \
	X(NR_SLAB_RECLAIMABLE, "nr_slab_reclaimable")               \
	X(NR_SLAB_UNRECLAIMABLE, "nr_slab_unreclaimable")           \
	X(NR_ISOLATED_ANON, "nr_isolated_anon")                     \
	X(NR_ISOLATED_FILE, "nr_isolated_file")                     \
	X(WORKINGSET_NODES, "workingset_nodes")                     \
	X(WORKINGSET_REFAULT_ANON, "workingset_refault_anon")       \
	X(WORKINGSET_REFAULT_FILE, "workingset_refault_file")       \
	X(WORKINGSET_ACTIVATE_ANON, "workingset_activate_anon")     \
	X(WORKINGSET_ACTIVATE_FILE, "workingset_activate_file")     \
	X(WORKINGSET_RESTORE_ANON, "workingset_restore_anon")       \
	X(WORKINGSET_RESTORE_FILE, "workingset_restore_file")       \
	X(WORKINGSET_NODERECLAIM, "workingset_nodereclaim")         \
	X(NR_ANON_MAPPED, "nr_anon_pages")                          \
	X(NR_FILE_MAPPED, "nr_mapped")                              \
	X(NR_FILE_PAGES, "nr_file_pages")                           \
	X(NR_FILE_DIRTY, "nr_dirty")                                \
	X(NR_WRITEBACK, "nr_writeback")                             \
	X(NR_WRITEBACK_TEMP, "nr_writeback_temp")                   \
	X(NR_SHMEM, "nr_shmem")                                     \
	X(NR_SHMEM_THPS, "nr_shmem_hugepages")                      \
	X(NR_SHMEM_PMDMAPPED, "nr_shmem_pmdmapped")                 \
	X(NR_FILE_THPS, "nr_file_hugepages")                        \
	X(NR_FILE_PMDMAPPED, "nr_file_pmdmapped")                   \
	X(NR_ANON_THPS, "nr_anon_transparent_hugepages")            \
	X(NR_VMSCAN_WRITE, "nr_vmscan_write")                       \
	X(NR_VMSCAN_IMMEDIATE, "nr_vmscan_immediate_reclaim")       \
	X(NR_DIRTIED, "nr_dirtied")                                 \
	X(NR_WRITTEN, "nr_written")                                 \
	X(NR_THROTTLED_WRITTEN, "nr_throttled_written")             \
	X(NR_KERNEL_MISC_RECLAIMABLE, "nr_kernel_misc_reclaimable") \
	X(NR_FOLL_PIN_ACQUIRED, "nr_foll_pin_acquired")             \
	X(NR_FOLL_PIN_RELEASED, "nr_foll_pin_released")             \
	X(NR_KERNEL_STACK_KB, "nr_kernel_stack")                    \
	X(NR_PAGETABLE, "nr_page_table_pages")                      \
	X(NR_SEC_PAGE_TABLE_PAGES, "nr_sec_page_table_pages")       \
	X(NR_SWAPCACHE, "nr_swapcached")

/* The events of a zone are one item for each kind of zone, in the order of enum zone_type. */
#define VM_EVENT_ITEMS(X)                                                   \
	X(PGPGIN, "pgpgin")                                                 \
	X(PGPGOUT, "pgpgout")                                               \
	X(PSWPIN, "pswpin")                                                 \
	X(PSWPOUT, "pswpout")                                               \
	X(PGALLOC_DMA, "pgalloc_dma")                                       \
	X(PGALLOC_NORMAL, "pgalloc_normal")                                 \
	X(PGALLOC_MOVABLE, "pgalloc_movable")                               \
	X(ALLOCSTALL_DMA, "allocstall_dma")                                 \
	X(ALLOCSTALL_NORMAL, "allocstall_normal")                           \
	X(ALLOCSTALL_MOVABLE, "allocstall_movable")                         \
	X(PGSKIP_DMA, "pgskip_dma")                                         \
	X(PGSKIP_NORMAL, "pgskip_normal")                                   \
	X(PGSKIP_MOVABLE, "pgskip_movable")                                 \
	X(PGFREE, "pgfree")                                                 \
	X(PGACTIVATE, "pgactivate")                                         \
	X(PGDEACTIVATE, "pgdeactivate")                                     \
	X(PGLAZYFREE, "pglazyfree")                                         \
	X(PGFAULT, "pgfault")                                               \
	X(PGMAJFAULT, "pgmajfault")                                         \
	X(PGLAZYFREED, "pglazyfreed")                                       \
	X(PGREFILL, "pgrefill")                                             \
	X(PGREUSE, "pgreuse")                                               \
	X(PGSTEAL_KSWAPD, "pgsteal_kswapd")                                 \
	X(PGSTEAL_DIRECT, "pgsteal_direct")                                 \
	X(PGDEMOTE_KSWAPD, "pgdemote_kswapd")                               \
	X(PGDEMOTE_DIRECT, "pgdemote_direct")                               \
	X(PGSCAN_KSWAPD, "pgscan_kswapd")                                   \
	X(PGSCAN_DIRECT, "pgscan_direct")                                   \
	X(PGSCAN_DIRECT_THROTTLE, "pgscan_direct_throttle")                 \
	X(PGSCAN_ANON, "pgscan_anon")                                       \
	X(PGSCAN_FILE, "pgscan_file")                                       \
	X(PGSTEAL_ANON, "pgsteal_anon")                                     \
	X(PGSTEAL_FILE, "pgsteal_file")                                     \
	X(PGINODESTEAL, "pginodesteal")                                     \
	X(SLABS_SCANNED, "slabs_scanned")                                   \
	X(KSWAPD_INODESTEAL, "kswapd_inodesteal")                           \
	X(KSWAPD_LOW_WMARK_HIT_QUICKLY, "kswapd_low_wmark_hit_quickly")     \
	X(KSWAPD_HIGH_WMARK_HIT_QUICKLY, "kswapd_high_wmark_hit_quickly")   \
	X(PAGEOUTRUN, "pageoutrun")                                         \
	X(PGROTATED, "pgrotated")                                           \
	X(DROP_PAGECACHE, "drop_pagecache")                                 \
	X(DROP_SLAB, "drop_slab")                                           \
	X(OOM_KILL, "oom_kill")                                             \
	X(PGMIGRATE_SUCCESS, "pgmigrate_success")                           \
	X(PGMIGRATE_FAIL, "pgmigrate_fail")                                 \
	X(THP_MIGRATION_SUCCESS, "thp_migration_success")                   \
	X(THP_MIGRATION_FAIL, "thp_migration_fail")                         \
	X(THP_MIGRATION_SPLIT, "thp_migration_split")                       \
	X(COMPACT_MIGRATE_SCANNED, "compact_migrate_scanned")               \
	X(COMPACT_FREE_SCANNED, "compact_free_scanned")                     \
	X(COMPACT_ISOLATED, "compact_isolated")                             \
	X(COMPACTSTALL, "compact_stall")                                    \
	X(COMPACTFAIL, "compact_fail")                                      \
	X(COMPACTSUCCESS, "compact_success")                                \
	X(COMPACT_DAEMON_WAKE, "compact_daemon_wake")                       \
	X(COMPACT_DAEMON_MIGRATE_SCANNED, "compact_daemon_migrate_scanned") \
	X(COMPACT_DAEMON_FREE_SCANNED, "compact_daemon_free_scanned")       \
	X(UNEVICTABLE_PGS_CULLED, "unevictable_pgs_culled")                 \
	X(UNEVICTABLE_PGS_SCANNED, "unevictable_pgs_scanned")               \
	X(UNEVICTABLE_PGS_RESCUED, "unevictable_pgs_rescued")               \
	X(UNEVICTABLE_PGS_MLOCKED, "unevictable_pgs_mlocked")               \
	X(UNEVICTABLE_PGS_MUNLOCKED, "unevictable_pgs_munlocked")           \
	X(UNEVICTABLE_PGS_CLEARED, "unevictable_pgs_cleared")               \
	X(UNEVICTABLE_PGS_STRANDED, "unevictable_pgs_stranded")             \
	X(SWAP_RA, "swap_ra")                                               \
	X(SWAP_RA_HIT, "swap_ra_hit")

#define VMSTAT_ENUMERATOR(item, name) item,

enum zone_stat_item {
	ZONE_STAT_ITEMS(VMSTAT_ENUMERATOR) NR_VM_ZONE_STAT_TEXT_ITEMS, /* the items above have a line in the views */
	NR_ALLOC_BATCH = NR_VM_ZONE_STAT_TEXT_ITEMS, /* pages left of the zone's share in this fair round */
	NR_VM_ZONE_STAT_ITEMS,
};

enum node_stat_item { NODE_STAT_ITEMS(VMSTAT_ENUMERATOR) NR_VM_NODE_STAT_ITEMS };

enum vm_event_item { VM_EVENT_ITEMS(VMSTAT_ENUMERATOR) NR_VM_EVENT_ITEMS };

/* Names by item; zone items first, as far as they have one. */
extern const char *const zone_stat_names[NR_VM_ZONE_STAT_TEXT_ITEMS];
extern const char *const node_stat_names[NR_VM_NODE_STAT_ITEMS];
extern const char *const vm_event_names[NR_VM_EVENT_ITEMS];

/* Takes the differences and event counts of all CPUs from memblock. Before buddy_start(), after buddy's zones are laid out.
 * 0 or -ENOMEM. */
int vmstat_reserve(void);
/* Forgets them: what is counted before the next vmstat_reserve() is dropped. */
void vmstat_stop(void);

/* @delta in the item's unit, nearly always pages. Any thread, any lock. Not for the two items of zone->lock. */
void mod_zone_page_state(struct zone *zone, enum zone_stat_item item, long delta);
void mod_node_page_state(struct pglist_data *pgdat, enum node_stat_item item, long delta);
void count_vm_events(enum vm_event_item item, unsigned long delta);

/* Without the differences that were not folded yet, and never below 0; _snapshot: with them. */
unsigned long zone_page_state(const struct zone *zone, enum zone_stat_item item);
unsigned long zone_page_state_snapshot(const struct zone *zone, enum zone_stat_item item);
unsigned long node_page_state(const struct pglist_data *pgdat, enum node_stat_item item);
unsigned long node_page_state_snapshot(const struct pglist_data *pgdat, enum node_stat_item item);
/* Of all zones or nodes, with the differences. */
unsigned long global_zone_page_state(enum zone_stat_item item);
unsigned long global_node_page_state(enum node_stat_item item);
/* Event counts since the start, PGALLOC_* and PGFREE of zones and per-CPU lists included. */
void all_vm_events(unsigned long events[NR_VM_EVENT_ITEMS]);

/* Folds all differences into their zones and nodes: what the kernel's vmstat worker does. */
void refresh_vm_stats(void);

#endif /* KMM_BUDDY_VMSTAT_H */
