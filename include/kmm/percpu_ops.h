/* SPDX-License-Identifier: MIT
 * kmm/percpu_ops.h - from a per-CPU pointer or variable to an instance of it, and the this_cpu operations.
 *
 * Owns:   the address formula.
 *
 * A per-CPU pointer names one variable on every CPU: what alloc_percpu() returned, or the address of a variable of
 * DEFINE_PER_CPU(). It is never dereferenced: per_cpu_ptr() and this_cpu_ptr() make the address of an instance of it, and
 * the this_cpu operations act on the instance of the CPU that the thread is on.
 *
 * Which CPU that is can change at any moment, and here nothing forbids it: there is no preempt_disable() in a process.
 * So the CPU is a way to keep threads apart, never a promise that nobody else uses its instance:
 *   - this_cpu_ptr() gives an address and no exclusion. Two threads may get the same one.
 *   - A this_cpu operation is one atomic step (relaxed: it orders nothing else), so sums over all CPUs are exact.
 *   - A load and a store of one's own are not: p = this_cpu_ptr(c); *p = *p + 1; loses counts.
 *
 * Static variables may be used before the library is started; the first use starts it, so it is not for a signal handler.
 * While a start does not succeed there is one CPU, and the templates themselves are its instances.
 *
 * Source: include/linux/percpu-defs.h, Linux 6.1.
 */
#ifndef KMM_PERCPU_OPS_H
#define KMM_PERCPU_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>
#include <kmm/percpu_defs.h>
#include <kmm/smp.h>

KMM_BEGIN_DECLS

/* Each CPU has a slice of address space of this many bytes (log2), and every allocation lies at the same offset in each
 * slice. A dynamic per-CPU pointer is the address of the instance in the slice of CPU 0. */
#if UINTPTR_MAX > 0xffffffffu
#define KMM_PCPU_SLICE_SHIFT 28
#else
#define KMM_PCPU_SLICE_SHIFT 21
#endif

/**
 * kmm_pcpu_base - where the slice of CPU 0 starts; while there are none, the end of the address space less one slice,
 * where nothing of a program can be. Written by the library only, when nobody has a dynamic pointer yet.
 */
extern KMM_API uintptr_t kmm_pcpu_base;

/**
 * kmm_per_cpu_ptr_slow - what per_cpu_ptr() calls for a variable whose place it does not know: one of another object, or
 *                        any before its first use. Starts the library if need be.
 * @ptr: per-CPU pointer.      @cpu: a number below kmm_nr_cpus().
 *
 * Context: any thread; a signal handler only once the library runs. May sleep the first time.
 * Return:  the instance; NULL when there is no memory for it, or, reported, when @ptr is nothing of ours.
 * Source:  none; SHIFT_PERCPU_PTR() of the kernel is one addition.
 */
KMM_API void *kmm_per_cpu_ptr_slow(const volatile void *ptr, unsigned int cpu);

/**
 * kmm_per_cpu_ptr_checked - per_cpu_ptr() with a look at the number of the CPU.
 * @ptr: per-CPU pointer.      @cpu: any number.
 *
 * Programs that are compiled with KMM_PERCPU_CHECKED=1, as the CMake targets and the pkg-config file of a library with
 * KMM_CONFIG_CHECK >= 1 tell them to be, use it for every per_cpu_ptr().
 *
 * Context: as kmm_per_cpu_ptr_slow(). Return: as that; NULL also, reported, when there is no such CPU.
 * Source:  none; CONFIG_DEBUG_PER_CPU_MAPS of the kernel checks the maps, not the number.
 */
KMM_API void *kmm_per_cpu_ptr_checked(const volatile void *ptr, unsigned int cpu);

