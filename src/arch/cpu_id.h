/* SPDX-License-Identifier: MIT
 * cpu_id.h - which CPU a thread is thought to be on.
 *
 * Owns:   kmm_nr_cpu_ids, each thread's guess, pin, and depth of holds.
 * Rules:  the guess is a hint and below kmm_nr_cpu_ids. It is asked from the system only in slow paths, because not
 *         every machine has a cheap way to ask (32-bit ARM: a system call).
 *         While a thread holds its guess, the guess stays as it is, wherever the thread runs; it only has to come down
 *         when there are fewer CPUs than that.
 */
#ifndef KMM_ARCH_CPU_ID_H
#define KMM_ARCH_CPU_ID_H

#include <stdbool.h>

/* Set once at start; 1 before that. Guesses go that far only when the start is done, see cpu_id_set_count(). */
extern unsigned int kmm_nr_cpu_ids;

/* initial-exec: one load from the thread pointer, also inside the shared library. */
extern __thread unsigned int kmm_cpu_guess __attribute__((tls_model("initial-exec")));

/* How often this thread holds its guess and has not let go of it yet. */
extern __thread unsigned int kmm_cpu_held __attribute__((tls_model("initial-exec")));

static inline unsigned int raw_cpu_id(void)
{
	return kmm_cpu_guess;
}

static inline void cpu_id_hold(void)
{
	kmm_cpu_held++;
}

/* False when this thread holds nothing. */
static inline bool cpu_id_let_go(void)
{
	if (!kmm_cpu_held)
		return false;
	kmm_cpu_held--;
	return true;
}

unsigned int cpu_id_refresh(void);

/* While the guess is held it does not follow the pin; the first refresh after that does. */
void cpu_id_pin(int cpu);

/* Sets kmm_nr_cpu_ids to @nr > 0, lets guesses go that far, and renews the calling thread's guess. Guesses of other threads
 * are below @nr only if the number does not shrink: it does so only between two worlds of a test, whose threads have
 * ended. */
void cpu_id_set_count(unsigned int nr);

#endif /* KMM_ARCH_CPU_ID_H */
