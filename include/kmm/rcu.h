/* SPDX-License-Identifier: MIT
 * kmm/rcu.h - memory that is freed when no reader can see it any more.
 *
 * Owns:   kfree_rcu() and its family. Read-side sections and grace periods are liburcu's, in the flavour that struct
 *         kmm_config names; by default urcu-bp.
 * Rules:  struct rcu_head is liburcu's, too. Who embeds one includes the header of the flavour, <urcu/urcu-bp.h> for one, before
 *         this one or after it. It is not included here: liburcu's own header of that type must come behind the flavour's.
 * Source: include/linux/rcupdate.h, Linux 6.1 and 6.12.
 */
#ifndef KMM_RCU_H
#define KMM_RCU_H

#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

struct rcu_head; /* <urcu/call-rcu.h> */

/**
 * kvfree_call_rcu - what kfree_rcu() and its family call.
 * @head:   an rcu_head inside the object, its first 4096 bytes; or NULL: there is none, and the call may wait.
 * @object: from kmalloc(), its family or kmem_cache_alloc(). NULL and ZERO_SIZE_PTR are ignored.
 *
 * Gives @object back as kfree() does, when all read-side sections that have begun are over. Until then readers may go on
 * reading it; @head, and nothing else of it, may be written to. What is wrong with the pointer is reported when it is
 * freed, in the words of kfree().
 *
 * Objects are collected, and freed together: as soon as a page of addresses is full (about 500), and after a second otherwise,
 * plus a grace period. Where the library has no thread (the option background=off) that is done by who next calls
 * kvfree_rcu_barrier(), kmm_trim() or kmem_cache_destroy(), or finds no memory for an object and may wait; so it is, too,
 * in the child of a fork for what the parent had collected, until something is added there. kmm_exit() forgets what waits.
 *
 * Context: any thread, not a signal handler; not from a constructor or report callback. With @head it never waits for a grace
 *          period and cannot fail, and may be called in a read-side section. Without, it may sleep: where there is no
 *          memory to collect the object it waits for a grace period. In a read-side section of the default flavour that is
 *          reported and the object left alone; in one of another flavour it is forbidden. errno is left alone.
 * Source:  kvfree_call_rcu(), kernel/rcu/tree.c, Linux 6.2.
 */
KMM_API void kvfree_call_rcu(struct rcu_head *head, void *object);

/**
 * kvfree_rcu_barrier - waits until everything that kfree_rcu() and its family were given before has been freed.
 *
 * Needed before code or data goes that the freeing uses; kmem_cache_destroy() does it by itself. It is not rcu_barrier(), a name
 * of liburcu's, which waits for the callbacks of that library.
 *
 * Context: any thread, not a signal handler; may sleep; hold no libkmm lock. Not in a read-side section: reported, where
 *          the flavour is the default one, and nothing done. errno is left alone.
 * Source:  kvfree_rcu_barrier(), mm/slab_common.c, Linux 6.12.
 */
KMM_API void kvfree_rcu_barrier(void);

/**
 * kfree_rcu - kfree() after a grace period.
 * @ptr: pointer to an object with a member @rhf of type struct rcu_head, not beyond its first 4096 bytes (else it does not
 *       compile); evaluated once. NULL is ignored.
 * Without @rhf, as in Linux 6.1, it is kfree_rcu_mightsleep().
 *
 * Context and ownership: kvfree_call_rcu(). Source: kfree_rcu(), include/linux/rcupdate.h, Linux 6.1.
 */
#define kfree_rcu(...) KMM_KFREE_RCU_FORM(__VA_ARGS__, KMM_KFREE_RCU_2, KMM_KFREE_RCU_1, )(__VA_ARGS__)

/** kvfree_rcu - kfree_rcu(), also where kvfree() would free the object. All memory there is now is kmalloc()'s. */
#define kvfree_rcu(...) kfree_rcu(__VA_ARGS__)

/**
 * kfree_rcu_mightsleep - kfree() after a grace period, of an object without an rcu_head.
 * @ptr: the object, evaluated once. NULL and ZERO_SIZE_PTR are ignored.
 *
 * Context: as kvfree_call_rcu() without a head: may sleep, not in a read-side section.
 * Source:  kfree_rcu_mightsleep(), include/linux/rcupdate.h, Linux 6.3.
 */
#define kfree_rcu_mightsleep(ptr) KMM_KFREE_RCU_1(ptr)

/** kvfree_rcu_mightsleep - kfree_rcu_mightsleep(), also where kvfree() would free the object. */
#define kvfree_rcu_mightsleep(ptr) KMM_KFREE_RCU_1(ptr)

/* How far an object's rcu_head may be from its start: what is as small cannot be the address of a function. */
#define KMM_KVFREE_RCU_OFFSETS 4096

#ifdef __cplusplus
#define KMM_KVFREE_RCU_ASSERT static_assert
#else
#define KMM_KVFREE_RCU_ASSERT _Static_assert
#endif

/* The third argument, whatever the number of those before it. */
#define KMM_KFREE_RCU_FORM(a, b, form, ...) form

#define KMM_KFREE_RCU_1(ptr) kvfree_call_rcu(NULL, (void *)(uintptr_t)(ptr))

#define KMM_KFREE_RCU_2(ptr, rhf)                                                                        \
	do {                                                                                             \
		__typeof__(ptr) kmm_rcu_ptr_ = (ptr);                                                    \
		KMM_KVFREE_RCU_ASSERT(offsetof(__typeof__(*kmm_rcu_ptr_), rhf) < KMM_KVFREE_RCU_OFFSETS, \
				      "the rcu_head is too far from the start of the object");           \
		if (kmm_rcu_ptr_)                                                                        \
			kvfree_call_rcu((struct rcu_head *)(uintptr_t)&kmm_rcu_ptr_->rhf,                \
					(void *)(uintptr_t)kmm_rcu_ptr_);                                \
	} while (0)

KMM_END_DECLS

#endif /* KMM_RCU_H */