/**
 * kmm_this_cpu_cmpxchg_double - what this_cpu_cmpxchg_double() calls.
 * @instance: of @pcp1 on some CPU.     @pcp1: per-CPU pointer to a word aligned to two words.     @pcp2: to the one behind.
 * @size: bytes of a word: 1, 2, 4 or 8.
 * @old: two words side by side, what the pair must hold.      @val: what it holds then.
 * Context: any thread. Return: whether both were stored, as one atomic step.
 * Source:  this_cpu_cmpxchg_double(), include/linux/percpu-defs.h, Linux 6.1.
 */
KMM_API bool kmm_this_cpu_cmpxchg_double(void *instance, const volatile void *pcp1, const volatile void *pcp2,
					 size_t size, const void *old, const void *val);

/* How the delta of a module is read. RELAXED: the address of every access depends on it, which orders them behind the
 * initial values on every processor that we know; pairs with the RELEASE in src/percpu/module.c. ThreadSanitizer does not
 * know of dependencies. */
#define KMM_PCPU_DEPENDS __ATOMIC_RELAXED
#ifdef __SANITIZE_THREAD__
#undef KMM_PCPU_DEPENDS
#define KMM_PCPU_DEPENDS __ATOMIC_ACQUIRE
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef KMM_PCPU_DEPENDS
#define KMM_PCPU_DEPENDS __ATOMIC_ACQUIRE
#endif
#endif

static inline void *kmm_per_cpu_addr(const volatile void *ptr, unsigned int cpu)
{
	const uintptr_t shift = (uintptr_t)cpu << KMM_PCPU_SLICE_SHIFT;
	uintptr_t p, delta;

	/* The compiler must not conclude from the template what is in its instances, or where they cannot be. */
	__asm__("" : "=r"(p) : "0"(ptr));
	if (__builtin_expect(
		    p - __atomic_load_n(&kmm_pcpu_base, __ATOMIC_RELAXED) < (uintptr_t)1 << KMM_PCPU_SLICE_SHIFT, 1))
		return (void *)(p + shift);
	if (p - kmm_percpu_this_module.start < kmm_percpu_this_module.size) {
		delta = __atomic_load_n(&kmm_percpu_this_module.delta, KMM_PCPU_DEPENDS);
		if (__builtin_expect(delta != 0, 1))
			return (void *)(p + delta + shift);
	}
	return kmm_per_cpu_ptr_slow(ptr, cpu);
}

KMM_END_DECLS

#if defined(KMM_PERCPU_CHECKED) && KMM_PERCPU_CHECKED
#define KMM_PCPU_ADDR_OF kmm_per_cpu_ptr_checked
#else
#define KMM_PCPU_ADDR_OF kmm_per_cpu_addr
#endif

/* The result has the pointer's type, an array's being that of its first element. */
#ifdef __cplusplus
template <typename T> static inline T *kmm_per_cpu_ptr_any(T *ptr, unsigned int cpu)
{
	return (T *)KMM_PCPU_ADDR_OF(ptr, cpu);
}
template <typename T> static inline T *kmm_per_cpu_ptr_known(T *ptr, unsigned int cpu)
{
	return (T *)kmm_per_cpu_addr(ptr, cpu);
}
#else
#define kmm_per_cpu_ptr_any(ptr, cpu) ((__typeof__(((void)0, (ptr))))KMM_PCPU_ADDR_OF((ptr), (unsigned int)(cpu)))
#define kmm_per_cpu_ptr_known(ptr, cpu) ((__typeof__(((void)0, (ptr))))kmm_per_cpu_addr((ptr), (cpu)))
#endif

/**
 * per_cpu_ptr - the address of the instance of @ptr on @cpu.
 * per_cpu     - the instance itself: an lvalue.
 * @ptr: per-CPU pointer.      @var: variable of DEFINE_PER_CPU(), or a part of one.
 * @cpu: a number below kmm_nr_cpus(). Another one is a bug, which only kmm_per_cpu_ptr_checked() notices.
 *
 * Each argument is evaluated once.
 *
 * Context: any thread, and signal handlers once a static variable was used; the first use may start the library.
 * Return:  a plain pointer of the same type; any thread may use it, with atomics where others do too. NULL: as
 *          kmm_per_cpu_ptr_slow().
 * Source:  per_cpu_ptr(), per_cpu(), include/linux/percpu-defs.h, Linux 6.1.
 */
