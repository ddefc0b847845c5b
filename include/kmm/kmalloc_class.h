/* SPDX-License-Identifier: MIT
 * kmm/kmalloc_class.h - the cache of a kmalloc() whose size the compiler knows is looked up by the compiler.
 *
 * Owns:   kmalloc_index() and the inline forms of kmalloc(), kmalloc_node() and what is made of them.
 * How:    each form has the name of the function that the library exports. Where it is inlined there is no computation of
 *         the class left, nor a test for a large size; where the address of the function is taken, or by a program in
 *         another language, the exported one is used.
 * Source: kmalloc_index(), kmalloc(), include/linux/slab.h, Linux 6.1.
 */
#ifndef KMM_KMALLOC_CLASS_H
#define KMM_KMALLOC_CLASS_H

#include <kmm/kmalloc.h>
#include <kmm/overflow.h>

KMM_BEGIN_DECLS

/* Inlined, or the exported function: such a definition is never compiled into a function of its own, in C nor in C++. */
#define KMM_KMALLOC_INLINE extern inline __attribute__((__gnu_inline__, __always_inline__))

/**
 * kmalloc_index - the class of objects of @size bytes.
 * @size:   0 to KMALLOC_MAX_CACHE_SIZE bytes, known to the compiler: computed at run time it is slow.
 * Context: any.
 * Return:  0 for 0 bytes; 1 for 65 to 96; 2 for 129 to 192; otherwise i, for 2^(i-1) + 1 to 2^i bytes, at least 3.
 * Source:  kmalloc_index(), include/linux/slab.h, Linux 6.1.
 */
KMM_KMALLOC_INLINE unsigned int kmalloc_index(size_t size)
{
	if (size <= KMALLOC_MIN_SIZE)
		return size ? 3 : 0;
	if (size > 64 && size <= 96)
		return 1;
	if (size > 128 && size <= 192)
		return 2;
	return (unsigned int)(8 * sizeof(long)) - (unsigned int)__builtin_clzl((unsigned long)size - 1);
}

/**
 * kmm_kmalloc_class      - kmalloc() of a size whose class is known. What the inline forms below call.
 * kmm_kmalloc_class_node - kmalloc_node() of such a size.
 * @index:  kmalloc_index(@size), not 0.      @gfp, @node: as there.      @size: 1 to KMALLOC_MAX_CACHE_SIZE bytes.
 * Ownership, context and return: as there. Source: kmalloc_trace(), kmalloc_node_trace(), mm/slab_common.c, Linux 6.1.
 */
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(3) void *kmm_kmalloc_class(unsigned int index, gfp_t gfp, size_t size);
KMM_API KMM_KMALLOC KMM_ALLOC_SIZE(4) void *kmm_kmalloc_class_node(unsigned int index, gfp_t gfp, int node,
								   size_t size);

#ifndef KMM_INSIDE /* the library itself defines the functions */

KMM_KMALLOC_INLINE void *kmalloc(size_t size, gfp_t gfp)
{
	if (!__builtin_constant_p(size))
		return __kmalloc(size, gfp);
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return kmalloc_large(size, gfp);
	return size ? kmm_kmalloc_class(kmalloc_index(size), gfp, size) : ZERO_SIZE_PTR;
}

KMM_KMALLOC_INLINE void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
	if (!__builtin_constant_p(size))
		return __kmalloc_node(size, gfp, node);
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return kmalloc_large_node(size, gfp, node);
	return size ? kmm_kmalloc_class_node(kmalloc_index(size), gfp, node, size) : ZERO_SIZE_PTR;
}

KMM_KMALLOC_INLINE void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

KMM_KMALLOC_INLINE void *kzalloc_node(size_t size, gfp_t gfp, int node)
{
	return kmalloc_node(size, gfp | __GFP_ZERO, node);
}

KMM_KMALLOC_INLINE void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmalloc(bytes, gfp);
}

KMM_KMALLOC_INLINE void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmalloc_node(bytes, gfp, node);
}

KMM_KMALLOC_INLINE void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}

KMM_KMALLOC_INLINE void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node)
{
	return kmalloc_array_node(n, size, gfp | __GFP_ZERO, node);
}

#endif /* KMM_INSIDE */

KMM_END_DECLS

#endif /* KMM_KMALLOC_CLASS_H */
