/* SPDX-License-Identifier: MIT
 * arch_generic.h - every primitive of arch.h in portable form, and the choice between that and the architecture's own.
 *
 * Owns:    the hashed locks of the double-word CAS (arch_generic.c).
 * Names:   the portable form of arch_x() or x() is generic_x(). It exists in every build, so that a test can run both
 *          side by side. Where arch_isa.h left a name undefined, the name becomes the portable form.
 * Rules:   code of the library never calls generic_*() and never mixes both forms on one word: they exclude each other
 *          only among themselves.
 */
#ifndef KMM_ARCH_GENERIC_H
#define KMM_ARCH_GENERIC_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch_types.h"
#include "arch_isa.h"

#define KMM_ARCH_ONCE_SIZE(x) _Static_assert(sizeof(x) <= sizeof(long), "one machine word at most")

/*
 * Access to one word. volatile forbids the compiler to merge or repeat it, atomic forbids to tear it and tells
 * ThreadSanitizer that the race is meant.
 */
#define READ_ONCE(x)                                                                     \
	({                                                                               \
		KMM_ARCH_ONCE_SIZE(x);                                                   \
		__atomic_load_n((const volatile __typeof__(x) *)&(x), __ATOMIC_RELAXED); \
	})
#define WRITE_ONCE(x, v)                                                                 \
	do {                                                                             \
		KMM_ARCH_ONCE_SIZE(x);                                                   \
		__atomic_store_n((volatile __typeof__(x) *)&(x), (v), __ATOMIC_RELAXED); \
	} while (0)
#define smp_load_acquire(p)                                                                \
	({                                                                                 \
		KMM_ARCH_ONCE_SIZE(*(p));                                                  \
		__atomic_load_n((const volatile __typeof__(*(p)) *)(p), __ATOMIC_ACQUIRE); \
	})
#define smp_store_release(p, v)                                                            \
	do {                                                                               \
		KMM_ARCH_ONCE_SIZE(*(p));                                                  \
		__atomic_store_n((volatile __typeof__(*(p)) *)(p), (v), __ATOMIC_RELEASE); \
	} while (0)

/* ThreadSanitizer does not understand fences; it does understand an atomic that all fences share. */
#if defined(__SANITIZE_THREAD__)
#define KMM_ARCH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KMM_ARCH_TSAN 1
#endif
#endif
#ifndef KMM_ARCH_TSAN
#define KMM_ARCH_TSAN 0
#endif

#if KMM_ARCH_TSAN
extern unsigned int generic_fence_word;
#define KMM_ARCH_FENCE(order) ((void)__atomic_fetch_add(&generic_fence_word, 1, __ATOMIC_SEQ_CST))
#else
#define KMM_ARCH_FENCE(order) __atomic_thread_fence(order)
#endif

#define generic_smp_mb() KMM_ARCH_FENCE(__ATOMIC_SEQ_CST)
#define generic_smp_rmb() KMM_ARCH_FENCE(__ATOMIC_ACQUIRE)
#define generic_smp_wmb() KMM_ARCH_FENCE(__ATOMIC_RELEASE)

#ifndef smp_mb
#define smp_mb() generic_smp_mb()
#endif
#ifndef smp_rmb
#define smp_rmb() generic_smp_rmb()
#endif
#ifndef smp_wmb
#define smp_wmb() generic_smp_wmb()
#endif

static inline void generic_cpu_relax(void)
{
	__asm__ __volatile__("" ::: "memory");
}

#ifndef cpu_relax
#define cpu_relax() generic_cpu_relax()
#endif

/*
 * Double-word CAS under a hashed lock. Both words are stored RELEASE, lo before hi, so a lock-free reader that loads hi
 * ACQUIRE and then lo finds with a new hi no older lo than the one stored with it.
 */
bool generic_cas2(kmm_dword *p, kmm_dword old, kmm_dword new);

/* Fork support of the hashed locks: all are taken in the parent, released there, made new in the child. */
void arch_fork_lock_all(void);
void arch_fork_unlock_all(void);
void arch_fork_reset(void);

#ifndef arch_cas2
#define arch_cas2 generic_cas2
#define KMM_ARCH_CAS2_LOCKED 1
#endif

/*
 * This-CPU operations. Up to @max bytes the compiler's relaxed atomics do it; 8 bytes on a 32-bit machine without such
 * atomics take the hashed lock of their address.
 */