#define per_cpu_ptr(ptr, cpu) kmm_per_cpu_ptr_any(ptr, cpu)
#define per_cpu(var, cpu) (*per_cpu_ptr(&(var), cpu))

/**
 * this_cpu_ptr - the address of the instance of @ptr on the CPU that this thread is thought to be on.
 * raw_cpu_ptr  - the same: what it does not check in the kernel, nothing here checks.
 *
 * No exclusion comes with it: another thread may use the same instance at the same time. See the head of this file.
 *
 * Context and return: as per_cpu_ptr(). Source: this_cpu_ptr(), include/linux/percpu-defs.h, Linux 6.1.
 */
#define this_cpu_ptr(ptr) kmm_per_cpu_ptr_known(ptr, raw_smp_processor_id())
#define raw_cpu_ptr(ptr) this_cpu_ptr(ptr)

/**
 * get_cpu_ptr - this_cpu_ptr(), and the thread keeps that CPU's number until put_cpu_ptr().
 * get_cpu_var - the instance itself, an lvalue, until put_cpu_var().
 * put_cpu_ptr, put_cpu_var - the end of the pair. The operand is not used.
 *
 * Between the two, this_cpu_ptr() and the this_cpu operations of this thread mean the same CPU. Pairs nest.
 * In the kernel the thread is alone on its CPU, too. Here it is not: see the head of this file.
 *
 * Context: as per_cpu_ptr(). Source: include/linux/percpu-defs.h, Linux 6.1. Differs: preemption is not disabled.
 */
#define get_cpu_ptr(ptr) kmm_per_cpu_ptr_known(ptr, get_cpu())
#define put_cpu_ptr(ptr) ((void)(ptr), put_cpu())
#define get_cpu_var(var) (*get_cpu_ptr(&(var)))
#define put_cpu_var(var) put_cpu_ptr(&(var))

/* A wrong operand shall be refused in these words, not by what a builtin says of it. */
#ifdef __cplusplus
#define KMM_PCPU_ASSERT static_assert
#else
#define KMM_PCPU_ASSERT _Static_assert
#endif
#define KMM_PCPU_WORD(pcp)                                                                            \
	KMM_PCPU_ASSERT(sizeof(pcp) == 1 || sizeof(pcp) == 2 || sizeof(pcp) == 4 || sizeof(pcp) == 8, \
			"a this_cpu operation takes an integer or pointer of 1, 2, 4 or 8 bytes")
#define KMM_PCPU_OP(pcp, operation) \
	__extension__({             \
		KMM_PCPU_WORD(pcp); \
		operation;          \
	})

/**
 * this_cpu_* - one atomic step on this CPU's instance of a variable.
 * @pcp: a variable of DEFINE_PER_CPU(), or an lvalue made from a per-CPU pointer: *ptr, ptr->member, ptr->array[i]. An
 *       integer or pointer of 1, 2, 4 or 8 bytes (add, sub, inc, dec, and, or: integers), naturally aligned. Others do
 *       not compile.
 * @val: the operand, evaluated once.
 *
 *   this_cpu_read(pcp)                     this_cpu_write(pcp, val)
 *   this_cpu_add(pcp, val)                 this_cpu_add_return(pcp, val): the new value
 *   this_cpu_sub(pcp, val)                 this_cpu_sub_return(pcp, val)
 *   this_cpu_inc(pcp)  this_cpu_dec(pcp)   this_cpu_inc_return(pcp)  this_cpu_dec_return(pcp)
 *   this_cpu_and(pcp, val)                 this_cpu_or(pcp, val)
 *   this_cpu_xchg(pcp, val): the old value
 *   this_cpu_cmpxchg(pcp, old, val): the value found; @val was stored if that is @old
 *
 * All are relaxed: atomic with regard to this_cpu operations on the same instance, without order to anything else.
 * Arithmetic wraps, for signed types too.
 *
 * Context: as per_cpu_ptr(). Source: include/linux/percpu-defs.h, Linux 6.1. Differs: the step is atomic among all
 *          threads, not only on one CPU, because any thread may act on any CPU's instance.
 */
