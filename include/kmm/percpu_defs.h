/* SPDX-License-Identifier: MIT
 * kmm/percpu_defs.h - static variables with one instance for every CPU.
 *
 * Owns:   the sections of such variables, and what each program and shared object tells the library about its own.
 *
 * DEFINE_PER_CPU() makes a variable of a section of its own. What the linker puts there is a template: the initial value,
 * which nobody writes. When the library starts, or when the object is loaded while it runs, every CPU gets a copy of the
 * whole section, and the accessors of <kmm/percpu_ops.h> turn the address of the template into that of an instance.
 *
 *   - Nothing need be called. The first access starts the library, as the first allocation does.
 *   - The copies of one object take at most 32 KiB a CPU when it is loaded while the library runs: first from the 8 KiB
 *     that are kept for this, then from ordinary per-CPU memory. At the start there is room for what a section of the
 *     arena (16 MiB; 8 MiB on 32-bit) can give all CPUs.
 *   - dlclose() ends the instances with the object. What runs after an object's last destructor uses none of them.
 *   - After kmm_exit() they can be read and written, and start again as zeros.
 *
 * Source: include/linux/percpu-defs.h, Linux 6.1. Differs: &variable is the template's address, of no use to anyone but
 *         the accessors; the kernel may keep several sections in one because its linker script says where they lie.
 */
#ifndef KMM_PERCPU_DEFS_H
#define KMM_PERCPU_DEFS_H

#include <stddef.h>
#include <stdint.h>

#include <kmm/api.h>

/* Names that are C identifiers, so that every linker marks where the sections begin and end. */
#define KMM_PCPU_SECTION "kmm_percpu"
#define KMM_PCPU_READ_MOSTLY_SECTION "kmm_percpu_read_mostly"

#define KMM_PCPU_CACHE_LINE 64
#define KMM_PCPU_PAGE 4096
#define KMM_PCPU_ATTRIBUTES(section_name, alignment) __attribute__((section(section_name), aligned(alignment)))

/**
 * DEFINE_PER_CPU                 - define a variable that every CPU has an instance of.
 * DEFINE_PER_CPU_ALIGNED         - the same, at the start of a cache line.
 * DEFINE_PER_CPU_SHARED_ALIGNED  - the same: for one that other CPUs write, too.
 * DEFINE_PER_CPU_PAGE_ALIGNED    - the same, at the start of a page.
 * DEFINE_PER_CPU_READ_MOSTLY     - apart from those that are written often.
 * @type: any complete type; an array type too, DEFINE_PER_CPU(int[4], name).
 * @name: of the variable, of static storage: static DEFINE_PER_CPU(int, hits) = 5;
 *
 * The type is not const: one section holds all of them. In g++ none may be inside an inline function or a template.
 *
 * An initial value is every instance's; without one they are zero. It may hold addresses. Alignment is kept up to that
 * of a page. A copy of bytes is all that an instance gets, so in C++ nothing may be left to a constructor at run time.
 *
 * Source: include/linux/percpu-defs.h, Linux 6.1.
 */
#define DEFINE_PER_CPU(type, name) __attribute__((section(KMM_PCPU_SECTION))) __typeof__(type) name
#define DEFINE_PER_CPU_ALIGNED(type, name) \
	KMM_PCPU_ATTRIBUTES(KMM_PCPU_SECTION, KMM_PCPU_CACHE_LINE) __typeof__(type) name
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name) DEFINE_PER_CPU_ALIGNED(type, name)
#define DEFINE_PER_CPU_PAGE_ALIGNED(type, name) \
	KMM_PCPU_ATTRIBUTES(KMM_PCPU_SECTION, KMM_PCPU_PAGE) __typeof__(type) name
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) \
	__attribute__((section(KMM_PCPU_READ_MOSTLY_SECTION))) __typeof__(type) name

/**
 * DECLARE_PER_CPU, DECLARE_PER_CPU_ALIGNED, DECLARE_PER_CPU_SHARED_ALIGNED, DECLARE_PER_CPU_PAGE_ALIGNED,
 * DECLARE_PER_CPU_READ_MOSTLY - declare what the DEFINE of the same name defines elsewhere, perhaps in another object.
 *
 * A program that uses a variable of a shared object is best compiled with -fPIC. Otherwise the linker may move the variable
 * into the program, and each access has to find the way back to it, which is said once and takes some 10 ns.
 *
 * Source: include/linux/percpu-defs.h, Linux 6.1.
 */
#define DECLARE_PER_CPU(type, name) extern DEFINE_PER_CPU(type, name)
#define DECLARE_PER_CPU_ALIGNED(type, name) extern DEFINE_PER_CPU_ALIGNED(type, name)
#define DECLARE_PER_CPU_SHARED_ALIGNED(type, name) extern DEFINE_PER_CPU_SHARED_ALIGNED(type, name)
#define DECLARE_PER_CPU_PAGE_ALIGNED(type, name) extern DEFINE_PER_CPU_PAGE_ALIGNED(type, name)
#define DECLARE_PER_CPU_READ_MOSTLY(type, name) extern DEFINE_PER_CPU_READ_MOSTLY(type, name)

