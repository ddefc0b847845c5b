/* SPDX-License-Identifier: MIT
 * cache_create.c - how a cache is made: arguments checked, an alike one joined, or a new one entered into the registry.
 *
 * Locks:  slab_mutex (rank 10) around the registry. Memory for a new cache is taken before it, so that pages are never
 *         waited for under it. Nothing is reported under it.
 * Rules:  what is refused, and what only gets a warning, is what the kernel refuses and warns of in its debug builds
 *         (CONFIG_DEBUG_VM): a library has other callers.
 * Source: kmem_cache_create_usercopy(), create_cache(), kmem_cache_sanity_check(), mm/slab_common.c, Linux 6.1;
 *         __kmem_cache_create_args(), Linux 6.12.
 */
#include <errno.h>
#include <string.h>

#include "base/boot.h"
#include "slub/alloc.h"
#include "slub/cache.h"
#include "slub/layout.h"
#include "slub/merge.h"

/* What callers may say, and what of it is kept: checks of objects are not built, and slabs are not spread. */
#define SLAB_DEBUG_FLAGS (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)
#define CACHE_CREATE_MASK                                                                             \
	(SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_RECLAIM_ACCOUNT | SLAB_PANIC | \
	 SLAB_TYPESAFE_BY_RCU | SLAB_ACCOUNT | SLAB_NO_MERGE | SLAB_NOLEAKTRACE | SLAB_NO_USER_FLAGS | SLAB_FAILSLAB)
#define SLAB_FLAGS_PERMITTED (CACHE_CREATE_MASK | SLAB_DEBUG_FLAGS | SLAB_MEM_SPREAD | SLAB_KMALLOC)

static bool freeptr_place_ok(unsigned int size, const struct kmem_cache_args *args, slab_flags_t flags)
{
	return (flags & SLAB_TYPESAFE_BY_RCU) && args->freeptr_offset < size &&
	       !(args->freeptr_offset & (sizeof(void *) - 1));
}

/* Returns what is wrong, or NULL. */
static const char *cache_args_fault(const char *name, unsigned int size, const struct kmem_cache_args *args,
				    slab_flags_t flags)
{
	if (!name)
		return "no name";
	if (!size || size > KMALLOC_MAX_SIZE)
		return "size out of range";
	if (args->align & (args->align - 1))
		return "align is not a power of two";
	if (args->align > PAGE_SIZE)
		return "align above a page";
	if (flags & ~SLAB_FLAGS_PERMITTED)
		return "unknown flags";
	if (args->use_freeptr_offset && !freeptr_place_ok(size, args, flags))
		return "freeptr_offset is no word in an object that is SLAB_TYPESAFE_BY_RCU";
	return NULL;
}

/* Into the registry, from where on everybody can find it. *@duplicate: its name was in use. */
static int enter_cache(struct kmem_cache *s, bool *duplicate)
{
	int err;

	kmm_lock(&slab_mutex);
	err = complete_kmem_cache_nodes_locked(s);
	if (!err) {
		*duplicate = cache_name_in_use_locked(s->name);
		cds_list_add(&s->list, &slab_caches);
	}
	kmm_unlock(&slab_mutex);
	return err;
}

/* A cache of its own, which then owns @alias. NULL with *@err set, and @alias freed. */
static struct kmem_cache *create_cache(struct cache_alias *alias, unsigned int size, const struct kmem_cache_args *args,
				       slab_flags_t flags, bool *duplicate, int *err)
{
	struct kmem_cache *s = cache_alloc(kmem_cache, GFP_KERNEL | __GFP_ZERO);

	if (!s) {
		kfree(alias);
		*err = -ENOMEM;
		return NULL;
	}
	s->aliases = alias;
	s->name = alias->name;
	s->object_size = size;
	s->align = calculate_alignment(flags, args->align, size);
	s->flags = flags;
	s->ctor = args->ctor;
	s->useroffset = args->useroffset;
	s->usersize = args->usersize;
	s->refcount = 1;
	*err = kmem_cache_open(s, args);
	if (!*err)
		*err = enter_cache(s, duplicate);
	if (!*err)
		return s;
	slab_kmem_cache_release(s);
	return NULL;
}

