/* SPDX-License-Identifier: MIT
 * kmm/usercopy.h - may this much be copied from here, or to here?
 *
 * For code that copies to and from somebody who must not see more than he was meant to: a client, another process, a file.
 *
 * Source: include/linux/ucopysize.h, mm/usercopy.c, Linux 6.1.
 */
#ifndef KMM_USERCOPY_H
#define KMM_USERCOPY_H

#include <stdbool.h>

#include <kmm/api.h>

KMM_BEGIN_DECLS

/**
 * check_object_size - stop the program if a copy would leave the object it is about.
 * @ptr:     where the copy is from, or to.      @n: bytes; 0 is always right.
 * @to_user: true: memory is read and goes out; false: it is written from outside.
 *
 * In a slab, all @n bytes must lie in one object, in the part that kmem_cache_create_usercopy() named: for kmalloc() that
 * is the whole object, the room behind the bytes asked for included; for other caches nothing. In pages of a compound page,
 * kmalloc_large() too, they must not go beyond its end. Other memory, that of malloc() and the stack, is let through, as
 * long as the address is neither NULL nor ZERO_SIZE_PTR and the end does not wrap around.
 *
 * Context: any thread; takes no lock. Nobody frees @ptr meanwhile.
 * Return:  only if all is right; a violation is reported as a bug ("usercopy: Kernel memory exposure attempt ...") and the
 *          process aborted.
 * Source:  check_object_size(), include/linux/ucopysize.h, Linux 6.1. Differs: also checked when @n is a constant; stacks
 *          and the program's code are not looked at.
 */
KMM_API void check_object_size(const void *ptr, unsigned long n, bool to_user);

KMM_END_DECLS

#endif /* KMM_USERCOPY_H */
