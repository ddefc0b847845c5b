/* SPDX-License-Identifier: MIT
 * kmm/overflow.h - sizes that do not wrap around.
 *
 * Owns:   arithmetic on sizes whose result is SIZE_MAX where the true one does not fit. No allocation of that size succeeds,
 *         and a further operation of this header on it gives SIZE_MAX again.
 * Source: include/linux/overflow.h, Linux 6.1.
 */
#ifndef KMM_OVERFLOW_H
#define KMM_OVERFLOW_H

#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * size_mul, size_add - a product, a sum of two sizes.
 * @a, @b:  sizes.
 * Context: any. Return: the result; SIZE_MAX where it is larger than that.
 * Source:  the same, Linux 6.1.
 */
static inline size_t size_mul(size_t a, size_t b)
{
	size_t bytes;

	return __builtin_mul_overflow(a, b, &bytes) ? SIZE_MAX : bytes;
}

static inline size_t size_add(size_t a, size_t b)
{
	size_t bytes;

	return __builtin_add_overflow(a, b, &bytes) ? SIZE_MAX : bytes;
}

/**
 * size_sub - a difference of two sizes.
 * @a, @b:  sizes; SIZE_MAX is one that did not fit, and so is a difference from it.
 * Context: any. Return: @a - @b; SIZE_MAX where that is negative, or @a or @b is SIZE_MAX.
 * Source:  the same, Linux 6.1.
 */
static inline size_t size_sub(size_t a, size_t b)
{
	return a == SIZE_MAX || b > a ? SIZE_MAX : a - b;
}

KMM_END_DECLS

/** array_size - bytes of @n elements of @size bytes; array3_size - of @n times @m of them. SIZE_MAX where that is too much. */
#define array_size(n, size) size_mul(n, size)
#define array3_size(n, m, size) size_mul(size_mul(n, m), size)

/**
 * flex_array_size - bytes of @count elements of the array that ends a structure.
 * @p:      pointer to the structure; it is not evaluated.      @member: the array.      @count: elements.
 * Return:  bytes, SIZE_MAX where that is too much.
 * Source:  the same, Linux 6.1.
 */
#define flex_array_size(p, member, count) size_mul(count, sizeof(*(p)->member))

/**
 * struct_size   - bytes of a structure that ends in an array of @count elements.
 * struct_size_t - the same, with the structure's type in place of a pointer.
 * @p, @type: the structure, as for flex_array_size().      @member, @count: as there.
 * Return:  bytes, SIZE_MAX where that is too much.
 * Source:  the same, Linux 6.1 and 6.5.
 */
#define struct_size(p, member, count) size_add(sizeof(*(p)), flex_array_size(p, member, count))
#ifdef __cplusplus
#define struct_size_t(type, member, count) struct_size(static_cast<type *>(nullptr), member, count)
#else
#define struct_size_t(type, member, count) struct_size((type *)NULL, member, count)
#endif

#endif /* KMM_OVERFLOW_H */
