/* SPDX-License-Identifier: MIT
 * plugin.h - what the shared objects of module_test offer: accesses to their own static variables.
 */
#ifndef KMM_TESTS_PERCPU_PLUGIN_H
#define KMM_TESTS_PERCPU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

#include <kmm/percpu.h>

struct plugin {
	long __percpu *counter; /* a template, initially 7 */
	long *(*counter_on)(unsigned int cpu);
	void (*count)(void);
	char *(*room_on)(unsigned int cpu); /* room_size bytes */
	size_t room_size;
	int *(*limit_on)(unsigned int cpu); /* read mostly, initially 3 */
	bool (*pointer_is_right)(unsigned int cpu);
	void (*count_in)(long __percpu *counter); /* of another object */
	long seen_by_constructor;                 /* what this CPU's counter was at load, plus one */
};

/* Of the object that the test is linked with. */
DECLARE_PER_CPU(long, linked_counter);
extern struct plugin linked_plugin;

#endif /* KMM_TESTS_PERCPU_PLUGIN_H */
