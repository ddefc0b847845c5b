/* SPDX-License-Identifier: MIT
 * percpu_ref.c - references counted by each CPU, until the count has to be known.
 *
 * Owns:       the counts and the mode of every ref, the refs that are switching to ATOMIC mode.
 * Locks:      switches.lock (rank 96) guards the mode of all refs, the list of those that switch, and their states. A leaf:
 *             nothing is allocated, freed, scheduled or called back under it.
 * Lock-free:  get and put read the mode inside a read-side section and count where it tells them; see count_of().
 *             ABA: counts are sums; what a thread adds is right whatever others added before.
 * Invariants: R1  in PERCPU mode the number of references is data->count - BIAS + the counts of all CPUs, modulo the
 *                 size of a long; in ATOMIC mode it is data->count, less BIAS and plus the CPUs' counts while the ref
 *                 waits for its grace period
 *             R2  a ref is in switches.list exactly while its state is not IDLE, and has a reference for that
 *             R3  while a ref waits, a thread is switching, the work is scheduled, or switches.stalled is set
 *             R4  one thread at a time makes switches; only it takes refs out of the list
 *
 *             to ATOMIC           synchronize      counts added        confirmed
 *       IDLE -----------> WAITING ----------> GRACE ----------> CONFIRMING ------> IDLE
 *                                                                   |               ^
 *                                                                   +-> CONFIRMED --+     child of fork
 *
 * Source:     lib/percpu-refcount.c, Linux 6.1. Differs: one grace period for all refs that wait, by delayed work.
 */
#include <errno.h>
#include <pthread.h>

#include <urcu/list.h>

#include <kmm/percpu.h>
#include <kmm/percpu_refcount.h>
#include <kmm/slab.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/fork.h"
#include "base/lock.h"
#include "base/race.h"
#include "base/rcu.h"
#include "base/report.h"
#include "base/work.h"
#include "percpu/percpu.h"
#include "pool/pool.h"

#define FLAGS ((unsigned long)__PERCPU_REF_ATOMIC_DEAD)

/* Keeps the common count from 0 while it is not the whole: half of the range, so that neither sign brings it there. */
#define BIAS (1UL << (8 * sizeof(long) - 1))

enum switch_state {
	IDLE,
	WAITING,    /* for somebody to wait for a grace period */
	GRACE,      /* for that grace period */
	CONFIRMING, /* the switching thread calls back */
	CONFIRMED,  /* in the child of a fork: another thread did */
};

struct percpu_ref_data {
	unsigned long count; /* references; see R1 */
	percpu_ref_func_t *release;
	percpu_ref_func_t *confirm; /* of the latest switch, or NULL; switch lock */
	struct percpu_ref *ref;
	struct cds_list_head node; /* in switches.list; switch lock */
	enum switch_state state;   /* switch lock */
	bool force_atomic;         /* stays in ATOMIC mode when it is brought back; switch lock */
	bool allow_reinit;         /* may be brought back; the counts stay allocated */
};

static void switch_on_worker(struct kmm_work *work);

static struct {
	struct kmm_lock lock;
	pthread_cond_t changed; /* the state of some ref */
	struct cds_list_head list;
	bool busy;               /* a thread makes switches, and will look at the list again */
	bool stalled;            /* refs wait and nobody is there for them; written under the lock */
	pthread_t thread;        /* while busy: which one */
	unsigned int generation; /* another one in the child of a fork */
	struct kmm_work work;
} switches = {
	.lock = KMM_LOCK_INIT(KMM_RANK_REF, "percpu_ref switch lock"),
	.changed = PTHREAD_COND_INITIALIZER,
	.list = CDS_LIST_HEAD_INIT(switches.list),
	.work = KMM_WORK_INIT(switch_on_worker),
};

/* What is left to do when the lock is dropped. */
struct later {
	percpu_ref_func_t *confirm;
	bool kick;
};

/* Counting */

