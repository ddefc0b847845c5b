/* SPDX-License-Identifier: MIT
 * kmm/api.h - what every public header shares: visibility, C++ linkage, compiler attributes.
 *
 * Owns: the KMM_* macros below; nothing else is declared here.
 */
#ifndef KMM_API_H
#define KMM_API_H

#ifdef __cplusplus
#define KMM_BEGIN_DECLS extern "C" {
#define KMM_END_DECLS }
#else
#define KMM_BEGIN_DECLS
#define KMM_END_DECLS
#endif

/* Exported from the shared library; everything without it stays inside. */
#define KMM_API __attribute__((visibility("default")))

#define KMM_MALLOC __attribute__((malloc, warn_unused_result))
#define KMM_ALLOC_SIZE(...) __attribute__((alloc_size(__VA_ARGS__)))
#define KMM_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define KMM_MUST_CHECK __attribute__((warn_unused_result))

/* Marks a pointer that names one variable on every CPU; reach an instance with per_cpu_ptr() or this_cpu_ptr(). */
#ifndef __percpu
#define __percpu
#endif

#endif /* KMM_API_H */
