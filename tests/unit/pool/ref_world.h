/* SPDX-License-Identifier: MIT
 * ref_world.h - refs that tell what happens to them, and a flavour of RCU whose grace periods a test counts and stops.
 *
 * Owns:   test_flavor, which is urcu-bp but for the wait. Grace periods stop at a gate that is open unless a test closes it.
 * Rules:  one file of a test program includes this.
 */
#ifndef KMM_TESTS_POOL_REF_WORLD_H
#define KMM_TESTS_POOL_REF_WORLD_H

#include <urcu/urcu-bp.h>

#include "base/atomic.h"
#include "base/rcu.h"
#include "base/work.h"
#include "support/threads.h"
#include "support/world.h"

#define wait_until(cond)                    \
	do {                                \
		unsigned int turns_ = 0;    \
		while (!(cond))             \
			spin_turn(&turns_); \
	} while (0)

static struct {
	unsigned int nr_begun, nr_over; /* grace periods */
	unsigned int nr_registered, nr_unregistered;
	bool closed;
} grace;

static __attribute__((unused)) void grace_wait(void)
{
	atomic_add_relaxed(&grace.nr_begun, 1);
	wait_until(!smp_load_acquire(&grace.closed));
	urcu_bp_synchronize_rcu();
	atomic_add_relaxed(&grace.nr_over, 1);
}

static __attribute__((unused)) void grace_register(void)
{
	atomic_add_relaxed(&grace.nr_registered, 1);
	urcu_bp_register_thread();
}

static __attribute__((unused)) void grace_unregister(void)
{
	atomic_add_relaxed(&grace.nr_unregistered, 1);
}

static __attribute__((unused)) const struct rcu_flavor_struct test_flavor = {
	.read_lock = urcu_bp_read_lock,
	.read_unlock = urcu_bp_read_unlock,
	.read_ongoing = urcu_bp_read_ongoing,
	.update_synchronize_rcu = grace_wait,
	.register_thread = grace_register,
	.unregister_thread = grace_unregister,
};

static __attribute__((unused)) void grace_close(void)
{
	smp_store_release(&grace.closed, true);
}

static __attribute__((unused)) void grace_open(void)
{
	smp_store_release(&grace.closed, false);
}

/* As world_setup(), with the flavour. */
static __attribute__((unused)) int ref_world_start(const char *options, const struct rcu_flavor_struct *flavor)
{
	struct kmm_config config = {
		.size = sizeof(config),
		.limit = WORLD_LIMIT,
		.nr_cpus = WORLD_CPUS,
		.options = options,
		.report = world_report,
		.report_arg = &world_reports,
		.rcu = flavor,
	};

	memset(&grace, 0, sizeof(grace));
	world_forget_reports();
	if (kmm_init(&config))
		return -1;
	cpu_id_pin(0);
	return 0;
}

/* An object with a ref. The callbacks do what the test wants, and count. */
struct object {
	struct percpu_ref ref;
	unsigned int nr_released, nr_confirmed;
	long payload; /* not atomic: written by holders, read by release */
	long payload_at_release;
	void (*at_release)(struct object *object);
	void (*at_confirm)(struct object *object);
	struct object *other;
};

static __attribute__((unused)) struct object *object_of(struct percpu_ref *ref)
{
	return container_of_const(ref, struct object, ref);
}

static __attribute__((unused)) void object_release(struct percpu_ref *ref)
{
	struct object *object = object_of(ref);

	object->payload_at_release = object->payload;
	if (object->at_release)
		object->at_release(object);
	atomic_add_release(&object->nr_released, 1);
}

static __attribute__((unused)) void object_confirm(struct percpu_ref *ref)
{
	struct object *object = object_of(ref);

	if (object->at_confirm)
		object->at_confirm(object);
	atomic_add_release(&object->nr_confirmed, 1);
}

static __attribute__((unused)) unsigned int released(struct object *object)
{
	return smp_load_acquire(&object->nr_released);
}

static __attribute__((unused)) unsigned int confirmed(struct object *object)
{
	return smp_load_acquire(&object->nr_confirmed);
}

static __attribute__((unused)) void object_init(struct object *object, unsigned int flags)
{
	memset(object, 0, sizeof(*object));
	assert_int_equal(percpu_ref_init(&object->ref, object_release, flags, GFP_KERNEL), 0);
}

/* Dead and released, with the switch over. */
static __attribute__((unused)) void object_end(struct object *object)
{
	wait_until(released(object));
	percpu_ref_exit(&object->ref);
}

static __attribute__((unused)) bool is_percpu(const struct object *object)
{
	return !(READ_ONCE(object->ref.percpu_count_ptr) & __PERCPU_REF_ATOMIC_DEAD);
}

#endif /* KMM_TESTS_POOL_REF_WORLD_H */
