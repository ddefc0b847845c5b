/* SPDX-License-Identifier: MIT
 * attr.c - the files of /sys/kernel/slab/<cache>, read and written by name. See kmm/slab_attr.h.
 *
 * Locks:  slab_mutex from finding the cache to the end of what is done with it: nobody can destroy it meanwhile.
 * Rules:  two files need more. ctor: the name of a function is found out without the mutex, for the dynamic linker has a lock
 *         of its own, under which the constructors of objects make caches. validate: the library's own thread stands still, and
 *         that is waited for before the mutex is taken.
 * Source: slab_attr_show(), slab_attr_store(), ctor_show(), validate_store(), mm/slub.c, Linux 6.1.
 */
#include <errno.h>
#include <string.h>

#include <kmm/slab_attr.h>

#include "base/boot.h"
#include "base/work.h"
#include "slub/attr.h"
#include "slub/merge.h"
#include "slub/symbol.h"
#include "slub/validate.h"

/* What is read: of which cache, and what had to be found out before. */
struct attr_request {
	const char *cache;
	const struct slab_attr *attr; /* NULL: all */
	void (*ctor)(void *);         /* the constructor that ctor_text names */
	char ctor_text[SYMBOL_TEXT_MAX];
};

static bool cache_is_called(const struct kmem_cache *s, const char *name)
{
	char id[ID_STR_LENGTH];

	for (const struct cache_alias *alias = s->aliases; alias; alias = alias->next)
		if (strcmp(alias->name, name) == 0)
			return true;
	if (strcmp(s->name, name) == 0)
		return true;
	if (slab_unmergeable(s))
		return false;
	create_unique_id(s, id);
	return strcmp(id, name) == 0;
}

/* The newest of that name. */
static struct kmem_cache *find_cache_locked(const char *name)
{
	struct kmem_cache *s;

	kmm_assert_held(&slab_mutex);
	cds_list_for_each_entry(s, &slab_caches, list)
		if (cache_is_called(s, name))
			return s;
	return NULL;
}

/* Names the constructor, of which one moment later the cache may be gone, and another be there under its name. */
static int name_ctor(struct attr_request *request)
{
	const struct kmem_cache *s;

	kmm_lock(&slab_mutex);
	s = find_cache_locked(request->cache);
	request->ctor = s ? s->ctor : NULL;
	kmm_unlock(&slab_mutex);
	if (!s)
		return -ENOENT;
	if (request->ctor && (!request->attr || request->attr == &slab_attr_ctor))
		symbol_text(request->ctor_text, sizeof(request->ctor_text), (const void *)(uintptr_t)request->ctor);
	return 0;
}

static void add_attr(struct view_text *text, const struct kmem_cache *s, const struct slab_attr *attr,
		     const struct attr_request *request)
{
	if (attr == &slab_attr_ctor && s->ctor)
		view_add(text, "%s\n", request->ctor_text);
	else if (attr->show)
		attr->show(text, s, attr);
}

/* 0, -ENOENT, or -EAGAIN when it is not the cache any more whose constructor was named. */
static int fill_attrs(struct view_text *text, void *arg)
{
	const struct attr_request *request = arg;
	const struct kmem_cache *s = find_cache_locked(request->cache);

	if (!s)
		return -ENOENT;
	if (s->ctor != request->ctor)
		return -EAGAIN;
	if (request->attr) {
		add_attr(text, s, request->attr, request);
		return 0;
	}
	for (const struct slab_attr *attr = slab_attr_next(""); attr; attr = slab_attr_next(attr->file)) {
		view_add(text, "=== %s\n", attr->file);
		add_attr(text, s, attr, request);
	}
	return 0;
}

KMM_API int kmm_cache_attr_get(const char *cache, const char *name, char *buf, size_t size)
{
	struct attr_request request = { .cache = cache };
	struct view_text text = { .buf = buf, .size = size };
	int err;

	if (!kmm_boot_ensure())
		return -ENOENT;
	request.attr = slab_attr_find(name);
	if (!request.attr)
		return -ENOENT;
	if (size)
		buf[0] = '\0';
	do {
		err = name_ctor(&request);
		if (err)
			return err;
		kmm_lock(&slab_mutex);
		err = fill_attrs(&text, &request);
		kmm_unlock(&slab_mutex);
	} while (err == -EAGAIN);
	if (err)
		return err;
	return text.len < size ? (int)text.len : -ENOSPC;
}

KMM_API int kmm_cache_attrs(FILE *file, const char *cache)
{
	struct attr_request request = { .cache = cache };
	struct view_text text;
	int err;

	if (!kmm_boot_ensure())
		return -ENOENT;
	do {
		err = name_ctor(&request);
		if (!err)
			err = view_collect(&text, fill_attrs, &request);
	} while (err == -EAGAIN);
	return err ? err : view_print(file, &text);
}

static int set_attr(const char *cache, const struct slab_attr *attr, const char *value)
{
	struct kmem_cache *s;
	int err = -ENOENT;

	kmm_lock(&slab_mutex);
	s = find_cache_locked(cache);
	if (s)
		err = attr->set ? attr->set(s, attr, value) : -EACCES;
	kmm_unlock(&slab_mutex);
	return err;
}

static int validate(const char *cache, const char *value)
{
	struct slub_finding finding = { .invariant = NULL };
	const struct kmem_cache *s;
	int err = -ENOENT;

	kmm_work_pause();
	kmm_lock(&slab_mutex);
	s = find_cache_locked(cache);
	if (s) {
		err = value[0] == '1' ? 0 : -EINVAL;
		if (!err)
			validate_cache(s, &finding);
	}
	kmm_unlock(&slab_mutex);
	kmm_work_resume();
	slub_finding_report(&finding);
	return err;
}

KMM_API int kmm_cache_attr_set(const char *cache, const char *name, const char *value)
{
	const struct slab_attr *attr;

	if (!kmm_boot_ensure())
		return -ENOENT;
	attr = slab_attr_find(name);
	if (!attr)
		return -ENOENT;
	return attr == &slab_attr_validate ? validate(cache, value) : set_attr(cache, attr, value);
}