/*
 * The per-CPU counts, or NULL in ATOMIC mode, and for a ref that is not initialised.
 * Inside a read-side section: a thread that read PERCPU has added before the grace period of the next switch is over,
 * so the sum has it. The address depends on what was read, which orders an addition behind the zeros that were stored before
 * the mode; pairs with the RELEASE in to_percpu_locked().
 */
static unsigned long __percpu *count_of(const struct percpu_ref *ref)
{
	const unsigned long ptr = READ_ONCE(ref->percpu_count_ptr);

	return likely(!(ptr & FLAGS)) ? (unsigned long __percpu *)ptr : NULL;
}

static bool is_there(const char *caller, const struct percpu_ref *ref)
{
	return !KMM_WARN_AS(caller, !ref->data, "ref %p is not initialised, or gone", (const void *)ref);
}

static void kick(bool must_wait);

/* Ends every call in ATOMIC mode, outside its read-side section. RELAXED hint: only the child of a fork depends on it, where
 * one thread wrote it and went on. */
static void take_up_stalled(void)
{
	if (unlikely(READ_ONCE(switches.stalled)))
		kick(false);
}

/* RELAXED: who gets a reference has one, or gets it from where the object is found. */
static bool get_unless_zero(struct percpu_ref_data *data, unsigned long nr)
{
	unsigned long count = READ_ONCE(data->count);

	do {
		if (!count)
			return false;
	} while (!atomic_cmpxchg_acquire(&data->count, &count, count + nr));
	return true;
}

void percpu_ref_get_many(struct percpu_ref *ref, unsigned long nr)
{
	unsigned long __percpu *counts;

	kmm_rcu_read_lock();
	counts = count_of(ref);
	if (likely(counts)) {
		KMM_RACE_POINT("percpu_ref: mode read");
		arch_this_cpu_add(percpu_instance(counts, raw_smp_processor_id()), nr);
	} else if (is_there(__func__, ref)) {
		atomic_add_relaxed(&ref->data->count, nr);
	}
	kmm_rcu_read_unlock();
	if (unlikely(!counts))
		take_up_stalled();
}

bool percpu_ref_tryget_many(struct percpu_ref *ref, unsigned long nr)
{
	unsigned long __percpu *counts;
	bool got = true;

	kmm_rcu_read_lock();
	counts = count_of(ref);
	if (likely(counts)) {
		KMM_RACE_POINT("percpu_ref: mode read");
		arch_this_cpu_add(percpu_instance(counts, raw_smp_processor_id()), nr);
	} else {
		got = is_there(__func__, ref) && get_unless_zero(ref->data, nr);
	}
	kmm_rcu_read_unlock();
	if (unlikely(!counts))
		take_up_stalled();
	return got;
}

/* Inside a read-side section. */
static bool tryget_live(const char *caller, struct percpu_ref *ref)
{
	unsigned long __percpu *counts = count_of(ref);

	if (likely(counts)) {
		KMM_RACE_POINT("percpu_ref: mode read");
		arch_this_cpu_add(percpu_instance(counts, raw_smp_processor_id()), 1UL);
		return true;
	}
	return is_there(caller, ref) && !percpu_ref_is_dying(ref) && get_unless_zero(ref->data, 1);
}

bool percpu_ref_tryget_live_rcu(struct percpu_ref *ref)
{
	if (KMM_CONFIG_CHECK)
		KMM_WARN(!kmm_rcu->read_ongoing(), "not inside a read-side section");
	return tryget_live(__func__, ref);
}

bool percpu_ref_tryget_live(struct percpu_ref *ref)
{
	bool got;

	kmm_rcu_read_lock();
	got = tryget_live(__func__, ref);
	kmm_rcu_read_unlock();
	take_up_stalled();
	return got;
}

