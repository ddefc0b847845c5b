/* SPDX-License-Identifier: MIT
 * kfree_rcu.c - objects are freed after a grace period, many at once.
 *
 * Each CPU has a page that takes the addresses of objects. A full one goes through a grace period at once, those of all CPUs
 * DRAIN_MS after the first object: then their objects are freed together. An object for which there is no room is queued on
 * its own by the rcu_head inside it; one that has none is freed by its caller, who waits.
 *
 * Owns:       the pages, from the first object to the end of their grace period.
 * Locks:      cpu->lock (rank 93), one a CPU, guards that CPU's page. Pages are asked for without it, and freed without it;
 *             a full one is queued under it, so that who empties all CPUs finds every object here or in the queue. Any
 *             thread may use any CPU's, so a busy lock sends it to the next one.
 * Invariants: K1  cpu->page is NULL or has room for one more
 *             K2  nr_pages is the number of CPUs with a page
 * Source:     kvfree_call_rcu(), struct kfree_rcu_cpu, kvfree_rcu_bulk_data, kernel/rcu/tree.c, Linux 6.1;
 *             kvfree_rcu_barrier(), mm/slab_common.c, Linux 6.12. Differs: see docs/design.md.
 */
#include "slub/kfree_rcu.h"

#include <errno.h>
#include <pthread.h>

#include <urcu/call-rcu.h>

#include <kmm/kmalloc.h>
#include <kmm/mm.h>
#include <kmm/rcu.h>

#include "arena/memblock.h"
#include "base/atomic.h"
#include "base/boot.h"
#include "base/fork.h"
#include "base/race.h"
#include "base/rcu.h"
#include "base/work.h"
#include "slub/slub_internal.h"

/* What has come within this time is freed together. */
#define DRAIN_MS 1000

struct bulk_page {
	struct kmm_rcu_head rcu; /* queued, no CPU's any more */
	unsigned int nr;
	void *objects[];
};

#define OBJECTS_PER_PAGE ((PAGE_SIZE - offsetof(struct bulk_page, objects)) / sizeof(void *))

struct kfree_rcu_cpu {
	struct kmm_lock lock;
	struct bulk_page *page; /* NULL: none yet; cpu lock */
} cacheline_aligned;

/* Users embed liburcu's type, and may give the same head to its call_rcu() in another life of the object. */
_Static_assert(sizeof(struct rcu_head) >= sizeof(struct kmm_rcu_head) &&
		       _Alignof(struct rcu_head) >= _Alignof(struct kmm_rcu_head),
	       "a head of liburcu's has room for one of ours");

static struct kfree_rcu_cpu *cpus; /* kmm_nr_cpu_ids of them */
static unsigned long nr_pages;     /* atomic: a hint for others */

static void free_page_objects(struct kmm_rcu_head *head)
{
	struct bulk_page *page = caa_container_of(head, struct bulk_page, rcu);

	kfree_bulk(page->nr, page->objects);
	free_page((unsigned long)(uintptr_t)page);
}

/* Caller: the cpu lock. */
static void queue_page_locked(struct kfree_rcu_cpu *cpu)
{
	kmm_assert_held(&cpu->lock);
	kmm_rcu_enqueue(&cpu->page->rcu, free_page_objects);
	cpu->page = NULL;
	atomic_sub_relaxed(&nr_pages, 1);
}

static void queue_all_pages(void)
{
	bool queued = false;

	for (unsigned int i = 0; i < kmm_nr_cpu_ids; i++) {
		kmm_lock(&cpus[i].lock);
		if (cpus[i].page) {
			queue_page_locked(&cpus[i]);
			queued = true;
		}
		kmm_unlock(&cpus[i].lock);
	}
	if (queued)
		kmm_rcu_kick();
}

static void drain(struct kmm_work *work)
{
	(void)work;
	queue_all_pages();
}

static struct kmm_work drain_work = KMM_WORK_INIT(drain);

/* This CPU's, or the next one's; if both are busy and @wait is not set, NULL. */
static struct kfree_rcu_cpu *lock_some_cpu(bool wait)
{
	const unsigned int id = raw_cpu_id(), next = id + 1 < kmm_nr_cpu_ids ? id + 1 : 0;

	if (likely(kmm_trylock(&cpus[id].lock)))
		return &cpus[id];
	if (next != id && kmm_trylock(&cpus[next].lock))
		return &cpus[next];
	if (!wait)
		return NULL;
	kmm_lock(&cpus[id].lock);
	return &cpus[id];
}

