/* SPDX-License-Identifier: MIT
 * cpu_id.h - which CPU a thread is thought to be on.
 *
 * Owns:   kmm_nr_cpu_ids, each thread's guess, pin, and depth of holds; which CPUs are offline, and who stands in for each.
 * Rules:  the guess is a hint and below kmm_nr_cpu_ids. It is asked from the system only in slow paths, because not
 *         every machine has a cheap way to ask (32-bit ARM: a system call).
 *         While a thread holds its guess, the guess stays as it is, wherever the thread runs; it only has to come down
 *         when there are fewer CPUs than that.
 *         A guess is never renewed to an offline CPU, but to its stand-in. One that was made before, or is held, may go on
 *         naming it: all that a CPU has outlives its going offline, so nothing follows from that.
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

/* CPUs from here on cannot be offline. */
#define CPU_ID_MAX_STAND_INS 256u

/* Who threads on @cpu are thought to be on: itself while it is online. RELAXED. */
unsigned int cpu_id_stand_in(unsigned int cpu);

static inline bool cpu_id_online(unsigned int cpu)
{
	return cpu_id_stand_in(cpu) == cpu;
}

/* @cpu < CPU_ID_MAX_STAND_INS is offline from now on, and @other, which is online, stands in for it; or, with itself,
 * online. One caller at a time: base/cpu_hotplug.c. */
void cpu_id_set_stand_in(unsigned int cpu, unsigned int other);

#endif /* KMM_ARCH_CPU_ID_H */
