/* SPDX-License-Identifier: MIT
 * pkgindex.h - an index of Debian package records, built by several threads in memory of libkmm.
 *
 * How it works: the whole input is read into memory and cut between records into one range a thread. Each thread turns
 * its records into packages: objects of a cache with a constructor, with strings by kmalloc and one edge object for
 * every package they depend on. Packages hang in a hash table that is changed under bucket locks and read under RCU.
 *
 * The files: main.c runs the phases and prints; input.c reads and cuts; parse.c knows the text format; index.c owns
 * the objects and the table; workers.c runs the threads.
 */
#ifndef PKGINDEX_H
#define PKGINDEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The read-side macros of liburcu that are short enough to be inlined by anybody. */
#define URCU_INLINE_SMALL_FUNCTIONS
#define RCU_MEMBARRIER /* the flavour whose read side needs no barrier */
#include <urcu.h>
#include <urcu/list.h>

#include <kmm/kmm.h>

/* --- input.c ------------------------------------------------------------------------------------------------ */

/* The whole input, and a piece of it. */
struct text {
	const char *start, *end;
};

/* What is wrong with the input, and where. @what is a string constant. */
struct parse_error {
	const char *where; /* points into the text; NULL: nothing is wrong */
	const char *what;
};

/* Reads all of @path ("-": standard input). 0, or -errno. The text is the caller's, to be given to input_release(). */
int input_read(const char *path, struct text *text);
void input_release(struct text *text);

/* Cuts @text into @count ranges; a record is never cut. Ranges may be empty. */
void input_split(struct text text, struct text *ranges, unsigned int count);

/* The number, from 1, of the line that holds @where. */
unsigned long input_line(struct text text, const char *where);

/* The line that starts at @pos, without its newline; *next is where the following one starts. */
struct text input_next_line(struct text text, const char *pos, const char **next);
bool line_is_blank(struct text line);

/* --- parse.c ------------------------------------------------------------------------------------------------ */

/* The fields of one record that the index keeps. A field that is not there has start NULL. */
struct record {
	struct text package, version, architecture, section, description, depends, pre_depends;
};

enum parse_result { PARSE_RECORD, PARSE_END, PARSE_BAD };

/* Takes the next record off the front of @range. With PARSE_BAD *error says why. */
enum parse_result parse_record(struct text *range, struct record *record, struct parse_error *error);

/* Takes the next package name off the front of @relations, the value of a Depends field. PARSE_RECORD: *name is set. */
enum parse_result parse_relation(struct text *relations, struct text *name, struct parse_error *error);

/* --- index.c ------------------------------------------------------------------------------------------------ */

/* What was done, counted on every CPU without a lock and added up when it is printed. */
struct counters {
	unsigned long packages, edges, strings, string_bytes, looked_up, found, watched;
};

struct package;

/* One "needs": from the package in whose list it is to a name. Written once, before the package is published. */
struct edge {
	struct cds_list_head link; /* in package->edges */
	char *target;              /* kmalloc */
	uint32_t hash;             /* of target */
	struct package *package;   /* the package of that name, or NULL; set by the look-up phase */
};

/* One record. In the constructed state, in which it is allocated and freed, it has no strings, no edges, no count. */
struct package {
	struct package *next;   /* in the bucket; RCU, bucket lock */
	uint32_t hash;          /* of name */
	atomic_ulong needed_by; /* packages that depend on this name; counted at the first record of that name */
	struct cds_list_head edges;
	char *name, *version, *architecture, *section, *synopsis; /* kmalloc; all but name may be NULL */
	struct rcu_head rcu; /* scratch of call_rcu(), no part of the constructed state */
};

#define MAX_THREADS 256

#define INDEX_LOCKS 64 /* bucket locks: bucket b has lock b % INDEX_LOCKS */

struct index {
	struct kmem_cache *packages, *edges;
	struct counters __percpu *counters;
	struct package **buckets; /* RCU-protected heads */
	unsigned long nr_buckets; /* a power of two */
	pthread_mutex_t locks[INDEX_LOCKS];
};

/* There is one index: the callback of call_rcu() has no other way to it. */
extern struct index pkg_index;

/* Sets the index up for about @bytes of text; 0 or -ENOMEM. index_destroy() undoes it, also after a failure. */
int index_create(size_t bytes);

/* Frees everything but the packages, which index_remove() and rcu_barrier() must have taken out before. */
void index_destroy(void);

/* Adds one record: 0, -ENOMEM, or -EINVAL with *error. On failure nothing is left of it. */
int index_add(const struct record *record, struct parse_error *error);

/* The first package of that name, or NULL. Inside rcu_read_lock(); the package lives until rcu_read_unlock(). */
struct package *index_find(const char *name, uint32_t hash);

/* Look up what the packages of bucket @bucket need, and count it at the packages found. */
void index_resolve(unsigned long bucket);

/* Takes all packages out of bucket @bucket; they are freed after a grace period. */
void index_remove(unsigned long bucket);

/* Walks bucket @bucket while others may change it: are all packages whole, and can their needs be looked up? */
bool index_check(unsigned long bucket);

/* The @count packages that most others need, most needed first, names of one count in order. Returns how many. */
unsigned int index_top(struct package **top, unsigned int count);

struct counters index_counters(void);

/* --- workers.c ---------------------------------------------------------------------------------------------- */

/*
 * Runs @fn in the calling thread and in @count - 1 more, and waits until all have returned. The threads may use RCU; the
 * caller has registered itself. @fn takes its work from a shared counter, so a thread that cannot be started costs
 * time and nothing else.
 */
void workers_run(unsigned int count, void (*fn)(void));

/* Runs @fn in @count threads beside the workers until watchers_stop(). Returns how many could be started. */
unsigned int watchers_start(unsigned int count, void (*fn)(void));
bool watchers_should_stop(void);
void watchers_stop(void);

double seconds_now(void);

/*
 * ThreadSanitizer cannot see the order that liburcu's grace periods give, because liburcu is not built with it. These
 * two tell it: what came before rcu_seen_release() in any thread came before rcu_seen_acquire() in a callback.
 */
void rcu_seen_release(void);
void rcu_seen_acquire(void);

#endif /* PKGINDEX_H */