void percpu_ref_put_many(struct percpu_ref *ref, unsigned long nr)
{
	percpu_ref_func_t *release = NULL;
	unsigned long __percpu *counts;

	kmm_rcu_read_lock();
	counts = count_of(ref);
	if (likely(counts)) {
		KMM_RACE_POINT("percpu_ref: mode read");
		/* RELEASE, for those who do not see the order that a grace period makes; pairs with fold_locked(). */
		atomic_sub_release(percpu_instance(counts, raw_smp_processor_id()), nr);
	} else if (is_there(__func__, ref)) {
		/* Read first: after the last put, others may take it from here. */
		release = ref->data->release;
		/* RELEASE and ACQUIRE: what all others did before their puts is seen by release(). */
		if (atomic_sub_acq_rel(&ref->data->count, nr))
			release = NULL;
	}
	kmm_rcu_read_unlock();
	if (unlikely(!counts)) {
		if (release)
			release(ref);
		take_up_stalled();
	}
}

/* Switching */

/* ACQUIRE; pairs with the RELEASE in percpu_ref_put_many(), and is handed on by that of the addition. */
static void fold_locked(struct percpu_ref_data *data)
{
	unsigned long __percpu *counts = (unsigned long __percpu *)(data->ref->percpu_count_ptr & ~FLAGS);
	unsigned long sum = 0, count;
	unsigned int cpu;

	/* All of it at once: a part of the CPUs may have more puts than gets. */
	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		sum += smp_load_acquire(percpu_instance(counts, cpu));
	count = atomic_add_release(&data->count, sum - BIAS);
	KMM_WARN_AS("percpu_ref", (long)count <= 0, "ref %p has %ld references after switching to atomic",
		    (void *)data->ref, (long)count);
}

/* The reference of a switch. The lock keeps the mode, so this needs no read-side section. True: it was the last one. */
static bool drop_locked(struct percpu_ref *ref)
{
	unsigned long __percpu *counts = count_of(ref);

	if (counts) {
		atomic_sub_release(percpu_instance(counts, raw_smp_processor_id()), 1UL);
		return false;
	}
	return !atomic_sub_acq_rel(&ref->data->count, 1UL);
}

/* The counts of a ref that never goes back to PERCPU mode; NULL when it may, and when they are taken. */
static void __percpu *take_counts_locked(struct percpu_ref *ref)
{
	const unsigned long ptr = ref->percpu_count_ptr;

	if (ref->data->allow_reinit)
		return NULL;
	WRITE_ONCE(ref->percpu_count_ptr, ptr & FLAGS);
	return (void __percpu *)(ptr & ~FLAGS);
}

/* The grace period of @data is over, or the rest was done before a fork. Drops the lock for callbacks; after the last of
 * them @data may be gone. False: in the child of a fork that a callback made, where this thread is no switcher any more. */
static bool complete_locked(struct percpu_ref_data *data)
{
	const unsigned int generation = switches.generation;
	struct percpu_ref *const ref = data->ref;
	percpu_ref_func_t *const release = data->release, *const confirm = data->confirm;
	void __percpu *counts = NULL;
	bool zero;

	if (data->state == GRACE) {
		fold_locked(data);
		data->state = CONFIRMING;
		if (confirm) {
			kmm_unlock(&switches.lock);
			confirm(ref);
			kmm_lock(&switches.lock);
			if (switches.generation != generation)
				return false;
		}
	}
	/* It waits if the callback began another switch. */
	if (data->state != WAITING) {
		cds_list_del(&data->node);
		data->state = IDLE;
		counts = take_counts_locked(ref);
	}
	zero = drop_locked(ref);
	pthread_cond_broadcast(&switches.changed);
	kmm_unlock(&switches.lock);
	free_percpu(counts);
	if (zero)
		release(ref);
	kmm_lock(&switches.lock);
	return switches.generation == generation;
}

/* The first one to be completed; NULL: none. Of those before it callbacks are being made. */
static struct percpu_ref_data *next_ready_locked(void)
{
	struct percpu_ref_data *data;

	cds_list_for_each_entry(data, &switches.list, node) {
		if (data->state == GRACE || data->state == CONFIRMED)
			return data;
	}
	return NULL;
}

/* All that wait from now on share a grace period, which is to begin after this. True: there are some, or some are ready. */
static bool begin_grace_locked(void)
{
	struct percpu_ref_data *data;

	cds_list_for_each_entry(data, &switches.list, node) {
		if (data->state == WAITING)
			data->state = GRACE;
	}
	return next_ready_locked();
}

