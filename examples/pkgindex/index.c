/* SPDX-License-Identifier: MIT
 * index.c - packages, their edges, and the hash table that finds them.
 *
 * Owns:       both caches, the counters, the buckets and their locks.
 * Locks:      a bucket's chain is changed under locks[bucket % INDEX_LOCKS].
 * Lock-free:  chains are read under RCU. A package is complete before it is published and only freed a grace period
 *             after it was taken out, so a reader never sees one half made or half gone.
 * Invariants: I1  packages of one name are in one bucket, and the first of them in the chain stands for the name
 *             I2  a package in the cache is in the constructed state; the constructor runs once a slab, not once a use
 */
#include <errno.h>
#include <string.h>

#include "pkgindex.h"

#define TEXT_PER_BUCKET 1024 /* bytes; a record has about 800 */
#define MIN_BUCKETS 256
#define MAX_BUCKETS (KMALLOC_MAX_SIZE / sizeof(struct package *))

struct index pkg_index;

/* FNV-1a: short, and the same on every machine. */
static uint32_t hash_name(const char *name, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

/* rcu_assign_pointer(), which liburcu writes as a volatile store. As RELEASE store ThreadSanitizer understands it, too;
 * it pairs with the rcu_dereference() of the readers. */
static void publish(struct package **place, struct package *package)
{
	__atomic_store_n(place, package, __ATOMIC_RELEASE);
}

static void package_construct(void *object)
{
	struct package *package = object;

	memset(package, 0, sizeof(*package));
	CDS_INIT_LIST_HEAD(&package->edges);
}

int index_create(size_t bytes)
{
	for (int i = 0; i < INDEX_LOCKS; i++)
		pthread_mutex_init(&pkg_index.locks[i], NULL);
	pkg_index.nr_buckets = MIN_BUCKETS;
	while (pkg_index.nr_buckets < bytes / TEXT_PER_BUCKET && pkg_index.nr_buckets < MAX_BUCKETS)
		pkg_index.nr_buckets *= 2;

	pkg_index.packages = kmem_cache_create("pkgindex_package", sizeof(struct package), __alignof__(struct package),
					       0, package_construct);
	pkg_index.edges = kmem_cache_create("pkgindex_edge", sizeof(struct edge), __alignof__(struct edge), 0, NULL);
	pkg_index.counters = alloc_percpu(struct counters);
	pkg_index.buckets = kcalloc(pkg_index.nr_buckets, sizeof(struct package *), GFP_KERNEL);
	if (!pkg_index.packages || !pkg_index.edges || !pkg_index.counters || !pkg_index.buckets)
		return -ENOMEM;
	return 0;
}

void index_destroy(void)
{
	kfree(pkg_index.buckets);
	free_percpu(pkg_index.counters);
	kmem_cache_destroy(pkg_index.edges);
	kmem_cache_destroy(pkg_index.packages);
	for (int i = 0; i < INDEX_LOCKS; i++)
		pthread_mutex_destroy(&pkg_index.locks[i]);
	memset(&pkg_index, 0, sizeof(pkg_index));
}

static void string_free(char **string)
{
	kfree(*string);
	*string = NULL;
}

/* Nobody else can see the package: it was never published, or its grace period is over. */
static void package_free(struct package *package)
{
	struct edge *edge, *next;

	cds_list_for_each_entry_safe(edge, next, &package->edges, link) {
		kfree(edge->target);
		kmem_cache_free(pkg_index.edges, edge);
	}
	/* Back to the constructed state, field by field: that is the price of a constructor that need not run again. */
	CDS_INIT_LIST_HEAD(&package->edges);
	string_free(&package->name);
	string_free(&package->version);
	string_free(&package->architecture);
	string_free(&package->section);
	string_free(&package->synopsis);
	package->next = NULL;
	package->hash = 0;
	atomic_init(&package->needed_by, 0);
	kmem_cache_free(pkg_index.packages, package);
}

static void package_free_rcu(struct rcu_head *head)
{
	rcu_seen_acquire();
	package_free(caa_container_of(head, struct package, rcu));
}

/* A copy of @text by kmalloc, or NULL in *string where the record has no such field. 0 or -ENOMEM. */
static int string_keep(char **string, struct text text)
{
	const size_t length = (size_t)(text.end - text.start);

	if (!text.start)
		return 0;
	*string = kstrndup(text.start, length, GFP_KERNEL);
	if (!*string)
		return -ENOMEM;
	this_cpu_inc(pkg_index.counters->strings);
	this_cpu_add(pkg_index.counters->string_bytes, length + 1);
	return 0;
}

/* Does @package already need @name? "libc6 (>= 2), libc6 (<< 3)" is one need. */
static bool package_needs(const struct package *package, struct text name, uint32_t hash)
{
	const size_t length = (size_t)(name.end - name.start);
	const struct edge *edge;

	cds_list_for_each_entry(edge, &package->edges, link) {
		if (edge->hash == hash && strncmp(edge->target, name.start, length) == 0 && !edge->target[length])
			return true;
	}
	return false;
}

static int package_add_edge(struct package *package, struct text name)
{
	const uint32_t hash = hash_name(name.start, (size_t)(name.end - name.start));
	struct edge *edge;

	if (package_needs(package, name, hash))
		return 0;
	edge = kmem_cache_zalloc(pkg_index.edges, GFP_KERNEL);
	if (!edge)
		return -ENOMEM;
	if (string_keep(&edge->target, name)) {
		kmem_cache_free(pkg_index.edges, edge);
		return -ENOMEM;
	}
	edge->hash = hash;
	cds_list_add_tail(&edge->link, &package->edges);
	this_cpu_inc(pkg_index.counters->edges);
	return 0;
}

static int package_add_edges(struct package *package, struct text relations, struct parse_error *error)
{
	enum parse_result result;
	struct text name;

	while ((result = parse_relation(&relations, &name, error)) == PARSE_RECORD)
		if (package_add_edge(package, name))
			return -ENOMEM;
	return result == PARSE_END ? 0 : -EINVAL;
}

static int package_fill(struct package *package, const struct record *record, struct parse_error *error)
{
	int err;

	if (string_keep(&package->name, record->package) || string_keep(&package->version, record->version) ||
	    string_keep(&package->architecture, record->architecture) ||
	    string_keep(&package->section, record->section) || string_keep(&package->synopsis, record->description))
		return -ENOMEM;
	package->hash = hash_name(package->name, strlen(package->name));
	err = package_add_edges(package, record->pre_depends, error);
	return err ? err : package_add_edges(package, record->depends, error);
}

int index_add(const struct record *record, struct parse_error *error)
{
	struct package *package = kmem_cache_alloc(pkg_index.packages, GFP_KERNEL);
	unsigned long bucket;
	int err;

	if (!package)
		return -ENOMEM;
	err = package_fill(package, record, error);
	if (err) {
		package_free(package);
		return err;
	}
	bucket = package->hash & (pkg_index.nr_buckets - 1);
	pthread_mutex_lock(&pkg_index.locks[bucket % INDEX_LOCKS]);
	package->next = pkg_index.buckets[bucket];
	publish(&pkg_index.buckets[bucket], package);
	pthread_mutex_unlock(&pkg_index.locks[bucket % INDEX_LOCKS]);
	this_cpu_inc(pkg_index.counters->packages);
	return 0;
}

struct package *index_find(const char *name, uint32_t hash)
{
	struct package *package = rcu_dereference(pkg_index.buckets[hash & (pkg_index.nr_buckets - 1)]);

	while (package && (package->hash != hash || strcmp(package->name, name) != 0))
		package = rcu_dereference(package->next);
	return package;
}

void index_resolve(unsigned long bucket)
{
	struct package *package;
	struct edge *edge;

	rcu_read_lock();
	for (package = rcu_dereference(pkg_index.buckets[bucket]); package; package = rcu_dereference(package->next))
		cds_list_for_each_entry(edge, &package->edges, link) {
			rcu_read_lock(); /* as any user of the index would; inside another one it only counts */
			edge->package = index_find(edge->target, edge->hash);
			this_cpu_inc(pkg_index.counters->looked_up);
			if (edge->package) {
				this_cpu_inc(pkg_index.counters->found);
				atomic_fetch_add_explicit(&edge->package->needed_by, 1, memory_order_relaxed);
			}
			rcu_read_unlock();
		}
	rcu_read_unlock();
}

void index_remove(unsigned long bucket)
{
	struct package *package, *next;

	/* One store takes the whole chain from those who come now. Who is in it already goes on along the old links,
	 * which stay as they are until the grace period is over. */
	pthread_mutex_lock(&pkg_index.locks[bucket % INDEX_LOCKS]);
	package = pkg_index.buckets[bucket];
	publish(&pkg_index.buckets[bucket], NULL);
	pthread_mutex_unlock(&pkg_index.locks[bucket % INDEX_LOCKS]);

	for (; package; package = next) {
		next = package->next;
		rcu_seen_release();
		call_rcu(&package->rcu, package_free_rcu);
	}
}

bool index_check(unsigned long bucket)
{
	struct package *package;
	struct edge *edge;
	bool whole = true;

	rcu_read_lock();
	for (package = rcu_dereference(pkg_index.buckets[bucket]); package && whole;
	     package = rcu_dereference(package->next)) {
		whole = package->name && hash_name(package->name, strlen(package->name)) == package->hash;
		cds_list_for_each_entry(edge, &package->edges, link) {
			const struct package *found = index_find(edge->target, edge->hash);

			this_cpu_inc(pkg_index.counters->watched);
			whole = whole && (!found || found->hash == edge->hash);
		}
	}
	rcu_seen_release();
	rcu_read_unlock();
	return whole;
}

static bool ranks_before(const struct package *a, const struct package *b)
{
	const unsigned long needs_a = atomic_load_explicit(&a->needed_by, memory_order_relaxed);
	const unsigned long needs_b = atomic_load_explicit(&b->needed_by, memory_order_relaxed);

	return needs_a != needs_b ? needs_a > needs_b : strcmp(a->name, b->name) < 0;
}

unsigned int index_top(struct package **top, unsigned int count)
{
	unsigned int used = 0;

	rcu_read_lock();
	for (unsigned long bucket = 0; bucket < pkg_index.nr_buckets; bucket++) {
		struct package *package = rcu_dereference(pkg_index.buckets[bucket]);

		for (; package; package = rcu_dereference(package->next)) {
			unsigned int place = used;

			if (!atomic_load_explicit(&package->needed_by, memory_order_relaxed))
				continue;
			while (place > 0 && ranks_before(package, top[place - 1]))
				place--;
			if (place == count)
				continue;
			used += used < count;
			memmove(&top[place + 1], &top[place], (used - 1 - place) * sizeof(*top));
			top[place] = package;
		}
	}
	rcu_read_unlock();
	return used;
}

struct counters index_counters(void)
{
	struct counters sum = { 0 };
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		/* Watchers may be counting: RELAXED, a count that is a little old is as good as any. */
		const struct counters *part = per_cpu_ptr(pkg_index.counters, cpu);

		sum.packages += __atomic_load_n(&part->packages, __ATOMIC_RELAXED);
		sum.edges += __atomic_load_n(&part->edges, __ATOMIC_RELAXED);
		sum.strings += __atomic_load_n(&part->strings, __ATOMIC_RELAXED);
		sum.string_bytes += __atomic_load_n(&part->string_bytes, __ATOMIC_RELAXED);
		sum.looked_up += __atomic_load_n(&part->looked_up, __ATOMIC_RELAXED);
		sum.found += __atomic_load_n(&part->found, __ATOMIC_RELAXED);
		sum.watched += __atomic_load_n(&part->watched, __ATOMIC_RELAXED);
	}
	return sum;
}
