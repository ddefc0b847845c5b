/* SPDX-License-Identifier: MIT
 * kmm/kmalloc_obj.h - kmalloc() by type: the size and the type of the pointer are those of the object.
 *
 *	struct conn *conn = kzalloc_obj(*conn);
 *	struct line *lines = kmalloc_objs(struct line, 100, GFP_NOWAIT);
 *	struct set *set = kmalloc_flex(*set, members, nr);
 *
 * Source: kmalloc_obj() and its family, include/linux/slab.h, Linux 7.0. Differs: a counter of __counted_by() is not set.
 */
#ifndef KMM_KMALLOC_OBJ_H
#define KMM_KMALLOC_OBJ_H

#include <kmm/kmalloc.h>
#include <kmm/overflow.h>

/**
 * kmalloc_obj, kzalloc_obj - kmalloc() and kzalloc() of one object: kmalloc_obj(VAR_OR_TYPE), kmalloc_obj(VAR_OR_TYPE, gfp)
 * @VAR_OR_TYPE: a type, or an expression of that type, which is not evaluated.      @gfp: as for kmalloc(); GFP_KERNEL if
 *               there is none.
 * Ownership, context and return: as kmalloc(), but the pointer has the type.
 */
#define kmalloc_obj(...) KMM_OBJ(kmalloc, KMM_OBJ_1ST(__VA_ARGS__), KMM_OBJ_GFP(__VA_ARGS__))
#define kzalloc_obj(...) KMM_OBJ(kzalloc, KMM_OBJ_1ST(__VA_ARGS__), KMM_OBJ_GFP(__VA_ARGS__))

/**
 * kmalloc_objs, kzalloc_objs - an array of objects: kmalloc_objs(VAR_OR_TYPE, COUNT), kmalloc_objs(VAR_OR_TYPE, COUNT, gfp)
 * @VAR_OR_TYPE, @gfp: as for kmalloc_obj().      @COUNT: elements.
 * Ownership, context and return: as there; NULL, reported as any size that is too large, also when the product overflows.
 */
#define kmalloc_objs(VAR_OR_TYPE, ...) \
	KMM_OBJS(kmalloc, VAR_OR_TYPE, KMM_OBJ_1ST(__VA_ARGS__), KMM_OBJ_GFP(__VA_ARGS__))
#define kzalloc_objs(VAR_OR_TYPE, ...) \
	KMM_OBJS(kzalloc, VAR_OR_TYPE, KMM_OBJ_1ST(__VA_ARGS__), KMM_OBJ_GFP(__VA_ARGS__))

/**
 * kmalloc_flex, kzalloc_flex - a structure that ends in an array: kmalloc_flex(VAR_OR_TYPE, FAM, COUNT), and with a gfp
 * @VAR_OR_TYPE, @gfp: as for kmalloc_obj().      @FAM: the array's name.      @COUNT: elements of it.
 * Ownership, context and return: as kmalloc_objs().
 */
#define kmalloc_flex(VAR_OR_TYPE, FAM, ...) \
	KMM_OBJ_FLEX(kmalloc, VAR_OR_TYPE, FAM, KMM_OBJ_1ST(__VA_ARGS__), KMM_OBJ_GFP(__VA_ARGS__))
#define kzalloc_flex(VAR_OR_TYPE, FAM, ...) \
	KMM_OBJ_FLEX(kzalloc, VAR_OR_TYPE, FAM, KMM_OBJ_1ST(__VA_ARGS__), KMM_OBJ_GFP(__VA_ARGS__))

/* Of "x" and "x, gfp": x; and GFP_KERNEL, or gfp. An argument behind the last keeps "..." from being nothing, which ISO C
 * forbids. */
#define KMM_OBJ_1ST(...) KMM_OBJ_1ST_OF(__VA_ARGS__, )
#define KMM_OBJ_1ST_OF(a, ...) a
#define KMM_OBJ_2ND_OF(a, b, ...) b
#define KMM_OBJ_3RD_OF(a, b, c, ...) c
#define KMM_OBJ_GFP(...) KMM_OBJ_3RD_OF(__VA_ARGS__, KMM_OBJ_2ND_OF(__VA_ARGS__, ), GFP_KERNEL, )

#ifdef __cplusplus
/* __typeof__ of a reference, which an expression may be, is a reference. */
template <typename T> struct kmm_obj_type_of {
	typedef T type;
};
template <typename T> struct kmm_obj_type_of<T &> {
	typedef T type;
};
template <typename T> struct kmm_obj_type_of<T &&> {
	typedef T type;
};
template <typename T> using kmm_obj_type = typename kmm_obj_type_of<T>::type;
#define KMM_OBJ_TYPE(x) kmm_obj_type<__typeof__(x)>
#define KMM_OBJ_CAST(x, p) static_cast<KMM_OBJ_TYPE(x) *>(p)
#else
#define KMM_OBJ_TYPE(x) __typeof__(x)
#define KMM_OBJ_CAST(x, p) ((KMM_OBJ_TYPE(x) *)(p))
#endif

#define KMM_OBJ(alloc, x, gfp) KMM_OBJ_CAST(x, alloc(sizeof(KMM_OBJ_TYPE(x)), gfp))
#define KMM_OBJS(alloc, x, count, gfp) KMM_OBJ_CAST(x, alloc(size_mul(sizeof(KMM_OBJ_TYPE(x)), count), gfp))
#define KMM_OBJ_FLEX(alloc, x, fam, count, gfp) KMM_OBJ_CAST(x, alloc(struct_size_t(KMM_OBJ_TYPE(x), fam, count), gfp))

#endif /* KMM_KMALLOC_OBJ_H */