void generic_locked_read64(const void *p, void *value);
void generic_locked_write64(void *p, const void *value);
void generic_locked_xchg64(void *p, const void *value, void *found);
void generic_locked_cmpxchg64(void *p, const void *old, const void *value, void *found);
uint64_t generic_locked_add_return64(void *p, uint64_t value);

/* Two 8-byte words under the lock of the first one's address, where no instruction takes so many. @p is aligned to 16
 * bytes; @old and @value are two words. Each word is stored atomically, so who reads one word gets it whole. Orders as
 * arch_cas2(). */
bool generic_locked_cas_pair64(void *p, const void *old, const void *value);

#define KMM_THIS_CPU_READ(p, max)                                          \
	({                                                                 \
		__typeof__(*(p)) tcr_value_;                               \
		if (sizeof(*(p)) <= (max))                                 \
			tcr_value_ = __atomic_load_n(p, __ATOMIC_RELAXED); \
		else                                                       \
			generic_locked_read64(p, &tcr_value_);             \
		tcr_value_;                                                \
	})

#define KMM_THIS_CPU_WRITE(p, v, max)                                      \
	do {                                                               \
		__typeof__(*(p)) tcw_value_ = (v);                         \
		if (sizeof(*(p)) <= (max))                                 \
			__atomic_store_n(p, tcw_value_, __ATOMIC_RELAXED); \
		else                                                       \
			generic_locked_write64(p, &tcw_value_);            \
	} while (0)

#define KMM_THIS_CPU_ADD_RETURN(p, v, max)                                                          \
	({                                                                                          \
		__typeof__(*(p)) tca_sum_;                                                          \
		if (sizeof(*(p)) <= (max))                                                          \
			tca_sum_ = (__typeof__(*(p)))__atomic_add_fetch(p, v, __ATOMIC_RELAXED);    \
		else                                                                                \
			tca_sum_ = (__typeof__(*(p)))generic_locked_add_return64(p, (uint64_t)(v)); \
		tca_sum_;                                                                           \
	})

/* Apart from add_return because a processor can add without fetching. */
#define KMM_THIS_CPU_ADD(p, v, max)                                          \
	do {                                                                 \
		if (sizeof(*(p)) <= (max))                                   \
			(void)__atomic_fetch_add(p, v, __ATOMIC_RELAXED);    \
		else                                                         \
			(void)generic_locked_add_return64(p, (uint64_t)(v)); \
	} while (0)

#define KMM_THIS_CPU_XCHG(p, v, max)                                                       \
	({                                                                                 \
		__typeof__(*(p)) tcx_value_ = (v), tcx_found_;                             \
		if (sizeof(*(p)) <= (max))                                                 \
			tcx_found_ = __atomic_exchange_n(p, tcx_value_, __ATOMIC_RELAXED); \
		else                                                                       \
			generic_locked_xchg64(p, &tcx_value_, &tcx_found_);                \
		tcx_found_;                                                                \
	})

#define KMM_THIS_CPU_CMPXCHG(p, old, new, max)                                                           \
	({                                                                                               \
		__typeof__(*(p)) tcc_old_ = (old), tcc_new_ = (new), tcc_found_ = tcc_old_;              \
		if (sizeof(*(p)) <= (max))                                                               \
			(void)__atomic_compare_exchange_n(p, &tcc_found_, tcc_new_, 0, __ATOMIC_RELAXED, \
							  __ATOMIC_RELAXED);                             \
		else                                                                                     \
			generic_locked_cmpxchg64(p, &tcc_old_, &tcc_new_, &tcc_found_);                  \
		tcc_found_;                                                                              \
	})

#define generic_this_cpu_read(p) KMM_THIS_CPU_READ(p, sizeof(long))
#define generic_this_cpu_write(p, v) KMM_THIS_CPU_WRITE(p, v, sizeof(long))
#define generic_this_cpu_add(p, v) KMM_THIS_CPU_ADD(p, v, sizeof(long))
#define generic_this_cpu_add_return(p, v) KMM_THIS_CPU_ADD_RETURN(p, v, sizeof(long))
#define generic_this_cpu_xchg(p, v) KMM_THIS_CPU_XCHG(p, v, sizeof(long))
#define generic_this_cpu_cmpxchg(p, old, new) KMM_THIS_CPU_CMPXCHG(p, old, new, sizeof(long))

/* Bytes up to which the compiler's atomics are instructions and not calls. */
#ifndef KMM_ARCH_ATOMIC_MAX
#define KMM_ARCH_ATOMIC_MAX sizeof(long)
#endif