#define this_cpu_read(pcp) KMM_PCPU_OP(pcp, __atomic_load_n(this_cpu_ptr(&(pcp)), __ATOMIC_RELAXED))
#define this_cpu_write(pcp, val) KMM_PCPU_OP(pcp, __atomic_store_n(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_add(pcp, val) KMM_PCPU_OP(pcp, (void)__atomic_fetch_add(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_sub(pcp, val) KMM_PCPU_OP(pcp, (void)__atomic_fetch_sub(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_inc(pcp) this_cpu_add(pcp, 1)
#define this_cpu_dec(pcp) this_cpu_sub(pcp, 1)
#define this_cpu_and(pcp, val) KMM_PCPU_OP(pcp, (void)__atomic_fetch_and(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_or(pcp, val) KMM_PCPU_OP(pcp, (void)__atomic_fetch_or(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_add_return(pcp, val) \
	KMM_PCPU_OP(pcp, __atomic_add_fetch(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_sub_return(pcp, val) \
	KMM_PCPU_OP(pcp, __atomic_sub_fetch(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_inc_return(pcp) this_cpu_add_return(pcp, 1)
#define this_cpu_dec_return(pcp) this_cpu_sub_return(pcp, 1)
#define this_cpu_xchg(pcp, val) KMM_PCPU_OP(pcp, __atomic_exchange_n(this_cpu_ptr(&(pcp)), (val), __ATOMIC_RELAXED))
#define this_cpu_cmpxchg(pcp, old, val)                                                                          \
	__extension__({                                                                                          \
		KMM_PCPU_WORD(pcp);                                                                              \
		__typeof__(pcp) kmm_found_ = (old);                                                              \
		(void)__atomic_compare_exchange_n(this_cpu_ptr(&(pcp)), &kmm_found_, (val), 0, __ATOMIC_RELAXED, \
						  __ATOMIC_RELAXED);                                             \
		kmm_found_;                                                                                      \
	})

/**
 * this_cpu_cmpxchg_double - change two words of this CPU's instance together, or none of them.
 * @pcp1: lvalue of a word (integer or pointer of 1, 2, 4 or 8 bytes) as for this_cpu_read(), aligned to two words.
 * @pcp2: the word behind it, of the same size.
 * @old1, @old2: what they must hold.      @new1, @new2: what they get.
 *
 * Words that are changed by this are changed by no other this_cpu operation; reading one of them is fine. Two lvalues
 * that are not such a pair are reported.
 * A pair of 8-byte words on a 32-bit machine has no instruction, so a lock is taken that the address chooses: a thread
 * that is stopped while it holds it stops the others, and a signal handler must not change such a pair.
 *
 * Context: any thread, not a signal handler. Orders like a full barrier when it succeeds.
 * Return:  true when both were changed.
 * Source:  this_cpu_cmpxchg_double(), include/linux/percpu-defs.h, Linux 6.1.
 */
#define this_cpu_cmpxchg_double(pcp1, pcp2, old1, old2, new1, new2)                                               \
	__extension__({                                                                                           \
		KMM_PCPU_WORD(pcp1);                                                                              \
		KMM_PCPU_ASSERT(sizeof(pcp1) == sizeof(pcp2),                                                     \
				"this_cpu_cmpxchg_double() takes two words of one size");                         \
		__typeof__(pcp1) *kmm_pair_ = &(pcp1);                                                            \
		struct {                                                                                          \
			__typeof__(pcp1) first;                                                                   \
			__typeof__(pcp2) second;                                                                  \
		} kmm_old_, kmm_new_;                                                                             \
		kmm_old_.first = (old1);                                                                          \
		kmm_old_.second = (old2);                                                                         \
		kmm_new_.first = (new1);                                                                          \
		kmm_new_.second = (new2);                                                                         \
		kmm_this_cpu_cmpxchg_double(this_cpu_ptr(kmm_pair_), kmm_pair_, &(pcp2), sizeof(pcp1), &kmm_old_, \
					    &kmm_new_);                                                           \
	})

/**
 * raw_cpu_*, __this_cpu_* - the this_cpu operation of the same name.
 *
 * The kernel's raw_cpu_*() and __this_cpu_*() are for code that nothing can interrupt on its CPU, and may lose a change
 * otherwise. Here nobody can say that of his code, so they are the same atomic steps.
 *
 * Source: include/linux/percpu-defs.h, Linux 6.1.
 */
#define raw_cpu_read(pcp) this_cpu_read(pcp)
#define raw_cpu_write(pcp, val) this_cpu_write(pcp, val)
#define raw_cpu_add(pcp, val) this_cpu_add(pcp, val)
#define raw_cpu_sub(pcp, val) this_cpu_sub(pcp, val)
#define raw_cpu_inc(pcp) this_cpu_inc(pcp)
#define raw_cpu_dec(pcp) this_cpu_dec(pcp)
#define raw_cpu_and(pcp, val) this_cpu_and(pcp, val)
#define raw_cpu_or(pcp, val) this_cpu_or(pcp, val)
#define raw_cpu_add_return(pcp, val) this_cpu_add_return(pcp, val)
#define raw_cpu_sub_return(pcp, val) this_cpu_sub_return(pcp, val)
#define raw_cpu_inc_return(pcp) this_cpu_inc_return(pcp)
#define raw_cpu_dec_return(pcp) this_cpu_dec_return(pcp)
#define raw_cpu_xchg(pcp, val) this_cpu_xchg(pcp, val)
#define raw_cpu_cmpxchg(pcp, old, val) this_cpu_cmpxchg(pcp, old, val)
#define raw_cpu_cmpxchg_double(pcp1, pcp2, old1, old2, new1, new2) \
	this_cpu_cmpxchg_double(pcp1, pcp2, old1, old2, new1, new2)

#define __this_cpu_read(pcp) this_cpu_read(pcp)
#define __this_cpu_write(pcp, val) this_cpu_write(pcp, val)
#define __this_cpu_add(pcp, val) this_cpu_add(pcp, val)
#define __this_cpu_sub(pcp, val) this_cpu_sub(pcp, val)
#define __this_cpu_inc(pcp) this_cpu_inc(pcp)
#define __this_cpu_dec(pcp) this_cpu_dec(pcp)
#define __this_cpu_and(pcp, val) this_cpu_and(pcp, val)
#define __this_cpu_or(pcp, val) this_cpu_or(pcp, val)
#define __this_cpu_add_return(pcp, val) this_cpu_add_return(pcp, val)
#define __this_cpu_sub_return(pcp, val) this_cpu_sub_return(pcp, val)
#define __this_cpu_inc_return(pcp) this_cpu_inc_return(pcp)
#define __this_cpu_dec_return(pcp) this_cpu_dec_return(pcp)
#define __this_cpu_xchg(pcp, val) this_cpu_xchg(pcp, val)
#define __this_cpu_cmpxchg(pcp, old, val) this_cpu_cmpxchg(pcp, old, val)
#define __this_cpu_cmpxchg_double(pcp1, pcp2, old1, old2, new1, new2) \
	this_cpu_cmpxchg_double(pcp1, pcp2, old1, old2, new1, new2)

#endif /* KMM_PERCPU_OPS_H */
