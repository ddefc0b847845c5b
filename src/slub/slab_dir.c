/* SPDX-License-Identifier: MIT
 * slab_dir.c - the listing of /sys/kernel/slab: caches, and other names for them. See kmm/slab_attr.h.
 *
 * Locks:  slab_mutex while names are collected (view.h); they are sorted and written without it.
 * Source: sysfs_slab_add(), sysfs_slab_alias(), mm/slub.c, Linux 6.1.
 */
#include <errno.h>
#include <string.h>

#include <kmm/slab_attr.h>

#include "slub/merge.h"
#include "slub/view.h"

/* A name and what is written behind it, both with their NUL: names are sorted without the rest. */
static void add_entry(struct view_text *text, const char *name, const char *arrow, const char *rest)
{
	view_add(text, "%s%c%s%s%c", name, '\0', arrow, rest, '\0');
}

static void add_entries(struct view_text *text, const struct kmem_cache *s)
{
	char id[ID_STR_LENGTH];

	if (slab_unmergeable(s)) {
		add_entry(text, s->name, "", "/");
		return;
	}
	create_unique_id(s, id);
	add_entry(text, id, "", "/");
	if (!s->aliases)
		add_entry(text, s->name, " -> ", id);
	for (const struct cache_alias *alias = s->aliases; alias; alias = alias->next)
		add_entry(text, alias->name, " -> ", id);
}

static int fill_dir(struct view_text *text, void *arg)
{
	const struct kmem_cache *s;

	(void)arg;
	cds_list_for_each_entry(s, &slab_caches, list)
		add_entries(text, s);
	return 0;
}

static const char *rest_of(const char *entry)
{
	return entry + strlen(entry) + 1;
}

static const char *entry_after(const char *entry)
{
	const char *rest = rest_of(entry);

	return rest + strlen(rest) + 1;
}

/* Of equal names the newest comes first, as it does in the text. */
static bool is_before(const char *a, const char *b)
{
	const int order = strcmp(a, b);

	return order < 0 || (order == 0 && a < b);
}

/* Shell's sort: qsort() may call malloc(). */
static void sort_entries(const char **entries, size_t nr)
{
	for (size_t gap = nr / 2; gap; gap /= 2) {
		for (size_t i = gap; i < nr; i++) {
			const char *entry = entries[i];
			size_t j = i;

			for (; j >= gap && is_before(entry, entries[j - gap]); j -= gap)
				entries[j] = entries[j - gap];
			entries[j] = entry;
		}
	}
}

/* A name that two caches have is shown once: it leads to the newest. */
static void print_entries(FILE *file, const char **entries, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!i || strcmp(entries[i], entries[i - 1]) != 0)
			fprintf(file, "%s%s\n", entries[i], rest_of(entries[i]));
}

static int print_sorted(FILE *file, const struct view_text *text)
{
	const char *const end = text->buf + text->len;
	const char **entries;
	size_t nr = 0;

	for (const char *entry = text->buf; entry < end; entry = entry_after(entry))
		nr++;
	if (!nr)
		return 0;
	entries = alloc_pages_exact(nr * sizeof(*entries), GFP_KERNEL | __GFP_NOWARN);
	if (!entries)
		return -ENOMEM;
	nr = 0;
	for (const char *entry = text->buf; entry < end; entry = entry_after(entry))
		entries[nr++] = entry;
	sort_entries(entries, nr);
	print_entries(file, entries, nr);
	free_pages_exact(entries, nr * sizeof(*entries));
	return ferror(file) ? -EIO : 0;
}

KMM_API int kmm_slab_dir(FILE *file)
{
	struct view_text text;
	int err = view_collect(&text, fill_dir, NULL);

	if (err)
		return err;
	err = print_sorted(file, &text);
	view_release(&text);
	return err;
}