/* Until no ref waits. If another thread is at it already, that one does. No lock held, not in a read-side section. */
static void switch_all(void)
{
	struct percpu_ref_data *data;
	int cancel_state;

	kmm_lock(&switches.lock);
	if (switches.busy) {
		kmm_unlock(&switches.lock);
		return;
	}
	/* A thread that is cancelled in the wait or in a callback would leave liburcu locked and nobody to switch. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	switches.busy = true;
	switches.thread = pthread_self();
	while (begin_grace_locked()) {
		kmm_unlock(&switches.lock);
		kmm_synchronize_rcu();
		kmm_lock(&switches.lock);
		while ((data = next_ready_locked())) {
			if (!complete_locked(data))
				goto out;
		}
	}
	switches.busy = false;
out:
	kmm_unlock(&switches.lock);
	pthread_setcancelstate(cancel_state, NULL);
}

static void switch_on_worker(struct kmm_work *work)
{
	(void)work;
	kmm_rcu_thread_begin();
	switch_all();
	kmm_rcu_thread_end();
}

static void set_stalled(bool stalled)
{
	kmm_lock(&switches.lock);
	WRITE_ONCE(switches.stalled, stalled && !cds_list_empty(&switches.list));
	kmm_unlock(&switches.lock);
}

/* Sees to it that somebody makes the switches that wait. @must_wait: where there is no worker this thread waits, or says
 * why it cannot; otherwise the next call tries again. No lock held; no ref is touched. */
static void kick(bool must_wait)
{
	set_stalled(false); /* before anything is tried: whoever fails after this says so again */
	if (kmm_work_schedule_sure(&switches.work, 0))
		return;
	if (kmm_rcu_may_wait()) {
		switch_all();
	} else {
		KMM_WARN_AS("percpu_ref", must_wait,
			    "without a thread of the library, a switch cannot be made inside "
			    "a read-side section");
		set_stalled(true);
	}
}

/* Does this thread make switches, so that the call comes from a callback? */
static bool in_callback_locked(void)
{
	return switches.busy && pthread_equal(switches.thread, pthread_self());
}

/* A callback waits for @data: nobody else can make its switch. Drops the lock. */
static void complete_now_locked(struct percpu_ref_data *data)
{
	const unsigned int generation = switches.generation;

	if (data->state == WAITING) {
		data->state = GRACE;
		kmm_unlock(&switches.lock);
		kmm_synchronize_rcu();
		kmm_lock(&switches.lock);
	}
	if (switches.generation == generation)
		complete_locked(data);
}

/* Until no switch of @data is under way but the one in whose confirmation we are. Drops the lock. */
static void wait_idle_locked(struct percpu_ref_data *data)
{
	bool kicked = false, was_online;

	while (data->state != IDLE) {
		if (in_callback_locked()) {
			if (data->state == CONFIRMING)
				return;
			complete_now_locked(data);
		} else if (switches.stalled && !kicked) {
			kmm_unlock(&switches.lock);
			kick(true);
			kicked = true;
			kmm_lock(&switches.lock);
		} else {
			/* Who switches is in a grace period, which is not to wait for us. */
			was_online = kmm_rcu_wait_begin();
			kmm_lock_wait(&switches.lock, &switches.changed, NULL);
			kmm_rcu_wait_end(was_online);
		}
	}
}

static void to_percpu_locked(const char *caller, struct percpu_ref *ref)
{
	const unsigned long ptr = ref->percpu_count_ptr;
	unsigned long __percpu *counts = (unsigned long __percpu *)(ptr & ~FLAGS);
	unsigned int cpu;

	if (!(ptr & __PERCPU_REF_ATOMIC))
		return;
	if (KMM_WARN_AS(caller, !ref->data->allow_reinit, "ref %p has no PERCPU_REF_ALLOW_REINIT", (void *)ref))
		return;
	atomic_add_relaxed(&ref->data->count, BIAS);
	for (cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		WRITE_ONCE(*percpu_instance(counts, cpu), 0UL);
	/* RELEASE: who sees the mode counts on from these zeros; pairs with count_of(). */
	smp_store_release(&ref->percpu_count_ptr, ptr & ~(unsigned long)__PERCPU_REF_ATOMIC);
}

static struct later to_atomic_locked(struct percpu_ref *ref, percpu_ref_func_t *confirm)
{
	struct percpu_ref_data *data = ref->data;

	if (ref->percpu_count_ptr & __PERCPU_REF_ATOMIC)
		return (struct later){ .confirm = confirm };
	WRITE_ONCE(ref->percpu_count_ptr, ref->percpu_count_ptr | __PERCPU_REF_ATOMIC);
	atomic_add_relaxed(&data->count, 1UL);
	data->confirm = confirm;
	if (data->state != IDLE)
		cds_list_del(&data->node);
	data->state = WAITING;
	cds_list_add_tail(&data->node, &switches.list);
	return (struct later){ .kick = true };
}

/* To the mode that its flags ask for, when the switch that may be under way is done. */
static struct later switch_mode_locked(const char *caller, struct percpu_ref *ref, percpu_ref_func_t *confirm)
{
	wait_idle_locked(ref->data);
	if (ref->data->force_atomic || percpu_ref_is_dying(ref))
		return to_atomic_locked(ref, confirm);
	to_percpu_locked(caller, ref);
	return (struct later){ .kick = false };
}

static void switch_mode(const char *caller, struct percpu_ref *ref, bool force_atomic, percpu_ref_func_t *confirm)
{
	struct later later;

	if (!is_there(caller, ref))
		return;
	kmm_lock(&switches.lock);
	ref->data->force_atomic = force_atomic;
	later = switch_mode_locked(caller, ref, confirm);
	kmm_unlock(&switches.lock);
	if (later.confirm)
		later.confirm(ref);
	if (later.kick)
		kick(true);
}

void percpu_ref_switch_to_atomic(struct percpu_ref *ref, percpu_ref_func_t *confirm_switch)
{
	switch_mode(__func__, ref, true, confirm_switch);
}

void percpu_ref_switch_to_atomic_sync(struct percpu_ref *ref)
{
	if (!is_there(__func__, ref))
		return;
	switch_mode(__func__, ref, true, NULL);
	kmm_lock(&switches.lock);
	wait_idle_locked(ref->data);
	kmm_unlock(&switches.lock);
}

void percpu_ref_switch_to_percpu(struct percpu_ref *ref)
{
	switch_mode(__func__, ref, false, NULL);
}

/* Life */

static void add_flags_locked(struct percpu_ref *ref, unsigned long flags)
{
	WRITE_ONCE(ref->percpu_count_ptr, ref->percpu_count_ptr | flags);
}

void percpu_ref_kill_and_confirm(struct percpu_ref *ref, percpu_ref_func_t *confirm_kill)
{
	struct later later;

	if (!is_there(__func__, ref))
		return;
	kmm_lock(&switches.lock);
	if (percpu_ref_is_dying(ref)) {
		kmm_unlock(&switches.lock);
		KMM_WARN(true, "called more than once on ref %p", (void *)ref);
		return;
	}
	add_flags_locked(ref, __PERCPU_REF_DEAD);
	later = switch_mode_locked(__func__, ref, confirm_kill);
	kmm_unlock(&switches.lock);
	if (later.confirm)
		later.confirm(ref);
	percpu_ref_put(ref);
	if (later.kick)
		kick(true);
}

void percpu_ref_resurrect(struct percpu_ref *ref)
{
	struct later later;

	if (!is_there(__func__, ref))
		return;
	kmm_lock(&switches.lock);
	if (!percpu_ref_is_dying(ref)) {
		kmm_unlock(&switches.lock);
		KMM_WARN(true, "ref %p is alive", (void *)ref);
		return;
	}
	WRITE_ONCE(ref->percpu_count_ptr, ref->percpu_count_ptr & ~(unsigned long)__PERCPU_REF_DEAD);
	/* A dead one is in ATOMIC mode. */
	atomic_add_relaxed(&ref->data->count, 1UL);
	later = switch_mode_locked(__func__, ref, NULL);
	kmm_unlock(&switches.lock);
	if (later.kick)
		kick(true);
}

void percpu_ref_reinit(struct percpu_ref *ref)
{
	if (KMM_WARN(!percpu_ref_is_zero(ref), "ref %p has references", (void *)ref))
		return;
	percpu_ref_resurrect(ref);
}

bool percpu_ref_is_zero(struct percpu_ref *ref)
{
	unsigned long count;

	if (count_of(ref))
		return false;
	take_up_stalled();
	/* Against percpu_ref_exit(). */
	kmm_lock(&switches.lock);
	if (ref->data)
		count = READ_ONCE(ref->data->count);
	else
		count = ref->percpu_count_ptr >> __PERCPU_REF_FLAG_BITS;
	kmm_unlock(&switches.lock);
	return count == 0;
}

int percpu_ref_init(struct percpu_ref *ref, percpu_ref_func_t *release, unsigned int flags, gfp_t gfp)
{
	unsigned long __percpu *counts = alloc_percpu_gfp(unsigned long, gfp);
	struct percpu_ref_data *data = counts ? kzalloc(sizeof(*data), gfp) : NULL;

	ref->percpu_count_ptr = 0;
	ref->data = NULL;
	if (!data) {
		free_percpu(counts);
		return -ENOMEM;
	}
	kmm_rcu_use();
	if (flags & PERCPU_REF_INIT_DEAD)
		flags |= PERCPU_REF_INIT_ATOMIC;
	data->force_atomic = flags & PERCPU_REF_INIT_ATOMIC;
	data->allow_reinit = flags & (PERCPU_REF_INIT_ATOMIC | PERCPU_REF_ALLOW_REINIT);
	data->count = (data->force_atomic ? 0 : BIAS) + (flags & PERCPU_REF_INIT_DEAD ? 0 : 1);
	data->release = release;
	data->ref = ref;
	ref->data = data;
	ref->percpu_count_ptr = (unsigned long)counts | (data->force_atomic ? __PERCPU_REF_ATOMIC : 0) |
				(flags & PERCPU_REF_INIT_DEAD ? __PERCPU_REF_DEAD : 0);
	return 0;
}

void percpu_ref_exit(struct percpu_ref *ref)
{
	struct percpu_ref_data *data;
	void __percpu *counts;

	kmm_lock(&switches.lock);
	data = ref->data;
	if (!data || data->state != IDLE) {
		kmm_unlock(&switches.lock);
		KMM_WARN(data, "a switch of ref %p is under way", (void *)ref);
		return;
	}
	counts = (void __percpu *)(ref->percpu_count_ptr & ~FLAGS);
	WRITE_ONCE(ref->percpu_count_ptr, data->count << __PERCPU_REF_FLAG_BITS | FLAGS);
	ref->data = NULL;
	kmm_unlock(&switches.lock);
	free_percpu(counts);
	kfree(data);
}

/* The library */

/* The lock is new, and this thread is the only one: nobody switches, nobody waits, and no reader of another thread is there
 * to be waited for. Of callbacks nobody knows how far they came. */
static void fork_child(void)
{
	struct percpu_ref_data *data;

	pthread_cond_init(&switches.changed, NULL);
	switches.busy = false;
	switches.generation++;
	cds_list_for_each_entry(data, &switches.list, node) {
		if (data->state == CONFIRMING)
			data->state = CONFIRMED;
	}
	WRITE_ONCE(switches.stalled, !cds_list_empty(&switches.list));
}

static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_REF,
	.lock = &switches.lock,
	.reset_all = fork_child,
};

void percpu_ref_start(void)
{
	kmm_fork_register(&fork_handler);
}

void percpu_ref_stop(void)
{
	CDS_INIT_LIST_HEAD(&switches.list);
	WRITE_ONCE(switches.stalled, false);
}
