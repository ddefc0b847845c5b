/* SPDX-License-Identifier: MIT
 * cpu_hotplug.h - what has to be done when a CPU goes offline or comes back.
 *
 * Owns:  the states that a CPU goes through, and the rooms' handlers for them.
 * Rules: a CPU that comes online goes up through the states, one that goes offline goes down, and each room acts at its
 *        own. Handlers run one at a time, on the thread that asked, with no lock held; nobody waits for those who use the
 *        CPU's number, so a handler takes what is there, as from any CPU.
 */
#ifndef KMM_BASE_CPU_HOTPLUG_H
#define KMM_BASE_CPU_HOTPLUG_H

#include <kmm/cpu.h>

/* Slabs go before pages: they are freed to lists of pages, perhaps to those of this very CPU. In the kernel the order is the
 * other one, because whoever cleans up is on another CPU. */
enum cpuhp_state {
	CPUHP_PAGE_ALLOC,
	CPUHP_SLUB_DEAD,
	NR_CPUHP_STATES,
};

struct cpu_hotplug_handler {
	enum cpuhp_state state;
	void (*dead)(unsigned int cpu);   /* the CPU is offline: give back what it held */
	void (*online)(unsigned int cpu); /* it is online again; NULL: nothing to do */
};

/* Registers for this start of the library; the handler is static. Under the boot lock. */
void cpu_hotplug_register(const struct cpu_hotplug_handler *handler);

/* What stands in for a CPU is of its node, if there is a choice. @node_of: the node of a CPU. Under the boot lock. */
void cpu_hotplug_set_nodes(unsigned int (*node_of)(unsigned int cpu));

/* CPUs online: num_online_cpus() for the inside, which does not start the library. */
unsigned int nr_cpus_online(void);

/* The end: all CPUs are back, and no handler is left. Under the boot lock, while no thread is inside the library. */
void cpu_hotplug_stop(void);

#endif /* KMM_BASE_CPU_HOTPLUG_H */