/**
 * EXPORT_PER_CPU_SYMBOL, EXPORT_PER_CPU_SYMBOL_GPL - nothing but a declaration that does no harm: a variable that is not
 * static can be seen by other objects, unless its visibility is hidden. Source: include/linux/percpu-defs.h, Linux 6.1.
 */
#define EXPORT_PER_CPU_SYMBOL(name) struct kmm_percpu_module
#define EXPORT_PER_CPU_SYMBOL_GPL(name) struct kmm_percpu_module

KMM_BEGIN_DECLS

/* What one program or shared object knows of its templates. Written by the library: the first two before any other code
 * of the object can run, the last with RELEASE when every instance holds its initial value. */
struct kmm_percpu_module {
	uintptr_t start; /* of the templates */
	size_t size;     /* bytes, 0: there are none */
	uintptr_t delta; /* from a template to CPU 0's instance; 0: kmm_per_cpu_ptr_slow() knows more */
};

/**
 * kmm_percpu_module_register   - tell the library of the static variables of one object. Called by its constructor below.
 * kmm_percpu_module_unregister - the object goes. Called by its destructor.
 * @module: the object's own; registered twice, it is once.
 * @start, @stop: its section of templates; @read_mostly_start, @read_mostly_stop: the other one. Either may be empty.
 *
 * Does not start the library. While the library runs the instances are made at once; an object for which there is no
 * memory is reported, and accesses to its variables try again and give NULL if that fails, too.
 *
 * Context: a constructor or destructor. May sleep.
 * Source:  percpu_modalloc(), percpu_modfree(), kernel/module/main.c, Linux 6.1. Differs: a full reserved part is no
 *          failure, the instances are ordinary per-CPU memory then.
 */
KMM_API void kmm_percpu_module_register(struct kmm_percpu_module *module, const char *start, const char *stop,
					const char *read_mostly_start, const char *read_mostly_stop);
KMM_API void kmm_percpu_module_unregister(struct kmm_percpu_module *module);

/* Of the object that includes this. Hidden, so each has its own; weak, so that all its translation units share one. */
extern struct kmm_percpu_module kmm_percpu_this_module __attribute__((visibility("hidden")));

#ifndef KMM_INSIDE /* the library itself has no such variables */
struct kmm_percpu_module kmm_percpu_this_module __attribute__((weak, visibility("hidden")));

extern const char __start_kmm_percpu[] __attribute__((weak, visibility("hidden")));
extern const char __stop_kmm_percpu[] __attribute__((weak, visibility("hidden")));
extern const char __start_kmm_percpu_read_mostly[] __attribute__((weak, visibility("hidden")));
extern const char __stop_kmm_percpu_read_mostly[] __attribute__((weak, visibility("hidden")));

/* The two functions above by another name, which need not be there: who has no per-CPU variables may include the headers
 * and not link the library. */
extern void kmm_percpu_module_register_weak(struct kmm_percpu_module *module, const char *start, const char *stop,
					    const char *read_mostly_start,
					    const char *read_mostly_stop) __asm__("kmm_percpu_module_register")
	__attribute__((weak));
extern void kmm_percpu_module_unregister_weak(struct kmm_percpu_module *module) __asm__("kmm_percpu_module_unregister")
	__attribute__((weak));

/* Before all constructors with a later priority, after all destructors; once for each translation unit, which does no
 * harm. */
void kmm_percpu_this_module_init(void);
void kmm_percpu_this_module_exit(void);

__attribute__((weak, visibility("hidden"), constructor(101))) void kmm_percpu_this_module_init(void)
{
	/* A section that is not there starts and ends at NULL or, with gold, at another address. */
	if ((&__start_kmm_percpu[0] != &__stop_kmm_percpu[0] ||
	     &__start_kmm_percpu_read_mostly[0] != &__stop_kmm_percpu_read_mostly[0]) &&
	    kmm_percpu_module_register_weak)
		kmm_percpu_module_register_weak(&kmm_percpu_this_module, __start_kmm_percpu, __stop_kmm_percpu,
						__start_kmm_percpu_read_mostly, __stop_kmm_percpu_read_mostly);
}

__attribute__((weak, visibility("hidden"), destructor(101))) void kmm_percpu_this_module_exit(void)
{
	if (kmm_percpu_this_module.size)
		kmm_percpu_module_unregister_weak(&kmm_percpu_this_module);
}
#endif

KMM_END_DECLS

#endif /* KMM_PERCPU_DEFS_H */