static struct kmem_cache *find_or_create(const char *name, unsigned int size, const struct kmem_cache_args *args,
					 slab_flags_t flags, int *err)
{
	struct cache_alias *alias = cache_alias_alloc(name);
	struct kmem_cache *s = NULL;
	bool duplicate = false;

	if (!alias) {
		*err = -ENOMEM;
		return NULL;
	}
	if (!args->usersize)
		s = kmem_cache_alias(alias, size, args->align, flags, args->ctor, &duplicate);
	if (!s)
		s = create_cache(alias, size, args, flags, &duplicate, err);
	KMM_WARN_AS("kmem_cache_create", s && duplicate, "kmem_cache of name '%s' already exists", name);
	return s;
}

/* What is wrong, but no reason to refuse. */
static void warn_and_mend(const char *name, unsigned int size, struct kmem_cache_args *args)
{
	KMM_WARN_AS("kmem_cache_create", strchr(name, ' '), "%s: a name with blanks confuses readers of slabinfo",
		    name);
	/* Fail closed. */
	if (KMM_WARN_AS("kmem_cache_create",
			(!args->usersize && args->useroffset) || size < args->usersize ||
				size - args->usersize < args->useroffset,
			"%s: useroffset %u and usersize %u: no part of an object of %u bytes, so there is none", name,
			args->useroffset, args->usersize, size))
		args->useroffset = args->usersize = 0;
}

static void report_failure(const char *name, slab_flags_t flags, int err)
{
	/* The one abort that callers can ask for. */
	if (flags & SLAB_PANIC)
		kmm_report(KMM_REPORT_BUG,
			   "Kernel panic - not syncing: kmem_cache_create: Failed to create slab '%s'. Error %d\n",
			   name, err);
	if (err != -ESHUTDOWN)
		kmm_report(KMM_REPORT_WARN, "kmem_cache_create(%s) failed with error %d\n", name, err);
}

static struct kmem_cache *checked_create(const char *name, unsigned int size, struct kmem_cache_args args,
					 slab_flags_t flags)
{
	const char *fault = cache_args_fault(name, size, &args, flags);
	const char *shown = name ? name : "(null)";
	struct kmem_cache *s = NULL;
	int err = -EINVAL;

	if (fault) {
		kmm_report(KMM_REPORT_WARN,
			   "kmem_cache_create(%s) integrity check failed: %s (size %u, align %u, flags %#x)\n", shown,
			   fault, size, args.align, flags);
	} else if (!kmm_boot_ensure()) {
		err = kmm_boot_state() == KMM_DEAD ? -ESHUTDOWN : -ENOMEM;
	} else {
		warn_and_mend(name, size, &args);
		s = find_or_create(name, size, &args, flags & CACHE_CREATE_MASK, &err);
	}
	if (!s)
		report_failure(shown, flags, err);
	return s;
}

/* In parentheses: the name is a macro, too. */
KMM_API struct kmem_cache *(kmem_cache_create)(const char *name, unsigned int size, unsigned int align,
					       slab_flags_t flags, void (*ctor)(void *object))
{
	return checked_create(name, size, (struct kmem_cache_args){ .align = align, .ctor = ctor }, flags);
}

KMM_API struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size, unsigned int align,
						      slab_flags_t flags, unsigned int useroffset,
						      unsigned int usersize, void (*ctor)(void *object))
{
	return checked_create(name, size,
			      (struct kmem_cache_args){
				      .align = align, .useroffset = useroffset, .usersize = usersize, .ctor = ctor },
			      flags);
}

KMM_API struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size,
						    const struct kmem_cache_args *args, slab_flags_t flags)
{
	return checked_create(name, size, args ? *args : (struct kmem_cache_args){ .align = 0 }, flags);
}