#define arch_this_cpu_read(p) KMM_THIS_CPU_READ(p, KMM_ARCH_ATOMIC_MAX)
#define arch_this_cpu_write(p, v) KMM_THIS_CPU_WRITE(p, v, KMM_ARCH_ATOMIC_MAX)
#define arch_this_cpu_add(p, v) KMM_THIS_CPU_ADD(p, v, KMM_ARCH_ATOMIC_MAX)
#define arch_this_cpu_add_return(p, v) KMM_THIS_CPU_ADD_RETURN(p, v, KMM_ARCH_ATOMIC_MAX)
#define arch_this_cpu_xchg(p, v) KMM_THIS_CPU_XCHG(p, v, KMM_ARCH_ATOMIC_MAX)
#define arch_this_cpu_cmpxchg(p, old, new) KMM_THIS_CPU_CMPXCHG(p, old, new, KMM_ARCH_ATOMIC_MAX)

static inline bool generic_this_cpu_cmpxchg_double(unsigned long *p, unsigned long o1, unsigned long o2,
						   unsigned long n1, unsigned long n2)
{
	return generic_cas2((kmm_dword *)(void *)p, (kmm_dword){ o1, o2 }, (kmm_dword){ n1, n2 });
}

static inline bool arch_this_cpu_cmpxchg_double(unsigned long *p, unsigned long o1, unsigned long o2, unsigned long n1,
						unsigned long n2)
{
	return arch_cas2((kmm_dword *)(void *)p, (kmm_dword){ o1, o2 }, (kmm_dword){ n1, n2 });
}

/* Bits. An architecture may bring arch_lowest_bit(), the index of the lowest set bit of a word that is not 0. */
#define KMM_ARCH_WORD_BITS (8 * (unsigned int)sizeof(unsigned long))

static inline unsigned int generic_lowest_bit(unsigned long word)
{
	return (unsigned int)__builtin_ctzl(word);
}

#ifndef arch_lowest_bit
#define arch_lowest_bit generic_lowest_bit
#endif

/* First bit at or after @start that differs from @flip (all ones to look for zeros). @lowest is known at compile time
 * and so becomes an instruction. */
static inline __attribute__((always_inline)) unsigned long arch_find_from(const unsigned long *map, unsigned long size,
									  unsigned long start, unsigned long flip,
									  unsigned int (*lowest)(unsigned long))
{
	unsigned long index, word, bit;

	if (start >= size)
		return size;
	index = start / KMM_ARCH_WORD_BITS;
	word = (map[index] ^ flip) & (~0UL << (start % KMM_ARCH_WORD_BITS));
	while (!word) {
		index++;
		if (index * KMM_ARCH_WORD_BITS >= size)
			return size;
		word = map[index] ^ flip;
	}
	bit = index * KMM_ARCH_WORD_BITS + lowest(word);
	return bit < size ? bit : size;
}

static inline unsigned long generic_find_next_bit(const unsigned long *map, unsigned long size, unsigned long start)
{
	return arch_find_from(map, size, start, 0, generic_lowest_bit);
}

static inline unsigned long generic_find_next_zero_bit(const unsigned long *map, unsigned long size,
						       unsigned long start)
{
	return arch_find_from(map, size, start, ~0UL, generic_lowest_bit);
}

static inline unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long start)
{
	return arch_find_from(map, size, start, 0, arch_lowest_bit);
}

static inline unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long start)
{
	return arch_find_from(map, size, start, ~0UL, arch_lowest_bit);
}

#define generic_find_first_bit(map, size) generic_find_next_bit(map, size, 0)
#define generic_find_first_zero_bit(map, size) generic_find_next_zero_bit(map, size, 0)
#define find_first_bit(map, size) find_next_bit(map, size, 0)
#define find_first_zero_bit(map, size) find_next_zero_bit(map, size, 0)

static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static inline int fls_long(unsigned long x)
{
	return x ? (int)KMM_ARCH_WORD_BITS - __builtin_clzl(x) : 0;
}

static inline int ffs_long(unsigned long x)
{
	return x ? (int)arch_lowest_bit(x) + 1 : 0;
}

/* A macro, so that it is a constant for a constant. */
#define ilog2(x) ((int)KMM_ARCH_WORD_BITS - 1 - __builtin_clzl((unsigned long)(x)))

#endif /* KMM_ARCH_GENERIC_H */
