/* SPDX-License-Identifier: MIT
 * kmm/kmm.h - the whole public API in one include.
 */
#ifndef KMM_KMM_H
#define KMM_KMM_H

#include <kmm/contig.h>
#include <kmm/cpu.h>
#include <kmm/folio.h>
#include <kmm/gfp.h>
#include <kmm/hotplug.h>
#include <kmm/init.h>
#include <kmm/kmalloc.h>
#include <kmm/local_lock.h>
#include <kmm/memalloc.h>
#include <kmm/mempool.h>
#include <kmm/mm.h>
#include <kmm/numa.h>
#include <kmm/overflow.h>
#include <kmm/page_frag.h>
#include <kmm/page_ref.h>
#include <kmm/percpu.h>
#include <kmm/percpu_counter.h>
#include <kmm/percpu_refcount.h>
#include <kmm/rcu.h>
#include <kmm/slab.h>
#include <kmm/slab_attr.h>
#include <kmm/slab_create.h>
#include <kmm/smp.h>
#include <kmm/stats.h>
#include <kmm/string.h>
#include <kmm/usercopy.h>

#endif /* KMM_KMM_H */
