/* SPDX-License-Identifier: MIT
 * slab_word.h - the pair {freelist, counters} of a slab and its double-word compare-and-swap.
 *
 * Owns:     slab->word. Nothing else writes these two fields once others can see the slab.
 * Ordering: every change is one arch_cas2(), a full barrier when it succeeds. Giving an object RELEASEs what its last
 *           user wrote; taking the list ACQUIREs it. A read of the two words may be torn: it only proposes an old value,
 *           and the compare rejects a pair that never was.
 * No ABA:   nobody pops one object from this list. There is only give (push), take-all and a change of frozen; each is
 *           right for any list that has the same head and the same counters, whatever happened in between.
 * Source:   __cmpxchg_double_slab() and the counters of struct slab, mm/slub.c, mm/slab.h, Linux 6.1.
 */
#ifndef KMM_SLUB_SLAB_WORD_H
#define KMM_SLUB_SLAB_WORD_H

#include "base/race.h"
#include "slub/freeptr.h"
#include "slub/slub_internal.h"

/* The word, unpacked. In memory: inuse in bits 0-15, objects in 16-30, frozen in 31. */
struct slab_word {
	void *freelist;       /* first free object, or NULL */
	unsigned int inuse;   /* objects not on freelist */
	unsigned int objects; /* objects in the slab */
	bool frozen;          /* in a CPU's hands */
};

static inline unsigned long slab_word_counters(struct slab_word w)
{
	return (unsigned long)(w.inuse | w.objects << 16 | (w.frozen ? 1U << 31 : 0U));
}

static inline struct slab_word slab_word_unpack(void *freelist, unsigned long counters)
{
	return (struct slab_word){
		.freelist = freelist,
		.inuse = counters & 0xffff,
		.objects = (counters >> 16) & 0x7fff,
		.frozen = (counters >> 31) & 1,
	};
}

/* May be torn; see Ordering. The counters alone are never torn. */
static inline struct slab_word slab_word_read(const struct slab *slab)
{
	unsigned long counters = READ_ONCE(slab->counters);

	return slab_word_unpack(READ_ONCE(slab->freelist), counters);
}

/* For a slab that nobody else can see. */
static inline void slab_word_init(struct slab *slab, struct slab_word w)
{
	WRITE_ONCE(slab->freelist, w.freelist);
	WRITE_ONCE(slab->counters, slab_word_counters(w));
}

/* Full barrier on success. */
static inline bool slab_word_cas(const struct kmem_cache *s, struct slab *slab, struct slab_word old,
				 struct slab_word new)
{
	kmm_dword o = { (unsigned long)old.freelist, slab_word_counters(old) };
	kmm_dword n = { (unsigned long)new.freelist, slab_word_counters(new) };

	KMM_RACE_POINT("slab_word:cas");
	if (likely(arch_cas2(&slab->word, o, n)))
		return true;
	stat(s, CMPXCHG_DOUBLE_FAIL);
	return false;
}

/*
 * Takes the whole list for the CPU that holds L[X] and has @slab frozen. All objects then count as in use. When there is
 * nothing to take, the slab is unfrozen by the same step and is FULL: the next free will adopt it.
 * Pairs with the gives of free.c.
 */
static inline void *slab_word_take_all(const struct kmem_cache *s, struct slab *slab)
{
	struct slab_word old, new;

	do {
		old = slab_word_read(slab);
		new = old;
		new.inuse = old.objects;
		new.freelist = NULL;
		new.frozen = old.freelist != NULL;
	} while (!slab_word_cas(s, slab, old, new));
	return old.freelist;
}

/*
 * Freezes a slab of the node list for a CPU. With @take its objects are taken too and returned; otherwise they stay, and
 * the head of the list is returned. @nr_free gets the number of objects that were free. Caller: L[X] and list_lock.
 */
static inline void *slab_word_freeze(const struct kmem_cache *s, struct slab *slab, bool take, unsigned int *nr_free)
{
	struct slab_word old, new;

	do {
		old = slab_word_read(slab);
		new = old;
		if (take) {
			new.freelist = NULL;
			new.inuse = old.objects;
		}
		new.frozen = true;
	} while (!slab_word_cas(s, slab, old, new));
	kmm_assert(!old.frozen && old.freelist);
	*nr_free = old.objects - old.inuse;
	return old.freelist;
}

/*
 * Gives the list @head..@tail of @nr objects back and unfreezes, in one step. @head NULL: nothing to give. Returns the new
 * word, from which the caller picks the slab's place; *@remote: had others freed into it? Caller: list_lock, so that
 * nobody sees the slab unfrozen and unlisted in between.
 */
static inline struct slab_word slab_word_unfreeze(const struct kmem_cache *s, struct slab *slab, void *head, void *tail,
						  unsigned int nr, bool *remote)
{
	struct slab_word old, new;

	do {
		old = slab_word_read(slab);
		new = old;
		if (head) {
			freeptr_set(s, tail, old.freelist);
			new.freelist = head;
			new.inuse -= nr;
		}
		new.frozen = false;
	} while (!slab_word_cas(s, slab, old, new));
	kmm_assert(old.frozen);
	*remote = old.freelist != NULL;
	return new;
}

#endif /* KMM_SLUB_SLAB_WORD_H */