static struct bulk_page *new_page(void)
{
	struct bulk_page *page = (struct bulk_page *)(uintptr_t)__get_free_page(GFP_NOWAIT | __GFP_NOWARN);

	if (page)
		page->nr = 0;
	return page;
}

/* *@spare, where the CPU has no page, becomes its page. Caller: the cpu lock, and there is room, or a spare one. True: a page
 * was queued. */
static bool collect_locked(struct kfree_rcu_cpu *cpu, void *object, struct bulk_page **spare)
{
	kmm_assert_held(&cpu->lock);
	if (!cpu->page) {
		cpu->page = *spare;
		*spare = NULL;
		atomic_add_relaxed(&nr_pages, 1);
	}
	cpu->page->objects[cpu->page->nr++] = object;
	if (likely(cpu->page->nr < OBJECTS_PER_PAGE))
		return false;
	queue_page_locked(cpu);
	return true;
}

/* False: there is no page to be had, or, without @wait, no CPU. */
static bool collect(void *object, bool wait)
{
	struct kfree_rcu_cpu *cpu = lock_some_cpu(wait);
	struct bulk_page *spare = NULL;
	bool queued = false;

	if (cpu && unlikely(!cpu->page)) {
		kmm_unlock(&cpu->lock);
		spare = new_page();
		KMM_RACE_POINT("kfree_rcu:new-page");
		cpu = spare ? lock_some_cpu(wait) : NULL;
	}
	if (cpu) {
		KMM_RACE_POINT("kfree_rcu:locked");
		queued = collect_locked(cpu, object, &spare);
		kmm_unlock(&cpu->lock);
		if (unlikely(queued))
			kmm_rcu_kick();
		else
			kmm_work_schedule(&drain_work, DRAIN_MS);
	}
	if (unlikely(spare))
		free_page((unsigned long)(uintptr_t)spare);
	return cpu;
}

/* An object that has no room for a head. */
static void collect_or_wait(void *object)
{
	int saved_errno = errno, cancel_state;

	if (collect(object, true))
		return;
	/* A thread that is cancelled would leave liburcu locked. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	kmm_rcu_use();
	kmm_synchronize_rcu();
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;
	kfree(object);
}

KMM_API void kvfree_call_rcu(struct rcu_head *head, void *object)
{
	const uintptr_t offset = (uintptr_t)head - (uintptr_t)object;

	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return;
	/* Nothing can be in use: kfree() says so, or is silent after the end. */
	if (unlikely(kmm_boot_state() != KMM_RUNNING)) {
		kfree(object);
		return;
	}
	if (!head) {
		if (!KMM_WARN(!kmm_rcu_may_wait(), "sleeping function called inside a read-side section, object %p",
			      object))
			collect_or_wait(object);
		return;
	}
	if (KMM_WARN(offset >= KMM_RCU_OFFSETS, "rcu_head %p is not inside object %p", (void *)head, object))
		return;
	if (unlikely(!collect(object, false))) {
		kmm_rcu_enqueue_free((struct kmm_rcu_head *)head, offset);
		kmm_rcu_kick();
	}
}

KMM_API void kvfree_rcu_barrier(void)
{
	if (kmm_boot_state() != KMM_RUNNING)
		return;
	if (!KMM_WARN(!kmm_rcu_may_wait(), "sleeping function called inside a read-side section"))
		kmm_rcu_barrier();
}

static bool something_collected(void)
{
	return READ_ONCE(nr_pages);
}

static void free_object(void *object)
{
	kfree(object);
}

static const struct kmm_rcu_collector collector = {
	.pending = something_collected,
	.flush = queue_all_pages,
	.free = free_object,
};

static struct kmm_lock *lock_at(unsigned int i)
{
	return i < kmm_nr_cpu_ids ? &cpus[i].lock : NULL;
}

static const struct kmm_fork_handler fork_handler = { .rank = KMM_RANK_KFREE_RCU, .lock_at = lock_at };

int kfree_rcu_reserve(void)
{
	nr_pages = 0;
	cpus = memblock_alloc(kmm_nr_cpu_ids * sizeof(*cpus), _Alignof(struct kfree_rcu_cpu));
	if (!cpus)
		return -ENOMEM;
	for (unsigned int i = 0; i < kmm_nr_cpu_ids; i++)
		kmm_lock_init(&cpus[i].lock, KMM_RANK_KFREE_RCU, "kfree_rcu lock");
	return 0;
}

void kfree_rcu_start(void)
{
	kmm_rcu_collector_set(&collector);
	kmm_fork_register(&fork_handler);
}

void kfree_rcu_stop(void)
{
	kmm_rcu_collector_set(NULL);
	cpus = NULL;
}
